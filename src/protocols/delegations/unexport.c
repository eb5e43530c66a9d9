/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Exports that are removed.
 *
 * Purpose: release_export() deletes the states that have come through an export, and
 *   marks it as gone when that and more is done.  What an operation adds in between
 *   stays: nobody can recall, revoke or return such a delegation, and the server dies
 *   of an open at its end.  So an export has a mark of our own before its states are
 *   deleted, and operations that might add one are waited for.  And nobody is told of
 *   the delegations that go: their holders would go on believing in them, the files
 *   stay counted as delegated.  So they are revoked before.
 * Data: the mark is the export's own method prepare_unexport, replaced.  Operations
 *   under way are counted by their export; those that share a count are waited for,
 *   too.
 * Locking: Ganesha removes one export at a time; then the export's own lock, and after
 *   that each file's st_lock.  Operations take none.
 * Lifetime: an export is kept by the request that came through it.
 * Invariant: an operation that is counted sees the mark, or is waited for.  An OPEN
 *   that is not waited for any more sees it when the file is open (fsal_hooks.c).
 *
 * NFSv4.0 counts its OPENs and LOCKs by their owners' sequence ids, also those that
 * fail: Ganesha's handler must run.  In it an OPEN is refused when the file is open.
 */
#include "delegations/unexport.h"

#include "delegations/bookkeeping.h"
#include "delegations/fsal_lease.h"
#include "delegations/kept_state.h"
#include "delegations/tally.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"

#include "export_mgr.h"
#include "fsal_api.h"
#include "sal_functions.h"

#include "backchannel.h"
#include "snapshot.h"

#include <time.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

#define PATIENCE_MS 1000 /* that operations under way are waited for */

static struct bc_tallies under_way;

/* In place of an export's own: the mark. */
static void marked_prepare_unexport(struct fsal_export *export)
{
	bc_fsal_lease_original(export)->prepare_unexport(export);
}

bool bc_unexport_goes(const struct fsal_export *sub_export)
{
	return CMM_LOAD_SHARED(sub_export->exp_ops.prepare_unexport) ==
	       marked_prepare_unexport;
}

static const struct fsal_export *export_here(void)
{
	const struct fsal_export *export = op_ctx->fsal_export;

	return export ? export->sub_export : NULL;
}

bool bc_unexport_goes_here(void)
{
	const struct fsal_export *export = export_here();

	return export && bc_unexport_goes(export);
}

unsigned int *bc_unexport_enter(void)
{
	static unsigned int none; /* it has no FSAL that we know */
	const struct fsal_export *export = export_here();
	unsigned int *count = export ? bc_tally_of(&under_way, export) : &none;

	uatomic_inc(count);
	/* Pairs with bc_prepare_unexport()'s: this sees the mark, or that the count. */
	cmm_smp_mb__after_uatomic_inc();
	if (!export || !bc_unexport_goes(export))
		return count;
	uatomic_dec(count);
	return NULL;
}

void bc_unexport_leave(unsigned int *entered)
{
	cmm_smp_mb__before_uatomic_dec();
	uatomic_dec(entered);
}

/* Delegations ---------------------------------------------------------------- */

/* Files with delegations that have come through an export; one may be in it twice. */
struct files {
	struct fsal_obj_handle **file; /* +1 ref each */
	size_t count, room;
};

static void add_file(struct files *files, struct fsal_obj_handle *obj)
{
	if (files->count == files->room) {
		files->room = files->room ? 2 * files->room : 64;
		files->file = gsh_realloc(files->file,
					  files->room * sizeof(*files->file));
	}
	files->file[files->count++] = obj;
}

/* A file's st_lock comes before the export's lock: it is taken afterwards. */
static void find_delegated(struct gsh_export *export, struct files *files)
{
	struct glist_head *glist;

	PTHREAD_RWLOCK_rdlock(bc_export_lock(export));
	glist_for_each(glist, &export->exp_state_list) {
		state_t *state = glist_entry(glist, state_t, state_export_list);
		struct fsal_obj_handle *obj = NULL;

		if (state->state_type == STATE_TYPE_DELEG)
			obj = get_state_obj_ref(state);
		if (obj)
			add_file(files, obj);
	}
	PTHREAD_RWLOCK_unlock(bc_export_lock(export));
}

/* As deleg_revoke(), but for the state, which Ganesha deletes next.  What its holder
 * is just returning is left to it; but it may come too late to give the lease back,
 * and the state is kept here.
 */
static void revoke_of_file(struct fsal_obj_handle *obj,
			   const struct gsh_export *export)
{
	state_t *state = NULL;

	STATELOCK_lock(obj);
	if (bc_module_config.shield_conflicts)
		bc_bookkeeping_mend_locked(obj);
	while ((state = bc_file_next_delegation(obj, state)) != NULL) {
		struct state_deleg *deleg = &state->state_data.deleg;

		if (state->state_export != export)
			continue;
		if (deleg->sd_state == BC_DELEG_RETURNING) {
			bc_kept_state_add(state);
			continue;
		}
		deleg->sd_state = BC_DELEG_GOING;
		(void)obj->obj_ops->lease_op2(obj, state, state->state_owner,
					      FSAL_DELEG_NONE);
		bc_bookkeeping_gone_locked(obj, state);
	}
	STATELOCK_unlock(obj);
}

/* Not at the server's end, after which they are reclaimed.  The references end here:
 * MDCACHE forgets only files that nobody has one to.
 */
static void revoke_all(struct gsh_export *export)
{
	struct files files = { 0 };
	struct req_op_context context;

	if (bc_layout_of_delegations() != BC_LAYOUT_FITS ||
	    bc_snapshot_stopping())
		return;
	find_delegated(export, &files);
	/* One that could not be added has none, and nobody must refer to it. */
	if (!files.count)
		return;
	get_gsh_export_ref(export); /* the context's */
	init_op_context_simple(&context, export, export->fsal_export);
	for (size_t i = 0; i < files.count; i++) {
		revoke_of_file(files.file[i], export);
		files.file[i]->obj_ops->put_ref(files.file[i]);
	}
	release_op_context();
	gsh_free(files.file);
}

/* The export's methods ------------------------------------------------------- */

/* An export is being removed: its states are deleted next.
 * Context: Ganesha's administration of its exports is locked, and nothing else.
 */
static void bc_prepare_unexport(struct fsal_export *export)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	const unsigned int *count = bc_tally_of(&under_way, export);

	uatomic_set(&export->exp_ops.prepare_unexport, marked_prepare_unexport);
	bc_export_not_gone_yet(op_ctx->ctx_export);
	cmm_smp_mb(); /* pairs with bc_unexport_enter()'s, and with lease_ask()'s
		       * (fsal_lease.c)
		       */
	for (int i = 0; i < PATIENCE_MS && uatomic_read(count); i++)
		nanosleep(&ms, NULL);
	cmm_smp_mb(); /* pairs with bc_unexport_leave()'s: what it has added is
		       * seen
		       */
	revoke_all(op_ctx->ctx_export);
	bc_lock_export_ended(op_ctx->ctx_export);
	marked_prepare_unexport(export);
}

/* They have been: who has come through it, and waits, goes on.  Context: the same. */
static void bc_unexport(struct fsal_export *export,
			struct fsal_obj_handle *root)
{
	bc_export_gone(op_ctx->ctx_export);
	bc_fsal_lease_original(export)->unexport(export, root);
	bc_waiting_wake_all();
	bc_lock_export_ended(op_ctx->ctx_export);
}

void bc_unexport_adopt(struct fsal_export *sub_export,
		       const struct export_ops *original)
{
	struct export_ops *ops = &sub_export->exp_ops;

	if (ops->unexport != original->unexport ||
	    ops->prepare_unexport != original->prepare_unexport)
		return;
	uatomic_set(&ops->unexport, bc_unexport);
	uatomic_set(&ops->prepare_unexport, bc_prepare_unexport);
}

bool bc_unexport_adopted(const struct fsal_export *sub_export)
{
	return CMM_LOAD_SHARED(sub_export->exp_ops.unexport) == bc_unexport;
}
