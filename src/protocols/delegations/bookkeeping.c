/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's bookkeeping of a file's delegations.
 *
 * The truth is the list of the file's states, under its st_lock.  Beside it
 * Ganesha keeps a count, a type and the holder of a write delegation, from which
 * it decides; and it changes them where the list does not change, or without the
 * lock.  Whatever made them differ, they are mended whenever a conflict is looked
 * for, a delegation comes back, or one is granted.  That looks through the list, but
 * for what asks for a delegation or returns one of a file that several hold: of those
 * there is one for each holder.
 *
 * The count is read without the lock to see whether there is anything to look at,
 * so that it must never be too low.  Where DELEGRETURN lowers it before it has the
 * lock, it is raised by one before.
 */
#include "delegations/bookkeeping.h"

#include "callbacks/recalled.h"
#include "ganesha/dialect.h"

#include "sal_functions.h"

#include "backchannel.h"
#include "counters.h"

#include <urcu/uatomic.h>

/* What a delegation counts more while it is returned. */
static const uint32_t returning_more = BC_RETURN_COUNTS_LOCKED ? 0 : 1;

state_t *bc_file_next_delegation(const struct fsal_obj_handle *obj,
				 const state_t *after)
{
	const struct glist_head *list = &obj->state_hdl->file.list_of_states;
	struct glist_head *pos = after ? after->state_list.next : list->next;

	for (; pos != list; pos = pos->next) {
		state_t *state = glist_entry(pos, state_t, state_list);

		if (state->state_type == STATE_TYPE_DELEG &&
		    state->state_data.deleg.sd_state != BC_DELEG_GONE)
			return state;
	}
	return NULL;
}

state_t *bc_file_find_delegation(const struct fsal_obj_handle *obj,
				 nfs_client_id_t *client,
				 const stateid4 *stateid)
{
	state_t *state = NULL;

	if (client) {
		state = bc_delegation_of(obj, client, stateid, NULL);
		return state && state->state_data.deleg.sd_state !=
					       BC_DELEG_GONE ?
			       state :
			       NULL;
	}
	while ((state = bc_file_next_delegation(obj, state)) != NULL)
		if (!memcmp(state->stateid_other, stateid->other, OTHERSIZE))
			break;
	return state;
}

state_t *bc_file_own_delegation(const struct fsal_obj_handle *obj,
				const struct bc_asker *asker,
				const stateid4 *stateid)
{
	state_t *state = bc_file_find_delegation(obj, asker->client, stateid);

	return state && bc_asker_holds(asker, state) ? state : NULL;
}

bool bc_file_shared(const struct fsal_obj_handle *obj, const state_t *but)
{
	unsigned int several = 0;
	state_t *state = NULL;

	while (several < 2 &&
	       (state = bc_file_next_delegation(obj, state)) != NULL) {
		if (state == but)
			continue;
		if (bc_type_is_write(state->state_data.deleg.sd_type))
			return false;
		several++;
	}
	return several == 2;
}

/* Mending ------------------------------------------------------------------ */

static void mended(const char *what)
{
	bc_count(BC_COUNT_MENDED);
	bc_log_limited(
		BC_LIMITED_BOOKKEEPING, BC_LOG_WARN,
		"Ganesha's bookkeeping of a file's delegations mended: %s",
		what);
}

/* delegrecall_impl() marks a delegation before it knows that it can recall it,
 * and holds the lock until it has noted when the first recall went out: without
 * that time, nobody recalls it.
 */
static void mend_recall(state_t *state)
{
	struct state_deleg *deleg = &state->state_data.deleg;

	if (deleg->sd_state != DELEG_RECALL_WIP ||
	    deleg->sd_clfile_stats.cfd_r_time)
		return;
	deleg->sd_state = DELEG_GRANTED;
	mended("a recall that nobody made");
}

/* A delegation in DELEGRETURN may be counted twice just now.  One that was returned while
 * there were several still is, where Ganesha has not the lock: no fault of Ganesha's.
 */
static void mend_count(struct state_file *file, uint32_t count,
		       uint32_t returning)
{
	uint32_t *counted = &file->fdeleg_stats.fds_curr_delegations;
	bool too_low = *counted < count;

	if (!too_low && *counted <= count + returning)
		return;
	uatomic_set(counted, count + returning);
	if (too_low || BC_RETURN_COUNTS_LOCKED)
		mended("their count");
}

/* Its end is Ganesha's: _state_del_locked() lets go of the client then.
 * @return whether it was another
 */
static bool set_write_holder(struct state_file *file, state_t *write)
{
	nfs_client_id_t *holder = bc_delegation_holder(write);

	if (file->write_delegated && file->write_deleg_client == holder)
		return false;
	atomic_inc_int32_t(&holder->cid_refcount);
	file->write_deleg_client = holder;
	file->write_delegated = true;
	return true;
}

/* The holder has another reference while it has the delegation: this one is not
 * the last.
 */
static void unset_write_holder(struct state_file *file)
{
	if (file->write_deleg_client)
		atomic_dec_int32_t(&file->write_deleg_client->cid_refcount);
	file->write_deleg_client = NULL;
	file->write_delegated = false;
}

/* A read delegation whose holder changes the file just now is made to look like a
 * write delegation (conflict.c): that is left as it is, until the last such
 * operation has ended.
 */
static void mend_type(struct state_file *file, state_t *write, bool any)
{
	enum open_delegation_type4 *type = &file->fdeleg_stats.fds_deleg_type;

	if (write) {
		if (set_write_holder(file, write))
			mended("the holder of a write delegation");
		*type = write->state_data.deleg.sd_type;
	} else if (any && file->write_delegated) {
		unset_write_holder(file);
		*type = OPEN_DELEGATE_READ;
		mended("a write delegation that is none");
	} else if (any && !atomic_fetch_uint32_t(&file->anon_ops)) {
		*type = OPEN_DELEGATE_READ;
	}
}

void bc_bookkeeping_mend_locked(struct fsal_obj_handle *obj)
{
	struct state_file *file = &obj->state_hdl->file;
	state_t *state = NULL, *write = NULL;
	uint32_t count = 0, returning = 0;

	while ((state = bc_file_next_delegation(obj, state)) != NULL) {
		const struct state_deleg *deleg = &state->state_data.deleg;

		count++;
		if (deleg->sd_state == BC_DELEG_RETURNING)
			returning += returning_more;
		if (bc_type_is_write(deleg->sd_type))
			write = state;
		mend_recall(state);
	}
	mend_count(file, count, returning);
	mend_type(file, write, count > 0);
}

bool bc_bookkeeping_mend_shared_locked(struct fsal_obj_handle *obj)
{
	struct state_file *file = &obj->state_hdl->file;

	if (!bc_file_shared(obj, NULL))
		return false;
	if (uatomic_read(&file->fdeleg_stats.fds_curr_delegations) < 2) {
		uatomic_set(&file->fdeleg_stats.fds_curr_delegations, 2);
		mended("their count");
	}
	mend_type(file, NULL, true);
	return true;
}

void bc_bookkeeping_make_locked(struct fsal_obj_handle *obj,
				state_t *delegation, open_delegation_type4 type)
{
	struct state_file *file = &obj->state_hdl->file;
	bool was_write = bc_type_is_write(delegation->state_data.deleg.sd_type);

	delegation->state_data.deleg.sd_type = type;
	if (bc_type_is_write(type))
		(void)set_write_holder(file, delegation);
	else if (was_write)
		unset_write_holder(file);
	file->fdeleg_stats.fds_deleg_type = type;
}

void bc_bookkeeping_gone_locked(struct fsal_obj_handle *obj,
				state_t *delegation)
{
	struct state_file *file = &obj->state_hdl->file;
	uint32_t *counted = &file->fdeleg_stats.fds_curr_delegations;

	delegation->state_data.deleg.sd_state = BC_DELEG_GONE;
	if (bc_type_is_write(delegation->state_data.deleg.sd_type))
		unset_write_holder(file);
	if (*counted)
		uatomic_set(counted, *counted - 1);
}

/* The end of a delegation --------------------------------------------------- */

void bc_bookkeeping_ended_locked(const struct fsal_obj_handle *obj,
				 const state_t *ended)
{
	unsigned int left = 0, kept = 0;
	state_t *state = NULL;

	while (kept < 2 &&
	       (state = bc_file_next_delegation(obj, state)) != NULL) {
		left += state != ended;
		kept += state != ended &&
			state->state_data.deleg.sd_state != BC_DELEG_LET_GO;
	}
	/* Ganesha has lowered it already: what is left are some that were returned while
	 * there were several.
	 */
	if (left == 0 && !BC_RETURN_COUNTS_LOCKED)
		uatomic_set(
			&obj->state_hdl->file.fdeleg_stats.fds_curr_delegations,
			0);
	if (kept < 2)
		bc_waiting_wake(obj);
}

nfsstat4 bc_bookkeeping_return_begin(struct fsal_obj_handle *obj,
				     const struct bc_asker *asker,
				     const stateid4 *stateid)
{
	uint32_t *counted =
		&obj->state_hdl->file.fdeleg_stats.fds_curr_delegations;
	nfsstat4 status = NFS4_OK;
	state_t *state;

	STATELOCK_lock(obj);
	if (!bc_bookkeeping_mend_shared_locked(obj))
		bc_bookkeeping_mend_locked(obj);
	state = bc_file_own_delegation(obj, asker, stateid);
	if (!state || state->state_data.deleg.sd_state == BC_DELEG_RETURNING) {
		status = NFS4ERR_BAD_STATEID;
	} else {
		state->state_data.deleg.sd_state = BC_DELEG_RETURNING;
		uatomic_set(counted, *counted + returning_more);
	}
	STATELOCK_unlock(obj);
	return status;
}

/* Count anew, and let one that is still there be as if nothing had been. */
static void return_end_locked(struct fsal_obj_handle *obj,
			      const stateid4 *stateid)
{
	uint32_t *counted =
		&obj->state_hdl->file.fdeleg_stats.fds_curr_delegations;
	state_t *state = NULL;
	uint32_t count = 0;

	while ((state = bc_file_next_delegation(obj, state)) != NULL) {
		struct state_deleg *deleg = &state->state_data.deleg;

		/* The file system would not take its lease back. */
		if (deleg->sd_state == BC_DELEG_RETURNING &&
		    !memcmp(state->stateid_other, stateid->other, OTHERSIZE))
			deleg->sd_state = DELEG_GRANTED;
		count++;
		if (deleg->sd_state == BC_DELEG_RETURNING)
			count += returning_more;
	}
	/* It may have been raised before: nothing has to be mended. */
	uatomic_set(counted, count);
	bc_bookkeeping_mend_locked(obj);
}

void bc_bookkeeping_return_end(struct fsal_obj_handle *obj,
			       const stateid4 *stateid, bool returned)
{
	STATELOCK_lock(obj);
	/* What it counted more stays: who has counted anew meanwhile has taken it away
	 * already, and too low is what the count must not be.
	 */
	if (!returned || !bc_bookkeeping_mend_shared_locked(obj))
		return_end_locked(obj, stateid);
	bc_bookkeeping_ended_locked(obj, NULL);
	STATELOCK_unlock(obj);
}
