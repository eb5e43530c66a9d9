/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which operations are extended, and the way from Ganesha's table to their
 * handlers.
 */
#include "operations/held.h"
#include "operations/operations.h"
#include "operations/stateid.h"

#include "ganesha/configuration.h"
#include "ganesha/dialect.h"

#include <string.h>

/** For what an operation is extended; up to NAMES none that conflicts with a
 * delegation or has a stateid.
 */
enum purpose {
	ALWAYS, /* the back channel */
	PROTECTION, /* Machine_Credentials */
	NAMES, /* the same, or BC_NAMES_ITSELF_LATE */
	STATEIDS, /* Shield_Revoked or Shield_Conflicts */
	CONFLICTS, /* Shield_Conflicts */
};

/** The extended operations, by opcode. [K] */
static const struct extension {
	nfs4_function_t handler; /* NULL: it is not extended */
	enum purpose purpose;
	bool v40; /* of minor version 0 as well: it has to do with delegations */
	bool locks; /* also for Notify_Locks */
} extensions[NFS4_OP_LAST_ONE] = {
	[NFS4_OP_CREATE_SESSION] = { bc_op_create_session, ALWAYS },
	[NFS4_OP_BACKCHANNEL_CTL] = { bc_op_backchannel_ctl, ALWAYS },
	[NFS4_OP_BIND_CONN_TO_SESSION] = { bc_op_bind_conn_to_session, ALWAYS },
	[NFS4_OP_SEQUENCE] = { bc_op_sequence, ALWAYS },
	[NFS4_OP_DESTROY_SESSION] = { bc_op_destroy_session, ALWAYS },
	[NFS4_OP_DESTROY_CLIENTID] = { bc_op_destroy_clientid, ALWAYS },
	[NFS4_OP_EXCHANGE_ID] = { bc_op_exchange_id, NAMES },
	[NFS4_OP_PUTFH] = { bc_op_putfh, PROTECTION },
	[NFS4_OP_GET_DIR_DELEGATION] = { bc_op_get_dir_delegation, ALWAYS },
	[NFS4_OP_WANT_DELEGATION] = { bc_op_want_delegation, ALWAYS },
	[NFS4_OP_FREE_STATEID] = { bc_op_free_stateid, STATEIDS },
	[NFS4_OP_TEST_STATEID] = { bc_op_test_stateid, STATEIDS },
	[NFS4_OP_DELEGRETURN] = { bc_op_delegreturn, STATEIDS, .v40 = true },
	[NFS4_OP_OPEN] = { bc_op_open, STATEIDS, .v40 = true, .locks = true },
	[NFS4_OP_READ] = { bc_op_file, STATEIDS, .v40 = true },
	[NFS4_OP_WRITE] = { bc_op_file, STATEIDS, .v40 = true },
	[NFS4_OP_SETATTR] = { bc_op_file, STATEIDS, .v40 = true },
	[NFS4_OP_LAYOUTGET] = { bc_op_file, STATEIDS },
	[NFS4_OP_ALLOCATE] = { bc_op_file, STATEIDS },
	[NFS4_OP_DEALLOCATE] = { bc_op_file, STATEIDS },
	[NFS4_OP_READ_PLUS] = { bc_op_file, STATEIDS },
	[NFS4_OP_SEEK] = { bc_op_file, STATEIDS },
	[NFS4_OP_REMOVE] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_RENAME] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_LINK] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_GETATTR] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_VERIFY] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_NVERIFY] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_CLOSE] = { bc_op_close, CONFLICTS, .v40 = true,
			    .locks = true },
	[NFS4_OP_OPEN_DOWNGRADE] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_LOCK] = { bc_op_lock, CONFLICTS, .v40 = true, .locks = true },
	[NFS4_OP_LOCKU] = { bc_op_file, CONFLICTS, .v40 = true },
	[NFS4_OP_SETXATTR] = { bc_op_file, CONFLICTS },
	[NFS4_OP_REMOVEXATTR] = { bc_op_file, CONFLICTS },
};

static bool is_wanted(enum purpose purpose)
{
	switch (purpose) {
	case ALWAYS:
		return true;
	case PROTECTION:
		return bc_module_config.machine_credentials;
	case NAMES:
		return is_wanted(PROTECTION) || BC_NAMES_ITSELF_LATE;
	case STATEIDS:
		return bc_module_config.shield_revoked ||
		       bc_module_config.shield_conflicts;
	case CONFLICTS:
		return bc_module_config.shield_conflicts;
	}
	return false;
}

nfs4_function_t bc_operation_handler(int opcode)
{
	const struct extension *extension = &extensions[opcode];

	return extension->handler && (is_wanted(extension->purpose) ||
				      (extension->locks &&
				       bc_module_config.notify_locks)) ?
		       extension->handler :
		       NULL;
}

nfs4_function_t bc_originals[NFS4_OP_LAST_ONE];
nfs4_function_t bc_original_resumes[NFS4_OP_LAST_ONE];

enum nfs_req_result bc_operation_original(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp)
{
	return bc_originals[op->argop](op, data, resp);
}

static enum nfs_req_result run(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	bc_stateid_resolve(op, data);
	return extensions[op->argop].handler(op, data, resp);
}

enum nfs_req_result bc_operation_run(struct nfs_argop4 *op,
				     compound_data_t *data,
				     struct nfs_resop4 *resp)
{
	const struct extension *extension = &extensions[op->argop];

	/* v4.0 has no sessions: its clients keep Ganesha's way. */
	if (data->minorversion == 0 && !extension->v40)
		return bc_originals[op->argop](op, data, resp);
	if (extension->purpose <= NAMES)
		return extension->handler(op, data, resp);
	return bc_held_run(NULL, run, op, data, resp);
}

enum nfs_req_result bc_operation_resume(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp)
{
	struct bc_held *held = bc_held_resumed();

	return held ? bc_held_run(held, run, op, data, resp) :
		      bc_original_resumes[op->argop](op, data, resp);
}

enum nfs_req_result bc_operation_fail(const struct nfs_argop4 *op,
				      struct nfs_resop4 *resp, nfsstat4 status)
{
	memset(&resp->nfs_resop4_u, 0, sizeof(resp->nfs_resop4_u));
	resp->resop = op->argop;
	resp->nfs_resop4_u.opaccess.status = status; /* of any */
	return NFS_REQ_ERROR;
}
