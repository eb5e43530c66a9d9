/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a request carries: the same when it is sent again, its referring calls if
 * they fit; and callbacks that have one attempt.
 */
#include "fake_test.h"

#include <arpa/inet.h>
#include <string.h>

#include "check.h"

#define PROGRAM 0x40000001 /* another one than fake_security()'s */
#define OTHER_CRED 24 /* bytes: larger than fake_security()'s */
#define PATIENCE 50 /* ms */
#define FRAME 24 /* bytes of a call's header before its credential */

static struct bc_security *other_security(void)
{
	static const uint8_t cred[OTHER_CRED] = { 1 };
	struct bc_security *security =
		bc_security_new(PROGRAM, cred, sizeof(cred));

	CHECK(security);
	return security;
}

static int change_security(struct bc_session *session)
{
	return bc_session_set_security(session, other_security());
}

/* Sent again ---------------------------------------------------------------- */

static void test_retry_after_ctl_is_the_same_request(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_security *first = out.req->security;
	struct bc_request *again;

	(void)state;
	assert_int_equal(change_security(out.session), 0);
	fake_reconnect(out.session, out.conn);
	again = assert_next(0, 1);
	assert_true(again->retry);
	assert_ptr_equal(again->security, first);
	assert_int_equal(again->body_len, out.req->body_len);
	assert_memory_equal(again->body, out.req->body, again->body_len);
	assert_answer_completes(again, out.call);
	fake_submit(ALICE);
	assert_int_equal(assert_next(0, 2)->security->program, PROGRAM);
}

/* csa_highest_slotid is one of its arguments. */
static void test_retry_beside_others_is_the_same_request(void **state)
{
	struct bc_request *reqs[3];
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	for (uint32_t i = 0; i < 3; i++) {
		fake_submit(ALICE);
		reqs[i] = assert_next(i, 1);
	}
	fake_reconnect(session, conn);
	for (uint32_t i = 0; i < 3; i++) {
		struct bc_request *again = assert_next(i, 1);

		assert_int_equal(again->sequence.highest_slot, i);
		assert_memory_equal(again->body, reqs[i]->body,
				    reqs[i]->body_len);
	}
	/* A new one says what is in use now. */
	fake_submit(ALICE);
	assert_int_equal(assert_next(3, 1)->sequence.highest_slot, 3);
}

static void test_retry_that_waited_for_a_path_is_the_same(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_security *first = out.req->security;

	(void)state;
	fake_down(out.conn);
	assert_int_equal(change_security(out.session), 0);
	fake_conn_to(out.session);
	assert_ptr_equal(assert_next(0, 1)->security, first);
}

static void test_delayed_after_ctl_is_the_same_request(void **state)
{
	struct fake_out out = fake_out(16);
	struct bc_security *first = out.req->security;
	struct bc_request *again;

	(void)state;
	assert_int_equal(change_security(out.session), 0);
	fake_answer_error(out.req, NFS4ERR_DELAY);
	again = assert_next(0, 1);
	assert_ptr_equal(again->security, first);
	assert_answer_completes(again, out.call);
}

/* A new request, though the same callback. */
static void test_redone_after_ctl_carries_the_new_pair(void **state)
{
	struct fake_out out = fake_out(16);

	(void)state;
	assert_int_equal(change_security(out.session), 0);
	fake_answer_error(out.req, NFS4ERR_SEQ_FALSE_RETRY);
	assert_int_equal(assert_next(0, 2)->security->program, PROGRAM);
}

static void test_queued_before_ctl_carries_the_new_pair(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	fake_submit(ALICE);
	assert_int_equal(change_security(out.session), 0);
	fake_answer_ok(out.req);
	assert_int_equal(assert_next(0, 2)->security->program, PROGRAM);
}

/* Referring calls ----------------------------------------------------------- */

#define LISTS (4 + 28) /* one list of one call */
#define OPERATION 160

/* A session into which @a args_len bytes of arguments fit, and no more. */
static struct bc_session *session_of(uint32_t args_len, struct bc_conn **conn)
{
	struct bc_session_attrs attrs = fake_attrs(ALICE, 1, 16);
	struct bc_session *session;

	attrs.max_request_size = FRAME + attrs.security->cred_size +
				 (uint32_t)bc_cb_compound_size(args_len);
	session = fake_session_add(&attrs);
	*conn = fake_conn_to(session);
	return session;
}

static uint32_t number_of_lists(const struct bc_request *req)
{
	uint32_t word;

	memcpy(&word, req->body + bc_cb_compound_size(0), sizeof(word));
	return ntohl(word);
}

static void test_referring_calls_that_fit_are_sent(void **state)
{
	struct bc_request *req;
	struct bc_conn *conn;

	(void)state;
	session_of(LISTS + OPERATION, &conn);
	fake_submit_referring(ALICE, LISTS + OPERATION, LISTS);
	req = fake_next();
	assert_int_equal(req->body_len, bc_cb_compound_size(LISTS + OPERATION));
	assert_int_not_equal(number_of_lists(req), 0);
}

static void test_referring_calls_that_do_not_fit_are_left_out(void **state)
{
	struct bc_session *session;
	struct bc_request *req, *again;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session = session_of(4 + OPERATION, &conn);
	call = fake_submit_referring(ALICE, LISTS + OPERATION, LISTS);
	req = assert_next(0, 1);
	assert_int_equal(req->body_len, bc_cb_compound_size(4 + OPERATION));
	assert_int_equal(number_of_lists(req), 0);
	assert_int_equal(fake_number(req), call->number);
	fake_reconnect(session, conn);
	again = assert_next(0, 1);
	assert_int_equal(again->body_len, req->body_len);
	assert_memory_equal(again->body, req->body, req->body_len);
	assert_answer_completes(again, call);
}

static const struct bc_config short_lease = { .lease_time = 60 };

static void test_operation_that_does_not_fit_is_not_sent(void **state)
{
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	session_of(OPERATION, &conn);
	call = fake_submit_referring(ALICE, LISTS + OPERATION, LISTS);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_pending(), 0);
}

/* A plain recall fits with the larger credential, or it is refused. */
static void test_ctl_of_a_small_session_needs_a_plain_recall_only(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;
	const uint32_t more = OTHER_CRED - 16;

	(void)state;
	session = session_of(BC_RECALL_PLAIN + more, &conn);
	assert_int_equal(change_security(session), 0);
	fake_close(session);
	session = session_of(BC_RECALL_PLAIN + more - 4, &conn);
	assert_int_equal(change_security(session), -EMSGSIZE);
}

/* One attempt --------------------------------------------------------------- */

/* Otherwise a retry would come at once. */
static const struct bc_config eager = {
	.callback_timeout = 4 * PATIENCE,
	.retry_first_delay = 1,
	.retry_attempts = 20,
};

static void test_brief_unanswered_fails_after_one_attempt(void **state)
{
	struct bc_session *session;
	struct fake_call *call;
	struct bc_conn *conn;
	struct bc_request *req;
	uint64_t start = bc_now();

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	call = fake_submit_brief(ALICE, PATIENCE);
	req = assert_next(0, 1);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_true(bc_now() - start >= PATIENCE);
	assert_int_equal(fake_pending(), 0);
	/* A few seconds do not tell that nobody is there. */
	assert_int_equal(fake_flags(session), 0);
	assert_int_equal(fake_slot(session, 0).state, BC_SLOT_BUSY);
	fake_answer_ok(req);
	assert_slot(session, 0, BC_SLOT_FREE, 2);
}

static void test_brief_refused_fails_at_once(void **state)
{
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	call = fake_submit_brief(ALICE, fake_config.lease_time);
	fake_answer(fake_next(),
		    (struct bc_reply){ .kind = BC_REPLY_RPC_ERROR });
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_int_equal(fake_pending(), 0);
}

static void test_brief_without_path_fails_soon(void **state)
{
	uint64_t start = bc_now();
	struct fake_call *call;

	(void)state;
	fake_session(ALICE, 1, 16);
	call = fake_submit_brief(ALICE, PATIENCE);
	assert_int_equal(fake_wait(call), BC_OUTCOME_FAILED);
	assert_true(bc_now() - start >= PATIENCE);
	assert_true(bc_now() - start < fake_config.lease_time);
}

static void test_brief_delayed_for_ever_ends_soon(void **state)
{
	struct bc_request *req;
	struct fake_call *call;
	struct bc_conn *conn;

	(void)state;
	fake_path(ALICE, 1, 16, &conn);
	call = fake_submit_brief(ALICE, PATIENCE);
	while ((req = fake_next_unless(call)) != NULL)
		fake_answer_error(req, NFS4ERR_DELAY);
	assert_int_equal(fake_wait(call), BC_OUTCOME_DEFER);
}

/* Beside one that is retried as ever. */
static void test_brief_parked_moves_on_then_ends(void **state)
{
	struct fake_call *brief, *usual;
	struct bc_session *session;
	struct bc_conn *conn;

	(void)state;
	session = fake_path(ALICE, 1, 16, &conn);
	brief = fake_submit_brief(ALICE, PATIENCE);
	usual = fake_submit(ALICE);
	assert_next(0, 1);
	assert_next(1, 1);
	fake_down(conn);
	assert_int_equal(fake_wait(brief), BC_OUTCOME_FAILED);
	assert_false(fake_done(usual));
	fake_conn_to(session);
	fake_answer_ok(assert_next(0, 1)); /* its slot is settled */
	assert_answer_completes(assert_next(1, 1), usual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_retry_after_ctl_is_the_same_request, NULL),
		FAKE_TEST(test_retry_beside_others_is_the_same_request, NULL),
		FAKE_TEST(test_retry_that_waited_for_a_path_is_the_same, NULL),
		FAKE_TEST(test_delayed_after_ctl_is_the_same_request, NULL),
		FAKE_TEST(test_redone_after_ctl_carries_the_new_pair, NULL),
		FAKE_TEST(test_queued_before_ctl_carries_the_new_pair, NULL),
		FAKE_TEST(test_referring_calls_that_fit_are_sent, NULL),
		FAKE_TEST(test_referring_calls_that_do_not_fit_are_left_out,
			  NULL),
		FAKE_TEST(test_operation_that_does_not_fit_is_not_sent,
			  &short_lease),
		FAKE_TEST(test_ctl_of_a_small_session_needs_a_plain_recall_only,
			  NULL),
		FAKE_TEST(test_brief_unanswered_fails_after_one_attempt,
			  &eager),
		FAKE_TEST(test_brief_refused_fails_at_once, &eager),
		FAKE_TEST(test_brief_without_path_fails_soon, NULL),
		FAKE_TEST(test_brief_delayed_for_ever_ends_soon, NULL),
		FAKE_TEST(test_brief_parked_moves_on_then_ends, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
