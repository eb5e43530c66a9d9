/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_NOTIFY_LOCK as Ganesha itself gives it, without Notify_Locks: who has asked for a
 * lock and may have it now. RFC 5661 20.11, 18.10.3.
 */
#include "fixture.h"
#include "ganesha.h"
#include "locks.h"
#include "nfs40.h"

#include <stdio.h>
#include <string.h>

#define LEASE 5 /* s */
#define RESERVED ((LEASE + 5) * 1000) /* ms: a lock for who was told */

/* The tests ------------------------------------------------------------------ */

static void test_notify_waiter_takes_the_lock(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "waited", &contended);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_take(f, &contended);
}

static void test_notify_comes_over_a_connection_bound_later(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs_conn *later;

	locks_wait(f, "later", &contended);
	fixture_lose_path(f, NFS_CLOSE_RST);
	later = fixture_bind(f);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback_on(f, later), &contended);
	locks_take(f, &contended);
}

static void test_notify_when_the_locker_closes(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "locker-closes", &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_open(&f->opener_session, "locker-closes", &contended.theirs);
	locks_take(f, &contended);
}

/* Nothing keeps callbacks in their order. */
static void test_notify_all_who_wait_to_read(void **state)
{
	static const char *const owners[] = { "one", "two", "three" };
	struct fixture *f = *state;
	struct contended contended;

	locks_contend(f, "readers", &contended);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(nfs_lock(&f->session, &contended.mine,
					  owners[i], READW_LT, NULL),
				 NFS4ERR_DENIED);
	locks_let_go(f, &contended);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int calls = 0;

		for (unsigned int n = 0; n < 3; n++)
			calls += locks_is_of(fixture_callback(f, n), owners[i]);
		assert_int_equal(calls, 1);
		assert_int_equal(nfs_lock(&f->session, &contended.mine,
					  owners[i], READW_LT, NULL),
				 NFS4_OK);
	}
	assert_int_equal(cb_responder_count(f->responder), 3);
	locks_close(f, &contended);
}

/* Who was told and does not come has it reserved for a lease and five seconds. */
static void test_notify_next_when_the_first_does_not_come(void **state)
{
	const uint64_t until =
		nfs_now_ns() + (RESERVED + SOON) * UINT64_C(1000000);
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "reserved", &contended);
	assert_int_equal(
		nfs_lock(&f->session, &contended.mine, "next", WRITEW_LT, NULL),
		NFS4ERR_DENIED);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	while (cb_responder_count(f->responder) < 2 && nfs_now_ns() < until) {
		fixture_assert_flags(f, 0); /* and renews the lease */
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		cb_responder_wait(f->responder, 1, LEASE * 200);
	}
	locks_check_of(f, fixture_callback(f, 1), &contended, "next");
	assert_int_equal(
		nfs_lock(&f->session, &contended.mine, "next", WRITEW_LT, NULL),
		NFS4_OK);
	locks_close(f, &contended);
}

/* NFSv4.0 has no such operation, and Ganesha would connect to the client for it with
 * the file's states locked: its clients ask again, RFC 7530 9.4.
 */
static void test_notify_no_client_of_v40(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs40_client old;
	struct nfs_file file;
	struct nfs_res res;

	locks_contend(f, "v40", &contended);
	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 NFS4_OK);
	assert_int_equal(
		nfs40_open(&old, "export/v40", OPEN4_SHARE_ACCESS_BOTH, &file),
		NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, LOCKS_WAITER, WRITEW_LT),
			 NFS4ERR_DENIED);
	locks_let_go(f, &contended);
	/* It is kept for nobody. */
	assert_int_equal(nfs_lock(&f->opener_session, &contended.theirs,
				  "locker", WRITE_LT, &res),
			 NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, LOCKS_WAITER, WRITEW_LT),
			 NFS4ERR_DENIED);
	assert_int_equal(
		nfs_locku(&f->opener_session, &contended.theirs, &res.stateid),
		NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, LOCKS_WAITER, WRITEW_LT),
			 NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
	assert_int_equal(nfs40_close(&old, &file), NFS4_OK);
	locks_close(f, &contended);
	nfs40_client_fini(&old);
}

/* With what was asked for where it is not known, 18.10.4; and not with what Ganesha
 * has on its stack.
 */
static void test_denied_waiter_is_told_of_what(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs_res res;

	locks_contend(f, "denied", &contended);
	for (unsigned int asked = 0; asked < 2; asked++) {
		assert_int_equal(nfs_lock(&f->session, &contended.mine,
					  LOCKS_WAITER, WRITEW_LT, &res),
				 NFS4ERR_DENIED);
		assert_int_equal(res.denied.offset, 0);
		assert_true(res.denied.length == UINT64_MAX);
		assert_int_equal(res.denied.type, WRITE_LT);
	}
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_take(f, &contended);
}

/* Nobody waits where that is switched off: the lock in the way is described. */
static void test_denied_without_waiting_is_told_of_it(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.backchannel = "Notify_Locks = false;",
		.nfsv4_config = "Blocking_Locks = false;",
	};
	static struct fixture own;
	struct contended contended;
	void *mounted = &own;
	struct nfs_res res;

	(void)state;
	if (!GANESHA_NEED_NOT_NOTIFY_LOCKS)
		return;
	assert_int_equal(fixture_start(&own, &params), 0);
	assert_int_equal(fixture_mount(&mounted), 0);
	server_make_file(own.server, "described", "contents");
	locks_open(&own.session, "described", &contended.mine);
	locks_open(&own.opener_session, "described", &contended.theirs);
	assert_int_equal(nfs_lock(&own.opener_session, &contended.theirs,
				  "locker", READ_LT, NULL),
			 NFS4_OK);
	assert_int_equal(nfs_lock(&own.session, &contended.mine, LOCKS_WAITER,
				  WRITEW_LT, &res),
			 NFS4ERR_DENIED);
	assert_int_equal(res.denied.type, READ_LT);
	assert_true(res.denied.clientid == own.opener.clientid);
	assert_int_equal(nfs_close(&own.session, &contended.mine), NFS4_OK);
	assert_int_equal(nfs_close(&own.opener_session, &contended.theirs),
			 NFS4_OK);
	assert_int_equal(fixture_unmount(&mounted), 0);
	assert_int_equal(fixture_stop(&own), 0);
}

int main(void)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.backchannel = "Notify_Locks = false;",
		.core_config = "\tBlocked_Lock_Poller_Interval = 1;\n",
	};
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_mount, fixture_unmount)
	static const struct CMUnitTest tests[] = {
		TEST(test_notify_waiter_takes_the_lock),
		TEST(test_notify_comes_over_a_connection_bound_later),
		TEST(test_told_over_a_connection_bound_later),
		TEST(test_told_again_when_the_connection_is_lost),
		TEST(test_notify_when_the_locker_closes),
		TEST(test_told_when_the_locker_restarts),
		TEST(test_notify_all_who_wait_to_read),
		TEST(test_notify_next_when_the_first_does_not_come),
		TEST(test_not_told_after_giving_up),
		TEST(test_not_told_after_closing),
		TEST(test_not_told_after_restarting),
		TEST(test_notify_no_client_of_v40),
		TEST(test_denied_waiter_is_told_of_what),
		cmocka_unit_test(test_denied_without_waiting_is_told_of_it),
	};

	if (!GANESHA_NOTIFIES_LOCKS) {
		puts("Skipped: this Ganesha tells nobody who waits for a lock.");
		return 0;
	}
	return fixture_run(tests, &params);
}
