/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Notify_Locks: who waits for a lock is told when it may have it, in order and one at a
 * time, whatever ends the lock. RFC 5661 9.6, 18.10 and 20.11. The fixture's holder is
 * who waits, its opener who has the lock first.
 */
#include "admin.h"
#include "fixture.h"
#include "ganesha.h"
#include "locks.h"
#include "nfs40.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE 5 /* s */
#define KEPT 3000 /* ms: a lock for who was told */
#define AGAIN 2000 /* ms: who is told to try is told so again */
#define MANY 100 /* who wait for one lock */
#define FILE_WAITERS 128 /* of a client for one file, at most */
#define REST UINT64_MAX /* to the end */

static const struct cb_answer never = { .when = CB_NEVER };
static const struct cb_answer refuses = { .op_status = NFS4ERR_NOTSUPP };

static double metric(const struct fixture *f, const char *name)
{
	char whole[128];

	snprintf(whole, sizeof(whole), "ganesha_backchannel_%s", name);
	return admin_metric(server_admin_socket(f->server), whole);
}

/* LOCK of some bytes. */
static int lock_bytes(struct nfs_session *session, const struct nfs_file *file,
		      const char *owner, enum nfs_lock_type4 type,
		      uint64_t offset, uint64_t length,
		      struct nfs_stateid *lock)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_lock_range(&compound, type, session->client->clientid, owner,
			   &file->stateid, 0, offset, length);
	status = nfs_compound_call(&compound);
	res = nfs_compound_res(&compound, OP_LOCK);
	if (res && lock)
		*lock = res->stateid;
	nfs_compound_fini(&compound);
	return status;
}

/* The same by an owner that has, or has had, a lock of the file. */
static int lock_again(struct nfs_session *session, const struct nfs_file *file,
		      enum nfs_lock_type4 type, struct nfs_stateid *lock)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	lock->seqid = 0; /* the most recent */
	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_lock_again(&compound, type, lock, 0, REST);
	status = nfs_compound_call(&compound);
	res = nfs_compound_res(&compound, OP_LOCK);
	if (res && status == NFS4_OK)
		*lock = res->stateid;
	nfs_compound_fini(&compound);
	return status;
}

/* Who was told takes the lock, and lets it go. */
static void pass_on(struct nfs_session *session, const struct nfs_file *file,
		    const char *owner)
{
	struct nfs_res res;

	assert_int_equal(nfs_lock(session, file, owner, WRITEW_LT, &res),
			 NFS4_OK);
	assert_int_equal(nfs_locku(session, file, &res.stateid), NFS4_OK);
}

/* Nobody more is told: all that is due at once has been sent before an answer. */
static void assert_told(struct fixture *f, unsigned int times)
{
	assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	assert_int_equal(nfs_sequence(&f->opener_session, NULL), NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), times);
}

/* Until a callback comes, both clients' leases are renewed. */
static struct cb_call *await(struct fixture *f, unsigned int n, int ms)
{
	const uint64_t until = nfs_now_ns() + (uint64_t)ms * 1000000;

	while (cb_responder_count(f->responder) <= n && nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		cb_responder_wait(f->responder, n, LEASE * 200);
	}
	return fixture_callback(f, n);
}

/* The tests ------------------------------------------------------------------ */

static void test_open_says_that_locks_are_notified(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_contend(f, "flag", &contended);
	assert_true(contended.mine.rflags & OPEN4_RESULT_MAY_NOTIFY_LOCK);
	locks_let_go(f, &contended);
	locks_close(f, &contended);
}

static void test_waiter_takes_the_lock(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "waited", &contended);
	assert_told(f, 0);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_take(f, &contended);
}

/* A lock owner that has had a lock of the file names it by its stateid. */
static void test_waiter_is_known_by_its_stateid(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs_stateid mine;

	locks_contend(f, "by-stateid", &contended);
	locks_let_go(f, &contended);
	assert_int_equal(lock_bytes(&f->session, &contended.mine, LOCKS_WAITER,
				    WRITE_LT, 0, REST, &mine),
			 NFS4_OK);
	assert_int_equal(nfs_locku(&f->session, &contended.mine, &mine),
			 NFS4_OK);
	assert_int_equal(lock_again(&f->opener_session, &contended.theirs,
				    WRITE_LT, &contended.lock),
			 NFS4_OK);
	assert_int_equal(
		lock_again(&f->session, &contended.mine, WRITEW_LT, &mine),
		NFS4ERR_DENIED);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	assert_int_equal(
		lock_again(&f->session, &contended.mine, WRITEW_LT, &mine),
		NFS4_OK);
	assert_int_equal(nfs_locku(&f->session, &contended.mine, &mine),
			 NFS4_OK);
	locks_close(f, &contended);
}

/* Each of many is told in its turn, and nobody else: one callback a hand-over. */
static void test_many_are_told_one_by_one(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	char owner[16];

	locks_contend(f, "many", &contended);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(owner, sizeof(owner), "owner-%u", i);
		locks_assert_denied(&f->session, &contended.mine, owner,
				    WRITEW_LT);
	}
	assert_true(metric(f, "lock_waiters") == MANY);
	locks_let_go(f, &contended);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(owner, sizeof(owner), "owner-%u", i);
		locks_check_of(f, fixture_callback(f, i), &contended, owner);
		assert_told(f, i + 1);
		pass_on(&f->session, &contended.mine, owner);
	}
	assert_told(f, MANY);
	assert_true(metric(f, "lock_waiters") == 0);
	locks_close(f, &contended);
}

/* Of two clients, as of one: who came first. */
static void test_clients_are_told_in_order(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs_session session;
	struct contended contended;
	struct nfs_client third;
	struct nfs_file file;

	fixture_client(f, &third);
	third.responder = responder;
	assert_int_equal(nfs_client_mount(&third, &session), NFS4_OK);
	locks_contend(f, "clients", &contended);
	locks_open(&session, "clients", &file);
	locks_assert_denied(&session, &file, "first", WRITEW_LT);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	locks_let_go(f, &contended);
	assert_non_null(cb_responder_wait(responder, 0, SOON));
	assert_told(f, 0);
	/* It is kept from all others meanwhile, also from who had it. */
	locks_assert_denied(&f->opener_session, &contended.theirs, "locker",
			    WRITE_LT);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	pass_on(&session, &file, "first");
	locks_check(f, fixture_callback(f, 0), &contended);
	assert_int_equal(cb_responder_count(responder), 1);
	locks_take(f, &contended);
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	nfs_client_unmount(&session);
	cb_responder_free(responder);
}

static void test_all_who_wait_to_read_are_told(void **state)
{
	static const char *const owners[] = { "one", "two", "three" };
	struct fixture *f = *state;
	struct contended contended;

	locks_contend(f, "readers", &contended);
	for (unsigned int i = 0; i < 3; i++)
		locks_assert_denied(&f->session, &contended.mine, owners[i],
				    READW_LT);
	locks_assert_denied(&f->session, &contended.mine, "writer", WRITEW_LT);
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
	assert_told(f, 3);
	locks_restart_client(&f->session);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

/* Only whose bytes are free. */
static void test_bytes_that_are_free(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs_stateid first, second;

	locks_contend(f, "bytes", &contended);
	locks_let_go(f, &contended);
	assert_int_equal(lock_bytes(&f->opener_session, &contended.theirs,
				    "low", WRITE_LT, 0, 10, &first),
			 NFS4_OK);
	assert_int_equal(lock_bytes(&f->opener_session, &contended.theirs,
				    "high", WRITE_LT, 10, REST, &second),
			 NFS4_OK);
	assert_int_equal(lock_bytes(&f->session, &contended.mine, "both",
				    WRITEW_LT, 9, 2, NULL),
			 NFS4ERR_DENIED);
	assert_int_equal(lock_bytes(&f->session, &contended.mine, "high",
				    WRITEW_LT, 100, 1, NULL),
			 NFS4ERR_DENIED);
	assert_int_equal(
		nfs_locku(&f->opener_session, &contended.theirs, &second),
		NFS4_OK);
	locks_check_of(f, fixture_callback(f, 0), &contended, "high");
	assert_told(f, 1);
	assert_int_equal(
		nfs_locku(&f->opener_session, &contended.theirs, &first),
		NFS4_OK);
	locks_check_of(f, fixture_callback(f, 1), &contended, "both");
	/* What is kept is what was asked for. */
	assert_int_equal(lock_bytes(&f->opener_session, &contended.theirs,
				    "low", WRITE_LT, 0, 9, &first),
			 NFS4_OK);
	assert_int_equal(lock_bytes(&f->opener_session, &contended.theirs,
				    "other", WRITE_LT, 10, 1, NULL),
			 NFS4ERR_DENIED);
	assert_told(f, 2);
	locks_restart_client(&f->opener_session);
	locks_restart_client(&f->session);
}

static void test_downgrade_tells_who_waits_to_read(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_contend(f, "downgrade", &contended);
	locks_assert_denied(&f->session, &contended.mine, "writer", WRITEW_LT);
	locks_assert_denied(&f->session, &contended.mine, "reader", READW_LT);
	assert_int_equal(lock_again(&f->opener_session, &contended.theirs,
				    READ_LT, &contended.lock),
			 NFS4_OK);
	locks_check_of(f, fixture_callback(f, 0), &contended, "reader");
	assert_told(f, 1);
	locks_restart_client(&f->session);
	locks_let_go(f, &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

static void test_next_is_told_when_the_first_does_not_come(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	const struct cb_call *first, *second;

	locks_wait(f, "kept", &contended);
	locks_assert_denied(&f->session, &contended.mine, "next", WRITEW_LT);
	locks_let_go(f, &contended);
	first = fixture_callback(f, 0);
	locks_check(f, first, &contended);
	second = await(f, 1, KEPT + SOON);
	locks_check_of(f, second, &contended, "next");
	assert_true(second->arrival_ns - first->arrival_ns >=
		    (KEPT - 100) * UINT64_C(1000000));
	pass_on(&f->session, &contended.mine, "next");
	locks_close(f, &contended);
}

/* A client tells of no process that was ended: its first one is waited for, and then the
 * others together, before another client has its turn.
 */
static void test_many_who_do_not_come_cost_the_time_of_two(void **state)
{
	const uint64_t limit = (2 * KEPT + SOON / 2) * UINT64_C(1000000);
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs_session session;
	struct contended contended;
	struct nfs_client third;
	struct nfs_file file;
	char owner[16];
	uint64_t begun;

	fixture_client(f, &third);
	third.responder = responder;
	assert_int_equal(nfs_client_mount(&third, &session), NFS4_OK);
	locks_contend(f, "ended", &contended);
	for (unsigned int i = 0; i < 10; i++) {
		snprintf(owner, sizeof(owner), "ended-%u", i);
		locks_assert_denied(&f->session, &contended.mine, owner,
				    WRITEW_LT);
	}
	locks_open(&session, "ended", &file);
	locks_assert_denied(&session, &file, "alive", WRITEW_LT);
	locks_let_go(f, &contended);
	begun = nfs_now_ns();
	while (!cb_responder_wait(responder, 0, LEASE * 200)) {
		assert_true(nfs_now_ns() - begun < limit);
		assert_int_equal(nfs_sequence(&session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
	}
	assert_told(f, 10);
	pass_on(&session, &file, "alive");
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	nfs_client_unmount(&session);
	cb_responder_free(responder);
	locks_close(f, &contended);
}

static void test_next_is_told_when_the_first_refuses(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "refused", &contended);
	locks_assert_denied(&f->session, &contended.mine, "next", WRITEW_LT);
	cb_responder_push(f->responder, &refuses);
	locks_let_go(f, &contended);
	locks_check_of(f, fixture_callback(f, 1), &contended, "next");
	pass_on(&f->session, &contended.mine, "next");
	locks_close(f, &contended);
}

/* A CLOSE with locks is refused before 6: the client unlocks first. */
static void test_told_when_the_locker_closes(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "locker-closes", &contended);
	if (GANESHA_CLOSES_LOCKED) {
		assert_int_equal(
			nfs_close(&f->opener_session, &contended.theirs),
			NFS4_OK);
		locks_check(f, fixture_callback(f, 0), &contended);
		locks_open(&f->opener_session, "locker-closes",
			   &contended.theirs);
		locks_take(f, &contended);
	} else {
		assert_int_equal(
			nfs_close(&f->opener_session, &contended.theirs),
			NFS4ERR_LOCKS_HELD);
		locks_let_go(f, &contended);
		locks_check(f, fixture_callback(f, 0), &contended);
		locks_take(f, &contended);
	}
}

/* The lease of who has the lock is over.  A Ganesha that keeps such a client
 * nevertheless is met by another one that wants what it has.
 */
static void test_told_when_the_lockers_lease_is_over(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs_session session;
	struct nfs_client gone;
	struct nfs_file file;

	if (GANESHA_KEEPS_EXPIRED)
		return;
	fixture_client(f, &gone);
	assert_int_equal(nfs_client_mount(&gone, &session), NFS4_OK);
	locks_contend(f, "lease", &contended);
	locks_let_go(f, &contended);
	locks_open(&session, "lease", &file);
	assert_int_equal(nfs_lock(&session, &file, "gone", WRITE_LT, NULL),
			 NFS4_OK);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	locks_check(f, await(f, 0, 3 * LEASE * 1000), &contended);
	locks_take(f, &contended);
	nfs_session_fini(&session);
}

static void test_told_when_a_v40_locker_ends(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs40_client old;
	struct nfs_file file;

	locks_contend(f, "v40", &contended);
	locks_let_go(f, &contended);
	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 NFS4_OK);
	assert_int_equal(
		nfs40_open(&old, "export/v40", OPEN4_SHARE_ACCESS_BOTH, &file),
		NFS4_OK);
	assert_false(file.rflags & OPEN4_RESULT_MAY_NOTIFY_LOCK);
	assert_int_equal(nfs40_lock(&old, &file, "old", WRITE_LT), NFS4_OK);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	/* Or its lease is over in a while, and all that it has with it. */
	if (GANESHA_CLOSES_LOCKED)
		assert_int_equal(nfs40_close(&old, &file), NFS4_OK);
	locks_check(f, await(f, 0, 3 * LEASE * 1000), &contended);
	locks_take(f, &contended);
	nfs40_client_fini(&old);
}

static void test_v40_waiter_asks_again(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs40_client old;
	struct nfs_file file;

	locks_contend(f, "v40-waits", &contended);
	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 NFS4_OK);
	assert_int_equal(nfs40_open(&old, "export/v40-waits",
				    OPEN4_SHARE_ACCESS_BOTH, &file),
			 NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, LOCKS_WAITER, WRITEW_LT),
			 NFS4ERR_DENIED);
	locks_assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs40_lock(&old, &file, LOCKS_WAITER, WRITEW_LT),
			 NFS4_OK);
	assert_int_equal(nfs40_close(&old, &file),
			 GANESHA_CLOSES_LOCKED ? NFS4_OK : NFS4ERR_LOCKS_HELD);
	locks_close(f, &contended);
	nfs40_client_fini(&old);
}

/* A local program has locked the file, which nobody tells the server: who waits is told
 * to try, every two seconds, and those behind it are not.
 */
static void test_lock_of_a_local_program_is_tried_again(void **state)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct fixture *f = *state;
	const struct cb_call *first, *again;
	struct contended contended;
	char path[256];
	int fd;

	locks_contend(f, "local", &contended); /* locks are known by now */
	locks_let_go(f, &contended);
	snprintf(path, sizeof(path), "%s/local", server_export(f->server));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	first = fixture_callback(f, 0);
	locks_check(f, first, &contended);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	locks_assert_denied(&f->session, &contended.mine, "behind", WRITEW_LT);
	again = await(f, 1, AGAIN + SOON);
	locks_check(f, again, &contended);
	assert_true(again->arrival_ns - first->arrival_ns >=
		    (AGAIN - 100) * UINT64_C(1000000));
	close(fd);
	pass_on(&f->session, &contended.mine, LOCKS_WAITER);
	locks_check_of(f, fixture_callback(f, 2), &contended, "behind");
	pass_on(&f->session, &contended.mine, "behind");
	locks_close(f, &contended);
}

/* The same where all that is known of locks is that another file's was granted. */
static void test_first_to_wait_waits_for_a_local_program(void **state)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	static struct fixture own;
	struct nfs_file file, other;
	char path[256];
	int fd;

	(void)state;
	fixture_begin(&own, "");
	server_make_file(own.server, "granted", "contents");
	server_make_file(own.server, "local-first", "contents");
	locks_open(&own.session, "granted", &other);
	pass_on(&own.session, &other, LOCKS_WAITER);
	locks_open(&own.session, "local-first", &file);
	snprintf(path, sizeof(path), "%s/local-first",
		 server_export(own.server));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
	locks_assert_denied(&own.session, &file, LOCKS_WAITER, WRITEW_LT);
	assert_true(metric(&own, "lock_waiters") == 1);
	assert_true(locks_is_of(fixture_callback(&own, 0), LOCKS_WAITER));
	close(fd);
	pass_on(&own.session, &file, LOCKS_WAITER);
	assert_int_equal(nfs_close(&own.session, &file), NFS4_OK);
	assert_int_equal(nfs_close(&own.session, &other), NFS4_OK);
	fixture_end(&own);
}

/* The waiter's connection, session, client --------------------------------------- */

static void test_told_on_a_new_session(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "session", &contended);
	fixture_remake_session(f, NULL);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_take(f, &contended);
}

/* Nobody answers: the next is told a few seconds later, and nothing else is worse. */
static void test_next_is_told_when_the_first_has_no_path(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;
	struct contended contended;
	struct nfs_client silent;
	struct nfs_file file;

	fixture_client(f, &silent); /* without a responder */
	assert_int_equal(nfs_client_mount(&silent, &session), NFS4_OK);
	locks_contend(f, "silent", &contended);
	locks_open(&session, "silent", &file);
	locks_assert_denied(&session, &file, "silent", WRITEW_LT);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	locks_let_go(f, &contended);
	locks_check(f, await(f, 0, KEPT + SOON), &contended);
	locks_take(f, &contended);
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	nfs_client_unmount(&session);
}

static void test_next_is_told_when_the_first_restarts(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;
	struct contended contended;
	struct nfs_client first;
	struct nfs_file file;

	fixture_client(f, &first);
	assert_int_equal(nfs_client_mount(&first, &session), NFS4_OK);
	locks_contend(f, "restarts", &contended);
	locks_open(&session, "restarts", &file);
	locks_assert_denied(&session, &file, "first", WRITEW_LT);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITEW_LT);
	locks_let_go(f, &contended);
	assert_told(f, 0);
	locks_restart_client(&session);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_take(f, &contended);
	nfs_client_unmount(&session);
}

/* Limits, the switch ------------------------------------------------------------ */

/* One more than may wait is denied as any, and asks again. */
static void test_no_more_than_a_limit_wait(void **state)
{
	struct fixture *f = *state;
	double refused = metric(f, "lock_waits_refused_total");
	struct contended contended;
	char owner[16];

	locks_contend(f, "limit", &contended);
	for (unsigned int i = 0; i <= FILE_WAITERS; i++) {
		snprintf(owner, sizeof(owner), "owner-%u", i);
		locks_assert_denied(&f->session, &contended.mine, owner,
				    WRITEW_LT);
	}
	assert_true(metric(f, "lock_waiters") == FILE_WAITERS);
	assert_true(metric(f, "lock_waits_refused_total") == refused + 1);
	/* Who waits already does not count again. */
	locks_assert_denied(&f->session, &contended.mine, "owner-0", WRITEW_LT);
	assert_true(metric(f, "lock_waits_refused_total") == refused + 1);
	locks_let_go(f, &contended);
	locks_check_of(f, fixture_callback(f, 0), &contended, "owner-0");
	locks_close(f, &contended);
	assert_true(metric(f, "lock_waiters") == 0);
}

/* Every wait has one end. */
static void test_counts_agree(void **state)
{
	static const char *const ends[] = { "granted", "left", "did_not_come",
					    "not_told", "forgotten" };
	struct fixture *f = *state;
	double sum = metric(f, "lock_waiters");
	char name[64];

	for (unsigned int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name),
			 "lock_waits_ended_total{how=\"%s\"}", ends[i]);
		sum += metric(f, name);
	}
	assert_true(sum > MANY);
	assert_true(sum == metric(f, "lock_waits_total"));
}

static void test_switched_off_nobody_is_told(void **state)
{
	static struct fixture own;
	struct contended contended;

	(void)state;
	if (GANESHA_NOTIFIES_LOCKS) /* test_blocking_locks */
		return;
	fixture_begin(&own, "Notify_Locks = false;");
	locks_wait(&own, "off", &contended);
	assert_false(contended.mine.rflags & OPEN4_RESULT_MAY_NOTIFY_LOCK);
	locks_assert_nobody_is_told(&own, &contended);
	locks_close(&own, &contended);
	fixture_end(&own);
}

static void test_server_ends_while_locks_are_waited_for(void **state)
{
	struct fixture own, *f = &own;
	struct contended contended;
	struct server_locks locks;

	(void)state;
	fixture_begin(f, "");
	locks_wait(f, "end", &contended);
	locks_assert_denied(&f->session, &contended.mine, "next", WRITEW_LT);
	cb_responder_push(f->responder, &never);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	server_signal(f->server, SIGTERM);
	assert_true(server_wait_exit(f->server, KEPT + SOON));
	assert_int_equal(server_crashed(f->server), 0);
	assert_true(server_callbacks_agree(f->server));
	assert_true(server_locks(f->server, &locks));
	assert_int_equal(locks.waited, 2);
	assert_int_equal(locks.left, 2);
	nfs_session_fini(&f->session);
	nfs_session_fini(&f->opener_session);
	nfs_conn_close(f->conns[0], NFS_CLOSE_FIN);
	nfs_conn_put(f->conns[0]);
	cb_responder_free(f->responder);
	assert_int_equal(fixture_stop(f), 0);
}

/* It needs none of them. */
static void test_told_without_the_shields(void **state)
{
	static struct fixture own;
	struct contended contended;

	(void)state;
	fixture_begin(&own,
		      "Shield_Conflicts = false; Shield_Revoked = false;\n"
		      "Shield_Restart = false; Leases = false;");
	locks_wait(&own, "unshielded", &contended);
	assert_true(contended.mine.rflags & OPEN4_RESULT_MAY_NOTIFY_LOCK);
	locks_let_go(&own, &contended);
	locks_check(&own, fixture_callback(&own, 0), &contended);
	locks_take(&own, &contended);
	fixture_end(&own);
}

/* While the server runs: who waits already is told. */
static void test_switched_by_the_administrator(void **state)
{
	struct fixture *f = *state;
	const char *socket = server_admin_socket(f->server);
	struct contended contended;
	char *output;

	locks_wait(f, "switch", &contended);
	assert_int_equal(
		admin_run("\"$tool\" --socket \"$1\" set Notify_Locks false",
			  socket, NULL, &output),
		0);
	free(output);
	locks_open(&f->session, "switch", &contended.mine);
	assert_false(contended.mine.rflags & OPEN4_RESULT_MAY_NOTIFY_LOCK);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	assert_int_equal(
		admin_run("\"$tool\" --socket \"$1\" set Notify_Locks true",
			  socket, NULL, &output),
		0);
	free(output);
	locks_take(f, &contended);
}

int main(void)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
	};
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_open_says_that_locks_are_notified),
		FIXTURE_TEST(test_waiter_takes_the_lock),
		FIXTURE_TEST(test_waiter_is_known_by_its_stateid),
		FIXTURE_TEST(test_many_are_told_one_by_one),
		FIXTURE_TEST(test_clients_are_told_in_order),
		FIXTURE_TEST(test_all_who_wait_to_read_are_told),
		FIXTURE_TEST(test_bytes_that_are_free),
		FIXTURE_TEST(test_downgrade_tells_who_waits_to_read),
		FIXTURE_TEST(test_next_is_told_when_the_first_does_not_come),
		FIXTURE_TEST(test_many_who_do_not_come_cost_the_time_of_two),
		FIXTURE_TEST(test_next_is_told_when_the_first_refuses),
		FIXTURE_TEST(test_told_when_the_locker_closes),
		FIXTURE_TEST(test_told_when_the_locker_restarts),
		FIXTURE_TEST(test_told_when_the_lockers_lease_is_over),
		FIXTURE_TEST(test_told_when_a_v40_locker_ends),
		FIXTURE_TEST(test_v40_waiter_asks_again),
		FIXTURE_TEST(test_lock_of_a_local_program_is_tried_again),
		FIXTURE_TEST(test_told_over_a_connection_bound_later),
		FIXTURE_TEST(test_told_again_when_the_connection_is_lost),
		FIXTURE_TEST(test_told_on_a_new_session),
		FIXTURE_TEST(test_next_is_told_when_the_first_has_no_path),
		FIXTURE_TEST(test_next_is_told_when_the_first_restarts),
		FIXTURE_TEST(test_not_told_after_giving_up),
		FIXTURE_TEST(test_not_told_after_closing),
		FIXTURE_TEST(test_not_told_after_restarting),
		FIXTURE_TEST(test_no_more_than_a_limit_wait),
		FIXTURE_TEST(test_switched_by_the_administrator),
		FIXTURE_TEST(test_counts_agree),
		cmocka_unit_test(test_first_to_wait_waits_for_a_local_program),
		cmocka_unit_test(test_switched_off_nobody_is_told),
		cmocka_unit_test(test_server_ends_while_locks_are_waited_for),
		cmocka_unit_test(test_told_without_the_shields),
	};

	return fixture_run(tests, &params);
}
