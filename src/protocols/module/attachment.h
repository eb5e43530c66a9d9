/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The attachment to the running Ganesha.
 */
#ifndef BC_ATTACHMENT_H
#define BC_ATTACHMENT_H

#include <stdbool.h>

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
 * Put back every pointer that bc_attach() replaced, complete every callback
 * that is still pending and wait until no thread is inside the module.  Only the
 * hash of Ganesha's table of stateids (stateid_table.h) is called on: the module
 * stays mapped.
 *
 * Context: once, after the server has stopped its request threads.
 */
void bc_detach(void);

#endif /* BC_ATTACHMENT_H */
