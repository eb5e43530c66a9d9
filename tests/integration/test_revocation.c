/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Revoked delegations: the client is told, until it has freed their stateids.
 * RFC 5661 8.5, 10.4.5, 18.38, 18.46.3 and 18.48.
 *
 * Ganesha revokes a delegation more than one lease after the client has answered
 * the recall well, or more than two leases after the first attempt.
 */
#include "fixture.h"

#include <stdio.h>

#define LEASE 3 /* s */
#define REVOCATION                                                             \
	30000 /* ms, within which a delegation is revoked, generously */
#define REVOKED SEQ4_STATUS_RECALLABLE_STATE_REVOKED
#define PATH_DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)
#define WANT_READ (OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_READ_DELEG)
#define BARRED 4 /* more revocations than Ganesha allows a client */

/* RFC 7862, 13.1 */
enum {
	OP_ALLOCATE = 59,
	OP_DEALLOCATE = 62,
	OP_READ_PLUS = 68,
	OP_SEEK = 69,
};

static const struct cb_answer never = { .when = CB_NEVER };
/* An answer after which Ganesha recalls again, and at last counts a fault. */
static const struct cb_answer refused = { .op_status = NFS4ERR_SERVERFAULT };

static struct fixture fixture;
static unsigned int revocations; /* expected so far */

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.backchannel = "Callback_Timeout = 1;\n"
			       "Retry_Attempts = 0;\n",
	};

	*state = &fixture;
	return fixture_start(&fixture, &params);
}

static int teardown(void **state)
{
	return fixture_stop(*state);
}

/* Wait for @count further revocations, while all renew their leases. */
static void wait_revoked(struct fixture *f, unsigned int count)
{
	uint64_t until = nfs_now_ns() + REVOCATION * UINT64_C(1000000);

	revocations += count;
	while (!server_wait_log(f->server, "a delegation was revoked",
				revocations, 1000 * LEASE / 6)) {
		assert_true(nfs_now_ns() < until);
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
	}
}

/* The holder is granted a delegation and loses it; the file stays open. */
static void lose(struct fixture *f, const char *name, struct nfs_file *file)
{
	fixture_hold(f, name, file);
	fixture_conflict(f, name);
	wait_revoked(f, 1);
	fixture_assert_opens(f, name);
}

static bool flagged(struct nfs_session *session)
{
	uint32_t flags;

	assert_int_equal(nfs_sequence(session, &flags), NFS4_OK);
	return flags & REVOKED;
}

/* TEST_STATEID, FREE_STATEID of a file's delegation. */
static int test(struct nfs_session *session, const struct nfs_file *file)
{
	return nfs_test_stateid(session, &file->delegation.stateid);
}

static int let_go(struct nfs_session *session, const struct nfs_file *file)
{
	return nfs_free_stateid(session, &file->delegation.stateid);
}

/* A v4.2 operation: its arguments are a stateid, an offset and one more. */
static void put_v42(struct nfs_compound *compound, uint32_t op,
		    const struct nfs_stateid *stateid)
{
	struct xdr_buf *buf = nfs_put_op(compound, op);

	nfs_put_stateid(buf, stateid);
	xdr_put_u64(buf, 0);
	if (op == OP_ALLOCATE || op == OP_DEALLOCATE)
		xdr_put_u64(buf, 1);
	else
		xdr_put_u32(buf, 0);
}

/* What an operation says of a file's delegation. */
static int use(struct fixture *f, const struct nfs_file *file, uint32_t op)
{
	const struct nfs_stateid *stateid = &file->delegation.stateid;
	const struct nfs_open_args open = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.claim = CLAIM_DELEG_CUR_FH,
		.delegation = *stateid,
		.clientid = f->holder.clientid,
		.owner = f->holder.owner,
	};
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &file->fh);
	if (op == OP_READ)
		nfs_put_read(&compound, stateid, 0, 1);
	else if (op == OP_WRITE)
		nfs_put_write(&compound, stateid, 0, "x", 1);
	else if (op == OP_SETATTR)
		nfs_put_setattr_size(&compound, stateid, 1);
	else if (op == OP_OPEN)
		nfs_put_open(&compound, &open);
	else if (op == OP_DELEGRETURN)
		nfs_put_delegreturn(&compound, stateid);
	else {
		compound.minorversion = 2;
		put_v42(&compound, op, stateid);
	}
	return nfs_compound_finish(&compound);
}

static void assert_uses(struct fixture *f, const struct nfs_file *file,
			int status)
{
	static const uint32_t ops[] = {
		OP_READ,       OP_WRITE,       OP_SETATTR,
		OP_OPEN,       OP_DELEGRETURN, OP_ALLOCATE,
		OP_DEALLOCATE, OP_READ_PLUS,   OP_SEEK,
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		int got = use(f, file, ops[i]);

		if (got != status)
			print_error("operation %u: %d\n", ops[i], got);
		assert_int_equal(got, status);
	}
}

static void test_unreturned_delegation_is_told_until_freed(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "unreturned", &file);
	assert_false(flagged(&f->session));
	fixture_conflict(f, "unreturned");
	fixture_callback(f, 0); /* answered well */
	wait_revoked(f, 1);
	fixture_assert_opens(f, "unreturned");

	assert_true(flagged(&f->session));
	assert_int_equal(test(&f->session, &file), NFS4ERR_DELEG_REVOKED);
	assert_uses(f, &file, NFS4ERR_DELEG_REVOKED);
	assert_true(flagged(&f->session));

	assert_int_equal(let_go(&f->session, &file), NFS4_OK);
	assert_false(flagged(&f->session));
	assert_int_equal(let_go(&f->session, &file), NFS4ERR_BAD_STATEID);
	assert_int_equal(test(&f->session, &file), NFS4ERR_BAD_STATEID);
	assert_uses(f, &file, NFS4ERR_BAD_STATEID);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

static void test_unanswered_recall_is_told_until_freed(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	cb_responder_set_default(f->responder, &never);
	lose(f, "unanswered", &file);
	assert_true(flagged(&f->session));
	assert_int_equal(use(f, &file, OP_READ), NFS4ERR_DELEG_REVOKED);
	assert_int_equal(let_go(&f->session, &file), NFS4_OK);
	assert_false(flagged(&f->session));
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

static void test_returned_delegation_is_not_revoked(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "returned", &file);
	fixture_conflict(f, "returned");
	fixture_callback(f, 0);
	fixture_return(f, &file);
	fixture_assert_opens(f, "returned");
	assert_false(flagged(&f->session));
	assert_int_equal(test(&f->session, &file), NFS4ERR_BAD_STATEID);
	assert_uses(f, &file, NFS4ERR_BAD_STATEID);
	assert_int_equal(let_go(&f->session, &file), NFS4ERR_BAD_STATEID);
}

static void test_other_client_is_told_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_file mine, theirs;

	fixture_hold(f, "others", &mine);
	server_make_file(f->server, "theirs", "contents");
	assert_int_equal(nfs_open(&f->opener_session, "export/theirs",
				  WANT_READ, &theirs),
			 NFS4_OK);
	assert_int_equal(theirs.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "others");
	wait_revoked(f, 1);
	fixture_assert_opens(f, "others");

	assert_false(flagged(&f->opener_session));
	assert_int_equal(test(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(test(&f->opener_session, &mine), NFS4ERR_BAD_STATEID);
	assert_int_equal(let_go(&f->opener_session, &mine),
			 NFS4ERR_BAD_STATEID);
	assert_true(flagged(&f->session));
	assert_int_equal(let_go(&f->session, &mine), NFS4_OK);
	assert_int_equal(nfs_delegreturn(&f->opener_session, &theirs.fh,
					 &theirs.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &mine), NFS4_OK);
}

static void test_session_replaced_is_told_as_well(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	lose(f, "replaced", &file);
	fixture_remake_session(f, NULL);
	assert_true(flagged(&f->session));
	assert_int_equal(test(&f->session, &file), NFS4ERR_DELEG_REVOKED);
	assert_int_equal(let_go(&f->session, &file), NFS4_OK);
	assert_false(flagged(&f->session));
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

/* It is, a moment after it has answered. */
static void wait_granted(struct fixture *f, const char *format)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	char name[32];
	bool granted;

	for (unsigned int i = 0;; i++) {
		snprintf(name, sizeof(name), format, i);
		granted = fixture_is_granted(f, name);
		if (granted || nfs_now_ns() > until)
			break;
	}
	assert_true(granted);
}

/* The holder refuses so many recalls that Ganesha bars it. */
static void get_barred(struct fixture *f, const char *format,
		       struct nfs_file files[BARRED])
{
	char name[32];

	cb_responder_set_default(f->responder, &refused);
	for (unsigned int i = 0; i < BARRED; i++) {
		snprintf(name, sizeof(name), format, i);
		fixture_hold(f, name, &files[i]);
	}
	for (unsigned int i = 0; i < BARRED; i++) {
		snprintf(name, sizeof(name), format, i);
		fixture_conflict(f, name);
	}
	wait_revoked(f, BARRED);
	for (unsigned int i = 0; i < BARRED; i++) {
		snprintf(name, sizeof(name), format, i);
		fixture_assert_opens(f, name);
		assert_int_equal(nfs_close(&f->session, &files[i]), NFS4_OK);
	}
}

static void test_barred_client_is_granted_again_after_last_free(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[BARRED];

	get_barred(f, "freed-%u", files);
	for (unsigned int i = 0; i < BARRED; i++) {
		assert_true(flagged(&f->session));
		assert_false(fixture_is_granted(f, "before-the-last"));
		assert_int_equal(let_go(&f->session, &files[i]), NFS4_OK);
	}
	assert_false(flagged(&f->session));
	assert_true(fixture_is_granted(f, "after-the-last"));
}

static void test_barred_client_is_granted_again_with_answer(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_file files[BARRED];

	get_barred(f, "rebound-%u", files);
	assert_false(fixture_is_granted(f, "before-the-path"));
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, fore);
	fixture_wait_flags(f, PATH_DOWN);
	cb_responder_set_default(f->responder, &never);
	fixture_bind(f);
	/* The path is no answer yet. */
	assert_false(fixture_is_granted(f, "before-the-answer"));
	cb_responder_set_default(f->responder, &refused);
	fixture_bind(f);
	wait_granted(f, "after-the-answer-%u");
	for (unsigned int i = 0; i < BARRED; i++)
		assert_int_equal(let_go(&f->session, &files[i]), NFS4_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_unreturned_delegation_is_told_until_freed),
		FIXTURE_TEST(test_unanswered_recall_is_told_until_freed),
		FIXTURE_TEST(test_returned_delegation_is_not_revoked),
		FIXTURE_TEST(test_other_client_is_told_nothing),
		FIXTURE_TEST(test_session_replaced_is_told_as_well),
		FIXTURE_TEST(
			test_barred_client_is_granted_again_after_last_free),
		FIXTURE_TEST(test_barred_client_is_granted_again_with_answer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
