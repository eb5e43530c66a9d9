/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * FREE_STATEID: the client lets a revoked delegation go.  RFC 5661, 18.38.
 */
#include "operations/compound.h"
#include "operations/operations.h"
#include "operations/stateid.h"

#include "ganesha/dialect.h"

#include "sal_data.h"

#include "backchannel.h"

#include <urcu/uatomic.h>

/* Whether it was one of the client's revoked ones. @param[out] last it was the
 * last
 */
static bool free_revoked(const compound_data_t *data, const stateid4 *stateid,
			 bool *last)
{
	struct bc_session *session = bc_compound_session_get(data);
	bool found;

	if (!session)
		return false;
	found = bc_revoked_free(session, (const uint8_t *)stateid->other, last);
	bc_session_put(session);
	return found;
}

/* "the client acknowledges the loss of those locks" 18.38.3 */
enum nfs_req_result bc_op_free_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp)
{
	const FREE_STATEID4args *args = &op->nfs_argop4_u.opfree_stateid;
	bool last;

	if (bc_stateid_check_owner(data, &args->fsa_stateid) != NFS4_OK)
		return bc_operation_fail(op, resp, NFS4ERR_BAD_STATEID);
	if (!free_revoked(data, &args->fsa_stateid, &last))
		return bc_stateid_original(op, data, resp);
	/* What Ganesha remembers of it, it forgets; what it says is of no use. */
	if (BC_REMEMBERS_REVOKED)
		(void)bc_stateid_original(op, data, resp);
	/* Ganesha grants nothing after three revocations, and never forgets. */
	if (last)
		uatomic_set(&data->session->clientid_record->num_revokes, 0);
	resp->resop = NFS4_OP_FREE_STATEID;
	resp->nfs_resop4_u.opfree_stateid.fsr_status = NFS4_OK;
	return NFS_REQ_OK;
}
