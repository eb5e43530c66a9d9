/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The reply to a CB_COMPOUND: decoded, judged, and its result encoded anew.
 *
 * Input: a word that chooses the operation that was sent, then the
 * CB_COMPOUND4res.
 */
#include "wire/cb_reply.h"
#include "check.h"
#include "fuzz.h"

static const uint32_t opcodes[] = {
	NFS4_OP_CB_RECALL,
	NFS4_OP_CB_GETATTR,
	NFS4_OP_CB_LAYOUTRECALL,
	NFS4_OP_CB_NOTIFY_LOCK,
};

static void check_attrs(const struct bc_cb_reply *result)
{
	const struct fattr4 *attrs = result->reply.op_result;

	CHECK(attrs == &result->attrs);
	CHECK(result->opcode == NFS4_OP_CB_GETATTR);
	CHECK(result->reply.num_results == BC_CB_COMPOUND_OPS);
	CHECK(result->reply.op_status == NFS4_OK);
	CHECK(attrs->attrmask.bitmap4_len <= BITMAP4_MAPLEN);
	CHECK(attrs->attr_vals.attrlist4_len <= BC_CB_ATTRS_MAX);
	CHECK(attrs->attr_vals.attrlist4_val == result->attr_values);
}

/* What the core is told, as src/protocols/transport/transport.c tells it. */
static void check_verdict(struct bc_cb_reply *result, bool decoded)
{
	struct bc_reply *reply = &result->reply;
	struct bc_cb_sequence sent = reply->sequence;

	reply->kind = decoded ? BC_REPLY_DECODED : BC_REPLY_GARBLED;
	for (int retry = 0; retry < 2; retry++) {
		enum bc_verdict verdict =
			bc_cb_sequence_verdict(reply, &sent, retry);

		CHECK(strcmp(bc_verdict_name(verdict), "unknown") != 0);
		CHECK(decoded || verdict == BC_VERDICT_GARBLED);
		CHECK(verdict != BC_VERDICT_MISMATCH);
		CHECK(verdict != BC_VERDICT_DONE ||
		      reply->sequence_status == NFS4_OK);
	}
	sent.sequence++;
	CHECK(bc_cb_sequence_verdict(reply, &sent, false) != BC_VERDICT_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct bc_cb_reply result = {
		.opcode = opcodes[fuzz_word(&input) % 4],
	};
	bool decoded;
	XDR xdrs;

	if (size < sizeof(uint32_t))
		return 0; /* ntirpc wants what it decodes aligned */
	xdrmem_create(&xdrs, (char *)input.data, (u_int)input.left, XDR_DECODE);
	decoded = bc_cb_reply_decode(&xdrs, &result);
	CHECK(XDR_GETPOS(&xdrs) <= input.left);
	if (decoded)
		CHECK(result.reply.num_results <= BC_CB_COMPOUND_OPS);
	if (decoded && result.reply.op_result)
		check_attrs(&result);
	check_verdict(&result, decoded);
	XDR_DESTROY(&xdrs);
	return 0;
}
