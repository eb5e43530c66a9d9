/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The administration of a real server: what it tells is what was done, what it
 * changes is changed, and who asks badly has only itself to suffer.
 */
#include "admin.h"
#include "fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A reader that does nothing is sent away by then. */
#define SENT_AWAY 20000 /* ms */

/* Connections, more than one address may have. */
#define MANY 20

#define PREFIX "ganesha_backchannel_"
#define COMPLETED PREFIX "callbacks_completed_total{operation=\"CB_RECALL\","

static const char *socket_of(const struct fixture *f)
{
	return server_admin_socket(f->server);
}

static int ask(const struct fixture *f, const char *method, const char *url,
	       char **body)
{
	return admin_ask(admin_connect(socket_of(f)), method, url, body);
}

static void assert_answer(const struct fixture *f, const char *method,
			  const char *url, int status, const char *part)
{
	char *body;

	assert_int_equal(ask(f, method, url, &body), status);
	if (!strstr(body, part))
		fail_msg("%s %s: no '%s' in %s", method, url, part, body);
	free(body);
}

static double metric(const struct fixture *f, const char *name)
{
	return admin_metric(socket_of(f), name);
}

static void client_url(char *url, size_t size, const struct nfs_client *client,
		       const char *action)
{
	snprintf(url, size, "/v1/clients/%#llx%s",
		 (unsigned long long)client->clientid, action);
}

/* A number that follows a name, in JSON. */
static uint64_t number_after(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	assert_non_null(found);
	return strtoull(found + strlen(name), NULL, 10);
}

/* What is told ----------------------------------------------------------------- */

static void test_metrics_agree_with_what_was_done(void **state)
{
	struct fixture *f = *state;
	double answered = metric(f, COMPLETED "outcome=\"answered\"}");
	double granted = metric(f, PREFIX "delegations_granted_total");
	double returned = metric(f, PREFIX "delegations_returned_total");
	double done = metric(f, PREFIX "replies_total{verdict=\"done\"}");
	double replies = metric(f, PREFIX "reply_duration_seconds_count");
	struct nfs_file files[20];

	fixture_recall_many(f, "counted", files, 20);
	fixture_callback(f, 19);
	admin_wait_metric(socket_of(f), COMPLETED "outcome=\"answered\"}",
			  answered + cb_responder_count(f->responder));
	assert_int_equal(cb_responder_count(f->responder), 20);
	assert_true(metric(f, PREFIX "replies_total{verdict=\"done\"}") ==
		    done + 20);
	assert_true(metric(f, PREFIX "reply_duration_seconds_count") ==
		    replies + 20);
	assert_true(metric(f, PREFIX "delegations_granted_total") ==
		    granted + 20);
	fixture_return_many(f, files, 20);
	assert_true(metric(f, PREFIX "delegations_returned_total") ==
		    returned + 20);
	assert_true(metric(f, COMPLETED "outcome=\"failed\"}") == 0);
}

static void test_metrics_tell_of_paths_and_failovers(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	double failovers = metric(f, PREFIX "failovers_total");
	double lost = metric(f, PREFIX "paths_lost_total");
	double regained = metric(f, PREFIX "paths_regained_total");
	double bindings = metric(f, PREFIX "bindings");
	struct nfs_conn *other;
	struct nfs_file file;

	assert_true(metric(f, PREFIX "clients{state=\"trusted\"}") == 2);
	fixture_hold(f, "failover", &file);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	admin_wait_metric(socket_of(f), PREFIX "clients{state=\"no_path\"}", 1);
	assert_true(metric(f, PREFIX "bindings") == bindings - 1);
	assert_true(metric(f, PREFIX "paths_lost_total") == lost + 1);
	fixture_conflict(f, "failover");
	admin_wait_metric(socket_of(f), PREFIX "callbacks_waiting", 1);
	cb_responder_push(f->responder, &never);
	usleep(2000); /* without a path: counted in whole ms */
	other = fixture_bind(f);
	assert_true(metric(f, PREFIX "paths_regained_total") == regained + 1);
	assert_true(metric(f, PREFIX "path_down_seconds_total") > 0);
	fixture_callback(f, 0);
	assert_true(metric(f, PREFIX "failovers_total") == failovers);
	fixture_bind(f);
	nfs_conn_close(other, NFS_CLOSE_RST);
	fixture_callback(f, 1);
	admin_wait_metric(socket_of(f), PREFIX "failovers_total",
			  failovers + 1);
	fixture_return(f, &file);
}

/* A file of the metrics, in the format that a header asks for. */
static void write_metrics(const struct fixture *f, const char *header,
			  char *path, size_t size)
{
	char *body;
	FILE *file;

	assert_int_equal(admin_ask_with(admin_connect(socket_of(f)), "GET",
					"/metrics", header, &body),
			 200);
	snprintf(path, size, "%s/metrics", server_folder(f->server));
	file = fopen(path, "we");
	fputs(body, file);
	fclose(file);
	free(body);
}

static void assert_runs(const char *command, const char *arg1, const char *arg2)
{
	char *output;

	if (admin_run(command, arg1, arg2, &output))
		fail_msg("%s: %s", command, output);
	free(output);
}

static void test_metrics_are_in_their_format(void **state)
{
	static const char *const headers[] = {
		NULL,
		"Accept: */*",
		"Accept: text/plain;version=0.0.4",
	};
	struct fixture *f = *state;
	char path[512];

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		write_metrics(f, headers[i], path, sizeof(path));
		assert_runs("python3 -B \"$2\" <\"$1\"", path, ADMIN_METRICS);
	}
	assert_runs(
		"! type promtool >/dev/null || promtool check metrics <\"$1\"",
		path, "");
	/* What the alert rules and the dashboard name is there. */
	assert_runs("python3 -B \"$2\" \"$1\"", path, PROMETHEUS_CHECK);
}

/* Prometheus' own parser of it wants times, where it reads a file. */
static void test_open_metrics_are_in_their_format(void **state)
{
	struct fixture *f = *state;
	char path[512];

	write_metrics(
		f,
		"Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
		path, sizeof(path));
	assert_runs("python3 -B \"$2\" openmetrics <\"$1\"", path,
		    ADMIN_METRICS);
	assert_runs(
		"! type promtool >/dev/null || { sed \"/^#/!s/$/ 1700000000/\" \"$1\" >\"$1.om\" && promtool tsdb create-blocks-from openmetrics \"$1.om\" \"$1.blocks\"; }",
		path, "");
}

static void test_clients_come_in_pages(void **state)
{
	struct fixture *f = *state;
	char *first, *second, *next, url[128];

	assert_answer(f, "GET", "/v1/clients", 200, "\"next\":null");
	assert_int_equal(ask(f, "GET", "/v1/clients?limit=1", &first), 200);
	next = strstr(first, "\"next\":\"");
	assert_non_null(next);
	snprintf(url, sizeof(url), "/v1/clients?limit=1&cursor=%lu",
		 (unsigned long)number_after(first, "\"next\":\""));
	assert_int_equal(ask(f, "GET", url, &second), 200);
	assert_non_null(strstr(second, "\"next\":null"));
	snprintf(url, sizeof(url), "\"%#llx\"",
		 (unsigned long long)f->holder.clientid);
	assert_int_equal(!strstr(first, url), !!strstr(second, url));
	snprintf(url, sizeof(url), "\"%#llx\"",
		 (unsigned long long)f->opener.clientid);
	assert_int_equal(!strstr(first, url), !!strstr(second, url));
	free(first);
	free(second);
	assert_answer(f, "GET", "/v1/clients?limit=0", 400, "error");
	assert_answer(f, "GET", "/v1/clients?limit=1001", 400, "error");
	assert_answer(f, "GET", "/v1/clients?limit=7x", 400, "error");
	assert_answer(f, "GET", "/v1/clients?cursor=x", 400, "error");
}

static void test_client_is_shown_with_what_it_has(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn;
	char url[64];

	client_url(url, sizeof(url), &f->holder, "");
	assert_answer(f, "GET", url, 200, "\"state\":\"trusted\"");
	assert_answer(f, "GET", url, 200, "\"address\":\"127.1.");
	assert_answer(f, "GET", url, 200, "\"bindings\":1,");
	conn = fixture_bind(f);
	assert_answer(f, "GET", url, 200, "\"bindings\":2,");
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	admin_wait_metric(socket_of(f), PREFIX "bindings",
			  2); /* of both clients */
	assert_answer(f, "GET", url, 200, "\"bindings\":1,");
	assert_answer(f, "GET", "/v1/clients/1", 404, "no such client");
	assert_answer(f, "GET", "/v1/clients/one", 400, "not a client id");
	assert_answer(f, "GET", "/v1/clientele", 404, "error");
	assert_answer(f, "PUT", "/v1/clients", 405, "error");
}

static void test_health(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "GET", "/healthz", 200, "\"status\":\"attached\"");
	assert_answer(f, "GET", "/readyz", 200, "\"status\":\"attached\"");
	assert_answer(f, "GET", "/v1/totals", 200, "\"status\":\"attached\"");
	assert_answer(f, "HEAD", "/readyz", 200, "");
}

/* What is changed ---------------------------------------------------------------- */

static void test_probe(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	unsigned int before = cb_responder_questions(f->responder);
	char url[64];

	client_url(url, sizeof(url), &f->holder, "/probe");
	assert_answer(f, "POST", url, 200, "\"answered\":true");
	assert_int_equal(cb_responder_questions(f->responder), before + 1);
	cb_responder_set_default(f->responder, &never);
	assert_answer(f, "POST", url, 200, "\"answered\":false");
	assert_int_equal(cb_responder_questions(f->responder), before + 2);
	assert_answer(f, "POST", "/v1/clients/1/probe", 404, "no such client");
	/* It was not held against the client. */
	fixture_assert_flags(f, 0);
	client_url(url, sizeof(url), &f->holder, "");
	assert_answer(f, "GET", url, 200, "\"state\":\"trusted\"");
}

static void test_drop(void **state)
{
	struct fixture *f = *state;
	char url[96], action[64], *body;
	struct nfs_conn *conn;
	struct nfs_file file;

	fixture_hold(f, "dropped", &file);
	client_url(url, sizeof(url), &f->holder, "");
	assert_int_equal(ask(f, "GET", url, &body), 200);
	snprintf(action, sizeof(action), "/drop?connection=%lu",
		 (unsigned long)number_after(body, "\"connection\":"));
	free(body);
	client_url(url, sizeof(url), &f->opener, action);
	assert_answer(f, "POST", url, 404, "no back channel of this client");
	fixture_assert_flags(f, 0);
	client_url(url, sizeof(url), &f->holder, action);
	assert_answer(f, "POST", url, 200, "\"dropped\":1");
	assert_answer(f, "POST", url, 404, "no back channel of this client");
	fixture_assert_flags(f, SEQ4_STATUS_CB_PATH_DOWN |
					SEQ4_STATUS_CB_PATH_DOWN_SESSION);
	conn = fixture_bind(f);
	fixture_assert_flags(f, 0);
	fixture_conflict(f, "dropped");
	assert_ptr_equal(fixture_callback(f, 0)->conn, conn);
	fixture_return(f, &file);
	client_url(url, sizeof(url), &f->holder, "/drop?connection=x");
	assert_answer(f, "POST", url, 400, "error");
	client_url(url, sizeof(url), &f->holder, "/drop");
	assert_answer(f, "POST", url, 400, "error");
}

static void test_trust(void **state)
{
	struct fixture *f = *state;
	char url[64];

	client_url(url, sizeof(url), &f->holder, "/trust");
	assert_answer(f, "POST", url, 200, "\"trusted\":true");
	assert_answer(f, "POST", "/v1/clients/1/trust", 404, "no such client");
}

static void test_leases_are_switched(void **state)
{
	struct fixture *f = *state;
	struct nfs_file held;

	fixture_hold(f, "held", &held);
	assert_answer(f, "POST", "/v1/settings/Leases?value=false", 200,
		      "\"Leases\":false");
	assert_false(fixture_is_granted(f, "off"));
	/* What is held stays, and is recalled. */
	fixture_conflict(f, "held");
	assert_true(fixture_recalls(fixture_callback(f, 0), &held));
	fixture_return(f, &held);
	assert_answer(f, "POST", "/v1/settings/leases?value=TRUE", 200,
		      "\"Leases\":true");
	assert_true(fixture_is_granted(f, "on"));
	assert_answer(f, "POST", "/v1/settings/Leases?value=1", 400,
		      "neither true nor false");
	assert_answer(f, "POST", "/v1/settings/Leases", 400, "error");
	assert_answer(f, "POST", "/v1/settings/Probe?value=true", 404, "error");
}

static void test_holding_is_switched(void **state)
{
	struct fixture *f = *state;
	double held = metric(f, PREFIX "held_requests_total");
	struct nfs_compound open;
	struct nfs_file file;

	assert_answer(f, "POST", "/v1/settings/Hold_Conflicts?value=10000", 200,
		      "\"Hold_Conflicts\":10000");
	fixture_hold(f, "waited-for", &file);
	fixture_send_open(&open, &f->opener_session, "export/waited-for");
	fixture_callback(f, 0);
	admin_wait_metric(socket_of(f), PREFIX "held_requests_total", held + 1);
	assert_true(metric(f, PREFIX "requests_waiting") == 1);
	fixture_return(f, &file);
	assert_int_equal(nfs_compound_wait(&open, SOON), NFS4_OK);
	nfs_compound_fini(&open);
	admin_wait_metric(socket_of(f), PREFIX "requests_waiting", 0);
	assert_answer(f, "POST", "/v1/settings/Hold_Conflicts?value=0", 200,
		      "\"Hold_Conflicts\":0");
	fixture_hold(f, "not-waited-for", &file);
	fixture_conflict(f, "not-waited-for");
	fixture_callback(f, 1);
	fixture_return(f, &file);
	assert_answer(f, "POST", "/v1/settings/Hold_Conflicts?value=10001", 400,
		      "0 to 10000");
}

static void test_what_needs_a_restart_says_so(void **state)
{
	struct fixture *f = *state;

	assert_answer(f, "POST", "/v1/settings/Multiplex?value=false", 409,
		      "needs a restart");
	assert_answer(f, "GET", "/v1/settings", 200, "\"Multiplex\":true");
	assert_answer(f, "POST", "/v1/settings/Multiplex?value=true", 200,
		      "\"Multiplex\":true");
}

/* Those who ask badly ------------------------------------------------------------- */

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

/* The server ends it, within a time. */
static void assert_closed(int fd, int within_ms)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };
	char rest[4096];
	ssize_t got;

	do {
		assert_int_equal(poll(&event, 1, within_ms), 1);
		got = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
	} while (got > 0);
	assert_true(!got || errno == ECONNRESET);
	close(fd);
}

/* One that says nothing, one that stops in its header, and one that asks much and
 * reads nothing: others are served, and they are sent away.
 */
static void test_slow_readers_cost_only_themselves(void **state)
{
	struct fixture *f = *state;
	int silent = admin_connect(socket_of(f));
	int half = admin_connect(socket_of(f));
	int greedy = admin_connect(socket_of(f));
	int small = 4096;

	assert_true(silent >= 0 && half >= 0 && greedy >= 0);
	setsockopt(greedy, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	send_text(half, "GET /metrics HTTP/1.1\r\nHost: te");
	for (int i = 0; i < 100; i++)
		send_text(greedy,
			  "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n");
	for (int i = 0; i < 20; i++)
		assert_answer(f, "GET", "/healthz", 200, "attached");
	fixture_assert_flags(f, 0);
	assert_closed(silent, SENT_AWAY);
	assert_closed(half, SENT_AWAY);
	assert_closed(greedy, SENT_AWAY);
}

static void test_bodies_and_nonsense_are_refused(void **state)
{
	static const char *const requests[] = {
		"POST /v1/settings/Leases?value=false HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc",
		"POST /v1/settings/Leases?value=false HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"\1\2\3 nonsense\r\n\r\n",
		"GET / HTTP/9.9\r\n\r\n",
	};
	struct fixture *f = *state;
	char *header;
	int fd;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		fd = admin_connect(socket_of(f));
		send_text(fd, requests[i]);
		assert_closed(fd, SENT_AWAY);
	}
	/* A header without an end. */
	header = malloc(100001);
	memset(header, 'x', 100000);
	header[100000] = '\0';
	fd = admin_connect(socket_of(f));
	send_text(fd, "GET /metrics HTTP/1.1\r\nX: ");
	send(fd, header, 100000, MSG_NOSIGNAL | MSG_DONTWAIT);
	assert_closed(fd, SENT_AWAY);
	free(header);
	assert_answer(f, "GET", "/v1/settings", 200, "\"Leases\":true");
}

static void test_socket_is_the_owners(void **state)
{
	struct fixture *f = *state;
	struct stat found;

	assert_int_equal(lstat(socket_of(f), &found), 0);
	assert_true(S_ISSOCK(found.st_mode));
	assert_int_equal(found.st_mode & 0777, 0600);
	assert_int_equal(found.st_uid, geteuid());
}

/* The command line ------------------------------------------------------------------ */

static void assert_tool(const struct fixture *f, const char *command,
			const char *arg, int status, const char *part)
{
	char line[512], *output;
	int got;

	snprintf(line, sizeof(line), "python3 -B \"$tool\" --socket \"$1\" %s",
		 command);
	got = admin_run(line, socket_of(f), arg, &output);
	if (got != status || !strstr(output, part))
		fail_msg("%s: status %d, '%s' expected of: %s", command, got,
			 part, output);
	free(output);
}

static void test_tool(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	char id[32];

	snprintf(id, sizeof(id), "%#llx",
		 (unsigned long long)f->holder.clientid);
	assert_tool(f, "status", id, 0, "attached");
	assert_tool(f, "--json status", id, 0, "\"status\": \"attached\"");
	assert_tool(f, "clients", id, 0, id);
	assert_tool(
		f,
		"--json clients | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'",
		id, 0, "2\n");
	assert_tool(f, "client $2", id, 0, "delegations: may be granted");
	assert_tool(f, "client 0x1", id, 1, "no such client");
	assert_tool(f, "client someone", id, 1, "no client id");
	assert_tool(f, "probe $2", id, 0, "answered within");
	assert_tool(f, "top --interval 0.1 --count 2", id, 0, "PER SECOND");
	assert_tool(f, "drop $2 999999", id, 1, "no back channel");
	assert_tool(f, "trust $2", id, 0, "is trusted");
	assert_tool(f, "set Multiplex false", id, 1, "needs a restart");
	assert_tool(f, "set Hold_Conflicts 0", id, 0, "Hold_Conflicts = 0");
	assert_tool(f, "check", id, 0, "nothing is wrong");
	assert_tool(f, "ready", id, 0, "the module is attached");
	assert_tool(f, "set Leases false", id, 0, "Leases = false");
	assert_tool(f, "check", id, 1, "Leases is off");
	assert_tool(f, "set Leases true", id, 0, "Leases = true");
	cb_responder_set_default(f->responder, &never);
	assert_tool(f, "probe $2", id, 1, "did not answer");
	fixture_lose_path(f, NFS_CLOSE_FIN);
	assert_tool(f, "check", id, 1, "its back channel has been down for");
	assert_tool(f, "ready", id, 0, "the module is attached");
	assert_tool(f, "client $2", id, 0, "none, because its back channel");
}

/* What bash offers where a client's id is to be written, and its connection. */
static void test_completion(void **state)
{
	static const char complete[] =
		"PATH=$(dirname \"$tool\"):$PATH bash -c '"
		". \"$0.bash-completion\"; COMP_WORDS=(\"$@\" \"\"); "
		"COMP_CWORD=$#; _ganesha_backchannel; echo \"${COMPREPLY[*]}\"' "
		"\"$tool\" ganesha-backchannel --socket \"$1\" ";
	struct fixture *f = *state;
	char id[32], command[1024], *output;

	snprintf(id, sizeof(id), "%#llx",
		 (unsigned long long)f->holder.clientid);
	snprintf(command, sizeof(command), "%s client", complete);
	assert_int_equal(admin_run(command, socket_of(f), id, &output), 0);
	assert_non_null(strstr(output, id));
	free(output);
	snprintf(command, sizeof(command), "%s drop \"$2\"", complete);
	assert_int_equal(admin_run(command, socket_of(f), id, &output), 0);
	assert_in_range(strtoul(output, NULL, 10), 1, 1000);
	free(output);
}

static void test_tool_without_a_server(void **state)
{
	struct fixture *f = *state;
	char path[512], *output;

	snprintf(path, sizeof(path), "%s/nobody", server_folder(f->server));
	assert_int_equal(admin_run("python3 -B \"$tool\" --socket \"$1\" check",
				   path, "", &output),
			 2);
	assert_non_null(strstr(output, "there is no such socket"));
	free(output);
}

/* Other servers ---------------------------------------------------------------------- */

static void begin(struct fixture *f, const struct server_params *params)
{
	assert_int_equal(fixture_start(f, params), 0);
}

static void test_switched_off(void **state)
{
	const struct server_params params = {
		.module = true,
		.backchannel = "Multiplex = false;",
	};
	struct fixture f;

	(void)state;
	begin(&f, &params);
	assert_answer(&f, "GET", "/healthz", 200, "\"status\":\"off\"");
	assert_answer(&f, "GET", "/readyz", 200, "\"status\":\"off\"");
	assert_answer(&f, "GET", "/v1/clients", 503, "switched off");
	assert_answer(&f, "POST", "/v1/clients/1/probe", 503, "switched off");
	assert_true(metric(&f, PREFIX "state{state=\"off\"}") == 1);
	assert_tool(&f, "check", "", 1, "switched off");
	assert_tool(&f, "ready", "", 0, "switched off");
	assert_int_equal(fixture_stop(&f), 0);
}

static void test_not_attached_says_why(void **state)
{
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_SETTINGS,
	};
	struct fixture f;

	(void)state;
	begin(&f, &params);
	assert_answer(&f, "GET", "/healthz", 200, "lays out its parameters");
	assert_answer(&f, "GET", "/readyz", 503, "\"status\":\"not_attached\"");
	assert_answer(&f, "GET", "/v1/clients", 503, "lays out its parameters");
	assert_answer(&f, "POST", "/v1/settings/Hold_Conflicts?value=1", 503,
		      "not attached");
	assert_tool(&f, "check", "", 1, "lays out its parameters");
	assert_tool(&f, "ready", "", 1, "lays out its parameters");
	assert_int_equal(fixture_stop(&f), 0);
}

/* One export names the module, the other does not; both are served. */
static void test_exports_that_are_not_adopted(void **state)
{
	char folder[] = "/tmp/test-export-XXXXXX", config[512];
	const struct server_params params = {
		.module = true,
		.config = config,
	};
	struct fixture f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(
		config, sizeof(config),
		"EXPORT { Export_Id = 65535; Path = \"%s\"; Pseudo = \"/other\"; "
		"Protocols = 4; Access_Type = RW; Squash = None; "
		"FSAL { Name = VFS; } }",
		folder);
	begin(&f, &params);
	assert_answer(
		&f, "GET", "/v1/exports", 200,
		"\"pseudo\":\"/export\",\"fsal\":\"VFS\",\"adopted\":true,"
		"\"why\":\"\"");
	assert_answer(
		&f, "GET", "/v1/exports", 200,
		"\"pseudo\":\"/other\",\"fsal\":\"VFS\",\"adopted\":false,"
		"\"why\":\"its FSAL block");
	assert_tool(&f, "check", "", 1, "export 65535 (/tmp/test-export-");
	assert_tool(&f, "check", "", 1, "it is not adopted");
	assert_tool(&f, "--json check | grep -c export", "", 0, "1\n");
	assert_answer(&f, "POST", "/v1/settings/Leases?value=false", 200, "");
	assert_tool(&f, "check", "", 1, "export 1 (");
	assert_tool(&f, "check", "", 1, "it grants no delegations");
	assert_int_equal(fixture_stop(&f), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* An FSAL that is stacked on another one is asked as an operation would ask it. */
static void test_exports_of_a_stacked_fsal(void **state)
{
	const struct server_params params = {
		.module = true,
		.plugin = ATTRIBUTES_PLUGIN,
		.fsal = "Name = ATTRIBUTES; FSAL { Name = VFS; }",
	};
	struct fixture f;

	(void)state;
	begin(&f, &params);
	assert_answer(&f, "POST", "/v1/settings/Leases?value=false", 200, "");
	assert_answer(
		&f, "GET", "/v1/exports", 200,
		"\"fsal\":\"VFS\",\"adopted\":true,"
		"\"why\":\"its FSAL has no delegations, and Leases is off\"");
	assert_int_equal(fixture_stop(&f), 0);
}

/* The first session shows that nothing may be touched. */
static void test_withdrawn_says_so(void **state)
{
	const struct server_params params = {
		.module = true,
		.module_path = OTHER_CLIENT,
	};
	struct fixture f;
	void *fixture = &f;

	(void)state;
	begin(&f, &params);
	assert_answer(&f, "GET", "/readyz", 200, "\"status\":\"attached\"");
	assert_int_equal(fixture_mount(&fixture), 0);
	assert_answer(&f, "GET", "/readyz", 503, "\"status\":\"withdrawn\"");
	assert_answer(&f, "GET", "/healthz", 200, "lays out its structures");
	assert_answer(&f, "GET", "/v1/settings", 200,
		      "{\"Multiplex\":false,\"Leases\":false");
	assert_answer(&f, "POST", "/v1/settings/Leases?value=true", 409,
		      "the module has withdrawn");
	assert_true(metric(&f, PREFIX "state{state=\"withdrawn\"}") == 1);
	assert_tool(&f, "check", "", 1, "the module has withdrawn");
	assert_int_equal(fixture_unmount(&fixture), 0);
	assert_int_equal(fixture_stop(&f), 0);
}

static void test_no_socket_if_there_is_to_be_none(void **state)
{
	const struct server_params params = { .module = true,
					      .admin_socket = "" };
	struct fixture f;

	(void)state;
	begin(&f, &params);
	assert_int_equal(admin_connect(socket_of(&f)), -ENOENT);
	assert_int_equal(fixture_stop(&f), 0);
}

/* The second leaves the first one's alone, and runs; who comes after one that was
 * killed takes its place.
 */
static void test_two_servers(void **state)
{
	const struct server_params first_params = { .module = true };
	struct fixture first, second;
	struct server_params second_params = { .module = true };

	(void)state;
	begin(&first, &first_params);
	second_params.admin_socket = socket_of(&first);
	begin(&second, &second_params);
	assert_true(server_log_count(second.server, "another server has it"));
	assert_answer(&first, "GET", "/readyz", 200, "attached");
	assert_int_equal(fixture_stop(&second), 0);
	assert_answer(&first, "GET", "/readyz", 200, "attached");
	server_signal(first.server, SIGKILL);
	assert_true(server_wait_exit(first.server, NFS_TIMEOUT));
	assert_int_equal(admin_connect(socket_of(&first)), -ECONNREFUSED);
	assert_int_equal(server_restart(first.server), 0);
	assert_answer(&first, "GET", "/readyz", 200, "attached");
	assert_int_equal(fixture_stop(&first), 0);
}

static void test_what_is_no_socket_is_left_alone(void **state)
{
	char path[] = "/tmp/no-socket-XXXXXX", lock[64];
	const struct server_params params = { .module = true,
					      .admin_socket = path };
	int fd = mkstemp(path);
	struct fixture f;
	struct stat found;

	(void)state;
	begin(&f, &params);
	assert_true(server_log_count(f.server, "something that is no socket"));
	assert_int_equal(fixture_stop(&f), 0);
	assert_int_equal(lstat(path, &found), 0);
	assert_true(S_ISREG(found.st_mode));
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	unlink(path);
	close(fd);
}

/* Readers in all states, one of whom waits for an answer that does not come. */
static void test_server_ends_beside_readers(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture f;
	void *fixture = &f;
	int probing, silent, half;
	char line[256], url[64], path[512];
	uint64_t begun;

	(void)state;
	fixture_begin(&f, "Callback_Timeout = 600;");
	cb_responder_set_default(f.responder, &never);
	client_url(url, sizeof(url), &f.holder, "/probe");
	snprintf(line, sizeof(line), "POST %s HTTP/1.1\r\nHost: a\r\n\r\n",
		 url);
	probing = admin_connect(socket_of(&f));
	silent = admin_connect(socket_of(&f));
	half = admin_connect(socket_of(&f));
	send_text(probing, line);
	send_text(half, "GET /met");
	admin_wait_metric(
		socket_of(&f),
		PREFIX "callbacks_submitted_total{operation=\"CB_SEQUENCE\"}",
		1);
	assert_int_equal(fixture_unmount(&fixture), 0);
	snprintf(path, sizeof(path), "%s", socket_of(&f));
	begun = nfs_now_ns();
	assert_int_equal(server_stop(f.server), 0);
	assert_true(nfs_now_ns() - begun < SOON * UINT64_C(1000000));
	assert_closed(probing, SOON);
	assert_closed(silent, SOON);
	assert_closed(half, SOON);
	assert_int_equal(access(path, F_OK), -1);
	nfs_loop_free(f.loop);
	server_free(f.server);
}

static void test_tcp_is_to_be_read(void **state)
{
	struct server_params params = { .module = true };
	char line[64];
	struct fixture f;
	uint16_t port;
	int fds[MANY];
	char *body;

	(void)state;
	/* A port that was free a moment ago. */
	port = (uint16_t)(20000 + getpid() % 10000);
	snprintf(line, sizeof(line), "Admin_Address = \"127.0.0.1:%u\";", port);
	params.backchannel = line;
	begin(&f, &params);
	assert_int_equal(
		admin_ask(admin_connect_tcp(port), "GET", "/readyz", &body),
		200);
	free(body);
	assert_int_equal(admin_ask(admin_connect_tcp(port), "POST",
				   "/v1/settings/Leases?value=false", &body),
			 405);
	assert_non_null(strstr(body, "only over the Unix socket"));
	free(body);
	assert_answer(&f, "GET", "/v1/settings", 200, "\"Leases\":true");
	/* Who takes all connections gets no more than an address may have. */
	for (size_t i = 0; i < MANY; i++)
		assert_true((fds[i] = admin_connect_tcp(port)) >= 0);
	assert_closed(fds[MANY - 1], SOON);
	assert_answer(&f, "GET", "/readyz", 200, "attached");
	for (size_t i = 0; i < MANY - 1; i++)
		close(fds[i]);
	assert_int_equal(fixture_stop(&f), 0);
}

int main(void)
{
	static const struct CMUnitTest shared[] = {
		FIXTURE_TEST(test_metrics_agree_with_what_was_done),
		FIXTURE_TEST(test_metrics_tell_of_paths_and_failovers),
		FIXTURE_TEST(test_metrics_are_in_their_format),
		FIXTURE_TEST(test_open_metrics_are_in_their_format),
		FIXTURE_TEST(test_clients_come_in_pages),
		FIXTURE_TEST(test_client_is_shown_with_what_it_has),
		FIXTURE_TEST(test_health),
		FIXTURE_TEST(test_probe),
		FIXTURE_TEST(test_drop),
		FIXTURE_TEST(test_trust),
		FIXTURE_TEST(test_leases_are_switched),
		FIXTURE_TEST(test_holding_is_switched),
		FIXTURE_TEST(test_what_needs_a_restart_says_so),
		FIXTURE_TEST(test_slow_readers_cost_only_themselves),
		FIXTURE_TEST(test_bodies_and_nonsense_are_refused),
		FIXTURE_TEST(test_socket_is_the_owners),
		FIXTURE_TEST(test_tool),
		FIXTURE_TEST(test_completion),
		FIXTURE_TEST(test_tool_without_a_server),
	};
	static const struct CMUnitTest alone[] = {
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_not_attached_says_why),
		cmocka_unit_test(test_exports_that_are_not_adopted),
		cmocka_unit_test(test_exports_of_a_stacked_fsal),
		cmocka_unit_test(test_withdrawn_says_so),
		cmocka_unit_test(test_no_socket_if_there_is_to_be_none),
		cmocka_unit_test(test_two_servers),
		cmocka_unit_test(test_what_is_no_socket_is_left_alone),
		cmocka_unit_test(test_server_ends_beside_readers),
		cmocka_unit_test(test_tcp_is_to_be_read),
	};
	/* The tool is started many times: nobody is heard meanwhile. */
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = 120,
		.backchannel = "Callback_Timeout = 4; Retry_Attempts = 0;",
	};
	int failed = fixture_run(shared, &params);

	return failed + cmocka_run_group_tests(alone, NULL, NULL);
}
