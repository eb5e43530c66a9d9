/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* The stateids in operations' arguments. */
#include "ganesha/arguments.h"

#include <stddef.h>
#include <string.h>

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

stateid4 *bc_stateid_claimed(OPEN4args *args)
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
		return bc_stateid_claimed(&op->nfs_argop4_u.opopen);
	if (op->argop == NFS4_OP_LOCK)
		return lock_stateid(&op->nfs_argop4_u.oplock);
	if (!stateid_at[op->argop])
		return NULL;
	return (void *)((char *)op + stateid_at[op->argop]);
}

static bool is_all_zeros(const stateid4 *stateid)
{
	static const char zeros[OTHERSIZE];

	return !memcmp(stateid->other, zeros, OTHERSIZE);
}

static bool is_all_ones(const stateid4 *stateid)
{
	static const char ones[OTHERSIZE] = { -1, -1, -1, -1, -1, -1,
					      -1, -1, -1, -1, -1, -1 };

	return !memcmp(stateid->other, ones, OTHERSIZE);
}

bool bc_stateid_is_named(const stateid4 *stateid)
{
	return !is_all_zeros(stateid) && !is_all_ones(stateid);
}

bool bc_stateid_is_anonymous(const stateid4 *stateid)
{
	return (is_all_zeros(stateid) && stateid->seqid == 0) ||
	       (is_all_ones(stateid) && stateid->seqid == UINT32_MAX);
}

bool bc_stateid_is_current(const stateid4 *stateid)
{
	return is_all_zeros(stateid) && stateid->seqid == 1;
}
