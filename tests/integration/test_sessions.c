/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Several sessions of a client, and the ends of sessions and of clients while
 * callbacks are under way. RFC 5661 2.10.6, 18.35 to 18.37 and 18.50;
 * statements 8 and 10.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define LEASE 2 /* s */
#define GONE_WITHIN                                                            \
	30000 /* ms, within which what a client held is taken, generously */
#define MANY 3

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer correct;

static void create_session(struct fixture *f, struct nfs_session *session,
			   const struct nfs_create_session_args *args)
{
	assert_int_equal(nfs_create_session(session, &f->holder,
					    fixture_connect(f, &f->holder),
					    args),
			 NFS4_OK);
}

static void end_session(struct nfs_session *session)
{
	assert_int_equal(nfs_destroy_session(session, NULL), NFS4_OK);
	nfs_session_fini(session);
}

/* The holder's only session gets another back channel. */
static void replace_session(struct fixture *f, uint32_t flags, uint32_t slots)
{
	struct nfs_create_session_args args;

	nfs_create_session_args_init(&args);
	args.flags = flags;
	args.back.maxrequests = slots;
	end_session(&f->session);
	create_session(f, &f->session, &args);
}

/* A new instance of the holder, RFC 5661 18.35: its f->session ends as well. */
static void reboot(struct fixture *f)
{
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	uint64_t clientid = f->holder.clientid;

	assert_int_equal(nfs_client_restart(&f->session, conn), NFS4_OK);
	assert_int_not_equal(f->holder.clientid, clientid);
}

static void assert_opener_gets_many(struct fixture *f, const char *prefix)
{
	char name[64];

	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%s-%u", prefix, i);
		fixture_assert_opens(f, name);
	}
}

static bool is_on(const struct cb_call *call, const struct nfs_session *session)
{
	return !memcmp(call->seq.session, session->id, NFS4_SESSIONID_SIZE);
}

/* The first request of a session's slot 0, but for the question whether the client
 * answers, which one that is back after a loss is asked.
 */
static void assert_first_of(const struct cb_call *call,
			    const struct nfs_session *session,
			    const struct nfs_file *file)
{
	assert_true(is_on(call, session));
	assert_true(fixture_recalls(call, file));
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence,
			 1 + cb_responder_questions(call->responder));
	assert_false(call->retry);
}

/* Delegations and callbacks work; the next callback is number @n, on a session
 * that had none.
 */
static void assert_works_anew(struct fixture *f, const char *name,
			      unsigned int n)
{
	struct nfs_file file;

	fixture_hold_again(f, name, &file);
	fixture_conflict(f, name);
	assert_first_of(fixture_callback(f, n), &f->session, &file);
	fixture_return(f, &file);
	fixture_assert_opens(f, name);
	assert_int_equal(cb_responder_count(f->responder), n + 1);
}

/* Clients that vanish ------------------------------------------------------ */

static void test_vanished_holder_gives_way_and_comes_back(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "vanished", &file);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	fixture_open_after_revocation(f, "vanished", GONE_WITHIN);
	reboot(f);
	assert_works_anew(f, "vanished-back", 0);
}

/* Its lease goes on, its delegation does not; 10.4.5. */
static void test_holder_without_path_is_revoked_and_binds_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t until = nfs_now_ns() + GONE_WITHIN * UINT64_C(1000000);
	struct nfs_file file;
	uint32_t flags;

	fixture_hold(f, "revoked", &file);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict(f, "revoked");
	do {
		assert_null(cb_responder_wait(f->responder, 0, 100));
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		assert_int_equal(nfs_sequence(&f->session, &flags), NFS4_OK);
	} while (!(flags & SEQ4_STATUS_RECALLABLE_STATE_REVOKED) &&
		 nfs_now_ns() < until);
	assert_true(flags & SEQ4_STATUS_RECALLABLE_STATE_REVOKED);
	fixture_assert_opens(f, "revoked");
	assert_int_equal(
		nfs_free_stateid(&f->session, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	fixture_bind(f);
	assert_works_anew(f, "revoked-back", 0);
}

/* Clients that reboot ------------------------------------------------------ */

static void test_reboot_ends_callbacks_without_path(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];

	fixture_hold_many(f, "boot-queued", files, MANY);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict_many(f, "boot-queued", MANY);
	reboot(f);
	assert_opener_gets_many(f, "boot-queued");
	assert_works_anew(f, "boot-queued-new", 0);
}

static void test_reboot_ends_callback_in_flight_and_those_behind(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];
	struct cb_call *call;

	replace_session(f, CREATE_SESSION4_FLAG_CONN_BACK_CHAN, 1);
	fixture_hold_many(f, "boot-sent", files, MANY);
	cb_responder_push(f->responder, &held);
	fixture_conflict_many(f, "boot-sent", MANY);
	call = fixture_callback(f, 0);
	nfs_conn_close(call->conn, NFS_CLOSE_RST); /* as a machine's end does */
	reboot(f);
	assert_opener_gets_many(f, "boot-sent");
	assert_works_anew(f, "boot-sent-new", 1);
}

/* As above, but the connection of the former instance lives on. */
static void test_reboot_answer_to_former_instance_is_too_late(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	fixture_hold(f, "boot-late", &file);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "boot-late");
	call = fixture_callback(f, 0);
	reboot(f);
	fixture_assert_opens(f, "boot-late");
	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	assert_works_anew(f, "boot-late-new", 1);
}

/* DESTROY_CLIENTID --------------------------------------------------------- */

/* "If there are sessions ... the server MUST return NFS4ERR_CLIENTID_BUSY",
 * 18.50.3, and nothing else has happened.
 */
static void test_destroy_clientid_busy_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_file sent, file;
	struct cb_call *call;

	fixture_hold(f, "busy", &file);
	fixture_hold(f, "busy-sent", &sent);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "busy-sent");
	call = fixture_callback(f, 0);
	assert_int_equal(nfs_destroy_clientid(&f->holder, f->session.conn),
			 NFS4ERR_CLIENTID_BUSY);
	fixture_assert_flags(f, 0);
	fixture_conflict(f, "busy");
	assert_true(fixture_recalls(fixture_callback(f, 1), &file));
	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	fixture_return(f, &file);
	fixture_return(f, &sent);
	fixture_assert_opens(f, "busy-sent");
	assert_int_equal(cb_responder_count(f->responder), 2);
}

static void test_destroy_clientid_ends_what_waits(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session fore;
	struct nfs_file file;

	nfs_create_session_args_init(&args);
	args.flags = 0;
	fixture_hold(f, "destroyed", &file);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "destroyed");
	fixture_callback(f, 0);
	create_session(f, &fore, &args);
	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	/* It waits for a path now, and its delegation goes. */
	assert_int_equal(
		nfs_delegreturn(&fore, &file.fh, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(nfs_close(&fore, &file), NFS4_OK);
	assert_int_equal(nfs_destroy_clientid(&f->holder, fore.conn),
			 NFS4ERR_CLIENTID_BUSY);
	assert_int_equal(nfs_destroy_session(&fore, NULL), NFS4_OK);
	assert_int_equal(nfs_destroy_clientid(&f->holder, fore.conn), NFS4_OK);
	assert_int_equal(nfs_destroy_clientid(&f->holder, fore.conn),
			 NFS4ERR_STALE_CLIENTID);
	nfs_session_fini(&fore);
	fixture_assert_opens(f, "destroyed");
	reboot(f);
	assert_works_anew(f, "destroyed-new", 1);
}

/* Sessions that end -------------------------------------------------------- */

static void test_next_session_takes_over_what_was_in_flight(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	fixture_hold(f, "taken-over", &file);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "taken-over");
	call = fixture_callback(f, 0);
	end_session(&f->session);
	/* Too late: the session is gone. */
	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	create_session(f, &f->session, NULL);
	assert_first_of(fixture_callback(f, 1), &f->session, &file);
	fixture_return(f, &file);
	fixture_assert_opens(f, "taken-over");
}

static void test_sessions_fail_over_in_both_directions(void **state)
{
	struct fixture *f = *state;
	struct nfs_session second, *from, *to;
	struct nfs_file file;
	struct cb_call *call;

	create_session(f, &second, NULL);
	fixture_hold(f, "both", &file);
	cb_responder_push(f->responder, &held);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "both");
	call = fixture_callback(f, 0);
	from = is_on(call, &f->session) ? &f->session : &second;
	to = from == &second ? &f->session : &second;

	assert_first_of(call, from, &file);
	end_session(from);
	assert_first_of(fixture_callback(f, 1), to, &file);
	create_session(f, from, NULL);
	end_session(to);
	assert_first_of(fixture_callback(f, 2), from, &file);
	create_session(f, to, NULL);

	fixture_return(f, &file);
	assert_int_equal(cb_responder_count(f->responder), 3);
	end_session(&second);
}

static void test_session_ends_with_callbacks_in_its_queue(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session second;
	struct nfs_file files[MANY];
	bool recalled[MANY] = { false };

	replace_session(f, CREATE_SESSION4_FLAG_CONN_BACK_CHAN, 1);
	nfs_create_session_args_init(&args);
	args.flags = 0;
	create_session(f, &second, &args);
	fixture_hold_many(f, "behind", files, MANY);
	cb_responder_push(f->responder, &held);
	fixture_conflict_many(f, "behind", MANY);
	assert_true(is_on(fixture_callback(f, 0), &f->session));
	end_session(&f->session);
	assert_int_equal(
		nfs_bind_conn(&second, second.conn, CDFC4_FORE_OR_BOTH, NULL),
		NFS4_OK);
	for (unsigned int n = 1; n <= MANY; n++) {
		struct cb_call *call = fixture_callback(f, n);

		assert_true(is_on(call, &second));
		for (unsigned int i = 0; i < MANY; i++)
			recalled[i] |= fixture_recalls(call, &files[i]);
	}
	create_session(f, &f->session, NULL);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_true(recalled[i]);
		fixture_return(f, &files[i]);
	}
	assert_int_equal(cb_responder_count(f->responder), 1 + MANY);
	end_session(&second);
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_vanished_holder_gives_way_and_comes_back),
		FIXTURE_TEST(
			test_holder_without_path_is_revoked_and_binds_anew),
		FIXTURE_TEST(test_reboot_ends_callbacks_without_path),
		FIXTURE_TEST(
			test_reboot_ends_callback_in_flight_and_those_behind),
		FIXTURE_TEST(test_reboot_answer_to_former_instance_is_too_late),
		FIXTURE_TEST(test_destroy_clientid_busy_changes_nothing),
		FIXTURE_TEST(test_destroy_clientid_ends_what_waits),
		FIXTURE_TEST(test_next_session_takes_over_what_was_in_flight),
		FIXTURE_TEST(test_sessions_fail_over_in_both_directions),
		FIXTURE_TEST(test_session_ends_with_callbacks_in_its_queue),
	};

	return fixture_run(tests, &params);
}
