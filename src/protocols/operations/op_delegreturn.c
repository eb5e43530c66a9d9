/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * DELEGRETURN: only a delegation of this client, on this file, and once.  RFC 5661,
 * 18.6.
 *
 * Ganesha looks at neither kind nor client of the stateid, and lowers the file's
 * count of delegations before it knows that it is the one to return it.
 */
#include "operations/operations.h"
#include "operations/stateid.h"

#include "delegations/bookkeeping.h"
#include "delegations/fsal_lease.h"
#include "ganesha/arguments.h"
#include "ganesha/configuration.h"

enum nfs_req_result bc_op_delegreturn(struct nfs_argop4 *op,
				      compound_data_t *data,
				      struct nfs_resop4 *resp)
{
	const stateid4 *stateid = &op->nfs_argop4_u.opdelegreturn.deleg_stateid;
	DELEGRETURN4res *res = &resp->nfs_resop4_u.opdelegreturn;
	struct fsal_obj_handle *obj = data->current_obj;
	struct bc_asker asker = bc_asker_of(op, data);
	enum nfs_req_result result;
	nfsstat4 status;

	if (!bc_module_config.shield_conflicts || !bc_stateid_is_named(stateid))
		return bc_op_file(op, data, resp);
	if (!bc_file_delegable(obj)) {
		if (bc_fsal_lease_none_granted())
			return bc_operation_fail(op, resp, NFS4ERR_BAD_STATEID);
		return bc_op_file(op, data, resp);
	}
	status = bc_bookkeeping_return_begin(obj, &asker, stateid);
	if (status != NFS4_OK)
		return bc_operation_fail(
			op, resp, bc_stateid_status(data, stateid, status));
	result = bc_operation_original(op, data, resp);
	bc_bookkeeping_return_end(obj, stateid, result == NFS_REQ_OK);
	if (result == NFS_REQ_ERROR)
		res->status = bc_stateid_status(data, stateid, res->status);
	return result;
}
