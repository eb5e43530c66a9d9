/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations that are reclaimed after a restart of the server.
 * RFC 5661, 8.4.2.1 and 10.2.1.
 */
#ifndef BC_RECLAIM_H
#define BC_RECLAIM_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"

#include "delegations/asker.h"

/** An OPEN with CLAIM_PREVIOUS. */
struct bc_reclaim {
	struct bc_asker asker;
	open_delegation_type4 type; /* that the client says it had */
	bool again; /* it has reclaimed it with an earlier OPEN */
};

/** Before the OPEN: a delegation that is there already is not granted again. */
void bc_reclaim_begin(struct bc_reclaim *reclaim, struct nfs_argop4 *op,
		      const compound_data_t *data);

/**
 * After it: answer with the one that is there; with the type that the client had.
 *
 * @param[in] resok  NULL: the OPEN has failed
 */
void bc_reclaim_end(const struct bc_reclaim *reclaim, OPEN4args *args,
		    const compound_data_t *data, OPEN4resok *resok);

#endif /* BC_RECLAIM_H */
