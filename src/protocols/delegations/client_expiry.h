/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client id that Ganesha ends: its delegations go, whatever recalls of them are
 * under way.
 */
#ifndef BC_CLIENT_EXPIRY_H
#define BC_CLIENT_EXPIRY_H

#include "ganesha/import_hook.h"

/** Ganesha's own functions, as it imports them from itself. */
enum bc_expiry_import {
	BC_EXPIRY_RELEASE_OP_CONTEXT,
	BC_EXPIRY_INIT_OP_CONTEXT,
	BC_EXPIRY_HASHTABLE_DELETELATCHED,
	BC_EXPIRY_IMPORTS,
};

/**
 * What is called instead.  Of use only together: to be replaced in this order,
 * and put back in the reverse one.  Context: any thread of Ganesha's.
 */
extern const struct bc_import_hook bc_expiry_hooks[BC_EXPIRY_IMPORTS];

#endif /* BC_CLIENT_EXPIRY_H */
