/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What Ganesha calls instead of its own functions on files, while an operation that
 * may conflict with a delegation runs on this thread.
 *
 * A look-up by name tells which file it is about, without a second one.  An open
 * is made with the file's st_lock held until the delegation that it may be granted
 * is there: what is decided in it cannot be overtaken.
 */
#include "delegations/fsal_hooks.h"

#include "delegations/bookkeeping.h"
#include "delegations/conflict.h"
#include "delegations/fsal_lease.h"
#include "delegations/recall.h"
#include "delegations/unexport.h"
#include "callbacks/recalled.h"
#include "ganesha/dialect.h"

#include "export_mgr.h"
#include "fsal.h"
#include "nfs_file_handle.h"
#include "sal_functions.h"

#include <errno.h>

/* What becomes NFS4ERR_DELAY. */
static fsal_status_t delayed(void)
{
	return fsalstat(ERR_FSAL_DELAY, EAGAIN);
}

static fsal_status_t hook_fsal_lookup(struct fsal_obj_handle *parent,
				      const char *name,
				      struct fsal_obj_handle **obj,
				      struct fsal_attrlist *attrs_out)
{
	fsal_status_t status = fsal_lookup(parent, name, obj, attrs_out);
	struct bc_conflict *conflict = bc_conflict_here();

	if (!conflict || !conflict->by_name || FSAL_IS_ERROR(status) ||
	    bc_conflict_found_file(conflict, *obj))
		return status;
	(*obj)->obj_ops->put_ref(*obj);
	*obj = NULL;
	return delayed();
}

/* A file that another client has made, and was given a delegation of, since the
 * look-up.
 */
static bool may_have_created(struct bc_conflict *conflict,
			     struct fsal_obj_handle *obj)
{
	bool may;

	if (!bc_file_delegated(obj))
		return true;
	STATELOCK_lock(obj);
	may = bc_conflict_opens_locked(conflict, obj);
	STATELOCK_unlock(obj);
	return may;
}

/* The file is open, and Ganesha adds the state next. */
static fsal_status_t undone(state_t *state, struct fsal_obj_handle **obj)
{
	(*obj)->obj_ops->close2(*obj, state);
	(*obj)->obj_ops->put_ref(*obj);
	*obj = NULL;
	return delayed();
}

static fsal_status_t
hook_fsal_open2(struct fsal_obj_handle *in_obj, struct state_t *state,
		fsal_openflags_t openflags, enum fsal_create_mode createmode,
		const char *name, struct fsal_attrlist *attr,
		fsal_verifier_t verifier, struct fsal_obj_handle **obj,
		struct fsal_attrlist *attrs_out BC_DIR_PARAMETERS(parent))
{
	struct bc_conflict *conflict = bc_conflict_here();
	fsal_status_t status;

	if (conflict && conflict->opens && !name &&
	    !bc_conflict_opens_locked(conflict, in_obj))
		return delayed();
	status = fsal_open2(in_obj, state, openflags, createmode, name, attr,
			    verifier, obj, attrs_out BC_DIR_ARGUMENTS(parent));
	if (FSAL_IS_ERROR(status) || !state)
		return status;
	/* An export that is removed waits for this open, but not for ever: what is
	 * added later would stay.
	 */
	if (bc_unexport_goes_here() || (conflict && conflict->opens && name &&
					!may_have_created(conflict, *obj)))
		return undone(state, obj);
	return status;
}

/* Of a file that its owner has open already: that state goes with its export. */
static fsal_status_t hook_fsal_reopen2(struct fsal_obj_handle *obj,
				       struct state_t *state,
				       fsal_openflags_t openflags,
				       bool check_permission)
{
	struct bc_conflict *conflict = bc_conflict_here();

	if (conflict && conflict->opens &&
	    (bc_unexport_goes_here() ||
	     !bc_conflict_opens_locked(conflict, obj)))
		return delayed();
	return fsal_reopen2(obj, state, openflags, check_permission);
}

/* Not a request's, which makes handles as well. */
static bool is_callbacks_own(void)
{
	return op_ctx && op_ctx->req_type == UNKNOWN_REQUEST;
}

/* A file system that recalls for others does not wait for ever: CEPH's FSAL has
 * libcephfs end the whole export, whoever uses it, five seconds after two leases.  RFC
 * 5661 10.4.5 asks for one.
 */
static unsigned int patience_leases(void)
{
	return bc_fsal_lease_is_chained() ? 1 : 2;
}

/* The last thing that Ganesha does before it makes a CB_RECALL or CB_GETATTR, with the
 * file's st_lock held: what the callback is about is known here, and not in its
 * arguments.
 */
static bool hook_nfs4_FSALToFhandle(bool allocate, nfs_fh4 *fh4,
				    const struct fsal_obj_handle *obj,
				    struct gsh_export *export)
{
	/* A callback's arguments have a copy of their own; requests, which make handles
	 * all the time, have one already.
	 */
	if (allocate)
		bc_recalled_file_set(
			obj, is_callbacks_own() ? patience_leases() : 2);
	return nfs4_FSALToFhandle(allocate, fh4, obj, export);
}

static void hook__get_gsh_export_ref(struct gsh_export *export, char *file,
				     int line, char *function)
{
	bc_recall_refers_to_export(function);
	_get_gsh_export_ref(export, file, line, function);
}

static void hook__put_gsh_export(struct gsh_export *export, bool config,
				 char *file, int line, char *function)
{
	bc_recall_leaves_export();
	_put_gsh_export(export, config, file, line, function);
}

const struct bc_import_hook bc_fsal_hooks[BC_FSAL_IMPORTS] = {
	[BC_FSAL_IMPORT_LOOKUP] = BC_IMPORT_HOOK(fsal_lookup),
	[BC_FSAL_IMPORT_OPEN2] = BC_IMPORT_HOOK(fsal_open2),
	[BC_FSAL_IMPORT_REOPEN2] = BC_IMPORT_HOOK(fsal_reopen2),
	[BC_FSAL_IMPORT_TO_FHANDLE] = BC_IMPORT_HOOK(nfs4_FSALToFhandle),
	[BC_FSAL_IMPORT_GET_EXPORT] =
		BC_IMPORT_HOOK_IF(BC_SPARES_LOCKERS, _get_gsh_export_ref),
	[BC_FSAL_IMPORT_PUT_EXPORT] =
		BC_IMPORT_HOOK_IF(BC_SPARES_LOCKERS, _put_gsh_export),
};
