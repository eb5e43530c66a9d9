/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Conflicts between an operation and the delegations of others.
 * RFC 5661, 10.4, 18.16.4 and 18.30.
 */
#ifndef BC_CONFLICT_H
#define BC_CONFLICT_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "sal_data.h"

#include "delegations/asker.h"
#include "ganesha/dialect.h"

#include "backchannel.h"

/** What an operation conflicts with. */
enum bc_conflict_kind {
	BC_CONFLICT_NONE, /* nothing */
	BC_CONFLICT_READS, /* write delegations */
	BC_CONFLICT_CHANGES, /* any delegation */
};

/** Files that one operation can conflict on: RENAME's two. */
#define BC_CONFLICT_FILES 2

/** An operation that is looked at, on its handler's stack. */
struct bc_conflict {
	struct bc_asker asker;
	enum bc_conflict_kind kind;
	bool by_name; /* the next look-up finds the file */
	bool opens; /* OPEN */
	bool reclaims; /* with CLAIM_PREVIOUS */
	bool data; /* READ, READ_PLUS, WRITE: may go on on another thread */
	const stateid4
		*claimed; /* CLAIM_DELEG_CUR: must be the asker's, or NULL */
	bool claims_write; /* and for writing */
	bool found; /* there is a conflict: it is answered with DELAY */
	bool again; /* the operation has been held, and is run again */
	struct bc_awaited awaited; /* what it may wait for if it fails */
	bool asks; /* GETATTR: its holder is asked, and its answer is awaited */
	nfsstat4 refused; /* or with this; NFS4_OK: it is not */
	bool client_set; /* it asks as somebody else */
	struct bc_asks_as client_before; /* as it is */
	struct gsh_export *export; /* +1 ref, while a file is held */
	unsigned int files; /* of which no delegation is granted meanwhile */
	struct fsal_obj_handle *file[BC_CONFLICT_FILES]; /* +1 ref */
	unsigned int unmarked; /* of which not even the first one of all is */
	unsigned int *count[BC_CONFLICT_FILES]; /* theirs */
};

/**
 * May an operation conflict with anything?  If not, there is nothing to begin.
 *
 * Context: as bc_conflict_begin(); lock-free.
 */
bool bc_conflict_concerns(struct nfs_argop4 *op, const compound_data_t *data);

/**
 * Look at an operation before Ganesha's handler runs.
 *
 * @param[out] conflict  to be given to bc_conflict_end() in any case
 * @param[in]  op  of which bc_conflict_concerns() says that it may conflict
 * @param[in]  data
 * @param[in]  again  it was looked at before, and has waited since
 *
 * @return whether the handler is to run; else bc_conflict_status() is the answer
 *
 * Context: an operation's handler; holds no lock.
 */
bool bc_conflict_begin(struct bc_conflict *conflict, struct nfs_argop4 *op,
		       compound_data_t *data, bool again);

/**
 * Undo what was changed for the handler.
 *
 * @param[in] goes_on  the handler has said ASYNC_WAIT: the request, and its operation
 *                     context with it, may be another thread's by now, or gone
 *
 * Context: as bc_conflict_begin().
 */
void bc_conflict_end(struct bc_conflict *conflict, bool goes_on);

/**
 * Is a file being changed by an operation that began when nothing was delegated yet,
 * and so could not mark it?  Then the first delegation is not one of that file, unless
 * this thread reclaims it: Ganesha refuses no such.
 *
 * Context: after bc_layout_delegation_verify().
 */
bool bc_conflict_changes_unmarked(const struct fsal_obj_handle *obj);

/**
 * Is the current file handle one of a pNFS data server, and so not of a file of the
 * namespace?
 */
bool bc_conflict_on_data_server(const compound_data_t *data);

/** What is to be answered; NFS4_OK: what the handler has answered. */
nfsstat4 bc_conflict_status(const struct bc_conflict *conflict);

/**
 * What the operation, which has failed with DELAY, is to wait for: the file's
 * delegations, and a holder of one that is not asked for it before it is back.
 *
 * @return NULL: it has failed for another reason, or nothing would tell of its end
 */
const struct bc_awaited *
bc_conflict_awaited(const struct bc_conflict *conflict);

/** The operation that this thread's handler has begun, or NULL. */
struct bc_conflict *bc_conflict_here(void);

/**
 * A look-up by the handler has found a file.
 *
 * @return whether the operation may go on
 *
 * Context: the handler's thread; holds no lock of the file.
 */
bool bc_conflict_found_file(struct bc_conflict *conflict,
			    struct fsal_obj_handle *obj);

/**
 * The file is opened now: the last word.
 *
 * @return whether the operation may go on
 *
 * Context: the handler's thread; the file's st_lock is held.
 */
bool bc_conflict_opens_locked(struct bc_conflict *conflict,
			      struct fsal_obj_handle *obj);

#endif /* BC_CONFLICT_H */
