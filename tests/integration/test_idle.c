/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * RPC_Idle_Timeout_S: a connection that callbacks may need is not idle while its
 * session is renewed on another.
 */
#include "fixture.h"

#include <stdio.h>

#define IDLE 6 /* s */
#define LONGER 9 /* s */

/* Requests over @fore and of the opener: ntirpc looks for idle connections once in
 * about a thousand.
 */
static void be_busy(struct fixture *f, struct nfs_conn *fore)
{
	uint64_t until = nfs_now_ns() + LONGER * UINT64_C(1000000000);

	while (nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence_on(&f->session, fore, NULL),
				 NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
	}
}

static void test_back_bound_connection_is_not_idle(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *back = f->session.conn;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_conn *quiet = fixture_connect(f, &f->holder);
	struct nfs_file file;

	assert_int_equal(nfs_sequence_on(&f->session, quiet, NULL), NFS4_OK);
	nfs_session_set_conn(&f->session, fore);
	be_busy(f, fore);
	/* The one that nothing needs is gone; beside the opener's. */
	fixture_wait_connections(f, 3);
	assert_true(cb_responder_nulls(f->responder) >= 2);
	fixture_assert_flags(f, 0);
	fixture_hold(f, "idle", &file);
	fixture_conflict(f, "idle");
	assert_ptr_equal(fixture_callback(f, 0)->conn, back);
	fixture_return(f, &file);
}

int main(void)
{
	char core[64];
	const struct server_params params = { .module = true,
					      .core_config = core };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_back_bound_connection_is_not_idle),
	};

	snprintf(core, sizeof(core), "RPC_Idle_Timeout_S = %d;", IDLE);
	return fixture_run(tests, &params);
}
