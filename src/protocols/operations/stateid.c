/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stateids, as the operations speak of them.  RFC 5661, 8.2.4 and 10.5.
 *
 * Ganesha makes a stateid's `other` of the client id and a counter of the client's.
 * What it calls bad is compared with what the core remembers as revoked.
 */
#include "operations/stateid.h"

#include "operations/compound.h"

#include "delegations/bookkeeping.h"
#include "ganesha/configuration.h"

#include "sal_functions.h"

#include "backchannel.h"

#include <urcu-bp.h>

#define ARGUMENT(member) offsetof(struct nfs_argop4, nfs_argop4_u.member)

/** Where the arguments have the stateid; OPEN's and LOCK's say it. [K] */
static const size_t stateid_at[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_DELEGRETURN] = ARGUMENT(opdelegreturn.deleg_stateid),
	[NFS4_OP_READ] = ARGUMENT(opread.stateid),
	[NFS4_OP_WRITE] = ARGUMENT(opwrite.stateid),
	[NFS4_OP_SETATTR] = ARGUMENT(opsetattr.stateid),
	[NFS4_OP_CLOSE] = ARGUMENT(opclose.open_stateid),
	[NFS4_OP_OPEN_DOWNGRADE] = ARGUMENT(opopen_downgrade.open_stateid),
	[NFS4_OP_LOCKU] = ARGUMENT(oplocku.lock_stateid),
	[NFS4_OP_LAYOUTGET] = ARGUMENT(oplayoutget.loga_stateid),
	[NFS4_OP_ALLOCATE] = ARGUMENT(opallocate.aa_stateid),
	[NFS4_OP_DEALLOCATE] = ARGUMENT(opdeallocate.da_stateid),
	[NFS4_OP_READ_PLUS] = ARGUMENT(opread_plus.rpa_stateid),
	[NFS4_OP_SEEK] = ARGUMENT(opseek.sa_stateid),
};

static stateid4 *open_stateid(OPEN4args *args)
{
	open_claim4 *claim = &args->claim;

	if (claim->claim == CLAIM_DELEGATE_CUR)
		return &claim->open_claim4_u.delegate_cur_info.delegate_stateid;
	if (claim->claim == CLAIM_DELEG_CUR_FH)
		return &claim->open_claim4_u.oc_delegate_stateid;
	return NULL;
}

static stateid4 *lock_stateid(LOCK4args *args)
{
	locker4 *locker = &args->locker;

	return locker->new_lock_owner ?
		       &locker->locker4_u.open_owner.open_stateid :
		       &locker->locker4_u.lock_owner.lock_stateid;
}

stateid4 *bc_stateid_used(struct nfs_argop4 *op)
{
	if (op->argop == NFS4_OP_OPEN)
		return open_stateid(&op->nfs_argop4_u.opopen);
	if (op->argop == NFS4_OP_LOCK)
		return lock_stateid(&op->nfs_argop4_u.oplock);
	if (!stateid_at[op->argop])
		return NULL;
	return (void *)((char *)op + stateid_at[op->argop]);
}

bool bc_stateid_is_named(const stateid4 *stateid)
{
	static const char zeros[OTHERSIZE];
	static const char ones[OTHERSIZE] = { -1, -1, -1, -1, -1, -1,
					      -1, -1, -1, -1, -1, -1 };

	return memcmp(stateid->other, zeros, OTHERSIZE) &&
	       memcmp(stateid->other, ones, OTHERSIZE);
}

/* "the current stateid": seqid one and all zeros, 16.2.3.1.2. */
static bool is_current(const stateid4 *stateid)
{
	static const char zeros[OTHERSIZE];

	return stateid->seqid == 1 && !memcmp(stateid->other, zeros, OTHERSIZE);
}

void bc_stateid_resolve(struct nfs_argop4 *op, const compound_data_t *data)
{
	stateid4 *stateid = bc_stateid_used(op);

	if (stateid && data->current_stateid_valid && is_current(stateid))
		*stateid = data->current_stateid;
}

nfsstat4 bc_stateid_check_owner(const compound_data_t *data,
				const stateid4 *stateid)
{
	if (!bc_module_config.shield_conflicts || !data->session ||
	    !bc_stateid_is_named(stateid) ||
	    !memcmp(stateid->other, &data->session->clientid,
		    sizeof(clientid4)))
		return NFS4_OK;
	return NFS4ERR_BAD_STATEID;
}

nfsstat4 bc_stateid_check_kind(nfs_opnum4 opcode, const compound_data_t *data,
			       const stateid4 *stateid)
{
	const struct fsal_obj_handle *obj = data->current_obj;
	const state_t *state;

	if (opcode != NFS4_OP_CLOSE && opcode != NFS4_OP_OPEN_DOWNGRADE &&
	    opcode != NFS4_OP_LOCK && opcode != NFS4_OP_LOCKU)
		return NFS4_OK;
	if (!bc_module_config.shield_conflicts || !bc_file_delegated(obj))
		return NFS4_OK;
	STATELOCK_lock(obj);
	state = bc_file_find_delegation(
		obj, data->session ? data->session->clientid_record : NULL,
		stateid);
	STATELOCK_unlock(obj);
	return state ? NFS4ERR_BAD_STATEID : NFS4_OK;
}

/* What Ganesha says of a stateid whose state is gone, or going just now; of a revoked
 * one, where it remembers those, to whoever names it.
 */
static bool is_gone(nfsstat4 status)
{
	return status == NFS4ERR_BAD_STATEID || status == NFS4ERR_EXPIRED ||
	       status == NFS4ERR_STALE || status == NFS4ERR_DELEG_REVOKED;
}

nfsstat4 bc_stateid_status(const compound_data_t *data, const stateid4 *stateid,
			   nfsstat4 status)
{
	struct bc_session *session;

	/* "NFS4ERR_STALE_STATEID ... NFSv4.0 only", 15.1.16.5: with sessions a
	 * stateid of a former instance is a bad one.
	 */
	if (bc_module_config.shield_conflicts && data->session &&
	    status == NFS4ERR_STALE_STATEID)
		status = NFS4ERR_BAD_STATEID;
	if (!is_gone(status) || !bc_module_config.shield_revoked)
		return status;
	session = bc_compound_session_get(data);
	if (!session)
		return status;
	if (bc_revoked_contains(session, (const uint8_t *)stateid->other))
		status = NFS4ERR_DELEG_REVOKED;
	else if (status == NFS4ERR_DELEG_REVOKED)
		status = NFS4ERR_BAD_STATEID;
	bc_session_put(session);
	return status;
}

void bc_stateid_asked(const compound_data_t *data, const stateid4 *stateid)
{
	struct bc_session *session;

	if (!bc_module_config.shield_revoked)
		return;
	session = bc_compound_session_get(data);
	if (!session)
		return;
	bc_revoked_asked(session, (const uint8_t *)stateid->other);
	bc_session_put(session);
}
