/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Slots, sequence ids and limits. RFC 5661 2.10.6 and 20.9; statements 5, 6 and
 * 8 of a correct backchannel.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)
#define MANY 8
#define QUEUED 50

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer correct;

/* Statement 5 -------------------------------------------------------------- */

static void test_sequence_starts_at_one_and_counts(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	char name[32];

	for (unsigned int i = 0; i < 3; i++) {
		struct cb_call *call;

		snprintf(name, sizeof(name), "counts-%u", i);
		fixture_hold(f, name, &file);
		fixture_conflict(f, name);
		call = fixture_answered(f, i);
		assert_int_equal(call->nops, 2);
		assert_int_equal(call->seq.slot, 0);
		assert_int_equal(call->seq.sequence, i + 1);
		fixture_return(f, &file);
	}
}

/* Statement 6 -------------------------------------------------------------- */

static void test_slot_in_flight_is_not_used_again(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[3];
	struct cb_call *call;
	unsigned int slots = 0;

	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "flight", files, 3);
	/* They are written by threads that may overtake one another. */
	for (unsigned int i = 0; i < 3; i++) {
		call = fixture_callback(f, i);
		assert_in_range(call->seq.slot, 0, 2);
		slots |= 1U << call->seq.slot;
		assert_int_equal(call->seq.sequence, 1);
		assert_int_equal(call->seq.highest_slot, call->seq.slot);
	}
	assert_int_equal(slots, 7);
	cb_responder_set_default(f->responder, &correct);
	for (unsigned int i = 0; i < 3; i++)
		cb_call_answer(fixture_callback(f, i), &correct);
	fixture_return_many(f, files, 3);
}

static void test_slots_never_exceed_what_the_client_agreed_to(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_file files[MANY];

	nfs_create_session_args_init(&args);
	args.back.maxrequests = 2;
	fixture_remake_session(f, &args);
	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "agreed", files, MANY);
	fixture_callback(f, 1); /* two are out */
	for (unsigned int i = 0; i < MANY; i++)
		cb_call_answer(fixture_callback(f, i), &correct);
	assert_int_equal(cb_responder_max_in_flight(f->responder), 2);
	fixture_return_many(f, files, MANY);
}

static void test_max_slots_1_recalls_go_out_one_by_one(void **state)
{
	struct nfs_file files[QUEUED];
	unsigned int recalls[QUEUED] = { 0 };
	struct fixture own;

	(void)state;
	fixture_begin(&own, "Max_Slots = 1;");
	cb_responder_set_default(own.responder, &held);
	fixture_recall_many(&own, "one-by-one", files, QUEUED);
	for (unsigned int i = 0; i < QUEUED; i++) {
		struct cb_call *call = fixture_callback(&own, i);

		assert_int_equal(call->seq.slot, 0);
		assert_int_equal(call->seq.sequence, i + 1);
		for (unsigned int j = 0; j < QUEUED; j++)
			recalls[j] += fixture_recalls(call, &files[j]);
		assert_int_equal(cb_call_answer(call, &correct), 0);
	}
	for (unsigned int j = 0; j < QUEUED; j++)
		assert_int_equal(recalls[j], 1);
	assert_int_equal(cb_responder_max_in_flight(own.responder), 1);
	fixture_return_many(&own, files, QUEUED);
	fixture_end(&own);
}

static void test_target_highest_slot_is_honoured(void **state)
{
	static const struct cb_answer narrow = { .limit_slots = true,
						 .highest_slot = 15,
						 .target_highest_slot = 0 };
	struct fixture *f = *state;
	struct nfs_file first, files[MANY];

	cb_responder_push(f->responder, &narrow);
	fixture_hold(f, "narrow", &first);
	fixture_conflict(f, "narrow");
	fixture_answered(f, 0);
	fixture_return(f, &first);

	for (unsigned int i = 0; i < MANY; i++)
		cb_responder_push(f->responder,
				  &(struct cb_answer){ .when = CB_HELD });
	fixture_recall_many(f, "target", files, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		cb_call_answer(fixture_callback(f, 1 + i), &narrow);
	assert_int_equal(cb_responder_max_in_flight(f->responder), 1);
	fixture_return_many(f, files, MANY);
}

/* Answer held callbacks from @first on until @total have come, and the rest.
 * @return the most that were out at a time
 */
static unsigned int answer_all(struct fixture *f, unsigned int first,
			       unsigned int total,
			       const struct cb_answer *answer)
{
	for (unsigned int i = first; i < total; i++)
		cb_call_answer(fixture_callback(f, i), answer);
	return cb_responder_max_in_flight(f->responder);
}

static void test_target_highest_slot_grows_again(void **state)
{
	static const struct cb_answer narrow = { .limit_slots = true,
						 .highest_slot = 15,
						 .target_highest_slot = 0 };
	static const struct cb_answer wider = { .limit_slots = true,
						.highest_slot = 15,
						.target_highest_slot = 2 };
	struct fixture *f = *state;
	struct nfs_file first, files[MANY];

	cb_responder_push(f->responder, &narrow);
	fixture_hold(f, "narrow-first", &first);
	fixture_conflict(f, "narrow-first");
	fixture_answered(f, 0);
	fixture_return(f, &first);
	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "grown", files, MANY);
	cb_call_answer(fixture_callback(f, 1), &wider);
	fixture_callback(f, 4); /* three at once now */
	assert_int_equal(answer_all(f, 2, 1 + MANY, &wider), 3);
	fixture_return_many(f, files, MANY);
}

static void test_highest_slot_is_a_limit(void **state)
{
	static const struct cb_answer two = { .limit_slots = true,
					      .highest_slot = 1,
					      .target_highest_slot = 15 };
	struct fixture *f = *state;
	struct nfs_file first, files[MANY];

	cb_responder_push(f->responder, &two);
	fixture_hold(f, "limit-first", &first);
	fixture_conflict(f, "limit-first");
	fixture_answered(f, 0);
	fixture_return(f, &first);
	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "limit", files, MANY);
	fixture_callback(f, 2);
	assert_int_equal(answer_all(f, 1, 1 + MANY, &two), 2);
	fixture_return_many(f, files, MANY);
}

/* A back channel too small for a recall is refused when it is made. */
static void test_session_too_small_for_a_recall_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_sec_parms sec = { .flavor = AUTH_SYS };
	struct nfs_create_session_args args;
	struct nfs_session session;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	nfs_create_session_args_init(&args);
	args.back.maxrequestsize = 256;
	assert_int_equal(nfs_create_session(&session, &f->holder, conn, &args),
			 NFS4ERR_TOOSMALL);
	nfs_session_fini(&session);
	/* It has used up no sequence id. */
	args.back.maxrequestsize = 1024;
	assert_int_equal(nfs_create_session(&session, &f->holder, conn, &args),
			 NFS4_OK);
	assert_true(session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
	/* Nor does it become too small later, for a credential with this. */
	memset(sec.sys.machine, 'm', 250);
	args.back.maxrequestsize = 400;
	assert_int_equal(nfs_destroy_session(&session, NULL), NFS4_OK);
	nfs_session_fini(&session);
	assert_int_equal(nfs_create_session(&session, &f->holder, conn, &args),
			 NFS4_OK);
	assert_int_equal(nfs_backchannel_ctl(&session, 0x40000777, &sec, 1),
			 NFS4ERR_INVAL);
	assert_int_equal(nfs_destroy_session(&session, NULL), NFS4_OK);
	nfs_session_fini(&session);
}

/* CB_SEQUENCE and the operation are two. */
static void test_session_of_one_operation_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session session;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	nfs_create_session_args_init(&args);
	args.back.maxoperations = 1;
	assert_int_equal(nfs_create_session(&session, &f->holder, conn, &args),
			 NFS4ERR_TOOSMALL);
	nfs_session_fini(&session);
	args.back.maxoperations = 2;
	assert_int_equal(nfs_create_session(&session, &f->holder, conn, &args),
			 NFS4_OK);
	assert_int_equal(session.back.maxoperations, 2);
	assert_int_equal(nfs_destroy_session(&session, NULL), NFS4_OK);
	nfs_session_fini(&session);
}

static void test_session_too_small_has_no_back_channel_later(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session session;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	uint32_t dir;

	nfs_create_session_args_init(&args);
	args.flags = 0;
	args.back.maxrequestsize = 256;
	assert_int_equal(nfs_create_session(&session, &f->holder, conn, &args),
			 NFS4_OK);
	assert_int_equal(
		nfs_bind_conn(&session, conn, CDFC4_FORE_OR_BOTH, &dir),
		NFS4_OK);
	assert_int_equal(dir, CDFS4_FORE);
	assert_int_equal(nfs_destroy_session(&session, NULL), NFS4_OK);
	nfs_session_fini(&session);
}

/* Statement 8 -------------------------------------------------------------- */

static void
test_in_flight_without_another_connection_waits_for_bind(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct cb_call *first, *second;
	struct nfs_file file;

	fixture_hold(f, "waits", &file);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, "waits");
	first = fixture_callback(f, 0);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	nfs_session_set_conn(&f->session, fore);
	fixture_wait_flags(f, DOWN);
	fixture_bind(f);
	second = fixture_callback(f, 1);
	assert_int_equal(second->seq.slot, first->seq.slot);
	assert_int_equal(second->seq.sequence, first->seq.sequence);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

static void
test_in_flight_session_destroyed_goes_to_another_session(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct nfs_session other;
	struct nfs_file file;
	struct cb_call *call;

	assert_int_equal(nfs_create_session(&other, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
	/* Hold it on the first, which is where the recall goes. */
	fixture_hold(f, "destroyed", &file);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, "destroyed");
	call = fixture_callback(f, 0);
	if (memcmp(call->seq.session, other.id, NFS4_SESSIONID_SIZE)) {
		struct nfs_session swap = f->session;

		f->session = other;
		other = swap;
	}
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	call = fixture_callback(f, 1);
	assert_memory_equal(call->seq.session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.sequence, 1);
	nfs_session_fini(&other);
	fixture_return(f, &file);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_sequence_starts_at_one_and_counts),
		FIXTURE_TEST(test_slot_in_flight_is_not_used_again),
		FIXTURE_TEST(test_slots_never_exceed_what_the_client_agreed_to),
		cmocka_unit_test(test_max_slots_1_recalls_go_out_one_by_one),
		FIXTURE_TEST(test_target_highest_slot_is_honoured),
		FIXTURE_TEST(test_target_highest_slot_grows_again),
		FIXTURE_TEST(test_highest_slot_is_a_limit),
		FIXTURE_TEST(test_session_too_small_for_a_recall_is_refused),
		FIXTURE_TEST(test_session_of_one_operation_is_refused),
		FIXTURE_TEST(test_session_too_small_has_no_back_channel_later),
		FIXTURE_TEST(
			test_in_flight_without_another_connection_waits_for_bind),
		FIXTURE_TEST(
			test_in_flight_session_destroyed_goes_to_another_session),
	};

	return fixture_run(tests, &params);
}
