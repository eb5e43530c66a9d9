/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Write delegations over an FSAL that has none of its own, and `Leases`: the
 * second half of statement 15. RFC 5661 10.4.
 */
#include "fixture.h"

#include <stdio.h>

/* Open a file, made before. @return the delegation that came with it */
static uint32_t open_file(struct nfs_session *session, const char *name,
			  uint32_t access, struct nfs_file *file)
{
	char path[64];

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(session, path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  file),
			 NFS4_OK);
	return file->delegation.type;
}

static bool granted(uint32_t type)
{
	return type == OPEN_DELEGATE_READ || type == OPEN_DELEGATE_WRITE;
}

static void test_only_opener_is_granted_a_write_delegation(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	server_make_file(f->server, "alone", "contents");
	assert_int_equal(open_file(&f->session, "alone",
				   OPEN4_SHARE_ACCESS_BOTH, &file),
			 OPEN_DELEGATE_WRITE);
	fixture_return(f, &file);
}

static void test_no_write_delegation_while_another_has_it_open(void **state)
{
	struct fixture *f = *state;
	struct nfs_file reader, writer;

	server_make_file(f->server, "shared", "contents");
	/* The opener declines, so that nothing is recalled. */
	assert_int_equal(nfs_open(&f->opener_session, "export/shared",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &reader),
			 NFS4_OK);
	assert_false(granted(open_file(&f->session, "shared",
				       OPEN4_SHARE_ACCESS_BOTH, &writer)));
	assert_int_equal(nfs_close(&f->session, &writer), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &reader), NFS4_OK);
	assert_int_equal(open_file(&f->session, "shared",
				   OPEN4_SHARE_ACCESS_BOTH, &writer),
			 OPEN_DELEGATE_WRITE);
	fixture_return(f, &writer);
}

static void test_write_delegation_is_recalled_for_a_reader(void **state)
{
	struct fixture *f = *state;
	struct nfs_file writer, reader;
	struct cb_call *call;

	server_make_file(f->server, "read-later", "contents");
	assert_int_equal(open_file(&f->session, "read-later",
				   OPEN4_SHARE_ACCESS_BOTH, &writer),
			 OPEN_DELEGATE_WRITE);
	assert_int_equal(nfs_open(&f->opener_session, "export/read-later",
				  OPEN4_SHARE_ACCESS_READ, &reader),
			 NFS4ERR_DELAY);
	call = fixture_callback(f, 0);
	assert_memory_equal(call->recall.stateid.other,
			    writer.delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	fixture_return(f, &writer);
	assert_int_equal(nfs_open(&f->opener_session, "export/read-later",
				  OPEN4_SHARE_ACCESS_READ, &reader),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &reader), NFS4_OK);
}

static void test_gss_only_client_is_granted_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_sec_parms sec = { .flavor = RPCSEC_GSS };
	struct nfs_create_session_args args;
	struct nfs_file file;

	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	nfs_session_fini(&f->session);
	nfs_create_session_args_init(&args);
	args.sec = &sec;
	args.nsec = 1;
	assert_int_equal(nfs_create_session(&f->session, &f->holder,
					    fixture_connect(f, &f->holder),
					    &args),
			 NFS4_OK);
	server_make_file(f->server, "gss", "contents");
	assert_false(granted(open_file(&f->session, "gss",
				       OPEN4_SHARE_ACCESS_READ, &file)));
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

static void test_leases_off_grants_nothing(void **state)
{
	static const struct server_params params = {
		.module = true,
		.backchannel = "Leases = false;\n",
	};
	struct fixture own;
	void *own_state = &own;
	struct nfs_file file;

	(void)state;
	assert_int_equal(fixture_start(&own, &params), 0);
	assert_int_equal(fixture_mount(&own_state), 0);
	server_make_file(own.server, "off", "contents");
	assert_false(granted(open_file(&own.session, "off",
				       OPEN4_SHARE_ACCESS_READ, &file)));
	assert_int_equal(nfs_close(&own.session, &file), NFS4_OK);
	assert_int_equal(fixture_unmount(&own_state), 0);
	assert_int_equal(fixture_stop(&own), 0);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_only_opener_is_granted_a_write_delegation),
		FIXTURE_TEST(
			test_no_write_delegation_while_another_has_it_open),
		FIXTURE_TEST(test_write_delegation_is_recalled_for_a_reader),
		FIXTURE_TEST(test_gss_only_client_is_granted_nothing),
		cmocka_unit_test(test_leases_off_grants_nothing),
	};

	return fixture_run(tests, &params);
}
