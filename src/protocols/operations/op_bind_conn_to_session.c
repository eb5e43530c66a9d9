/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * BIND_CONN_TO_SESSION: what is answered is what is then true.  RFC 5661, 18.34.
 */
#include "operations/compound.h"
#include "operations/operations.h"
#include "operations/protection.h"

#include "transport/transport.h"

#include "nfsv41.h"

#include "backchannel.h"

#include <errno.h>

/* An error is one of those that 15.2 lists for this operation. */
static nfsstat4 status_of(int rc)
{
	switch (rc) {
	case 0:
		return NFS4_OK;
	case -EINVAL:
		return NFS4ERR_INVAL;
	case -ENOTCONN:
		return NFS4ERR_BADSESSION;
	default:
		return NFS4ERR_SERVERFAULT;
	}
}

static nfsstat4 bind_to(struct bc_session *session,
			const BIND_CONN_TO_SESSION4args *args,
			const compound_data_t *data,
			BIND_CONN_TO_SESSION4resok *resok)
{
	struct bc_conn *conn = bc_transport_conn(data->req->rq_xprt);
	enum bc_channels channels;
	int rc;

	/* Such a connection cannot carry callbacks: RDMA, or it has ended. */
	if (!conn && (args->bctsa_dir == CDFC4_FORE ||
		      args->bctsa_dir == CDFC4_FORE_OR_BOTH)) {
		resok->bctsr_dir = CDFS4_FORE;
		return NFS4_OK;
	}
	if (!conn)
		return NFS4ERR_SERVERFAULT;
	rc = bc_bind(session, conn, args->bctsa_dir, data->req, &channels);
	bc_conn_put(conn);
	if (rc == 0)
		resok->bctsr_dir = (channel_dir_from_server4)channels;
	return status_of(rc);
}

static bool valid_dir(channel_dir_from_client4 dir)
{
	return dir == CDFC4_FORE || dir == CDFC4_BACK ||
	       dir == CDFC4_FORE_OR_BOTH || dir == CDFC4_BACK_OR_BOTH;
}

/* Of our sessions those that the sender may bind to, +1 ref.  The check comes
 * before Ganesha's part, which renews the lease and notes the address.
 *
 * 15.2 lists no error of access for this operation.  NFS4ERR_BADSESSION does
 * not tell who guesses ids which of them are in use.
 */
static nfsstat4 session_to_bind(const BIND_CONN_TO_SESSION4args *args,
				const compound_data_t *data,
				struct bc_session **session)
{
	*session = bc_session_named(args->bctsa_sessid);
	if (!*session)
		return bc_protection_is_lost(args->bctsa_sessid) ?
			       NFS4ERR_BADSESSION :
			       NFS4_OK;
	if (bc_protection_may_bind(*session, data, "BIND_CONN_TO_SESSION"))
		return NFS4_OK;
	bc_session_put(*session);
	return NFS4ERR_BADSESSION;
}

/* Ganesha's part, which is not told of the back channel: from 6 on it would replace
 * the session's by one that leads to this connection alone.
 */
static enum nfs_req_result run_original(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp)
{
	channel_dir_from_client4 *dir =
		&op->nfs_argop4_u.opbind_conn_to_session.bctsa_dir;
	const channel_dir_from_client4 asked = *dir;
	enum nfs_req_result result;

	*dir = CDFC4_FORE;
	result = bc_operation_original(op, data, resp);
	*dir = asked;
	return result;
}

enum nfs_req_result bc_op_bind_conn_to_session(struct nfs_argop4 *op,
					       compound_data_t *data,
					       struct nfs_resop4 *resp)
{
	BIND_CONN_TO_SESSION4args *args =
		&op->nfs_argop4_u.opbind_conn_to_session;
	BIND_CONN_TO_SESSION4res *res =
		&resp->nfs_resop4_u.opbind_conn_to_session;
	BIND_CONN_TO_SESSION4resok *resok =
		&res->BIND_CONN_TO_SESSION4res_u.bctsr_resok4;
	struct bc_session *session;
	enum nfs_req_result result;

	resp->resop = NFS4_OP_BIND_CONN_TO_SESSION;
	res->bctsr_status = NFS4ERR_INVAL;
	if (valid_dir(args->bctsa_dir))
		res->bctsr_status = session_to_bind(args, data, &session);
	if (res->bctsr_status != NFS4_OK)
		return NFS_REQ_ERROR;
	if (!session)
		return bc_operation_original(op, data, resp);
	result = run_original(op, data, resp);

	if (res->bctsr_status == NFS4_OK) {
		resok->bctsr_use_conn_in_rdma_mode = false;
		res->bctsr_status = bind_to(session, args, data, resok);
	}
	bc_session_put(session);
	return res->bctsr_status == NFS4_OK ? result : NFS_REQ_ERROR;
}
