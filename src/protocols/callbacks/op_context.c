/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Operation contexts where Ganesha's completions of callbacks forget to have one.
 *
 * Ganesha's completion of CB_RECALL drops its references to the delegation's state and
 * to its file, and that of CB_GETATTR the one to the file, through the thread's
 * operation context.  If that is the last (and the file's export is being removed),
 * they follow the null pointer.  So they find a context, of the export that Ganesha
 * has made the callback for, in a context of its own; removed or not, it is kept until
 * then.
 */
#include "callbacks/op_context.h"

#include "export_mgr.h"
#include "nfsv41.h"
#include "sal_functions.h"

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
