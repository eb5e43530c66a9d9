/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What Ganesha does to a file's locks.
 *
 * All that takes or ends locks comes here: LOCK and LOCKU, CLOSE, the end of a client or
 * of an export, NLM and NFSv4.0; with the file's st_lock held, after a lock has left the
 * file's list, and before one is in it.  Not so by NLM: a lock that was granted to who
 * does not want it any more leaves the list afterwards, some of these marked as canceled
 * before; and one that is waited for is in the list, and leaves it without a word.
 */
#include "locks/fsal_lock.h"

#include "locks/lock_list.h"
#include "locks/lock_waits.h"

#include "sal_data.h"

#include "backchannel.h"

#include <errno.h>

static void describe_kept(fsal_lock_param_t *conflicting,
			  const struct bc_lock *kept)
{
	if (!conflicting)
		return;
	conflicting->lock_type = kept->exclusive ? FSAL_LOCK_W : FSAL_LOCK_R;
	conflicting->lock_start = kept->first;
	conflicting->lock_length =
		kept->last == UINT64_MAX ? 0 : kept->last - kept->first + 1;
}

/* ERR_FSAL_DELAY is what Ganesha takes for a lock that is in the way. */
static fsal_status_t denied(void)
{
	return fsalstat(ERR_FSAL_DELAY, EAGAIN);
}

static bool takes(fsal_lock_op_t lock_op)
{
	return lock_op == FSAL_OP_LOCK || lock_op == FSAL_OP_LOCKB;
}

/* Of NFSv4.  One that waits by NLM would be put among those whom the file system calls,
 * which knows of nothing: it may overtake, and who was told waits for its end.  A
 * client that has restarted, or the server, takes what it had.
 */
static bool is_kept(const struct bc_lock *lock, const fsal_lock_param_t *param,
		    fsal_lock_param_t *conflicting)
{
	struct bc_lock kept;

	if (param->lock_reclaim || !bc_lock_is_kept(lock, &kept))
		return false;
	describe_kept(conflicting, &kept);
	return true;
}

fsal_status_t bc_lock_op(bc_lock_op2 original, struct fsal_obj_handle *obj_hdl,
			 struct state_t *state, void *owner,
			 fsal_lock_op_t lock_op,
			 fsal_lock_param_t *request_lock,
			 fsal_lock_param_t *conflicting_lock)
{
	fsal_status_t status;
	struct bc_lock lock;
	bool nfs4;

	if (!bc_lock_waiters() || !state || !owner)
		return original(obj_hdl, state, owner, lock_op, request_lock,
				conflicting_lock);
	nfs4 = bc_lock_describe(&lock, state->state_obj, owner, request_lock);
	if (takes(lock_op) && nfs4 &&
	    is_kept(&lock, request_lock, conflicting_lock))
		return denied();
	status = original(obj_hdl, state, owner, lock_op, request_lock,
			  conflicting_lock);
	if (FSAL_IS_ERROR(status))
		return status;
	if (takes(lock_op) && nfs4)
		bc_lock_granted(&lock);
	if (lock_op == FSAL_OP_UNLOCK)
		bc_lock_waits_changed_locked(state->state_obj);
	return status;
}
