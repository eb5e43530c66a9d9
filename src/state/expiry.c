/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Timeouts: what becomes of callbacks when nothing happens.
 *
 * Purpose: a client's timer leads here.  Callbacks that were not answered are tried
 *   again or given up; those that waited too long for a path or a slot end; a
 *   connection that carries an unanswered request is looked at.
 * Data: the lists of struct bc_client, by state; the slots of its sessions.
 * Locking: the client's lock; nothing is sent or completed under it.
 * Lifetime: runs on the timers' thread, with the armed timer's reference to the
 *   client.
 * Invariant: as long as a client has a callback or a delayed slot its timer is
 *   armed for the earliest of them, or for earlier.
 */
#include "bc_internal.h"

/* A callback whose request waits for a connection or was delayed. */
static void held_expired(struct bc_call *call, uint64_t now)
{
	struct bc_slot *slot = call->slot;
	uint64_t again = now + bc_core.config.callback_timeout;

	if (slot->state == BC_SLOT_PARKED && call->client->paths) {
		bc_call_redo_locked(
			call); /* another session of the client has a path */
	} else if (now >= call->expires) {
		if (slot->state == BC_SLOT_PARKED)
			bc_client_doubt_locked(call->client);
		bc_call_done_later_locked(call, slot->state == BC_SLOT_PARKED ?
							BC_OUTCOME_FAILED :
							BC_OUTCOME_DEFER);
	} else {
		cds_list_del(&call->link);
		bc_call_time_sent_locked(
			call, again < call->expires ? again : call->expires);
	}
}

/** When a client was last heard: on any connection, and on any but that one. */
struct heard {
	const struct bc_conn *conn; /* NULL: one that is not ours */
	uint64_t last, elsewhere; /* ns */
};

static void note_heard(struct heard *heard, const struct bc_conn *conn,
		       uint64_t when)
{
	if (conn == heard->conn && heard->last)
		return;
	if (when > heard->last) {
		heard->elsewhere = heard->last;
		heard->last = when;
		heard->conn = conn;
	} else if (when > heard->elsewhere) {
		heard->elsewhere = when;
	}
}

static struct heard last_heard(const struct bc_client *client)
{
	struct heard heard = { .last = uatomic_read(&client->heard) };
	const struct bc_session *session;
	const struct bc_binding *binding;

	cds_list_for_each_entry(session, &client->sessions, client_link)
		cds_list_for_each_entry(binding, &session->bindings,
					session_link)
			note_heard(&heard, binding->conn,
				   uatomic_read(&binding->conn->activity));
	return heard;
}

/* The path may be dead and TCP not know it yet: the client has spoken since the
 * request was sent, but not here. Of one that is merely slow, its system
 * acknowledges what we sent; one that we hear nowhere may as well be behind a
 * network that comes back.
 */
static void look_at_path(struct bc_call *call, uint64_t now,
			 const struct heard *heard)
{
	struct bc_conn *conn = call->slot->req->conn;
	uint64_t elsewhere =
		heard->conn == conn ? heard->elsewhere : heard->last;

	if (elsewhere >= (call->slot->when + 1) * 1000000)
		bc_conn_examine(conn);
	bc_call_look_again_locked(call, now);
}

static void sent_expired(struct bc_call *call, uint64_t now,
			 const struct heard *heard)
{
	bool out = call->slot && call->slot->state == BC_SLOT_BUSY;

	/* The slot stays reserved until its reply, or its connection's or its
	 * session's end: no request is sent again on the same connection
	 * (2.10.6.2), and no other in the same slot.
	 */
	if (out && now < call->answer_by)
		look_at_path(call, now, heard);
	else if (out)
		bc_call_attempt_failed_locked(call, call->slot->req->conn);
	else if (call->slot)
		held_expired(call, now);
	else
		bc_call_redo_locked(call);
}

static void expire_timed(struct bc_client *client, uint64_t now)
{
	const struct heard heard = last_heard(client);

	while (!cds_list_empty(&client->timed)) {
		struct bc_call *call = cds_list_first_entry(
			&client->timed, struct bc_call, link);

		if (call->when > now)
			return;
		sent_expired(call, now, &heard);
	}
}

/* The next attempt. */
static void expire_backoff(struct bc_client *client, uint64_t now)
{
	while (!cds_list_empty(&client->backoff)) {
		struct bc_call *call = cds_list_first_entry(
			&client->backoff, struct bc_call, link);

		if (call->when > now)
			return;
		bc_call_redo_locked(call);
	}
}

/* Whether the request in a slot has been out for a lease. */
static bool slot_unanswered(const struct bc_slot *slot, uint64_t now)
{
	return slot->state == BC_SLOT_BUSY &&
	       now - slot->when >= bc_core.config.lease_time;
}

/* No slot was free for a callback for a lease: connections that left a request
 * unanswered as long are no path.
 */
static void silence_unanswered(struct bc_client *client, uint64_t now)
{
	struct bc_session *session;
	bool any = false;

	cds_list_for_each_entry(session, &client->sessions, client_link) {
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

static void expire_queue(struct bc_client *client, uint64_t now)
{
	struct bc_call *call, *next;

	/* It may be long, and we come often. */
	if (client->queue_due > now)
		return;
	client->queue_due = UINT64_MAX;
	cds_list_for_each_entry_safe(call, next, &client->queue, link) {
		if (call->when > now) {
			if (call->when < client->queue_due)
				client->queue_due = call->when;
			continue;
		}
		bc_log_limited(BC_LIMITED_NO_PATH, BC_LOG_EVENT,
			       "client %#lx: callback given up, %s for %lu ms",
			       (unsigned long)client->clientid,
			       client->paths ? "no free slot" : "no path",
			       (unsigned long)bc_core.config.lease_time);
		if (client->paths)
			silence_unanswered(client, now);
		bc_call_done_later_locked(call, BC_OUTCOME_FAILED);
	}
}

/* Slots whose request the client asked to send again later.
 * @return when to look again, or UINT64_MAX
 */
static uint64_t expire_delayed(struct bc_session *session, uint64_t now)
{
	struct bc_slot_table *table = &session->slots;
	uint64_t when = UINT64_MAX;

	if (!table->delayed)
		return when;
	for (uint32_t i = 0; i < table->size; i++) {
		struct bc_slot *slot = &table->slots[i];

		if (slot->state != BC_SLOT_DELAYED)
			continue;
		if (slot->when <= now)
			bc_slots_set(table, slot, BC_SLOT_PARKED);
		else if (slot->when < when)
			when = slot->when;
	}
	return when;
}

/* When to look at the callbacks of a list, or @when if that is earlier. */
static uint64_t first_when(struct cds_list_head *list, uint64_t when)
{
	const struct bc_call *call;

	if (cds_list_empty(list))
		return when;
	call = cds_list_first_entry(list, struct bc_call, link);
	return call->when < when ? call->when : when;
}

void bc_sender_expire(struct bc_client *client)
{
	struct bc_session *session;
	uint64_t now, when, answer_by;

	pthread_mutex_lock(&client->lock);
	now = bc_now();
	client->armed = 0;
	expire_timed(client, now);
	expire_backoff(client, now);
	expire_queue(client, now);
	answer_by = bc_question_expire_locked(client, now);
	bc_client_retire_locked(client);
	when = first_when(&client->timed,
			  first_when(&client->backoff, answer_by));
	cds_list_for_each_entry(session, &client->sessions, client_link) {
		uint64_t delayed = expire_delayed(session, now);

		if (delayed < when)
			when = delayed;
		bc_session_look_stuck_locked(session, now);
	}
	if (!cds_list_empty(&client->queue) && client->queue_due < when)
		when = client->queue_due;
	if (when != UINT64_MAX)
		bc_client_arm_locked(client, when);
	pthread_mutex_unlock(&client->lock);
	bc_sender_run(client);
}
