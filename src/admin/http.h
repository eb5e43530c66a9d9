/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The views over HTTP/1.1, each server on a thread of its own.
 *
 *   GET  /healthz /readyz /metrics /v1/totals /v1/settings /v1/exports
 *        /v1/clients[?limit=&cursor=] /v1/clients/ID
 *   POST /v1/clients/ID/probe  /v1/clients/ID/trust
 *        /v1/clients/ID/drop?connection=  /v1/settings/NAME?value=
 *
 * What goes wrong is answered with {"error": ...}.  A reader that is slow, or sends
 * what it likes, has its own connection for it, for a limited time, of a limited
 * number.
 */
#ifndef BC_HTTP_H
#define BC_HTTP_H

#include "admin/admin.h"

struct bc_http;

/**
 * Serve.
 *
 * @param[in] config     stays as it is until bc_http_stop()
 * @param[in] fd         listens; taken over
 * @param[in] read_only  whether POST is refused
 * @param[in] per_address  whether readers are counted by their address
 *
 * @return NULL: it cannot
 */
struct bc_http *bc_http_start(const struct bc_admin_config *config, int fd,
			      bool read_only, bool per_address);

/** Close all connections, and end. NULL is allowed. */
void bc_http_stop(struct bc_http *http);

#endif /* BC_HTTP_H */
