/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What conflicts through one gateway is recalled through the other, by whatever
 * path the holder has, and nobody sees old data.  RFC 5661 10.2, 10.4, 2.10.3.1.
 */
#include "cluster.h"
#include "sort.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS 10 /* of what is measured */
#define READING_ROUNDS 4
#define SHORT 1000 /* bytes that are left */
/* ms: libcephfs has given back what who wrote needed (client_caps_release_delay, 5 s) */
#define LETS_GO 7000
#define RENEWALS 3 /* meanwhile */

static const struct cb_answer on_demand = { .when = CB_HELD };
static const struct cb_answer correct;

/* Each operation ------------------------------------------------------------- */

/* What the opener does against the holder's delegation. */
struct operation {
	const char *name;
	void (*put)(struct nfs_compound *compound, const struct nfs_fh *fh,
		    const char *file);
	/* What the holder sees of it then. */
	void (*check)(struct cluster *c, const char *file);
};

static void put_access(struct nfs_compound *compound, const char *file,
		       uint32_t access)
{
	const struct nfs_client *client = compound->session->client;
	const struct nfs_open_args args = {
		.share_access = access | OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.clientid = client->clientid,
		.owner = client->owner,
		.name = file,
	};

	nfs_put_path(compound, "export");
	nfs_put_open(compound, &args);
	nfs_put_getfh(compound);
}

static void put_read(struct nfs_compound *compound, const char *file)
{
	put_access(compound, file, OPEN4_SHARE_ACCESS_READ);
}

static void put_open(struct nfs_compound *compound, const struct nfs_fh *fh,
		     const char *file)
{
	(void)fh;
	put_access(compound, file, OPEN4_SHARE_ACCESS_WRITE);
}

static void check_open(struct cluster *c, const char *file)
{
	cluster_assert_data(&c->session, file, 0);
	cluster_write(&c->opener_session, file, 1);
	cluster_assert_data(&c->session, file, 1);
}

static void put_remove(struct nfs_compound *compound, const struct nfs_fh *fh,
		       const char *file)
{
	(void)fh;
	nfs_put_path(compound, "export");
	nfs_put_remove(compound, file);
}

static void check_gone(struct cluster *c, const char *file)
{
	struct nfs_fh fh;
	char path[128];

	snprintf(path, sizeof(path), "export/%s", file);
	assert_int_equal(nfs_lookup(&c->session, path, &fh), NFS4ERR_NOENT);
}

static void put_rename(struct nfs_compound *compound, const struct nfs_fh *fh,
		       const char *file)
{
	char to[64];

	(void)fh;
	snprintf(to, sizeof(to), "%s-renamed", file);
	nfs_put_path(compound, "export");
	nfs_put_savefh(compound);
	nfs_put_rename(compound, file, to);
}

static void check_rename(struct cluster *c, const char *file)
{
	struct nfs_fh fh;
	char path[128];

	check_gone(c, file);
	snprintf(path, sizeof(path), "export/%s-renamed", file);
	assert_int_equal(nfs_lookup(&c->session, path, &fh), NFS4_OK);
}

static void put_setattr(struct nfs_compound *compound, const struct nfs_fh *fh,
			const char *file)
{
	const struct nfs_stateid anonymous = { 0 };
	const struct nfs_setattrs attrs = { .set_mode = true, .mode = 0600 };

	(void)file;
	nfs_put_putfh(compound, fh);
	nfs_put_setattr(compound, &anonymous, &attrs);
}

static void check_setattr(struct cluster *c, const char *file)
{
	cluster_assert_data(&c->session, file, 0);
}

static void put_truncation(struct nfs_compound *compound,
			   const struct nfs_fh *fh, const char *file)
{
	const struct nfs_stateid anonymous = { 0 };

	(void)file;
	nfs_put_putfh(compound, fh);
	nfs_put_setattr_size(compound, &anonymous, SHORT);
}

static void check_truncation(struct cluster *c, const char *file)
{
	struct nfs_file opened;
	char path[128];

	snprintf(path, sizeof(path), "export/%s", file);
	assert_int_equal(nfs_open(&c->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &opened),
			 NFS4_OK);
	cluster_assert_open_data(&c->session, &opened, file, 0, SHORT);
	assert_int_equal(nfs_close(&c->session, &opened), NFS4_OK);
}

static void print_times(const char *what, double *ms, unsigned int count)
{
	nfs_sort_double(ms, count);
	print_message("%s: %.1f (%.1f) ms\n", what, ms[count / 2],
		      ms[count - 1]);
}

/* Recalled, held until it is back, and seen by the holder. */
static void recall_by(struct cluster *c, const struct operation *operation,
		      unsigned int round, double *recalled, double *went_on)
{
	unsigned int n = cb_responder_count(c->responder);
	struct nfs_compound compound;
	struct nfs_file file;
	struct cb_call *call;
	char name[64];
	uint64_t sent;

	snprintf(name, sizeof(name), "%s-%u", operation->name, round);
	cluster_hold(c, name, &file);
	cluster_assert_open_data(&c->session, &file, name, 0, DATA_SIZE);
	nfs_compound_init(&compound, &c->opener_session);
	operation->put(&compound, &file.fh, name);
	sent = nfs_now_ns();
	assert_int_equal(nfs_compound_send(&compound), 0);
	call = cluster_callback(c, n);
	cluster_assert_recalls(call, &file);
	*recalled = (double)(call->arrival_ns - sent) / 1e6;
	if (round == 0)
		cluster_assert_waits(&compound);
	cluster_return(c, &file);
	*went_on = (double)cluster_assert_ends(c, &compound, SOON) / 1e6;
	operation->check(c, name);
}

static void recall_by_rounds(struct cluster *c,
			     const struct operation *operation)
{
	double recalled[ROUNDS], went_on[ROUNDS];
	char what[128];

	for (unsigned int i = 0; i < ROUNDS; i++)
		recall_by(c, operation, i, &recalled[i], &went_on[i]);
	snprintf(what, sizeof(what), "%s: recalled after", operation->name);
	print_times(what, recalled, ROUNDS);
	snprintf(what, sizeof(what), "%s: goes on after the return",
		 operation->name);
	print_times(what, went_on, ROUNDS);
}

#define OPERATION_TEST(name, put, check)                                       \
	static void test_##name##_recalls(void **state)                        \
	{                                                                      \
		static const struct operation operation = { #name, put,        \
							    check };           \
		recall_by_rounds(*state, &operation);                          \
	}

OPERATION_TEST(open, put_open, check_open)
OPERATION_TEST(remove, put_remove, check_gone)
OPERATION_TEST(rename, put_rename, check_rename)
OPERATION_TEST(setattr, put_setattr, check_setattr)
OPERATION_TEST(truncation, put_truncation, check_truncation)

/* Once both gateways have read what one of them wrote, and libcephfs has let go of what
 * that needed.
 */
static bool reading_recalls(struct cluster *c, unsigned int round)
{
	unsigned int n = cb_responder_count(c->responder);
	struct nfs_compound open;
	struct nfs_file file;
	bool recalled;
	char name[64];

	snprintf(name, sizeof(name), "read-%u", round);
	cluster_write(&c->opener_session, name, 0);
	cluster_assert_data(&c->opener_session, name, 0);
	cluster_assert_data(&c->session, name, 0);
	/* A pause that any callback would end. */
	for (unsigned int i = 0; i < RENEWALS; i++) {
		assert_null(
			cb_responder_wait(c->responder, n, LETS_GO / RENEWALS));
		assert_int_equal(nfs_sequence(&c->session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&c->opener_session, NULL),
				 NFS4_OK);
	}
	cluster_open_delegated(c, name, &file);
	nfs_compound_init(&open, &c->opener_session);
	put_read(&open, name);
	assert_int_equal(nfs_compound_send(&open), 0);
	recalled = cb_responder_wait(c->responder, n, A_WHILE);
	/* Who is recalled and reads on before the return waits for it in libcephfs. */
	if (!recalled)
		cluster_assert_open_data(&c->session, &file, name, 0,
					 DATA_SIZE);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_assert_data(&c->opener_session, name, 0);
	return recalled;
}

/* The file system may recall it all the same, above all just after the file was written
 * (Ceph 18), but does not each time: each round has a file of its own.
 */
static void test_reading_recalls_nothing(void **state)
{
	unsigned int round = 0;

	while (reading_recalls(*state, round))
		assert_true(++round < READING_ROUNDS);
	print_message("reading: recalled nothing in round %u\n", round);
}

/* The holder has the file open when it is recalled: Linux says so before it returns
 * the delegation, for each of its users.  RFC 5661 10.4.3.
 */
static void claim_before_return(struct cluster *c, const char *name,
				const char *owner)
{
	struct nfs_compound open;
	struct nfs_file file, claimed;
	uint64_t start;

	cluster_hold(c, name, &file);
	cluster_send_open(c, &open, name);
	cluster_callback(c, 0);
	start = nfs_now_ns();
	cluster_claim(c, &file, owner, &claimed);
	print_message("%s: claimed within %.1f ms\n", name,
		      (double)(nfs_now_ns() - start) / 1e6);
	cluster_delegreturn(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, name, 1);
	cluster_assert_open_data(&c->session, &claimed, name, 1, DATA_SIZE);
	assert_int_equal(nfs_close(&c->session, &claimed), NFS4_OK);
	if (owner != c->holder.owner)
		assert_int_equal(nfs_close(&c->session, &file), NFS4_OK);
}

static void test_holder_claims_its_open_before_the_return(void **state)
{
	struct cluster *c = *state;

	claim_before_return(c, "claimed", c->holder.owner);
}

static void
test_holder_claims_another_users_open_before_the_return(void **state)
{
	claim_before_return(*state, "claimed-by-another", "another user");
}

/* An open through the holder's gateway would wait in the file system for the return,
 * with the lock that the return needs.
 */
static void test_open_beside_the_holder_waits_for_the_return(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open, beside;
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_file file;

	cluster_client(c, 0, &client);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	cluster_hold(c, "beside", &file);
	cluster_send_open(c, &open, "beside");
	cluster_callback(c, 0);
	nfs_compound_init(&beside, &session);
	put_read(&beside, "beside");
	assert_int_equal(nfs_compound_send(&beside), 0);
	cluster_assert_waits(&beside);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	assert_int_equal(nfs_compound_wait(&beside, SOON), NFS4_OK);
	nfs_compound_fini(&beside);
	cluster_assert_data(&session, "beside", 0);
	nfs_client_unmount(&session);
}

/* It keeps the delegation when it closes the file, as Linux does. */
static void test_holder_has_closed_the_file(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file;

	cluster_hold(c, "closed", &file);
	assert_int_equal(nfs_close(&c->session, &file), NFS4_OK);
	cluster_send_open(c, &open, "closed");
	cluster_assert_recalls(cluster_callback(c, 0), &file);
	cluster_assert_waits(&open);
	cluster_delegreturn(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, "closed", 1);
	cluster_assert_data(&c->session, "closed", 1);
}

/* libcephfs breaks the delegations of its own mount as well, whoever opens. */
static void test_holder_opens_for_writing_what_it_holds(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file, written;

	cluster_hold(c, "own", &file);
	nfs_compound_init(&open, &c->session);
	put_access(&open, "own", OPEN4_SHARE_ACCESS_WRITE);
	assert_int_equal(nfs_compound_send(&open), 0);
	cluster_assert_recalls(cluster_callback(c, 0), &file);
	cluster_assert_waits(&open);
	cluster_delegreturn(c, &file);
	cluster_claimed(&open, &written);
	assert_int_equal(nfs_close(&c->session, &written), NFS4_OK);
	cluster_write(&c->opener_session, "own", 1);
	cluster_assert_data(&c->session, "own", 1);
}

/* Broken connections --------------------------------------------------------- */

/* The opener's OPEN, recalled over @a conn; NULL: over any. */
static void open_recalls_over(struct cluster *c, const char *name,
			      const struct nfs_file *file,
			      const struct nfs_conn *conn)
{
	unsigned int n = cb_responder_count(c->responder);
	struct nfs_compound open;
	struct cb_call *call;
	uint64_t sent = nfs_now_ns();

	cluster_send_open(c, &open, name);
	call = cluster_callback(c, n);
	cluster_assert_recalls(call, file);
	print_message("%s: recalled after %.1f ms\n", name,
		      (double)(call->arrival_ns - sent) / 1e6);
	if (conn)
		assert_ptr_equal(call->conn, conn);
	cluster_return(c, file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, name, 1);
	cluster_assert_data(&c->session, name, 1);
}

static void broken_before(struct cluster *c, const char *name,
			  enum nfs_close how)
{
	struct nfs_file file;

	cluster_hold(c, name, &file);
	cluster_lose_path(c, how);
	open_recalls_over(c, name, &file, cluster_bind(c));
}

static void test_holder_closed_and_bound_anew(void **state)
{
	broken_before(*state, "closed-before", NFS_CLOSE_FIN);
}

static void test_holder_reset_and_bound_anew(void **state)
{
	broken_before(*state, "reset-before", NFS_CLOSE_RST);
}

/* Sent again over another connection, on the same slot; that one is answered. */
static void broken_during(struct cluster *c, const char *name,
			  enum nfs_close how)
{
	struct nfs_compound open;
	struct cb_call *first, *second;
	struct nfs_file file;
	struct nfs_conn *conn;

	cluster_hold(c, name, &file);
	cb_responder_push(c->responder, &on_demand);
	cluster_send_open(c, &open, name);
	first = cluster_callback(c, 0);
	conn = cluster_bind(c);
	nfs_conn_close(first->conn, how);
	nfs_session_set_conn(&c->session, conn);
	second = cluster_callback(c, 1);
	cluster_assert_recalls(second, &file);
	assert_ptr_equal(second->conn, conn);
	assert_true(second->retry);
	cluster_assert_waits(&open);
	cb_call_answer(second, &correct);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, name, 1);
	cluster_assert_data(&c->session, name, 1);
}

static void test_holder_closed_during_the_recall(void **state)
{
	broken_during(*state, "closed-during", NFS_CLOSE_FIN);
}

static void test_holder_reset_during_the_recall(void **state)
{
	broken_during(*state, "reset-during", NFS_CLOSE_RST);
}

/* The recall waits for a path. */
static void test_holder_bound_after_the_recall_began(void **state)
{
	struct cluster *c = *state;
	struct nfs_compound open;
	struct nfs_file file;
	struct cb_call *call;
	uint64_t bound;

	cluster_hold(c, "late", &file);
	cluster_lose_path(c, NFS_CLOSE_FIN);
	cluster_send_open(c, &open, "late");
	cluster_assert_waits(&open);
	assert_int_equal(cb_responder_count(c->responder), 0);
	cluster_bind(c);
	bound = nfs_now_ns();
	call = cluster_callback(c, 0);
	cluster_assert_recalls(call, &file);
	print_message("recalled %.1f ms after BIND\n",
		      call->arrival_ns > bound ?
			      (double)(call->arrival_ns - bound) / 1e6 :
			      0.0);
	cluster_return(c, &file);
	cluster_assert_ends(c, &open, SOON);
	cluster_write(&c->opener_session, "late", 1);
	cluster_assert_data(&c->session, "late", 1);
}

int main(void)
{
	static const struct cluster_params params = { 0 };
	const struct CMUnitTest tests[] = {
		CLUSTER_TEST(test_open_recalls),
		CLUSTER_TEST(test_remove_recalls),
		CLUSTER_TEST(test_rename_recalls),
		CLUSTER_TEST(test_setattr_recalls),
		CLUSTER_TEST(test_truncation_recalls),
		CLUSTER_TEST(test_reading_recalls_nothing),
		CLUSTER_TEST(test_holder_claims_its_open_before_the_return),
		CLUSTER_TEST(
			test_holder_claims_another_users_open_before_the_return),
		CLUSTER_TEST(test_open_beside_the_holder_waits_for_the_return),
		CLUSTER_TEST(test_holder_has_closed_the_file),
		CLUSTER_TEST(test_holder_opens_for_writing_what_it_holds),
		CLUSTER_TEST(test_holder_closed_and_bound_anew),
		CLUSTER_TEST(test_holder_reset_and_bound_anew),
		CLUSTER_TEST(test_holder_closed_during_the_recall),
		CLUSTER_TEST(test_holder_reset_during_the_recall),
		CLUSTER_TEST(test_holder_bound_after_the_recall_began),
	};

	return cluster_run(tests, ALL_QUICK, &params);
}
