/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * DESTROY_SESSION: callbacks go on over another session.  RFC 5661, 18.37.
 *
 * Ganesha frees a session only after its last callback has completed, so its
 * channel's destruction comes too late for that.
 */
#include "operations/compound.h"
#include "operations/operations.h"
#include "operations/protection.h"

#include "ganesha/client_record.h"
#include "ganesha/layout.h"

/* Of a session that has had many connections not every Ganesha knows each.  Who might
 * bind this one may do without.
 */
static bool may_be_its_connection(const struct bc_session *session,
				  const DESTROY_SESSION4args *args,
				  const compound_data_t *data)
{
	return session && bc_layout() == BC_LAYOUT_FITS &&
	       bc_protection_may_bind(session, data, "DESTROY_SESSION") &&
	       bc_client_record_remember_connection(
		       bc_session_clientid(session), args->dsa_sessionid,
		       data->req->rq_xprt);
}

static enum nfs_req_result run_original(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp,
					const struct bc_session *session)
{
	const DESTROY_SESSION4args *args = &op->nfs_argop4_u.opdestroy_session;
	const DESTROY_SESSION4res *res = &resp->nfs_resop4_u.opdestroy_session;
	enum nfs_req_result result = bc_operation_original(op, data, resp);

	if (res->dsr_status == NFS4ERR_CONN_NOT_BOUND_TO_SESSION &&
	    may_be_its_connection(session, args, data))
		result = bc_operation_original(op, data, resp);
	return result;
}

enum nfs_req_result bc_op_destroy_session(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp)
{
	const DESTROY_SESSION4args *args = &op->nfs_argop4_u.opdestroy_session;
	const DESTROY_SESSION4res *res = &resp->nfs_resop4_u.opdestroy_session;
	struct bc_session *session = bc_session_named(args->dsa_sessionid);
	enum nfs_req_result result;

	/* "... the RPCSEC_GSS principal that created the session MUST be the one
	 * that destroys the session, using RPCSEC_GSS privacy or integrity."
	 */
	if (bc_protection_admits_to(args->dsa_sessionid, session, data->req,
				    "DESTROY_SESSION"))
		result = run_original(op, data, resp, session);
	else
		result = bc_operation_fail(op, resp, NFS4ERR_WRONG_CRED);
	if (!session)
		return result;
	if (res->dsr_status == NFS4_OK)
		bc_session_close(session);
	bc_session_put(session);
	return result;
}
