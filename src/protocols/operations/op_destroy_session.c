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
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include <errno.h>
#include <stdbool.h>

static void look_if_full(nfs41_session_t *session, void *full)
{
	*(bool *)full = bc_session_is_full_of_connections(session);
}

static void remember(nfs41_session_t *session, void *xprt)
{
	bc_session_remember_connection(session, xprt);
}

static int visit(const struct bc_session *session,
		 const DESTROY_SESSION4args *args,
		 void (*with)(nfs41_session_t *, void *), void *arg)
{
	return bc_client_record_visit_session(bc_session_clientid(session),
					      args->dsa_sessionid, with, arg);
}

/* Of a session that has had many connections not every Ganesha knows all.  Who might
 * bind this one is spared to do so.
 */
static nfsstat4 check_connection(const struct bc_session *session,
				 const DESTROY_SESSION4args *args,
				 const compound_data_t *data)
{
	bool full = false;
	int rc;

	if (!BC_FORGETS_NO_CONNECTION || !session ||
	    bc_layout() != BC_LAYOUT_FITS)
		return NFS4ERR_CONN_NOT_BOUND_TO_SESSION;
	rc = visit(session, args, look_if_full, &full);
	if (full) {
		if (!bc_protection_may_bind(session, data, "DESTROY_SESSION"))
			return NFS4ERR_CONN_NOT_BOUND_TO_SESSION;
		rc = visit(session, args, remember, data->req->rq_xprt);
		if (!rc)
			return NFS4_OK;
	}
	return rc == -EBUSY ? NFS4ERR_DELAY : NFS4ERR_CONN_NOT_BOUND_TO_SESSION;
}

static enum nfs_req_result run_original(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp,
					const struct bc_session *session)
{
	const DESTROY_SESSION4args *args = &op->nfs_argop4_u.opdestroy_session;
	DESTROY_SESSION4res *res = &resp->nfs_resop4_u.opdestroy_session;
	enum nfs_req_result result = bc_operation_original(op, data, resp);

	if (res->dsr_status != NFS4ERR_CONN_NOT_BOUND_TO_SESSION)
		return result;
	res->dsr_status = check_connection(session, args, data);
	return res->dsr_status == NFS4_OK ?
		       bc_operation_original(op, data, resp) :
		       result;
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
