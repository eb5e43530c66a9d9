/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin/model.h"

#include "wire/cb_about.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
const struct bc_model_count bc_model_counts[] = {
	{ "requests_sent", NULL, NULL, NULL, NULL, BC_COUNT_SENT,
	  "CB_COMPOUNDs handed to the transport." },
	{ "requests_not_encoded", NULL, NULL, NULL, NULL, BC_COUNT_SEND_FAILED,
	  "CB_COMPOUNDs that could not be encoded." },
	{ "failovers", NULL, NULL, NULL, NULL, BC_COUNT_FAILOVERS,
	  "Requests sent again over another connection after theirs was lost." },
	{ "redrives", NULL, NULL, NULL, NULL, BC_COUNT_REDRIVES,
	  "Callbacks that became a new request, as their session or slot ended." },
	{ "retries", NULL, NULL, NULL, NULL, BC_COUNT_RETRIES,
	  "Further attempts at callbacks that were not answered, or refused." },
	{ "callbacks_given_up", "reason", "no_answer", NULL, NULL,
	  BC_COUNT_GIVEN_UP,
	  "Callbacks given up, or put off because of a full queue." },
	{ "callbacks_given_up", "reason", "no_path", NULL, NULL,
	  BC_COUNT_NO_PATH, NULL },
	{ "callbacks_given_up", "reason", "queue_full", NULL, NULL,
	  BC_COUNT_QUEUE_FULL, NULL },
	{ "faults", "kind", "session", NULL, NULL, BC_COUNT_FAULTS,
	  "Back channels at fault: until their session ends, until a slot is answered, or a slot of them." },
	{ "faults", "kind", "stuck", NULL, NULL, BC_COUNT_STUCK, NULL },
	{ "faults", "kind", "slot_lost", NULL, NULL, BC_COUNT_SLOTS_LOST, NULL },
	{ "paths_lost", NULL, NULL, NULL, NULL, BC_COUNT_PATHS_LOST,
	  "Times that a client lost its last path." },
	{ "paths_regained", NULL, NULL, NULL, NULL, BC_COUNT_PATHS_REGAINED,
	  "Times that such a client got one again." },
	{ "trials", NULL, NULL, NULL, NULL, BC_COUNT_TRIALS,
	  "Times that a client left a callback unanswered, and must answer one before it is granted delegations." },
	{ "connections_stalled", NULL, NULL, NULL, NULL, BC_COUNT_STALLED,
	  "Connections closed because they acknowledged nothing." },
	{ "bindings_made", NULL, NULL, NULL, NULL, BC_COUNT_BOUND,
	  "Back channels of connections that were bound." },
	{ "bindings_removed", "reason", "administrator", NULL, NULL,
	  BC_COUNT_DROPPED,
	  "Back channels of connections that were taken, by an administrator or at a limit." },
	{ "bindings_removed", "reason", "max_connections", NULL, NULL,
	  BC_COUNT_DISPLACED_SESSION, NULL },
	{ "bindings_removed", "reason", "max_client_connections", NULL, NULL,
	  BC_COUNT_DISPLACED_CLIENT, NULL },
	{ "bindings_removed", "reason", "max_server_connections", NULL, NULL,
	  BC_COUNT_DISPLACED_SERVER, NULL },
	{ "bind_refusals", "reason", "other_channels", NULL, NULL,
	  BC_COUNT_BIND_CHANNELS, "Refused BIND_CONN_TO_SESSIONs." },
	{ "bind_refusals", "reason", "no_security", NULL, NULL,
	  BC_COUNT_BIND_SECURITY, NULL },
	{ "bind_refusals", "reason", "principal", NULL, NULL,
	  BC_COUNT_BIND_PRINCIPAL, NULL },
	{ "protected_clients", NULL, NULL, NULL, NULL, BC_COUNT_PROTECTED,
	  "Client ids that were given state protection (Machine_Credentials)." },
	{ "protection_refusals", "reason", "credential", NULL, NULL,
	  BC_COUNT_PROTECTION_CREDENTIAL,
	  "Operations refused for the state protection of a client id." },
	{ "protection_refusals", "reason", "connection", NULL, NULL,
	  BC_COUNT_PROTECTION_CONNECTION, NULL },
	{ "protection_exemptions", NULL, NULL, NULL, NULL,
	  BC_COUNT_PROTECTION_EXEMPT,
	  "COMPOUNDs of a machine that end state on exports whose SecType they do not have." },
	{ "sessions_without_backchannel", "reason", "no_security", NULL, NULL,
	  BC_COUNT_NO_SECURITY,
	  "CREATE_SESSIONs whose back channel cannot be used." },
	{ "sessions_without_backchannel", "reason", "too_small", NULL, NULL,
	  BC_COUNT_TOO_SMALL, NULL },
	{ "probes", NULL, NULL, NULL, NULL, BC_COUNT_PROBES,
	  "CB_NULLs sent when a connection was bound (Probe)." },
	{ "probes_failed", NULL, NULL, NULL, NULL, BC_COUNT_PROBES_FAILED,
	  "Of them, those that were refused or not answered." },
	{ "questions", NULL, NULL, NULL, NULL, BC_COUNT_QUESTIONS,
	  "CB_SEQUENCEs alone, sent to clients on trial." },
	{ "delegations_granted", NULL, NULL, NULL, NULL, BC_COUNT_GRANTED,
	  "Delegations granted on adopted exports." },
	{ "delegations_refused", "reason", "conflict", NULL, NULL,
	  BC_COUNT_REFUSED_CONFLICT,
	  "Delegations that Ganesha would have granted on adopted exports, and were refused." },
	{ "delegations_refused", "reason", "export_removed", NULL, NULL,
	  BC_COUNT_REFUSED_EXPORT, NULL },
	{ "delegations_refused", "reason", "layout", NULL, NULL,
	  BC_COUNT_REFUSED_LAYOUT, NULL },
	{ "delegations_refused", "reason", "file_system", NULL, NULL,
	  BC_COUNT_REFUSED_FSAL, NULL },
	{ "delegations_returned", NULL, NULL, NULL, NULL, BC_COUNT_RETURNED,
	  "Delegations returned on adopted exports." },
	{ "delegations_revoked", NULL, NULL, NULL, NULL, BC_COUNT_REVOKED,
	  "Delegations revoked on adopted exports." },
	{ "lock_waits", NULL, NULL, NULL, NULL, BC_COUNT_LOCK_WAITS,
	  "Locks that were denied and are waited for: who came to wait for one (Notify_Locks)." },
	{ "lock_waits_ended", "how", "granted", NULL, NULL,
	  BC_COUNT_LOCK_GRANTED,
	  "Of them, those that are over: with the lock, left by the client, or in vain." },
	{ "lock_waits_ended", "how", "left", NULL, NULL, BC_COUNT_LOCK_LEFT,
	  NULL },
	{ "lock_waits_ended", "how", "did_not_come", NULL, NULL,
	  BC_COUNT_LOCK_PASSED, NULL },
	{ "lock_waits_ended", "how", "not_told", NULL, NULL,
	  BC_COUNT_LOCK_UNTOLD, NULL },
	{ "lock_waits_ended", "how", "forgotten", NULL, NULL,
	  BC_COUNT_LOCK_EXPIRED, NULL },
	{ "lock_waits_refused", NULL, NULL, NULL, NULL, BC_COUNT_LOCK_REFUSED,
	  "Denied locks that nobody will be told of, because of a limit." },
	{ "lock_notifications", NULL, NULL, NULL, NULL,
	  BC_COUNT_LOCK_NOTIFIED,
	  "CB_NOTIFY_LOCKs to those who wait for a lock." },
	{ "shield_actions", "shield", "conflicts", "action", "recall",
	  BC_COUNT_RECALLS, "What the shields have done." },
	{ "shield_actions", "shield", "conflicts", "action", "mend",
	  BC_COUNT_MENDED, NULL },
	{ "shield_actions", "shield", "restart", "action", "forget_recall",
	  BC_COUNT_FORGOTTEN, NULL },
	{ "shield_actions", "shield", "revoked", "action", "remember",
	  BC_COUNT_REMEMBERED, NULL },
	{ "shield_actions", "shield", "revoked", "action", "not_remember",
	  BC_COUNT_NOT_REMEMBERED, NULL },
	{ "shield_actions", "shield", "revoked", "action", "free",
	  BC_COUNT_FREED, NULL },
	{ "shield_actions", "shield", "sockets", "action", "end_write",
	  BC_COUNT_DEAD_WRITES, NULL },
};
/* clang-format on */
const size_t bc_model_num_counts =
	sizeof(bc_model_counts) / sizeof(bc_model_counts[0]);

_Static_assert(sizeof(bc_model_counts) / sizeof(bc_model_counts[0]) ==
		       BC_COUNTERS - 1,
	       "each counter but BC_COUNT_DOWN_MS is shown");

enum bc_admin_state bc_model_state(const struct bc_admin_config *config,
				   const char **why)
{
	enum bc_admin_state state;

	*why = "";
	state = config->state(why);
	if (bc_model_has_core(state) && bc_snapshot_stopping())
		return BC_ADMIN_STOPPING;
	return state;
}

bool bc_model_has_core(enum bc_admin_state state)
{
	return state != BC_ADMIN_NOT_ATTACHED && state != BC_ADMIN_OFF;
}

void bc_model_read(struct bc_model *model, const struct bc_admin_config *config)
{
	*model = (struct bc_model){ .config = config };
	model->state = bc_model_state(config, &model->why);
	model->has_core = bc_model_has_core(model->state);
	bc_counts_sum(&model->counts);
	if (!model->has_core)
		return;
	bc_snapshot_now(&model->now);
	bc_snapshot_held(&model->held);
}

bool bc_model_no_core(const struct bc_admin_config *config, char *why,
		      size_t size)
{
	const char *reason;
	enum bc_admin_state state = bc_model_state(config, &reason);

	if (bc_model_has_core(state))
		return false;
	snprintf(why, size, "%s%s%s",
		 state == BC_ADMIN_OFF ? "the module is switched off" :
					 "the module is not attached",
		 reason[0] ? ": " : "", reason);
	return true;
}

uint64_t bc_model_timed(const struct bc_histogram *histogram)
{
	uint64_t count = 0;

	for (int i = 0; i < BC_HISTOGRAM_BUCKETS; i++)
		count += histogram->buckets[i];
	return count;
}

/* Settings ------------------------------------------------------------------- */

bool bc_model_parse_number(const char *text, uint64_t max, uint64_t *number)
{
	unsigned long long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 0);
	*number = value;
	return !errno && !*end && value <= max;
}

/* @return whether it is a value of the setting */
static bool parse_value(const struct bc_admin_setting *setting,
			const char *text, uint64_t *value)
{
	if (!setting->is_bool)
		return bc_model_parse_number(text, setting->max, value);
	*value = !strcasecmp(text, "true");
	return *value || !strcasecmp(text, "false");
}

static enum bc_model_set change(const struct bc_admin_setting *setting,
				const char *text, char *why, size_t size)
{
	const char *reason;
	uint64_t value;

	if (!text || !parse_value(setting, text, &value)) {
		if (setting->is_bool)
			snprintf(why, size, "value is neither true nor false");
		else
			snprintf(why, size,
				 "value is not a number from 0 to %u",
				 setting->max);
		return BC_MODEL_SET_INVALID;
	}
	reason = setting->set((uint32_t)value);
	if (!reason)
		return BC_MODEL_SET;
	snprintf(why, size, "%s", reason);
	return BC_MODEL_SET_REFUSED;
}

enum bc_model_set bc_model_set(const struct bc_admin_config *config,
			       const char *name, const char *value, char *why,
			       size_t size)
{
	for (size_t i = 0; i < config->num_settings; i++)
		if (!strcasecmp(config->settings[i].name, name))
			return change(&config->settings[i], value, why, size);
	snprintf(why, size,
		 "there is no such setting that can be looked at here");
	return BC_MODEL_SET_UNKNOWN;
}

/* Clients -------------------------------------------------------------------- */

const char *bc_model_why_no_delegations(const struct bc_client_view *view)
{
	switch (view->state) {
	case BC_CLIENT_TRUSTED:
		return NULL;
	case BC_CLIENT_ON_TRIAL:
		if (view->doubted)
			return "it left a callback unanswered and has answered none since";
		if (view->bereaved)
			return "a delegation was revoked and it has answered nothing since";
		return "what came back must answer a callback first";
	case BC_CLIENT_NO_PATH:
		return "its back channel is down";
	case BC_CLIENT_NO_BACK:
		return "it has never had a back channel";
	}
	return NULL;
}

/* Four bytes of IPv4; or sixteen of IPv6, and perhaps the scope after them. */
bool bc_model_address(const struct bc_client_view *view,
		      char text[BC_MODEL_ADDRESS])
{
	int family = view->address_len == 4 ? AF_INET : AF_INET6;

	_Static_assert(BC_MODEL_ADDRESS >= INET6_ADDRSTRLEN, "any address");
	if (view->address_len != 4 && view->address_len < 16)
		return false;
	return inet_ntop(family, view->address, text, BC_MODEL_ADDRESS) != NULL;
}

/* Names ---------------------------------------------------------------------- */

void bc_model_sessionid(const uint8_t id[BC_SESSIONID_SIZE],
			char text[BC_MODEL_SESSIONID])
{
	for (int i = 0; i < BC_SESSIONID_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
}

void bc_model_count_name(const struct bc_model_count *count,
			 char name[BC_MODEL_COUNT_NAME])
{
	snprintf(name, BC_MODEL_COUNT_NAME, "%s%s%s%s%s", count->family,
		 count->label ? "." : "", count->label ? count->value : "",
		 count->second ? "." : "",
		 count->second ? count->second_value : "");
}

const char *bc_model_plain(const char *text, char plain[BC_MODEL_TEXT])
{
	snprintf(plain, BC_MODEL_TEXT, "%s", text);
	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return plain;
}

const char *bc_model_state_name(enum bc_admin_state state)
{
	static const char *const names[BC_ADMIN_STATES] = {
		[BC_ADMIN_ATTACHED] = "attached",
		[BC_ADMIN_WITHDRAWN] = "withdrawn",
		[BC_ADMIN_STOPPING] = "stopping",
		[BC_ADMIN_NOT_ATTACHED] = "not_attached",
		[BC_ADMIN_OFF] = "off",
	};

	return names[state];
}

const char *bc_model_client_state_name(enum bc_client_state state)
{
	static const char *const names[BC_CLIENT_STATES] = {
		[BC_CLIENT_TRUSTED] = "trusted",
		[BC_CLIENT_ON_TRIAL] = "on_trial",
		[BC_CLIENT_NO_PATH] = "no_path",
		[BC_CLIENT_NO_BACK] = "no_back_channel",
	};

	return names[state];
}

const char *bc_model_binding_state_name(enum bc_binding_view_state state)
{
	static const char *const names[] = {
		[BC_BINDING_VIEW_LIVE] = "live",
		[BC_BINDING_VIEW_OPENING] = "opening",
		[BC_BINDING_VIEW_SILENT] = "silent",
		[BC_BINDING_VIEW_ENDING] = "ending",
	};

	return names[state];
}

const char *bc_model_outcome_name(enum bc_outcome outcome)
{
	static const char *const names[BC_OUTCOMES] = {
		[BC_OUTCOME_REPLY] = "answered",
		[BC_OUTCOME_RAN] = "ran",
		[BC_OUTCOME_DEFER] = "put_off",
		[BC_OUTCOME_FAILED] = "failed",
	};

	return names[outcome];
}

const char *bc_model_verdict_name(enum bc_verdict verdict)
{
	static const char *const names[BC_VERDICTS] = {
		[BC_VERDICT_DONE] = "done",
		[BC_VERDICT_RAN] = "ran",
		[BC_VERDICT_REDO] = "redo",
		[BC_VERDICT_REFUSED] = "refused",
		[BC_VERDICT_GARBLED] = "garbled",
		[BC_VERDICT_TOO_BIG] = "too_big",
		[BC_VERDICT_DELAY] = "delay",
		[BC_VERDICT_MISORDERED] = "misordered",
		[BC_VERDICT_BADSLOT] = "bad_slot",
		[BC_VERDICT_MISMATCH] = "mismatch",
		[BC_VERDICT_UNBOUND] = "unbound",
		[BC_VERDICT_BADSESSION] = "bad_session",
	};

	return names[verdict];
}

const char *bc_model_op_name(unsigned int op)
{
	return op ? bc_cb_op_name(op) : "other";
}
