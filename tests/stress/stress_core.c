/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core under many threads at once, over a transport without a network.
 *
 * Some threads submit callbacks, some play clients that answer well, badly,
 * late, twice or not at all, some end and make connections and sessions and
 * exchange credentials, some send SEQUENCE, one revokes and frees stateids, some
 * wait for locks.  Whatever happens, each callback completes exactly once, waiting
 * for a lock ends once, the clients stay sane, and at the end nothing is left.
 *
 * Arguments: operations per thread, seed.  The seed is printed; with threads
 * it repeats the choices, not their order.
 */
#include <sched.h>
#include <string.h>

#include "trace.h"
#include "check.h"
#include "sane.h"
#include "snapshot.h"

#define CLIENTS 4
#define SESSIONS 10
#define CONNS 10
#define WIRE_MAX 512
#define SUBMITTERS 2
#define RESPONDERS 2
#define CHURNERS 2
#define LISTENERS 1
#define REVOKERS 1
#define WATCHERS 1
#define LOCKERS 2
#define THREADS                                                                \
	(SUBMITTERS + RESPONDERS + CHURNERS + LISTENERS + REVOKERS +           \
	 WATCHERS + LOCKERS)
#define FILES 3
#define OWNERS 4
#define EXPORTS 3
#define CB_RECALL 4 /* OP_CB_RECALL */

/* nfsstat4, RFC 5661 15.1 */
static const uint32_t sequence_errors[] = {
	10008, /* DELAY */
	10008, 10008, 10018, /* RESOURCE */
	10052, /* BADSESSION */
	10053, /* BADSLOT */
	10055, /* CONN_NOT_BOUND_TO_SESSION */
	10055, 10063, /* SEQ_MISORDERED */
	10065, /* REQ_TOO_BIG */
	10068, /* RETRY_UNCACHED_REP */
	10068, 10076, /* SEQ_FALSE_RETRY */
};

static const struct bc_config config = {
	.max_queue = 50,
	.max_slots = 8,
	.max_connections = 4,
	.max_client_connections = 12,
	.max_server_connections = 24,
	.probe = true,
	.callback_timeout = 20,
	.retry_attempts = 2,
	.retry_first_delay = 5,
	.lease_time = 60,
	.idle_timeout = 30,
};

struct random {
	uint64_t state;
};

struct worker {
	pthread_t thread;
	struct random random;
	void (*step)(struct random *random);
};

/* A place whose object is exchanged while others use it. */
struct place {
	pthread_mutex_t lock;
	void *object; /* counted: ours */
};

static struct place sessions[SESSIONS], conns[CONNS];

static struct {
	pthread_mutex_t lock;
	struct bc_request *reqs[WIRE_MAX]; /* counted */
	unsigned int count;
} wire = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned long operations = 20000; /* per thread */
static unsigned int *completions; /* [A] by callback */
static unsigned long submitted; /* [A] */
static unsigned long completed[4]; /* [A] by outcome */
static unsigned long sessions_made; /* [A] */
static long requests_live, conns_live; /* [A] */
static pthread_mutex_t files[FILES]; /* each guards its file's locks */
static const char exports[EXPORTS]; /* only their addresses */
static long waits_live; /* [A] */
static __thread bool submitting;
static __thread struct random faults = { 88172645463325252u };

static uint32_t pick(struct random *random, uint32_t range)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (uint32_t)((random->state >> 16) % range);
}

/* The core's operations ---------------------------------------------------- */

static void ignore_log(enum bc_log_level level, const char *line)
{
	(void)level;
	CHECK(line[0]);
}

static struct bc_request *request_new(size_t body_len)
{
	struct bc_request *req;

	if (pick(&faults, 200) == 0)
		return NULL;
	req = calloc(1, sizeof(*req));
	CHECK(req);
	req->body = malloc(body_len);
	req->body_len = body_len;
	CHECK(req->body);
	uatomic_add_return(&requests_live, 1);
	return req;
}

static void request_free(struct bc_request *req)
{
	uatomic_sub_return(&requests_live, 1);
	free(req->body);
	free(req);
}

/* Put a request where a responder finds it. Consumes a reference. */
static void wire_put(struct bc_request *req)
{
	pthread_mutex_lock(&wire.lock);
	if (wire.count < WIRE_MAX) {
		wire.reqs[wire.count++] = req;
		req = NULL;
	}
	pthread_mutex_unlock(&wire.lock);
	if (req)
		bc_request_put(req); /* the client never answers */
}

/* @return +1 ref, or NULL */
static struct bc_request *wire_take(struct random *random)
{
	struct bc_request *req = NULL;

	pthread_mutex_lock(&wire.lock);
	if (wire.count) {
		uint32_t i = pick(random, wire.count);

		req = wire.reqs[i];
		wire.reqs[i] = wire.reqs[--wire.count];
	}
	pthread_mutex_unlock(&wire.lock);
	return req;
}

static bool is_tracing(void)
{
	return true;
}

static int send_request(struct bc_request *req)
{
	if (req->session) {
		/* Hangs if the caller holds it. */
		pthread_mutex_lock(&req->session->client->lock);
		pthread_mutex_unlock(&req->session->client->lock);
	}
	if (uatomic_read(&req->conn->down))
		return -ENOTCONN;
	if (pick(&faults, 100) == 0)
		return -EIO;
	bc_trace_send(req, 0);
	urcu_ref_get(&req->ref);
	wire_put(req);
	return 0;
}

static void conn_release(struct bc_conn *conn)
{
	pthread_mutex_lock(&conn->lock);
	CHECK(cds_list_empty(&conn->bindings));
	pthread_mutex_unlock(&conn->lock);
	bc_conn_put(conn); /* the transport's */
}

/* Now and then one is found dead. */
static bool conn_close_if_stalled(struct bc_conn *conn)
{
	if (pick(&faults, 10))
		return false;
	bc_conn_down(conn);
	return true;
}

static bool conn_has_ended(struct bc_conn *conn)
{
	(void)conn;
	return pick(&faults, 2);
}

static void conn_free(struct bc_conn *conn)
{
	uatomic_sub_return(&conns_live, 1);
	free(conn);
}

static void complete(struct bc_call *call, enum bc_outcome outcome,
		     struct bc_reply *reply)
{
	unsigned int *mine = bc_call_cookie(call);

	CHECK(!submitting);
	CHECK((outcome == BC_OUTCOME_REPLY) == (reply != NULL));
	CHECK(uatomic_add_return(mine, 1) == 1);
	uatomic_add_return(&completed[outcome], 1);
}

/* Half of all locks are, for those who ask. */
static bool is_free(void *arg, const struct bc_lock *lock)
{
	CHECK(arg == lock->file);
	return lock->first % 2;
}

/* A place is that of a file's mutex. */
static void lock_next(void *place)
{
	pthread_mutex_t *file = *(pthread_mutex_t **)place;

	pthread_mutex_lock(file);
	bc_lock_offer(file, is_free, file);
	pthread_mutex_unlock(file);
}

static void lock_place_free(void *place)
{
	pthread_mutex_t *file = *(pthread_mutex_t **)place;

	/* Hangs if the caller holds it. */
	pthread_mutex_lock(file);
	pthread_mutex_unlock(file);
	uatomic_sub_return(&waits_live, 1);
	free(place);
}

static const struct bc_ops ops = {
	.log = ignore_log,
	.tracing = is_tracing,
	.request_new = request_new,
	.request_free = request_free,
	.send = send_request,
	.conn_close_if_stalled = conn_close_if_stalled,
	.conn_has_ended = conn_has_ended,
	.conn_release = conn_release,
	.conn_free = conn_free,
	.complete = complete,
	.lock_next = lock_next,
	.lock_place_free = lock_place_free,
};

/* Sessions and connections ------------------------------------------------- */

static struct bc_session *session_make(struct random *random)
{
	static const uint8_t cred[16];
	struct bc_session_attrs attrs = {
		.clientid = 1 + pick(random, CLIENTS),
		.max_requests = 1 + pick(random, 12),
		.max_request_size = pick(random, 8) ? 4096 : 64,
		.security = bc_security_new(1, cred, sizeof(cred)),
	};
	unsigned long number = uatomic_add_return(&sessions_made, 1);
	struct bc_session *session;

	CHECK(attrs.security);
	memcpy(attrs.id, &number, sizeof(number));
	CHECK(!bc_session_add(&attrs, &session));
	return session; /* the place's reference */
}

/* Its key is its place: a transport's address is soon used again. */
static struct bc_conn *conn_make(const struct place *place)
{
	struct bc_conn *conn = calloc(1, sizeof(*conn));

	CHECK(conn);
	uatomic_add_return(&conns_live, 1);
	CHECK(!bc_conn_add(conn, place));
	bc_conn_ref(conn); /* the place's */
	return conn;
}

static struct bc_session *session_at(struct place *place)
{
	struct bc_session *session;

	pthread_mutex_lock(&place->lock);
	session = place->object;
	bc_session_ref(session);
	pthread_mutex_unlock(&place->lock);
	return session;
}

static struct bc_conn *conn_at(struct place *place)
{
	struct bc_conn *conn;

	pthread_mutex_lock(&place->lock);
	conn = place->object;
	bc_conn_ref(conn);
	pthread_mutex_unlock(&place->lock);
	return conn;
}

/* What the threads do ------------------------------------------------------- */

static void submit_step(struct random *random)
{
	uint32_t args[2] = { 0 };
	unsigned long number = uatomic_add_return(&submitted, 1) - 1;
	struct bc_session *session =
		session_at(&sessions[pick(random, SESSIONS)]);
	struct bc_call *call = bc_call_new(CB_RECALL, 1, args, sizeof(args),
					   &completions[number]);

	CHECK(call);
	if (pick(random, 4) == 0)
		bc_call_set_patience(call, 1 + pick(random, 30));
	submitting = true;
	CHECK(!bc_call_submit(call, 1 + pick(random, CLIENTS + 1),
			      pick(random, 2) ? session->id : NULL));
	submitting = false;
	bc_session_put(session);
	if (pick(random, 4) == 0)
		sched_yield();
}

static struct bc_reply make_reply(struct random *random,
				  const struct bc_request *req)
{
	struct bc_reply reply = {
		.kind = BC_REPLY_DECODED,
		.num_results = req->sequence.alone ? 1 : BC_CB_COMPOUND_OPS,
		.sequence = req->sequence,
		.target_highest_slot = pick(random, 10),
	};
	uint32_t errors = sizeof(sequence_errors) / sizeof(sequence_errors[0]);

	switch (pick(random, 40)) {
	case 0:
		reply.kind = BC_REPLY_GARBLED;
		break;
	case 1:
		reply.kind = BC_REPLY_RPC_ERROR;
		break;
	case 2:
		reply.status = reply.op_status = 10008;
		break;
	case 3:
		reply.sequence.sequence++;
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		reply.num_results = 1;
		reply.status = reply.sequence_status =
			sequence_errors[pick(random, errors)];
		break;
	default:
		break;
	}
	return reply;
}

static void respond_step(struct random *random)
{
	struct bc_request *req = wire_take(random);
	struct bc_reply reply;

	if (!req) {
		sched_yield();
		return;
	}
	if (pick(random, 20) == 0) {
		bc_request_put(req); /* never */
		return;
	}
	if (pick(random, 20) == 0) {
		wire_put(req); /* later */
		return;
	}
	if (pick(random, 20) == 0) {
		urcu_ref_get(&req->ref);
		wire_put(req); /* twice, maybe both at once */
	}
	reply = make_reply(random, req);
	bc_reply_arrived(req, &reply);
	bc_request_put(req);
}

static void bind_step(struct random *random)
{
	static const uint32_t dirs[] = {
		BC_BIND_FORE,	      BC_BIND_BACK,
		BC_BIND_FORE_OR_BOTH, BC_BIND_BACK_OR_BOTH,
		BC_BIND_BACK_OR_BOTH, BC_BIND_BACK_OR_BOTH
	};
	struct bc_session *session =
		session_at(&sessions[pick(random, SESSIONS)]);
	struct bc_conn *conn = conn_at(&conns[pick(random, CONNS)]);
	enum bc_channels channels;
	int rc;

	rc = bc_bind(session, conn, dirs[pick(random, 6)], random, &channels);
	CHECK(!rc || rc == -EINVAL || rc == -ENOSPC || rc == -ENOTCONN);
	if (!rc && pick(random, 10))
		bc_bind_replied(conn->transport, random);
	bc_conn_put(conn);
	bc_session_put(session);
}

static void conn_step(struct random *random)
{
	struct place *place = &conns[pick(random, CONNS)];

	pthread_mutex_lock(&place->lock);
	bc_conn_down(place->object);
	bc_conn_put(place->object);
	place->object = conn_make(place);
	pthread_mutex_unlock(&place->lock);
}

static void session_step(struct random *random)
{
	struct place *place = &sessions[pick(random, SESSIONS)];
	struct bc_session *old;

	pthread_mutex_lock(&place->lock);
	old = place->object;
	place->object = session_make(random);
	pthread_mutex_unlock(&place->lock);
	bc_session_close(old);
	bc_session_put(old);
}

/* BACKCHANNEL_CTL: another credential while requests carry the old one. */
static void security_step(struct random *random)
{
	static const uint8_t cred[400];
	struct bc_session *session =
		session_at(&sessions[pick(random, SESSIONS)]);
	struct bc_security *security =
		bc_security_new(2, cred, pick(random, sizeof(cred)));
	int rc;

	CHECK(security);
	rc = bc_session_set_security(session, security);
	CHECK(!rc || rc == -EINVAL || rc == -EMSGSIZE);
	bc_session_put(session);
}

static void churn_step(struct random *random)
{
	uint32_t what = pick(random, 1000);

	if (what < 60)
		conn_step(random);
	else if (what < 80)
		session_step(random);
	else if (what < 81)
		bc_client_destroy(1 + pick(random, CLIENTS + 1));
	else if (what < 150)
		security_step(random);
	else
		bind_step(random);
	if (what % 4 == 0)
		sched_yield();
}

static void listen_step(struct random *random)
{
	const struct place *transport = &conns[pick(random, CONNS)];
	struct bc_session *session =
		session_at(&sessions[pick(random, SESSIONS)]);
	struct bc_conn *conn = bc_conn_get(transport);
	struct bc_session_status status = bc_session_heard(session, conn);
	struct bc_session *found = bc_session_get(session->id);

	CHECK(status.known || !status.flags);
	if (status.doubtful)
		bc_session_ended_paths(session);
	CHECK(!found || found == session);
	if (found)
		bc_session_put(found);
	if (conn)
		bc_conn_put(conn);
	bc_session_put(session);
	if (pick(random, 50) == 0)
		assert_sane_clients();
}

static void revoke_step(struct random *random)
{
	struct bc_session *session =
		session_at(&sessions[pick(random, SESSIONS)]);
	const uint8_t other[BC_STATEID_OTHER_SIZE] = { pick(random, 30) };
	bool last;

	switch (pick(random, 3)) {
	case 0:
		bc_revoked_add(1 + pick(random, CLIENTS + 1), other);
		break;
	case 1:
		bc_revoked_contains(session, other);
		break;
	case 2:
		if (!bc_revoked_free(session, other, &last))
			CHECK(!last);
		break;
	}
	bc_session_put(session);
}

static void ignore_end(void *arg)
{
	(void)arg;
}

/* An administrator who looks at everything, and interferes. */
static void look(struct random *random)
{
	static __thread struct bc_client_detail detail;
	struct bc_client_view views[3];
	struct bc_snapshot_now now;
	uint32_t cursor = 0, seen = 0;

	do
		seen += bc_snapshot_clients(&cursor, views, 3);
	while (cursor);
	CHECK(seen <= 2 * CLIENTS);
	bc_snapshot_now(&now);
	CHECK(now.queued <= CLIENTS * config.max_queue * 2);
	if (bc_snapshot_client(1 + pick(random, CLIENTS), &detail))
		return;
	CHECK(detail.bindings <= detail.client.back_bound);
	if (detail.bindings && pick(random, 20) == 0)
		bc_control_drop(detail.client.clientid,
				detail.binding[0].connection);
}

static void watch_step(struct random *random)
{
	struct bc_control_probe *probe;
	uint64_t us;

	switch (pick(random, 200)) {
	case 0:
		look(random);
		break;
	case 1:
		bc_control_trust(1 + pick(random, CLIENTS));
		break;
	case 2:
		if (bc_control_probe(1 + pick(random, CLIENTS),
				     1 + pick(random, 20), ignore_end, NULL,
				     &probe))
			break;
		if (pick(random, 2))
			sched_yield();
		bc_control_probe_result(probe, &us);
		bc_control_probe_end(probe);
		break;
	}
}

static void wait_for(struct random *random, const struct bc_lock *lock,
		     pthread_mutex_t *file)
{
	static const uint8_t notice[8], open[BC_STATEID_OTHER_SIZE];
	pthread_mutex_t **place = malloc(sizeof(*place));
	struct bc_lock_wish wish = {
		.export = &exports[pick(random, EXPORTS)],
		.lock = *lock,
		.open = open,
		.minorversion = 1,
		.notice = notice,
		.notice_len = sizeof(notice),
		.place = place,
		.is_free = pick(random, 2),
	};

	CHECK(place);
	*place = file;
	uatomic_add_return(&waits_live, 1);
	if (bc_lock_wait(&wish) == BC_LOCK_WAIT_NEW)
		return;
	uatomic_sub_return(&waits_live, 1);
	free(place);
}

/* All that a server does about a file's locks, with those held. */
static void lock_locked(struct random *random, const struct bc_lock *lock,
			pthread_mutex_t *file)
{
	struct bc_lock kept;

	switch (pick(random, 8)) {
	case 0:
	case 1:
	case 2:
		wait_for(random, lock, file);
		break;
	case 3:
		bc_lock_granted(lock);
		break;
	case 4:
		bc_lock_given_up(lock);
		break;
	case 5:
		if (bc_lock_is_kept(lock, &kept))
			CHECK(kept.first <= lock->last &&
			      lock->first <= kept.last);
		break;
	}
	bc_lock_offer(file, is_free, file);
}

static void lock_step(struct random *random)
{
	static const uint8_t owners[OWNERS] = { 1, 2, 3, 4 },
			     open[BC_STATEID_OTHER_SIZE];
	pthread_mutex_t *file = &files[pick(random, FILES)];
	struct bc_lock lock = {
		.file = file,
		.client = 1 + pick(random, CLIENTS),
		.owner = &owners[pick(random, OWNERS)],
		.owner_len = 1,
		.first = pick(random, 4),
		.exclusive = pick(random, 2),
	};

	lock.last = lock.first + pick(random, 4);
	pthread_mutex_lock(file);
	lock_locked(random, &lock, file);
	pthread_mutex_unlock(file);
	switch (pick(random, 100)) {
	case 0:
		bc_lock_closed(file, lock.client, open);
		break;
	case 1:
		bc_lock_client_ended(lock.client);
		break;
	case 2:
		bc_lock_expire(bc_now() + BC_LOCK_KEPT);
		break;
	case 3:
		bc_lock_export_ended(&exports[pick(random, EXPORTS)]);
		break;
	}
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	faults = worker->random;
	for (unsigned long i = 0; i < operations; i++)
		worker->step(&worker->random);
	return NULL;
}

/* Beginning and end --------------------------------------------------------- */

static void begin(struct random *random)
{
	CHECK(!bc_core_init(&config, &ops));
	for (int i = 0; i < FILES; i++)
		pthread_mutex_init(&files[i], NULL);
	for (int i = 0; i < SESSIONS; i++) {
		pthread_mutex_init(&sessions[i].lock, NULL);
		sessions[i].object = session_make(random);
	}
	for (int i = 0; i < CONNS; i++) {
		pthread_mutex_init(&conns[i].lock, NULL);
		conns[i].object = conn_make(&conns[i]);
	}
}

static void run(struct random *random)
{
	static const struct {
		void (*step)(struct random *random);
		int count;
	} kinds[] = {
		/* clang-format off */
		{ submit_step, SUBMITTERS },
		{ respond_step, RESPONDERS },
		{ churn_step, CHURNERS },
		{ listen_step, LISTENERS },
		{ revoke_step, REVOKERS },
		{ watch_step, WATCHERS },
		{ lock_step, LOCKERS },
		/* clang-format on */
	};
	struct worker workers[THREADS], *worker = workers;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int j = 0; j < kinds[i].count; j++, worker++) {
			pick(random, 2);
			worker->random.state =
				random->state ^ (uint64_t)(worker - workers);
			worker->step = kinds[i].step;
			CHECK(!pthread_create(&worker->thread, NULL,
					      worker_main, worker));
		}
	for (int i = 0; i < THREADS; i++) {
		/* Threads still at work meet a core that takes no more. */
		if (i == SUBMITTERS + RESPONDERS)
			bc_core_stop_calls();
		pthread_join(workers[i].thread, NULL);
	}
}

static void end(void)
{
	assert_sane_clients();
	bc_core_stop_calls();
	for (unsigned int i = 0; i < wire.count; i++)
		bc_request_put(wire.reqs[i]);
	for (int i = 0; i < SESSIONS; i++) {
		bc_session_close(sessions[i].object);
		bc_session_put(sessions[i].object);
		pthread_mutex_destroy(&sessions[i].lock);
	}
	for (int i = 0; i < CONNS; i++) {
		bc_conn_down(conns[i].object);
		bc_conn_put(conns[i].object);
		pthread_mutex_destroy(&conns[i].lock);
	}
	assert_core_empty();
	bc_core_fini();
	CHECK(!bc_core.opening);
	CHECK(!bc_core.back_bound);
	CHECK(!requests_live && !conns_live && !waits_live);
	for (unsigned long i = 0; i < submitted; i++)
		CHECK(completions[i] == 1);
}

int main(int argc, char **argv)
{
	struct random random = { bc_now_ns() };

	if (argc > 1)
		operations = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		random.state = strtoull(argv[2], NULL, 0);
	printf("stress_core %lu %#llx\n", operations,
	       (unsigned long long)random.state);
	fflush(stdout);
	random.state |= 1; /* xorshift stays at 0 */
	completions = calloc(SUBMITTERS * operations + 1, sizeof(*completions));
	CHECK(completions);

	begin(&random);
	run(&random);
	end();
	printf("%lu callbacks: %lu replied, %lu ran, %lu deferred, %lu failed; %lu sessions\n",
	       submitted, completed[BC_OUTCOME_REPLY],
	       completed[BC_OUTCOME_RAN], completed[BC_OUTCOME_DEFER],
	       completed[BC_OUTCOME_FAILED], sessions_made);
	free(completions);
	return 0;
}
