/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Words for the lines that follow a callback.
 *
 * Purpose: what there is to tell of a callback and of a reply, in words.
 * Data: none; the text is the caller's.
 * Locking: none.
 * Lifetime: a text lasts as long as its caller's.
 * Invariant: nothing here runs unless a line is written.
 */
#include "trace.h"

#include "wire/cb_about.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Add to a text what has room. */
static void add(struct bc_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct bc_text *text, const char *format, ...)
{
	size_t len = strlen(text->s);
	va_list args;

	va_start(args, format);
	vsnprintf(text->s + len, sizeof(text->s) - len, format, args);
	va_end(args);
}

static void add_hex(struct bc_text *text, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		add(text, "%02x", bytes[i]);
}

const char *bc_text_session(struct bc_text *text, const uint8_t *id)
{
	add_hex(text, id, BC_SESSIONID_SIZE);
	return text->s;
}

const char *bc_text_operation(struct bc_text *text, const struct bc_call *call)
{
	struct bc_cb_about about = bc_cb_about(call->args, call->args_len);
	const char *name = bc_cb_op_name(call->opcode);

	if (name)
		add(text, "%s", name);
	else
		add(text, "operation %u", call->opcode);
	if (about.stateid) { /* its seqid, and its other */
		add(text, ", stateid ");
		add_hex(text, about.stateid, 4);
		add(text, ":");
		add_hex(text, about.stateid + 4, BC_STATEID_OTHER_SIZE);
	}
	if (about.handle)
		add(text, ", file handle with CRC %#010" PRIx32,
		    bc_cb_handle_hash(about.handle, about.handle_size));
	return text->s;
}

const char *bc_text_reply(struct bc_text *text, const struct bc_reply *reply)
{
	switch (reply->kind) {
	case BC_REPLY_DECODED:
		add(text, "status %u", reply->status);
		if (reply->num_results > 0 && reply->sequence_status)
			add(text, ", CB_SEQUENCE %u", reply->sequence_status);
		else if (reply->num_results > 1)
			add(text, ", operation %u", reply->op_status);
		break;
	case BC_REPLY_GARBLED:
		add(text, "not a CB_COMPOUND's result");
		break;
	case BC_REPLY_RPC_ERROR:
		add(text, "RPC error %u", reply->rpc_status);
		break;
	}
	return text->s;
}

const char *bc_text_end(struct bc_text *text, const struct bc_call *call)
{
	static const char *const outcomes[BC_OUTCOMES] = {
		[BC_OUTCOME_REPLY] = "answered",
		[BC_OUTCOME_RAN] = "ran, its result is lost",
		[BC_OUTCOME_DEFER] = "put off",
		[BC_OUTCOME_FAILED] = "failed",
	};

	add(text, "%s", outcomes[call->outcome]);
	if (call->why)
		add(text, ", %s", call->why);
	return text->s;
}

const char *bc_text_channels(enum bc_channels channels)
{
	switch (channels) {
	case BC_CHANNEL_FORE:
		return "fore channel";
	case BC_CHANNEL_BACK:
		return "back channel";
	case BC_CHANNEL_BOTH:
		return "both channels";
	}
	return "no channel";
}
