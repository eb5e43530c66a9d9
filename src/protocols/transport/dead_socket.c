/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What ntirpc is told about sockets whose connection is dead.
 */
#include "transport/dead_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>
#include <urcu/uatomic.h>

/* Of a descriptor beyond, nobody knows whether its writer waits. */
#define DESCRIPTORS 65536
#define WAIT_MS 100

/* By descriptor: its writer waits for room. [A] */
static bool waiting[DESCRIPTORS];

static bool is_waiting(int fd)
{
	return fd >= 0 && fd < DESCRIPTORS && uatomic_read(&waiting[fd]);
}

static void set_waiting(int fd, bool waits)
{
	if (fd >= 0 && fd < DESCRIPTORS && waits != uatomic_read(&waiting[fd]))
		uatomic_set(&waiting[fd], waits);
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_STREAM;
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
	ssize_t sent = sendmsg(fd, msg, flags);

	set_waiting(fd, sent < 0 && errno == EAGAIN);
	if (sent >= 0 || errno == EAGAIN || errno == EINTR || !is_stream(fd))
		return sent;
	shutdown(fd, SHUT_RDWR);
	errno = before;
	return message_length(msg);
}

static void wait_for_writer(int fd)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int before = errno;

	shutdown(fd, SHUT_RDWR);
	for (int i = 0; i < WAIT_MS && is_waiting(fd); i++)
		nanosleep(&ms, NULL);
	set_waiting(fd, false);
	errno = before;
}

ssize_t bc_socket_recv(int fd, void *data, size_t len, int flags)
{
	ssize_t got = recv(fd, data, len, flags);

	if (got <= 0 && is_waiting(fd) &&
	    (!got || (errno != EAGAIN && errno != EINTR)))
		wait_for_writer(fd);
	return got;
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
