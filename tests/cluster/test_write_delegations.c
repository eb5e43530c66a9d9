/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An export of CEPH's with `Delegations = Readwrite`: what the file system can recall
 * for the other gateway is granted, and nothing else, which may be nothing; and that is
 * said.
 */
#include "cluster.h"
#include "admin.h"
#include "ganesha.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if GANESHA_CEPH_UNDELEGATED
#define REFUSED "no delegation is granted"
#else
#define REFUSED "no write delegation is granted"
#endif

static const uint32_t accesses[] = {
	OPEN4_SHARE_ACCESS_WRITE,
	OPEN4_SHARE_ACCESS_BOTH,
};
static const uint32_t wants[] = {
	0, /* no preference */
	OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG,
	OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
};

/* Who writes is granted none, whatever he wants: the other gateway could not know. */
static void test_no_write_delegation_is_granted(void **state)
{
	struct cluster *c = *state;

	cluster_write(&c->session, "writes", 0);
	for (unsigned int i = 0; i < 6; i++) {
		struct nfs_file file;

		assert_int_equal(nfs_open(&c->session, "export/writes",
					  accesses[i % 2] | wants[i / 2],
					  &file),
				 NFS4_OK);
		assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_WRITE);
		assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_READ);
		assert_int_equal(nfs_close(&c->session, &file), NFS4_OK);
	}
}

/* So what one writes the other reads, and the other way round. */
static void test_writers_see_each_other(void **state)
{
	struct cluster *c = *state;

	for (unsigned int i = 0; i < 4; i++) {
		cluster_write(i % 2 ? &c->session : &c->opener_session, "turns",
			      i);
		cluster_assert_data(&c->session, "turns", i);
		cluster_assert_data(&c->opener_session, "turns", i);
	}
}

/* Who reads is granted none, and sees what the other gateway's client writes. */
static void no_read_delegation_is_granted(struct cluster *c)
{
	struct nfs_file file;

	cluster_write(&c->session, "reads", 0);
	assert_int_equal(nfs_open(&c->session, "export/reads",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_READ);
	cluster_assert_open_data(&c->session, &file, "reads", 0, DATA_SIZE);
	cluster_write(&c->opener_session, "reads", 1);
	cluster_assert_open_data(&c->session, &file, "reads", 1, DATA_SIZE);
	assert_int_equal(nfs_close(&c->session, &file), NFS4_OK);
	assert_int_equal(cb_responder_count(c->responder), 0);
}

/* Read delegations are granted, if any, and recalled across gateways. */
static void test_read_delegations_are_granted_or_not(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file;

	if (GANESHA_CEPH_UNDELEGATED) {
		no_read_delegation_is_granted(c);
		return;
	}
	cluster_hold(c, "reads", &file);
	cluster_send_open(c, &open, "reads");
	cluster_assert_recalls(cluster_callback(c, 0), &file);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
}

/* In the log, and by the command line. */
static void test_what_is_refused_is_said(void **state)
{
	struct cluster *c = *state;

	for (unsigned int n = 0; n < 2; n++) {
		struct server *server = c->gateway[n].server;
		char *output;

		assert_int_equal(server_log_count(server, REFUSED), 1);
		assert_int_equal(admin_run("$tool --socket $1 check",
					   server_admin_socket(server), "",
					   &output),
				 1);
		print_message("%s", output);
		assert_non_null(strstr(output, REFUSED));
		free(output);
	}
}

int main(void)
{
	static const struct cluster_params params = { .undelegated = true };
	const struct CMUnitTest tests[] = {
		CLUSTER_TEST(test_no_write_delegation_is_granted),
		CLUSTER_TEST(test_writers_see_each_other),
		CLUSTER_TEST(test_read_delegations_are_granted_or_not),
		CLUSTER_TEST(test_what_is_refused_is_said),
	};

	return cluster_run(tests, ALL_QUICK, &params);
}
