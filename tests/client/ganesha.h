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

#endif
