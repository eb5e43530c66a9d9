/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A server some of whose calls are slow: each takes a while, which is the server's
 * thread's.  Done by libslowcalls.so, which is preloaded into it; it
 * is told in a file that SERVER_SLOW names and that both sides map.
 */
#ifndef NFS41_CLIENT_SLOW_H
#define NFS41_CLIENT_SLOW_H

#include <stdbool.h>
#include <stdint.h>

/** Who is held when it lets go of one of Ganesha's tables, which it has looked up in. */
enum slow_lookup {
	SLOW_NO_LOOKUP,
	/* Who has no operation context, not even one that a callback has left below. */
	SLOW_EXECUTORS_LOOKUPS,
	SLOW_LOOKUP_AFTER_NEXT, /* of a COMPOUND's: after its SEQUENCE's own */
	SLOW_NEXT_LOOKUP,
	SLOW_HELD_LOOKUP, /* that one; no other */
};

struct slow_calls {
	_Atomic uint16_t port; /* of the slow socket's peer; 0: none is */
	_Atomic uint32_t us; /* before each sendmsg() on it */
	_Atomic uint32_t hostname_us; /* after each gethostname() */
	_Atomic enum slow_lookup lookup; /* SLOW_NO_LOOKUP ends it */
	_Atomic uint32_t lookups_held, lookups_over; /* numbers of them */
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
/** Wait until a count of @a slow's is not @a before any more. @return whether it is */
bool slow_wait(const _Atomic uint32_t *count, uint32_t before, int timeout_ms);
void slow_close(struct slow *slow);

#endif
