/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A server one of whose sockets is slow: each sendmsg() on it takes a while,
 * which is the server's thread's.  Done by libslowsend.so, which is preloaded into
 * it; it is told in a file that SERVER_SLOW names and that both sides map.
 */
#ifndef NFS41_CLIENT_SLOW_H
#define NFS41_CLIENT_SLOW_H

#include <stdint.h>

struct slow_socket {
	_Atomic uint16_t port; /* the peer's; 0: none is slow */
	_Atomic uint32_t us; /* before each sendmsg() */
};

/** The slow socket of one server. */
struct slow {
	struct slow_socket *socket;
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
