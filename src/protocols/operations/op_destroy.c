/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * DESTROY_SESSION and DESTROY_CLIENTID: callbacks do not wait for what is gone.
 * RFC 5661, 18.37 and 18.50.
 *
 * Ganesha frees a session only after its last callback has completed, so its
 * channel's destruction comes too late to let those callbacks go on elsewhere;
 * and while they wait for another session, it takes the client for busy.
 */
#include "callbacks/callback.h"

#include "nfsv41.h"

enum nfs_req_result bc_op_destroy_session(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp)
{
	const DESTROY_SESSION4args *args = &op->nfs_argop4_u.opdestroy_session;
	const DESTROY_SESSION4res *res = &resp->nfs_resop4_u.opdestroy_session;
	struct bc_session *session =
		bc_session_get((const uint8_t *)args->dsa_sessionid);
	enum nfs_req_result result =
		bc_originals[NFS4_OP_DESTROY_SESSION](op, data, resp);

	if (!session)
		return result;
	if (res->dsr_status == NFS4_OK)
		bc_session_close(session);
	bc_session_put(session);
	return result;
}

enum nfs_req_result bc_op_destroy_clientid(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp)
{
	const DESTROY_CLIENTID4args *args =
		&op->nfs_argop4_u.opdestroy_clientid;
	const DESTROY_CLIENTID4res *res =
		&resp->nfs_resop4_u.opdestroy_clientid;
	nfs4_function_t original = bc_originals[NFS4_OP_DESTROY_CLIENTID];
	enum nfs_req_result result = original(op, data, resp);

	/* Ganesha asks again for what is put off, if anything is left then. */
	if (res->dcr_status == NFS4ERR_CLIENTID_BUSY &&
	    bc_client_defer_calls(args->dca_clientid))
		result = original(op, data, resp);
	if (res->dcr_status == NFS4_OK)
		bc_client_destroy(args->dca_clientid);
	return result;
}
