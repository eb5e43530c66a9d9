/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Submission: what Ganesha wants a client to be told, into the core.  Its way
 * back is in completion.c.
 */
#include "callbacks/submission.h"

#include "callbacks/delegated_times.h"
#include "callbacks/op_context.h"
#include "callbacks/recalled.h"
#include "callbacks/referring.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include "export_mgr.h"
#include "nfsv41.h"
#include "sal_data.h"

#include "backchannel.h"

#include <urcu/uatomic.h>

/* An operation's arguments as XDR: most need a few hundred bytes. */
#define ARGS_FIRST 1024
#define ARGS_MAX (1024 * 1024)

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

/* How long a CB_GETATTR may take, s: who asks for the attributes is told to wait
 * meanwhile, and gets them by a recall if it fails.
 */
#define GETATTR_PATIENCE 3

/* @return bytes, 0: it cannot be encoded into @a size bytes; @a referring of them
 * are the lists
 */
static size_t encode_args(nfs_cb_argop4 *op, struct bc_referring *lists,
			  u_int count, char *buffer, size_t size,
			  size_t *referring)
{
	XDR xdrs;
	size_t len = 0;

	xdrmem_create(&xdrs, buffer, (u_int)size, XDR_ENCODE);
	if (bc_referring_encode(&xdrs, lists, count)) {
		*referring = XDR_GETPOS(&xdrs);
		if (xdr_nfs_cb_argop4(&xdrs, op))
			len = XDR_GETPOS(&xdrs);
	}
	XDR_DESTROY(&xdrs);
	return len;
}

static uint64_t getattr_patience_ms(void)
{
	uint32_t timeout = uatomic_read(&bc_module_config.callback_timeout);

	return UINT64_C(1000) *
	       (timeout < GETATTR_PATIENCE ? timeout : GETATTR_PATIENCE);
}

/* @return the callback, encoded or not; NULL: out of memory */
static struct bc_call *call_new(rpc_call_t *call, bool *encoded)
{
	CB_COMPOUND4args *args = &call->cbt.v_u.v4.args;
	nfs_cb_argop4 *op = &args->argarray.argarray_val[1];
	nfs_cb_argop4 *sequence = &args->argarray.argarray_val[0];
	struct bc_referring lists;
	struct bc_call *result;
	char first[ARGS_FIRST], *buffer = first, *larger = NULL;
	size_t size = sizeof(first), len, referring = 0;
	u_int count = bc_referring_find(call->chan->source.session,
					&sequence->nfs_cb_argop4_u.opcbsequence,
					&lists);

	while (!(len = encode_args(op, &lists, count, buffer, size,
				   &referring)) &&
	       size < ARGS_MAX) {
		size *= 4;
		gsh_free(larger);
		buffer = larger = gsh_malloc(size);
	}
	*encoded = len > 0;
	result = bc_call_new(op->argop, args->minorversion, buffer, len, call);
	gsh_free(larger);
	if (!result)
		return NULL;
	bc_call_set_referring(result, referring);
	bc_call_set_file(result, bc_recalled_file());
	if (op->argop == NFS4_OP_CB_GETATTR)
		bc_call_set_patience(result, getattr_patience_ms());
	return result;
}

/* With less time than this nothing is asked: what is not answered in it says
 * nothing of the client.
 */
#define RECALL_SHORTEST 1000 /* ms */

/* A recall ends when Ganesha is ready to revoke the delegation: at once, where nobody
 * is there to answer or the client's lease is over.
 * @return whether there is no use in sending it
 */
static bool limit_recall(struct bc_call *submitted, const nfs_cb_argop4 *op,
			 const nfs41_session_t *session)
{
	bool given_up;
	uint64_t left;

	if (op->argop != NFS4_OP_CB_RECALL ||
	    !bc_module_config.shield_conflicts ||
	    bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return false;
	given_up = bc_client_is_given_up(session->clientid) ||
		   bc_client_is_parked(session->clientid_record);
	left = bc_recalled_time_left(&op->nfs_cb_argop4_u.opcbrecall,
				     session->clientid_record, given_up);
	if (left)
		bc_call_set_limit(submitted, left);
	return left && (given_up || left < RECALL_SHORTEST);
}

enum clnt_stat bc_submission_run(rpc_call_t *call)
{
	nfs41_session_t *session;
	nfs_cb_argop4 *sequence;
	struct bc_call *submitted;
	struct gsh_export *export;
	bool encoded;

	bc_op_context_put_below();
	session = call->chan->source.session;
	sequence = &call->cbt.v_u.v4.args.argarray.argarray_val[0];
	if (sequence[1].argop == NFS4_OP_CB_GETATTR)
		bc_times_ask(&sequence[1].nfs_cb_argop4_u.opcbgetattr,
			     bc_recalled_file(), session->clientid);
	/* First: who waits for the slot holds cid_mutex, which call_new() takes. */
	release_ganesha_slot(session,
			     sequence->nfs_cb_argop4_u.opcbsequence.csa_slotid);
	submitted = call_new(call, &encoded);
	if (!submitted)
		return RPC_SYSTEMERROR;
	export = bc_op_context_export(&sequence[1]);
	bc_call_set_export(submitted, export);
	/* An error would make Ganesha destroy the channel for good. */
	if (!encoded) {
		LogCrit(COMPONENT_NFS_CB, "cannot encode callback operation %u",
			sequence[1].argop);
		bc_call_defer(submitted, session->clientid,
			      "it cannot be encoded");
		return RPC_SUCCESS;
	}
	if (limit_recall(submitted, &sequence[1], session)) {
		bc_call_defer(submitted, session->clientid,
			      "nobody would answer in time");
		return RPC_SUCCESS;
	}
	/* It may complete, and the session go, before this returns. */
	if (!bc_call_submit(submitted, session->clientid,
			    (const uint8_t *)session->session_id))
		return RPC_SUCCESS;
	if (export)
		put_gsh_export(export);
	return RPC_SYSTEMERROR;
}
