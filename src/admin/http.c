/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Purpose: find what a URL names, and answer with a view of it.
 * Data: struct request, of each request from its header to the end of its answer.
 * Locking: http->lock guards which requests wait for a probe.  A probe's end takes it
 *   with the probe's own held; the core is called with neither.
 * Lifetime: libmicrohttpd tells of a request's end, also when it closes the connection.
 * Invariant: a connection is suspended if and only if its request is in the list of
 *   those that wait: libmicrohttpd must not end while any is.
 */
#include "admin/http.h"

#include "admin/json.h"
#include "admin/metrics.h"
#include "admin/model.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS 32
#define CONNECTIONS_PER_ADDRESS 8
#define IDLE_S 10 /* that a reader may do nothing */
#define HEADER_BYTES (16 * 1024)

#define PAGE 100 /* clients, unless it is said */
#define PAGE_MAX 1000

#define JSON_TYPE "application/json"

struct request {
	struct bc_http *http;
	struct MHD_Connection *connection;
	bool probing; /* it has asked a client, */
	int error; /* or could not: -errno */
	struct bc_control_probe *probe; /* else NULL */
	struct request *next,
		**link; /* [H] in http->waiting; NULL: it is not */
};

struct bc_http {
	const struct bc_admin_config *config; /* [K] */
	struct MHD_Daemon *daemon; /* [K] */
	bool read_only; /* [K] */
	pthread_mutex_t lock;
	bool stopping; /* [H] guarded by lock, as the next */
	struct request *waiting;
};

/* Answers -------------------------------------------------------------------- */

/* @text is consumed; NULL: out of memory */
static enum MHD_Result answer(struct request *request, unsigned int status,
			      const char *type, char *text, size_t len)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(len, text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
				"no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
					request->http->read_only ?
						"GET, HEAD" :
						"GET, HEAD, POST");
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_json(struct request *request, unsigned int status,
				   char *text)
{
	return answer(request, status, JSON_TYPE, text,
		      text ? strlen(text) : 0);
}

static enum MHD_Result answer_error(struct request *request,
				    unsigned int status, const char *what)
{
	return answer_json(request, status, bc_json_error(what));
}

static enum MHD_Result answer_not_found(struct request *request)
{
	return answer_error(request, MHD_HTTP_NOT_FOUND,
			    "there is no such thing here");
}

static enum MHD_Result answer_no_client(struct request *request)
{
	return answer_error(request, MHD_HTTP_NOT_FOUND,
			    "there is no such client");
}

/* Arguments ------------------------------------------------------------------ */

/* @return false: it is there, and is none; @number is untouched without it */
static bool number_argument(struct request *request, const char *name,
			    uint64_t max, uint64_t *number)
{
	const char *text = MHD_lookup_connection_value(
		request->connection, MHD_GET_ARGUMENT_KIND, name);

	return !text || bc_model_parse_number(text, max, number);
}

/* Getting -------------------------------------------------------------------- */

static enum MHD_Result get_health(struct request *request)
{
	const char *why;
	enum bc_admin_state state = bc_model_state(request->http->config, &why);

	return answer_json(request, MHD_HTTP_OK, bc_json_state(state, why));
}

/* A server that is to run without the module is as ready as it will be. */
static enum MHD_Result get_ready(struct request *request)
{
	const char *why;
	enum bc_admin_state state = bc_model_state(request->http->config, &why);
	bool ready = state == BC_ADMIN_ATTACHED || state == BC_ADMIN_OFF;

	return answer_json(request,
			   ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			   bc_json_state(state, why));
}

/* OpenMetrics, for those who say that they read it. */
static enum MHD_Result get_metrics(struct request *request)
{
	const char *accept = MHD_lookup_connection_value(
		request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool open = accept && strcasestr(accept, BC_METRICS_OPEN_NAME);
	struct bc_model model;
	size_t len = 0;
	char *text;

	bc_model_read(&model, request->http->config);
	text = bc_metrics_write(&model,
				open ? BC_METRICS_OPEN : BC_METRICS_TEXT, &len);
	return answer(request, MHD_HTTP_OK,
		      open ? BC_METRICS_OPEN_TYPE : BC_METRICS_TEXT_TYPE, text,
		      len);
}

static enum MHD_Result get_totals(struct request *request)
{
	struct bc_model model;

	bc_model_read(&model, request->http->config);
	return answer_json(request, MHD_HTTP_OK, bc_json_totals(&model));
}

static enum MHD_Result get_settings(struct request *request)
{
	return answer_json(request, MHD_HTTP_OK,
			   bc_json_settings(request->http->config));
}

static enum MHD_Result get_exports(struct request *request)
{
	return answer_json(request, MHD_HTTP_OK,
			   bc_json_exports(request->http->config));
}

static enum MHD_Result get_clients(struct request *request)
{
	uint64_t limit = PAGE, from = 0;
	struct bc_client_view *views;
	uint32_t cursor;
	size_t count;
	char *text;

	if (!number_argument(request, "limit", PAGE_MAX, &limit) || !limit)
		return answer_error(request, MHD_HTTP_BAD_REQUEST,
				    "limit is not a number from 1 to 1000");
	if (!number_argument(request, "cursor", UINT32_MAX, &from))
		return answer_error(request, MHD_HTTP_BAD_REQUEST,
				    "cursor is none that was given as next");
	views = calloc(limit, sizeof(*views));
	if (!views)
		return MHD_NO;
	cursor = (uint32_t)from;
	count = bc_snapshot_clients(&cursor, views, limit);
	text = bc_json_clients(views, count, cursor);
	free(views);
	return answer_json(request, MHD_HTTP_OK, text);
}

static enum MHD_Result get_client(struct request *request, uint64_t clientid)
{
	struct bc_client_detail *detail = malloc(sizeof(*detail));
	char *text = NULL;
	int rc = detail ? bc_snapshot_client(clientid, detail) : 0;

	if (detail && !rc)
		text = bc_json_client(detail);
	free(detail);
	return rc ? answer_no_client(request) :
		    answer_json(request, MHD_HTTP_OK, text);
}

/* Probes --------------------------------------------------------------------- */

/* Context: http->lock */
static void wait_for_end(struct request *request)
{
	struct bc_http *http = request->http;

	MHD_suspend_connection(request->connection);
	request->link = &http->waiting;
	request->next = http->waiting;
	if (request->next)
		request->next->link = &request->next;
	http->waiting = request;
}

/* Context: http->lock */
static void wait_no_more(struct request *request)
{
	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	request->link = NULL;
	MHD_resume_connection(request->connection);
}

/* Context: any thread; the probe's lock may be held. */
static void probe_ended(void *arg)
{
	struct request *request = arg;
	struct bc_http *http = request->http;

	pthread_mutex_lock(&http->lock);
	if (request->link)
		wait_no_more(request);
	pthread_mutex_unlock(&http->lock);
}

/* It waits before there is anything to wait for: its end may come at once.  Nothing
 * of the request goes on before this returns.
 */
static enum MHD_Result post_probe(struct request *request, uint64_t clientid)
{
	struct bc_http *http = request->http;
	bool waits;

	pthread_mutex_lock(&http->lock);
	waits = !http->stopping;
	if (waits)
		wait_for_end(request);
	pthread_mutex_unlock(&http->lock);
	if (!waits)
		return MHD_NO;
	request->probing = true;
	request->error =
		bc_control_probe(clientid, http->config->probe_ms(),
				 probe_ended, request, &request->probe);
	if (request->error)
		probe_ended(request);
	return MHD_YES;
}

static enum MHD_Result answer_probe(struct request *request)
{
	uint64_t us;

	if (request->error == -ENOENT)
		return answer_error(
			request, MHD_HTTP_NOT_FOUND,
			"there is no such client, or it has no session");
	if (request->error)
		return MHD_NO;
	switch (bc_control_probe_result(request->probe, &us)) {
	case BC_PROBE_ANSWERED:
		return answer_json(request, MHD_HTTP_OK,
				   bc_json_probe(true, us));
	case BC_PROBE_UNANSWERED:
		return answer_json(request, MHD_HTTP_OK,
				   bc_json_probe(false, us));
	case BC_PROBE_PENDING:
	case BC_PROBE_STOPPED:
		break;
	}
	return answer_error(request, MHD_HTTP_SERVICE_UNAVAILABLE,
			    "the server ends");
}

/* Changing ------------------------------------------------------------------- */

static enum MHD_Result post_trust(struct request *request, uint64_t clientid)
{
	if (bc_control_trust(clientid))
		return answer_no_client(request);
	return answer_json(request, MHD_HTTP_OK, bc_json_done("trusted"));
}

static enum MHD_Result post_drop(struct request *request, uint64_t clientid)
{
	uint64_t connection = 0;
	int dropped;

	if (!number_argument(request, "connection", UINT64_MAX, &connection) ||
	    !connection)
		return answer_error(request, MHD_HTTP_BAD_REQUEST,
				    "connection is not the number of one");
	dropped = bc_control_drop(clientid, connection);
	if (dropped < 0)
		return answer_no_client(request);
	if (!dropped)
		return answer_error(request, MHD_HTTP_NOT_FOUND,
				    "it is no back channel of this client");
	return answer_json(request, MHD_HTTP_OK,
			   bc_json_number("dropped", (uint64_t)dropped));
}

static enum MHD_Result post_client(struct request *request, const char *rest)
{
	const char *action = strchr(rest, '/');
	char id[32] = "";
	uint64_t clientid;

	if (!action || (size_t)(action - rest) >= sizeof(id))
		return answer_not_found(request);
	memcpy(id, rest, (size_t)(action - rest));
	if (!bc_model_parse_number(id, UINT64_MAX, &clientid))
		return answer_error(request, MHD_HTTP_BAD_REQUEST,
				    "this is not a client id");
	if (!strcmp(action, "/probe"))
		return post_probe(request, clientid);
	if (!strcmp(action, "/trust"))
		return post_trust(request, clientid);
	if (!strcmp(action, "/drop"))
		return post_drop(request, clientid);
	return answer_not_found(request);
}

static enum MHD_Result post_setting(struct request *request, const char *name)
{
	const char *value = MHD_lookup_connection_value(
		request->connection, MHD_GET_ARGUMENT_KIND, "value");
	char why[256];

	switch (bc_model_set(request->http->config, name, value, why,
			     sizeof(why))) {
	case BC_MODEL_SET:
		break;
	case BC_MODEL_SET_UNKNOWN:
		return answer_error(request, MHD_HTTP_NOT_FOUND, why);
	case BC_MODEL_SET_INVALID:
		return answer_error(request, MHD_HTTP_BAD_REQUEST, why);
	case BC_MODEL_SET_REFUSED:
		return answer_error(request, MHD_HTTP_CONFLICT, why);
	}
	return get_settings(request);
}

/* Finding -------------------------------------------------------------------- */

static const struct {
	const char *url;
	enum MHD_Result (*get)(struct request *request);
	bool needs_core;
} places[] = {
	{ "/healthz", get_health, false },
	{ "/readyz", get_ready, false },
	{ "/metrics", get_metrics, false },
	{ "/v1/totals", get_totals, false },
	{ "/v1/settings", get_settings, false },
	{ "/v1/exports", get_exports, true },
	{ "/v1/clients", get_clients, true },
};

/* @return what follows a prefix, or NULL: it does not begin with that */
static const char *after(const char *url, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(url, prefix, len) ? NULL : url + len;
}

/* @return true: it was answered that there is no core, and so no client */
static bool refuse_without_core(struct request *request,
				enum MHD_Result *result)
{
	char why[1024];

	if (!bc_model_no_core(request->http->config, why, sizeof(why)))
		return false;
	*result = answer_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, why);
	return true;
}

static enum MHD_Result get(struct request *request, const char *url)
{
	const char *id = after(url, "/v1/clients/");
	enum MHD_Result result;
	uint64_t clientid;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(places[i].url, url) != 0)
			continue;
		if (places[i].needs_core &&
		    refuse_without_core(request, &result))
			return result;
		return places[i].get(request);
	}
	if (!id)
		return answer_not_found(request);
	if (refuse_without_core(request, &result))
		return result;
	if (!bc_model_parse_number(id, UINT64_MAX, &clientid))
		return answer_error(request, MHD_HTTP_BAD_REQUEST,
				    "this is not a client id");
	return get_client(request, clientid);
}

static enum MHD_Result post(struct request *request, const char *url)
{
	const char *client = after(url, "/v1/clients/");
	const char *setting = after(url, "/v1/settings/");
	enum MHD_Result result;

	if (request->http->read_only)
		return answer_error(
			request, MHD_HTTP_METHOD_NOT_ALLOWED,
			"nothing can be changed here, only over the Unix socket");
	if (refuse_without_core(request, &result))
		return result;
	if (client)
		return post_client(request, client);
	if (setting)
		return post_setting(request, setting);
	return answer_not_found(request);
}

/* libmicrohttpd -------------------------------------------------------------- */

/* Nothing that is asked here has one: it is not waited for. */
static bool has_body(struct MHD_Connection *connection)
{
	const char *len = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (len && strcmp(len, "0") != 0) ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static struct request *request_new(struct bc_http *http,
				   struct MHD_Connection *connection)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->http = http;
	request->connection = connection;
	return request;
}

/* Called when the header is there, again when the request is complete, and again
 * when its connection goes on after it was suspended.
 */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection,
			      const char *url, const char *method,
			      const char *version, const char *upload_data,
			      size_t *upload_data_size, void **request_cls)
{
	struct request *request = *request_cls;

	(void)version, (void)upload_data, (void)upload_data_size;
	if (!request) {
		request = *request_cls = request_new(cls, connection);
		if (!request)
			return MHD_NO;
		if (!has_body(connection))
			return MHD_YES;
		return answer_error(request, MHD_HTTP_CONTENT_TOO_LARGE,
				    "a request has no body here");
	}
	if (request->probing)
		return answer_probe(request);
	if (!strcmp(method, MHD_HTTP_METHOD_GET) ||
	    !strcmp(method, MHD_HTTP_METHOD_HEAD))
		return get(request, url);
	if (!strcmp(method, MHD_HTTP_METHOD_POST))
		return post(request, url);
	return answer_error(request, MHD_HTTP_METHOD_NOT_ALLOWED,
			    "only GET, HEAD and POST are known here");
}

static void completed(void *cls, struct MHD_Connection *connection,
		      void **request_cls, enum MHD_RequestTerminationCode code)
{
	struct request *request = *request_cls;

	(void)cls, (void)connection, (void)code;
	if (!request)
		return;
	if (request->probe)
		bc_control_probe_end(request->probe);
	free(request);
	*request_cls = NULL;
}

struct bc_http *bc_http_start(const struct bc_admin_config *config, int fd,
			      bool read_only, bool per_address)
{
	struct bc_http *http = calloc(1, sizeof(*http));

	if (!http) {
		close(fd);
		return NULL;
	}
	http->config = config;
	http->read_only = read_only;
	pthread_mutex_init(&http->lock, NULL);
	/* Of a server's descriptors those beyond 1023 are none for select(). */
	http->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
			MHD_ALLOW_SUSPEND_RESUME,
		0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		per_address ? (unsigned int)CONNECTIONS_PER_ADDRESS : 0U,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES,
		MHD_OPTION_END);
	if (http->daemon)
		return http;
	/* The socket may have been closed, or not: it is lost rather than what
	 * another thread has opened meanwhile is closed.
	 */
	pthread_mutex_destroy(&http->lock);
	free(http);
	return NULL;
}

void bc_http_stop(struct bc_http *http)
{
	if (!http)
		return;
	pthread_mutex_lock(&http->lock);
	http->stopping = true;
	while (http->waiting)
		wait_no_more(http->waiting);
	pthread_mutex_unlock(&http->lock);
	MHD_stop_daemon(http->daemon);
	pthread_mutex_destroy(&http->lock);
	free(http);
}
