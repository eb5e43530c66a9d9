/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bindings: which connections are associated with which channels of a session.
 *
 * Purpose: BIND_CONN_TO_SESSION's rules, RFC 5661 2.10.3.1 and 18.34, and
 *   whether a session and a client have a path, which is derived from the
 *   live bindings and kept nowhere else.
 * Data: struct bc_binding, one for each explicit association, in a list of
 *   its session and one of its connection.  SEQUENCE's implicit association
 *   with the fore channel needs no record: it may be upgraded any time.
 * Locking: the client's lock, and inside it the connection's for its list.
 * Lifetime: from bc_bind() until the session closes or the connection ends.
 * Invariants: paths of session and client count the back-bound bindings that
 *   are not SILENT, of sessions without a fault; callbacks go out over LIVE
 *   ones only; none is added to a closed session or to a connection that
 *   is down; back_bound of session and core count the back-bound bindings.
 */
#include "bc_internal.h"

#include <stdlib.h>

/* Connections that a session remembers as bound to its fore channel only; the
 * next ones are answered the same, and may be bound otherwise later.
 */
#define FORE_BOUND_MAX 64

/* One that waits for its reply to go out counts: the client's next SEQUENCE
 * may be here before the reply's sender looks at the binding again.
 */
static bool is_path(const struct bc_binding *binding)
{
	return binding->state != BC_BINDING_SILENT &&
	       (binding->channels & BC_CHANNEL_BACK) &&
	       !binding->session->fault;
}

/* Change the counts of paths. SEQUENCE reads them without the lock. */
static void count_path(struct bc_session *session, int by)
{
	struct bc_client *client = session->client;

	uatomic_set(&session->paths, session->paths + (uint32_t)by);
	uatomic_set(&client->paths, client->paths + (uint32_t)by);
	bc_session_list_locked(session);
	if (by > 0 && client->paths == 1 && client->path_was_lost) {
		client->path_was_lost = false;
		bc_log(BC_LOG_EVENT, "client %#lx: back channel is up again",
		       (unsigned long)client->clientid);
	}
}

void bc_binding_set_locked(struct bc_binding *binding,
			   enum bc_binding_state state)
{
	bool was_path = is_path(binding);

	bc_assert_locked(&binding->session->client->lock);
	binding->state = state;
	if (was_path != is_path(binding))
		count_path(binding->session, was_path ? -1 : 1);
}

struct bc_binding *bc_binding_find_locked(const struct bc_session *session,
					  const struct bc_conn *conn)
{
	struct bc_binding *binding;

	cds_list_for_each_entry(binding, &session->bindings, session_link)
		if (binding->conn == conn)
			return binding;
	return NULL;
}

struct bc_conn *bc_binding_path_locked(const struct bc_session *session)
{
	struct bc_conn *best = NULL;
	struct bc_binding *binding;
	uint64_t latest = 0;

	if (!session->paths)
		return NULL;
	cds_list_for_each_entry(binding, &session->bindings, session_link) {
		struct bc_conn *conn = binding->conn;
		uint64_t activity = uatomic_read(&conn->activity);

		if (binding->state != BC_BINDING_LIVE ||
		    !(binding->channels & BC_CHANNEL_BACK) ||
		    uatomic_read(&conn->down))
			continue;
		if (!best || activity > latest) {
			best = conn;
			latest = activity;
		}
	}
	return best;
}

/* "BACKCHANNEL_FAULT: The server has encountered an unrecoverable fault with
 * the backchannel (e.g., it has lost track of the sequence ID for a slot in
 * the backchannel)." 18.46.3
 */
void bc_binding_fault_session_locked(struct bc_session *session)
{
	struct bc_binding *binding;

	if (session->fault)
		return;
	cds_list_for_each_entry(binding, &session->bindings, session_link)
		bc_binding_set_locked(binding, BC_BINDING_SILENT);
	uatomic_set(&session->fault, true);
	bc_log(BC_LOG_WARN,
	       "client %#lx: back channel fault until its session ends",
	       (unsigned long)session->client->clientid);
}

/* One more back-bound connection on the server, if the limit allows. */
static bool server_acquire(void)
{
	if (uatomic_add_return(&bc_core.back_bound, 1) <=
	    bc_core.config.max_server_connections)
		return true;
	uatomic_dec(&bc_core.back_bound);
	return false;
}

static void server_release(void)
{
	uatomic_dec(&bc_core.back_bound);
}

void bc_binding_forget_reply(struct bc_binding *binding)
{
	if (!binding->reply)
		return;
	binding->reply = NULL;
	cds_list_del(&binding->reply_link);
	uatomic_dec(&bc_core.opening);
}

void bc_binding_remove_locked(struct bc_binding *binding)
{
	struct bc_session *session = binding->session;
	struct bc_conn *conn = binding->conn;

	bc_binding_set_locked(binding, BC_BINDING_SILENT);
	bc_probe_binding_lost_locked(binding);
	cds_list_del(&binding->session_link);
	if (binding->channels & BC_CHANNEL_BACK) {
		session->back_bound--;
		server_release();
	} else {
		session->fore_bound--;
	}
	pthread_mutex_lock(&conn->lock);
	cds_list_del(&binding->conn_link);
	bc_binding_forget_reply(binding);
	pthread_mutex_unlock(&conn->lock);
	free(binding);
	bc_session_put(session);
	bc_conn_put(conn);
}

/* Whether the session may have one more back-bound connection.  Those that are
 * down but not yet taken apart do not count.
 */
static bool session_has_room(const struct bc_session *session)
{
	const struct bc_binding *binding;
	uint32_t bound = 0;

	if (session->back_bound < bc_core.config.max_connections)
		return true;
	cds_list_for_each_entry(binding, &session->bindings, session_link)
		bound += (binding->channels & BC_CHANNEL_BACK) &&
			 !uatomic_read(&binding->conn->down);
	return bound < bc_core.config.max_connections;
}

/* Whether one more connection may be back-bound: then the server counts it. */
static bool back_acquire(const struct bc_session *session)
{
	unsigned long clientid = (unsigned long)session->client->clientid;

	if (!session->security)
		return false;
	if (!session_has_room(session)) {
		bc_log_limited(
			BC_LIMITED_SESSION_BINDINGS, BC_LOG_WARN,
			"client %#lx: back channel refused, its session has %u connections (Max_Connections)",
			clientid, session->back_bound);
		return false;
	}
	if (!server_acquire()) {
		bc_log_limited(
			BC_LIMITED_SERVER_BINDINGS, BC_LOG_WARN,
			"client %#lx: back channel refused, the server has %u connections (Max_Server_Connections)",
			clientid, bc_core.config.max_server_connections);
		return false;
	}
	return true;
}

/* Channels for a connection that has no explicit association yet.
 * "If the client specified CDFC4_FORE, the server MUST return CDFS4_FORE ..."
 * 18.34.3.  The back channel is given whenever it is asked for and can be.
 * Then back_acquire() has counted it on the server: who does not make the binding
 * after all gives that back (server_release()).
 */
static int choose_channels(const struct bc_session *session,
			   enum bc_bind_dir dir, enum bc_channels *channels)
{
	bool back = dir != BC_BIND_FORE && back_acquire(session);

	switch (dir) {
	case BC_BIND_FORE:
		*channels = BC_CHANNEL_FORE;
		return 0;
	case BC_BIND_BACK:
		*channels = BC_CHANNEL_BACK;
		return back ? 0 : -ENOSPC;
	case BC_BIND_FORE_OR_BOTH:
		*channels = back ? BC_CHANNEL_BOTH : BC_CHANNEL_FORE;
		return 0;
	case BC_BIND_BACK_OR_BOTH:
		*channels = BC_CHANNEL_BOTH;
		return back ? 0 : -ENOSPC;
	}
	return -EINVAL;
}

/* "... already associated with the specified session has no effect, and the
 * server MUST respond with NFS4_OK, unless the client is demanding changes to
 * the set of channels the connection is associated with.  If so, the server
 * MUST return NFS4ERR_INVAL." 18.34.3
 */
static bool dir_satisfied(enum bc_channels channels, enum bc_bind_dir dir)
{
	switch (dir) {
	case BC_BIND_FORE:
		return channels == BC_CHANNEL_FORE;
	case BC_BIND_BACK:
		return channels == BC_CHANNEL_BACK;
	case BC_BIND_FORE_OR_BOTH:
		return channels != BC_CHANNEL_BACK;
	case BC_BIND_BACK_OR_BOTH:
		return channels != BC_CHANNEL_FORE;
	}
	return false;
}

/* bc_conn_down() marks, and the timers' thread then looks at the connection's
 * bindings.  conn->lock orders the two: we see the mark, or it our binding.
 */
static int binding_new(struct bc_session *session, struct bc_conn *conn,
		       enum bc_channels channels, struct bc_binding **result)
{
	struct bc_binding *binding = calloc(1, sizeof(*binding));

	if (!binding)
		return -ENOMEM;
	binding->session = session;
	binding->conn = conn;
	binding->channels = channels;
	binding->state = BC_BINDING_SILENT;
	pthread_mutex_lock(&conn->lock);
	if (uatomic_read(&conn->down)) {
		pthread_mutex_unlock(&conn->lock);
		free(binding);
		return -ENOTCONN;
	}
	cds_list_add(&binding->conn_link, &conn->bindings);
	pthread_mutex_unlock(&conn->lock);
	bc_session_ref(session);
	bc_conn_ref(conn);
	cds_list_add(&binding->session_link, &session->bindings);
	if (channels & BC_CHANNEL_BACK) {
		session->back_bound++;
		session->had_back = true;
	} else {
		session->fore_bound++;
	}
	*result = binding;
	return 0;
}

/* The reply that opens the path, or opens it again, is the one given. */
static void expect_reply(struct bc_binding *binding, const void *reply)
{
	bc_binding_set_locked(binding, BC_BINDING_OPENING);
	pthread_mutex_lock(&binding->conn->lock);
	if (!binding->reply) {
		uatomic_inc(&bc_core.opening);
		cds_list_add_tail(&binding->reply_link,
				  &binding->conn->opening);
	}
	binding->reply = reply;
	pthread_mutex_unlock(&binding->conn->lock);
}

static int bind_locked(struct bc_session *session, struct bc_conn *conn,
		       enum bc_bind_dir dir, const void *reply,
		       enum bc_channels *channels)
{
	struct bc_binding *binding = bc_binding_find_locked(session, conn);
	int rc;

	if (!session->open || uatomic_read(&conn->down))
		return -ENOTCONN;
	if (binding) {
		if (!dir_satisfied(binding->channels, dir))
			return -EINVAL;
		*channels = binding->channels;
	} else {
		rc = choose_channels(session, dir, channels);
		if (rc)
			return rc;
		if (*channels == BC_CHANNEL_FORE &&
		    session->fore_bound >= FORE_BOUND_MAX)
			return 0;
		rc = binding_new(session, conn, *channels, &binding);
		if (rc) {
			if (*channels & BC_CHANNEL_BACK)
				server_release();
			return rc;
		}
	}
	if ((*channels & BC_CHANNEL_BACK) && binding->state != BC_BINDING_LIVE)
		expect_reply(binding, reply);
	uatomic_set(&conn->activity, bc_now_ns());
	return 0;
}

int bc_bind(struct bc_session *session, struct bc_conn *conn, uint32_t dir,
	    const void *reply, enum bc_channels *channels)
{
	int rc;

	if (dir != BC_BIND_FORE && dir != BC_BIND_BACK &&
	    dir != BC_BIND_FORE_OR_BOTH && dir != BC_BIND_BACK_OR_BOTH)
		return -EINVAL;
	pthread_mutex_lock(&session->client->lock);
	rc = bind_locked(session, conn, (enum bc_bind_dir)dir, reply, channels);
	pthread_mutex_unlock(&session->client->lock);
	return rc;
}
