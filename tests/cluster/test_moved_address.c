/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The address of a gateway moves to another host, and with it its identity and its
 * record of clients: clients go on there, reclaim and bind, and are called back there.
 * RFC 5661 8.4.2, 2.10.3.1.
 *
 * The record is in the cluster (rados_cluster) or, with the argument "fs", in a folder
 * that the hosts share.
 */
#include "cluster.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUICK 2 /* tests */
#define MOVED "192.0.2.100" /* which the clients know */

/* Both clients come by the address that moves. */
static int setup(void **state)
{
	struct cluster *c = *state;

	c->address = MOVED;
	return host_add_address(c->gateway[c->active].host, MOVED) ?
		       cluster_mount(state) :
		       -1;
}

static int teardown(void **state)
{
	struct cluster *c = *state;
	int failed = cluster_unmount(state);

	host_drop_address(c->gateway[c->active].host, MOVED);
	return failed;
}

/* The address, and who serves there. */
static void move(struct cluster *c)
{
	unsigned int from = c->active, to = !from;
	uint64_t start = nfs_now_ns();

	host_drop_address(c->gateway[from].host, MOVED);
	assert_true(host_add_address(c->gateway[to].host, MOVED));
	cluster_start_gateway(c, to);
	c->active = to;
	print_message("the other host serves after %.1f s\n",
		      (double)(nfs_now_ns() - start) / 1e9);
}

/* Both clients notice. */
static void come_back(struct cluster *c)
{
	nfs_conn_close(c->session.conn, NFS_CLOSE_RST);
	nfs_conn_close(c->opener_session.conn, NFS_CLOSE_RST);
	cluster_come_back(c, &c->session);
	cluster_come_back(c, &c->opener_session);
}

/* Who was there goes on, with what he had, and is recalled there. */
static void goes_on(struct cluster *c, const char *name,
		    const struct nfs_file *held)
{
	unsigned int n = cb_responder_count(c->responder);
	struct nfs_compound open;
	struct nfs_file file;
	struct nfs_conn *conn;
	struct cb_call *call;
	uint64_t sent;

	come_back(c);
	assert_int_equal(cluster_reclaim(c, held, &file), NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	assert_int_equal(nfs_reclaim_complete(&c->session), NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&c->opener_session), NFS4_OK);
	cluster_wait_grace(c);
	cluster_assert_open_data(&c->session, &file, name, 0, DATA_SIZE);
	conn = cluster_bind(c);
	nfs_conn_close(c->session.conn, NFS_CLOSE_RST);
	nfs_session_set_conn(&c->session, conn);
	sent = nfs_now_ns();
	cluster_send_open(c, &open, name);
	call = cluster_callback(c, n);
	cluster_assert_recalls(call, &file);
	assert_ptr_equal(call->conn, conn);
	print_message("%s: recalled after %.1f ms\n", name,
		      (double)(call->arrival_ns - sent) / 1e6);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, name, 1);
	cluster_assert_data(&c->session, name, 1);
}

static void test_gateway_killed(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "killed", &file);
	cluster_kill_gateway(c, c->active);
	move(c);
	goes_on(c, "killed", &file);
}

static void test_gateway_stopped(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "stopped", &file);
	cluster_stop_gateway(c, c->active);
	move(c);
	goes_on(c, "stopped", &file);
}

/* With its cable it loses the folder that is shared. */
static void set_connected(struct cluster *c, unsigned int n, bool connected)
{
	assert_true(host_connect(c->gateway[n].host, connected));
	cluster_share_record(c, n, connected);
}

/* The host is cut off, and does not know: what it had is not its own any more when it
 * is back, and it can change nothing.
 */
static void test_host_cut_off(void **state)
{
	struct cluster *c = *state;
	unsigned int old = c->active;
	struct nfs_file file;

	cluster_hold(c, "cut-off", &file);
	set_connected(c, old, false);
	move(c);
	goes_on(c, "cut-off", &file);
	set_connected(c, old, true);
	cluster_assert_data(&c->session, "cut-off", 1);
	cluster_kill_gateway(c, old);
}

/* The other host has a folder of its own: it cannot know who was there, and who has
 * changed what since, so nobody may reclaim; and what is new is seen.
 */
static void test_record_not_shared(void **state)
{
	struct cluster *c = *state;
	struct nfs_file held, file;

	cluster_hold(c, "not-shared", &held);
	cluster_kill_gateway(c, c->active);
	cluster_share_record(c, !c->active, false);
	move(c);
	come_back(c);
	assert_int_equal(nfs_reclaim_complete(&c->opener_session), NFS4_OK);
	cluster_write(&c->opener_session, "not-shared", 1);
	assert_int_equal(cluster_reclaim(c, &held, &file), NFS4ERR_NO_GRACE);
	assert_int_equal(nfs_reclaim_complete(&c->session), NFS4_OK);
	cluster_assert_data(&c->session, "not-shared", 1);
	cluster_share_record(c, c->active, true);
}

#define MOVE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct cluster_params params = {
		.passive = true,
		.folder = argc > 1 && !strcmp(argv[1], "fs"),
	};
	const struct CMUnitTest in_cluster[] = {
		MOVE_TEST(test_gateway_killed),
		MOVE_TEST(test_host_cut_off),
		/* QUICK */
		MOVE_TEST(test_gateway_stopped),
	};
	const struct CMUnitTest in_folder[] = {
		MOVE_TEST(test_gateway_killed),
		MOVE_TEST(test_host_cut_off),
		MOVE_TEST(test_record_not_shared),
		MOVE_TEST(test_gateway_stopped),
	};

	return params.folder ? cluster_run(in_folder, ALL_QUICK, &params) :
			       cluster_run(in_cluster, QUICK, &params);
}
