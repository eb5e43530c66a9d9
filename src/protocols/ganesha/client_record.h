/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's record of a client, and the sessions in it.
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

#endif /* BC_CLIENT_RECORD_H */
