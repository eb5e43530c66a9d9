/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * OPEN: what any operation on a file is, and delegations that are reclaimed; and that
 * who waits for a lock of the file may be told of it.  RFC 5661, 18.16.
 */
#include "operations/operations.h"

#include "delegations/reclaim.h"
#include "ganesha/configuration.h"

static enum nfs_req_result open_file(struct nfs_argop4 *op,
				     compound_data_t *data,
				     struct nfs_resop4 *resp)
{
	OPEN4args *args = &op->nfs_argop4_u.opopen;
	OPEN4res *res = &resp->nfs_resop4_u.opopen;
	struct bc_reclaim reclaim;
	enum nfs_req_result result;

	if (!bc_module_config.shield_conflicts ||
	    args->claim.claim != CLAIM_PREVIOUS)
		return bc_op_file(op, data, resp);
	bc_reclaim_begin(&reclaim, op, data);
	result = bc_op_file(op, data, resp);
	bc_reclaim_end(&reclaim, args, data,
		       res->status == NFS4_OK ? &res->OPEN4res_u.resok4 : NULL);
	return result;
}

/* "OPEN4_RESULT_MAY_NOTIFY_LOCK indicates that the server may attempt CB_NOTIFY_LOCK
 * callbacks for locks on this file" 18.16.3: Linux waits for one, and asks again every
 * 30 s only.
 */
enum nfs_req_result bc_op_open(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	enum nfs_req_result result = open_file(op, data, resp);
	OPEN4res *res = &resp->nfs_resop4_u.opopen;

	if (result == NFS_REQ_OK && res->status == NFS4_OK &&
	    bc_op_notifies_locks(data))
		res->OPEN4res_u.resok4.rflags |= OPEN4_RESULT_MAY_NOTIFY_LOCK;
	return result;
}
