/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * FSAL CEPH of Ganesha 9 gives a lease back as soon as its recall is queued, on a thread
 * of its own.  Who waits for that through another gateway goes on, while the holder has
 * not even been called; and the open file for which it is said may have been closed by
 * then, and freed.  Here that is left to who returns, revokes or claims the delegation,
 * as in all versions before.
 */
#include "delegations/ceph_answer.h"

#include "ganesha/layout.h"

#include "fsal.h"

#define CEPH_DELEGATION_NONE 0 /* cephfs/ceph_ll_client.h */

int (*bc_ceph_original)(struct ceph_mount_info *mount, struct Fh *file,
			unsigned int command,
			void (*recall)(struct Fh *, void *), void *arg);

/* Who is asked for a lease, or given it back, has a context (lease_op2). */
static bool answers_recall(unsigned int command)
{
	return command == CEPH_DELEGATION_NONE && !op_ctx &&
	       bc_layout_of_delegations() == BC_LAYOUT_FITS;
}

int bc_ceph_ll_delegation(struct ceph_mount_info *mount, struct Fh *file,
			  unsigned int command,
			  void (*recall)(struct Fh *, void *), void *arg)
{
	return answers_recall(command) ?
		       0 :
		       bc_ceph_original(mount, file, command, recall, arg);
}
