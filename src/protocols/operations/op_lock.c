/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * LOCK: what any operation on a file is, and what becomes of one that will be waited
 * for.  RFC 5661, 18.10 and 20.11; RFC 7530, 9.4.
 *
 * Where clients are told by us when they may have the lock (Notify_Locks), Ganesha is
 * asked for one that nobody waits for, whatever it does itself for those who do
 * (bc_notifies_locks()): it would keep the lock for a lease and five seconds for a
 * client that it could not tell.
 *
 * Where it is left to Ganesha, that looks for no conflicting lock's description where it
 * puts the request into its list of those who wait, and answers with what was on its
 * stack.  "If the server is unable to determine the exact offset and length of the
 * conflicting byte-range lock, the same offset and length that were provided in the
 * arguments should be returned in the denied results", 18.10.4.
 *
 * NFSv4.0 has no CB_NOTIFY_LOCK.  Its clients are sent it all the same: Ganesha connects
 * to them, with the file's states locked, and keeps the lock for them meanwhile.
 */
#include "operations/operations.h"

#include "delegations/fsal_lease.h"
#include "delegations/unexport.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"
#include "locks/lock_waits.h"

#include "backchannel.h"

#include <urcu/system.h>

static bool will_be_waited_for(const LOCK4args *args)
{
	return args->locktype == READW_LT || args->locktype == WRITEW_LT;
}

static nfs_lock_type4 without_waiting(nfs_lock_type4 type)
{
	if (type == READW_LT)
		return READ_LT;
	return type == WRITEW_LT ? WRITE_LT : type;
}

/* The one lock that is known to conflict with any other is one for writing. */
static void describe(LOCK4denied *denied, const LOCK4args *args)
{
	denied->offset = args->offset;
	denied->length = args->length;
	denied->locktype = WRITE_LT;
}

bool bc_op_notifies_locks(const compound_data_t *data)
{
	return bc_module_config.notify_locks && data->minorversion > 0 &&
	       bc_lock_waits_is_on() && bc_fsal_lease_sees_locks() &&
	       bc_layout_of_locks() != BC_LAYOUT_MISFIT;
}

/* Ganesha tells clients, or nobody does. */
static enum nfs_req_result lock_theirs(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp)
{
	const LOCK4args *args = &op->nfs_argop4_u.oplock;
	LOCK4res *res = &resp->nfs_resop4_u.oplock;
	enum nfs_req_result result = bc_op_file(op, data, resp);

	if (bc_notifies_locks() && will_be_waited_for(args) &&
	    result == NFS_REQ_ERROR && res->status == NFS4ERR_DENIED)
		describe(&res->LOCK4res_u.denied, args);
	return result;
}

/* Nobody waits any more who has come through an export that goes. */
static void lock_denied(compound_data_t *data, const LOCK4args *args)
{
	if (bc_unexport_goes_here())
		return;
	bc_lock_waits_denied(data, args, will_be_waited_for(args));
	cmm_smp_mb(); /* pairs with bc_prepare_unexport()'s first: that ends the
		       * wait, or this sees the mark
		       */
	if (bc_unexport_goes_here())
		bc_lock_export_ended(op_ctx->ctx_export);
}

/* Nobody is to wait, as far as Ganesha knows.  The arguments stay as they were: they
 * may be run again.
 */
static enum nfs_req_result lock_at_once(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp)
{
	LOCK4args *args = &op->nfs_argop4_u.oplock;
	nfs_lock_type4 type = args->locktype;
	enum nfs_req_result result;

	args->locktype = without_waiting(type);
	result = bc_op_file(op, data, resp);
	args->locktype = type;
	return result;
}

enum nfs_req_result bc_op_lock(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	const LOCK4args *args = &op->nfs_argop4_u.oplock;
	const LOCK4res *res = &resp->nfs_resop4_u.oplock;
	bool ours = bc_op_notifies_locks(data);
	enum nfs_req_result result;

	if (ours || (data->minorversion == 0 && bc_notifies_locks()))
		result = lock_at_once(op, data, resp);
	else
		result = lock_theirs(op, data, resp);
	if (result == NFS_REQ_OK && (ours || bc_lock_waiters()))
		bc_lock_waits_granted(data->current_obj);
	if (ours && result == NFS_REQ_ERROR && res->status == NFS4ERR_DENIED)
		lock_denied(data, args);
	return result;
}
