/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who fails while a delegation is held through one gateway and wanted through the
 * other: the holder, its gateway, the other's gateway, the file system's MDS.  Nobody
 * sees old data, and nobody waits for ever.  RFC 5661 8.4.2, 10.2.1, 10.4.5.
 */
#include "cluster.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LEASE_MS (CLUSTER_LEASE * 1000)
#define QUICK 4 /* tests */
#define SLACK 3000 /* ms: Ganesha counts in seconds, and looks every second */

static const struct cb_answer never = { .when = CB_NEVER };

static double leases(uint64_t ns)
{
	return (double)ns / 1e6 / LEASE_MS;
}

/* Wait, as long as may be, with both clients heard.
 * @return its status
 */
static int await(struct cluster *c, struct nfs_compound *open, bool holder,
		 unsigned int ms)
{
	uint64_t until = nfs_now_ns() + ms * NS_PER_MS;
	int status;

	while ((status = nfs_compound_wait(open, 500)) == -ETIMEDOUT &&
	       nfs_now_ns() < until) {
		nfs_sequence(&c->opener_session, NULL);
		if (holder)
			nfs_sequence(&c->session, NULL);
	}
	return status;
}

/* The opener gets the file within that time, and the holder's data are gone. */
static void opens_within(struct cluster *c, const char *name, bool holder,
			 unsigned int ms)
{
	struct nfs_compound open;
	uint64_t start = nfs_now_ns();

	cluster_send_open(c, &open, name);
	assert_int_equal(await(c, &open, holder, ms), NFS4_OK);
	print_message("%s: opened after %.1f leases\n", name,
		      leases(nfs_now_ns() - start));
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, name, 1);
	cluster_assert_data(&c->opener_session, name, 1);
}

/* The holder ----------------------------------------------------------------- */

/* A black hole: nothing comes from there, and nobody is told. */
static void test_holder_in_a_black_hole(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "black-hole", &file);
	nfs_conn_set_deaf(c->session.conn, true);
	opens_within(c, "black-hole", false, LEASE_MS + SLACK);
	nfs_conn_close(c->session.conn, NFS_CLOSE_RST);
	cluster_come_back(c, &c->session);
	cluster_assert_data(&c->session, "black-hole", 1);
}

/* It lives, has been asked, and keeps the delegation. */
static void test_holder_that_does_not_return(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "keeper", &file);
	opens_within(c, "keeper", true, LEASE_MS + SLACK);
	assert_int_equal(cb_responder_count(c->responder), 1);
	cluster_assert_data(&c->session, "keeper", 1);
	assert_int_equal(nfs_delegreturn(&c->session, &file.fh,
					 &file.delegation.stateid),
			 NFS4ERR_DELEG_REVOKED);
	assert_int_equal(
		nfs_free_stateid(&c->session, &file.delegation.stateid),
		NFS4_OK);
}

/* It lives, and does not answer. */
static void test_holder_that_does_not_answer(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "silent", &file);
	cb_responder_set_default(c->responder, &never);
	opens_within(c, "silent", true, LEASE_MS + SLACK);
	assert_int_equal(
		nfs_free_stateid(&c->session, &file.delegation.stateid),
		NFS4_OK);
}

/* It has ended its only session, and with it the way to be asked. */
static void test_holder_without_a_session(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "no-session", &file);
	assert_int_equal(nfs_destroy_session(&c->session, NULL), NFS4_OK);
	opens_within(c, "no-session", false, 3 * LEASE_MS + SLACK);
	nfs_session_fini(&c->session);
	assert_int_equal(nfs_create_session(&c->session, &c->holder,
					    cluster_connect(c, &c->holder),
					    NULL),
			 NFS4_OK);
}

/* It is not heard any more, and its lease is over before anybody wants the file. */
static void test_holder_whose_lease_is_over(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;
	uint64_t until;

	cluster_hold(c, "lapsed", &file);
	nfs_conn_close(c->session.conn, NFS_CLOSE_FIN);
	until = nfs_now_ns() + (LEASE_MS + 500) * NS_PER_MS;
	while (nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence(&c->opener_session, NULL),
				 NFS4_OK);
		cb_responder_wait(c->responder, 0, 500);
	}
	opens_within(c, "lapsed", false, LEASE_MS);
	cluster_come_back(c, &c->session);
}

/* Its gateway ---------------------------------------------------------------- */

/* The holder has its delegation again, and it is worth as much as before. */
static void reclaims(struct cluster *c, const char *name,
		     const struct nfs_file *held)
{
	unsigned int n = cb_responder_count(c->responder);
	struct nfs_compound open;
	struct nfs_file file;

	nfs_conn_close(c->session.conn, NFS_CLOSE_FIN);
	cluster_come_back(c, &c->session);
	assert_int_equal(cluster_reclaim(c, held, &file), NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	assert_int_equal(nfs_reclaim_complete(&c->session), NFS4_OK);
	cluster_assert_open_data(&c->session, &file, name, 0, DATA_SIZE);
	cluster_wait_grace(c);
	cluster_send_open(c, &open, name);
	cluster_assert_recalls(cluster_callback(c, n), &file);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, name, 1);
	cluster_assert_data(&c->session, name, 1);
}

/* What the opener gets meanwhile: it has to wait. */
static void assert_kept_out(struct cluster *c, const char *name)
{
	struct nfs_compound open;
	int status;

	cluster_send_open(c, &open, name);
	status = nfs_compound_wait(&open, A_WHILE);
	print_message("%s: meanwhile %d\n", name, status);
	nfs_compound_fini(&open);
	assert_int_equal(status, NFS4ERR_GRACE);
}

static void test_holders_gateway_stopped_and_restarted(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "stopped", &file);
	cluster_stop_gateway(c, 0);
	assert_kept_out(c, "stopped");
	cluster_restart_gateway(c, 0);
	reclaims(c, "stopped", &file);
}

static void test_holders_gateway_killed_and_restarted(void **state)
{
	struct cluster *c = *state;
	struct nfs_file file;

	cluster_hold(c, "killed", &file);
	cluster_kill_gateway(c, 0);
	cluster_restart_gateway(c, 0);
	assert_kept_out(c, "killed");
	reclaims(c, "killed", &file);
}

/* The opener's request waits in the file system when the holder's gateway is killed: for
 * five minutes, FSAL_CEPH's timeout of a session, and so long the gateway does not come
 * back, either, as the other one cannot enter its grace period meanwhile.  An
 * administrator ends it.
 */
static void test_holders_gateway_killed_while_a_request_waits(void **state)
{
	static const char *const evict[] = {
		"tell",
		"mds.a",
		"session",
		"evict",
		"client_metadata.hostname=gateway-1",
		NULL,
	};
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file;
	uint64_t start;

	cluster_hold(c, "waited", &file);
	cluster_send_open(c, &open, "waited");
	cluster_callback(c, 0);
	cluster_kill_gateway(c, 0);
	cluster_assert_waits(&open);
	start = nfs_now_ns();
	assert_int_equal(cephfs_run(c->ceph, "ceph", evict), 0);
	assert_int_equal(await(c, &open, false, SOON), NFS4_OK);
	print_message("waited: opened %.1f s after the eviction\n",
		      (double)(nfs_now_ns() - start) / 1e9);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, "waited", 1);
	cluster_restart_gateway(c, 0);
	nfs_conn_close(c->session.conn, NFS_CLOSE_FIN);
	cluster_come_back(c, &c->session);
	assert_int_equal(nfs_reclaim_complete(&c->session), NFS4_OK);
	cluster_wait_grace(c);
	cluster_assert_data(&c->session, "waited", 1);
}

/* The other's gateway --------------------------------------------------------- */

static void test_openers_gateway_killed_while_its_request_is_held(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file;
	uint64_t start;

	cluster_hold(c, "bereft", &file);
	cluster_send_open(c, &open, "bereft");
	cluster_callback(c, 0);
	cluster_kill_gateway(c, 1);
	assert_int_equal(nfs_compound_wait(&open, SOON), -ECONNRESET);
	nfs_compound_fini(&open);
	start = nfs_now_ns();
	cluster_return(c, &file);
	cluster_write(&c->session, "bereft", 1);
	print_message("written through the other gateway after %.1f s\n",
		      (double)(nfs_now_ns() - start) / 1e9);
	cluster_restart_gateway(c, 1);
	cluster_come_back(c, &c->opener_session);
	assert_int_equal(nfs_reclaim_complete(&c->opener_session), NFS4_OK);
	cluster_wait_grace(c);
	cluster_assert_data(&c->opener_session, "bereft", 1);
}

/* The MDS --------------------------------------------------------------------- */

static void test_mds_restarted_while_a_recall_is_out(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file;
	uint64_t start;

	cluster_hold(c, "mds", &file);
	cluster_send_open(c, &open, "mds");
	cluster_callback(c, 0);
	cephfs_kill_mds(c->ceph);
	/* Within its lease: the MDS may be away for longer. */
	assert_int_equal(nfs_delegreturn(&c->session, &file.fh,
					 &file.delegation.stateid),
			 NFS4_OK);
	cluster_assert_waits(&open);
	start = nfs_now_ns();
	assert_true(cephfs_start_mds(c->ceph));
	print_message("the MDS is active after %.1f s\n",
		      (double)(nfs_now_ns() - start) / 1e9);
	assert_int_equal(await(c, &open, true, 30000), NFS4_OK);
	print_message("opened after %.1f s\n",
		      (double)(nfs_now_ns() - start) / 1e9);
	cluster_assert_ends(c, &open, SOON);
	assert_int_equal(nfs_close(&c->session, &file), NFS4_OK);
	cluster_write(&c->opener_session, "mds", 1);
	cluster_assert_data(&c->session, "mds", 1);
}

int main(void)
{
	static const struct cluster_params params = { 0 };
	const struct CMUnitTest tests[] = {
		CLUSTER_TEST(test_holder_in_a_black_hole),
		CLUSTER_TEST(test_holders_gateway_killed_and_restarted),
		CLUSTER_TEST(
			test_openers_gateway_killed_while_its_request_is_held),
		CLUSTER_TEST(test_mds_restarted_while_a_recall_is_out),
		/* QUICK */
		CLUSTER_TEST(test_holders_gateway_stopped_and_restarted),
		CLUSTER_TEST(test_holders_gateway_killed_while_a_request_waits),
		CLUSTER_TEST(test_holder_that_does_not_return),
		CLUSTER_TEST(test_holder_that_does_not_answer),
		CLUSTER_TEST(test_holder_without_a_session),
		CLUSTER_TEST(test_holder_whose_lease_is_over),
	};

	return cluster_run(tests, QUICK, &params);
}
