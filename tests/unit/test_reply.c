/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What each verdict on a reply does to the slot, the callback and the session.
 */
#include "fake_test.h"

#define DELAY 20u /* ms */

/* Retries come soon; nothing times out. */
static const struct bc_config soon = { .retry_first_delay = DELAY };

/* The callback completes ---------------------------------------------------- */

static void test_reply_operation_failed_completes_and_advances(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_reply reply;

	(void)state;
	reply = fake_reply_ok(out.req);
	reply.status = reply.op_status = NFS4ERR_DELAY;
	fake_answer(out.req, reply);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_REPLY);
	assert_int_equal(out.call->reply.op_status, NFS4ERR_DELAY);
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
}

static void test_reply_uncached_to_retry_completes_as_ran(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_reconnect(out.session, out.conn);
	fake_answer_error(fake_next(), NFS4ERR_RETRY_UNCACHED_REP);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_RAN);
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
}

static struct bc_reply operation_uncached(const struct bc_request *req)
{
	struct bc_reply reply = fake_reply_ok(req);

	reply.status = reply.op_status = NFS4ERR_RETRY_UNCACHED_REP;
	return reply;
}

static void test_reply_operation_uncached_to_retry_is_ran(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_request *again;

	(void)state;
	fake_reconnect(out.session, out.conn);
	again = fake_next();
	fake_answer(again, operation_uncached(again));
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_RAN);
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
}

/* It has seen this sequence id, it says: ours is another request. */
static void test_reply_operation_uncached_to_first_is_redone(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer(out.req, operation_uncached(out.req));
	assert_completes(out.call);
	assert_slot(out.session, 0, BC_SLOT_FREE, 3);
}

static void test_reply_too_big_completes_and_stays(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer_error(out.req, NFS4ERR_REQ_TOO_BIG);
	assert_int_equal(fake_wait(out.call), BC_OUTCOME_REPLY);
	assert_int_equal(out.call->reply.sequence_status, NFS4ERR_REQ_TOO_BIG);
	assert_slot(out.session, 0, BC_SLOT_FREE, 1);
}

/* A new request ------------------------------------------------------------- */

static void test_reply_false_retry_is_redone_with_next_sequence(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_request *req;

	(void)state;
	fake_answer_error(out.req, NFS4ERR_SEQ_FALSE_RETRY);
	req = assert_next(0, 2);
	assert_int_equal(fake_number(req), out.call->number);
	assert_answer_completes(req, out.call);
}

static void test_reply_uncached_to_first_is_redone(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer_error(out.req, NFS4ERR_RETRY_UNCACHED_REP);
	assert_next(0, 2);
}

/* A client that accepts no sequence id does not keep a callback for ever. */
static void test_reply_false_retry_for_ever_gives_callback_up(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 4, &conn);
	call = fake_submit(ALICE);
	for (int i = 0; (req = fake_next_unless(call)) != NULL; i++) {
		assert_true(i < 100);
		fake_answer_error(req, i % 2 ? NFS4ERR_SEQ_MISORDERED :
					       NFS4ERR_SEQ_FALSE_RETRY);
	}
	assert_int_equal(call->outcome, BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(session), NO_PATH);
}

static void test_reply_misordered_restarts_slot_at_one(void **state)
{
	struct fake_out out = fake_out(16);
	struct fake_call *call;

	(void)state;
	fake_answer_ok(out.req);
	call = fake_submit(ALICE);
	fake_answer_error(fake_next(), NFS4ERR_SEQ_MISORDERED);
	assert_answer_completes(assert_next(0, 1), call);
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
	assert_int_equal(fake_flags(out.session), 0);
}

static void test_reply_misordered_twice_loses_slot(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer_ok(out.req);
	fake_submit(ALICE);
	fake_answer_error(fake_next(), NFS4ERR_SEQ_MISORDERED);
	fake_answer_error(fake_next(), NFS4ERR_SEQ_MISORDERED);
	assert_next(1, 1);
	assert_int_equal(out.session->slots.lost, 1);
	assert_int_equal(fake_flags(out.session), 0);
}

static void test_reply_misordered_everywhere_is_fault(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 3, &conn);
	call = fake_submit(ALICE);
	for (uint32_t i = 0; i < 3; i++)
		fake_answer_error(assert_next(i, 1), NFS4ERR_SEQ_MISORDERED);
	assert_int_equal(fake_flags(session),
			 NO_PATH | BC_SEQ4_BACKCHANNEL_FAULT);
	assert_false(fake_done(call));
	/* Binding does not mend it; a new session does. */
	fake_conn_to(session);
	assert_int_equal(fake_flags(session),
			 NO_PATH | BC_SEQ4_BACKCHANNEL_FAULT);
	assert_int_equal(fake_pending(), 0);
	session = fake_path(ALICE, 2, 3, &conn);
	assert_int_equal(fake_flags(session), 0);
	assert_completes(call);
}

/* A session of three slots with a callback out in each. */
static struct bc_session *all_out(struct bc_request *reqs[3])
{
	struct bc_session *session;
	struct bc_conn *conn;

	session = fake_path(ALICE, 1, 3, &conn);
	for (int i = 0; i < 3; i++) {
		fake_submit(ALICE);
		reqs[i] = fake_next();
	}
	return session;
}

static void test_reply_badslot_uses_only_those_below(void **state)
{
	struct bc_session *session;
	struct bc_request *reqs[3];
	struct bc_reply reply;

	(void)state;
	session = all_out(reqs);
	fake_answer_error(reqs[1], NFS4ERR_BADSLOT);
	assert_int_equal(fake_pending(), 0);
	assert_slot(session, 1, BC_SLOT_FREE, 1);
	reply = fake_reply_ok(reqs[0]);
	reply.target_highest_slot = 0;
	fake_answer(reqs[0], reply);
	assert_int_equal(fake_number(assert_next(0, 2)), 2);
	/* The target of a later reply allows it again. */
	fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_answer_ok(reqs[2]);
	assert_next(1, 1);
	assert_int_equal(fake_flags(session), 0);
}

static void test_reply_badslot_zero_is_fault(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer_error(out.req, NFS4ERR_BADSLOT);
	assert_int_equal(fake_flags(out.session),
			 NO_PATH | BC_SEQ4_BACKCHANNEL_FAULT);
	assert_int_equal(fake_pending(), 0);
}

static void test_reply_mismatch_loses_slot(void **state)
{
	struct fake_out out = fake_out(2);
	struct bc_request *req;
	struct bc_reply reply;

	(void)state;
	reply = fake_reply_ok(out.req);
	reply.sequence.sequence++;
	fake_answer(out.req, reply);
	assert_int_equal(out.session->slots.lost, 1);
	assert_int_equal(fake_flags(out.session), 0);
	req = assert_next(1, 1);
	reply = fake_reply_ok(req);
	reply.sequence.slot = 0;
	fake_answer(req, reply);
	assert_int_equal(fake_flags(out.session),
			 NO_PATH | BC_SEQ4_BACKCHANNEL_FAULT);
	assert_false(fake_done(out.call));
}

static void assert_badsession(uint32_t status)
{
	struct bc_session *one, *two;
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	one = fake_path(ALICE, 1, 16, &conn);
	two = fake_path(ALICE, 2, 16, &conn);
	call = fake_submit_to(ALICE, one->id);
	fake_answer_error(fake_next(), status);
	assert_int_equal(fake_flags(one), BC_SEQ4_CB_PATH_DOWN_SESSION |
						  BC_SEQ4_BACKCHANNEL_FAULT);
	assert_int_equal(fake_flags(two), 0);
	req = fake_next();
	assert_ptr_equal(req->session, two);
	assert_answer_completes(req, call);
	fake_submit_to(ALICE, one->id);
	assert_ptr_equal(fake_next()->session, two);
	fake_close(one);
	assert_int_equal(fake_flags(two), 0);
}

static void test_reply_badsession_is_fault_and_uses_other(void **state)
{
	(void)state;
	assert_badsession(NFS4ERR_BADSESSION);
}

static void test_reply_deadsession_is_fault_and_uses_other(void **state)
{
	(void)state;
	assert_badsession(NFS4ERR_DEADSESSION);
}

static void test_reply_badsession_with_others_out_settles_all(void **state)
{
	struct bc_session *session;
	struct bc_request *reqs[3];
	struct bc_conn *conn;

	(void)state;
	session = all_out(reqs);
	fake_answer_error(reqs[0], NFS4ERR_BADSESSION);
	fake_answer_ok(reqs[1]);
	fake_answer_error(reqs[2], NFS4ERR_BADSESSION);
	assert_int_equal(fake_flags(session),
			 NO_PATH | BC_SEQ4_BACKCHANNEL_FAULT);
	assert_int_equal(session->client->calls, 2);
	fake_path(ALICE, 2, 3, &conn);
	assert_int_equal(fake_pending(), 2);
}

/* The same request again ----------------------------------------------------- */

static void test_reply_delay_sends_same_request_later(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_request *again;

	(void)state;
	fake_answer_error(out.req, NFS4ERR_DELAY);
	assert_slot(out.session, 0, BC_SLOT_DELAYED, 1);
	again = fake_next();
	assert_ptr_not_equal(again, out.req);
	assert_request(again, 0, 1);
	assert_false(again->retry);
	assert_memory_equal(again->body, out.req->body, out.req->body_len);
	fake_answer_error(again, NFS4ERR_DELAY);
	assert_answer_completes(assert_next(0, 1), out.call);
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
}

static void test_reply_delay_leaves_other_slots_alone(void **state)
{
	struct fake_out out = fake_out(2);

	(void)state;
	fake_answer_error(out.req, NFS4ERR_DELAY);
	fake_submit(ALICE);
	assert_next(1, 1);
}

static void test_reply_delay_then_lost_conn_uses_other(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_conn *second;
	struct bc_request *req;

	(void)state;
	fake_answer_error(out.req, NFS4ERR_DELAY);
	second = fake_conn_to(out.session);
	fake_down(out.conn);
	req = assert_next(0, 1);
	assert_ptr_equal(req->conn, second);
}

/* A callback is given up soon. */
static const struct bc_config brief = {
	.callback_timeout = 100,
	.lease_time = 150,
	.retry_attempts = 20,
	.retry_first_delay = 10,
};

static void test_reply_delay_for_ever_is_deferred(void **state)
{
	struct bc_session *session;
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	call = fake_submit(ALICE);
	while ((req = fake_next_unless(call)) != NULL) {
		assert_request(req, 0, 1);
		fake_answer_error(req, NFS4ERR_DELAY);
		if (fake_slot(session, 0).state == BC_SLOT_FREE)
			break; /* the callback had ended before */
	}
	assert_int_equal(fake_wait(call), BC_OUTCOME_DEFER);
}

static void test_reply_unbound_uses_other_connection(void **state)
{
	struct bc_session *session;
	struct bc_conn *first, *second;
	struct bc_request *req;

	(void)state;
	session = fake_two_paths(&first, &second);
	fake_submit(ALICE);
	req = fake_next();
	assert_ptr_equal(req->conn, first);
	fake_answer_error(req, NFS4ERR_CONN_NOT_BOUND_TO_SESSION);
	req = assert_next(0, 1);
	assert_ptr_equal(req->conn, second);
	assert_int_equal(session->paths, 1);
	assert_int_equal(fake_flags(session), 0);
}

static void test_reply_unbound_on_only_connection_waits_for_bind(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer_error(out.req, NFS4ERR_CONN_NOT_BOUND_TO_SESSION);
	assert_int_equal(fake_pending(), 0);
	assert_int_equal(fake_flags(out.session), NO_PATH);
	fake_bind(out.session, out.conn);
	assert_int_equal(fake_flags(out.session), 0);
	assert_answer_completes(assert_next(0, 1), out.call);
}

/* The attempt failed --------------------------------------------------------- */

static void assert_backoff(struct bc_reply reply, uint32_t sequence_after)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;
	uint64_t failed = 0;

	session = fake_path(ALICE, 1, 16, &conn);
	call = fake_submit(ALICE);
	for (uint32_t i = 0; i < 3; i++) {
		struct bc_request *req = fake_next();

		assert_true(!i || bc_now() - failed >= DELAY << (i - 1));
		assert_request(req, 0, 1 + i * (sequence_after - 1));
		assert_int_equal(fake_flags(session), 0);
		failed = bc_now();
		fake_answer(req, reply);
	}
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_flags(session), NO_PATH);
	/* Nothing more goes out that way until it is bound again. */
	call = fake_submit(ALICE);
	assert_int_equal(fake_pending(), 0);
	fake_bind(session, conn);
	assert_int_equal(fake_flags(session), 0);
	assert_completes(call);
}

static void test_reply_refused_backs_off_then_fails(void **state)
{
	(void)state;
	assert_backoff((struct bc_reply){ .kind = BC_REPLY_RPC_ERROR }, 1);
}

static void test_reply_other_sequence_error_backs_off_then_fails(void **state)
{
	(void)state;
	assert_backoff(fake_reply_error(NFS4ERR_RESOURCE), 1);
}

static void test_reply_garbled_backs_off_then_fails(void **state)
{
	(void)state;
	assert_backoff((struct bc_reply){ .kind = BC_REPLY_GARBLED }, 2);
}

/* The first sending may have counted: only the same request again can tell. */
static void test_reply_refused_to_retry_is_sent_again_as_the_same(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_request *req;

	(void)state;
	fake_reconnect(out.session, out.conn);
	req = fake_next();
	assert_true(req->retry);
	fake_answer(req, (struct bc_reply){ .kind = BC_REPLY_RPC_ERROR });
	req = assert_next(0, 1);
	assert_true(req->retry);
	assert_answer_completes(req, out.call);
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
}

static void
test_reply_refused_to_retry_after_callback_ended_frees_slot(void **state)
{
	struct fake_out out = fake_out(1);
	struct bc_request *req;

	(void)state;
	fake_reconnect(out.session, out.conn);
	req = fake_next();
	assert_true(req->retry);
	bc_client_destroy(ALICE);
	fake_flush();
	fake_answer(req, (struct bc_reply){ .kind = BC_REPLY_RPC_ERROR });
	assert_slot(out.session, 0, BC_SLOT_FREE, 2);
	assert_int_equal(fake_pending(), 0);
}

static void test_reply_refused_then_answered_completes(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	fake_answer(out.req, (struct bc_reply){ .kind = BC_REPLY_RPC_ERROR });
	assert_completes(out.call);
}

/* For a callback that has ended otherwise, a verdict still settles its slot. */
static void test_reply_any_after_callback_ended_settles_slot(void **state)
{
	static const struct {
		uint32_t status;
		enum bc_slot_state state;
		uint32_t sequence;
	} cases[] = {
		{ NFS4_OK, BC_SLOT_FREE, 2 },
		{ NFS4ERR_DELAY, BC_SLOT_FREE, 1 },
		{ NFS4ERR_SEQ_MISORDERED, BC_SLOT_LOST, 1 },
		{ NFS4ERR_SEQ_FALSE_RETRY, BC_SLOT_FREE, 2 },
		{ NFS4ERR_RESOURCE, BC_SLOT_FREE, 1 },
		{ NFS4ERR_REQ_TOO_BIG, BC_SLOT_FREE, 1 },
		{ NFS4ERR_BADSLOT, BC_SLOT_FREE, 1 },
		{ NFS4ERR_BADSESSION, BC_SLOT_LOST, 1 },
	};
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	for (uint8_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bc_request *req;

		session = fake_path(ALICE, (uint8_t)(i + 1), 4, &conn);
		fake_submit(ALICE);
		req = fake_next();
		bc_client_destroy(ALICE);
		fake_flush();
		if (cases[i].status == NFS4_OK)
			fake_answer_ok(req);
		else
			fake_answer_error(req, cases[i].status);
		assert_slot(session, 0, cases[i].state, cases[i].sequence);
		assert_int_equal(fake_pending(), 0);
		fake_close(session);
	}
}

#define REPLY_TEST(test) FAKE_TEST(test, &soon)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLY_TEST(test_reply_operation_failed_completes_and_advances),
		REPLY_TEST(test_reply_uncached_to_retry_completes_as_ran),
		REPLY_TEST(test_reply_operation_uncached_to_retry_is_ran),
		REPLY_TEST(test_reply_operation_uncached_to_first_is_redone),
		REPLY_TEST(test_reply_too_big_completes_and_stays),
		REPLY_TEST(test_reply_false_retry_is_redone_with_next_sequence),
		REPLY_TEST(test_reply_uncached_to_first_is_redone),
		REPLY_TEST(test_reply_false_retry_for_ever_gives_callback_up),
		REPLY_TEST(test_reply_misordered_restarts_slot_at_one),
		REPLY_TEST(test_reply_misordered_twice_loses_slot),
		REPLY_TEST(test_reply_misordered_everywhere_is_fault),
		REPLY_TEST(test_reply_badslot_uses_only_those_below),
		REPLY_TEST(test_reply_badslot_zero_is_fault),
		REPLY_TEST(test_reply_mismatch_loses_slot),
		REPLY_TEST(test_reply_badsession_is_fault_and_uses_other),
		REPLY_TEST(test_reply_deadsession_is_fault_and_uses_other),
		REPLY_TEST(test_reply_badsession_with_others_out_settles_all),
		REPLY_TEST(test_reply_delay_sends_same_request_later),
		REPLY_TEST(test_reply_delay_leaves_other_slots_alone),
		REPLY_TEST(test_reply_delay_then_lost_conn_uses_other),
		FAKE_TEST(test_reply_delay_for_ever_is_deferred, &brief),
		REPLY_TEST(test_reply_unbound_uses_other_connection),
		REPLY_TEST(
			test_reply_unbound_on_only_connection_waits_for_bind),
		REPLY_TEST(test_reply_refused_backs_off_then_fails),
		REPLY_TEST(
			test_reply_other_sequence_error_backs_off_then_fails),
		REPLY_TEST(test_reply_garbled_backs_off_then_fails),
		REPLY_TEST(
			test_reply_refused_to_retry_is_sent_again_as_the_same),
		REPLY_TEST(
			test_reply_refused_to_retry_after_callback_ended_frees_slot),
		REPLY_TEST(test_reply_refused_then_answered_completes),
		REPLY_TEST(test_reply_any_after_callback_ended_settles_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
