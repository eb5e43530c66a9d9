/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Probes: does a connection that was just back-bound answer at all?
 *
 * Purpose: CB_NULL once for each binding, after the reply that first opens it, with
 *   the program and credential of its session: what answers to the program of one
 *   session need not answer to that of another.  A binding whose probe is refused or
 *   not answered in time is no path, until something is answered over it after all
 *   or it is bound anew.  Nothing waits for a probe.
 * Data: struct bc_probe of each binding.  At most BC_PROBES_OUT wait for an
 *   answer; the others wait in turn, as a server that comes back meets all
 *   its clients at once.
 * Locking: probes_lock [P] guards the lists; it comes after client->lock, which
 *   guards what a probe makes of its binding.  Requests are sent outside both.
 * Lifetime: a probe's request ends with its answer or with its binding.  One that
 *   is late is kept, for its answer to count.  Who has only the request finds the
 *   binding by its session and connection, and looks whether the request is its.
 * Invariants: a probe is in a list while it waits or is out, and in no other
 *   state; probes_out_count is the length of probes_out, which is sorted by
 *   `until`.
 */
#include "bc_internal.h"

static pthread_mutex_t probes_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(probes_waiting); /* [P] */
static CDS_LIST_HEAD(probes_out); /* [P] */
static unsigned int probes_out_count; /* [P] */

static void probe_replied(struct bc_request *req, struct bc_reply *reply);
static void probes_expire(struct bc_timer *timer);
static struct bc_timer probes_timer = { .run = probes_expire };

/* @return +1 ref, or NULL: out of memory */
static struct bc_request *probe_request(const struct bc_binding *binding)
{
	struct bc_request *req = bc_core.ops->request_new(0);

	if (!req)
		return NULL;
	urcu_ref_init(&req->ref);
	req->replied = probe_replied;
	req->session = binding->session;
	bc_session_ref(req->session);
	req->conn = binding->conn;
	bc_conn_ref(req->conn);
	req->security = binding->session->security;
	urcu_ref_get(&req->security->ref);
	return req;
}

void bc_probe_add_locked(struct bc_binding *binding)
{
	struct bc_probe *probe = &binding->probe;

	bc_assert_locked(&binding->session->client->lock);
	if (!bc_configured(probe) || probe->begun)
		return;
	probe->begun = true;
	probe->req = probe_request(binding);
	if (!probe->req)
		return;
	pthread_mutex_lock(&probes_lock);
	probe->state = BC_PROBE_WAITING;
	cds_list_add_tail(&probe->link, &probes_waiting);
	pthread_mutex_unlock(&probes_lock);
}

/* Those that were sent before are late before, unless callback_timeout was longer
 * then. [P]
 */
static void probe_goes_out(struct bc_probe *probe)
{
	struct cds_list_head *pos = probes_out.prev;

	probe->until = bc_now() + bc_configured(callback_timeout);
	while (pos != &probes_out &&
	       cds_list_entry(pos, struct bc_probe, link)->until > probe->until)
		pos = pos->prev;
	cds_list_add(&probe->link, pos);
	probes_out_count++;
	probe->state = BC_PROBE_OUT;
	bc_timer_arm(&probes_timer, probe->until);
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
		probe_goes_out(probe);
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

/* [L]; its reference to the request is given back */
static void probe_end(struct bc_probe *probe)
{
	struct bc_request *req = probe->req;

	pthread_mutex_lock(&probes_lock);
	probe_leave(probe, BC_PROBE_NONE);
	probe->req = NULL;
	pthread_mutex_unlock(&probes_lock);
	bc_request_put(req);
}

void bc_probe_binding_lost_locked(struct bc_binding *binding)
{
	if (!binding->probe.req)
		return;
	probe_end(&binding->probe);
	/* Another one may have its turn, and nothing is sent here. */
	bc_timer_arm(&probes_timer, bc_now());
}

/* The binding that a probe's request is still for, or NULL. [L] */
static struct bc_binding *probed_binding(const struct bc_request *req)
{
	struct bc_binding *binding =
		bc_binding_find_locked(req->session, req->conn);

	return binding && binding->probe.req == req ? binding : NULL;
}

/* What has been answered meanwhile, a callback perhaps, tells more.
 * @return whether the binding is no path for this. [L]
 */
static bool probe_silences(struct bc_binding *binding)
{
	if (binding->answered || binding->displaced ||
	    binding->state != BC_BINDING_LIVE)
		return false;
	bc_binding_set_locked(binding, BC_BINDING_SILENT);
	return true;
}

static void log_failed(const struct bc_client *client, const char *why)
{
	bc_count(BC_COUNT_PROBES_FAILED);
	bc_log_limited(
		BC_LIMITED_PROBE, BC_LOG_WARN,
		"client %#lx: back channel probe %s, no path until bound "
		"anew",
		(unsigned long)client->clientid, why);
}

/* The probe failed; it ends unless its answer may still come. */
static void probe_failed(struct bc_request *req, const char *why, bool ends)
{
	struct bc_client *client = req->session->client;
	struct bc_binding *binding;
	bool silenced = false;

	pthread_mutex_lock(&client->lock);
	binding = probed_binding(req);
	if (binding) {
		silenced = probe_silences(binding);
		if (ends)
			probe_end(&binding->probe);
	}
	pthread_mutex_unlock(&client->lock);
	if (silenced)
		log_failed(client, why);
}

void bc_probe_run(void)
{
	struct bc_request *req;

	while ((req = probe_next()) != NULL) {
		int rc = bc_core.ops->send(req);

		if (!rc)
			bc_count(BC_COUNT_PROBES);
		/* On -ENOTCONN the connection's end is the probe's, too. */
		if (rc && rc != -ENOTCONN)
			probe_failed(req, "cannot be sent", true);
		bc_request_put(req);
	}
}

static void probe_answered(struct bc_request *req)
{
	struct bc_client *client = req->session->client;
	struct bc_binding *binding;

	pthread_mutex_lock(&client->lock);
	binding = probed_binding(req);
	if (binding) {
		binding->answered = true;
		if (binding->state == BC_BINDING_SILENT && !binding->displaced)
			bc_binding_set_locked(binding, BC_BINDING_LIVE);
		probe_end(&binding->probe);
	}
	pthread_mutex_unlock(&client->lock);
	if (!binding)
		return;
	bc_log_limited(BC_LIMITED_PROBE_ANSWERED, BC_LOG_DEBUG,
		       "client %#lx: back channel probe answered",
		       (unsigned long)client->clientid);
	bc_sender_run(client);
}

/* Holds no lock; the caller holds a reference to the request. */
static void probe_replied(struct bc_request *req, struct bc_reply *reply)
{
	if (reply->kind == BC_REPLY_RPC_ERROR)
		probe_failed(req, "refused", true);
	else
		probe_answered(req);
	bc_probe_run();
}

/* The request of a probe that is late as of @now: +1 ref, or NULL. */
static struct bc_request *probe_next_late(uint64_t now)
{
	struct bc_request *req = NULL;
	struct bc_probe *probe;

	pthread_mutex_lock(&probes_lock);
	if (!cds_list_empty(&probes_out)) {
		probe = cds_list_first_entry(&probes_out, struct bc_probe,
					     link);
		if (probe->until <= now) {
			req = probe->req;
			urcu_ref_get(&req->ref);
			probe_leave(probe, BC_PROBE_LATE);
		} else {
			bc_timer_arm(&probes_timer, probe->until);
		}
	}
	pthread_mutex_unlock(&probes_lock);
	return req;
}

/* Context: the timers' thread. */
static void probes_expire(struct bc_timer *unused)
{
	uint64_t now = bc_now();
	struct bc_request *req;

	(void)unused;
	while ((req = probe_next_late(now)) != NULL) {
		probe_failed(req, "not answered", false);
		bc_request_put(req);
	}
	bc_probe_run();
}
