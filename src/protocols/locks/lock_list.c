/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The list that Ganesha has of a file's locks, read as state_lock() reads it.
 */
#include "locks/lock_list.h"

#include <string.h>

static uint64_t last_byte(const fsal_lock_param_t *param)
{
	return param->lock_length ? param->lock_start + param->lock_length - 1 :
				    UINT64_MAX;
}

bool bc_lock_describe(struct bc_lock *lock, const struct fsal_obj_handle *file,
		      state_owner_t *owner, const fsal_lock_param_t *param)
{
	bool nfs4 = owner->so_type == STATE_LOCK_OWNER_NFSV4;

	*lock = (struct bc_lock){
		.file = file,
		.client = nfs4 ? owner->so_owner.so_nfs4_owner.so_clientid : 0,
		.owner = owner->so_owner_val,
		.owner_len = (size_t)owner->so_owner_len,
		.first = param->lock_start,
		.last = last_byte(param),
		.exclusive = param->lock_type == FSAL_LOCK_W,
	};
	return nfs4;
}

static bool is_owners(const state_lock_entry_t *held,
		      const struct bc_lock *lock)
{
	const state_owner_t *owner = held->sle_owner;

	return owner && owner->so_type == STATE_LOCK_OWNER_NFSV4 &&
	       owner->so_owner.so_nfs4_owner.so_clientid == lock->client &&
	       (size_t)owner->so_owner_len == lock->owner_len &&
	       !memcmp(owner->so_owner_val, lock->owner, lock->owner_len);
}

bool bc_lock_list_allows(const struct fsal_obj_handle *obj,
			 const struct bc_lock *lock)
{
	const struct glist_head *list = &obj->state_hdl->file.lock_list;
	struct glist_head *pos;

	for (pos = list->next; pos != list; pos = pos->next) {
		const state_lock_entry_t *held =
			glist_entry(pos, state_lock_entry_t, sle_list);

		if (held->sle_blocked == STATE_CANCELED)
			continue; /* it leaves the list next */
		if ((held->sle_lock.lock_type == FSAL_LOCK_W ||
		     lock->exclusive) &&
		    held->sle_lock.lock_start <= lock->last &&
		    lock->first <= last_byte(&held->sle_lock) &&
		    !is_owners(held, lock))
			return false;
	}
	return true;
}

const state_t *bc_lock_list_find_state(const struct fsal_obj_handle *obj,
				       const stateid4 *stateid)
{
	const struct glist_head *list = &obj->state_hdl->file.list_of_states;
	struct glist_head *pos;

	for (pos = list->next; pos != list; pos = pos->next) {
		const state_t *state = glist_entry(pos, state_t, state_list);

		if (state->state_type == STATE_TYPE_LOCK &&
		    !memcmp(state->stateid_other, stateid->other, OTHERSIZE))
			return state;
	}
	return NULL;
}
