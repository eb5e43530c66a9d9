/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's record of a client: found by the client id, looked at in place.
 *
 * Ganesha exports its table of confirmed clients, but no function that takes a
 * reference to a record.  The table holds one until the record has left it, so
 * that the table's latch keeps the record alive.
 */
#include "ganesha/client_record.h"

#include "ganesha/mutex.h"

#include "nfs_core.h"
#include "sal_functions.h"

#include <errno.h>
#include <string.h>
#include <time.h>

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

/* Context: cid_mutex is held. */
static nfs41_session_t *find_session_locked(nfs_client_id_t *client,
					    const sessionid4 id)
{
	nfs41_session_t *session = NULL;

	do
		session = bc_client_record_next_session(client, session);
	while (session &&
	       memcmp(session->session_id, id, NFS4_SESSIONID_SIZE) != 0);
	return session;
}

int bc_client_record_visit_session(clientid4 clientid, const sessionid4 id,
				   void (*visit)(nfs41_session_t *session,
						 void *arg),
				   void *arg)
{
	struct hash_latch latch;
	nfs_client_id_t *client = bc_client_record_acquire(clientid, &latch);
	nfs41_session_t *session = NULL;
	int rc = -EBUSY;

	if (!client)
		return -ENOENT;
	if (bc_mutex_try(&client->cid_mutex)) {
		session = find_session_locked(client, id);
		rc = session ? 0 : -ENOENT;
		if (session)
			visit(session, arg);
		pthread_mutex_unlock(&client->cid_mutex);
	}
	bc_client_record_release(&latch);
	return rc;
}

/* @return whether it is known */
static bool owner_holds_state(state_owner_t *owner, bool *holds)
{
	if (!bc_mutex_try(&owner->so_mutex))
		return false;
	*holds = !glist_empty(&owner->so_owner.so_nfs4_owner.so_state_list);
	pthread_mutex_unlock(&owner->so_mutex);
	return true;
}

/* Delegations and layouts are the client's own; opens are an open owner's, and
 * without one there are no locks.  Context: holds cid_mutex.
 */
static bool holds_state_locked(nfs_client_id_t *client, bool *holds)
{
	struct glist_head *pos;
	bool known = owner_holds_state(&client->cid_owner, holds);

	glist_for_each(pos, &client->cid_openowners) {
		if (!known || *holds)
			break;
		known = owner_holds_state(
			glist_entry(pos, state_owner_t,
				    so_owner.so_nfs4_owner.so_perclient),
			holds);
	}
	return known;
}

bool bc_client_record_holds_state(nfs_client_id_t *client, bool *holds)
{
	bool known;

	if (!bc_mutex_try(&client->cid_mutex))
		return false;
	known = holds_state_locked(client, holds);
	pthread_mutex_unlock(&client->cid_mutex);
	return known;
}

bool bc_client_record_lease_is_over(const nfs_client_id_t *client)
{
	return client->cid_confirmed == EXPIRED_CLIENT_ID ||
	       (!client->cid_lease_reservations &&
		client->cid_last_renew +
				(time_t)nfs_param.nfsv4_param.lease_lifetime <=
			time(NULL));
}
