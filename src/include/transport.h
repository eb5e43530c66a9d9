/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The one file that talks to ntirpc, seen by the rest of the module.
 */
#ifndef BC_TRANSPORT_H
#define BC_TRANSPORT_H

#include "config.h"
#include "nfs_core.h"

#include "backchannel.h"

/** The core's operations on requests and connections. */
struct bc_request *bc_transport_request_new(size_t body_len);
void bc_transport_request_free(struct bc_request *req);
int bc_transport_send(struct bc_request *req);
void bc_transport_conn_release(struct bc_conn *conn);
void bc_transport_conn_free(struct bc_conn *conn);
void bc_transport_security_free(struct bc_security *security);

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
 * The first usable security flavor of those that a client offers, in its own
 * order, with its program: what its callbacks will carry.  AUTH_NONE and
 * AUTH_SYS are usable.  RFC 5661, 18.36.3 and 2.10.8.3.
 *
 * @param[in] program
 * @param[in] parms   csa_sec_parms or bca_sec_parms
 * @param[in] count   their number
 *
 * @return +1 ref; or NULL: none can be used, or no memory
 */
struct bc_security *bc_transport_security(uint32_t program,
					  const callback_sec_parms4 *parms,
					  uint32_t count);

/**
 * Give every transport that is still there its own operations back.
 *
 * Context: after svc_shutdown() and bc_core_fini(); no thread is in ntirpc.
 */
void bc_transport_fini(void);

#endif /* BC_TRANSPORT_H */
