/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A callback's way: submission, queue, slots, choice of connection, failover.
 */
#include "fake_test.h"

#include "sane.h"

/* Submission --------------------------------------------------------------- */

static void test_submit_with_path_sends_at_once(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	call = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 1);
	req = assert_next_on(session, 0, 1);
	assert_ptr_equal(req->conn, conn);
	assert_ptr_equal(req->security, session->security);
	assert_false(req->retry);
	assert_int_equal(req->sequence.highest_slot, 0);
	assert_int_equal(fake_number(req), call->number);
	assert_false(fake_done(call));
	fake_answer_ok(req);
	assert_true(fake_done(call));
	assert_int_equal(call->outcome, BC_OUTCOME_REPLY);
	assert_int_equal(call->reply.op_status, NFS4_OK);
}

static void test_submit_several_uses_slots_in_order(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	for (uint32_t i = 0; i < 16; i++) {
		struct bc_request *req;

		fake_submit(ALICE);
		req = assert_next_on(session, i, 1);
		assert_int_equal(req->sequence.highest_slot, i);
	}
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
}

static void test_submit_without_path_waits_for_bind(void **state)
{
	struct bc_session *session;
	struct fake_call *calls[3];

	(void)state;
	session = fake_session(ALICE, 1, 16);
	for (int i = 0; i < 3; i++)
		calls[i] = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_conn_to(session);
	assert_int_equal(fake_pending(), 3);
	for (int i = 0; i < 3; i++)
		assert_completes(calls[i]);
}

static void test_submit_before_session_waits_for_it(void **state)
{
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	call = fake_submit(ALICE);
	fake_path(ALICE, 1, 16, &conn);
	assert_completes(call);
}

static const struct bc_config queue_of_3 = { .max_queue = 3 };

static void test_submit_beyond_max_queue_is_deferred(void **state)
{
	struct fake_call *calls[3], *over;

	(void)state;
	for (int i = 0; i < 3; i++)
		calls[i] = fake_submit(ALICE);
	over = fake_submit(ALICE); /* the fake forbids completion inside */
	assert_int_equal(fake_wait(over), BC_OUTCOME_DEFER);
	for (int i = 0; i < 3; i++)
		assert_false(fake_done(calls[i]));
}

/* A client that refuses all callbacks: they wait for their next attempt. */
static void test_submit_beyond_those_in_backoff_is_deferred(void **state)
{
	struct fake_call *calls[3], *over;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	for (int i = 0; i < 3; i++) {
		calls[i] = fake_submit(ALICE);
		fake_answer(fake_next(),
			    (struct bc_reply){ .kind = BC_REPLY_RPC_ERROR });
	}
	over = fake_submit(ALICE);
	assert_int_equal(fake_wait(over), BC_OUTCOME_DEFER);
	for (int i = 0; i < 3; i++)
		assert_false(fake_done(calls[i]));
}

static const struct bc_config queue_of_1 = { .max_queue = 1 };

static void test_submit_beyond_max_queue_hurts_nobody_else(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_submit(ALICE);
	fake_wait(fake_submit(ALICE));
	fake_path(BOB, 1, 16, &conn);
	assert_completes(fake_submit(BOB));
}

static void test_submit_with_path_does_not_count_as_queued(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	for (int i = 0; i < 16; i++)
		fake_submit(ALICE);
	assert_int_equal(fake_pending(), 16);
	fake_submit(ALICE);
	assert_int_equal(fake_wait(fake_submit(ALICE)), BC_OUTCOME_DEFER);
}

/* The fake forbids that it completes inside. */
static void test_defer_completes_a_moment_later(void **state)
{
	(void)state;
	assert_int_equal(fake_wait(fake_defer()), BC_OUTCOME_DEFER);
	assert_core_empty();
}

/* Slots -------------------------------------------------------------------- */

static void test_slots_one_sends_in_turn_and_in_order(void **state)
{
	struct bc_session *session;
	struct fake_call *calls[50];
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	for (int i = 0; i < 50; i++)
		calls[i] = fake_submit(ALICE);
	for (uint32_t i = 0; i < 50; i++) {
		struct bc_request *req;

		assert_int_equal(fake_pending(), 1);
		req = assert_next_on(session, 0, i + 1);
		assert_int_equal(fake_number(req), calls[i]->number);
		fake_answer_ok(req);
		assert_true(fake_done(calls[i]));
	}
	assert_int_equal(fake_pending(), 0);
}

static const struct bc_config slots_2 = { .max_slots = 2 };

static void test_slots_configured_limit_what_is_out(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	for (int i = 0; i < 5; i++)
		fake_submit(ALICE);
	assert_int_equal(fake_pending(), 2);
}

static void test_slots_sequence_wraps_around(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	assert_completes(fake_submit(ALICE));
	session->slots.slots[0].sequence = UINT32_MAX;
	fake_submit(ALICE);
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 1);
	for (int i = 0; i < 2; i++) {
		uint32_t sequence = i ? 0 : UINT32_MAX;

		fake_answer_ok(assert_next_on(session, 0, sequence));
	}
}

static void test_slots_freed_are_filled_from_queue(void **state)
{
	struct bc_request *first, *second;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 2, &conn);
	for (int i = 0; i < 4; i++)
		fake_submit(ALICE);
	first = fake_next();
	second = fake_next();
	fake_answer_ok(second);
	assert_int_equal(fake_next()->sequence.slot, 1);
	fake_answer_ok(first);
	assert_int_equal(fake_next()->sequence.slot, 0);
}

static struct bc_reply reply_target(const struct bc_request *req,
				    uint32_t target)
{
	struct bc_reply reply = fake_reply_ok(req);

	reply.target_highest_slot = target;
	return reply;
}

static void test_slots_target_shrunk_is_honoured(void **state)
{
	struct bc_request *reqs[4], *req;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	for (int i = 0; i < 8; i++)
		fake_submit(ALICE);
	for (int i = 0; i < 4; i++)
		reqs[i] = fake_next();
	for (int i = 3; i >= 0; i--) {
		assert_int_equal(fake_pending(), 0);
		fake_answer(reqs[i], reply_target(reqs[i], 0));
	}
	req = fake_next();
	assert_int_equal(req->sequence.slot, 0);
	assert_int_equal(req->sequence.highest_slot, 0);
	assert_int_equal(fake_pending(), 0);
}

static void test_slots_target_grown_is_used_at_once(void **state)
{
	struct fake_out out = fake_out(4);
	struct bc_request *req;

	(void)state;
	fake_answer(out.req, reply_target(out.req, 0));
	for (int i = 0; i < 8; i++)
		fake_submit(ALICE);
	assert_int_equal(fake_pending(), 1);
	req = fake_next();
	fake_answer(req, reply_target(req, 3));
	assert_int_equal(fake_pending(), 4);
}

/* Choice of session and connection ------------------------------------------ */

static void test_conn_heard_last_is_used(void **state)
{
	struct bc_conn *conns[3];

	(void)state;
	fake_paths(conns, 3);
	for (int i = 0; i < 3; i++) {
		fake_heard(conns[i]);
		fake_submit(ALICE);
		assert_ptr_equal(fake_next()->conn, conns[i]);
	}
}

static void test_conn_of_fore_channel_is_not_used(void **state)
{
	struct bc_session *session;
	enum bc_channels channels;
	struct bc_conn *conn, *fore;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	fore = fake_conn();
	bc_bind(session, fore, BC_BIND_FORE, &fore, &channels);
	fake_heard(fore);
	fake_submit(ALICE);
	assert_ptr_equal(fake_next()->conn, conn);
}

static void test_session_preferred_is_used(void **state)
{
	struct bc_session *sessions[3];
	struct bc_conn *conn;

	(void)state;
	for (int i = 0; i < 3; i++)
		sessions[i] = fake_path(ALICE, (uint8_t)(i + 1), 1, &conn);
	for (int i = 0; i < 3; i++) {
		fake_submit_to(ALICE, sessions[i]->id);
		assert_ptr_equal(fake_next()->session, sessions[i]);
	}
}

static void test_session_preferred_without_path_gives_way(void **state)
{
	struct bc_session *one, *two;
	struct bc_conn *conn;

	(void)state;
	one = fake_session(ALICE, 1, 16);
	two = fake_path(ALICE, 2, 16, &conn);
	fake_submit_to(ALICE, one->id);
	assert_ptr_equal(fake_next()->session, two);
}

static void test_session_full_gives_way(void **state)
{
	struct bc_session *one, *two;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 1, &conn);
	two = fake_path(ALICE, 2, 1, &conn);
	fake_submit_to(ALICE, one->id);
	assert_ptr_equal(fake_next()->session, one);
	fake_submit_to(ALICE, one->id);
	assert_ptr_equal(fake_next()->session, two);
	fake_submit_to(ALICE, one->id);
	assert_int_equal(fake_pending(), 0);
}

static struct bc_session *path_with_size(uint8_t number, uint32_t size)
{
	struct bc_session_attrs attrs = fake_attrs(ALICE, number, 16);
	struct bc_session *session;

	attrs.max_request_size = size;
	session = fake_session_add(&attrs);
	fake_conn_to(session);
	return session;
}

static void test_request_too_large_takes_other_session(void **state)
{
	struct bc_session *one, *two;

	(void)state;
	one = path_with_size(1, 512);
	two = path_with_size(2, 2048);
	for (int i = 0; i < 2; i++) {
		fake_submit_sized(ALICE, 1024);
		assert_ptr_equal(fake_next()->session, two);
	}
	fake_submit_to(ALICE, one->id);
	assert_ptr_equal(fake_next()->session, one);
}

/* "the XDR encoded size of the request, including the RPC headers" 18.36.3:
 * 24 bytes of RPC, 16 of credential and verifier, 52 of CB_COMPOUND and
 * CB_SEQUENCE up to the referring calls.
 */
static void test_request_of_exactly_the_limit_is_sent(void **state)
{
	(void)state;
	path_with_size(1, 24 + 16 + 52 + 100);
	fake_submit_sized(ALICE, 104);
	assert_int_equal(fake_pending(), 0);
	fake_submit_sized(ALICE, 100);
	assert_int_equal(fake_pending(), 1);
}

static void test_request_too_large_delays_nobody_else(void **state)
{
	struct fake_call *large, *small;
	struct bc_session *session;

	(void)state;
	path_with_size(1, 512);
	large = fake_submit_sized(ALICE, 1024);
	small = fake_submit(ALICE);
	assert_completes(small);
	assert_false(fake_done(large));
	session = path_with_size(2, 2048);
	assert_ptr_equal(fake_next()->session, session);
}

static void test_conn_serves_sessions_of_several_clients(void **state)
{
	struct bc_session *one, *two;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(BOB, 2, 16);
	fake_bind(two, conn);
	fake_submit(ALICE);
	fake_submit(BOB);
	req = assert_next_on(one, 0, 1);
	assert_ptr_equal(req->conn, conn);
	req = assert_next_on(two, 0, 1);
	assert_ptr_equal(req->conn, conn);
}

/* Connection lost ---------------------------------------------------------- */

static void test_lost_conn_fails_over_with_same_slot_and_sequence(void **state)
{
	struct bc_session *session;
	struct bc_conn *first, *second;
	struct fake_call *call;
	struct bc_request *req, *again;

	(void)state;
	session = fake_two_paths(&first, &second);
	assert_completes(fake_submit(ALICE));
	call = fake_submit(ALICE);
	req = fake_next();
	assert_ptr_equal(req->conn, first);
	fake_down(first);
	again = assert_next_on(session, 0, 2);
	assert_ptr_equal(again->conn, second);
	assert_true(again->retry);
	assert_int_equal(fake_number(again), call->number);
	assert_int_equal(again->body_len, req->body_len);
	assert_memory_equal(again->body, req->body, req->body_len);
	assert_answer_completes(again, call);
	/* The next one is no retry any more. */
	fake_submit(ALICE);
	again = assert_next_on(session, 0, 3);
	assert_false(again->retry);
}

/* Six callbacks for a session of four slots. */
static struct bc_session *four_out_two_queued(struct bc_conn **conn)
{
	struct bc_session *session = fake_path(ALICE, 1, 4, conn);

	for (int i = 0; i < 6; i++)
		fake_submit(ALICE);
	for (int i = 0; i < 4; i++)
		fake_next();
	return session;
}

static void test_lost_conn_fails_over_all_in_flight(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = four_out_two_queued(&conn);
	fake_conn_to(session);
	assert_int_equal(fake_pending(), 0);
	fake_down(conn);
	assert_int_equal(fake_pending(), 4);
	for (uint32_t i = 0; i < 4; i++) {
		struct bc_request *req = assert_next_on(session, i, 1);

		assert_true(req->retry);
		fake_answer_ok(req);
	}
	assert_int_equal(fake_pending(), 2);
}

static void test_lost_conn_leaves_requests_of_others(void **state)
{
	struct bc_session *session;
	struct bc_conn *first, *second;
	struct bc_request *req;

	(void)state;
	session = fake_path(ALICE, 1, 4, &first);
	fake_submit(ALICE);
	second = fake_conn_to(session);
	fake_heard(first);
	fake_submit(ALICE);
	fake_next();
	req = fake_next();
	fake_heard(second);
	fake_submit(ALICE);
	assert_ptr_equal(fake_next()->conn, second);
	fake_down(second);
	assert_int_equal(fake_pending(), 1);
	assert_next_on(session, 2, 1);
	fake_answer_ok(req);
}

static void test_lost_last_conn_parks_until_bind(void **state)
{
	struct fake_out out = fake_out(1);
	struct fake_call *later;
	struct bc_request *req;

	(void)state;
	fake_down(out.conn);
	assert_int_equal(fake_flags(out.session), NO_PATH);
	later = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_conn_to(out.session);
	assert_int_equal(fake_flags(out.session), 0);
	req = assert_next_on(out.session, 0, 1);
	assert_true(req->retry);
	assert_int_equal(fake_number(req), out.call->number);
	assert_answer_completes(req, out.call);
	assert_completes(later);
}

static void test_lost_conn_several_times_is_resent_each_time(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	call = fake_submit(ALICE);
	for (int i = 0; i < 5; i++) {
		assert_next_on(session, 0, 1);
		conn = fake_reconnect(session, conn);
	}
	assert_completes(call);
}

static void test_lost_conn_of_one_client_delays_no_other(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_conn *other;

	(void)state;
	fake_path(BOB, 2, 1, &other);
	fake_down(out.conn);
	assert_completes(fake_submit(BOB));
}

/* The transport's threads may handle both in either order. */
static void test_reply_overtaken_by_conn_down_counts(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	fake_down(out.conn);
	assert_answer_completes(out.req, out.call);
	fake_conn_to(out.session);
	assert_int_equal(fake_pending(), 0);
	fake_submit(ALICE);
	assert_next_on(out.session, 0, 2);
}

static void test_reply_after_failover_is_ignored(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	fake_reconnect(out.session, out.conn);
	fake_answer_ok(out.req);
	assert_false(fake_done(out.call));
	assert_completes(out.call);
}

static void test_reply_twice_counts_once(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	fake_submit(ALICE);
	fake_submit(ALICE);
	req = fake_next();
	fake_answer_ok(req);
	fake_answer_ok(req);
	fake_answer_error(req, NFS4ERR_BADSESSION);
	assert_false(session->fault);
	assert_next_on(session, 0, 2);
	assert_int_equal(fake_pending(), 0);
}

/* Session closed ------------------------------------------------------------ */

static void test_session_closed_sends_anew_on_other(void **state)
{
	struct bc_session *one, *two;
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(ALICE, 2, 16);
	fake_bind(two, conn);
	call = fake_submit_to(ALICE, one->id);
	req = fake_next();
	assert_ptr_equal(req->session, one);
	fake_close(one);
	fake_answer_ok(req);
	assert_false(fake_done(call));
	req = assert_next_on(two, 0, 1);
	assert_false(req->retry);
	assert_answer_completes(req, call);
}

static void test_session_closed_keeps_order_of_callbacks(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = four_out_two_queued(&conn);
	fake_close(session);
	fake_path(ALICE, 2, 1, &conn);
	for (uint32_t i = 1; i <= 6; i++) {
		struct bc_request *req = fake_next();

		assert_int_equal(fake_number(req), i);
		fake_answer_ok(req);
	}
}

static void test_session_closed_alone_waits_for_another(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_session *session;
	struct bc_request *req;

	(void)state;
	fake_close(out.session);
	assert_int_equal(fake_pending(), 0);
	session = fake_session(ALICE, 2, 16);
	fake_bind(session, out.conn);
	req = assert_next_on(session, 0, 1);
	assert_false(req->retry);
	assert_answer_completes(req, out.call);
}

static void test_session_closed_with_parked_sends_anew_on_other(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_session *session;
	struct bc_conn *other;

	(void)state;
	fake_down(out.conn);
	session = fake_path(ALICE, 2, 16, &other);
	assert_int_equal(fake_flags(out.session), BC_SEQ4_CB_PATH_DOWN_SESSION);
	fake_close(out.session);
	assert_next_on(session, 0, 1);
	assert_false(fake_done(out.call));
}

static void test_client_destroyed_in_flight_settles_slot_by_reply(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	bc_client_destroy(ALICE);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_answer_ok(out.req);
	assert_next_on(out.session, 0, 2);
}

/* What fails here ----------------------------------------------------------- */

static void test_send_enotconn_waits_for_conn_down(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	fake_fail_sends(-ENOTCONN, 1);
	call = fake_submit(ALICE);
	assert_int_equal(fake_failed_sends(), 1);
	fake_conn_to(session);
	assert_int_equal(fake_pending(), 0);
	fake_down(conn);
	assert_next_on(session, 0, 1);
	assert_false(fake_done(call));
}

static const struct bc_config quick_retries = { .retry_first_delay = 20 };

static void test_send_failed_gives_sequence_back_and_retries(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	fake_fail_sends(-EIO, 1);
	call = fake_submit(ALICE);
	req = assert_next_on(session, 0, 1);
	assert_false(req->retry);
	assert_answer_completes(req, call);
}

static void test_send_failed_always_gives_callback_up(void **state)
{
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	fake_fail_sends(-EIO, 1000);
	call = fake_submit(ALICE);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_failed_sends(), 1 + fake_config.retry_attempts);
	fake_fail_sends(0, 0);
}

/* One callback that cannot be encoded does not stop those behind it. */
static void test_send_failed_after_reply_sends_the_next(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	for (int i = 0; i < 3; i++)
		fake_submit(ALICE);
	req = fake_next();
	fake_fail_sends(-EIO, 1);
	fake_answer_ok(req);
	assert_int_equal(fake_failed_sends(), 1);
	assert_int_equal(fake_pending(), 1);
	req = assert_next_on(session, 0, 2);
	assert_int_equal(fake_number(req), 3);
}

static void test_request_not_made_is_tried_again_by_itself(void **state)
{
	struct fake_call *first, *second;
	struct bc_session *session;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	fake_fail_requests(1);
	first = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	second = fake_submit(ALICE);
	assert_next_on(session, 1, 1);
	assert_false(fake_done(second));
	req = assert_next_on(session, 0, 1);
	assert_int_equal(fake_number(req), first->number);
	fake_answer_ok(req);
	assert_true(fake_done(first));
}

static void test_request_not_made_for_failover_is_tried_again(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_conn *second;
	struct bc_request *req;

	(void)state;
	second = fake_conn_to(out.session);
	fake_fail_requests(2);
	fake_down(out.conn);
	req = assert_next_on(out.session, 0, 1);
	assert_true(req->retry);
	assert_ptr_equal(req->conn, second);
}

#define SENDER_TEST(test) FAKE_TEST(test, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SENDER_TEST(test_submit_with_path_sends_at_once),
		SENDER_TEST(test_submit_several_uses_slots_in_order),
		SENDER_TEST(test_submit_without_path_waits_for_bind),
		SENDER_TEST(test_submit_before_session_waits_for_it),
		FAKE_TEST(test_submit_beyond_max_queue_is_deferred,
			  &queue_of_3),
		FAKE_TEST(test_submit_beyond_those_in_backoff_is_deferred,
			  &queue_of_3),
		FAKE_TEST(test_submit_beyond_max_queue_hurts_nobody_else,
			  &queue_of_1),
		FAKE_TEST(test_submit_with_path_does_not_count_as_queued,
			  &queue_of_1),
		SENDER_TEST(test_defer_completes_a_moment_later),
		SENDER_TEST(test_slots_one_sends_in_turn_and_in_order),
		FAKE_TEST(test_slots_configured_limit_what_is_out, &slots_2),
		SENDER_TEST(test_slots_sequence_wraps_around),
		SENDER_TEST(test_slots_freed_are_filled_from_queue),
		SENDER_TEST(test_slots_target_shrunk_is_honoured),
		SENDER_TEST(test_slots_target_grown_is_used_at_once),
		SENDER_TEST(test_conn_heard_last_is_used),
		SENDER_TEST(test_conn_of_fore_channel_is_not_used),
		SENDER_TEST(test_session_preferred_is_used),
		SENDER_TEST(test_session_preferred_without_path_gives_way),
		SENDER_TEST(test_session_full_gives_way),
		SENDER_TEST(test_request_too_large_takes_other_session),
		SENDER_TEST(test_request_of_exactly_the_limit_is_sent),
		SENDER_TEST(test_request_too_large_delays_nobody_else),
		SENDER_TEST(test_conn_serves_sessions_of_several_clients),
		SENDER_TEST(
			test_lost_conn_fails_over_with_same_slot_and_sequence),
		SENDER_TEST(test_lost_conn_fails_over_all_in_flight),
		SENDER_TEST(test_lost_conn_leaves_requests_of_others),
		SENDER_TEST(test_lost_last_conn_parks_until_bind),
		SENDER_TEST(test_lost_conn_several_times_is_resent_each_time),
		SENDER_TEST(test_lost_conn_of_one_client_delays_no_other),
		SENDER_TEST(test_reply_overtaken_by_conn_down_counts),
		SENDER_TEST(test_reply_after_failover_is_ignored),
		SENDER_TEST(test_reply_twice_counts_once),
		SENDER_TEST(test_session_closed_sends_anew_on_other),
		SENDER_TEST(test_session_closed_keeps_order_of_callbacks),
		SENDER_TEST(test_session_closed_alone_waits_for_another),
		SENDER_TEST(
			test_session_closed_with_parked_sends_anew_on_other),
		SENDER_TEST(
			test_client_destroyed_in_flight_settles_slot_by_reply),
		SENDER_TEST(test_send_enotconn_waits_for_conn_down),
		FAKE_TEST(test_send_failed_gives_sequence_back_and_retries,
			  &quick_retries),
		FAKE_TEST(test_send_failed_always_gives_callback_up,
			  &quick_retries),
		SENDER_TEST(test_send_failed_after_reply_sends_the_next),
		SENDER_TEST(test_request_not_made_is_tried_again_by_itself),
		SENDER_TEST(test_request_not_made_for_failover_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
