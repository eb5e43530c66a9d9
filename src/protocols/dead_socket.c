/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What ntirpc is told about sockets whose connection is dead.
 */
#include "dead_socket.h"

#include <errno.h>
#include <stdbool.h>

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

	if (sent >= 0 || errno == EAGAIN || errno == EINTR || !is_stream(fd))
		return sent;
	shutdown(fd, SHUT_RDWR);
	errno = before;
	return message_length(msg);
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
