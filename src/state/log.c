/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The log: lines of the core, those that a peer can cause at will, and those that
 * follow one callback.
 *
 * Purpose: format a line; write only some of each kind that a peer can cause in
 *   BC_LOG_INTERVAL, and tell the number of those that were left out.  Such
 *   lines are written by the completions' thread: who notices what they say may
 *   hold a lock, which a slow log must not prolong.  So are those that follow a
 *   callback, in the order of what they tell; of them, more than can be written are
 *   left out, and counted.
 * Data: one struct bc_log_limit a kind, in bc_core; a struct log_line for each
 *   line that waits to be written.
 * Locking: none; any lock may be held.
 * Lifetime: the core's; a line is freed when it has been written.
 * Invariants: in an interval at most as many lines begin to wait as the limits of
 *   all kinds allow; what was left out is told when the interval is over, at the latest.
 *   At most BC_TRACES_MAX lines that follow callbacks wait.
 */
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SIZE 256

/* A line that waits for the completions' thread. */
struct log_line {
	struct bc_work work;
	enum bc_log_level level;
	char text[LINE_MAX_SIZE];
};

/** Of a kind: how many in an interval, and what they say, for the count of
 * those left out.
 */
struct kind {
	uint32_t burst;
	enum bc_log_level level;
	const char *what;
};

/* What happens to one client at a time is told of a few. */
#define SOME 20

static const struct kind kinds[BC_LIMITED_KINDS] = {
	[BC_LIMITED_PRINCIPAL] = { 1, BC_LOG_WARN, "principal refused" },
	[BC_LIMITED_PROTECTION] = { 1, BC_LOG_WARN, "credential refused" },
	[BC_LIMITED_SESSION_BINDINGS] = { 1, BC_LOG_WARN, "Max_Connections" },
	[BC_LIMITED_CLIENT_BINDINGS] = { 1, BC_LOG_WARN,
					 "Max_Client_Connections" },
	[BC_LIMITED_SERVER_BINDINGS] = { 1, BC_LOG_WARN,
					 "Max_Server_Connections" },
	[BC_LIMITED_PROBE] = { 1, BC_LOG_WARN, "back channel probe failed" },
	[BC_LIMITED_BOOKKEEPING] = { SOME, BC_LOG_WARN,
				     "bookkeeping of delegations mended" },
	[BC_LIMITED_PROBE_ANSWERED] = { 1, BC_LOG_DEBUG,
					"back channel probe answered" },
	[BC_LIMITED_NO_BACK_CHANNEL] = { SOME, BC_LOG_INFO, "no back channel" },
	[BC_LIMITED_PATH_UP] = { SOME, BC_LOG_EVENT,
				 "back channel is up again" },
	[BC_LIMITED_PATH_LOST] = { SOME, BC_LOG_EVENT,
				   "last back channel connection lost" },
	[BC_LIMITED_CONN_LOST] = { SOME, BC_LOG_EVENT,
				   "connection lost with callbacks in flight" },
	[BC_LIMITED_STALLED] = { SOME, BC_LOG_EVENT,
				 "connection acknowledges nothing" },
	[BC_LIMITED_VERDICT] = { SOME, BC_LOG_INFO, "callback not done" },
	[BC_LIMITED_RETRY] = { SOME, BC_LOG_INFO, "callback not answered" },
	[BC_LIMITED_GIVEN_UP] = { SOME, BC_LOG_EVENT, "callback given up" },
	[BC_LIMITED_NO_PATH] = { SOME, BC_LOG_EVENT,
				 "callback given up while waiting" },
	[BC_LIMITED_ON_TRIAL] = { SOME, BC_LOG_EVENT,
				  "back channel not trusted" },
	[BC_LIMITED_ENCODE] = { 1, BC_LOG_WARN, "cannot encode a callback" },
	[BC_LIMITED_SLOT_LOST] = { SOME, BC_LOG_WARN, "slot's sequence lost" },
	[BC_LIMITED_STUCK] = { SOME, BC_LOG_WARN,
			       "no slot of the back channel is answered" },
	[BC_LIMITED_FAULT] = { SOME, BC_LOG_WARN, "back channel fault" },
	[BC_LIMITED_REVOKED] = { SOME, BC_LOG_EVENT,
				 "a delegation was revoked" },
	[BC_LIMITED_NOT_REMEMBERED] = { 1, BC_LOG_WARN,
					"a revoked delegation is not remembered" },
};

static void omitted_run(struct bc_timer *timer);
static struct bc_timer omitted_timer = { .run = omitted_run };

void bc_log(enum bc_log_level level, const char *format, ...)
{
	char line[LINE_MAX_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	bc_core.ops->log(level, line);
}

bool bc_log_due(struct bc_log_limit *limit, uint32_t burst, uint64_t now,
		uint32_t *omitted)
{
	uint64_t next = uatomic_read(&limit->next);

	/* Of the threads that find the interval over, one begins the next. */
	if (now >= next &&
	    uatomic_cmpxchg(&limit->next, next, now + BC_LOG_INTERVAL) == next)
		uatomic_set(&limit->written, 0);
	if (uatomic_read(&limit->written) >= burst ||
	    uatomic_add_return(&limit->written, 1) > burst) {
		*omitted = uatomic_add_return(&limit->omitted, 1);
		return false;
	}
	*omitted = uatomic_xchg(&limit->omitted, 0);
	return true;
}

static void line_run(struct bc_work *work)
{
	struct log_line *line = caa_container_of(work, struct log_line, work);

	bc_core.ops->log(line->level, line->text);
	if (line->level == BC_LOG_TRACE)
		uatomic_dec(&bc_core.traces.waiting);
	free(line);
}

static void line_queue(struct log_line *line, enum bc_log_level level)
{
	line->level = level;
	line->work = (struct bc_work){ .run = line_run };
	bc_completion_queue(&line->work);
}

void bc_log_limited(enum bc_limited kind, enum bc_log_level level,
		    const char *format, ...)
{
	struct bc_log_limit *limit = &bc_core.limits[kind];
	struct log_line *line;
	uint32_t omitted;
	va_list args;
	int len;

	if (!bc_log_due(limit, kinds[kind].burst, bc_now(), &omitted)) {
		if (omitted == 1)
			bc_timer_arm(&omitted_timer,
				     uatomic_read(&limit->next));
		return;
	}
	line = malloc(sizeof(*line));
	if (!line)
		return;
	va_start(args, format);
	len = vsnprintf(line->text, sizeof(line->text), format, args);
	va_end(args);
	if (omitted && len >= 0 && (size_t)len < sizeof(line->text))
		snprintf(line->text + len, sizeof(line->text) - (size_t)len,
			 " (%u more since the last such line)", omitted);
	line_queue(line, level);
}

/* Tell what was left out of the kinds whose interval is over.  Context: the
 * timers' thread; at the core's end it is not over, but nothing more comes.
 */
static void omitted_run(struct bc_timer *timer)
{
	bool stopping = uatomic_read(&bc_core.stopping);
	uint64_t now = bc_now();

	for (int kind = 0; kind < BC_LIMITED_KINDS; kind++) {
		struct bc_log_limit *limit = &bc_core.limits[kind];
		struct log_line *line;
		uint32_t omitted;

		if (!uatomic_read(&limit->omitted))
			continue;
		if (!stopping && uatomic_read(&limit->next) > now) {
			bc_timer_arm(timer, uatomic_read(&limit->next));
			continue;
		}
		line = malloc(sizeof(*line));
		omitted = uatomic_xchg(&limit->omitted, 0);
		if (!line)
			continue;
		snprintf(line->text, sizeof(line->text),
			 "%u more lines like this were left out: %s", omitted,
			 kinds[kind].what);
		line_queue(line, kinds[kind].level);
	}
}

/* Lines that follow a callback ---------------------------------------------- */

#define ABOUT 64 /* bytes, for what a line begins with */
_Static_assert(2 * ABOUT < LINE_MAX_SIZE, "and there is room behind it");

/* Left out, and counted, where too many wait or memory is short. */
static void trace(const char *about, const char *format, va_list args)
{
	struct log_line *line = NULL;
	char left_out[ABOUT] = "";
	unsigned long omitted;
	int len;

	if (uatomic_add_return(&bc_core.traces.waiting, 1) <= BC_TRACES_MAX)
		line = malloc(sizeof(*line));
	if (!line) {
		uatomic_dec(&bc_core.traces.waiting);
		uatomic_inc(&bc_core.traces.omitted);
		return;
	}
	omitted = uatomic_read(&bc_core.traces.omitted) ?
			  uatomic_xchg(&bc_core.traces.omitted, 0) :
			  0;
	if (omitted)
		snprintf(left_out, sizeof(left_out), "(%lu lines left out) ",
			 omitted);
	len = snprintf(line->text, sizeof(line->text), "%s%s", left_out, about);
	vsnprintf(line->text + len, sizeof(line->text) - (size_t)len, format,
		  args);
	line_queue(line, BC_LOG_TRACE);
}

void bc_trace_call(const struct bc_call *call, const char *format, ...)
{
	uint64_t ns = call->submitted ? bc_now_ns() - call->submitted : 0;
	char about[ABOUT];
	va_list args;

	snprintf(about, sizeof(about),
		 "callback %lu +%luus: ", (unsigned long)call->id,
		 (unsigned long)(ns / 1000));
	va_start(args, format);
	trace(about, format, args);
	va_end(args);
}

void bc_trace_client(uint64_t clientid, const char *format, ...)
{
	char about[ABOUT];
	va_list args;

	snprintf(about, sizeof(about),
		 "client %#lx: ", (unsigned long)clientid);
	va_start(args, format);
	trace(about, format, args);
	va_end(args);
}
