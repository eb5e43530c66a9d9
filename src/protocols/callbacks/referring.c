/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Referring calls.
 *
 * A callback names the request that created the state it speaks of, until the
 * client is known to have seen that request's reply: as long as it has not used
 * the slot again.
 *
 * Ganesha names slot and sequence id, and four bytes of the session's id, which
 * all sessions of the client share: any session whose slot is there fits.  For
 * one that fits by chance the client waits for a reply that is on its way.
 */
#include "callbacks/referring.h"

#include "ganesha/client_record.h"

#include "backchannel.h"

#include <string.h>
#include <urcu/system.h>

/* The sequence id of a slot's last request, which a held one keeps elsewhere. */
static sequenceid4 sequence_of(const nfs41_session_t *session, slotid4 slot)
{
	sequenceid4 sequence;

	if (bc_waiting_in_slot((const uint8_t *)session->session_id, slot,
			       &sequence))
		return sequence;
	return CMM_LOAD_SHARED(session->fc_slots[slot].sequence);
}

u_int bc_referring_find(nfs41_session_t *session,
			const CB_SEQUENCE4args *sequence,
			struct bc_referring *lists)
{
	nfs_client_id_t *client = session->clientid_record;
	const referring_call_list4 *given =
		sequence->csa_referring_call_lists.csarcl_val;
	const referring_call4 *call;
	nfs41_session_t *made = NULL;
	u_int count = 0;

	if (!given)
		return 0;
	call = given->rcl_referring_calls.rcl_referring_calls_val;
	PTHREAD_MUTEX_lock(&client->cid_mutex);
	while ((made = bc_client_record_next_session(client, made)) != NULL) {
		if (count == BC_REFERRING_MAX ||
		    call->rc_slotid >= made->nb_slots ||
		    sequence_of(made, call->rc_slotid) != call->rc_sequenceid)
			continue;
		memcpy(lists->session[count++], made->session_id,
		       NFS4_SESSIONID_SIZE);
	}
	PTHREAD_MUTEX_unlock(&client->cid_mutex);
	lists->call = *call;
	return count;
}

bool bc_referring_encode(XDR *xdrs, struct bc_referring *lists, u_int count)
{
	if (!XDR_PUTUINT32(xdrs, count))
		return false;
	for (u_int i = 0; i < count; i++) {
		referring_call_list4 list = {
			.rcl_referring_calls = {
				.rcl_referring_calls_len = 1,
				.rcl_referring_calls_val = &lists->call,
			},
		};

		memcpy(list.rcl_sessionid, lists->session[i],
		       NFS4_SESSIONID_SIZE);
		if (!xdr_referring_call_list4(xdrs, &list))
			return false;
	}
	return true;
}
