/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The client's end of the back channel: takes callbacks on any number of
 * connections and sessions, writes each into a log, checks what RFC 5661 2.10.6
 * and 20.9 demand of the server, and answers as the test says.
 *
 * An answer is the correct one changed in the fields that are not zero; so
 * `{ 0 }` is correct, and `{ .seq_status = NFS4ERR_DELAY }` says just that.
 *
 * CB_SEQUENCE alone only asks whether anybody answers.  It is checked like all
 * others, but is in no log and takes none of the answers: at once, with `rpc` and
 * `seq_status` of the default answer, or never if that says so.
 */
#ifndef NFS41_CLIENT_RESPONDER_H
#define NFS41_CLIENT_RESPONDER_H

#include <stdbool.h>
#include <stdint.h>

#include "nfs4.h"
#include "nfs41.h"
#include "rpc.h"

#define CB_MAX_REFERRING 16

struct cb_referring_call {
	uint8_t session[NFS4_SESSIONID_SIZE];
	uint32_t sequence;
	uint32_t slot;
};

/** One received CB_COMPOUND (or other non-NULL call). */
struct cb_call {
	/* Constant once in the log. */
	struct cb_responder *responder;
	unsigned int index; /* in the log, from 0 */
	uint64_t arrival_ns; /* CLOCK_MONOTONIC */
	struct nfs_conn *conn; /* +1 ref until the responder is freed */
	size_t size; /* of the RPC message */
	uint32_t xid;
	uint32_t prog;
	uint32_t vers;
	uint32_t proc;
	struct rpc_cred cred;
	uint32_t minorversion;
	uint32_t ident; /* callback_ident; v4.0's */
	uint32_t nops;
	struct { /* CB_SEQUENCE4args; all zeros in a v4.0 call */
		uint8_t session[NFS4_SESSIONID_SIZE];
		uint32_t sequence;
		uint32_t slot;
		uint32_t highest_slot;
		bool cachethis;
		uint32_t nreferring; /* triples kept below, of all lists */
		struct cb_referring_call referring[CB_MAX_REFERRING];
	} seq;
	uint32_t op; /* the operation after CB_SEQUENCE, 0 if none */
	struct { /* CB_RECALL4args */
		struct nfs_stateid stateid;
		bool truncate;
		struct nfs_fh fh;
	} recall;
	size_t args_len; /* of the operation, any: its arguments as XDR */
	uint8_t args[512];
	bool retry; /* slot and sequence id of an earlier call */
	uint32_t verdict; /* what the slot table says of its CB_SEQUENCE */
	bool held; /* waits for cb_call_answer() */

	/* The responder's lock. */
	bool answered; /* something was sent, or the connection closed */
	uint64_t answered_ns;

	/* Private. */
	struct cb_session *session;
	struct cb_call *older_question;
	uint64_t body_hash; /* of what follows CB_SEQUENCE */
};

enum cb_when {
	CB_NOW = 0,
	CB_HELD, /* until the test calls cb_call_answer() */
	CB_NEVER, /* no answer at all */
};

/** RPC-level answers, accept_stat of RFC 5531. */
enum cb_rpc_error {
	CB_RPC_SUCCESS = 0,
	CB_RPC_PROG_UNAVAIL = 1,
	CB_RPC_PROC_UNAVAIL = 3,
	CB_RPC_GARBAGE_ARGS = 4,
	CB_RPC_SYSTEM_ERR = 5,
	CB_RPC_AUTH_ERROR = 100, /* MSG_DENIED, AUTH_BADCRED */
};

struct cb_answer {
	enum cb_when when;
	enum nfs_close then_close; /* then, or instead if CB_NEVER; 0: stay */

	uint32_t seq_status; /* nfsstat4 of CB_SEQUENCE */
	uint32_t then_expects; /* slot's next sequence id; 0: the right one */
	uint32_t op_status; /* nfsstat4 of the operation after it */
	const void *attrs; /* CB_GETATTR's fattr4, borrowed until sent; */
	size_t attrs_len; /* NULL: an empty one */
	bool limit_slots; /* the two below; else the table's size - 1 */
	uint32_t highest_slot; /* csr_highest_slotid */
	uint32_t target_highest_slot; /* csr_target_highest_slotid */

	bool wrong_session;
	uint32_t slot_delta; /* added to the result's slot */
	uint32_t sequence_delta; /* added to the result's sequence id */
	bool wrong_xid;
	enum cb_rpc_error rpc;
	uint32_t results; /* so many results; 0: as many as there are */
	uint32_t truncate; /* bytes cut off the end of the message */
	unsigned int copies; /* sent so many times; 0: once */
	bool bytewise; /* one byte a segment */
	bool wordwise; /* four bytes a fragment of the record, RFC 5531 11 */
	const void *raw; /* not NULL: these bytes as they are instead; */
	size_t raw_len; /* borrowed until sent, no record mark is added */
};

struct cb_responder;
struct cb_returner;

struct cb_responder *cb_responder_new(void);
/** Every connection that it was attached to must have been closed. */
void cb_responder_free(struct cb_responder *responder);

/** Take the callbacks that come on @a conn. */
void cb_responder_attach(struct cb_responder *responder, struct nfs_conn *conn);
/** A connection that was accepted, answered from its first call on. */
struct nfs_conn *cb_responder_adopt(struct cb_responder *responder,
				    struct nfs_loop *loop, int fd);
/**
 * Make a slot table. nfs_create_session() and nfs_destroy_session() do this
 * for the client's responder.
 * @param session  for the automatic DELEGRETURN; NULL: none
 */
void cb_responder_add_session(struct cb_responder *responder, const uint8_t *id,
			      const struct nfs_channel_attrs *back,
			      struct nfs_session *session);
/** Later callbacks get NFS4ERR_BADSESSION. */
void cb_responder_remove_session(struct cb_responder *responder,
				 const uint8_t *id);

/** How to answer whatever has no answer of its own below. At first { 0 }. */
void cb_responder_set_default(struct cb_responder *responder,
			      const struct cb_answer *answer);
/**
 * Answer the next callback that is not yet spoken for like this, once. A retry
 * of one that was answered gets the same answer again and takes none of these;
 * so do calls that the slot table refuses.
 */
void cb_responder_push(struct cb_responder *responder,
		       const struct cb_answer *answer);
/** How to answer CB_NULL, now or never. At first { 0 }. */
void cb_responder_set_null(struct cb_responder *responder,
			   const struct cb_answer *answer);
/** Answer a held callback, from any thread. -EALREADY if it has been. */
int cb_call_answer(struct cb_call *call, const struct cb_answer *answer);

/**
 * Wait for callback number @a n (from 0) since the responder was made.
 * @return it, borrowed until the responder is freed; NULL when the time is over
 */
struct cb_call *cb_responder_wait(struct cb_responder *responder,
				  unsigned int n, int timeout_ms);
/** Wait until the answer to @a call has been handed to the socket. */
bool cb_call_wait_answered(struct cb_call *call, int timeout_ms);
/** Wait until @a n CB_NULLs have come. */
bool cb_responder_wait_null(struct cb_responder *responder, unsigned int n,
			    int timeout_ms);
/** The program that CB_NULL number @a n (from 0) asked; 0: it has not come. */
uint32_t cb_responder_null_program(struct cb_responder *responder,
				   unsigned int n);
unsigned int cb_responder_count(struct cb_responder *responder);
unsigned int cb_responder_nulls(struct cb_responder *responder);
/** CB_SEQUENCEs alone that have come. */
unsigned int cb_responder_questions(struct cb_responder *responder);
/**
 * The most callbacks that were ever unanswered at one time, of those that were
 * read: what is answered at once counts alone.
 */
unsigned int cb_responder_max_in_flight(struct cb_responder *responder);

/**
 * What the server did against the RFC: two in flight on a slot, a wrong
 * sequence id, a slot beyond the limit, no CB_SEQUENCE first, a request larger
 * than negotiated, a retry on the same connection or with other contents, …
 * @param text  the first of them, borrowed; "" if there is none (may be NULL)
 * @return how many
 */
unsigned int cb_responder_violations(struct cb_responder *responder,
				     const char **text);

/**
 * A thread that returns recalled delegations after correct answers, for all
 * responders that it is set for; requests are pipelined over the session's
 * slots. Wait for it, or free it, before ending a session that it uses.
 */
struct cb_returner *cb_returner_new(void);
/** Ends the thread; waits for what is under way. */
void cb_returner_free(struct cb_returner *returner);
void cb_responder_set_returner(struct cb_responder *responder,
			       struct cb_returner *returner);
/** Wait until @a n delegations have been returned. */
bool cb_returner_wait(struct cb_returner *returner, unsigned int n,
		      int timeout_ms);
/** DELEGRETURNs that failed. */
unsigned int cb_returner_failures(struct cb_returner *returner);

#endif
