/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Completion: a callback's outcome, back to Ganesha.
 *
 * Ganesha's completion functions get what its own RPC code would have left
 * them, and are kept from the mistakes that some of them make.
 */
#include "callbacks/completion.h"

#include "callbacks/delegated_times.h"
#include "callbacks/op_context.h"
#include "callbacks/recalled.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include "nfs_proto_functions.h"
#include "nfsv41.h"
#include "sal_functions.h"

#include <string.h>
#include <urcu/system.h>

static bool shutting_down; /* [A] */

void bc_completion_shutdown(void)
{
	CMM_STORE_SHARED(shutting_down, true);
}

/* The result that Ganesha's own decoder would have left. */
static void set_result(rpc_call_t *call, nfsstat4 status,
		       const struct bc_reply *reply)
{
	CB_COMPOUND4res *res = &call->cbt.v_u.v4.res;
	nfs_cb_resop4 *op = &res->resarray.resarray_val[1];
	const struct fattr4 *attrs = reply ? reply->op_result : NULL;

	res->status = status;
	op->resop = call->cbt.v_u.v4.args.argarray.argarray_val[1].argop;
	op->nfs_cb_resop4_u.opcbillegal.status = status;
	if (attrs)
		op->nfs_cb_resop4_u.opcbgetattr.CB_GETATTR4res_u.resok4
			.obj_attributes = *attrs;
}

/* layoutrec_completion() looks at the status alone: it takes a callback that
 * nobody answered for one that succeeded, and never revokes the layout.  After
 * NFS4ERR_DELAY it tries again, and revokes when a lease has passed.  Nothing
 * is tried again while the server shuts down.
 *
 * A CB_GETATTR had a few seconds: that they were not enough makes Ganesha recall
 * the delegation, and it is the recall that shows whether the client answers.
 */
static void set_failed(rpc_call_t *call, uint32_t opcode)
{
	if (opcode == NFS4_OP_CB_GETATTR) {
		set_result(call, NFS4ERR_DELAY, NULL);
		return;
	}
	call->call_req.cc_error.re_status = RPC_TIMEDOUT;
	if (opcode == NFS4_OP_CB_LAYOUTRECALL &&
	    !CMM_LOAD_SHARED(shutting_down))
		set_result(call, NFS4ERR_DELAY, NULL);
}

static CB_GETATTR4args *getattr_args(rpc_call_t *call)
{
	return &call->cbt.v_u.v4.args.argarray.argarray_val[1]
			.nfs_cb_argop4_u.opcbgetattr;
}

/* handle_getattr_response() decodes whatever the client returned, and takes a
 * size that is missing for 0.
 * @return whether these are the attributes that were asked for: the size and
 *         perhaps the change attribute, and of others those that Ganesha has not
 *         asked for itself (delegated_times.c)
 */
static bool getattr_fits(const struct bitmap4 *asked,
			 const struct fattr4 *attrs)
{
	const struct bitmap4 *mask = &attrs->attrmask;

	for (u_int i = 1; i < mask->bitmap4_len; i++)
		if (mask->map[i] &
		    ~(i < asked->bitmap4_len ? asked->map[i] : 0))
			return false;
	return mask->bitmap4_len &&
	       (mask->map[0] | 1 << FATTR4_CHANGE) ==
		       (1 << FATTR4_CHANGE | 1 << FATTR4_SIZE);
}

static void set_replied(rpc_call_t *call, uint32_t opcode,
			const struct bc_reply *reply)
{
	/* The answer is of no use: Ganesha recalls the delegation. */
	if (opcode == NFS4_OP_CB_GETATTR && reply->status == NFS4_OK &&
	    !(reply->op_result &&
	      getattr_fits(&getattr_args(call)->attr_request,
			   reply->op_result)))
		set_result(call, NFS4ERR_BADXDR, NULL);
	else
		set_result(call, reply->status, reply);
}

/* Of all that Ganesha exports, only the end of a COMPOUND gives a reference to
 * a session back.
 */
static void session_put(nfs41_session_t *session)
{
	compound_data_t *data = gsh_calloc(1, sizeof(*data));

	data->session = session;
	data->slotid = UINT32_MAX; /* it holds no slot */
	compound_data_Free(data);
}

/* What Ganesha keeps of a recall under way (struct delegrecall_context, fsal_up_top.c). */
struct recall_context {
	nfs_client_id_t *client;
	stateid4 stateid;
	struct gsh_export *export;
};

/* The recall's end finds no delegation, and so tries nothing again. */
static void forget_delegation(rpc_call_t *call)
{
	const nfs_cb_argop4 *op =
		&call->cbt.v_u.v4.args.argarray.argarray_val[1];
	const stateid4 *recalled = &op->nfs_cb_argop4_u.opcbrecall.stateid;
	struct recall_context *context = call->call_arg;

	if (!memcmp(context->stateid.other, recalled->other, OTHERSIZE))
		memset(context->stateid.other, 0, OTHERSIZE);
}

/* The file whose attributes its holder has told; NULL: it was not asked, or it has not.
 * Ganesha has a reference until its own completion has run.
 */
static struct fsal_obj_handle *file_told_of(rpc_call_t *call,
					    const struct bc_call *submitted)
{
	return bc_call_opcode(submitted) == NFS4_OP_CB_GETATTR &&
			       call->cbt.v_u.v4.res.status == NFS4_OK ?
		       (struct fsal_obj_handle *)bc_call_file(submitted) :
		       NULL;
}

/* Who has returned the delegation, or lost it, before its answer is taken has said more
 * of the file since, or has no say in it any more.
 */
static bool is_too_late(struct fsal_obj_handle *file, clientid4 holder)
{
	bool late;

	if (bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return false;
	STATELOCK_lock(file);
	late = !bc_asked_delegation(file, holder);
	STATELOCK_unlock(file);
	return late;
}

/* Ganesha's completion. Frees @call, and gives the reference to the export back. */
static void call_end(rpc_call_t *call, const struct bc_call *submitted,
		     const struct bc_reply *reply)
{
	nfs41_session_t *session = call->chan->source.session;
	uint32_t opcode = bc_call_opcode(submitted);
	clientid4 holder = session->clientid;
	struct bc_times_coming coming;
	struct req_op_context context;
	bool has_context = bc_op_context_for_completion(
		bc_call_export(submitted), &context);
	struct fsal_obj_handle *file =
		has_context ? file_told_of(call, submitted) : NULL;
	bool times = file && bc_times_are_asked(getattr_args(call));

	if (file && is_too_late(file, holder)) {
		set_result(call, NFS4ERR_DELAY, NULL);
		times = false;
	}
	if (times) {
		file->obj_ops->get_ref(file);
		bc_times_begin(&coming, file);
	}
	if (BC_RETRIES_AT_THE_END && opcode == NFS4_OP_CB_RECALL &&
	    CMM_LOAD_SHARED(shutting_down))
		forget_delegation(call);
	(*call->call_req.cc_process_cb)(&call->call_req);
	if (times) {
		bc_times_set(file, holder, reply->op_result);
		bc_times_end(&coming);
		file->obj_ops->put_ref(file);
	}
	if (has_context)
		release_op_context();
	/* notifydev_completion() forgets nfs41_release_single(): the session
	 * would stay for ever.
	 */
	if (opcode == NFS4_OP_CB_NOTIFY_DEVICEID)
		session_put(session);
}

void bc_completion_run(struct bc_call *submitted, enum bc_outcome outcome,
		       struct bc_reply *reply)
{
	rpc_call_t *call = bc_call_cookie(submitted);
	uint32_t opcode = bc_call_opcode(submitted);

	call->call_req.cc_error.re_status = RPC_SUCCESS;
	switch (outcome) {
	case BC_OUTCOME_REPLY:
		set_replied(call, opcode, reply);
		break;
	case BC_OUTCOME_RAN:
		/* Only CB_GETATTR has a result beyond its status. */
		set_result(call,
			   opcode == NFS4_OP_CB_GETATTR ? NFS4ERR_DELAY :
							  NFS4_OK,
			   NULL);
		break;
	case BC_OUTCOME_DEFER:
		/* Ganesha asks again in a second, and marks nothing down. */
		set_result(call, NFS4ERR_DELAY, NULL);
		break;
	case BC_OUTCOME_FAILED:
		set_failed(call, opcode);
		break;
	}
	call_end(call, submitted, reply);
	/* Who waits for the answer finds it now, or that there is none. */
	if (opcode == NFS4_OP_CB_GETATTR)
		bc_waiting_wake(bc_call_file(submitted));
}
