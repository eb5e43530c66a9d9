/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The operations on a file: whose stateid it is, whether it conflicts with another
 * client's delegation, and what is said of a stateid that is gone.  RFC 5661,
 * 8.2.4, 10.4 and 10.5.
 */
#include "operations/operations.h"
#include "operations/stateid.h"

#include "delegations/conflict.h"

/* What is checked before Ganesha looks at anything.  An OPEN's stateid is checked
 * in it: a delegation of this file, too.  A data server is given that of its
 * metadata server, which may be another Ganesha.
 */
static nfsstat4 check_stateid(struct nfs_argop4 *op,
			      const compound_data_t *data)
{
	const stateid4 *stateid = bc_stateid_used(op);
	nfsstat4 status;

	if (!stateid || bc_conflict_on_data_server(data))
		return NFS4_OK;
	status = bc_stateid_check_owner(data, stateid);
	if (status == NFS4_OK)
		status = bc_stateid_check_kind(op->argop, data, stateid);
	return bc_stateid_status(data, stateid, status);
}

enum nfs_req_result bc_op_file(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	nfsstat4 *status = &resp->nfs_resop4_u.opaccess.status; /* of any */
	nfsstat4 wrong = check_stateid(op, data);
	enum nfs_req_result result = NFS_REQ_ERROR;
	struct bc_conflict conflict;
	const stateid4 *stateid;
	bool run;

	if (wrong != NFS4_OK)
		return bc_operation_fail(op, resp, wrong);
	run = bc_conflict_begin(&conflict, op, data);
	if (run)
		result = bc_operation_original(op, data, resp);
	bc_conflict_end(&conflict, result == NFS_REQ_ASYNC_WAIT);
	if (!run)
		return bc_operation_fail(op, resp,
					 bc_conflict_status(&conflict));
	if (result != NFS_REQ_ERROR)
		return result;
	if (bc_conflict_status(&conflict) != NFS4_OK)
		*status = bc_conflict_status(&conflict);
	stateid = bc_stateid_used(op);
	if (stateid)
		*status = bc_stateid_status(data, stateid, *status);
	return result;
}
