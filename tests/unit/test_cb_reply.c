/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Decoding the reply to a CB_COMPOUND: what it says, and where it must end.
 */
#include "unit.h"

#include "wire/cb_reply.h"

static const uint8_t id[BC_SESSIONID_SIZE] = "0123456789abcdef";

static struct {
	XDR xdrs;
	char bytes[4096];
	struct bc_cb_reply result;
} wire;

static int setup(void **state)
{
	(void)state;
	memset(&wire, 0, sizeof(wire));
	xdrmem_create(&wire.xdrs, wire.bytes, sizeof(wire.bytes), XDR_ENCODE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	XDR_DESTROY(&wire.xdrs);
	return 0;
}

static void put_word(uint32_t word)
{
	assert_true(XDR_PUTUINT32(&wire.xdrs, word));
}

/* Bytes of some value, padded. */
static void put_opaque(uint32_t len)
{
	static const char bytes[2048];

	put_word(len);
	assert_true(XDR_PUTBYTES(&wire.xdrs, bytes, RNDUP(len)));
}

static void put_compound(uint32_t tag_len, uint32_t results)
{
	put_word(NFS4_OK);
	put_opaque(tag_len);
	put_word(results);
}

/* CB_SEQUENCE's result, under the name of some operation. */
static void put_sequence_as(uint32_t opcode)
{
	put_word(opcode);
	put_word(NFS4_OK);
	assert_true(XDR_PUTBYTES(&wire.xdrs, (const char *)id, sizeof(id)));
	put_word(7); /* csr_sequenceid */
	put_word(3); /* csr_slotid */
	put_word(5); /* csr_highest_slotid */
	put_word(4); /* csr_target_highest_slotid */
}

static void put_sequence(void)
{
	put_sequence_as(NFS4_OP_CB_SEQUENCE);
}

static void put_operation(uint32_t opcode)
{
	put_word(opcode);
	put_word(NFS4_OK);
}

static void put_attrs(uint32_t words, uint32_t len)
{
	put_word(words);
	for (uint32_t i = 0; i < words; i++)
		put_word(0x10 + i);
	put_opaque(len);
}

/* Decode as the reply to an operation, the last @cut bytes missing. */
static bool decode_cut(uint32_t opcode, uint32_t cut)
{
	u_int len = XDR_GETPOS(&wire.xdrs) - cut;
	bool decoded;
	XDR xdrs;

	memset(&wire.result, 0, sizeof(wire.result));
	wire.result.opcode = opcode;
	xdrmem_create(&xdrs, wire.bytes, len, XDR_DECODE);
	decoded = bc_cb_reply_decode(&xdrs, &wire.result);
	XDR_DESTROY(&xdrs);
	return decoded;
}

static bool decode(uint32_t opcode)
{
	return decode_cut(opcode, 0);
}

static void test_reply_complete_is_decoded(void **state)
{
	const struct bc_reply *reply = &wire.result.reply;

	(void)state;
	put_compound(0, 2);
	put_sequence();
	put_word(NFS4_OP_CB_RECALL);
	put_word(NFS4ERR_DELAY);
	assert_true(decode(NFS4_OP_CB_RECALL));
	assert_int_equal(reply->status, NFS4_OK);
	assert_int_equal(reply->num_results, 2);
	assert_memory_equal(reply->sequence.session, id, sizeof(id));
	assert_int_equal(reply->sequence.sequence, 7);
	assert_int_equal(reply->sequence.slot, 3);
	assert_int_equal(reply->sequence.highest_slot, 5);
	assert_int_equal(reply->target_highest_slot, 4);
	assert_int_equal(reply->op_status, NFS4ERR_DELAY);
	assert_null(reply->op_result);
}

static void test_reply_cut_anywhere_is_refused(void **state)
{
	(void)state;
	put_compound(6, 2);
	put_sequence();
	put_operation(NFS4_OP_CB_GETATTR);
	put_attrs(2, 16);
	assert_true(decode(NFS4_OP_CB_GETATTR));
	for (u_int cut = 1; cut <= XDR_GETPOS(&wire.xdrs); cut++)
		assert_false(decode_cut(NFS4_OP_CB_GETATTR, cut));
}

static void test_reply_sequence_failed_has_no_more(void **state)
{
	(void)state;
	put_compound(0, 1);
	put_word(NFS4_OP_CB_SEQUENCE);
	put_word(NFS4ERR_BADSLOT);
	assert_true(decode(NFS4_OP_CB_RECALL));
	assert_int_equal(wire.result.reply.sequence_status, NFS4ERR_BADSLOT);
}

static void test_reply_other_operation_is_refused(void **state)
{
	(void)state;
	put_compound(0, 2);
	put_sequence();
	put_operation(NFS4_OP_CB_RECALL);
	assert_false(decode(NFS4_OP_CB_LAYOUTRECALL));
}

static void test_reply_without_sequence_is_refused(void **state)
{
	(void)state;
	put_compound(0, 1);
	put_sequence_as(NFS4_OP_CB_RECALL);
	assert_false(decode(NFS4_OP_CB_RECALL));
}

static void test_reply_more_results_than_operations_is_refused(void **state)
{
	(void)state;
	put_compound(0, BC_CB_COMPOUND_OPS + 1);
	put_sequence();
	put_operation(NFS4_OP_CB_RECALL);
	put_operation(NFS4_OP_CB_RECALL);
	assert_false(decode(NFS4_OP_CB_RECALL));
}

static void test_reply_tag_is_bounded(void **state)
{
	(void)state;
	put_compound(1024, 0);
	assert_true(decode(NFS4_OP_CB_RECALL));
	XDR_SETPOS(&wire.xdrs, 0);
	put_compound(1025, 0);
	assert_false(decode(NFS4_OP_CB_RECALL));
}

static bool decode_getattr(uint32_t words, uint32_t len)
{
	XDR_SETPOS(&wire.xdrs, 0);
	put_compound(0, 2);
	put_sequence();
	put_operation(NFS4_OP_CB_GETATTR);
	put_attrs(words, len);
	return decode(NFS4_OP_CB_GETATTR);
}

static void test_reply_attrs_are_bounded(void **state)
{
	const struct fattr4 *attrs = &wire.result.attrs;

	(void)state;
	assert_true(decode_getattr(BITMAP4_MAPLEN, BC_CB_ATTRS_MAX));
	assert_ptr_equal(wire.result.reply.op_result, attrs);
	assert_int_equal(attrs->attrmask.bitmap4_len, BITMAP4_MAPLEN);
	assert_int_equal(attrs->attrmask.map[1], 0x11);
	assert_int_equal(attrs->attr_vals.attrlist4_len, BC_CB_ATTRS_MAX);
	assert_false(decode_getattr(BITMAP4_MAPLEN + 1, 8));
	assert_false(decode_getattr(1, BC_CB_ATTRS_MAX + 4));
	assert_false(decode_getattr(1, 7));
}

#define REPLY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLY_TEST(test_reply_complete_is_decoded),
		REPLY_TEST(test_reply_cut_anywhere_is_refused),
		REPLY_TEST(test_reply_sequence_failed_has_no_more),
		REPLY_TEST(test_reply_other_operation_is_refused),
		REPLY_TEST(test_reply_without_sequence_is_refused),
		REPLY_TEST(test_reply_more_results_than_operations_is_refused),
		REPLY_TEST(test_reply_tag_is_bounded),
		REPLY_TEST(test_reply_attrs_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
