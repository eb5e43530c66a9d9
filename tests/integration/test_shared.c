/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A file that many clients hold: each has one delegation of it, whatever the order in
 * which they come and go; who writes waits for the last; and what comes and goes costs
 * the same, however many hold it.  RFC 5661, 10.4.1.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FEW 50 /* clients that hold one file, */
#define MANY 4000 /* and another one */
#define EACH 100 /* of them on a connection */
#define ROUNDS 3 /* of FEW returns */
#define MORE 3.0 /* so many times as much, at most; it was 100 */

/** One of those who hold a file. */
struct sharer {
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_file file;
};

static struct fixture fixture;
static struct sharer sharers[MANY];

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = 120,
	};

	*state = &fixture;
	return fixture_start(&fixture, &params) || fixture_mount(state);
}

static int teardown(void **state)
{
	int unclean = fixture_unmount(state);

	return fixture_stop(*state) || unclean;
}

/* Clients share a connection: descriptors are few. */
static void mount(struct fixture *f, struct sharer *sharer,
		  struct nfs_conn *conn)
{
	fixture_client(f, &sharer->client);
	sharer->client.responder = f->responder;
	assert_int_equal(nfs_exchange_id(&sharer->client, conn), NFS4_OK);
	assert_int_equal(nfs_create_session(&sharer->session, &sharer->client,
					    conn, NULL),
			 NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&sharer->session), NFS4_OK);
}

static uint32_t open_it(struct sharer *sharer, const char *path,
			struct nfs_file *file)
{
	assert_int_equal(nfs_open(&sharer->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  file),
			 NFS4_OK);
	return file->delegation.type;
}

static void share(struct fixture *f, const char *name, unsigned int count)
{
	struct nfs_conn *conn = NULL;
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	for (unsigned int i = 0; i < count; i++) {
		if (i % EACH == 0)
			conn = fixture_connect(f, &f->holder);
		mount(f, &sharers[i], conn);
		assert_int_equal(open_it(&sharers[i], path, &sharers[i].file),
				 OPEN_DELEGATE_READ);
	}
}

static int give_back(struct sharer *sharer)
{
	return nfs_delegreturn(&sharer->session, &sharer->file.fh,
			       &sharer->file.delegation.stateid);
}

static void leave(struct sharer *sharer)
{
	assert_int_equal(nfs_close(&sharer->session, &sharer->file), NFS4_OK);
	nfs_client_unmount(&sharer->session);
}

/* One of each client, and not another's, nor twice; in no order. */
static void test_each_has_one_and_the_last_lets_the_writer_in(void **state)
{
	struct fixture *f = *state;
	struct nfs_file again, written;

	share(f, "few", FEW);
	assert_int_equal(open_it(&sharers[7], "export/few", &again),
			 OPEN_DELEGATE_NONE_EXT);
	sharers[7].file.stateid = again.stateid;
	assert_int_equal(nfs_delegreturn(&sharers[3].session,
					 &sharers[3].file.fh,
					 &sharers[4].file.delegation.stateid),
			 NFS4ERR_BAD_STATEID);
	for (unsigned int i = 0; i < FEW; i++) {
		/* 7 and 50 have no common divisor: all are met once. */
		struct sharer *sharer = &sharers[i * 7 % FEW];

		assert_int_equal(
			nfs_open(&f->opener_session, "export/few",
				 OPEN4_SHARE_ACCESS_WRITE |
					 OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				 &written),
			NFS4ERR_DELAY);
		assert_int_equal(give_back(sharer), NFS4_OK);
		assert_int_equal(give_back(sharer), NFS4ERR_BAD_STATEID);
	}
	fixture_assert_opens(f, "few");
	assert_int_equal(server_log_count(f->server, "delegations mended"), 0);
	for (unsigned int i = 0; i < FEW; i++)
		leave(&sharers[i]);
}

/* CPU time of the server's for some returns, the last ones first. */
static double return_some(struct fixture *f, unsigned int from,
			  unsigned int count)
{
	struct timespec before, after;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(server_pid(f->server), &clock), 0);
	clock_gettime(clock, &before);
	for (unsigned int i = from + count; i-- > from;)
		assert_int_equal(give_back(&sharers[i]), NFS4_OK);
	clock_gettime(clock, &after);
	return (double)(after.tv_sec - before.tv_sec) * 1e9 +
	       (double)(after.tv_nsec - before.tv_nsec);
}

/* The cheapest of the rounds: what else the machine does is in the others. */
static double least(struct fixture *f, const char *name, unsigned int count)
{
	double best = 0;

	share(f, name, count);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double cost = return_some(f, count - (i + 1) * FEW, FEW);

		best = i && best < cost ? best : cost;
	}
	return_some(f, 0, count - ROUNDS * FEW);
	fixture_assert_opens(f, name);
	for (unsigned int i = 0; i < count; i++)
		leave(&sharers[i]);
	return best;
}

static void test_a_return_costs_the_same_however_many_hold_it(void **state)
{
	struct fixture *f = *state;
	double few = least(f, "some", ROUNDS * FEW);
	double many = least(f, "many", MANY);

	printf("a return of a file that %u hold: %.1f us, %u: %.1f us\n",
	       ROUNDS * FEW, few / FEW / 1e3, MANY, many / FEW / 1e3);
	assert_true(many < MORE * few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_each_has_one_and_the_last_lets_the_writer_in),
		cmocka_unit_test(
			test_a_return_costs_the_same_however_many_hold_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
