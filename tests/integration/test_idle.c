/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A connection that may be needed for callbacks is not idle, however long
 * nothing comes over it, while its session is renewed over another one.
 * RFC 5661 2.10.3.1, 2.10.5.
 */
#include "fixture.h"

#define IDLE 2 /* s */
#define NS_PER_MS UINT64_C(1000000)
#define REQUESTS 200 /* between two looks */
#define LONG (4 * IDLE * 1000) /* ms, within which what is idle is closed */

/* The holder goes on over @conn for a while: nothing comes over the others.
 * @return whether @watched is closed meanwhile
 */
static bool closed_while_used(struct fixture *f, struct nfs_conn *conn,
			      struct nfs_conn *watched)
{
	uint64_t until = nfs_now_ns() + LONG * NS_PER_MS;

	while (nfs_now_ns() < until) {
		/* ntirpc looks for idle ones after 1,023 requests. */
		for (int i = 0; i < REQUESTS; i++)
			assert_int_equal(
				nfs_sequence_on(&f->session, conn, NULL),
				NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		if (nfs_conn_wait_closed(watched, 100))
			return true;
	}
	return false;
}

static void test_idle_back_connection_is_kept(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_conn *back = f->session.conn;
	struct nfs_file file;

	fixture_hold(f, "back", &file);
	assert_false(closed_while_used(f, fore, back));
	fixture_assert_flags(f, 0);
	fixture_conflict(f, "back");
	assert_ptr_equal(fixture_callback(f, 0)->conn, back);
	fixture_return(f, &file);
}

static void test_idle_bound_connection_is_kept(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *bound = fixture_bind(f);

	assert_false(closed_while_used(f, f->session.conn, bound));
}

/* The control: what is not bound is idle, and goes. */
static void test_idle_fore_connection_is_closed(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);

	assert_int_equal(nfs_sequence_on(&f->session, fore, NULL), NFS4_OK);
	assert_true(closed_while_used(f, f->session.conn, fore));
}

/* A client that answers nothing. */
static void drop(struct nfs_conn *conn, void *arg,
		 const struct rpc_request *request)
{
	(void)conn;
	(void)arg;
	(void)request;
}

/* A session that nobody renews keeps no connection. */
static void test_idle_connection_of_a_silent_client_is_closed(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;
	struct nfs_client client;
	struct nfs_conn *conn;

	fixture_client(f, &client);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	conn = nfs_conn_get(session.conn);
	f->conns[f->nconns++] = conn;
	nfs_conn_set_handler(conn, drop, NULL);
	nfs_session_fini(&session);
	assert_true(closed_while_used(f, f->session.conn, conn));
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = 4,
		.core_config = "RPC_Idle_Timeout_S = 2;",
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_idle_fore_connection_is_closed),
		FIXTURE_TEST(test_idle_connection_of_a_silent_client_is_closed),
		FIXTURE_TEST(test_idle_back_connection_is_kept),
		FIXTURE_TEST(test_idle_bound_connection_is_kept),
	};

	return fixture_run(tests, &params);
}
