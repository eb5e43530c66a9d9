/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_NULL on connections that are bound to a back channel: Probe.
 */
#include "fixture.h"

#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)

/* On the whole server.  The opener, which answers nothing, has one of them as
 * soon as the server has sent it.
 */
#define OUTSTANDING 16

#define SESSIONS 300
#define CLOSED 32 /* of them */

static struct fixture fixture;
static struct nfs_session sessions[SESSIONS];

static const struct cb_answer never = { .when = CB_NEVER };

/* Sessions of the holder, each on a connection of its own. */
static void create_sessions(unsigned int count)
{
	struct fixture *f = &fixture;

	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(nfs_create_session(
					 &sessions[i], &f->holder,
					 fixture_connect(f, &f->holder), NULL),
				 NFS4_OK);
}

static void destroy_sessions(unsigned int count)
{
	struct nfs_conn *conn = fixture.session.conn;

	for (unsigned int i = 0; i < count; i++) {
		/* Their own connection may be closed: associate this one. */
		assert_int_equal(nfs_sequence_on(&sessions[i], conn, NULL),
				 NFS4_OK);
		assert_int_equal(nfs_destroy_session(&sessions[i], conn),
				 NFS4_OK);
		nfs_session_fini(&sessions[i]);
	}
}

/* Wait for @count CB_NULLs at the holder. @return how many came until a recall */
static unsigned int nulls(unsigned int count, const char *name)
{
	struct fixture *f = &fixture;
	struct nfs_file file;

	assert_true(cb_responder_wait_null(f->responder, count, SOON));
	fixture_hold(f, name, &file);
	fixture_conflict(f, name);
	fixture_callback(f, 0);
	fixture_return(f, &file);
	return cb_responder_nulls(f->responder);
}

static void test_probe_none_by_default(void **state)
{
	(void)state;
	fixture_begin(&fixture, NULL);
	fixture_bind(&fixture);
	assert_int_equal(nulls(0, "none"), 0);
	fixture_end(&fixture);
}

static void
test_probe_on_bind_once_for_each_session_and_connection(void **state)
{
	struct fixture *f = &fixture;
	struct nfs_session second;
	uint32_t dir;

	(void)state;
	fixture_begin(f, "Probe = on_bind; Callback_Timeout = 600;");
	fixture_bind(f);
	/* Another session on a connection that was probed; the same bind, for
	 * which nothing comes.
	 */
	assert_int_equal(
		nfs_create_session(&second, &f->holder, f->session.conn, NULL),
		NFS4_OK);
	assert_int_equal(nfs_bind_conn(&f->session, f->session.conn,
				       CDFC4_FORE_OR_BOTH, &dir),
			 NFS4_OK);
	assert_int_equal(nulls(3, "once"), 3);
	assert_int_equal(nfs_destroy_session(&second, NULL), NFS4_OK);
	nfs_session_fini(&second);
	fixture_assert_flags(f, 0);
	assert_int_equal(server_log_count(f->server, "channel probe"), 0);
	fixture_end(f);
}

static void test_probe_refused_is_no_path_until_bound_anew(void **state)
{
	static const struct cb_answer unavailable = {
		.rpc = CB_RPC_PROG_UNAVAIL,
	};
	struct fixture *f = &fixture;
	struct nfs_conn *conn;
	struct nfs_file file;
	uint32_t dir;

	(void)state;
	fixture_begin(f, "Probe = on_bind; Callback_Timeout = 600;");
	fixture_hold(f, "refused", &file);
	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	cb_responder_set_null(f->responder, &unavailable);
	conn = fixture_bind(f);
	assert_true(
		server_wait_log(f->server, "channel probe refused", 1, SOON));
	fixture_assert_flags(f, 0); /* the first connection answers */
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	fixture_wait_flags(f, DOWN);
	fixture_conflict(f, "refused");

	assert_int_equal(
		nfs_bind_conn(&f->session, conn, CDFC4_FORE_OR_BOTH, &dir),
		NFS4_OK);
	fixture_assert_flags(f, 0);
	assert_ptr_equal(fixture_callback(f, 0)->conn, conn);
	assert_int_equal(cb_responder_nulls(f->responder), 2);
	fixture_return(f, &file);
	fixture_end(f);
}

/* Of 300 that never answer 16 at most are asked at a time, in turn. */
static void test_probe_of_storm_is_bounded(void **state)
{
	struct fixture *f = &fixture;
	unsigned int asked;

	(void)state;
	fixture_begin(f, "Probe = on_bind; Callback_Timeout = 600;");
	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	cb_responder_set_null(f->responder, &never);
	create_sessions(SESSIONS);
	/* The first was answered; the opener's may be one of the 16. */
	asked = nulls(1 + OUTSTANDING - 1, "storm");
	assert_in_range(asked, 1 + OUTSTANDING - 1, 1 + OUTSTANDING);
	/* Nobody waits for an answer: all of them are paths. */
	fixture_assert_flags(f, 0);
	/* Those that were asked are about the first. One that goes lets another
	 * have its turn.
	 */
	for (unsigned int i = 0; i < CLOSED; i++)
		nfs_conn_close(sessions[i].conn, NFS_CLOSE_RST);
	assert_true(cb_responder_wait_null(f->responder,
					   asked + OUTSTANDING / 2, SOON));
	fixture_assert_flags(f, 0);
	assert_true(cb_responder_nulls(f->responder) <=
		    1 + CLOSED + OUTSTANDING);
	destroy_sessions(SESSIONS);
	fixture_end(f);
}

/* A session of the holder, which has other paths, gets to be without one. */
static void wait_silent(struct nfs_session *session)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	uint32_t flags;

	do {
		assert_int_equal(
			nfs_sequence_on(session, fixture.session.conn, &flags),
			NFS4_OK);
		flags &= DOWN;
	} while (!flags && nfs_now_ns() < until);
	assert_int_equal(flags, SEQ4_STATUS_CB_PATH_DOWN_SESSION);
}

static void test_probe_unanswered_is_no_path(void **state)
{
	struct fixture *f = &fixture;

	(void)state;
	fixture_begin(f, "Probe = on_bind; Callback_Timeout = 1;");
	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	cb_responder_set_null(f->responder, &never);
	create_sessions(OUTSTANDING + 4);
	/* The last ones have their turn when the first are given up. */
	assert_true(cb_responder_wait_null(f->responder, 1 + OUTSTANDING + 4,
					   SOON));
	wait_silent(&sessions[0]);
	assert_true(server_wait_log(f->server, "channel probe not answered", 1,
				    SOON));
	fixture_assert_flags(f, 0);
	destroy_sessions(OUTSTANDING + 4);
	fixture_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe_none_by_default),
		cmocka_unit_test(
			test_probe_on_bind_once_for_each_session_and_connection),
		cmocka_unit_test(
			test_probe_refused_is_no_path_until_bound_anew),
		cmocka_unit_test(test_probe_of_storm_is_bounded),
		cmocka_unit_test(test_probe_unanswered_is_no_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
