/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The attachment to the running Ganesha.
 */
#ifndef BC_ATTACHMENT_H
#define BC_ATTACHMENT_H

#include <stdbool.h>

struct fsal_export;

/**
 * Take Ganesha's callback path over: extend the operations, replace the
 * imports.  All or nothing.
 *
 * @retval 0       attached
 * @retval -errno  nothing was changed; what did not fit has been logged
 *
 * Context: once, before any client exists.
 */
int bc_attach(void);

/**
 * Hand limits and times of bc_module_config to the core, where they have changed.
 *
 * Context: between bc_attach() and bc_detach().
 */
void bc_attachment_configure(void);

/** Is the configuration read again at SIGHUP? Context: after bc_attach(). */
bool bc_attachment_reloads(void);

/**
 * Take hold of an adopted export's FSAL as well, where that is needed: of CEPH's, once.
 *
 * Context: bc_export_create(), bc_export_update().
 */
void bc_attachment_adopt(const struct fsal_export *sub_export);

/**
 * Put back every pointer that bc_attach() replaced, complete every callback
 * that is still pending and wait until no thread is inside the module.  Only the
 * hash of Ganesha's table of stateids (stateid_table.h), and what FSALs lead to, are
 * called on: the module stays mapped.
 *
 * Context: once, after the server has stopped its request threads.
 */
void bc_detach(void);

#endif /* BC_ATTACHMENT_H */
