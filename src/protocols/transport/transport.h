/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The one file that sends and receives over ntirpc, seen by the rest.
 */
#ifndef BC_TRANSPORT_H
#define BC_TRANSPORT_H

#include "config.h"

#include <rpc/rpc.h>
#include <rpc/svc.h>

#include "backchannel.h"

/** The core's operations on requests and connections. */
struct bc_request *bc_transport_request_new(size_t body_len);
void bc_transport_request_free(struct bc_request *req);
int bc_transport_send(struct bc_request *req);
bool bc_transport_conn_close_if_stalled(struct bc_conn *conn);
bool bc_transport_conn_has_ended(struct bc_conn *conn);
void bc_transport_conn_release(struct bc_conn *conn);
void bc_transport_conn_free(struct bc_conn *conn);

/**
 * Let this thread write what it sends itself, or not, which is how it begins.
 *
 * A thread that writes may have to go on with what others queue on the
 * connection, without an end: it must hold no lock that others wait for.
 * One that may not leaves it to a worker of ntirpc's.
 *
 * @return what was before
 *
 * Context: any thread.
 */
bool bc_transport_set_may_write(bool may);

/**
 * Let a request go on that was suspended.
 *
 * @param[in] req  a struct svc_req
 *
 * Context: any thread, also under locks of the server; as struct bc_ops, go_on.
 */
void bc_transport_resume(void *req);

/**
 * From now on every thread writes what it sends itself; what was left to
 * workers has been written, or a second is over.
 *
 * Context: before svc_shutdown(); any thread. May block.
 */
void bc_transport_end_handing_over(void);

/**
 * The connection of a transport; made if it has none yet.
 *
 * @param[in] xprt  a TCP transport that the caller holds a reference to
 *
 * @return +1 ref; or NULL: not a TCP transport, on its way out, or no memory
 *
 * Context: an operation's handler.
 */
struct bc_conn *bc_transport_conn(SVCXPRT *xprt);

/**
 * The connection of a transport if it has one: borrowed, as long as the caller
 * holds a reference to the transport.  Context: lock-free.
 */
struct bc_conn *bc_transport_conn_of(SVCXPRT *xprt);

/**
 * Give every transport that is still there its own operations back.
 *
 * Context: after svc_shutdown() and bc_core_fini(); no thread is in ntirpc.
 */
void bc_transport_fini(void);

#endif /* BC_TRANSPORT_H */
