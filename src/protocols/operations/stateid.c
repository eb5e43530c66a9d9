/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Revoked stateids, as the operations speak of them.  RFC 5661, 8.2.4 and 10.5.
 *
 * What Ganesha calls bad is compared with what the core remembers as revoked.
 */
#include "operations/stateid.h"

#include "operations/compound.h"

#include "backchannel.h"

#include <urcu-bp.h>

/* What Ganesha says of a stateid whose state is gone, or going just now. */
static bool is_gone(nfsstat4 status)
{
	return status == NFS4ERR_BAD_STATEID || status == NFS4ERR_EXPIRED ||
	       status == NFS4ERR_STALE;
}

nfsstat4 bc_stateid_status(const compound_data_t *data, const stateid4 *stateid,
			   nfsstat4 status)
{
	struct bc_session *session;

	if (!is_gone(status))
		return status;
	session = bc_compound_session_get(data);
	if (!session)
		return status;
	if (bc_revoked_contains(session, (const uint8_t *)stateid->other))
		status = NFS4ERR_DELEG_REVOKED;
	bc_session_put(session);
	return status;
}
