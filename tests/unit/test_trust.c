/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who may be granted delegations: clients that answer, not clients that bind.
 */
#include "fake_test.h"

#include <sched.h>

#include "check.h"
#include "sane.h"

#define TIMEOUT 40 /* ms */
#define DELAY 20 /* ms */
#define FAULT BC_SEQ4_BACKCHANNEL_FAULT

/* No reply is noticed soon; a lease is long. */
static const struct bc_config soon = {
	.callback_timeout = TIMEOUT,
	.retry_first_delay = DELAY,
	.retry_attempts = 1,
};

/* Rather slowly, for what takes some steps before that. */
static const struct bc_config later = {
	.callback_timeout = 400,
	.retry_attempts = FAKE_ZERO,
};

/* Soon, and only once. */
static const struct bc_config once = {
	.callback_timeout = TIMEOUT,
	.retry_attempts = FAKE_ZERO,
};

static const struct bc_config short_lease = { .lease_time = 60 };

static bool is_trusted(const struct bc_session *session)
{
	struct bc_session_status status = bc_session_heard(session, NULL);

	CHECK(status.known);
	CHECK((status.standing & BC_STANDING_PATH) ||
	      !(status.standing & BC_STANDING_TRUSTED));
	return status.standing & BC_STANDING_TRUSTED;
}

static bool is_forgiven(const struct bc_session *session)
{
	return bc_session_heard(session, NULL).standing & BC_STANDING_FORGIVEN;
}

static void wait_flags(const struct bc_session *session, uint32_t flags)
{
	uint64_t until = bc_now() + FAKE_PATIENCE * 1000;

	while (fake_flags(session) != flags) {
		CHECK(bc_now() < until);
		sched_yield();
	}
}

/* Take so many requests that carry callbacks. */
static void take(unsigned int count)
{
	while (count--)
		assert_false(fake_next()->sequence.alone);
}

/* A callback that is given up; its attempts are taken. */
static void leave_unanswered(void)
{
	assert_int_equal(fake_wait(fake_submit(ALICE)), BC_OUTCOME_FAILED);
	take(1 + bc_core.config.retry_attempts);
}

static struct bc_request *next_question(void)
{
	struct bc_request *req = fake_next();

	assert_true(req->sequence.alone);
	return req;
}

/* Binding is no answer ------------------------------------------------------ */

static void test_trust_fresh_client_has_it(void **state)
{
	struct bc_session *session = fake_session(ALICE, 1, 16);

	(void)state;
	assert_false(is_trusted(session));
	fake_conn_to(session);
	assert_true(is_trusted(session));
	assert_int_equal(fake_pending(), 0);
}

static void test_trust_rebound_is_asked_and_answer_mends(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_request *req;

	(void)state;
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(out.session), NO_PATH);
	fake_bind(out.session, out.conn);
	assert_int_equal(fake_flags(out.session), 0);
	assert_false(is_trusted(out.session));
	/* CB_SEQUENCE alone, in a slot of its own: on this connection nothing is
	 * sent again.
	 */
	req = next_question();
	assert_request(req, 1, 1);
	assert_int_equal(fake_pending(), 0);
	fake_answer_ok(req);
	assert_true(is_trusted(out.session));
	assert_slot(out.session, 1, BC_SLOT_FREE, 2);
	/* Answered, the late one as well. */
	fake_answer_ok(out.req);
	assert_true(is_trusted(out.session));
	assert_int_equal(fake_pending(), 0);
}

static void test_trust_question_unanswered_is_no_path_again(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_wait(out.call);
	for (unsigned int i = 0; i < 3; i++) {
		fake_bind(out.session, out.conn);
		next_question();
		wait_flags(out.session, NO_PATH);
		assert_false(is_trusted(out.session));
	}
	assert_int_equal(fake_pending(), 0);
}

static void test_trust_question_refused_is_none(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_wait(out.call);
	fake_bind(out.session, out.conn);
	fake_answer_error(next_question(), NFS4ERR_RESOURCE);
	assert_false(is_trusted(out.session));
	wait_flags(out.session, NO_PATH);
}

static void test_trust_waiting_callback_is_the_question(void **state)
{
	struct fake_out out = fake_out(16);
	struct fake_call *call;
	struct bc_request *req;

	(void)state;
	fake_wait(out.call);
	call = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_bind(out.session, out.conn);
	req = fake_next();
	assert_false(req->sequence.alone);
	assert_int_equal(fake_pending(), 0);
	assert_false(is_trusted(out.session));
	assert_answer_completes(req, call);
	assert_true(is_trusted(out.session));
}

/* A client with many connections is not believed once for each. */
static void test_trust_is_lost_on_all_connections_at_once(void **state)
{
	struct bc_conn *conns[4];
	struct bc_session *session = fake_paths(conns, 4);
	struct bc_request *req;

	(void)state;
	fake_heard(conns[2]);
	leave_unanswered();
	assert_int_equal(fake_flags(session), 0);
	assert_false(is_trusted(session));
	/* The others are asked, one after the other. */
	for (int i = 0; i < 2; i++) {
		req = next_question();
		assert_ptr_not_equal(req->conn, conns[2]);
	}
	req = next_question();
	fake_answer_ok(req);
	assert_true(is_trusted(session));
}

static void test_trust_is_not_mended_by_another_session(void **state)
{
	struct bc_session *second;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	leave_unanswered();
	second = fake_path(ALICE, 2, 16, &conn);
	assert_int_equal(fake_flags(second), 0);
	assert_false(is_trusted(second));
	fake_answer_ok(next_question());
	assert_true(is_trusted(second));
}

/* Nor by a new session when the old ones are gone. */
static void test_trust_is_not_mended_by_a_new_beginning(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_session *second;

	(void)state;
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	fake_close(out.session);
	second = fake_session(ALICE, 2, 16);
	fake_bind(second, out.conn);
	assert_false(is_trusted(second));
	fake_answer_ok(next_question());
	assert_true(is_trusted(second));
	/* Its client id gone, it is another one. */
	fake_close(second);
	bc_client_destroy(ALICE);
	assert_int_equal(uatomic_read(&bc_core.clients.count), 0);
}

static void test_trust_lost_is_forgotten_after_a_lease(void **state)
{
	struct fake_out out = fake_out(16);
	uint64_t until = bc_now() + FAKE_PATIENCE * 1000;

	(void)state;
	fake_down(out.conn);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	fake_close(out.session);
	while (uatomic_read(&bc_core.clients.count)) {
		CHECK(bc_now() < until);
		sched_yield();
	}
}

static void test_trust_of_others_is_untouched(void **state)
{
	struct bc_session *bobs;
	struct bc_conn *conn;

	(void)state;
	bobs = fake_path(BOB, 2, 16, &conn);
	fake_path(ALICE, 1, 16, &conn);
	leave_unanswered();
	assert_true(is_trusted(bobs));
}

/* A request that is sent and waits a lease for a connection was not answered. */
static void test_trust_is_lost_with_the_connection_for_a_lease(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_request *req;

	(void)state;
	fake_down(out.conn);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	fake_conn_to(out.session);
	assert_false(is_trusted(out.session));
	req = assert_next(0, 1); /* asked with what it owes */
	assert_true(req->retry);
	fake_answer_ok(req);
	assert_true(is_trusted(out.session));
}

/* Slots whose callback is over ----------------------------------------------- */

/* Seven callbacks that nobody answers: at each bind one request goes out. */
static void test_over_are_not_all_sent_again_at_each_bind(void **state)
{
	struct bc_session *session;
	struct fake_call *calls[7];
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	for (int i = 0; i < 7; i++)
		calls[i] = fake_submit(ALICE);
	for (int i = 0; i < 7; i++)
		assert_int_equal(fake_wait(calls[i]), BC_OUTCOME_FAILED);
	take(7);
	assert_int_equal(fake_pending(), 0);
	for (int i = 0; i < 5; i++) {
		conn = fake_reconnect(session, conn);
		req = assert_next(0, 1);
		assert_true(req->retry);
		assert_int_equal(fake_pending(), 0);
		wait_flags(session, NO_PATH);
	}
	/* It comes back: all are settled, each once. */
	fake_reconnect(session, conn);
	for (uint32_t i = 0; i < 7; i++) {
		fake_answer_ok(assert_next(i, 1));
		assert_slot(session, i, BC_SLOT_FREE, 2);
	}
	assert_true(is_trusted(session));
	assert_int_equal(fake_pending(), 0);
}

/* No slot is answered --------------------------------------------------------- */

static void test_stuck_slots_are_a_fault_until_one_is_answered(void **state)
{
	struct fake_out out = fake_out(2);
	struct fake_call *second = fake_submit(ALICE);
	struct bc_request *req = fake_next();

	(void)state;
	fake_wait(out.call);
	fake_wait(second);
	wait_flags(out.session, NO_PATH | FAULT);
	/* A bind is no answer; and there is no slot to ask with. */
	fake_bind(out.session, out.conn);
	assert_int_equal(fake_flags(out.session), FAULT);
	assert_false(is_trusted(out.session));
	assert_int_equal(fake_pending(), 0);
	fake_answer_ok(req);
	assert_int_equal(fake_flags(out.session), 0);
	assert_true(is_trusted(out.session));
}

static void test_stuck_after_reconnects_is_a_fault_too(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_conn *conn;

	(void)state;
	fake_wait(out.call);
	wait_flags(out.session, NO_PATH | FAULT);
	conn = fake_reconnect(out.session, out.conn);
	assert_true(fake_next()->retry);
	wait_flags(out.session, NO_PATH | FAULT);
	fake_reconnect(out.session, conn);
	fake_answer_ok(assert_next(0, 1));
	assert_int_equal(fake_flags(out.session), 0);
}

static void test_stuck_ends_with_the_session(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_session *second;

	(void)state;
	fake_wait(out.call);
	wait_flags(out.session, NO_PATH | FAULT);
	second = fake_session(ALICE, 2, 16);
	fake_close(out.session);
	fake_bind(second, out.conn);
	assert_int_equal(fake_flags(second), 0);
	fake_answer_ok(next_question());
	assert_true(is_trusted(second));
}

/* Away with every slot in use, but it left none unanswered that it could see. */
static void test_stuck_is_not_who_was_away(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	fake_down(out.conn);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(out.session), NO_PATH);
	fake_conn_to(out.session);
	assert_int_equal(fake_flags(out.session), 0);
	fake_answer_ok(assert_next(0, 1));
	assert_int_equal(fake_flags(out.session), 0);
}

/* Revocations ------------------------------------------------------------------ */

static void test_revoked_is_forgiven_with_an_answer_only(void **state)
{
	static const uint8_t other[BC_STATEID_OTHER_SIZE] = { 1 };
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	assert_true(is_forgiven(session));
	bc_revoked_add(ALICE, other);
	assert_false(is_forgiven(session));
	assert_true(is_trusted(session)); /* it may just be slow to return */
	conn = fake_reconnect(session, conn);
	assert_false(is_forgiven(session));
	assert_false(is_trusted(session));
	fake_answer_ok(next_question());
	assert_true(is_forgiven(session));
	assert_true(is_trusted(session));
}

/* A client that begins with a new session has not answered either. */
static void test_revoked_is_remembered_without_session(void **state)
{
	static const uint8_t other[BC_STATEID_OTHER_SIZE] = { 2 };
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	bc_revoked_add(ALICE, other);
	fake_close(session);
	session = fake_session(ALICE, 2, 16);
	fake_bind(session, conn);
	assert_false(is_trusted(session));
	fake_answer_ok(next_question());
	assert_true(is_trusted(session));
}

/* One that speaks over its bound connection is not gone when that is closed. */
static void test_given_up_is_not_who_just_spoke(void **state)
{
	static const uint8_t other[BC_STATEID_OTHER_SIZE] = { 3 };
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	bc_revoked_add(ALICE, other);
	fake_heard(conn);
	fake_down(conn);
	assert_int_equal(fake_flags(session) & NO_PATH, NO_PATH);
	assert_false(bc_client_is_given_up(ALICE));
}

/* No question is waited for when nobody is left who could answer. */
static void test_end_waits_for_no_question(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;
	uint64_t begin;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(fake_wait(fake_submit(ALICE)), BC_OUTCOME_FAILED);
	take(1);
	fake_bind(session, conn);
	next_question();
	fake_down(conn);
	begin = bc_now();
	fake_stop();
	assert_true(bc_now() - begin < later.callback_timeout / 2);
	fake_start(&later);
}

#define SOON_TEST(test) FAKE_TEST(test, &soon)
#define ONCE_TEST(test) FAKE_TEST(test, &once)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOON_TEST(test_trust_fresh_client_has_it),
		ONCE_TEST(test_trust_rebound_is_asked_and_answer_mends),
		ONCE_TEST(test_trust_question_unanswered_is_no_path_again),
		ONCE_TEST(test_trust_question_refused_is_none),
		ONCE_TEST(test_trust_waiting_callback_is_the_question),
		FAKE_TEST(test_trust_is_lost_on_all_connections_at_once,
			  &later),
		SOON_TEST(test_trust_is_not_mended_by_another_session),
		ONCE_TEST(test_trust_is_not_mended_by_a_new_beginning),
		FAKE_TEST(test_trust_lost_is_forgotten_after_a_lease,
			  &short_lease),
		SOON_TEST(test_trust_of_others_is_untouched),
		FAKE_TEST(test_trust_is_lost_with_the_connection_for_a_lease,
			  &short_lease),
		ONCE_TEST(test_over_are_not_all_sent_again_at_each_bind),
		ONCE_TEST(test_stuck_slots_are_a_fault_until_one_is_answered),
		ONCE_TEST(test_stuck_after_reconnects_is_a_fault_too),
		ONCE_TEST(test_stuck_ends_with_the_session),
		FAKE_TEST(test_stuck_is_not_who_was_away, &short_lease),
		FAKE_TEST(test_revoked_is_forgiven_with_an_answer_only, NULL),
		FAKE_TEST(test_revoked_is_remembered_without_session, NULL),
		FAKE_TEST(test_given_up_is_not_who_just_spoke, NULL),
		FAKE_TEST(test_end_waits_for_no_question, &later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
