/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * At SIGHUP, and for reread_config over its bus (from 6.5 on), Ganesha reads its
 * configuration again: what can change then, of the BACKCHANNEL block.
 */
#ifndef BC_RELOAD_H
#define BC_RELOAD_H

#include "ganesha/import_hook.h"

/**
 * What Ganesha imports from itself to read its log's configuration again, before its
 * exports: called then, and only then.
 */
extern const struct bc_import_hook bc_reload_hook;

/**
 * bc_module_config is as it is in the configuration, and may be restricted next.
 *
 * Context: init_config, once.
 */
void bc_reload_begin(void);

#endif /* BC_RELOAD_H */
