/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_NULL on back-bound connections that are quiet.
 *
 * Times are lower bounds only: a slow machine makes everything later.
 */
#include "fake_test.h"

#include <sched.h>

#include "check.h"

#define QUIET 40 /* ms */

static const struct bc_reply answered = { .kind = BC_REPLY_DECODED };
static const struct bc_reply refused = { .kind = BC_REPLY_RPC_ERROR };

static const struct bc_config idle = { .idle_timeout = 3 * QUIET };

static struct bc_request *next_null(const struct bc_conn *conn)
{
	struct bc_request *req = fake_next();

	CHECK(!req->call && !req->session && req->body_len == 0);
	CHECK(req->conn == conn);
	return req;
}

/* So long that several would have come. */
static void let_be_quiet(void)
{
	uint64_t until = bc_now() + 4 * QUIET;

	while (bc_now() < until)
		sched_yield();
	fake_flush();
}

static void test_idle_quiet_conn_is_asked_again_and_again(void **state)
{
	uint64_t start = bc_now();
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	for (unsigned int i = 1; i <= 3; i++) {
		struct bc_request *req = next_null(conn);

		assert_true(bc_now() - start >= i * QUIET);
		assert_ptr_equal(req->security, session->security);
		fake_answer(req, i == 2 ? refused : answered);
		/* The answer says nothing of the path. */
		assert_int_equal(fake_flags(session), 0);
	}
}

static void test_idle_unanswered_is_not_asked_again(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	req = next_null(conn);
	let_be_quiet();
	assert_int_equal(fake_pending(), 0);
	assert_int_equal(fake_flags(session), 0);
	fake_answer(req, answered);
	next_null(conn);
}

static void test_idle_delays_no_callback(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	next_null(conn);
	assert_completes(fake_submit(ALICE));
}

static void test_idle_conn_of_no_back_channel_is_not_asked(void **state)
{
	struct bc_session *session;
	enum bc_channels channels;
	struct bc_conn *conn;
	int reply;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	assert_int_equal(
		bc_bind(session, conn, BC_BIND_FORE, &reply, &channels), 0);
	bc_bind_replied(conn->transport, &reply);
	conn = fake_conn_to(session);
	fake_close(session);
	fake_flush();
	while (fake_pending()) /* on a slow machine */
		fake_answer(next_null(conn), answered);
	let_be_quiet();
	assert_int_equal(fake_pending(), 0);
	/* It is again, when it is bound again. */
	fake_bind(fake_session(ALICE, 2, 16), conn);
	next_null(conn);
}

/* fake_stop() finds what is left behind. */
static void test_idle_conn_that_ends_is_let_go(void **state)
{
	struct bc_conn *asked, *quiet;

	(void)state;
	fake_path(ALICE, 1, 16, &asked);
	next_null(asked);
	fake_path(BOB, 2, 16, &quiet);
	fake_down(asked);
	fake_down(quiet);
}

static void test_idle_that_cannot_be_sent_is_asked_later(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_fail_sends(-EIO, 2);
	fake_path(ALICE, 1, 16, &conn);
	next_null(conn);
	assert_int_equal(fake_failed_sends(), 2);
}

static void test_idle_none_unless_configured(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	let_be_quiet();
	assert_int_equal(fake_pending(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_idle_quiet_conn_is_asked_again_and_again, &idle),
		FAKE_TEST(test_idle_unanswered_is_not_asked_again, &idle),
		FAKE_TEST(test_idle_delays_no_callback, &idle),
		FAKE_TEST(test_idle_conn_of_no_back_channel_is_not_asked,
			  &idle),
		FAKE_TEST(test_idle_conn_that_ends_is_let_go, &idle),
		FAKE_TEST(test_idle_that_cannot_be_sent_is_asked_later, &idle),
		FAKE_TEST(test_idle_none_unless_configured, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
