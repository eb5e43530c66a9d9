/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bindings: which connections are associated with which channels of a session.
 *
 * Purpose: BIND_CONN_TO_SESSION's rules, RFC 5661 2.10.3.1 and 18.34, and
 *   whether a session and a client have a path, and one that is trusted, which
 *   is derived from the live bindings and kept nowhere else.  At a limit it is
 *   not the one that asks that goes without: the client's binding that was heard
 *   least recently gives way, most likely that of a connection which is gone
 *   and whose end was never heard of.
 * Data: struct bc_binding, one for each explicit association, in a list of
 *   its session and one of its connection; the back-bound ones also in one of
 *   their client.  SEQUENCE's implicit association with the fore channel needs
 *   no record: it may be upgraded any time.  Where there is none (state protection,
 *   must_bind) each connection has its binding, which is not taken at a limit.
 * Locking: the client's lock, and inside it the connection's for its list.
 * Lifetime: from bc_bind() until the session closes or the connection ends.
 * Invariants: paths of session and client count the back-bound bindings that
 *   are not SILENT, of sessions without a fault; callbacks go out over LIVE
 *   ones only; none is added to a closed session or to a connection that
 *   is down; back_bound of session, client and core count the back-bound
 *   bindings; no client's first binding is refused because of others.
 */
#include "trace.h"

#include <stdlib.h>

/* Connections that a session remembers as bound to its fore channel only; the
 * next ones are answered the same, and may be bound otherwise later.
 */
#define FORE_BOUND_MAX 64
/* Of a client that has more paths not all will have ended at once. */
#define PATHS_LOOKED_AT 16

/* One that waits for its reply to go out counts: the client's next SEQUENCE
 * may be here before the reply's sender looks at the binding again.
 */
static bool is_path(const struct bc_binding *binding)
{
	return binding->state != BC_BINDING_SILENT &&
	       (binding->channels & BC_CHANNEL_BACK) &&
	       !binding->session->fault;
}

static bool is_trusted(const struct bc_binding *binding)
{
	return is_path(binding) && !binding->on_trial;
}

/* How long a client has had no path, ms; 0: it has none yet. */
static uint64_t without_path(const struct bc_client *client)
{
	return client->paths_since ? bc_now() - client->paths_since : 0;
}

/* The client has its first path, or none any more; which is no outage where its
 * session ends.
 */
static void note_path(struct bc_client *client, bool ends)
{
	if (client->paths)
		bc_trace_path_up(client, without_path(client));
	else
		bc_trace_path_down(client, ends);
	if (client->paths && client->outage) {
		bc_client_end_outage_locked(client);
		bc_count(BC_COUNT_PATHS_REGAINED);
	} else if (!client->paths && !ends) {
		bc_count(BC_COUNT_PATHS_LOST);
		client->outage = true;
	}
	client->paths_since = bc_now();
}

/* Change the counts of paths. SEQUENCE reads them without the lock. */
static void count_path(struct bc_session *session, int by)
{
	struct bc_client *client = session->client;

	uatomic_set(&session->paths, session->paths + (uint32_t)by);
	uatomic_set(&client->paths, client->paths + (uint32_t)by);
	if (by > 0 ? client->paths == 1 : !client->paths)
		note_path(client, !session->open);
	bc_session_list_locked(session);
	if (by > 0 && client->paths == 1 && client->path_was_lost) {
		client->path_was_lost = false;
		bc_log_limited(BC_LIMITED_PATH_UP, BC_LOG_EVENT,
			       "client %#lx: back channel is up again",
			       (unsigned long)client->clientid);
	}
}

static void binding_set(struct bc_binding *binding, enum bc_binding_state state,
			bool on_trial)
{
	struct bc_client *client = binding->session->client;
	bool was_path = is_path(binding);
	bool was_trusted = is_trusted(binding);

	bc_assert_locked(&client->lock);
	binding->state = state;
	binding->on_trial = on_trial;
	if (was_path != is_path(binding))
		count_path(binding->session, was_path ? -1 : 1);
	if (was_trusted != is_trusted(binding))
		client->trusted += was_trusted ? -1U : 1U;
	bc_client_set_standing_locked(client);
}

/* One that was silent is on trial when it comes back. */
void bc_binding_set_locked(struct bc_binding *binding,
			   enum bc_binding_state state)
{
	binding_set(binding, state,
		    binding->on_trial || state == BC_BINDING_SILENT);
}

void bc_binding_set_trial_locked(struct bc_binding *binding, bool on_trial)
{
	binding_set(binding, binding->state, on_trial);
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

/** A client's paths, as they are looked at without its lock. */
struct paths {
	struct path {
		struct bc_conn *conn; /* +1 ref */
		bool is_own; /* of the session that is looked at */
	} each[PATHS_LOOKED_AT];
	unsigned int count;
	bool all; /* there are no more */
};

static void find_paths(struct bc_session *session, struct paths *paths)
{
	struct bc_client *client = session->client;
	struct bc_binding *binding;

	*paths = (struct paths){ .all = true };
	pthread_mutex_lock(&client->lock);
	cds_list_for_each_entry(binding, &client->back_list, client_link) {
		if (!is_path(binding))
			continue;
		if (paths->count == PATHS_LOOKED_AT) {
			paths->all = false;
			break;
		}
		urcu_ref_get(&binding->conn->ref);
		paths->each[paths->count++] = (struct path){
			.conn = binding->conn,
			.is_own = binding->session == session,
		};
	}
	pthread_mutex_unlock(&client->lock);
}

/* It may not have been taken for that yet. */
static bool has_ended(struct bc_conn *conn)
{
	return uatomic_read(&conn->down) || bc_core.ops->conn_has_ended(conn);
}

uint32_t bc_session_ended_paths(struct bc_session *session)
{
	uint32_t flags = BC_SEQ4_CB_PATH_DOWN | BC_SEQ4_CB_PATH_DOWN_SESSION;
	bool ended = false;
	struct paths paths;

	find_paths(session, &paths);
	if (!paths.all)
		flags = 0;
	for (unsigned int i = 0; i < paths.count; i++) {
		struct bc_conn *conn = paths.each[i].conn;

		if (flags && !has_ended(conn))
			flags &= paths.each[i].is_own ?
					 0 :
					 ~(uint32_t)BC_SEQ4_CB_PATH_DOWN;
		else if (flags)
			ended = true;
		bc_conn_put(conn);
	}
	/* The next SEQUENCE is not to say anything else before it is noticed. */
	if (!ended)
		uatomic_set(&session->client->looked, bc_now_ns());
	return flags;
}

struct bc_binding *bc_client_unasked_locked(const struct bc_client *client)
{
	struct bc_binding *best = NULL, *binding;
	uint64_t latest = 0;

	cds_list_for_each_entry(binding, &client->back_list, client_link) {
		const struct bc_slot_table *slots = &binding->session->slots;
		uint64_t activity = uatomic_read(&binding->conn->activity);

		if (binding->state != BC_BINDING_LIVE || !is_path(binding) ||
		    uatomic_read(&binding->conn->down) ||
		    !(bc_slots_available(slots) || slots->waiting))
			continue;
		if (!best || activity > latest) {
			best = binding;
			latest = activity;
		}
	}
	return best && best->asked != client->doubts ? best : NULL;
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
	session->fault = true;
	bc_count(BC_COUNT_FAULTS);
	uatomic_set(&session->faulty, true);
	bc_log_limited(BC_LIMITED_FAULT, BC_LOG_WARN,
		       "client %#lx: back channel fault until its session ends",
		       (unsigned long)session->client->clientid);
}

/* The binding is one more of its session, client and server's back channels, or
 * one less.
 */
static void back_count(struct bc_binding *binding, int by)
{
	struct bc_session *session = binding->session;
	struct bc_client *client = session->client;

	session->back_bound += (uint32_t)by;
	client->back_bound += (uint32_t)by;
	uatomic_add(&bc_core.back_bound, (uint32_t)by);
	if (by > 0)
		cds_list_add(&binding->client_link, &client->back_list);
	else
		cds_list_del(&binding->client_link);
	/* Nobody is left who could answer. */
	if (!client->back_bound)
		client->answer_by = 0;
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
	if (binding->channels & BC_CHANNEL_BACK)
		back_count(binding, -1);
	else if (!binding->displaced)
		session->fore_bound--;
	pthread_mutex_lock(&conn->lock);
	cds_list_del(&binding->conn_link);
	bc_binding_forget_reply(binding);
	pthread_mutex_unlock(&conn->lock);
	free(binding);
	bc_session_put(session);
	bc_conn_put(conn);
}

/* Limits ------------------------------------------------------------------- */

/* Whether a request of the session waits for its reply on the connection. */
static bool in_flight(const struct bc_binding *binding)
{
	const struct bc_slot_table *table = &binding->session->slots;

	for (uint32_t i = 0; table->slots && i < table->end; i++)
		if (table->slots[i].req &&
		    table->slots[i].req->conn == binding->conn)
			return true;
	return false;
}

/* The back channel gives way to another.  "A requester MUST NOT retry a request,
 * unless the connection it used to send the request disconnects." 2.10.6.2: what
 * is in flight stays there, and the binding is remembered for its sake, until it
 * is answered or the connection ends.  The client may bind it anew any time.
 */
void bc_binding_displace_locked(struct bc_binding *binding)
{
	struct bc_conn *conn = binding->conn;

	if (!in_flight(binding) && !binding->session->must_bind) {
		bc_binding_remove_locked(binding);
		return;
	}
	bc_binding_set_locked(binding, BC_BINDING_SILENT);
	back_count(binding, -1);
	binding->displaced = true;
	pthread_mutex_lock(&conn->lock);
	binding->channels = BC_CHANNEL_FORE;
	bc_binding_forget_reply(binding);
	pthread_mutex_unlock(&conn->lock);
}

/* Those of a session that gave way, and whose requests have ended since. */
static void displaced_remove(struct bc_session *session)
{
	struct bc_binding *binding, *next;

	if (session->must_bind)
		return;
	cds_list_for_each_entry_safe(binding, next, &session->bindings,
				     session_link)
		if (binding->displaced && !in_flight(binding))
			bc_binding_remove_locked(binding);
}

/* Of a client's back-bound bindings, or of its session's: that which was heard
 * least recently, but the one given.  One that is down comes before all others,
 * an older one before one that was heard at the same time.
 */
static struct bc_binding *least_heard(const struct bc_client *client,
				      const struct bc_session *session,
				      const struct bc_binding *but)
{
	struct bc_binding *least = NULL, *binding;
	uint64_t earliest = 0;

	cds_list_for_each_entry(binding, &client->back_list, client_link) {
		struct bc_conn *conn = binding->conn;
		uint64_t heard = uatomic_read(&conn->down) ?
					 0 :
					 uatomic_read(&conn->activity);

		if (binding == but || (session && binding->session != session))
			continue;
		if (!least || heard <= earliest) {
			least = binding;
			earliest = heard;
		}
	}
	return least;
}

static void give_way(const struct bc_binding *added, struct bc_binding *least,
		     enum bc_limited kind, const char *limit, uint32_t most)
{
	bool gone = uatomic_read(&least->conn->down);

	bc_count(BC_COUNT_DISPLACED_SESSION +
		 (kind - BC_LIMITED_SESSION_BINDINGS));
	if (!gone)
		bc_log_limited(
			kind, BC_LOG_WARN,
			"client %#lx: more than %u back channel connections (%s): that which was heard least recently gave way",
			(unsigned long)added->session->client->clientid, most,
			limit);
	if (least->session != added->session)
		displaced_remove(least->session);
	bc_binding_displace_locked(least);
}

/* A binding was added: keep the limits.  The server's is for those that have more
 * than one: what a client does costs no other its only one.
 */
static void limits_keep(struct bc_binding *added)
{
	uint32_t of_session = bc_configured(max_connections);
	uint32_t of_client = bc_configured(max_client_connections);
	uint32_t of_server = bc_configured(max_server_connections);
	struct bc_session *session = added->session;
	struct bc_client *client = session->client;
	struct bc_binding *least;

	if (session->back_bound > of_session) {
		displaced_remove(session);
		give_way(added, least_heard(client, session, added),
			 BC_LIMITED_SESSION_BINDINGS, "Max_Connections",
			 of_session);
	}
	if (client->back_bound > of_client && client->back_bound > 1)
		give_way(added, least_heard(client, NULL, added),
			 BC_LIMITED_CLIENT_BINDINGS, "Max_Client_Connections",
			 of_client);
	if (uatomic_read(&bc_core.back_bound) <= of_server)
		return;
	least = least_heard(client, session, added);
	if (!least)
		least = least_heard(client, NULL, added);
	if (least)
		give_way(added, least, BC_LIMITED_SERVER_BINDINGS,
			 "Max_Server_Connections", of_server);
}

/* Binding ------------------------------------------------------------------ */

/* Channels for a connection that has no explicit association yet.
 * "If the client specified CDFC4_FORE, the server MUST return CDFS4_FORE ..."
 * 18.34.3.  The back channel is given whenever it is asked for and can be.
 */
static int choose_channels(const struct bc_session *session,
			   enum bc_bind_dir dir, enum bc_channels *channels)
{
	bool back = session->security;

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

/* A binding has its channels: count it. */
static void binding_count(struct bc_binding *binding)
{
	struct bc_session *session = binding->session;
	const struct bc_client *client = session->client;

	if (!(binding->channels & BC_CHANNEL_BACK)) {
		session->fore_bound++;
		return;
	}
	back_count(binding, 1);
	bc_count(BC_COUNT_BOUND);
	session->had_back = true;
	bc_binding_set_trial_locked(binding,
				    client->doubted || client->bereaved);
	limits_keep(binding);
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
	binding_count(binding);
	*result = binding;
	return 0;
}

/* One whose back channel gave way is bound anew, to whatever is asked. */
static void binding_renew(struct bc_binding *binding, enum bc_channels channels)
{
	pthread_mutex_lock(&binding->conn->lock);
	binding->channels = channels;
	pthread_mutex_unlock(&binding->conn->lock);
	binding->displaced = false;
	binding_count(binding);
}

/* The reply that opens the path, or opens it again, is the one given. */
static void expect_reply(struct bc_binding *binding, const void *reply)
{
	bc_binding_set_locked(binding, BC_BINDING_OPENING);
	binding->asked = 0;
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
	uatomic_set(&conn->activity, bc_now_ns());
	if (binding && !binding->displaced) {
		if (!dir_satisfied(binding->channels, dir))
			return -EINVAL;
		*channels = binding->channels;
	} else {
		rc = choose_channels(session, dir, channels);
		if (rc)
			return rc;
		if (!binding && *channels == BC_CHANNEL_FORE &&
		    session->fore_bound >= FORE_BOUND_MAX &&
		    !session->must_bind)
			return 0;
		rc = binding ? 0 :
			       binding_new(session, conn, *channels, &binding);
		if (rc)
			return rc;
		if (binding->displaced)
			binding_renew(binding, *channels);
	}
	if ((*channels & BC_CHANNEL_BACK) && binding->state != BC_BINDING_LIVE)
		expect_reply(binding, reply);
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
	if (!rc)
		bc_trace_bind(session, conn, *channels);
	pthread_mutex_unlock(&session->client->lock);
	if (rc == -EINVAL)
		bc_count(BC_COUNT_BIND_CHANNELS);
	else if (rc == -ENOSPC)
		bc_count(BC_COUNT_BIND_SECURITY);
	return rc;
}

bool bc_session_admits(const struct bc_session *session, struct bc_conn *conn)
{
	const struct bc_binding *binding;
	bool bound = false;

	if (!session->must_bind)
		return true;
	if (!conn)
		return false;
	pthread_mutex_lock(&conn->lock);
	cds_list_for_each_entry(binding, &conn->bindings, conn_link)
		bound = bound || binding->session == session;
	pthread_mutex_unlock(&conn->lock);
	return bound;
}
