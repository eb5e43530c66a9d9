/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a CREATE_SESSION with a client id that nobody has costs a server with few
 * clients, and one with many that all have been called back: the same.  RFC 5661,
 * 18.36; statement 18.
 */
#include "fixture.h"

#include <stdio.h>
#include <time.h>

#define FEW 10
#define MANY 5000
#define REQUESTS 100 /* in a turn */
#define TURNS 15
#define RATIO 1.5

/* A client that has held a delegation and been called back. */
static void add_called(struct fixture *f, struct nfs_conn *conn, unsigned int n)
{
	struct nfs_create_session_args args;
	struct nfs_session session;
	struct nfs_client client;
	struct nfs_file file;
	char name[32], path[64];

	fixture_client(f, &client);
	client.responder = f->responder;
	nfs_create_session_args_init(&args);
	args.fore.maxrequests = args.back.maxrequests = 1;
	assert_int_equal(nfs_exchange_id(&client, conn), NFS4_OK);
	assert_int_equal(nfs_create_session(&session, &client, conn, &args),
			 NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&session), NFS4_OK);
	snprintf(name, sizeof(name), "called-%u", n);
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, name);
	assert_true(fixture_recalls(fixture_callback(f, n), &file));
	assert_int_equal(
		nfs_delegreturn(&session, &file.fh, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	nfs_session_fini(&session);
}

static void begin(struct fixture *f, unsigned int clients)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = 120,
	};
	struct nfs_conn *conn;
	void *state = f;

	assert_int_equal(fixture_start(f, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
	conn = fixture_connect(f, &f->holder);
	server_make_files(f->server, "called-%u", clients);
	for (unsigned int n = 0; n < clients; n++)
		add_called(f, conn, n);
}

static uint64_t server_cpu_ns(struct fixture *f)
{
	struct timespec time;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(server_pid(f->server), &clock), 0);
	assert_int_equal(clock_gettime(clock, &time), 0);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* @return CPU time of the server for one request, µs */
static double cost_us(struct fixture *f, struct nfs_conn *conn,
		      unsigned int turn)
{
	struct nfs_client stranger = f->opener;
	struct nfs_session session;
	uint64_t before = server_cpu_ns(f);

	for (unsigned int i = 0; i < REQUESTS; i++) {
		/* The server's own epoch, and a number that is not given yet. */
		stranger.clientid = f->opener.clientid +
				    (1 + turn) * UINT64_C(1000000) +
				    i * UINT64_C(7919);
		assert_int_equal(
			nfs_create_session(&session, &stranger, conn, NULL),
			NFS4ERR_STALE_CLIENTID);
		nfs_session_fini(&session);
	}
	return (double)(server_cpu_ns(f) - before) / 1e3 / REQUESTS;
}

/* What else the machine does only adds: the least is what the server did. */
static void keep_least(double *least, double cost)
{
	if (!*least || cost < *least)
		*least = cost;
}

static void test_strangers_cost_the_same_beside_many(void **state)
{
	static struct fixture few, many;
	struct nfs_conn *to_few, *to_many;
	double beside_few = 0, beside_many = 0;

	(void)state;
	begin(&few, FEW);
	begin(&many, MANY);
	to_few = fixture_connect(&few, &few.opener);
	to_many = fixture_connect(&many, &many.opener);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		keep_least(&beside_few, cost_us(&few, to_few, turn));
		keep_least(&beside_many, cost_us(&many, to_many, turn));
	}
	print_message("CREATE_SESSION of a stranger: %.1f us of the server's "
		      "CPU beside %d clients, %.1f beside %d\n",
		      beside_few, FEW, beside_many, MANY);
	fixture_end(&few);
	fixture_end(&many);
	assert_true(beside_many < RATIO * beside_few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers_cost_the_same_beside_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
