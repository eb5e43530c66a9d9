/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The leases behind delegations, which Ganesha asks of an export's FSAL.
 */
#ifndef BC_FSAL_LEASE_H
#define BC_FSAL_LEASE_H

#include "config.h"
#include "fsal.h"
#include "sal_data.h"

/**
 * Let an export whose FSAL has no delegations of its own grant them.
 *
 * Grants nothing for an FSAL that has its own, and without Leases; does nothing when
 * called again.  Delegations are granted from the export's first handle on.
 *
 * @param[in] sub_export  the adopted export
 *
 * Context: bc_export_create(), bc_export_update(), if bc_fsal_lease_adopts().
 */
void bc_fsal_lease_adopt(struct fsal_export *sub_export);

/** Is there anything to adopt an export for? Context: after the start. */
bool bc_fsal_lease_adopts(void);

/**
 * Grant no more delegations through bc_fsal_lease_adopt(); those that are held can
 * still be returned.
 *
 * Context: any thread.
 */
void bc_fsal_lease_disable(void);

/**
 * Do the leases of this request's FSAL come from the file system itself?  Then others
 * than this server may have a delegation recalled, and a request for what is being
 * recalled may wait for it inside the FSAL.
 *
 * Context: a request's thread; lock-free.
 */
bool bc_fsal_lease_is_chained(void);

/**
 * Give the file system's lease behind a delegation back before the delegation is
 * returned.
 *
 * Context: a request's thread, if bc_fsal_lease_is_chained(); the file's st_lock is held.
 */
void bc_fsal_lease_let_go_locked(struct fsal_obj_handle *obj, state_t *state);

/** Are the delegations that an adopted export's FSAL has of its own refused, as others
 * could not rely on them? Context: any thread.
 */
bool bc_fsal_lease_refuses(const struct fsal_export *sub_export);

/**
 * The methods of an adopted export, as they were.
 *
 * Context: any thread; lock-free.
 */
const struct export_ops *
bc_fsal_lease_original(const struct fsal_export *sub_export);

/**
 * Grant delegations through bc_fsal_lease_adopt(), or none until it is said again:
 * an administrator's switch.  Those that are held stay so.
 *
 * Context: any thread.
 */
void bc_fsal_lease_switch(bool on);

/** Are they granted, where an export's FSAL has none of its own? Context: any. */
bool bc_fsal_lease_is_on(void);

/**
 * Has no file of this request's FSAL been delegated yet, as far as it can be known?
 *
 * Context: a request's thread; lock-free.
 */
bool bc_fsal_lease_none_granted(void);

/**
 * Is what happens to the locks of this request's export seen (locks/fsal_lock.h), so
 * that who waits for one can be told?
 *
 * Context: a request's thread; lock-free.
 */
bool bc_fsal_lease_sees_locks(void);

#endif /* BC_FSAL_LEASE_H */
