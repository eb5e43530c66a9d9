/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an administrator is told of this server, and may change in it.
 */
#ifndef BC_ADMINISTRATION_H
#define BC_ADMINISTRATION_H

#include <stdbool.h>

/**
 * Open the windows that the configuration names.
 *
 * @param[in] attached  whether the core runs
 *
 * Context: init_config, once, after the attachment.
 */
void bc_administration_start(bool attached);

/**
 * Open a window elsewhere, unless it is there, and close it where it was; what cannot
 * be opened is logged, and all stays as it is.
 *
 * @param[in] where  NULL or "": nowhere
 *
 * @return whether it is there now
 *
 * Context: any thread, after the start.
 */
bool bc_administration_move_socket(const char *where);
bool bc_administration_move_address(const char *where);

/** Close them. Context: before the core ends; idempotent. */
void bc_administration_stop(void);

#endif /* BC_ADMINISTRATION_H */
