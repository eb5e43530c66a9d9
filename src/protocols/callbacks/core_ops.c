/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's surroundings: Ganesha's log, ntirpc's transport, Ganesha's completion.
 */
#include "callbacks/core_ops.h"

#include "callbacks/completion.h"
#include "locks/lock_waits.h"
#include "transport/transport.h"

#include "log.h"

static void core_log(enum bc_log_level level, const char *line)
{
	switch (level) {
	case BC_LOG_WARN:
		LogWarn(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_EVENT:
		LogEvent(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_INFO:
		LogInfo(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_DEBUG:
		LogDebug(COMPONENT_NFS_CB, "%s", line);
		break;
	case BC_LOG_TRACE:
		LogFullDebug(COMPONENT_NFS_CB, "%s", line);
		break;
	}
}

/* Ganesha's level may change at any moment. */
static bool core_tracing(void)
{
	return isFullDebug(COMPONENT_NFS_CB);
}

const struct bc_ops bc_core_ops = {
	.log = core_log,
	.tracing = core_tracing,
	.request_new = bc_transport_request_new,
	.request_free = bc_transport_request_free,
	.send = bc_transport_send,
	.conn_close_if_stalled = bc_transport_conn_close_if_stalled,
	.conn_has_ended = bc_transport_conn_has_ended,
	.conn_release = bc_transport_conn_release,
	.conn_free = bc_transport_conn_free,
	.complete = bc_completion_run,
	.go_on = bc_transport_resume,
	.lock_next = bc_lock_waits_next,
	.lock_place_free = bc_lock_waits_place_free,
};
