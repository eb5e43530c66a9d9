/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Idle connections: those that callbacks may need are not closed for being quiet.
 *
 * Purpose: the transport closes what it has received nothing on for a time.  A
 *   client may well send all its requests over other connections than those that it
 *   has back-bound: each that was quiet for a third of that time is asked with
 *   CB_NULL, whose answer is heard as anything else is.  The answer means nothing
 *   else; one that does not come is waited for, and nothing more is asked.
 * Data: struct bc_idle of each connection.
 * Locking: none of its own.  It is the timers' thread's, but for the request, which
 *   whoever drops it takes out atomically.
 * Lifetime: from the reply that binds a connection until it is bound to no back
 *   channel; the armed timer holds a reference to the connection, which at the
 *   connection's end is given back at once.
 * Invariant: at most one CB_NULL of a connection is out.
 */
#include "bc_internal.h"

/* Quiet for so long: leaves time for the answer. */
static uint64_t quiet_ms(void)
{
	return bc_configured(idle_timeout) / 3;
}

static void idle_arm(struct bc_conn *conn, uint64_t when)
{
	bc_conn_ref(conn);
	if (!bc_timer_arm(&conn->idle.timer, when))
		bc_conn_put(conn);
}

/* A session that the connection is back-bound to: +1 ref, or NULL. */
static struct bc_session *idle_session(struct bc_conn *conn)
{
	struct bc_session *session = NULL;
	struct bc_binding *binding;

	pthread_mutex_lock(&conn->lock);
	cds_list_for_each_entry(binding, &conn->bindings, conn_link) {
		if (!(binding->channels & BC_CHANNEL_BACK))
			continue;
		session = binding->session;
		bc_session_ref(session);
		break;
	}
	pthread_mutex_unlock(&conn->lock);
	return session;
}

/* @return +1 ref, or NULL */
static struct bc_security *security_of(struct bc_session *session)
{
	struct bc_security *security;

	pthread_mutex_lock(&session->client->lock);
	security = session->security;
	if (security)
		urcu_ref_get(&security->ref);
	pthread_mutex_unlock(&session->client->lock);
	return security;
}

/* It waits for no answer any more; of several who find that, one drops it. */
static void idle_drop_request(struct bc_conn *conn, struct bc_request *req)
{
	if (req && uatomic_cmpxchg(&conn->idle.req, req, NULL) == req)
		bc_request_put(req);
}

static void idle_replied(struct bc_request *req, struct bc_reply *reply)
{
	(void)reply;
	idle_drop_request(req->conn, req);
}

/* What cannot be sent is asked again in time. */
static void idle_ask(struct bc_conn *conn, struct bc_session *session)
{
	struct bc_security *security = security_of(session);
	struct bc_request *req = security ? bc_core.ops->request_new(0) : NULL;

	if (!req) {
		if (security)
			bc_security_put(security);
		return;
	}
	urcu_ref_init(&req->ref);
	urcu_ref_get(&req->ref); /* the sending thread's */
	req->replied = idle_replied;
	req->security = security;
	req->conn = conn;
	bc_conn_ref(conn);
	uatomic_set(&conn->idle.req, req);
	if (bc_core.ops->send(req))
		idle_drop_request(conn, req);
	bc_request_put(req);
}

/* Context: the timers' thread, with the armed timer's reference. */
static void idle_expire(struct bc_timer *timer)
{
	struct bc_conn *conn =
		caa_container_of(timer, struct bc_conn, idle.timer);
	uint64_t now = bc_now();
	uint64_t last = uatomic_read(&conn->activity) / 1000000;
	struct bc_session *session = NULL;

	if (!uatomic_read(&conn->down) && !uatomic_read(&bc_core.stopping))
		session = idle_session(conn);
	if (session) {
		if (last < conn->idle.asked)
			last = conn->idle.asked;
		if (now >= last + quiet_ms()) {
			last = now;
			conn->idle.asked = now;
			if (!uatomic_read(&conn->idle.req))
				idle_ask(conn, session);
		}
		idle_arm(conn, last + quiet_ms());
		bc_session_put(session);
	}
	bc_conn_put(conn);
}

void bc_idle_init(struct bc_idle *idle)
{
	*idle = (struct bc_idle){ .timer.run = idle_expire };
}

void bc_idle_watch(struct bc_conn *conn)
{
	if (bc_configured(idle_timeout))
		idle_arm(conn, bc_now() + quiet_ms());
}

void bc_idle_conn_lost(struct bc_conn *conn)
{
	if (!bc_configured(idle_timeout))
		return;
	idle_drop_request(conn, uatomic_read(&conn->idle.req));
	idle_arm(conn, bc_now()); /* to give the reference back */
}
