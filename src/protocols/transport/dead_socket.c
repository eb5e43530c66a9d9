/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What ntirpc is told about sockets whose connection is dead.
 */
#include "transport/dead_socket.h"

#include "backchannel.h"
#include "counters.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <urcu/uatomic.h>

/* Of a descriptor beyond, nobody knows whether its writer waits. */
#define DESCRIPTORS 65536
#define WAIT_MS 1000 /* the workers may be busy with many such ends */
#define LINE 64 /* of a cache, bytes */

/* What the writer of a descriptor does; or, ms: it waits, and the end of its
 * connection was met then.
 */
#define WRITER_NONE 0
#define WRITER_WAITS 1 /* for room, or will if it finds none */

/* By descriptor; what a reply writes is in one line of the cache, and in no other's:
 * neighbours are served on other processors.
 */
static struct {
	uint32_t writer; /* [A] */
	bool polled; /* [A] a duplicate of it is, for its writer */
} __attribute__((aligned(LINE))) descriptors[DESCRIPTORS];

static uint32_t writer_of(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS ?
		       uatomic_read(&descriptors[fd].writer) :
		       WRITER_NONE;
}

static void set_writer(int fd, uint32_t writer)
{
	if (fd >= 0 && fd < DESCRIPTORS &&
	    writer != uatomic_read(&descriptors[fd].writer))
		uatomic_set(&descriptors[fd].writer, writer);
}

static bool is_polled(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS &&
	       uatomic_read(&descriptors[fd].polled);
}

static void set_polled(int fd, bool is)
{
	if (fd >= 0 && fd < DESCRIPTORS &&
	    is != uatomic_read(&descriptors[fd].polled))
		uatomic_set(&descriptors[fd].polled, is);
}

static uint32_t now_ms(void)
{
	uint32_t ms = (uint32_t)bc_now();

	return ms > WRITER_WAITS ? ms : WRITER_WAITS + 1;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_STREAM;
}

bool bc_socket_has_ended(int fd)
{
	struct pollfd poll_for = { .fd = fd, .events = POLLRDHUP };

	return poll(&poll_for, 1, 0) > 0;
}

static ssize_t message_length(const struct msghdr *msg)
{
	ssize_t len = 0;

	for (size_t i = 0; i < msg->msg_iovlen; i++)
		len += msg->msg_iov[i].iov_len;
	return len;
}

ssize_t bc_socket_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int before = errno;
	ssize_t sent;

	/* Said before, so that it is known when there turns out to be no room. */
	set_writer(fd, WRITER_WAITS);
	sent = sendmsg(fd, msg, flags);
	/* One that has waited has gone on when it is not polled for any more. */
	if ((sent >= 0 || errno != EAGAIN) && !is_polled(fd))
		set_writer(fd, WRITER_NONE);
	if (sent >= 0 || errno == EAGAIN || errno == EINTR || !is_stream(fd))
		return sent;
	shutdown(fd, SHUT_RDWR);
	bc_count(BC_COUNT_DEAD_WRITES);
	errno = before;
	return message_length(msg);
}

/* Shut down, a socket takes and loses all that is written: a writer that waits is
 * called and goes on to the end, and none has to wait from then on.  It does not
 * come where the descriptor was closed while it waited, and is another
 * connection's now.
 * @return whether to wait for it
 */
static bool writer_is_due(int fd)
{
	uint32_t writer;

	shutdown(fd, SHUT_RDWR); /* before the writer is looked at */
	writer = writer_of(fd);
	if (writer == WRITER_NONE)
		return false;
	if (writer == WRITER_WAITS)
		/* Unless it has just gone on by itself. */
		return uatomic_cmpxchg(&descriptors[fd].writer, WRITER_WAITS,
				       now_ms()) == WRITER_WAITS;
	if (now_ms() - writer < WAIT_MS)
		return true;
	set_writer(fd, WRITER_NONE);
	return false;
}

ssize_t bc_socket_recv(int fd, void *data, size_t len, int flags)
{
	ssize_t got = recv(fd, data, len, flags);
	int error;

	if (got > 0)
		return got;
	error = errno;
	if (got < 0 && (error == EAGAIN || error == EINTR))
		return got;
	if (writer_is_due(fd)) {
		errno = EAGAIN;
		return -1;
	}
	errno = error;
	return got;
}

/* The event of a writer has the descriptor that it writes to, and is of another. */
int bc_socket_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	bool writes = event && event->data.fd != fd;
	int rc;

	if (op == EPOLL_CTL_ADD && writes) {
		set_polled(event->data.fd, true);
	} else if (op == EPOLL_CTL_ADD) {
		/* Whatever there was of another connection. */
		set_polled(fd, false);
		set_writer(fd, WRITER_NONE);
	}
	rc = epoll_ctl(epfd, op, fd, event);
	if (writes && (op == EPOLL_CTL_DEL || (op == EPOLL_CTL_ADD && rc))) {
		set_polled(event->data.fd, false);
		set_writer(event->data.fd, WRITER_NONE);
	}
	return rc;
}

int bc_socket_epoll_wait(int epfd, struct epoll_event *events, int maxevents,
			 int timeout_ms)
{
	int count = epoll_wait(epfd, events, maxevents, timeout_ms);

	for (int i = 0; i < count; i++)
		if (!(events[i].events & (EPOLLIN | EPOLLOUT)))
			events[i].events |= EPOLLIN;
	return count;
}
