/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stateids, as the operations speak of them.  RFC 5661, 8.2.4 and 10.5.
 *
 * Ganesha makes a stateid's `other` of the client id and a counter of the client's.
 * What it calls bad is compared with what the core remembers as revoked.
 */
#include "operations/stateid.h"

#include "operations/compound.h"
#include "operations/operations.h"

#include "delegations/bookkeeping.h"
#include "ganesha/arguments.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"

#include "sal_functions.h"

#include "backchannel.h"

#include <urcu-bp.h>

void bc_stateid_resolve(struct nfs_argop4 *op, const compound_data_t *data)
{
	stateid4 *stateid = bc_stateid_used(op);

	if (stateid && data->current_stateid_valid &&
	    bc_stateid_is_current(stateid))
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

enum nfs_req_result bc_stateid_original(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp)
{
	bool lent = bc_export_lend();
	enum nfs_req_result result = bc_operation_original(op, data, resp);

	bc_export_take_back(lent);
	return result;
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
