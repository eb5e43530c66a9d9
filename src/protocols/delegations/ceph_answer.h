/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * When libcephfs is told that a delegation has been returned.
 */
#ifndef BC_CEPH_ANSWER_H
#define BC_CEPH_ANSWER_H

/** The import of FSAL CEPH's through which it is told. */
#define BC_CEPH_IMPORT "ceph_ll_delegation"

struct ceph_mount_info;
struct Fh;

/** libcephfs's function, before it is replaced. [K] once an export of CEPH's is there */
extern int (*bc_ceph_original)(struct ceph_mount_info *mount, struct Fh *file,
			       unsigned int command,
			       void (*recall)(struct Fh *, void *), void *arg);

/**
 * What is called instead: the lease behind a delegation is given back with the
 * delegation, and not when its recall is queued.
 *
 * Context: any thread.
 */
int bc_ceph_ll_delegation(struct ceph_mount_info *mount, struct Fh *file,
			  unsigned int command,
			  void (*recall)(struct Fh *, void *), void *arg);

#endif /* BC_CEPH_ANSWER_H */
