/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A CephFS of the test's own, from the distribution's packages: one monitor, one
 * OSD in memory and one MDS, without authentication, in a temporary folder and at
 * NETWORK_ADDRESS.  Its daemons die with the thread that started it.
 *
 * Environment: SERVER_KEEP (leave the folder behind).
 */
#ifndef CLUSTER_CEPHFS_H
#define CLUSTER_CEPHFS_H

#include <stdbool.h>

#define CEPHFS_POOL "meta" /* for the recovery of gateways, too */

/** What it is made of that is not installed; NULL: nothing is missing. */
const char *cephfs_missing(void);

struct cephfs;

/** Start it, and wait until the MDS is active. @return NULL: see stderr */
struct cephfs *cephfs_start(void);
/** End it, and remove its folder. NULL is allowed. */
void cephfs_stop(struct cephfs *ceph);
/** Its folder, which goes with it. */
const char *cephfs_folder(const struct cephfs *ceph);
/** Path of its ceph.conf. */
const char *cephfs_conf(const struct cephfs *ceph);

/** Kill the MDS. */
void cephfs_kill_mds(struct cephfs *ceph);
/** Start it again, and wait until it is active. */
bool cephfs_start_mds(struct cephfs *ceph);

/** Run a command with its configuration, "ceph" say. @return its exit status */
int cephfs_run(struct cephfs *ceph, const char *program,
	       const char *const args[]);

#endif
