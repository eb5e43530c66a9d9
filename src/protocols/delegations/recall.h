/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Recalling the delegations of a file.
 */
#ifndef BC_RECALL_H
#define BC_RECALL_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"

/**
 * Recall every delegation of a file that is granted, but for one.
 *
 * Does not wait: Ganesha's own threads do it.
 *
 * @param[in] obj     as the request knows it
 * @param[in] spared  the asker's own delegation; NULL: it has none
 *
 * Context: a request's thread, with its operation context; the file's st_lock is
 * held.
 */
void bc_recall_start_locked(struct fsal_obj_handle *obj, state_t *spared);

/**
 * A reference to an export is taken, by the function of that name; or given back.
 *
 * Context: Ganesha's, on any thread.  On one that recalls for bc_recall_start_locked(),
 * get_state_obj_export_owner_refs() is called with the file's st_lock held.
 */
void bc_recall_refers_to_export(const char *function);
void bc_recall_leaves_export(void);

#endif /* BC_RECALL_H */
