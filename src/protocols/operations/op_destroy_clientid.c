/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * DESTROY_CLIENTID: not while the client holds anything, and callbacks do not wait
 * for a client that is gone.  RFC 5661, 18.50.
 *
 * Ganesha looks for sessions only.  What else the client holds would be nobody's:
 * the reaper does not find the client any more, and a delegation's owner is part
 * of the client's record and goes with it.
 *
 * While callbacks wait for another session of a client that has none any more,
 * Ganesha takes the client for busy.
 */
#include "operations/operations.h"
#include "operations/protection.h"

#include "ganesha/client_record.h"
#include "ganesha/layout.h"

#include "nfsv41.h"

#include "backchannel.h"

/* Whether the client holds anything beside sessions; its lease ends that. */
static nfsstat4 check_held(clientid4 clientid)
{
	struct hash_latch latch;
	nfs_client_id_t *client;
	bool holds = false;
	bool known;

	/* Without a first session, nobody holds anything. */
	if (bc_layout() != BC_LAYOUT_FITS)
		return NFS4_OK;
	client = bc_client_record_acquire(clientid, &latch);
	if (!client)
		return NFS4_OK;
	known = bc_client_record_holds_state(client, &holds);
	bc_client_record_release(&latch);
	if (!known)
		return NFS4ERR_DELAY;
	return holds ? NFS4ERR_CLIENTID_BUSY : NFS4_OK;
}

enum nfs_req_result bc_op_destroy_clientid(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp)
{
	const DESTROY_CLIENTID4args *args =
		&op->nfs_argop4_u.opdestroy_clientid;
	const DESTROY_CLIENTID4res *res =
		&resp->nfs_resop4_u.opdestroy_clientid;
	enum nfs_req_result result;
	nfsstat4 held;

	if (!bc_protection_admits(args->dca_clientid, data->req,
				  "DESTROY_CLIENTID"))
		return bc_operation_fail(op, resp, NFS4ERR_WRONG_CRED);
	held = check_held(args->dca_clientid);
	if (held != NFS4_OK)
		return bc_operation_fail(op, resp, held);
	result = bc_operation_original(op, data, resp);
	/* Ganesha asks again for what is put off, if anything is left then. */
	if (res->dcr_status == NFS4ERR_CLIENTID_BUSY &&
	    bc_client_defer_calls(args->dca_clientid))
		result = bc_operation_original(op, data, resp);
	if (res->dcr_status == NFS4_OK) {
		bc_client_destroy(args->dca_clientid);
		bc_protection_forget(args->dca_clientid);
	}
	return result;
}
