/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Conflicts between an operation and the delegations of others.
 *
 * Purpose: decide by client id, before Ganesha's handler runs, what its own check
 *   decides by address and for some operations only.  A conflict is recalled and
 *   answered with DELAY; what is none must pass Ganesha's check, which comes
 *   after.
 * Data: the states of the file, as Ganesha keeps them.  Nothing is remembered
 *   beside them but what one operation changes for the time that it runs.
 * Locking: a file's st_lock.  That a file is delegated at all is read without: what
 *   only reads a file without delegations costs a relaxed load.  An operation that
 *   changes a file raises its count of anonymous operations under the lock, upon which
 *   Ganesha grants nothing until it has ended; so does an OPEN that disguises a
 *   delegation.
 *   OPEN is looked at once more where Ganesha holds the lock until it has granted
 *   what it grants.  Before the first delegation it is not known how a file's states
 *   are laid out: who changes a file then is counted beside them (unmarked), which
 *   costs two atomic additions and a barrier.
 * Lifetime: a struct bc_conflict is on its handler's stack, and known to the thread
 *   meanwhile (bc_conflict_here()).
 * Invariant: whatever bc_conflict_begin() has changed, bc_conflict_end() undoes, on
 *   the same thread.
 *
 * Passing Ganesha's check.  It lets the holder of a write delegation pass, known by
 * its address: op_ctx->client, which is only compared, is set to the holder's own.
 * It lets nobody write beside a read delegation, the holder neither: for that time
 * the delegation is disguised as a write delegation without a holder.  That passes
 * an operation without an address, so that the holder's are without one, and is a
 * conflict to everybody else's.  The disguise ends with the last of the file's
 * anonymous operations.  Where Ganesha lets any holder pass, known by its client id
 * (dialect.h), that is set, and nothing is disguised.
 *
 * READ, READ_PLUS and WRITE may go on on other threads, with an operation context
 * that must be the request's.  Of a write delegation they are given the stateid; a
 * WRITE beside a read delegation cannot pass, and is a conflict with it.
 */
#include "delegations/conflict.h"

#include "callbacks/delegated_times.h"
#include "delegations/bookkeeping.h"
#include "delegations/fsal_lease.h"
#include "delegations/tally.h"
#include "delegations/getattr.h"
#include "delegations/recall.h"
#include "ganesha/arguments.h"
#include "ganesha/dialect.h"
#include "ganesha/client_record.h"
#include "ganesha/configuration.h"
#include "ganesha/layout.h"

#include "export_mgr.h"
#include "nfs_fh.h"
#include "sal_functions.h"

#include "backchannel.h"

#include <urcu/uatomic.h>

static __thread struct bc_conflict *conflict_here;

struct bc_conflict *bc_conflict_here(void)
{
	return conflict_here;
}

nfsstat4 bc_conflict_status(const struct bc_conflict *conflict)
{
	if (conflict->refused != NFS4_OK)
		return conflict->refused;
	return conflict->found ? NFS4ERR_DELAY : NFS4_OK;
}

/* What conflicts ------------------------------------------------------------- */

/* The attributes that may be set begin with the size. */
static bool sets_size_zero(const fattr4 *attrs)
{
	static const char zero[sizeof(uint64_t)];

	return attrs->attrmask.bitmap4_len &&
	       (attrs->attrmask.map[0] & 1 << FATTR4_SIZE) &&
	       attrs->attr_vals.attrlist4_len >= sizeof(zero) &&
	       !memcmp(attrs->attr_vals.attrlist4_val, zero, sizeof(zero));
}

/* "The server may truncate": an UNCHECKED create of size zero, 18.16.3. */
static bool truncates(const OPEN4args *args)
{
	const createhow4 *how = &args->openhow.openflag4_u.how;

	return args->openhow.opentype == OPEN4_CREATE &&
	       how->mode == UNCHECKED4 &&
	       sets_size_zero(&how->createhow4_u.createattrs);
}

static enum bc_conflict_kind kind_of_open(const OPEN4args *args)
{
	if ((args->share_access & OPEN4_SHARE_ACCESS_WRITE) ||
	    (args->share_deny & OPEN4_SHARE_DENY_READ) || truncates(args))
		return BC_CONFLICT_CHANGES;
	return BC_CONFLICT_READS;
}

/** What operations conflict with. [K] */
static const struct {
	enum bc_conflict_kind kind;
	bool data; /* only with a stateid that is none */
} operations[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_VERIFY] = { BC_CONFLICT_READS },
	[NFS4_OP_NVERIFY] = { BC_CONFLICT_READS },
	[NFS4_OP_READ] = { BC_CONFLICT_READS, .data = true },
	[NFS4_OP_READ_PLUS] = { BC_CONFLICT_READS, .data = true },
	[NFS4_OP_SEEK] = { BC_CONFLICT_READS, .data = true },
	[NFS4_OP_WRITE] = { BC_CONFLICT_CHANGES, .data = true },
	[NFS4_OP_ALLOCATE] = { BC_CONFLICT_CHANGES, .data = true },
	[NFS4_OP_DEALLOCATE] = { BC_CONFLICT_CHANGES, .data = true },
	[NFS4_OP_SETATTR] = { BC_CONFLICT_CHANGES },
	[NFS4_OP_SETXATTR] = { BC_CONFLICT_CHANGES },
	[NFS4_OP_REMOVEXATTR] = { BC_CONFLICT_CHANGES },
	[NFS4_OP_REMOVE] = { BC_CONFLICT_CHANGES },
	[NFS4_OP_RENAME] = { BC_CONFLICT_CHANGES },
	[NFS4_OP_LINK] = { BC_CONFLICT_CHANGES },
};

static bool is_on_data(const struct nfs_argop4 *op)
{
	return operations[op->argop].data;
}

static enum bc_conflict_kind kind_of(struct nfs_argop4 *op)
{
	const stateid4 *stateid = is_on_data(op) ? bc_stateid_used(op) : NULL;

	if (stateid && !bc_stateid_is_anonymous(stateid))
		return BC_CONFLICT_NONE; /* its open was looked at */
	if (op->argop == NFS4_OP_OPEN)
		return kind_of_open(&op->nfs_argop4_u.opopen);
	if (op->argop == NFS4_OP_LAYOUTGET)
		return op->nfs_argop4_u.oplayoutget.loga_iomode ==
				       LAYOUTIOMODE4_RW ?
			       BC_CONFLICT_CHANGES :
			       BC_CONFLICT_READS;
	return operations[op->argop].kind;
}

/* The delegations of a file --------------------------------------------------- */

static bool lease_is_over(nfs_client_id_t *client)
{
	bool over;

	PTHREAD_MUTEX_lock(&client->cid_mutex);
	over = bc_client_record_lease_is_over(client);
	PTHREAD_MUTEX_unlock(&client->cid_mutex);
	return over;
}

/* Without a session a client cannot be asked, and cannot renew its lease. */
static bool has_no_session(nfs_client_id_t *client)
{
	bool none;

	if (client->cid_minorversion == 0 || bc_layout() != BC_LAYOUT_FITS)
		return false;
	PTHREAD_MUTEX_lock(&client->cid_mutex);
	none = !bc_client_record_next_session(client, NULL);
	PTHREAD_MUTEX_unlock(&client->cid_mutex);
	return none;
}

/* A client whose lease is over is not asked: Ganesha's reaper takes all that it
 * holds.  One that has no session is not, either, until it has one or its lease
 * is over, too: Ganesha would try for two leases, holding its lease meanwhile.  It is
 * asked by who waits, when it is back; of several such holders the last one's return is
 * waited for: without its own no other's is of use.  One that Ganesha keeps beyond its
 * lease loses what is recalled (callbacks/submission.c).
 */
static bool is_left_to_reaper(struct bc_conflict *conflict,
			      nfs_client_id_t *holder)
{
	bool over = lease_is_over(holder);

	if (over ? bc_client_is_parked(holder) : !has_no_session(holder))
		return false;
	if (over)
		reaper_wake();
	conflict->awaited.holder = holder->cid_clientid;
	return true;
}

/* What is to be done about a delegation that conflicts: it is to be recalled, or
 * that is under way, or not to be.
 */
static bool needs_recall(struct bc_conflict *conflict, state_t *state)
{
	struct state_deleg *deleg = &state->state_data.deleg;
	nfs_client_id_t *holder = bc_delegation_holder(state);

	if (deleg->sd_state != DELEG_GRANTED ||
	    is_left_to_reaper(conflict, holder))
		return false;
	/* First recalled long ago: without a session, too, it is revoked at once. */
	if (bc_client_is_parked(holder))
		deleg->sd_clfile_stats.cfd_r_time = 1;
	return true;
}

/* By Ganesha, until it is returned. */
static bool is_recalled(const state_t *state)
{
	uint32_t deleg_state = state->state_data.deleg.sd_state;

	return deleg_state == DELEG_RECALL_WIP ||
	       deleg_state == BC_DELEG_LET_GO;
}

/* Where the file system itself recalls, whoever opens the file waits in it until the
 * delegations are back, the asker's own as well, and nobody could return one: Ganesha
 * opens with st_lock held.
 */
static bool may_wait_in_file_system(const struct bc_conflict *conflict)
{
	return conflict->opens && bc_fsal_lease_is_chained();
}

/* The asker's own does not conflict if it can pass Ganesha's check, and the file
 * system's.
 */
static bool can_pass_own(const struct bc_conflict *conflict, const state_t *own)
{
	return conflict->kind != BC_CONFLICT_CHANGES ||
	       bc_type_is_write(own->state_data.deleg.sd_type) ||
	       !(conflict->data || may_wait_in_file_system(conflict));
}

const struct bc_awaited *bc_conflict_awaited(const struct bc_conflict *conflict)
{
	return conflict->found || conflict->asks ? &conflict->awaited : NULL;
}

/* What happens to the file from now on may let the operation pass.
 * Context: st_lock is held.
 */
static void await_file(struct bc_conflict *conflict,
		       const struct fsal_obj_handle *obj)
{
	conflict->awaited = (struct bc_awaited){
		.file = obj,
		.ticket = bc_waiting_ticket(obj),
	};
}

/* Or its holder is about to return it. */
static bool is_on_its_way(const state_t *state)
{
	return is_recalled(state) ||
	       state->state_data.deleg.sd_state == BC_DELEG_RETURNING;
}

/* Whether delegations conflict; they are recalled then.
 * @param[out] own  the asker's, which does not; or NULL
 * Context: st_lock is held.
 */
static bool look_at_delegations(struct bc_conflict *conflict,
				struct fsal_obj_handle *obj, state_t **own)
{
	bool may_wait = may_wait_in_file_system(conflict);
	bool found = false, recall = false;
	state_t *state = NULL;

	*own = NULL;
	await_file(conflict, obj);
	if (conflict->kind != BC_CONFLICT_CHANGES && !may_wait &&
	    bc_bookkeeping_mend_shared_locked(obj))
		return false;
	bc_bookkeeping_mend_locked(obj);
	while ((state = bc_file_next_delegation(obj, state)) != NULL) {
		if (may_wait && is_on_its_way(state)) {
			found = true;
		} else if (bc_asker_holds(&conflict->asker, state) &&
			   can_pass_own(conflict, state)) {
			*own = state;
		} else if (conflict->kind == BC_CONFLICT_CHANGES ||
			   bc_type_is_write(state->state_data.deleg.sd_type)) {
			found = true;
			recall = needs_recall(conflict, state) || recall;
		}
	}
	if (recall)
		bc_recall_start_locked(obj, *own);
	return found;
}

/* Passing Ganesha's check ----------------------------------------------------- */

static void set_client(struct bc_conflict *conflict,
		       const nfs_client_id_t *holder)
{
	if (!conflict->client_set)
		conflict->client_before = bc_asks_as();
	conflict->client_set = true;
	bc_ask_as_holder(holder);
}

/* The asker's own delegation is none of Ganesha's business.
 * @return whether the file's type was changed for that
 */
static bool pass_own(struct bc_conflict *conflict, struct fsal_obj_handle *obj,
		     const state_t *own)
{
	if (conflict->data)
		return false; /* name_own_delegation() */
	if (bc_type_is_write(own->state_data.deleg.sd_type) ||
	    BC_HOLDER_IS_CLIENT_ID) {
		set_client(conflict, bc_delegation_holder(own));
		return false;
	}
	/* What reads, too: it may be disguised before Ganesha looks. */
	set_client(conflict, NULL);
	if (conflict->kind != BC_CONFLICT_CHANGES)
		return false;
	obj->state_hdl->file.fdeleg_stats.fds_deleg_type = OPEN_DELEGATE_WRITE;
	return true;
}

/* No delegation of the file is granted until bc_conflict_end(). */
static void hold_file(struct bc_conflict *conflict, struct fsal_obj_handle *obj)
{
	if (!conflict->export) {
		conflict->export = op_ctx->ctx_export;
		get_gsh_export_ref(conflict->export);
	}
	obj->obj_ops->get_ref(obj);
	(void)atomic_inc_uint32_t(&obj->state_hdl->file.anon_ops);
	conflict->file[conflict->files++] = obj;
}

static void release_file(struct fsal_obj_handle *obj)
{
	STATELOCK_lock(obj);
	(void)atomic_dec_uint32_t(&obj->state_hdl->file.anon_ops);
	if (bc_file_delegated(obj))
		bc_bookkeeping_mend_locked(obj); /* of a disguise */
	STATELOCK_unlock(obj);
	obj->obj_ops->put_ref(obj);
}

/* Who changes a file while nothing is delegated yet.  Files that share a count are not
 * delegated first, either.
 */
static struct bc_tallies unmarked;

/* The file is not the first one that is delegated until bc_conflict_end(). */
static void hold_unmarked(struct bc_conflict *conflict,
			  const struct fsal_obj_handle *obj)
{
	unsigned int *count = bc_tally_of(&unmarked, obj);

	if (bc_layout_of_delegations() != BC_LAYOUT_UNKNOWN ||
	    conflict->unmarked == BC_CONFLICT_FILES)
		return;
	uatomic_inc(count);
	/* Pairs with bc_conflict_changes_unmarked()'s: either it sees the count, or
	 * this, that something is delegated.
	 */
	cmm_smp_mb__after_uatomic_inc();
	if (bc_layout_of_delegations() == BC_LAYOUT_UNKNOWN)
		conflict->count[conflict->unmarked++] = count;
	else
		uatomic_dec(count);
}

static void release_unmarked(struct bc_conflict *conflict)
{
	while (conflict->unmarked) {
		cmm_smp_mb__before_uatomic_dec();
		uatomic_dec(conflict->count[--conflict->unmarked]);
	}
}

bool bc_conflict_changes_unmarked(const struct fsal_obj_handle *obj)
{
	if (conflict_here && conflict_here->reclaims)
		return false;
	cmm_smp_mb(); /* pairs with hold_unmarked()'s */
	return uatomic_read(bc_tally_of(&unmarked, obj)) > 0;
}

/* OPEN holds st_lock itself until it has granted what it grants. */
static bool excludes_grants(const struct bc_conflict *conflict)
{
	return conflict->kind == BC_CONFLICT_CHANGES && !conflict->opens;
}

/* Whether others still have what the file system waits for as well; they are recalled.
 * Context: st_lock is held.
 */
static bool others_keep(struct bc_conflict *conflict,
			struct fsal_obj_handle *obj, const state_t *own)
{
	bool keep = false, recall = false;
	state_t *state = NULL;

	bc_bookkeeping_mend_locked(obj);
	while ((state = bc_file_next_delegation(obj, state)) != NULL) {
		if (state == own ||
		    state->state_data.deleg.sd_state == BC_DELEG_LET_GO)
			continue;
		keep = true;
		recall = needs_recall(conflict, state) || recall;
	}
	if (recall)
		bc_recall_start_locked(obj, NULL);
	return keep;
}

/* What its holder is about to return, and the file system has recalled: an open on the
 * way to that would wait in the file system for the very return, and for those of all
 * others: it comes again until they have let go, too.  Not what it may have written
 * under: that is still to come.
 */
static void let_go_locked(struct bc_conflict *conflict,
			  struct fsal_obj_handle *obj, state_t *own)
{
	struct state_deleg *deleg = &own->state_data.deleg;

	if (!is_recalled(own) || !bc_type_is_read(deleg->sd_type) ||
	    !bc_fsal_lease_is_chained())
		return;
	if (deleg->sd_state == DELEG_RECALL_WIP) {
		deleg->sd_state = (enum deleg_state)BC_DELEG_LET_GO;
		bc_waiting_wake(obj);
	}
	await_file(conflict, obj);
	conflict->found = others_keep(conflict, obj, own);
	/* Who is about to return it is not revoked for another's sake: that one is. */
	if (conflict->found && deleg->sd_clfile_stats.cfd_rs_time > 0)
		deleg->sd_clfile_stats.cfd_rs_time = time(NULL);
	bc_fsal_lease_let_go_locked(obj, own);
}

/* "the stateid must be that of a delegation for the file": CLAIM_DELEGATE_CUR and
 * CLAIM_DELEG_CUR_FH, 18.16.3.
 */
static bool check_claim(struct bc_conflict *conflict,
			struct fsal_obj_handle *obj)
{
	state_t *own = bc_file_own_delegation(obj, &conflict->asker,
					      conflict->claimed);

	if (!own)
		conflict->refused = NFS4ERR_BAD_STATEID;
	else if (conflict->claims_write &&
		 !bc_type_is_write(own->state_data.deleg.sd_type))
		conflict->refused = NFS4ERR_OPENMODE;
	else
		let_go_locked(conflict, obj, own);
	return bc_conflict_status(conflict) == NFS4_OK;
}

/* Before the last word, which is not asked for in all versions. */
static bool claims_own(struct bc_conflict *conflict,
		       struct fsal_obj_handle *obj)
{
	bool own;

	if (!bc_file_delegable(obj))
		return true;
	STATELOCK_lock(obj);
	own = check_claim(conflict, obj);
	STATELOCK_unlock(obj);
	return own;
}

bool bc_conflict_found_file(struct bc_conflict *conflict,
			    struct fsal_obj_handle *obj)
{
	bool raise = excludes_grants(conflict);
	state_t *own = NULL;

	conflict->by_name = false;
	if (conflict->claimed)
		return claims_own(conflict, obj);
	if (raise)
		hold_unmarked(conflict, obj);
	if (!bc_file_delegable(obj) || (!raise && !bc_file_delegated(obj)) ||
	    conflict->files == BC_CONFLICT_FILES)
		return true;
	STATELOCK_lock(obj);
	if (bc_file_delegated(obj))
		conflict->found = look_at_delegations(conflict, obj, &own);
	if (!conflict->found) {
		raise = (own && pass_own(conflict, obj, own)) || raise;
		if (raise)
			hold_file(conflict, obj);
	}
	STATELOCK_unlock(obj);
	return !conflict->found;
}

/* OPEN's last word ------------------------------------------------------------ */

bool bc_conflict_opens_locked(struct bc_conflict *conflict,
			      struct fsal_obj_handle *obj)
{
	state_t *own;

	if (!bc_file_delegable(obj))
		return true;
	if (conflict->claimed)
		return check_claim(conflict, obj);
	if (bc_file_delegated(obj))
		conflict->found = look_at_delegations(conflict, obj, &own);
	return !conflict->found;
}

/* Operations ------------------------------------------------------------------- */

/* NFSv4.0 counts an OPEN that was answered with DELAY: only its handler does. */
static bool begin_open(struct bc_conflict *conflict, struct nfs_argop4 *op,
		       compound_data_t *data)
{
	OPEN4args *args = &op->nfs_argop4_u.opopen;

	conflict->opens = true;
	conflict->reclaims = args->claim.claim == CLAIM_PREVIOUS;
	conflict->claimed = bc_stateid_claimed(args);
	conflict->claims_write = args->share_access & OPEN4_SHARE_ACCESS_WRITE;
	conflict->by_name =
		args->claim.claim == CLAIM_NULL ||
		(BC_SKIPS_REOPEN && args->claim.claim == CLAIM_DELEGATE_CUR);
	if (conflict->by_name || data->minorversion == 0)
		return true;
	if (conflict->claimed && !BC_SKIPS_REOPEN)
		return true;
	return bc_conflict_found_file(conflict, data->current_obj);
}

/* The file that RENAME replaces, if there is one. */
static bool begin_rename(struct bc_conflict *conflict, struct nfs_argop4 *op,
			 compound_data_t *data)
{
	const RENAME4args *args = &op->nfs_argop4_u.oprename;
	struct fsal_obj_handle *target = NULL;
	bool go_on = true;

	if (data->current_obj && data->current_obj->type == DIRECTORY &&
	    args->newname.utf8string_len &&
	    !FSAL_IS_ERROR(fsal_lookup(data->current_obj,
				       args->newname.utf8string_val, &target,
				       NULL))) {
		go_on = bc_conflict_found_file(conflict, target);
		target->obj_ops->put_ref(target);
	}
	conflict->by_name = go_on;
	return go_on;
}

/* A holder's READ or WRITE without a stateid: Ganesha takes it for its own only
 * with one, and goes on with it on other threads.
 */
static void name_own_delegation(const struct bc_conflict *conflict,
				struct fsal_obj_handle *obj, stateid4 *stateid)
{
	state_t *state = NULL;

	STATELOCK_lock(obj);
	while ((state = bc_file_next_delegation(obj, state)) != NULL)
		if (bc_type_is_write(state->state_data.deleg.sd_type) &&
		    bc_asker_holds(&conflict->asker, state))
			break;
	if (state) {
		stateid->seqid = state->state_seqid;
		memcpy(stateid->other, state->stateid_other, OTHERSIZE);
	}
	STATELOCK_unlock(obj);
}

static bool may_go_on_elsewhere(const struct nfs_argop4 *op)
{
	return op->argop == NFS4_OP_READ || op->argop == NFS4_OP_WRITE ||
	       op->argop == NFS4_OP_READ_PLUS;
}

static bool begin_data(struct bc_conflict *conflict, struct nfs_argop4 *op,
		       compound_data_t *data)
{
	struct fsal_obj_handle *obj = data->current_obj;
	bool delegated = bc_file_delegated(obj);

	conflict->data = may_go_on_elsewhere(op);
	if (!bc_conflict_found_file(conflict, obj))
		return false;
	if (delegated && conflict->data)
		name_own_delegation(conflict, obj, bc_stateid_used(op));
	return true;
}

/* Who looks now, or when Ganesha's handler does, may see its guess of the times. */
static bool times_are_coming(const struct fsal_obj_handle *obj,
			     const state_t *state)
{
	return bc_type_has_times(state->state_data.deleg.sd_type) &&
	       (obj->state_hdl->file.cbgetattr.state == CB_GETATTR_WIP ||
		bc_times_are_coming(obj));
}

/* Another client's write delegation.  The times that an answer tells are waited for, be
 * it under way or there without them.  If its holder is not to be recalled, it is
 * not asked: Ganesha would then try to recall, and lose references each time; nor is
 * one that is kept beyond its lease: it loses the delegation.  When
 * a holder of NFSv4.0 has answered, nobody is told.
 */
static void look_at_getattr(struct bc_conflict *conflict,
			    struct fsal_obj_handle *obj, state_t *state)
{
	nfs_client_id_t *holder = bc_delegation_holder(state);

	await_file(conflict, obj);
	if (bc_client_is_parked(holder)) {
		conflict->found = true;
		if (needs_recall(conflict, state))
			bc_recall_start_locked(obj, NULL);
		return;
	}
	if (is_left_to_reaper(conflict, holder) ||
	    times_are_coming(obj, state)) {
		conflict->found = true;
		return;
	}
	if (bc_getattr_check_locked(obj, &conflict->asker, conflict->again)) {
		set_client(conflict, holder);
	} else {
		set_client(conflict, NULL);
		conflict->asks = holder->cid_minorversion > 0 &&
				 obj->state_hdl->file.cbgetattr.state !=
					 CB_GETATTR_RSP_OK;
	}
}

static bool allocates(const struct nfs_argop4 *op)
{
	return op->argop == NFS4_OP_ALLOCATE || op->argop == NFS4_OP_DEALLOCATE;
}

/* A holder's ALLOCATE or DEALLOCATE with its write delegation's stateid: Ganesha
 * looks for an open's access in it, and refuses.  Without a stateid it passes.
 * @return whether it is one, which has none now
 */
static bool unname_own_delegation(struct bc_conflict *conflict,
				  struct nfs_argop4 *op,
				  struct fsal_obj_handle *obj)
{
	stateid4 *stateid = bc_stateid_used(op);
	const state_t *own;

	if (!bc_file_delegated(obj))
		return false;
	STATELOCK_lock(obj);
	own = bc_file_own_delegation(obj, &conflict->asker, stateid);
	if (own && bc_type_is_write(own->state_data.deleg.sd_type) &&
	    (stateid->seqid == 0 || stateid->seqid == own->state_seqid)) {
		memset(stateid, 0, sizeof(*stateid));
		conflict->kind = BC_CONFLICT_CHANGES;
	}
	STATELOCK_unlock(obj);
	return conflict->kind == BC_CONFLICT_CHANGES;
}

/* Ganesha asks the holder of a write delegation, if it takes it for another. */
static bool begin_getattr(struct bc_conflict *conflict,
			  struct fsal_obj_handle *obj)
{
	state_t *state = NULL;

	if (!bc_file_delegated(obj))
		return true;
	STATELOCK_lock(obj);
	/* Linux asks with each OPEN: not all of who reads are looked at for that. */
	if (bc_bookkeeping_mend_shared_locked(obj)) {
		STATELOCK_unlock(obj);
		return true;
	}
	bc_bookkeeping_mend_locked(obj);
	while ((state = bc_file_next_delegation(obj, state)) != NULL) {
		if (!bc_type_is_write(state->state_data.deleg.sd_type))
			continue;
		if (bc_asker_holds(&conflict->asker, state))
			set_client(conflict, bc_delegation_holder(state));
		else
			look_at_getattr(conflict, obj, state);
	}
	STATELOCK_unlock(obj);
	return !conflict->found;
}

/* Whether a SETATTR sets nothing but these times. */
static bool sets_alone(const bitmap4 *mask, bool access, bool modify)
{
	uint32_t times = access << BC_TIME_DELEG_ACCESS % 32 |
			 modify << BC_TIME_DELEG_MODIFY % 32;

	for (u_int i = 0; i < mask->bitmap4_len; i++)
		if (mask->map[i] &
		    ~(i == BC_TIME_DELEG_ACCESS / 32 ? times : 0))
			return false;
	return true;
}

/* A holder gives back the times that it has been given with its delegation, RFC 9754:
 * that it has read the file is no conflict with others that have it for reading.
 */
static bool gives_times_back(const struct bc_conflict *conflict,
			     const struct nfs_argop4 *op,
			     struct fsal_obj_handle *obj)
{
	const SETATTR4args *args = &op->nfs_argop4_u.opsetattr;
	const state_t *own;
	bool gives;

	if (!BC_DELEGATES_TIMES || op->argop != NFS4_OP_SETATTR ||
	    !bc_file_delegated(obj))
		return false;
	STATELOCK_lock(obj);
	own = bc_file_own_delegation(obj, &conflict->asker, &args->stateid);
	gives = own && bc_type_has_times(own->state_data.deleg.sd_type) &&
		sets_alone(&args->obj_attributes.attrmask, true,
			   bc_type_is_write(own->state_data.deleg.sd_type));
	STATELOCK_unlock(obj);
	return gives;
}

static bool begin_kind(struct bc_conflict *conflict, struct nfs_argop4 *op,
		       compound_data_t *data)
{
	if (is_on_data(op))
		return begin_data(conflict, op, data);
	switch ((unsigned int)op->argop) {
	case NFS4_OP_OPEN:
		return begin_open(conflict, op, data);
	case NFS4_OP_REMOVE:
		conflict->by_name = true;
		return true;
	case NFS4_OP_RENAME:
		return begin_rename(conflict, op, data);
	case NFS4_OP_LINK:
		return bc_conflict_found_file(conflict, data->saved_obj);
	}
	return bc_conflict_found_file(conflict, data->current_obj);
}

/* pNFS: not a file of the namespace. */
bool bc_conflict_on_data_server(const compound_data_t *data)
{
	const nfs_fh4 *fh = &data->currentFH;
	const file_handle_v4_t *handle = (const void *)fh->nfs_fh4_val;

	return fh->nfs_fh4_len && (handle->fhflags1 & FILE_HANDLE_V4_FLAG_DS);
}

/* What reads a file that is not delegated conflicts with nothing.  OPEN's may be by name,
 * and is one of several looks.  Of a file that is delegated a GETATTR may be of what
 * another client has changed, and an ALLOCATE's stateid its delegation's.
 */
bool bc_conflict_concerns(struct nfs_argop4 *op, const compound_data_t *data)
{
	enum bc_conflict_kind kind = kind_of(op);

	if (kind == BC_CONFLICT_CHANGES || op->argop == NFS4_OP_OPEN)
		return true;
	return (kind == BC_CONFLICT_READS || op->argop == NFS4_OP_GETATTR ||
		allocates(op)) &&
	       bc_file_delegated(data->current_obj);
}

bool bc_conflict_begin(struct bc_conflict *conflict, struct nfs_argop4 *op,
		       compound_data_t *data, bool again)
{
	*conflict = (struct bc_conflict){ .kind = kind_of(op), .again = again };

	if (!bc_module_config.shield_conflicts ||
	    !nfs_param.nfsv4_param.allow_delegations || !data->current_obj ||
	    bc_conflict_on_data_server(data))
		return true;
	conflict->asker = bc_asker_of(op, data);
	if (op->argop == NFS4_OP_GETATTR)
		return begin_getattr(conflict, data->current_obj);
	if (conflict->kind == BC_CONFLICT_NONE &&
	    !unname_own_delegation(conflict, op, data->current_obj))
		return true;
	if (gives_times_back(conflict, op, data->current_obj))
		return true;
	conflict_here = conflict;
	return begin_kind(conflict, op, data);
}

/* A last reference to a file is given back in a context. */
static void release_files(struct bc_conflict *conflict)
{
	struct req_op_context context;

	/* It takes the export's reference over. */
	init_op_context_simple(&context, conflict->export,
			       conflict->export->fsal_export);
	for (unsigned int i = 0; i < conflict->files; i++)
		release_file(conflict->file[i]);
	release_op_context();
	conflict->files = 0;
	conflict->export = NULL;
}

void bc_conflict_end(struct bc_conflict *conflict, bool goes_on)
{
	conflict_here = NULL;
	if (conflict->client_set && !goes_on)
		bc_ask_as(conflict->client_before);
	conflict->client_set = false;
	if (conflict->files)
		release_files(conflict);
	release_unmarked(conflict);
}
