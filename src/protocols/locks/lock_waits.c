/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locks that are waited for: between Ganesha's locks and the core's waiters.
 *
 * Purpose: what is left of a LOCK that was denied; and whether a lock could be granted
 *   now, which only the file's list of locks tells.
 * Locking: the file's st_lock, and the core's lock of its waiters after that.
 * Lifetime: a waiter refers to its file and to the export that it has come through, so
 *   that the file is there when the next is looked for, and is no other by then.
 */
#include "locks/lock_waits.h"

#include "ganesha/layout.h"
#include "locks/lock_list.h"

#include "export_mgr.h"
#include "nfs_rpc_callback.h"
#include "sal_functions.h"

#include "backchannel.h"

#include <urcu/uatomic.h>

/** Where a waiter's file is. */
struct place {
	struct fsal_obj_handle *obj; /* +1 ref */
	struct gsh_export *export; /* +1 ref */
};

static bool switched_off; /* [A] */

void bc_lock_waits_switch(bool on)
{
	uatomic_set(&switched_off, !on);
}

bool bc_lock_waits_is_on(void)
{
	return !uatomic_read(&switched_off);
}

/* Places --------------------------------------------------------------------- */

static struct place *place_new(struct fsal_obj_handle *obj)
{
	struct place *place = gsh_malloc(sizeof(*place));

	place->obj = obj;
	place->export = op_ctx->ctx_export;
	obj->obj_ops->get_ref(obj);
	get_gsh_export_ref(place->export);
	return place;
}

/* A last reference to a file is given back in a context, which takes the export's
 * over.
 */
void bc_lock_waits_place_free(void *arg)
{
	struct place *place = arg;
	struct req_op_context context;

	init_op_context_simple(&context, place->export,
			       place->export->fsal_export);
	place->obj->obj_ops->put_ref(place->obj);
	release_op_context();
	gsh_free(place);
}

void bc_lock_waits_next(void *arg)
{
	struct place *place = arg;
	struct req_op_context context;

	get_gsh_export_ref(place->export);
	init_op_context_simple(&context, place->export,
			       place->export->fsal_export);
	STATELOCK_lock(place->obj);
	bc_lock_waits_changed_locked(place->obj);
	STATELOCK_unlock(place->obj);
	release_op_context();
}

/* Telling -------------------------------------------------------------------- */

static bool is_free(void *arg, const struct bc_lock *lock)
{
	return bc_lock_list_allows(arg, lock);
}

void bc_lock_waits_changed_locked(struct fsal_obj_handle *obj)
{
	bc_lock_offer(obj, is_free, obj);
}

/* The first lock of an NFSv4 client shows how locks are laid out: one that is denied for
 * a local program's, in whose file there may be none, is waited for then.
 */
void bc_lock_waits_granted(struct fsal_obj_handle *obj)
{
	bool unknown = bc_layout_of_locks() == BC_LAYOUT_UNKNOWN;

	if (!unknown && !bc_lock_waiters())
		return;
	STATELOCK_lock(obj);
	if (unknown)
		(void)bc_layout_lock_verify(obj);
	bc_lock_waits_changed_locked(obj);
	STATELOCK_unlock(obj);
}

/* Waiting --------------------------------------------------------------------- */

/* CB_NOTIFY_LOCK's largest arguments: no referring calls, opcode, file handle, client
 * id, owner.
 */
#define NOTICE_MAX                                                             \
	(5 * BYTES_PER_XDR_UNIT + NFS4_FHSIZE + 8 + NFS4_OPAQUE_LIMIT)

/* "The server can use this operation to indicate that a byte-range lock for the given
 * file and lock-owner, previously requested by the client via an unsuccessful LOCK
 * operation, might be available" 20.11.3.
 * @return bytes
 */
static size_t encode_notice(const compound_data_t *data,
			    const struct bc_lock *lock, char notice[NOTICE_MAX])
{
	nfs_cb_argop4 op = { .argop = NFS4_OP_CB_NOTIFY_LOCK };
	CB_NOTIFY_LOCK4args *args = &op.nfs_cb_argop4_u.opcbnotify_lock;
	uint32_t no_referring_calls = 0;
	size_t len = 0;
	XDR xdrs;

	args->cnla_fh = data->currentFH;
	args->cnla_lock_owner.clientid = lock->client;
	args->cnla_lock_owner.owner.owner_len = (u_int)lock->owner_len;
	args->cnla_lock_owner.owner.owner_val = (char *)lock->owner;
	xdrmem_create(&xdrs, notice, NOTICE_MAX, XDR_ENCODE);
	if (XDR_PUTUINT32(&xdrs, no_referring_calls) &&
	    xdr_nfs_cb_argop4(&xdrs, &op))
		len = XDR_GETPOS(&xdrs);
	XDR_DESTROY(&xdrs);
	return len;
}

/* Whose lock it is, which the arguments name, or a state that they name.
 * @param[out] open  its open's stateid, other
 * @return whether it is known
 */
static bool find_owner(const struct fsal_obj_handle *obj, const LOCK4args *args,
		       struct bc_lock *lock, const char **open)
{
	const open_to_lock_owner4 *opened = &args->locker.locker4_u.open_owner;
	const state_t *state;

	if (args->locker.new_lock_owner) {
		lock->owner = opened->lock_owner.owner.owner_val;
		lock->owner_len = opened->lock_owner.owner.owner_len;
		*open = opened->open_stateid.other;
		return true;
	}
	state = bc_lock_list_find_state(
		obj, &args->locker.locker4_u.lock_owner.lock_stateid);
	if (!state || !state->state_owner)
		return false;
	lock->owner = state->state_owner->so_owner_val;
	lock->owner_len = (size_t)state->state_owner->so_owner_len;
	*open = state->state_data.lock.openstate_key;
	return true;
}

static struct bc_lock lock_of(const compound_data_t *data,
			      const LOCK4args *args)
{
	return (struct bc_lock){
		.file = data->current_obj,
		.client = data->session->clientid,
		.first = args->offset,
		.last = args->length == UINT64_MAX ?
				UINT64_MAX :
				args->offset + args->length - 1,
		.exclusive = args->locktype == WRITE_LT ||
			     args->locktype == WRITEW_LT,
	};
}

/* Context: st_lock is held, as in the next. */
static void wait_locked(compound_data_t *data, const struct bc_lock *lock,
			const char *open)
{
	struct fsal_obj_handle *obj = data->current_obj;
	char notice[NOTICE_MAX];
	struct bc_lock_wish wish = {
		.lock = *lock,
		.open = (const uint8_t *)open,
		.export = op_ctx->ctx_export,
		.minorversion = data->minorversion,
		.notice = notice,
		.notice_len = encode_notice(data, lock, notice),
		.is_free = bc_lock_list_allows(obj, lock),
	};

	if (!wish.notice_len)
		return;
	wish.place = place_new(obj);
	if (bc_lock_wait(&wish) != BC_LOCK_WAIT_NEW)
		bc_lock_waits_place_free(wish.place);
	bc_lock_waits_changed_locked(obj);
}

void bc_lock_waits_denied(compound_data_t *data, const LOCK4args *args,
			  bool waits)
{
	struct fsal_obj_handle *obj = data->current_obj;
	struct bc_lock lock;
	const char *open;

	if (!waits && !bc_lock_waiters())
		return;
	lock = lock_of(data, args);
	STATELOCK_lock(obj);
	if (bc_layout_lock_verify(obj) == BC_LAYOUT_FITS &&
	    find_owner(obj, args, &lock, &open)) {
		if (waits)
			wait_locked(data, &lock, open);
		else
			bc_lock_given_up(&lock);
	}
	STATELOCK_unlock(obj);
}
