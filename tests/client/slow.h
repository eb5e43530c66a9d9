/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A server some of whose calls of the C library are slow: each takes a while, which
 * is the server's thread's.  Done by libslowcalls.so, which is preloaded into it; it
 * is told in a file that SERVER_SLOW names and that both sides map.
 */
#ifndef NFS41_CLIENT_SLOW_H
#define NFS41_CLIENT_SLOW_H

#include <stdint.h>

struct slow_calls {
	_Atomic uint16_t port; /* of the slow socket's peer; 0: none is */
	_Atomic uint32_t us; /* before each sendmsg() on it */
	_Atomic uint32_t hostname_us; /* after each gethostname() */
};

/** The slow calls of one server. */
struct slow {
	struct slow_calls *calls;
	const char *env[3]; /* for its server_params */
	char path[64], variable[80];
};

/**
 * None is slow at first; @a slow stays where it is until slow_close().
 * @return 0; -errno
 */
int slow_open(struct slow *slow);
void slow_close(struct slow *slow);

#endif
