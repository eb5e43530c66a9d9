/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * DESTROY_CLIENTID of a client without a session that still holds something: it
 * is busy until it has given that back, or its lease has ended.
 * RFC 5661 8.3, 18.50.3.
 */
#include "dead.h"

#include <stdio.h>

#define ACCESS_NO_DELEG                                                        \
	(OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_NO_DELEG)
#define ACCESS_WRITE_DELEG                                                     \
	(GANESHA_WRITE_ACCESS | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG)
/* A recall is given up after two leases. */
#define SERVED (2 * LEASE_NS + SLACK * NS_PER_MS)

static void open_new(struct fixture *f, const char *name, uint32_t access,
		     struct nfs_file *file)
{
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&f->session, path, access, file), NFS4_OK);
}

static int destroy(struct fixture *f)
{
	return nfs_destroy_clientid(&f->holder, f->conns[0]);
}

/* The client's only session ends: nothing has, but that. */
static void assert_busy_without_session(struct fixture *f)
{
	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	assert_int_equal(destroy(f), NFS4ERR_CLIENTID_BUSY);
}

/* Ganesha's reaper takes the client. */
static void assert_reaped(struct fixture *f)
{
	uint64_t until = nfs_now_ns() + SERVED;

	while (destroy(f) == NFS4ERR_CLIENTID_BUSY && nfs_now_ns() < until)
		dead_pass(f, nfs_now_ns() + 50 * NS_PER_MS, false);
	assert_int_equal(destroy(f), NFS4ERR_STALE_CLIENTID);
	dead_assert_serves(f);
}

/* Only the delegation is left. */
static void hold_delegation(struct fixture *f, const char *name, bool write,
			    struct nfs_file *file)
{
	if (write)
		open_new(f, name, ACCESS_WRITE_DELEG, file);
	else
		fixture_hold(f, name, file);
	assert_int_equal(file->delegation.type,
			 write ? OPEN_DELEGATE_WRITE : OPEN_DELEGATE_READ);
	assert_int_equal(nfs_close(&f->session, file), NFS4_OK);
}

static void test_read_delegation_is_busy_and_gives_way(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold_delegation(f, "read", false, &file);
	assert_busy_without_session(f);
	assert_true(dead_opens_within(f, "read", SERVED, false));
	assert_reaped(f);
}

static void test_write_delegation_is_busy_and_gives_way(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold_delegation(f, "write", true, &file);
	assert_busy_without_session(f);
	assert_true(dead_opens_within(f, "write", SERVED, false));
	assert_reaped(f);
}

/* It is recalled when it still has a session, and answers nothing. */
static void test_recalled_delegation_is_busy_and_gives_way(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct nfs_file file;

	cb_responder_set_default(f->responder, &never);
	hold_delegation(f, "recalled", false, &file);
	fixture_conflict(f, "recalled");
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	assert_busy_without_session(f);
	assert_true(dead_opens_within(f, "recalled", SERVED, false));
	assert_reaped(f);
}

/* Only attributes are asked for. */
static void test_write_delegation_gives_way_to_getattr(void **state)
{
	uint64_t until = nfs_now_ns() + SERVED;
	struct fixture *f = *state;
	struct nfs_file file;
	int status;

	hold_delegation(f, "attributes", true, &file);
	assert_busy_without_session(f);
	while ((status = nfs_getattr(&f->opener_session, &file.fh, NULL,
				     NULL)) == NFS4ERR_DELAY &&
	       nfs_now_ns() < until)
		dead_pass(f, nfs_now_ns() + 50 * NS_PER_MS, false);
	assert_int_equal(status, NFS4_OK);
	assert_reaped(f);
}

/* Nobody has come before the lease's end. */
static void test_delegation_ends_with_the_lease(void **state)
{
	const uint64_t second =
		(GANESHA_RENEWS_BY_RECALL ? LEASE_NS : 0) + SLACK * NS_PER_MS;
	struct fixture *f = *state;
	struct nfs_file read, write;

	hold_delegation(f, "late-read", false, &read);
	hold_delegation(f, "late-write", true, &write);
	assert_busy_without_session(f);
	dead_pass(f, nfs_now_ns() + LEASE_NS, false);
	assert_true(
		dead_opens_within(f, "late-read", SLACK * NS_PER_MS, false));
	assert_true(dead_opens_within(f, "late-write", second, false));
	assert_reaped(f);
}

static void test_open_is_busy(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	open_new(f, "open", ACCESS_NO_DELEG, &file);
	assert_busy_without_session(f);
	if (GANESHA_KEEPS_EXPIRED) { /* nobody needs what it holds */
		dead_pass(f, nfs_now_ns() + SERVED, false);
		assert_int_equal(destroy(f), NFS4ERR_CLIENTID_BUSY);
	} else {
		assert_reaped(f);
	}
}

/* The controls --------------------------------------------------------------- */

/* It is still there, and can come back for what it holds. */
static void test_busy_client_comes_back_and_returns(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;
	struct nfs_file file;

	hold_delegation(f, "back", true, &file);
	assert_busy_without_session(f);
	assert_int_equal(
		nfs_create_session(&session, &f->holder, f->conns[0], NULL),
		NFS4_OK);
	assert_int_equal(
		nfs_delegreturn(&session, &file.fh, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(nfs_destroy_session(&session, NULL), NFS4_OK);
	nfs_session_fini(&session);
	assert_int_equal(destroy(f), NFS4_OK);
	assert_int_equal(destroy(f), NFS4ERR_STALE_CLIENTID);
	assert_true(dead_opens_within(f, "back", 0, false));
}

static void test_nothing_held_is_destroyed(void **state)
{
	struct fixture *f = *state;
	struct nfs_file delegated, opened;

	fixture_hold(f, "returned", &delegated);
	open_new(f, "closed", ACCESS_NO_DELEG, &opened);
	fixture_return(f, &delegated);
	assert_int_equal(nfs_close(&f->session, &opened), NFS4_OK);
	assert_int_equal(destroy(f), NFS4ERR_CLIENTID_BUSY); /* its session */
	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	assert_int_equal(destroy(f), NFS4_OK);
	assert_int_equal(destroy(f), NFS4ERR_STALE_CLIENTID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEAD_TEST(test_nothing_held_is_destroyed),
		DEAD_TEST(test_busy_client_comes_back_and_returns),
		DEAD_TEST(test_open_is_busy),
		DEAD_TEST(test_read_delegation_is_busy_and_gives_way),
		DEAD_TEST(test_write_delegation_is_busy_and_gives_way),
		DEAD_TEST(test_recalled_delegation_is_busy_and_gives_way),
		DEAD_TEST(test_write_delegation_gives_way_to_getattr),
		DEAD_TEST(test_delegation_ends_with_the_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
