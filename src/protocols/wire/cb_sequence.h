/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CB_SEQUENCE on the wire: encoding a CB_COMPOUND, and the verdict on a reply.
 *
 * Pure functions: no I/O, no state, no lock.  RFC 5661, 20.9.
 */
#ifndef BC_CB_SEQUENCE_H
#define BC_CB_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BC_SESSIONID_SIZE 16 /* NFS4_SESSIONID_SIZE */

/** Operations of a CB_COMPOUND that we send: CB_SEQUENCE and one other, at most. */
#define BC_CB_COMPOUND_OPS 2

/** Bytes of arguments (see bc_cb_compound_encode()) of CB_SEQUENCE alone: an empty
 * list of referring calls, and no operation after it.
 */
#define BC_CB_ALONE_SIZE 4

/** Lists of referring calls in a CB_SEQUENCE, of one call each. */
#define BC_REFERRING_MAX 8
#define BC_REFERRING_SIZE (BC_SESSIONID_SIZE + 4 + 8) /* bytes of one, 20.9.1 */

/** The largest CB_RECALL without referring calls, which are left out where they do
 * not fit: bytes after CB_SEQUENCE's other arguments.  Number of the lists, opcode,
 * stateid4, truncate, nfs_fh4; 20.2.1.
 */
#define BC_RECALL_PLAIN (4 + 4 + 16 + 4 + 4 + 128)

/** The arguments of CB_SEQUENCE that vary. */
struct bc_cb_sequence {
	uint8_t session[BC_SESSIONID_SIZE];
	uint32_t sequence;
	uint32_t slot;
	uint32_t highest_slot; /* highest slot in use, this one included */
	bool alone; /* not an argument: no operation follows */
};

/** How far a reply could be understood. */
enum bc_reply_kind {
	BC_REPLY_DECODED, /* a CB_COMPOUND's result, fields below are set */
	BC_REPLY_GARBLED, /* accepted by RPC, but not a CB_COMPOUND's result */
	BC_REPLY_RPC_ERROR, /* refused by RPC: the procedure did not run */
};

/** A reply to a CB_COMPOUND, decoded within bounds. */
struct bc_reply {
	enum bc_reply_kind kind;
	uint32_t rpc_status; /* enum clnt_stat, for messages */
	uint32_t status; /* the CB_COMPOUND's nfsstat4 */
	uint32_t num_results; /* 0 .. BC_CB_COMPOUND_OPS */
	uint32_t sequence_status; /* csr_status, if num_results >= 1 */
	struct bc_cb_sequence sequence; /* csr_resok4, if that is NFS4_OK */
	uint32_t target_highest_slot; /* as above */
	uint32_t op_status; /* the operation's nfsstat4, if num_results == 2 */
	void *op_result; /* the operation's result beyond its status, or NULL */
};

/**
 * What a reply means for the slot and for the callback.
 *
 *  verdict     slot's sequence   slot           callback
 *  DONE        advances          free           completes with the reply
 *  RAN         advances          free           completes, result unknown
 *  REDO        advances          free           new request
 *  REFUSED     stays             free           attempt failed: backoff
 *  GARBLED     assumed to advance free          attempt failed: backoff
 *  TOO_BIG     stays             free           completes with the reply
 *  DELAY       stays             same request again, later
 *  MISORDERED  one back if the last advance was assumed; else starts again at
 *              1, once; else the slot is lost; new request
 *  BADSLOT     stays             not used again until the client's target
 *                                allows it; new request
 *  MISMATCH    lost for good     not used again new request
 *  UNBOUND     stays             waits for another connection, as when the
 *                                connection is lost; this one is unbound
 *  BADSESSION  lost              the session's backchannel is at fault: new
 *                                request on another session
 *
 * RETRY_UNCACHED_REP is RAN for a retry and REDO else, as the status of the
 * operation behind a good CB_SEQUENCE (2.10.6.1.3) and of CB_SEQUENCE itself.
 *
 * A client that answers a callback with REDO or MISORDERED again and again is
 * asked at once a few times only; then each counts as a failed attempt.
 */
enum bc_verdict {
	BC_VERDICT_DONE,
	BC_VERDICT_RAN,
	BC_VERDICT_REDO,
	BC_VERDICT_REFUSED,
	BC_VERDICT_GARBLED,
	BC_VERDICT_TOO_BIG,
	BC_VERDICT_DELAY,
	BC_VERDICT_MISORDERED,
	BC_VERDICT_BADSLOT,
	BC_VERDICT_MISMATCH,
	BC_VERDICT_UNBOUND,
	BC_VERDICT_BADSESSION,
};
#define BC_VERDICTS (BC_VERDICT_BADSESSION + 1)

/**
 * Judge a reply.
 *
 * @param[in] reply
 * @param[in] sent   what the request carried
 * @param[in] retry  the request had been sent before, on another connection
 */
enum bc_verdict bc_cb_sequence_verdict(const struct bc_reply *reply,
				       const struct bc_cb_sequence *sent,
				       bool retry);

/** A verdict's name, for messages. */
const char *bc_verdict_name(enum bc_verdict verdict);

/**
 * Bytes that bc_cb_compound_encode() writes for @a args_len bytes.
 */
size_t bc_cb_compound_size(size_t args_len);

/**
 * Encode CB_COMPOUND4args: CB_SEQUENCE and one operation, or none.
 *
 * @param[out] body          bc_cb_compound_size(args_len) bytes
 * @param[in]  minorversion
 * @param[in]  sequence
 * @param[in]  args          csa_referring_call_lists and the operation, if there
 *                           is one, as XDR
 * @param[in]  args_len      a multiple of 4
 */
void bc_cb_compound_encode(uint8_t *body, uint32_t minorversion,
			   const struct bc_cb_sequence *sequence,
			   const uint8_t *args, size_t args_len);

#endif /* BC_CB_SEQUENCE_H */
