/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module's object on Ganesha's D-Bus: /org/ganesha/nfsd/Backchannel, with the
 * interface org.ganesha.nfsd.backchannel.
 */
#ifndef BC_BUS_H
#define BC_BUS_H

#include "admin/admin.h"

/**
 * Register the object as soon as the server runs; not at all if it has no bus.
 *
 * @param[in] config  stays as it is until bc_bus_stop()
 *
 * Context: init_config, once.
 */
void bc_bus_start(const struct bc_admin_config *config);

/** Ganesha has left its bus. Context: before the core ends; idempotent. */
void bc_bus_stop(void);

#endif /* BC_BUS_H */
