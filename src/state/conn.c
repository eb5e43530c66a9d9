/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Connections: transports that are bound to some session's channels.
 *
 * Purpose: find a transport's connection; note that its peer answers; close it
 *   when its peer acknowledges nothing.  Its end is in ending.c.
 * Data: struct bc_conn, in a lock-free hash table by transport.
 * Locking: conn->lock guards the lists of bindings; it comes after a client's
 *   lock.
 * Lifetime: in the table until it is down, which it is before its transport
 *   is destroyed; freed a grace period after its last reference.
 * Invariant: a connection that is down gets no new binding.
 */
#include "bc_internal.h"

static int conn_match(struct cds_lfht_node *node, const void *key)
{
	const struct bc_conn *conn =
		caa_container_of(node, struct bc_conn, node);

	return conn->transport == key;
}

static struct bc_conn *conn_find_rcu(const void *transport)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(bc_core.conns.entries,
			bc_hash_u64((uintptr_t)transport), conn_match,
			transport, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct bc_conn, node) : NULL;
}

struct bc_conn *bc_conn_get(const void *transport)
{
	struct bc_conn *conn;

	rcu_read_lock();
	conn = conn_find_rcu(transport);
	if (conn && !urcu_ref_get_unless_zero(&conn->ref))
		conn = NULL;
	rcu_read_unlock();
	return conn;
}

void bc_conn_ref(struct bc_conn *conn)
{
	urcu_ref_get(&conn->ref);
}

static void conn_free_rcu(struct rcu_head *rcu)
{
	struct bc_conn *conn = caa_container_of(rcu, struct bc_conn, rcu);

	pthread_mutex_destroy(&conn->lock);
	bc_core.ops->conn_free(conn);
}

static void conn_release(struct urcu_ref *ref)
{
	struct bc_conn *conn = caa_container_of(ref, struct bc_conn, ref);

	call_rcu(&conn->rcu, conn_free_rcu);
}

void bc_conn_put(struct bc_conn *conn)
{
	urcu_ref_put(&conn->ref, conn_release);
}

static void conn_examine_work(struct bc_work *work)
{
	struct bc_conn *conn =
		caa_container_of(work, struct bc_conn, examine_work);

	uatomic_set(&conn->examined, false);
	if (!uatomic_read(&conn->down) &&
	    bc_core.ops->conn_close_if_stalled(conn)) {
		bc_count(BC_COUNT_STALLED);
		bc_log_limited(
			BC_LIMITED_STALLED, BC_LOG_EVENT,
			"a back channel connection acknowledges nothing while its client is heard on another: closed");
	}
	bc_conn_put(conn); /* bc_conn_examine()'s */
}

void bc_conn_examine(struct bc_conn *conn)
{
	if (uatomic_xchg(&conn->examined, true))
		return;
	urcu_ref_get(&conn->ref);
	bc_timers_queue(&conn->examine_work);
}

int bc_conn_add(struct bc_conn *conn, const void *transport)
{
	struct cds_lfht_node *node;

	conn->transport = transport;
	conn->number = uatomic_add_return(&bc_core.conns_made, 1);
	conn->down = false;
	conn->activity = bc_now_ns();
	conn->examined = false;
	conn->examine_work.run = conn_examine_work;
	bc_idle_init(&conn->idle);
	pthread_mutex_init(&conn->lock, NULL);
	CDS_INIT_LIST_HEAD(&conn->bindings);
	CDS_INIT_LIST_HEAD(&conn->opening);
	urcu_ref_init(&conn->ref);

	node = bc_table_add(&bc_core.conns, bc_hash_u64((uintptr_t)transport),
			    conn_match, transport, &conn->node);
	if (node == &conn->node)
		return 0;
	pthread_mutex_destroy(&conn->lock);
	return -EEXIST;
}
