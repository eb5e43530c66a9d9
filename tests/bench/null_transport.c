/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "null_transport.h"

#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CB_RECALL 4
#define RECALL_SIZE 88 /* bytes: no referring call, a handle of 56 bytes */
#define SLOTS 64

static __thread struct bc_request *sent;
static unsigned long submitted, completed; /* [A] */
static bool failing; /* [A] callbacks that wait may fail */

/* A benchmark of something else than it says is worth nothing. */
static void expect(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void write_log(enum bc_log_level level, const char *line)
{
	if (level == BC_LOG_WARN)
		fprintf(stderr, "%s\n", line);
}

/* What Ganesha is asked is a level behind a pointer, too. */
static bool is_tracing(void)
{
	static enum bc_log_level level = BC_LOG_EVENT;
	static enum bc_log_level *volatile levels = &level;

	return *levels >= BC_LOG_TRACE;
}

static struct bc_request *request_new(size_t body_len)
{
	struct bc_request *req = malloc(sizeof(*req) + body_len);

	if (req)
		*req = (struct bc_request){ .body = (uint8_t *)(req + 1),
					    .body_len = body_len };
	return req;
}

static void request_free(struct bc_request *req)
{
	free(req);
}

static int keep(struct bc_request *req)
{
	bc_trace_send(req, 0);
	urcu_ref_get(&req->ref);
	sent = req;
	return 0;
}

static bool conn_close_if_stalled(struct bc_conn *conn)
{
	(void)conn;
	return false;
}

static bool conn_has_ended(struct bc_conn *conn)
{
	(void)conn;
	return false;
}

static void conn_release(struct bc_conn *conn)
{
	bc_conn_put(conn); /* the transport's */
}

static void conn_free(struct bc_conn *conn)
{
	free(conn);
}

static void complete(struct bc_call *call, enum bc_outcome outcome,
		     struct bc_reply *reply)
{
	(void)call;
	(void)reply;
	expect(outcome == BC_OUTCOME_REPLY || uatomic_read(&failing),
	       "a callback was not answered");
	uatomic_inc(&completed);
}

static const struct bc_ops ops = {
	.log = write_log,
	.tracing = is_tracing,
	.request_new = request_new,
	.request_free = request_free,
	.send = keep,
	.conn_close_if_stalled = conn_close_if_stalled,
	.conn_has_ended = conn_has_ended,
	.conn_release = conn_release,
	.conn_free = conn_free,
	.complete = complete,
};

void null_start(void)
{
	static const struct bc_config config = {
		.max_queue = 1048576,
		.max_slots = SLOTS,
		.max_connections = 16,
		.max_client_connections = UINT32_MAX,
		.max_server_connections = UINT32_MAX,
		.callback_timeout = 600 * 1000,
		.retry_attempts = 3,
		.retry_first_delay = 5000,
		.lease_time = 600 * 1000,
	};

	expect(!bc_core_init(&config, &ops), "the core does not start");
}

void null_stop(void)
{
	expect(submitted == completed, "callbacks are missing");
	bc_core_fini();
}

void null_allow_failures(void)
{
	uatomic_set(&failing, true);
}

void null_fail_waiting(void)
{
	null_allow_failures();
	bc_core_stop_calls();
}

void null_session_init(struct null_client *client, uint64_t number,
		       uint64_t clientid, uint32_t slots)
{
	static const uint8_t cred[48];
	struct bc_session_attrs attrs = {
		.clientid = clientid,
		.max_requests = slots,
		.max_request_size = 4096,
		.security = bc_security_new(0x40000000, cred, sizeof(cred)),
	};
	enum bc_channels channels;

	memset(client->id, 0, sizeof(client->id));
	memcpy(client->id, &number, sizeof(number));
	memcpy(attrs.id, client->id, sizeof(client->id));
	client->conn = calloc(1, sizeof(*client->conn));
	expect(attrs.security && client->conn, "out of memory");
	expect(!bc_session_add(&attrs, &client->session), "no session");
	expect(!bc_conn_add(client->conn, client->conn), "no connection");
	bc_conn_ref(client->conn);
	expect(!bc_bind(client->session, client->conn, BC_BIND_BACK_OR_BOTH,
			client, &channels),
	       "not bound");
	bc_bind_replied(client->conn, client);
}

void null_client_init(struct null_client *client, uint64_t number,
		      uint32_t slots)
{
	null_session_init(client, number, number, slots);
}

void null_client_fini(struct null_client *client)
{
	bc_session_close(client->session);
	bc_session_put(client->session);
	bc_conn_down(client->conn);
	bc_conn_put(client->conn);
}

void null_submit(uint64_t number)
{
	static const uint8_t recall[RECALL_SIZE];
	struct bc_call *call =
		bc_call_new(CB_RECALL, 1, recall, sizeof(recall), NULL);

	expect(call && !bc_call_submit(call, number, NULL), "not submitted");
	uatomic_inc(&submitted);
}

struct bc_request *null_sent(void)
{
	struct bc_request *req = sent;

	expect(req, "nothing was sent");
	sent = NULL;
	return req;
}

void null_answer(struct bc_request *req)
{
	struct bc_reply reply = {
		.kind = BC_REPLY_DECODED,
		.num_results = BC_CB_COMPOUND_OPS,
		.sequence = req->sequence,
		.target_highest_slot = SLOTS - 1,
	};

	bc_reply_arrived(req, &reply);
	bc_request_put(req);
}
