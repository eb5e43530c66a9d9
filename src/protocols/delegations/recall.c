/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Recalling the delegations of a file.
 *
 * Ganesha's recall is reached as an FSAL reaches it, with an upcall that names the
 * file by its handle.  It recalls all delegations of the file that are granted:
 * the one that is to be spared is marked as if it was not, until then.
 *
 * Ganesha 9 recalls nothing from a client to which all locks of the file belong: who
 * conflicts would be answered with DELAY for as long as they are there.  It looks at
 * the locks between two references to an export, with st_lock held: for that time they
 * are out of its sight.
 */
#include "delegations/recall.h"

#include "delegations/bookkeeping.h"

#include "FSAL/fsal_commonlib.h"
#include "export_mgr.h"
#include "fsal_up.h"
#include "nfs_fh.h"
#include "sal_functions.h"

#include "counters.h"

#include <string.h>
#include <urcu/uatomic.h>

/** A recall under way. */
struct recall {
	struct gsh_export *export; /* +1 ref */
	struct fsal_obj_handle *obj; /* +1 ref */
	const struct fsal_up_vector *up_ops; /* borrowed from the export */
	struct gsh_buffdesc handle; /* of the file: */
	char buffer[NFS4_FHSIZE];
};

/* Locks of the holder's own ----------------------------------------------------- */

static unsigned int
	recalling_threads; /* [A] every reference to an export asks */
static __thread struct fsal_obj_handle *recalled_here; /* NULL: none is */
static __thread struct glist_head locks_hidden; /* next is NULL: none are */

static void hide_locks_locked(void)
{
	glist_init(&locks_hidden);
	glist_splice_tail(&locks_hidden,
			  &recalled_here->state_hdl->file.lock_list);
}

static void show_locks_locked(void)
{
	if (!locks_hidden.next)
		return;
	glist_splice_tail(&recalled_here->state_hdl->file.lock_list,
			  &locks_hidden);
	locks_hidden.next = NULL;
}

static bool recalls_here(void)
{
	return uatomic_read(&recalling_threads) && recalled_here;
}

void bc_recall_refers_to_export(const char *function)
{
	if (!recalls_here())
		return;
	show_locks_locked(); /* it has looked */
	if (!strcmp(function, "get_state_obj_export_owner_refs"))
		hide_locks_locked();
}

void bc_recall_leaves_export(void)
{
	if (recalls_here())
		show_locks_locked();
}

/* The recall ---------------------------------------------------------------------- */

static void end_sparing_locked(struct fsal_obj_handle *obj)
{
	state_t *state = NULL;

	while ((state = bc_file_next_delegation(obj, state)) != NULL)
		if (state->state_data.deleg.sd_state == BC_DELEG_SPARED)
			state->state_data.deleg.sd_state = DELEG_GRANTED;
}

static void recall_done(struct recall *recall)
{
	struct req_op_context context;

	/* It holds the export's reference, and gives it back. */
	init_op_context_simple(&context, recall->export,
			       recall->export->fsal_export);
	STATELOCK_lock(recall->obj);
	show_locks_locked(); /* where the module was detached meanwhile */
	end_sparing_locked(recall->obj);
	bc_bookkeeping_mend_locked(recall->obj);
	STATELOCK_unlock(recall->obj);
	recall->obj->obj_ops->put_ref(recall->obj);
	release_op_context();
	gsh_free(recall);
}

/* Context: one of Ganesha's threads. */
static void recall_run(struct fridgethr_context *thread)
{
	struct recall *recall = thread->arg;

	uatomic_inc(&recalling_threads);
	recalled_here = recall->obj;
	recall->up_ops->delegrecall(recall->up_ops, &recall->handle);
	recall_done(recall);
	recalled_here = NULL;
	uatomic_dec(&recalling_threads);
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
	struct recall *recall = gsh_malloc(sizeof(*recall));

	recall->export = op_ctx->ctx_export;
	recall->obj = obj;
	recall->up_ops = op_ctx->fsal_export->up_ops;
	recall->handle.addr = recall->buffer;
	recall->handle.len = sizeof(recall->buffer);
	get_gsh_export_ref(recall->export);
	obj->obj_ops->get_ref(obj);
	if (spared && spared->state_data.deleg.sd_state == DELEG_GRANTED)
		spared->state_data.deleg.sd_state =
			(enum deleg_state)BC_DELEG_SPARED;
	if (host_handle(obj, &recall->handle) &&
	    !fridgethr_submit(general_fridge, recall_run, recall)) {
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
