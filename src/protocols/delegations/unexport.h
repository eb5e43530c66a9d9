/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Exports that are removed.
 */
#ifndef BC_UNEXPORT_H
#define BC_UNEXPORT_H

#include "config.h"
#include "fsal.h"

/**
 * See to it that an adopted export leaves nothing behind.  Does nothing when called
 * again.
 *
 * @param[in] sub_export
 * @param[in] original    the methods of its FSAL's exports
 *
 * Context: holds leases_lock (fsal_lease.c).
 */
void bc_unexport_adopt(struct fsal_export *sub_export,
		       const struct export_ops *original);

/** Was it called for this export, and did its work? Context: any thread. */
bool bc_unexport_adopted(const struct fsal_export *sub_export);

/**
 * Is an export being removed, or has it been?
 *
 * Context: any thread that keeps the export; lock-free.
 */
bool bc_unexport_goes(const struct fsal_export *sub_export);

/** The same of the export of this thread's request. */
bool bc_unexport_goes_here(void);

/**
 * An operation is about to add a state to the export of this thread's request: from
 * now on that is not removed, for a second at most.
 *
 * @return to be given to bc_unexport_leave(); NULL: it is being removed, and nothing
 *         must be added any more
 *
 * Context: an operation's handler; lock-free.
 */
unsigned int *bc_unexport_enter(void);
void bc_unexport_leave(unsigned int *entered);

#endif /* BC_UNEXPORT_H */
