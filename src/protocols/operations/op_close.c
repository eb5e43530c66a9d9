/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CLOSE: what any operation on a file is, and the end of waiting for its locks.
 * RFC 5661, 18.2.
 */
#include "operations/operations.h"

#include "backchannel.h"

enum nfs_req_result bc_op_close(struct nfs_argop4 *op, compound_data_t *data,
				struct nfs_resop4 *resp)
{
	const CLOSE4args *args = &op->nfs_argop4_u.opclose;
	enum nfs_req_result result = bc_op_file(op, data, resp);

	if (result == NFS_REQ_OK && data->session && bc_lock_waiters())
		bc_lock_closed(data->current_obj, data->session->clientid,
			       (const uint8_t *)args->open_stateid.other);
	return result;
}
