/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels: CLIENTs of our own.
 *
 * A channel carries nothing to the wire.  It stands for a session: Ganesha makes
 * one with each session (hooks.c), callbacks that are made on it go to the core
 * (submission.c), and when Ganesha destroys it, the session has ended.
 */
#include "callbacks/channel.h"

#include "ganesha/dialect.h"
#include "ganesha/mutex.h"

#include "nfsv41.h"

#include "backchannel.h"

#include <urcu-bp.h>

struct bc_channel {
	CLIENT clnt;
	struct bc_session *session; /* [A] counted; NULL at first */
	struct rcu_head rcu;
};

static __thread struct bc_creation *creation_here;

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

bool bc_channel_is_ours(const CLIENT *clnt)
{
	return clnt->cl_ops == &channel_ops;
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

CLIENT *bc_channel_create_here(void)
{
	struct bc_channel *channel;

	if (!creation_here)
		return NULL;
	channel = channel_new();
	channel_ref(channel);
	creation_here->channel = channel;
	return &channel->clnt;
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

	if (!clnt || !bc_channel_is_ours(clnt))
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
	pthread_mutex_t *mutex = bc_channel_mutex(chan);
	struct bc_channel *channel;
	CLIENT *before;

	/* A callback takes this one first, then cid_mutex: it is not waited for until
	 * it is free. Busy for long, the new session's channel is one of our own already.
	 */
	if (!bc_mutex_try_long(mutex))
		return NULL;
	before = chan->clnt;
	if (before && bc_channel_is_ours(before)) {
		PTHREAD_MUTEX_unlock(mutex);
		return NULL;
	}
	channel = channel_new();
	channel_ref(channel);
	/* With a barrier, which pairs with bc_channel_session_rcu()'s dependency. */
	rcu_set_pointer(&chan->clnt, &channel->clnt);
	chan->type = RPC_CHAN_V41;
	chan->source.session = session;
	if (!chan->auth)
		chan->auth = authnone_ncreate();
	atomic_set_uint32_t_bits(&session->flags, session_bc_up);
	PTHREAD_MUTEX_unlock(mutex);
	if (before)
		CLNT_DESTROY(before);
	return channel;
}
