/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations that are reclaimed.
 *
 * A Linux client reclaims a file with an OPEN for each way in which it has it open,
 * and names its delegation with every one.  Ganesha would grant one each time, of
 * the type that this OPEN's access suggests.  It is granted once, and of the type
 * that the client names.
 */
#include "delegations/reclaim.h"

#include "delegations/bookkeeping.h"
#include "ganesha/dialect.h"

#include "sal_functions.h"

/* Context: st_lock is held. */
static state_t *own_of(const struct fsal_obj_handle *obj,
		       const struct bc_asker *asker)
{
	state_t *state = NULL;

	while ((state = bc_file_next_delegation(obj, state)) != NULL)
		if (bc_asker_holds(asker, state))
			break;
	return state;
}

void bc_reclaim_begin(struct bc_reclaim *reclaim, struct nfs_argop4 *op,
		      const compound_data_t *data)
{
	OPEN4args *args = &op->nfs_argop4_u.opopen;
	struct fsal_obj_handle *obj = data->current_obj;

	reclaim->asker = bc_asker_of(op, data);
	reclaim->type = args->claim.open_claim4_u.delegate_type;
	if (data->minorversion < 2)
		reclaim->type = bc_type_without_times(reclaim->type);
	reclaim->again = false;
	if (reclaim->type == OPEN_DELEGATE_NONE || !bc_file_delegated(obj))
		return;
	STATELOCK_lock(obj);
	bc_bookkeeping_mend_locked(obj);
	reclaim->again = own_of(obj, &reclaim->asker) != NULL;
	STATELOCK_unlock(obj);
	if (reclaim->again)
		args->claim.open_claim4_u.delegate_type = OPEN_DELEGATE_NONE;
}

/* Whether another client has any state of the file. */
static bool shared(const struct fsal_obj_handle *obj,
		   const struct bc_asker *asker)
{
	struct glist_head *glist;

	glist_for_each(glist, &obj->state_hdl->file.list_of_states) {
		const state_t *state = glist_entry(glist, state_t, state_list);

		if (state->state_owner && !bc_asker_holds(asker, state))
			return true;
	}
	return false;
}

/* Whether what is granted may be of the type that the client names.  A write
 * delegation of which this OPEN only reads: if nobody else has the file.  A read
 * delegation of which it writes, or one with the times, or without: if it is not there
 * already.
 */
static bool may_be_as_named(const struct bc_reclaim *reclaim,
			    const struct fsal_obj_handle *obj,
			    const state_t *own)
{
	struct fsal_export *export = op_ctx->fsal_export;

	if (bc_type_is_write(reclaim->type) &&
	    !bc_type_is_write(own->state_data.deleg.sd_type))
		return !shared(obj, &reclaim->asker) &&
		       export->exp_ops.fs_supports(export, fso_delegations_w);
	return !reclaim->again && (bc_type_is_write(reclaim->type) ||
				   bc_type_is_read(reclaim->type));
}

static void answer(const state_t *own, OPEN4resok *resok, bool recall)
{
	open_delegation4 *delegation = &resok->delegation;

	memset(delegation, 0, sizeof(*delegation));
	delegation->delegation_type = own->state_data.deleg.sd_type;
	if (bc_type_is_write(own->state_data.deleg.sd_type)) {
		open_write_delegation4 *write =
			&delegation->open_delegation4_u.write;

		COPY_STATEID(&write->stateid, own);
		write->recall = recall;
		write->space_limit.limitby = NFS_LIMIT_SIZE;
		write->space_limit.nfs_space_limit4_u.filesize =
			DELEG_SPACE_LIMIT_FILESZ;
		write->permissions.type = ACE4_ACCESS_ALLOWED_ACE_TYPE;
	} else {
		open_read_delegation4 *read =
			&delegation->open_delegation4_u.read;

		COPY_STATEID(&read->stateid, own);
		read->recall = recall;
		read->permissions.type = ACE4_ACCESS_ALLOWED_ACE_TYPE;
	}
}

/* What Ganesha has asked the client to give back at once. */
static bool to_be_recalled(const OPEN4resok *resok)
{
	const open_delegation4 *delegation = &resok->delegation;

	if (bc_type_is_write(delegation->delegation_type))
		return delegation->open_delegation4_u.write.recall;
	if (bc_type_is_read(delegation->delegation_type))
		return delegation->open_delegation4_u.read.recall;
	return false;
}

void bc_reclaim_end(const struct bc_reclaim *reclaim, OPEN4args *args,
		    const compound_data_t *data, OPEN4resok *resok)
{
	struct fsal_obj_handle *obj = data->current_obj;
	state_t *own;

	args->claim.open_claim4_u.delegate_type = reclaim->type;
	if (!resok || reclaim->type == OPEN_DELEGATE_NONE ||
	    !bc_file_delegable(obj))
		return;
	STATELOCK_lock(obj);
	own = own_of(obj, &reclaim->asker);
	if (own) {
		if (may_be_as_named(reclaim, obj, own))
			bc_bookkeeping_make_locked(obj, own, reclaim->type);
		answer(own, resok, to_be_recalled(resok));
	}
	bc_bookkeeping_mend_locked(obj);
	STATELOCK_unlock(obj);
}
