/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_SEQUENCE: the encoding, byte by byte, and the verdict on each reply.
 */
#include "unit.h"

#include <string.h>

#include "fake_transport.h"

static const struct bc_cb_sequence sent = {
	.session = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9,
		     0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf },
	.sequence = 0x01020304,
	.slot = 5,
	.highest_slot = 7,
};

/* Encoding ----------------------------------------------------------------- */

static void test_compound_encoded_is_rfc_layout(void **state)
{
	/* clang-format off */
	static const uint8_t args[] = {
		0, 0, 0, 0, 0, 0, 0, 4, 0xde, 0xad, 0xbe, 0xef,
	};
	static const uint8_t expected[] = {
		0, 0, 0, 0, /* CB_COMPOUND4args.tag<>, 20.2.1 */
		0, 0, 0, 2, /* .minorversion */
		0, 0, 0, 0, /* .callback_ident */
		0, 0, 0, 2, /* .argarray<> */
		0, 0, 0, 11, /* OP_CB_SEQUENCE */
		0xa0, 0xa1, 0xa2, 0xa3, /* .csa_sessionid, 20.9.1 */
		0xa4, 0xa5, 0xa6, 0xa7, /* */
		0xa8, 0xa9, 0xaa, 0xab, /* */
		0xac, 0xad, 0xae, 0xaf, /* */
		1, 2, 3, 4, /* .csa_sequenceid */
		0, 0, 0, 5, /* .csa_slotid */
		0, 0, 0, 7, /* .csa_highest_slotid */
		0, 0, 0, 0, /* .csa_cachethis */
		0, 0, 0, 0, /* .csa_referring_call_lists<> */
		0, 0, 0, 4, /* OP_CB_RECALL */
		0xde, 0xad, 0xbe, 0xef, /* its arguments */
	};
	/* clang-format on */
	uint8_t body[sizeof(expected) + 4];

	(void)state;
	assert_int_equal(bc_cb_compound_size(sizeof(args)), sizeof(expected));
	memset(body, 0x55, sizeof(body));
	bc_cb_compound_encode(body, 2, &sent, args, sizeof(args));
	assert_memory_equal(body, expected, sizeof(expected));
	assert_int_equal(body[sizeof(expected)], 0x55);
}

static void test_compound_without_args_is_sequence_only(void **state)
{
	uint8_t body[64];

	(void)state;
	assert_int_equal(bc_cb_compound_size(0), 52);
	memset(body, 0x55, sizeof(body));
	bc_cb_compound_encode(body, 1, &sent, body, 0);
	assert_int_equal(body[7], 1);
	assert_int_equal(body[51], 0);
	assert_int_equal(body[52], 0x55);
}

static void test_compound_alone_says_one_operation(void **state)
{
	static const uint8_t none[BC_CB_ALONE_SIZE];
	struct bc_cb_sequence alone = sent;
	uint8_t body[64];

	(void)state;
	memset(body, 0x55, sizeof(body));
	alone.alone = true;
	bc_cb_compound_encode(body, 1, &alone, none, sizeof(none));
	assert_int_equal(body[15], 1); /* argarray<>: one */
	assert_int_equal(body[19], 11); /* OP_CB_SEQUENCE */
	assert_memory_equal(body + 52, none, sizeof(none));
	assert_int_equal(bc_cb_compound_size(sizeof(none)), 56);
	assert_int_equal(body[56], 0x55);
}

/* Verdicts ----------------------------------------------------------------- */

static struct bc_reply reply_ok(void)
{
	return (struct bc_reply){
		.kind = BC_REPLY_DECODED,
		.num_results = 2,
		.sequence = sent,
		.target_highest_slot = 7,
	};
}

static enum bc_verdict judge(struct bc_reply reply, bool retry)
{
	return bc_cb_sequence_verdict(&reply, &sent, retry);
}

static void assert_both(struct bc_reply reply, enum bc_verdict verdict)
{
	assert_string_equal(bc_verdict_name(judge(reply, false)),
			    bc_verdict_name(verdict));
	assert_string_equal(bc_verdict_name(judge(reply, true)),
			    bc_verdict_name(verdict));
}

static void test_verdict_accepted_is_done(void **state)
{
	(void)state;
	assert_both(reply_ok(), BC_VERDICT_DONE);
}

static void test_verdict_operation_failed_is_done(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.status = reply.op_status = NFS4ERR_DELAY;
	assert_both(reply, BC_VERDICT_DONE);
}

/* The status tells that the second operation failed, without its result. */
static void test_verdict_operation_failed_without_result_is_done(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.num_results = 1;
	reply.status = NFS4ERR_RESOURCE;
	assert_both(reply, BC_VERDICT_DONE);
}

/* The only form that 2.10.6.1.3 allows; its result may be missing. */
static void test_verdict_operation_uncached_is_as_of_sequence(void **state)
{
	(void)state;
	for (uint32_t results = 1; results <= 2; results++) {
		struct bc_reply reply = reply_ok();

		reply.num_results = results;
		reply.status = reply.op_status = NFS4ERR_RETRY_UNCACHED_REP;
		assert_int_equal(judge(reply, true), BC_VERDICT_RAN);
		assert_int_equal(judge(reply, false), BC_VERDICT_REDO);
		reply.sequence.slot++;
		assert_both(reply, BC_VERDICT_MISMATCH);
	}
}

static void test_verdict_ok_without_second_result_is_garbled(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.num_results = 1;
	assert_both(reply, BC_VERDICT_GARBLED);
}

static void test_verdict_alone_has_one_result(void **state)
{
	struct bc_reply reply = reply_ok();
	struct bc_cb_sequence alone = sent;

	(void)state;
	alone.alone = true;
	assert_int_equal(bc_cb_sequence_verdict(&reply, &alone, false),
			 BC_VERDICT_GARBLED);
	reply.num_results = 1;
	assert_int_equal(bc_cb_sequence_verdict(&reply, &alone, false),
			 BC_VERDICT_DONE);
}

static void test_verdict_ok_without_results_is_garbled(void **state)
{
	struct bc_reply reply = { .kind = BC_REPLY_DECODED };

	(void)state;
	assert_both(reply, BC_VERDICT_GARBLED);
}

static void test_verdict_undecodable_is_garbled(void **state)
{
	struct bc_reply reply = { .kind = BC_REPLY_GARBLED };

	(void)state;
	assert_both(reply, BC_VERDICT_GARBLED);
}

static void test_verdict_rpc_error_is_refused(void **state)
{
	struct bc_reply reply = { .kind = BC_REPLY_RPC_ERROR };

	(void)state;
	assert_both(reply, BC_VERDICT_REFUSED);
}

static void test_verdict_other_session_is_mismatch(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.sequence.session[15] ^= 1;
	assert_both(reply, BC_VERDICT_MISMATCH);
}

static void test_verdict_other_slot_is_mismatch(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.sequence.slot++;
	assert_both(reply, BC_VERDICT_MISMATCH);
}

static void test_verdict_other_sequence_is_mismatch(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.sequence.sequence--;
	assert_both(reply, BC_VERDICT_MISMATCH);
}

/* csr_highest_slotid is the replier's to choose. */
static void test_verdict_other_highest_slot_is_done(void **state)
{
	struct bc_reply reply = reply_ok();

	(void)state;
	reply.sequence.highest_slot = 0;
	assert_both(reply, BC_VERDICT_DONE);
}

static const struct {
	uint32_t status;
	enum bc_verdict first;
	enum bc_verdict retry;
} errors[] = {
	{ NFS4ERR_DELAY, BC_VERDICT_DELAY, BC_VERDICT_DELAY },
	{ NFS4ERR_BADSLOT, BC_VERDICT_BADSLOT, BC_VERDICT_BADSLOT },
	{ NFS4ERR_SEQ_MISORDERED, BC_VERDICT_MISORDERED,
	  BC_VERDICT_MISORDERED },
	{ NFS4ERR_BADSESSION, BC_VERDICT_BADSESSION, BC_VERDICT_BADSESSION },
	{ NFS4ERR_DEADSESSION, BC_VERDICT_BADSESSION, BC_VERDICT_BADSESSION },
	{ NFS4ERR_CONN_NOT_BOUND_TO_SESSION, BC_VERDICT_UNBOUND,
	  BC_VERDICT_UNBOUND },
	{ NFS4ERR_RETRY_UNCACHED_REP, BC_VERDICT_REDO, BC_VERDICT_RAN },
	{ NFS4ERR_SEQ_FALSE_RETRY, BC_VERDICT_REDO, BC_VERDICT_REDO },
	{ NFS4ERR_REQ_TOO_BIG, BC_VERDICT_TOO_BIG, BC_VERDICT_TOO_BIG },
	{ NFS4ERR_REP_TOO_BIG, BC_VERDICT_TOO_BIG, BC_VERDICT_TOO_BIG },
	{ NFS4ERR_REP_TOO_BIG_TO_CACHE, BC_VERDICT_TOO_BIG,
	  BC_VERDICT_TOO_BIG },
	{ NFS4ERR_TOO_MANY_OPS, BC_VERDICT_TOO_BIG, BC_VERDICT_TOO_BIG },
	{ NFS4ERR_MINOR_VERS_MISMATCH, BC_VERDICT_TOO_BIG, BC_VERDICT_TOO_BIG },
	{ NFS4ERR_RESOURCE, BC_VERDICT_REFUSED, BC_VERDICT_REFUSED },
	{ 4711, BC_VERDICT_REFUSED, BC_VERDICT_REFUSED },
};

static void assert_error(struct bc_reply reply, size_t i)
{
	assert_string_equal(bc_verdict_name(judge(reply, false)),
			    bc_verdict_name(errors[i].first));
	assert_string_equal(bc_verdict_name(judge(reply, true)),
			    bc_verdict_name(errors[i].retry));
}

static void test_verdict_sequence_error_is_as_tabled(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		assert_error(fake_reply_error(errors[i].status), i);
}

/* A COMPOUND that fails as a whole has no result of CB_SEQUENCE at all. */
static void test_verdict_compound_error_is_as_tabled(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct bc_reply reply = { .kind = BC_REPLY_DECODED,
					  .status = errors[i].status };

		assert_error(reply, i);
	}
}

static void test_verdict_name_each_is_its_own(void **state)
{
	(void)state;
	for (int i = 0; i <= BC_VERDICT_BADSESSION; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(
				bc_verdict_name((enum bc_verdict)i),
				bc_verdict_name((enum bc_verdict)j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compound_encoded_is_rfc_layout),
		cmocka_unit_test(test_compound_without_args_is_sequence_only),
		cmocka_unit_test(test_verdict_accepted_is_done),
		cmocka_unit_test(test_verdict_operation_failed_is_done),
		cmocka_unit_test(
			test_verdict_operation_failed_without_result_is_done),
		cmocka_unit_test(
			test_verdict_operation_uncached_is_as_of_sequence),
		cmocka_unit_test(
			test_verdict_ok_without_second_result_is_garbled),
		cmocka_unit_test(test_compound_alone_says_one_operation),
		cmocka_unit_test(test_verdict_alone_has_one_result),
		cmocka_unit_test(test_verdict_ok_without_results_is_garbled),
		cmocka_unit_test(test_verdict_undecodable_is_garbled),
		cmocka_unit_test(test_verdict_rpc_error_is_refused),
		cmocka_unit_test(test_verdict_other_session_is_mismatch),
		cmocka_unit_test(test_verdict_other_slot_is_mismatch),
		cmocka_unit_test(test_verdict_other_sequence_is_mismatch),
		cmocka_unit_test(test_verdict_other_highest_slot_is_done),
		cmocka_unit_test(test_verdict_sequence_error_is_as_tabled),
		cmocka_unit_test(test_verdict_compound_error_is_as_tabled),
		cmocka_unit_test(test_verdict_name_each_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
