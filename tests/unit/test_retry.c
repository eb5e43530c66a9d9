/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Time: no reply, backoff, giving up, waiting for a path.
 *
 * Times are lower bounds only: a slow machine makes everything later.
 */
#include "fake_test.h"

#include <sched.h>

#include "check.h"
#include "sane.h"

#define TIMEOUT 40 /* ms */
#define DELAY 20 /* ms */
#define STEP 1000 /* ms: more than a test's step takes */
#define LEASE 60 /* ms */
#define LOOK 700 /* ms: more than one interval between two looks */
#define LONG_LEASE 400 /* ms: half of it is noticeable on a slow machine */
#define STUCK                                                                  \
	(NO_PATH | BC_SEQ4_BACKCHANNEL_FAULT) /* and no slot is answered */

/* No reply is noticed soon; a lease is long. */
static const struct bc_config soon = {
	.callback_timeout = TIMEOUT,
	.retry_first_delay = DELAY,
};

/* No reply is noticed soon, and never given up within a test. */
static const struct bc_config persistent = {
	.callback_timeout = TIMEOUT,
	.retry_first_delay = DELAY,
	.retry_attempts = 20,
};

/* No reply is never noticed; a lease is short. */
static const struct bc_config lease = { .lease_time = LEASE };

static const struct bc_config long_lease = { .lease_time = LONG_LEASE };

/* Wait until a client is in a state that sends nothing. */
static void wait_until(struct bc_client *client,
		       bool (*condition)(struct bc_client *client))
{
	uint64_t give_up = bc_now() + FAKE_PATIENCE * 1000;
	bool met;

	do {
		fake_flush();
		pthread_mutex_lock(&client->lock);
		met = condition(client);
		pthread_mutex_unlock(&client->lock);
		CHECK(bc_now() < give_up);
	} while (!met);
}

static bool backs_off(struct bc_client *client)
{
	return client->queued && cds_list_empty(&client->queue);
}

static bool has_no_path(struct bc_client *client)
{
	return client->paths == 0;
}

static bool queues(struct bc_client *client)
{
	return !cds_list_empty(&client->queue);
}

/* No reply ------------------------------------------------------------------ */

static void test_timeout_is_retried_in_other_slots_then_fails(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;
	uint64_t start = bc_now();

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	call = fake_submit(ALICE);
	for (uint32_t i = 0; i < 3; i++) {
		struct bc_request *req = assert_next(i, 1);

		assert_int_equal(fake_number(req), call->number);
		assert_false(req->retry);
		assert_true(bc_now() - start >= i * TIMEOUT + (i > 0) * DELAY +
							(i > 1) * 2 * DELAY);
		assert_false(fake_done(call));
	}
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_true(bc_now() - start >= 3 * TIMEOUT + 3 * DELAY);
	/* The silent slots stay reserved. */
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(fake_slot(session, i).state, BC_SLOT_BUSY);
	assert_int_equal(session->client->calls, 0);
}

/* A callback of which no attempt was answered. @return the first, as sent */
static struct fake_out fail_unanswered(void)
{
	struct fake_out out = fake_out(16);

	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	for (uint32_t i = 0; i < fake_config.retry_attempts; i++)
		fake_next();
	return out;
}

static void test_timeout_of_all_attempts_is_path_down(void **state)
{
	struct fake_out out = fail_unanswered();
	struct fake_call *call;
	struct bc_request *req;

	(void)state;
	assert_int_equal(fake_flags(out.session), NO_PATH);
	call = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_bind(out.session, out.conn);
	req = assert_next(3, 1);
	assert_int_equal(req->sequence.highest_slot, 3);
	assert_answer_completes(req, call);
}

static void test_timeout_given_up_then_answered_is_path_again(void **state)
{
	struct fake_out out = fail_unanswered();

	(void)state;
	assert_int_equal(fake_flags(out.session), NO_PATH);
	fake_answer_ok(out.req);
	assert_int_equal(fake_flags(out.session), 0);
	assert_int_equal(fake_slot(out.session, 0).sequence, 2);
	fake_submit(ALICE);
	assert_next(0, 2);
}

static void test_timeout_given_up_uses_other_connection(void **state)
{
	struct bc_session *session;
	struct bc_conn *silent, *other;

	(void)state;
	session = fake_two_paths(&silent, &other);
	fake_wait(fake_submit(ALICE));
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(fake_next()->conn, silent);
	assert_int_equal(fake_flags(session), 0);
	fake_submit(ALICE);
	assert_ptr_equal(fake_next()->conn, other);
}

static const struct bc_config long_backoff = { .callback_timeout = TIMEOUT };

static void test_late_reply_in_backoff_completes_and_frees_slot(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	wait_until(out.session->client, backs_off);
	assert_false(fake_done(out.call));
	assert_answer_completes(out.req, out.call);
	assert_int_equal(fake_slot(out.session, 0).state, BC_SLOT_FREE);
	fake_submit(ALICE);
	assert_next(0, 2);
}

static void test_late_reply_of_first_attempt_completes_once(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_request *second;

	(void)state;
	second = assert_next(1, 1);
	assert_answer_completes(out.req, out.call);
	assert_int_equal(fake_slot(out.session, 1).state, BC_SLOT_BUSY);
	fake_answer_ok(second); /* the fake forbids a second completion */
	assert_int_equal(fake_slot(out.session, 0).sequence, 2);
	assert_slot(out.session, 1, BC_SLOT_FREE, 2);
}

static void test_late_error_does_not_disturb_later_attempt(void **state)
{
	static const uint32_t errors[] = { NFS4ERR_RESOURCE,
					   NFS4ERR_SEQ_FALSE_RETRY,
					   NFS4ERR_BADSLOT };
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		struct bc_request *first, *second;
		struct bc_session *session;

		session = fake_path(ALICE, (uint8_t)(i + 1), 16, &conn);
		call = fake_submit(ALICE);
		first = fake_next();
		second = fake_next();
		fake_answer_error(second, errors[i]);
		assert_answer_completes(first, call);
		while (fake_pending())
			fake_next();
		fake_close(session);
	}
}

static void test_timeout_slots_all_silent_waits_for_reply(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	/* The retry finds no slot: nothing else may go out in this one. */
	wait_until(out.session->client, queues);
	assert_int_equal(fake_pending(), 0);
	assert_answer_completes(out.req, out.call);
	assert_int_equal(fake_pending(), 0);
	assert_int_equal(out.session->client->queued, 0);
}

static void test_timeout_then_lost_conn_settles_slot_elsewhere(void **state)
{
	struct fake_out out = fail_unanswered();
	struct bc_request *req;

	(void)state;
	fake_reconnect(out.session, out.conn);
	/* The callback has failed; its slots' sequences are settled. */
	for (uint32_t i = 0; i < 3; i++) {
		req = assert_next(i, 1);
		assert_true(req->retry);
		fake_answer_ok(req);
		assert_int_equal(fake_slot(out.session, i).state, BC_SLOT_FREE);
	}
}

static void test_timeout_of_one_client_delays_no_other(void **state)
{
	struct bc_conn *other;

	(void)state;
	fake_out(1);
	fake_path(BOB, 2, 1, &other);
	for (int i = 0; i < 10; i++)
		assert_completes(fake_submit(BOB));
}

/* Half-open connections ------------------------------------------------------ */

static void test_look_stalled_and_heard_elsewhere_is_closed(void **state)
{
	struct bc_session *session;
	struct bc_conn *dead, *other;
	struct bc_request *req;

	(void)state;
	session = fake_path(ALICE, 1, 16, &dead);
	fake_stall(dead);
	fake_submit(ALICE);
	fake_next();
	fake_heard_unbound(session);
	wait_until(session->client, has_no_path);
	assert_int_equal(fake_flags(session), NO_PATH);
	other = fake_conn_to(session);
	req = assert_next(0, 1);
	assert_ptr_equal(req->conn, other);
	assert_true(req->retry);
}

static void test_look_stalled_fails_over_to_the_conn_that_speaks(void **state)
{
	struct bc_conn *dead, *other;
	struct bc_request *req;

	(void)state;
	fake_two_paths(&dead, &other);
	fake_stall(dead);
	fake_submit(ALICE);
	assert_ptr_equal(fake_next()->conn, dead);
	fake_heard(other);
	req = assert_next(0, 1);
	assert_ptr_equal(req->conn, other);
}

/* Wait until a request that is out has been looked at. */
static void wait_for_look(void)
{
	uint64_t until = bc_now() + LOOK;

	while (bc_now() < until)
		sched_yield();
	fake_flush();
}

static void test_look_slow_client_is_left_alone(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_heard_unbound(out.session);
	wait_for_look();
	assert_int_equal(fake_flags(out.session), 0);
	assert_answer_completes(out.req, out.call);
	assert_int_equal(fake_pending(), 0);
}

/* What was heard before the request was sent says nothing of an outage. */
static void test_look_stalled_and_unheard_since_is_left_alone(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	fake_conn_to(session);
	fake_heard_unbound(session);
	fake_heard(conn);
	fake_stall(conn);
	fake_submit(ALICE);
	assert_ptr_equal(fake_next()->conn, conn);
	wait_for_look();
	assert_int_equal(fake_flags(session), 0);
	assert_int_equal(fake_pending(), 0);
}

static uint32_t looks_at(struct bc_client *client)
{
	uint32_t looks = 0;

	pthread_mutex_lock(&client->lock);
	if (client->due.first)
		looks = caa_container_of(client->due.first, struct bc_call, due)
				->looks;
	pthread_mutex_unlock(&client->lock);
	return looks;
}

static bool looked_five_times(struct bc_client *client)
{
	return client->due.first &&
	       caa_container_of(client->due.first, struct bc_call, due)->looks >
		       5;
}

/* After 250, 250, 500, 500, 1000 ms; each perhaps a tick early. */
static void test_look_at_silent_client_backs_off(void **state)
{
	uint64_t start = bc_now();
	struct fake_out out = fake_out(16);

	(void)state;
	assert_int_equal(looks_at(out.session->client), 1);
	wait_until(out.session->client, looked_five_times);
	assert_true(bc_now() - start >= 250 + 250 + 500 + 500 + 1000 - 5 * 100);
	assert_answer_completes(out.req, out.call);
}

/* What is sent anew is looked at soon. */
static void test_look_begins_anew_with_each_attempt(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	wait_until(out.session->client, looked_five_times);
	fake_reconnect(out.session, out.conn);
	fake_next();
	assert_true(looks_at(out.session->client) <= 3);
}

/* No path ------------------------------------------------------------------- */

static void test_queue_without_path_fails_after_a_lease(void **state)
{
	struct bc_session *session;
	struct fake_call *calls[3];
	uint64_t start = bc_now();

	(void)state;
	session = fake_session(ALICE, 1, 16);
	for (int i = 0; i < 3; i++) {
		calls[i] = fake_submit(ALICE);
		fake_heard_unbound(session); /* a little later */
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(fake_wait(calls[i]), BC_OUTCOME_FAILED);
	assert_true(bc_now() - start >= LEASE);
	fake_conn_to(session);
	assert_int_equal(fake_pending(), 0);
}

/* A client that answers slowly has a path; one that does not answer has none. */
static void test_queue_expired_marks_unanswered_conn_only(void **state)
{
	uint64_t start = bc_now();
	struct fake_out out = fake_out(1);
	struct fake_call *call;

	(void)state;
	fake_submit(ALICE);
	call = fake_submit(ALICE);
	while (bc_now() - start < LONG_LEASE / 2)
		sched_yield();
	fake_answer_ok(out.req);
	fake_next();
	/* The third has waited for a lease; the second was out for half. */
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(out.session), 0);
	assert_int_equal(fake_wait(fake_submit(ALICE)), BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(out.session), STUCK);
}

static void test_queue_of_unknown_client_fails_after_a_lease(void **state)
{
	(void)state;
	assert_int_equal(fake_wait(fake_submit(ALICE)), BC_OUTCOME_FAILED);
	assert_core_empty();
}

static void test_request_too_large_for_all_fails_after_a_lease(void **state)
{
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	call = fake_submit_sized(ALICE, 8192);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_pending(), 0);
}

static const struct bc_config parked = {
	.callback_timeout = STEP,
	.lease_time = LEASE,
};

static void test_parked_without_path_fails_after_a_lease(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_down(out.conn);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	/* Its slot is settled when there is a path again. */
	fake_conn_to(out.session);
	fake_answer_ok(assert_next(0, 1));
	fake_submit(ALICE);
	assert_next(0, 2);
}

static const struct bc_config parked_long = { .callback_timeout = STEP };

static void test_parked_with_path_elsewhere_moves_there(void **state)
{
	struct bc_session *one, *two;
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(ALICE, 2, 16);
	call = fake_submit(ALICE);
	req = fake_next();
	assert_ptr_equal(req->session, one);
	fake_down(conn);
	fake_conn_to(two);
	req = assert_next_on(two, 0, 1);
	assert_false(req->retry);
	assert_answer_completes(req, call);
}

static const struct bc_config single_attempt = {
	.callback_timeout = 400, /* more than a round takes */
	.retry_attempts = FAKE_ZERO,
	.lease_time = LEASE,
};

/* Whatever a client does to its connections, a callback ends. */
static void test_deadline_holds_for_client_that_reconnects(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;
	unsigned int rounds = 0;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	call = fake_submit(ALICE);
	while (fake_next_unless(call) && !fake_done(call)) {
		uint64_t round_ends = bc_now() + 20;

		while (bc_now() < round_ends)
			sched_yield();
		conn = fake_reconnect(session, conn);
		assert_true(++rounds < 60);
	}
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
}

/* Slots that nobody answers for, and a callback that waits for one. */
static void test_queue_without_free_slot_for_a_lease_is_path_down(void **state)
{
	struct fake_out out = fake_out(1);
	struct fake_call *waits;

	(void)state;
	waits = fake_submit(ALICE);
	assert_int_equal(fake_wait(waits), BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(out.session), STUCK);
	fake_answer_ok(out.req);
	assert_int_equal(fake_flags(out.session), 0);
}

#define RETRY_TEST(test) FAKE_TEST(test, &soon)
#define LATE_TEST(test) FAKE_TEST(test, &persistent)
#define LEASE_TEST(test) FAKE_TEST(test, &lease)
/* Neither a timeout nor a lease ends within such a test. */
#define LOOK_TEST(test) FAKE_TEST(test, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RETRY_TEST(test_timeout_is_retried_in_other_slots_then_fails),
		RETRY_TEST(test_timeout_of_all_attempts_is_path_down),
		RETRY_TEST(test_timeout_given_up_then_answered_is_path_again),
		RETRY_TEST(test_timeout_given_up_uses_other_connection),
		FAKE_TEST(test_late_reply_in_backoff_completes_and_frees_slot,
			  &long_backoff),
		LATE_TEST(test_late_reply_of_first_attempt_completes_once),
		LATE_TEST(test_late_error_does_not_disturb_later_attempt),
		LATE_TEST(test_timeout_slots_all_silent_waits_for_reply),
		RETRY_TEST(test_timeout_then_lost_conn_settles_slot_elsewhere),
		RETRY_TEST(test_timeout_of_one_client_delays_no_other),
		LOOK_TEST(test_look_stalled_and_heard_elsewhere_is_closed),
		LOOK_TEST(test_look_stalled_fails_over_to_the_conn_that_speaks),
		LOOK_TEST(test_look_slow_client_is_left_alone),
		LOOK_TEST(test_look_stalled_and_unheard_since_is_left_alone),
		LOOK_TEST(test_look_at_silent_client_backs_off),
		LOOK_TEST(test_look_begins_anew_with_each_attempt),
		LEASE_TEST(test_queue_without_path_fails_after_a_lease),
		FAKE_TEST(test_queue_expired_marks_unanswered_conn_only,
			  &long_lease),
		LEASE_TEST(test_queue_of_unknown_client_fails_after_a_lease),
		LEASE_TEST(test_request_too_large_for_all_fails_after_a_lease),
		FAKE_TEST(test_parked_without_path_fails_after_a_lease,
			  &parked),
		FAKE_TEST(test_parked_with_path_elsewhere_moves_there,
			  &parked_long),
		FAKE_TEST(test_deadline_holds_for_client_that_reconnects,
			  &single_attempt),
		LEASE_TEST(
			test_queue_without_free_slot_for_a_lease_is_path_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
