/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A Ganesha that has the right version and is another one all the same: other
 * builds, other options, other structures. Each test has a server of its own.
 */
#include "fixture.h"
#include "libraries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fixture fixture;
static struct library_copy copy;

static int clear(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	memset(&copy, 0, sizeof(copy));
	*state = &fixture;
	return 0;
}

static int stop(void **state)
{
	library_copy_remove(&copy);
	return fixture_stop(*state);
}

#define BUILD_TEST(name) cmocka_unit_test_setup_teardown(name, clear, stop)

static void start(struct fixture *f, const struct server_params *params)
{
	void *state = f;

	assert_int_equal(fixture_start(f, params), 0);
	assert_int_equal(fixture_mount(&state), 0);
}

static void unmount(struct fixture *f)
{
	void *state = f;

	assert_int_equal(fixture_unmount(&state), 0);
}

static void assert_logged(struct fixture *f, const char *text)
{
	if (server_log_count(f->server, text) == 1)
		return;
	server_show(f->server);
	fail_msg("the log does not say once: %s", text);
}

/* As a server without the module, which has said why. */
static void assert_left_alone(struct fixture *f, const char *why)
{
	struct nfs_file file;

	assert_logged(f, why);
	assert_int_equal(server_log_count(f->server, "attached to "), 0);
	assert_logged(f,
		      "callbacks: Ganesha's own; delegations over an FSAL "
		      "that has none: no; switched off: Leases every shield");
	server_make_file(f->server, "a", "contents");
	assert_int_equal(nfs_open(&f->session, "export/a",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_READ);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

/* Builds ------------------------------------------------------------------- */

#ifdef BC_BUILD_GANESHA
/* A server with a library of an unknown build; then one that is told to accept
 * it, in the words of the first one's log.
 */
static void check_unknown_build(struct fixture *f, const char *library,
				const char *known)
{
	const char *const env[] = { copy.env, NULL };
	struct server_params params = { .module = true, .env = env };
	char ganesha[] = BC_BUILD_GANESHA, ntirpc[] = BC_BUILD_NTIRPC;
	char line[256], text[320];

	library_copy_read(&copy, library);
	library_copy_change_build_id(&copy,
				     strcmp(known, ganesha) ? ntirpc : ganesha);
	library_copy_write(&copy);
	snprintf(line, sizeof(line), "Accept_Build_Id = \"%s %s\";", ganesha,
		 ntirpc);

	start(f, &params);
	assert_logged(f, copy.path);
	snprintf(text, sizeof(text), "accept them: BACKCHANNEL { %s }", line);
	assert_left_alone(f, text);
	unmount(f);
	assert_int_equal(fixture_stop(f), 0);

	params.backchannel = line;
	start(f, &params);
	assert_logged(f, "is of an unknown build, which the configuration "
			 "accepts");
	assert_logged(f, "attached to ");
	unmount(f);
}

static void test_unknown_build_of_ganesha_only_if_accepted(void **state)
{
	check_unknown_build(*state, GANESHA_NFSD_LIBRARY, BC_BUILD_GANESHA);
}

static void test_unknown_build_of_ntirpc_only_if_accepted(void **state)
{
	check_unknown_build(*state, NTIRPC_LIBRARY, BC_BUILD_NTIRPC);
}

/* A part of an id is none. */
static void test_accepted_build_is_not_this_one(void **state)
{
	const char *const env[] = { copy.env, NULL };
	char id[] = BC_BUILD_GANESHA;
	char line[128];
	const struct server_params params = {
		.module = true,
		.env = env,
		.backchannel = line,
	};

	library_copy_read(&copy, GANESHA_NFSD_LIBRARY);
	library_copy_change_build_id(&copy, id);
	library_copy_write(&copy);
	snprintf(line, sizeof(line), "Accept_Build_Id = \"%.20s,%s0\";", id,
		 id);
	start(*state, &params);
	assert_left_alone(*state, "not a build that the module was made or "
				  "tested against");
	unmount(*state);
}
#endif

/* Binding ------------------------------------------------------------------ */

static void test_lazily_bound_ganesha_is_refused_for_that(void **state)
{
	const char *const env[] = { copy.env, NULL };
	const struct server_params params = { .module = true, .env = env };

	if (getenv("LD_BIND_NOW"))
		skip();
	library_copy_read(&copy, GANESHA_NFSD_LIBRARY);
	library_copy_unbind(&copy);
	library_copy_write(&copy);
	start(*state, &params);
	assert_left_alone(*state, "it is bound lazily: start the server with "
				  "LD_BIND_NOW=1, or link it with -z now");
	unmount(*state);
}

static void
test_lazily_bound_ganesha_that_is_bound_at_start_is_taken(void **state)
{
	const char *const env[] = { copy.env, "LD_BIND_NOW=1", NULL };
	const struct server_params params = { .module = true, .env = env };

	library_copy_read(&copy, GANESHA_NFSD_LIBRARY);
	library_copy_unbind(&copy);
	library_copy_write(&copy);
	start(*state, &params);
	assert_logged(*state, "attached to ");
	unmount(*state);
}

/* Parameters --------------------------------------------------------------- */

/* Built as for a Ganesha without NLM. */
static void test_other_parameters_are_refused(void **state)
{
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_SETTINGS,
	};

	start(*state, &params);
	assert_left_alone(*state, "Lease_Lifetime is configured as 20 s and "
				  "read as ");
	unmount(*state);
}

static void test_lease_of_nothing_is_refused(void **state)
{
	const struct server_params params = {
		.module = true,
		.nfsv4_config = "Lease_Lifetime = 0;",
	};

	/* Some refuse it themselves. */
	assert_int_equal(fixture_start(*state, &params),
			 GANESHA_ALLOWS_NO_LEASE ? 0 : -1);
	if (!GANESHA_ALLOWS_NO_LEASE)
		return;
	assert_logged(*state, "a Lease_Lifetime of 0 s is not between 1 and ");
	assert_int_equal(server_log_count(fixture.server, "attached to "), 0);
}

static void test_lease_is_logged(void **state)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = 17,
	};

	start(*state, &params);
	assert_logged(*state, "; lease 17 s, queue ");
	unmount(*state);
}

/* Structures --------------------------------------------------------------- */

/* Built as for a Ganesha whose record of clients is another one. */
static void test_other_client_record_is_refused(void **state)
{
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_CLIENT,
	};

	start(*state, &params);
	assert_logged(*state, "lays out its structures otherwise: the client "
			      "record's minor version does not fit");
	unmount(*state);
}

/* Built as for a Ganesha whose operation contexts are other ones. */
static void test_other_operation_context_is_refused(void **state)
{
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_CONTEXT,
	};

	start(*state, &params);
	assert_left_alone(*state, "lays out its structures otherwise: the "
				  "operation context does not fit");
	unmount(*state);
}

/* Built as for a Ganesha whose states are other ones: callbacks are made, and
 * nothing is granted.
 */
static void test_other_state_is_granted_no_delegation(void **state)
{
	struct fixture *f = *state;
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_STATE,
	};
	struct nfs_file file;

	start(f, &params);
	assert_logged(f, "attached to ");
	for (int i = 0; i < 2; i++) {
		server_make_file(f->server, "a", "contents");
		assert_int_equal(
			nfs_open(&f->session, "export/a",
				 OPEN4_SHARE_ACCESS_READ |
					 OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				 &file),
			NFS4_OK);
		assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_READ);
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	}
	assert_logged(f, "lays out its delegations otherwise: the "
			 "delegation's owner does not fit");
	unmount(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef BC_BUILD_GANESHA
		BUILD_TEST(test_unknown_build_of_ganesha_only_if_accepted),
		BUILD_TEST(test_unknown_build_of_ntirpc_only_if_accepted),
		BUILD_TEST(test_accepted_build_is_not_this_one),
#endif
		BUILD_TEST(test_lazily_bound_ganesha_is_refused_for_that),
		BUILD_TEST(
			test_lazily_bound_ganesha_that_is_bound_at_start_is_taken),
		BUILD_TEST(test_other_parameters_are_refused),
		BUILD_TEST(test_lease_of_nothing_is_refused),
		BUILD_TEST(test_lease_is_logged),
		BUILD_TEST(test_other_client_record_is_refused),
		BUILD_TEST(test_other_operation_context_is_refused),
		BUILD_TEST(test_other_state_is_granted_no_delegation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
