/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Operation contexts where Ganesha's callback code forgets to have one.
 */
#ifndef BC_OP_CONTEXT_H
#define BC_OP_CONTEXT_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_rpc_callback.h"

/**
 * Put a context below the one of a thread that makes a callback.
 *
 * Context: clnt_req_callback(), on a thread of Ganesha's.
 */
void bc_op_context_put_below(void);

/**
 * The export that a callback's completion will need.
 *
 * @return +1 ref, to be given to bc_op_context_for_completion() or back; NULL: none
 *
 * Context: the callback is being submitted, in an operation context of its export.
 */
struct gsh_export *bc_op_context_export(const nfs_cb_argop4 *op);

/**
 * Give a callback's completion a context.
 *
 * @param[in] export  bc_op_context_export()'s: its reference is the context's then
 *
 * @return whether @a context is op_ctx now, to be given back with
 *         release_op_context()
 */
bool bc_op_context_for_completion(struct gsh_export *export,
				  struct req_op_context *context);

#endif /* BC_OP_CONTEXT_H */
