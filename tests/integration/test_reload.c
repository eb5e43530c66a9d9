/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * SIGHUP: what can change while the server runs does, what cannot says so, and what
 * is wrong changes nothing.
 */
#include "admin.h"
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REREAD "Reread exports complete"

static const struct server_params first = {
	.module = true,
	.lease_lifetime = 60,
	.backchannel = "Callback_Timeout = 600; Retry_Attempts = 0;",
};

/* The server has read it again. */
static void reload(struct fixture *f, const struct server_params *params)
{
	unsigned int before = server_log_count(f->server, REREAD);

	assert_int_equal(server_write_config(f->server, params), 0);
	assert_int_equal(server_signal(f->server, SIGHUP), 0);
	assert_true(server_wait_log(f->server, REREAD, before + 1, SOON));
}

/* The same with other lines in its block. */
static void reload_with(struct fixture *f, const char *backchannel)
{
	struct server_params params = first;

	params.backchannel = backchannel;
	reload(f, &params);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	return fixture_start(f, &first) || fixture_mount(state);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	int failed = fixture_unmount(state);

	failed |= fixture_stop(f);
	free(f);
	return failed;
}

static void assert_logged(struct fixture *f, const char *line)
{
	if (server_log_count(f->server, line) != 1) {
		server_show(f->server);
		fail_msg("not once in the log: %s", line);
	}
}

static void assert_settings(const struct fixture *f, const char *part)
{
	char *body;

	assert_int_equal(
		admin_ask(admin_connect(server_admin_socket(f->server)), "GET",
			  "/v1/settings", &body),
		200);
	if (!strstr(body, part))
		fail_msg("no %s in %s", part, body);
	free(body);
}

static void ask(const char *socket, const char *method, const char *url,
		int status)
{
	assert_int_equal(admin_ask(admin_connect(socket), method, url, NULL),
			 status);
}

/* What changes ----------------------------------------------------------------- */

static void test_leases_and_holding_change(void **state)
{
	struct fixture *f = *state;
	struct server_params params = first;
	struct nfs_file held;

	fixture_hold(f, "held", &held);
	params.backchannel =
		"Leases = false; Hold_Conflicts = 1234; Notify_Locks = false;";
	params.hold_conflicts = SERVER_DEFAULT;
	reload(f, &params);
	assert_logged(f, "Leases is false now, it was true");
	assert_logged(f, "Hold_Conflicts is 1234 now, it was 0");
	assert_logged(f, "Notify_Locks is false now, it was true");
	assert_settings(f, "\"Leases\":false,\"Hold_Conflicts\":1234,"
			   "\"Notify_Locks\":false");
	assert_false(fixture_is_granted(f, "refused"));
	/* What is held stays so. */
	fixture_assert_flags(f, 0);
	reload(f, &first);
	assert_logged(f, "Leases is true now, it was false");
	assert_true(fixture_is_granted(f, "granted"));
	fixture_conflict(f, "held");
	assert_true(fixture_recalls(fixture_callback(f, 0), &held));
	fixture_return(f, &held);
}

/* What was set by hand is as in the configuration again. */
static void test_what_was_set_is_as_configured_again(void **state)
{
	struct fixture *f = *state;
	const char *socket = server_admin_socket(f->server);

	ask(socket, "POST", "/v1/settings/Leases?value=false", 200);
	ask(socket, "POST", "/v1/settings/Hold_Conflicts?value=77", 200);
	ask(socket, "POST", "/v1/settings/Notify_Locks?value=false", 200);
	reload(f, &first);
	assert_logged(f, "Notify_Locks is true now, it was false");
	assert_logged(f, "Leases is true now, it was false");
	assert_logged(f, "Hold_Conflicts is 0 now, it was 77");
	assert_settings(f, "\"Leases\":true,\"Hold_Conflicts\":0");
	assert_true(fixture_is_granted(f, "granted"));
}

/* Connections that are bound stay; the next one takes another's place. */
static void test_limits_change(void **state)
{
	struct nfs_create_session_args args;
	struct fixture *f = *state;
	char url[64], *body;

	fixture_bind(f);
	fixture_bind(f);
	reload_with(f, "Callback_Timeout = 600; Retry_Attempts = 0;"
		       "Max_Connections = 1; Max_Slots = 3; Max_Queue = 9;");
	assert_logged(f, "Max_Connections is 1 now, it was 16");
	assert_logged(f, "Max_Slots is 3 now, it was 16");
	assert_logged(f, "Max_Queue is 9 now, it was 4096");
	admin_wait_metric(server_admin_socket(f->server),
			  "ganesha_backchannel_bindings", 4);
	fixture_bind(f);
	admin_wait_metric(
		server_admin_socket(f->server),
		"ganesha_backchannel_bindings_removed_total{reason=\"max_connections\"}",
		1);
	nfs_create_session_args_init(&args);
	fixture_remake_session(f, &args);
	snprintf(url, sizeof(url), "/v1/clients/%#llx",
		 (unsigned long long)f->holder.clientid);
	assert_int_equal(
		admin_ask(admin_connect(server_admin_socket(f->server)), "GET",
			  url, &body),
		200);
	assert_non_null(strstr(body, "\"size\":3,"));
	free(body);
}

/* A client that does not answer is waited for as long as is configured now. */
static void test_timeout_changes(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	uint64_t begun;
	char url[64];

	reload_with(f, "Callback_Timeout = 1; Retry_Attempts = 0;");
	assert_logged(f, "Callback_Timeout is 1 now, it was 600");
	cb_responder_set_default(f->responder, &never);
	snprintf(url, sizeof(url), "/v1/clients/%#llx/probe",
		 (unsigned long long)f->holder.clientid);
	begun = nfs_now_ns();
	ask(server_admin_socket(f->server), "POST", url, 200);
	assert_true(nfs_now_ns() - begun < SOON * UINT64_C(1000000));
}

static void test_policies_change(void **state)
{
	struct fixture *f = *state;

	/* Or the mount's bindings are probed, too. */
	fixture_wait_live(f);
	admin_wait_live(server_admin_socket(f->server), &f->opener);
	reload_with(f, "Callback_Timeout = 600; Retry_Attempts = 0;"
		       "Bind_Policy = any; Security_Order = strongest;"
		       "Probe = on_bind; Dial_Timeout = 0;");
	assert_logged(
		f, "Bind_Policy is any now, it was same_principal_or_address");
	assert_logged(f, "Security_Order is strongest now, it was client");
	assert_logged(f, "Probe is on_bind now, it was none");
	assert_logged(f, "Dial_Timeout is 0 now, it was 2");
	fixture_bind(f);
	admin_wait_metric(server_admin_socket(f->server),
			  "ganesha_backchannel_probes_total", 1);
}

static void test_window_moves(void **state)
{
	struct fixture *f = *state;
	const char *socket = server_admin_socket(f->server);
	struct server_params params = first;
	char moved[512], lock[520], line[600];

	snprintf(moved, sizeof(moved), "%s/moved.sock",
		 server_folder(f->server));
	params.admin_socket = moved;
	reload(f, &params);
	ask(moved, "GET", "/readyz", 200);
	assert_int_equal(admin_connect(socket), -ENOENT);
	snprintf(line, sizeof(line), "Admin_Socket is \"%s\" now, it was",
		 moved);
	assert_logged(f, line);
	/* Where it cannot be: it stays. */
	params.admin_socket = "/nonexistent/folder/admin.sock";
	reload(f, &params);
	ask(moved, "GET", "/readyz", 200);
	snprintf(line, sizeof(line), "Admin_Socket %s: stays", moved);
	assert_logged(f, line);
	reload(f, &first);
	ask(socket, "GET", "/readyz", 200);
	assert_int_equal(admin_connect(moved), -ENOENT);
	snprintf(lock, sizeof(lock), "%s.lock", moved);
	remove(lock);
}

/* What does not ------------------------------------------------------------------- */

static void test_the_rest_needs_a_restart(void **state)
{
	static const char *const names[] = {
		"Multiplex",	  "Shield_Restart",   "Shield_Sockets",
		"Shield_Revoked", "Shield_Conflicts", "Shield_Stateid_Table",
	};
	struct fixture *f = *state;
	char line[160];

	reload_with(f, "Callback_Timeout = 600; Retry_Attempts = 0;"
		       "Multiplex = false; Shield_Restart = false;"
		       "Shield_Sockets = false; Shield_Revoked = false;"
		       "Shield_Conflicts = false; Shield_Stateid_Table = false;"
		       "Machine_Credentials = true;"
		       "Accept_Build_Id = \"0123\";");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(
			line, sizeof(line),
			"%s needs a restart of the server: it is true, and false in the configuration",
			names[i]);
		assert_logged(f, line);
	}
	assert_logged(
		f,
		"Machine_Credentials needs a restart of the server: it is false, and true in the configuration");
	assert_logged(
		f,
		"Accept_Build_Id needs a restart of the server: it is \"\", and \"0123\" in the configuration");
	assert_int_equal(server_log_count(f->server, " now, it was "), 0);
	assert_settings(f, "\"Multiplex\":true");
	assert_true(fixture_is_granted(f, "granted"));
	/* As long as it is so. */
	reload(f, &first);
	assert_int_equal(server_log_count(f->server, "needs a restart"), 8);
}

static void test_nothing_is_said_of_nothing(void **state)
{
	struct fixture *f = *state;

	reload(f, &first);
	assert_int_equal(server_log_count(f->server, "now, it was"), 0);
	assert_int_equal(server_log_count(f->server, "needs a restart"), 0);
	assert_int_equal(server_log_count(f->server, "has errors"), 0);
}

static void test_errors_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_file held;

	fixture_hold(f, "held", &held);
	reload_with(f, "Max_Slots = 0; Leases = false;");
	assert_logged(f,
		      "the BACKCHANNEL block has errors, and stays as it was");
	assert_logged(
		f, "BACKCHANNEL: Max_Slots is to be a number from 1 to 1024");
	reload_with(
		f, "Callback_Timeout = 600; Retry_Attempts = 0; Max_Slot = 1;");
	assert_logged(f, "Unknown parameter (Max_Slot)");
	reload_with(f, "Bind_Policy = whoever;");
	assert_logged(
		f,
		"BACKCHANNEL: Bind_Policy is to be same_principal or same_principal_or_address or any");
	assert_int_equal(server_log_count(f->server, "now, it was"), 0);
	assert_settings(f, "\"Leases\":true");
	assert_true(fixture_is_granted(f, "granted"));
	fixture_conflict(f, "held");
	assert_true(fixture_recalls(fixture_callback(f, 0), &held));
	fixture_return(f, &held);
	reload(f, &first);
	assert_true(fixture_is_granted(f, "granted too"));
}

/* A server that was started without Leases has exports that are as they were. */
static void test_leases_from_the_start_only(void **state)
{
	struct server_params params = first;
	struct fixture f;
	void *fixture = &f;

	(void)state;
	params.backchannel = "Leases = false;";
	assert_int_equal(fixture_start(&f, &params), 0);
	assert_int_equal(fixture_mount(&fixture), 0);
	params.backchannel = "Leases = true;";
	reload(&f, &params);
	assert_logged(
		&f,
		"Leases needs a restart of the server: it is false, and true in the configuration");
	assert_false(fixture_is_granted(&f, "refused"));
	assert_int_equal(fixture_unmount(&fixture), 0);
	assert_int_equal(fixture_stop(&f), 0);
}

static void test_module_that_is_off_says_so(void **state)
{
	struct server_params params = first;
	struct fixture f;

	(void)state;
	params.backchannel = "Multiplex = false;";
	assert_int_equal(fixture_start(&f, &params), 0);
	reload(&f, &first);
	reload(&f, &first);
	assert_logged(&f, "the BACKCHANNEL block is not read again");
	assert_settings(&f, "\"Multiplex\":false");
	assert_int_equal(fixture_stop(&f), 0);
}

/* While callbacks are out. Ganesha's paths are not there for a moment at a reload: they
 * are not looked up meanwhile.
 */
static void test_many_reloads_beside_recalls(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[8];

	for (unsigned int i = 0; i < 12; i++) {
		struct server_params params = first;
		char name[16];

		snprintf(name, sizeof(name), "round-%u", i);
		params.backchannel =
			i % 2 ? "Max_Slots = 2; Max_Connections = 3;" :
				"Max_Queue = 100; Probe = on_bind;";
		fixture_hold_many(f, name, files, 8);
		fixture_conflict_many(f, name, 8);
		assert_int_equal(server_write_config(f->server, &params), 0);
		assert_int_equal(server_signal(f->server, SIGHUP), 0);
		fixture_callback(f, 8 * i + 7);
		fixture_return_many(f, files, 8);
		assert_true(server_wait_log(f->server, REREAD, i + 1, SOON));
	}
}

/* Nothing of the configuration changes, but what is there. */
static void test_window_that_could_not_be_opened_is_tried_again(void **state)
{
	char folder[] = "/tmp/test-reload-XXXXXX", socket[64], lock[80];
	struct server_params params = first;
	struct fixture f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(socket, sizeof(socket), "%s/admin.sock", folder);
	assert_int_equal(mkdir(socket, 0700), 0); /* which is no socket */
	params.admin_socket = socket;
	assert_int_equal(fixture_start(&f, &params), 0);
	reload(&f, &params);
	assert_int_equal(server_log_count(f.server, "that is no socket"), 2);
	assert_int_equal(server_log_count(f.server, ": stays"), 0);
	assert_int_equal(rmdir(socket), 0);
	reload(&f, &params);
	ask(socket, "GET", "/readyz", 200);
	assert_int_equal(server_log_count(f.server, " now, it was "), 0);
	assert_int_equal(fixture_stop(&f), 0);
	snprintf(lock, sizeof(lock), "%s.lock", socket);
	remove(lock);
	assert_int_equal(rmdir(folder), 0);
}

#define RELOAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RELOAD_TEST(test_leases_and_holding_change),
		RELOAD_TEST(test_what_was_set_is_as_configured_again),
		RELOAD_TEST(test_limits_change),
		RELOAD_TEST(test_timeout_changes),
		RELOAD_TEST(test_policies_change),
		RELOAD_TEST(test_window_moves),
		RELOAD_TEST(test_the_rest_needs_a_restart),
		RELOAD_TEST(test_nothing_is_said_of_nothing),
		RELOAD_TEST(test_errors_change_nothing),
		RELOAD_TEST(test_many_reloads_beside_recalls),
		cmocka_unit_test(test_leases_from_the_start_only),
		cmocka_unit_test(test_module_that_is_off_says_so),
		cmocka_unit_test(
			test_window_that_could_not_be_opened_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
