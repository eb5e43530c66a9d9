/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Openings: a path may be used, because the reply that bound it is on its way.
 *
 * Purpose: no callback overtakes the reply that opens its path (RFC 5661,
 *   2.10.6.3's race); what waited for the path goes out behind it.
 * Data: a connection's list of the bindings that wait for a reply, with that
 *   reply; those that are open, perhaps of many sessions, are in another one.
 * Locking: the connection's lock to find them, then the client's: never both.
 * Lifetime: a session is held by a reference between the two.
 * Invariant: bc_core.opening counts the bindings that wait for a reply, so that
 *   a reply costs nothing while there are none.
 */
#include "bc_internal.h"

/* A session of a connection that waits for this reply: +1 ref, or NULL. */
static struct bc_session *awaits_reply(struct bc_conn *conn, const void *reply)
{
	struct bc_session *session = NULL;
	struct bc_binding *binding;

	pthread_mutex_lock(&conn->lock);
	cds_list_for_each_entry(binding, &conn->opening, reply_link) {
		if (binding->reply != reply)
			continue;
		bc_binding_forget_reply(binding);
		session = binding->session;
		bc_session_ref(session);
		break;
	}
	pthread_mutex_unlock(&conn->lock);
	return session;
}

/* Whether it waits for another reply already: it was bound anew meanwhile. */
static bool waits(struct bc_binding *binding)
{
	bool waits_for_reply;

	pthread_mutex_lock(&binding->conn->lock);
	waits_for_reply = binding->reply != NULL;
	pthread_mutex_unlock(&binding->conn->lock);
	return waits_for_reply;
}

bool bc_bind_waits(void)
{
	return uatomic_read(&bc_core.opening) > 0;
}

void bc_bind_replied(const void *transport, const void *reply)
{
	bool any = false;
	struct bc_session *session;
	struct bc_conn *conn;

	if (!bc_bind_waits())
		return;
	conn = bc_conn_get(transport);
	if (!conn)
		return;
	while ((session = awaits_reply(conn, reply)) != NULL) {
		struct bc_client *client = session->client;
		struct bc_binding *binding;

		any = true;
		pthread_mutex_lock(&client->lock);
		binding = bc_binding_find_locked(session, conn);
		if (binding && !binding->displaced && !waits(binding)) {
			bc_binding_set_locked(binding, BC_BINDING_LIVE);
			bc_probe_add_locked(binding);
		}
		pthread_mutex_unlock(&client->lock);
		bc_sender_run(client);
		bc_session_put(session);
	}
	if (any) {
		bc_probe_run();
		bc_idle_watch(conn);
	}
	bc_conn_put(conn);
}
