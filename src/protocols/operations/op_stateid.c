/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Revoked delegations: told to the client until it frees their stateids.
 * RFC 5661, 8.5, 10.5 and 18.38.
 *
 * Ganesha deletes the state of a delegation that it revokes and knows its
 * stateid no more.  What it then calls bad is compared with what the core
 * remembers as revoked.
 */
#include "callbacks/callback.h"

#include "nfsv41.h"

#include <urcu/uatomic.h>

_Static_assert(BC_STATEID_OTHER_SIZE == OTHERSIZE, "stateid4's other");

void bc_delegation_revoked(const state_t *state, const state_owner_t *owner)
{
	const nfs_client_id_t *client =
		owner->so_owner.so_nfs4_owner.so_clientrec;

	/* The core has been started, and v4.1 sessions are ours. */
	if (bc_layout() != BC_LAYOUT_FITS || client->cid_minorversion == 0)
		return;
	/* All its state goes, and its client id with it. */
	if (client->cid_confirmed == EXPIRED_CLIENT_ID)
		return;
	bc_revoked_add(client->cid_clientid,
		       (const uint8_t *)state->stateid_other);
}

static const uint8_t *session_id(const compound_data_t *data)
{
	return (const uint8_t *)data->session->session_id;
}

/* What Ganesha says of a stateid whose state is gone, or going just now. */
static bool is_gone(nfsstat4 status)
{
	return status == NFS4ERR_BAD_STATEID || status == NFS4ERR_EXPIRED ||
	       status == NFS4ERR_STALE;
}

static bool is_revoked(const compound_data_t *data, const stateid4 *stateid)
{
	return bc_revoked_contains(session_id(data),
				   (const uint8_t *)stateid->other);
}

/* FREE_STATEID ------------------------------------------------------------- */

/* "the client acknowledges the loss of those locks" 18.38.3 */
enum nfs_req_result bc_op_free_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp)
{
	const FREE_STATEID4args *args = &op->nfs_argop4_u.opfree_stateid;
	const uint8_t *other = (const uint8_t *)args->fsa_stateid.other;
	bool last;

	if (!data->session || !bc_revoked_free(session_id(data), other, &last))
		return bc_originals[NFS4_OP_FREE_STATEID](op, data, resp);
	/* Ganesha grants nothing after three revocations, and never forgets. */
	if (last)
		uatomic_set(&data->session->clientid_record->num_revokes, 0);
	resp->resop = NFS4_OP_FREE_STATEID;
	resp->nfs_resop4_u.opfree_stateid.fsr_status = NFS4_OK;
	return NFS_REQ_OK;
}

/* TEST_STATEID ------------------------------------------------------------- */

enum nfs_req_result bc_op_test_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp)
{
	const TEST_STATEID4args *args = &op->nfs_argop4_u.optest_stateid;
	const stateid4 *stateids = args->ts_stateids.ts_stateids_val;
	TEST_STATEID4resok *resok = &resp->nfs_resop4_u.optest_stateid
					     .TEST_STATEID4res_u.tsr_resok4;
	nfsstat4 *codes;
	enum nfs_req_result result =
		bc_originals[NFS4_OP_TEST_STATEID](op, data, resp);

	if (result != NFS_REQ_OK || !data->session)
		return result;
	codes = resok->tsr_status_codes.tsr_status_codes_val;
	for (u_int i = 0; i < resok->tsr_status_codes.tsr_status_codes_len; i++)
		if (is_gone(codes[i]) && is_revoked(data, &stateids[i]))
			codes[i] = NFS4ERR_DELEG_REVOKED;
	return result;
}

/* What a delegation's stateid is used for ---------------------------------- */

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
	enum nfs_req_result result = bc_originals[op->argop](op, data, resp);
	nfsstat4 *status = &resp->nfs_resop4_u.opaccess.status; /* of any */
	const stateid4 *stateid;

	if (result != NFS_REQ_ERROR || !data->session || !is_gone(*status))
		return result;
	stateid = stateid_used(op);
	if (stateid && is_revoked(data, stateid))
		*status = NFS4ERR_DELEG_REVOKED;
	return result;
}
