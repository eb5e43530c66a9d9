/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client that has restarted: its former instance goes, with all its state.
 * RFC 5661, 8.4.2.1 and 18.35.
 *
 * Ganesha's revoke_owner_delegs() skips a delegation that is being recalled, and
 * starts over until none is left: the CREATE_SESSION that confirms the new
 * instance spins until a recall that nobody will answer is given up, for two
 * leases.  So the former instance's recalls are first made to look as if they
 * had not begun; when they end, their delegation is found to be gone.
 */
#include "delegations/former_instance.h"

#include "ganesha/client_record.h"
#include "ganesha/configuration.h"
#include "ganesha/layout.h"
#include "ganesha/mutex.h"

#include "nfs_core.h"
#include "sal_data.h"

#include "backchannel.h"

#include <stdlib.h>

/* More clients with recalls than this are not looked through. */
#define CALLED_MAX 8192

/* How long a recall may be under way: Ganesha's two leases, and our own part. */
#define CALLED_LEASES 4

static bool is_confirmed(clientid4 clientid)
{
	struct hash_latch latch;

	if (!bc_client_record_acquire(clientid, &latch))
		return false;
	bc_client_record_release(&latch);
	return true;
}

/* Whether a client's record is to be replaced by that of @successor. */
static bool is_former(const nfs_client_id_t *client, clientid4 successor)
{
	nfs_client_record_t *owner = client->cid_client_record;
	bool former;

	if (!owner || !bc_mutex_try(&owner->cr_mutex))
		return false;
	former = owner->cr_unconfirmed_rec &&
		 owner->cr_unconfirmed_rec->cid_clientid == successor;
	pthread_mutex_unlock(&owner->cr_mutex);
	return former;
}

static void forget_recalls(nfs_client_id_t *client)
{
	state_owner_t *owner = &client->cid_owner;
	struct glist_head *glist;

	/* Without a delegation there is no recall of one. */
	if (bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return;
	PTHREAD_MUTEX_lock(&owner->so_mutex);
	glist_for_each(glist, &owner->so_owner.so_nfs4_owner.so_state_list) {
		state_t *state = glist_entry(glist, state_t, state_owner_list);

		if (state->state_type == STATE_TYPE_DELEG &&
		    state->state_data.deleg.sd_state == DELEG_RECALL_WIP)
			state->state_data.deleg.sd_state = DELEG_GRANTED;
	}
	PTHREAD_MUTEX_unlock(&owner->so_mutex);
}

/* @return whether @clientid is the former instance */
static bool prepare_one(clientid4 clientid, clientid4 successor)
{
	struct hash_latch latch;
	nfs_client_id_t *client = bc_client_record_acquire(clientid, &latch);
	bool former;

	if (!client)
		return false;
	former = is_former(client, successor);
	if (former)
		forget_recalls(client);
	bc_client_record_release(&latch);
	return former;
}

/* The clients that may have recalls under way, to be freed; NULL: none, or out
 * of memory.
 */
static uint64_t *clients_called(size_t *count)
{
	uint64_t within = CALLED_LEASES * UINT64_C(1000) *
			  nfs_param.nfsv4_param.lease_lifetime;
	uint64_t *called = NULL;
	size_t room = 0;

	/* Until there is room for those that were added meanwhile, too. */
	while ((*count = bc_clients_called(within, called, room)) > room) {
		free(called);
		room = *count;
		called = malloc(room * sizeof(*called));
		if (!called)
			return NULL;
	}
	return called;
}

clientid4 bc_former_instance_prepare(clientid4 successor)
{
	clientid4 former = 0;
	uint64_t *called;
	size_t count;

	if (!bc_module_config.shield_restart || is_confirmed(successor))
		return 0;
	called = clients_called(&count);
	if (!called)
		return 0;
	for (size_t i = 0; i < count && i < CALLED_MAX && !former; i++)
		if (prepare_one(called[i], successor))
			former = called[i];
	free(called);
	return former;
}
