/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's record of a client, the sessions in it, and whether it holds more.
 */
#ifndef BC_CLIENT_RECORD_H
#define BC_CLIENT_RECORD_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"
#include "hashtable.h"

/**
 * Find Ganesha's record of a confirmed client.
 *
 * @param[in]  clientid
 * @param[out] latch     to be given to bc_client_record_release(), if found
 *
 * @return the record, borrowed until then; or NULL: there is none
 *
 * Context: any thread.  Until the release, no lock may be waited for that is
 * held elsewhere when the table is looked into: see bc_mutex_try().
 */
nfs_client_id_t *bc_client_record_acquire(clientid4 clientid,
					  struct hash_latch *latch);
void bc_client_record_release(struct hash_latch *latch);

/**
 * Walk the sessions of a client's record.
 *
 * @param[in] session  NULL, for the first one
 *
 * @return the one after it, borrowed; or NULL
 *
 * Context: client->cid_mutex is held.
 */
nfs41_session_t *bc_client_record_next_session(nfs_client_id_t *client,
					       nfs41_session_t *session);

/**
 * Visit one of a client's sessions.
 *
 * @param[in] id     the session's
 * @param[in] visit  called with it, client->cid_mutex held, if it is there
 *
 * @return 0; -ENOENT: it is not there; -EBUSY: somebody else has the mutex for long
 *
 * Context: holds no lock; bc_layout() is BC_LAYOUT_FITS.
 */
int bc_client_record_visit_session(clientid4 clientid, const sessionid4 id,
				   void (*visit)(nfs41_session_t *session,
						 void *arg),
				   void *arg);

/**
 * Does a client hold opens, locks, delegations or layouts?
 *
 * @param[out] holds  set if that is known
 *
 * @return whether it is: not, if somebody else has a lock for long
 *
 * Context: between bc_client_record_acquire() and bc_client_record_release(), and
 * bc_layout() is BC_LAYOUT_FITS.
 */
bool bc_client_record_holds_state(nfs_client_id_t *client, bool *holds);

/**
 * Is a client's lease over?  It is held while a recall of it is under way.
 *
 * Context: client->cid_mutex is held.
 */
bool bc_client_record_lease_is_over(const nfs_client_id_t *client);

#endif /* BC_CLIENT_RECORD_H */
