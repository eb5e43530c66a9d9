/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Jansson's setters take a value that could not be made for an error, which is as
 * well told at the end: no memory, no text.
 */
#include "admin/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* @return @a object as text; it is consumed */
static char *text_of(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static void set(json_t *object, const char *name, json_t *value)
{
	(void)json_object_set_new(object, name, value);
}

static void set_count(json_t *object, const char *name, uint64_t value)
{
	set(object, name, json_integer((json_int_t)value));
}

/* JSON is of characters only: a path may have been anything. */
static json_t *any_text(const char *text)
{
	char plain[BC_MODEL_TEXT];
	json_t *value = json_string(text);

	return value ? value : json_string(bc_model_plain(text, plain));
}

static void set_text(json_t *object, const char *name, const char *value)
{
	set(object, name, any_text(value));
}

static void set_bool(json_t *object, const char *name, bool value)
{
	set(object, name, json_boolean(value));
}

static void set_ms(json_t *object, const char *name, uint64_t ms)
{
	set(object, name,
	    ms == BC_NEVER ? json_null() : json_real((double)ms / 1e3));
}

/* Ids ------------------------------------------------------------------------ */

static void set_clientid(json_t *object, const char *name, uint64_t clientid)
{
	char text[24];

	snprintf(text, sizeof(text), "%#" PRIx64, clientid);
	set_text(object, name, text);
}

static void set_sessionid(json_t *object, const char *name,
			  const uint8_t id[BC_SESSIONID_SIZE])
{
	char text[BC_MODEL_SESSIONID];

	bc_model_sessionid(id, text);
	set_text(object, name, text);
}

/* A text, or null. */
static json_t *text_or_null(const char *text)
{
	return text ? any_text(text) : json_null();
}

/* Clients -------------------------------------------------------------------- */

static json_t *client_object(const struct bc_client_view *view)
{
	json_t *object = json_object();
	bool up = view->paths > 0;
	char address[BC_MODEL_ADDRESS];

	set_clientid(object, "id", view->clientid);
	set(object, "address",
	    text_or_null(bc_model_address(view, address) ? address : NULL));
	set_text(object, "state", bc_model_client_state_name(view->state));
	set(object, "no_delegations",
	    text_or_null(bc_model_why_no_delegations(view)));
	set_bool(object, "path_up", up);
	set_ms(object, "path_since", view->path_ms);
	set_ms(object, "heard", view->heard_ms);
	set_count(object, "sessions", view->sessions);
	set_count(object, "bindings", view->back_bound);
	set_count(object, "paths", view->paths);
	set_count(object, "callbacks", view->calls);
	set_count(object, "waiting", view->queued);
	set_ms(object, "oldest_waits", view->oldest_ms);
	set_count(object, "revoked_stateids", view->revoked);
	return object;
}

static json_t *session_object(const struct bc_session_view *view)
{
	json_t *object = json_object();
	json_t *slots = json_object();

	set_sessionid(object, "id", view->id);
	set_count(object, "minorversion", view->minorversion);
	set_count(object, "max_request_size", view->max_request_size);
	set_bool(object, "can_have_back_channel", view->has_security);
	set_bool(object, "fault", view->fault);
	set_bool(object, "stuck", view->stuck);
	set_count(object, "bindings", view->back_bound);
	set_count(object, "fore_bindings", view->fore_bound);
	set_count(object, "paths", view->paths);
	set_count(slots, "size", view->slots.size);
	set_count(slots, "limit", view->slots.limit);
	set_count(slots, "busy", view->slots.busy);
	set_count(slots, "parked", view->slots.parked);
	set_count(slots, "delayed", view->slots.delayed);
	set_count(slots, "lost", view->slots.lost);
	set(object, "slots", slots);
	return object;
}

static json_t *binding_object(const struct bc_binding_view *view)
{
	json_t *object = json_object();

	set_count(object, "connection", view->connection);
	set_sessionid(object, "session", view->session);
	set_text(object, "state", bc_model_binding_state_name(view->state));
	set_text(object, "channels", view->both ? "both" : "back");
	set_bool(object, "on_trial", view->on_trial);
	set_ms(object, "heard", view->heard_ms);
	return object;
}

char *bc_json_clients(const struct bc_client_view *views, size_t count,
		      uint32_t next)
{
	json_t *object = json_object();
	json_t *clients = json_array();
	char cursor[16];

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(clients, client_object(&views[i]));
	set(object, "clients", clients);
	snprintf(cursor, sizeof(cursor), "%" PRIu32, next);
	set(object, "next", next ? json_string(cursor) : json_null());
	return text_of(object);
}

char *bc_json_client(const struct bc_client_detail *detail)
{
	json_t *object = client_object(&detail->client);
	json_t *sessions = json_array();
	json_t *connections = json_array();

	for (uint32_t i = 0; i < detail->sessions; i++)
		(void)json_array_append_new(
			sessions, session_object(&detail->session[i]));
	for (uint32_t i = 0; i < detail->bindings; i++)
		(void)json_array_append_new(
			connections, binding_object(&detail->binding[i]));
	set(object, "session_list", sessions);
	set(object, "connection_list", connections);
	set_bool(object, "all_shown",
		 detail->sessions == detail->client.sessions &&
			 detail->bindings == detail->client.back_bound);
	return text_of(object);
}

/* Exports -------------------------------------------------------------------- */

static void add_export(void *arg, const struct bc_admin_export *export)
{
	json_t *object = json_object();

	set_count(object, "id", export->id);
	set_text(object, "path", export->path);
	set_text(object, "pseudo", export->pseudo);
	set_text(object, "fsal", export->fsal);
	set_bool(object, "adopted", export->adopted);
	set_text(object, "why", export->why);
	set_text(object, "refused", export->refused);
	(void)json_array_append_new(arg, object);
}

char *bc_json_exports(const struct bc_admin_config *config)
{
	json_t *object = json_object();
	json_t *exports = json_array();

	if (config->exports)
		config->exports(add_export, exports);
	set(object, "exports", exports);
	return text_of(object);
}

/* Totals --------------------------------------------------------------------- */

static json_t *now_object(const struct bc_snapshot_now *now)
{
	json_t *object = json_object();
	json_t *clients = json_object();

	for (int state = 0; state < BC_CLIENT_STATES; state++)
		set_count(
			clients,
			bc_model_client_state_name((enum bc_client_state)state),
			now->clients[state]);
	set(object, "clients", clients);
	set_count(object, "sessions", now->sessions);
	set_count(object, "connections", now->connections);
	set_count(object, "bindings", now->back_bound);
	set_count(object, "callbacks_waiting", now->queued);
	set_ms(object, "callback_oldest_wait", now->oldest_ms);
	set_ms(object, "path_down_longest", now->down_ms);
	set_count(object, "requests_waiting", now->held_weight);
	set_count(object, "lock_waiters", now->lock_waiters);
	set_count(object, "clients_with_revoked_stateids",
		  now->revoked_clients);
	return object;
}

static bool op_was_used(const struct bc_counts *counts, unsigned int op)
{
	return bc_model_op_name(op) && counts->submitted[op];
}

static json_t *callbacks_object(const struct bc_counts *counts)
{
	json_t *object = json_object();

	for (unsigned int op = 0; op < BC_CB_OPS; op++) {
		json_t *one;

		if (!op_was_used(counts, op))
			continue;
		one = json_object();
		set_count(one, "submitted", counts->submitted[op]);
		for (int outcome = 0; outcome < BC_OUTCOMES; outcome++)
			set_count(
				one,
				bc_model_outcome_name((enum bc_outcome)outcome),
				counts->completed[op][outcome]);
		set(object, bc_model_op_name(op), one);
	}
	return object;
}

/* The time within which so much of what was timed was done, as exact as the
 * buckets are: their upper end.
 */
static uint64_t quantile_ns(const struct bc_histogram *histogram,
			    uint64_t count, unsigned int percent)
{
	uint64_t wanted = (count * percent + 99) / 100, seen = 0;
	int i;

	for (i = 0; i < BC_HISTOGRAM_BUCKETS - 1; i++) {
		seen += histogram->buckets[i];
		if (seen >= wanted)
			break;
	}
	return BC_HISTOGRAM_FIRST << i;
}

static json_t *duration_object(const struct bc_histogram *histogram)
{
	json_t *object = json_object();
	uint64_t count = bc_model_timed(histogram);

	set_count(object, "count", count);
	set(object, "sum", json_real((double)histogram->sum / 1e9));
	if (!count)
		return object;
	set(object, "median_at_most",
	    json_real((double)quantile_ns(histogram, count, 50) / 1e9));
	set(object, "p99_at_most",
	    json_real((double)quantile_ns(histogram, count, 99) / 1e9));
	return object;
}

static json_t *verdicts_object(const struct bc_counts *counts)
{
	json_t *object = json_object();

	for (int verdict = 0; verdict < BC_VERDICTS; verdict++)
		set_count(object,
			  bc_model_verdict_name((enum bc_verdict)verdict),
			  counts->verdicts[verdict]);
	return object;
}

/* A family with labels is an object, by the values of its labels. */
static json_t *counts_object(const struct bc_counts *counts)
{
	json_t *object = json_object();

	for (size_t i = 0; i < bc_model_num_counts; i++) {
		const struct bc_model_count *count = &bc_model_counts[i];
		char name[BC_MODEL_COUNT_NAME];

		bc_model_count_name(count, name);
		set_count(object, name, counts->of[count->counter]);
	}
	set_ms(object, "path_down_seconds", counts->of[BC_COUNT_DOWN_MS]);
	return object;
}

char *bc_json_totals(const struct bc_model *model)
{
	json_t *object = json_object();
	json_t *held = json_object();

	set_text(object, "version", model->config->version);
	set_text(object, "ganesha", model->config->ganesha);
	set_text(object, "status", bc_model_state_name(model->state));
	set_text(object, "why", model->why);
	set(object, "now", now_object(&model->now));
	set(object, "callbacks", callbacks_object(&model->counts));
	set(object, "replies", verdicts_object(&model->counts));
	set(object, "callback_duration",
	    duration_object(&model->counts.durations[BC_DURATION_CALLBACK]));
	set(object, "reply_duration",
	    duration_object(&model->counts.durations[BC_DURATION_REPLY]));
	set(object, "counts", counts_object(&model->counts));
	set_count(held, "held", model->held.held);
	set_count(held, "in_vain", model->held.in_vain);
	set_count(held, "refused", model->held.refused);
	set(object, "held_requests", held);
	return text_of(object);
}

/* Small things --------------------------------------------------------------- */

char *bc_json_error(const char *what)
{
	json_t *object = json_object();

	set_text(object, "error", what);
	return text_of(object);
}

char *bc_json_state(enum bc_admin_state state, const char *why)
{
	json_t *object = json_object();

	set_text(object, "status", bc_model_state_name(state));
	set_text(object, "why", why);
	return text_of(object);
}

char *bc_json_settings(const struct bc_admin_config *config)
{
	json_t *object = json_object();

	for (size_t i = 0; i < config->num_settings; i++) {
		const struct bc_admin_setting *setting = &config->settings[i];
		uint32_t value = setting->get();

		set(object, setting->name,
		    setting->is_bool ? json_boolean(value) :
				       json_integer(value));
	}
	return text_of(object);
}

char *bc_json_probe(bool answered, uint64_t us)
{
	json_t *object = json_object();

	set_bool(object, "answered", answered);
	set(object, "seconds", json_real((double)us / 1e6));
	return text_of(object);
}

char *bc_json_number(const char *name, uint64_t value)
{
	json_t *object = json_object();

	set_count(object, name, value);
	return text_of(object);
}

char *bc_json_done(const char *name)
{
	json_t *object = json_object();

	set_bool(object, name, true);
	return text_of(object);
}
