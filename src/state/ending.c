/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Endings: what becomes of callbacks when a connection, a session or a client
 * ends.
 *
 * Purpose: of a connection, what was in flight on it is parked in its slots and
 *   goes out again over another one of the same session.  Of a session, it becomes
 *   new requests of the client.  Of a client, it ends.
 * Data: bindings, slots and callbacks.
 * Locking: the client's lock.  bc_conn_down() takes none: it runs under whatever
 *   locks the transport's code holds, so it marks and queues work to the timers'
 *   thread, which does the rest.
 * Lifetime: work that is queued holds a reference to its connection.
 * Invariants: a connection has no binding left when ops->conn_release() is
 *   called, and a closed session none and nothing in its slots.
 */
#include "trace.h"

/* Clients ------------------------------------------------------------------ */

void bc_client_end_calls_locked(struct bc_client *client,
				enum bc_outcome outcome, const char *why)
{
	bc_assert_locked(&client->lock);
	while (client->due.first)
		bc_call_done_later_locked(caa_container_of(client->due.first,
							   struct bc_call, due),
					  outcome, why);
}

bool bc_client_defer_calls(uint64_t clientid)
{
	struct bc_client *client = bc_client_get(clientid);
	bool any = false;

	if (!client)
		return false;
	pthread_mutex_lock(&client->lock);
	if (cds_list_empty(&client->sessions)) {
		any = client->calls > 0;
		bc_client_end_calls_locked(client, BC_OUTCOME_DEFER,
					   "its client has no session");
	}
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	if (any)
		bc_worker_flush(bc_completion_queue);
	return any;
}

void bc_client_destroy(uint64_t clientid)
{
	struct bc_client *client = bc_client_get(clientid);

	bc_revoked_forget(clientid);
	bc_lock_client_ended(clientid);
	if (!client)
		return;
	pthread_mutex_lock(&client->lock);
	client->doubted = false;
	client->bereaved = false;
	bc_client_set_standing_locked(client);
	bc_client_end_calls_locked(client, BC_OUTCOME_FAILED,
				   "its client has gone");
	bc_client_retire_locked(client);
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
}

/* Sessions ----------------------------------------------------------------- */

/* What is in the slots of a session that ends goes out as a new request on
 * another one of the client, or waits for one.
 */
static void requeue_all(struct bc_session *session)
{
	struct bc_slot_table *table = &session->slots;

	bc_assert_locked(&session->client->lock);
	/* Each goes to the queue's front: the lowest slot last. */
	for (uint32_t i = table->slots ? table->size : 0; i-- > 0;) {
		struct bc_slot *slot = &table->slots[i];

		if (!slot->call)
			continue;
		if (slot->call->slot == slot)
			bc_call_redo_locked(slot->call);
		bc_slot_end_locked(session, slot, BC_SEQUENCE_STAYS);
	}
}

void bc_session_close(struct bc_session *session)
{
	struct bc_client *client = session->client;
	struct bc_binding *binding, *next;

	pthread_mutex_lock(&client->lock);
	if (!session->open) {
		pthread_mutex_unlock(&client->lock);
		return;
	}
	uatomic_set(&session->open, false);
	bc_table_del(&bc_core.sessions, &session->node);
	cds_list_for_each_entry_safe(binding, next, &session->bindings,
				     session_link)
		bc_binding_remove_locked(binding);
	cds_list_del(&session->client_link);
	if (cds_list_empty(&client->sessions))
		bc_revoked_unlink_locked(client);
	requeue_all(session);
	bc_session_list_locked(session); /* in none any more */
	bc_client_ref(client);
	bc_client_retire_locked(client);
	pthread_mutex_unlock(&client->lock);

	bc_sender_run(client);
	bc_client_put(client);
	bc_session_put(session); /* its own while it was open */
}

/* Connections -------------------------------------------------------------- */

/* "A requester MUST NOT retry a request, unless the connection it used to send
 * the request disconnects.  The requester can then ... re-send the request
 * over a different connection that is associated with the same session."
 * 2.10.6.2.  It goes out at once if there is one (bc_sender_run()), else as
 * soon as one is bound.
 */
static void park_requests(struct bc_session *session,
			  const struct bc_conn *conn)
{
	struct bc_slot_table *table = &session->slots;
	unsigned int parked = 0;
	uint64_t now = bc_now();

	bc_assert_locked(&session->client->lock);
	for (uint32_t i = 0; table->slots && i < table->size; i++) {
		struct bc_slot *slot = &table->slots[i];
		struct bc_call *call = slot->call;

		if (!slot->req || slot->req->conn != conn)
			continue;
		bc_slot_drop_request_locked(slot);
		slot->retry = true;
		bc_slots_set(table, slot, BC_SLOT_PARKED);
		if (call->slot == slot)
			call->expires = bc_call_may_wait_until(call, now);
		BC_TRACE(call, "connection %lu has ended, waits in slot %u",
			 (unsigned long)conn->number, i);
		parked++;
	}
	bc_session_list_locked(session);
	if (parked)
		bc_log_limited(
			BC_LIMITED_CONN_LOST, BC_LOG_EVENT,
			"client %#lx: connection lost with %u callbacks in flight, %s",
			(unsigned long)session->client->clientid, parked,
			session->paths ? "failing over" : "no other is bound");
}

/* Unbind the connection from one session. @return whether there was one */
static bool unbind_one(struct bc_conn *conn)
{
	struct bc_session *session = NULL;
	struct bc_binding *binding;
	struct bc_client *client;

	/* The binding may go while we wait for the client's lock: take only
	 * the session from it, and look again under both locks.
	 */
	pthread_mutex_lock(&conn->lock);
	if (!cds_list_empty(&conn->bindings)) {
		session = cds_list_first_entry(&conn->bindings,
					       struct bc_binding, conn_link)
				  ->session;
		bc_session_ref(session);
	}
	pthread_mutex_unlock(&conn->lock);
	if (!session)
		return false;

	client = session->client;
	bc_client_ref(client);
	pthread_mutex_lock(&client->lock);
	binding = bc_binding_find_locked(session, conn);
	if (binding) {
		bool was_path = client->paths > 0;

		bc_binding_remove_locked(binding);
		park_requests(session, conn);
		if (was_path && !client->paths) {
			client->path_was_lost = true;
			bc_log_limited(
				BC_LIMITED_PATH_LOST, BC_LOG_EVENT,
				"client %#lx: last back channel connection lost",
				(unsigned long)client->clientid);
		}
	}
	pthread_mutex_unlock(&client->lock);
	bc_sender_run(client);
	bc_client_put(client);
	bc_session_put(session);
	return true;
}

static void conn_down_work(struct bc_work *work)
{
	struct bc_conn *conn =
		caa_container_of(work, struct bc_conn, down_work);

	while (unbind_one(conn))
		;
	bc_probe_run(); /* those of others may have their turn */
	bc_idle_conn_lost(conn);
	bc_core.ops->conn_release(conn);
	bc_conn_put(conn); /* bc_conn_down()'s */
}

void bc_conn_down(struct bc_conn *conn)
{
	if (uatomic_xchg(&conn->down, true))
		return;
	urcu_ref_get(&conn->ref);
	/* Out of the table at once: another transport may soon have the same
	 * address.
	 */
	bc_table_del(&bc_core.conns, &conn->node);
	conn->down_work.run = conn_down_work;
	bc_timers_queue(&conn->down_work);
}
