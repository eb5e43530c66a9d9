/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's beginning and end.
 *
 * Purpose: make the tables and the threads; take everything apart again.
 * Data: bc_core: configuration, operations and the four tables.
 * Locking: the tables are lock-free; init and fini run alone.
 * Lifetime: the tables of clients and of revoked stateids hold a reference to what
 *   is in them, those of sessions and connections none of their own: an object
 *   leaves its table before its last reference goes.
 * Invariant: after bc_core_fini() no thread and no RCU callback is left that
 *   would run code or touch memory of the core.
 */
#include "bc_internal.h"

#include <stdlib.h>
#include <string.h>

/* The sum of the parts is the whole, or a callback, a held request or who waited for a
 * lock was lost or ended twice.
 */
static void counts_log(void)
{
	unsigned long submitted = 0, completed[BC_OUTCOMES] = { 0 };
	struct bc_counts counts;

	bc_counts_sum(&counts);
	for (int op = 0; op < BC_CB_OPS; op++) {
		submitted += counts.submitted[op];
		for (int outcome = 0; outcome < BC_OUTCOMES; outcome++)
			completed[outcome] += counts.completed[op][outcome];
	}
	bc_log(BC_LOG_EVENT,
	       "callbacks: %lu submitted, %lu completed (%lu answered, %lu ran with their result lost, %lu put off, %lu failed)",
	       submitted,
	       completed[BC_OUTCOME_REPLY] + completed[BC_OUTCOME_RAN] +
		       completed[BC_OUTCOME_DEFER] +
		       completed[BC_OUTCOME_FAILED],
	       completed[BC_OUTCOME_REPLY], completed[BC_OUTCOME_RAN],
	       completed[BC_OUTCOME_DEFER], completed[BC_OUTCOME_FAILED]);
	bc_log(BC_LOG_EVENT,
	       "conflicting requests: %lu held, %lu of them went on, %lu in vain; %lu not held because of a limit; looked again %lu times",
	       bc_core.held.held, bc_core.held.went_on, bc_core.held.in_vain,
	       bc_core.held.refused, bc_core.held.looks);
	bc_log(BC_LOG_EVENT,
	       "locks: %lu waited for, %lu of them granted, %lu left, %lu not come for, %lu not told, %lu forgotten; %lu not waited for because of a limit; %lu callbacks",
	       counts.of[BC_COUNT_LOCK_WAITS], counts.of[BC_COUNT_LOCK_GRANTED],
	       counts.of[BC_COUNT_LOCK_LEFT], counts.of[BC_COUNT_LOCK_PASSED],
	       counts.of[BC_COUNT_LOCK_UNTOLD],
	       counts.of[BC_COUNT_LOCK_EXPIRED],
	       counts.of[BC_COUNT_LOCK_REFUSED],
	       counts.of[BC_COUNT_LOCK_NOTIFIED]);
}

/* What has not ended with the clients that went is seen here. */
static void tables_log(void)
{
	bc_log(BC_LOG_EVENT,
	       "tables at the end: %lu clients, %lu sessions, %lu connections, %lu with revoked stateids",
	       uatomic_read(&bc_core.clients.count),
	       uatomic_read(&bc_core.sessions.count),
	       uatomic_read(&bc_core.conns.count),
	       uatomic_read(&bc_core.revoked.count));
}

static int tables_init(void)
{
	if (bc_table_init(&bc_core.clients) ||
	    bc_table_init(&bc_core.sessions) || bc_table_init(&bc_core.conns) ||
	    bc_table_init(&bc_core.revoked))
		return -ENOMEM;
	return 0;
}

static void tables_free(void)
{
	bc_table_fini(&bc_core.clients);
	bc_table_fini(&bc_core.sessions);
	bc_table_fini(&bc_core.conns);
	bc_table_fini(&bc_core.revoked);
}

int bc_core_init(const struct bc_config *config, const struct bc_ops *ops)
{
	int rc;

	bc_core = (struct bc_core){ .config = *config,
				    .ops = ops,
				    .expire = bc_expiry_run };
	bc_counts_reset();
	bc_waiting_start();
	bc_lock_start();
	rc = tables_init();
	if (!rc)
		rc = bc_timers_start();
	if (rc)
		tables_free();
	return rc;
}

/* What a table has, with a reference each. */
struct members {
	size_t count, room;
	struct cds_lfht_node **nodes;
	struct cds_lfht_node *few[64]; /* if there is no memory for more */
};

/* Those of a table: one walk for all of them, as one that begins anew for each
 * would come past the buckets of all that have left.
 */
static void members_find(struct members *members, const struct bc_table *table,
			 bool (*get)(struct cds_lfht_node *node))
{
	struct cds_lfht_iter iter;

	members->count = 0;
	members->room = uatomic_read(&table->count);
	members->nodes = malloc(members->room * sizeof(*members->nodes));
	if (!members->nodes) {
		members->nodes = members->few;
		members->room = sizeof(members->few) / sizeof(members->few[0]);
	}
	rcu_read_lock();
	for (cds_lfht_first(table->entries, &iter);
	     cds_lfht_iter_get_node(&iter) && members->count < members->room;
	     cds_lfht_next(table->entries, &iter)) {
		struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);

		if (get(node))
			members->nodes[members->count++] = node;
	}
	rcu_read_unlock();
}

static void members_free(struct members *members)
{
	if (members->nodes != members->few)
		free(members->nodes);
}

/* End all members of a table, whose references @end consumes. */
static void end_all(const struct bc_table *table,
		    bool (*get)(struct cds_lfht_node *node),
		    void (*end)(struct cds_lfht_node *node))
{
	struct members members;

	do {
		members_find(&members, table, get);
		for (size_t i = 0; i < members.count; i++)
			end(members.nodes[i]);
		members_free(&members);
	} while (members.count);
}

static bool session_get(struct cds_lfht_node *node)
{
	return urcu_ref_get_unless_zero(
		&caa_container_of(node, struct bc_session, node)->ref);
}

static void session_end(struct cds_lfht_node *node)
{
	struct bc_session *session =
		caa_container_of(node, struct bc_session, node);

	bc_session_close(session);
	bc_session_put(session);
}

static bool conn_get(struct cds_lfht_node *node)
{
	return urcu_ref_get_unless_zero(
		&caa_container_of(node, struct bc_conn, node)->ref);
}

static void conn_end(struct cds_lfht_node *node)
{
	struct bc_conn *conn = caa_container_of(node, struct bc_conn, node);

	bc_conn_down(conn);
	bc_conn_put(conn);
}

static void fail_all_clients(void)
{
	struct cds_lfht_iter iter;
	struct bc_client *client;

	/* The clients' locks are taken inside this section: nobody who holds
	 * one waits for a grace period.
	 */
	rcu_read_lock();
	cds_lfht_for_each_entry(bc_core.clients.entries, &iter, client, node) {
		pthread_mutex_lock(&client->lock);
		bc_client_end_calls_locked(client, BC_OUTCOME_FAILED,
					   "the server ends");
		bc_client_retire_locked(client);
		pthread_mutex_unlock(&client->lock);
	}
	rcu_read_unlock();
}

void bc_core_stop_calls(void)
{
	if (!uatomic_read(&bc_core.stopping))
		tables_log();
	uatomic_set(&bc_core.stopping, true);
	cmm_smp_mb(); /* pairs with the one in bc_call_submit() */
	fail_all_clients();
	bc_worker_flush(bc_completion_queue);
}

void bc_core_fini(void)
{
	bc_waiting_stop();
	bc_lock_stop();
	bc_core_stop_calls();
	end_all(&bc_core.sessions, session_get, session_end);
	end_all(&bc_core.conns, conn_get, conn_end);
	bc_timers_stop();
	rcu_barrier();
	bc_directory_fini();
	tables_free();
	counts_log();
}
