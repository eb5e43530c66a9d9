/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The leases behind delegations.
 *
 * Purpose: Ganesha keeps delegations itself and asks the FSAL two things: the
 * export whether it supports them (fs_supports), the file for the lease
 * (lease_op2).  For an adopted export whose FSAL has no delegations of its own,
 * both are answered here.  Whoever answers lease_op2, it passes through here: a
 * lease that is given back without a request is a delegation that is revoked.
 *
 * Data: the methods of an export belong to it alone, so an export of the same
 * FSAL that is not adopted stays as it is.  The methods of a file belong to
 * the FSAL; they are found through the export's first handle, and replacing
 * lease_op2 there changes nothing for other exports, which never get as far as
 * asking for a lease.
 *
 * Locking: `leases_lock` guards changes of the list and of an export's methods.
 * Readers take none: an entry is complete before it is published and is never
 * removed.  bc_fsal_lease_op2() runs under the file's st_lock, which also guards
 * all states of the file.
 *
 * Lifetime: nothing is ever put back.  FSALs are unloaded at the end of the
 * server only, in an order that is not ours, and this module stays mapped
 * (module.c).
 *
 * Invariant: fs_supports promises delegations only once lease_op2 answers.
 */
#include "delegations/fsal_lease.h"

#include "callbacks/recalled.h"
#include "delegations/bookkeeping.h"
#include "delegations/conflict.h"
#include "delegations/kept_state.h"
#include "delegations/revocation.h"
#include "delegations/unexport.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"
#include "locks/fsal_lock.h"

#include "FSAL/fsal_commonlib.h"
#include "sal_data.h"

#include "counters.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <urcu/pointer.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

/** What is remembered of an FSAL with adopted exports. */
struct lease_fsal {
	struct lease_fsal *next; /* [K] */
	const struct fsal_module *fsal; /* [K] */
	struct export_ops original; /* [K] the methods of its exports */
	/* [K] once that of its files is ours */
	fsal_status_t (*lease_op2)(struct fsal_obj_handle *obj_hdl,
				   struct state_t *state, void *owner,
				   fsal_deleg_t deleg);
	bool one_lease; /* [K] of a file, behind all of its delegations */
	bool ready; /* [A] it has no delegations: lease_op2 is answered here */
	bc_lock_op2 lock_op2; /* [K] once that of its files is ours */
	bool sees_locks; /* [A] it is: what waits for a lock can be told */
};

static pthread_mutex_t leases_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lease_fsal *lease_fsals; /* [R], changed under leases_lock */
static bool leases_disabled; /* [A] for good */
static bool leases_off; /* [A] by the administrator */
static __thread bool letting_go; /* the lease alone: the delegation stays */

/** The entry of an FSAL, or NULL: it has no adopted export. */
static struct lease_fsal *lease_fsal_find(const struct fsal_module *fsal)
{
	struct lease_fsal *entry = rcu_dereference(lease_fsals);

	while (entry && entry->fsal != fsal)
		entry = entry->next;
	return entry;
}

static bool is_ceph(const struct fsal_module *fsal)
{
	return !strcasecmp(fsal->name, "CEPH");
}

const struct export_ops *
bc_fsal_lease_original(const struct fsal_export *sub_export)
{
	return &lease_fsal_find(sub_export->fsal)->original;
}

/* The file's methods ------------------------------------------------------- */

static bool access_conflicts(unsigned int access, fsal_deleg_t deleg)
{
	return deleg == FSAL_DELEG_WR || (access & OPEN4_SHARE_ACCESS_WRITE);
}

/** Does an NFSv4 state forbid to give @a client a delegation? */
static bool state_conflicts(const state_t *held, const nfs_client_id_t *client,
			    fsal_deleg_t deleg)
{
	const state_owner_t *owner = held->state_owner;
	bool own =
		owner && owner->so_owner.so_nfs4_owner.so_clientrec == client;

	switch ((unsigned int)held->state_type) {
	case STATE_TYPE_SHARE:
		return !own &&
		       access_conflicts(held->state_data.share.share_access,
					deleg);
	case STATE_TYPE_DELEG:
		/* One delegation of a file is all that a client gets. */
		return own || deleg == FSAL_DELEG_WR ||
		       bc_type_is_write(held->state_data.deleg.sd_type);
	case STATE_TYPE_LAYOUT:
		/* A layout may outlive the open that it was got with. */
		return !own;
	}
	/* A lock comes with an open of the same client; NLM's locks, which Ganesha
	 * has checked, its shares and 9P's are not on this list.
	 */
	return false;
}

static bool nlm_share_conflicts(const struct state_file *file,
				fsal_deleg_t deleg)
{
	struct glist_head *glist;

	glist_for_each(glist, &file->nlm_share_list) {
		const state_t *held = glist_entry(glist, state_t, state_list);

		if (access_conflicts(held->state_data.nlm_share.share_access,
				     deleg))
			return true;
	}
	return false;
}

static bool looks_after_conflicts(void)
{
	return bc_module_config.multiplex && bc_module_config.shield_conflicts;
}

/* Who writes has to wait until no other client has a delegation: nobody does where
 * several have one.
 */
static bool only_readers(const state_t *state)
{
	return looks_after_conflicts() &&
	       bc_file_shared(state->state_obj, state);
}

/** Does anything that is open forbid the delegation @a state? */
static bool file_conflicts(const state_t *state, nfs_client_id_t *client,
			   fsal_deleg_t deleg)
{
	const struct state_file *file = &state->state_obj->state_hdl->file;
	struct glist_head *glist;

	if (nlm_share_conflicts(file, deleg))
		return true;
	if (deleg == FSAL_DELEG_RD && only_readers(state))
		return bc_delegation_of(state->state_obj, client, NULL,
					state) != NULL;
	glist_for_each(glist, &file->list_of_states) {
		const state_t *held = glist_entry(glist, state_t, state_list);

		/* Ganesha adds the state before it asks for the lease. */
		if (held != state && state_conflicts(held, client, deleg))
			return true;
	}
	return false;
}

static fsal_status_t lease_refuse(enum bc_counter why)
{
	bc_count(why);
	return fsalstat(ERR_FSAL_DELAY, EAGAIN);
}

/**
 * Grant the lease behind a delegation.
 *
 * A read delegation guarantees that nobody else has the file open for writing,
 * a write delegation that nobody else has it open at all: RFC 5661, 10.4.1.
 *
 * ERR_FSAL_DELAY is what Ganesha takes for contention: OPEN succeeds, without
 * a delegation and with WND4_CONTENTION.
 */
static fsal_status_t lease_grant(const state_t *state,
				 const state_owner_t *holder,
				 fsal_deleg_t deleg)
{
	if (bc_conflict_changes_unmarked(state->state_obj) ||
	    file_conflicts(state, holder->so_owner.so_nfs4_owner.so_clientrec,
			   deleg))
		return lease_refuse(BC_COUNT_REFUSED_CONFLICT);
	return fsalstat(ERR_FSAL_NO_ERROR, 0);
}

/* Whether there may be a delegation; @ready: nobody else is asked. */
static fsal_status_t lease_ask(state_t *state, state_owner_t *owner,
			       fsal_deleg_t deleg, bool ready)
{
	/* The state is in its export's list by now, and goes with it if that is
	 * marked later.  If it is marked already, the state might stay.
	 */
	cmm_smp_mb(); /* pairs with bc_prepare_unexport()'s (unexport.c) */
	if (bc_unexport_goes(op_ctx->fsal_export))
		return lease_refuse(BC_COUNT_REFUSED_EXPORT);
	if (bc_layout_delegation_verify(state, owner, deleg == FSAL_DELEG_WR) ==
	    BC_LAYOUT_FITS)
		return lease_grant(state, owner, deleg);
	return ready ? lease_refuse(BC_COUNT_REFUSED_LAYOUT) :
		       fsalstat(ERR_FSAL_NO_ERROR, 0);
}

/* Whether another delegation of the file is one that its holder has not let go. */
static bool others_need_lease(const state_t *but)
{
	state_t *state = NULL;

	if (bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return false;
	while ((state = bc_file_next_delegation(but->state_obj, state)) != NULL)
		if (state != but &&
		    state->state_data.deleg.sd_state != BC_DELEG_LET_GO)
			return true;
	return false;
}

/* The file system's own lease.  One that is behind all delegations of a file is given
 * back with the last: without it the file system would tell nobody of a conflict.
 */
static fsal_status_t lease_chained(const struct lease_fsal *entry,
				   struct fsal_obj_handle *obj, state_t *state,
				   void *owner, fsal_deleg_t deleg)
{
	fsal_status_t status;

	if (deleg == FSAL_DELEG_NONE && entry->one_lease &&
	    others_need_lease(state))
		return fsalstat(ERR_FSAL_NO_ERROR, 0);
	status = entry->lease_op2(obj, state, owner, deleg);
	if (deleg != FSAL_DELEG_NONE && FSAL_IS_ERROR(status))
		bc_count(BC_COUNT_REFUSED_FSAL);
	return status;
}

/* A lease was granted, or given back. */
static void count_lease(fsal_deleg_t deleg)
{
	if (deleg != FSAL_DELEG_NONE)
		bc_count(BC_COUNT_GRANTED);
	else
		bc_count(op_ctx->req_type == UNKNOWN_REQUEST ?
				 BC_COUNT_REVOKED :
				 BC_COUNT_RETURNED);
}

/* A lease is given back: who is told of it.
 * @return whether it was given back before, and only its state is still there
 */
static bool tell_end(struct fsal_obj_handle *file, state_t *state, void *owner)
{
	uint32_t deleg_state = state->state_data.deleg.sd_state;

	if (deleg_state == BC_DELEG_GONE) {
		/* By the removal of its export, when Ganesha was about to revoke
		 * it: that has lowered the count again.
		 */
		if (bc_module_config.shield_conflicts)
			bc_bookkeeping_mend_locked(file);
		return true;
	}
	/* Ganesha's deleg_revoke() is not part of a request; DELEGRETURN is. */
	if (op_ctx->req_type == UNKNOWN_REQUEST)
		bc_delegation_revoked(state, owner);
	bc_kept_state_add(state);
	/* DELEGRETURN tells it when Ganesha's bookkeeping is right again. */
	if (deleg_state != BC_DELEG_RETURNING)
		bc_bookkeeping_ended_locked(file, state);
	return false;
}

/** The lease behind a delegation. Context: holds the file's st_lock. */
static fsal_status_t bc_fsal_lease_op2(struct fsal_obj_handle *obj_hdl,
				       struct state_t *state, void *owner,
				       fsal_deleg_t deleg)
{
	const struct lease_fsal *entry = lease_fsal_find(obj_hdl->fsal);
	bool ready = uatomic_read(&entry->ready);
	fsal_status_t status = fsalstat(ERR_FSAL_NO_ERROR, 0);

	/* Who has met this function, or `ready`, meets what was set before. */
	cmm_smp_rmb(); /* pairs with both of lease_methods_take()'s */
	if (letting_go)
		return lease_chained(entry, obj_hdl, state, owner, deleg);
	if (deleg == FSAL_DELEG_NONE &&
	    bc_layout_of_delegations() == BC_LAYOUT_FITS &&
	    tell_end(state->state_obj, state, owner))
		return status;
	if (deleg != FSAL_DELEG_NONE)
		status = lease_ask(state, owner, deleg, ready);
	if (!FSAL_IS_ERROR(status) && !ready)
		status = lease_chained(entry, obj_hdl, state, owner, deleg);
	if (deleg == FSAL_DELEG_NONE || !FSAL_IS_ERROR(status))
		count_lease(deleg);
	return status;
}

/* The entry of this request's FSAL, once lease_op2 of its files is ours; or NULL. */
static const struct lease_fsal *lease_fsal_here(void)
{
	const struct fsal_export *export = op_ctx->fsal_export;
	const struct fsal_export *sub = export ? export->sub_export : NULL;
	const struct lease_fsal *entry =
		sub ? lease_fsal_find(sub->fsal) : NULL;

	return entry && CMM_LOAD_SHARED(entry->lease_op2) ? entry : NULL;
}

bool bc_fsal_lease_is_chained(void)
{
	const struct lease_fsal *entry = lease_fsal_here();

	return entry && !uatomic_read(&entry->ready);
}

void bc_fsal_lease_let_go_locked(struct fsal_obj_handle *obj, state_t *state)
{
	letting_go = true;
	obj->obj_ops->lease_op2(obj, state, state->state_owner,
				FSAL_DELEG_NONE);
	letting_go = false;
}

/** A lock of a file. Context: holds the file's st_lock. */
static fsal_status_t bc_fsal_lock_op2(struct fsal_obj_handle *obj_hdl,
				      struct state_t *state, void *owner,
				      fsal_lock_op_t lock_op,
				      fsal_lock_param_t *request_lock,
				      fsal_lock_param_t *conflicting_lock)
{
	const struct lease_fsal *entry = lease_fsal_find(obj_hdl->fsal);

	cmm_smp_rmb(); /* pairs with lock_method_take_locked()'s first */
	return bc_lock_op(entry->lock_op2, obj_hdl, state, owner, lock_op,
			  request_lock, conflicting_lock);
}

/* The export's methods ----------------------------------------------------- */

static bool bc_fs_supports(struct fsal_export *export,
			   fsal_fsinfo_options_t option)
{
	struct lease_fsal *entry = lease_fsal_find(export->fsal);

	if ((option == fso_delegations_r || option == fso_delegations_w) &&
	    uatomic_read(&entry->ready) && !uatomic_read(&leases_disabled) &&
	    !uatomic_read(&leases_off)) {
		/* Pairs with lease_methods_take()'s second: Ganesha, which goes
		 * on to the file's lease_op2, meets ours.
		 */
		cmm_smp_rmb();
		return true;
	}
	return entry->original.fs_supports(export, option);
}

/* No write delegation of CEPH's: when another gateway wants the file, what the holder has
 * still to write would wait in libcephfs for the return, which comes after it.  And none
 * at all where the file system would forget that it has to recall it.
 */
static bool bc_ceph_fs_supports(struct fsal_export *export,
				fsal_fsinfo_options_t option)
{
	return option != fso_delegations_w &&
	       (option != fso_delegations_r || !BC_CEPH_LOSES_LEASES) &&
	       lease_fsal_find(export->fsal)
		       ->original.fs_supports(export, option);
}

bool bc_fsal_lease_refuses(const struct fsal_export *sub_export)
{
	return BC_CEPH_LOSES_LEASES &&
	       uatomic_read(&sub_export->exp_ops.fs_supports) ==
		       bc_ceph_fs_supports;
}

static bool watches_locks(void)
{
	return bc_module_config.multiplex && bc_module_config.notify_locks;
}

/**
 * Make lock_op2 of an FSAL's files ours, if Ganesha calls it.  Where the file system
 * tells Ganesha itself of locks that are free, and Ganesha its clients, that stays so.
 *
 * Context: holds leases_lock.
 */
static void lock_method_take_locked(struct fsal_export *export,
				    struct lease_fsal *entry,
				    struct fsal_obj_ops *obj_ops)
{
	bool (*supports)(struct fsal_export * export,
			 fsal_fsinfo_options_t option) =
		entry->original.fs_supports;

	if (!watches_locks() || entry->lock_op2 ||
	    !supports(export, fso_lock_support) ||
	    (bc_notifies_locks() &&
	     supports(export, fso_lock_support_async_block)))
		return;
	entry->lock_op2 = obj_ops->lock_op2;
	cmm_smp_wmb(); /* pairs with bc_fsal_lock_op2()'s */
	uatomic_set(&obj_ops->lock_op2, bc_fsal_lock_op2);
	cmm_smp_wmb(); /* pairs with bc_fsal_lease_sees_locks()' */
	uatomic_set(&entry->sees_locks, true);
}

/**
 * Make lease_op2 of an FSAL's files ours; answer it if the FSAL has none and
 * this export's fs_supports is ours.
 */
static void lease_methods_take(struct fsal_export *export,
			       struct lease_fsal *entry,
			       struct fsal_obj_ops *obj_ops)
{
	struct fsal_obj_ops defaults;

	fsal_default_obj_ops_init(&defaults);
	pthread_mutex_lock(&leases_lock);
	if (!entry->lease_op2)
		entry->lease_op2 = obj_ops->lease_op2;
	cmm_smp_wmb(); /* pairs with bc_fsal_lease_op2()'s */
	if (obj_ops->lease_op2 == entry->lease_op2)
		uatomic_set(&obj_ops->lease_op2, bc_fsal_lease_op2);
	if (obj_ops->lease_op2 == bc_fsal_lease_op2 &&
	    entry->lease_op2 == defaults.lease_op2 &&
	    export->exp_ops.fs_supports == bc_fs_supports) {
		cmm_smp_wmb(); /* pairs with bc_fs_supports()' */
		uatomic_set(&entry->ready, true);
	}
	lock_method_take_locked(export, entry, obj_ops);
	uatomic_set(&export->exp_ops.lookup_path, entry->original.lookup_path);
	uatomic_set(&export->exp_ops.create_handle,
		    entry->original.create_handle);
	pthread_mutex_unlock(&leases_lock);
}

static fsal_status_t bc_lookup_path(struct fsal_export *export,
				    const char *path,
				    struct fsal_obj_handle **handle,
				    struct fsal_attrlist *attrs_out)
{
	struct lease_fsal *entry = lease_fsal_find(export->fsal);
	fsal_status_t status =
		entry->original.lookup_path(export, path, handle, attrs_out);

	if (!FSAL_IS_ERROR(status))
		lease_methods_take(export, entry, (*handle)->obj_ops);
	return status;
}

static fsal_status_t bc_create_handle(struct fsal_export *export,
				      struct gsh_buffdesc *fh_desc,
				      struct fsal_obj_handle **handle,
				      struct fsal_attrlist *attrs_out)
{
	struct lease_fsal *entry = lease_fsal_find(export->fsal);
	fsal_status_t status = entry->original.create_handle(export, fh_desc,
							     handle, attrs_out);

	if (!FSAL_IS_ERROR(status))
		lease_methods_take(export, entry, (*handle)->obj_ops);
	return status;
}

/** Find or add the entry of an export's FSAL. Context: holds leases_lock. */
static struct lease_fsal *lease_fsal_get_locked(struct fsal_export *export)
{
	struct lease_fsal *entry = lease_fsal_find(export->fsal);

	if (entry)
		return entry;
	entry = gsh_calloc(1, sizeof(*entry));
	entry->fsal = export->fsal;
	entry->original = export->exp_ops;
	entry->one_lease = BC_CEPH_HAS_ONE_LEASE && is_ceph(export->fsal);
	entry->next = lease_fsals;
	rcu_assign_pointer(lease_fsals, entry);
	return entry;
}

/** While callbacks are ours: revocations, and how delegations are laid out, which
 * is to be known before any is touched.
 */
static bool watches_delegations(void)
{
	return bc_module_config.multiplex &&
	       (bc_module_config.shield_revoked ||
		bc_module_config.shield_restart ||
		bc_module_config.shield_conflicts);
}

bool bc_fsal_lease_adopts(void)
{
	return bc_module_config.leases || watches_delegations() ||
	       watches_locks();
}

void bc_fsal_lease_adopt(struct fsal_export *sub_export)
{
	struct export_ops *ops = &sub_export->exp_ops;
	struct lease_fsal *entry;
	bool answer;

	answer = bc_module_config.leases &&
		 !ops->fs_supports(sub_export, fso_delegations_r) &&
		 !ops->fs_supports(sub_export, fso_delegations_w);
	if (!answer && !watches_delegations() && !watches_locks())
		return;

	pthread_mutex_lock(&leases_lock);
	entry = lease_fsal_get_locked(sub_export);
	/* Otherwise it is waiting for its first handle since an earlier call,
	 * or of a kind whose methods are not those of its FSAL's other exports.
	 */
	if (ops->lookup_path == entry->original.lookup_path &&
	    ops->create_handle == entry->original.create_handle) {
		uatomic_set(&ops->lookup_path, bc_lookup_path);
		uatomic_set(&ops->create_handle, bc_create_handle);
		if (answer && ops->fs_supports == entry->original.fs_supports)
			uatomic_set(&ops->fs_supports, bc_fs_supports);
		else if (is_ceph(sub_export->fsal) && looks_after_conflicts())
			uatomic_set(&ops->fs_supports, bc_ceph_fs_supports);
	}
	bc_unexport_adopt(sub_export, &entry->original);
	pthread_mutex_unlock(&leases_lock);
}

void bc_fsal_lease_disable(void)
{
	uatomic_set(&leases_disabled, true);
}

void bc_fsal_lease_switch(bool on)
{
	uatomic_set(&leases_off, !on);
}

bool bc_fsal_lease_is_on(void)
{
	return bc_module_config.leases && !uatomic_read(&leases_disabled) &&
	       !uatomic_read(&leases_off);
}

/* Every lease of such an FSAL has been asked for here. */
bool bc_fsal_lease_none_granted(void)
{
	return lease_fsal_here() &&
	       bc_layout_of_delegations() == BC_LAYOUT_UNKNOWN;
}

bool bc_fsal_lease_sees_locks(void)
{
	const struct lease_fsal *entry = lease_fsal_here();

	if (!entry || !uatomic_read(&entry->sees_locks))
		return false;
	/* Ganesha, which goes on to the file's lock_op2, meets ours. */
	cmm_smp_rmb(); /* pairs with lock_method_take_locked()'s second */
	return bc_unexport_adopted(op_ctx->fsal_export->sub_export);
}
