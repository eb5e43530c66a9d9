/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * GET_DIR_DELEGATION: there are none at present.  RFC 5661, 18.39.
 *
 * Ganesha answers it as illegal, which clients take for a fault: Linux from 6.19 on
 * asks in the COMPOUND of a GETATTR, and its readdir() fails.  After GDD4_UNAVAIL,
 * which is no error, the GETATTR goes on; after NFS4ERR_NOTSUPP it would have to be
 * sent again, and after NFS4ERR_DIRDELEG_UNAVAIL not every client does that.  The
 * Linux server says GDD4_UNAVAIL, too, also to those that want no signal.
 */
#include "operations/operations.h"

#include "fsal_api.h"
#include "nfs_file_handle.h"

static nfsstat4 check_directory(compound_data_t *data)
{
	nfsstat4 status = (nfsstat4)nfs4_Is_Fh_Empty(&data->currentFH);

	if (status != NFS4_OK)
		return status;
	return data->current_filetype == DIRECTORY ? NFS4_OK : NFS4ERR_NOTDIR;
}

enum nfs_req_result bc_op_get_dir_delegation(struct nfs_argop4 *op,
					     compound_data_t *data,
					     struct nfs_resop4 *resp)
{
	GET_DIR_DELEGATION4res *res = &resp->nfs_resop4_u.opget_dir_delegation;
	GET_DIR_DELEGATION4res_non_fatal *result =
		&res->GET_DIR_DELEGATION4res_u.gddr_res_non_fatal4;

	(void)op;
	resp->resop = NFS4_OP_GET_DIR_DELEGATION;
	res->gddr_status = check_directory(data);
	if (res->gddr_status != NFS4_OK)
		return NFS_REQ_ERROR;
	result->gddrnf_status = GDD4_UNAVAIL;
	/* gddrnf_will_signal_deleg_avail: no CB_RECALLABLE_OBJ_AVAIL comes. */
	result->GET_DIR_DELEGATION4res_non_fatal_u.gddrnf_signal = false;
	return NFS_REQ_OK;
}
