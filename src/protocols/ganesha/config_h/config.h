/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The part of Ganesha's generated config.h that its public headers read.
 *
 * Ganesha's headers include "config.h", which its own build makes and no
 * package ships.  Only the macros below change what those headers declare;
 * they are those of the distributions' builds (GSSAPI, D-Bus, NFSv3, NLM,
 * RQUOTA, NFSACL3 and 9P on, RDMA and VSOCK off).  GANESHA_VERSION comes from the build system, which
 * reads it from the source tree that the headers belong to.
 */
#ifndef CONFIG_H
#define CONFIG_H

#ifndef GANESHA_VERSION
#error "GANESHA_VERSION must be given by the build system"
#endif

#define USE_DBUS 1
#define _USE_NFS3 1
#define _USE_NLM 1
#define _USE_RQUOTA 1
#define USE_NFSACL3 1
#define _USE_9P 1
#define _HAVE_GSSAPI 1
#define HAVE_KRB5 1
#define LINUX 1
#define HAVE_STRING_H 1
#define HAVE_STRNLEN 1
#define HAVE_URCU_REF_GET_UNLESS_ZERO 1
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLEEND 1
#endif
#define NFS_GANESHA 1

#endif /* CONFIG_H */
