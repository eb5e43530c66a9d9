/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The delegation that a callback is about, and how long it has been recalled.
 */
#ifndef BC_RECALLED_H
#define BC_RECALLED_H

#include "config.h"
#include "nfs_core.h"
#include "nfsv41.h"
#include "sal_data.h"

/**
 * The file whose handle this thread has made last for a callback.
 *
 * @param[in] obj
 * @param[in] leases  that its delegation's recall may take, 1 or 2; Ganesha is told
 *                    so if they are over
 *
 * Context: with less than 2, the file's st_lock is held.
 */
void bc_recalled_file_set(const struct fsal_obj_handle *obj,
			  unsigned int leases);

/** The same, to be compared: the file that a callback is about that it makes. */
const void *bc_recalled_file(void);

/**
 * A client's delegation of a file, of which it is granted one at most.
 *
 * Looks through the file's states and the client's side by side, until the shorter of the
 * two lists ends: a file may be held by all clients, and a client hold all files.
 *
 * @param[in] obj      the file
 * @param[in] client   the holder
 * @param[in] stateid  of the delegation; NULL: any
 * @param[in] but      not this one; or NULL
 *
 * @return NULL: there is none
 *
 * Context: the file's st_lock is held, the client's so_mutex is not.
 */
state_t *bc_delegation_of(const struct fsal_obj_handle *obj,
			  nfs_client_id_t *client, const stateid4 *stateid,
			  const state_t *but);

/**
 * The write delegation that a CB_GETATTR is about.
 *
 * @param[in] obj     its file
 * @param[in] holder  the client that is asked, or has been
 *
 * @return NULL: it has none (any more)
 *
 * Context: the file's st_lock is held; delegations are laid out as known.
 */
const state_t *bc_asked_delegation(const struct fsal_obj_handle *obj,
				   clientid4 holder);

/**
 * How long a CB_RECALL may take until Ganesha revokes the delegation, which it does
 * when an attempt fails more than two leases after the first; or, with less patience,
 * the next one that is made.
 *
 * @param[in] args     of the CB_RECALL that is being submitted
 * @param[in] holder   whom it goes to
 * @param[in] at_once  its holder is known not to answer: it is revoked when this
 *                     attempt has failed
 *
 * @return ms, > 0; or 0: the delegation is not found
 *
 * Context: delegrecall_one(), which holds the file's st_lock.
 */
uint64_t bc_recalled_time_left(const CB_RECALL4args *args,
			       nfs_client_id_t *holder, bool at_once);

#endif /* BC_RECALLED_H */
