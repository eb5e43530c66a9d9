/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A stand-in for connect(), as Ganesha calls it to dial out to NFSv4.0 clients.
 *
 * It connects inside SETCLIENTID_CONFIRM and inside recalls, with locks held and on
 * threads that serve everybody.  Where a client has given an address that drops what
 * is sent there, the system tries for more than two minutes.
 *
 * Nothing here knows of Ganesha.
 */
#ifndef BC_DIAL_OUT_H
#define BC_DIAL_OUT_H

#include <sys/socket.h>

/** Threads that may wait for their full time, and for BC_DIAL_HURRY, at once. */
#define BC_DIAL_WAITERS 8
#define BC_DIAL_HASTY_WAITERS 32
#define BC_DIAL_HURRY 100 /* ms */

/**
 * connect(), but not for long.
 *
 * Where BC_DIAL_WAITERS threads wait already, as they do when many clients have such
 * addresses, the next ones wait for BC_DIAL_HURRY, which is enough where somebody
 * answers, and those beyond do not wait.  A socket that does not block, and one that
 * is neither IPv4 nor IPv6, is connected as by connect().
 *
 * @param[in] timeout  ms
 *
 * @return as connect(); errno ETIMEDOUT: not connected by then. The socket then is as
 *         it was, and not to be used but closed.
 *
 * Context: any thread. Blocks for @a timeout at most.
 */
int bc_dial_out(int fd, const struct sockaddr *address, socklen_t len,
		int timeout);

#endif /* BC_DIAL_OUT_H */
