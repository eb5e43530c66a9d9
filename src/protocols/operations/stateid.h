/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The stateids of delegations that Ganesha has revoked and forgotten.
 */
#ifndef BC_STATEID_H
#define BC_STATEID_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "nfsv41.h"

/**
 * What is to be said of a stateid instead of what Ganesha says.
 *
 * @param[in] status  Ganesha's
 *
 * @return NFS4ERR_DELEG_REVOKED where Ganesha knows it no more and it was the
 *         client's until it was revoked; else @a status
 *
 * Context: an operation's handler, after the original.
 */
nfsstat4 bc_stateid_status(const compound_data_t *data, const stateid4 *stateid,
			   nfsstat4 status);

#endif /* BC_STATEID_H */
