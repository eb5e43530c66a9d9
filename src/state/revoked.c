/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Revoked stateids: what a client has lost and not acknowledged yet.
 *
 * Purpose: know a stateid whose delegation was revoked from one that never was,
 *   until its client frees it (RFC 5661, 18.38); let SEQUENCE say that there
 *   are some (18.46.3).
 *   A client that asks for its stateids and for a lease does not name one of these
 *   has forgotten it and cannot free it: it is told of it no more.  (18.46.3 has it
 *   told until it is freed: for ever.)
 * Data: struct bc_revoked, in a lock-free hash table by client id: the `other`
 *   fields, in no order.  A client keeps REVOKED_MAX of them; what is revoked
 *   beyond that is bad stateids to it, which lets it recover as well.  A client
 *   with sessions points to its own, for SEQUENCE.
 * Locking: [V], its own lock, which comes after the client's; the count and the
 *   client's pointer are read without.
 * Lifetime: until the client frees the stateids, or its client id ends.  Without
 *   a session they are kept for a lease, which the client cannot renew meanwhile.
 *   Freed a grace period after the last reference: the table's, the client's
 *   and the armed timer's.
 * Invariants: one that a client points to is in the table; it is linked if and
 *   only if a client points to it, and ->until is set only if none does.
 */
#include "bc_internal.h"

#include <stdlib.h>
#include <string.h>

#define REVOKED_MIN 8 /* allocated at first */
#define REVOKED_MAX 1024

/* Finding ------------------------------------------------------------------ */

static int revoked_match(struct cds_lfht_node *node, const void *key)
{
	const struct bc_revoked *revoked =
		caa_container_of(node, struct bc_revoked, node);

	return revoked->clientid == *(const uint64_t *)key;
}

struct bc_revoked *bc_revoked_get(uint64_t clientid)
{
	struct bc_revoked *revoked = NULL;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock();
	cds_lfht_lookup(bc_core.revoked.entries, bc_hash_u64(clientid),
			revoked_match, &clientid, &iter);
	node = cds_lfht_iter_get_node(&iter);
	if (node) {
		revoked = caa_container_of(node, struct bc_revoked, node);
		if (!urcu_ref_get_unless_zero(&revoked->ref))
			revoked = NULL;
	}
	rcu_read_unlock();
	return revoked;
}

static void revoked_destroy(struct bc_revoked *revoked)
{
	pthread_mutex_destroy(&revoked->lock);
	free(revoked->stateids);
	free(revoked);
}

static void revoked_free_rcu(struct rcu_head *rcu)
{
	revoked_destroy(caa_container_of(rcu, struct bc_revoked, rcu));
}

static void revoked_release(struct urcu_ref *ref)
{
	struct bc_revoked *revoked =
		caa_container_of(ref, struct bc_revoked, ref);

	call_rcu(&revoked->rcu, revoked_free_rcu);
}

void bc_revoked_put(struct bc_revoked *revoked)
{
	urcu_ref_put(&revoked->ref, revoked_release);
}

static void revoked_timer_run(struct bc_timer *timer);

/* @return +1 ref on top of the table's; or NULL: out of memory */
static struct bc_revoked *revoked_new(uint64_t clientid)
{
	struct bc_revoked *revoked = calloc(1, sizeof(*revoked));

	if (!revoked)
		return NULL;
	revoked->clientid = clientid;
	revoked->timer.run = revoked_timer_run;
	pthread_mutex_init(&revoked->lock, NULL);
	urcu_ref_init(&revoked->ref);
	urcu_ref_get(&revoked->ref);
	return revoked;
}

/* @param[out] result  +1 ref; or NULL: another one was there, and may be gone
 * @return 0, or -ENOMEM
 */
static int revoked_add(uint64_t clientid, struct bc_revoked **result)
{
	struct bc_revoked *revoked = revoked_new(clientid);
	struct cds_lfht_node *node;

	*result = NULL;
	if (!revoked)
		return -ENOMEM;
	node = bc_table_add(&bc_core.revoked, bc_hash_u64(clientid),
			    revoked_match, &clientid, &revoked->node);
	if (node == &revoked->node) {
		*result = revoked;
		return 0;
	}
	/* Somebody was faster; nobody has seen ours. */
	revoked_destroy(revoked);
	return 0;
}

/* Find or make the client's, and lock it. @return +1 ref, or NULL: no memory */
static struct bc_revoked *revoked_lock(uint64_t clientid)
{
	for (;;) {
		struct bc_revoked *revoked = bc_revoked_get(clientid);

		if (!revoked && revoked_add(clientid, &revoked))
			return NULL;
		if (!revoked)
			continue;
		pthread_mutex_lock(&revoked->lock);
		if (!revoked->removed)
			return revoked;
		pthread_mutex_unlock(&revoked->lock);
		bc_revoked_put(revoked);
	}
}

/* How long they are kept --------------------------------------------------- */

/* [V] */
static void revoked_clear(struct bc_revoked *revoked)
{
	free(revoked->stateids);
	revoked->stateids = NULL;
	revoked->room = 0;
	uatomic_set(&revoked->told, 0);
	uatomic_set(&revoked->count, 0);
}

/* Out of the table; the caller holds a reference. [V] */
static void revoked_remove_locked(struct bc_revoked *revoked)
{
	if (revoked->removed)
		return;
	revoked->removed = true;
	revoked_clear(revoked);
	bc_table_del(&bc_core.revoked, &revoked->node);
	bc_revoked_put(revoked); /* the table's */
}

/* [V] */
static void revoked_arm(struct bc_revoked *revoked)
{
	urcu_ref_get(&revoked->ref);
	if (!bc_timer_arm(&revoked->timer, revoked->until))
		bc_revoked_put(revoked);
}

/* No session: for a lease, if there is anything to keep. [V] */
static void keep_for_lease(struct bc_revoked *revoked)
{
	if (!revoked->count || uatomic_read(&bc_core.stopping)) {
		revoked_remove_locked(revoked);
		return;
	}
	if (revoked->until)
		return;
	revoked->until = bc_now() + bc_configured(lease_time);
	revoked_arm(revoked);
}

static void revoked_timer_run(struct bc_timer *timer)
{
	struct bc_revoked *revoked =
		caa_container_of(timer, struct bc_revoked, timer);

	pthread_mutex_lock(&revoked->lock);
	if (revoked->until && !revoked->removed) {
		if (bc_now() >= revoked->until ||
		    uatomic_read(&bc_core.stopping))
			revoked_remove_locked(revoked);
		else
			revoked_arm(revoked);
	}
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked); /* the armed timer's */
}

void bc_revoked_link_locked(struct bc_client *client)
{
	struct bc_revoked *revoked;

	bc_assert_locked(&client->lock);
	if (client->revoked || !uatomic_read(&bc_core.revoked.count))
		return;
	revoked = bc_revoked_get(client->clientid);
	if (!revoked)
		return;
	pthread_mutex_lock(&revoked->lock);
	if (!revoked->removed) {
		revoked->linked = true;
		revoked->until = 0;
		urcu_ref_get(&revoked->ref);
		rcu_set_pointer(&client->revoked, revoked);
		client->bereaved = true;
		bc_client_set_standing_locked(client);
	}
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked);
}

void bc_revoked_unlink_locked(struct bc_client *client)
{
	struct bc_revoked *revoked = client->revoked;

	bc_assert_locked(&client->lock);
	if (!revoked)
		return;
	rcu_set_pointer(&client->revoked, NULL);
	pthread_mutex_lock(&revoked->lock);
	revoked->linked = false;
	keep_for_lease(revoked);
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked);
}

void bc_revoked_forget(uint64_t clientid)
{
	struct bc_revoked *revoked = bc_revoked_get(clientid);

	if (!revoked)
		return;
	pthread_mutex_lock(&revoked->lock);
	revoked_clear(revoked);
	if (!revoked->linked)
		revoked_remove_locked(revoked);
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked);
}

/* The stateids ------------------------------------------------------------- */

/* @return its index, or the count if it is not there */
static uint32_t revoked_find(const struct bc_revoked *revoked,
			     const uint8_t *other)
{
	uint32_t i = 0;

	while (i < revoked->count &&
	       memcmp(revoked->stateids[i].other, other, BC_STATEID_OTHER_SIZE))
		i++;
	return i;
}

static int make_room(struct bc_revoked *revoked)
{
	uint32_t room = revoked->room ? 2 * revoked->room : REVOKED_MIN;
	void *stateids;

	if (revoked->count < revoked->room)
		return 0;
	if (room > REVOKED_MAX)
		return -ENOBUFS;
	stateids =
		realloc(revoked->stateids, room * sizeof(*revoked->stateids));
	if (!stateids)
		return -ENOMEM;
	revoked->stateids = stateids;
	revoked->room = room;
	return 0;
}

static int revoked_remember(struct bc_revoked *revoked, const uint8_t *other)
{
	uint32_t index = revoked_find(revoked, other);
	int rc;

	if (index < revoked->count)
		return 0;
	rc = make_room(revoked);
	if (rc)
		return rc;
	revoked->stateids[index] = (struct bc_revoked_stateid){ 0 };
	memcpy(revoked->stateids[index].other, other, BC_STATEID_OTHER_SIZE);
	uatomic_set(&revoked->count, index + 1);
	uatomic_set(&revoked->told, revoked->told + 1);
	return 0;
}

/* If the client has a session already, that must lead to them.  One that is just
 * added finds them in the table, or we find it there.  What it answers from now on
 * it answers after the revocation.
 */
static void link_to_client(uint64_t clientid)
{
	struct bc_client *client = bc_client_get(clientid);

	if (!client)
		return;
	pthread_mutex_lock(&client->lock);
	client->bereaved = true;
	bc_client_set_standing_locked(client);
	if (!cds_list_empty(&client->sessions))
		bc_revoked_link_locked(client);
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
}

void bc_revoked_add(uint64_t clientid,
		    const uint8_t other[BC_STATEID_OTHER_SIZE])
{
	struct bc_revoked *revoked;
	int rc = -ENOMEM;

	revoked = revoked_lock(clientid);
	if (revoked) {
		rc = revoked_remember(revoked, other);
		pthread_mutex_unlock(&revoked->lock);
		link_to_client(clientid);
		pthread_mutex_lock(&revoked->lock);
		if (!revoked->linked)
			keep_for_lease(revoked);
		pthread_mutex_unlock(&revoked->lock);
		bc_revoked_put(revoked);
	}
	bc_count(rc ? BC_COUNT_NOT_REMEMBERED : BC_COUNT_REMEMBERED);
	if (rc)
		bc_log_limited(
			BC_LIMITED_NOT_REMEMBERED, BC_LOG_WARN,
			"client %#lx: a revoked delegation is not remembered: %s",
			(unsigned long)clientid, strerror(-rc));
	else
		bc_log_limited(BC_LIMITED_REVOKED, BC_LOG_EVENT,
			       "client %#lx: a delegation was revoked",
			       (unsigned long)clientid);
}

/* The session's client's, if it has any: +1 ref; or NULL. */
static struct bc_revoked *revoked_of(const struct bc_session *session)
{
	struct bc_revoked *revoked;

	rcu_read_lock();
	revoked = rcu_dereference(session->client->revoked);
	if (revoked && (!uatomic_read(&revoked->count) ||
			!urcu_ref_get_unless_zero(&revoked->ref)))
		revoked = NULL;
	rcu_read_unlock();
	return revoked;
}

bool bc_revoked_contains(const struct bc_session *session,
			 const uint8_t other[BC_STATEID_OTHER_SIZE])
{
	struct bc_revoked *revoked = revoked_of(session);
	bool found;

	if (!revoked)
		return false;
	pthread_mutex_lock(&revoked->lock);
	found = revoked_find(revoked, other) < revoked->count;
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked);
	return found;
}

bool bc_revoked_free(const struct bc_session *session,
		     const uint8_t other[BC_STATEID_OTHER_SIZE], bool *last)
{
	struct bc_revoked *revoked = revoked_of(session);
	uint32_t index;
	bool found;

	*last = false;
	if (!revoked)
		return false;
	pthread_mutex_lock(&revoked->lock);
	index = revoked_find(revoked, other);
	found = index < revoked->count;
	if (found) {
		uint32_t left = revoked->count - 1;

		if (!revoked->stateids[index].forgotten)
			uatomic_set(&revoked->told, revoked->told - 1);
		revoked->stateids[index] = revoked->stateids[left];
		uatomic_set(&revoked->count, left);
		*last = !left;
	}
	if (*last)
		revoked_clear(revoked);
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked);
	if (found)
		bc_count(BC_COUNT_FREED);
	return found;
}

/* Forgotten stateids --------------------------------------------------------- */

static void set_forgotten(struct bc_revoked *revoked,
			  struct bc_revoked_stateid *stateid, bool forgotten)
{
	if (stateid->forgotten == forgotten)
		return;
	stateid->forgotten = forgotten;
	uatomic_set(&revoked->told, revoked->told + (forgotten ? -1u : 1u));
}

void bc_revoked_asked(const struct bc_session *session,
		      const uint8_t other[BC_STATEID_OTHER_SIZE])
{
	struct bc_revoked *revoked = revoked_of(session);
	uint64_t now = bc_now();

	if (!revoked)
		return;
	pthread_mutex_lock(&revoked->lock);
	for (uint32_t i = 0; i < revoked->count; i++) {
		struct bc_revoked_stateid *stateid = &revoked->stateids[i];

		if (!memcmp(stateid->other, other, BC_STATEID_OTHER_SIZE)) {
			stateid->unnamed_since = 0;
			set_forgotten(revoked, stateid, false);
		} else if (!stateid->unnamed_since) {
			stateid->unnamed_since = now;
		} else if (now - stateid->unnamed_since >=
			   bc_configured(lease_time)) {
			set_forgotten(revoked, stateid, true);
		}
	}
	pthread_mutex_unlock(&revoked->lock);
	bc_revoked_put(revoked);
}
