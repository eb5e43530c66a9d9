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
 * @param[in] obj
 * @param[in] asker
 * @param[in] has_waited  since it asked before: what is there has come meanwhile
 *
 * @return whether the asker, having waited, has got the answer: the file's attributes
 *         are what the holder has said, and Ganesha is not to ask again
 *
 * Context: GETATTR's handler, before the original; the file's st_lock is held.
 */
bool bc_getattr_check_locked(struct fsal_obj_handle *obj,
			     const struct bc_asker *asker, bool has_waited);

#endif /* BC_GETATTR_H */
