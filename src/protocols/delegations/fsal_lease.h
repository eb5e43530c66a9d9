/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The leases behind delegations, which Ganesha asks of an export's FSAL.
 */
#ifndef BC_FSAL_LEASE_H
#define BC_FSAL_LEASE_H

#include "config.h"
#include "fsal.h"

/**
 * Let an export whose FSAL has no delegations of its own grant them.
 *
 * Does nothing for an FSAL that has its own, without Leases, and when called
 * again.  Delegations are granted from the export's first handle on.
 *
 * @param[in] sub_export  the adopted export
 *
 * Context: bc_export_create(), bc_export_update().
 */
void bc_fsal_lease_adopt(struct fsal_export *sub_export);

/** Does bc_fsal_lease_adopt() do anything? Context: after the start. */
bool bc_fsal_lease_adopts(void);

/**
 * Grant no more delegations through bc_fsal_lease_adopt(); those that are held can
 * still be returned.
 *
 * Context: any thread.
 */
void bc_fsal_lease_disable(void);

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

#endif /* BC_FSAL_LEASE_H */
