/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The administration over the fake transport: its end beside whatever it serves, and
 * what it writes of a model.
 */
#include "fake_test.h"

#include "admin/admin.h"
#include "admin/dbus.h"
#include "admin/json.h"
#include "admin/metrics.h"

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char path[64];
static unsigned int errors; /* lines of the log that are */

static enum bc_admin_state attached(const char **why)
{
	(void)why;
	return BC_ADMIN_ATTACHED;
}

static void write_log(bool error, const char *line)
{
	CHECK(line[0]);
	errors += error;
}

static uint64_t patience(void)
{
	return FAKE_PATIENCE * 1000;
}

static struct bc_admin_config config = {
	.socket = path,
	.version = "1.2\"3\\4\n5",
	.ganesha = "4.3",
	.probe_ms = patience,
	.state = attached,
	.log = write_log,
};

static void begin(void)
{
	snprintf(path, sizeof(path), "/tmp/test-admin-%d.sock", (int)getpid());
	errors = 0;
	bc_admin_start(&config);
	assert_int_equal(errors, 0);
}

static void end(void)
{
	char lock[80];

	bc_admin_stop();
	assert_int_equal(access(path, F_OK), -1);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(unlink(lock), 0);
}

/* @return a connection over which this was sent */
static int ask(const char *request)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = { .tv_sec = FAKE_PATIENCE };

	memcpy(address.sun_path, path, strlen(path) + 1);
	CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			  sizeof(patience)));
	CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) ==
	      (ssize_t)strlen(request));
	return fd;
}

/* All that comes until the server closes it. */
static size_t read_to_end(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t got;

	while ((got = recv(fd, text + len, size - len - 1, 0)) > 0)
		len += (size_t)got;
	CHECK(!got || errno == ECONNRESET);
	text[len] = '\0';
	close(fd);
	return len;
}

#define PROBE "POST /v1/clients/0xa11ce/probe HTTP/1.1\r\nHost: a\r\n\r\n"

/* A reader whose probe is never answered does not keep it. */
static void test_stop_while_a_probe_is_out(void **state)
{
	struct bc_conn *conn;
	struct bc_request *req;
	char text[1024];
	int fds[3];

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	begin();
	for (int i = 0; i < 3; i++)
		fds[i] = ask(PROBE);
	req = fake_next();
	fake_next();
	fake_next();
	end();
	for (int i = 0; i < 3; i++)
		read_to_end(fds[i], text, sizeof(text));
	/* Its answer comes when nobody is there any more. */
	fake_answer(req, fake_reply_ok(req));
	fake_flush();
}

static void test_start_and_stop_again_and_again(void **state)
{
	char text[1024];

	(void)state;
	for (int i = 0; i < 20; i++) {
		int fd;

		begin();
		fd = ask("GET /healthz HTTP/1.1\r\nHost: a\r\n"
			 "Connection: close\r\n\r\n");
		assert_true(read_to_end(fd, text, sizeof(text)) > 0);
		assert_non_null(strstr(text, "\"status\":\"attached\""));
		end();
		bc_admin_stop();
	}
}

/* @return a socket that listens on a free port of an address, and which that is */
static int take_port(const char *host, char *where, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	CHECK(inet_pton(AF_INET, host, &address.sin_addr) == 1);
	CHECK(!bind(fd, (struct sockaddr *)&address, len) && !listen(fd, 1));
	CHECK(!getsockname(fd, (struct sockaddr *)&address, &len));
	snprintf(where, size, "%s:%d", host, ntohs(address.sin_port));
	return fd;
}

static bool is_connected(const char *host, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is;

	CHECK(inet_pton(AF_INET, host, &address.sin_addr) == 1);
	is = !connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return is;
}

/* The same port of all addresses is in use, by the window itself; or not. */
static void test_address_moves_to_its_own_port(void **state)
{
	char one[32], all[32], taken[32];
	int fd, port;

	(void)state;
	close(take_port("0.0.0.0", all, sizeof(all)));
	port = atoi(strchr(all, ':') + 1);
	snprintf(one, sizeof(one), "127.0.0.1:%d", port);
	begin();
	assert_true(bc_admin_move_address(&config, one));
	assert_false(is_connected("127.0.0.2", port));
	assert_true(bc_admin_move_address(&config, all));
	assert_true(is_connected("127.0.0.2", port));
	assert_true(bc_admin_move_address(&config, one));
	assert_int_equal(errors, 0);
	fd = take_port("127.0.0.2", taken, sizeof(taken));
	assert_false(bc_admin_move_address(&config, taken));
	assert_true(errors > 0);
	assert_true(is_connected("127.0.0.1", port));
	close(fd);
	/* Where it could not be it may be later. */
	assert_true(bc_admin_move_address(&config, taken));
	assert_false(is_connected("127.0.0.1", port));
	assert_true(bc_admin_move_address(&config, NULL));
	end();
}

static void test_socket_moves_to_another_name_of_its_own(void **state)
{
	char folder[] = "/tmp/test-admin-XXXXXX", name[64];

	(void)state;
	CHECK(mkdtemp(folder) && !rmdir(folder));
	CHECK(!symlink("/tmp", folder));
	begin();
	snprintf(name, sizeof(name), "%s/test-admin-%d.sock", folder,
		 (int)getpid());
	assert_true(bc_admin_move_socket(&config, name));
	assert_int_equal(errors, 0);
	close(ask("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
	end();
	CHECK(!unlink(folder));
}

/* What cannot be opened at the start may be later, and is not said to stay. */
static void test_window_that_was_not_opened_is_tried_again(void **state)
{
	(void)state;
	begin();
	assert_true(bc_admin_move_socket(&config, ""));
	assert_int_equal(access(path, F_OK), -1);
	CHECK(!mkdir(path, 0700)); /* something that is no socket */
	assert_false(bc_admin_move_socket(&config, path));
	assert_int_equal(errors, 1);
	CHECK(!rmdir(path));
	assert_true(bc_admin_move_socket(&config, path));
	assert_true(bc_admin_move_socket(&config, path));
	assert_int_equal(errors, 1);
	end();
}

static void test_answered_probe(void **state)
{
	struct bc_conn *conn;
	struct bc_request *req;
	char text[1024];
	int fd;

	(void)state;
	fake_path(ALICE, 1, 4, &conn);
	begin();
	fd = ask("POST /v1/clients/0xa11ce/probe HTTP/1.1\r\nHost: a\r\n"
		 "Connection: close\r\n\r\n");
	req = fake_next();
	fake_answer(req, fake_reply_ok(req));
	assert_true(read_to_end(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"answered\":true"));
	end();
}

static char *metrics_of(struct bc_model *model)
{
	size_t len;
	char *text = bc_metrics_write(model, BC_METRICS_TEXT, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in %s", part, text);
}

/* The values that a label cannot have as they are; sums and units. */
static void test_metrics_of_a_model(void **state)
{
	struct bc_model model = { .config = &config };
	struct bc_histogram *histogram =
		&model.counts.durations[BC_DURATION_REPLY];
	char *text;

	(void)state;
	histogram->buckets[0] = 2;
	histogram->buckets[1] = 3;
	histogram->buckets[BC_HISTOGRAM_BUCKETS - 1] = 1;
	histogram->sum = UINT64_C(12000000345);
	model.counts.of[BC_COUNT_DOWN_MS] = (UINT64_C(1) << 60) + 1258;
	model.counts.completed[4][BC_OUTCOME_RAN] = 7;
	text = metrics_of(&model);
	assert_has(text, "version=\"1.2\\\"3\\\\4\\n5\"");
	assert_has(text,
		   "reply_duration_seconds_bucket{le=\"0.000016384\"} 2\n");
	assert_has(text,
		   "reply_duration_seconds_bucket{le=\"0.000032768\"} 5\n");
	assert_has(text,
		   "reply_duration_seconds_bucket{le=\"68.719476736\"} 5\n");
	assert_has(text, "reply_duration_seconds_bucket{le=\"+Inf\"} 6\n");
	assert_has(text, "reply_duration_seconds_sum 12.000000345\n");
	assert_has(text, "reply_duration_seconds_count 6\n");
	assert_has(text, "path_down_seconds_total 1152921504606848.234\n");
	assert_has(text, "{operation=\"CB_RECALL\",outcome=\"ran\"} 7\n");
	free(text);
}

/* How much there is to read does not depend on how many there are. */
static void test_metrics_do_not_grow_with_clients(void **state)
{
	struct bc_model model;
	size_t before;
	char *text;

	(void)state;
	bc_model_read(&model, &config);
	text = metrics_of(&model);
	before = strlen(text);
	free(text);
	for (uint64_t id = 1; id < 10; id++)
		fake_session(id, (uint8_t)id, 4);
	bc_model_read(&model, &config);
	assert_int_equal(model.now.clients[BC_CLIENT_NO_BACK], 9);
	text = metrics_of(&model);
	assert_int_equal(strlen(text), before);
	free(text);
}

static void test_json_of_any_text(void **state)
{
	char *text = bc_json_error("a \"quote\", a \\ and a\nline");

	(void)state;
	assert_string_equal(
		text, "{\"error\":\"a \\\"quote\\\", a \\\\ and a\\nline\"}");
	free(text);
}

static void test_json_of_what_is_no_text(void **state)
{
	char *text = bc_json_error("/caf\xe9/\xc3\xa9");

	(void)state;
	assert_string_equal(text, "{\"error\":\"/caf?/??\"}");
	free(text);
	text = bc_json_error("/caf\xc3\xa9");
	assert_string_equal(text, "{\"error\":\"/caf\xc3\xa9\"}");
	free(text);
}

/* What a method of D-Bus says to a client id, "OK" or why not. */
static void assert_bus_says(bc_dbus_method *method, uint64_t id,
			    const char *part)
{
	DBusMessage *call = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_CALL);
	DBusMessage *reply = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	dbus_uint64_t clientid = id;
	DBusMessageIter args, iter;
	const char *said;

	CHECK(dbus_message_append_args(call, DBUS_TYPE_UINT64, &clientid,
				       DBUS_TYPE_INVALID));
	CHECK(dbus_message_iter_init(call, &args));
	dbus_message_iter_init_append(reply, &iter);
	CHECK(method(&config, &args, &iter));
	CHECK(dbus_message_iter_init(reply, &iter));
	CHECK(dbus_message_iter_next(&iter));
	dbus_message_iter_get_basic(&iter, &said);
	assert_has(said, part);
	dbus_message_unref(call);
	dbus_message_unref(reply);
}

/* As many clients as there are places, and more; an answer makes room. */
static void test_bus_asks_so_many_clients_at_a_time(void **state)
{
	struct bc_conn *conn;
	struct bc_request *req;
	uint64_t id;

	(void)state;
	fake_path(ALICE, 200, 4, &conn);
	assert_bus_says(bc_dbus_probe_result, ALICE, "not asked");
	assert_bus_says(bc_dbus_probe, ALICE, "OK");
	for (id = 1; id < BC_DBUS_PROBES; id++) {
		fake_session(id, (uint8_t)id, 4);
		assert_bus_says(bc_dbus_probe, id, "OK");
	}
	fake_session(id, (uint8_t)id, 4);
	assert_bus_says(bc_dbus_probe, id, "too many");
	req = fake_next();
	fake_answer(req, fake_reply_ok(req));
	fake_flush();
	assert_bus_says(bc_dbus_probe_result, ALICE, "OK");
	assert_bus_says(bc_dbus_probe, id, "OK");
	assert_bus_says(bc_dbus_probe_result, ALICE, "not asked");
	bc_dbus_end();
	bc_dbus_end();
	assert_bus_says(bc_dbus_probe_result, id, "not asked");
}

/* Three, of which the first has the id that is a first cursor. */
static void three_exports(void (*each)(void *arg,
				       const struct bc_admin_export *export),
			  void *arg)
{
	static const uint16_t ids[] = { 0, 7, UINT16_MAX };

	for (int i = 0; i < 3; i++) {
		const struct bc_admin_export export = {
			.id = ids[i],
			.path = "/caf\xe9",
			.pseudo = "",
			.fsal = "VFS",
			.why = "",
		};

		each(arg, &export);
	}
}

/* @return the next cursor. @param[out] ids  of a page, and how many */
static uint32_t exports_from(uint32_t from, uint32_t most, dbus_uint16_t *ids,
			     int *count)
{
	struct bc_admin_config shown = config;
	DBusMessage *call = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_CALL);
	DBusMessage *reply = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	dbus_uint32_t cursor = from, limit = most, next;
	DBusMessageIter args, iter, array, in;

	shown.exports = three_exports;
	CHECK(dbus_message_append_args(call, DBUS_TYPE_UINT32, &cursor,
				       DBUS_TYPE_UINT32, &limit,
				       DBUS_TYPE_INVALID));
	CHECK(dbus_message_iter_init(call, &args));
	dbus_message_iter_init_append(reply, &iter);
	CHECK(bc_dbus_list_exports(&shown, &args, &iter));
	CHECK(dbus_message_has_signature(reply, "bs(tt)ua" BC_DBUS_EXPORT));
	CHECK(dbus_message_iter_init(reply, &iter));
	for (int i = 0; i < 3; i++)
		CHECK(dbus_message_iter_next(&iter));
	dbus_message_iter_get_basic(&iter, &next);
	CHECK(dbus_message_iter_next(&iter));
	dbus_message_iter_recurse(&iter, &array);
	for (*count = 0;
	     dbus_message_iter_get_arg_type(&array) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(&array)) {
		dbus_message_iter_recurse(&array, &in);
		dbus_message_iter_get_basic(&in, &ids[(*count)++]);
	}
	dbus_message_unref(call);
	dbus_message_unref(reply);
	return next;
}

static void test_bus_lists_exports_in_pages(void **state)
{
	dbus_uint16_t ids[3];
	int count;

	(void)state;
	assert_int_equal(exports_from(0, 2, ids, &count), UINT16_MAX);
	assert_int_equal(count, 2);
	assert_int_equal(ids[0], 0);
	assert_int_equal(ids[1], 7);
	assert_int_equal(exports_from(UINT16_MAX, 2, ids, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(ids[0], UINT16_MAX);
	assert_int_equal(exports_from(0, 3, ids, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(exports_from(UINT16_MAX + 1, 3, ids, &count), 0);
	assert_int_equal(count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FAKE_TEST(test_stop_while_a_probe_is_out, NULL),
		FAKE_TEST(test_start_and_stop_again_and_again, NULL),
		FAKE_TEST(test_answered_probe, NULL),
		FAKE_TEST(test_address_moves_to_its_own_port, NULL),
		FAKE_TEST(test_socket_moves_to_another_name_of_its_own, NULL),
		FAKE_TEST(test_window_that_was_not_opened_is_tried_again, NULL),
		FAKE_TEST(test_metrics_of_a_model, NULL),
		FAKE_TEST(test_metrics_do_not_grow_with_clients, NULL),
		FAKE_TEST(test_json_of_any_text, NULL),
		FAKE_TEST(test_json_of_what_is_no_text, NULL),
		FAKE_TEST(test_bus_asks_so_many_clients_at_a_time, NULL),
		FAKE_TEST(test_bus_lists_exports_in_pages, NULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
