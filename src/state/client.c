/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients: one sender for each client id.
 *
 * Purpose: find a client's sender; let it live as long as it is needed.
 * Data: struct bc_client, in a lock-free hash table by client id.
 * Locking: client->lock guards a client's sessions, their bindings and slots,
 *   and its callbacks.  Two clients share none but the timers' and the probes',
 *   each held for a moment.
 * Lifetime: see "who holds a reference" in bc_internal.h.  A client leaves the
 *   table when it has neither sessions nor callbacks ("dead"), or a lease after
 *   that if it left one unanswered; who finds it dead looks again.
 * Invariants: client->paths is the sum over its sessions; a dead client has no
 *   sessions and no callbacks and never gets any again.
 */
#include "bc_internal.h"

#include <stdlib.h>

static int client_match(struct cds_lfht_node *node, const void *key)
{
	const struct bc_client *client =
		caa_container_of(node, struct bc_client, node);

	return client->clientid == *(const uint64_t *)key;
}

struct bc_client *bc_client_get(uint64_t clientid)
{
	struct bc_client *client = NULL;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock();
	cds_lfht_lookup(bc_core.clients.entries, bc_hash_u64(clientid),
			client_match, &clientid, &iter);
	node = cds_lfht_iter_get_node(&iter);
	if (node) {
		client = caa_container_of(node, struct bc_client, node);
		if (!urcu_ref_get_unless_zero(&client->ref))
			client = NULL;
	}
	rcu_read_unlock();
	return client;
}

void bc_client_ref(struct bc_client *client)
{
	urcu_ref_get(&client->ref);
}

static void client_free_rcu(struct rcu_head *rcu)
{
	struct bc_client *client = caa_container_of(rcu, struct bc_client, rcu);

	pthread_mutex_destroy(&client->lock);
	free(client);
}

static void client_release(struct urcu_ref *ref)
{
	struct bc_client *client = caa_container_of(ref, struct bc_client, ref);

	call_rcu(&client->rcu, client_free_rcu);
}

void bc_client_put(struct bc_client *client)
{
	urcu_ref_put(&client->ref, client_release);
}

static void timer_run(struct bc_timer *timer)
{
	struct bc_client *client =
		caa_container_of(timer, struct bc_client, timer);

	bc_core.expire(client);
	bc_client_put(client); /* the armed timer's */
}

/* @return +1 ref on top of the table's */
static struct bc_client *client_new(uint64_t clientid)
{
	struct bc_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->clientid = clientid;
	client->timer.run = timer_run;
	pthread_mutex_init(&client->lock, NULL);
	CDS_INIT_LIST_HEAD(&client->sessions);
	CDS_INIT_LIST_HEAD(&client->reachable);
	CDS_INIT_LIST_HEAD(&client->ready);
	CDS_INIT_LIST_HEAD(&client->parked);
	CDS_INIT_LIST_HEAD(&client->delayed);
	CDS_INIT_LIST_HEAD(&client->full);
	CDS_INIT_LIST_HEAD(&client->queue);
	CDS_INIT_LIST_HEAD(&client->back_list);
	client->doubts = 1;
	client->spoke = bc_now_ns();
	urcu_ref_init(&client->ref);
	urcu_ref_get(&client->ref);
	return client;
}

/* @param[out] result  +1 ref; or NULL: another one was there, and may be gone
 * @return 0, or -ENOMEM
 */
static int client_add(uint64_t clientid, struct bc_client **result)
{
	struct bc_client *client = client_new(clientid);
	struct cds_lfht_node *node;

	*result = NULL;
	if (!client)
		return -ENOMEM;
	node = bc_table_add(&bc_core.clients, bc_hash_u64(clientid),
			    client_match, &clientid, &client->node);
	if (node == &client->node) {
		*result = client;
		return 0;
	}
	/* Somebody was faster; nobody has seen ours. */
	pthread_mutex_destroy(&client->lock);
	free(client);
	return 0;
}

struct bc_client *bc_client_lock(uint64_t clientid)
{
	for (;;) {
		struct bc_client *client = bc_client_get(clientid);

		if (!client && client_add(clientid, &client))
			return NULL;
		if (!client)
			continue;
		pthread_mutex_lock(&client->lock);
		if (!client->dead) {
			if (!client->place)
				bc_directory_add_locked(client);
			return client;
		}
		pthread_mutex_unlock(&client->lock);
		bc_client_put(client);
	}
}

void bc_client_arm_locked(struct bc_client *client, uint64_t when)
{
	bc_assert_locked(&client->lock);
	if (client->armed && client->armed <= when)
		return;
	client->armed = when;
	bc_client_ref(client);
	if (!bc_timer_arm(&client->timer, when))
		bc_client_put(client);
}

/* What it left unanswered is remembered for a lease: a new session is no answer. */
static bool keeps_doubt(struct bc_client *client)
{
	uint64_t now;

	if (!(client->doubted || client->bereaved) ||
	    uatomic_read(&bc_core.stopping))
		return false;
	now = bc_now();
	if (!client->kept_until)
		client->kept_until = now + bc_configured(lease_time);
	if (now >= client->kept_until)
		return false;
	bc_client_arm_locked(client, client->kept_until);
	return true;
}

void bc_client_end_outage_locked(struct bc_client *client)
{
	if (!client->outage)
		return;
	client->outage = false;
	bc_count_many(BC_COUNT_DOWN_MS, bc_now() - client->paths_since);
}

void bc_client_retire_locked(struct bc_client *client)
{
	bc_assert_locked(&client->lock);
	if (client->dead || client->calls ||
	    !cds_list_empty(&client->sessions) || keeps_doubt(client))
		return;
	client->dead = true;
	bc_client_end_outage_locked(client);
	bc_directory_remove_locked(client);
	bc_table_del(&bc_core.clients, &client->node);
	bc_client_put(client); /* the table's; our caller holds one */
}

void bc_client_set_standing_locked(struct bc_client *client)
{
	uint32_t before = uatomic_read(&client->standing), standing = 0;

	bc_assert_locked(&client->lock);
	if (client->paths)
		standing |= BC_STANDING_PATH;
	if (client->trusted && !client->doubted)
		standing |= BC_STANDING_TRUSTED;
	/* Kept until a SEQUENCE has seen it: it may come when all that is over. */
	if ((standing & BC_STANDING_TRUSTED) && !client->bereaved)
		standing |= before & BC_STANDING_TRUSTED ?
				    before & BC_STANDING_FORGIVEN :
				    BC_STANDING_FORGIVEN;
	uatomic_set(&client->standing, standing);
}

bool bc_client_on_trial(const struct bc_client *client)
{
	return !(uatomic_read(&client->standing) & BC_STANDING_TRUSTED);
}
