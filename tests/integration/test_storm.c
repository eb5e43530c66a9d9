/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * 10,000 clients that answer the callback and close at once, or whose
 * connection dies at the very moment of the callback: where ntirpc's expiry
 * tree kills a stock server.  Each comes back, and is served.
 *
 * BACKCHANNEL_TEST_LONG in the environment makes it ten times as many.
 */
#include "fixture.h"
#include "heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENTS 10000
#define BATCH 500
#define LEASE 10 /* s */
/* What Ganesha's caches may still grow by in the second half. */
#define SLACK_KIB 512

static struct heap heap; /* of the server */

/* How the connection of client i of a batch ends at its callback. */
static const struct cb_answer endings[] = {
	{ .then_close = NFS_CLOSE_FIN },
	{ .then_close = NFS_CLOSE_RST },
	{ .when = CB_NEVER, .then_close = NFS_CLOSE_FIN },
	{ .when = CB_NEVER, .then_close = NFS_CLOSE_RST },
};
#define ENDINGS (sizeof(endings) / sizeof(*endings))

struct holder {
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_conn *lost; /* the connection that ends, +1 ref */
	struct nfs_file file;
	char name[32];
	struct cb_responder *responder;
};

/* Mount and hold a delegation. */
static void holder_begin(struct fixture *f, struct holder *holder,
			 unsigned int n, const struct cb_answer *ending)
{
	char path[64];

	snprintf(holder->name, sizeof(holder->name), "storm-%u", n);
	snprintf(path, sizeof(path), "export/%s", holder->name);
	server_make_file(f->server, holder->name, "contents");
	holder->responder = cb_responder_new();
	cb_responder_push(holder->responder, ending);
	fixture_client(f, &holder->client);
	/* Ganesha keeps something for each address that it has ever seen. */
	snprintf(holder->client.source, sizeof(holder->client.source),
		 "127.2.%u.%u", n % BATCH / 250, 1 + n % BATCH % 250);
	holder->client.responder = holder->responder;
	assert_int_equal(nfs_client_mount(&holder->client, &holder->session),
			 0);
	holder->lost = nfs_conn_get(holder->session.conn);
	assert_int_equal(nfs_open(&holder->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &holder->file),
			 NFS4_OK);
	assert_int_equal(holder->file.delegation.type, OPEN_DELEGATE_READ);
}

/* Connect anew, bind, return the delegation. */
static void holder_come_back(struct holder *holder, bool unanswered)
{
	struct nfs_conn *conn;
	struct cb_call *call = cb_responder_wait(holder->responder, 0, SOON);

	assert_non_null(call);
	conn = nfs_client_connect(&holder->client);
	assert_non_null(conn);
	assert_int_equal(
		nfs_bind_conn(&holder->session, conn, CDFC4_FORE_OR_BOTH, NULL),
		NFS4_OK);
	nfs_session_set_conn(&holder->session, conn);
	nfs_conn_put(conn);
	if (unanswered) {
		struct cb_call *again =
			cb_responder_wait(holder->responder, 1, SOON);

		assert_non_null(again);
		assert_int_equal(again->seq.slot, call->seq.slot);
		assert_int_equal(again->seq.sequence, call->seq.sequence);
	}
	assert_int_equal(nfs_delegreturn(&holder->session, &holder->file.fh,
					 &holder->file.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&holder->session, &holder->file), NFS4_OK);
}

static void holder_end(struct holder *holder)
{
	struct nfs_conn *conn = nfs_conn_get(holder->session.conn);
	const char *text;

	nfs_client_unmount(&holder->session);
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	nfs_conn_put(conn);
	nfs_conn_close(holder->lost, NFS_CLOSE_FIN);
	nfs_conn_put(holder->lost);
	if (cb_responder_violations(holder->responder, &text))
		fail_msg("the server violated the protocol: %s", text);
	cb_responder_free(holder->responder);
}

/* What was held against is open to the opener at last. */
static void open_at_last(struct fixture *f, const char *name)
{
	char path[64];

	fixture_assert_opens(f, name);
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_remove(&f->opener_session, path), NFS4_OK);
}

static void batch(struct fixture *f, struct holder *holders, unsigned int first)
{
	for (unsigned int i = 0; i < BATCH; i++)
		holder_begin(f, &holders[i], first + i, &endings[i % ENDINGS]);
	for (unsigned int i = 0; i < BATCH; i++)
		fixture_conflict(f, holders[i].name);
	assert_true(server_alive(f->server));
	for (unsigned int i = 0; i < BATCH; i++)
		holder_come_back(&holders[i],
				 endings[i % ENDINGS].when == CB_NEVER);
	for (unsigned int i = 0; i < BATCH; i++) {
		open_at_last(f, holders[i].name);
		holder_end(&holders[i]);
	}
}

/* What is allocated when what clients have left behind is forgotten: those that
 * did not answer are remembered for a lease; and an owner of an open that was closed
 * by Ganesha, whose reaper comes twice a lease (reap_expired_open_owners()).
 */
static long settled_kib(struct fixture *f)
{
	for (unsigned int s = 0; s < LEASE + LEASE / 2 + 2; s += 2) {
		sleep(2);
		/* These renew the leases of both. */
		fixture_assert_flags(f, 0);
		assert_int_equal(nfs_sequence_on(&f->opener_session,
						 f->opener_session.conn, NULL),
				 NFS4_OK);
	}
	return heap_allocated_kib(&heap);
}

static void test_clients_close_at_their_callback(void **state)
{
	struct fixture *f = *state;
	unsigned int clients =
		getenv("BACKCHANNEL_TEST_LONG") ? 10 * CLIENTS : CLIENTS;
	struct holder *holders = calloc(BATCH, sizeof(*holders));
	int connections = server_connections(f->server);
	uint64_t begun = nfs_now_ns();
	long before = 0, after;

	assert_non_null(holders);
	for (unsigned int n = 0; n < clients; n += BATCH) {
		batch(f, holders, n);
		fixture_assert_flags(f, 0); /* renews its lease, too */
		/* Ganesha's own caches, of files and addresses, have grown */
		if (n == clients / 2)
			before = settled_kib(f);
	}
	free(holders);
	fixture_wait_connections(f, connections);
	after = settled_kib(f);
	print_message(
		"%u clients in %.1f s; allocated: %ld KiB at half, %ld at the end\n",
		clients, (nfs_now_ns() - begun) / 1e9, before, after);
	assert_true(after < before + SLACK_KIB);
}

int main(void)
{
	const struct server_params params = { .module = true,
					      .env = heap.env,
					      .lease_lifetime = LEASE };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_clients_close_at_their_callback),
	};

	int failed;

	if (heap_open(&heap))
		return 1;
	failed = fixture_run(tests, &params);
	heap_close(&heap);
	return failed;
}
