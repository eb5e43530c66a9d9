/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What can be seen of the core, and what an administrator may do to it.
 */
#include "fake_test.h"

#include "counters.h"
#include "snapshot.h"

#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STABLE 40 /* clients that stay, with the ids 1 .. STABLE */
#define WALKS 200
#define NO_CLIENT 0xdead

static const struct bc_config soon = {
	.callback_timeout = 30,
	.retry_attempts = FAKE_ZERO,
};

/* A session each, which fake_session() would limit to 255. */
static struct bc_session *add_client(uint64_t clientid)
{
	struct bc_session_attrs attrs = fake_attrs(clientid, 0, 4);

	memcpy(attrs.id, &clientid, sizeof(clientid));
	return fake_session_add(&attrs);
}

static struct bc_client_view view_of(uint64_t clientid)
{
	struct bc_client_detail *detail = malloc(sizeof(*detail));
	struct bc_client_view view;

	CHECK(detail && !bc_snapshot_client(clientid, detail));
	view = detail->client;
	free(detail);
	return view;
}

static struct bc_counts counts(void)
{
	struct bc_counts sum;

	bc_counts_sum(&sum);
	return sum;
}

static uint64_t count_of(enum bc_counter counter)
{
	return counts().of[counter];
}

/* Paging --------------------------------------------------------------------- */

/* How often each client that stays is seen, in pages of @room. */
static void walk(unsigned int *seen, size_t room)
{
	struct bc_client_view views[64];
	uint32_t cursor = 0;

	memset(seen, 0, (STABLE + 1) * sizeof(*seen));
	do {
		size_t count = bc_snapshot_clients(&cursor, views, room);

		CHECK(count <= room);
		CHECK(count == room || !cursor);
		for (size_t i = 0; i < count; i++)
			if (views[i].clientid <= STABLE)
				seen[views[i].clientid]++;
	} while (cursor);
}

static void assert_walk_sees_all(size_t room)
{
	unsigned int seen[STABLE + 1];

	walk(seen, room);
	for (int i = 1; i <= STABLE; i++)
		assert_int_equal(seen[i], 1);
}

static void test_pages_have_each_client_once(void **state)
{
	struct bc_client_view views[4];
	uint32_t cursor = 0;

	(void)state;
	assert_int_equal(bc_snapshot_clients(&cursor, views, 4), 0);
	assert_int_equal(cursor, 0);
	for (uint64_t id = 1; id <= STABLE; id++)
		add_client(id);
	for (size_t room = 1; room <= 64; room++)
		assert_walk_sees_all(room);
}

static void test_any_cursor_is_as_good(void **state)
{
	static const uint32_t cursors[] = { 2, 41, 42, 1024, 1025, UINT32_MAX };
	struct bc_client_view views[64];

	(void)state;
	for (uint64_t id = 1; id <= STABLE; id++)
		add_client(id);
	for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
		uint32_t cursor = cursors[i];

		assert_in_range(bc_snapshot_clients(&cursor, views, 64), 0,
				STABLE - 1);
		assert_int_equal(cursor, 0);
	}
}

static bool churn_ends; /* [A] */

static void *churn(void *arg)
{
	uint64_t id = 1000;

	while (!uatomic_read(&churn_ends)) {
		struct bc_session *sessions[50];

		for (int i = 0; i < 50; i++)
			sessions[i] = add_client(id++);
		for (int i = 0; i < 50; i++)
			fake_close(sessions[i]);
	}
	return arg;
}

static void test_pages_while_others_come_and_go(void **state)
{
	struct bc_snapshot_now now;
	pthread_t thread;

	(void)state;
	/* Those that go leave places before, between and after. */
	for (uint64_t id = 1; id <= STABLE; id++) {
		struct bc_session *goes = add_client(500 + id);

		add_client(id);
		fake_close(goes);
	}
	uatomic_set(&churn_ends, false);
	CHECK(!pthread_create(&thread, NULL, churn, NULL));
	for (int i = 0; i < WALKS; i++) {
		unsigned int seen[STABLE + 1];

		walk(seen, 1 + (size_t)i % 64);
		for (int id = 1; id <= STABLE; id++)
			CHECK(seen[id] == 1);
		bc_snapshot_now(&now);
		CHECK(now.clients[BC_CLIENT_NO_BACK] >= STABLE);
		CHECK(now.clients[BC_CLIENT_NO_BACK] <= STABLE + 50);
	}
	uatomic_set(&churn_ends, true);
	pthread_join(thread, NULL);
	assert_int_equal(bc_core.clients.count, STABLE);
}

static void test_places_are_used_again(void **state)
{
	uint32_t end;

	(void)state;
	for (int i = 0; i < 10; i++)
		add_client((uint64_t)i + 1);
	end = bc_directory_end();
	for (int i = 0; i < 100; i++)
		fake_close(add_client(1000));
	assert_in_range(bc_directory_end(), end, end + 1);
}

/* Views ---------------------------------------------------------------------- */

static void test_view_says_how_a_client_stands(void **state)
{
	struct bc_conn *conn;
	struct bc_session *session = fake_session(ALICE, 1, 4);
	struct bc_client_view view = view_of(ALICE);

	(void)state;
	assert_int_equal(view.state, BC_CLIENT_NO_BACK);
	assert_int_equal(view.path_ms, BC_NEVER);
	assert_int_equal(view.oldest_ms, BC_NEVER);
	assert_int_equal(view.sessions, 1);

	conn = fake_conn_to(session);
	view = view_of(ALICE);
	assert_int_equal(view.state, BC_CLIENT_TRUSTED);
	assert_in_range(view.path_ms, 0, FAKE_PATIENCE * 1000);
	assert_int_equal(view.back_bound, 1);
	assert_int_equal(view.paths, 1);

	fake_down(conn);
	view = view_of(ALICE);
	assert_int_equal(view.state, BC_CLIENT_NO_PATH);
	assert_int_equal(view.back_bound, 0);
	assert_int_equal(count_of(BC_COUNT_PATHS_LOST), 1);
	assert_int_equal(count_of(BC_COUNT_PATHS_REGAINED), 0);

	fake_conn_to(session);
	assert_int_equal(view_of(ALICE).state, BC_CLIENT_TRUSTED);
	assert_int_equal(count_of(BC_COUNT_PATHS_REGAINED), 1);
	assert_int_equal(count_of(BC_COUNT_BOUND), 2);
	fake_close(session);
	/* To go is not to lose a path. */
	assert_int_equal(count_of(BC_COUNT_PATHS_LOST), 1);
}

static void sleep_ms(long ms)
{
	const struct timespec pause = { .tv_nsec = ms * 1000000 };

	nanosleep(&pause, NULL);
}

static void test_time_without_a_path_is_counted(void **state)
{
	struct bc_conn *conn;
	struct bc_session *session = fake_path(ALICE, 1, 4, &conn);
	struct bc_snapshot_now now;

	(void)state;
	fake_down(conn);
	sleep_ms(20); /* the time itself is what is measured */
	bc_snapshot_now(&now);
	assert_in_range(now.down_ms, 19, FAKE_PATIENCE * 1000);
	assert_int_equal(now.clients[BC_CLIENT_NO_PATH], 1);
	assert_int_equal(count_of(BC_COUNT_DOWN_MS), 0);
	conn = fake_conn_to(session);
	assert_in_range(count_of(BC_COUNT_DOWN_MS), 19, FAKE_PATIENCE * 1000);
	bc_snapshot_now(&now);
	assert_int_equal(now.down_ms, 0);
	assert_int_equal(now.clients[BC_CLIENT_TRUSTED], 1);
}

static void test_view_shows_what_waits(void **state)
{
	struct bc_snapshot_now now;
	struct bc_client_view view;
	struct fake_call *call;

	(void)state;
	fake_session(ALICE, 1, 4);
	fake_session(BOB, 2, 4);
	fake_submit(ALICE);
	sleep_ms(15);
	call = fake_submit(ALICE);
	fake_submit(BOB);
	view = view_of(ALICE);
	assert_int_equal(view.calls, 2);
	assert_int_equal(view.queued, 2);
	assert_in_range(view.oldest_ms, 14, FAKE_PATIENCE * 1000);
	bc_snapshot_now(&now);
	assert_int_equal(now.queued, 3);
	assert_in_range(now.oldest_ms, 14, FAKE_PATIENCE * 1000);
	assert_int_equal(now.sessions, 2);
	bc_client_destroy(ALICE);
	bc_client_destroy(BOB);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	bc_snapshot_now(&now);
	assert_int_equal(now.queued, 0);
	assert_int_equal(now.oldest_ms, 0);
}

static void test_detail_shows_sessions_and_connections(void **state)
{
	struct bc_client_detail *detail = malloc(sizeof(*detail));
	struct fake_out out = fake_out(4);
	struct bc_conn *second = fake_conn();

	(void)state;
	assert_int_equal(bc_snapshot_client(NO_CLIENT, detail), -ENOENT);
	fake_bind(out.session, second);
	fake_session(ALICE, 2, 4);
	assert_int_equal(bc_snapshot_client(ALICE, detail), 0);
	assert_int_equal(detail->client.clientid, ALICE);
	assert_int_equal(detail->sessions, 2);
	assert_int_equal(detail->bindings, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct bc_session_view *session = &detail->session[i];
		bool is_first = !memcmp(session->id, out.session->id,
					BC_SESSIONID_SIZE);

		assert_int_equal(session->slots.busy, is_first);
		assert_int_equal(session->back_bound, is_first ? 2 : 0);
		assert_int_equal(session->slots.size, 4);
		assert_int_equal(detail->binding[i].state,
				 BC_BINDING_VIEW_LIVE);
		assert_memory_equal(detail->binding[i].session, out.session->id,
				    BC_SESSIONID_SIZE);
	}
	assert_int_not_equal(detail->binding[0].connection,
			     detail->binding[1].connection);
	free(detail);
	fake_answer_ok(out.req);
}

static void test_only_so_much_is_shown(void **state)
{
	struct bc_client_detail *detail = malloc(sizeof(*detail));

	(void)state;
	for (uint64_t i = 0; i <= BC_VIEW_SESSIONS; i++) {
		struct bc_session_attrs attrs = fake_attrs(ALICE, 0, 4);

		memcpy(attrs.id, &i, sizeof(i));
		fake_session_add(&attrs);
	}
	assert_int_equal(bc_snapshot_client(ALICE, detail), 0);
	assert_int_equal(detail->sessions, BC_VIEW_SESSIONS);
	assert_int_equal(detail->client.sessions, BC_VIEW_SESSIONS + 1);
	free(detail);
}

/* Counts --------------------------------------------------------------------- */

static void test_callbacks_are_counted_where_they_end(void **state)
{
	struct fake_out out = fake_out(4);
	struct bc_counts sum;
	struct fake_call *call;

	(void)state;
	assert_int_equal(counts().submitted[4], 1);
	assert_int_equal(count_of(BC_COUNT_SENT), 1);
	fake_answer_ok(out.req);
	call = fake_submit(ALICE);
	fake_answer_error(fake_next(), NFS4ERR_SEQ_MISORDERED);
	assert_completes(call);
	fake_wait(fake_defer());
	fake_flush();
	sum = counts();
	assert_int_equal(sum.submitted[4], 3);
	assert_int_equal(sum.completed[4][BC_OUTCOME_REPLY], 2);
	assert_int_equal(sum.completed[4][BC_OUTCOME_DEFER], 1);
	assert_int_equal(sum.verdicts[BC_VERDICT_DONE], 2);
	assert_int_equal(sum.verdicts[BC_VERDICT_MISORDERED], 1);
	assert_int_equal(sum.of[BC_COUNT_REDRIVES], 1);
	assert_int_equal(sum.of[BC_COUNT_SENT], 3);
	assert_int_equal(sum.of[BC_COUNT_FAILOVERS], 0);
}

static void test_failover_is_counted(void **state)
{
	struct fake_out out = fake_out(4);

	(void)state;
	fake_reconnect(out.session, out.conn);
	assert_completes(out.call);
	assert_int_equal(count_of(BC_COUNT_FAILOVERS), 1);
	assert_int_equal(count_of(BC_COUNT_SENT), 2);
	assert_int_equal(count_of(BC_COUNT_REDRIVES), 0);
}

static void test_faults_are_counted(void **state)
{
	struct fake_out out = fake_out(2);

	(void)state;
	fake_answer_error(out.req, NFS4ERR_BADSESSION);
	assert_int_equal(count_of(BC_COUNT_FAULTS), 1);
	assert_int_equal(count_of(BC_COUNT_SLOTS_LOST), 1);
	bc_client_destroy(ALICE);
	fake_wait(out.call);
}

static void test_unanswered_callbacks_are_counted(void **state)
{
	struct fake_out out = fake_out(4);

	(void)state;
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	assert_int_equal(count_of(BC_COUNT_GIVEN_UP), 1);
	assert_int_equal(count_of(BC_COUNT_TRIALS), 1);
	assert_int_equal(count_of(BC_COUNT_RETRIES), 0);
}

/* Control -------------------------------------------------------------------- */

static sem_t probe_ended;

static void note_end(void *arg)
{
	sem_post(arg);
}

static struct bc_control_probe *probe(uint64_t ms)
{
	struct bc_control_probe *result;

	sem_init(&probe_ended, 0, 0);
	assert_int_equal(
		bc_control_probe(ALICE, ms, note_end, &probe_ended, &result),
		0);
	return result;
}

static enum bc_probe_result wait_for(struct bc_control_probe *probe)
{
	struct timespec until;
	uint64_t us;

	/* ThreadSanitizer does not know sem_clockwait(). */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAKE_PATIENCE;
	CHECK(!sem_timedwait(&probe_ended, &until));
	return bc_control_probe_result(probe, &us);
}

static void test_probe_is_answered(void **state)
{
	struct bc_control_probe *asked;
	struct bc_request *req;
	struct bc_conn *conn;
	uint64_t us;

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	asked = probe(FAKE_PATIENCE * 1000);
	assert_int_equal(bc_control_probe_result(asked, &us), BC_PROBE_PENDING);
	req = fake_next();
	assert_true(req->sequence.alone);
	fake_answer(req, fake_reply_ok(req));
	assert_int_equal(wait_for(asked), BC_PROBE_ANSWERED);
	bc_control_probe_end(asked);
	assert_int_equal(counts().completed[11][BC_OUTCOME_REPLY], 1);
}

/* It says nothing of the client. */
static void test_probe_is_not_answered(void **state)
{
	struct bc_control_probe *asked;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	asked = probe(20);
	assert_int_equal(wait_for(asked), BC_PROBE_UNANSWERED);
	bc_control_probe_end(asked);
	assert_int_equal(view_of(ALICE).state, BC_CLIENT_TRUSTED);
	fake_next();
}

static void test_probe_that_nobody_waits_for(void **state)
{
	struct bc_control_probe *asked;
	struct bc_request *req;
	struct bc_conn *conn;
	int value;

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	asked = probe(FAKE_PATIENCE * 1000);
	bc_control_probe_end(asked);
	req = fake_next();
	fake_answer(req, fake_reply_ok(req));
	fake_flush();
	sem_getvalue(&probe_ended, &value);
	assert_int_equal(value, 0);
}

static void test_probe_of_nobody(void **state)
{
	struct bc_control_probe *asked;

	(void)state;
	assert_int_equal(
		bc_control_probe(NO_CLIENT, 10, note_end, &probe_ended, &asked),
		-ENOENT);
	assert_int_equal(bc_core.clients.count, 0);
}

static void test_probe_ends_with_the_core(void **state)
{
	struct bc_control_probe *asked;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	asked = probe(FAKE_PATIENCE * 1000);
	bc_core_stop_calls();
	assert_int_equal(wait_for(asked), BC_PROBE_STOPPED);
	bc_control_probe_end(asked);
	fake_next();
}

static uint64_t number_of(const struct bc_conn *conn)
{
	return conn->number;
}

/* What is out stays out; what comes next takes another way. */
static void test_drop_takes_one_connection(void **state)
{
	struct fake_out out = fake_out(4);
	struct bc_conn *second = fake_conn_to(out.session);
	struct fake_call *next;
	struct bc_request *req;

	(void)state;
	assert_int_equal(bc_control_drop(NO_CLIENT, 1), -ENOENT);
	assert_int_equal(bc_control_drop(ALICE, 1000), 0);
	assert_int_equal(bc_control_drop(ALICE, number_of(out.conn)), 1);
	assert_int_equal(bc_control_drop(ALICE, number_of(out.conn)), 0);
	assert_int_equal(count_of(BC_COUNT_DROPPED), 1);
	assert_int_equal(view_of(ALICE).back_bound, 1);
	assert_int_equal(fake_pending(), 0);
	fake_heard(out.conn);
	next = fake_submit(ALICE);
	req = fake_next();
	assert_ptr_equal(req->conn, second);
	assert_answer_completes(req, next);
	assert_answer_completes(out.req, out.call);
	/* It may be bound anew. */
	fake_bind(out.session, out.conn);
	assert_int_equal(view_of(ALICE).back_bound, 2);
}

static void test_drop_of_the_last_one_is_an_outage(void **state)
{
	struct bc_conn *conn;
	struct bc_session *session = fake_path(ALICE, 1, 4, &conn);

	(void)state;
	assert_int_equal(bc_control_drop(ALICE, number_of(conn)), 1);
	assert_int_equal(fake_flags(session), NO_PATH);
	assert_int_equal(view_of(ALICE).state, BC_CLIENT_NO_PATH);
}

static void test_trust_ends_a_trial(void **state)
{
	struct fake_out out = fake_out(4);
	struct bc_client_view view;

	(void)state;
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_FAILED);
	fake_conn_to(out.session);
	fake_next(); /* the question */
	view = view_of(ALICE);
	assert_int_equal(view.state, BC_CLIENT_ON_TRIAL);
	assert_true(view.doubted);
	assert_int_equal(bc_control_trust(NO_CLIENT), -ENOENT);
	assert_int_equal(bc_control_trust(ALICE), 0);
	view = view_of(ALICE);
	assert_int_equal(view.state, BC_CLIENT_TRUSTED);
	assert_false(view.doubted);
}

/* Requests that wait -------------------------------------------------------------- */

struct held {
	struct fake_held held;
	struct bc_waiter *waiter;
	sem_t gone_on;
};

static void held_goes_on(struct fake_held *held)
{
	sem_post(&caa_container_of(held, struct held, held)->gone_on);
}

static void hold(struct held *held, const void *file)
{
	const struct bc_awaited awaited = {
		.file = file,
		.ticket = bc_waiting_ticket(file),
	};

	held->held.go_on = held_goes_on;
	sem_init(&held->gone_on, 0, 0);
	held->waiter = bc_waiter_new(&(struct bc_waiter_id){ .client = ALICE },
				     &held->held);
	assert_non_null(held->waiter);
	assert_int_equal(bc_waiter_wait(held->waiter, &awaited),
			 BC_WAIT_SUSPENDED);
}

static void wait_gone_on(struct held *held)
{
	struct timespec until;

	/* As above. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += FAKE_PATIENCE;
	CHECK(!sem_timedwait(&held->gone_on, &until));
	bc_waiter_free(held->waiter, false);
}

/* What is new waits as is said now, and does not wait for what is old. */
static void test_hold_time_is_for_what_is_new(void **state)
{
	static const char files[2];
	struct bc_snapshot_now now;
	struct held old, new;
	int gone_on;

	(void)state;
	hold(&old, &files[0]);
	bc_control_hold_time(10);
	hold(&new, &files[1]);
	bc_snapshot_now(&now);
	assert_int_equal(now.held_weight, 2);
	wait_gone_on(&new);
	sem_getvalue(&old.gone_on, &gone_on);
	assert_int_equal(gone_on, 0);
	bc_control_hold_time(0);
	assert_null(bc_waiter_new(&(struct bc_waiter_id){ .client = ALICE },
				  &new.held));
	bc_waiting_wake(&files[0]);
	wait_gone_on(&old);
	assert_int_equal(bc_control_held_for(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKE_TEST(test_pages_have_each_client_once, NULL),
		FAKE_TEST(test_any_cursor_is_as_good, NULL),
		FAKE_TEST(test_pages_while_others_come_and_go, NULL),
		FAKE_TEST(test_places_are_used_again, NULL),
		FAKE_TEST(test_view_says_how_a_client_stands, NULL),
		FAKE_TEST(test_time_without_a_path_is_counted, NULL),
		FAKE_TEST(test_view_shows_what_waits, NULL),
		FAKE_TEST(test_detail_shows_sessions_and_connections, NULL),
		FAKE_TEST(test_only_so_much_is_shown, NULL),
		FAKE_TEST(test_callbacks_are_counted_where_they_end, NULL),
		FAKE_TEST(test_failover_is_counted, NULL),
		FAKE_TEST(test_faults_are_counted, NULL),
		FAKE_TEST(test_unanswered_callbacks_are_counted, &soon),
		FAKE_TEST(test_probe_is_answered, NULL),
		FAKE_TEST(test_probe_is_not_answered, NULL),
		FAKE_TEST(test_probe_that_nobody_waits_for, NULL),
		FAKE_TEST(test_probe_of_nobody, NULL),
		FAKE_TEST(test_probe_ends_with_the_core, NULL),
		FAKE_TEST(test_drop_takes_one_connection, NULL),
		FAKE_TEST(test_drop_of_the_last_one_is_an_outage, NULL),
		FAKE_TEST(test_trust_ends_a_trial, &soon),
		FAKE_TEST(test_hold_time_is_for_what_is_new, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
