/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * WANT_DELEGATION: not supported.  RFC 5661, 18.49.
 *
 * Ganesha answers it as illegal, but it is "an OPTIONAL one and is not supported by
 * this server": NFS4ERR_NOTSUPP (15.1.1.5).
 */
#include "operations/operations.h"

enum nfs_req_result bc_op_want_delegation(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp)
{
	(void)op;
	(void)data;
	resp->resop = NFS4_OP_WANT_DELEGATION;
	resp->nfs_resop4_u.opwant_delegation.wdr_status = NFS4ERR_NOTSUPP;
	return NFS_REQ_ERROR;
}
