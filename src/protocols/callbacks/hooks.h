/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What Ganesha calls instead of ntirpc's functions.
 */
#ifndef BC_HOOKS_H
#define BC_HOOKS_H

/** Functions of ntirpc's, and connect(), as Ganesha imports them. */
enum bc_import {
	BC_IMPORT_CLNT_REQ_SETUP,
	BC_IMPORT_CLNT_REQ_CALLBACK,
	BC_IMPORT_CLNT_REQ_RELEASE,
	BC_IMPORT_CLNT_REQ_WAIT_REPLY,
	BC_IMPORT_CLNT_VC_NCREATE_SVC,
	BC_IMPORT_SVC_SENDREPLY,
	BC_IMPORT_SVC_SHUTDOWN,
	BC_IMPORT_CONNECT,
	BC_IMPORTS,
};

/** What a library's import is called, and what is called instead. [K] */
struct bc_import_hook {
	const char *name;
	void *original; /* what the import must lead to before */
	void *function; /* and after */
};

extern const struct bc_import_hook bc_import_hooks[BC_IMPORTS];

#endif /* BC_HOOKS_H */
