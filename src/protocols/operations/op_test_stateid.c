/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * TEST_STATEID: a revoked delegation is told from one that never was.  RFC 5661,
 * 18.48.
 */
#include "operations/operations.h"
#include "operations/stateid.h"

enum nfs_req_result bc_op_test_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp)
{
	const TEST_STATEID4args *args = &op->nfs_argop4_u.optest_stateid;
	const stateid4 *stateids = args->ts_stateids.ts_stateids_val;
	TEST_STATEID4resok *resok = &resp->nfs_resop4_u.optest_stateid
					     .TEST_STATEID4res_u.tsr_resok4;
	nfsstat4 *codes;
	enum nfs_req_result result = bc_stateid_original(op, data, resp);

	if (result != NFS_REQ_OK)
		return result;
	codes = resok->tsr_status_codes.tsr_status_codes_val;
	for (u_int i = 0; i < resok->tsr_status_codes.tsr_status_codes_len;
	     i++) {
		nfsstat4 owner = bc_stateid_check_owner(data, &stateids[i]);

		if (owner != NFS4_OK)
			codes[i] = owner;
		bc_stateid_asked(data, &stateids[i]);
		codes[i] = bc_stateid_status(data, &stateids[i], codes[i]);
	}
	return result;
}
