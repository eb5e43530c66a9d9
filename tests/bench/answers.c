/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "answers.h"

#include <stdlib.h>
#include <string.h>

#define MSG_REPLY 1

void answers_init(struct answers *answers, uint32_t slots, unsigned int size)
{
	*answers = (struct answers){ .slots = slots, .size = size };
	pthread_mutex_init(&answers->lock, NULL);
	nfs_cond_init(&answers->came);
	answers->calls = calloc(size, sizeof(*answers->calls));
	if (!answers->calls)
		abort();
}

void answers_fini(struct answers *answers)
{
	answers_drop(answers);
	free(answers->held);
	free(answers->calls);
	pthread_cond_destroy(&answers->came);
	pthread_mutex_destroy(&answers->lock);
}

/* RPC: accepted, AUTH_NONE, SUCCESS. */
static void put_header(struct xdr_buf *reply, uint32_t xid)
{
	xdr_put_u32(reply, xid);
	xdr_put_u32(reply, MSG_REPLY);
	for (int i = 0; i < 4; i++)
		xdr_put_u32(reply, 0);
}

/* Every operation is well: CB_SEQUENCE, and perhaps another one. */
static bool put_results(struct xdr_buf *reply, struct xdr_cursor *args,
			uint32_t slots, struct answers_about *about)
{
	uint32_t len, nops, lists;

	xdr_get_opaque(args, NFS4_OPAQUE_LIMIT, &len); /* tag */
	xdr_skip(args, 2); /* minorversion, callback_ident */
	nops = xdr_get_u32(args);
	xdr_put_u32(reply, NFS4_OK);
	xdr_put_u32(reply, 0); /* tag */
	xdr_put_u32(reply, nops);
	if (nops < 1 || nops > 2 || xdr_get_u32(args) != OP_CB_SEQUENCE ||
	    args->bad || xdr_left(args) < NFS4_SESSIONID_SIZE + 5 * 4)
		return false;
	about->session = args->next;
	xdr_put_u32(reply, OP_CB_SEQUENCE);
	xdr_put_u32(reply, NFS4_OK);
	/* Session, sequence id and slot are those of the request. */
	xdr_put_bytes(reply, args->next, NFS4_SESSIONID_SIZE + 2 * 4);
	xdr_put_u32(reply, slots - 1); /* highest */
	xdr_put_u32(reply, slots - 1); /* target */
	xdr_skip(args, (NFS4_SESSIONID_SIZE + 4 * 4) / 4);
	lists = xdr_get_u32(args);
	for (uint32_t i = 0; i < lists && !args->bad; i++) {
		xdr_skip(args, NFS4_SESSIONID_SIZE / 4);
		xdr_skip(args, 2 * xdr_get_u32(args));
	}
	if (nops == 2) {
		about->op = xdr_get_u32(args);
		xdr_put_u32(reply, about->op);
		xdr_put_u32(reply, NFS4_OK);
	}
	about->args = *args;
	return !args->bad;
}

bool answers_encode(struct xdr_buf *reply, const struct rpc_request *request,
		    uint32_t slots, struct answers_about *about)
{
	struct xdr_cursor args = request->args;

	*about = (struct answers_about){ 0 };
	put_header(reply, request->xid);
	return request->proc == CB_NULL ||
	       put_results(reply, &args, slots, about);
}

/* [lock] Keep an answer. */
static void hold(struct answers *answers, struct nfs_conn *conn,
		 unsigned int call, const struct xdr_buf *reply)
{
	if (answers->nheld == answers->held_size) {
		answers->held_size = 2 * answers->held_size + 64;
		answers->held =
			realloc(answers->held,
				answers->held_size * sizeof(*answers->held));
		if (!answers->held)
			abort();
	}
	answers->held[answers->nheld++] = (struct answers_held){
		.conn = conn, .call = call, .reply = *reply
	};
}

/* [lock] */
static void answer(struct answers *answers, struct nfs_conn *conn,
		   unsigned int call, struct xdr_buf *reply)
{
	if (call < answers->size)
		answers->calls[call].answered_ns = nfs_now_ns();
	nfs_conn_send(conn, reply->data, reply->len);
	xdr_buf_fini(reply);
}

static void handle(struct nfs_conn *conn, void *arg,
		   const struct rpc_request *request)
{
	uint64_t now = nfs_now_ns();
	struct answers *answers = arg;
	struct answers_about about;
	struct xdr_buf reply = { 0 };
	unsigned int call;

	if (!answers_encode(&reply, request, answers->slots, &about))
		abort();
	if (!about.op) {
		nfs_conn_send(conn, reply.data, reply.len);
		xdr_buf_fini(&reply);
		return;
	}
	pthread_mutex_lock(&answers->lock);
	call = answers->count++;
	if (call < answers->size)
		answers->calls[call].arrival_ns = now;
	if (answers->hold)
		hold(answers, conn, call, &reply);
	else
		answer(answers, conn, call, &reply);
	if (answers->count >= answers->awaited)
		pthread_cond_broadcast(&answers->came);
	pthread_mutex_unlock(&answers->lock);
}

void answers_attach(struct answers *answers, struct nfs_conn *conn)
{
	nfs_conn_set_handler(conn, handle, answers);
}

void answers_hold(struct answers *answers)
{
	pthread_mutex_lock(&answers->lock);
	answers->hold = true;
	pthread_mutex_unlock(&answers->lock);
}

void answers_release(struct answers *answers)
{
	pthread_mutex_lock(&answers->lock);
	answers->hold = false;
	for (unsigned int i = 0; i < answers->nheld; i++) {
		struct answers_held *held = &answers->held[i];

		answer(answers, held->conn, held->call, &held->reply);
	}
	answers->nheld = 0;
	pthread_mutex_unlock(&answers->lock);
}

void answers_drop(struct answers *answers)
{
	pthread_mutex_lock(&answers->lock);
	answers->hold = false;
	for (unsigned int i = 0; i < answers->nheld; i++)
		xdr_buf_fini(&answers->held[i].reply);
	answers->nheld = 0;
	pthread_mutex_unlock(&answers->lock);
}

unsigned int answers_wait(struct answers *answers, unsigned int count,
			  int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	unsigned int have;

	pthread_mutex_lock(&answers->lock);
	answers->awaited = count;
	while (answers->count < count &&
	       nfs_cond_wait(&answers->came, &answers->lock, &deadline))
		;
	have = answers->count;
	pthread_mutex_unlock(&answers->lock);
	return have;
}

struct answers_call answers_get(struct answers *answers, unsigned int n)
{
	struct answers_call call;

	pthread_mutex_lock(&answers->lock);
	call = answers->calls[n];
	pthread_mutex_unlock(&answers->lock);
	return call;
}
