/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The life of a COMPOUND: it takes a slot of its session, goes out on a
 * connection, and its reply is decoded in the loop thread, which also gives
 * the slot back.
 *
 * A slot whose request got no reply stays busy and is marked lost: whether the
 * server executed the request is unknown, and with it the next sequence id
 * (RFC 5661 2.10.6.2).
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nfs41.h"
#include "operations.h"

/* ---- Slots ---- */

/* [session->lock] A slot that is free, the one that is asked for, or -1. */
static int free_slot(const struct nfs_session *session, uint32_t wanted)
{
	if (wanted != NFS_ANY_SLOT)
		return session->slots[wanted].busy ? -1 : (int)wanted;
	for (uint32_t i = 0; i < session->nslots; i++) {
		if (!session->slots[i].busy)
			return i;
	}
	return -1;
}

/* [session->lock] sa_highest_slotid */
static uint32_t highest_busy(const struct nfs_session *session)
{
	uint32_t highest = 0;

	for (uint32_t i = 0; i < session->nslots; i++) {
		if (session->slots[i].busy)
			highest = i;
	}
	return highest;
}

/* Take a slot, waiting for one; put SEQUENCE's arguments into @a buf. */
static int take_slot(struct nfs_compound *compound, struct xdr_buf *buf)
{
	struct nfs_session *session = compound->session;
	struct timespec deadline = nfs_deadline(NFS_TIMEOUT);
	int slot = -1, error = 0;

	if (compound->slot != NFS_ANY_SLOT && compound->slot >= session->nslots)
		return -EINVAL;
	pthread_mutex_lock(&session->lock);
	while ((slot = free_slot(session, compound->slot)) < 0 && !error) {
		if (!nfs_cond_wait(&session->slot_freed, &session->lock,
				   &deadline))
			error = -ETIMEDOUT;
	}
	if (!error) {
		session->slots[slot].busy = true;
		compound->slot = slot;
		compound->sequence = session->slots[slot].sequence;
		xdr_put_u32(buf, OP_SEQUENCE);
		xdr_put_bytes(buf, session->id, sizeof(session->id));
		xdr_put_u32(buf, compound->sequence);
		xdr_put_u32(buf, slot);
		xdr_put_u32(buf, highest_busy(session));
		xdr_put_u32(buf, compound->cachethis);
	}
	pthread_mutex_unlock(&session->lock);
	return error;
}

enum slot_fate {
	SLOT_UNUSED, /* the sequence id may be used again */
	SLOT_USED,
	SLOT_LOST,
};

static void give_slot(struct nfs_compound *compound, enum slot_fate fate)
{
	struct nfs_session *session = compound->session;
	struct nfs_slot *slot;

	if (!session)
		return;
	pthread_mutex_lock(&session->lock);
	slot = &session->slots[compound->slot];
	if (fate == SLOT_USED && slot->sequence == compound->sequence)
		slot->sequence++;
	slot->lost = fate == SLOT_LOST;
	slot->busy = slot->lost;
	/* Waiters may want different slots. */
	pthread_cond_broadcast(&session->slot_freed);
	pthread_mutex_unlock(&session->lock);
}

static enum slot_fate judge_slot(const struct nfs_compound *compound)
{
	if (compound->error && compound->error != -EPROTO)
		return SLOT_LOST;
	if (!compound->nres) /* refused before its SEQUENCE */
		return SLOT_UNUSED;
	switch (compound->res[0].status) {
	case NFS4_OK:
	case NFS4ERR_RETRY_UNCACHED_REP:
	case NFS4ERR_SEQ_FALSE_RETRY:
		return SLOT_USED;
	default:
		return SLOT_UNUSED;
	}
}

/* ---- The reply ---- */

/* Decode the results; what no decoder is known for is left in rest. */
static int decode(struct nfs_compound *compound)
{
	struct xdr_cursor *cursor = &compound->rest;
	uint32_t expected = compound->nops + (compound->session ? 1 : 0);
	bool known = true;
	uint32_t count, len;

	*cursor = xdr_cursor(compound->reply.data, compound->reply.len);
	compound->nres = 0;
	compound->status = xdr_get_u32(cursor);
	xdr_get_opaque(cursor, NFS4_OPAQUE_LIMIT, &len); /* the tag */
	count = xdr_get_u32(cursor);
	for (uint32_t i = 0; known && i < count && !cursor->bad; i++) {
		struct nfs_res *res;

		if (compound->nres == compound->res_size) {
			compound->res_size = compound->res_size * 2 + 4;
			compound->res =
				realloc(compound->res,
					compound->res_size * sizeof(*res));
			if (!compound->res)
				abort();
		}
		res = &compound->res[compound->nres++];
		memset(res, 0, sizeof(*res));
		known = nfs_decode_res(cursor, res);
	}
	if (known && compound->status == NFS4_OK && compound->nres != expected)
		return -EBADMSG;
	return cursor->bad ? -EBADMSG : 0;
}

static void note_status_flags(struct nfs_compound *compound)
{
	const struct nfs_res *res = nfs_compound_res(compound, OP_SEQUENCE);

	if (compound->session && res && res->status == NFS4_OK)
		compound->session->last_status_flags =
			res->sequence.status_flags;
}

static void compound_done(struct rpc_call *call, int error,
			  struct xdr_cursor *results)
{
	struct nfs_compound *compound =
		(struct nfs_compound *)((char *)call -
					offsetof(struct nfs_compound, call));
	struct nfs_conn *conn = compound->on;
	void (*done)(struct nfs_compound *, void *) = compound->done;

	compound->nres = 0;
	compound->error = error;
	if (!error) {
		xdr_buf_clear(&compound->reply);
		xdr_put_bytes(&compound->reply, results->next,
			      xdr_left(results));
		compound->error = decode(compound);
	}
	if (!compound->error)
		note_status_flags(compound);
	if (compound->on_reply)
		compound->on_reply(compound);
	give_slot(compound, judge_slot(compound));

	pthread_mutex_lock(&compound->lock);
	compound->on = NULL;
	compound->ended = true;
	pthread_cond_broadcast(&compound->finished);
	pthread_mutex_unlock(&compound->lock);
	if (done)
		done(compound, compound->arg);
	nfs_conn_put(conn);
}

/* ---- The interface ---- */

void nfs_compound_init_bare(struct nfs_compound *compound,
			    struct nfs_client *client, struct nfs_conn *conn)
{
	*compound = (struct nfs_compound){ .slot = NFS_ANY_SLOT };
	compound->conn = conn;
	compound->cred = &client->cred;
	compound->minorversion = client->minorversion;
	pthread_mutex_init(&compound->lock, NULL);
	nfs_cond_init(&compound->finished);
}

void nfs_compound_init(struct nfs_compound *compound,
		       struct nfs_session *session)
{
	nfs_compound_init_bare(compound, session->client, session->conn);
	compound->session = session;
}

/* @return whether the request was under way and nobody will hear of it */
static bool forget(struct nfs_compound *compound)
{
	struct nfs_conn *conn = compound->on;

	if (!compound->sent || compound->ended)
		return false;
	if (conn && nfs_conn_cancel(conn, &compound->call)) {
		compound->on = NULL;
		compound->ended = true;
		give_slot(compound, SLOT_LOST);
		nfs_conn_put(conn);
		return true;
	}
	return false;
}

void nfs_compound_fini(struct nfs_compound *compound)
{
	pthread_mutex_lock(&compound->lock);
	if (!forget(compound)) {
		while (compound->sent && !compound->ended)
			pthread_cond_wait(&compound->finished, &compound->lock);
	}
	pthread_mutex_unlock(&compound->lock);
	xdr_buf_fini(&compound->ops);
	xdr_buf_fini(&compound->message);
	xdr_buf_fini(&compound->reply);
	free(compound->res);
	pthread_mutex_destroy(&compound->lock);
	pthread_cond_destroy(&compound->finished);
}

/* Send the built message on @a conn. */
static int transmit(struct nfs_compound *compound, struct nfs_conn *conn)
{
	int error;

	compound->call.done = compound_done;
	compound->ended = false;
	compound->sent = true;
	compound->on = nfs_conn_get(conn);
	error = nfs_conn_call(conn, &compound->call, NFS_PROGRAM, NFS_V4,
			      NFSPROC4_COMPOUND, compound->cred,
			      &compound->message);
	if (error) {
		compound->on = NULL;
		compound->ended = true;
		compound->error = error;
		nfs_conn_put(conn);
	}
	return error;
}

int nfs_compound_send(struct nfs_compound *compound)
{
	struct xdr_buf *message = &compound->message;
	int error = 0;

	assert(!compound->sent);
	if (!compound->conn)
		return compound->error = -ENOTCONN;
	xdr_put_string(message, "");
	xdr_put_u32(message, compound->minorversion);
	xdr_put_u32(message, compound->nops + (compound->session ? 1 : 0));
	if (compound->session)
		error = take_slot(compound, message);
	if (error)
		return compound->error = error;
	xdr_put_bytes(message, compound->ops.data, compound->ops.len);
	error = transmit(compound, compound->conn);
	if (error)
		give_slot(compound, SLOT_UNUSED);
	return error;
}

int nfs_compound_wait(struct nfs_compound *compound, int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	bool in_time = true;

	pthread_mutex_lock(&compound->lock);
	while (!compound->ended && in_time)
		in_time = nfs_cond_wait(&compound->finished, &compound->lock,
					&deadline);
	in_time = compound->ended;
	pthread_mutex_unlock(&compound->lock);
	if (!in_time)
		return -ETIMEDOUT;
	return compound->error ? compound->error : (int)compound->status;
}

bool nfs_compound_has_ended(struct nfs_compound *compound)
{
	bool ended;

	pthread_mutex_lock(&compound->lock);
	ended = compound->ended;
	pthread_mutex_unlock(&compound->lock);
	return ended;
}

int nfs_compound_call(struct nfs_compound *compound)
{
	int error = nfs_compound_send(compound);

	return error ? error : nfs_compound_wait(compound, NFS_TIMEOUT);
}

int nfs_compound_finish(struct nfs_compound *compound)
{
	int status = nfs_compound_call(compound);

	nfs_compound_fini(compound);
	return status;
}

int nfs_compound_resend(struct nfs_compound *compound, struct nfs_conn *conn)
{
	int error;

	pthread_mutex_lock(&compound->lock);
	if (!forget(compound)) {
		while (!compound->ended)
			pthread_cond_wait(&compound->finished, &compound->lock);
	}
	pthread_mutex_unlock(&compound->lock);
	if (compound->session) {
		pthread_mutex_lock(&compound->session->lock);
		compound->session->slots[compound->slot].busy = true;
		pthread_mutex_unlock(&compound->session->lock);
	}
	error = transmit(compound, conn);
	if (error)
		give_slot(compound, SLOT_LOST);
	return error;
}

const struct nfs_res *nfs_compound_res(const struct nfs_compound *compound,
				       uint32_t op)
{
	for (uint32_t i = 0; i < compound->nres; i++) {
		if (compound->res[i].op == op)
			return &compound->res[i];
	}
	return NULL;
}
