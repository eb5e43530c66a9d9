/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The log: lines of the core, and those that a peer can cause at will.
 *
 * Purpose: format a line; write those of a kind that a peer can cause at most
 *   once in BC_LOG_INTERVAL, with the number of those that were left out.
 * Data: one struct bc_log_limit a kind, in bc_core.
 * Locking: none; any lock may be held.
 * Lifetime: the core's.
 * Invariant: of the threads that find a kind's interval over, one writes.
 */
#include "bc_internal.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_SIZE 256

static void write_line(enum bc_log_level level, uint32_t omitted,
		       const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

static void write_line(enum bc_log_level level, uint32_t omitted,
		       const char *format, va_list args)
{
	char line[LINE_MAX_SIZE];
	int len = vsnprintf(line, sizeof(line), format, args);

	if (omitted && len >= 0 && (size_t)len < sizeof(line))
		snprintf(line + len, sizeof(line) - (size_t)len,
			 " (%u more since the last such line)", omitted);
	bc_core.ops->log(level, line);
}

void bc_log(enum bc_log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(level, 0, format, args);
	va_end(args);
}

bool bc_log_due(struct bc_log_limit *limit, uint64_t now, uint32_t *omitted)
{
	uint64_t next = uatomic_read(&limit->next);

	if (now < next || uatomic_cmpxchg(&limit->next, next,
					  now + BC_LOG_INTERVAL) != next) {
		uatomic_inc(&limit->omitted);
		return false;
	}
	*omitted = uatomic_xchg(&limit->omitted, 0);
	return true;
}

void bc_log_limited(enum bc_limited kind, enum bc_log_level level,
		    const char *format, ...)
{
	uint32_t omitted;
	va_list args;

	if (!bc_log_due(&bc_core.limits[kind], bc_now(), &omitted))
		return;
	va_start(args, format);
	write_line(level, omitted, format, args);
	va_end(args);
}
