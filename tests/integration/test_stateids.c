/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A stateid is good for its owner, for what it is, for its file, and for the
 * server's instance that has given it; and a bad one changes nothing, least of
 * all the file's delegations. RFC 5661 8.2.4, 15.1.16.5, 18.2, 18.6, 18.16.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "nfs40.h"

#define WANT_NOTHING OPEN4_SHARE_ACCESS_WANT_NO_DELEG
#define WANT_ANY OPEN4_SHARE_ACCESS_WANT_ANY_DELEG

/* Each test has a server of its own: a bad stateid can end it. */
static int setup(void **state)
{
	static const struct server_params params = { .module = true };
	static struct fixture fixture;

	*state = &fixture;
	return fixture_start(&fixture, &params) || fixture_mount(state);
}

static int teardown(void **state)
{
	int unclean = fixture_unmount(state);

	return fixture_stop(*state) || unclean;
}

#define STATEID_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A new file, opened by the holder for reading and writing. */
static void open_new(struct fixture *f, const char *name, uint32_t share,
		     struct nfs_file *file)
{
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&f->session, path, share, file), NFS4_OK);
}

static void hold_write(struct fixture *f, const char *name,
		       struct nfs_file *file)
{
	open_new(f, name, GANESHA_WRITE_ACCESS | WANT_ANY, file);
	assert_int_equal(file->delegation.type, OPEN_DELEGATE_WRITE);
}

static void assert_contents(struct fixture *f, const char *name,
			    const char *contents)
{
	char path[512], got[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%.256s/%s", server_export(f->server),
		 name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(got, sizeof(got), file));
	fclose(file);
	assert_string_equal(got, contents);
}

static int put_fh_and_open(struct nfs_session *session,
			   const struct nfs_file *file, uint32_t access,
			   const struct nfs_stateid *delegation)
{
	const struct nfs_open_args open = {
		.share_access = access,
		.claim = CLAIM_DELEG_CUR_FH,
		.delegation = *delegation,
		.clientid = session->client->clientid,
		.owner = session->client->owner,
	};
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_open(&compound, &open);
	return nfs_compound_finish(&compound);
}

static int open_delegate_cur(struct nfs_session *session, const char *name,
			     const struct nfs_stateid *delegation)
{
	const struct nfs_open_args open = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.claim = CLAIM_DELEGATE_CUR,
		.delegation = *delegation,
	};
	struct nfs_file file;
	char path[64];

	snprintf(path, sizeof(path), "export/%s", name);
	return nfs_open_with(session, path, &open, &file);
}

/* Use a stateid of a file in an operation, as some client. */
static int use(struct nfs_session *session, uint32_t op,
	       const struct nfs_fh *fh, const struct nfs_stateid *stateid)
{
	const struct nfs_file file = { .fh = *fh };
	struct nfs_compound compound;

	if (op == OP_OPEN)
		return put_fh_and_open(session, &file, OPEN4_SHARE_ACCESS_READ,
				       stateid);
	if (op == OP_TEST_STATEID)
		return nfs_test_stateid(session, stateid);
	if (op == OP_FREE_STATEID)
		return nfs_free_stateid(session, stateid);
	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	if (op == OP_READ)
		nfs_put_read(&compound, stateid, 0, 8);
	else if (op == OP_WRITE)
		nfs_put_write(&compound, stateid, 0, "evil", 4);
	else if (op == OP_SETATTR)
		nfs_put_setattr_size(&compound, stateid, 1);
	else if (op == OP_CLOSE)
		nfs_put_close(&compound, 0, stateid);
	else if (op == OP_LOCK)
		nfs_put_lock(&compound, WRITE_LT, session->client->clientid,
			     "locker", stateid, 0);
	else
		nfs_put_delegreturn(&compound, stateid);
	return nfs_compound_finish(&compound);
}

/* What every delegation has to do: it is recalled for a writer, and when it is
 * returned all can write the file, and remove it.
 */
static void assert_recalled_and_free(struct fixture *f, const char *name,
				     const struct nfs_file *file)
{
	unsigned int n = cb_responder_count(f->responder);
	char path[64];

	fixture_conflict(f, name);
	assert_true(fixture_recalls(fixture_callback(f, n), file));
	fixture_return(f, file);
	fixture_assert_opens(f, name);
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_remove(&f->opener_session, path), NFS4_OK);
}

/* Somebody else's ---------------------------------------------------------- */

/* The opener uses the stateid of the holder's delegation or, without one, of
 * its open.
 */
static void assert_foreign(struct fixture *f, const char *name, uint32_t op,
			   bool delegation)
{
	struct nfs_file file;

	if (delegation)
		hold_write(f, name, &file);
	else
		open_new(f, name, OPEN4_SHARE_ACCESS_BOTH | WANT_NOTHING,
			 &file);
	assert_int_equal(
		use(&f->opener_session, op, &file.fh,
		    delegation ? &file.delegation.stateid : &file.stateid),
		NFS4ERR_BAD_STATEID);
	assert_contents(f, name, "contents");
	assert_int_equal(use(&f->session, OP_READ, &file.fh, &file.stateid),
			 NFS4_OK);
	if (delegation) {
		assert_int_equal(
			nfs_test_stateid(&f->session, &file.delegation.stateid),
			NFS4_OK);
		assert_recalled_and_free(f, name, &file);
	} else {
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
		fixture_assert_opens(f, name);
	}
}

#define FOREIGN_TEST(operation, number, kind, delegation)                      \
	static void test_foreign_##kind##_##operation##_is_refused(            \
		void **state)                                                  \
	{                                                                      \
		assert_foreign(*state, "foreign-" #kind "-" #operation,        \
			       number, delegation);                            \
	}

FOREIGN_TEST(delegreturn, OP_DELEGRETURN, delegation, true)
FOREIGN_TEST(read, OP_READ, delegation, true)
FOREIGN_TEST(write, OP_WRITE, delegation, true)
FOREIGN_TEST(set_size, OP_SETATTR, delegation, true)
FOREIGN_TEST(claim, OP_OPEN, delegation, true)
FOREIGN_TEST(test, OP_TEST_STATEID, delegation, true)
FOREIGN_TEST(free, OP_FREE_STATEID, delegation, true)
FOREIGN_TEST(read, OP_READ, open, false)
FOREIGN_TEST(write, OP_WRITE, open, false)
FOREIGN_TEST(set_size, OP_SETATTR, open, false)
FOREIGN_TEST(close, OP_CLOSE, open, false)
FOREIGN_TEST(lock, OP_LOCK, open, false)
FOREIGN_TEST(delegreturn, OP_DELEGRETURN, open, false)

/* The same in time and by its owner. */
static void test_own_stateids_are_accepted(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold_write(f, "own", &file);
	for (int i = 0; i < 2; i++) {
		const struct nfs_stateid *stateid =
			i ? &file.stateid : &file.delegation.stateid;

		assert_int_equal(use(&f->session, OP_READ, &file.fh, stateid),
				 NFS4_OK);
		assert_int_equal(use(&f->session, OP_WRITE, &file.fh, stateid),
				 NFS4_OK);
		assert_int_equal(nfs_test_stateid(&f->session, stateid),
				 NFS4_OK);
	}
	assert_contents(f, "own", "evilents");
	assert_int_equal(
		use(&f->session, OP_OPEN, &file.fh, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(
		open_delegate_cur(&f->session, "own", &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
	/* Opened once more, the open's stateid has gone on. */
	file.stateid.seqid = 0;
	assert_recalled_and_free(f, "own", &file);
}

/* The current stateid, 16.2.3.1.2: as good as what it stands for ------------- */

static const struct nfs_stateid current = { .seqid = 1 };

/* A file of which the holder has a read delegation. */
static void hold_read(struct fixture *f, const char *name,
		      struct nfs_file *file)
{
	open_new(f, name, OPEN4_SHARE_ACCESS_READ | WANT_ANY, file);
	assert_int_equal(file->delegation.type, OPEN_DELEGATE_READ);
}

static void test_delegreturn_of_a_current_open_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct nfs_open_args open = {
		.share_access = OPEN4_SHARE_ACCESS_READ | WANT_NOTHING,
		.claim = CLAIM_FH,
		.clientid = f->opener_session.client->clientid,
		.owner = f->opener_session.client->owner,
	};
	struct nfs_compound compound;
	struct nfs_file file;

	hold_read(f, "current-open", &file);
	nfs_compound_init(&compound, &f->opener_session);
	nfs_put_putfh(&compound, &file.fh);
	nfs_put_open(&compound, &open);
	nfs_put_delegreturn(&compound, &current);
	assert_int_equal(nfs_compound_call(&compound), NFS4ERR_BAD_STATEID);
	assert_int_equal(compound.nres, 4); /* the last of them */
	nfs_compound_fini(&compound);
	assert_recalled_and_free(f, "current-open", &file);
}

static void test_close_of_a_current_delegation_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	struct nfs_file file;

	hold_read(f, "current-close", &file);
	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &file.fh);
	nfs_put_read(&compound, &file.delegation.stateid, 0, 8);
	nfs_put_close(&compound, 0, &current);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_BAD_STATEID);
	assert_recalled_and_free(f, "current-close", &file);
}

/* Whatever made a stateid the current one. */
static void test_write_with_a_current_foreign_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	struct nfs_file file;

	hold_write(f, "current-foreign", &file);
	nfs_compound_init(&compound, &f->opener_session);
	nfs_put_putfh(&compound, &file.fh);
	nfs_put_test_stateid(&compound, &file.delegation.stateid);
	nfs_put_write(&compound, &current, 0, "evil", 4);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_BAD_STATEID);
	assert_contents(f, "current-foreign", "contents");
	assert_recalled_and_free(f, "current-foreign", &file);
}

static void test_own_current_is_accepted(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	struct nfs_file file;

	hold_write(f, "current-own", &file);
	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &file.fh);
	nfs_put_read(&compound, &file.delegation.stateid, 0, 8);
	nfs_put_write(&compound, &current, 0, "mine", 4);
	nfs_put_delegreturn(&compound, &current);
	assert_int_equal(nfs_compound_finish(&compound), NFS4_OK);
	assert_contents(f, "current-own", "mineents");
	assert_int_equal(cb_responder_count(f->responder), 0);
	fixture_assert_opens(f, "current-own");
	/* What is usual is not worth a warning. */
	assert_int_equal(server_log_count(f->server, "bookkeeping"), 0);
}

/* NFSv4.0 ------------------------------------------------------------------ */

/* It knows neither sessions nor the current stateid, and its clients move. */
static void test_v40_delegation_is_not_closed_but_returned(void **state)
{
	struct fixture *f = *state;
	struct nfs40_client old, moved;
	struct nfs_file file;
	int granted, closed, returned;

	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 NFS4_OK);
	/* An owner's first open has to be confirmed. */
	server_make_file(f->server, "v40-first", "contents");
	assert_int_equal(nfs40_open(&old, "export/v40-first",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	server_make_file(f->server, "v40", "contents");
	assert_int_equal(
		nfs40_open(&old, "export/v40", OPEN4_SHARE_ACCESS_READ, &file),
		NFS4_OK);
	granted = file.delegation.type;
	file.stateid = file.delegation.stateid;
	closed = nfs40_close(&old, &file);
	nfs_client_init(&moved.base, f->loop, server_port(f->server),
			++f->clients);
	moved.base.minorversion = 0;
	moved.conn = nfs_client_connect(&moved.base);
	assert_non_null(moved.conn);
	returned = nfs40_delegreturn(&moved, &file);
	nfs_conn_put(moved.conn);
	nfs40_client_fini(&old);
	assert_int_equal(granted, OPEN_DELEGATE_READ);
	assert_int_equal(closed, NFS4ERR_BAD_STATEID);
	assert_int_equal(returned, NFS4_OK);
	fixture_assert_opens(f, "v40");
}

/* Of another kind, or of another file -------------------------------------- */

static void test_delegreturn_of_an_open_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file, next;
	int status;

	open_new(f, "kind-open", OPEN4_SHARE_ACCESS_READ | WANT_NOTHING, &file);
	status = use(&f->session, OP_DELEGRETURN, &file.fh, &file.stateid);
	/* Whatever was said, the next delegation is as good as any. */
	assert_int_equal(nfs_open(&f->session, "export/kind-open",
				  OPEN4_SHARE_ACCESS_READ | WANT_ANY, &next),
			 NFS4_OK);
	assert_int_equal(next.delegation.type, OPEN_DELEGATE_READ);
	assert_recalled_and_free(f, "kind-open", &next);
	assert_int_equal(status, NFS4ERR_BAD_STATEID);
}

static void test_close_of_a_delegation_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold_write(f, "kind-close", &file);
	assert_int_equal(
		use(&f->session, OP_CLOSE, &file.fh, &file.delegation.stateid),
		NFS4ERR_BAD_STATEID);
	assert_recalled_and_free(f, "kind-close", &file);
}

static void test_claim_with_an_open_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold_write(f, "kind-claim", &file);
	assert_int_equal(use(&f->session, OP_OPEN, &file.fh, &file.stateid),
			 NFS4ERR_BAD_STATEID);
	assert_int_equal(
		open_delegate_cur(&f->session, "kind-claim", &file.stateid),
		NFS4ERR_BAD_STATEID);
	assert_recalled_and_free(f, "kind-claim", &file);
}

/* The opener has a delegation of a file that the holder claims with one of
 * another.
 */
static void claim_other(struct fixture *f, bool by_name, const char *name,
			const char *other)
{
	struct nfs_file mine, theirs;
	char path[64];
	int status;

	hold_write(f, name, &mine);
	server_make_file(f->server, other, "contents");
	snprintf(path, sizeof(path), "export/%s", other);
	assert_int_equal(nfs_open(&f->opener_session, path,
				  GANESHA_WRITE_ACCESS | WANT_ANY, &theirs),
			 NFS4_OK);
	assert_int_equal(theirs.delegation.type, OPEN_DELEGATE_WRITE);
	status = by_name ? open_delegate_cur(&f->session, other,
					     &mine.delegation.stateid) :
			   put_fh_and_open(&f->session, &theirs,
					   OPEN4_SHARE_ACCESS_READ,
					   &mine.delegation.stateid);
	assert_int_equal(nfs_delegreturn(&f->opener_session, &theirs.fh,
					 &theirs.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(status, NFS4ERR_BAD_STATEID);
	assert_recalled_and_free(f, name, &mine);
}

static void test_claim_by_name_of_another_file_is_refused(void **state)
{
	claim_other(*state, true, "name-mine", "name-theirs");
}

static void test_claim_by_handle_of_another_file_is_refused(void **state)
{
	claim_other(*state, false, "handle-mine", "handle-theirs");
}

static void test_delegreturn_of_another_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file, other;

	hold_write(f, "file-mine", &file);
	open_new(f, "file-other", OPEN4_SHARE_ACCESS_READ | WANT_NOTHING,
		 &other);
	assert_int_equal(use(&f->session, OP_DELEGRETURN, &other.fh,
			     &file.delegation.stateid),
			 NFS4ERR_BAD_STATEID);
	assert_int_equal(nfs_close(&f->session, &other), NFS4_OK);
	fixture_assert_opens(f, "file-other");
	assert_recalled_and_free(f, "file-mine", &file);
}

/* Two hold a read delegation. With its own the holder can neither write, nor
 * open for writing behind the other's back.
 */
static void test_read_delegation_allows_no_writing(void **state)
{
	struct fixture *f = *state;
	struct nfs_file mine, theirs;
	int status;

	fixture_hold(f, "read-only", &mine);
	assert_int_equal(nfs_open(&f->opener_session, "export/read-only",
				  OPEN4_SHARE_ACCESS_READ | WANT_ANY, &theirs),
			 NFS4_OK);
	assert_int_equal(theirs.delegation.type, OPEN_DELEGATE_READ);
	assert_int_not_equal(
		use(&f->session, OP_WRITE, &mine.fh, &mine.delegation.stateid),
		NFS4_OK);
	assert_contents(f, "read-only", "contents");
	status = put_fh_and_open(&f->session, &mine, OPEN4_SHARE_ACCESS_WRITE,
				 &mine.delegation.stateid);
	assert_int_equal(nfs_delegreturn(&f->opener_session, &theirs.fh,
					 &theirs.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_not_equal(status, NFS4_OK);
	assert_recalled_and_free(f, "read-only", &mine);
}

/* From before a restart ---------------------------------------------------- */

static struct fixture restarted;
static struct nfs_file before; /* of the former instance of the server */
static struct nfs_file before_v40;
static struct nfs40_client v40;

/* The holder of a server that is another one than that of its stateids. */
static int setup_restarted(void **state)
{
	static const struct server_params params = { .module = true };
	struct cb_responder *responder = cb_responder_new();
	struct nfs_client client;
	struct nfs_session session;

	*state = &restarted;
	if (fixture_start(&restarted, &params))
		return -1;
	fixture_client(&restarted, &client);
	client.responder = responder;
	server_make_file(restarted.server, "before", "contents");
	if (nfs_client_mount(&client, &session) ||
	    nfs_open(&session, "export/before", GANESHA_WRITE_ACCESS | WANT_ANY,
		     &before) ||
	    before.delegation.type != OPEN_DELEGATE_WRITE ||
	    nfs40_client_mount(&v40, restarted.loop,
			       server_port(restarted.server),
			       ++restarted.clients, responder))
		return -1;
	server_make_file(restarted.server, "v40", "contents");
	if (nfs40_open(&v40, "export/v40", OPEN4_SHARE_ACCESS_READ,
		       &before_v40))
		return -1;
	nfs40_client_fini(&v40);
	nfs_conn_close(session.conn, NFS_CLOSE_FIN);
	nfs_session_fini(&session);
	if (fixture_restart(&restarted))
		return -1;
	cb_responder_free(responder);
	return fixture_mount(state);
}

#define BEFORE_TEST(operation, number, kind, member)                           \
	static void test_##kind##_before_restart_##operation##_is_bad_stateid( \
		void **state)                                                  \
	{                                                                      \
		struct fixture *f = *state;                                    \
                                                                               \
		assert_int_equal(                                              \
			use(&f->session, number, &before.fh, &before.member),  \
			NFS4ERR_BAD_STATEID);                                  \
	}

BEFORE_TEST(test, OP_TEST_STATEID, delegation, delegation.stateid)
BEFORE_TEST(free, OP_FREE_STATEID, delegation, delegation.stateid)
BEFORE_TEST(read, OP_READ, delegation, delegation.stateid)
BEFORE_TEST(write, OP_WRITE, delegation, delegation.stateid)
BEFORE_TEST(delegreturn, OP_DELEGRETURN, delegation, delegation.stateid)
BEFORE_TEST(claim, OP_OPEN, delegation, delegation.stateid)
BEFORE_TEST(test, OP_TEST_STATEID, open, stateid)
BEFORE_TEST(free, OP_FREE_STATEID, open, stateid)
BEFORE_TEST(read, OP_READ, open, stateid)
BEFORE_TEST(write, OP_WRITE, open, stateid)
BEFORE_TEST(set_size, OP_SETATTR, open, stateid)
BEFORE_TEST(close, OP_CLOSE, open, stateid)
BEFORE_TEST(lock, OP_LOCK, open, stateid)

/* v4.0 has it, and its clients recover by it: RFC 7530 13.1.5.7. */
static void test_v40_before_restart_read_is_stale_stateid(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs_compound compound;
	int status;

	assert_int_equal(nfs40_client_mount(&v40, f->loop,
					    server_port(f->server),
					    ++f->clients, responder),
			 NFS4_OK);
	nfs_compound_init_bare(&compound, &v40.base, v40.conn);
	nfs_put_putfh(&compound, &before_v40.fh);
	nfs_put_read(&compound, &before_v40.stateid, 0, 8);
	status = nfs_compound_finish(&compound);
	nfs40_client_fini(&v40);
	cb_responder_free(responder);
	assert_int_equal(status, NFS4ERR_STALE_STATEID);
}

static int run_restarted(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_delegation_before_restart_test_is_bad_stateid),
		cmocka_unit_test(
			test_delegation_before_restart_free_is_bad_stateid),
		cmocka_unit_test(
			test_delegation_before_restart_read_is_bad_stateid),
		cmocka_unit_test(
			test_delegation_before_restart_write_is_bad_stateid),
		cmocka_unit_test(
			test_delegation_before_restart_delegreturn_is_bad_stateid),
		cmocka_unit_test(
			test_delegation_before_restart_claim_is_bad_stateid),
		cmocka_unit_test(test_open_before_restart_test_is_bad_stateid),
		cmocka_unit_test(test_open_before_restart_free_is_bad_stateid),
		cmocka_unit_test(test_open_before_restart_read_is_bad_stateid),
		cmocka_unit_test(test_open_before_restart_write_is_bad_stateid),
		cmocka_unit_test(
			test_open_before_restart_set_size_is_bad_stateid),
		cmocka_unit_test(test_open_before_restart_close_is_bad_stateid),
		cmocka_unit_test(test_open_before_restart_lock_is_bad_stateid),
		cmocka_unit_test(test_v40_before_restart_read_is_stale_stateid),
	};

	return cmocka_run_group_tests_name("restarted", tests, setup_restarted,
					   teardown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATEID_TEST(test_own_stateids_are_accepted),
		STATEID_TEST(test_delegreturn_of_a_current_open_is_refused),
		STATEID_TEST(test_close_of_a_current_delegation_is_refused),
		STATEID_TEST(test_write_with_a_current_foreign_is_refused),
		STATEID_TEST(test_own_current_is_accepted),
		STATEID_TEST(test_v40_delegation_is_not_closed_but_returned),
		STATEID_TEST(test_foreign_delegation_delegreturn_is_refused),
		STATEID_TEST(test_foreign_delegation_read_is_refused),
		STATEID_TEST(test_foreign_delegation_write_is_refused),
		STATEID_TEST(test_foreign_delegation_set_size_is_refused),
		STATEID_TEST(test_foreign_delegation_claim_is_refused),
		STATEID_TEST(test_foreign_delegation_test_is_refused),
		STATEID_TEST(test_foreign_delegation_free_is_refused),
		STATEID_TEST(test_foreign_open_read_is_refused),
		STATEID_TEST(test_foreign_open_write_is_refused),
		STATEID_TEST(test_foreign_open_set_size_is_refused),
		STATEID_TEST(test_foreign_open_close_is_refused),
		STATEID_TEST(test_foreign_open_lock_is_refused),
		STATEID_TEST(test_foreign_open_delegreturn_is_refused),
		STATEID_TEST(test_delegreturn_of_an_open_is_refused),
		STATEID_TEST(test_close_of_a_delegation_is_refused),
		STATEID_TEST(test_claim_with_an_open_is_refused),
		STATEID_TEST(test_claim_by_name_of_another_file_is_refused),
		STATEID_TEST(test_claim_by_handle_of_another_file_is_refused),
		STATEID_TEST(test_delegreturn_of_another_file_is_refused),
		STATEID_TEST(test_read_delegation_allows_no_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) | run_restarted();
}
