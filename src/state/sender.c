/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The sender: a callback's way from submission to completion.
 *
 * Purpose: send each of a client's callbacks as CB_SEQUENCE and one operation
 *   over some connection of some session of the client; complete it exactly
 *   once.  A state machine, not a thread: a submission, a reply, a bind, a
 *   disconnect or the timer moves it on.
 *   The states of a callback are drawn in call_state.c.
 * Data: the callbacks of struct bc_client, the slots of its sessions.  A slot
 *   carries a callback by a counted reference, and keeps it after the callback
 *   has completed otherwise: the slot's sequence is settled by that very
 *   request (RFC 5661 2.10.6.2: a retry is the same request).
 * Locking: everything under the client's lock; sending and completing outside.
 * Lifetime: a callback is its client's from submission to completion; whoever
 *   moves it to DONE completes it and drops that reference.
 * Invariants: a slot has at most one request out; a request is sent again only
 *   after its connection is lost or the client asked for it (DELAY).
 *
 * Read on from bc_call_submit() downwards.
 */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

/* A client that never accepts a sequence id is not asked at once for ever. */
#define REDO_MAX 8

/* XDR of no list of referring calls: their number. */
#define REFERRING_NONE 4

/* CB_SEQUENCE was answered with DELAY: again after this, doubling. */
#define DELAY_FIRST 100 /* ms */
#define DELAY_MAX 5000 /* ms */

/* Submission --------------------------------------------------------------- */

static struct bc_request *ready_locked(struct bc_client *client, uint64_t now);
static bool send_all(struct bc_request *ready);

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
	call->clientid = clientid;
	bc_client_ref(client); /* the call may complete before we return */
	client->calls++;
	bc_count_submitted(call->opcode);
	call->submitted = bc_now_ns();
	now = call->submitted / 1000000;
	call->deadline = bc_call_deadline(call, now);
	bc_trace_submit(call);
	/* Pairs with bc_core_stop_calls(): it finds this client in the table,
	 * or we see that it has begun.
	 */
	cmm_smp_mb();
	if (uatomic_read(&bc_core.stopping)) {
		bc_call_done_later_locked(call, BC_OUTCOME_FAILED,
					  "the server ends");
	} else if (client->queued >= bc_configured(max_queue)) {
		bc_count(BC_COUNT_QUEUE_FULL);
		bc_call_done_later_locked(call, BC_OUTCOME_DEFER,
					  "too many wait");
	} else {
		bc_call_enqueue_locked(call, false, now);
		ready = ready_locked(client, now);
	}
	pthread_mutex_unlock(&client->lock);
	if (send_all(ready))
		bc_sender_run(client);
	bc_client_put(client);
	return 0;
}

void bc_call_defer(struct bc_call *call, uint64_t clientid, const char *why)
{
	call->clientid = clientid;
	bc_count_submitted(call->opcode);
	bc_trace_submit(call);
	bc_call_complete_later(call, BC_OUTCOME_DEFER, why);
}

/* Sending ------------------------------------------------------------------ */

static void callback_replied(struct bc_request *req, struct bc_reply *reply);

/* Send a slot's request, again or at last, after @delay, ms. */
static void slot_wait(struct bc_session *session, struct bc_slot *slot,
		      uint64_t now, uint64_t delay)
{
	BC_TRACE(slot->call, "waits in slot %u for %lu ms",
		 (uint32_t)(slot - session->slots.slots), (unsigned long)delay);
	slot->when = now + delay;
	bc_slots_set(&session->slots, slot, BC_SLOT_DELAYED);
	bc_session_list_locked(session);
	bc_client_arm_locked(session->client, slot->when);
}

/* A request that is sent again is the same one (2.10.6.2), also if BACKCHANNEL_CTL
 * came in between, which is for later ones.  With "different arguments in the
 * operations" or another principal it would be a false retry (2.10.6.1.3.1).
 */
static void slot_keep_security(struct bc_slot *slot,
			       struct bc_security *security)
{
	if (slot->security)
		return;
	slot->security = security;
	urcu_ref_get(&security->ref);
}

/* Bytes of a callback's referring calls. */
static size_t referring_bytes(const struct bc_call *call)
{
	return call->referring_len ? call->referring_len - REFERRING_NONE : 0;
}

/* Bytes of it that are left out for it to fit, if it does: all its referring
 * calls or nothing.  Of a request that is sent again the same as before: neither
 * the session's limit nor the slot's security has changed.
 */
static size_t bytes_left_out(const struct bc_session *session,
			     const struct bc_security *security,
			     const struct bc_call *call)
{
	return bc_security_fits(security, session->max_request_size,
				call->args_len) ?
		       0 :
		       referring_bytes(call);
}

/* Bytes of its arguments when all is left out that can be. */
static size_t least_bytes(const struct bc_call *call)
{
	return call->args_len - referring_bytes(call);
}

static bool call_fits(const struct bc_session *session,
		      const struct bc_call *call)
{
	return bc_security_fits(session->security, session->max_request_size,
				least_bytes(call));
}

static void encode_call(struct bc_request *req, size_t left_out)
{
	const struct bc_call *call = req->call;

	bc_cb_compound_encode(req->body, call->minorversion, &req->sequence,
			      call->args + left_out, call->args_len - left_out);
	if (left_out) /* csa_referring_call_lists<>: none */
		memset(req->body + bc_cb_compound_size(0), 0, REFERRING_NONE);
}

/* Put a slot's callback on a connection. @return +2 refs: the slot's and the
 * sending thread's; or NULL: out of memory, the slot waits a little.
 */
static struct bc_request *slot_request(struct bc_session *session,
				       struct bc_slot *slot,
				       struct bc_conn *conn, uint64_t now)
{
	struct bc_call *call = slot->call;
	struct bc_security *security =
		slot->security ? slot->security : session->security;
	size_t left_out = bytes_left_out(session, security, call);
	struct bc_request *req = bc_core.ops->request_new(
		bc_cb_compound_size(call->args_len - left_out));

	if (!req) {
		slot_wait(session, slot, now, DELAY_FIRST);
		return NULL;
	}
	urcu_ref_init(&req->ref);
	urcu_ref_get(&req->ref);
	bc_slots_set(&session->slots, slot, BC_SLOT_BUSY);
	bc_session_list_locked(session);
	slot->when = now;
	slot->req = req;
	req->replied = callback_replied;
	req->session = session;
	req->conn = conn;
	req->security = security;
	req->call = call;
	urcu_ref_get(&call->ref);
	bc_session_ref(session);
	bc_conn_ref(conn);
	urcu_ref_get(&security->ref);
	slot_keep_security(slot, security);

	req->retry = slot->retry;
	memcpy(req->sequence.session, session->id, BC_SESSIONID_SIZE);
	req->sequence.sequence = slot->sequence;
	req->sequence.slot = (uint32_t)(slot - session->slots.slots);
	if (!slot->retry)
		slot->highest = bc_slots_highest(&session->slots);
	req->sequence.highest_slot = slot->highest;
	req->sequence.alone = call->args_len == BC_CB_ALONE_SIZE;
	encode_call(req, left_out);
	if (!call->patience)
		bc_question_note_locked(session, conn, now);
	return req;
}

/* The connection over which a session that is ready can take it, or NULL. */
static struct bc_conn *can_take(const struct bc_session *session,
				const struct bc_call *call)
{
	return call_fits(session, call) ? bc_binding_path_locked(session) :
					  NULL;
}

/* Whether the callback waits for a slot, and not for a larger limit. */
static bool waits_for_slot(const struct bc_client *client,
			   const struct bc_call *call)
{
	struct bc_session *session;

	cds_list_for_each_entry(session, &client->reachable, reachable_link)
		if (call_fits(session, call))
			return true;
	return false;
}

/* The session that was asked for if it is ready, or NULL. */
static struct bc_session *preferred(struct bc_client *client,
				    const struct bc_call *call)
{
	struct bc_session *session;

	if (call->any_session || cds_list_empty(&client->ready))
		return NULL;
	/* Most clients have one. */
	session = cds_list_first_entry(&client->ready, struct bc_session,
				       ready_link);
	if (!memcmp(session->id, call->prefer, BC_SESSIONID_SIZE))
		return session;
	session = bc_session_find_locked(client, call->prefer);
	return session && !cds_list_empty(&session->ready_link) ? session :
								  NULL;
}

/* The session that was asked for if it can, else any of the client's; and its
 * connection, chosen once: it may go down at any moment.
 */
static struct bc_session *session_for(struct bc_client *client,
				      const struct bc_call *call,
				      struct bc_conn **conn)
{
	struct bc_session *session = preferred(client, call);

	*conn = session ? can_take(session, call) : NULL;
	if (*conn)
		return session;
	cds_list_for_each_entry(session, &client->ready, ready_link) {
		*conn = can_take(session, call);
		if (*conn)
			return session;
	}
	return NULL;
}

/* A slot whose request is to be sent again.  One whose callback is over can wait
 * until its client is known to answer.
 */
static struct bc_slot *parked_slot(const struct bc_session *session,
				   bool any_over)
{
	const struct bc_slot_table *table = &session->slots;

	for (uint32_t i = 0; table->waiting && i < table->end; i++) {
		struct bc_slot *slot = &table->slots[i];

		if (slot->state == BC_SLOT_PARKED &&
		    (any_over || slot->call->state != BC_CALL_DONE))
			return slot;
	}
	return NULL;
}

/* A request that lost its connection: same session, slot and sequence id. */
static struct bc_request *next_parked(const struct bc_client *client,
				      uint64_t now)
{
	bool any_over = !bc_client_on_trial(client);
	struct bc_session *session;

	cds_list_for_each_entry(session, &client->parked, parked_link) {
		struct bc_slot *slot = parked_slot(session, any_over);
		struct bc_conn *conn =
			slot ? bc_binding_path_locked(session) : NULL;
		struct bc_request *req;
		struct bc_call *call;

		if (!conn)
			continue;
		req = slot_request(session, slot, conn, now);
		call = slot->call;
		if (req && call->state == BC_CALL_SENT && call->slot == slot)
			bc_call_sent_locked(call, now);
		return req;
	}
	return NULL;
}

/* A slot to ask with: one that owes an answer, and lost its connection; else a
 * free one. NULL: there is none.
 */
static struct bc_slot *question_slot(struct bc_session *session)
{
	struct bc_slot *slot = parked_slot(session, true);
	struct bc_call *question;
	int index;

	if (slot)
		return slot;
	if (!bc_security_fits(session->security, session->max_request_size,
			      BC_CB_ALONE_SIZE))
		return NULL;
	question = bc_question_new(session);
	index = question ? bc_slots_acquire(&session->slots) : -ENOMEM;
	if (index < 0) {
		if (question)
			bc_call_put(question);
		/* Out of memory: nothing else comes back to it. */
		bc_client_arm_locked(session->client, bc_now() + DELAY_FIRST);
		return NULL;
	}
	slot = &session->slots.slots[index];
	slot->call = question;
	return slot;
}

/* Nothing else goes out to a client on trial: ask whether it answers. */
static struct bc_request *next_question(struct bc_client *client, uint64_t now)
{
	struct bc_binding *binding;
	struct bc_request *req;
	struct bc_slot *slot;

	if (!client->paths || !bc_client_on_trial(client))
		return NULL;
	binding = bc_client_unasked_locked(client);
	slot = binding ? question_slot(binding->session) : NULL;
	if (!slot)
		return NULL;
	req = slot_request(binding->session, slot, binding->conn, now);
	if (!req)
		return NULL;
	bc_count(BC_COUNT_QUESTIONS);
	BC_TRACE(slot->call, "asks client %#lx, which is on trial",
		 (unsigned long)client->clientid);
	bc_question_sent_locked(client, now);
	return req;
}

static struct bc_request *next_queued(struct bc_client *client, uint64_t now)
{
	size_t too_large = SIZE_MAX; /* for each session that has a path */
	struct bc_call *call;

	if (!client->paths)
		return NULL;
	cds_list_for_each_entry(call, &client->queue, link) {
		struct bc_session *session;
		struct bc_request *req;
		struct bc_conn *conn;
		struct bc_slot *slot;
		int index;

		if (least_bytes(call) >= too_large)
			continue;
		session = session_for(client, call, &conn);
		if (!session && waits_for_slot(client, call))
			return NULL;
		if (!session) {
			BC_TRACE(call, "is too large for each path");
			too_large = least_bytes(call);
			continue;
		}
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
		bc_call_unlink_locked(call);
		call->slot = slot;
		call->session = session;
		call->expires = bc_call_may_wait_until(call, now);
		req = slot_request(session, slot, conn, now);
		if (req)
			bc_call_sent_locked(call, now);
		else
			bc_call_time_sent_locked(call, call->expires);
		return req;
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
		if (!*end)
			*end = next_question(client, now);
	} while (*end && (end = &(*end)->next));
	return ready;
}

static void slot_refused(struct bc_session *session, struct bc_slot *slot);

/* It was never sent: the sequence id is given back. */
static void send_failed(struct bc_request *req, int error)
{
	struct bc_session *session = req->session;
	struct bc_client *client = session->client;
	struct bc_slot *slot;

	bc_log_limited(BC_LIMITED_ENCODE, BC_LOG_WARN,
		       "client %#lx: callback %lu cannot be sent: %s",
		       (unsigned long)client->clientid,
		       (unsigned long)req->call->id, strerror(-error));
	bc_count(BC_COUNT_SEND_FAILED);
	pthread_mutex_lock(&client->lock);
	slot = &session->slots.slots[req->sequence.slot];
	if (session->open && slot->req == req) {
		if (slot->call->slot == slot)
			bc_call_attempt_failed_locked(slot->call, req->conn);
		slot_refused(session, slot);
	}
	pthread_mutex_unlock(&client->lock);
}

/* Consumes the sending thread's references. Holds no lock.
 * @return whether one could not be sent: another may go in its place
 */
static bool send_all(struct bc_request *ready)
{
	bool failed = false;

	while (ready) {
		struct bc_request *req = ready;
		bool retry = req->retry;
		int rc;

		ready = req->next;
		req->sent = bc_now_ns();
		rc = bc_core.ops->send(req);
		if (!rc)
			bc_count(BC_COUNT_SENT);
		if (!rc && retry)
			bc_count(BC_COUNT_FAILOVERS);
		if (rc)
			BC_TRACE(req->call, "not sent over connection %lu: %s",
				 (unsigned long)req->conn->number,
				 strerror(-rc));
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
	} while (send_all(ready));
}

/* Replies ------------------------------------------------------------------ */

/* The client counts otherwise: start over at once, while that may help. */
static void call_redo_sequence(struct bc_call *call, struct bc_conn *conn)
{
	if (call->redone++ < REDO_MAX)
		bc_call_redo_locked(call);
	else
		bc_call_attempt_failed_locked(call, conn);
}

/* The same request again, later, as the client asked. */
static void slot_delay(struct bc_session *session, struct bc_slot *slot)
{
	uint64_t delay = DELAY_FIRST << (slot->delays < 6 ? slot->delays : 6);

	if (delay > DELAY_MAX)
		delay = DELAY_MAX;
	bc_slot_drop_request_locked(slot);
	slot->delays++;
	slot_wait(session, slot, bc_now(), delay);
}

/* The client delays a request whose callback goes on; another one it may drop. */
static void slot_delayed(struct bc_session *session, struct bc_slot *slot)
{
	if (slot->call->state != BC_CALL_DONE)
		slot_delay(session, slot);
	else
		bc_slot_end_locked(session, slot, BC_SEQUENCE_STAYS);
}

/* An attempt that was answered, but not as a callback is. */
static void attempt_refused(struct bc_slot *slot, struct bc_conn *conn)
{
	if (slot->call->slot == slot)
		bc_call_attempt_failed_locked(slot->call, conn);
}

/* The request did not count, or so it seems: of a retry the first sending may
 * have, and only the same request again can tell.  It is asked as long as the
 * callback lasts.
 */
static void slot_refused(struct bc_session *session, struct bc_slot *slot)
{
	if (slot->retry && slot->call->state == BC_CALL_DONE)
		bc_slot_end_locked(session, slot, BC_SEQUENCE_ASSUMED);
	else if (slot->retry)
		slot_delay(session, slot);
	else
		bc_slot_end_locked(session, slot, BC_SEQUENCE_STAYS);
}

/* The client says that the connection is not bound: believe it. */
static void slot_unbound(struct bc_session *session, struct bc_slot *slot,
			 const struct bc_conn *conn)
{
	struct bc_binding *binding = bc_binding_find_locked(session, conn);

	bc_slot_drop_request_locked(slot);
	bc_slots_set(&session->slots, slot, BC_SLOT_PARKED);
	bc_session_list_locked(session);
	if (binding)
		bc_binding_set_locked(binding, BC_BINDING_SILENT);
}

/* The slot's callback ends with this reply, unless it has ended before.
 * @return whether the caller is to complete it
 */
static bool end_with(struct bc_session *session, struct bc_slot *slot,
		     enum bc_outcome outcome, enum bc_sequence_fate fate)
{
	bool current = slot->call->state != BC_CALL_DONE;

	if (current)
		bc_call_done_locked(slot->call, outcome);
	bc_slot_end_locked(session, slot, fate);
	return current;
}

/* The slot is free, or lost; its callback goes on elsewhere if nothing newer
 * carries it.
 */
static void start_over(struct bc_session *session, struct bc_slot *slot,
		       enum bc_sequence_fate fate)
{
	if (slot->call->slot == slot)
		bc_call_redo_locked(slot->call);
	bc_slot_end_locked(session, slot, fate);
}

/* The same because of the sequence id: the client counts otherwise. */
static void slot_resynchronise(struct bc_session *session, struct bc_slot *slot,
			       struct bc_conn *conn, enum bc_sequence_fate fate)
{
	if (slot->call->slot == slot)
		call_redo_sequence(slot->call, conn);
	bc_slot_end_locked(session, slot, fate);
}

/* What the reply means for the slot and for its callback.
 * @return whether the caller is to complete the callback, with this reply
 */
static bool apply_verdict(enum bc_verdict verdict, struct bc_request *req,
			  const struct bc_reply *reply)
{
	struct bc_session *session = req->session;
	struct bc_slot_table *table = &session->slots;
	struct bc_slot *slot = &table->slots[req->sequence.slot];

	switch (verdict) {
	case BC_VERDICT_DONE:
		bc_slots_set_highest(table, &req->sequence,
				     reply->sequence.highest_slot,
				     reply->target_highest_slot);
		return end_with(session, slot, BC_OUTCOME_REPLY,
				BC_SEQUENCE_ADVANCES);
	case BC_VERDICT_RAN:
		return end_with(session, slot, BC_OUTCOME_RAN,
				BC_SEQUENCE_ADVANCES);
	case BC_VERDICT_TOO_BIG:
		return end_with(session, slot, BC_OUTCOME_REPLY,
				BC_SEQUENCE_STAYS);
	case BC_VERDICT_REDO:
		slot_resynchronise(session, slot, req->conn,
				   BC_SEQUENCE_ADVANCES);
		return false;
	case BC_VERDICT_MISORDERED:
		slot_resynchronise(session, slot, req->conn,
				   BC_SEQUENCE_MISORDERED);
		return false;
	case BC_VERDICT_REFUSED:
		attempt_refused(slot, req->conn);
		slot_refused(session, slot);
		return false;
	case BC_VERDICT_GARBLED:
		attempt_refused(slot, req->conn);
		bc_slot_end_locked(session, slot, BC_SEQUENCE_ASSUMED);
		return false;
	case BC_VERDICT_DELAY:
		slot_delayed(session, slot);
		return false;
	case BC_VERDICT_UNBOUND:
		slot_unbound(session, slot, req->conn);
		return false;
	case BC_VERDICT_BADSLOT:
		bc_slots_refused(table, req->sequence.slot);
		start_over(session, slot, BC_SEQUENCE_STAYS);
		return false;
	case BC_VERDICT_BADSESSION:
		start_over(session, slot, BC_SEQUENCE_IS_LOST);
		bc_binding_fault_session_locked(session);
		return false;
	case BC_VERDICT_MISMATCH:
		start_over(session, slot, BC_SEQUENCE_IS_LOST);
		return false;
	}
	return false;
}

/* A connection that answers is not silent; but no path either while all that it
 * answers is that it takes no callbacks.
 */
static void heard_on(struct bc_session *session, struct bc_conn *conn,
		     enum bc_verdict verdict)
{
	struct bc_binding *binding = bc_binding_find_locked(session, conn);

	if (verdict == BC_VERDICT_REFUSED)
		return;
	if (binding)
		binding->answered = true;
	bc_client_answered_locked(session, binding);
}

/* Whether the slot waits for the reply to this request: it is out; or its
 * connection was lost just before the reply that came over it was handled, and
 * it has not been sent again.
 */
static bool reply_awaited(const struct bc_session *session,
			  const struct bc_slot *slot,
			  const struct bc_request *req)
{
	if (!session->open)
		return false;
	return slot->req == req ||
	       (slot->state == BC_SLOT_PARKED && slot->call == req->call &&
		slot->sequence == req->sequence.sequence);
}

/* bc_reply_arrived(), for a callback's request. Holds no lock. */
static void callback_replied(struct bc_request *req, struct bc_reply *reply)
{
	struct bc_session *session = req->session;
	struct bc_client *client = session->client;
	struct bc_request *ready = NULL;
	struct bc_call *call = NULL;
	enum bc_verdict verdict =
		bc_cb_sequence_verdict(reply, &req->sequence, req->retry);
	struct bc_slot *slot;
	uint64_t now;
	bool failed;

	if (verdict != BC_VERDICT_DONE && verdict != BC_VERDICT_DELAY)
		bc_log_limited(
			BC_LIMITED_VERDICT, BC_LOG_INFO,
			"client %#lx: callback %lu, slot %u sequence %u: %s",
			(unsigned long)client->clientid,
			(unsigned long)req->call->id, req->sequence.slot,
			req->sequence.sequence, bc_verdict_name(verdict));

	pthread_mutex_lock(&client->lock);
	now = bc_now_ns(); /* for one client, time does not go back */
	bc_trace_reply(req, reply, verdict, now - req->sent);
	slot = &session->slots.slots[req->sequence.slot];
	if (reply_awaited(session, slot, req)) {
		heard_on(session, req->conn, verdict);
		call = slot->call;
		if (!apply_verdict(verdict, req, reply))
			call = NULL;
		if (!bc_slots_usable(&session->slots))
			bc_binding_fault_session_locked(session);
		ready = ready_locked(client, now / 1000000);
	} else {
		BC_TRACE(req->call, "that answer is too late for its slot");
	}
	pthread_mutex_unlock(&client->lock);

	bc_count_verdict(verdict, now - req->sent);
	failed = send_all(ready);
	if (call)
		bc_call_complete(
			call, call->outcome == BC_OUTCOME_REPLY ? reply : NULL,
			now);
	if (failed)
		bc_sender_run(client);
}
