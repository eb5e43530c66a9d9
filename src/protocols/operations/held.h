/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that are held: suspended instead of answered with NFS4ERR_DELAY, while a
 * delegation that they conflict with is being recalled.
 */
#ifndef BC_HELD_H
#define BC_HELD_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"

#include "backchannel.h"

/** A COMPOUND that is held, or goes on after that. */
struct bc_held;

/**
 * This thread's operation, which fails with NFS4ERR_DELAY, would pass when something
 * has happened to a file.
 *
 * @param[in] awaited  copied; NULL: nothing is known that it would wait for
 *
 * Context: in the operation's handler, which then does nothing more that might be
 * done twice.
 */
void bc_held_note(const struct bc_awaited *awaited);

/**
 * Run the handler of an operation; hold the COMPOUND where bc_held_note() says that
 * waiting is of use.
 *
 * @param[in] held  NULL: the first time; or bc_held_resumed()
 * @param[in] handler
 * @param[in] op
 * @param[in] data  after NFS_REQ_ASYNC_WAIT another thread's, or gone, as all of the
 *                  request
 * @param[in] resp
 *
 * @return as @a handler, or NFS_REQ_ASYNC_WAIT
 */
enum nfs_req_result bc_held_run(struct bc_held *held, nfs4_function_t handler,
				struct nfs_argop4 *op, compound_data_t *data,
				struct nfs_resop4 *resp);

/**
 * The COMPOUND that this thread resumes, if that was held; NULL: Ganesha itself has
 * suspended it.  Context: the operation's resume function, once.
 */
struct bc_held *bc_held_resumed(void);

/** Has this thread's operation waited, and is run again?  Context: its handler. */
bool bc_held_again(void);

/**
 * Does a SEQUENCE name a slot whose request is held?  It must not wait for it.
 *
 * Context: SEQUENCE's handler.
 */
bool bc_held_in_slot(const SEQUENCE4args *args);

/**
 * Has a request of its session been held since there had been so many?
 *
 * @param[in] since  bc_waiting_arrivals()
 *
 * Context: SEQUENCE's handler.
 */
bool bc_held_came_to(const SEQUENCE4args *args, uint64_t since);

#endif /* BC_HELD_H */
