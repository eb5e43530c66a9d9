/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * BACKCHANNEL_CTL: another program and credential for a session's callbacks.
 * RFC 5661, 18.33.
 *
 * Ganesha decodes and encodes the operation, and answers it as illegal.
 */
#include "operations/compound.h"
#include "operations/operations.h"
#include "operations/protection.h"

#include "ganesha/configuration.h"
#include "ganesha/layout.h"
#include "wire/security.h"

#include "nfsv41.h"

#include <urcu/uatomic.h>

/* "If the RPCSEC_GSS handle identified by gcbp_handle_from_server does not
 * exist on the server, the server MUST return NFS4ERR_NOENT." 18.33.3.  No
 * handle is known here: callbacks are not made with RPCSEC_GSS.
 */
static bool names_gss_handle(const BACKCHANNEL_CTL4args *args)
{
	for (u_int i = 0; i < args->bca_sec_parms.bca_sec_parms_len; i++)
		if (args->bca_sec_parms.bca_sec_parms_val[i].cb_secflavor ==
		    RPCSEC_GSS)
			return true;
	return false;
}

/* 15.2 lists no error of access for this operation. */
static nfsstat4 set_security(struct bc_session *session,
			     const compound_data_t *data,
			     const BACKCHANNEL_CTL4args *args)
{
	struct bc_security *security;

	if (!bc_protection_may_bind(session, data, "BACKCHANNEL_CTL"))
		return NFS4ERR_INVAL;
	if (names_gss_handle(args))
		return NFS4ERR_NOENT;
	security = bc_security_choose(
		args->bca_cb_program, args->bca_sec_parms.bca_sec_parms_val,
		args->bca_sec_parms.bca_sec_parms_len,
		(enum bc_security_order)uatomic_read(
			&bc_module_config.security_order));
	if (!security || bc_session_set_security(session, security))
		return NFS4ERR_INVAL;
	return NFS4_OK;
}

enum nfs_req_result bc_op_backchannel_ctl(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp)
{
	const BACKCHANNEL_CTL4args *args = &op->nfs_argop4_u.opbackchannel_ctl;
	BACKCHANNEL_CTL4res *res = &resp->nfs_resop4_u.opbackchannel_ctl;
	struct bc_session *session;

	/* A session that is not ours has none of our back channels. */
	if (bc_layout() != BC_LAYOUT_FITS)
		return bc_operation_original(op, data, resp);
	resp->resop = NFS4_OP_BACKCHANNEL_CTL;
	res->bcr_status = NFS4ERR_OP_NOT_IN_SESSION;
	if (!data->session)
		return NFS_REQ_ERROR;
	session = bc_compound_session_get(data);
	if (session) {
		res->bcr_status = set_security(session, data, args);
		bc_session_put(session);
	} else {
		res->bcr_status = NFS4ERR_INVAL;
	}
	return res->bcr_status == NFS4_OK ? NFS_REQ_OK : NFS_REQ_ERROR;
}
