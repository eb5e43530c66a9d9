/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Callbacks that get no answer, and a path that is away: statements 9 and 10 of
 * a correct backchannel. The responder counts a retry on the same connection
 * as a violation, which fixture_unmount() asserts not to have happened.
 */
#include "admin.h"
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define CLOCK_STEP UINT64_C(10000000) /* the server counts in ms */
#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)
#define MANY 50

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer correct;

/* 9: silence */

static void test_silent_client_spaced_attempts_then_path_down(void **state)
{
	struct fixture *f = *state;
	struct cb_call *calls[3];
	struct nfs_file file, again;
	uint64_t sent;

	fixture_hold(f, "silent", &file);
	for (unsigned int i = 0; i < 3; i++)
		cb_responder_push(f->responder, &held);
	sent = fixture_conflict(f, "silent");
	for (unsigned int i = 0; i < 3; i++) {
		calls[i] = fixture_callback(f, i);
		assert_false(calls[i]->retry);
		for (unsigned int j = 0; j < i; j++)
			assert_int_not_equal(calls[i]->seq.slot,
					     calls[j]->seq.slot);
	}
	/* From before the first was sent: how long it travelled is no matter. */
	assert_true(calls[1]->arrival_ns - sent >= 2 * SECOND - CLOCK_STEP);
	assert_true(calls[2]->arrival_ns - sent >= 5 * SECOND - CLOCK_STEP);
	fixture_wait_flags(f, DOWN);
	fixture_return(f, &file);

	assert_int_equal(nfs_bind_conn(&f->session, f->session.conn,
				       CDFC4_FORE_OR_BOTH, NULL),
			 NFS4_OK);
	fixture_assert_flags(f, 0);
	fixture_hold_again(f, "silent-again", &again);
	fixture_conflict(f, "silent-again");
	fixture_callback(f, 3);
	fixture_return(f, &again);
}

static void test_late_answer_ends_attempts_and_frees_slot(void **state)
{
	struct fixture *f = *state;
	struct nfs_file late, next;
	struct cb_call *call;

	fixture_hold(f, "late", &late);
	fixture_hold(f, "late-next", &next);
	cb_responder_push(f->responder, &held);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "late");
	call = fixture_callback(f, 0);
	fixture_callback(f, 1);
	assert_int_equal(cb_call_answer(call, &correct), 0);
	fixture_answered(f, 0);
	fixture_conflict(f, "late-next");
	call = fixture_callback(f, 2);
	assert_memory_equal(call->recall.stateid.other,
			    next.delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 2);
	fixture_return(f, &late);
	fixture_return(f, &next);
}

static void test_silent_slot_is_settled_over_another_connection(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct nfs_file silent, next;
	struct nfs_conn *conns[2];
	struct cb_call *call;

	conns[0] = f->session.conn;
	conns[1] = fixture_bind(f);
	fixture_hold(f, "settled", &silent);
	fixture_hold(f, "settled-next", &next);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, "settled");
	call = fixture_callback(f, 0);
	assert_int_equal(fixture_answered(f, 1)->seq.slot, 1);

	/* What the lost connection left open is the same request still. */
	nfs_session_set_conn(&f->session, conns[call->conn == conns[0]]);
	nfs_conn_close(call->conn, NFS_CLOSE_RST);
	call = fixture_callback(f, 2);
	assert_true(call->retry);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 1);
	assert_true(cb_call_wait_answered(call, SOON));
	admin_wait_settled(server_admin_socket(f->server), &f->holder);
	fixture_conflict(f, "settled-next");
	assert_int_equal(fixture_callback(f, 3)->seq.slot, 0);
	assert_int_equal(fixture_callback(f, 3)->seq.sequence, 2);
	fixture_return(f, &silent);
	fixture_return(f, &next);
}

static void test_slow_answer_within_timeout_no_further_attempt(void **state)
{
	struct fixture *f = *state;
	struct nfs_file slow;
	struct cb_call *call;

	fixture_hold(f, "slow", &slow);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "slow");
	call = fixture_callback(f, 0);
	/* A part of the Callback_Timeout, in which nothing else may come. */
	assert_null(cb_responder_wait(f->responder, 1, 200));
	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	fixture_assert_flags(f, 0);
	/* A further attempt would be due 2 s after the first. */
	assert_null(cb_responder_wait(f->responder, 1, 2500));
	fixture_assert_flags(f, 0);
	fixture_return(f, &slow);
}

/* 10: no path */

/* How many of the first MANY callbacks recall the file's delegation. */
static unsigned int recalls_of(struct fixture *f, const struct nfs_file *file)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < MANY; i++)
		if (!memcmp(fixture_callback(f, i)->recall.stateid.other,
			    file->delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE))
			count++;
	return count;
}

static void test_recalls_without_path_each_delivered_once_at_bind(void **state)
{
	static struct nfs_file files[MANY];
	struct fixture *f = *state;
	struct nfs_conn *fore;
	char name[32];

	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "queued-%u", i);
		fixture_hold(f, name, &files[i]);
	}
	fore = fixture_connect(f, &f->holder);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, fore);
	fixture_wait_flags(f, DOWN);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "queued-%u", i);
		fixture_conflict(f, name);
	}
	assert_int_equal(cb_responder_count(f->responder), 0);
	fixture_bind(f);
	fixture_callback(f, MANY - 1);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(recalls_of(f, &files[i]), 1);
	for (unsigned int i = 0; i < MANY; i++)
		fixture_return(f, &files[i]);
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.backchannel = "Callback_Timeout = 1;\n"
			       "Retry_First_Delay = 1;\n"
			       "Retry_Attempts = 2;\n",
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_silent_client_spaced_attempts_then_path_down),
		FIXTURE_TEST(test_late_answer_ends_attempts_and_frees_slot),
		FIXTURE_TEST(
			test_silent_slot_is_settled_over_another_connection),
		FIXTURE_TEST(
			test_slow_answer_within_timeout_no_further_attempt),
		FIXTURE_TEST(
			test_recalls_without_path_each_delivered_once_at_bind),
	};

	return fixture_run(tests, &params);
}
