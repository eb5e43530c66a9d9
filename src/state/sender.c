/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The sender: a callback's way from submission to completion.
 *
 * Purpose: send each of a client's callbacks as CB_SEQUENCE and one operation
 *   over some connection of some session of the client; complete it exactly
 *   once.  A state machine, not a thread: a submission, a reply, a bind, a
 *   disconnect or the timer moves it on.
 *
 *      submit                 slot and path           reply
 *   ----------> QUEUED ---------------------> SENT -----------> DONE
 *                 ^  \ no path for a lease     | timeout,        ^
 *                 |   \------------------------|-refused---\     |
 *                 |                            v            \    |
 *                 '------------------------ BACKOFF          `--'
 *                        5, 10, 20 s           too many attempts
 *
 * Data: the callbacks of struct bc_client, the slots of its sessions.  A slot
 *   carries a callback by a counted reference, and keeps it after the callback
 *   has completed otherwise: the slot's sequence is settled by that very
 *   request (RFC 5661 2.10.6.2: a retry is the same request).
 * Locking: everything under the client's lock; sending and completing outside.
 * Lifetime: a callback is its client's from submission to completion; whoever
 *   moves it to DONE completes it and drops that reference.
 * Invariants: a slot has at most one request out; a request is sent again only
 *   after its connection is lost or the client asked for it (DELAY); a callback
 *   is in exactly the list that its state names.
 *
 * Read on from bc_call_submit() downwards.
 */
#include "bc_internal.h"

#include <stdlib.h>
#include <string.h>

/* A client that never accepts a sequence id is not asked at once for ever. */
#define REDO_MAX 8

/* CB_SEQUENCE was answered with DELAY: again after this, doubling. */
#define DELAY_FIRST 100 /* ms */
#define DELAY_MAX 5000 /* ms */

/* Ganesha counts in whole seconds. */
#define REVOKE_SLACK 2000 /* ms */

/* How often the connection of an unanswered request is looked at. */
#define LOOK_INTERVAL 250 /* ms */

/* A callback's states ------------------------------------------------------ */

static void call_unlink(struct bc_call *call)
{
	switch (call->state) {
	case BC_CALL_QUEUED:
	case BC_CALL_BACKOFF:
		call->client->queued--;
		cds_list_del(&call->link);
		break;
	case BC_CALL_SENT:
		cds_list_del(&call->link);
		break;
	case BC_CALL_DONE:
		break;
	}
	call->slot = NULL;
	call->session = NULL;
}

/* A callback has a deadline, whatever the client does to its connections and
 * sessions meanwhile.
 */
static uint64_t not_beyond_deadline(const struct bc_call *call, uint64_t until)
{
	return until < call->deadline ? until : call->deadline;
}

/* Until when it may wait for a path. */
static uint64_t may_wait_until(const struct bc_call *call, uint64_t now)
{
	return not_beyond_deadline(call, now + bc_core.config.lease_time);
}

/* Ganesha revokes a delegation when a recall fails more than two leases after the
 * first: attempts that last longer would only keep others waiting.
 */
static uint64_t call_deadline(uint64_t now)
{
	const struct bc_config *config = &bc_core.config;
	uint64_t longest = 2 * config->lease_time + REVOKE_SLACK;
	uint64_t attempts = config->lease_time + config->callback_timeout;

	for (uint32_t i = 0; i < config->retry_attempts; i++)
		attempts += (config->retry_first_delay << i) +
			    config->callback_timeout;
	return now + (attempts < longest ? attempts : longest);
}

/* Wait for a path and a slot; in front if it has waited before. */
static void call_enqueue(struct bc_call *call, bool in_front, uint64_t now)
{
	struct bc_client *client = call->client;

	call->state = BC_CALL_QUEUED;
	call->when = may_wait_until(call, now);
	if (in_front)
		cds_list_add(&call->link, &client->queue);
	else
		cds_list_add_tail(&call->link, &client->queue);
	client->queued++;
	if (call->when < client->queue_due)
		client->queue_due = call->when;
	bc_client_arm_locked(client, call->when);
}

/* Look at the callback again at @when.  Nearly always that is later than for all
 * others in the same list.
 */
static void call_time(struct bc_call *call, struct cds_list_head *list,
		      uint64_t when)
{
	struct cds_list_head *pos;

	call->when = when;
	for (pos = list->prev; pos != list; pos = pos->prev)
		if (cds_list_entry(pos, struct bc_call, link)->when <= when)
			break;
	cds_list_add(&call->link, pos);
	bc_client_arm_locked(call->client, when);
}

/* It is in a slot. */
static void call_time_sent(struct bc_call *call, uint64_t when)
{
	call->state = BC_CALL_SENT;
	call_time(call, &call->client->timed, when);
}

/* It waits for its next attempt, and counts as one that is queued. */
static void call_time_backoff(struct bc_call *call, uint64_t when)
{
	call->state = BC_CALL_BACKOFF;
	call->client->queued++;
	call_time(call, &call->client->backoff, when);
}

/* Who calls this completes the callback. */
static void call_done(struct bc_call *call, enum bc_outcome outcome)
{
	struct bc_client *client = call->client;

	call_unlink(call);
	call->state = BC_CALL_DONE;
	call->outcome = outcome;
	client->calls--;
	bc_client_retire_locked(client);
}

static void call_complete(struct bc_call *call, struct bc_reply *reply)
{
	bc_core.ops->complete(call, call->outcome, reply);
	uatomic_inc(&bc_core.completed[call->outcome]);
	bc_call_put(call);
}

static void complete_work(struct bc_work *work)
{
	call_complete(caa_container_of(work, struct bc_call, work), NULL);
}

/* For a caller that may not complete it itself: on the thread for that. */
static void call_done_later(struct bc_call *call, enum bc_outcome outcome)
{
	call_done(call, outcome);
	call->work.run = complete_work;
	bc_completion_queue(&call->work);
}

/* Submission --------------------------------------------------------------- */

static struct bc_request *ready_locked(struct bc_client *client, uint64_t now);
static bool transmit(struct bc_request *ready);

int bc_call_submit(struct bc_call *call, uint64_t clientid,
		   const uint8_t *prefer)
{
	struct bc_client *client = bc_client_lock(clientid);
	struct bc_request *ready = NULL;
	uint64_t now;

	if (!client) {
		bc_call_put(call);
		return -ENOMEM;
	}
	call->any_session = !prefer;
	if (prefer)
		memcpy(call->prefer, prefer, BC_SESSIONID_SIZE);
	call->client = client; /* takes over bc_client_lock()'s reference */
	bc_client_ref(client); /* the call may complete before we return */
	client->calls++;
	uatomic_inc(&bc_core.submitted);
	now = bc_now();
	uatomic_set(&client->called, now);
	uatomic_set(&bc_core.called, now);
	call->state = BC_CALL_DONE; /* in no list yet */
	call->deadline = call_deadline(now);
	/* Pairs with bc_core_stop_calls(): it finds this client in the table,
	 * or we see that it has begun.
	 */
	cmm_smp_mb();
	if (uatomic_read(&bc_core.stopping)) {
		call_done_later(call, BC_OUTCOME_FAILED);
	} else if (client->queued >= bc_core.config.max_queue) {
		call_done_later(call, BC_OUTCOME_DEFER);
	} else {
		call_enqueue(call, false, now);
		ready = ready_locked(client, now);
	}
	pthread_mutex_unlock(&client->lock);
	if (transmit(ready))
		bc_sender_run(client);
	bc_client_put(client);
	return 0;
}

void bc_call_defer(struct bc_call *call)
{
	uatomic_inc(&bc_core.submitted);
	call->outcome = BC_OUTCOME_DEFER;
	call->work.run = complete_work;
	bc_completion_queue(&call->work);
}

/* Sending ------------------------------------------------------------------ */

/* Look at a callback that is out once more before its answer is due. */
static void call_look_again(struct bc_call *call, uint64_t now)
{
	uint64_t when = now + LOOK_INTERVAL;

	cds_list_del(&call->link);
	call_time_sent(call, when < call->answer_by ? when : call->answer_by);
}

/* Send a slot's request, again or at last, at @when. */
static void slot_wait(struct bc_session *session, struct bc_slot *slot,
		      uint64_t when)
{
	slot->when = when;
	bc_slots_set(&session->slots, slot, BC_SLOT_DELAYED);
	bc_client_arm_locked(session->client, slot->when);
}

/* Put a slot's callback on a connection. @return +2 refs: the slot's and the
 * sending thread's; or NULL: out of memory, the slot waits a little.
 */
static struct bc_request *slot_request(struct bc_session *session,
				       struct bc_slot *slot,
				       struct bc_conn *conn, uint64_t now)
{
	struct bc_call *call = slot->call;
	struct bc_request *req =
		bc_core.ops->request_new(bc_cb_compound_size(call->args_len));

	if (!req) {
		slot_wait(session, slot, now + DELAY_FIRST);
		return NULL;
	}
	urcu_ref_init(&req->ref);
	urcu_ref_get(&req->ref);
	bc_slots_set(&session->slots, slot, BC_SLOT_BUSY);
	slot->when = now;
	slot->req = req;
	req->session = session;
	req->conn = conn;
	req->security = session->security;
	req->call = call;
	urcu_ref_get(&call->ref);
	bc_session_ref(session);
	bc_conn_ref(conn);
	urcu_ref_get(&session->security->ref);

	req->retry = slot->retry;
	memcpy(req->sequence.session, session->id, BC_SESSIONID_SIZE);
	req->sequence.sequence = slot->sequence;
	req->sequence.slot = (uint32_t)(slot - session->slots.slots);
	req->sequence.highest_slot = bc_slots_highest(&session->slots);
	bc_cb_compound_encode(req->body, call->minorversion, &req->sequence,
			      call->args, call->args_len);
	if (call->state == BC_CALL_SENT && call->slot == slot) {
		call->answer_by = not_beyond_deadline(
			call, now + bc_core.config.callback_timeout);
		call_look_again(call, now);
	}
	return req;
}

static bool fits(const struct bc_session *session, const struct bc_call *call)
{
	return bc_security_fits(session->security, session->max_request_size,
				call->args_len);
}

/* The connection over which a session can take the callback, or NULL. */
static struct bc_conn *can_take(const struct bc_session *session,
				const struct bc_call *call)
{
	if (!session->paths || !bc_slots_available(&session->slots) ||
	    !fits(session, call))
		return NULL;
	return bc_session_path_locked(session);
}

/* Whether the callback waits for a slot, and not for a larger limit. */
static bool waits_for_slot(const struct bc_client *client,
			   const struct bc_call *call)
{
	struct bc_session *session;

	cds_list_for_each_entry(session, &client->sessions, client_link)
		if (session->paths && fits(session, call))
			return true;
	return false;
}

/* The session that was asked for if it can, else any of the client's; and its
 * connection, chosen once: it may go down at any moment.
 */
static struct bc_session *session_for(const struct bc_client *client,
				      const struct bc_call *call,
				      struct bc_conn **conn)
{
	struct bc_session *session, *any = NULL;

	cds_list_for_each_entry(session, &client->sessions, client_link) {
		struct bc_conn *path = can_take(session, call);

		if (!path)
			continue;
		any = session;
		*conn = path;
		if (call->any_session ||
		    !memcmp(session->id, call->prefer, BC_SESSIONID_SIZE))
			break;
	}
	return any;
}

/* A request that lost its connection: same session, slot and sequence id. */
static struct bc_request *next_parked(const struct bc_client *client,
				      uint64_t now)
{
	struct bc_session *session;

	cds_list_for_each_entry(session, &client->sessions, client_link) {
		struct bc_slot *slot = session->slots.slots;
		struct bc_conn *conn;

		if (!session->slots.waiting)
			continue;
		conn = bc_session_path_locked(session);
		if (!conn)
			continue;
		while (slot->state != BC_SLOT_PARKED)
			slot++;
		return slot_request(session, slot, conn, now);
	}
	return NULL;
}

static struct bc_request *next_queued(const struct bc_client *client,
				      uint64_t now)
{
	struct bc_call *call;

	if (!client->paths)
		return NULL;
	cds_list_for_each_entry(call, &client->queue, link) {
		struct bc_conn *conn;
		struct bc_session *session = session_for(client, call, &conn);
		struct bc_slot *slot;
		int index;

		if (!session && waits_for_slot(client, call))
			return NULL;
		if (!session)
			continue;
		index = bc_slots_acquire(&session->slots);
		if (index < 0) {
			/* Out of memory: nothing else comes back to it. */
			bc_client_arm_locked(session->client,
					     now + DELAY_FIRST);
			return NULL;
		}
		slot = &session->slots.slots[index];
		slot->call = call;
		urcu_ref_get(&call->ref);
		call_unlink(call);
		call->slot = slot;
		call->session = session;
		call->expires = may_wait_until(call, now);
		call_time_sent(call, call->expires);
		return slot_request(session, slot, conn, now);
	}
	return NULL;
}

/* All requests that can go out now, in order: +1 ref each for the caller. */
static struct bc_request *ready_locked(struct bc_client *client, uint64_t now)
{
	struct bc_request *ready = NULL, **end = &ready;

	bc_assert_locked(&client->lock);
	do {
		*end = next_parked(client, now);
		if (!*end)
			*end = next_queued(client, now);
	} while (*end && (end = &(*end)->next));
	return ready;
}

static void attempt_failed(struct bc_call *call, struct bc_conn *conn);
static void slot_refused(struct bc_session *session, struct bc_slot *slot);

/* It was never sent: the sequence id is given back. */
static void send_failed(struct bc_request *req, int error)
{
	struct bc_session *session = req->session;
	struct bc_client *client = session->client;
	struct bc_slot *slot;

	bc_log(BC_LOG_WARN, "client %#lx: cannot encode a callback: %s",
	       (unsigned long)client->clientid, strerror(-error));
	pthread_mutex_lock(&client->lock);
	slot = &session->slots.slots[req->sequence.slot];
	if (session->open && slot->req == req) {
		if (slot->call->slot == slot)
			attempt_failed(slot->call, req->conn);
		slot_refused(session, slot);
	}
	pthread_mutex_unlock(&client->lock);
}

/* Consumes the sending thread's references. Holds no lock.
 * @return whether one could not be sent: another may go in its place
 */
static bool transmit(struct bc_request *ready)
{
	bool failed = false;

	while (ready) {
		struct bc_request *req = ready;
		int rc = bc_core.ops->send(req);

		ready = req->next;
		/* On -ENOTCONN the connection's end re-drives it. */
		if (rc && rc != -ENOTCONN) {
			send_failed(req, rc);
			failed = true;
		}
		bc_request_put(req);
	}
	return failed;
}

void bc_sender_run(struct bc_client *client)
{
	struct bc_request *ready;

	do {
		pthread_mutex_lock(&client->lock);
		ready = ready_locked(client, bc_now());
		pthread_mutex_unlock(&client->lock);
	} while (transmit(ready));
}

/* Replies ------------------------------------------------------------------ */

/* The slot waits no longer for the reply to its request. */
static void slot_drop_request(struct bc_slot *slot)
{
	if (slot->req)
		bc_request_put(slot->req);
	slot->req = NULL;
}

/* The slot's request has ended: free the slot, or count it as lost. */
static void slot_done(struct bc_session *session, struct bc_slot *slot,
		      enum bc_sequence_fate fate)
{
	struct bc_call *call = slot->call;

	slot_drop_request(slot);
	slot->call = NULL;
	bc_slots_release(&session->slots, slot, fate);
	if (call->slot == slot)
		call->slot = NULL;
	bc_call_put(call);
	if (slot->state == BC_SLOT_LOST)
		bc_log(BC_LOG_WARN,
		       "client %#lx: a back channel slot's sequence is lost (%u of %u)",
		       (unsigned long)session->client->clientid,
		       session->slots.lost, session->slots.size);
}

/* Start over with another slot, as a new request. */
static void call_redo(struct bc_call *call)
{
	uint64_t now = bc_now();

	if (call->state == BC_CALL_DONE)
		return;
	call_unlink(call);
	if (now < call->deadline) {
		call_enqueue(call, true, now);
	} else {
		call->state = BC_CALL_DONE;
		call_done_later(call, BC_OUTCOME_FAILED);
	}
}

/* The client counts otherwise: start over at once, while that may help. */
static void call_redo_sequence(struct bc_call *call, struct bc_conn *conn)
{
	if (call->redone++ < REDO_MAX)
		call_redo(call);
	else
		attempt_failed(call, conn);
}

/* The same request again, later, as the client asked. */
static void slot_delay(struct bc_session *session, struct bc_slot *slot)
{
	uint64_t delay = DELAY_FIRST << (slot->delays < 6 ? slot->delays : 6);

	if (delay > DELAY_MAX)
		delay = DELAY_MAX;
	slot_drop_request(slot);
	slot->delays++;
	slot_wait(session, slot, bc_now() + delay);
}

/* The request did not count, or so it seems: of a retry the first sending may
 * have, and only the same request again can tell.  It is asked as long as the
 * callback lasts.
 */
static void slot_refused(struct bc_session *session, struct bc_slot *slot)
{
	if (slot->retry && slot->call->state == BC_CALL_DONE)
		slot_done(session, slot, BC_SEQUENCE_ASSUMED);
	else if (slot->retry)
		slot_delay(session, slot);
	else
		slot_done(session, slot, BC_SEQUENCE_STAYS);
}

/* The client says that the connection is not bound: believe it. */
static void slot_unbound(struct bc_session *session, struct bc_slot *slot,
			 const struct bc_conn *conn)
{
	struct bc_binding *binding = bc_binding_find_locked(session, conn);

	slot_drop_request(slot);
	bc_slots_set(&session->slots, slot, BC_SLOT_PARKED);
	if (binding)
		bc_binding_set_locked(binding, BC_BINDING_SILENT);
}

/* What the reply means for the slot and for its callback.
 * @return whether the caller is to complete the callback, with this reply
 */
static bool apply(enum bc_verdict verdict, struct bc_request *req,
		  const struct bc_reply *reply)
{
	struct bc_session *session = req->session;
	struct bc_slot_table *table = &session->slots;
	struct bc_slot *slot = &table->slots[req->sequence.slot];
	struct bc_call *call = slot->call;
	bool current = call->state != BC_CALL_DONE;
	bool latest = call->slot == slot;

	switch (verdict) {
	case BC_VERDICT_DONE:
		bc_slots_set_highest(table, &req->sequence,
				     reply->sequence.highest_slot,
				     reply->target_highest_slot);
		if (current)
			call_done(call, BC_OUTCOME_REPLY);
		slot_done(session, slot, BC_SEQUENCE_ADVANCES);
		return current;
	case BC_VERDICT_RAN:
		if (current)
			call_done(call, BC_OUTCOME_RAN);
		slot_done(session, slot, BC_SEQUENCE_ADVANCES);
		return current;
	case BC_VERDICT_TOO_BIG:
		if (current)
			call_done(call, BC_OUTCOME_REPLY);
		slot_done(session, slot, BC_SEQUENCE_STAYS);
		return current;
	case BC_VERDICT_REDO:
		if (latest)
			call_redo_sequence(call, req->conn);
		slot_done(session, slot, BC_SEQUENCE_ADVANCES);
		return false;
	case BC_VERDICT_REFUSED:
		if (latest)
			attempt_failed(call, req->conn);
		slot_refused(session, slot);
		return false;
	case BC_VERDICT_GARBLED:
		if (latest)
			attempt_failed(call, req->conn);
		slot_done(session, slot, BC_SEQUENCE_ASSUMED);
		return false;
	case BC_VERDICT_DELAY:
		if (current)
			slot_delay(session, slot);
		else
			slot_done(session, slot, BC_SEQUENCE_STAYS);
		return false;
	case BC_VERDICT_UNBOUND:
		slot_unbound(session, slot, req->conn);
		return false;
	case BC_VERDICT_MISORDERED:
		if (latest)
			call_redo_sequence(call, req->conn);
		slot_done(session, slot, BC_SEQUENCE_MISORDERED);
		return false;
	case BC_VERDICT_BADSLOT:
		bc_slots_refused(table, req->sequence.slot);
		if (latest)
			call_redo(call);
		slot_done(session, slot, BC_SEQUENCE_STAYS);
		return false;
	case BC_VERDICT_MISMATCH:
	case BC_VERDICT_BADSESSION:
		if (latest)
			call_redo(call);
		slot_done(session, slot, BC_SEQUENCE_IS_LOST);
		if (verdict == BC_VERDICT_BADSESSION)
			bc_session_fault_locked(session);
		return false;
	}
	return false;
}

/* A connection that answers is not silent; but no path either while all that it
 * answers is that it takes no callbacks.
 */
static void heard_on(const struct bc_session *session, struct bc_conn *conn,
		     enum bc_verdict verdict)
{
	struct bc_binding *binding = bc_binding_find_locked(session, conn);

	bc_conn_answered(conn);
	if (binding && binding->state == BC_BINDING_SILENT &&
	    verdict != BC_VERDICT_REFUSED)
		bc_binding_set_locked(binding, BC_BINDING_LIVE);
}

/* Whether the slot waits for the reply to this request: it is out; or its
 * connection was lost just before the reply that came over it was handled, and
 * it has not been sent again.
 */
static bool awaited(const struct bc_session *session,
		    const struct bc_slot *slot, const struct bc_request *req)
{
	if (!session->open)
		return false;
	return slot->req == req ||
	       (slot->state == BC_SLOT_PARKED && slot->call == req->call &&
		slot->sequence == req->sequence.sequence);
}

static void callback_replied(struct bc_request *req, struct bc_reply *reply)
{
	struct bc_session *session = req->session;
	struct bc_client *client = session->client;
	struct bc_request *ready = NULL;
	struct bc_call *call = NULL;
	enum bc_verdict verdict =
		bc_cb_sequence_verdict(reply, &req->sequence, req->retry);
	struct bc_slot *slot;
	bool failed;

	if (verdict != BC_VERDICT_DONE && verdict != BC_VERDICT_DELAY)
		bc_log(BC_LOG_INFO, "client %#lx slot %u sequence %u: %s",
		       (unsigned long)client->clientid, req->sequence.slot,
		       req->sequence.sequence, bc_verdict_name(verdict));

	pthread_mutex_lock(&client->lock);
	slot = &session->slots.slots[req->sequence.slot];
	if (awaited(session, slot, req)) {
		heard_on(session, req->conn, verdict);
		call = slot->call;
		if (!apply(verdict, req, reply))
			call = NULL;
		if (!bc_slots_usable(&session->slots))
			bc_session_fault_locked(session);
		ready = ready_locked(client, bc_now());
	}
	pthread_mutex_unlock(&client->lock);

	failed = transmit(ready);
	if (call)
		call_complete(call,
			      call->outcome == BC_OUTCOME_REPLY ? reply : NULL);
	if (failed)
		bc_sender_run(client);
}

void bc_reply_arrived(struct bc_request *req, struct bc_reply *reply)
{
	if (req->call)
		callback_replied(req, reply);
	else
		bc_probe_replied(req, reply);
}

/* Timeouts and retries ----------------------------------------------------- */

/* No answer, or a refusal. Attempts are spaced 5, 10, 20 s; after the last the
 * connection counts as no path until it is bound anew or answers.
 */
static void attempt_failed(struct bc_call *call, struct bc_conn *conn)
{
	const struct bc_config *config = &bc_core.config;
	struct bc_session *session = call->session;
	struct bc_binding *binding;
	uint64_t delay;

	call_unlink(call);
	call->state = BC_CALL_DONE; /* in no list */
	delay = config->retry_first_delay << call->attempts;
	if (call->attempts < config->retry_attempts &&
	    bc_now() + delay < call->deadline) {
		call->attempts++;
		bc_log(BC_LOG_INFO,
		       "client %#lx: callback not answered, retry %u of %u in %lu ms",
		       (unsigned long)call->client->clientid, call->attempts,
		       config->retry_attempts, (unsigned long)delay);
		call_time_backoff(call, bc_now() + delay);
		return;
	}
	bc_log(BC_LOG_EVENT, "client %#lx: callback given up after %u attempts",
	       (unsigned long)call->client->clientid, call->attempts + 1);
	binding =
		session && conn ? bc_binding_find_locked(session, conn) : NULL;
	if (binding)
		bc_binding_set_locked(binding, BC_BINDING_SILENT);
	call_done_later(call, BC_OUTCOME_FAILED);
}

/* A callback whose request waits for a connection or was delayed. */
static void held_expired(struct bc_call *call, uint64_t now)
{
	struct bc_slot *slot = call->slot;
	uint64_t again = now + bc_core.config.callback_timeout;

	if (slot->state == BC_SLOT_PARKED && call->client->paths) {
		call_redo(call); /* another session of the client has a path */
	} else if (now >= call->expires) {
		call_done_later(call, slot->state == BC_SLOT_PARKED ?
					      BC_OUTCOME_FAILED :
					      BC_OUTCOME_DEFER);
	} else {
		cds_list_del(&call->link);
		call_time_sent(call,
			       again < call->expires ? again : call->expires);
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
	call_look_again(call, now);
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
		attempt_failed(call, call->slot->req->conn);
	else if (call->slot)
		held_expired(call, now);
	else
		call_redo(call);
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
		call_redo(call);
	}
}

/* Whether the request in a slot has been out for a lease. */
static bool unanswered(const struct bc_slot *slot, uint64_t now)
{
	return slot->state == BC_SLOT_BUSY &&
	       now - slot->when >= bc_core.config.lease_time;
}

/* No slot was free for a callback for a lease: connections that left a request
 * unanswered as long are no path.
 */
static void silence(struct bc_client *client, uint64_t now)
{
	struct bc_session *session;

	cds_list_for_each_entry(session, &client->sessions, client_link) {
		struct bc_slot_table *table = &session->slots;

		for (uint32_t i = 0; table->slots && i < table->size; i++) {
			struct bc_binding *binding = NULL;

			if (unanswered(&table->slots[i], now))
				binding = bc_binding_find_locked(
					session, table->slots[i].req->conn);
			if (binding)
				bc_binding_set_locked(binding,
						      BC_BINDING_SILENT);
		}
	}
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
		bc_log(BC_LOG_EVENT,
		       "client %#lx: callback given up, %s for %lu ms",
		       (unsigned long)client->clientid,
		       client->paths ? "no free slot" : "no path",
		       (unsigned long)bc_core.config.lease_time);
		if (client->paths)
			silence(client, now);
		call_done_later(call, BC_OUTCOME_FAILED);
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
	uint64_t now, when;

	pthread_mutex_lock(&client->lock);
	now = bc_now();
	client->armed = 0;
	expire_timed(client, now);
	expire_backoff(client, now);
	expire_queue(client, now);
	bc_client_retire_locked(client);
	when = first_when(&client->timed,
			  first_when(&client->backoff, UINT64_MAX));
	cds_list_for_each_entry(session, &client->sessions, client_link) {
		uint64_t delayed = expire_delayed(session, now);

		if (delayed < when)
			when = delayed;
	}
	if (!cds_list_empty(&client->queue) && client->queue_due < when)
		when = client->queue_due;
	if (when != UINT64_MAX)
		bc_client_arm_locked(client, when);
	pthread_mutex_unlock(&client->lock);
	bc_sender_run(client);
}

/* Connections and sessions that end ---------------------------------------- */

/* "A requester MUST NOT retry a request, unless the connection it used to send
 * the request disconnects.  The requester can then ... re-send the request
 * over a different connection that is associated with the same session."
 * 2.10.6.2.  It goes out at once if there is one (bc_sender_run()), else as
 * soon as one is bound.
 */
void bc_sender_conn_lost_locked(struct bc_session *session,
				const struct bc_conn *conn)
{
	struct bc_slot_table *table = &session->slots;
	unsigned int parked = 0;
	uint64_t now = bc_now();

	bc_assert_locked(&session->client->lock);
	for (uint32_t i = 0; table->slots && i < table->size; i++) {
		struct bc_slot *slot = &table->slots[i];
		struct bc_call *call = slot->call;

		if (!slot->req || slot->req->conn != conn)
			continue;
		slot_drop_request(slot);
		slot->retry = true;
		bc_slots_set(table, slot, BC_SLOT_PARKED);
		if (call->slot == slot)
			call->expires = may_wait_until(call, now);
		parked++;
	}
	if (parked)
		bc_log(BC_LOG_EVENT,
		       "client %#lx: connection lost with %u callbacks in flight, %s",
		       (unsigned long)session->client->clientid, parked,
		       session->paths ? "failing over" : "no other is bound");
}

void bc_sender_session_lost_locked(struct bc_session *session)
{
	struct bc_slot_table *table = &session->slots;

	bc_assert_locked(&session->client->lock);
	/* Each goes to the queue's front: the lowest slot last. */
	for (uint32_t i = table->slots ? table->size : 0; i-- > 0;) {
		struct bc_slot *slot = &table->slots[i];

		if (!slot->call)
			continue;
		if (slot->call->slot == slot)
			call_redo(slot->call);
		slot_done(session, slot, BC_SEQUENCE_STAYS);
	}
}

void bc_sender_end_all_locked(struct bc_client *client, enum bc_outcome outcome)
{
	struct bc_call *call, *next;

	bc_assert_locked(&client->lock);
	cds_list_for_each_entry_safe(call, next, &client->queue, link)
		call_done_later(call, outcome);
	cds_list_for_each_entry_safe(call, next, &client->timed, link)
		call_done_later(call, outcome);
	cds_list_for_each_entry_safe(call, next, &client->backoff, link)
		call_done_later(call, outcome);
}
