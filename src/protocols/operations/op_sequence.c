/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * SEQUENCE: status flags that tell the truth.  RFC 5661, 18.46.3.
 */
#include "operations/compound.h"
#include "operations/held.h"
#include "operations/operations.h"
#include "operations/protection.h"

#include "ganesha/configuration.h"
#include "ganesha/layout.h"
#include "transport/transport.h"

#include "nfs_rpc_callback.h"
#include "nfsv41.h"

#include "counters.h"

#include <urcu-bp.h>

/* The flags that we answer for. */
#define PATH_FLAGS                                                             \
	((uint32_t)(SEQ4_STATUS_CB_PATH_DOWN |                                 \
		    SEQ4_STATUS_CB_PATH_DOWN_SESSION |                         \
		    SEQ4_STATUS_BACKCHANNEL_FAULT))
#define REVOKED_FLAG ((uint32_t)SEQ4_STATUS_RECALLABLE_STATE_REVOKED)

static uint32_t own_flags(void)
{
	return bc_module_config.shield_revoked ? PATH_FLAGS | REVOKED_FLAG :
						 PATH_FLAGS;
}

/* The slot of a held request has another sequence id than the client thinks. */
static bool may_be_of_held(nfsstat4 status)
{
	return status == NFS4ERR_SEQ_MISORDERED ||
	       status == NFS4ERR_RETRY_UNCACHED_REP;
}

/* "the replier ... is processing the request": it need not be waited for, RFC 5661
 * 2.10.6.2 and 18.46.3.
 */
static enum nfs_req_result run_original(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp)
{
	const SEQUENCE4args *args = &op->nfs_argop4_u.opsequence;
	SEQUENCE4res *res = &resp->nfs_resop4_u.opsequence;
	uint64_t before = bc_waiting_arrivals();
	enum nfs_req_result result;

	if (bc_held_in_slot(args))
		return bc_operation_fail(op, resp, NFS4ERR_DELAY);
	result = bc_operation_original(op, data, resp);
	/* It may have been held since a moment ago, for a moment. */
	if (result == NFS_REQ_ERROR && may_be_of_held(res->sr_status) &&
	    bc_held_came_to(args, before))
		res->sr_status = NFS4ERR_DELAY;
	return result;
}

/* Before a slot is taken: nothing is to be remembered of the request.  Where no
 * client has state protection, nothing is looked up.
 */
static nfsstat4 check_connection(const SEQUENCE4args *args,
				 const compound_data_t *data)
{
	struct bc_session *session;
	bool admitted;

	if (!bc_module_config.machine_credentials)
		return NFS4_OK;
	session = bc_session_named(args->sa_sessionid);
	if (!session)
		return bc_protection_is_lost(args->sa_sessionid) ?
			       NFS4ERR_BADSESSION :
			       NFS4_OK;
	admitted = bc_session_admits(session,
				     bc_transport_conn_of(data->req->rq_xprt));
	bc_session_put(session);
	if (admitted)
		return NFS4_OK;
	bc_count(BC_COUNT_PROTECTION_CONNECTION);
	return NFS4ERR_CONN_NOT_BOUND_TO_SESSION;
}

/* The client may have lost the paths that it still seems to have. */
static uint32_t look_at_paths(const compound_data_t *data)
{
	struct bc_session *session = bc_compound_session_get(data);
	uint32_t flags;

	if (!session)
		return 0;
	flags = bc_session_ended_paths(session);
	bc_session_put(session);
	return flags;
}

enum nfs_req_result bc_op_sequence(struct nfs_argop4 *op, compound_data_t *data,
				   struct nfs_resop4 *resp)
{
	SEQUENCE4res *res = &resp->nfs_resop4_u.opsequence;
	uint32_t *flags = &res->SEQUENCE4res_u.sr_resok4.sr_status_flags;
	enum nfs_req_result result;
	struct bc_session_status status;
	nfs_client_id_t *client;
	nfsstat4 checked;
	bool trusted;

	checked = check_connection(&op->nfs_argop4_u.opsequence, data);
	if (checked != NFS4_OK)
		return bc_operation_fail(op, resp, checked);
	result = run_original(op, data, resp);
	/* A replay has the answer of the first time. */
	if (result != NFS_REQ_OK || res->sr_status != NFS4_OK ||
	    bc_layout() != BC_LAYOUT_FITS)
		return result;
	rcu_read_lock();
	status = bc_session_heard(bc_compound_session_rcu(data),
				  bc_transport_conn_of(data->req->rq_xprt));
	rcu_read_unlock();
	if (!status.known)
		return result;
	if (status.doubtful)
		status.flags |= look_at_paths(data);
	*flags = (*flags & ~own_flags()) | status.flags;

	/* An OPEN that follows asks this before it grants a delegation. */
	client = data->session->clientid_record;
	trusted = (status.standing & BC_STANDING_TRUSTED) &&
		  !(status.flags & SEQ4_STATUS_CB_PATH_DOWN);
	if (get_cb_chan_down(client) == trusted)
		set_cb_chan_down(client, !trusted);
	/* What was revoked for want of a path is no fault of its own. */
	if (status.standing & BC_STANDING_FORGIVEN)
		uatomic_set(&client->num_revokes, 0);
	return result;
}
