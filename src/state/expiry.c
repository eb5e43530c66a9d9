/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Timeouts: what becomes of callbacks when nothing happens.
 *
 * Purpose: a client's timer leads here.  Callbacks that were not answered are tried
 *   again or given up; those that waited too long for a path or a slot end; a
 *   connection that carries an unanswered request is looked at.
 * Data: the heap of struct bc_client; the slots of its sessions.
 * Locking: the client's lock; nothing is sent or completed under it.
 * Lifetime: runs on the timers' thread, with the armed timer's reference to the
 *   client.
 * Invariants: as long as a client has a callback or a delayed slot its timer is
 *   armed for the earliest of them, or for earlier.  What is not due yet, and the
 *   sessions that have nothing to do with it, cost nothing.
 */
#include "trace.h"

/* Looks that are due within this time are done together: a client that has much
 * in flight is not visited for each.
 */
#define LOOK_TICK 100 /* ms, less than between two looks at a request */

/* Bindings that are looked at to see where a client was heard.  A client that has
 * more is not worth the time: its dead connections are found by the timeout.
 */
#define HEARD_BINDINGS_MAX 256

/** What is found out at most once while a client's timer runs. */
struct visit {
	struct bc_client *client;
	uint64_t now; /* ms */
	bool heard_known;
	/* When it was last heard: on any connection, and on any but that one. */
	const struct bc_conn *heard_on; /* NULL: one that is not ours */
	uint64_t heard_last, heard_elsewhere; /* ns */
	bool silenced;
};

/* A callback whose request waits for a connection or was delayed. */
static void held_expired(struct bc_call *call, uint64_t now)
{
	struct bc_slot *slot = call->slot;
	bool parked = slot->state == BC_SLOT_PARKED;
	uint64_t again = now + bc_configured(callback_timeout);

	if (parked && call->client->paths) {
		bc_call_redo_locked(
			call); /* another session of the client has a path */
	} else if (now >= call->expires) {
		if (parked && !call->patience)
			bc_client_doubt_locked(call->client);
		bc_call_done_later_locked(
			call, parked ? BC_OUTCOME_FAILED : BC_OUTCOME_DEFER,
			parked ? "its connection did not come back" :
				 "the client delays it");
	} else {
		bc_call_time_again_locked(
			call, again < call->expires ? again : call->expires);
	}
}

static void note_heard(struct visit *visit, const struct bc_conn *conn,
		       uint64_t when)
{
	if (conn == visit->heard_on && visit->heard_last)
		return;
	if (when > visit->heard_last) {
		visit->heard_elsewhere = visit->heard_last;
		visit->heard_last = when;
		visit->heard_on = conn;
	} else if (when > visit->heard_elsewhere) {
		visit->heard_elsewhere = when;
	}
}

static void find_heard(struct visit *visit)
{
	const struct bc_session *session;
	const struct bc_binding *binding;
	unsigned int bindings = 0;

	visit->heard_known = true;
	visit->heard_last = uatomic_read(&visit->client->heard);
	cds_list_for_each_entry(session, &visit->client->sessions,
				client_link) {
		if (++bindings > HEARD_BINDINGS_MAX)
			return;
		cds_list_for_each_entry(binding, &session->bindings,
					session_link) {
			if (++bindings > HEARD_BINDINGS_MAX)
				return;
			note_heard(visit, binding->conn,
				   uatomic_read(&binding->conn->activity));
		}
	}
}

/* The path may be dead and TCP not know it yet: the client has spoken since the
 * request was sent, but not here. Of one that is merely slow, its system
 * acknowledges what we sent; one that we hear nowhere may as well be behind a
 * network that comes back.
 */
static void look_at_path(struct visit *visit, struct bc_call *call)
{
	struct bc_conn *conn = call->slot->req->conn;
	uint64_t elsewhere;

	if (!visit->heard_known)
		find_heard(visit);
	elsewhere = visit->heard_on == conn ? visit->heard_elsewhere :
					      visit->heard_last;
	if (elsewhere >= (call->slot->when + 1) * 1000000) {
		BC_TRACE(
			call,
			"not answered, while the client is heard elsewhere: connection %lu is examined",
			(unsigned long)conn->number);
		bc_conn_examine(conn);
	}
	bc_call_look_again_locked(call, visit->now);
}

static bool is_out(const struct bc_call *call)
{
	return call->state == BC_CALL_SENT && call->slot &&
	       call->slot->state == BC_SLOT_BUSY;
}

static void sent_expired(struct visit *visit, struct bc_call *call)
{
	/* The slot stays reserved until its reply, or its connection's or its
	 * session's end: no request is sent again on the same connection
	 * (2.10.6.2), and no other in the same slot.
	 */
	if (is_out(call) && visit->now < call->answer_by)
		look_at_path(visit, call);
	else if (is_out(call))
		bc_call_attempt_failed_locked(call, call->slot->req->conn);
	else if (call->slot)
		held_expired(call, visit->now);
	else
		bc_call_redo_locked(call);
}

/* Whether the request in a slot has been out for a lease. */
static bool slot_unanswered(const struct bc_slot *slot, uint64_t now)
{
	return slot->state == BC_SLOT_BUSY &&
	       now - slot->when >= bc_configured(lease_time);
}

/* No slot was free for a callback for a lease: connections that left a request
 * unanswered as long are no path.
 */
static void silence_unanswered(struct bc_client *client, uint64_t now)
{
	struct bc_session *session, *next;
	bool any = false;

	cds_list_for_each_entry_safe(session, next, &client->reachable,
				     reachable_link) {
		struct bc_slot_table *table = &session->slots;

		for (uint32_t i = 0; table->slots && i < table->size; i++) {
			struct bc_binding *binding = NULL;

			if (slot_unanswered(&table->slots[i], now))
				binding = bc_binding_find_locked(
					session, table->slots[i].req->conn);
			if (binding)
				bc_binding_set_locked(binding,
						      BC_BINDING_SILENT);
			any = any || binding;
		}
	}
	if (any)
		bc_client_doubt_locked(client);
}

static void queue_expired(struct visit *visit, struct bc_call *call)
{
	struct bc_client *client = visit->client;
	const char *why = client->paths ? "no free slot" : "no path";

	bc_count(BC_COUNT_NO_PATH);
	bc_log_limited(
		BC_LIMITED_NO_PATH, BC_LOG_EVENT,
		"client %#lx: callback %lu given up, %s for %lu ms",
		(unsigned long)client->clientid, (unsigned long)call->id, why,
		(unsigned long)(call->patience ? call->patience :
						 bc_configured(lease_time)));
	if (client->paths && !visit->silenced)
		silence_unanswered(client, visit->now);
	visit->silenced = true;
	bc_call_done_later_locked(call, BC_OUTCOME_FAILED, why);
}

/* The callback to be looked at next, or NULL. */
static struct bc_call *first_due(const struct visit *visit)
{
	struct bc_heap_node *first = visit->client->due.first;
	struct bc_call *call;

	if (!first)
		return NULL;
	call = caa_container_of(first, struct bc_call, due);
	if (first->when <= visit->now)
		return call;
	if (is_out(call) && first->when < call->answer_by &&
	    first->when <= visit->now + LOOK_TICK)
		return call;
	return NULL;
}

static void expire_calls(struct bc_client *client, uint64_t now)
{
	struct visit visit = { .client = client, .now = now };
	struct bc_call *call;

	while ((call = first_due(&visit)) != NULL) {
		switch (call->state) {
		case BC_CALL_QUEUED:
			queue_expired(&visit, call);
			break;
		case BC_CALL_SENT:
			sent_expired(&visit, call);
			break;
		case BC_CALL_BACKOFF: /* the next attempt */
			bc_call_redo_locked(call);
			break;
		case BC_CALL_NEW: /* neither is in the heap */
		case BC_CALL_DONE:
			break;
		}
	}
}

/* Slots whose request the client asked to send again later.
 * @return when to look again, or UINT64_MAX
 */
static uint64_t expire_delayed(struct bc_session *session, uint64_t now)
{
	struct bc_slot_table *table = &session->slots;
	uint64_t when = UINT64_MAX;

	for (uint32_t i = 0; i < table->size; i++) {
		struct bc_slot *slot = &table->slots[i];

		if (slot->state != BC_SLOT_DELAYED)
			continue;
		if (slot->when <= now)
			bc_slots_set(table, slot, BC_SLOT_PARKED);
		else if (slot->when < when)
			when = slot->when;
	}
	bc_session_list_locked(session);
	return when;
}

void bc_expiry_run(struct bc_client *client)
{
	struct bc_session *session, *next;
	uint64_t now, when, due;

	pthread_mutex_lock(&client->lock);
	now = bc_now();
	client->armed = 0;
	expire_calls(client, now);
	when = bc_question_expire_locked(client, now);
	bc_client_retire_locked(client);
	due = client->due.first ? client->due.first->when : UINT64_MAX;
	if (due < when)
		when = due;
	cds_list_for_each_entry_safe(session, next, &client->delayed,
				     delayed_link) {
		uint64_t delayed = expire_delayed(session, now);

		if (delayed < when)
			when = delayed;
	}
	cds_list_for_each_entry(session, &client->full, full_link) {
		due = bc_session_look_stuck_locked(session, now);
		if (due < when)
			when = due;
	}
	if (when != UINT64_MAX)
		bc_client_arm_locked(client, when);
	pthread_mutex_unlock(&client->lock);
	bc_sender_run(client);
}
