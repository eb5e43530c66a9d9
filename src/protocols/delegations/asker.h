/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who asks: the client of a request, and whether a delegation is its own.
 */
#ifndef BC_ASKER_H
#define BC_ASKER_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "sal_data.h"

/** The client of a request. */
struct bc_asker {
	clientid4 clientid; /* 0: not known, or none */
	nfs_client_id_t *client; /* of v4.1 and later; as long as the request */
	const struct gsh_client
		*address; /* of a v4.0 client without id; or NULL */
};

/**
 * The client of an NFSv4 operation.
 *
 * NFSv4.1's is the session's.  Of NFSv4.0 only OPEN names it, and the
 * stateid of DELEGRETURN, if it is named; for the other operations it is known by
 * its address.
 *
 * Context: an operation's handler.
 */
struct bc_asker bc_asker_of(const struct nfs_argop4 *op,
			    const compound_data_t *data);

/** The client that holds a delegation. Context: the file's st_lock is held. */
nfs_client_id_t *bc_delegation_holder(const state_t *delegation);

/**
 * Is the delegation the asker's own?  A question of client ids, never of
 * addresses, but for NFSv4.0 clients that give none.
 *
 * Context: the file's st_lock is held.
 */
bool bc_asker_holds(const struct bc_asker *asker, const state_t *delegation);

#endif /* BC_ASKER_H */
