/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Snapshots: what there is, for who administers the server.
 *
 * Purpose: copy what is to be shown, and stop nothing for it.
 * Data: none of its own; the directory leads to the clients.
 * Locking: a client's lock while that one is copied.  Its counts are read without.
 * Lifetime: a client is kept by a reference between its place and its lock.
 * Invariant: no read-side section is longer than a step through the directory's
 *   places, and none waits for a lock.
 */
#include "bc_internal.h"
#include "snapshot.h"

#include <string.h>

/* Places that are looked at in one read-side section. */
#define STRIDE 256

static uint64_t since(uint64_t when, uint64_t now)
{
	return now > when ? now - when : 0;
}

/* A client ------------------------------------------------------------------- */

static enum bc_client_state state_of(uint32_t standing, bool had_path)
{
	if (standing & BC_STANDING_TRUSTED)
		return BC_CLIENT_TRUSTED;
	if (standing & BC_STANDING_PATH)
		return BC_CLIENT_ON_TRIAL;
	return had_path ? BC_CLIENT_NO_PATH : BC_CLIENT_NO_BACK;
}

/* The oldest is the queue's first, but for those that have been in a slot. */
static uint64_t oldest_ms(struct bc_client *client, uint64_t now)
{
	const struct bc_call *call;

	if (cds_list_empty(&client->queue))
		return BC_NEVER;
	call = cds_list_first_entry(&client->queue, struct bc_call, link);
	return since(call->submitted / 1000000, now);
}

static uint32_t revoked_count(const struct bc_client *client)
{
	const struct bc_revoked *revoked;
	uint32_t count;

	rcu_read_lock();
	revoked = rcu_dereference(client->revoked);
	count = revoked ? uatomic_read(&revoked->count) : 0;
	rcu_read_unlock();
	return count;
}

static void copy_address(const struct bc_session *session,
			 struct bc_client_view *view)
{
	view->address_len = session->address_len;
	memcpy(view->address, session->address, session->address_len);
}

static void view_client_locked(struct bc_client *client, uint64_t now,
			       struct bc_client_view *view)
{
	const struct bc_session *session;

	*view = (struct bc_client_view){
		.clientid = client->clientid,
		.state = state_of(uatomic_read(&client->standing),
				  client->paths_since),
		.doubted = client->doubted,
		.bereaved = client->bereaved,
		.path_ms = client->paths_since ?
				   since(client->paths_since, now) :
				   BC_NEVER,
		.heard_ms = since(uatomic_read(&client->spoke) / 1000000, now),
		.back_bound = client->back_bound,
		.paths = client->paths,
		.calls = client->calls,
		.queued = client->queued,
		.oldest_ms = oldest_ms(client, now),
		.revoked = revoked_count(client),
	};
	cds_list_for_each_entry(session, &client->sessions, client_link) {
		if (!view->sessions++)
			copy_address(session, view);
	}
}

static void count_slots(const struct bc_slot_table *table,
			struct bc_session_view *view)
{
	view->slots.size = table->size;
	view->slots.limit = table->limit;
	view->slots.parked = table->waiting;
	view->slots.delayed = table->delayed;
	view->slots.lost = table->lost;
	for (uint32_t i = 0; table->slots && i < table->end; i++)
		view->slots.busy += table->slots[i].state == BC_SLOT_BUSY;
}

static void view_session_locked(const struct bc_session *session,
				struct bc_session_view *view)
{
	*view = (struct bc_session_view){
		.minorversion = session->minorversion,
		.max_request_size = session->max_request_size,
		.fault = session->fault,
		.stuck = session->stuck,
		.has_security = session->security != NULL,
		.back_bound = session->back_bound,
		.fore_bound = session->fore_bound,
		.paths = session->paths,
	};
	memcpy(view->id, session->id, BC_SESSIONID_SIZE);
	count_slots(&session->slots, view);
}

static enum bc_binding_view_state
binding_state(const struct bc_binding *binding)
{
	if (uatomic_read(&binding->conn->down))
		return BC_BINDING_VIEW_ENDING;
	switch (binding->state) {
	case BC_BINDING_SILENT:
		break;
	case BC_BINDING_OPENING:
		return BC_BINDING_VIEW_OPENING;
	case BC_BINDING_LIVE:
		return BC_BINDING_VIEW_LIVE;
	}
	return BC_BINDING_VIEW_SILENT;
}

static void view_binding_locked(const struct bc_binding *binding, uint64_t now,
				struct bc_binding_view *view)
{
	uint64_t activity = uatomic_read(&binding->conn->activity);

	*view = (struct bc_binding_view){
		.connection = binding->conn->number,
		.state = binding_state(binding),
		.both = binding->channels == BC_CHANNEL_BOTH,
		.on_trial = binding->on_trial,
		.heard_ms = since(activity / 1000000, now),
	};
	memcpy(view->session, binding->session->id, BC_SESSIONID_SIZE);
}

int bc_snapshot_client(uint64_t clientid, struct bc_client_detail *detail)
{
	struct bc_client *client = bc_client_get(clientid);
	const struct bc_session *session;
	const struct bc_binding *binding;
	bool dead;

	if (!client)
		return -ENOENT;
	detail->sessions = detail->bindings = 0;
	pthread_mutex_lock(&client->lock);
	dead = client->dead;
	view_client_locked(client, bc_now(), &detail->client);
	cds_list_for_each_entry(session, &client->sessions, client_link) {
		if (detail->sessions == BC_VIEW_SESSIONS)
			break;
		view_session_locked(session,
				    &detail->session[detail->sessions++]);
	}
	cds_list_for_each_entry(binding, &client->back_list, client_link) {
		if (detail->bindings == BC_VIEW_BINDINGS)
			break;
		view_binding_locked(binding, bc_now(),
				    &detail->binding[detail->bindings++]);
	}
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	return dead ? -ENOENT : 0;
}

/* All clients ---------------------------------------------------------------- */

/* The next one from a place on: +1 ref, the place after it; NULL: there is none, or
 * none so far.
 */
static struct bc_client *next_client(uint32_t *place)
{
	uint32_t end = bc_directory_end();
	struct bc_client *client = NULL;

	rcu_read_lock();
	for (uint32_t i = 0; i < STRIDE && *place < end && !client; i++) {
		client = bc_directory_client_rcu((*place)++);
		if (client && !urcu_ref_get_unless_zero(&client->ref))
			client = NULL;
	}
	rcu_read_unlock();
	return client;
}

size_t bc_snapshot_clients(uint32_t *cursor, struct bc_client_view *views,
			   size_t room)
{
	uint32_t place = *cursor ? *cursor : 1;
	size_t count = 0;

	while (count < room && place < bc_directory_end()) {
		struct bc_client *client = next_client(&place);

		if (!client)
			continue;
		pthread_mutex_lock(&client->lock);
		if (!client->dead)
			view_client_locked(client, bc_now(), &views[count++]);
		pthread_mutex_unlock(&client->lock);
		bc_client_put(client);
	}
	*cursor = place < bc_directory_end() ? place : 0;
	return count;
}

/* What there is -------------------------------------------------------------- */

/* What is read of a client without its lock. */
static bool needs_lock_rcu(const struct bc_client *client,
			   struct bc_snapshot_now *now)
{
	uint32_t standing = uatomic_read(&client->standing);
	uint32_t queued = uatomic_read(&client->queued);

	now->queued += queued;
	if (standing & BC_STANDING_PATH)
		now->clients[state_of(standing, true)]++;
	return queued || !(standing & BC_STANDING_PATH);
}

static void look_locked(struct bc_client *client, struct bc_snapshot_now *now)
{
	uint64_t ms = bc_now();
	uint64_t oldest = oldest_ms(client, ms);
	uint64_t down = since(client->paths_since, ms);

	if (oldest != BC_NEVER && oldest > now->oldest_ms)
		now->oldest_ms = oldest;
	if (client->outage && down > now->down_ms)
		now->down_ms = down;
	if (!client->paths)
		now->clients[state_of(0, client->paths_since)]++;
}

/* Some of them: those that need their lock are left over, with a reference each. */
static size_t look_rcu(uint32_t *place, struct bc_client **left,
		       struct bc_snapshot_now *now)
{
	uint32_t end = bc_directory_end();
	size_t count = 0;

	for (uint32_t i = 0; i < STRIDE && *place < end; i++) {
		struct bc_client *client = bc_directory_client_rcu((*place)++);

		if (client && needs_lock_rcu(client, now) &&
		    urcu_ref_get_unless_zero(&client->ref))
			left[count++] = client;
	}
	return count;
}

static void walk_clients(struct bc_snapshot_now *now)
{
	struct bc_client *left[STRIDE];
	uint32_t place = 1;

	while (place < bc_directory_end()) {
		size_t count;

		rcu_read_lock();
		count = look_rcu(&place, left, now);
		rcu_read_unlock();
		for (size_t i = 0; i < count; i++) {
			pthread_mutex_lock(&left[i]->lock);
			look_locked(left[i], now);
			pthread_mutex_unlock(&left[i]->lock);
			bc_client_put(left[i]);
		}
	}
}

void bc_snapshot_now(struct bc_snapshot_now *now)
{
	*now = (struct bc_snapshot_now){
		.sessions = uatomic_read(&bc_core.sessions.count),
		.connections = uatomic_read(&bc_core.conns.count),
		.back_bound = uatomic_read(&bc_core.back_bound),
		.held_weight = bc_waiting_weight(),
		.lock_waiters = bc_lock_waiters_count(),
		.revoked_clients = uatomic_read(&bc_core.revoked.count),
	};
	walk_clients(now);
}

bool bc_snapshot_stopping(void)
{
	return uatomic_read(&bc_core.stopping);
}

void bc_snapshot_held(struct bc_held_counts *counts)
{
	counts->held = uatomic_read(&bc_core.held.held);
	counts->in_vain = uatomic_read(&bc_core.held.in_vain);
	counts->refused = uatomic_read(&bc_core.held.refused);
}
