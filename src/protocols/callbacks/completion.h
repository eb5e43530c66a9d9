/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Completion: a callback's outcome, back to Ganesha.
 */
#ifndef BC_COMPLETION_H
#define BC_COMPLETION_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_rpc_callback.h"

#include "backchannel.h"

/**
 * The core's operation: hand a callback's outcome to Ganesha's completion
 * function.  See struct bc_ops.
 */
void bc_completion_run(struct bc_call *submitted, enum bc_outcome outcome,
		       struct bc_reply *reply);

/** From now on the server shuts down: nothing is to be tried again. */
void bc_completion_shutdown(void);

#endif /* BC_COMPLETION_H */
