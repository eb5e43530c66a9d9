/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The times of a file whose delegation has them, asked of its holder.  RFC 9754.
 */
#ifndef BC_DELEGATED_TIMES_H
#define BC_DELEGATED_TIMES_H

#include "config.h"
#include "fsal_api.h"
#include "nfsv41.h"

/**
 * Let a CB_GETATTR ask for the times, too, if the file's write delegation has them.
 *
 * @param[in,out] args    what Ganesha asks for
 * @param[in]     obj     the file; NULL: it is not known
 * @param[in]     holder  the client that is asked
 *
 * Context: the file's st_lock is held.
 */
void bc_times_ask(CB_GETATTR4args *args, const struct fsal_obj_handle *obj,
		  clientid4 holder);

/** Whether a CB_GETATTR asks for them. */
bool bc_times_are_asked(const CB_GETATTR4args *args);

/** A file whose times are coming. */
struct bc_times_coming {
	const struct fsal_obj_handle *obj; /* never followed */
	struct glist_head others;
};

/**
 * The answer to a CB_GETATTR is about to be there for who looks, and the times are not
 * yet; then they are.
 *
 * @param[out] coming  stays until bc_times_end()
 *
 * Context: any.
 */
void bc_times_begin(struct bc_times_coming *coming,
		    const struct fsal_obj_handle *obj);
void bc_times_end(struct bc_times_coming *coming);

/**
 * Whether the times that an answer has told may not be there yet.
 *
 * Context: the file's st_lock is held.
 */
bool bc_times_are_coming(const struct fsal_obj_handle *obj);

/**
 * A file's times are what the holder of its delegation says, until it says something
 * else or they are read from the file system again.  If it has returned the delegation
 * meanwhile, they are what it has said then.
 *
 * @param[in] obj
 * @param[in] holder  the client that was asked
 * @param[in] answer  to a CB_GETATTR: attributes that were asked for
 *
 * Context: an operation context with an export; holds no lock.
 */
void bc_times_set(struct fsal_obj_handle *obj, clientid4 holder,
		  const fattr4 *answer);

#endif /* BC_DELEGATED_TIMES_H */
