/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A file that two clients hold through one gateway, and somebody writes through the
 * other: each of them is recalled, whatever the other one does, and nobody waits for
 * them where they could not return it.  RFC 5661 10.2, 10.4, 18.16.3.
 */
#include "cluster.h"

#include <stdio.h>

/** The second holder, beside the cluster's own. */
struct second {
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_file file;
};

static void mount_second(struct cluster *c, struct second *second)
{
	cluster_client(c, 0, &second->client);
	second->client.responder = c->responder;
	assert_int_equal(nfs_client_mount(&second->client, &second->session),
			 NFS4_OK);
}

/* Both have it open, and delegated. */
static void hold_both(struct cluster *c, const char *name,
		      struct nfs_file *file, struct second *second)
{
	char path[128];

	mount_second(c, second);
	cluster_hold(c, name, file);
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&second->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &second->file),
			 NFS4_OK);
	assert_int_equal(second->file.delegation.type, OPEN_DELEGATE_READ);
}

static void recall_both(struct cluster *c, const char *name,
			struct nfs_compound *open)
{
	cluster_send_open(c, open, name);
	cluster_callback(c, 0);
	cluster_callback(c, 1);
	cluster_assert_waits(open);
}

static void return_second(struct second *second)
{
	assert_int_equal(nfs_delegreturn(&second->session, &second->file.fh,
					 &second->file.delegation.stateid),
			 NFS4_OK);
}

static void leave(struct second *second)
{
	assert_int_equal(nfs_close(&second->session, &second->file), NFS4_OK);
	nfs_client_unmount(&second->session);
}

static void send_read(struct nfs_compound *compound,
		      struct nfs_session *session, const char *name)
{
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.clientid = session->client->clientid,
		.owner = session->client->owner,
		.name = name,
	};

	nfs_compound_init(compound, session);
	nfs_put_path(compound, "export");
	nfs_put_open(compound, &args);
	nfs_put_getfh(compound);
	assert_int_equal(nfs_compound_send(compound), 0);
}

static void assert_read_ends(struct nfs_compound *compound)
{
	assert_int_equal(nfs_compound_wait(compound, SOON), NFS4_OK);
	nfs_compound_fini(compound);
}

static void test_the_other_is_recalled_when_one_has_returned(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct second second;
	struct nfs_file file;

	hold_both(c, "one-returned", &file, &second);
	cluster_return(c, &file);
	cluster_send_open(c, &open, "one-returned");
	cluster_assert_recalls(cluster_callback(c, 0), &second.file);
	cluster_assert_waits(&open);
	return_second(&second);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, "one-returned", 1);
	cluster_assert_open_data(&second.session, &second.file, "one-returned",
				 1, DATA_SIZE);
	leave(&second);
}

static void test_the_writer_waits_for_both(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct second second;
	struct nfs_file file;

	hold_both(c, "both", &file, &second);
	recall_both(c, "both", &open);
	cluster_return(c, &file);
	cluster_assert_waits(&open);
	return_second(&second);
	cluster_assert_ends(c, &open, SOON);
	leave(&second);
}

static void test_an_open_beside_them_waits_for_both(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open, beside;
	struct nfs_client client;
	struct nfs_session session;
	struct second second;
	struct nfs_file file;

	cluster_client(c, 0, &client);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	hold_both(c, "beside-both", &file, &second);
	recall_both(c, "beside-both", &open);
	send_read(&beside, &session, "beside-both");
	cluster_assert_waits(&beside);
	cluster_return(c, &file);
	return_second(&second);
	cluster_assert_ends(c, &open, SOON);
	assert_read_ends(&beside);
	nfs_client_unmount(&session);
	leave(&second);
}

/* Its own delegation is recalled: an open that does not claim it is one beside it. */
static void test_a_holders_other_open_waits_for_its_return(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open, own;
	struct nfs_file file;

	cluster_hold(c, "own", &file);
	cluster_send_open(c, &open, "own");
	cluster_callback(c, 0);
	send_read(&own, &c->session, "own");
	cluster_assert_waits(&own);
	cluster_delegreturn(c, &file);
	cluster_assert_ends(c, &open, SOON);
	assert_read_ends(&own);
}

/* Both have it open in the name of another user, too. */
static void test_holders_claim_when_each_has_begun(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open, first, other;
	struct nfs_file file, claimed, others_claimed;
	struct second second;

	hold_both(c, "claims", &file, &second);
	recall_both(c, "claims", &open);
	cluster_send_claim(&first, &c->session, &file, "another user");
	cluster_assert_waits(&first);
	cluster_send_claim(&other, &second.session, &second.file,
			   "another user");
	cluster_claimed(&other, &others_claimed);
	cluster_claimed(&first, &claimed);
	cluster_return(c, &file);
	return_second(&second);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, "claims", 1);
	cluster_assert_open_data(&c->session, &claimed, "claims", 1, DATA_SIZE);
	cluster_assert_open_data(&second.session, &others_claimed, "claims", 1,
				 DATA_SIZE);
	assert_int_equal(nfs_close(&c->session, &claimed), NFS4_OK);
	assert_int_equal(nfs_close(&second.session, &others_claimed), NFS4_OK);
	leave(&second);
}

/* It has nothing to claim. */
static void test_a_holder_claims_when_the_other_has_returned(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open, claim;
	struct nfs_file file, claimed;
	struct second second;

	hold_both(c, "claim", &file, &second);
	recall_both(c, "claim", &open);
	cluster_send_claim(&claim, &c->session, &file, "another user");
	cluster_assert_waits(&claim);
	return_second(&second);
	cluster_claimed(&claim, &claimed);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	assert_int_equal(nfs_close(&c->session, &claimed), NFS4_OK);
	leave(&second);
}

int main(void)
{
	static const struct cluster_params params = { 0 };
	const struct CMUnitTest tests[] = {
		CLUSTER_TEST(test_the_other_is_recalled_when_one_has_returned),
		CLUSTER_TEST(test_the_writer_waits_for_both),
		CLUSTER_TEST(test_an_open_beside_them_waits_for_both),
		CLUSTER_TEST(test_a_holders_other_open_waits_for_its_return),
		CLUSTER_TEST(test_holders_claim_when_each_has_begun),
		CLUSTER_TEST(test_a_holder_claims_when_the_other_has_returned),
	};

	return cluster_run(tests, ALL_QUICK, &params);
}
