/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The delegation that a callback is about.
 *
 * Ganesha counts from the first attempt to recall a delegation, in whole seconds,
 * and looks when an attempt has failed.  An attempt that ends just then keeps
 * nobody waiting for another one.
 */
#include "callbacks/recalled.h"

#include "ganesha/dialect.h"

#include <string.h>
#include <time.h>

static __thread const struct fsal_obj_handle *recalled_file;

void bc_recalled_file_set(const struct fsal_obj_handle *obj)
{
	recalled_file = obj;
}

const void *bc_recalled_file(void)
{
	return recalled_file;
}

/* Context: the file's st_lock is held. */
static state_t *find_delegation(const struct fsal_obj_handle *obj,
				const stateid4 *stateid)
{
	struct glist_head *glist;

	glist_for_each(glist, &obj->state_hdl->file.list_of_states) {
		state_t *state = glist_entry(glist, state_t, state_list);

		if (state->state_type == STATE_TYPE_DELEG &&
		    !memcmp(state->stateid_other, stateid->other, OTHERSIZE))
			return state;
	}
	return NULL;
}

const state_t *bc_asked_delegation(const struct fsal_obj_handle *obj,
				   clientid4 holder)
{
	struct glist_head *glist;

	glist_for_each(glist, &obj->state_hdl->file.list_of_states) {
		const state_t *state = glist_entry(glist, state_t, state_list);

		if (state->state_type == STATE_TYPE_DELEG &&
		    bc_type_is_write(state->state_data.deleg.sd_type) &&
		    state->state_owner->so_owner.so_nfs4_owner.so_clientid ==
			    holder)
			return state;
	}
	return NULL;
}

uint64_t bc_recalled_time_left(const CB_RECALL4args *args, bool at_once)
{
	uint64_t leases = 2 * nfs_param.nfsv4_param.lease_lifetime;
	struct cf_deleg_stats *times;
	uint64_t now, until;
	struct timespec ts;
	state_t *state = NULL;

	if (recalled_file)
		state = find_delegation(recalled_file, &args->stateid);
	recalled_file = NULL;
	if (!state)
		return 0;
	times = &state->state_data.deleg.sd_clfile_stats;
	if (at_once)
		times->cfd_r_time = 1; /* long ago */
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	until = ((uint64_t)times->cfd_r_time + leases + 1) * 1000;
	return until > now ? until - now : 1;
}
