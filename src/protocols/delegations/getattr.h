/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Answers to CB_GETATTR: for those who asked, and not for later.
 */
#ifndef BC_GETATTR_H
#define BC_GETATTR_H

#include "config.h"
#include "nfs_core.h"

#include "delegations/asker.h"

/**
 * Another client asks for the attributes of a file with a write delegation: an
 * answer that is there already is dropped unless it is this asker's, or new.
 *
 * Context: GETATTR's handler, before the original; the file's st_lock is held.
 */
void bc_getattr_check_locked(struct fsal_obj_handle *obj,
			     const struct bc_asker *asker);

#endif /* BC_GETATTR_H */
