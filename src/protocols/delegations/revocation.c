/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations that Ganesha revokes: their clients are told until they have freed
 * the stateids.  RFC 5661, 8.5, 10.5 and 18.38.
 *
 * Ganesha deletes the state of a delegation that it revokes and knows its
 * stateid no more.  The core remembers it, for SEQUENCE's flag and for what the
 * operations say of it.
 */
#include "delegations/revocation.h"

#include "ganesha/configuration.h"
#include "ganesha/layout.h"

#include "backchannel.h"

_Static_assert(BC_STATEID_OTHER_SIZE == OTHERSIZE, "stateid4's other");

void bc_delegation_revoked(const state_t *state, const state_owner_t *owner)
{
	const nfs_client_id_t *client;

	if (!bc_module_config.shield_revoked ||
	    bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return;
	client = owner->so_owner.so_nfs4_owner.so_clientrec;
	/* The core has been started, and v4.1 sessions are ours. */
	if (bc_layout() != BC_LAYOUT_FITS || client->cid_minorversion == 0)
		return;
	/* All its state goes, and its client id with it. */
	if (client->cid_confirmed == EXPIRED_CLIENT_ID)
		return;
	bc_revoked_add(client->cid_clientid,
		       (const uint8_t *)state->stateid_other);
}
