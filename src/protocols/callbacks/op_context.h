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
 * Give a callback's completion a context.
 *
 * @return whether @a context is op_ctx now, to be given back with
 *         release_op_context()
 */
bool bc_op_context_for_completion(const rpc_call_t *call,
				  struct req_op_context *context);

#endif /* BC_OP_CONTEXT_H */
