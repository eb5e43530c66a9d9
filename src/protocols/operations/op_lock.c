/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * LOCK: what any operation on a file is, and what becomes of one that will be waited
 * for.  RFC 5661, 18.10; RFC 7530, 9.4.
 *
 * Ganesha looks for no conflicting lock's description where it puts the request into
 * its list of those who wait (and tells them later, by CB_NOTIFY_LOCK), and answers
 * with what was on its stack.  "If the server is unable to determine the exact offset
 * and length of the conflicting byte-range lock, the same offset and length that were
 * provided in the arguments should be returned in the denied results", 18.10.4.
 *
 * NFSv4.0 has no CB_NOTIFY_LOCK.  Its clients are sent it all the same: Ganesha connects
 * to them, with the file's states locked, and keeps the lock for them meanwhile.
 */
#include "operations/operations.h"

#include "ganesha/dialect.h"

static bool will_be_waited_for(const LOCK4args *args)
{
	return args->locktype == READW_LT || args->locktype == WRITEW_LT;
}

/* The client asks again. */
static void do_not_wait(LOCK4args *args)
{
	args->locktype = args->locktype == READW_LT ? READ_LT : WRITE_LT;
}

/* The one lock that is known to conflict with any other is one for writing. */
static void describe(LOCK4denied *denied, const LOCK4args *args)
{
	denied->offset = args->offset;
	denied->length = args->length;
	denied->locktype = WRITE_LT;
}

enum nfs_req_result bc_op_lock(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp)
{
	LOCK4args *args = &op->nfs_argop4_u.oplock;
	LOCK4res *res = &resp->nfs_resop4_u.oplock;
	enum nfs_req_result result;

	if (!bc_notifies_locks() || !will_be_waited_for(args))
		return bc_op_file(op, data, resp);
	if (data->minorversion == 0)
		do_not_wait(args);
	result = bc_op_file(op, data, resp);
	if (data->minorversion && result == NFS_REQ_ERROR &&
	    res->status == NFS4ERR_DENIED)
		describe(&res->LOCK4res_u.denied, args);
	return result;
}
