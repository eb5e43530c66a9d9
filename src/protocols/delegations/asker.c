/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who asks.
 *
 * Ganesha tells the holders of delegations apart by IP address: of two clients
 * behind one address the second passes for the first, and a client with two
 * addresses for a stranger.  A client of v4.0 names itself in OPEN; in the stateid
 * of what it returns; and nowhere else.
 */
#include "delegations/asker.h"

#include <string.h>

struct bc_asker bc_asker_of(const struct nfs_argop4 *op,
			    const compound_data_t *data)
{
	struct bc_asker asker = { 0 };

	if (data->session) {
		asker.clientid = data->session->clientid;
		asker.client = data->session->clientid_record;
	} else if (op->argop == NFS4_OP_OPEN)
		asker.clientid = op->nfs_argop4_u.opopen.owner.clientid;
	else if (op->argop == NFS4_OP_DELEGRETURN) /* wherever it is now */
		memcpy(&asker.clientid,
		       op->nfs_argop4_u.opdelegreturn.deleg_stateid.other,
		       sizeof(asker.clientid));
	else
		asker.address = op_ctx->client;
	return asker;
}

nfs_client_id_t *bc_delegation_holder(const state_t *delegation)
{
	return delegation->state_owner->so_owner.so_nfs4_owner.so_clientrec;
}

bool bc_asker_holds(const struct bc_asker *asker, const state_t *delegation)
{
	const nfs_client_id_t *holder = bc_delegation_holder(delegation);

	if (asker->clientid)
		return holder->cid_clientid == asker->clientid;
	return asker->address && holder->cid_minorversion == 0 &&
	       holder->gsh_client == asker->address;
}
