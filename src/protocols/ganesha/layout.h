/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whether Ganesha's structures are laid out as the module was built to know them.
 */
#ifndef BC_LAYOUT_H
#define BC_LAYOUT_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "sal_data.h"

#include <urcu/uatomic.h>

/** Whether the structures that we read are laid out as we know them. */
enum bc_layout { BC_LAYOUT_UNKNOWN, BC_LAYOUT_FITS, BC_LAYOUT_MISFIT };

/** What is known by now. [A] Written by layout.c; every operation asks. */
extern struct bc_layouts {
	enum bc_layout sessions, delegations, locks;
} bc_layouts;

/** Of what a session is made of, first of all. Context: any thread. */
static inline enum bc_layout bc_layout(void)
{
	return uatomic_read(&bc_layouts.sessions);
}

/** It fits, or nothing is known any more. Context: one thread at a time. */
void bc_layout_set(enum bc_layout layout);

/**
 * What is to be done when the first session shows that the layout does not fit.
 *
 * Context: before any session exists.
 */
void bc_layout_on_misfit(void (*function)(void));

/**
 * The same of the structures behind a delegation (its state, its owner, its
 * file), which the first one shows.  While it is not known to fit, they are
 * neither read nor written.
 *
 * Context: any thread.
 */
static inline enum bc_layout bc_layout_of_delegations(void)
{
	return uatomic_read(&bc_layouts.delegations);
}

/** It does not fit: log what, and do what is to be done then. Once. */
void bc_layout_refuse(const char *misfit);

/**
 * Compare what we read of a COMPOUND, and of its client's record before its mutex
 * may be used, with what we know of them.
 *
 * @param[in] data      a CREATE_SESSION, after it
 * @param[in] client    its client's record
 * @param[in] clientid  as the client gave it
 *
 * @return what does not fit, or NULL
 *
 * Context: the caller keeps the record, see bc_client_record_acquire().
 */
const char *bc_layout_misfit(const compound_data_t *data,
			     const nfs_client_id_t *client, clientid4 clientid);

/**
 * The same for the rest of the record, its list of sessions first.
 *
 * Context: bc_layout_misfit() found none; holds client->cid_mutex.
 */
const char *bc_layout_list_misfit(const nfs_client_id_t *client);

/**
 * The same for the session that it created, and for what it left in the record.
 *
 * @param[in] resok  as the server answered
 *
 * Context: bc_layout_list_misfit() found none; holds client->cid_mutex.
 */
const char *bc_layout_session_misfit(const nfs41_session_t *session,
				     const nfs_client_id_t *client,
				     const CREATE_SESSION4resok *resok);

/**
 * Verify how operation contexts are laid out, with Ganesha's own functions.
 *
 * @return what does not fit, or NULL
 *
 * Context: before any session exists.
 */
const char *bc_layout_context_misfit(void);

/**
 * A delegation is about to be granted: if nothing is known yet, compare what we
 * read of it with what we know of it.  A misfit is logged, once.
 *
 * @param[in] state  as Ganesha passes it to lease_op2
 * @param[in] owner  likewise
 * @param[in] write  a write delegation
 *
 * @return bc_layout_of_delegations(), afterwards
 *
 * Context: holds the file's st_lock.
 */
enum bc_layout bc_layout_delegation_verify(state_t *state, state_owner_t *owner,
					   bool write);

/**
 * The same of locks: the list that a file has of them, their owners and states, which
 * the first one shows that an NFSv4 client has.  While it is not known to fit, they are
 * not read.
 *
 * Context: any thread.
 */
static inline enum bc_layout bc_layout_of_locks(void)
{
	return uatomic_read(&bc_layouts.locks);
}

/**
 * If nothing is known yet of locks, compare the first one that a file has with what we
 * know of it.  A misfit is logged, once.
 *
 * @return bc_layout_of_locks(), afterwards
 *
 * Context: holds the file's st_lock.
 */
enum bc_layout bc_layout_lock_verify(const struct fsal_obj_handle *obj);

#endif /* BC_LAYOUT_H */
