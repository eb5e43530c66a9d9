/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Submission: a callback of Ganesha's, into the core.
 */
#ifndef BC_SUBMISSION_H
#define BC_SUBMISSION_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_rpc_callback.h"

/**
 * Submit a callback that Ganesha makes on a channel of ours.
 *
 * @retval RPC_SUCCESS      it completes later, in any case
 * @retval RPC_SYSTEMERROR  out of memory: Ganesha destroys the channel
 *
 * Context: a thread of Ganesha's, with the channel's mutex and often the file's
 * state lock held: the callback does not complete in here.
 */
enum clnt_stat bc_submission_run(rpc_call_t *call);

#endif /* BC_SUBMISSION_H */
