/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which operations are extended, and the way from Ganesha's table to their
 * handlers.
 */
#include "operations/operations.h"

#include "ganesha/configuration.h"

const nfs4_function_t bc_handlers[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_CREATE_SESSION] = bc_op_create_session,
	[NFS4_OP_BACKCHANNEL_CTL] = bc_op_backchannel_ctl,
	[NFS4_OP_BIND_CONN_TO_SESSION] = bc_op_bind_conn_to_session,
	[NFS4_OP_SEQUENCE] = bc_op_sequence,
	[NFS4_OP_DESTROY_SESSION] = bc_op_destroy_session,
	[NFS4_OP_DESTROY_CLIENTID] = bc_op_destroy_clientid,
	[NFS4_OP_FREE_STATEID] = bc_op_free_stateid,
	[NFS4_OP_TEST_STATEID] = bc_op_test_stateid,
	[NFS4_OP_GET_DIR_DELEGATION] = bc_op_get_dir_delegation,
	[NFS4_OP_WANT_DELEGATION] = bc_op_want_delegation,
	[NFS4_OP_DELEGRETURN] = bc_op_use_stateid,
	[NFS4_OP_OPEN] = bc_op_use_stateid,
	[NFS4_OP_READ] = bc_op_use_stateid,
	[NFS4_OP_WRITE] = bc_op_use_stateid,
	[NFS4_OP_SETATTR] = bc_op_use_stateid,
	[NFS4_OP_LAYOUTGET] = bc_op_use_stateid,
	[NFS4_OP_ALLOCATE] = bc_op_use_stateid,
	[NFS4_OP_DEALLOCATE] = bc_op_use_stateid,
	[NFS4_OP_READ_PLUS] = bc_op_use_stateid,
	[NFS4_OP_SEEK] = bc_op_use_stateid,
};

/* Those that only tell of revoked stateids. */
static bool is_of_shield_revoked(nfs4_function_t handler)
{
	return handler == bc_op_free_stateid || handler == bc_op_test_stateid ||
	       handler == bc_op_use_stateid;
}

nfs4_function_t bc_operation_handler(int opcode)
{
	nfs4_function_t handler = bc_handlers[opcode];

	if (is_of_shield_revoked(handler) && !bc_module_config.shield_revoked)
		return NULL;
	return handler;
}

nfs4_function_t bc_originals[NFS4_OP_LAST_ONE];

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
	if (data->minorversion == 0)
		return bc_originals[op->argop](op, data, resp);
	return bc_handlers[op->argop](op, data, resp);
}
