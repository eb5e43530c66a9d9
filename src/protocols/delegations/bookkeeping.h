/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's bookkeeping of a file's delegations, kept true.
 */
#ifndef BC_BOOKKEEPING_H
#define BC_BOOKKEEPING_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"

#include "delegations/asker.h"
#include "ganesha/layout.h"

/**
 * States of a delegation (sd_state) beside Ganesha's two: Ganesha neither recalls
 * nor revokes one that is not DELEG_GRANTED.
 */
#define BC_DELEG_RETURNING 0x100 /* a DELEGRETURN of it is under way */
#define BC_DELEG_SPARED 0x101 /* its holder asks: others' are recalled now */
#define BC_DELEG_GOING 0x102 /* its export is removed: it is taken back now */
#define BC_DELEG_GONE                                                          \
	0x103 /* that is done; only Ganesha's state is still there */
#define BC_DELEG_LET_GO 0x104 /* recalled; its holder has begun to give it up */

/**
 * Is this a file that can be delegated, and are delegations laid out as known?
 *
 * Until the first one was granted there is none to be looked at.
 */
static inline bool bc_file_delegable(const struct fsal_obj_handle *obj)
{
	return bc_layout_of_delegations() == BC_LAYOUT_FITS && obj &&
	       obj->type == REGULAR_FILE && obj->state_hdl;
}

/**
 * Has the file any delegation?  Never false while it has one.
 *
 * Context: any; lock-free.
 */
static inline bool bc_file_delegated(const struct fsal_obj_handle *obj)
{
	return bc_file_delegable(obj) &&
	       uatomic_read(
		       &obj->state_hdl->file.fdeleg_stats.fds_curr_delegations);
}

/** The next delegation of a file after one, which may be gone since; NULL: the first,
 * or no more.
 */
state_t *bc_file_next_delegation(const struct fsal_obj_handle *obj,
				 const state_t *after);

/**
 * The delegation with a stateid; NULL: it is none of the file's.
 *
 * @param[in] client  whose it is, or nobody's; NULL: not known
 *
 * Context: the file's st_lock is held.
 */
state_t *bc_file_find_delegation(const struct fsal_obj_handle *obj,
				 nfs_client_id_t *client,
				 const stateid4 *stateid);

/**
 * Has the file several delegations?  All of them are for reading then (RFC 5661, 10.4.1):
 * a file that thousands hold need not be looked through for that.
 *
 * @param[in] but  one that does not count; or NULL
 *
 * Context: the file's st_lock is held.
 */
bool bc_file_shared(const struct fsal_obj_handle *obj, const state_t *but);

/**
 * The delegation with a stateid, if it is the asker's own; else NULL.
 *
 * Context: the file's st_lock is held.
 */
state_t *bc_file_own_delegation(const struct fsal_obj_handle *obj,
				const struct bc_asker *asker,
				const stateid4 *stateid);

/**
 * Make count, type and write holder of a file's delegations what the list of its
 * states says; let a recall that nobody makes look as if it had not begun.  A read
 * delegation looks like a write delegation as long as anonymous operations run that
 * have made it so (conflict.c).
 *
 * Context: the file's st_lock is held.
 */
void bc_bookkeeping_mend_locked(struct fsal_obj_handle *obj);

/**
 * The same for a file that has several delegations, without looking at all of them: that
 * there are several, and their type, is right then; how many there are need not be,
 * until there are not or somebody asks who conflicts with them.
 *
 * @return whether it is a bc_file_shared(); nothing was done for another
 *
 * Context: the file's st_lock is held.
 */
bool bc_bookkeeping_mend_shared_locked(struct fsal_obj_handle *obj);

/**
 * Make a file's delegation one of another type, for reading or for writing.  One that
 * becomes a write delegation is the file's only one.
 *
 * Context: the file's st_lock is held.
 */
void bc_bookkeeping_make_locked(struct fsal_obj_handle *obj,
				state_t *delegation,
				open_delegation_type4 type);

/**
 * A delegation is BC_DELEG_GONE from now on, and not counted any more.
 *
 * Context: the file's st_lock is held.
 */
void bc_bookkeeping_gone_locked(struct fsal_obj_handle *obj,
				state_t *delegation);

/**
 * A DELEGRETURN begins.
 *
 * @retval NFS4_OK              let Ganesha's own handler run, then call
 *                              bc_bookkeeping_return_end()
 * @retval NFS4ERR_BAD_STATEID  not a delegation of this client on this file, or it
 *                              is being returned already
 *
 * Context: an operation's handler; holds no lock.
 */
nfsstat4 bc_bookkeeping_return_begin(struct fsal_obj_handle *obj,
				     const struct bc_asker *asker,
				     const stateid4 *stateid);
/** @param[in] returned  whether Ganesha's handler has let go of it */
void bc_bookkeeping_return_end(struct fsal_obj_handle *obj,
			       const stateid4 *stateid, bool returned);

/**
 * A delegation of a file ends: who waits for the file goes on, unless more are left
 * than may be the asker's own.
 *
 * @param[in] obj
 * @param[in] ended  it, if it is still in the file's list; else NULL
 *
 * Context: the file's st_lock is held; who goes on finds it gone once that is not.
 */
void bc_bookkeeping_ended_locked(const struct fsal_obj_handle *obj,
				 const state_t *ended);

#endif /* BC_BOOKKEEPING_H */
