/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's callbacks: from its imports into the core.  Their way back is in
 * completion.c.
 *
 * Ganesha makes an NFSv4.1 callback with clnt_req_setup(), clnt_req_callback()
 * and clnt_req_release() on the CLIENT that it holds as its session's back
 * channel.  Where that CLIENT is one of ours the callback goes to the core;
 * everything else (v4.0, NLM, rpcbind) goes to ntirpc untouched.
 *
 * A CLIENT of ours carries nothing to the wire.  It stands for a session: when
 * Ganesha destroys it, the session has ended.
 */
#include "callbacks/callback.h"
#include "wire/security.h"
#include "transport/transport.h"

#include "nfsv41.h"
#include "sal_functions.h"

#include <stdlib.h>
#include <urcu-bp.h>

/* An operation's arguments as XDR: most need a few hundred bytes. */
#define ARGS_FIRST 1024
#define ARGS_MAX (1024 * 1024)

struct bc_channel {
	CLIENT clnt;
	struct bc_session *session; /* [A] counted; NULL at first */
	struct rcu_head rcu;
};

/** The sessions on which a request may have been made, and its slot. */
struct referring {
	char session[BC_REFERRING_MAX][NFS4_SESSIONID_SIZE];
	referring_call4 call;
};

static __thread struct bc_creation *creation_here;

/* Channels ----------------------------------------------------------------- */

static struct bc_channel *channel_of(CLIENT *clnt)
{
	return container_of(clnt, struct bc_channel, clnt);
}

/* Nobody sends over it. */
static enum clnt_stat channel_call(struct clnt_req *cc)
{
	(void)cc;
	return RPC_FAILED;
}

static void channel_abort(CLIENT *clnt)
{
	(void)clnt;
}

static bool channel_freeres(CLIENT *clnt, xdrproc_t proc, void *result)
{
	(void)clnt;
	(void)proc;
	(void)result;
	return true;
}

static bool channel_control(CLIENT *clnt, u_int request, void *info)
{
	(void)clnt;
	(void)request;
	(void)info;
	return false;
}

static void channel_free_rcu(struct rcu_head *rcu)
{
	gsh_free(container_of(rcu, struct bc_channel, rcu));
}

/* The last reference is gone: the session's, and that of every callback.  Ganesha
 * lets go of it while the session lives, if a callback could not be submitted.
 */
static void channel_destroy(CLIENT *clnt)
{
	struct bc_channel *channel = channel_of(clnt);

	if (channel->session) {
		bc_session_close(channel->session);
		bc_session_put(channel->session);
	}
	pthread_mutex_destroy(&clnt->cl_lock);
	call_rcu(&channel->rcu, channel_free_rcu);
}

static struct clnt_ops channel_ops = {
	.cl_call = channel_call,
	.cl_abort = channel_abort,
	.cl_freeres = channel_freeres,
	.cl_destroy = channel_destroy,
	.cl_control = channel_control,
};

static struct bc_channel *channel_new(void)
{
	struct bc_channel *channel = gsh_calloc(1, sizeof(*channel));

	channel->clnt.cl_ops = &channel_ops;
	channel->clnt.cl_refcnt = 1;
	channel->clnt.cl_error.re_status = RPC_SUCCESS;
	pthread_mutex_init(&channel->clnt.cl_lock, NULL);
	return channel;
}

/* For the creator, beside Ganesha's: the session may end at any moment. */
static void channel_ref(struct bc_channel *channel)
{
	CLNT_REF(&channel->clnt, CLNT_REF_FLAG_NONE);
}

void bc_channel_creation_begin(struct bc_creation *creation)
{
	creation->channel = NULL;
	creation_here = creation;
}

void bc_channel_creation_end(void)
{
	creation_here = NULL;
}

void bc_channel_set_session(struct bc_channel *channel,
			    struct bc_session *session)
{
	bc_session_ref(session);
	rcu_set_pointer(&channel->session, session);
}

struct bc_session *bc_channel_session_rcu(const nfs41_session_t *session)
{
	CLIENT *clnt = rcu_dereference(session->cb_chan.clnt);

	if (!clnt || clnt->cl_ops != &channel_ops)
		return NULL;
	return rcu_dereference(channel_of(clnt)->session);
}

void bc_channel_put(struct bc_channel *channel)
{
	CLNT_RELEASE(&channel->clnt, CLNT_RELEASE_FLAG_NONE);
}

struct bc_channel *bc_channel_install(nfs41_session_t *session)
{
	rpc_call_channel_t *chan = &session->cb_chan;
	struct bc_channel *channel;
	CLIENT *before;

	/* A callback takes this one first, then cid_mutex: never wait for it.
	 * Busy, the new session's channel is one of our own already.
	 */
	if (pthread_mutex_trylock(&chan->mtx))
		return NULL;
	before = chan->clnt;
	if (before && before->cl_ops == &channel_ops) {
		PTHREAD_MUTEX_unlock(&chan->mtx);
		return NULL;
	}
	channel = channel_new();
	channel_ref(channel);
	chan->clnt = &channel->clnt;
	chan->type = RPC_CHAN_V41;
	chan->source.session = session;
	if (!chan->auth)
		chan->auth = authnone_ncreate();
	atomic_set_uint32_t_bits(&session->flags, session_bc_up);
	PTHREAD_MUTEX_unlock(&chan->mtx);
	if (before)
		CLNT_DESTROY(before);
	return channel;
}

/* Submission: what Ganesha calls ------------------------------------------- */

static CLIENT *hook_clnt_vc_ncreate_svc(const SVCXPRT *xprt,
					const rpcprog_t program,
					const rpcvers_t version,
					const uint32_t flags)
{
	struct bc_channel *channel;

	if (!creation_here)
		return clnt_vc_ncreate_svc(xprt, program, version, flags);
	channel = channel_new();
	channel_ref(channel);
	creation_here->channel = channel;
	return &channel->clnt;
}

static bool is_ours(const struct clnt_req *cc)
{
	return cc->cc_clnt && cc->cc_clnt->cl_ops == &channel_ops;
}

static enum clnt_stat hook_clnt_req_setup(struct clnt_req *cc,
					  struct timespec timeout)
{
	if (!is_ours(cc))
		return clnt_req_setup(cc, timeout);
	cc->cc_error.re_status = RPC_SUCCESS;
	cc->cc_error.re_errno = 0;
	cc->cc_flags = CLNT_REQ_FLAG_NONE;
	cc->cc_refreshes = 0;
	CLNT_REF(cc->cc_clnt, CLNT_REF_FLAG_NONE);
	return RPC_SUCCESS;
}

static int hook_clnt_req_release(struct clnt_req *cc)
{
	CLIENT *clnt = cc->cc_clnt;
	int refs;

	/* Without a CLIENT it was filled and never set up; ntirpc would follow
	 * the null pointer.
	 */
	if (clnt && !is_ours(cc))
		return clnt_req_release(cc);
	refs = atomic_dec_int32_t(&cc->cc_refcnt);
	if (refs > 0)
		return refs;
	clnt_req_fini(cc);
	(*cc->cc_free_cb)(cc, cc->cc_size);
	if (clnt)
		CLNT_RELEASE(clnt, CLNT_RELEASE_FLAG_NONE);
	return refs;
}

/* Ganesha's own slot was only the gate to us: nobody need wait for it.  The gate
 * is as wide as Ganesha's table: who finds all taken twice, as its four threads
 * do where a client has one slot, tries again only after a second.
 */
static void release_ganesha_slot(nfs41_session_t *session, slotid4 slot)
{
	PTHREAD_MUTEX_lock(&session->cb_mutex);
	session->back_channel_attrs.ca_maxrequests = session->nb_slots;
	session->bc_slots[slot].in_use = false;
	pthread_cond_broadcast(&session->cb_cond);
	PTHREAD_MUTEX_unlock(&session->cb_mutex);
}

/* The request that created the state that a callback speaks of, until the client
 * is known to have seen its reply: as long as it has not used the slot again.
 * RFC 5661, 2.10.6.3.
 *
 * Ganesha names slot and sequence id, and four bytes of the session's id, which
 * all sessions of the client share: any session whose slot is there fits.  For
 * one that fits by chance the client waits for a reply that is on its way.
 *
 * @return the number of lists
 */
static u_int referring_calls(nfs41_session_t *session,
			     const CB_SEQUENCE4args *sequence,
			     struct referring *lists)
{
	nfs_client_id_t *client = session->clientid_record;
	const referring_call_list4 *given =
		sequence->csa_referring_call_lists.csarcl_val;
	const referring_call4 *call;
	struct glist_head *glist;
	u_int count = 0;

	if (!given)
		return 0;
	call = given->rcl_referring_calls.rcl_referring_calls_val;
	PTHREAD_MUTEX_lock(&client->cid_mutex);
	glist_for_each(glist, &client->cid_cb.v41.cb_session_list) {
		const nfs41_session_t *made =
			glist_entry(glist, nfs41_session_t, session_link);

		if (count == BC_REFERRING_MAX ||
		    call->rc_slotid >= made->nb_slots ||
		    CMM_LOAD_SHARED(made->fc_slots[call->rc_slotid].sequence) !=
			    call->rc_sequenceid)
			continue;
		memcpy(lists->session[count++], made->session_id,
		       NFS4_SESSIONID_SIZE);
	}
	PTHREAD_MUTEX_unlock(&client->cid_mutex);
	lists->call = *call;
	return count;
}

/* csa_referring_call_lists<>, 20.9.1: a list of one call for each session. */
static bool encode_referring(XDR *xdrs, struct referring *lists, u_int count)
{
	if (!XDR_PUTUINT32(xdrs, count))
		return false;
	for (u_int i = 0; i < count; i++) {
		referring_call_list4 list = {
			.rcl_referring_calls = {
				.rcl_referring_calls_len = 1,
				.rcl_referring_calls_val = &lists->call,
			},
		};

		memcpy(list.rcl_sessionid, lists->session[i],
		       NFS4_SESSIONID_SIZE);
		if (!xdr_referring_call_list4(xdrs, &list))
			return false;
	}
	return true;
}

/* @return bytes, 0: it cannot be encoded into @a size bytes */
static size_t encode_args(nfs_cb_argop4 *op, struct referring *lists,
			  u_int count, char *buffer, size_t size)
{
	XDR xdrs;
	size_t len = 0;

	xdrmem_create(&xdrs, buffer, (u_int)size, XDR_ENCODE);
	if (encode_referring(&xdrs, lists, count) &&
	    xdr_nfs_cb_argop4(&xdrs, op))
		len = XDR_GETPOS(&xdrs);
	XDR_DESTROY(&xdrs);
	return len;
}

/* @return the callback, encoded or not; NULL: out of memory */
static struct bc_call *call_new(rpc_call_t *call, bool *encoded)
{
	CB_COMPOUND4args *args = &call->cbt.v_u.v4.args;
	nfs_cb_argop4 *op = &args->argarray.argarray_val[1];
	nfs_cb_argop4 *sequence = &args->argarray.argarray_val[0];
	struct referring lists;
	struct bc_call *result;
	char first[ARGS_FIRST], *buffer = first, *larger = NULL;
	size_t size = sizeof(first), len;
	u_int count = referring_calls(call->chan->source.session,
				      &sequence->nfs_cb_argop4_u.opcbsequence,
				      &lists);

	while (!(len = encode_args(op, &lists, count, buffer, size)) &&
	       size < ARGS_MAX) {
		size *= 4;
		gsh_free(larger);
		buffer = larger = gsh_malloc(size);
	}
	*encoded = len > 0;
	result = bc_call_new(op->argop, args->minorversion, buffer, len, call);
	gsh_free(larger);
	return result;
}

/* delegrecall_task() gives its reference to the delegation's state back after
 * its operation context. If the client has returned the delegation meanwhile,
 * that is the last one, and Ganesha follows the null pointer in place of a
 * context. So there is one below, which knows the FSAL's export, uncounted, and
 * nothing else. It stays the thread's until the next callback that it makes.
 */
static void put_context_below(void)
{
	static __thread struct req_op_context below;

	if (!op_ctx || op_ctx == &below || op_ctx->req_type != UNKNOWN_REQUEST)
		return;
	if (op_ctx->saved_op_ctx && op_ctx->saved_op_ctx != &below)
		return;
	below.fsal_export = op_ctx->fsal_export;
	below.fsal_module = op_ctx->fsal_module;
	op_ctx->saved_op_ctx = &below;
}

/* Context: a thread of Ganesha's, with the channel's mutex and often the
 * file's state lock held: the callback must not complete in here.
 */
static enum clnt_stat hook_clnt_req_callback(struct clnt_req *cc)
{
	rpc_call_t *call = container_of(cc, rpc_call_t, call_req);
	nfs41_session_t *session;
	nfs_cb_argop4 *sequence;
	struct bc_call *submitted;
	bool encoded;

	if (!is_ours(cc))
		return clnt_req_callback(cc);
	put_context_below();
	session = call->chan->source.session;
	sequence = &call->cbt.v_u.v4.args.argarray.argarray_val[0];
	/* First: who waits for the slot holds cid_mutex, which call_new() takes. */
	release_ganesha_slot(session,
			     sequence->nfs_cb_argop4_u.opcbsequence.csa_slotid);
	submitted = call_new(call, &encoded);
	if (!submitted)
		return RPC_SYSTEMERROR;
	/* An error would make Ganesha destroy the channel for good. */
	if (!encoded) {
		LogCrit(COMPONENT_NFS_CB, "cannot encode callback operation %u",
			sequence[1].argop);
		bc_call_defer(submitted);
		return RPC_SUCCESS;
	}
	/* It may complete, and the session go, before this returns. */
	if (bc_call_submit(submitted, session->clientid,
			   (const uint8_t *)session->session_id))
		return RPC_SYSTEMERROR;
	return RPC_SUCCESS;
}

static enum xprt_stat hook_svc_sendreply(struct svc_req *req)
{
	SVCXPRT *xprt = req->rq_xprt;
	enum xprt_stat stat = svc_sendreply(req);

	bc_bind_replied(xprt, req);
	return stat;
}

/* The last moment at which all of Ganesha that a completion needs is there. */
static int hook_svc_shutdown(u_long flags)
{
	int rc;

	bc_completion_shutdown();
	bc_core_stop_calls();
	rc = svc_shutdown(flags);
	bc_core_stop_calls(); /* what came while requests were drained */
	return rc;
}

#define HOOK(import)                                                           \
	{                                                                      \
#import, (void *)import, (void *)hook_##import                 \
	}

const struct bc_import_hook bc_import_hooks[BC_IMPORTS] = {
	[BC_IMPORT_CLNT_REQ_SETUP] = HOOK(clnt_req_setup),
	[BC_IMPORT_CLNT_REQ_CALLBACK] = HOOK(clnt_req_callback),
	[BC_IMPORT_CLNT_REQ_RELEASE] = HOOK(clnt_req_release),
	[BC_IMPORT_CLNT_VC_NCREATE_SVC] = HOOK(clnt_vc_ncreate_svc),
	[BC_IMPORT_SVC_SENDREPLY] = HOOK(svc_sendreply),
	[BC_IMPORT_SVC_SHUTDOWN] = HOOK(svc_shutdown),
};

/* The core's operations --------------------------------------------------- */

static void callback_log(enum bc_log_level level, const char *line)
{
	switch (level) {
	case BC_LOG_WARN:
		LogWarn(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_EVENT:
		LogEvent(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_INFO:
		LogInfo(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_DEBUG:
		LogDebug(COMPONENT_NFS_CB, "%s", line);
		break;
	}
}

const struct bc_ops bc_callback_ops = {
	.log = callback_log,
	.request_new = bc_transport_request_new,
	.request_free = bc_transport_request_free,
	.send = bc_transport_send,
	.conn_close_if_stalled = bc_transport_conn_close_if_stalled,
	.conn_release = bc_transport_conn_release,
	.conn_free = bc_transport_conn_free,
	.complete = bc_completion_run,
};
