/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What of Ganesha's own configuration the module goes by.
 */
#ifndef BC_SETTINGS_H
#define BC_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "config_parsing.h"

/**
 * Read Ganesha's own settings twice, in its parameters and, with its parser, in
 * its configuration, and compare.
 *
 * Where the two differ, the parameters are laid out otherwise than the module was
 * built to know them.
 *
 * @retval 0         they agree
 * @retval -ENOTSUP  they do not, or the lease is out of bounds; this has been
 *                   logged
 *
 * Context: init_config of the module, once, before any client exists.
 */
int bc_settings_check(config_file_t file, struct config_error_type *err_type);

/** The lease of clients, s. Context: after bc_settings_check(). */
uint32_t bc_settings_lease(void);

/** Is 9P among the protocols? Context: after bc_settings_check(). */
bool bc_settings_has_9p(void);

#endif /* BC_SETTINGS_H */
