/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hooks: what Ganesha calls instead of ntirpc's functions.
 *
 * Ganesha makes an NFSv4.1 callback with clnt_req_setup(), clnt_req_callback()
 * and clnt_req_release() on the CLIENT that it holds as its session's back
 * channel.  Where that CLIENT is one of ours (channel.c) the callback goes to the
 * core; everything else (v4.0, NLM, rpcbind) goes to ntirpc untouched.
 */
#include "callbacks/hooks.h"

#include "callbacks/channel.h"
#include "callbacks/completion.h"
#include "callbacks/submission.h"

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

static enum clnt_stat hook_clnt_req_callback(struct clnt_req *cc)
{
	if (!is_ours(cc))
		return clnt_req_callback(cc);
	return bc_submission_run(container_of(cc, rpc_call_t, call_req));
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

const struct bc_import_hook bc_import_hooks[BC_IMPORTS] = {
	[BC_IMPORT_CLNT_REQ_SETUP] = BC_IMPORT_HOOK(clnt_req_setup),
	[BC_IMPORT_CLNT_REQ_CALLBACK] = BC_IMPORT_HOOK(clnt_req_callback),
	[BC_IMPORT_CLNT_REQ_RELEASE] = BC_IMPORT_HOOK(clnt_req_release),
	[BC_IMPORT_CLNT_VC_NCREATE_SVC] = BC_IMPORT_HOOK(clnt_vc_ncreate_svc),
	[BC_IMPORT_SVC_SENDREPLY] = BC_IMPORT_HOOK(svc_sendreply),
	[BC_IMPORT_SVC_SHUTDOWN] = BC_IMPORT_HOOK(svc_shutdown),
};
