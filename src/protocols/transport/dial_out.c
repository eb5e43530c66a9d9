/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Dialling out to where perhaps nobody is.
 */
#include "transport/dial_out.h"

#include "backchannel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <urcu/uatomic.h>

static unsigned int dial_waiters; /* [A] threads in wait_connected() */

/* How long the latest of so many may wait. */
static int bounded(unsigned int waiters, int timeout)
{
	if (waiters <= BC_DIAL_WAITERS)
		return timeout;
	if (waiters > BC_DIAL_WAITERS + BC_DIAL_HASTY_WAITERS)
		return 0;
	return timeout < BC_DIAL_HURRY ? timeout : BC_DIAL_HURRY;
}

/* @return 0 or the error with which the attempt has ended */
static int wait_connected(int fd, int timeout)
{
	int64_t until = (int64_t)bc_now() + timeout;
	struct pollfd events = { .fd = fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);
	int ready;

	do {
		int64_t left = until - (int64_t)bc_now();

		ready = poll(&events, 1, left > 0 ? (int)left : 0);
	} while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return errno;
	if (!ready)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno :
								    error;
}

/* @return 0 or the error */
static int connect_within(int fd, const struct sockaddr *address, socklen_t len,
			  int timeout)
{
	unsigned int waiters;
	int error;

	if (!connect(fd, address, len))
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	waiters = (unsigned int)uatomic_add_return(&dial_waiters, 1);
	error = wait_connected(fd, bounded(waiters, timeout));
	uatomic_dec(&dial_waiters);
	return error;
}

int bc_dial_out(int fd, const struct sockaddr *address, socklen_t len,
		int timeout)
{
	int flags = fcntl(fd, F_GETFL);
	int error;

	if (flags < 0 || (flags & O_NONBLOCK) ||
	    (address->sa_family != AF_INET && address->sa_family != AF_INET6))
		return connect(fd, address, len);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -1;
	error = connect_within(fd, address, len, timeout);
	if (fcntl(fd, F_SETFL, flags) && !error)
		error = errno;
	if (!error)
		return 0;
	errno = error;
	return -1;
}
