/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A network that loses packets: a connection of which some are lost goes on, and
 * one of which all are lost is left for another.
 */
#include "fixture.h"

#include <string.h>

#define MS UINT64_C(1000000)

/* TCP sends again after 200 and 600 ms, and gives the third after 1400. */
#define LOSS_NS (500 * MS)

/* The holder is heard on @conn, again and again, for @ns or until call @n. */
static void speak(struct fixture *f, struct nfs_conn *conn, uint64_t ns,
		  unsigned int n)
{
	uint64_t until = nfs_now_ns() + ns;

	while (nfs_now_ns() < until && !cb_responder_wait(f->responder, n, 20))
		assert_int_equal(nfs_sequence_on(&f->session, conn, NULL),
				 NFS4_OK);
}

/* The connection that speaks is not bound, and the other one the only path. */
static void test_lost_packets_cost_no_connection(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *back = f->session.conn;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_file file;

	fixture_hold(f, "lossy", &file);
	nfs_session_set_conn(&f->session, fore);
	nfs_conn_set_deaf(back, true);
	fixture_conflict(f, "lossy");
	speak(f, fore, LOSS_NS, 0);
	assert_int_equal(cb_responder_count(f->responder), 0);
	nfs_conn_set_deaf(back, false);
	assert_ptr_equal(fixture_callback(f, 0)->conn, back);
	assert_true(cb_call_wait_answered(fixture_callback(f, 0), SOON));
	fixture_assert_flags(f, 0);
	assert_true(nfs_conn_is_open(back));
	fixture_return(f, &file);
}

static void test_black_hole_is_left_for_the_connection_that_speaks(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *hole = f->session.conn;
	struct nfs_conn *good = fixture_bind(f);
	struct nfs_file file;
	uint64_t sent;

	fixture_hold(f, "hole", &file); /* over it: it has spoken last */
	nfs_session_set_conn(&f->session, good);
	nfs_conn_set_deaf(hole, true);
	sent = fixture_conflict(f, "hole");
	speak(f, good, SOON * MS, 0);
	assert_ptr_equal(fixture_callback(f, 0)->conn, good);
	print_message("left after %.0f ms\n",
		      (fixture_callback(f, 0)->arrival_ns - sent) / 1e6);
	fixture_return(f, &file);
	nfs_conn_close(hole, NFS_CLOSE_RST);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_lost_packets_cost_no_connection),
		FIXTURE_TEST(
			test_black_hole_is_left_for_the_connection_that_speaks),
	};

	return fixture_run(tests, &params);
}
