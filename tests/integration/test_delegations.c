/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who is granted a delegation: statement 15 of a correct backchannel.
 */
#include "fixture.h"

#include <stdio.h>

#define WANT_READ (OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_READ_DELEG)
#define PATH_DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)

/* Make file @name and open it. */
static void open_new(struct fixture *f, struct nfs_session *session,
		     const char *name, uint32_t share, struct nfs_file *file)
{
	char path[128];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(session, path, share, file), NFS4_OK);
}

static void assert_granted(const struct nfs_file *file, bool granted)
{
	uint32_t type = file->delegation.type;

	if (granted)
		assert_int_equal(type, OPEN_DELEGATE_READ);
	else
		assert_true(type == OPEN_DELEGATE_NONE ||
			    type == OPEN_DELEGATE_NONE_EXT);
}

/* 15: the path */

static void test_open_fore_only_session_granted_only_after_bind(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_file without, with;
	struct nfs_conn *conn;

	fixture_client(f, &client);
	client.responder = f->responder;
	conn = fixture_connect(f, &client);
	nfs_create_session_args_init(&args);
	args.flags = 0;
	assert_int_equal(nfs_exchange_id(&client, conn), NFS4_OK);
	assert_int_equal(nfs_create_session(&session, &client, conn, &args),
			 NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&session), NFS4_OK);
	open_new(f, &session, "fore-without", WANT_READ, &without);
	assert_granted(&without, false);
	assert_int_equal(nfs_bind_conn(&session, fixture_connect(f, &client),
				       CDFC4_BACK_OR_BOTH, NULL),
			 NFS4_OK);
	open_new(f, &session, "fore-with", WANT_READ, &with);
	assert_granted(&with, true);
	nfs_delegreturn(&session, &with.fh, &with.delegation.stateid);
	nfs_close(&session, &with);
	nfs_close(&session, &without);
	nfs_client_unmount(&session);
}

static void test_open_path_lost_granted_again_after_bind(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_file without, with;

	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, fore);
	fixture_wait_flags(f, PATH_DOWN);
	open_new(f, &f->session, "lost-without", WANT_READ, &without);
	assert_granted(&without, false);
	fixture_bind(f);
	fixture_hold(f, "lost-with", &with);
	fixture_return(f, &with);
	assert_int_equal(nfs_close(&f->session, &without), NFS4_OK);
}

/* 15: other opens */

static void test_open_two_readers_both_granted(void **state)
{
	struct fixture *f = *state;
	struct nfs_file mine, theirs;

	fixture_hold(f, "readers", &mine);
	assert_int_equal(nfs_open(&f->opener_session, "export/readers",
				  WANT_READ, &theirs),
			 NFS4_OK);
	assert_granted(&theirs, true);
	assert_int_equal(nfs_delegreturn(&f->opener_session, &theirs.fh,
					 &theirs.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	fixture_return(f, &mine);
}

static void test_open_read_while_other_writes_granted_after_close(void **state)
{
	struct fixture *f = *state;
	struct nfs_file theirs, without, with;

	open_new(f, &f->opener_session, "written",
		 OPEN4_SHARE_ACCESS_WRITE | OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		 &theirs);
	assert_int_equal(
		nfs_open(&f->session, "export/written", WANT_READ, &without),
		NFS4_OK);
	assert_granted(&without, false);
	assert_int_equal(nfs_close(&f->session, &without), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(
		nfs_open(&f->session, "export/written", WANT_READ, &with),
		NFS4_OK);
	assert_granted(&with, true);
	fixture_return(f, &with);
}

static void test_recall_returned_opener_succeeds(void **state)
{
	struct fixture *f = *state;
	struct nfs_file mine, theirs;

	fixture_hold(f, "returned", &mine);
	fixture_conflict(f, "returned");
	fixture_callback(f, 0);
	fixture_return(f, &mine);
	assert_int_equal(nfs_open(&f->opener_session, "export/returned",
				  OPEN4_SHARE_ACCESS_WRITE, &theirs),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
}

/* Its own locks are there when it is recalled: the others' way is not barred by them. */
static void test_recall_holder_has_locked_opener_succeeds(void **state)
{
	struct fixture *f = *state;
	struct nfs_file mine;
	struct nfs_res lock;

	fixture_hold(f, "locked", &mine);
	assert_int_equal(nfs_lock(&f->session, &mine, "locker", READ_LT, &lock),
			 NFS4_OK);
	fixture_conflict(f, "locked");
	assert_true(fixture_recalls(fixture_callback(f, 0), &mine));
	assert_int_equal(nfs_delegreturn(&f->session, &mine.fh,
					 &mine.delegation.stateid),
			 NFS4_OK);
	fixture_assert_opens(f, "locked");
	/* It is still there. */
	assert_int_equal(nfs_locku(&f->session, &mine, &lock.stateid), NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &mine), NFS4_OK);
}

/* What is not granted, but asked for --------------------------------------- */

static void test_dir_delegation_is_unavailable_and_no_error(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	nfs_put_path(&compound, "export");
	nfs_put_get_dir_delegation(&compound);
	nfs_put_getattr(&compound);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	assert_int_equal(nfs_compound_res(&compound, OP_GET_DIR_DELEGATION)
				 ->dir_delegation,
			 GDD4_UNAVAIL);
	assert_int_equal(nfs_compound_res(&compound, OP_GETATTR)->status,
			 NFS4_OK);
	nfs_compound_fini(&compound);
}

static void test_dir_delegation_without_a_directory_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	nfs_put_get_dir_delegation(&compound);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_NOFILEHANDLE);
	server_make_file(f->server, "no-directory", "contents");
	nfs_compound_init(&compound, &f->session);
	nfs_put_path(&compound, "export/no-directory");
	nfs_put_get_dir_delegation(&compound);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_NOTDIR);
}

static void test_want_delegation_is_not_supported(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	const struct nfs_res *res;
	struct xdr_buf *args;

	server_make_file(f->server, "wanted", "contents");
	nfs_compound_init(&compound, &f->session);
	nfs_put_path(&compound, "export/wanted");
	args = nfs_put_op(&compound, OP_WANT_DELEGATION);
	xdr_put_u32(args, OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
	xdr_put_u32(args, CLAIM_FH);
	assert_int_equal(nfs_compound_call(&compound), NFS4ERR_NOTSUPP);
	res = nfs_compound_res(&compound, OP_WANT_DELEGATION);
	assert_non_null(res);
	assert_int_equal(res->status, NFS4ERR_NOTSUPP);
	nfs_compound_fini(&compound);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_open_fore_only_session_granted_only_after_bind),
		FIXTURE_TEST(test_open_path_lost_granted_again_after_bind),
		FIXTURE_TEST(test_open_two_readers_both_granted),
		FIXTURE_TEST(
			test_open_read_while_other_writes_granted_after_close),
		FIXTURE_TEST(test_recall_returned_opener_succeeds),
		FIXTURE_TEST(test_recall_holder_has_locked_opener_succeeds),
		FIXTURE_TEST(test_dir_delegation_is_unavailable_and_no_error),
		FIXTURE_TEST(
			test_dir_delegation_without_a_directory_is_refused),
		FIXTURE_TEST(test_want_delegation_is_not_supported),
	};

	return fixture_run(tests, &params);
}
