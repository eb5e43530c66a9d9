/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What Ganesha calls instead of ntirpc's functions.
 */
#ifndef BC_HOOKS_H
#define BC_HOOKS_H

#include "ganesha/import_hook.h"

/** Functions of ntirpc's and the C library's, as Ganesha imports them. */
enum bc_import {
	BC_IMPORT_CLNT_REQ_SETUP,
	BC_IMPORT_CLNT_REQ_CALLBACK,
	BC_IMPORT_CLNT_REQ_RELEASE,
	BC_IMPORT_CLNT_REQ_WAIT_REPLY,
	BC_IMPORT_CLNT_VC_NCREATE_SVC,
	BC_IMPORT_CLNT_VC_GET_CLIENT_XPRT, /* not in all versions */
	BC_IMPORT_SVC_SENDREPLY,
	BC_IMPORT_SVC_SHUTDOWN,
	BC_IMPORT_CONNECT,
	BC_IMPORT_SIGWAIT, /* not needed in all versions */
	BC_IMPORTS,
};

extern const struct bc_import_hook bc_import_hooks[BC_IMPORTS];

#endif /* BC_HOOKS_H */
