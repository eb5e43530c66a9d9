/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The first clients of a server that has just started come at once, as they do
 * after a restart: Ganesha makes what it answers EXCHANGE_ID with for the first of
 * them, and serves the others meanwhile.
 */
#include "fixture.h"
#include "slow.h"

#define CLIENTS 8
#define HOSTNAME_US 50000 /* in which all of them have come */

static struct slow slow;

static void test_first_clients_at_once_have_one_server(void **state)
{
	struct fixture *f = *state;
	struct nfs_client clients[CLIENTS];
	struct nfs_conn *conns[CLIENTS];
	struct nfs_compound asked[CLIENTS];
	const struct nfs_res *res[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fixture_client(f, &clients[i]);
		conns[i] = nfs_client_connect(&clients[i]);
		assert_non_null(conns[i]);
		nfs_compound_init_bare(&asked[i], &clients[i], conns[i]);
		nfs_put_exchange_id(&asked[i], &clients[i]);
	}
	slow.calls->hostname_us = HOSTNAME_US;
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(nfs_compound_send(&asked[i]), 0);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(nfs_compound_wait(&asked[i], SOON), 0);
		res[i] = nfs_compound_res(&asked[i], OP_EXCHANGE_ID);
		assert_true(*res[i]->exchange_id.scope);
		assert_string_equal(res[i]->exchange_id.scope,
				    res[0]->exchange_id.scope);
	}
	slow.calls->hostname_us = 0;
	for (int i = 0; i < CLIENTS; i++) {
		nfs_compound_fini(&asked[i]);
		nfs_conn_put(conns[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_clients_at_once_have_one_server),
	};
	const struct server_params params = { .module = true, .env = slow.env };
	int rc;

	assert_int_equal(slow_open(&slow), 0);
	rc = fixture_run(tests, &params);
	slow_close(&slow);
	return rc;
}
