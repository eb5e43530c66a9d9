/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The way of a callback: decoded and judged by the slot table in the loop
 * thread, written into the log, given an answer, and settled: its slot is free
 * before the answer leaves, since the server's next request may be faster than
 * we are.
 *
 * Locking: responder->lock guards everything; nothing is sent or closed under
 * it, because closing waits for the loop thread, which may want the lock.
 */
#include "responder.h"

#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MSG_REPLY 1
#define MSG_ACCEPTED 0
#define MSG_DENIED 1
#define AUTH_ERROR 1
#define AUTH_BADCRED 1
#define NULL_PROGRAMS 64 /* of CB_NULLs, kept */

/** One slot of a session's back channel, RFC 5661 2.10.6.1. */
struct cb_slot {
	uint32_t sequence; /* of the last request that ran */
	struct cb_call *last; /* that request; NULL: none */
	uint32_t last_status; /* of its operation: the reply cache */
	struct cb_call *in_flight; /* not answered yet */
};

struct cb_session {
	uint8_t id[NFS4_SESSIONID_SIZE]; /* first: compared */
	struct nfs_channel_attrs back;
	struct nfs_session *session; /* for the returner */
	bool gone;
	struct cb_slot *slots; /* back.maxrequests of them */
};

/** An answer that waits for its callback. */
struct cb_pushed {
	struct cb_answer answer;
	struct cb_pushed *next;
};

struct cb_responder {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void *sessions; /* tsearch() */
	struct cb_call **log;
	unsigned int count;
	unsigned int log_size;
	unsigned int nulls;
	uint32_t null_programs[NULL_PROGRAMS]; /* of the first ones */
	unsigned int questions;
	struct cb_call *last_question; /* and the older ones behind it */
	unsigned int in_flight;
	unsigned int max_in_flight;
	unsigned int violations;
	char violation[256]; /* the first */
	struct cb_answer default_answer;
	struct cb_answer null_answer;
	struct cb_pushed *pushed;
	struct cb_pushed **pushed_tail;
	struct cb_returner *returner;
};

static void returner_add(struct cb_returner *returner,
			 struct nfs_session *session,
			 const struct cb_call *call);

/* ---- Judging ---- */

__attribute__((format(printf, 3, 4))) static void
violation(struct cb_responder *responder, const struct cb_call *call,
	  const char *format, ...)
{
	char *text = responder->violation;
	size_t size = sizeof(responder->violation);
	va_list args;
	int len;

	if (responder->violations++)
		return;
	len = snprintf(text, size,
		       "callback %u, slot %u, sequence %u: ", call->index,
		       call->seq.slot, call->seq.sequence);
	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

static int compare_sessions(const void *a, const void *b)
{
	return memcmp(a, b, NFS4_SESSIONID_SIZE);
}

static struct cb_session *find_session(struct cb_responder *responder,
				       const uint8_t *id)
{
	struct cb_session **found =
		tfind(id, &responder->sessions, compare_sessions);

	return found ? *found : NULL;
}

static void check_limits(struct cb_responder *responder,
			 const struct cb_call *call)
{
	const struct nfs_channel_attrs *back = &call->session->back;

	if (call->size > back->maxrequestsize)
		violation(responder, call, "%zu bytes, limit %u", call->size,
			  back->maxrequestsize);
	if (call->nops > back->maxoperations)
		violation(responder, call, "%u operations, limit %u",
			  call->nops, back->maxoperations);
	if (call->seq.highest_slot < call->seq.slot ||
	    call->seq.highest_slot >= back->maxrequests)
		violation(responder, call, "highest slot %u of %u",
			  call->seq.highest_slot, back->maxrequests);
}

static void check_retry(struct cb_responder *responder,
			const struct cb_call *call,
			const struct cb_call *original)
{
	if (call->conn == original->conn)
		violation(responder, call,
			  "retried on the connection of the original");
	if (call->body_hash != original->body_hash)
		violation(responder, call, "retried with other contents");
}

static uint32_t judge_slot(struct cb_responder *responder, struct cb_call *call)
{
	struct cb_slot *slot = &call->session->slots[call->seq.slot];

	if (call->seq.sequence == slot->sequence + 1) {
		call->retry = slot->in_flight != NULL;
		if (call->retry)
			check_retry(responder, call, slot->in_flight);
		return NFS4_OK;
	}
	if (slot->last && call->seq.sequence == slot->sequence) {
		call->retry = true;
		check_retry(responder, call, slot->last);
		return NFS4_OK;
	}
	violation(responder, call, "%s, expected sequence %u",
		  slot->in_flight ? "two in flight on a slot" : "misordered",
		  slot->sequence + 1);
	return NFS4ERR_SEQ_MISORDERED;
}

/* What RFC 5661 20.9.3 has a client say of the call's CB_SEQUENCE. */
static uint32_t judge(struct cb_responder *responder, struct cb_call *call,
		      bool decoded, bool has_sequence)
{
	if (!decoded) {
		violation(responder, call, "arguments do not decode");
		return NFS4ERR_BADXDR;
	}
	if (call->minorversion == 0)
		return NFS4_OK;
	if (!has_sequence) {
		violation(responder, call, "CB_SEQUENCE is not first");
		return NFS4ERR_OP_NOT_IN_SESSION;
	}
	call->session = find_session(responder, call->seq.session);
	if (!call->session) {
		violation(responder, call, "unknown session");
		return NFS4ERR_BADSESSION;
	}
	/* May have crossed the DESTROY_SESSION on another connection. */
	if (call->session->gone)
		return NFS4ERR_BADSESSION;
	if (call->seq.slot >= call->session->back.maxrequests) {
		violation(responder, call, "slot beyond %u",
			  call->session->back.maxrequests);
		return NFS4ERR_BADSLOT;
	}
	check_limits(responder, call);
	return judge_slot(responder, call);
}

/* ---- Decoding ---- */

static void get_sequence(struct xdr_cursor *cursor, struct cb_call *call)
{
	uint32_t lists;

	xdr_get_bytes(cursor, call->seq.session, sizeof(call->seq.session));
	call->seq.sequence = xdr_get_u32(cursor);
	call->seq.slot = xdr_get_u32(cursor);
	call->seq.highest_slot = xdr_get_u32(cursor);
	call->seq.cachethis = xdr_get_u32(cursor);
	lists = xdr_get_u32(cursor);
	while (lists-- && !cursor->bad) {
		struct cb_referring_call triple;
		uint32_t calls;

		xdr_get_bytes(cursor, triple.session, sizeof(triple.session));
		calls = xdr_get_u32(cursor);
		while (calls-- && !cursor->bad) {
			triple.sequence = xdr_get_u32(cursor);
			triple.slot = xdr_get_u32(cursor);
			if (call->seq.nreferring < CB_MAX_REFERRING)
				call->seq.referring[call->seq.nreferring++] =
					triple;
		}
	}
}

static uint64_t hash(const uint8_t *data, size_t len)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	while (len--)
		value = (value ^ *data++) * UINT64_C(0x100000001b3);
	return value;
}

static void get_operation(struct xdr_cursor *cursor, struct cb_call *call)
{
	const uint8_t *fh;

	call->body_hash = hash(cursor->next, xdr_left(cursor));
	call->op = xdr_get_u32(cursor);
	call->args_len = xdr_left(cursor);
	if (call->args_len > sizeof(call->args))
		call->args_len = sizeof(call->args);
	memcpy(call->args, cursor->next, call->args_len);
	if (call->op != OP_CB_RECALL)
		return;
	nfs_get_stateid(cursor, &call->recall.stateid);
	call->recall.truncate = xdr_get_u32(cursor);
	fh = xdr_get_opaque(cursor, NFS4_FHSIZE, &call->recall.fh.len);
	if (fh)
		memcpy(call->recall.fh.data, fh, call->recall.fh.len);
}

/* CB_COMPOUND4args. @return whether it decodes */
static bool get_compound(struct xdr_cursor *cursor, struct cb_call *call,
			 bool *has_sequence)
{
	uint32_t tag_len;
	struct xdr_cursor first;

	xdr_get_opaque(cursor, NFS4_OPAQUE_LIMIT, &tag_len);
	call->minorversion = xdr_get_u32(cursor);
	call->ident = xdr_get_u32(cursor);
	call->nops = xdr_get_u32(cursor);
	first = *cursor;
	*has_sequence = call->nops && xdr_get_u32(&first) == OP_CB_SEQUENCE;
	if (*has_sequence) {
		*cursor = first;
		get_sequence(cursor, call);
	}
	if (call->nops > *has_sequence)
		get_operation(cursor, call);
	return !cursor->bad;
}

/* ---- Answering ---- */

static void put_sequence_result(struct xdr_buf *buf, const struct cb_call *call,
				const struct cb_answer *answer, uint32_t status)
{
	uint32_t last_slot = 0;
	uint8_t id[NFS4_SESSIONID_SIZE];

	xdr_put_u32(buf, OP_CB_SEQUENCE);
	xdr_put_u32(buf, status);
	if (status)
		return;
	memcpy(id, call->seq.session, sizeof(id));
	if (answer->wrong_session)
		id[sizeof(id) - 1] ^= 0xff;
	if (call->session)
		last_slot = call->session->back.maxrequests - 1;
	xdr_put_bytes(buf, id, sizeof(id));
	xdr_put_u32(buf, call->seq.sequence + answer->sequence_delta);
	xdr_put_u32(buf, call->seq.slot + answer->slot_delta);
	xdr_put_u32(buf,
		    answer->limit_slots ? answer->highest_slot : last_slot);
	xdr_put_u32(buf, answer->limit_slots ? answer->target_highest_slot :
					       last_slot);
}

static void put_operation_result(struct xdr_buf *buf,
				 const struct cb_call *call,
				 const struct cb_answer *answer,
				 uint32_t status)
{
	xdr_put_u32(buf, call->op);
	xdr_put_u32(buf, status);
	if (call->op != OP_CB_GETATTR || status != NFS4_OK)
		return;
	if (answer->attrs) {
		xdr_put_bytes(buf, answer->attrs, answer->attrs_len);
	} else {
		xdr_put_u32(buf, 0); /* no attributes */
		xdr_put_u32(buf, 0);
	}
}

static uint32_t sequence_status(const struct cb_call *call,
				const struct cb_answer *answer)
{
	return answer->seq_status ? answer->seq_status : call->verdict;
}

/* CB_COMPOUND4res */
static void put_compound(struct xdr_buf *buf, const struct cb_call *call,
			 const struct cb_answer *answer)
{
	uint32_t status = sequence_status(call, answer);
	bool with_sequence = call->minorversion > 0;
	uint32_t results = 1;

	if (answer->results)
		results = answer->results;
	else if (with_sequence && status == NFS4_OK)
		results = call->nops;
	xdr_put_u32(buf, status ? status : answer->op_status);
	xdr_put_u32(buf, 0); /* empty tag */
	xdr_put_u32(buf, results);
	for (uint32_t i = 0; i < results; i++) {
		if (call->verdict == NFS4ERR_OP_NOT_IN_SESSION)
			put_operation_result(buf, call, answer, status);
		else if (i == 0 && with_sequence)
			put_sequence_result(buf, call, answer, status);
		else
			put_operation_result(buf, call, answer,
					     answer->op_status);
	}
}

/* The RPC message. */
static void put_reply(struct xdr_buf *buf, const struct cb_call *call,
		      const struct cb_answer *answer)
{
	xdr_put_u32(buf, answer->wrong_xid ? ~call->xid : call->xid);
	xdr_put_u32(buf, MSG_REPLY);
	if (answer->rpc == CB_RPC_AUTH_ERROR) {
		xdr_put_u32(buf, MSG_DENIED);
		xdr_put_u32(buf, AUTH_ERROR);
		xdr_put_u32(buf, AUTH_BADCRED);
		return;
	}
	xdr_put_u32(buf, MSG_ACCEPTED);
	xdr_put_u32(buf, AUTH_NONE); /* the verifier */
	xdr_put_u32(buf, 0);
	xdr_put_u32(buf, answer->rpc);
	if (answer->rpc == CB_RPC_SUCCESS && call->proc == CB_COMPOUND)
		put_compound(buf, call, answer);
	if (answer->truncate < buf->len)
		buf->len -= answer->truncate;
	else
		buf->len = 0;
}

static void send_bytewise(struct nfs_conn *conn, const struct xdr_buf *message)
{
	struct xdr_buf record = { 0 };

	xdr_put_u32(&record, 0x80000000u | (uint32_t)message->len);
	xdr_put_bytes(&record, message->data, message->len);
	for (size_t i = 0; i < record.len; i++)
		nfs_conn_send_raw(conn, record.data + i, 1);
	xdr_buf_fini(&record);
}

static void send_wordwise(struct nfs_conn *conn, const struct xdr_buf *message)
{
	struct xdr_buf record = { 0 };

	for (size_t i = 0; i < message->len; i += 4) {
		bool last = i + 4 >= message->len;
		size_t size = last ? message->len - i : 4;

		xdr_put_u32(&record, (last ? 0x80000000u : 0) | (uint32_t)size);
		xdr_put_bytes(&record, message->data + i, size);
	}
	nfs_conn_send_raw(conn, record.data, record.len);
	xdr_buf_fini(&record);
}

/*
 * Send what @a answer says.  A connection that is gone takes the answer with
 * it, as it would with a real client.
 */
static void transmit(const struct cb_call *call, const struct cb_answer *answer)
{
	unsigned int copies = answer->copies ? answer->copies : 1;
	struct xdr_buf message = { 0 };

	put_reply(&message, call, answer);
	if (answer->when == CB_NEVER)
		copies = 0;
	while (copies--) {
		if (answer->raw)
			nfs_conn_send_raw(call->conn, answer->raw,
					  answer->raw_len);
		else if (answer->bytewise)
			send_bytewise(call->conn, &message);
		else if (answer->wordwise)
			send_wordwise(call->conn, &message);
		else
			nfs_conn_send(call->conn, message.data, message.len);
	}
	xdr_buf_fini(&message);
	if (answer->then_close)
		nfs_conn_close(call->conn, answer->then_close);
}

/* [L] The slot after this answer. @return whether the request ran */
static bool settle(struct cb_call *call, const struct cb_answer *answer)
{
	struct cb_responder *responder = call->responder;
	uint32_t status = sequence_status(call, answer);
	bool ran = answer->rpc == CB_RPC_SUCCESS &&
		   (status == NFS4_OK || status == NFS4ERR_RETRY_UNCACHED_REP);
	struct cb_slot *slot;

	if (answer->when == CB_NEVER)
		return false;
	if (!call->session || call->session->gone || call->verdict)
		return ran;
	slot = &call->session->slots[call->seq.slot];
	/*
	 * Copies of a request may meet here by several connections, in any
	 * order: it has run as soon as one of them is answered so.
	 */
	if (call->seq.sequence != slot->sequence + 1)
		return false;
	responder->in_flight -= slot->in_flight != NULL;
	slot->in_flight = NULL;
	if (ran) {
		slot->sequence = call->seq.sequence;
		slot->last = call;
		slot->last_status = answer->op_status;
	}
	if (answer->then_expects) {
		slot->sequence = answer->then_expects - 1;
		slot->last = NULL;
	}
	return ran;
}

/* Settle, send, mark as answered. */
static void deliver(struct cb_call *call, const struct cb_answer *answer)
{
	struct cb_responder *responder = call->responder;
	struct cb_returner *returner = NULL;
	struct nfs_session *session = NULL;

	pthread_mutex_lock(&responder->lock);
	if (settle(call, answer) && call->session && call->op == OP_CB_RECALL &&
	    answer->op_status == NFS4_OK) {
		returner = responder->returner;
		session = call->session->session;
	}
	pthread_mutex_unlock(&responder->lock);

	transmit(call, answer);
	if (answer->when != CB_NEVER) {
		pthread_mutex_lock(&responder->lock);
		call->answered_ns = nfs_now_ns();
		call->answered = true;
		pthread_cond_broadcast(&responder->changed);
		pthread_mutex_unlock(&responder->lock);
	}
	if (returner && session)
		returner_add(returner, session, call);
}

/* [L] */
static struct cb_answer next_answer(struct cb_responder *responder)
{
	struct cb_pushed *pushed = responder->pushed;
	struct cb_answer answer = responder->default_answer;

	if (pushed) {
		answer = pushed->answer;
		responder->pushed = pushed->next;
		if (!responder->pushed)
			responder->pushed_tail = &responder->pushed;
		free(pushed);
	}
	return answer;
}

/* CB_SEQUENCE alone. */
static bool is_question(const struct cb_call *call)
{
	return call->minorversion > 0 && call->nops == 1 && call->op == 0;
}

/* [L] How to answer this call, and its slot while it has no answer. */
static struct cb_answer choose(struct cb_responder *responder,
			       struct cb_call *call)
{
	struct cb_answer answer = { 0 };
	struct cb_slot *slot;

	if (call->proc != CB_COMPOUND) {
		answer.rpc = CB_RPC_PROC_UNAVAIL;
		return answer;
	}
	if (call->verdict != NFS4_OK)
		return answer;
	if (is_question(call))
		responder->questions++;
	if (call->session) {
		slot = &call->session->slots[call->seq.slot];
		if (slot->last && call->seq.sequence == slot->sequence) {
			answer.op_status = slot->last_status;
			return answer;
		}
		if (!slot->in_flight)
			responder->in_flight++;
		if (responder->in_flight > responder->max_in_flight)
			responder->max_in_flight = responder->in_flight;
		slot->in_flight = call;
	}
	if (is_question(call))
		return (struct cb_answer){
			.when = responder->default_answer.when == CB_NEVER ?
					CB_NEVER :
					CB_NOW,
			.rpc = responder->default_answer.rpc,
			.seq_status = responder->default_answer.seq_status,
		};
	return next_answer(responder);
}

/* [L] */
static void append(struct cb_responder *responder, struct cb_call *call)
{
	if (is_question(call)) {
		call->older_question = responder->last_question;
		responder->last_question = call;
		return;
	}
	if (responder->count == responder->log_size) {
		responder->log_size = 2 * responder->log_size + 16;
		responder->log =
			realloc(responder->log,
				responder->log_size * sizeof(*responder->log));
		if (!responder->log)
			abort();
	}
	call->index = responder->count;
	responder->log[responder->count++] = call;
}

static void answer_null(struct cb_responder *responder, struct nfs_conn *conn,
			const struct rpc_request *request)
{
	struct cb_call call = { .conn = conn,
				.xid = request->xid,
				.proc = CB_NULL };
	struct cb_answer answer;

	pthread_mutex_lock(&responder->lock);
	if (responder->nulls < NULL_PROGRAMS)
		responder->null_programs[responder->nulls] = request->prog;
	responder->nulls++;
	answer = responder->null_answer;
	pthread_cond_broadcast(&responder->changed);
	pthread_mutex_unlock(&responder->lock);
	transmit(&call, &answer);
}

/* In the loop thread: a call of the server. */
static void received(struct nfs_conn *conn, void *arg,
		     const struct rpc_request *request)
{
	struct cb_responder *responder = arg;
	struct xdr_cursor cursor = request->args;
	struct cb_answer answer;
	bool decoded, has_sequence = false;
	struct cb_call *call;

	if (request->proc == CB_NULL) {
		answer_null(responder, conn, request);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call)
		abort();
	call->responder = responder;
	call->arrival_ns = nfs_now_ns();
	call->conn = nfs_conn_get(conn);
	call->size = request->size;
	call->xid = request->xid;
	call->prog = request->prog;
	call->vers = request->vers;
	call->proc = request->proc;
	call->cred = request->cred;
	decoded = call->proc == CB_COMPOUND &&
		  get_compound(&cursor, call, &has_sequence);

	pthread_mutex_lock(&responder->lock);
	append(responder, call);
	call->verdict = judge(responder, call, decoded, has_sequence);
	answer = choose(responder, call);
	call->held = answer.when == CB_HELD;
	pthread_cond_broadcast(&responder->changed);
	pthread_mutex_unlock(&responder->lock);
	if (answer.when != CB_HELD)
		deliver(call, &answer);
}

int cb_call_answer(struct cb_call *call, const struct cb_answer *answer)
{
	bool answered;

	pthread_mutex_lock(&call->responder->lock);
	answered = call->answered;
	pthread_mutex_unlock(&call->responder->lock);
	if (answered)
		return -EALREADY;
	deliver(call, answer);
	return 0;
}

/* ---- The responder ---- */

struct cb_responder *cb_responder_new(void)
{
	struct cb_responder *responder = calloc(1, sizeof(*responder));

	if (!responder)
		abort();
	pthread_mutex_init(&responder->lock, NULL);
	nfs_cond_init(&responder->changed);
	responder->pushed_tail = &responder->pushed;
	return responder;
}

static void free_session(void *node)
{
	struct cb_session *session = node;

	free(session->slots);
	free(session);
}

void cb_responder_free(struct cb_responder *responder)
{
	if (!responder)
		return;
	for (unsigned int i = 0; i < responder->count; i++) {
		nfs_conn_put(responder->log[i]->conn);
		free(responder->log[i]);
	}
	while (responder->last_question) {
		struct cb_call *call = responder->last_question;

		responder->last_question = call->older_question;
		nfs_conn_put(call->conn);
		free(call);
	}
	while (responder->pushed)
		next_answer(responder);
	free(responder->log);
	tdestroy(responder->sessions, free_session);
	pthread_mutex_destroy(&responder->lock);
	pthread_cond_destroy(&responder->changed);
	free(responder);
}

void cb_responder_attach(struct cb_responder *responder, struct nfs_conn *conn)
{
	nfs_conn_set_handler(conn, received, responder);
}

struct nfs_conn *cb_responder_adopt(struct cb_responder *responder,
				    struct nfs_loop *loop, int fd)
{
	return nfs_conn_adopt_with(loop, fd, received, responder);
}

void cb_responder_add_session(struct cb_responder *responder, const uint8_t *id,
			      const struct nfs_channel_attrs *back,
			      struct nfs_session *session)
{
	struct cb_session *added = calloc(1, sizeof(*added));

	if (!added)
		abort();
	memcpy(added->id, id, sizeof(added->id));
	added->back = *back;
	added->session = session;
	added->slots = calloc(back->maxrequests, sizeof(*added->slots));
	pthread_mutex_lock(&responder->lock);
	if (!added->slots ||
	    !tsearch(added, &responder->sessions, compare_sessions))
		abort();
	pthread_mutex_unlock(&responder->lock);
}

void cb_responder_remove_session(struct cb_responder *responder,
				 const uint8_t *id)
{
	struct cb_session *session;

	pthread_mutex_lock(&responder->lock);
	session = find_session(responder, id);
	if (session && !session->gone) {
		for (uint32_t i = 0; i < session->back.maxrequests; i++)
			responder->in_flight -=
				session->slots[i].in_flight != NULL;
		session->gone = true;
		session->session = NULL;
	}
	pthread_mutex_unlock(&responder->lock);
}

void cb_responder_set_default(struct cb_responder *responder,
			      const struct cb_answer *answer)
{
	pthread_mutex_lock(&responder->lock);
	responder->default_answer = *answer;
	pthread_mutex_unlock(&responder->lock);
}

void cb_responder_push(struct cb_responder *responder,
		       const struct cb_answer *answer)
{
	struct cb_pushed *pushed = malloc(sizeof(*pushed));

	if (!pushed)
		abort();
	*pushed = (struct cb_pushed){ .answer = *answer };
	pthread_mutex_lock(&responder->lock);
	*responder->pushed_tail = pushed;
	responder->pushed_tail = &pushed->next;
	pthread_mutex_unlock(&responder->lock);
}

void cb_responder_set_null(struct cb_responder *responder,
			   const struct cb_answer *answer)
{
	pthread_mutex_lock(&responder->lock);
	responder->null_answer = *answer;
	pthread_mutex_unlock(&responder->lock);
}

struct cb_call *cb_responder_wait(struct cb_responder *responder,
				  unsigned int n, int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	struct cb_call *call = NULL;

	pthread_mutex_lock(&responder->lock);
	while (responder->count <= n &&
	       nfs_cond_wait(&responder->changed, &responder->lock, &deadline))
		;
	if (responder->count > n)
		call = responder->log[n];
	pthread_mutex_unlock(&responder->lock);
	return call;
}

bool cb_call_wait_answered(struct cb_call *call, int timeout_ms)
{
	struct cb_responder *responder = call->responder;
	struct timespec deadline = nfs_deadline(timeout_ms);
	bool answered;

	pthread_mutex_lock(&responder->lock);
	while (!call->answered &&
	       nfs_cond_wait(&responder->changed, &responder->lock, &deadline))
		;
	answered = call->answered;
	pthread_mutex_unlock(&responder->lock);
	return answered;
}

bool cb_responder_wait_null(struct cb_responder *responder, unsigned int n,
			    int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	bool came;

	pthread_mutex_lock(&responder->lock);
	while (responder->nulls < n &&
	       nfs_cond_wait(&responder->changed, &responder->lock, &deadline))
		;
	came = responder->nulls >= n;
	pthread_mutex_unlock(&responder->lock);
	return came;
}

static unsigned int read_counter(struct cb_responder *responder,
				 const unsigned int *counter)
{
	unsigned int value;

	pthread_mutex_lock(&responder->lock);
	value = *counter;
	pthread_mutex_unlock(&responder->lock);
	return value;
}

unsigned int cb_responder_count(struct cb_responder *responder)
{
	return read_counter(responder, &responder->count);
}

uint32_t cb_responder_null_program(struct cb_responder *responder,
				   unsigned int n)
{
	uint32_t program = 0;

	pthread_mutex_lock(&responder->lock);
	if (n < NULL_PROGRAMS)
		program = responder->null_programs[n];
	pthread_mutex_unlock(&responder->lock);
	return program;
}

unsigned int cb_responder_questions(struct cb_responder *responder)
{
	return read_counter(responder, &responder->questions);
}

unsigned int cb_responder_nulls(struct cb_responder *responder)
{
	return read_counter(responder, &responder->nulls);
}

unsigned int cb_responder_max_in_flight(struct cb_responder *responder)
{
	return read_counter(responder, &responder->max_in_flight);
}

unsigned int cb_responder_violations(struct cb_responder *responder,
				     const char **text)
{
	if (text)
		*text = responder->violation;
	return read_counter(responder, &responder->violations);
}

void cb_responder_set_returner(struct cb_responder *responder,
			       struct cb_returner *returner)
{
	pthread_mutex_lock(&responder->lock);
	responder->returner = returner;
	pthread_mutex_unlock(&responder->lock);
}

/* ---- Returning delegations ---- */

/** One delegation on its way back. */
struct cb_return {
	struct cb_returner *returner;
	struct nfs_session *session;
	struct nfs_fh fh;
	struct nfs_stateid stateid;
	struct nfs_compound compound;
	struct cb_return *next;
};

struct cb_returner {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct cb_return *queue;
	struct cb_return **queue_tail;
	bool stop;
	unsigned int under_way; /* sent, no reply yet */
	unsigned int returned;
	unsigned int failures;
};

static void return_done(struct nfs_compound *compound, void *arg)
{
	struct cb_return *item = arg;
	struct cb_returner *returner = item->returner;
	bool failed = compound->error || compound->status != NFS4_OK;

	nfs_compound_fini(compound);
	free(item);
	pthread_mutex_lock(&returner->lock);
	returner->under_way--;
	if (failed)
		returner->failures++;
	else
		returner->returned++;
	pthread_cond_broadcast(&returner->changed);
	pthread_mutex_unlock(&returner->lock);
}

static void send_return(struct cb_return *item)
{
	struct nfs_compound *compound = &item->compound;

	nfs_compound_init(compound, item->session);
	nfs_put_putfh(compound, &item->fh);
	nfs_put_delegreturn(compound, &item->stateid);
	compound->done = return_done;
	compound->arg = item;
	if (nfs_compound_send(compound))
		return_done(compound, item);
}

static void *returner_run(void *arg)
{
	struct cb_returner *returner = arg;

	pthread_mutex_lock(&returner->lock);
	while (!returner->stop || returner->queue || returner->under_way) {
		struct cb_return *item = returner->queue;

		if (!item) {
			pthread_cond_wait(&returner->changed, &returner->lock);
			continue;
		}
		returner->queue = item->next;
		if (!returner->queue)
			returner->queue_tail = &returner->queue;
		returner->under_way++;
		pthread_mutex_unlock(&returner->lock);
		send_return(item);
		pthread_mutex_lock(&returner->lock);
	}
	pthread_mutex_unlock(&returner->lock);
	return NULL;
}

static void returner_add(struct cb_returner *returner,
			 struct nfs_session *session,
			 const struct cb_call *call)
{
	struct cb_return *item;

	item = malloc(sizeof(*item));
	if (!item)
		abort();
	*item = (struct cb_return){ .returner = returner,
				    .session = session,
				    .fh = call->recall.fh,
				    .stateid = call->recall.stateid };
	pthread_mutex_lock(&returner->lock);
	*returner->queue_tail = item;
	returner->queue_tail = &item->next;
	pthread_cond_broadcast(&returner->changed);
	pthread_mutex_unlock(&returner->lock);
}

struct cb_returner *cb_returner_new(void)
{
	struct cb_returner *returner = calloc(1, sizeof(*returner));

	if (!returner)
		abort();
	pthread_mutex_init(&returner->lock, NULL);
	nfs_cond_init(&returner->changed);
	returner->queue_tail = &returner->queue;
	if (pthread_create(&returner->thread, NULL, returner_run, returner))
		abort();
	return returner;
}

void cb_returner_free(struct cb_returner *returner)
{
	if (!returner)
		return;
	pthread_mutex_lock(&returner->lock);
	returner->stop = true;
	pthread_cond_broadcast(&returner->changed);
	pthread_mutex_unlock(&returner->lock);
	pthread_join(returner->thread, NULL);
	pthread_mutex_destroy(&returner->lock);
	pthread_cond_destroy(&returner->changed);
	free(returner);
}

bool cb_returner_wait(struct cb_returner *returner, unsigned int n,
		      int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	bool done;

	pthread_mutex_lock(&returner->lock);
	while (returner->returned < n &&
	       nfs_cond_wait(&returner->changed, &returner->lock, &deadline))
		;
	done = returner->returned >= n;
	pthread_mutex_unlock(&returner->lock);
	return done;
}

unsigned int cb_returner_failures(struct cb_returner *returner)
{
	unsigned int failures;

	pthread_mutex_lock(&returner->lock);
	failures = returner->failures;
	pthread_mutex_unlock(&returner->lock);
	return failures;
}
