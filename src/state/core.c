/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's beginning and end.
 *
 * Purpose: make the tables and the threads; take everything apart again.
 * Data: bc_core: configuration, operations and the three tables.
 * Locking: the tables are lock-free; init and fini run alone.
 * Lifetime: the tables hold no references of their own: an object leaves its
 *   table before its last reference goes.
 * Invariant: after bc_core_fini() no thread and no RCU callback is left that
 *   would run code or touch memory of the core.
 */
#include "bc_internal.h"

#include <string.h>

/* The sum of the parts is the whole, or a callback was lost or ended twice. */
static void counts_log(void)
{
	const unsigned long *completed = bc_core.completed;

	bc_log(BC_LOG_EVENT,
	       "callbacks: %lu submitted, %lu completed (%lu answered, %lu ran with their result lost, %lu put off, %lu failed)",
	       bc_core.submitted,
	       completed[BC_OUTCOME_REPLY] + completed[BC_OUTCOME_RAN] +
		       completed[BC_OUTCOME_DEFER] +
		       completed[BC_OUTCOME_FAILED],
	       completed[BC_OUTCOME_REPLY], completed[BC_OUTCOME_RAN],
	       completed[BC_OUTCOME_DEFER], completed[BC_OUTCOME_FAILED]);
}

/* What has not ended with the clients that went is seen here. */
static void tables_log(void)
{
	bc_log(BC_LOG_EVENT,
	       "tables at the end: %lu clients, %lu sessions, %lu connections",
	       uatomic_read(&bc_core.clients.count),
	       uatomic_read(&bc_core.sessions.count),
	       uatomic_read(&bc_core.conns.count));
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
				    .expire = bc_sender_expire };
	rc = tables_init();
	if (!rc)
		rc = bc_timers_start();
	if (rc)
		tables_free();
	return rc;
}

/* One member of a table, or NULL: +1 ref. */
static struct bc_conn *any_conn(void)
{
	struct cds_lfht_iter iter;
	struct bc_conn *conn, *found = NULL;

	rcu_read_lock();
	cds_lfht_for_each_entry(bc_core.conns.entries, &iter, conn, node) {
		if (urcu_ref_get_unless_zero(&conn->ref)) {
			found = conn;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

static struct bc_session *any_session(void)
{
	struct cds_lfht_iter iter;
	struct bc_session *session, *found = NULL;

	rcu_read_lock();
	cds_lfht_for_each_entry(bc_core.sessions.entries, &iter, session,
				node) {
		if (urcu_ref_get_unless_zero(&session->ref)) {
			found = session;
			break;
		}
	}
	rcu_read_unlock();
	return found;
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
		bc_client_end_calls_locked(client, BC_OUTCOME_FAILED);
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
	bc_work_flush(bc_completion_queue);
}

void bc_core_fini(void)
{
	struct bc_session *session;
	struct bc_conn *conn;

	bc_core_stop_calls();
	while ((session = any_session()) != NULL) {
		bc_session_close(session);
		bc_session_put(session);
	}
	while ((conn = any_conn()) != NULL) {
		bc_conn_down(conn);
		bc_conn_put(conn);
	}
	bc_timers_stop();
	rcu_barrier();
	tables_free();
	counts_log();
}
