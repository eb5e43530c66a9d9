/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locks that are waited for: who is denied one leaves what it is told with when it may
 * have it.  RFC 5661, 9.6, 18.10 and 20.11.
 */
#ifndef BC_LOCK_WAITS_H
#define BC_LOCK_WAITS_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "nfsv41.h"

/** Tell clients of locks, or leave no more of them waiting: an administrator's switch.
 * Who waits already is told.  Context: any thread.
 */
void bc_lock_waits_switch(bool on);
bool bc_lock_waits_is_on(void);

/**
 * A LOCK was denied.
 *
 * @param[in] data   of NFSv4.1 or later; its file's locks are seen by bc_lock_op()
 * @param[in] args
 * @param[in] waits  it will be waited for; else who has waited for just this one waits
 *                   no more, 9.6
 *
 * Context: LOCK's handler, after the original; holds no lock.
 */
void bc_lock_waits_denied(compound_data_t *data, const LOCK4args *args,
			  bool waits);

/**
 * A LOCK was granted.  A file's locks may be fewer for that, in a way that the file system
 * is not told of: a lock has become one for reading.
 *
 * Where nobody waits for a lock, that costs two relaxed loads.
 *
 * Context: as bc_lock_waits_denied(), or somebody waits for a lock.
 */
void bc_lock_waits_granted(struct fsal_obj_handle *obj);

/** A file's locks may be fewer.  Context: its st_lock is held. */
void bc_lock_waits_changed_locked(struct fsal_obj_handle *obj);

/** The core's operations, see struct bc_ops. */
void bc_lock_waits_next(void *place);
void bc_lock_waits_place_free(void *place);

#endif /* BC_LOCK_WAITS_H */
