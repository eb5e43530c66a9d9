/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A callback's states, and what moves it from one to the next.
 *
 * Purpose: the transitions that the sender, the timeouts and the endings share;
 *   what each has to change together is in one function.
 *
 *      submit                 slot and path           reply
 *   ----------> QUEUED ---------------------> SENT -----------> DONE
 *                 ^  \ no path for a lease     | timeout,        ^
 *                 |   \------------------------|-refused---\     |
 *                 |                            v            \    |
 *                 '------------------------ BACKOFF          `--'
 *                        5, 10, 20 s           too many attempts
 *
 * Data: struct bc_call; the queue, the times and the counts of its struct
 *   bc_client; the slot that carries it.
 * Locking: the client's lock, but for bc_call_complete(), which is called
 *   without any.
 * Lifetime: a callback is its client's from submission to completion; whoever
 *   moves it to DONE completes it and drops that reference.
 * Invariants: a callback is in the queue if and only if it is QUEUED, and has a
 *   time in the client's heap unless it is NEW or DONE; it is NEW before its
 *   submission and on its way from one state to the next, and so only under the
 *   lock; one that is DONE never leaves that state.
 */
#include "trace.h"

/* Ganesha counts in whole seconds. */
#define REVOKE_SLACK 2000 /* ms */

/* When the connection of an unanswered request is looked at first; every other time
 * after is twice as long, so that who never answers is soon left alone.
 */
#define LOOK_FIRST 250 /* ms */
#define LOOKS_LONGER 32

/* The administrator's walk reads it without the lock. */
static void count_queued(struct bc_client *client, int by)
{
	uatomic_set(&client->queued, client->queued + (uint32_t)by);
}

void bc_call_unlink_locked(struct bc_call *call)
{
	assert(call->state != BC_CALL_DONE);
	switch (call->state) {
	case BC_CALL_QUEUED:
		cds_list_del(&call->link);
		count_queued(call->client, -1);
		bc_heap_remove(&call->client->due, &call->due);
		break;
	case BC_CALL_BACKOFF:
		count_queued(call->client, -1);
		bc_heap_remove(&call->client->due, &call->due);
		break;
	case BC_CALL_SENT:
		bc_heap_remove(&call->client->due, &call->due);
		break;
	case BC_CALL_NEW:
	case BC_CALL_DONE:
		break;
	}
	call->state = BC_CALL_NEW;
	call->slot = NULL;
	call->session = NULL;
}

/* A callback has a deadline, whatever the client does to its connections and
 * sessions meanwhile.
 */
uint64_t bc_call_not_beyond_deadline(const struct bc_call *call, uint64_t until)
{
	return until < call->deadline ? until : call->deadline;
}

uint64_t bc_call_may_wait_until(const struct bc_call *call, uint64_t now)
{
	return bc_call_not_beyond_deadline(call,
					   now + bc_configured(lease_time));
}

/* Ganesha revokes a delegation when a recall fails more than two leases after the
 * first: attempts that last longer would only keep others waiting, and so would
 * one that ends a little earlier.
 */
uint64_t bc_call_deadline(const struct bc_call *call, uint64_t now)
{
	uint64_t lease = bc_configured(lease_time);
	uint64_t timeout = bc_configured(callback_timeout);
	uint32_t retries = bc_configured(retry_attempts);
	uint64_t delay = bc_configured(retry_first_delay);
	uint64_t longest = 2 * lease + REVOKE_SLACK;
	uint64_t attempts = lease + timeout;

	if (call->patience)
		return now + call->patience;
	if (call->limit)
		return now + (call->limit < longest ? call->limit : longest);
	for (uint32_t i = 0; i < retries; i++)
		attempts += (delay << i) + timeout;
	return now + (attempts < longest ? attempts : longest);
}

/* Look at the callback again at @when. */
static void call_time(struct bc_call *call, uint64_t when)
{
	call->due.when = when;
	bc_heap_add(&call->client->due, &call->due);
	bc_client_arm_locked(call->client, when);
}

/* What it waits for, if it may not be sent at once. */
static void trace_waits(const struct bc_call *call)
{
	struct bc_client *client = call->client;

	if (!client->paths || cds_list_empty(&client->ready))
		BC_TRACE(call, "waits for a %s",
			 client->paths ? "slot" : "path");
}

/* Wait for a path and a slot; in front if it has waited before. */
void bc_call_enqueue_locked(struct bc_call *call, bool in_front, uint64_t now)
{
	struct bc_client *client = call->client;

	call->state = BC_CALL_QUEUED;
	if (in_front)
		cds_list_add(&call->link, &client->queue);
	else
		cds_list_add_tail(&call->link, &client->queue);
	count_queued(client, 1);
	call_time(call, bc_call_may_wait_until(call, now));
	trace_waits(call);
}

/* It is in a slot. */
void bc_call_time_sent_locked(struct bc_call *call, uint64_t when)
{
	call->state = BC_CALL_SENT;
	call_time(call, when);
}

/* It waits for its next attempt, and counts as one that is queued. */
static void call_time_backoff(struct bc_call *call, uint64_t when)
{
	call->state = BC_CALL_BACKOFF;
	count_queued(call->client, 1);
	call_time(call, when);
}

/* It has no time any more, and neither times out nor is sent again: who calls
 * this completes it, with bc_call_complete() once the lock is dropped.
 */
void bc_call_done_locked(struct bc_call *call, enum bc_outcome outcome)
{
	struct bc_client *client = call->client;

	bc_call_unlink_locked(call);
	call->state = BC_CALL_DONE;
	call->outcome = outcome;
	client->calls--;
	bc_client_retire_locked(client);
}

void bc_call_complete(struct bc_call *call, struct bc_reply *reply,
		      uint64_t now)
{
	uint64_t took = call->submitted ? now - call->submitted : 0;

	bc_trace_complete(call, took);
	if (call->done)
		call->done(call, call->outcome, reply);
	else
		bc_core.ops->complete(call, call->outcome, reply);
	bc_count_completed(call->opcode, call->outcome, took);
	bc_call_put(call);
}

static void complete_work(struct bc_work *work)
{
	bc_call_complete(caa_container_of(work, struct bc_call, work), NULL,
			 bc_now_ns());
}

static void complete_queue(struct bc_call *call)
{
	call->work.run = complete_work;
	bc_completion_queue(&call->work);
}

void bc_call_complete_later(struct bc_call *call, enum bc_outcome outcome,
			    const char *why)
{
	call->outcome = outcome;
	call->why = why;
	complete_queue(call);
}

/* For a caller that may not complete it itself. */
void bc_call_done_later_locked(struct bc_call *call, enum bc_outcome outcome,
			       const char *why)
{
	call->why = why;
	bc_call_done_locked(call, outcome);
	complete_queue(call);
}

void bc_call_time_again_locked(struct bc_call *call, uint64_t when)
{
	bc_heap_remove(&call->client->due, &call->due);
	bc_call_time_sent_locked(call, when);
}

/* When to look at the path of one that is out, before its answer is due. */
static uint64_t next_look(struct bc_call *call, uint64_t now)
{
	uint64_t when = now + (LOOK_FIRST << call->looks / 2);

	if (call->looks < LOOKS_LONGER)
		call->looks++;
	return when < call->answer_by ? when : call->answer_by;
}

void bc_call_sent_locked(struct bc_call *call, uint64_t now)
{
	if (call->state == BC_CALL_SENT)
		bc_heap_remove(&call->client->due, &call->due);
	call->answer_by = bc_call_not_beyond_deadline(
		call, now + bc_configured(callback_timeout));
	call->looks = 0;
	bc_call_time_sent_locked(call, next_look(call, now));
}

void bc_call_look_again_locked(struct bc_call *call, uint64_t now)
{
	bc_call_time_again_locked(call, next_look(call, now));
}

void bc_call_redo_locked(struct bc_call *call)
{
	uint64_t now = bc_now();

	if (call->state == BC_CALL_DONE)
		return;
	if (call->state != BC_CALL_BACKOFF)
		bc_count(BC_COUNT_REDRIVES);
	bc_call_unlink_locked(call);
	if (now >= call->deadline) {
		bc_call_done_later_locked(call, BC_OUTCOME_FAILED,
					  "its time is over");
		return;
	}
	BC_TRACE(call, "starts over as a new request");
	bc_call_enqueue_locked(call, true, now);
}

/* Whether a callback with only a short time was cut short of what an answer may
 * take.
 */
static bool too_short_to_tell(const struct bc_call *call, uint64_t now)
{
	uint64_t timeout = bc_configured(callback_timeout);
	uint64_t lease = bc_configured(lease_time);
	uint64_t fair = timeout < lease ? timeout : lease;

	return call->patience || (call->limit && !call->attempts &&
				  call->slot && now - call->slot->when < fair);
}

/* No answer, or a refusal. Attempts are spaced 5, 10, 20 s; after the last the
 * connection counts as no path until it is bound anew or answers.  One that has
 * only a short time is not tried again, and was too short to tell.
 */
void bc_call_attempt_failed_locked(struct bc_call *call, struct bc_conn *conn)
{
	uint32_t retries = bc_configured(retry_attempts);
	struct bc_session *session = call->session;
	struct bc_binding *binding;
	bool too_short = too_short_to_tell(call, bc_now());
	uint64_t delay;

	bc_call_unlink_locked(call);
	if (call->patience) {
		bc_call_done_later_locked(call, BC_OUTCOME_FAILED,
					  "no answer to its only attempt");
		return;
	}
	delay = bc_configured(retry_first_delay) << call->attempts;
	if (call->attempts < retries && bc_now() + delay < call->deadline) {
		call->attempts++;
		bc_count(BC_COUNT_RETRIES);
		bc_log_limited(
			BC_LIMITED_RETRY, BC_LOG_INFO,
			"client %#lx: callback %lu not answered, retry %u of %u in %lu ms",
			(unsigned long)call->client->clientid,
			(unsigned long)call->id, call->attempts, retries,
			(unsigned long)delay);
		BC_TRACE(call, "attempt %u failed, the next one in %lu ms",
			 call->attempts, (unsigned long)delay);
		call_time_backoff(call, bc_now() + delay);
		return;
	}
	bc_count(BC_COUNT_GIVEN_UP);
	bc_log_limited(BC_LIMITED_GIVEN_UP, BC_LOG_EVENT,
		       "client %#lx: callback %lu given up after %u attempts",
		       (unsigned long)call->client->clientid,
		       (unsigned long)call->id, call->attempts + 1);
	if (too_short) {
		bc_call_done_later_locked(
			call, BC_OUTCOME_FAILED,
			"no answer in the time that was left");
		return;
	}
	bc_client_doubt_locked(call->client);
	binding =
		session && conn ? bc_binding_find_locked(session, conn) : NULL;
	if (binding)
		bc_binding_set_locked(binding, BC_BINDING_SILENT);
	bc_call_done_later_locked(call, BC_OUTCOME_FAILED,
				  "no answer to any attempt");
}

/* Slots ------------------------------------------------------------------- */

void bc_slot_drop_request_locked(struct bc_slot *slot)
{
	if (slot->req)
		bc_request_put(slot->req);
	slot->req = NULL;
}

void bc_slot_end_locked(struct bc_session *session, struct bc_slot *slot,
			enum bc_sequence_fate fate)
{
	struct bc_call *call = slot->call;

	bc_slot_drop_request_locked(slot);
	if (slot->security)
		bc_security_put(slot->security);
	slot->security = NULL;
	slot->call = NULL;
	bc_slots_release(&session->slots, slot, fate);
	bc_session_list_locked(session);
	if (call->slot == slot)
		call->slot = NULL;
	bc_call_put(call);
	if (session->stuck && bc_slots_available(&session->slots))
		bc_session_set_stuck_locked(session, false);
	if (slot->state != BC_SLOT_LOST)
		return;
	bc_count(BC_COUNT_SLOTS_LOST);
	bc_log_limited(
		BC_LIMITED_SLOT_LOST, BC_LOG_WARN,
		"client %#lx: a back channel slot's sequence is lost (%u of %u)",
		(unsigned long)session->client->clientid, session->slots.lost,
		session->slots.size);
}
