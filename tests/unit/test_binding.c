/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * BIND_CONN_TO_SESSION's rules, and the paths that follow from bindings.
 */
#include "fake_test.h"

#include "check.h"
#include "sane.h"

static const enum bc_bind_dir dirs[] = { BC_BIND_FORE, BC_BIND_BACK,
					 BC_BIND_FORE_OR_BOTH,
					 BC_BIND_BACK_OR_BOTH };
static int reply; /* its address identifies a reply */

static int bind_to(struct bc_session *session, struct bc_conn *conn,
		   uint32_t dir)
{
	enum bc_channels channels = 0;
	int rc = bc_bind(session, conn, dir, &reply, &channels);

	assert_sane_clients();
	return rc ? rc : (int)channels;
}

static void replied(struct bc_conn *conn)
{
	bc_bind_replied(conn->transport, &reply);
	assert_sane_clients();
}

/* A session with a binding whose reply is on its way. */
static struct bc_session *bind_unanswered(struct bc_conn **conn)
{
	struct bc_session *session = fake_session(ALICE, 1, 16);

	*conn = fake_conn();
	assert_int_equal(bind_to(session, *conn, BC_BIND_BACK),
			 BC_CHANNEL_BACK);
	return session;
}

/* Directions: 18.34.3 ------------------------------------------------------- */

static void test_bind_fresh_answers_as_asked(void **state)
{
	static const int expected[] = { BC_CHANNEL_FORE, BC_CHANNEL_BACK,
					BC_CHANNEL_BOTH, BC_CHANNEL_BOTH };
	struct bc_session *session;

	(void)state;
	for (int i = 0; i < 4; i++) {
		session = fake_session(ALICE, (uint8_t)(i + 1), 16);
		assert_int_equal(bind_to(session, fake_conn(), dirs[i]),
				 expected[i]);
	}
}

static void test_bind_again_is_ok_or_einval(void **state)
{
	/* By the first bind's direction, then by the second's. */
	static const int expected[4][4] = {
		{ BC_CHANNEL_FORE, -EINVAL, BC_CHANNEL_FORE, -EINVAL },
		{ -EINVAL, BC_CHANNEL_BACK, -EINVAL, BC_CHANNEL_BACK },
		{ -EINVAL, -EINVAL, BC_CHANNEL_BOTH, BC_CHANNEL_BOTH },
		{ -EINVAL, -EINVAL, BC_CHANNEL_BOTH, BC_CHANNEL_BOTH },
	};
	struct bc_session *session;
	uint32_t paths;

	(void)state;
	for (int i = 0; i < 16; i++) {
		struct bc_conn *conn = fake_conn();

		session = fake_session(ALICE, (uint8_t)(i + 1), 16);
		assert_true(bind_to(session, conn, dirs[i / 4]) > 0);
		replied(conn);
		paths = session->paths;
		assert_int_equal(paths, i / 4 > 0);
		assert_int_equal(bind_to(session, conn, dirs[i % 4]),
				 expected[i / 4][i % 4]);
		replied(conn);
		assert_int_equal(session->paths, paths);
	}
}

static void test_bind_without_security_is_fore_or_enospc(void **state)
{
	static const int expected[] = { BC_CHANNEL_FORE, -ENOSPC,
					BC_CHANNEL_FORE, -ENOSPC };
	struct bc_session *session;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct bc_session_attrs attrs =
			fake_attrs(ALICE, (uint8_t)(i + 1), 16);

		bc_security_put(attrs.security);
		attrs.security = NULL;
		session = fake_session_add(&attrs);
		assert_int_equal(bind_to(session, fake_conn(), dirs[i]),
				 expected[i]);
		assert_int_equal(session->paths, 0);
	}
}

static void test_bind_unknown_direction_is_einval(void **state)
{
	static const uint32_t bad[] = { 0, 4, 5, 6, 8, 0x10001, UINT32_MAX };
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bind_to(session, conn, bad[i]), -EINVAL);
	assert_true(cds_list_empty(&conn->bindings));
}

/* When a path opens --------------------------------------------------------- */

static void test_bind_counts_at_once_and_sends_after_reply(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	fake_submit(ALICE);
	assert_int_equal(bind_to(session, conn, BC_BIND_BACK), BC_CHANNEL_BACK);
	assert_int_equal(fake_flags(session), 0);
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	replied(conn);
	assert_int_equal(fake_flags(session), 0);
	assert_int_equal(fake_pending(), 2);
	assert_int_equal(bc_core.opening, 0);
}

static void test_bind_is_not_opened_by_other_replies(void **state)
{
	struct bc_conn *conn;
	int other;

	(void)state;
	bind_unanswered(&conn);
	bc_bind_replied(conn->transport, &other);
	bc_bind_replied(fake_conn()->transport, &reply);
	bc_bind_replied(&other, &reply);
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	assert_int_equal(bc_core.opening, 1);
	replied(conn);
	assert_int_equal(fake_pending(), 1);
}

static void test_bind_again_before_reply_waits_for_the_second(void **state)
{
	struct bc_session *session;
	enum bc_channels channels;
	struct bc_conn *conn;
	int second;

	(void)state;
	session = bind_unanswered(&conn);
	assert_int_equal(
		bc_bind(session, conn, BC_BIND_BACK, &second, &channels), 0);
	assert_int_equal(bc_core.opening, 1);
	fake_submit(ALICE);
	replied(conn);
	assert_int_equal(fake_pending(), 0);
	bc_bind_replied(conn->transport, &second);
	assert_int_equal(fake_pending(), 1);
	assert_int_equal(bc_core.opening, 0);
}

static void test_bind_fore_is_no_path_and_awaits_nothing(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	bind_to(session, conn, BC_BIND_FORE);
	assert_int_equal(bc_core.opening, 0);
	replied(conn);
	assert_int_equal(fake_flags(session), NO_PATH);
}

static void test_bind_reply_opens_all_that_wait_for_it(void **state)
{
	struct bc_conn *conn;

	(void)state;
	conn = fake_conn();
	bind_to(fake_session(ALICE, 1, 16), conn, BC_BIND_BACK);
	bind_to(fake_session(BOB, 2, 16), conn, BC_BIND_BACK);
	fake_submit(ALICE);
	fake_submit(BOB);
	assert_int_equal(fake_pending(), 0);
	replied(conn);
	assert_int_equal(fake_pending(), 2);
}

static void test_bind_whose_reply_never_goes_ends_with_conn(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = bind_unanswered(&conn);
	fake_down(conn);
	assert_int_equal(bc_core.opening, 0);
	assert_true(cds_list_empty(&session->bindings));
	replied(conn);
	assert_int_equal(fake_flags(session), NO_PATH);
}

static void test_bind_whose_reply_never_goes_ends_with_session(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = bind_unanswered(&conn);
	fake_close(session);
	assert_int_equal(bc_core.opening, 0);
	assert_true(cds_list_empty(&conn->bindings));
	replied(conn);
}

/* Limits ------------------------------------------------------------------- */

/* A session with as many paths as one may have. */
static struct bc_session *full_session(struct bc_conn *conns[4])
{
	return fake_paths(conns, fake_config.max_connections);
}

static bool is_bound(struct bc_session *session, struct bc_conn *conn)
{
	const struct bc_binding *binding;
	bool bound;

	pthread_mutex_lock(&session->client->lock);
	binding = bc_binding_find_locked(session, conn);
	bound = binding && (binding->channels & BC_CHANNEL_BACK);
	pthread_mutex_unlock(&session->client->lock);
	return bound;
}

/* Whoever asks is bound; that which was heard least recently gives way. */
static void test_bind_beyond_max_connections_displaces_least_heard(void **state)
{
	static const int expected[] = { BC_CHANNEL_BACK, BC_CHANNEL_BOTH,
					BC_CHANNEL_BOTH };
	static const enum bc_bind_dir back[] = { BC_BIND_BACK,
						 BC_BIND_FORE_OR_BOTH,
						 BC_BIND_BACK_OR_BOTH };
	struct bc_conn *conns[4];
	struct bc_session *session;

	(void)state;
	session = full_session(conns);
	fake_heard(conns[0]); /* the second is now the least recently heard */
	for (int i = 0; i < 3; i++) {
		struct bc_conn *conn = fake_conn();

		assert_int_equal(bind_to(session, conn, back[i]), expected[i]);
		replied(conn);
		assert_true(is_bound(session, conn));
		assert_false(is_bound(session, conns[i + 1]));
		assert_int_equal(session->paths, 4);
	}
	assert_true(is_bound(session, conns[0]));
	assert_int_equal(bind_to(session, fake_conn(), BC_BIND_FORE),
			 BC_CHANNEL_FORE);
	assert_int_equal(bind_to(session, conns[0], BC_BIND_BACK_OR_BOTH),
			 BC_CHANNEL_BOTH);
	/* What gave way may be bound again, as any. */
	assert_int_equal(bind_to(session, conns[1], BC_BIND_BACK_OR_BOTH),
			 BC_CHANNEL_BOTH);
	replied(conns[1]);
	assert_int_equal(session->paths, 4);
}

/* "A requester MUST NOT retry a request, unless the connection it used to send
 * the request disconnects." 2.10.6.2
 */
static void test_bind_displaced_with_request_out_waits_for_its_end(void **state)
{
	struct bc_conn *conns[4], *conn;
	struct bc_session *session;
	struct bc_request *req;

	(void)state;
	session = full_session(conns);
	fake_heard(conns[0]);
	fake_submit(ALICE);
	req = fake_next();
	assert_ptr_equal(req->conn, conns[0]);
	for (int i = 1; i < 4; i++)
		fake_heard(conns[i]);
	conn = fake_conn_to(session);
	assert_false(is_bound(session, conns[0]));
	assert_int_equal(fake_pending(), 0);
	/* Bound anew, and displaced once more. */
	fake_heard(conn);
	for (int i = 1; i < 4; i++)
		fake_heard(conns[i]);
	fake_bind(session, conns[0]);
	assert_true(is_bound(session, conns[0]));
	assert_false(is_bound(session, conn));
	for (int i = 1; i < 4; i++)
		fake_heard(conns[i]);
	fake_bind(session, conn);
	assert_false(is_bound(session, conns[0]));
	assert_int_equal(fake_pending(), 0);

	fake_down(conns[0]);
	req = assert_next(0, 1);
	assert_true(req->retry);
	fake_answer_ok(req);
}

static void test_bind_displaced_with_request_out_may_be_answered(void **state)
{
	struct bc_conn *conns[4];
	struct bc_session *session;
	struct fake_call *call;
	struct bc_request *req;

	(void)state;
	session = full_session(conns);
	fake_heard(conns[0]);
	call = fake_submit(ALICE);
	req = fake_next();
	for (int i = 1; i < 4; i++)
		fake_heard(conns[i]);
	fake_conn_to(session);
	assert_answer_completes(req, call);
	assert_false(is_bound(session, conns[0]));
	assert_int_equal(fake_flags(session), 0);
	/* The record is swept when room is made the next time. */
	fake_conn_to(session);
	assert_true(cds_list_empty(&conns[0]->bindings));
}

static const struct bc_config client_takes_3 = { .max_client_connections = 3 };

/* A client has its limit whatever it binds to what; and no other pays for it. */
static void test_bind_beyond_clients_limit_displaces_its_own(void **state)
{
	struct bc_session *first, *sessions[10], *bobs;
	struct bc_conn *conn;

	(void)state;
	bobs = fake_path(BOB, 99, 16, &conn);
	first = fake_path(ALICE, 1, 16, &conn);
	for (uint8_t i = 0; i < 10; i++) {
		sessions[i] = fake_session(ALICE, (uint8_t)(i + 2), 16);
		fake_bind(sessions[i], conn); /* one connection for all */
		assert_int_equal(fake_flags(sessions[i]), 0);
	}
	assert_int_equal(first->client->back_bound, 3);
	assert_int_equal(bc_core.back_bound, 4);
	assert_int_equal(fake_flags(first), BC_SEQ4_CB_PATH_DOWN_SESSION);
	assert_int_equal(fake_flags(sessions[7]), 0);
	assert_int_equal(fake_flags(bobs), 0);
}

static const struct bc_config server_takes_2 = { .max_server_connections = 2 };

/* A first binding is never refused, and takes nothing from others; a further one
 * replaces one of the same client.
 */
static void test_bind_beyond_servers_limit_costs_no_other_client(void **state)
{
	struct bc_session *alices, *bobs, *carols;
	struct bc_conn *conns[3], *conn;

	(void)state;
	alices = fake_path(ALICE, 1, 16, &conns[0]);
	conns[1] = fake_conn_to(alices);
	assert_int_equal(bc_core.back_bound, 2);
	bobs = fake_path(BOB, 2, 16, &conn);
	carols = fake_path(0xca401, 3, 16, &conn);
	assert_int_equal(fake_flags(bobs), 0);
	assert_int_equal(fake_flags(carols), 0);
	assert_int_equal(bc_core.back_bound, 4);

	fake_heard(conns[1]);
	conns[2] = fake_conn_to(alices);
	assert_int_equal(bc_core.back_bound, 4);
	assert_false(is_bound(alices, conns[0]));
	assert_true(is_bound(alices, conns[1]));
	conn = fake_conn();
	fake_bind(bobs, conn);
	assert_int_equal(bobs->back_bound, 1);
	assert_true(is_bound(bobs, conn));

	/* What ends makes room: a session, connections. */
	fake_close(alices);
	fake_close(carols);
	assert_int_equal(bc_core.back_bound, 1);
	fake_conn_to(bobs);
	assert_int_equal(bc_core.back_bound, 2);
}

static void test_bind_that_fails_does_not_count(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(bind_to(session, conn, BC_BIND_BACK), -EINVAL);
	bind_to(session, conn, BC_BIND_BACK_OR_BOTH);
	bind_to(session, fake_conn(), BC_BIND_FORE);
	assert_int_equal(bc_core.back_bound, 1);
}

static void test_bind_after_one_ended_is_possible_again(void **state)
{
	struct bc_conn *conns[4];
	struct bc_session *session;

	(void)state;
	session = full_session(conns);
	fake_down(conns[2]);
	assert_int_equal(session->paths, 3);
	fake_conn_to(session);
	assert_int_equal(session->paths, 4);
}

/* A client that reconnects may be faster than the core's thread. */
static void test_bind_right_after_conn_down_is_possible(void **state)
{
	struct bc_conn *conns[4];
	struct bc_session *session;

	(void)state;
	session = full_session(conns);
	for (int i = 0; i < 4; i++) {
		bc_conn_down(conns[i]);
		fake_conn_to(session);
	}
	fake_flush();
	assert_int_equal(session->paths, 4);
}

static void test_bind_fore_does_not_count_against_limit(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	for (int i = 0; i < 10; i++)
		bind_to(session, fake_conn(), BC_BIND_FORE);
	for (int i = 0; i < 4; i++)
		fake_conn_to(session);
}

static void test_bind_fore_beyond_what_is_remembered_is_answered(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	for (int i = 0; i < 64; i++)
		bind_to(session, fake_conn(), BC_BIND_FORE);
	conn = fake_conn();
	assert_int_equal(bind_to(session, conn, BC_BIND_FORE), BC_CHANNEL_FORE);
	assert_int_equal(session->fore_bound, 64);
	assert_true(cds_list_empty(&conn->bindings));
	fake_bind(session, conn);
}

/* State protection: 18.46.3 ------------------------------------------------- */

static struct bc_session *must_bind_session(uint8_t number)
{
	struct bc_session_attrs attrs = fake_attrs(ALICE, number, 16);

	attrs.is_protected = attrs.must_bind = true;
	return fake_session_add(&attrs);
}

static void test_must_bind_admits_bound_connections_alone(void **state)
{
	struct bc_session *session, *other, *free;
	struct bc_conn *conn;

	(void)state;
	session = must_bind_session(1);
	other = must_bind_session(2);
	free = fake_session(BOB, 3, 16);
	conn = fake_conn();
	assert_true(bc_session_is_protected(session));
	assert_false(bc_session_is_protected(free));
	assert_false(bc_session_admits(session, NULL));
	assert_false(bc_session_admits(session, conn));
	bind_to(session, conn, BC_BIND_FORE);
	assert_true(bc_session_admits(session, conn));
	assert_false(bc_session_admits(other, conn));
	assert_true(bc_session_admits(free, conn));
	assert_true(bc_session_admits(free, NULL));
	fake_down(conn);
	assert_false(bc_session_admits(session, conn));
}

/* What a limit takes is the back channel. */
static void test_must_bind_keeps_what_a_limit_takes(void **state)
{
	struct bc_session *session;
	struct bc_conn *conns[6];

	(void)state;
	session = must_bind_session(1);
	for (int i = 0; i < 6; i++)
		conns[i] = fake_conn_to(session);
	assert_int_equal(session->back_bound, fake_config.max_connections);
	for (int i = 0; i < 6; i++)
		assert_true(bc_session_admits(session, conns[i]));
	assert_false(is_bound(session, conns[0]));
	fake_bind(session, conns[0]);
	assert_true(is_bound(session, conns[0]));
	assert_sane_clients();
}

static void test_must_bind_remembers_all_fore_connections(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn = NULL;

	(void)state;
	session = must_bind_session(1);
	for (int i = 0; i < 65; i++) {
		conn = fake_conn();
		bind_to(session, conn, BC_BIND_FORE);
	}
	assert_true(bc_session_admits(session, conn));
}

/* Ends --------------------------------------------------------------------- */

static void test_bind_to_closed_session_is_enotconn(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	bc_session_ref(session);
	fake_close(session);
	for (int i = 0; i < 4; i++)
		assert_int_equal(bind_to(session, conn, dirs[i]), -ENOTCONN);
	assert_true(cds_list_empty(&conn->bindings));
	bc_session_put(session);
}

static void test_bind_of_ended_conn_is_enotconn(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	conn = fake_conn();
	fake_down(conn);
	for (int i = 0; i < 4; i++)
		assert_int_equal(bind_to(session, conn, dirs[i]), -ENOTCONN);
	assert_true(cds_list_empty(&session->bindings));
	assert_int_equal(session->back_bound, 0);
	assert_int_equal(bc_core.opening, 0);
}

/* The core's thread is held up, so that the unbinding has not begun. */
static void test_bind_of_ending_conn_is_enotconn(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	pthread_mutex_lock(&session->client->lock);
	bc_conn_down(conn);
	pthread_mutex_unlock(&session->client->lock);
	assert_int_equal(bind_to(session, conn, BC_BIND_BACK_OR_BOTH),
			 -ENOTCONN);
	fake_flush();
	assert_true(cds_list_empty(&session->bindings));
	assert_int_equal(bc_core.opening, 0);
}

struct race {
	struct bc_conn *conn;
	pthread_barrier_t start;
};

static void *race_down(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(&race->start);
	bc_conn_down(race->conn);
	return NULL;
}

static void test_bind_racing_with_conn_down_leaves_nothing(void **state)
{
	struct bc_session *session;
	struct race race;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	pthread_barrier_init(&race.start, NULL, 2);
	for (int i = 0; i < 60; i++) {
		pthread_t thread;
		int rc;

		race.conn = fake_conn();
		CHECK(!pthread_create(&thread, NULL, race_down, &race));
		pthread_barrier_wait(&race.start);
		rc = bind_to(session, race.conn, BC_BIND_BACK_OR_BOTH);
		assert_true(rc == BC_CHANNEL_BOTH || rc == -ENOTCONN);
		pthread_join(thread, NULL);
		replied(race.conn);
		fake_flush();
		assert_int_equal(fake_flags(session), NO_PATH);
		assert_true(cds_list_empty(&session->bindings));
		assert_int_equal(bc_core.opening, 0);
	}
	pthread_barrier_destroy(&race.start);
}

static void test_conn_down_ends_paths_of_all_its_clients(void **state)
{
	struct bc_session *one, *two, *three;
	struct bc_conn *conn, *other;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(ALICE, 2, 16);
	three = fake_session(BOB, 3, 16);
	other = fake_conn();
	fake_bind(two, conn);
	fake_bind(three, conn);
	fake_bind(three, other);
	assert_int_equal(one->client->paths, 2);
	assert_int_equal(three->client->paths, 2);
	fake_down(conn);
	assert_int_equal(fake_flags(one), NO_PATH);
	assert_int_equal(fake_flags(two), NO_PATH);
	assert_int_equal(fake_flags(three), 0);
	assert_true(cds_list_empty(&conn->bindings));
}

static void test_ended_paths_are_told_before_they_are_noticed(void **state)
{
	struct bc_session *one, *two;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(ALICE, 2, 16);
	assert_int_equal(bc_session_ended_paths(one), 0);
	fake_end(conn);
	assert_int_equal(bc_session_ended_paths(one), NO_PATH);
	/* The other one's path is the client's, too. */
	fake_bind(two, fake_conn());
	assert_int_equal(bc_session_ended_paths(one),
			 BC_SEQ4_CB_PATH_DOWN_SESSION);
	assert_int_equal(bc_session_ended_paths(two), 0);
	fake_bind(one, fake_conn());
	assert_int_equal(bc_session_ended_paths(one), 0);
	assert_int_equal(fake_flags(one), 0);
}

static const struct bc_config takes_17 = { .max_connections = 17 };

static void test_ended_paths_of_many_are_not_looked_for(void **state)
{
	struct bc_conn *conns[17];
	struct bc_session *session;

	(void)state;
	session = fake_paths(conns, 17);
	assert_int_equal(session->paths, 17);
	assert_int_equal(bc_session_ended_paths(session), 0);
}

static void
test_paths_are_doubtful_where_the_client_is_heard_unbound(void **state)
{
	struct bc_conn *conn;
	struct bc_session *session = fake_path(ALICE, 1, 16, &conn);

	(void)state;
	assert_false(bc_session_heard(session, conn).doubtful);
	assert_true(bc_session_heard(session, NULL).doubtful);
	assert_int_equal(bc_session_ended_paths(session), 0);
	assert_false(bc_session_heard(session, NULL).doubtful); /* so soon */
	session->client->looked -= 2000000000;
	assert_true(bc_session_heard(session, NULL).doubtful);
	/* As long as it has not been noticed. */
	fake_end(conn);
	assert_int_equal(bc_session_ended_paths(session), NO_PATH);
	assert_true(bc_session_heard(session, NULL).doubtful);
	fake_down(conn);
	session->client->looked -= 2000000000;
	assert_false(bc_session_heard(session, NULL).doubtful);
}

/* Nothing of it has ended. */
static void test_session_without_a_path_is_looked_at_seldom(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	session = fake_session(ALICE, 2, 16);
	assert_true(bc_session_heard(session, NULL).doubtful);
	assert_int_equal(bc_session_ended_paths(session),
			 BC_SEQ4_CB_PATH_DOWN_SESSION);
	assert_false(bc_session_heard(session, NULL).doubtful);
}

static void test_session_closed_leaves_conn_to_the_others(void **state)
{
	struct bc_session *one, *two;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(BOB, 2, 16);
	fake_bind(two, conn);
	fake_close(one);
	assert_int_equal(fake_flags(two), 0);
	assert_false(conn->down);
	fake_submit(BOB);
	assert_ptr_equal(fake_next()->conn, conn);
}

#define BIND_TEST(test) FAKE_TEST(test, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BIND_TEST(test_bind_fresh_answers_as_asked),
		BIND_TEST(test_bind_again_is_ok_or_einval),
		BIND_TEST(test_bind_without_security_is_fore_or_enospc),
		BIND_TEST(test_bind_unknown_direction_is_einval),
		BIND_TEST(test_bind_counts_at_once_and_sends_after_reply),
		BIND_TEST(test_bind_is_not_opened_by_other_replies),
		BIND_TEST(test_bind_again_before_reply_waits_for_the_second),
		BIND_TEST(test_bind_fore_is_no_path_and_awaits_nothing),
		BIND_TEST(test_bind_reply_opens_all_that_wait_for_it),
		BIND_TEST(test_bind_whose_reply_never_goes_ends_with_conn),
		BIND_TEST(test_bind_whose_reply_never_goes_ends_with_session),
		BIND_TEST(
			test_bind_beyond_max_connections_displaces_least_heard),
		BIND_TEST(
			test_bind_displaced_with_request_out_waits_for_its_end),
		BIND_TEST(test_bind_displaced_with_request_out_may_be_answered),
		FAKE_TEST(test_bind_beyond_clients_limit_displaces_its_own,
			  &client_takes_3),
		FAKE_TEST(test_bind_beyond_servers_limit_costs_no_other_client,
			  &server_takes_2),
		BIND_TEST(test_bind_that_fails_does_not_count),
		BIND_TEST(test_bind_after_one_ended_is_possible_again),
		BIND_TEST(test_bind_right_after_conn_down_is_possible),
		BIND_TEST(test_bind_fore_does_not_count_against_limit),
		BIND_TEST(test_bind_fore_beyond_what_is_remembered_is_answered),
		BIND_TEST(test_must_bind_admits_bound_connections_alone),
		BIND_TEST(test_must_bind_keeps_what_a_limit_takes),
		BIND_TEST(test_must_bind_remembers_all_fore_connections),
		BIND_TEST(test_bind_to_closed_session_is_enotconn),
		BIND_TEST(test_bind_of_ended_conn_is_enotconn),
		BIND_TEST(test_bind_of_ending_conn_is_enotconn),
		BIND_TEST(test_bind_racing_with_conn_down_leaves_nothing),
		BIND_TEST(test_conn_down_ends_paths_of_all_its_clients),
		BIND_TEST(test_ended_paths_are_told_before_they_are_noticed),
		FAKE_TEST(test_ended_paths_of_many_are_not_looked_for,
			  &takes_17),
		BIND_TEST(
			test_paths_are_doubtful_where_the_client_is_heard_unbound),
		BIND_TEST(test_session_without_a_path_is_looked_at_seldom),
		BIND_TEST(test_session_closed_leaves_conn_to_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
