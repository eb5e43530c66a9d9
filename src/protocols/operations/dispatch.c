/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which operations are extended, and the way from Ganesha's table to their
 * handlers.
 */
#include "operations/operations.h"

#include <string.h>

const nfs4_function_t bc_handlers[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_CREATE_SESSION] = bc_op_create_session,
	[NFS4_OP_BACKCHANNEL_CTL] = bc_op_backchannel_ctl,
	[NFS4_OP_BIND_CONN_TO_SESSION] = bc_op_bind_conn_to_session,
	[NFS4_OP_SEQUENCE] = bc_op_sequence,
	[NFS4_OP_DESTROY_SESSION] = bc_op_destroy_session,
	[NFS4_OP_DESTROY_CLIENTID] = bc_op_destroy_clientid,
	[NFS4_OP_FREE_STATEID] = bc_op_free_stateid,
	[NFS4_OP_TEST_STATEID] = bc_op_test_stateid,
	[NFS4_OP_DELEGRETURN] = bc_op_delegreturn,
	[NFS4_OP_OPEN] = bc_op_open,
	[NFS4_OP_READ] = bc_op_file,
	[NFS4_OP_WRITE] = bc_op_file,
	[NFS4_OP_SETATTR] = bc_op_file,
	[NFS4_OP_REMOVE] = bc_op_file,
	[NFS4_OP_RENAME] = bc_op_file,
	[NFS4_OP_LINK] = bc_op_file,
	[NFS4_OP_GETATTR] = bc_op_file,
	[NFS4_OP_VERIFY] = bc_op_file,
	[NFS4_OP_NVERIFY] = bc_op_file,
	[NFS4_OP_CLOSE] = bc_op_file,
	[NFS4_OP_OPEN_DOWNGRADE] = bc_op_file,
	[NFS4_OP_LOCK] = bc_op_file,
	[NFS4_OP_LOCKU] = bc_op_file,
	[NFS4_OP_LAYOUTGET] = bc_op_file,
	[NFS4_OP_ALLOCATE] = bc_op_file,
	[NFS4_OP_DEALLOCATE] = bc_op_file,
	[NFS4_OP_READ_PLUS] = bc_op_file,
	[NFS4_OP_SEEK] = bc_op_file,
	[NFS4_OP_SETXATTR] = bc_op_file,
	[NFS4_OP_REMOVEXATTR] = bc_op_file,
};

nfs4_function_t bc_originals[NFS4_OP_LAST_ONE];

/** Those that conflict with delegations, whatever their minor version. [K] */
static const bool for_every_version[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_OPEN] = true,	      [NFS4_OP_READ] = true,
	[NFS4_OP_WRITE] = true,	      [NFS4_OP_SETATTR] = true,
	[NFS4_OP_REMOVE] = true,      [NFS4_OP_RENAME] = true,
	[NFS4_OP_LINK] = true,	      [NFS4_OP_GETATTR] = true,
	[NFS4_OP_VERIFY] = true,      [NFS4_OP_NVERIFY] = true,
	[NFS4_OP_DELEGRETURN] = true,
};

enum nfs_req_result bc_operation_original(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp)
{
	return bc_originals[op->argop](op, data, resp);
}

enum nfs_req_result bc_operation_run(struct nfs_argop4 *op,
				     compound_data_t *data,
				     struct nfs_resop4 *resp)
{
	/* v4.0 has no sessions: its clients keep Ganesha's way. */
	if (data->minorversion == 0 && !for_every_version[op->argop])
		return bc_originals[op->argop](op, data, resp);
	return bc_handlers[op->argop](op, data, resp);
}

enum nfs_req_result bc_operation_fail(const struct nfs_argop4 *op,
				      struct nfs_resop4 *resp, nfsstat4 status)
{
	memset(&resp->nfs_resop4_u, 0, sizeof(resp->nfs_resop4_u));
	resp->resop = op->argop;
	resp->nfs_resop4_u.opaccess.status = status; /* of any */
	return NFS_REQ_ERROR;
}
