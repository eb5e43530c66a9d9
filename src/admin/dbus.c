/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Purpose: answer a method with a view of the model.
 * Data: the clients that are being asked, or were: the caller's bus does not wait for
 *   an answer of theirs, but asks for it again.
 * Locking: none, as methods are called one at a time.
 * Lifetime: a probe is kept until its client is asked again, its place is needed for
 *   another one's, or the end.
 */
#include "admin/dbus.h"

#include "admin/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Appending: each returns false when there is no memory ----------------------- */

static bool put_u32(DBusMessageIter *iter, uint32_t value)
{
	dbus_uint32_t number = value;

	return dbus_message_iter_append_basic(iter, DBUS_TYPE_UINT32, &number);
}

static bool put_u64(DBusMessageIter *iter, uint64_t value)
{
	dbus_uint64_t number = value;

	return dbus_message_iter_append_basic(iter, DBUS_TYPE_UINT64, &number);
}

static bool put_bool(DBusMessageIter *iter, bool value)
{
	dbus_bool_t truth = value;

	return dbus_message_iter_append_basic(iter, DBUS_TYPE_BOOLEAN, &truth);
}

static bool put_seconds(DBusMessageIter *iter, double seconds)
{
	return dbus_message_iter_append_basic(iter, DBUS_TYPE_DOUBLE, &seconds);
}

static bool put_ms(DBusMessageIter *iter, uint64_t ms)
{
	return put_seconds(iter, ms == BC_NEVER ? -1 : (double)ms / 1e3);
}

/* Over the bus go characters only: a path may have been anything. */
static bool put_text(DBusMessageIter *iter, const char *text)
{
	char plain[BC_MODEL_TEXT];
	const char *sent = text;

	if (!dbus_validate_utf8(text, NULL))
		sent = bc_model_plain(text, plain);
	return dbus_message_iter_append_basic(iter, DBUS_TYPE_STRING, &sent);
}

/* What is in a container has been appended, or not. */
static bool finish(DBusMessageIter *iter, DBusMessageIter *in, bool fine)
{
	if (fine)
		return dbus_message_iter_close_container(iter, in);
	dbus_message_iter_abandon_container(iter, in);
	return false;
}

static bool put_when(DBusMessageIter *iter)
{
	struct timespec now;
	DBusMessageIter in;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!dbus_message_iter_open_container(iter, DBUS_TYPE_STRUCT, NULL,
					      &in))
		return false;
	return finish(iter, &in,
		      put_u64(&in, (uint64_t)now.tv_sec) &&
			      put_u64(&in, (uint64_t)now.tv_nsec));
}

static bool put_fine(DBusMessageIter *reply)
{
	return put_bool(reply, true) && put_text(reply, "OK") &&
	       put_when(reply);
}

static bool put_error(DBusMessageIter *reply, const char *why)
{
	return put_bool(reply, false) && put_text(reply, why);
}

/* An entry of a dictionary, by type of its values. */

static bool begin_entry(DBusMessageIter *dict, DBusMessageIter *entry,
			const char *name)
{
	if (!dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL,
					      entry))
		return false;
	if (put_text(entry, name))
		return true;
	dbus_message_iter_abandon_container(dict, entry);
	return false;
}

static bool entry_count(DBusMessageIter *dict, const char *name, uint64_t value)
{
	DBusMessageIter entry;

	return begin_entry(dict, &entry, name) &&
	       finish(dict, &entry, put_u64(&entry, value));
}

static bool entry_seconds(DBusMessageIter *dict, const char *name,
			  double seconds)
{
	DBusMessageIter entry;

	return begin_entry(dict, &entry, name) &&
	       finish(dict, &entry, put_seconds(&entry, seconds));
}

static bool entry_text(DBusMessageIter *dict, const char *name,
		       const char *value)
{
	DBusMessageIter entry;

	return begin_entry(dict, &entry, name) &&
	       finish(dict, &entry, put_text(&entry, value));
}

/* Arguments -------------------------------------------------------------------- */

/* @return whether the next one is of this type; it is in @value, and done with */
static bool next_argument(DBusMessageIter *args, int type, void *value)
{
	if (!args || dbus_message_iter_get_arg_type(args) != type)
		return false;
	dbus_message_iter_get_basic(args, value);
	dbus_message_iter_next(args);
	return true;
}

/* A page of what is listed. @return NULL; or why it is none */
static const char *page_argument(DBusMessageIter *args, dbus_uint32_t *cursor,
				 dbus_uint32_t *limit)
{
	if (next_argument(args, DBUS_TYPE_UINT32, cursor) &&
	    next_argument(args, DBUS_TYPE_UINT32, limit) && *limit &&
	    *limit <= BC_DBUS_PAGE_MAX)
		return NULL;
	return "a cursor and a limit from 1 to 1000 are wanted, of type u";
}

/* @return why there is no client to be looked for; or NULL, and its id */
static const char *client_argument(const struct bc_admin_config *config,
				   DBusMessageIter *args,
				   dbus_uint64_t *clientid, char *why,
				   size_t size)
{
	if (!next_argument(args, DBUS_TYPE_UINT64, clientid))
		return "the client id, of type t, is missing";
	return bc_model_no_core(config, why, size) ? why : NULL;
}

#define NO_CLIENT "there is no such client"

/* Totals ----------------------------------------------------------------------- */

bool bc_dbus_status(const struct bc_admin_config *config, DBusMessageIter *args,
		    DBusMessageIter *reply)
{
	const char *why;
	enum bc_admin_state state = bc_model_state(config, &why);

	(void)args;
	return put_fine(reply) && put_text(reply, bc_model_state_name(state)) &&
	       put_text(reply, why) && put_text(reply, config->version) &&
	       put_text(reply, config->ganesha);
}

static bool entries_now(DBusMessageIter *dict,
			const struct bc_snapshot_now *now)
{
	for (int state = 0; state < BC_CLIENT_STATES; state++) {
		char name[BC_MODEL_COUNT_NAME];

		snprintf(name, sizeof(name), "clients.%s",
			 bc_model_client_state_name(
				 (enum bc_client_state)state));
		if (!entry_count(dict, name, now->clients[state]))
			return false;
	}
	return entry_count(dict, "sessions", now->sessions) &&
	       entry_count(dict, "connections", now->connections) &&
	       entry_count(dict, "bindings", now->back_bound) &&
	       entry_count(dict, "callbacks_waiting", now->queued) &&
	       entry_count(dict, "requests_waiting", now->held_weight) &&
	       entry_count(dict, "lock_waiters", now->lock_waiters) &&
	       entry_count(dict, "clients_with_revoked_stateids",
			   now->revoked_clients);
}

static bool entry_callback(DBusMessageIter *dict, const char *op,
			   const char *what, uint64_t value)
{
	char name[BC_MODEL_COUNT_NAME];

	snprintf(name, sizeof(name), "callbacks.%s.%s", op, what);
	return entry_count(dict, name, value);
}

/* Of the operations that were used. */
static bool entries_callbacks(DBusMessageIter *dict,
			      const struct bc_counts *counts)
{
	bool fine = true;

	for (unsigned int op = 0; op < BC_CB_OPS && fine; op++) {
		const char *name = bc_model_op_name(op);

		if (!name || !counts->submitted[op])
			continue;
		fine = entry_callback(dict, name, "submitted",
				      counts->submitted[op]);
		for (int outcome = 0; outcome < BC_OUTCOMES && fine; outcome++)
			fine = entry_callback(
				dict, name,
				bc_model_outcome_name((enum bc_outcome)outcome),
				counts->completed[op][outcome]);
	}
	return fine;
}

static bool entries_counts(DBusMessageIter *dict,
			   const struct bc_counts *counts)
{
	char name[BC_MODEL_COUNT_NAME];
	bool fine = true;

	for (int verdict = 0; verdict < BC_VERDICTS && fine; verdict++) {
		snprintf(name, sizeof(name), "replies.%s",
			 bc_model_verdict_name((enum bc_verdict)verdict));
		fine = entry_count(dict, name, counts->verdicts[verdict]);
	}
	for (size_t i = 0; i < bc_model_num_counts && fine; i++) {
		bc_model_count_name(&bc_model_counts[i], name);
		fine = entry_count(dict, name,
				   counts->of[bc_model_counts[i].counter]);
	}
	return fine;
}

static bool entries_been(DBusMessageIter *dict, const struct bc_model *model)
{
	const struct bc_histogram *durations = model->counts.durations;
	const struct bc_held_counts *held = &model->held;

	return entries_callbacks(dict, &model->counts) &&
	       entries_counts(dict, &model->counts) &&
	       entry_count(dict, "callback_duration",
			   bc_model_timed(&durations[BC_DURATION_CALLBACK])) &&
	       entry_count(dict, "reply_duration",
			   bc_model_timed(&durations[BC_DURATION_REPLY])) &&
	       entry_count(dict, "held_requests", held->held) &&
	       entry_count(dict, "held_requests_in_vain", held->in_vain) &&
	       entry_count(dict, "held_requests_refused", held->refused);
}

static bool entries_seconds(DBusMessageIter *dict, const struct bc_model *model)
{
	const struct bc_counts *counts = &model->counts;
	const struct bc_histogram *durations = counts->durations;

	return entry_seconds(dict, "callback_oldest_wait",
			     (double)model->now.oldest_ms / 1e3) &&
	       entry_seconds(dict, "path_down_longest",
			     (double)model->now.down_ms / 1e3) &&
	       entry_seconds(dict, "path_down",
			     (double)counts->of[BC_COUNT_DOWN_MS] / 1e3) &&
	       entry_seconds(dict, "callback_duration",
			     (double)durations[BC_DURATION_CALLBACK].sum /
				     1e9) &&
	       entry_seconds(dict, "reply_duration",
			     (double)durations[BC_DURATION_REPLY].sum / 1e9);
}

static bool begin_array(DBusMessageIter *reply, DBusMessageIter *array,
			const char *of)
{
	return dbus_message_iter_open_container(reply, DBUS_TYPE_ARRAY, of,
						array);
}

bool bc_dbus_totals(const struct bc_admin_config *config, DBusMessageIter *args,
		    DBusMessageIter *reply)
{
	struct bc_model model;
	DBusMessageIter dict;

	(void)args;
	bc_model_read(&model, config);
	return put_fine(reply) && begin_array(reply, &dict, "{st}") &&
	       finish(reply, &dict, entries_now(&dict, &model.now)) &&
	       begin_array(reply, &dict, "{st}") &&
	       finish(reply, &dict, entries_been(&dict, &model)) &&
	       begin_array(reply, &dict, "{sd}") &&
	       finish(reply, &dict, entries_seconds(&dict, &model));
}

/* Clients ---------------------------------------------------------------------- */

static bool begin_struct(DBusMessageIter *iter, DBusMessageIter *in)
{
	return dbus_message_iter_open_container(iter, DBUS_TYPE_STRUCT, NULL,
						in);
}

/* BC_DBUS_CLIENT */
static bool put_client(DBusMessageIter *iter, const struct bc_client_view *view)
{
	char address[BC_MODEL_ADDRESS];
	DBusMessageIter in;

	if (!bc_model_address(view, address))
		address[0] = '\0';
	return begin_struct(iter, &in) &&
	       finish(iter, &in,
		      put_u64(&in, view->clientid) && put_text(&in, address) &&
			      put_text(&in, bc_model_client_state_name(
						    view->state)) &&
			      put_bool(&in, view->paths > 0) &&
			      put_ms(&in, view->path_ms) &&
			      put_ms(&in, view->heard_ms) &&
			      put_u32(&in, view->sessions) &&
			      put_u32(&in, view->back_bound) &&
			      put_u32(&in, view->paths) &&
			      put_u32(&in, view->calls) &&
			      put_u32(&in, view->queued) &&
			      put_ms(&in, view->oldest_ms) &&
			      put_u32(&in, view->revoked));
}

static bool put_sessionid(DBusMessageIter *iter,
			  const uint8_t id[BC_SESSIONID_SIZE])
{
	char text[BC_MODEL_SESSIONID];

	bc_model_sessionid(id, text);
	return put_text(iter, text);
}

static const char *session_state(const struct bc_session_view *view)
{
	if (!view->has_security)
		return "no_back_channel";
	if (view->fault)
		return "fault";
	return view->stuck ? "stuck" : "ok";
}

/* BC_DBUS_SESSION */
static bool put_session(DBusMessageIter *iter,
			const struct bc_session_view *view)
{
	DBusMessageIter in;

	return begin_struct(iter, &in) &&
	       finish(iter, &in,
		      put_sessionid(&in, view->id) &&
			      put_u32(&in, view->minorversion) &&
			      put_text(&in, session_state(view)) &&
			      put_u32(&in, view->back_bound) &&
			      put_u32(&in, view->paths) &&
			      put_u32(&in, view->slots.size) &&
			      put_u32(&in, view->slots.limit) &&
			      put_u32(&in, view->slots.busy) &&
			      put_u32(&in, view->slots.lost));
}

/* BC_DBUS_BINDING */
static bool put_binding(DBusMessageIter *iter,
			const struct bc_binding_view *view)
{
	DBusMessageIter in;

	return begin_struct(iter, &in) &&
	       finish(iter, &in,
		      put_u64(&in, view->connection) &&
			      put_sessionid(&in, view->session) &&
			      put_text(&in, bc_model_binding_state_name(
						    view->state)) &&
			      put_text(&in, view->both ? "both" : "back") &&
			      put_bool(&in, view->on_trial) &&
			      put_ms(&in, view->heard_ms));
}

static bool put_clients(DBusMessageIter *reply,
			const struct bc_client_view *views, size_t count)
{
	DBusMessageIter array;
	bool fine = true;

	if (!begin_array(reply, &array, BC_DBUS_CLIENT))
		return false;
	for (size_t i = 0; i < count && fine; i++)
		fine = put_client(&array, &views[i]);
	return finish(reply, &array, fine);
}

bool bc_dbus_list_clients(const struct bc_admin_config *config,
			  DBusMessageIter *args, DBusMessageIter *reply)
{
	struct bc_client_view *views;
	dbus_uint32_t cursor, limit;
	const char *wrong = page_argument(args, &cursor, &limit);
	char why[1024];
	uint32_t next;
	size_t count;
	bool fine;

	if (wrong)
		return put_error(reply, wrong);
	if (bc_model_no_core(config, why, sizeof(why)))
		return put_error(reply, why);
	views = calloc(limit, sizeof(*views));
	if (!views)
		return false;
	next = cursor;
	count = bc_snapshot_clients(&next, views, limit);
	fine = put_fine(reply) && put_u32(reply, next) &&
	       put_clients(reply, views, count);
	free(views);
	return fine;
}

static bool put_detail(DBusMessageIter *reply,
		       const struct bc_client_detail *detail)
{
	const char *why = bc_model_why_no_delegations(&detail->client);
	DBusMessageIter array;
	bool fine = put_client(reply, &detail->client) &&
		    put_text(reply, why ? why : "") &&
		    begin_array(reply, &array, BC_DBUS_SESSION);

	if (!fine)
		return false;
	for (uint32_t i = 0; i < detail->sessions && fine; i++)
		fine = put_session(&array, &detail->session[i]);
	if (!finish(reply, &array, fine) ||
	    !begin_array(reply, &array, BC_DBUS_BINDING))
		return false;
	for (uint32_t i = 0; i < detail->bindings && fine; i++)
		fine = put_binding(&array, &detail->binding[i]);
	return finish(reply, &array, fine) &&
	       put_bool(reply,
			detail->sessions == detail->client.sessions &&
				detail->bindings == detail->client.back_bound);
}

bool bc_dbus_show_client(const struct bc_admin_config *config,
			 DBusMessageIter *args, DBusMessageIter *reply)
{
	struct bc_client_detail *detail;
	dbus_uint64_t clientid;
	char text[1024];
	const char *why =
		client_argument(config, args, &clientid, text, sizeof(text));
	bool fine;

	if (why)
		return put_error(reply, why);
	detail = malloc(sizeof(*detail));
	if (!detail)
		return false;
	if (bc_snapshot_client(clientid, detail))
		fine = put_error(reply, NO_CLIENT);
	else
		fine = put_fine(reply) && put_detail(reply, detail);
	free(detail);
	return fine;
}

/* Exports ---------------------------------------------------------------------- */

/* A page of them, which come by their ids. */
struct exports {
	uint32_t first, next; /* its first id, and the next page's; 0: none */
	uint32_t room;
	DBusMessageIter array;
	bool fine; /* all that is in it could be appended */
};

static void find_next(void *arg, const struct bc_admin_export *export)
{
	struct exports *exports = arg;

	if (export->id < exports->first || exports->next)
		return;
	if (exports->room)
		exports->room--;
	else
		exports->next = export->id;
}

static bool is_in_page(const struct exports *exports, uint16_t id)
{
	return id >= exports->first && (!exports->next || id < exports->next);
}

/* BC_DBUS_EXPORT */
static void put_export(void *arg, const struct bc_admin_export *export)
{
	struct exports *exports = arg;
	dbus_uint16_t id = export->id;
	DBusMessageIter in;

	if (!is_in_page(exports, export->id))
		return;
	exports->fine = exports->fine && begin_struct(&exports->array, &in) &&
			finish(&exports->array, &in,
			       dbus_message_iter_append_basic(
				       &in, DBUS_TYPE_UINT16, &id) &&
				       put_text(&in, export->path) &&
				       put_text(&in, export->pseudo) &&
				       put_text(&in, export->fsal) &&
				       put_bool(&in, export->adopted) &&
				       put_text(&in, export->why));
}

bool bc_dbus_list_exports(const struct bc_admin_config *config,
			  DBusMessageIter *args, DBusMessageIter *reply)
{
	struct exports exports = { .fine = true };
	dbus_uint32_t first, room;
	const char *wrong = page_argument(args, &first, &room);
	char why[1024];

	if (wrong)
		return put_error(reply, wrong);
	if (bc_model_no_core(config, why, sizeof(why)))
		return put_error(reply, why);
	exports.first = first;
	exports.room = room;
	if (config->exports)
		config->exports(find_next, &exports);
	if (!put_fine(reply) || !put_u32(reply, exports.next) ||
	    !begin_array(reply, &exports.array, BC_DBUS_EXPORT))
		return false;
	if (config->exports)
		config->exports(put_export, &exports);
	return finish(reply, &exports.array, exports.fine);
}

/* Probes ----------------------------------------------------------------------- */

static struct asked {
	uint64_t clientid;
	struct bc_control_probe *probe; /* NULL: the place is free */
} asked[BC_DBUS_PROBES];
static unsigned int asked_last; /* where a place was last taken */

static bool is_pending(const struct asked *one)
{
	uint64_t us;

	return bc_control_probe_result(one->probe, &us) == BC_PROBE_PENDING;
}

static struct asked *asked_find(uint64_t clientid)
{
	for (unsigned int i = 0; i < BC_DBUS_PROBES; i++)
		if (asked[i].probe && asked[i].clientid == clientid)
			return &asked[i];
	return NULL;
}

static void asked_forget(struct asked *one)
{
	if (one->probe)
		bc_control_probe_end(one->probe);
	one->probe = NULL;
}

/* A free place: the client's own, or after that which was taken last.
 * @return NULL: all are being asked
 */
static struct asked *asked_place(struct asked *own)
{
	struct asked *place = own;

	for (unsigned int i = 0; i < BC_DBUS_PROBES && !place; i++) {
		asked_last = (asked_last + 1) % BC_DBUS_PROBES;
		if (!asked[asked_last].probe || !is_pending(&asked[asked_last]))
			place = &asked[asked_last];
	}
	if (place)
		asked_forget(place);
	return place;
}

bool bc_dbus_probe(const struct bc_admin_config *config, DBusMessageIter *args,
		   DBusMessageIter *reply)
{
	struct asked *own, *place;
	dbus_uint64_t clientid;
	char text[1024];
	const char *why =
		client_argument(config, args, &clientid, text, sizeof(text));
	int rc;

	if (why)
		return put_error(reply, why);
	own = asked_find(clientid);
	if (own && is_pending(own))
		return put_fine(reply);
	place = asked_place(own);
	if (!place)
		return put_error(reply, "too many clients are being asked");
	rc = bc_control_probe(clientid, config->probe_ms(), NULL, NULL,
			      &place->probe);
	if (rc == -ENOENT)
		return put_error(
			reply, "there is no such client, or it has no session");
	place->clientid = clientid;
	return !rc && put_fine(reply);
}

bool bc_dbus_probe_result(const struct bc_admin_config *config,
			  DBusMessageIter *args, DBusMessageIter *reply)
{
	static const char *const names[] = {
		[BC_PROBE_PENDING] = "pending",
		[BC_PROBE_ANSWERED] = "answered",
		[BC_PROBE_UNANSWERED] = "unanswered",
		[BC_PROBE_STOPPED] = "unanswered",
	};
	const struct asked *one;
	enum bc_probe_result result;
	dbus_uint64_t clientid;
	char text[1024];
	uint64_t us;
	const char *why =
		client_argument(config, args, &clientid, text, sizeof(text));

	if (why)
		return put_error(reply, why);
	one = asked_find(clientid);
	if (!one)
		return put_error(reply,
				 "this client was not asked, or long ago");
	result = bc_control_probe_result(one->probe, &us);
	return put_fine(reply) && put_text(reply, names[result]) &&
	       put_seconds(reply, (double)us / 1e6);
}

void bc_dbus_end(void)
{
	for (unsigned int i = 0; i < BC_DBUS_PROBES; i++)
		asked_forget(&asked[i]);
}

/* Changing --------------------------------------------------------------------- */

bool bc_dbus_drop_connection(const struct bc_admin_config *config,
			     DBusMessageIter *args, DBusMessageIter *reply)
{
	dbus_uint64_t clientid, connection;
	char text[1024];
	const char *why =
		client_argument(config, args, &clientid, text, sizeof(text));
	int dropped;

	if (!why && !next_argument(args, DBUS_TYPE_UINT64, &connection))
		why = "the connection's number, of type t, is missing";
	if (why)
		return put_error(reply, why);
	dropped = bc_control_drop(clientid, connection);
	if (dropped < 0)
		return put_error(reply, NO_CLIENT);
	if (!dropped)
		return put_error(reply, "it is no back channel of this client");
	return put_fine(reply) && put_u32(reply, (uint32_t)dropped);
}

bool bc_dbus_reset_trust(const struct bc_admin_config *config,
			 DBusMessageIter *args, DBusMessageIter *reply)
{
	dbus_uint64_t clientid;
	char text[1024];
	const char *why =
		client_argument(config, args, &clientid, text, sizeof(text));

	if (!why && bc_control_trust(clientid))
		why = NO_CLIENT;
	return why ? put_error(reply, why) : put_fine(reply);
}

bool bc_dbus_list_settings(const struct bc_admin_config *config,
			   DBusMessageIter *args, DBusMessageIter *reply)
{
	DBusMessageIter dict;
	bool fine = put_fine(reply) && begin_array(reply, &dict, "{ss}");

	(void)args;
	if (!fine)
		return false;
	for (size_t i = 0; i < config->num_settings && fine; i++) {
		const struct bc_admin_setting *setting = &config->settings[i];
		uint32_t value = setting->get();
		char text[16];

		if (setting->is_bool)
			snprintf(text, sizeof(text), "%s",
				 value ? "true" : "false");
		else
			snprintf(text, sizeof(text), "%u", value);
		fine = entry_text(&dict, setting->name, text);
	}
	return finish(reply, &dict, fine);
}

bool bc_dbus_set(const struct bc_admin_config *config, DBusMessageIter *args,
		 DBusMessageIter *reply)
{
	const char *name, *value;
	char why[1024];

	if (!next_argument(args, DBUS_TYPE_STRING, &name) ||
	    !next_argument(args, DBUS_TYPE_STRING, &value))
		return put_error(reply,
				 "a name and a value are wanted, of type s");
	if (bc_model_no_core(config, why, sizeof(why)) ||
	    bc_model_set(config, name, value, why, sizeof(why)) != BC_MODEL_SET)
		return put_error(reply, why);
	return put_fine(reply);
}
