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
#include "ganesha/layout.h"

#include <string.h>
#include <time.h>

#define GANESHAS_PATIENCE 2 /* leases, from the first attempt */
/* So that Ganesha revokes when the attempt that is made now has failed. */
#define LONG_AGO 1

static __thread const struct fsal_obj_handle *recalled_file;
static __thread unsigned int patience; /* leases that its recall may take */

/* Ganesha tries for two leases, where there is a session to try.  Whose holder has
 * answered is left to it: it is revoked a lease later.
 * Context: the file's st_lock is held.
 */
static void hurry(const struct fsal_obj_handle *obj, unsigned int leases)
{
	time_t since = time(NULL) -
		       (time_t)(leases * nfs_param.nfsv4_param.lease_lifetime);
	struct glist_head *glist;

	glist_for_each(glist, &obj->state_hdl->file.list_of_states) {
		state_t *state = glist_entry(glist, state_t, state_list);
		struct cf_deleg_stats *times =
			&state->state_data.deleg.sd_clfile_stats;

		if (state->state_type == STATE_TYPE_DELEG &&
		    times->cfd_r_time && !times->cfd_rs_time &&
		    times->cfd_r_time < since)
			times->cfd_r_time = LONG_AGO;
	}
}

void bc_recalled_file_set(const struct fsal_obj_handle *obj,
			  unsigned int leases)
{
	recalled_file = obj;
	patience = leases;
	if (leases < GANESHAS_PATIENCE &&
	    bc_layout_of_delegations() == BC_LAYOUT_FITS)
		hurry(obj, leases);
}

const void *bc_recalled_file(void)
{
	return recalled_file;
}

static bool is_delegation(const state_t *state,
			  const struct fsal_obj_handle *obj,
			  const state_owner_t *owner, const stateid4 *stateid)
{
	return state->state_type == STATE_TYPE_DELEG &&
	       state->state_obj == obj && state->state_owner == owner &&
	       (!stateid ||
		!memcmp(state->stateid_other, stateid->other, OTHERSIZE));
}

state_t *bc_delegation_of(const struct fsal_obj_handle *obj,
			  nfs_client_id_t *client, const stateid4 *stateid,
			  const state_t *but)
{
	state_owner_t *owner = &client->cid_owner;
	const struct glist_head *files = &obj->state_hdl->file.list_of_states;
	const struct glist_head *clients =
		&owner->so_owner.so_nfs4_owner.so_state_list;
	struct glist_head *of_file, *of_client;
	state_t *found = NULL;

	PTHREAD_MUTEX_lock(&owner->so_mutex);
	of_file = files->next;
	of_client = clients->next;
	while (!found && of_file != files && of_client != clients) {
		state_t *one = glist_entry(of_file, state_t, state_list);
		state_t *other =
			glist_entry(of_client, state_t, state_owner_list);

		if (one != but && is_delegation(one, obj, owner, stateid))
			found = one;
		else if (other != but &&
			 is_delegation(other, obj, owner, stateid))
			found = other;
		of_file = of_file->next;
		of_client = of_client->next;
	}
	PTHREAD_MUTEX_unlock(&owner->so_mutex);
	return found;
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

uint64_t bc_recalled_time_left(const CB_RECALL4args *args,
			       nfs_client_id_t *holder, bool at_once)
{
	struct cf_deleg_stats *times;
	uint64_t now, until;
	struct timespec ts;
	state_t *state = NULL;

	if (recalled_file)
		state = bc_delegation_of(recalled_file, holder, &args->stateid,
					 NULL);
	recalled_file = NULL;
	if (!state)
		return 0;
	times = &state->state_data.deleg.sd_clfile_stats;
	if (at_once)
		times->cfd_r_time = LONG_AGO;
	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	until = ((uint64_t)times->cfd_r_time +
		 patience * nfs_param.nfsv4_param.lease_lifetime + 1) *
		1000;
	return until > now ? until - now : 1;
}
