/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients, sessions and connections: found, counted, forgotten.
 */
#include "fake_test.h"

#include <string.h>
#include <sys/resource.h>

#include "check.h"
#include "sane.h"

#define MANY 40000 /* clients */
#define MANY_KIB 2 /* for each, its session and its places in the tables */

/* @return borrowed from the table: the client must be there */
static struct bc_client *client_of(uint64_t clientid)
{
	struct bc_client *client = bc_client_get(clientid);

	assert_non_null(client);
	assert_sane_client(client);
	bc_client_put(client);
	return client;
}

static void assert_no_client(uint64_t clientid)
{
	assert_null(bc_client_get(clientid));
}

/* Sessions ----------------------------------------------------------------- */

static void test_session_added_is_found_with_its_client(void **state)
{
	struct bc_session *session, *found;

	(void)state;
	assert_no_client(ALICE);
	session = fake_session(ALICE, 1, 16);
	found = bc_session_get(session->id);
	assert_ptr_equal(found, session);
	assert_ptr_equal(session->client, client_of(ALICE));
	bc_session_put(found);
}

static void test_session_unknown_is_not_found(void **state)
{
	uint8_t id[BC_SESSIONID_SIZE] = { 0 };
	struct bc_session_status status;

	(void)state;
	fake_session(ALICE, 1, 16);
	assert_null(bc_session_get(id));
	status = bc_session_heard(NULL, NULL);
	assert_false(status.known);
	assert_false(status.standing & BC_STANDING_PATH);
	assert_int_equal(status.flags, 0);
}

static void test_session_added_twice_is_eexist(void **state)
{
	struct bc_session_attrs attrs = fake_attrs(BOB, 1, 16);
	struct bc_session *session, *second = NULL;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	assert_int_equal(bc_session_add(&attrs, &second), -EEXIST);
	assert_null(second);
	assert_no_client(BOB);
	assert_sane_clients();
	second = bc_session_get(session->id);
	assert_ptr_equal(second, session);
	bc_session_put(second);
}

static void test_session_knows_the_principal_that_created_it(void **state)
{
	struct bc_session_attrs attrs = fake_attrs(ALICE, 1, 16);
	char principal[] = { 1, 0, 2, 3 };
	struct bc_session *session;

	(void)state;
	attrs.principal = principal;
	attrs.principal_len = 3;
	session = fake_session_add(&attrs);
	assert_int_equal(bc_session_clientid(session), ALICE);
	assert_true(bc_session_same_principal(session, principal, 3));
	assert_false(bc_session_same_principal(session, principal, 2));
	assert_false(bc_session_same_principal(session, principal, 4));
	assert_false(bc_session_same_principal(session, principal, 0));
	principal[2] = 4; /* the session has a copy */
	assert_false(bc_session_same_principal(session, principal, 3));
}

static void test_session_knows_the_address_that_created_it(void **state)
{
	struct bc_session_attrs attrs = fake_attrs(ALICE, 1, 16);
	char address[BC_ADDRESS_MAX] = { 127, 0, 0, 1 };
	struct bc_session *session;

	(void)state;
	attrs.address = address;
	attrs.address_len = 4;
	session = fake_session_add(&attrs);
	assert_true(bc_session_same_address(session, address, 4));
	assert_false(bc_session_same_address(session, address, 3));
	assert_false(bc_session_same_address(session, address, 16));
	assert_false(bc_session_same_address(session, address, 0));
	assert_false(bc_session_same_principal(session, address, 4));
	address[3] = 2; /* the session has a copy */
	assert_false(bc_session_same_address(session, address, 4));
}

static void test_session_of_nobody_is_nobodys(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	assert_false(bc_session_same_address(session, "", 0));
	assert_false(bc_session_same_principal(session, "", 0));
	assert_false(bc_session_same_principal(session, "a", 1));
}

static void test_session_slots_are_limited_by_configuration(void **state)
{
	(void)state;
	assert_int_equal(fake_session(ALICE, 1, 1)->slots.size, 1);
	assert_int_equal(fake_session(ALICE, 2, 16)->slots.size, 16);
	assert_int_equal(fake_session(ALICE, 3, 1000)->slots.size, 16);
}

static void test_session_closed_is_not_found(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	bc_session_ref(session);
	fake_close(session);
	assert_null(bc_session_get(session->id));
	assert_false(bc_session_heard(session, NULL).known);
	assert_no_client(ALICE);
	bc_session_put(session);
}

static void test_session_closed_twice_is_closed_once(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	bc_session_ref(session);
	fake_close(session);
	fake_close(session);
	bc_session_put(session);
}

static void test_session_id_closed_can_be_added_again(void **state)
{
	struct bc_session *first, *second;

	(void)state;
	first = fake_session(ALICE, 1, 16);
	bc_session_ref(first);
	fake_close(first);
	second = fake_session(ALICE, 1, 16);
	assert_ptr_not_equal(first, second);
	fake_close(first);
	assert_true(bc_session_heard(second, NULL).known);
	bc_session_put(first);
}

static void session_id(uint32_t number, uint8_t id[BC_SESSIONID_SIZE])
{
	memset(id, 0, BC_SESSIONID_SIZE);
	memcpy(id, &number, sizeof(number));
}

static void test_sessions_many_are_all_found(void **state)
{
	enum { SESSIONS = 2000, CLIENTS = 40 };
	static struct bc_session *sessions[SESSIONS];

	(void)state;
	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct bc_session_attrs attrs =
			fake_attrs(ALICE + i % CLIENTS, 0, 16);

		session_id(i, attrs.id);
		assert_int_equal(bc_session_add(&attrs, &sessions[i]), 0);
		bc_session_put(sessions[i]);
	}
	assert_sane_clients();
	for (uint32_t i = 0; i < SESSIONS; i++) {
		uint8_t id[BC_SESSIONID_SIZE];
		struct bc_session *found;

		session_id(i, id);
		found = bc_session_get(id);
		assert_ptr_equal(found, sessions[i]);
		bc_session_close(found);
		bc_session_put(found);
	}
	assert_core_empty();
}

/* Status ------------------------------------------------------------------- */

static void test_status_without_connection_is_path_down(void **state)
{
	(void)state;
	assert_int_equal(fake_flags(fake_session(ALICE, 1, 16)), NO_PATH);
}

static void test_status_with_connection_is_clear(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(fake_flags(session), 0);
	fake_down(conn);
	assert_int_equal(fake_flags(session), NO_PATH);
}

static void test_status_with_path_elsewhere_is_session_down(void **state)
{
	struct bc_session *one, *two;
	struct bc_conn *conn;

	(void)state;
	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_session(ALICE, 2, 16);
	assert_int_equal(fake_flags(one), 0);
	assert_int_equal(fake_flags(two), BC_SEQ4_CB_PATH_DOWN_SESSION);
	fake_close(one);
	assert_int_equal(fake_flags(two), NO_PATH);
}

static void test_status_of_other_client_is_its_own(void **state)
{
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	assert_int_equal(fake_flags(fake_session(BOB, 2, 16)), NO_PATH);
}

/* Clients ------------------------------------------------------------------ */

static void test_client_is_shared_by_its_sessions(void **state)
{
	struct bc_session *one, *two;

	(void)state;
	one = fake_session(ALICE, 1, 16);
	two = fake_session(ALICE, 2, 16);
	assert_ptr_equal(one->client, two->client);
	fake_close(one);
	assert_ptr_equal(two->client, client_of(ALICE));
	fake_close(two);
	assert_no_client(ALICE);
}

static void test_client_with_callbacks_outlives_its_sessions(void **state)
{
	struct bc_session *session;
	struct bc_client *client;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	fake_submit(ALICE);
	client = client_of(ALICE);
	fake_close(session);
	assert_ptr_equal(client_of(ALICE), client);
	session = fake_session(ALICE, 2, 16);
	assert_ptr_equal(session->client, client);
	fake_close(session);
	bc_client_destroy(ALICE);
	assert_no_client(ALICE);
}

static void test_client_without_session_takes_callback(void **state)
{
	struct fake_call *call;

	(void)state;
	call = fake_submit(ALICE);
	client_of(ALICE);
	bc_client_destroy(ALICE);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_no_client(ALICE);
}

static void test_client_dead_is_replaced_by_new_one(void **state)
{
	struct bc_client *old;
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	old = bc_client_get(ALICE);
	fake_close(session);
	assert_true(old->dead);
	assert_sane_client(old);
	session = fake_session(ALICE, 1, 16);
	assert_ptr_not_equal(session->client, old);
	assert_sane_client(old);
	bc_client_put(old);
}

static void test_client_unknown_destroyed_is_nothing(void **state)
{
	(void)state;
	bc_client_destroy(BOB);
	assert_core_empty();
}

static void test_client_destroyed_fails_its_callbacks_only(void **state)
{
	struct fake_call *mine, *queued, *other;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 1, &conn);
	mine = fake_submit(ALICE);
	queued = fake_submit(ALICE);
	other = fake_submit(BOB);
	bc_client_destroy(ALICE);
	assert_int_equal(fake_wait(mine), BC_OUTCOME_FAILED);
	assert_int_equal(fake_wait(queued), BC_OUTCOME_FAILED);
	assert_false(fake_done(other));
	/* Its sessions are there until they are closed. */
	client_of(ALICE);
}

/* Connections -------------------------------------------------------------- */

static void test_conn_added_is_found_by_transport(void **state)
{
	struct bc_conn *conn, *found;
	int other;

	(void)state;
	conn = fake_conn();
	found = bc_conn_get(conn->transport);
	assert_ptr_equal(found, conn);
	bc_conn_put(found);
	assert_null(bc_conn_get(&other));
}

static void test_conn_of_same_transport_is_eexist(void **state)
{
	struct bc_conn *conn, *found, second = { .down = false };

	(void)state;
	conn = fake_conn();
	assert_int_equal(bc_conn_add(&second, conn->transport), -EEXIST);
	found = bc_conn_get(conn->transport);
	assert_ptr_equal(found, conn);
	bc_conn_put(found);
}

static void test_conn_down_is_not_found(void **state)
{
	struct bc_conn *conn;

	(void)state;
	conn = fake_conn();
	bc_conn_down(conn);
	assert_null(bc_conn_get(conn->transport));
	fake_flush();
}

/* The allocator may give the next transport the same address at once. */
static void test_conn_down_leaves_its_transport_to_another(void **state)
{
	struct bc_conn *conn, *found, *second;

	(void)state;
	conn = fake_conn();
	bc_conn_down(conn);
	second = fake_conn_over(conn->transport);
	fake_flush();
	found = bc_conn_get(conn->transport);
	assert_ptr_equal(found, second);
	assert_false(found->down);
	bc_conn_put(found);
}

static void test_conn_down_twice_is_released_once(void **state)
{
	struct bc_conn *conn;

	(void)state;
	conn = fake_conn();
	bc_conn_down(conn);
	bc_conn_down(conn);
	fake_down(conn);
	assert_int_equal(conn->ref.refcount, 1);
}

static void test_conn_heard_notes_activity(void **state)
{
	struct bc_conn *conn, *quiet;
	uint64_t before, quiet_before;

	(void)state;
	conn = fake_conn();
	quiet = fake_conn();
	before = conn->activity;
	quiet_before = quiet->activity;
	fake_heard(conn);
	assert_true(conn->activity > before);
	assert_true(quiet->activity == quiet_before);
}

/* The core's end ----------------------------------------------------------- */

static void test_core_fini_with_everything_pending_frees_all(void **state)
{
	struct bc_conn *conn, *other;
	struct bc_session *session;
	enum bc_channels channels;
	int reply = 0;

	(void)state;
	session = fake_path(ALICE, 1, 2, &conn);
	for (int i = 0; i < 5; i++)
		fake_submit(ALICE);
	fake_submit(BOB);
	fake_answer_error(fake_next(), NFS4ERR_DELAY);
	other = fake_conn();
	assert_int_equal(
		bc_bind(session, other, BC_BIND_BACK, &reply, &channels), 0);
	fake_bind(fake_session(BOB, 2, 1), conn);
	bc_conn_down(conn);
}

static void test_core_stopped_fails_new_callbacks(void **state)
{
	struct fake_call *pending, *late;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	pending = fake_submit(ALICE);
	bc_core_stop_calls();
	assert_true(fake_done(pending));
	assert_int_equal(pending->outcome, BC_OUTCOME_FAILED);
	late = fake_submit(ALICE);
	assert_int_equal(fake_wait(late), BC_OUTCOME_FAILED);
	assert_int_equal(fake_pending(), 1);
	late = fake_submit(BOB);
	assert_int_equal(fake_wait(late), BC_OUTCOME_FAILED);
	assert_no_client(BOB);
}

/* KiB that the process has had in memory at most. */
static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* Not with what once was in them, nor by chance. */
static void test_tables_are_as_large_as_what_is_in_them(void **state)
{
	long before = peak_kib();

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		struct bc_session_attrs attrs = fake_attrs(ALICE + i, 0, 1);
		struct bc_session *session = NULL;

		memcpy(attrs.id, &i, sizeof(i));
		assert_int_equal(bc_session_add(&attrs, &session), 0);
		bc_session_put(session);
	}
	print_message("%d clients, %ld KiB\n", MANY, peak_kib() - before);
	/* Sanitizers count their own. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(peak_kib() - before < MANY * MANY_KIB);
#endif
}

static void test_core_started_again_works(void **state)
{
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	fake_stop();
	fake_start(NULL);
	fake_path(ALICE, 1, 16, &conn);
	call = fake_submit(ALICE);
	fake_answer_ok(fake_next());
	assert_int_equal(fake_wait(call), BC_OUTCOME_REPLY);
}

#define TABLE_TEST(test) FAKE_TEST(test, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(test_session_added_is_found_with_its_client),
		TABLE_TEST(test_session_unknown_is_not_found),
		TABLE_TEST(test_session_added_twice_is_eexist),
		TABLE_TEST(test_session_knows_the_principal_that_created_it),
		TABLE_TEST(test_session_knows_the_address_that_created_it),
		TABLE_TEST(test_session_of_nobody_is_nobodys),
		TABLE_TEST(test_session_slots_are_limited_by_configuration),
		TABLE_TEST(test_session_closed_is_not_found),
		TABLE_TEST(test_session_closed_twice_is_closed_once),
		TABLE_TEST(test_session_id_closed_can_be_added_again),
		TABLE_TEST(test_sessions_many_are_all_found),
		TABLE_TEST(test_status_without_connection_is_path_down),
		TABLE_TEST(test_status_with_connection_is_clear),
		TABLE_TEST(test_status_with_path_elsewhere_is_session_down),
		TABLE_TEST(test_status_of_other_client_is_its_own),
		TABLE_TEST(test_client_is_shared_by_its_sessions),
		TABLE_TEST(test_client_with_callbacks_outlives_its_sessions),
		TABLE_TEST(test_client_without_session_takes_callback),
		TABLE_TEST(test_client_dead_is_replaced_by_new_one),
		TABLE_TEST(test_client_unknown_destroyed_is_nothing),
		TABLE_TEST(test_client_destroyed_fails_its_callbacks_only),
		TABLE_TEST(test_conn_added_is_found_by_transport),
		TABLE_TEST(test_conn_of_same_transport_is_eexist),
		TABLE_TEST(test_conn_down_is_not_found),
		TABLE_TEST(test_conn_down_leaves_its_transport_to_another),
		TABLE_TEST(test_conn_down_twice_is_released_once),
		TABLE_TEST(test_conn_heard_notes_activity),
		TABLE_TEST(test_core_fini_with_everything_pending_frees_all),
		TABLE_TEST(test_core_stopped_fails_new_callbacks),
		TABLE_TEST(test_tables_are_as_large_as_what_is_in_them),
		TABLE_TEST(test_core_started_again_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
