/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The operations that take a delegation's stateid: of a revoked one they say that
 * it was.  RFC 5661, 10.5.
 */
#include "operations/operations.h"
#include "operations/stateid.h"

#define ARGUMENT(member) offsetof(struct nfs_argop4, nfs_argop4_u.member)

/** Where the arguments have the stateid; OPEN's have it by the claim. [K] */
static const size_t stateid_at[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_DELEGRETURN] = ARGUMENT(opdelegreturn.deleg_stateid),
	[NFS4_OP_READ] = ARGUMENT(opread.stateid),
	[NFS4_OP_WRITE] = ARGUMENT(opwrite.stateid),
	[NFS4_OP_SETATTR] = ARGUMENT(opsetattr.stateid),
	[NFS4_OP_LAYOUTGET] = ARGUMENT(oplayoutget.loga_stateid),
	[NFS4_OP_ALLOCATE] = ARGUMENT(opallocate.aa_stateid),
	[NFS4_OP_DEALLOCATE] = ARGUMENT(opdeallocate.da_stateid),
	[NFS4_OP_READ_PLUS] = ARGUMENT(opread_plus.rpa_stateid),
	[NFS4_OP_SEEK] = ARGUMENT(opseek.sa_stateid),
};

/* @return borrowed from @op; or NULL: it names none */
static const stateid4 *stateid_used(const struct nfs_argop4 *op)
{
	const open_claim4 *claim = &op->nfs_argop4_u.opopen.claim;

	if (op->argop != NFS4_OP_OPEN)
		return (const void *)((const char *)op + stateid_at[op->argop]);
	if (claim->claim == CLAIM_DELEGATE_CUR)
		return &claim->open_claim4_u.delegate_cur_info.delegate_stateid;
	if (claim->claim == CLAIM_DELEG_CUR_FH)
		return &claim->open_claim4_u.oc_delegate_stateid;
	return NULL;
}

/* The stateid is checked before anything that may be answered later. */
enum nfs_req_result bc_op_use_stateid(struct nfs_argop4 *op,
				      compound_data_t *data,
				      struct nfs_resop4 *resp)
{
	enum nfs_req_result result = bc_operation_original(op, data, resp);
	nfsstat4 *status = &resp->nfs_resop4_u.opaccess.status; /* of any */
	const stateid4 *stateid;

	if (result != NFS_REQ_ERROR)
		return result;
	stateid = stateid_used(op);
	if (stateid)
		*status = bc_stateid_status(data, stateid, *status);
	return result;
}
