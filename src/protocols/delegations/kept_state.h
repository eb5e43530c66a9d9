/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * States of delegations that outlive their delegations a little.
 */
#ifndef BC_KEPT_STATE_H
#define BC_KEPT_STATE_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"

/**
 * Keep the state of a delegation that is taken back, until nobody else has it.
 *
 * Does nothing for one that has never been recalled, and where Ganesha needs no help.
 *
 * Context: holds the file's st_lock, before the state is deleted; the layout of
 * delegations is known.
 */
void bc_kept_state_add(state_t *state);

/**
 * Free what is kept and nobody else has; of many, some.
 *
 * Context: any, whatever is held; costs a relaxed load where nothing is kept.
 */
void bc_kept_state_free_unused(void);

#endif /* BC_KEPT_STATE_H */
