/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module as an administrator meets it: attachment, configuration and
 * shutdown. Each test has a server of its own.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** A folder that the server exports as /plain, beside the fixture's export. */
static char second[] = "/tmp/test_module.XXXXXX";
static char second_file[sizeof(second) + 8];
static char plain[512];
static char adopted[512];

static struct fixture fixture;

static void write_export(char *block, size_t size, const char *fsal)
{
	snprintf(block, size,
		 "EXPORT {\n\tExport_Id = 2;\n\tPath = \"%s\";\n"
		 "\tPseudo = \"/plain\";\n\tProtocols = 4;\n"
		 "\tAccess_Type = RW;\n\tSquash = None;\n\tSecType = sys;\n"
		 "\tDelegations = RW;\n\tFSAL { %s }\n}\n",
		 second, fsal);
}

static int group_setup(void **state)
{
	FILE *file;

	(void)state;
	if (!mkdtemp(second))
		return -1;
	snprintf(second_file, sizeof(second_file), "%s/file", second);
	file = fopen(second_file, "w");
	if (!file || fclose(file))
		return -1;
	write_export(plain, sizeof(plain), "Name = VFS;");
	write_export(adopted, sizeof(adopted),
		     "Name = BACKCHANNEL; FSAL { Name = VFS; }");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	unlink(second_file);
	return rmdir(second);
}

static int clear(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	return 0;
}

static int stop(void **state)
{
	return fixture_stop(*state);
}

/** A test that starts its server itself. */
#define MODULE_TEST(name) cmocka_unit_test_setup_teardown(name, clear, stop)

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

static void assert_served(struct fixture *f, const char *path)
{
	struct nfs_file file;

	assert_int_equal(nfs_open(&f->opener_session, path,
				  OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
}

/* Attachment --------------------------------------------------------------- */

static void test_module_start_log_names_library(void **state)
{
	static const struct server_params params = { .module = true };
	struct fixture *f = *state;

	start(f, &params);
	assert_int_equal(server_log_count(f->server, "libganesha_nfsd.so"), 1);
	assert_int_equal(server_log_count(f->server, "attached to "), 1);
	assert_int_equal(server_log_count(f->server, "callbacks: multiplexed"),
			 1);
	unmount(f);
}

static void test_module_multiplex_off_recall_is_ganeshas_own(void **state)
{
	static const struct server_params params = {
		.module = true,
		.backchannel = "Multiplex = false;",
	};
	struct fixture *f = *state;
	struct nfs_file file;

	start(f, &params);
	assert_int_equal(server_log_count(f->server, "attached to "), 0);
	assert_int_equal(
		server_log_count(f->server, "callbacks: Ganesha's own"), 1);
	fixture_hold(f, "own", &file);
	fixture_conflict(f, "own");
	assert_int_equal(fixture_callback(f, 0)->op, OP_CB_RECALL);
	fixture_return(f, &file);
	unmount(f);
}

static void test_module_other_version_serves_without_it(void **state)
{
	const struct server_params params = {
		.module = true,
		.module_path = getenv("BACKCHANNEL_OTHER_VERSION"),
	};
	struct fixture *f = *state;

	assert_non_null(params.module_path);
	start(f, &params);
	assert_int_equal(
		server_log_count(f->server,
				 "not attached: built for Ganesha 4.2 "
				 "(libganesha_nfsd.so.4.2), but this "
				 "is libganesha_nfsd.so." GANESHA_VERSION),
		1);
	assert_int_equal(server_log_count(f->server, "attached to "), 0);
	server_make_file(f->server, "a", "contents");
	assert_served(f, "export/a");
	unmount(f);
}

static void open_plain(struct fixture *f, struct nfs_file *file)
{
	assert_int_equal(nfs_open(&f->session, "plain/file",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  file),
			 NFS4_OK);
}

static void test_module_two_exports_both_recalled(void **state)
{
	const struct server_params params = {
		.module = true,
		.config = adopted,
	};
	struct fixture *f = *state;
	struct nfs_file first, other, refused;

	start(f, &params);
	fixture_hold(f, "first", &first);
	open_plain(f, &other);
	assert_int_equal(other.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "first");
	fixture_callback(f, 0);
	assert_int_equal(nfs_open(&f->opener_session, "plain/file",
				  OPEN4_SHARE_ACCESS_WRITE, &refused),
			 NFS4ERR_DELAY);
	assert_memory_equal(fixture_callback(f, 1)->recall.stateid.other,
			    other.delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	fixture_return(f, &first);
	fixture_return(f, &other);
	unmount(f);
}

/* The two share the FSAL and its files' methods, also once they are changed. */
static void test_module_plain_export_beside_grants_nothing(void **state)
{
	const struct server_params params = {
		.module = true,
		.config = plain,
	};
	struct fixture *f = *state;
	struct nfs_file adopted_file, file;

	start(f, &params);
	for (int i = 0; i < 2; i++) {
		open_plain(f, &file);
		assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_READ);
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
		fixture_hold(f, "adopted", &adopted_file);
		fixture_return(f, &adopted_file);
	}
	unmount(f);
}

/* Configuration ------------------------------------------------------------ */

/** The line of the server's configuration that contains @a text, from 1. */
static unsigned int config_line(struct fixture *f, const char *text)
{
	char path[256], line[1024];
	unsigned int number = 0, found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/ganesha.conf",
		 server_folder(f->server));
	file = fopen(path, "r");
	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file)) {
		number++;
		if (strstr(line, text))
			found = number;
	}
	fclose(file);
	assert_int_not_equal(found, 0);
	return found;
}

/* The log names the line of @setting and says @why. */
static void assert_refused(struct fixture *f, const char *setting,
			   const char *why)
{
	char text[128];
	const struct server_params params = {
		.module = true,
		.backchannel = setting,
		.hold_conflicts = SERVER_DEFAULT,
		.config = plain,
	};

	start(f, &params);
	snprintf(text, sizeof(text), "ganesha.conf:%u): %s",
		 config_line(f, setting), why);
	if (server_log_count(f->server, text) != 1)
		fail_msg("%s: the log does not say: %s", setting, text);
	assert_int_equal(server_log_count(f->server, "attached to "), 0);
	assert_served(f, "plain/file");
	unmount(f);
	assert_int_equal(fixture_stop(f), 0);
	memset(f, 0, sizeof(*f));
}

static void assert_out_of_range(struct fixture *f, const char *name,
				unsigned int value)
{
	char setting[64], why[64];

	snprintf(setting, sizeof(setting), "%s = %u;", name, value);
	snprintf(why, sizeof(why), "(%u) is out of range", value);
	assert_refused(f, setting, why);
}

static void test_module_unknown_words_plain_export_served(void **state)
{
	static const char *const names[] = { "Bind_Policy", "Security_Order",
					     "Probe" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char setting[64];

		snprintf(setting, sizeof(setting), "%s = other;", names[i]);
		assert_refused(*state, setting, "Unknown token (other)");
	}
}

#define RANGE_TEST(name, parameter, smallest, largest)                         \
	static void test_module_##name##_out_of_range_plain_export_served(     \
		void **state)                                                  \
	{                                                                      \
		if ((smallest) > 0)                                            \
			assert_out_of_range(*state, parameter, (smallest)-1u); \
		assert_out_of_range(*state, parameter, (largest) + 1u);        \
	}

RANGE_TEST(max_queue, "Max_Queue", 1, 1048576)
RANGE_TEST(max_slots, "Max_Slots", 1, 1024)
RANGE_TEST(max_connections, "Max_Connections", 1, 1024)
RANGE_TEST(max_client_connections, "Max_Client_Connections", 1, 65536)
RANGE_TEST(max_server_connections, "Max_Server_Connections", 1, 1048576)
RANGE_TEST(callback_timeout, "Callback_Timeout", 1, 600)
RANGE_TEST(retry_attempts, "Retry_Attempts", 0, 16)
RANGE_TEST(retry_first_delay, "Retry_First_Delay", 1, 600)
RANGE_TEST(dial_timeout, "Dial_Timeout", 0, 60)
RANGE_TEST(hold_conflicts, "Hold_Conflicts", 0, 10000)
RANGE_TEST(max_client_held, "Max_Client_Held", 1, 65536)
RANGE_TEST(max_server_held, "Max_Server_Held", 1, 1048576)

/* Shutdown ----------------------------------------------------------------- */

#define EXIT_BOUND 15000 /* ms */

/** SIGTERM ends the server by itself; restarted, it serves again. */
static void assert_ends_and_restarts(struct fixture *f)
{
	void *state = f;

	assert_int_equal(server_signal(f->server, SIGTERM), 0);
	assert_true(server_wait_exit(f->server, EXIT_BOUND));
	assert_int_equal(server_crashed(f->server), 0);
	assert_int_equal(server_log_count(f->server, "regular exit"), 1);
	assert_int_equal(server_log_count(f->server, "to FSAL BACKCHANNEL"), 0);
	assert_int_equal(server_restart(f->server), 0);
	nfs_client_unmount(&f->session);
	nfs_client_unmount(&f->opener_session);
	for (unsigned int i = 0; i < f->nconns; i++)
		nfs_conn_put(f->conns[i]);
	cb_responder_free(f->responder);
	assert_int_equal(fixture_mount(&state), 0);
	server_make_file(f->server, "again", "contents");
	assert_served(f, "export/again");
	unmount(f);
}

static void test_module_sigterm_in_flight_exits(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	static const struct server_params params = { .module = true };
	struct fixture *f = *state;
	struct nfs_file file;

	start(f, &params);
	fixture_hold(f, "flight", &file);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, "flight");
	fixture_callback(f, 0);
	assert_ends_and_restarts(f);
}

static void test_module_sigterm_queued_exits(void **state)
{
	static const struct server_params params = { .module = true };
	struct fixture *f = *state;
	struct nfs_file file;

	start(f, &params);
	fixture_hold(f, "queued", &file);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict(f, "queued");
	assert_ends_and_restarts(f);
}

/* Reload ------------------------------------------------------------------- */

static void reload(struct fixture *f, const struct server_params *params)
{
	unsigned int before = server_log_count(f->server, "Reread");

	assert_int_equal(server_write_config(f->server, params), 0);
	assert_int_equal(server_signal(f->server, SIGHUP), 0);
	assert_true(server_wait_log(f->server, "Reread", before + 1, SOON));
}

static void test_module_reload_changed_export_recalls(void **state)
{
	static const struct server_params params = { .module = true };
	static const struct server_params changed = {
		.module = true,
		.export_config = "MaxRead = 65536;",
	};
	struct fixture *f = *state;
	struct nfs_file file;

	start(f, &params);
	fixture_hold(f, "reload", &file);
	reload(f, &changed);
	fixture_conflict(f, "reload");
	assert_int_equal(fixture_callback(f, 0)->op, OP_CB_RECALL);
	fixture_return(f, &file);
	unmount(f);
}

static int write_plain(struct fixture *f, struct nfs_file *file)
{
	return nfs_open(&f->opener_session, "plain/file",
			OPEN4_SHARE_ACCESS_WRITE |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
			file);
}

/* An export goes while a delegation of its is held, and comes back. */
static void test_module_reload_without_export_and_with_it_again(void **state)
{
	static const struct server_params without = { .module = true };
	const struct server_params with = {
		.module = true,
		.config = adopted,
	};
	struct fixture *f = *state;
	struct nfs_file held, writer, again;

	start(f, &with);
	open_plain(f, &held);
	assert_int_equal(held.delegation.type, OPEN_DELEGATE_READ);
	reload(f, &without);
	assert_int_equal(write_plain(f, &writer), NFS4ERR_NOENT);
	reload(f, &with);
	/* The delegation went with the export: nothing is in the way. */
	assert_int_equal(write_plain(f, &writer), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &writer), NFS4_OK);
	assert_int_equal(nfs_delegreturn(&f->session, &held.fh,
					 &held.delegation.stateid),
			 NFS4ERR_DELEG_REVOKED);
	open_plain(f, &again);
	assert_int_equal(again.delegation.type, OPEN_DELEGATE_READ);
	assert_int_equal(write_plain(f, &writer), NFS4ERR_DELAY);
	assert_memory_equal(fixture_callback(f, 0)->recall.stateid.other,
			    again.delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	fixture_return(f, &again);
	unmount(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODULE_TEST(test_module_start_log_names_library),
		MODULE_TEST(test_module_multiplex_off_recall_is_ganeshas_own),
		MODULE_TEST(test_module_other_version_serves_without_it),
		MODULE_TEST(test_module_two_exports_both_recalled),
		MODULE_TEST(test_module_plain_export_beside_grants_nothing),
		MODULE_TEST(
			test_module_max_queue_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_max_slots_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_max_connections_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_max_client_connections_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_max_server_connections_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_callback_timeout_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_retry_attempts_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_retry_first_delay_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_dial_timeout_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_hold_conflicts_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_max_client_held_out_of_range_plain_export_served),
		MODULE_TEST(
			test_module_max_server_held_out_of_range_plain_export_served),
		MODULE_TEST(test_module_unknown_words_plain_export_served),
		MODULE_TEST(test_module_sigterm_in_flight_exits),
		MODULE_TEST(test_module_sigterm_queued_exits),
		MODULE_TEST(test_module_reload_changed_export_recalls),
		MODULE_TEST(
			test_module_reload_without_export_and_with_it_again),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
