/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's record of a client: found by the client id, looked at in place.
 *
 * Ganesha exports its table of confirmed clients, but no function that takes a
 * reference to a record.  The table holds one until the record has left it, so
 * that the table's latch keeps the record alive.
 */
#include "ganesha/client_record.h"

#include "sal_functions.h"

nfs_client_id_t *bc_client_record_acquire(clientid4 clientid,
					  struct hash_latch *latch)
{
	struct gsh_buffdesc key = { .addr = &clientid,
				    .len = sizeof(clientid) };
	struct gsh_buffdesc value;
	hash_error_t rc = hashtable_getlatch(ht_confirmed_client_id, &key,
					     &value, false, latch);

	if (rc == HASHTABLE_SUCCESS)
		return value.addr;
	/* The latch is held where the key would be, too. */
	if (rc == HASHTABLE_ERROR_NO_SUCH_KEY)
		bc_client_record_release(latch);
	return NULL;
}

void bc_client_record_release(struct hash_latch *latch)
{
	hashtable_releaselatched(ht_confirmed_client_id, latch);
}

nfs41_session_t *bc_client_record_next_session(nfs_client_id_t *client,
					       nfs41_session_t *session)
{
	struct glist_head *list = &client->cid_cb.v41.cb_session_list;
	struct glist_head *next =
		session ? session->session_link.next : list->next;

	return next == list ? NULL :
			      glist_entry(next, nfs41_session_t, session_link);
}
