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
	assert_int_equal(
		open_file(&f->session, "alone", GANESHA_WRITE_ACCESS, &file),
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
				       GANESHA_WRITE_ACCESS, &writer)));
	assert_int_equal(nfs_close(&f->session, &writer), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &reader), NFS4_OK);
	assert_int_equal(
		open_file(&f->session, "shared", GANESHA_WRITE_ACCESS, &writer),
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
				   GANESHA_WRITE_ACCESS, &writer),
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

/* A new session with this security. @return whether it is granted anything */
static bool granted_with(struct fixture *f, const struct nfs_sec_parms *sec,
			 const char *name)
{
	struct nfs_create_session_args args;
	struct nfs_file file;
	bool is_granted;

	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	nfs_session_fini(&f->session);
	nfs_create_session_args_init(&args);
	args.sec = sec;
	args.nsec = 1;
	assert_int_equal(nfs_create_session(&f->session, &f->holder,
					    fixture_connect(f, &f->holder),
					    &args),
			 NFS4_OK);
	server_make_file(f->server, name, "contents");
	is_granted = granted(
		open_file(&f->session, name, OPEN4_SHARE_ACCESS_READ, &file));
	if (is_granted)
		fixture_return(f, &file);
	else
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	return is_granted;
}

static void test_gss_only_client_is_granted_nothing(void **state)
{
	static const struct nfs_sec_parms gss = { .flavor = RPCSEC_GSS };
	static const struct nfs_sec_parms sys = { .flavor = AUTH_SYS };

	assert_false(granted_with(*state, &gss, "gss"));
	assert_true(granted_with(*state, &sys, "sys"));
}

/* Whether a server with such a BACKCHANNEL block grants anything. */
static bool server_grants(const char *backchannel)
{
	struct fixture own;
	struct nfs_file file;
	bool is_granted;

	fixture_begin(&own, backchannel);
	server_make_file(own.server, "a", "contents");
	is_granted = granted(
		open_file(&own.session, "a", OPEN4_SHARE_ACCESS_READ, &file));
	if (is_granted)
		fixture_return(&own, &file);
	else
		assert_int_equal(nfs_close(&own.session, &file), NFS4_OK);
	fixture_end(&own);
	return is_granted;
}

static void test_leases_off_grants_nothing(void **state)
{
	(void)state;
	assert_false(server_grants("Leases = false;"));
	assert_true(server_grants("Leases = true;"));
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
