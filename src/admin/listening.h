/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Sockets to listen on.
 */
#ifndef BC_LISTENING_H
#define BC_LISTENING_H

#include <limits.h>
#include <stddef.h>

/** A socket that listens. */
struct bc_listening {
	int fd; /* -1: none; else whoever serves it closes it */
	int lock; /* -1: none; of a Unix socket's path */
	char path[PATH_MAX]; /* of a Unix socket */
};

/**
 * Listen on a Unix socket that only its owner may open (mode 0600).
 *
 * What a server that is gone has left at the path is replaced; a socket that another
 * one listens on, or anything else, is not.  A file beside it, with ".lock" appended,
 * is locked as long as the server lives.  The last folder of the path is made if it is
 * missing.
 *
 * @param[out] listening
 * @param[in]  path
 * @param[out] why  what went wrong
 * @param[in]  size of @a why
 *
 * @retval 0
 * @retval -EADDRINUSE  somebody else has it, or this process by another name
 * @return else another -errno
 *
 * Context: any thread.
 */
int bc_listen_unix(struct bc_listening *listening, const char *path, char *why,
		   size_t size);

/**
 * Listen on a TCP address.
 *
 * @param[in] address  host:port; an IPv6 address is in brackets
 *
 * The others as for bc_listen_unix().
 */
int bc_listen_tcp(struct bc_listening *listening, const char *address,
		  char *why, size_t size);

/** The socket is closed: take its path away, and let go of the lock. */
void bc_listening_end(struct bc_listening *listening);

#endif /* BC_LISTENING_H */
