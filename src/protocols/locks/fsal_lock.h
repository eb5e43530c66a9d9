/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What Ganesha does to a file's locks, as it tells the file's FSAL.
 */
#ifndef BC_FSAL_LOCK_H
#define BC_FSAL_LOCK_H

#include "config.h"
#include "fsal.h"

/** An FSAL's own lock_op2. */
typedef fsal_status_t (*bc_lock_op2)(struct fsal_obj_handle *obj_hdl,
				     struct state_t *state, void *owner,
				     fsal_lock_op_t lock_op,
				     fsal_lock_param_t *request_lock,
				     fsal_lock_param_t *conflicting_lock);

/**
 * A lock of a file is taken, given back or tested, by a client of any protocol or
 * because it has ended.
 *
 * Where nobody waits for a lock, that costs a relaxed load.
 *
 * Context: as lock_op2, which holds the file's st_lock.
 */
fsal_status_t bc_lock_op(bc_lock_op2 original, struct fsal_obj_handle *obj_hdl,
			 struct state_t *state, void *owner,
			 fsal_lock_op_t lock_op,
			 fsal_lock_param_t *request_lock,
			 fsal_lock_param_t *conflicting_lock);

#endif /* BC_FSAL_LOCK_H */
