/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * SIGTERM with many live sessions: the module's share of the server's end does
 * not grow with their square.  The same server with Multiplex = false stands
 * beside it, for what Ganesha's own end takes on this machine at this time.
 *
 * BACKCHANNEL_TEST_LONG in the environment makes it 60,000 sessions.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS 4
#define SESSIONS 16000
#define LONG_SESSIONS 60000

/* The end may take so much longer than without: what 60,000 sessions may. */
#define MORE 5000 /* ms */

static unsigned int sessions(void)
{
	return getenv("BACKCHANNEL_TEST_LONG") ? LONG_SESSIONS : SESSIONS;
}

/* Sessions of one slot, of a client with one connection. */
static void make_sessions(struct fixture *f, struct nfs_client *client,
			  unsigned int count)
{
	struct nfs_create_session_args args;
	struct nfs_conn *conn;

	fixture_client(f, client);
	conn = fixture_connect(f, client);
	nfs_create_session_args_init(&args);
	args.fore.maxrequests = 1;
	args.back.maxrequests = 1;
	assert_int_equal(nfs_exchange_id(client, conn), NFS4_OK);
	for (unsigned int i = 0; i < count; i++) {
		struct nfs_session session;

		assert_int_equal(
			nfs_create_session(&session, client, conn, &args),
			NFS4_OK);
		nfs_session_fini(&session);
	}
}

/* @return how long the end of a server with many sessions takes, ms */
static uint64_t end_ms(const char *backchannel)
{
	const struct server_params params = { .module = true,
					      .lease_lifetime = 120,
					      .backchannel = backchannel };
	struct nfs_client clients[CLIENTS];
	static struct fixture fixture;
	uint64_t begun;

	assert_int_equal(fixture_start(&fixture, &params), 0);
	for (int i = 0; i < CLIENTS; i++)
		make_sessions(&fixture, &clients[i], sessions() / CLIENTS);
	begun = nfs_now_ns();
	assert_int_equal(server_stop(fixture.server), 0);
	begun = nfs_now_ns() - begun;
	for (unsigned int i = 0; i < fixture.nconns; i++) {
		nfs_conn_close(fixture.conns[i], NFS_CLOSE_FIN);
		nfs_conn_put(fixture.conns[i]);
	}
	assert_int_equal(fixture_stop(&fixture), 0);
	return begun / 1000000;
}

static void test_sigterm_with_many_sessions_ends_soon(void **state)
{
	uint64_t without = end_ms("Multiplex = false;\n");
	uint64_t with = end_ms("");

	(void)state;
	printf("SIGTERM with %u sessions: %lu ms, without the multiplexer %lu ms\n",
	       sessions(), (unsigned long)with, (unsigned long)without);
	assert_true(with <=
		    without + (uint64_t)MORE * sessions() / LONG_SESSIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sigterm_with_many_sessions_ends_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
