/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What each answer to a callback does to its slot, its sequence id, the callback
 * and the session. RFC 5661 20.9.3 and 15.3: every error that CB_SEQUENCE may
 * have, and replies that are no proper answer.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)
#define RETRY "not answered, retry 1 of"

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer correct;

/* The first callback is answered like this; the next one is looked at. */
static struct cb_call *second_after(struct fixture *f, const char *name,
				    const struct cb_answer *answer,
				    struct nfs_file *file)
{
	cb_responder_push(f->responder, answer);
	fixture_hold(f, name, file);
	fixture_conflict(f, name);
	assert_int_equal(fixture_callback(f, 0)->seq.sequence, 1);
	return fixture_callback(f, 1);
}

/* The next request is in slot @slot with @sequence, and the path is up. */
static void next_is(struct fixture *f, const char *name,
		    const struct cb_answer *answer, uint32_t slot,
		    uint32_t sequence)
{
	struct nfs_file file;
	struct cb_call *call = second_after(f, name, answer, &file);

	assert_int_equal(call->seq.slot, slot);
	assert_int_equal(call->seq.sequence, sequence);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

/* It did not count: the same sequence id, after a pause. */
static void refused(struct fixture *f, const char *name,
		    const struct cb_answer *answer)
{
	unsigned int before = server_log_count(f->server, RETRY);

	next_is(f, name, answer, 0, 1);
	assert_true(server_wait_log(f->server, RETRY, before + 1, SOON));
	assert_int_equal(server_log_count(f->server, RETRY), before + 1);
}

/* It did not count, and the error is the callback's result: Ganesha asks again. */
static void returned(struct fixture *f, const char *name, uint32_t status)
{
	unsigned int before = server_log_count(f->server, RETRY);

	next_is(f, name, &(struct cb_answer){ .seq_status = status }, 0, 1);
	assert_int_equal(server_log_count(f->server, RETRY), before);
}

static void refused_by_sequence(struct fixture *f, const char *name,
				uint32_t status)
{
	refused(f, name, &(struct cb_answer){ .seq_status = status });
}

static void refused_by_rpc(struct fixture *f, const char *name,
			   enum cb_rpc_error error)
{
	refused(f, name, &(struct cb_answer){ .rpc = error });
}

/* It counted, or so it seems: the next sequence id, after a pause. */
static void garbled(struct fixture *f, const char *name,
		    const struct cb_answer *answer)
{
	unsigned int before = server_log_count(f->server, RETRY);

	next_is(f, name, answer, 0, 2);
	assert_true(server_wait_log(f->server, RETRY, before + 1, SOON));
	assert_int_equal(server_log_count(f->server, RETRY), before + 1);
}

/* Errors of CB_SEQUENCE ------------------------------------------------------ */

static void test_badxdr_is_tried_again_later(void **state)
{
	refused_by_sequence(*state, "badxdr", NFS4ERR_BADXDR);
}

static void test_bad_high_slot_is_tried_again_later(void **state)
{
	refused_by_sequence(*state, "high-slot", NFS4ERR_BAD_HIGH_SLOT);
}

static void test_sequence_pos_is_tried_again_later(void **state)
{
	refused_by_sequence(*state, "pos", NFS4ERR_SEQUENCE_POS);
}

static void test_op_not_in_session_is_tried_again_later(void **state)
{
	refused_by_sequence(*state, "not-in", NFS4ERR_OP_NOT_IN_SESSION);
}

static void test_serverfault_is_tried_again_later(void **state)
{
	refused_by_sequence(*state, "serverfault", NFS4ERR_SERVERFAULT);
}

static void test_req_too_big_is_the_result(void **state)
{
	returned(*state, "req-big", NFS4ERR_REQ_TOO_BIG);
}

static void test_rep_too_big_is_the_result(void **state)
{
	returned(*state, "rep-big", NFS4ERR_REP_TOO_BIG);
}

static void test_rep_too_big_to_cache_is_the_result(void **state)
{
	returned(*state, "cache-big", NFS4ERR_REP_TOO_BIG_TO_CACHE);
}

static void test_too_many_ops_is_the_result(void **state)
{
	returned(*state, "many-ops", NFS4ERR_TOO_MANY_OPS);
}

static void
test_retry_uncached_on_a_first_sending_goes_on_counting(void **state)
{
	next_is(*state, "uncached-first",
		&(struct cb_answer){ .seq_status = NFS4ERR_RETRY_UNCACHED_REP },
		0, 2);
}

static void test_false_retry_goes_on_counting(void **state)
{
	next_is(*state, "false-retry",
		&(struct cb_answer){ .seq_status = NFS4ERR_SEQ_FALSE_RETRY,
				     .then_expects = 2 },
		0, 2);
}

/* Sequence 1 was wrong: nothing is left to try in slot 0. */
static void test_misordered_at_one_loses_the_slot(void **state)
{
	next_is(*state, "misordered",
		&(struct cb_answer){ .seq_status = NFS4ERR_SEQ_MISORDERED }, 1,
		1);
}

static void test_misordered_later_starts_again_at_one(void **state)
{
	static const struct cb_answer bad = { .seq_status =
						      NFS4ERR_SEQ_MISORDERED,
					      .then_expects = 1 };
	struct fixture *f = *state;
	struct nfs_file first, second;
	struct cb_call *call;

	fixture_hold(f, "in-order", &first);
	fixture_conflict(f, "in-order");
	fixture_answered(f, 0);
	fixture_return(f, &first);
	cb_responder_push(f->responder, &bad);
	fixture_hold(f, "out-of-order", &second);
	fixture_conflict(f, "out-of-order");
	assert_int_equal(fixture_callback(f, 1)->seq.sequence, 2);
	call = fixture_callback(f, 2);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 1);
	fixture_return(f, &second);
	fixture_assert_flags(f, 0);
}

/* Nobody knows whether the first counted: it did not. */
static void test_misordered_after_garbage_goes_back_by_one(void **state)
{
	static const struct cb_answer garbage = { .truncate = 8 };
	static const struct cb_answer bad = { .seq_status =
						      NFS4ERR_SEQ_MISORDERED,
					      .then_expects = 1 };
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	cb_responder_push(f->responder, &garbage);
	cb_responder_push(f->responder, &bad);
	fixture_hold(f, "step-back", &file);
	fixture_conflict(f, "step-back");
	assert_int_equal(fixture_callback(f, 0)->seq.sequence, 1);
	call = fixture_callback(f, 1);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 2);
	call = fixture_callback(f, 2);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 1);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

/* The connection is believed not to be bound: the request waits for another. */
static void test_conn_not_bound_waits_for_another_connection(void **state)
{
	static const struct cb_answer unbound = {
		.seq_status = NFS4ERR_CONN_NOT_BOUND_TO_SESSION
	};
	struct fixture *f = *state;
	struct nfs_conn *conn;
	struct nfs_file file;
	struct cb_call *call;

	cb_responder_push(f->responder, &unbound);
	fixture_hold(f, "unbound", &file);
	fixture_conflict(f, "unbound");
	fixture_callback(f, 0);
	fixture_wait_flags(f, DOWN);
	conn = fixture_bind(f);
	call = fixture_callback(f, 1);
	assert_ptr_equal(call->conn, conn);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 1);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

static void test_cb_sequence_delayed_same_request_comes_again(void **state)
{
	static const struct cb_answer delay = { .seq_status = NFS4ERR_DELAY };
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call = second_after(f, "delay", &delay, &file);

	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 1);
	fixture_return(f, &file);
}

static void test_operation_delayed_is_a_new_request(void **state)
{
	static const struct cb_answer delay = { .op_status = NFS4ERR_DELAY };
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call = second_after(f, "op-delay", &delay, &file);

	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 2);
	fixture_return(f, &file);
}

static void test_operation_failed_sequence_advances(void **state)
{
	static const struct cb_answer bad = { .op_status =
						      NFS4ERR_BAD_STATEID };
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call = second_after(f, "op-bad", &bad, &file);

	assert_int_equal(call->seq.sequence, 2);
	fixture_return(f, &file);
}

static void test_bad_slot_slots_above_are_not_used(void **state)
{
	static const struct cb_answer bad = { .seq_status = NFS4ERR_BADSLOT };
	struct fixture *f = *state;
	struct nfs_file files[2];
	struct cb_call *call;

	/* Slot 0 is busy, slot 1 is refused: the second recall waits. */
	cb_responder_push(f->responder, &held);
	cb_responder_push(f->responder, &bad);
	fixture_hold_many(f, "badslot", files, 2);
	fixture_conflict(f, "badslot-0");
	fixture_callback(f, 0);
	fixture_conflict(f, "badslot-1");
	assert_int_equal(fixture_callback(f, 1)->seq.slot, 1);
	cb_call_answer(fixture_callback(f, 0), &correct);
	call = fixture_callback(f, 2);
	assert_memory_equal(call->recall.stateid.other,
			    fixture_callback(f, 1)->recall.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	fixture_return_many(f, files, 2);
	fixture_assert_flags(f, 0);
}

static void test_last_slot_lost_is_a_fault_until_the_session_ends(void **state)
{
	static const struct cb_answer bad = { .seq_status =
						      NFS4ERR_SEQ_MISORDERED };
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_file file;

	nfs_create_session_args_init(&args);
	args.back.maxrequests = 1;
	fixture_remake_session(f, &args);
	cb_responder_push(f->responder, &bad);
	fixture_hold(f, "fault", &file);
	fixture_conflict(f, "fault");
	fixture_callback(f, 0);
	fixture_wait_flags(f, SEQ4_STATUS_BACKCHANNEL_FAULT | DOWN);
	/* The recall goes out over the next session. */
	fixture_remake_session(f, NULL);
	fixture_assert_flags(f, 0);
	assert_memory_equal(fixture_callback(f, 1)->seq.session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	fixture_return(f, &file);
}

/* The session's back channel is of no use any more; the next one's is. */
static void fault(struct fixture *f, const char *name, uint32_t status)
{
	const struct cb_answer bad = { .seq_status = status };
	struct nfs_file file;

	cb_responder_push(f->responder, &bad);
	fixture_hold(f, name, &file);
	fixture_conflict(f, name);
	fixture_callback(f, 0);
	fixture_wait_flags(f, SEQ4_STATUS_BACKCHANNEL_FAULT | DOWN);
	fixture_remake_session(f, NULL);
	fixture_callback(f, 1);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

static void test_badsession_is_a_fault_of_the_session(void **state)
{
	fault(*state, "badsession", NFS4ERR_BADSESSION);
}

static void test_deadsession_is_a_fault_of_the_session(void **state)
{
	fault(*state, "deadsession", NFS4ERR_DEADSESSION);
}

/* No proper answer ----------------------------------------------------------- */

static void test_auth_error_is_tried_again_later(void **state)
{
	refused_by_rpc(*state, "auth", CB_RPC_AUTH_ERROR);
}

static void test_prog_unavail_is_tried_again_later(void **state)
{
	refused_by_rpc(*state, "prog", CB_RPC_PROG_UNAVAIL);
}

static void test_proc_unavail_is_tried_again_later(void **state)
{
	refused_by_rpc(*state, "proc", CB_RPC_PROC_UNAVAIL);
}

static void test_garbage_args_is_tried_again_later(void **state)
{
	refused_by_rpc(*state, "garbage-args", CB_RPC_GARBAGE_ARGS);
}

static void test_system_err_is_tried_again_later(void **state)
{
	refused_by_rpc(*state, "system", CB_RPC_SYSTEM_ERR);
}

static void test_undecodable_is_assumed_to_count(void **state)
{
	garbled(*state, "truncated", &(struct cb_answer){ .truncate = 8 });
}

static void test_too_few_results_are_assumed_to_count(void **state)
{
	garbled(*state, "few", &(struct cb_answer){ .results = 1 });
}

static void test_too_many_results_are_assumed_to_count(void **state)
{
	garbled(*state, "many", &(struct cb_answer){ .results = 3 });
}

/* An error of the CB_COMPOUND says why the operation has no result. */
static void test_error_without_the_result_is_the_result(void **state)
{
	struct fixture *f = *state;
	unsigned int before = server_log_count(f->server, RETRY);

	next_is(f, "no-result",
		&(struct cb_answer){ .op_status = NFS4ERR_DELAY, .results = 1 },
		0, 2);
	assert_int_equal(server_log_count(f->server, RETRY), before);
}

static void mismatch(struct fixture *f, const char *name,
		     const struct cb_answer *answer)
{
	struct nfs_file file;
	struct cb_call *call = second_after(f, name, answer, &file);

	assert_int_equal(call->seq.slot, 1);
	assert_int_equal(call->seq.sequence, 1);
	fixture_return(f, &file);
}

static void test_reply_with_another_session_is_a_fault_of_the_slot(void **state)
{
	mismatch(*state, "other-session",
		 &(struct cb_answer){ .wrong_session = true });
}

static void test_reply_with_another_slot_is_a_fault_of_the_slot(void **state)
{
	mismatch(*state, "other-slot", &(struct cb_answer){ .slot_delta = 1 });
}

static void
test_reply_with_another_sequence_is_a_fault_of_the_slot(void **state)
{
	mismatch(*state, "other-sequence",
		 &(struct cb_answer){ .sequence_delta = 1 });
}

/* A retry is answered like this: its request has run. */
static void ran(struct fixture *f, const char *name,
		const struct cb_answer *uncached)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct nfs_conn *other = fixture_bind(f);
	struct nfs_file files[2];
	struct cb_call *call;
	char next[64];

	fixture_hold(f, name, &files[0]);
	assert_int_equal(nfs_sequence_on(&f->session, f->session.conn, NULL),
			 NFS4_OK);
	cb_responder_push(f->responder, &never);
	cb_responder_push(f->responder, uncached);
	fixture_conflict(f, name);
	fixture_callback(f, 0);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, other);
	assert_true(fixture_answered(f, 1)->retry);
	/* The sequence has advanced, and the recall is not made again. */
	snprintf(next, sizeof(next), "%s-next", name);
	fixture_hold(f, next, &files[1]);
	fixture_conflict(f, next);
	call = fixture_callback(f, 2);
	assert_memory_equal(call->recall.stateid.other,
			    files[1].delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 2);
	fixture_return_many(f, files, 2);
}

/* As the status of CB_SEQUENCE, which no client may say: 2.10.6.1.3. */
static void test_retry_uncached_on_a_retry_means_that_it_ran(void **state)
{
	ran(*state, "uncached",
	    &(struct cb_answer){ .seq_status = NFS4ERR_RETRY_UNCACHED_REP });
}

static void test_operation_uncached_on_a_retry_means_that_it_ran(void **state)
{
	ran(*state, "op-uncached",
	    &(struct cb_answer){ .op_status = NFS4ERR_RETRY_UNCACHED_REP });
}

static void
test_operation_uncached_on_a_first_sending_goes_on_counting(void **state)
{
	next_is(*state, "op-uncached-first",
		&(struct cb_answer){ .op_status = NFS4ERR_RETRY_UNCACHED_REP },
		0, 2);
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.config = "LOG { COMPONENTS { NFS_CB = INFO; } }",
		.backchannel = "Retry_First_Delay = 1;",
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_badxdr_is_tried_again_later),
		FIXTURE_TEST(test_bad_high_slot_is_tried_again_later),
		FIXTURE_TEST(test_sequence_pos_is_tried_again_later),
		FIXTURE_TEST(test_op_not_in_session_is_tried_again_later),
		FIXTURE_TEST(test_serverfault_is_tried_again_later),
		FIXTURE_TEST(test_req_too_big_is_the_result),
		FIXTURE_TEST(test_rep_too_big_is_the_result),
		FIXTURE_TEST(test_rep_too_big_to_cache_is_the_result),
		FIXTURE_TEST(test_too_many_ops_is_the_result),
		FIXTURE_TEST(
			test_retry_uncached_on_a_first_sending_goes_on_counting),
		FIXTURE_TEST(test_false_retry_goes_on_counting),
		FIXTURE_TEST(test_misordered_at_one_loses_the_slot),
		FIXTURE_TEST(test_misordered_later_starts_again_at_one),
		FIXTURE_TEST(test_misordered_after_garbage_goes_back_by_one),
		FIXTURE_TEST(test_conn_not_bound_waits_for_another_connection),
		FIXTURE_TEST(test_cb_sequence_delayed_same_request_comes_again),
		FIXTURE_TEST(test_operation_delayed_is_a_new_request),
		FIXTURE_TEST(test_operation_failed_sequence_advances),
		FIXTURE_TEST(test_bad_slot_slots_above_are_not_used),
		FIXTURE_TEST(
			test_last_slot_lost_is_a_fault_until_the_session_ends),
		FIXTURE_TEST(test_badsession_is_a_fault_of_the_session),
		FIXTURE_TEST(test_deadsession_is_a_fault_of_the_session),
		FIXTURE_TEST(test_auth_error_is_tried_again_later),
		FIXTURE_TEST(test_prog_unavail_is_tried_again_later),
		FIXTURE_TEST(test_proc_unavail_is_tried_again_later),
		FIXTURE_TEST(test_garbage_args_is_tried_again_later),
		FIXTURE_TEST(test_system_err_is_tried_again_later),
		FIXTURE_TEST(test_undecodable_is_assumed_to_count),
		FIXTURE_TEST(test_too_few_results_are_assumed_to_count),
		FIXTURE_TEST(test_too_many_results_are_assumed_to_count),
		FIXTURE_TEST(test_error_without_the_result_is_the_result),
		FIXTURE_TEST(
			test_reply_with_another_session_is_a_fault_of_the_slot),
		FIXTURE_TEST(
			test_reply_with_another_slot_is_a_fault_of_the_slot),
		FIXTURE_TEST(
			test_reply_with_another_sequence_is_a_fault_of_the_slot),
		FIXTURE_TEST(test_retry_uncached_on_a_retry_means_that_it_ran),
		FIXTURE_TEST(
			test_operation_uncached_on_a_retry_means_that_it_ran),
		FIXTURE_TEST(
			test_operation_uncached_on_a_first_sending_goes_on_counting),
	};

	return fixture_run(tests, &params);
}
