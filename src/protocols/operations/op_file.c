/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The operations on a file: whose stateid it is, whether it conflicts with another
 * client's delegation, and what is said of a stateid that is gone.  RFC 5661,
 * 8.2.4, 10.4 and 10.5.
 */
#include "operations/held.h"
#include "operations/operations.h"
#include "operations/stateid.h"

#include "delegations/conflict.h"
#include "delegations/unexport.h"
#include "ganesha/arguments.h"

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
	return status == NFS4_OK ? NFS4_OK :
				   bc_stateid_status(data, stateid, status);
}

/* NFSv4.0 counts an OPEN that is run, by its owner's sequence id. */
static bool may_run_again(const struct nfs_argop4 *op,
			  const compound_data_t *data)
{
	return data->minorversion || op->argop != NFS4_OP_OPEN;
}

/* What the client is told: of a stateid that was revoked, that. */
static nfsstat4 told(struct nfs_argop4 *op, const compound_data_t *data,
		     nfsstat4 status)
{
	const stateid4 *stateid = bc_stateid_used(op);

	return stateid ? bc_stateid_status(data, stateid, status) : status;
}

/* Looked at before and while Ganesha's handler runs. */
static enum nfs_req_result run_conflicting(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp)
{
	nfsstat4 *status = &resp->nfs_resop4_u.opaccess.status; /* of any */
	enum nfs_req_result result = NFS_REQ_ERROR;
	struct bc_conflict conflict;
	bool go_on = bc_conflict_begin(&conflict, op, data, bc_held_again());

	if (go_on)
		result = bc_operation_original(op, data, resp);
	bc_conflict_end(&conflict, result == NFS_REQ_ASYNC_WAIT);
	if (result != NFS_REQ_ERROR)
		return result;
	if (!go_on)
		bc_operation_fail(op, resp, bc_conflict_status(&conflict));
	else if (bc_conflict_status(&conflict) != NFS4_OK)
		*status = bc_conflict_status(&conflict);
	if (*status == NFS4ERR_DELAY && may_run_again(op, data))
		bc_held_note(bc_conflict_awaited(&conflict));
	return result;
}

static enum nfs_req_result run(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	nfsstat4 *status = &resp->nfs_resop4_u.opaccess.status; /* of any */
	enum nfs_req_result result =
		bc_conflict_concerns(op, data) ?
			run_conflicting(op, data, resp) :
			bc_operation_original(op, data, resp);

	if (result == NFS_REQ_ERROR)
		*status = told(op, data, *status);
	return result;
}

/* It is to be no state of an export that is being removed. */
static bool may_add_state(const struct nfs_argop4 *op)
{
	return op->argop == NFS4_OP_OPEN || op->argop == NFS4_OP_LOCK ||
	       op->argop == NFS4_OP_LAYOUTGET;
}

enum nfs_req_result bc_op_file(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	nfsstat4 wrong = check_stateid(op, data);
	enum nfs_req_result result;
	unsigned int *entered;

	if (wrong != NFS4_OK)
		return bc_operation_fail(op, resp, wrong);
	if (!may_add_state(op))
		return run(op, data, resp);
	entered = bc_unexport_enter();
	/* NFSv4.0 counts it by its owner's sequence id: only its handler does. */
	if (!entered && data->minorversion)
		return bc_operation_fail(op, resp, NFS4ERR_DELAY);
	result = run(op, data, resp);
	if (entered)
		bc_unexport_leave(entered);
	return result;
}
