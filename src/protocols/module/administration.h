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

/** Close them. Context: before the core ends; idempotent. */
void bc_administration_stop(void);

#endif /* BC_ADMINISTRATION_H */
