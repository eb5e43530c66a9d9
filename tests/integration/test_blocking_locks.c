/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_NOTIFY_LOCK: who has asked for a lock and may have it now. RFC 5661 20.11,
 * 18.10.3. The fixture's holder is who waits, its opener who has the lock first.
 */
#include "fixture.h"
#include "ganesha.h"
#include "nfs40.h"

#include <stdio.h>
#include <string.h>

#define LEASE 5 /* s */
#define RESERVED ((LEASE + 5) * 1000) /* ms: a lock for who was told */
#define OWNER "waiter" /* the lock owner of who waits */

static const struct cb_answer never_then_reset = { .when = CB_NEVER,
						   .then_close =
							   NFS_CLOSE_RST };

/* A file that both have open, and its two locks. */
struct contended {
	struct nfs_file mine; /* the waiter's */
	struct nfs_file theirs;
	struct nfs_stateid lock; /* theirs */
};

static int lock_as(struct nfs_session *session, const struct nfs_file *file,
		   const char *owner, enum nfs_lock_type4 type,
		   struct nfs_res *result)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_lock(&compound, type, session->client->clientid, owner,
		     &file->stateid, 0);
	status = nfs_compound_call(&compound);
	res = nfs_compound_res(&compound, OP_LOCK);
	if (res && result)
		*result = *res;
	nfs_compound_fini(&compound);
	return status;
}

static int unlock(struct nfs_session *session, const struct nfs_file *file,
		  const struct nfs_stateid *lock)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_locku(&compound, WRITE_LT, lock);
	return nfs_compound_finish(&compound);
}

static void open_file(struct nfs_session *session, const char *name,
		      struct nfs_file *file)
{
	char path[64];

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(session, path,
				  OPEN4_SHARE_ACCESS_BOTH |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  file),
			 NFS4_OK);
}

/* Another client has the lock. */
static void contend(struct fixture *f, const char *name,
		    struct contended *contended)
{
	struct nfs_res res;

	server_make_file(f->server, name, "contents");
	open_file(&f->session, name, &contended->mine);
	open_file(&f->opener_session, name, &contended->theirs);
	assert_int_equal(lock_as(&f->opener_session, &contended->theirs,
				 "locker", WRITE_LT, &res),
			 NFS4_OK);
	contended->lock = res.stateid;
}

/* The same, and this one waits for it. */
static void wait_for_lock(struct fixture *f, const char *name,
			  struct contended *contended)
{
	contend(f, name, contended);
	assert_int_equal(
		lock_as(&f->session, &contended->mine, OWNER, WRITEW_LT, NULL),
		NFS4ERR_DENIED);
}

static void let_go(struct fixture *f, const struct contended *contended)
{
	assert_int_equal(unlock(&f->opener_session, &contended->theirs,
				&contended->lock),
			 NFS4_OK);
}

/* It is free then for who asks first, and no one is called. */
static void assert_nobody_is_told(struct fixture *f,
				  const struct contended *contended)
{
	struct nfs_res res;

	let_go(f, contended);
	assert_int_equal(lock_as(&f->opener_session, &contended->theirs,
				 "locker", WRITE_LT, &res),
			 NFS4_OK);
	assert_int_equal(
		unlock(&f->opener_session, &contended->theirs, &res.stateid),
		NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
}

/* A notification, of whichever lock owner. */
static bool is_of(const struct cb_call *call, const char *owner)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	const uint8_t *bytes;
	uint32_t len;

	(void)xdr_get_opaque(&args, NFS4_FHSIZE, &len);
	(void)xdr_get_u64(&args); /* the client id */
	bytes = xdr_get_opaque(&args, NFS4_OPAQUE_LIMIT, &len);
	return bytes && len == strlen(owner) && !memcmp(bytes, owner, len);
}

static void check_notification_of(struct fixture *f, const struct cb_call *call,
				  const struct contended *contended,
				  const char *owner)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	const uint8_t *bytes;
	uint32_t len;

	assert_int_equal(call->op, OP_CB_NOTIFY_LOCK);
	bytes = xdr_get_opaque(&args, NFS4_FHSIZE, &len);
	assert_int_equal(len, contended->mine.fh.len);
	assert_memory_equal(bytes, contended->mine.fh.data, len);
	assert_true(xdr_get_u64(&args) == f->holder.clientid);
	assert_false(args.bad);
	assert_true(is_of(call, owner));
}

static void check_notification(struct fixture *f, const struct cb_call *call,
			       const struct contended *contended)
{
	check_notification_of(f, call, contended, OWNER);
}

/* Who was told takes the lock, and nobody else gets it meanwhile. */
static void take(struct fixture *f, const struct contended *contended)
{
	struct nfs_res res;

	assert_int_equal(lock_as(&f->opener_session, &contended->theirs,
				 "other", WRITE_LT, NULL),
			 NFS4ERR_DENIED);
	assert_int_equal(
		lock_as(&f->session, &contended->mine, OWNER, WRITEW_LT, &res),
		NFS4_OK);
	assert_int_equal(lock_as(&f->opener_session, &contended->theirs,
				 "other", WRITE_LT, NULL),
			 NFS4ERR_DENIED);
	assert_int_equal(nfs_write(&f->session, &contended->mine.fh,
				   &res.stateid, 0, "mine", 4),
			 NFS4_OK);
	assert_int_equal(unlock(&f->session, &contended->mine, &res.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &contended->mine), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &contended->theirs),
			 NFS4_OK);
}

/* All that a client has, and waits for, ends. */
static void restart(struct nfs_client *client, struct nfs_session *session)
{
	struct nfs_conn *conn = nfs_client_connect(client);

	nfs_session_fini(session);
	client->verifier[0]++;
	assert_int_equal(nfs_exchange_id(client, conn), 0);
	assert_int_equal(nfs_create_session(session, client, conn, NULL), 0);
	assert_int_equal(nfs_reclaim_complete(session), NFS4_OK);
	nfs_conn_put(conn);
}

/* The tests ------------------------------------------------------------------ */

static void test_notify_waiter_takes_the_lock(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "waited", &contended);
	let_go(f, &contended);
	check_notification(f, fixture_callback(f, 0), &contended);
	take(f, &contended);
}

static void test_notify_comes_over_a_connection_bound_later(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	struct nfs_conn *later;

	wait_for_lock(f, "later", &contended);
	fixture_lose_path(f, NFS_CLOSE_RST);
	later = fixture_bind(f);
	let_go(f, &contended);
	check_notification(f, fixture_callback_on(f, later), &contended);
	take(f, &contended);
}

static void test_notify_waits_for_a_path(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "patient", &contended);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	let_go(f, &contended);
	assert_int_equal(cb_responder_count(f->responder), 0);
	check_notification(f, fixture_callback_on(f, fixture_bind(f)),
			   &contended);
	take(f, &contended);
}

static void test_notify_lost_with_its_connection_comes_again(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	const struct cb_call *first, *again;
	struct nfs_conn *later;

	wait_for_lock(f, "lost", &contended);
	cb_responder_push(f->responder, &never_then_reset);
	let_go(f, &contended);
	first = fixture_callback(f, 0);
	nfs_session_set_conn(&f->session, fixture_connect(f, &f->holder));
	later = fixture_bind(f);
	again = fixture_callback_on(f, later);
	assert_true(again->retry);
	assert_int_equal(again->seq.slot, first->seq.slot);
	check_notification(f, again, &contended);
	take(f, &contended);
}

static void test_notify_when_the_locker_closes(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "locker-closes", &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
	check_notification(f, fixture_callback(f, 0), &contended);
	open_file(&f->opener_session, "locker-closes", &contended.theirs);
	take(f, &contended);
}

static void test_notify_when_the_locker_restarts(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "locker-restarts", &contended);
	restart(&f->opener, &f->opener_session);
	check_notification(f, fixture_callback(f, 0), &contended);
	open_file(&f->opener_session, "locker-restarts", &contended.theirs);
	take(f, &contended);
}

/* Nothing keeps callbacks in their order. */
static void test_notify_all_who_wait_to_read(void **state)
{
	static const char *const owners[] = { "one", "two", "three" };
	struct fixture *f = *state;
	struct contended contended;

	contend(f, "readers", &contended);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(lock_as(&f->session, &contended.mine,
					 owners[i], READW_LT, NULL),
				 NFS4ERR_DENIED);
	let_go(f, &contended);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int calls = 0;

		for (unsigned int n = 0; n < 3; n++)
			calls += is_of(fixture_callback(f, n), owners[i]);
		assert_int_equal(calls, 1);
		assert_int_equal(lock_as(&f->session, &contended.mine,
					 owners[i], READW_LT, NULL),
				 NFS4_OK);
	}
	assert_int_equal(cb_responder_count(f->responder), 3);
	assert_int_equal(nfs_close(&f->session, &contended.mine), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

/* Who was told and does not come has it reserved for a lease and five seconds. */
static void test_notify_next_when_the_first_does_not_come(void **state)
{
	const uint64_t until =
		nfs_now_ns() + (RESERVED + SOON) * UINT64_C(1000000);
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "reserved", &contended);
	assert_int_equal(
		lock_as(&f->session, &contended.mine, "next", WRITEW_LT, NULL),
		NFS4ERR_DENIED);
	let_go(f, &contended);
	check_notification(f, fixture_callback(f, 0), &contended);
	while (cb_responder_count(f->responder) < 2 && nfs_now_ns() < until) {
		fixture_assert_flags(f, 0); /* and renews the lease */
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		cb_responder_wait(f->responder, 1, LEASE * 200);
	}
	check_notification_of(f, fixture_callback(f, 1), &contended, "next");
	assert_int_equal(
		lock_as(&f->session, &contended.mine, "next", WRITEW_LT, NULL),
		NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &contended.mine), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

/* The same request without waiting takes it back, 18.10.3: nobody is told. */
static void test_notify_not_after_the_waiter_has_given_up(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "given-up", &contended);
	assert_int_equal(
		lock_as(&f->session, &contended.mine, OWNER, WRITE_LT, NULL),
		NFS4ERR_DENIED);
	assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs_close(&f->session, &contended.mine), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

static void test_notify_not_after_the_waiter_has_closed(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "closed", &contended);
	assert_int_equal(nfs_close(&f->session, &contended.mine), NFS4_OK);
	assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

static void test_notify_not_after_the_waiter_has_restarted(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "restarted", &contended);
	restart(&f->holder, &f->session);
	assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
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

	contend(f, "v40", &contended);
	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 NFS4_OK);
	assert_int_equal(
		nfs40_open(&old, "export/v40", OPEN4_SHARE_ACCESS_BOTH, &file),
		NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, OWNER, WRITEW_LT),
			 NFS4ERR_DENIED);
	let_go(f, &contended);
	/* It is kept for nobody. */
	assert_int_equal(lock_as(&f->opener_session, &contended.theirs,
				 "locker", WRITE_LT, &res),
			 NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, OWNER, WRITEW_LT),
			 NFS4ERR_DENIED);
	assert_int_equal(
		unlock(&f->opener_session, &contended.theirs, &res.stateid),
		NFS4_OK);
	assert_int_equal(nfs40_lock(&old, &file, OWNER, WRITEW_LT), NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
	assert_int_equal(nfs40_close(&old, &file), NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &contended.mine), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
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

	contend(f, "denied", &contended);
	for (unsigned int asked = 0; asked < 2; asked++) {
		assert_int_equal(lock_as(&f->session, &contended.mine, OWNER,
					 WRITEW_LT, &res),
				 NFS4ERR_DENIED);
		assert_int_equal(res.denied.offset, 0);
		assert_true(res.denied.length == UINT64_MAX);
		assert_int_equal(res.denied.type, WRITE_LT);
	}
	let_go(f, &contended);
	check_notification(f, fixture_callback(f, 0), &contended);
	take(f, &contended);
}

/* Nobody waits where that is switched off: the lock in the way is described. */
static void test_denied_without_waiting_is_told_of_it(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
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
	open_file(&own.session, "described", &contended.mine);
	open_file(&own.opener_session, "described", &contended.theirs);
	assert_int_equal(lock_as(&own.opener_session, &contended.theirs,
				 "locker", READ_LT, NULL),
			 NFS4_OK);
	assert_int_equal(
		lock_as(&own.session, &contended.mine, OWNER, WRITEW_LT, &res),
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
		.core_config = "\tBlocked_Lock_Poller_Interval = 1;\n",
	};
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_mount, fixture_unmount)
	static const struct CMUnitTest tests[] = {
		TEST(test_notify_waiter_takes_the_lock),
		TEST(test_notify_comes_over_a_connection_bound_later),
		TEST(test_notify_waits_for_a_path),
		TEST(test_notify_lost_with_its_connection_comes_again),
		TEST(test_notify_when_the_locker_closes),
		TEST(test_notify_when_the_locker_restarts),
		TEST(test_notify_all_who_wait_to_read),
		TEST(test_notify_next_when_the_first_does_not_come),
		TEST(test_notify_not_after_the_waiter_has_given_up),
		TEST(test_notify_not_after_the_waiter_has_closed),
		TEST(test_notify_not_after_the_waiter_has_restarted),
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
