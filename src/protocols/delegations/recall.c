/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Recalling the delegations of a file.
 *
 * Ganesha's recall is reached as an FSAL reaches it, with an upcall that names the
 * file by its handle.  It recalls all delegations of the file that are granted:
 * the one that is to be spared is marked as if it was not, until then.
 */
#include "delegations/recall.h"

#include "delegations/bookkeeping.h"

#include "FSAL/fsal_commonlib.h"
#include "export_mgr.h"
#include "fsal_up.h"
#include "nfs_fh.h"
#include "sal_functions.h"

#include "counters.h"

/** A recall under way. */
struct recall {
	struct gsh_export *export; /* +1 ref */
	struct fsal_obj_handle *obj; /* +1 ref */
};

static void end_sparing_locked(struct fsal_obj_handle *obj)
{
	state_t *state = NULL;

	while ((state = bc_file_next_delegation(obj, state)) != NULL)
		if (state->state_data.deleg.sd_state == BC_DELEG_SPARED)
			state->state_data.deleg.sd_state = DELEG_GRANTED;
}

/* Context: the thread that made the recall. */
static void recall_done(void *arg, state_status_t status)
{
	struct recall *recall = arg;
	struct req_op_context context;

	(void)status;
	/* It holds the export's reference, and gives it back. */
	init_op_context_simple(&context, recall->export,
			       recall->export->fsal_export);
	STATELOCK_lock(recall->obj);
	end_sparing_locked(recall->obj);
	bc_bookkeeping_mend_locked(recall->obj);
	STATELOCK_unlock(recall->obj);
	recall->obj->obj_ops->put_ref(recall->obj);
	release_op_context();
	gsh_free(recall);
}

/* A host handle, as PUTFH makes it of the wire's. */
static bool host_handle(struct fsal_obj_handle *obj,
			struct gsh_buffdesc *handle)
{
	struct fsal_export *export = op_ctx->fsal_export;
	int flags = 0;

#if BYTE_ORDER == BIG_ENDIAN
	flags = FH_FSAL_BIG_ENDIAN;
#endif
	return !FSAL_IS_ERROR(obj->obj_ops->handle_to_wire(
		       obj, FSAL_DIGEST_NFSV4, handle)) &&
	       !FSAL_IS_ERROR(export->exp_ops.wire_to_host(
		       export, FSAL_DIGEST_NFSV4, handle, flags));
}

void bc_recall_start_locked(struct fsal_obj_handle *obj, state_t *spared)
{
	char buffer[NFS4_FHSIZE];
	struct gsh_buffdesc handle = { .addr = buffer, .len = sizeof(buffer) };
	struct recall *recall = gsh_malloc(sizeof(*recall));

	recall->export = op_ctx->ctx_export;
	recall->obj = obj;
	get_gsh_export_ref(recall->export);
	obj->obj_ops->get_ref(obj);
	if (spared && spared->state_data.deleg.sd_state == DELEG_GRANTED)
		spared->state_data.deleg.sd_state =
			(enum deleg_state)BC_DELEG_SPARED;
	if (host_handle(obj, &handle) &&
	    !FSAL_IS_ERROR(up_async_delegrecall(
		    general_fridge, op_ctx->fsal_export->up_ops, &handle,
		    recall_done, recall))) {
		bc_count(BC_COUNT_RECALLS);
		return;
	}
	LogCrit(COMPONENT_NFS_CB, "cannot start a recall: it is tried again "
				  "with the next request for the file");
	end_sparing_locked(obj);
	obj->obj_ops->put_ref(obj);
	put_gsh_export(recall->export);
	gsh_free(recall);
}
