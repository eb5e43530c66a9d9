/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stand-ins for two of the C library's functions, as ntirpc calls them on its
 * sockets.
 *
 * ntirpc closes a transport when its receiving side meets the end or an error,
 * and does that well.  Two other ways to learn that a connection is dead it
 * does not survive: a write that fails leaves a reference to the transport, its
 * descriptor and the reply behind for good (ntirpc 4.3, svc_ioq.c), and an event
 * that says nothing but "error" is thrown away although it will not come again
 * (svc_rqst.c), so that the transport stays for good.  Both are turned into the
 * one way that works.
 *
 * Nothing here knows of Ganesha.
 */
#ifndef BC_DEAD_SOCKET_H
#define BC_DEAD_SOCKET_H

#include <sys/epoll.h>
#include <sys/socket.h>

/**
 * sendmsg(), but a stream never fails for good: what a dead connection would
 * have lost on its way is lost here.
 *
 * Where sendmsg() fails with anything but EAGAIN or EINTR, a stream socket is
 * shut down, which its receiving side sees at once, and the message counts as
 * sent.
 *
 * @return as sendmsg()
 *
 * Context: any thread.
 */
ssize_t bc_socket_sendmsg(int fd, const struct msghdr *msg, int flags);

/**
 * epoll_wait(), but an event that is neither EPOLLIN nor EPOLLOUT is EPOLLIN,
 * too: who receives, learns what has happened.
 *
 * @return as epoll_wait()
 *
 * Context: any thread.
 */
int bc_socket_epoll_wait(int epfd, struct epoll_event *events, int maxevents,
			 int timeout_ms);

#endif /* BC_DEAD_SOCKET_H */
