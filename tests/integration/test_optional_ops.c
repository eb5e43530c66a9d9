/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Operations that a server need not have: it says so, and does not call them
 * illegal. RFC 5661 15.2 table 8, 18.39, 18.49.
 */
#include "fixture.h"

/* The status of a COMPOUND whose last operation is @op, and that operation's
 * number in the reply.
 */
static int call(struct nfs_compound *compound, uint32_t op, uint32_t *answered)
{
	int status = nfs_compound_call(compound);
	const struct nfs_res *last = &compound->res[compound->nres - 1];

	assert_true(compound->nres > 0);
	*answered = last->op;
	if (last->op == op && status == NFS4_OK)
		status = last->status;
	return status;
}

static void get_dir_delegation(struct fixture *f, uint32_t minorversion)
{
	struct nfs_compound compound;
	uint32_t answered;
	int status;

	nfs_compound_init(&compound, &f->session);
	compound.minorversion = minorversion;
	nfs_put_path(&compound, "export");
	nfs_put_get_dir_delegation(&compound);
	status = call(&compound, OP_GET_DIR_DELEGATION, &answered);
	if (status == NFS4_OK)
		assert_int_equal(
			nfs_compound_res(&compound, OP_GET_DIR_DELEGATION)
				->dir_delegation,
			GDD4_UNAVAIL);
	nfs_compound_fini(&compound);
	assert_int_equal(answered, OP_GET_DIR_DELEGATION);
	assert_true(status == NFS4_OK || status == NFS4ERR_NOTSUPP);
}

static void test_get_dir_delegation_is_unavailable(void **state)
{
	get_dir_delegation(*state, 1);
}

static void test_get_dir_delegation_v42_is_unavailable(void **state)
{
	get_dir_delegation(*state, 2);
}

/* Linux asks for one in the COMPOUND that reads the directory's attributes. */
static void test_get_dir_delegation_after_getattr_costs_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	uint32_t answered;
	int status;

	nfs_compound_init(&compound, &f->session);
	nfs_put_path(&compound, "export");
	nfs_put_getattr(&compound);
	nfs_put_get_dir_delegation(&compound);
	status = call(&compound, OP_GET_DIR_DELEGATION, &answered);
	assert_non_null(nfs_compound_res(&compound, OP_GETATTR));
	nfs_compound_fini(&compound);
	assert_int_equal(answered, OP_GET_DIR_DELEGATION);
	assert_true(status == NFS4_OK || status == NFS4ERR_NOTSUPP);
}

static void test_want_delegation_is_not_supported(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	struct nfs_file file;
	uint32_t answered;
	int status;

	server_make_file(f->server, "wanted", "contents");
	assert_int_equal(nfs_open(&f->session, "export/wanted",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file),
			 NFS4_OK);
	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &file.fh);
	nfs_put_want_delegation(&compound, OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
	status = call(&compound, OP_WANT_DELEGATION, &answered);
	nfs_compound_fini(&compound);
	assert_int_equal(answered, OP_WANT_DELEGATION);
	assert_int_equal(status, NFS4ERR_NOTSUPP);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

/* What is no operation is illegal, and is called so. */
static void test_unknown_operation_is_illegal(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	uint32_t answered;
	int status;

	nfs_compound_init(&compound, &f->session);
	nfs_put_op(&compound, 4711);
	status = call(&compound, OP_ILLEGAL, &answered);
	nfs_compound_fini(&compound);
	assert_int_equal(answered, OP_ILLEGAL);
	assert_int_equal(status, NFS4ERR_OP_ILLEGAL);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_unknown_operation_is_illegal),
		FIXTURE_TEST(test_get_dir_delegation_is_unavailable),
		FIXTURE_TEST(test_get_dir_delegation_v42_is_unavailable),
		FIXTURE_TEST(
			test_get_dir_delegation_after_getattr_costs_nothing),
		FIXTURE_TEST(test_want_delegation_is_not_supported),
	};

	return fixture_run(tests, &params);
}
