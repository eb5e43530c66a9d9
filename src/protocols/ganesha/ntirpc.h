/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What differs between the versions of ntirpc, each of which belongs to one of
 * Ganesha; beside dialect.h the one place that asks which one it is.
 */
#ifndef BC_NTIRPC_H
#define BC_NTIRPC_H

#include "config.h"

#include <rpc/rpc.h>

/** clnt_vc_ncreate_svc() of a transport that is gone fails.  Before, it made another
 * one of the same descriptor.  And one that is just being accepted gets its
 * operations only then.
 */
#define BC_OPENS_WHAT_IS_THERE (BC_GANESHA >= 6)

/** Connections that are reset, or end while somebody waits to write, leave descriptors
 * behind (transport/dead_socket.h).  From 7 on none does, and the shield is not taken.
 */
#define BC_LOSES_DESCRIPTORS (BC_GANESHA < 9)

/** Ganesha asks which transport a CLIENT is for. */
#define BC_HAS_CLIENT_XPRT (BC_GANESHA >= 6)

#if !BC_HAS_CLIENT_XPRT
static inline SVCXPRT *clnt_vc_get_client_xprt(const CLIENT *clnt)
{
	(void)clnt;
	return NULL;
}
#endif

#endif /* BC_NTIRPC_H */
