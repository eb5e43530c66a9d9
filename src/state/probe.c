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

static pthread_mutex_t probes_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(waiting_list); /* [P] */
static CDS_LIST_HEAD(out_list); /* [P] */
static unsigned int out; /* [P] */

static void expire(struct bc_timer *timer);
static struct bc_timer timer = { .run = expire };

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
		cds_list_add_tail(&conn->probe.link, &waiting_list);
		req = NULL;
	}
	pthread_mutex_unlock(&probes_lock);
	if (req)
		bc_request_put(req);
}

/* The next probe that may be sent: +1 ref, or NULL. */
static struct bc_request *next(void)
{
	struct bc_request *req = NULL;
	struct bc_probe *probe;

	pthread_mutex_lock(&probes_lock);
	if (out < BC_PROBES_OUT && !cds_list_empty(&waiting_list) &&
	    !uatomic_read(&bc_core.stopping)) {
		probe = cds_list_first_entry(&waiting_list, struct bc_probe,
					     link);
		cds_list_del(&probe->link);
		cds_list_add_tail(&probe->link, &out_list);
		out++;
		probe->state = BC_PROBE_OUT;
		probe->until = bc_now() + bc_core.config.callback_timeout;
		bc_timer_arm(&timer, probe->until);
		req = probe->req;
		urcu_ref_get(&req->ref);
	}
	pthread_mutex_unlock(&probes_lock);
	return req;
}

/* It is neither waiting nor out any more. [P] */
static void leave(struct bc_probe *probe, enum bc_probe_state state)
{
	if (probe->state == BC_PROBE_WAITING || probe->state == BC_PROBE_OUT)
		cds_list_del(&probe->link);
	if (probe->state == BC_PROBE_OUT)
		out--;
	probe->state = state;
}

/* End the probe of a connection.
 * @param req  if it is this one; NULL: whatever it is
 * @return whether there was one to end
 */
static bool end(struct bc_conn *conn, const struct bc_request *req)
{
	struct bc_probe *probe = &conn->probe;
	struct bc_request *ended = NULL;

	pthread_mutex_lock(&probes_lock);
	if (!req || probe->req == req) {
		leave(probe, BC_PROBE_NONE);
		ended = probe->req;
		probe->req = NULL;
	}
	pthread_mutex_unlock(&probes_lock);
	if (ended)
		bc_request_put(ended);
	return ended;
}

/* An answer, to the probe or to a callback, may come at this very moment: it is
 * noted before what it does to the bindings, and looked for after.
 */
static void failed(struct bc_conn *conn, const char *why)
{
	if (uatomic_read(&conn->answered))
		return;
	bc_log_limited(
		BC_LIMITED_PROBE, BC_LOG_WARN,
		"client %#lx: back channel probe %s, no path until bound "
		"anew",
		(unsigned long)conn->probe.clientid, why);
	bc_conn_answers(conn, false);
	cmm_smp_mb(); /* the other side has the client's lock in between */
	if (uatomic_read(&conn->answered))
		bc_conn_answers(conn, true);
}

void bc_probe_run(void)
{
	struct bc_request *req;

	while ((req = next()) != NULL) {
		int rc = bc_core.ops->send(req);

		/* On -ENOTCONN the connection's end is the probe's, too. */
		if (rc && rc != -ENOTCONN && end(req->conn, req))
			failed(req->conn, "cannot be sent");
		bc_request_put(req);
	}
}

void bc_probe_replied(struct bc_request *req, const struct bc_reply *reply)
{
	struct bc_conn *conn = req->conn;

	if (!end(conn, req))
		return;
	if (reply->kind == BC_REPLY_RPC_ERROR) {
		failed(conn, "refused");
	} else {
		bc_log(BC_LOG_DEBUG, "client %#lx: back channel probe answered",
		       (unsigned long)conn->probe.clientid);
		bc_conn_answered(conn);
		bc_conn_answers(conn, true);
	}
	bc_probe_run();
}

void bc_probe_conn_lost(struct bc_conn *conn)
{
	if (end(conn, NULL))
		bc_probe_run();
}

/* A connection whose probe is late as of @now: +1 ref, or NULL. */
static struct bc_conn *next_late(uint64_t now)
{
	struct bc_conn *conn = NULL;
	struct bc_probe *probe;

	pthread_mutex_lock(&probes_lock);
	if (!cds_list_empty(&out_list)) {
		probe = cds_list_first_entry(&out_list, struct bc_probe, link);
		if (probe->until <= now) {
			conn = caa_container_of(probe, struct bc_conn, probe);
			bc_conn_ref(conn);
			leave(probe, BC_PROBE_LATE);
		} else {
			bc_timer_arm(&timer, probe->until);
		}
	}
	pthread_mutex_unlock(&probes_lock);
	return conn;
}

/* Context: the timers' thread. */
static void expire(struct bc_timer *unused)
{
	uint64_t now = bc_now();
	struct bc_conn *conn;

	(void)unused;
	while ((conn = next_late(now)) != NULL) {
		failed(conn, "not answered");
		bc_conn_put(conn);
	}
	bc_probe_run();
}
