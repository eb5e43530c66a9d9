/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What differs between the versions of Ganesha as a client and an administrator see
 * it: the one place where the tests ask which one runs.  GANESHA_MAJOR is the build
 * system's.
 */
#ifndef NFS41_CLIENT_GANESHA_H
#define NFS41_CLIENT_GANESHA_H

/** For NFS_CORE_PARAM: a server starts without CAP_SYS_RESOURCE, too, as in a
 * container.
 */
#if GANESHA_MAJOR >= 5
#define GANESHA_CORE_CONFIG "\tAllow_Set_Io_Flusher_Fail = true;\n"
#else
#define GANESHA_CORE_CONFIG ""
#endif

/** The access with which a write delegation is granted, if one is wanted: from 5 to 8
 * who reads too gets none.
 */
#if GANESHA_MAJOR >= 5 && GANESHA_MAJOR < 9
#define GANESHA_WRITE_ACCESS OPEN4_SHARE_ACCESS_WRITE
#else
#define GANESHA_WRITE_ACCESS OPEN4_SHARE_ACCESS_BOTH
#endif

/** Its ntirpc loses descriptors, which Shield_Sockets prevents. */
#define GANESHA_LOSES_DESCRIPTORS (GANESHA_MAJOR < 9)

/** A client whose lease is over is kept until another one needs what it holds: a new
 * principal of its owner meets it (RFC 5661, 18.35.4, case 3).
 */
#define GANESHA_KEEPS_EXPIRED (GANESHA_MAJOR >= 6)

/** The end of a recall renews the holder's lease, also one that is over, and the client
 * is not among those that are kept any more (update_lease(), which
 * free_delegrecall_context() calls): what else it holds is given up a lease later.
 */
#define GANESHA_RENEWS_BY_RECALL (GANESHA_MAJOR >= 6)

/** A Lease_Lifetime of zero is accepted. */
#define GANESHA_ALLOWS_NO_LEASE (GANESHA_MAJOR < 6)

/** Of a revoked delegation Ganesha itself keeps the stateid, until it is freed. */
#define GANESHA_KEEPS_REVOKED (GANESHA_MAJOR >= 9)

/** Who has asked for a lock with WRITEW_LT or READW_LT is told when it may have it, by
 * CB_NOTIFY_LOCK (RFC 5661, 20.11).
 */
#define GANESHA_NOTIFIES_LOCKS (GANESHA_MAJOR >= 6)

/** That can be switched off, by its parameter Blocking_Locks. */
#define GANESHA_NEED_NOT_NOTIFY_LOCKS (GANESHA_MAJOR >= 9)

/** A CLOSE of what has locks ends them; before, it is refused. */
#define GANESHA_CLOSES_LOCKED (GANESHA_MAJOR >= 6)

/** A client of NFSv4.2 is granted a delegation with the times, if it wants one
 * (RFC 9754).
 */
#define GANESHA_DELEGATES_TIMES (GANESHA_MAJOR >= 9)

/** Ganesha itself tells two clients at one address apart when it looks for a conflict
 * with a delegation.
 */
#define GANESHA_TELLS_NEIGHBOURS (GANESHA_MAJOR >= 9)

/** FSAL CEPH does not recall all of its delegations for others: none is granted. */
#define GANESHA_CEPH_UNDELEGATED (GANESHA_MAJOR >= 9)

/** RPC_Max_Connections may be no more. */
#define GANESHA_MAX_CONNECTIONS (GANESHA_MAJOR >= 6 ? 1000000 : 10000)

#endif
