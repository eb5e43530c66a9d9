/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hooks: what Ganesha calls instead of ntirpc's functions.
 *
 * Ganesha makes an NFSv4.1 callback with clnt_req_setup(), clnt_req_callback()
 * and clnt_req_release(), or asks with clnt_req_wait_reply() for a CB_NULL, on the
 * CLIENT that it holds as its session's back channel.  Where that CLIENT is one of
 * ours (channel.c) the callback goes to the core; everything else (v4.0, NLM,
 * rpcbind) goes to ntirpc untouched.
 *
 * Where Ganesha dials out to a v4.0 client, connect() has a bound.
 */
#include "callbacks/hooks.h"

#include "callbacks/channel.h"
#include "callbacks/completion.h"
#include "callbacks/submission.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"
#include "ganesha/ntirpc.h"
#include "transport/dial_out.h"
#include "transport/transport.h"

#include "backchannel.h"

#include <signal.h>
#include <urcu/uatomic.h>

static CLIENT *hook_clnt_vc_ncreate_svc(const SVCXPRT *xprt,
					const rpcprog_t program,
					const rpcvers_t version,
					const uint32_t flags)
{
	CLIENT *clnt = bc_channel_create_here();

	return clnt ? clnt : clnt_vc_ncreate_svc(xprt, program, version, flags);
}

static bool is_ours(const struct clnt_req *cc)
{
	return cc->cc_clnt && bc_channel_is_ours(cc->cc_clnt);
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

/* It may come from the completion of another callback, on a thread that may
 * write, but with a file's state locked.
 */
static enum clnt_stat hook_clnt_req_callback(struct clnt_req *cc)
{
	enum clnt_stat stat;
	bool may_write;

	if (!is_ours(cc))
		return clnt_req_callback(cc);
	may_write = bc_transport_set_may_write(false);
	stat = bc_submission_run(container_of(cc, rpc_call_t, call_req));
	bc_transport_set_may_write(may_write);
	return stat;
}

/* Ganesha's own channel of a session that was made while it was not known yet whether
 * the layout fits, which another session may have shown since: over a connection that was
 * accepted.  It is about to be replaced by ours (first_session.c), and its mutex must not
 * be held until a client answers.
 */
static bool is_replaced_soon(const struct clnt_req *cc)
{
	const SVCXPRT *xprt = NULL;

	if (cc->cc_clnt && bc_layout() != BC_LAYOUT_MISFIT)
		xprt = clnt_vc_get_client_xprt(cc->cc_clnt);
	return xprt && xprt->xp_parent;
}

/* A channel carries nothing: what would be learnt of it with CB_NULL (from 9 on, when
 * it is made) is that it is there.  Whether the client has a path, SEQUENCE says.  As
 * ntirpc's, it leaves cc_we locked, for the release.
 */
static enum clnt_stat hook_clnt_req_wait_reply(struct clnt_req *cc)
{
	if (!is_ours(cc) && !is_replaced_soon(cc))
		return clnt_req_wait_reply(cc);
	cc->cc_error.re_status = RPC_SUCCESS;
	return RPC_SUCCESS;
}

/* A channel leads to no connection: none whose end would be the channel's. */
static SVCXPRT *hook_clnt_vc_get_client_xprt(const CLIENT *clnt)
{
	return clnt && bc_channel_is_ours(clnt) ? NULL :
						  clnt_vc_get_client_xprt(clnt);
}

static enum xprt_stat hook_svc_sendreply(struct svc_req *req)
{
	SVCXPRT *xprt = req->rq_xprt;
	enum xprt_stat stat = svc_sendreply(req);
	bool may_write;

	if (!bc_bind_waits())
		return stat;
	may_write = bc_transport_set_may_write(true);
	bc_bind_replied(xprt, req);
	bc_transport_set_may_write(may_write);
	return stat;
}

/* The last moment at which all of Ganesha that a completion needs is there. */
static int hook_svc_shutdown(u_long flags)
{
	int rc;

	bc_waiting_stop();
	bc_lock_stop();
	bc_completion_shutdown();
	bc_core_stop_calls();
	bc_transport_end_handing_over();
	rc = svc_shutdown(flags);
	bc_core_stop_calls(); /* what came while requests were drained */
	return rc;
}

static int hook_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	uint32_t timeout = uatomic_read(&bc_module_config.dial_timeout);

	return timeout ? bc_dial_out(fd, address, len, (int)timeout * 1000) :
			 connect(fd, address, len);
}

/* Ganesha's thread that waits for signals: with SIGTERM the end begins, before
 * svc_shutdown() tells of it.
 */
static int hook_sigwait(const sigset_t *set, int *signal)
{
	int rc = sigwait(set, signal);

	if (!rc && *signal == SIGTERM)
		bc_completion_shutdown();
	return rc;
}

const struct bc_import_hook bc_import_hooks[BC_IMPORTS] = {
	[BC_IMPORT_CLNT_REQ_SETUP] = BC_IMPORT_HOOK(clnt_req_setup),
	[BC_IMPORT_CLNT_REQ_CALLBACK] = BC_IMPORT_HOOK(clnt_req_callback),
	[BC_IMPORT_CLNT_REQ_RELEASE] = BC_IMPORT_HOOK(clnt_req_release),
	[BC_IMPORT_CLNT_REQ_WAIT_REPLY] = BC_IMPORT_HOOK(clnt_req_wait_reply),
	[BC_IMPORT_CLNT_VC_NCREATE_SVC] = BC_IMPORT_HOOK(clnt_vc_ncreate_svc),
	[BC_IMPORT_CLNT_VC_GET_CLIENT_XPRT] =
		BC_IMPORT_HOOK_IF(BC_HAS_CLIENT_XPRT, clnt_vc_get_client_xprt),
	[BC_IMPORT_SVC_SENDREPLY] = BC_IMPORT_HOOK(svc_sendreply),
	[BC_IMPORT_SVC_SHUTDOWN] = BC_IMPORT_HOOK(svc_shutdown),
	[BC_IMPORT_CONNECT] = BC_IMPORT_HOOK(connect),
	[BC_IMPORT_SIGWAIT] = BC_IMPORT_HOOK_IF(BC_RETRIES_AT_THE_END, sigwait),
};
