/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that are held.
 *
 * Purpose: a request that conflicts with a delegation is answered when the delegation
 *   has come back, instead of with NFS4ERR_DELAY, upon which clients sleep.  Ganesha
 *   suspends a COMPOUND whose operation says NFS_REQ_ASYNC_WAIT, as its READ does,
 *   and goes on with the operation's resume function after svc_resume(): there the
 *   operation is run again, from its beginning.
 * Data: a struct bc_held for each, in the COMPOUND's op_data, which the operation's own
 *   handler does not use before it passes.  The core decides who waits, for how long,
 *   and who is woken (state/waiting.c).
 * Locking: Ganesha keeps a slot's lock from SEQUENCE to the COMPOUND's end.  A held
 *   request lets go of it, or whoever sends it again would keep a worker waiting; the
 *   slot's sequence id is meanwhile one that nobody can know, so that no SEQUENCE
 *   passes, and SEQUENCE is answered with DELAY (op_sequence.c; RFC 5661, 2.10.6.2).
 *   NFSv4.0 has no slots: what is sent again meanwhile is dropped by Ganesha's
 *   duplicate request cache, as while any request is being worked on.
 * Lifetime: from the first DELAY to the operation's end.  The request keeps its
 *   transport, session and lease, as any request does that is being worked on.
 * Invariant: nothing of a request is touched after bc_waiter_wait() has suspended it.
 */
#include "operations/held.h"
#include "operations/operations.h"

#include "delegations/unexport.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include "export_mgr.h"
#include "nfs_dupreq.h"

#include <sys/random.h>

struct bc_held {
	struct bc_waiter *waiter;
	enum xprt_stat (*resume)(struct svc_req *req); /* the COMPOUND's */
	sequenceid4 sequence; /* the slot's, while it is not in it */
};

/* What the handler that this thread runs would wait for; no file: nothing. */
static __thread struct bc_awaited noted;

/* What this thread resumes. */
static __thread struct bc_held *resumed;

/* This thread's operation is run again. */
static __thread bool again;

void bc_held_note(const struct bc_awaited *awaited)
{
	noted = awaited ? *awaited : (struct bc_awaited){ 0 };
}

struct bc_held *bc_held_resumed(void)
{
	struct bc_held *held = resumed;

	resumed = NULL;
	return held;
}

bool bc_held_again(void)
{
	return again;
}

bool bc_held_came_to(const SEQUENCE4args *args, uint64_t since)
{
	return bc_waiting_came_to((const uint8_t *)args->sa_sessionid, since);
}

bool bc_held_in_slot(const SEQUENCE4args *args)
{
	uint32_t sequence;

	return bc_waiting_in_slot((const uint8_t *)args->sa_sessionid,
				  args->sa_slotid, &sequence);
}

/* The slot ------------------------------------------------------------------- */

/* The slot whose lock the COMPOUND has; NULL: it is one of NFSv4.0. */
static nfs41_session_slot_t *slot_of(const compound_data_t *data)
{
	return data->session && data->slotid != UINT32_MAX ?
		       &data->session->fc_slots[data->slotid] :
		       NULL;
}

static void leave_slot(struct bc_held *held, const compound_data_t *data)
{
	nfs41_session_slot_t *slot = slot_of(data);
	sequenceid4 unknown;

	if (!slot)
		return;
	held->sequence = slot->sequence;
	if (getrandom(&unknown, sizeof(unknown), 0) != sizeof(unknown))
		unknown = ~slot->sequence;
	slot->sequence = unknown;
	PTHREAD_MUTEX_unlock(bc_slot_mutex(slot));
}

static void enter_slot(const struct bc_held *held, const compound_data_t *data)
{
	nfs41_session_slot_t *slot = slot_of(data);

	if (!slot)
		return;
	PTHREAD_MUTEX_lock(bc_slot_mutex(slot));
	slot->sequence = held->sequence;
}

/* Suspending and resuming ---------------------------------------------------- */

/* Before the COMPOUND's own: it asks for its operation's. */
static enum xprt_stat held_resume(struct svc_req *req)
{
	const nfs_request_t *request = container_of(req, nfs_request_t, svc);
	compound_data_t *data = request->proc_data;

	resumed = data->op_data;
	return resumed->resume(req);
}

static void prepare(struct bc_held *held, compound_data_t *data)
{
	data->op_data = held;
	held->resume = data->req->rq_resume_cb;
	data->req->rq_resume_cb = held_resume;
	leave_slot(held, data);
}

static void go_on(const struct bc_held *held, compound_data_t *data)
{
	enter_slot(held, data);
	data->req->rq_resume_cb = held->resume;
	data->op_data = NULL;
}

/* NFSv4.0 clients are counted by their address alone. */
static struct bc_waiter_id id_of(const compound_data_t *data)
{
	const nfs41_session_t *session = data->session;
	const nfs41_session_slot_t *slot = slot_of(data);
	struct bc_waiter_id id = {
		.client = (uintptr_t)op_ctx->client,
		.address = (uintptr_t)op_ctx->client,
		.size = XDR_GETPOS(data->req->rq_xdrs),
	};

	if (slot) {
		id.client = session->clientid;
		id.session = (const uint8_t *)session->session_id;
		id.slot = data->slotid;
		id.slots = session->fore_channel_attrs.ca_maxrequests;
		id.sequence = slot->sequence;
	}
	return id;
}

static struct bc_held *held_new(const compound_data_t *data)
{
	struct bc_waiter_id id;
	struct bc_waiter *waiter;
	struct bc_held *held;

	if (bc_layout() != BC_LAYOUT_FITS)
		return NULL;
	id = id_of(data);
	waiter = bc_waiter_new(&id, data->req);
	if (!waiter)
		return NULL;
	held = gsh_calloc(1, sizeof(*held));
	held->waiter = waiter;
	return held;
}

static void held_free(struct bc_held *held, bool in_vain)
{
	bc_waiter_free(held->waiter, in_vain);
	gsh_free(held);
}

/* Running -------------------------------------------------------------------- */

/* It may have been removed while the request waited. */
static bool export_is_there(void)
{
	return op_ctx->ctx_export && export_ready(op_ctx->ctx_export) &&
	       !bc_unexport_goes_here();
}

/* @param[out] in_vain  it has waited for nothing: it is not run */
static enum nfs_req_result run_again(nfs4_function_t handler,
				     struct nfs_argop4 *op,
				     compound_data_t *data,
				     struct nfs_resop4 *resp, bool *in_vain)
{
	enum nfs_req_result result;

	*in_vain = !export_is_there();
	if (*in_vain)
		return bc_operation_fail(op, resp, NFS4ERR_DELAY);
	memset(&resp->nfs_resop4_u, 0, sizeof(resp->nfs_resop4_u));
	again = true;
	result = handler(op, data, resp);
	again = false;
	return result;
}

/* @return whether the handler has noted what it would wait for: once */
static bool take_noted(struct bc_awaited *awaited)
{
	*awaited = noted;
	noted.file = NULL;
	return awaited->file;
}

enum nfs_req_result bc_held_run(struct bc_held *held, nfs4_function_t handler,
				struct nfs_argop4 *op, compound_data_t *data,
				struct nfs_resop4 *resp)
{
	enum nfs_req_result result;
	struct bc_awaited awaited;
	bool in_vain = false;
	enum bc_wait wait;

	if (held) {
		go_on(held, data);
		result = run_again(handler, op, data, resp, &in_vain);
	} else {
		result = handler(op, data, resp);
	}
	while (result == NFS_REQ_ERROR && take_noted(&awaited)) {
		if (!held)
			held = held_new(data);
		if (!held)
			return result;
		prepare(held, data);
		wait = bc_waiter_wait(held->waiter, &awaited);
		if (wait == BC_WAIT_SUSPENDED)
			return NFS_REQ_ASYNC_WAIT;
		go_on(held, data);
		in_vain = wait == BC_WAIT_OVER;
		if (in_vain)
			break;
		result = run_again(handler, op, data, resp, &in_vain);
	}
	if (held)
		held_free(held, in_vain);
	return result;
}
