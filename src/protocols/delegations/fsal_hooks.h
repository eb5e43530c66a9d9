/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What Ganesha calls instead of its own functions on files.
 */
#ifndef BC_FSAL_HOOKS_H
#define BC_FSAL_HOOKS_H

#include "ganesha/import_hook.h"

/** Functions of Ganesha's that it calls through imports of its own. */
enum bc_fsal_import {
	BC_FSAL_IMPORT_LOOKUP,
	BC_FSAL_IMPORT_OPEN2,
	BC_FSAL_IMPORT_REOPEN2,
	BC_FSAL_IMPORT_TO_FHANDLE,
	BC_FSAL_IMPORT_GET_EXPORT,
	BC_FSAL_IMPORT_PUT_EXPORT,
	BC_FSAL_IMPORTS,
};

extern const struct bc_import_hook bc_fsal_hooks[BC_FSAL_IMPORTS];

#endif /* BC_FSAL_HOOKS_H */
