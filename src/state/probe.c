/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Probes: does a connection that was just back-bound answer at all?
 *
 * Purpose: CB_NULL once on each connection, after the reply that first binds it,
 *   with the program and credential of the session that it is bound to.  A
 *   connection that refuses it or does not answer in time is no path, until it
 *   answers something after all or is bound anew.  Nothing waits for a probe.
 * Data: struct bc_probe of each connection.  At most BC_PROBES_OUT wait for an
 *   answer; the others wait in turn, as a server that comes back meets all
 *   its clients at once.
 * Locking: probes_lock [P] guards them all; it comes after client->lock.
 *   Requests are sent, and bindings changed, outside it.
 * Lifetime: a probe's request ends with its answer or with its connection, which
 *   outlives its probe.  One that is late is kept, for its answer to count.
 * Invariants: a probe is in a list while it waits or is out, and in no other
 *   state; `out` is the length of that list, which is sorted by `until`; none is
 *   begun on a connection that is down.
 */
#include "bc_internal.h"

#include <stdlib.h>

static pthread_mutex_t probes_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(probes_waiting); /* [P] */
static CDS_LIST_HEAD(probes_out); /* [P] */
static unsigned int probes_out_count; /* [P] */

static void probe_replied(struct bc_request *req, struct bc_reply *reply);
static void probes_expire(struct bc_timer *timer);
static struct bc_timer probes_timer = { .run = probes_expire };

void bc_probe_add_locked(const struct bc_session *session, struct bc_conn *conn)
{
	struct bc_request *req;

	bc_assert_locked(&session->client->lock);
	if (!bc_core.config.probe || uatomic_xchg(&conn->probe.begun, true))
		return;
	req = bc_core.ops->request_new(0);
	if (!req)
		return;
	urcu_ref_init(&req->ref);
	req->replied = probe_replied;
	req->conn = conn;
	bc_conn_ref(conn);
	req->security = session->security;
	urcu_ref_get(&req->security->ref);

	pthread_mutex_lock(&probes_lock);
	/* bc_conn_down() marks before bc_probe_conn_lost() is called: we see
	 * the mark, or that finds us.
	 */
	if (!uatomic_read(&conn->down)) {
		conn->probe.clientid = session->client->clientid;
		conn->probe.state = BC_PROBE_WAITING;
		conn->probe.req = req;
		cds_list_add_tail(&conn->probe.link, &probes_waiting);
		req = NULL;
	}
	pthread_mutex_unlock(&probes_lock);
	if (req)
		bc_request_put(req);
}

/* The next probe that may be sent: +1 ref, or NULL. */
static struct bc_request *probe_next(void)
{
	struct bc_request *req = NULL;
	struct bc_probe *probe;

	pthread_mutex_lock(&probes_lock);
	if (probes_out_count < BC_PROBES_OUT &&
	    !cds_list_empty(&probes_waiting) &&
	    !uatomic_read(&bc_core.stopping)) {
		probe = cds_list_first_entry(&probes_waiting, struct bc_probe,
					     link);
		cds_list_del(&probe->link);
		cds_list_add_tail(&probe->link, &probes_out);
		probes_out_count++;
		probe->state = BC_PROBE_OUT;
		probe->until = bc_now() + bc_core.config.callback_timeout;
		bc_timer_arm(&probes_timer, probe->until);
		req = probe->req;
		urcu_ref_get(&req->ref);
	}
	pthread_mutex_unlock(&probes_lock);
	return req;
}

/* It is neither waiting nor out any more. [P] */
static void probe_leave(struct bc_probe *probe, enum bc_probe_state state)
{
	if (probe->state == BC_PROBE_WAITING || probe->state == BC_PROBE_OUT)
		cds_list_del(&probe->link);
	if (probe->state == BC_PROBE_OUT)
		probes_out_count--;
	probe->state = state;
}

/* End the probe of a connection.
 * @param req  if it is this one; NULL: whatever it is
 * @return whether there was one to end
 */
static bool probe_end(struct bc_conn *conn, const struct bc_request *req)
{
	struct bc_probe *probe = &conn->probe;
	struct bc_request *ended = NULL;

	pthread_mutex_lock(&probes_lock);
	if (!req || probe->req == req) {
		probe_leave(probe, BC_PROBE_NONE);
		ended = probe->req;
		probe->req = NULL;
	}
	pthread_mutex_unlock(&probes_lock);
	if (ended)
		bc_request_put(ended);
	return ended;
}

/* The sessions that a connection is back-bound to: +1 ref each.
 * @return them, to be freed; NULL: none, or out of memory
 */
static struct bc_session **sessions_of(struct bc_conn *conn, size_t *count)
{
	struct bc_session **sessions;
	struct bc_binding *binding;
	size_t max = 0;

	*count = 0;
	pthread_mutex_lock(&conn->lock);
	cds_list_for_each_entry(binding, &conn->bindings, conn_link)
		max += (binding->channels & BC_CHANNEL_BACK) != 0;
	sessions = max ? calloc(max, sizeof(struct bc_session *)) : NULL;
	cds_list_for_each_entry(binding, &conn->bindings, conn_link) {
		if (!sessions || !(binding->channels & BC_CHANNEL_BACK))
			continue;
		bc_session_ref(binding->session);
		sessions[(*count)++] = binding->session;
	}
	pthread_mutex_unlock(&conn->lock);
	return sessions;
}

/* The connection is known to answer, or not to: what it is back-bound to is live,
 * or silent.
 */
static void set_answering(struct bc_conn *conn, bool answers)
{
	enum bc_binding_state from =
		answers ? BC_BINDING_SILENT : BC_BINDING_LIVE;
	enum bc_binding_state to =
		answers ? BC_BINDING_LIVE : BC_BINDING_SILENT;
	size_t count;
	struct bc_session **sessions = sessions_of(conn, &count);

	for (size_t i = 0; i < count; i++) {
		struct bc_client *client = sessions[i]->client;
		struct bc_binding *binding;

		pthread_mutex_lock(&client->lock);
		binding = bc_binding_find_locked(sessions[i], conn);
		if (binding && !binding->displaced && binding->state == from)
			bc_binding_set_locked(binding, to);
		pthread_mutex_unlock(&client->lock);
		if (answers)
			bc_sender_run(client);
		bc_session_put(sessions[i]);
	}
	free(sessions);
}

/* An answer, to the probe or to a callback, may come at this very moment: it is
 * noted before what it does to the bindings, and looked for after.
 */
static void probe_failed(struct bc_conn *conn, const char *why)
{
	if (uatomic_read(&conn->answered))
		return;
	bc_log_limited(
		BC_LIMITED_PROBE, BC_LOG_WARN,
		"client %#lx: back channel probe %s, no path until bound "
		"anew",
		(unsigned long)conn->probe.clientid, why);
	set_answering(conn, false);
	cmm_smp_mb(); /* the other side has the client's lock in between */
	if (uatomic_read(&conn->answered))
		set_answering(conn, true);
}

void bc_probe_run(void)
{
	struct bc_request *req;

	while ((req = probe_next()) != NULL) {
		int rc = bc_core.ops->send(req);

		/* On -ENOTCONN the connection's end is the probe's, too. */
		if (rc && rc != -ENOTCONN && probe_end(req->conn, req))
			probe_failed(req->conn, "cannot be sent");
		bc_request_put(req);
	}
}

/* Holds no lock. */
static void probe_replied(struct bc_request *req, struct bc_reply *reply)
{
	struct bc_conn *conn = req->conn;

	if (!probe_end(conn, req))
		return;
	if (reply->kind == BC_REPLY_RPC_ERROR) {
		probe_failed(conn, "refused");
	} else {
		bc_log_limited(BC_LIMITED_PROBE_ANSWERED, BC_LOG_DEBUG,
			       "client %#lx: back channel probe answered",
			       (unsigned long)conn->probe.clientid);
		bc_conn_answered(conn);
		set_answering(conn, true);
	}
	bc_probe_run();
}

void bc_probe_conn_lost(struct bc_conn *conn)
{
	if (probe_end(conn, NULL))
		bc_probe_run();
}

/* A connection whose probe is late as of @now: +1 ref, or NULL. */
static struct bc_conn *probe_next_late(uint64_t now)
{
	struct bc_conn *conn = NULL;
	struct bc_probe *probe;

	pthread_mutex_lock(&probes_lock);
	if (!cds_list_empty(&probes_out)) {
		probe = cds_list_first_entry(&probes_out, struct bc_probe,
					     link);
		if (probe->until <= now) {
			conn = caa_container_of(probe, struct bc_conn, probe);
			bc_conn_ref(conn);
			probe_leave(probe, BC_PROBE_LATE);
		} else {
			bc_timer_arm(&probes_timer, probe->until);
		}
	}
	pthread_mutex_unlock(&probes_lock);
	return conn;
}

/* Context: the timers' thread. */
static void probes_expire(struct bc_timer *unused)
{
	uint64_t now = bc_now();
	struct bc_conn *conn;

	(void)unused;
	while ((conn = probe_next_late(now)) != NULL) {
		probe_failed(conn, "not answered");
		bc_conn_put(conn);
	}
	bc_probe_run();
}
