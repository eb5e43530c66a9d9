/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The list that Ganesha has of a file's locks, whoever's they are.
 */
#ifndef BC_LOCK_LIST_H
#define BC_LOCK_LIST_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"

#include "backchannel.h"

/**
 * A lock in the core's words.
 *
 * @param[out] lock   its owner is borrowed from @a owner
 * @param[in]  file
 * @param[in]  owner  any protocol's
 * @param[in]  param  its bytes and kind
 *
 * @return whether it is of an NFSv4 client; if not, it is nobody's who waits
 *
 * Context: locks are laid out as known.
 */
bool bc_lock_describe(struct bc_lock *lock, const struct fsal_obj_handle *file,
		      state_owner_t *owner, const fsal_lock_param_t *param);

/**
 * Would Ganesha grant a lock, as far as its own list goes?  What waits for a lock by NLM
 * is in the list, too, and before.
 *
 * Context: holds the file's st_lock; locks are laid out as known.
 */
bool bc_lock_list_allows(const struct fsal_obj_handle *obj,
			 const struct bc_lock *lock);

/**
 * The state of a lock owner with a stateid, or NULL: the file has none.
 *
 * Context: as bc_lock_list_allows().
 */
const state_t *bc_lock_list_find_state(const struct fsal_obj_handle *obj,
				       const stateid4 *stateid);

#endif /* BC_LOCK_LIST_H */
