/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Probe = on_bind asks each session's program, as each has its own: two clients
 * on one connection are two questions. pynfs CSESS20, CSESS21. RFC 5661 18.36.3.
 */
#include "fixture.h"

#define FIRST 0x40000100
#define SECOND 0x40000200
#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)

static const struct cb_answer unavailable = { .rpc = CB_RPC_PROG_UNAVAIL };

/* At the holder's connection. */
static struct nfs_client client;
static struct nfs_session first, second;

static void create(struct nfs_session *session, struct nfs_client *of,
		   struct nfs_conn *conn, uint32_t program)
{
	struct nfs_create_session_args args;

	nfs_create_session_args_init(&args);
	args.cb_program = program;
	assert_int_equal(nfs_create_session(session, of, conn, &args), NFS4_OK);
}

static void end(struct nfs_session *session)
{
	assert_int_equal(nfs_destroy_session(session, NULL), NFS4_OK);
	nfs_session_fini(session);
}

/* The programs of CB_NULLs from @n on, in any order. */
static void assert_asked(struct fixture *f, unsigned int n, uint32_t program,
			 uint32_t other)
{
	uint32_t a, b;

	assert_true(cb_responder_wait_null(f->responder, n + 2, SOON));
	a = cb_responder_null_program(f->responder, n);
	b = cb_responder_null_program(f->responder, n + 1);
	assert_true((a == program && b == other) ||
		    (a == other && b == program));
}

static void assert_flags(struct nfs_session *session, uint32_t flags)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	uint32_t got;

	do {
		assert_int_equal(nfs_sequence(session, &got), NFS4_OK);
	} while ((got & DOWN) != flags && nfs_now_ns() < until);
	assert_int_equal(got & DOWN, flags);
}

/* Another client, of another program, on the connection of the holder. */
static void test_probe_two_clients_on_one_connection_asks_both(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	fixture_client(f, &client);
	client.responder = f->responder;
	assert_int_equal(nfs_exchange_id(&client, conn), NFS4_OK);
	create(&first, &f->holder, conn, FIRST);
	create(&second, &client, conn, SECOND);
	assert_asked(f, 1, FIRST, SECOND);
	assert_flags(&first, 0);
	assert_flags(&second, 0);
	end(&first);
	end(&second);
	assert_int_equal(nfs_destroy_clientid(&client, conn), NFS4_OK);
}

static void test_probe_two_sessions_on_one_connection_asks_both(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	create(&first, &f->holder, conn, FIRST);
	create(&second, &f->holder, conn, SECOND);
	assert_asked(f, 1, FIRST, SECOND);
	end(&first);
	end(&second);
}

/* The control: each has a connection of its own. */
static void test_probe_two_connections_asks_both(void **state)
{
	struct fixture *f = *state;

	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	create(&first, &f->holder, fixture_connect(f, &f->holder), FIRST);
	create(&second, &f->holder, fixture_connect(f, &f->holder), SECOND);
	assert_asked(f, 1, FIRST, SECOND);
	end(&first);
	end(&second);
}

/* One of the two has no such program: it has no path, and the other has. */
static void test_probe_refused_by_one_client_leaves_the_other(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	assert_true(cb_responder_wait_null(f->responder, 1, SOON));
	fixture_client(f, &client);
	client.responder = f->responder;
	assert_int_equal(nfs_exchange_id(&client, conn), NFS4_OK);
	create(&first, &f->holder, conn, FIRST);
	assert_true(cb_responder_wait_null(f->responder, 2, SOON));
	cb_responder_set_null(f->responder, &unavailable);
	create(&second, &client, conn, SECOND);
	assert_flags(&second, DOWN);
	assert_flags(&first, 0);
	assert_int_equal(cb_responder_null_program(f->responder, 2), SECOND);
	end(&first);
	end(&second);
	assert_int_equal(nfs_destroy_clientid(&client, conn), NFS4_OK);
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.backchannel = "Probe = on_bind;\nCallback_Timeout = 600;\n",
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_probe_two_connections_asks_both),
		FIXTURE_TEST(
			test_probe_two_clients_on_one_connection_asks_both),
		FIXTURE_TEST(
			test_probe_two_sessions_on_one_connection_asks_both),
		FIXTURE_TEST(test_probe_refused_by_one_client_leaves_the_other),
	};

	return fixture_run(tests, &params);
}
