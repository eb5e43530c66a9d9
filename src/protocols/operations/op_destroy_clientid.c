/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * DESTROY_CLIENTID: callbacks do not wait for a client that is gone.  RFC 5661,
 * 18.50.
 *
 * While callbacks wait for another session of a client that has none any more,
 * Ganesha takes the client for busy.
 */
#include "operations/operations.h"

#include "nfsv41.h"

#include "backchannel.h"

enum nfs_req_result bc_op_destroy_clientid(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp)
{
	const DESTROY_CLIENTID4args *args =
		&op->nfs_argop4_u.opdestroy_clientid;
	const DESTROY_CLIENTID4res *res =
		&resp->nfs_resop4_u.opdestroy_clientid;
	enum nfs_req_result result = bc_operation_original(op, data, resp);

	/* Ganesha asks again for what is put off, if anything is left then. */
	if (res->dcr_status == NFS4ERR_CLIENTID_BUSY &&
	    bc_client_defer_calls(args->dca_clientid))
		result = bc_operation_original(op, data, resp);
	if (res->dcr_status == NFS4_OK)
		bc_client_destroy(args->dca_clientid);
	return result;
}
