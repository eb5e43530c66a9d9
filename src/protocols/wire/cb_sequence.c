/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_SEQUENCE: encoding a CB_COMPOUND, and the verdict on a reply.
 */
#include "wire/cb_sequence.h"

#include <arpa/inet.h>
#include <string.h>

/* nfs_cb_opnum4 and the nfsstat4 values judged here, RFC 5661 20.9 and 15.1. */
enum {
	OP_CB_SEQUENCE = 11,

	NFS4_OK = 0,
	NFS4ERR_DELAY = 10008,
	NFS4ERR_MINOR_VERS_MISMATCH = 10021,
	NFS4ERR_BADSESSION = 10052,
	NFS4ERR_BADSLOT = 10053,
	NFS4ERR_CONN_NOT_BOUND_TO_SESSION = 10055,
	NFS4ERR_SEQ_MISORDERED = 10063,
	NFS4ERR_REQ_TOO_BIG = 10065,
	NFS4ERR_REP_TOO_BIG = 10066,
	NFS4ERR_REP_TOO_BIG_TO_CACHE = 10067,
	NFS4ERR_RETRY_UNCACHED_REP = 10068,
	NFS4ERR_TOO_MANY_OPS = 10070,
	NFS4ERR_SEQ_FALSE_RETRY = 10076,
	NFS4ERR_DEADSESSION = 10078,
};

/* XDR words around the operation: CB_COMPOUND4args (20.2) and CB_SEQUENCE4args
 * (20.9.1), without the 16 bytes of the session id and without the referring
 * calls.
 */
#define COMPOUND_WORDS 4
#define SEQUENCE_WORDS 5

static uint8_t *put_word(uint8_t *p, uint32_t word)
{
	word = htonl(word);
	memcpy(p, &word, sizeof(word));
	return p + sizeof(word);
}

size_t bc_cb_compound_size(size_t args_len)
{
	return 4 * (COMPOUND_WORDS + SEQUENCE_WORDS) + BC_SESSIONID_SIZE +
	       args_len;
}

static uint32_t operations(const struct bc_cb_sequence *sequence)
{
	return sequence->alone ? 1 : BC_CB_COMPOUND_OPS;
}

void bc_cb_compound_encode(uint8_t *body, uint32_t minorversion,
			   const struct bc_cb_sequence *sequence,
			   const uint8_t *args, size_t args_len)
{
	uint8_t *p = body;

	p = put_word(p, 0); /* tag: empty */
	p = put_word(p, minorversion);
	p = put_word(p, 0); /* callback_ident: not used in v4.1, 20.2.3 */
	p = put_word(p, operations(sequence)); /* argarray<> */

	/* "CB_SEQUENCE MUST appear once and MUST be the first operation" */
	p = put_word(p, OP_CB_SEQUENCE);
	memcpy(p, sequence->session, BC_SESSIONID_SIZE);
	p += BC_SESSIONID_SIZE;
	p = put_word(p, sequence->sequence);
	p = put_word(p, sequence->slot);
	p = put_word(p, sequence->highest_slot);
	p = put_word(p, 0); /* csa_cachethis: a retry may run again */

	memcpy(p, args, args_len);
}

/* The client knows this sequence id and has no reply to it: for a retry that means
 * that the request ran; else that it counts otherwise than we.
 */
static enum bc_verdict judge_uncached(bool retry)
{
	return retry ? BC_VERDICT_RAN : BC_VERDICT_REDO;
}

/* The status of the operation behind CB_SEQUENCE, with its result or without. */
static uint32_t operation_status(const struct bc_reply *reply)
{
	return reply->num_results < BC_CB_COMPOUND_OPS ? reply->status :
							 reply->op_status;
}

/* CB_SEQUENCE was accepted: it must speak of our request. */
static enum bc_verdict judge_accepted(const struct bc_reply *reply,
				      const struct bc_cb_sequence *sent,
				      bool retry)
{
	const struct bc_cb_sequence *got = &reply->sequence;

	if (memcmp(got->session, sent->session, BC_SESSIONID_SIZE) ||
	    got->slot != sent->slot || got->sequence != sent->sequence)
		return BC_VERDICT_MISMATCH;
	/* NFS4_OK claims that every operation ran; an error without a result
	 * of the operation says that it did not, which the status tells.
	 */
	if (reply->status == NFS4_OK && reply->num_results < operations(sent))
		return BC_VERDICT_GARBLED;
	if (reply->num_results > operations(sent))
		return BC_VERDICT_GARBLED;
	/* "... the original results to the SEQUENCE or CB_SEQUENCE operation,
	 * and with the next operation in COMPOUND or CB_COMPOUND having the
	 * error NFS4ERR_RETRY_UNCACHED_REP." 2.10.6.1.3
	 */
	if (operation_status(reply) == NFS4ERR_RETRY_UNCACHED_REP)
		return judge_uncached(retry);
	return BC_VERDICT_DONE;
}

/* "If CB_SEQUENCE returns an error, then the state of the slot (sequence ID,
 * cached reply) MUST NOT change." 20.9.3
 */
static enum bc_verdict judge_error(uint32_t status, bool retry)
{
	switch (status) {
	case NFS4ERR_DELAY:
		return BC_VERDICT_DELAY;
	case NFS4ERR_BADSLOT:
		return BC_VERDICT_BADSLOT;
	case NFS4ERR_SEQ_MISORDERED:
		return BC_VERDICT_MISORDERED;
	case NFS4ERR_BADSESSION:
	case NFS4ERR_DEADSESSION:
		return BC_VERDICT_BADSESSION;
	case NFS4ERR_CONN_NOT_BOUND_TO_SESSION:
		return BC_VERDICT_UNBOUND;
	case NFS4ERR_RETRY_UNCACHED_REP:
		/* No client may say it here (2.10.6.1.3), and some do. */
		return judge_uncached(retry);
	case NFS4ERR_SEQ_FALSE_RETRY:
		return BC_VERDICT_REDO;
	case NFS4ERR_REQ_TOO_BIG:
	case NFS4ERR_REP_TOO_BIG:
	case NFS4ERR_REP_TOO_BIG_TO_CACHE:
	case NFS4ERR_TOO_MANY_OPS:
	case NFS4ERR_MINOR_VERS_MISMATCH:
		return BC_VERDICT_TOO_BIG;
	default:
		return BC_VERDICT_REFUSED;
	}
}

enum bc_verdict bc_cb_sequence_verdict(const struct bc_reply *reply,
				       const struct bc_cb_sequence *sent,
				       bool retry)
{
	switch (reply->kind) {
	case BC_REPLY_RPC_ERROR:
		return BC_VERDICT_REFUSED;
	case BC_REPLY_GARBLED:
		return BC_VERDICT_GARBLED;
	case BC_REPLY_DECODED:
		break;
	}
	if (reply->num_results == 0)
		return reply->status == NFS4_OK ?
			       BC_VERDICT_GARBLED :
			       judge_error(reply->status, retry);
	if (reply->sequence_status != NFS4_OK)
		return judge_error(reply->sequence_status, retry);
	return judge_accepted(reply, sent, retry);
}

const char *bc_verdict_name(enum bc_verdict verdict)
{
	switch (verdict) {
	case BC_VERDICT_DONE:
		return "done";
	case BC_VERDICT_RAN:
		return "ran, result not cached";
	case BC_VERDICT_REDO:
		return "sequence id already used";
	case BC_VERDICT_REFUSED:
		return "refused";
	case BC_VERDICT_GARBLED:
		return "reply cannot be decoded";
	case BC_VERDICT_TOO_BIG:
		return "not acceptable to the client";
	case BC_VERDICT_DELAY:
		return "delayed";
	case BC_VERDICT_MISORDERED:
		return "sequence misordered";
	case BC_VERDICT_BADSLOT:
		return "bad slot";
	case BC_VERDICT_MISMATCH:
		return "reply is for another request";
	case BC_VERDICT_UNBOUND:
		return "connection not bound";
	case BC_VERDICT_BADSESSION:
		return "session unknown to the client";
	}
	return "unknown";
}
