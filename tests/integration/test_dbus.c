/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module's object on the bus of a real server: it can be found, tells what the
 * other windows tell, and changes what they change; nobody waits for it, and without
 * a bus nothing is missing.
 */
#include "admin.h"
#include "bus.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT "Backchannel"
#define INTERFACE "org.ganesha.nfsd.backchannel"
#define NO_BUS "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent/bus"

static struct bus *bus;

static const char *socket_of(const struct fixture *f)
{
	return server_admin_socket(f->server);
}

static char *get(const struct fixture *f, const char *url)
{
	char *body;

	assert_int_equal(
		admin_ask(admin_connect(socket_of(f)), "GET", url, &body), 200);
	return body;
}

/* Calls, and what they say -------------------------------------------------------- */

/* A reply, and how far it has been read. */
struct reply {
	DBusMessage *message;
	DBusMessageIter iter;
	bool fine; /* status */
	const char *error;
};

static void next(DBusMessageIter *iter, int type, void *value)
{
	assert_int_equal(dbus_message_iter_get_arg_type(iter), type);
	dbus_message_iter_get_basic(iter, value);
	dbus_message_iter_next(iter);
}

static void enter(DBusMessageIter *iter, int type, DBusMessageIter *in)
{
	assert_int_equal(dbus_message_iter_get_arg_type(iter), type);
	dbus_message_iter_recurse(iter, in);
	dbus_message_iter_next(iter);
}

static uint64_t next_u64(DBusMessageIter *iter)
{
	dbus_uint64_t value;

	next(iter, DBUS_TYPE_UINT64, &value);
	return value;
}

static uint32_t next_u32(DBusMessageIter *iter)
{
	dbus_uint32_t value;

	next(iter, DBUS_TYPE_UINT32, &value);
	return value;
}

static bool next_bool(DBusMessageIter *iter)
{
	dbus_bool_t value;

	next(iter, DBUS_TYPE_BOOLEAN, &value);
	return value;
}

static double next_double(DBusMessageIter *iter)
{
	double value;

	next(iter, DBUS_TYPE_DOUBLE, &value);
	return value;
}

static const char *next_text(DBusMessageIter *iter)
{
	const char *value;

	next(iter, DBUS_TYPE_STRING, &value);
	return value;
}

/* Status, error and time have been read; an error is alone. */
static struct reply reply_of(DBusMessage *message)
{
	struct reply reply = { .message = message };
	DBusMessageIter when;

	assert_true(dbus_message_iter_init(message, &reply.iter));
	reply.fine = next_bool(&reply.iter);
	reply.error = next_text(&reply.iter);
	if (!reply.fine) {
		assert_int_equal(dbus_message_iter_get_arg_type(&reply.iter),
				 DBUS_TYPE_INVALID);
		return reply;
	}
	assert_string_equal(reply.error, "OK");
	enter(&reply.iter, DBUS_TYPE_STRUCT, &when);
	assert_true(next_u64(&when) > 1600000000);
	assert_true(next_u64(&when) < 1000000000);
	return reply;
}

#define CALL(method, ...)                                                      \
	reply_of(bus_call(bus, OBJECT, INTERFACE, method, __VA_ARGS__))

static void done(struct reply *reply)
{
	dbus_message_unref(reply->message);
}

#define assert_refused(part, method, ...)                                      \
	do {                                                                   \
		struct reply refusal = CALL(method, __VA_ARGS__);              \
		assert_false(refusal.fine);                                    \
		if (!strstr(refusal.error, part))                              \
			fail_msg("%s: %s", method, refusal.error);             \
		done(&refusal);                                                \
	} while (0)

#define assert_fine(method, ...)                                               \
	do {                                                                   \
		struct reply fine = CALL(method, __VA_ARGS__);                 \
		if (!fine.fine)                                                \
			fail_msg("%s: %s", method, fine.error);                \
		done(&fine);                                                   \
	} while (0)

/* A client as the bus tells it. */
struct told {
	uint64_t id;
	char address[48], state[32];
	bool path;
	double since, heard, oldest;
	uint32_t sessions, bindings, paths, callbacks, waiting, revoked;
};

static struct told told_of(DBusMessageIter *iter)
{
	struct told told = { 0 };
	DBusMessageIter in;

	enter(iter, DBUS_TYPE_STRUCT, &in);
	told.id = next_u64(&in);
	snprintf(told.address, sizeof(told.address), "%s", next_text(&in));
	snprintf(told.state, sizeof(told.state), "%s", next_text(&in));
	told.path = next_bool(&in);
	told.since = next_double(&in);
	told.heard = next_double(&in);
	told.sessions = next_u32(&in);
	told.bindings = next_u32(&in);
	told.paths = next_u32(&in);
	told.callbacks = next_u32(&in);
	told.waiting = next_u32(&in);
	told.oldest = next_double(&in);
	told.revoked = next_u32(&in);
	return told;
}

/* @return the holder's first connection */
static uint64_t show(const struct fixture *f, struct told *told)
{
	dbus_uint64_t clientid = f->holder.clientid;
	struct reply reply = CALL("ShowClient", DBUS_TYPE_UINT64, &clientid,
				  DBUS_TYPE_INVALID);
	DBusMessageIter sessions, connections, in;
	uint64_t connection = 0;
	uint32_t bindings = 0;

	assert_true(reply.fine);
	*told = told_of(&reply.iter);
	assert_string_equal(next_text(&reply.iter),
			    told->path ? "" : "its back channel is down");
	enter(&reply.iter, DBUS_TYPE_ARRAY, &sessions);
	for (uint32_t i = 0; i < told->sessions; i++) {
		enter(&sessions, DBUS_TYPE_STRUCT, &in);
		assert_int_equal(strlen(next_text(&in)), 32);
		assert_in_range(next_u32(&in), 1, 2);
		assert_string_equal(next_text(&in), "ok");
		bindings += next_u32(&in);
	}
	assert_int_equal(bindings, told->bindings);
	enter(&reply.iter, DBUS_TYPE_ARRAY, &connections);
	for (uint32_t i = 0; i < told->bindings; i++) {
		enter(&connections, DBUS_TYPE_STRUCT, &in);
		connection = next_u64(&in);
		assert_int_equal(strlen(next_text(&in)), 32);
		assert_string_equal(next_text(&in), "live");
		assert_string_equal(next_text(&in), "both");
	}
	assert_true(next_bool(&reply.iter));
	done(&reply);
	return connection;
}

/* What is told -------------------------------------------------------------------- */

static void test_object_is_introspectable(void **state)
{
	static const char *const parts[] = {
		"<interface name=\"" INTERFACE "\">",
		"<method name=\"Status\">",
		"<method name=\"Totals\">",
		"<method name=\"ListClients\">",
		"<method name=\"ShowClient\">",
		"<method name=\"Probe\">",
		"<method name=\"ProbeResult\">",
		"<method name=\"DropConnection\">",
		"<method name=\"ResetTrust\">",
		"<method name=\"ListSettings\">",
		"<method name=\"Set\">",
		"<arg name=\"clientid\" direction=\"in\" type=\"t\"/>",
		"<arg name=\"time\" direction=\"out\" type=\"(tt)\"/>",
		"<arg name=\"clients\" direction=\"out\" type=\"a(tssbdduuuuudu)\"/>",
	};
	DBusMessage *reply =
		bus_call(bus, OBJECT, NULL, "Introspect", DBUS_TYPE_INVALID);
	DBusMessageIter iter;
	const char *text;

	(void)state;
	assert_true(dbus_message_iter_init(reply, &iter));
	text = next_text(&iter);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strstr(text, parts[i]))
			fail_msg("no %s in %s", parts[i], text);
	dbus_message_unref(reply);
}

static void test_status(void **state)
{
	struct reply reply = CALL("Status", DBUS_TYPE_INVALID);

	(void)state;
	assert_string_equal(next_text(&reply.iter), "attached");
	assert_string_equal(next_text(&reply.iter), "");
	assert_non_null(strchr(next_text(&reply.iter), '.'));
	assert_non_null(strchr(next_text(&reply.iter), '.'));
	done(&reply);
}

/* Whether a count of the bus is in JSON, and the same. Those of callbacks, replies
 * and held requests, and of what was timed, are objects there.
 */
static bool is_same_in_json(const char *json, const char *name, uint64_t value)
{
	char pair[96];

	if (!strncmp(name, "callbacks.", 10) || !strncmp(name, "replies.", 8) ||
	    !strncmp(name, "held_requests", 13) || strstr(name, "_duration"))
		return false;
	snprintf(pair, sizeof(pair), "\"%s\":%llu,", name,
		 (unsigned long long)value);
	if (!strstr(json, pair))
		fail_msg("no %s in %s", pair, json);
	return true;
}

static uint64_t count_of(DBusMessageIter counts, const char *wanted)
{
	while (dbus_message_iter_get_arg_type(&counts) != DBUS_TYPE_INVALID) {
		DBusMessageIter entry;

		enter(&counts, DBUS_TYPE_DICT_ENTRY, &entry);
		if (!strcmp(next_text(&entry), wanted))
			return next_u64(&entry);
	}
	fail_msg("there is no count %s", wanted);
	return 0;
}

static void test_totals_are_those_of_http(void **state)
{
	struct fixture *f = *state;
	DBusMessageIter now, counts, seconds, walk, entry;
	struct nfs_file files[7];
	struct reply reply;
	unsigned int same = 0;
	char *json;

	fixture_recall_many(f, "told", files, 7);
	fixture_callback(f, 6);
	fixture_return_many(f, files, 7);
	admin_wait_metric(
		socket_of(f),
		"ganesha_backchannel_callbacks_completed_total{operation=\"CB_RECALL\",outcome=\"answered\"}",
		7);
	json = get(f, "/v1/totals");
	reply = CALL("Totals", DBUS_TYPE_INVALID);
	enter(&reply.iter, DBUS_TYPE_ARRAY, &now);
	enter(&reply.iter, DBUS_TYPE_ARRAY, &counts);
	enter(&reply.iter, DBUS_TYPE_ARRAY, &seconds);
	assert_int_equal(count_of(now, "clients.trusted"), 2);
	assert_int_equal(count_of(now, "bindings"), 2);
	assert_int_equal(count_of(counts, "callbacks.CB_RECALL.submitted"), 7);
	assert_int_equal(count_of(counts, "callbacks.CB_RECALL.answered"), 7);
	assert_int_equal(count_of(counts, "callbacks.CB_RECALL.failed"), 0);
	assert_true(count_of(counts, "replies.done") >= 7);
	assert_true(count_of(counts, "reply_duration") >= 7);
	assert_true(count_of(counts, "held_requests_refused") == 0);
	walk = counts;
	while (dbus_message_iter_get_arg_type(&walk) != DBUS_TYPE_INVALID) {
		const char *name;

		enter(&walk, DBUS_TYPE_DICT_ENTRY, &entry);
		name = next_text(&entry);
		same += is_same_in_json(json, name, next_u64(&entry));
	}
	assert_true(same > 40);
	enter(&seconds, DBUS_TYPE_DICT_ENTRY, &entry);
	assert_string_equal(next_text(&entry), "callback_oldest_wait");
	assert_true(next_double(&entry) == 0);
	done(&reply);
	free(json);
}

static uint32_t page(uint32_t from, uint32_t limit, struct told *told,
		     unsigned int *count)
{
	dbus_uint32_t cursor = from, most = limit;
	struct reply reply = CALL("ListClients", DBUS_TYPE_UINT32, &cursor,
				  DBUS_TYPE_UINT32, &most, DBUS_TYPE_INVALID);
	DBusMessageIter clients;
	uint32_t then;

	assert_true(reply.fine);
	then = next_u32(&reply.iter);
	enter(&reply.iter, DBUS_TYPE_ARRAY, &clients);
	for (*count = 0;
	     dbus_message_iter_get_arg_type(&clients) != DBUS_TYPE_INVALID;
	     (*count)++)
		told[*count] = told_of(&clients);
	done(&reply);
	return then;
}

static void test_clients_come_in_pages(void **state)
{
	struct fixture *f = *state;
	dbus_uint32_t none = 0, many = 1001, cursor = 0;
	struct told first[2], second[2], both[2];
	unsigned int count;
	uint32_t then;

	then = page(0, 1, first, &count);
	assert_int_equal(count, 1);
	assert_int_not_equal(then, 0);
	assert_int_equal(page(then, 1, second, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(page(0, 1000, both, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(first[0].id ^ second[0].id,
			 f->holder.clientid ^ f->opener.clientid);
	assert_true(first[0].id == f->holder.clientid ||
		    first[0].id == f->opener.clientid);
	assert_refused("limit", "ListClients", DBUS_TYPE_UINT32, &cursor,
		       DBUS_TYPE_UINT32, &none, DBUS_TYPE_INVALID);
	assert_refused("limit", "ListClients", DBUS_TYPE_UINT32, &cursor,
		       DBUS_TYPE_UINT32, &many, DBUS_TYPE_INVALID);
	assert_refused("limit", "ListClients", DBUS_TYPE_INVALID);
}

static void test_client_is_shown_with_what_it_has(void **state)
{
	struct fixture *f = *state;
	dbus_uint64_t nobody = 1;
	struct told told;

	fixture_wait_live(f);
	show(f, &told);
	assert_true(told.id == f->holder.clientid);
	assert_string_equal(told.state, "trusted");
	assert_non_null(strstr(told.address, "127.1."));
	assert_true(told.path && told.since >= 0 && told.heard >= 0);
	assert_true(told.oldest == -1);
	assert_int_equal(told.bindings, 1);
	assert_int_equal(told.paths, 1);
	fixture_bind(f);
	fixture_wait_live(f);
	show(f, &told);
	assert_int_equal(told.bindings, 2);
	assert_refused("no such client", "ShowClient", DBUS_TYPE_UINT64,
		       &nobody, DBUS_TYPE_INVALID);
	assert_refused("client id", "ShowClient", DBUS_TYPE_INVALID);
}

/* What is changed ----------------------------------------------------------------- */

static double probe_result(const struct nfs_client *client, char *result,
			   size_t size)
{
	dbus_uint64_t id = client->clientid;
	struct reply reply =
		CALL("ProbeResult", DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
	double took;

	assert_true(reply.fine);
	snprintf(result, size, "%s", next_text(&reply.iter));
	took = next_double(&reply.iter);
	done(&reply);
	return took;
}

static double wait_probe_result(const struct nfs_client *client,
				const char *wanted)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	char result[16];
	double took;

	do
		took = probe_result(client, result, sizeof(result));
	while (!strcmp(result, "pending") && nfs_now_ns() < until);
	assert_string_equal(result, wanted);
	return took;
}

/* The bus, and so Ganesha's other objects, are there while a client is silent. */
static void test_probe_keeps_nobody_waiting(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	unsigned int before = cb_responder_questions(f->responder);
	dbus_uint64_t id = f->holder.clientid, nobody = 1;
	char result[16];

	assert_refused("not asked", "ProbeResult", DBUS_TYPE_UINT64, &id,
		       DBUS_TYPE_INVALID);
	assert_fine("Probe", DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
	assert_true(wait_probe_result(&f->holder, "answered") < 2);
	cb_responder_set_default(f->responder, &never);
	assert_fine("Probe", DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
	assert_fine("Probe", DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
	for (int i = 0; i < 20; i++)
		assert_fine("Status", DBUS_TYPE_INVALID);
	probe_result(&f->holder, result, sizeof(result));
	assert_string_equal(result, "pending");
	assert_true(wait_probe_result(&f->holder, "unanswered") > 1.5);
	assert_int_equal(cb_responder_questions(f->responder), before + 2);
	assert_refused("no such client", "Probe", DBUS_TYPE_UINT64, &nobody,
		       DBUS_TYPE_INVALID);
	assert_fine("ResetTrust", DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
	assert_refused("no such client", "ResetTrust", DBUS_TYPE_UINT64,
		       &nobody, DBUS_TYPE_INVALID);
}

static void test_connection_is_dropped(void **state)
{
	struct fixture *f = *state;
	dbus_uint64_t id = f->holder.clientid, other = f->opener.clientid;
	dbus_uint64_t connection;
	struct reply reply;
	struct told told;

	fixture_wait_live(f);
	connection = show(f, &told);
	assert_refused("no back channel", "DropConnection", DBUS_TYPE_UINT64,
		       &other, DBUS_TYPE_UINT64, &connection,
		       DBUS_TYPE_INVALID);
	fixture_assert_flags(f, 0);
	reply = CALL("DropConnection", DBUS_TYPE_UINT64, &id, DBUS_TYPE_UINT64,
		     &connection, DBUS_TYPE_INVALID);
	assert_true(reply.fine);
	assert_int_equal(next_u32(&reply.iter), 1);
	done(&reply);
	fixture_assert_flags(f, SEQ4_STATUS_CB_PATH_DOWN |
					SEQ4_STATUS_CB_PATH_DOWN_SESSION);
	show(f, &told);
	assert_int_equal(told.bindings, 0);
	assert_string_equal(told.state, "no_path");
	fixture_bind(f);
	fixture_assert_flags(f, 0);
	assert_refused("missing", "DropConnection", DBUS_TYPE_UINT64, &id,
		       DBUS_TYPE_INVALID);
}

static void assert_setting(const char *name, const char *value)
{
	struct reply reply = CALL("ListSettings", DBUS_TYPE_INVALID);
	DBusMessageIter settings, entry;

	enter(&reply.iter, DBUS_TYPE_ARRAY, &settings);
	do
		enter(&settings, DBUS_TYPE_DICT_ENTRY, &entry);
	while (strcmp(next_text(&entry), name) != 0);
	assert_string_equal(next_text(&entry), value);
	done(&reply);
}

#define SET(name, value)                                                       \
	DBUS_TYPE_STRING, &(const char *){ name }, DBUS_TYPE_STRING,           \
		&(const char *){ value }, DBUS_TYPE_INVALID

static void test_settings_are_those_of_http(void **state)
{
	struct fixture *f = *state;
	char *json;

	assert_setting("Leases", "true");
	assert_fine("Set", SET("Leases", "false"));
	assert_setting("Leases", "false");
	json = get(f, "/v1/settings");
	assert_non_null(strstr(json, "\"Leases\":false"));
	free(json);
	assert_fine("Set", SET("leases", "true"));
	assert_fine("Set", SET("Hold_Conflicts", "77"));
	assert_setting("Hold_Conflicts", "77");
	assert_refused("0 to 10000", "Set", SET("Hold_Conflicts", "10001"));
	assert_refused("restart", "Set", SET("Multiplex", "false"));
	assert_refused("no such setting", "Set", SET("Max_Slots", "1"));
	assert_refused("name and a value", "Set", DBUS_TYPE_INVALID);
}

static void test_exports_are_listed(void **state)
{
	dbus_uint32_t cursor = 0, limit = 1;
	struct reply reply = CALL("ListExports", DBUS_TYPE_UINT32, &cursor,
				  DBUS_TYPE_UINT32, &limit, DBUS_TYPE_INVALID);
	DBusMessageIter exports, in;
	dbus_uint16_t id;

	(void)state;
	assert_int_equal(next_u32(&reply.iter), 0);
	enter(&reply.iter, DBUS_TYPE_ARRAY, &exports);
	enter(&exports, DBUS_TYPE_STRUCT, &in);
	next(&in, DBUS_TYPE_UINT16, &id);
	assert_int_equal(id, 1);
	assert_non_null(strstr(next_text(&in), "/export"));
	assert_string_equal(next_text(&in), "/export");
	assert_string_equal(next_text(&in), "VFS");
	assert_true(next_bool(&in));
	assert_string_equal(next_text(&in), "");
	assert_int_equal(dbus_message_iter_get_arg_type(&exports),
			 DBUS_TYPE_INVALID);
	done(&reply);
	assert_refused("limit", "ListExports", DBUS_TYPE_INVALID);
}

/* As the manual page has it. */
static void test_from_the_command_line(void **state)
{
	struct fixture *f = *state;
	char id[32], *output;

	snprintf(id, sizeof(id), "uint64:%#llx",
		 (unsigned long long)f->holder.clientid);
	assert_int_equal(
		admin_run(
			"env \"$1\" dbus-send --system --print-reply --dest=org.ganesha.nfsd /org/ganesha/nfsd/Backchannel org.ganesha.nfsd.backchannel.ShowClient \"$2\"",
			bus_environment(bus), id, &output),
		0);
	assert_non_null(strstr(output, "string \"trusted\""));
	free(output);
}

/* Other servers ------------------------------------------------------------------- */

static void test_not_attached_says_why(void **state)
{
	const char *const env[] = { bus_environment(bus), NULL };
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_SETTINGS,
		.env = env,
	};
	dbus_uint64_t id = 1;
	struct reply reply;
	struct fixture f;

	(void)state;
	assert_int_equal(fixture_start(&f, &params), 0);
	assert_true(server_wait_log(f.server, "Backchannel: is registered", 1,
				    SOON));
	reply = CALL("Status", DBUS_TYPE_INVALID);
	assert_string_equal(next_text(&reply.iter), "not_attached");
	assert_non_null(
		strstr(next_text(&reply.iter), "lays out its parameters"));
	done(&reply);
	assert_fine("Totals", DBUS_TYPE_INVALID);
	assert_refused("lays out its parameters", "Probe", DBUS_TYPE_UINT64,
		       &id, DBUS_TYPE_INVALID);
	assert_refused("not attached", "Set", SET("Hold_Conflicts", "1"));
	assert_int_equal(fixture_stop(&f), 0);
}

/* It ends while a client is being asked. */
static void test_server_ends_beside_a_probe(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	const char *const env[] = { bus_environment(bus), NULL };
	const struct server_params params = {
		.module = true,
		.backchannel = "Callback_Timeout = 600;",
		.env = env,
	};
	struct fixture f;
	void *fixture = &f;
	dbus_uint64_t id;

	(void)state;
	assert_int_equal(fixture_start(&f, &params), 0);
	assert_true(server_wait_log(f.server, "Backchannel: is registered", 1,
				    SOON));
	assert_int_equal(fixture_mount(&fixture), 0);
	cb_responder_set_default(f.responder, &never);
	id = f.holder.clientid;
	assert_fine("Probe", DBUS_TYPE_UINT64, &id, DBUS_TYPE_INVALID);
	assert_int_equal(fixture_unmount(&fixture), 0);
	assert_int_equal(fixture_stop(&f), 0);
}

/* @return how many lines of the log of a server without a bus tell of D-Bus */
static unsigned int without_bus(bool module)
{
	static const char *const env[] = { NO_BUS, NULL };
	const struct server_params params = { .module = module, .env = env };
	unsigned int lines;
	struct fixture f;
	char *json;

	assert_int_equal(fixture_start(&f, &params), 0);
	if (module) {
		json = get(&f, "/readyz");
		assert_non_null(strstr(json, "attached"));
		free(json);
	}
	/* By the end its thread has looked for the bus. */
	assert_int_equal(server_stop(f.server), 0);
	lines = server_log_count(f.server, "DBUS") +
		server_log_count(f.server, "D-Bus");
	nfs_loop_free(f.loop);
	server_free(f.server);
	return lines;
}

static void test_without_a_bus_nothing_is_missing(void **state)
{
	unsigned int stock = without_bus(false);

	(void)state;
	assert_true(stock > 0);
	assert_int_equal(without_bus(true), stock);
}

static int bus_setup(void **state)
{
	int failed = fixture_setup(state);
	struct fixture *f = *state;

	return failed ||
	       !server_wait_log(f->server, "Backchannel: is registered", 1,
				SOON);
}

int main(void)
{
	static const struct CMUnitTest shared[] = {
		FIXTURE_TEST(test_object_is_introspectable),
		FIXTURE_TEST(test_status),
		FIXTURE_TEST(test_totals_are_those_of_http),
		FIXTURE_TEST(test_clients_come_in_pages),
		FIXTURE_TEST(test_client_is_shown_with_what_it_has),
		FIXTURE_TEST(test_probe_keeps_nobody_waiting),
		FIXTURE_TEST(test_connection_is_dropped),
		FIXTURE_TEST(test_settings_are_those_of_http),
		FIXTURE_TEST(test_exports_are_listed),
		FIXTURE_TEST(test_from_the_command_line),
	};
	static const struct CMUnitTest alone[] = {
		cmocka_unit_test(test_not_attached_says_why),
		cmocka_unit_test(test_server_ends_beside_a_probe),
		cmocka_unit_test(test_without_a_bus_nothing_is_missing),
	};
	static const char *env[2];
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = 120,
		.backchannel = "Callback_Timeout = 2; Retry_Attempts = 0;",
		.env = env,
	};
	int failed;

	bus = bus_start();
	env[0] = bus_environment(bus);
	fixture_prepare(&params);
	failed = cmocka_run_group_tests(shared, bus_setup, fixture_teardown) ||
		 fixture_unclean();
	failed += cmocka_run_group_tests(alone, NULL, NULL);
	bus_stop(bus);
	return failed;
}
