/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations are for clients that answer: to bind a connection is no answer.
 * Statements 9, 14 and 15 of a correct backchannel.
 */
#include "fixture.h"

#include <stdio.h>

#define LEASE 3 /* s */
#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)
#define FAULT SEQ4_STATUS_BACKCHANNEL_FAULT
#define ROUNDS 7
#define REVOCATION 30000 /* ms, within which one is revoked, generously */
#define PAUSE 100 /* ms */
#define WANT_READ (OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_READ_DELEG)

static const struct cb_answer never = { .when = CB_NEVER };
static const struct cb_answer correct;

/* The holder opens a new file. @return whether it is granted a delegation */
static bool is_granted(struct fixture *f, const char *name,
		       struct nfs_file *file)
{
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&f->session, path, WANT_READ, file), NFS4_OK);
	return file->delegation.type == OPEN_DELEGATE_READ;
}

/* What it held is the opener's again, at last; both renew their leases. */
static void wait_revoked(struct fixture *f, const char *name)
{
	uint64_t until = nfs_now_ns() + REVOCATION * UINT64_C(1000000);
	struct nfs_file file;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "export/%s", name);
	do {
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		rc = nfs_open(&f->opener_session, path,
			      OPEN4_SHARE_ACCESS_WRITE, &file);
		if (rc == NFS4ERR_DELAY)
			cb_responder_wait(f->responder, 1000, PAUSE);
	} while (rc == NFS4ERR_DELAY && nfs_now_ns() < until);
	assert_int_equal(rc, NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
}

/* The holder goes on over a new connection, which it binds. */
static void rebind(struct fixture *f, bool anew)
{
	struct nfs_conn *conn = f->session.conn;

	if (!anew) {
		assert_int_equal(nfs_bind_conn(&f->session, conn,
					       CDFC4_FORE_OR_BOTH, NULL),
				 NFS4_OK);
		return;
	}
	nfs_session_set_conn(&f->session, fixture_bind(f));
	nfs_conn_close(conn, NFS_CLOSE_FIN);
}

/* It is granted one again, a moment after it is back. */
static void assert_granted_soon(struct fixture *f, const char *format)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	struct nfs_file file;
	char name[32];
	bool granted;

	for (unsigned int i = 0;; i++) {
		snprintf(name, sizeof(name), format, i);
		granted = is_granted(f, name, &file);
		if (granted || nfs_now_ns() > until)
			break;
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	}
	assert_true(granted);
	fixture_return(f, &file);
}

/* As long as it never answers it is granted no more than before it was known for
 * that; each grant costs the others two leases.
 */
static void test_silent_holder_that_rebinds_is_granted_no_more(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	unsigned int granted = 0, sent;
	char name[32];

	cb_responder_set_default(f->responder, &never);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		bool anew = i % 2;

		snprintf(name, sizeof(name), "rebinds-%u", i);
		if (is_granted(f, name, &file)) {
			granted++;
			fixture_conflict(f, name);
			fixture_wait_flags(f, DOWN);
			wait_revoked(f, name);
		} else {
			fixture_wait_flags(f, DOWN);
		}
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
		rebind(f, anew);
		fixture_assert_flags(f, 0);
	}
	assert_in_range(granted, 1, 3);
	/* At each bind it was asked once, with what it owes or otherwise; the last
	 * question may be on its way.
	 */
	sent = cb_responder_count(f->responder) +
	       cb_responder_questions(f->responder);
	assert_in_range(sent, granted + ROUNDS - 1, granted + ROUNDS);

	cb_responder_set_default(f->responder, &correct);
	rebind(f, true);
	assert_granted_soon(f, "answers-%u");
	fixture_assert_flags(f, 0);
}

/* It missed one recall, and is granted again as soon as it is back. */
static void test_honest_holder_that_rebinds_is_granted_again(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	cb_responder_push(f->responder, &never);
	fixture_hold(f, "missed", &file);
	fixture_conflict(f, "missed");
	fixture_wait_flags(f, DOWN);
	fixture_return(f, &file);
	rebind(f, false);
	assert_granted_soon(f, "back-%u");
	assert_int_equal(cb_responder_questions(f->responder), 1);
	fixture_assert_flags(f, 0);
}

/* Every slot is unanswered: the client is told, so that it makes a new session. */
static void test_all_slots_stuck_are_a_fault(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_file files[2];
	unsigned int sent;

	nfs_create_session_args_init(&args);
	args.back.maxrequests = 2;
	fixture_remake_session(f, &args);
	cb_responder_set_default(f->responder, &never);
	fixture_recall_many(f, "stuck", files, 2);
	fixture_wait_flags(f, DOWN | FAULT);
	sent = cb_responder_count(f->responder);
	assert_int_equal(sent, 2);
	for (unsigned int i = 0; i < 3; i++) {
		rebind(f, false);
		fixture_assert_flags(f, FAULT);
	}
	assert_int_equal(cb_responder_count(f->responder), sent);
	assert_int_equal(cb_responder_questions(f->responder), 0);
	wait_revoked(f, "stuck-0");
	wait_revoked(f, "stuck-1");
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(nfs_close(&f->session, &files[i]), NFS4_OK);

	cb_responder_set_default(f->responder, &correct);
	fixture_remake_session(f, NULL);
	fixture_assert_flags(f, 0);
	assert_granted_soon(f, "new-session-%u");
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.backchannel = "Callback_Timeout = 1;\n"
			       "Retry_Attempts = 0;\n",
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_silent_holder_that_rebinds_is_granted_no_more),
		FIXTURE_TEST(test_honest_holder_that_rebinds_is_granted_again),
		FIXTURE_TEST(test_all_slots_stuck_are_a_fault),
	};

	return fixture_run(tests, &params);
}
