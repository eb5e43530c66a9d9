/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * PUTFH: what ends state is let through to exports with another SecType.
 *
 * A client with SP4_MACH_CRED may send some operations with its machine's credential
 * (spo_must_allow, RFC 5661 18.35.3), "in cases where the server's security policies
 * on a portion of its namespace require" another one (2.10.8.3).  Linux sends them
 * so whatever it may, and always with integrity: an export that takes privacy alone
 * would answer NFS4ERR_WRONGSEC, and no delegation of it would come back.
 */
#include "operations/compound.h"
#include "operations/operations.h"
#include "operations/protection.h"

#include "nfs_creds.h"
#include "nfs_exports.h"

#include "counters.h"

#include <urcu-bp.h>

/* Of what a machine may be allowed, what ends state of a file. */
static bool ends_state_of_file(nfs_opnum4 opcode)
{
	return opcode == NFS4_OP_CLOSE || opcode == NFS4_OP_DELEGRETURN ||
	       opcode == NFS4_OP_LOCKU || opcode == NFS4_OP_OPEN_DOWNGRADE;
}

/* Does a COMPOUND end state of one file, and nothing else?  Linux asks for its
 * attributes with that.
 */
static bool ends_state(const compound_data_t *data,
		       const state_protect_ops4 *agreed)
{
	unsigned int files = 0, attributes = 0, ends = 0;

	for (uint32_t i = 0; i < data->argarray_len; i++) {
		nfs_opnum4 opcode = data->argarray[i].argop;

		if (opcode == NFS4_OP_PUTFH)
			files++;
		else if (opcode == NFS4_OP_GETATTR)
			attributes++;
		else if (ends_state_of_file(opcode) &&
			 bc_protection_has(&agreed->spo_must_allow, opcode))
			ends++;
		else if (opcode != NFS4_OP_SEQUENCE)
			return false;
	}
	return files == 1 && attributes <= 1 && ends > 0;
}

/* Does a machine end state of its own client? */
static bool is_exempt(const compound_data_t *data)
{
	struct bc_session *session = bc_compound_session_get(data);
	state_protect_ops4 agreed;
	bool exempt;

	if (!session)
		return false;
	exempt = bc_session_is_protected(session) &&
		 bc_protection_is_machine(session, data->req) &&
		 bc_protection_find(bc_session_clientid(session), &agreed) &&
		 ends_state(data, &agreed);
	bc_session_put(session);
	return exempt;
}

/* A service that the export takes, which has just been found not to take the
 * request's. @return whether it takes RPCSEC_GSS at all
 */
static bool find_service(rpc_gss_svc_t *service)
{
	uint32_t options = op_ctx->export_perms.options;

	if (options & EXPORT_OPTION_RPCSEC_GSS_PRIV)
		*service = RPCSEC_GSS_SVC_PRIVACY;
	else if (options & EXPORT_OPTION_RPCSEC_GSS_INTG)
		*service = RPCSEC_GSS_SVC_INTEGRITY;
	else if (options & EXPORT_OPTION_RPCSEC_GSS_NONE)
		*service = RPCSEC_GSS_SVC_NONE;
	else
		return false;
	return true;
}

/* As if it had been sent with that service; the answer goes out with its own.  The
 * export is that of the COMPOUND already, so that PUTFH does not look at its access
 * again: that is what is missing, with the credentials that come of it.
 */
static enum nfs_req_result run_with(rpc_gss_svc_t service,
				    struct nfs_argop4 *op,
				    compound_data_t *data,
				    struct nfs_resop4 *resp)
{
	struct rpc_gss_cred *cred = (void *)data->req->rq_msg.rq_cred_body;
	const rpc_gss_svc_t sent = cred->gc_svc;
	enum nfs_req_result result;
	nfsstat4 status;

	cred->gc_svc = service;
	status = nfs4_export_check_access(data->req);
	result = status == NFS4_OK ? bc_operation_original(op, data, resp) :
				     bc_operation_fail(op, resp, status);
	cred->gc_svc = sent;
	return result;
}

enum nfs_req_result bc_op_putfh(struct nfs_argop4 *op, compound_data_t *data,
				struct nfs_resop4 *resp)
{
	enum nfs_req_result result = bc_operation_original(op, data, resp);
	rpc_gss_svc_t service;

	if (resp->nfs_resop4_u.opputfh.status != NFS4ERR_WRONGSEC ||
	    !is_exempt(data) || !find_service(&service))
		return result;
	bc_count(BC_COUNT_PROTECTION_EXEMPT);
	return run_with(service, op, data, resp);
}
