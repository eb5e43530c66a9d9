/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Revoked stateids: remembered until the client frees them. RFC 5661, 18.38
 * and 18.46.3.
 */
#include "fake_test.h"

#include <string.h>

#include "check.h"
#include "sane.h"

#define REVOKED BC_SEQ4_RECALLABLE_STATE_REVOKED
#define MANY 1024 /* as many as the core remembers of a client */
#define SHORT_LEASE 400 /* ms */

struct other {
	uint8_t bytes[BC_STATEID_OTHER_SIZE];
};

static const struct bc_config short_lease = { .lease_time = SHORT_LEASE };

static struct other stateid(uint32_t number)
{
	struct other other = { { 0 } };

	memcpy(other.bytes, &number, sizeof(number));
	return other;
}

static void revoke(uint64_t clientid, uint32_t number)
{
	bc_revoked_add(clientid, stateid(number).bytes);
	assert_sane_clients();
}

static bool revoked(const struct bc_session *session, uint32_t number)
{
	return bc_revoked_contains(session, stateid(number).bytes);
}

/* @return whether it was there; @last must be told so */
static bool let_go(const struct bc_session *session, uint32_t number,
		   bool expect_last)
{
	bool last = !expect_last;
	bool found = bc_revoked_free(session, stateid(number).bytes, &last);

	assert_int_equal(last, expect_last);
	assert_sane_clients();
	return found;
}

static bool flagged(const struct bc_session *session)
{
	return fake_flags(session) & REVOKED;
}

/* Whether anything is remembered of a client. */
static bool client_known(uint64_t clientid)
{
	struct bc_revoked *known = bc_revoked_get(clientid);

	if (known)
		bc_revoked_put(known);
	return known;
}

static void test_revoked_none_is_not_flagged(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	assert_false(flagged(session));
	assert_false(revoked(session, 1));
	assert_false(let_go(session, 1, false));
}

static void test_revoked_is_flagged_until_the_last_is_freed(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	revoke(ALICE, 2);
	assert_true(flagged(session));
	assert_true(revoked(session, 1));
	assert_true(revoked(session, 2));
	assert_false(revoked(session, 3));
	assert_true(let_go(session, 1, false));
	assert_false(revoked(session, 1));
	assert_true(revoked(session, 2));
	assert_true(flagged(session));
	assert_true(let_go(session, 2, true));
	assert_false(revoked(session, 2));
	assert_false(flagged(session));
}

static void test_revoked_freed_twice_is_there_once(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	revoke(ALICE, 2);
	assert_true(let_go(session, 1, false));
	assert_false(let_go(session, 1, false));
	assert_true(flagged(session));
}

static void test_revoked_twice_is_freed_once(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	revoke(ALICE, 1);
	assert_true(let_go(session, 1, true));
	assert_false(flagged(session));
}

static void test_revoked_is_seen_by_all_sessions_of_its_client(void **state)
{
	struct bc_session *one, *two, *bob;

	(void)state;
	one = fake_session(ALICE, 1, 16);
	two = fake_session(ALICE, 2, 16);
	bob = fake_session(BOB, 3, 16);
	revoke(ALICE, 1);
	assert_true(flagged(one));
	assert_true(flagged(two));
	assert_false(flagged(bob));
	assert_false(revoked(bob, 1));
	assert_false(let_go(bob, 1, false));
	assert_true(let_go(two, 1, true));
	assert_false(flagged(one));
}

static void test_revoked_of_closed_session_is_nothing(void **state)
{
	struct bc_session *session;
	bool last = true;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	bc_session_ref(session);
	fake_close(session);
	assert_false(bc_revoked_contains(session, stateid(1).bytes));
	assert_false(bc_revoked_free(session, stateid(1).bytes, &last));
	assert_false(last);
	bc_session_put(session);
}

static void test_revoked_many_are_limited_and_freed_in_any_order(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	for (uint32_t i = 0; i <= MANY; i++)
		bc_revoked_add(ALICE, stateid(i).bytes);
	assert_false(revoked(session, MANY));
	for (uint32_t i = 0; i < MANY; i += 2)
		assert_true(let_go(session, i, false));
	for (uint32_t i = MANY - 1; i > 1; i -= 2)
		assert_true(let_go(session, i, false));
	assert_true(flagged(session));
	assert_true(let_go(session, 1, true));
	assert_false(flagged(session));
}

static void test_revoked_survives_a_session_that_is_replaced(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	fake_close(session);
	assert_true(client_known(ALICE));
	session = fake_session(ALICE, 2, 16);
	assert_true(flagged(session));
	assert_true(let_go(session, 1, true));
	fake_close(session);
	assert_false(client_known(ALICE));
}

static void test_revoked_without_session_waits_for_one(void **state)
{
	struct bc_session *session;

	(void)state;
	revoke(ALICE, 1);
	session = fake_session(ALICE, 1, 16);
	assert_true(flagged(session));
}

/* The timers' thread forgets a client's, a lease after it lost its session. */
static void wait_forgotten(uint64_t clientid)
{
	uint64_t until = bc_now() + FAKE_PATIENCE * UINT64_C(1000);

	while (client_known(clientid) && bc_now() < until)
		fake_flush();
	assert_false(client_known(clientid));
}

static void test_revoked_without_session_is_forgotten_after_lease(void **state)
{
	uint64_t closed;
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	closed = bc_now();
	fake_close(session);
	wait_forgotten(ALICE);
	assert_true(bc_now() - closed >= SHORT_LEASE);
	assert_false(flagged(fake_session(ALICE, 2, 16)));
}

static void test_revoked_with_session_outlives_a_lease(void **state)
{
	struct bc_session *session;

	(void)state;
	revoke(ALICE, 1);
	session = fake_session(ALICE, 1, 16);
	revoke(BOB, 2); /* later than Alice's, and so forgotten later */
	wait_forgotten(BOB);
	assert_true(flagged(session));
}

static void test_revoked_is_dropped_with_the_client_id(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	fake_close(session);
	bc_client_destroy(ALICE);
	assert_false(client_known(ALICE));
	assert_false(flagged(fake_session(ALICE, 2, 16)));
}

static void test_revoked_at_core_fini_is_freed(void **state)
{
	(void)state;
	fake_session(ALICE, 1, 16);
	revoke(ALICE, 1);
	revoke(BOB, 2);
}

static void test_revoked_after_stop_needs_a_session(void **state)
{
	struct bc_session *session;

	(void)state;
	session = fake_session(ALICE, 1, 16);
	bc_core_stop_calls();
	revoke(ALICE, 1);
	revoke(BOB, 2);
	assert_true(flagged(session));
	assert_false(client_known(BOB));
}

#define REVOKED_TEST(test) FAKE_TEST(test, NULL)
#define LEASE_TEST(test) FAKE_TEST(test, &short_lease)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REVOKED_TEST(test_revoked_none_is_not_flagged),
		REVOKED_TEST(test_revoked_is_flagged_until_the_last_is_freed),
		REVOKED_TEST(test_revoked_freed_twice_is_there_once),
		REVOKED_TEST(test_revoked_twice_is_freed_once),
		REVOKED_TEST(
			test_revoked_is_seen_by_all_sessions_of_its_client),
		REVOKED_TEST(test_revoked_of_closed_session_is_nothing),
		REVOKED_TEST(
			test_revoked_many_are_limited_and_freed_in_any_order),
		REVOKED_TEST(test_revoked_survives_a_session_that_is_replaced),
		REVOKED_TEST(test_revoked_without_session_waits_for_one),
		LEASE_TEST(
			test_revoked_without_session_is_forgotten_after_lease),
		LEASE_TEST(test_revoked_with_session_outlives_a_lease),
		REVOKED_TEST(test_revoked_is_dropped_with_the_client_id),
		REVOKED_TEST(test_revoked_at_core_fini_is_freed),
		REVOKED_TEST(test_revoked_after_stop_needs_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
