/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's surroundings, as the module provides them.
 */
#ifndef BC_CORE_OPS_H
#define BC_CORE_OPS_H

#include "backchannel.h"

/** The operations of the core, for bc_core_init(). [K] */
extern const struct bc_ops bc_core_ops;

#endif /* BC_CORE_OPS_H */
