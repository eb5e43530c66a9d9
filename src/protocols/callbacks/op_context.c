/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Operation contexts that Ganesha's callback code forgets.
 *
 * Ganesha gives references to files and their states back through the thread's
 * operation context.  Some of its paths have none when they do so, and follow the
 * null pointer if that reference was the last one.
 */
#include "callbacks/op_context.h"

#include "export_mgr.h"
#include "nfsv41.h"
#include "sal_functions.h"

/* Who makes a callback for Ganesha lets go of the operation context and then of the
 * file (queue_cbgetattr(), queue_delegrecall()) or of the delegation's state
 * (delegrecall_task()). If the export has been removed, or the file found to be gone,
 * meanwhile, that is the last reference, and Ganesha follows the null pointer in place
 * of a context. So there is one below, which knows the FSAL's export, uncounted, and
 * nothing else. It stays the thread's until the next callback that it makes. The
 * export may be freed before: who then lets go without a context follows that pointer,
 * and in Ganesha alone a null pointer.
 */
void bc_op_context_put_below(void)
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

/* Without an operation context Ganesha's completion of CB_RECALL drops its
 * references to the delegation's state and to its file, and that of CB_GETATTR the
 * one to the file.  If that is the last (and the file's export is being removed),
 * they follow the null pointer.  So they find a context, of the export that Ganesha
 * has made the callback for, in a context of its own; removed or not, it is kept until
 * then.
 */
struct gsh_export *bc_op_context_export(const nfs_cb_argop4 *op)
{
	struct gsh_export *export = op_ctx ? op_ctx->ctx_export : NULL;

	if ((op->argop != NFS4_OP_CB_RECALL &&
	     op->argop != NFS4_OP_CB_GETATTR) ||
	    !export)
		return NULL;
	get_gsh_export_ref(export);
	return export;
}

bool bc_op_context_for_completion(struct gsh_export *export,
				  struct req_op_context *context)
{
	if (export)
		init_op_context_simple(context, export, export->fsal_export);
	return export;
}
