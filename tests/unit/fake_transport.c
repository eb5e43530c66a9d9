/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A transport without a network, below the core, for tests.
 *
 * Locking: fake.lock guards what is sent and what has completed; counts of
 *   live objects are atomic.  It is never held in a call of the core.
 * Lifetime: the wire holds a reference on each request that it was given, and
 *   the test one on each connection, until fake_stop().
 */
#include "fake_transport.h"

#include <arpa/inet.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "trace.h"
#include "sane.h"

#define FAKE_CONNS_MAX 128
#define FAKE_TRACES_MAX 64
#define FAKE_TRACE_SIZE 256
#define CB_RECALL 4 /* OP_CB_RECALL */
#define CRED_SIZE 16 /* AUTH_NONE and its verifier */

/* Where CB_SEQUENCE's words are in a CB_COMPOUND4args with an empty tag. */
#define SEQUENCE_OFFSET 36

const struct bc_config fake_config = {
	.max_queue = 100,
	.max_slots = 16,
	.max_connections = 4,
	.max_client_connections = 1000,
	.max_server_connections = 1000,
	.callback_timeout = 600 * 1000,
	.retry_attempts = 2,
	.retry_first_delay = 600 * 1000,
	.lease_time = 600 * 1000,
	.hold_time = 600 * 1000,
	.max_client_held = 1000,
	.max_server_held = 1000,
};

/* A request that was sent. */
struct fake_sent {
	struct cds_list_head link;
	struct bc_request *req; /* counted */
	bool taken; /* by fake_next() */
	bool answered;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct cds_list_head sent; /* in order */
	struct cds_list_head calls;
	uint32_t numbers;
	int send_error;
	unsigned int send_failures;
	unsigned int failed_sends;
	unsigned int request_failures;
	struct bc_conn *conns[FAKE_CONNS_MAX]; /* counted */
	unsigned int num_conns;
	struct bc_conn *stalled; /* atomic */
	struct bc_conn *ended; /* atomic */
	long requests_live; /* [A] */
	long conns_live; /* [A] */
	bool tracing; /* [A] */
	uint32_t xids;
	unsigned int num_traces;
	char traces[FAKE_TRACES_MAX][FAKE_TRACE_SIZE];
} fake = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.sent = CDS_LIST_HEAD_INIT(fake.sent),
	.calls = CDS_LIST_HEAD_INIT(fake.calls),
};

/* Whether this thread is inside bc_call_submit(). */
static __thread bool submitting;

static void wait_begin(struct timespec *until)
{
	pthread_mutex_lock(&fake.lock);
	clock_gettime(CLOCK_MONOTONIC, until);
	until->tv_sec += FAKE_PATIENCE;
}

static void wait_more(const struct timespec *until)
{
	CHECK(!pthread_cond_clockwait(&fake.changed, &fake.lock,
				      CLOCK_MONOTONIC, until));
}

/* The core's operations ---------------------------------------------------- */

/* No line is written under a client's lock: hangs if the caller holds one. */
static void check_unlocked(void)
{
	struct cds_lfht_iter iter;
	struct bc_client *client;

	if (uatomic_read(&bc_core.stopping))
		return;
	rcu_read_lock();
	cds_lfht_for_each_entry(bc_core.clients.entries, &iter, client, node) {
		pthread_mutex_lock(&client->lock);
		pthread_mutex_unlock(&client->lock);
	}
	rcu_read_unlock();
}

static void keep_trace(const char *line)
{
	pthread_mutex_lock(&fake.lock);
	CHECK(fake.num_traces < FAKE_TRACES_MAX);
	snprintf(fake.traces[fake.num_traces++], FAKE_TRACE_SIZE, "%s", line);
	pthread_mutex_unlock(&fake.lock);
}

static void fake_log(enum bc_log_level level, const char *line)
{
	check_unlocked();
	if (level == BC_LOG_TRACE)
		keep_trace(line);
	if (getenv("FAKE_LOG"))
		fprintf(stderr, "core [%d] %s\n", (int)level, line);
}

static bool fake_tracing(void)
{
	return uatomic_read(&fake.tracing);
}

static struct bc_request *fake_request_new(size_t body_len)
{
	struct bc_request *req;
	bool fail;

	pthread_mutex_lock(&fake.lock);
	fail = fake.request_failures > 0;
	if (fail)
		fake.request_failures--;
	pthread_mutex_unlock(&fake.lock);
	if (fail)
		return NULL;
	req = calloc(1, sizeof(*req));
	CHECK(req);
	req->body = malloc(body_len);
	CHECK(req->body);
	req->body_len = body_len;
	uatomic_inc(&fake.requests_live);
	return req;
}

static void fake_request_free(struct bc_request *req)
{
	uatomic_dec(&fake.requests_live);
	free(req->body);
	free(req);
}

static uint32_t word_at(const struct bc_request *req, size_t offset)
{
	uint32_t word;

	CHECK(offset + sizeof(word) <= req->body_len);
	memcpy(&word, req->body + offset, sizeof(word));
	return ntohl(word);
}

/* What no client may see. [fake.lock] */
static void check_wire(const struct bc_request *req)
{
	const struct fake_sent *sent;

	CHECK(word_at(req, SEQUENCE_OFFSET) == req->sequence.sequence);
	CHECK(word_at(req, SEQUENCE_OFFSET + 4) == req->sequence.slot);
	CHECK(word_at(req, SEQUENCE_OFFSET + 8) == req->sequence.highest_slot);
	CHECK(req->sequence.slot <= req->sequence.highest_slot);
	CHECK(req->sequence.highest_slot < req->session->slots.size);
	cds_list_for_each_entry(sent, &fake.sent, link) {
		const struct bc_request *other = sent->req;

		if (sent->answered || uatomic_read(&other->conn->down) ||
		    !other->call || other->session != req->session)
			continue;
		CHECK(other->sequence.slot != req->sequence.slot);
	}
}

static int fake_send(struct bc_request *req)
{
	struct fake_sent *sent;
	int error = 0;

	if (req->session) {
		/* Hangs if the caller holds it. */
		pthread_mutex_lock(&req->session->client->lock);
		pthread_mutex_unlock(&req->session->client->lock);
	}

	pthread_mutex_lock(&fake.lock);
	if (fake.send_failures) {
		fake.send_failures--;
		error = fake.send_error;
	} else if (uatomic_read(&req->conn->down)) {
		error = -ENOTCONN;
	}
	if (error) {
		fake.failed_sends++;
	} else {
		if (req->call)
			check_wire(req);
		bc_trace_send(req, ++fake.xids);
		sent = calloc(1, sizeof(*sent));
		CHECK(sent);
		urcu_ref_get(&req->ref);
		sent->req = req;
		cds_list_add_tail(&sent->link, &fake.sent);
	}
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
	return error;
}

/* The transport is destroyed as soon as the core lets it go. */
static void fake_conn_release(struct bc_conn *conn)
{
	CHECK(uatomic_read(&conn->down));
	pthread_mutex_lock(&conn->lock);
	CHECK(cds_list_empty(&conn->bindings));
	pthread_mutex_unlock(&conn->lock);
	bc_conn_put(conn);
}

/* A transport that is closed tells of its end like any other. */
static bool fake_conn_close_if_stalled(struct bc_conn *conn)
{
	if (conn != uatomic_read(&fake.stalled))
		return false;
	bc_conn_down(conn);
	return true;
}

/* Nobody has read that yet. */
static bool fake_conn_has_ended(struct bc_conn *conn)
{
	return conn == uatomic_read(&fake.ended);
}

static void fake_conn_free(struct bc_conn *conn)
{
	uatomic_dec(&fake.conns_live);
	free(conn);
}

static void fake_complete(struct bc_call *call, enum bc_outcome outcome,
			  struct bc_reply *reply)
{
	struct fake_call *mine = bc_call_cookie(call);

	CHECK(!submitting);
	CHECK(bc_call_opcode(call) == CB_RECALL);
	CHECK((outcome == BC_OUTCOME_REPLY) == (reply != NULL));
	if (call->client) {
		/* Hangs if the caller holds it. */
		pthread_mutex_lock(&call->client->lock);
		pthread_mutex_unlock(&call->client->lock);
	}

	pthread_mutex_lock(&fake.lock);
	CHECK(!mine->completions);
	mine->completions++;
	mine->outcome = outcome;
	mine->has_reply = reply != NULL;
	if (reply)
		mine->reply = *reply;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}

static void fake_go_on(void *cookie)
{
	struct fake_held *held = cookie;

	held->go_on(held);
}

static void fake_lock_next(void *cookie)
{
	struct fake_place *place = cookie;

	CHECK(!uatomic_read(&place->freed));
	uatomic_inc(&place->next);
}

static void fake_lock_place_free(void *cookie)
{
	struct fake_place *place = cookie;

	uatomic_inc(&place->freed);
}

const struct bc_ops fake_ops = {
	.log = fake_log,
	.tracing = fake_tracing,
	.request_new = fake_request_new,
	.request_free = fake_request_free,
	.send = fake_send,
	.conn_close_if_stalled = fake_conn_close_if_stalled,
	.conn_has_ended = fake_conn_has_ended,
	.conn_release = fake_conn_release,
	.conn_free = fake_conn_free,
	.complete = fake_complete,
	.go_on = fake_go_on,
	.lock_next = fake_lock_next,
	.lock_place_free = fake_lock_place_free,
};

/* Beginning and end -------------------------------------------------------- */

void fake_start(const struct bc_config *config)
{
	CHECK(!bc_core_init(config ? config : &fake_config, &fake_ops));
	fake.numbers = 0;
	fake.send_failures = 0;
	fake.failed_sends = 0;
	fake.request_failures = 0;
	fake.num_conns = 0;
	fake.stalled = NULL;
	fake.ended = NULL;
	fake.tracing = false;
	fake.num_traces = 0;
}

static void drop_sent(void)
{
	struct fake_sent *sent, *next;

	cds_list_for_each_entry_safe(sent, next, &fake.sent, link) {
		cds_list_del(&sent->link);
		bc_request_put(sent->req);
		free(sent);
	}
}

void fake_check_freed(void)
{
	CHECK(uatomic_read(&fake.requests_live) == 0);
	CHECK(uatomic_read(&fake.conns_live) == 0);
}

void fake_stop(void)
{
	struct fake_call *call, *next;

	assert_sane_clients();
	bc_core_stop_calls();
	drop_sent();
	for (unsigned int i = 0; i < fake.num_conns; i++)
		bc_conn_put(fake.conns[i]);
	bc_core_fini();

	CHECK(cds_list_empty(&fake.sent));
	cds_list_for_each_entry_safe(call, next, &fake.calls, link) {
		CHECK(call->completions == 1);
		cds_list_del(&call->link);
		free(call);
	}
	CHECK(uatomic_read(&bc_core.opening) == 0);
	CHECK(uatomic_read(&bc_core.back_bound) == 0);
	fake_check_freed();
}

struct flush {
	struct bc_work work;
	sem_t done;
};

static void flush_run(struct bc_work *work)
{
	sem_post(&caa_container_of(work, struct flush, work)->done);
}

void fake_flush(void)
{
	struct flush flush = { .work.run = flush_run };

	sem_init(&flush.done, 0, 0);
	bc_timers_queue(&flush.work);
	while (sem_wait(&flush.done))
		;
	sem_destroy(&flush.done);
	assert_sane_clients();
}

/* Sessions and connections ------------------------------------------------- */

struct bc_security *fake_security(void)
{
	static const uint8_t cred[CRED_SIZE];
	struct bc_security *security =
		bc_security_new(0x40000000, cred, sizeof(cred));

	CHECK(security);
	return security;
}

struct bc_session_attrs fake_attrs(uint64_t clientid, uint8_t number,
				   uint32_t slots)
{
	struct bc_session_attrs attrs = {
		.clientid = clientid,
		.max_requests = slots,
		.max_request_size = 4096,
		.security = fake_security(),
	};

	memset(attrs.id, number, sizeof(attrs.id));
	return attrs;
}

struct bc_session *fake_session_add(const struct bc_session_attrs *attrs)
{
	struct bc_session *session;

	CHECK(!bc_session_add(attrs, &session));
	bc_session_put(session); /* it holds itself until it is closed */
	assert_sane_clients();
	return session;
}

struct bc_session *fake_session(uint64_t clientid, uint8_t number,
				uint32_t slots)
{
	struct bc_session_attrs attrs = fake_attrs(clientid, number, slots);

	return fake_session_add(&attrs);
}

void fake_close(struct bc_session *session)
{
	bc_session_close(session);
	assert_sane_clients();
}

struct bc_slot fake_slot(const struct bc_session *session, uint32_t index)
{
	struct bc_slot slot;

	pthread_mutex_lock(&session->client->lock);
	slot = session->slots.slots[index];
	pthread_mutex_unlock(&session->client->lock);
	return slot;
}

uint32_t fake_flags(const struct bc_session *session)
{
	struct bc_session_status status = bc_session_heard(session, NULL);

	CHECK(status.known);
	CHECK(!(status.standing & BC_STANDING_PATH) ==
	      !!(status.flags & BC_SEQ4_CB_PATH_DOWN));
	return status.flags;
}

struct bc_conn *fake_conn(void)
{
	return fake_conn_over(NULL);
}

struct bc_conn *fake_conn_over(const void *transport)
{
	struct bc_conn *conn = calloc(1, sizeof(*conn));

	CHECK(conn && fake.num_conns < FAKE_CONNS_MAX);
	CHECK(!bc_conn_add(conn, transport ? transport : conn));
	uatomic_inc(&fake.conns_live);
	bc_conn_ref(conn); /* the test's */
	fake.conns[fake.num_conns++] = conn;
	return conn;
}

void fake_down(struct bc_conn *conn)
{
	bc_conn_down(conn);
	fake_flush();
}

void fake_end(struct bc_conn *conn)
{
	uatomic_set(&fake.ended, conn);
}

void fake_stall(struct bc_conn *conn)
{
	uatomic_set(&fake.stalled, conn);
}

/* What comes now is later than all before, also by a clock that counts ms. */
static void let_time_pass(void)
{
	uint64_t until = bc_now() + 2;

	while (bc_now() < until)
		;
}

void fake_heard_unbound(const struct bc_session *session)
{
	let_time_pass();
	CHECK(bc_session_heard(session, NULL).known);
}

void fake_heard(struct bc_conn *conn)
{
	let_time_pass();
	CHECK(!bc_session_heard(NULL, conn).known);
}

void fake_bind(struct bc_session *session, struct bc_conn *conn)
{
	enum bc_channels channels;
	int reply = 0;

	CHECK(!bc_bind(session, conn, BC_BIND_BACK_OR_BOTH, &reply, &channels));
	CHECK(channels == BC_CHANNEL_BOTH);
	assert_sane_clients();
	bc_bind_replied(conn->transport, &reply);
	assert_sane_clients();
}

struct bc_conn *fake_conn_to(struct bc_session *session)
{
	struct bc_conn *conn = fake_conn();

	fake_bind(session, conn);
	return conn;
}

struct bc_conn *fake_reconnect(struct bc_session *session, struct bc_conn *conn)
{
	fake_down(conn);
	return fake_conn_to(session);
}

struct bc_session *fake_path(uint64_t clientid, uint8_t number, uint32_t slots,
			     struct bc_conn **conn)
{
	struct bc_session *session = fake_session(clientid, number, slots);

	*conn = fake_conn_to(session);
	return session;
}

/* Callbacks ---------------------------------------------------------------- */

static struct fake_call *call_make(size_t len, struct bc_call **call)
{
	struct fake_call *mine = calloc(1, sizeof(*mine));
	uint32_t *args = calloc(1, len);

	CHECK(mine && args && len % 4 == 0 && len >= 8);
	mine->number = ++fake.numbers;
	args[0] = htonl(CB_RECALL);
	args[len / 4 - 1] = htonl(mine->number);
	*call = bc_call_new(CB_RECALL, 1, args, len, mine);
	CHECK(*call);
	free(args);
	cds_list_add_tail(&mine->link, &fake.calls);
	return mine;
}

static struct fake_call *submit_made(struct fake_call *mine,
				     struct bc_call *call, uint64_t clientid,
				     const uint8_t *prefer)
{
	submitting = true;
	CHECK(!bc_call_submit(call, clientid, prefer));
	submitting = false;
	assert_sane_clients();
	return mine;
}

static struct fake_call *submit(uint64_t clientid, const uint8_t *prefer,
				size_t len)
{
	struct bc_call *call;
	struct fake_call *mine = call_make(len, &call);

	return submit_made(mine, call, clientid, prefer);
}

struct fake_call *fake_submit_referring(uint64_t clientid, size_t len,
					size_t referring)
{
	struct bc_call *call;
	struct fake_call *mine = call_make(len, &call);

	bc_call_set_referring(call, referring);
	return submit_made(mine, call, clientid, NULL);
}

struct fake_call *fake_submit_brief(uint64_t clientid, uint64_t patience)
{
	struct bc_call *call;
	struct fake_call *mine = call_make(8, &call);

	bc_call_set_patience(call, patience);
	return submit_made(mine, call, clientid, NULL);
}

struct fake_call *fake_defer(void)
{
	struct bc_call *call;
	struct fake_call *mine = call_make(8, &call);

	submitting = true;
	bc_call_defer(call, 0, NULL);
	submitting = false;
	return mine;
}

struct fake_call *fake_submit(uint64_t clientid)
{
	return submit(clientid, NULL, 8);
}

struct fake_call *fake_submit_to(uint64_t clientid, const uint8_t *prefer)
{
	return submit(clientid, prefer, 8);
}

struct fake_call *fake_submit_sized(uint64_t clientid, size_t len)
{
	return submit(clientid, NULL, len);
}

bool fake_done(const struct fake_call *call)
{
	bool done;

	pthread_mutex_lock(&fake.lock);
	done = call->completions > 0;
	pthread_mutex_unlock(&fake.lock);
	return done;
}

enum bc_outcome fake_wait(const struct fake_call *call)
{
	enum bc_outcome outcome;
	struct timespec until;

	wait_begin(&until);
	while (!call->completions)
		wait_more(&until);
	outcome = call->outcome;
	pthread_mutex_unlock(&fake.lock);
	assert_sane_clients();
	return outcome;
}

/* The wire ----------------------------------------------------------------- */

static struct fake_sent *first_pending(void)
{
	struct fake_sent *sent;

	cds_list_for_each_entry(sent, &fake.sent, link)
		if (!sent->taken)
			return sent;
	return NULL;
}

struct bc_request *fake_next_unless(const struct fake_call *call)
{
	struct bc_request *req = NULL;
	struct fake_sent *sent;
	struct timespec until;

	wait_begin(&until);
	while (!(sent = first_pending()) && !(call && call->completions))
		wait_more(&until);
	if (sent) {
		sent->taken = true;
		req = sent->req;
	}
	pthread_mutex_unlock(&fake.lock);
	assert_sane_clients();
	return req;
}

struct bc_request *fake_next(void)
{
	return fake_next_unless(NULL);
}

unsigned int fake_pending(void)
{
	const struct fake_sent *sent;
	unsigned int pending = 0;

	pthread_mutex_lock(&fake.lock);
	cds_list_for_each_entry(sent, &fake.sent, link)
		pending += !sent->taken;
	pthread_mutex_unlock(&fake.lock);
	return pending;
}

uint32_t fake_number(const struct bc_request *req)
{
	return word_at(req, req->body_len - 4);
}

struct bc_reply fake_reply_ok(const struct bc_request *req)
{
	return (struct bc_reply){
		.kind = BC_REPLY_DECODED,
		.status = NFS4_OK,
		.num_results = req->sequence.alone ? 1 : BC_CB_COMPOUND_OPS,
		.sequence_status = NFS4_OK,
		.sequence = req->sequence,
		.target_highest_slot = UINT32_MAX,
		.op_status = NFS4_OK,
	};
}

struct bc_reply fake_reply_error(uint32_t sequence_status)
{
	return (struct bc_reply){
		.kind = BC_REPLY_DECODED,
		.status = sequence_status,
		.num_results = 1,
		.sequence_status = sequence_status,
	};
}

void fake_answer(struct bc_request *req, struct bc_reply reply)
{
	struct fake_sent *sent;

	pthread_mutex_lock(&fake.lock);
	cds_list_for_each_entry(sent, &fake.sent, link)
		if (sent->req == req)
			sent->answered = true;
	pthread_mutex_unlock(&fake.lock);
	bc_reply_arrived(req, &reply);
	assert_sane_clients();
}

void fake_answer_ok(struct bc_request *req)
{
	fake_answer(req, fake_reply_ok(req));
}

void fake_answer_error(struct bc_request *req, uint32_t sequence_status)
{
	fake_answer(req, fake_reply_error(sequence_status));
}

/* Faults ------------------------------------------------------------------- */

void fake_fail_sends(int error, unsigned int times)
{
	pthread_mutex_lock(&fake.lock);
	fake.send_error = error;
	fake.send_failures = times;
	pthread_mutex_unlock(&fake.lock);
}

unsigned int fake_failed_sends(void)
{
	unsigned int failed;

	pthread_mutex_lock(&fake.lock);
	failed = fake.failed_sends;
	pthread_mutex_unlock(&fake.lock);
	return failed;
}

void fake_fail_requests(unsigned int times)
{
	pthread_mutex_lock(&fake.lock);
	fake.request_failures = times;
	pthread_mutex_unlock(&fake.lock);
}

/* The log -------------------------------------------------------------------- */

void fake_trace(void)
{
	uatomic_set(&fake.tracing, true);
}

unsigned int fake_traces(void)
{
	unsigned int traces;

	bc_worker_flush(bc_completion_queue);
	pthread_mutex_lock(&fake.lock);
	traces = fake.num_traces;
	pthread_mutex_unlock(&fake.lock);
	return traces;
}

const char *fake_trace_line(unsigned int n)
{
	CHECK(n < fake_traces());
	return fake.traces[n];
}
