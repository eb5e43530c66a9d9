/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Decoding the reply to a CB_COMPOUND.
 */
#include "wire/cb_reply.h"

/* Longest tag of a reply that is skipped rather than refused, bytes. */
#define MAX_TAG 1024

static bool skip_opaque(XDR *xdrs, uint32_t max)
{
	char chunk[64];
	uint32_t len;

	if (!XDR_GETUINT32(xdrs, &len) || len > max)
		return false;
	len = RNDUP(len);
	while (len > 0) {
		uint32_t n = len < sizeof(chunk) ? len : sizeof(chunk);

		if (!XDR_GETBYTES(xdrs, chunk, n))
			return false;
		len -= n;
	}
	return true;
}

/* CB_SEQUENCE4res, RFC 5661 20.9.2 */
static bool decode_sequence(XDR *xdrs, struct bc_reply *reply)
{
	struct bc_cb_sequence *sequence = &reply->sequence;

	if (!XDR_GETUINT32(xdrs, &reply->sequence_status))
		return false;
	if (reply->sequence_status != NFS4_OK)
		return true;
	return XDR_GETBYTES(xdrs, (char *)sequence->session,
			    BC_SESSIONID_SIZE) &&
	       XDR_GETUINT32(xdrs, &sequence->sequence) &&
	       XDR_GETUINT32(xdrs, &sequence->slot) &&
	       XDR_GETUINT32(xdrs, &sequence->highest_slot) &&
	       XDR_GETUINT32(xdrs, &reply->target_highest_slot);
}

/* fattr4 of CB_GETATTR4resok, 20.1.2 */
static bool decode_attrs(XDR *xdrs, struct bc_cb_reply *result)
{
	struct fattr4 *attrs = &result->attrs;
	uint32_t words, len;

	if (!XDR_GETUINT32(xdrs, &words) || words > BITMAP4_MAPLEN)
		return false;
	attrs->attrmask.bitmap4_len = words;
	for (uint32_t i = 0; i < words; i++)
		if (!XDR_GETUINT32(xdrs, &attrs->attrmask.map[i]))
			return false;
	if (!XDR_GETUINT32(xdrs, &len) || len > BC_CB_ATTRS_MAX || len % 4)
		return false;
	attrs->attr_vals.attrlist4_len = len;
	attrs->attr_vals.attrlist4_val = result->attr_values;
	result->reply.op_result = attrs;
	return XDR_GETBYTES(xdrs, result->attr_values, len);
}

static bool decode_operation(XDR *xdrs, struct bc_cb_reply *result)
{
	uint32_t opcode;

	if (!XDR_GETUINT32(xdrs, &opcode) || opcode != result->opcode ||
	    !XDR_GETUINT32(xdrs, &result->reply.op_status))
		return false;
	if (opcode == NFS4_OP_CB_GETATTR && result->reply.op_status == NFS4_OK)
		return decode_attrs(xdrs, result);
	return true;
}

/* CB_COMPOUND4res, 20.2.2: no more results than operations were sent. */
bool bc_cb_reply_decode(XDR *xdrs, void *where)
{
	struct bc_cb_reply *result = where;
	struct bc_reply *reply = &result->reply;
	uint32_t opcode;

	if (!XDR_GETUINT32(xdrs, &reply->status) ||
	    !skip_opaque(xdrs, MAX_TAG) ||
	    !XDR_GETUINT32(xdrs, &reply->num_results) ||
	    reply->num_results > BC_CB_COMPOUND_OPS)
		return false;
	if (reply->num_results == 0)
		return true;
	if (!XDR_GETUINT32(xdrs, &opcode) || opcode != NFS4_OP_CB_SEQUENCE ||
	    !decode_sequence(xdrs, reply))
		return false;
	return reply->num_results < 2 || decode_operation(xdrs, result);
}
