/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The stateid that an operation names: whose it must be, and what is said of one that
 * Ganesha does not know, or no more.
 */
#ifndef BC_STATEID_H
#define BC_STATEID_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "nfsv41.h"

/**
 * Write the COMPOUND's current stateid where an operation means it, 16.2.3.1.2: as
 * Ganesha does, but before anything has looked at it.
 *
 * Context: before an operation's handler.
 */
void bc_stateid_resolve(struct nfs_argop4 *op, const compound_data_t *data);

/**
 * Call Ganesha's handler of an operation that looks stateids up and needs no current
 * file.  A state that ends meanwhile is freed by it all the same: before 6 it follows the
 * null pointer in place of an export otherwise.
 */
enum nfs_req_result bc_stateid_original(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp);

/** A client asks for a stateid. Context: TEST_STATEID's handler. */
void bc_stateid_asked(const compound_data_t *data, const stateid4 *stateid);

/**
 * Is it the COMPOUND's client's?  Ganesha never compares the two.
 *
 * @return NFS4_OK, or NFS4ERR_BAD_STATEID
 *
 * Context: an operation's handler; lock-free.
 */
nfsstat4 bc_stateid_check_owner(const compound_data_t *data,
				const stateid4 *stateid);

/**
 * Is it of a kind that an operation on opens and locks may name?  Ganesha takes the
 * state of a delegation for that of an open.
 *
 * @return NFS4_OK, or NFS4ERR_BAD_STATEID
 *
 * Context: an operation's handler; holds no lock.
 */
nfsstat4 bc_stateid_check_kind(nfs_opnum4 opcode, const compound_data_t *data,
			       const stateid4 *stateid);

/**
 * What is to be said of a stateid instead of what Ganesha says.
 *
 * @param[in] status  Ganesha's
 *
 * @return NFS4ERR_DELEG_REVOKED where Ganesha knows it no more and it was the
 *         client's until it was revoked; NFS4ERR_BAD_STATEID where it is of a
 *         former instance of the server (15.1.16.5); else @a status
 *
 * Context: an operation's handler, after the original.
 */
nfsstat4 bc_stateid_status(const compound_data_t *data, const stateid4 *stateid,
			   nfsstat4 status);

#endif /* BC_STATEID_H */
