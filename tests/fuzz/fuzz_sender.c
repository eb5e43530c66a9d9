/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The sender, played by a client that may do anything at any moment.
 *
 * Input: a byte of options; then events, a byte each, and what they take, see
 * events[].  After each the core is sane, and the fake transport sees that
 * nothing goes out that no client may see.  Every callback completes exactly
 * once, by itself and in bounded time.  When the input ends the core stops, and
 * nothing is left.
 */
#include "check.h"
#include "fake_transport.h"
#include "fuzz.h"
#include "sane.h"
#include "steps.h"

#include <stdlib.h>

#define EVENTS 300
#define CLIENTS 2
#define SESSIONS 6
#define CONNS 24
#define REVOKED 3 /* stateids */
#define REPLIES 4 /* that bindings may wait for */

static const struct bc_config fuzz_config = {
	.max_queue = 6,
	.max_slots = 4,
	.max_connections = 2,
	.max_client_connections = 3,
	.max_server_connections = 4,
	.callback_timeout = 1000,
	.retry_attempts = 2,
	.retry_first_delay = 500,
	.lease_time = 3000,
};

/* A callback ends within its attempts, the pauses between them and a lease. */
#define PATIENCE (3000 + 3 * 1000 + 500 + 1000)

static const uint32_t statuses[] = {
	NFS4_OK,
	NFS4ERR_DELAY,
	NFS4ERR_RESOURCE,
	NFS4ERR_MINOR_VERS_MISMATCH,
	NFS4ERR_BADSESSION,
	NFS4ERR_BADSLOT,
	NFS4ERR_CONN_NOT_BOUND_TO_SESSION,
	NFS4ERR_SEQ_MISORDERED,
	NFS4ERR_REQ_TOO_BIG,
	NFS4ERR_REP_TOO_BIG,
	NFS4ERR_REP_TOO_BIG_TO_CACHE,
	NFS4ERR_RETRY_UNCACHED_REP,
	NFS4ERR_TOO_MANY_OPS,
	NFS4ERR_SEQ_FALSE_RETRY,
	NFS4ERR_DEADSESSION,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
	struct fuzz_input input;
	struct bc_session *sessions[SESSIONS]; /* counted, or NULL */
	struct bc_conn *conns[CONNS]; /* fake's */
	unsigned int num_conns;
	struct bc_request *requests[4 * EVENTS]; /* fake's */
	unsigned int num_requests;
	struct {
		struct fake_call *call;
		uint64_t ends; /* ms: it has completed by then */
	} calls[EVENTS];
	unsigned int num_calls;
	char replies[REPLIES];
} play;

/* What an event is about --------------------------------------------------- */

static uint8_t some(uint32_t count)
{
	return (uint8_t)(fuzz_byte(&play.input) % count);
}

static uint64_t some_client(void)
{
	return 0xa11ce + some(CLIENTS);
}

static struct bc_session *some_session(void)
{
	return play.sessions[some(SESSIONS)];
}

static struct bc_conn *some_conn(void)
{
	return play.num_conns ? play.conns[some(play.num_conns)] : NULL;
}

static uint32_t some_status(void)
{
	uint8_t which = fuzz_byte(&play.input);

	return which < COUNT(statuses) ? statuses[which] :
					 fuzz_word(&play.input);
}

/* The client --------------------------------------------------------------- */

/* A request that is sent again is the same: RFC 5661, 2.10.6.2. */
static void check_retry(const struct bc_request *req)
{
	unsigned int i = play.num_requests;

	if (!req->retry)
		return;
	while (i-- > 0) {
		const struct bc_request *before = play.requests[i];

		if (!before->call || before->session != req->session ||
		    before->sequence.slot != req->sequence.slot)
			continue;
		CHECK(before->sequence.sequence == req->sequence.sequence);
		CHECK(before->conn != req->conn || before->retry);
		CHECK(before->security == req->security);
		CHECK(fake_number(before) == fake_number(req));
		return;
	}
}

static void receive(void)
{
	while (fake_pending()) {
		struct bc_request *req = fake_next();

		if (play.num_requests == COUNT(play.requests))
			continue;
		check_retry(req);
		play.requests[play.num_requests++] = req;
	}
}

/* Each bit of @which makes something of a good reply wrong. */
static struct bc_reply bad_reply(const struct bc_request *req, uint8_t which)
{
	struct bc_reply reply = fake_reply_ok(req);
	uint8_t slots;

	if (which & 0x01)
		reply.sequence_status = reply.status = some_status();
	if (which & 0x02)
		reply.num_results = some(BC_CB_COMPOUND_OPS + 1);
	if (which & 0x04)
		reply.kind = (enum bc_reply_kind)some(3);
	if (which & 0x08) {
		slots = fuzz_byte(&play.input);
		reply.target_highest_slot = slots % 8;
		reply.sequence.highest_slot = slots / 8 % 8;
	}
	if (which & 0x10)
		reply.sequence.slot = fuzz_byte(&play.input);
	if (which & 0x20)
		reply.sequence.sequence = fuzz_byte(&play.input);
	if (which & 0x40)
		reply.sequence.session[0] ^= 0xff;
	if (which & 0x80)
		reply.status = reply.op_status = some_status();
	return reply;
}

/* To the latest but some: that may be one that has been answered before. */
static void answer(void)
{
	uint8_t back = fuzz_byte(&play.input);
	uint8_t which = fuzz_byte(&play.input);
	struct bc_request *req;

	if (back >= play.num_requests)
		return;
	req = play.requests[play.num_requests - 1 - back];
	fake_answer(req, bad_reply(req, which));
}

static void add_session(void)
{
	uint8_t number = some(SESSIONS);
	uint64_t clientid = some_client();
	uint8_t options = fuzz_byte(&play.input);
	struct bc_session_attrs attrs =
		fake_attrs(clientid, number + 1, 1 + (options & 7));

	if (options & 0x08)
		attrs.max_request_size = fuzz_byte(&play.input);
	if (options & 0x10) {
		bc_security_put(attrs.security);
		attrs.security = NULL;
	}
	if (options & 0x20)
		attrs.max_requests = fuzz_word(&play.input) | 1;
	if (play.sessions[number]) {
		struct bc_session *none;

		/* One that is open still exists. */
		if (play.sessions[number]->open) {
			CHECK(bc_session_add(&attrs, &none) == -EEXIST);
			return;
		}
		bc_session_put(play.sessions[number]);
	}
	CHECK(!bc_session_add(&attrs, &play.sessions[number]));
}

static void close_session(void)
{
	struct bc_session *session = some_session();

	if (session)
		bc_session_close(session);
}

static void change_security(void)
{
	struct bc_session *session = some_session();

	if (session)
		bc_session_set_security(session, fake_security());
}

static void heard(void)
{
	struct bc_session *session = some_session();
	struct bc_conn *conn = some_conn();

	if (session && conn)
		bc_session_heard(session, conn);
}

static void heard_unbound(void)
{
	struct bc_session *session = some_session();

	if (session && bc_session_heard(session, NULL).doubtful)
		bc_session_ended_paths(session);
}

static void stall(void)
{
	fake_stall(some_conn());
}

static void connect_anew(void)
{
	if (play.num_conns < CONNS)
		play.conns[play.num_conns++] = fake_conn();
}

static void disconnect(void)
{
	struct bc_conn *conn = some_conn();

	if (conn)
		bc_conn_down(conn);
}

static void bind_any(void)
{
	struct bc_session *session = some_session();
	struct bc_conn *conn = some_conn();
	uint8_t dir = fuzz_byte(&play.input);
	const void *reply = &play.replies[some(REPLIES)];
	enum bc_channels channels = 0;

	if (!session || !conn)
		return;
	if (!bc_bind(session, conn, dir, reply, &channels))
		CHECK(channels >= BC_CHANNEL_FORE &&
		      channels <= BC_CHANNEL_BOTH);
}

static void bind_answered(void)
{
	struct bc_conn *conn = some_conn();
	const void *reply = &play.replies[some(REPLIES)];

	if (conn)
		bc_bind_replied(conn->transport, reply);
}

/* What most clients do, in one event. */
static void bind_both(void)
{
	struct bc_session *session = some_session();
	struct bc_conn *conn = some_conn();
	enum bc_channels channels;

	if (session && conn &&
	    !bc_bind(session, conn, BC_BIND_FORE_OR_BOTH, &play, &channels))
		bc_bind_replied(conn->transport, &play);
}

/* The server --------------------------------------------------------------- */

static void submitted(struct fake_call *call)
{
	play.calls[play.num_calls].call = call;
	play.calls[play.num_calls++].ends = bc_now() + PATIENCE;
}

static void submit(void)
{
	submitted(fake_submit(some_client()));
}

static void submit_to(void)
{
	struct bc_session *session = some_session();
	const uint64_t clientid = some_client();

	if (session)
		submitted(fake_submit_to(clientid, session->id));
}

static void submit_sized(void)
{
	const uint64_t clientid = some_client();
	size_t words = 2 + fuzz_byte(&play.input) * 5;

	submitted(fake_submit_sized(clientid, 4 * words));
}

static void defer(void)
{
	submitted(fake_defer());
}

static void destroy_client(void)
{
	bc_client_destroy(some_client());
}

static void revoke(void)
{
	uint64_t clientid = some_client();
	uint8_t other[BC_STATEID_OTHER_SIZE] = { some(REVOKED) };

	bc_revoked_add(clientid, other);
}

/* TEST_STATEID, then FREE_STATEID. */
static void free_revoked(void)
{
	struct bc_session *session = some_session();
	uint8_t other[BC_STATEID_OTHER_SIZE] = { some(REVOKED) };
	bool known, last;

	if (!session)
		return;
	known = bc_revoked_contains(session, other);
	CHECK(bc_revoked_free(session, other, &last) == known);
	CHECK(!bc_revoked_contains(session, other));
}

static void fail_sends(void)
{
	fake_fail_sends(some(2) ? -EIO : -ENOMEM, some(4));
}

static void fail_requests(void)
{
	fake_fail_requests(some(4));
}

static void let_pass(uint64_t ms)
{
	steps_pass(ms);
	steps_completions();
	for (unsigned int i = 0; i < play.num_calls; i++)
		CHECK(fake_done(play.calls[i].call) ||
		      bc_now() <= play.calls[i].ends);
}

static void pass(void)
{
	let_pass(1u << some(13));
}

/* An input ------------------------------------------------------------------ */

static void (*const events[])(void) = {
	submit,	       submit_to,     submit_sized,	 defer,
	answer,	       answer,	      bind_both,	 bind_any,
	bind_answered, connect_anew,  disconnect,	 stall,
	add_session,   close_session, change_security,	 heard,
	heard_unbound, revoke,	      free_revoked,	 destroy_client,
	pass,	       steps_work,    steps_completions, steps_grace_period,
	fail_sends,    fail_requests,
};

static void everything_ends(void)
{
	steps_work();
	let_pass(PATIENCE + 1);
}

static void stop(void)
{
	for (unsigned int i = 0; i < SESSIONS; i++)
		if (play.sessions[i])
			bc_session_put(play.sessions[i]);
	steps_release();
	fake_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bc_config config = fuzz_config;

	memset(&play, 0, sizeof(play));
	play.input = (struct fuzz_input){ data, size };
	config.probe = fuzz_byte(&play.input) & 1;
	fake_start(&config);
	for (unsigned int i = 0; play.input.left && i < EVENTS; i++) {
		events[some(COUNT(events))]();
		assert_sane_clients();
		receive();
	}
	everything_ends();
	stop();
	return 0;
}
