/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_NULL for each session on each connection that is bound to its back channel for
 * the first time.
 */
#include "fake_test.h"

#include <sched.h>

#include "check.h"
#include "sane.h"
#include "snapshot.h"

#define CONNS 40
#define SHORT 20 /* ms */
#define PROBE_TIMEOUT 300 /* ms: to answer a callback meanwhile */

static const struct bc_reply answered = { .kind = BC_REPLY_DECODED };
static const struct bc_reply refused = { .kind = BC_REPLY_RPC_ERROR };

static const struct bc_config probing = {
	.max_connections = CONNS,
	.probe = true,
};

static const struct bc_config probing_short = {
	.max_connections = CONNS,
	.probe = true,
	.callback_timeout = SHORT,
};

static const struct bc_config probing_timeout = {
	.max_connections = CONNS,
	.probe = true,
	.callback_timeout = PROBE_TIMEOUT,
};

static const struct bc_config probing_long = {
	.max_connections = CONNS,
	.probe = true,
	.callback_timeout = 1000 * 1000 * 1000,
};

/* The next request is the probe of a connection. */
static struct bc_request *next_probe(const struct bc_conn *conn)
{
	struct bc_request *req = fake_next();

	CHECK(!req->call && req->session);
	CHECK(req->body_len == 0);
	CHECK(req->conn == conn);
	return req;
}

/* Wait until SEQUENCE says this of a session. */
static void wait_flags(const struct bc_session *session, uint32_t flags)
{
	uint64_t until = bc_now() + FAKE_PATIENCE * 1000;

	while (fake_flags(session) != flags) {
		CHECK(bc_now() < until);
		sched_yield();
	}
}

static void test_probe_none_unless_configured(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(fake_pending(), 0);
}

static void test_probe_once_for_each_session_and_connection(void **state)
{
	struct bc_session *first, *second;
	struct bc_conn *conns[2];
	struct bc_request *req;

	(void)state;
	first = fake_path(ALICE, 1, 16, &conns[0]);
	req = next_probe(conns[0]);
	assert_ptr_equal(req->security, first->security);
	assert_ptr_equal(req->session, first);
	second = fake_session(BOB, 2, 16);
	fake_bind(second, conns[0]); /* its program may be another one */
	fake_bind(first, conns[0]); /* the same again */
	fake_answer(req, answered);
	req = next_probe(conns[0]);
	assert_ptr_equal(req->session, second);
	assert_ptr_equal(req->security, second->security);
	fake_answer(req, answered);
	fake_bind(second, conns[0]);
	assert_int_equal(fake_pending(), 0);
	conns[1] = fake_conn_to(first);
	next_probe(conns[1]);
	assert_int_equal(fake_pending(), 0);
	assert_int_equal(fake_flags(first), 0);
}

static void test_probe_not_before_the_reply_nor_for_fore(void **state)
{
	struct bc_session *session;
	enum bc_channels channels;
	struct bc_conn *conn;
	int reply;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	assert_int_equal(
		bc_bind(session, conn, BC_BIND_BACK, &reply, &channels), 0);
	assert_int_equal(fake_pending(), 0);
	bc_bind_replied(conn->transport, &reply);
	next_probe(conn);

	conn = fake_conn();
	assert_int_equal(
		bc_bind(session, conn, BC_BIND_FORE, &reply, &channels), 0);
	bc_bind_replied(conn->transport, &reply);
	assert_int_equal(fake_pending(), 0);
}

static void test_probe_delays_no_callback(void **state)
{
	struct bc_session *session;
	struct fake_call *calls[2];
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	calls[0] = fake_submit(ALICE);
	conn = fake_conn_to(session);
	req = fake_next();
	assert_int_equal(fake_number(req), calls[0]->number);
	next_probe(conn);
	calls[1] = fake_submit(ALICE);
	fake_answer_ok(req);
	fake_answer_ok(fake_next());
	assert_int_equal(fake_wait(calls[0]), BC_OUTCOME_REPLY);
	assert_int_equal(fake_wait(calls[1]), BC_OUTCOME_REPLY);
}

/* Refused: that session has no path over that connection, until it binds it. */
static void test_probe_refused_is_no_path_until_bound_anew(void **state)
{
	struct bc_session *first, *second;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	first = fake_path(ALICE, 1, 16, &conn);
	second = fake_session(BOB, 2, 16);
	fake_bind(second, conn);
	req = next_probe(conn);
	fake_answer(next_probe(conn), answered);
	fake_answer(req, refused);
	assert_int_equal(fake_flags(first), NO_PATH);
	assert_int_equal(fake_flags(second), 0); /* asked for itself */
	fake_answer(req, answered); /* too late: it had its answer */
	assert_int_equal(fake_flags(first), NO_PATH);
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);

	fake_bind(first, conn);
	assert_int_equal(fake_flags(first), 0);
	assert_int_equal(fake_flags(second), 0);
	assert_true(fake_next()->call != NULL);
	assert_int_equal(fake_pending(), 0);
}

static void test_probe_refused_leaves_other_connections(void **state)
{
	struct bc_session *session;
	struct bc_conn *conns[2];

	(void)state;
	session = fake_path(ALICE, 1, 16, &conns[0]);
	conns[1] = fake_conn_to(session);
	fake_answer(next_probe(conns[0]), refused);
	fake_answer(next_probe(conns[1]), answered);
	assert_int_equal(fake_flags(session), 0);
	fake_heard(conns[0]);
	fake_submit(ALICE);
	assert_ptr_equal(fake_next()->conn, conns[1]);
}

static void test_probe_that_cannot_be_sent_is_no_path(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	fake_fail_sends(-EIO, 1);
	session = fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(fake_failed_sends(), 1);
	assert_int_equal(fake_flags(session), NO_PATH);
}

static void test_probe_without_memory_is_none(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	fake_fail_requests(1);
	session = fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(fake_pending(), 0);
	assert_int_equal(fake_flags(session), 0);
}

static void test_probe_late_answer_is_a_path_again(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	req = next_probe(conn);
	wait_flags(session, NO_PATH);
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_answer(req, answered);
	assert_int_equal(fake_flags(session), 0);
	assert_true(fake_next()->call != NULL);
}

/* A connection that answers callbacks is a path, whatever became of the probe. */
static void test_probe_unanswered_where_callbacks_are_is_a_path(void **state)
{
	uint64_t until;
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	next_probe(conn);
	fake_submit(ALICE);
	fake_answer_ok(fake_next());
	until = bc_now() + 2 * PROBE_TIMEOUT;
	while (bc_now() < until)
		sched_yield();
	fake_flush();
	assert_int_equal(fake_flags(session), 0);
}

/* An answer to another session's is none to this one's. */
static void test_probe_unanswered_is_that_sessions_only(void **state)
{
	struct bc_session *first, *second;
	struct bc_conn *conn;

	(void)state;
	first = fake_path(ALICE, 1, 16, &conn);
	next_probe(conn);
	second = fake_session(BOB, 2, 16);
	fake_bind(second, conn);
	fake_answer(next_probe(conn), answered);
	wait_flags(first, NO_PATH);
	assert_int_equal(fake_flags(second), 0);
}

/* It goes with its session: another one has its turn. */
static void test_probe_of_a_session_that_ends_makes_room(void **state)
{
	struct bc_conn *conns[CONNS], *conn;
	struct bc_session *session;

	(void)state;
	session = fake_paths(conns, CONNS);
	for (int i = 0; i < BC_PROBES_OUT; i++)
		next_probe(conns[i]);
	fake_path(BOB, 2, 16, &conn);
	assert_int_equal(fake_pending(), 0);
	fake_close(session);
	next_probe(conn);
}

/* So many at a time; the others in turn, as one is answered or lost. */
static void test_probe_outstanding_are_bounded_and_in_turn(void **state)
{
	struct bc_request *reqs[CONNS];
	struct bc_conn *conns[CONNS];
	int sent = 0;

	(void)state;
	fake_paths(conns, CONNS);
	assert_int_equal(fake_pending(), BC_PROBES_OUT);
	for (; sent < BC_PROBES_OUT; sent++)
		reqs[sent] = next_probe(conns[sent]);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(fake_pending(), 0);
		if (i % 2)
			fake_answer(reqs[i], i % 4 == 1 ? answered : refused);
		else
			fake_down(conns[i]);
		assert_int_equal(fake_pending(), 1);
		reqs[sent] = next_probe(conns[sent]);
		sent++;
	}
	/* One that is still waiting goes: the next in turn is another. */
	fake_down(conns[sent]);
	assert_int_equal(fake_pending(), 0);
	fake_answer(reqs[8], answered);
	next_probe(conns[sent + 1]);
	/* The rest is still out or waiting when the core ends. */
}

static void test_probe_unanswered_lets_the_others_go(void **state)
{
	struct bc_conn *conns[CONNS];
	struct bc_session *session;

	(void)state;
	session = fake_paths(conns, CONNS);
	for (int i = 0; i < CONNS; i++)
		next_probe(conns[i]);
	wait_flags(session, NO_PATH);
}

/* The one that was sent before may take longer. */
static void test_probe_late_after_the_timeout_became_shorter(void **state)
{
	struct bc_session *patient, *session;
	struct bc_config config;
	struct bc_conn *conn;

	(void)state;
	config = bc_core.config;
	patient = fake_path(ALICE, 1, 16, &conn);
	next_probe(conn);
	config.callback_timeout = SHORT;
	bc_control_configure(&config);
	session = fake_path(BOB, 2, 16, &conn);
	next_probe(conn);
	wait_flags(session, NO_PATH);
	assert_int_equal(fake_flags(patient), 0);
}

#define PROBE_TEST(test) FAKE_TEST(test, &probing)
#define SHORT_TEST(test) FAKE_TEST(test, &probing_short)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_probe_none_unless_configured, NULL),
		PROBE_TEST(test_probe_once_for_each_session_and_connection),
		PROBE_TEST(test_probe_not_before_the_reply_nor_for_fore),
		PROBE_TEST(test_probe_delays_no_callback),
		PROBE_TEST(test_probe_refused_is_no_path_until_bound_anew),
		PROBE_TEST(test_probe_refused_leaves_other_connections),
		PROBE_TEST(test_probe_that_cannot_be_sent_is_no_path),
		PROBE_TEST(test_probe_without_memory_is_none),
		SHORT_TEST(test_probe_late_answer_is_a_path_again),
		FAKE_TEST(test_probe_unanswered_where_callbacks_are_is_a_path,
			  &probing_timeout),
		SHORT_TEST(test_probe_unanswered_is_that_sessions_only),
		PROBE_TEST(test_probe_of_a_session_that_ends_makes_room),
		PROBE_TEST(test_probe_outstanding_are_bounded_and_in_turn),
		SHORT_TEST(test_probe_unanswered_lets_the_others_go),
		FAKE_TEST(test_probe_late_after_the_timeout_became_shorter,
			  &probing_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
