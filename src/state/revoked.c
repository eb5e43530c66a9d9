/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Revoked stateids: what a client has lost and not acknowledged yet.
 *
 * Purpose: know a stateid whose delegation was revoked from one that never was,
 *   until its client frees it (RFC 5661, 18.38); let SEQUENCE say that there
 *   are some (18.46.3).
 * Data: struct bc_revoked of a client: the `other` fields, in no order.  A
 *   client keeps REVOKED_MAX of them; what is revoked beyond that is bad
 *   stateids to it, which lets it recover as well.
 * Locking: under the client's lock; the count is read without it.
 * Lifetime: until the client frees them or its client id ends.  A client
 *   without a session keeps them for a lease, which it cannot renew meanwhile.
 * Invariants: a dead client has none; ->until is set only without a session.
 */
#include "bc_internal.h"

#include <stdlib.h>
#include <string.h>

#define REVOKED_MIN 8 /* allocated at first */
#define REVOKED_MAX 1024

/* @return its index, or the count if it is not there */
static uint32_t find(const struct bc_revoked *revoked, const uint8_t *other)
{
	uint32_t i = 0;

	while (i < revoked->count &&
	       memcmp(revoked->others[i], other, BC_STATEID_OTHER_SIZE))
		i++;
	return i;
}

static int make_room(struct bc_revoked *revoked)
{
	uint32_t room = revoked->room ? 2 * revoked->room : REVOKED_MIN;
	void *others;

	if (revoked->count < revoked->room)
		return 0;
	if (room > REVOKED_MAX)
		return -ENOBUFS;
	others = realloc(revoked->others, room * sizeof(*revoked->others));
	if (!others)
		return -ENOMEM;
	revoked->others = others;
	revoked->room = room;
	return 0;
}

void bc_revoked_clear_locked(struct bc_client *client)
{
	struct bc_revoked *revoked = &client->revoked;

	free(revoked->others);
	revoked->others = NULL;
	revoked->room = 0;
	revoked->until = 0;
	uatomic_set(&revoked->count, 0);
}

bool bc_revoked_keep_locked(struct bc_client *client)
{
	struct bc_revoked *revoked = &client->revoked;
	uint64_t now = bc_now();

	if (!revoked->count || uatomic_read(&bc_core.stopping))
		return false;
	if (!revoked->until)
		revoked->until = now + bc_core.config.lease_time;
	if (now >= revoked->until)
		return false;
	bc_client_arm_locked(client, revoked->until);
	return true;
}

static int remember(struct bc_revoked *revoked, const uint8_t *other)
{
	uint32_t index = find(revoked, other);
	int rc;

	if (index < revoked->count)
		return 0;
	rc = make_room(revoked);
	if (rc)
		return rc;
	memcpy(revoked->others[index], other, BC_STATEID_OTHER_SIZE);
	uatomic_set(&revoked->count, index + 1);
	return 0;
}

void bc_revoked_add(uint64_t clientid,
		    const uint8_t other[BC_STATEID_OTHER_SIZE])
{
	struct bc_client *client = bc_client_lock(clientid);
	int rc = -ENOMEM;

	if (client) {
		rc = remember(&client->revoked, other);
		bc_client_retire_locked(client);
		pthread_mutex_unlock(&client->lock);
		bc_client_put(client);
	}
	if (rc)
		bc_log(BC_LOG_WARN,
		       "client %#lx: a revoked delegation is not remembered: %s",
		       (unsigned long)clientid, strerror(-rc));
	else
		bc_log(BC_LOG_EVENT, "client %#lx: a delegation was revoked",
		       (unsigned long)clientid);
}

/* The session's client if it has revoked stateids: +1 ref; or NULL. */
static struct bc_client *find_client(const uint8_t id[BC_SESSIONID_SIZE])
{
	struct bc_session *session = bc_session_get(id);
	struct bc_client *client = NULL;

	if (!session)
		return NULL;
	if (uatomic_read(&session->client->revoked.count)) {
		client = session->client;
		bc_client_ref(client);
	}
	bc_session_put(session);
	return client;
}

bool bc_revoked_contains(const uint8_t sessionid[BC_SESSIONID_SIZE],
			 const uint8_t other[BC_STATEID_OTHER_SIZE])
{
	struct bc_client *client = find_client(sessionid);
	bool found;

	if (!client)
		return false;
	pthread_mutex_lock(&client->lock);
	found = find(&client->revoked, other) < client->revoked.count;
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	return found;
}

bool bc_revoked_free(const uint8_t sessionid[BC_SESSIONID_SIZE],
		     const uint8_t other[BC_STATEID_OTHER_SIZE], bool *last)
{
	struct bc_client *client = find_client(sessionid);
	struct bc_revoked *revoked;
	uint32_t index;
	bool found;

	*last = false;
	if (!client)
		return false;
	revoked = &client->revoked;
	pthread_mutex_lock(&client->lock);
	index = find(revoked, other);
	found = index < revoked->count;
	if (found) {
		uint32_t left = revoked->count - 1;

		memmove(revoked->others[index], revoked->others[left],
			BC_STATEID_OTHER_SIZE);
		uatomic_set(&revoked->count, left);
		*last = !left;
	}
	if (*last)
		bc_revoked_clear_locked(client);
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	return found;
}
