/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stand-ins for three of the C library's functions, as ntirpc calls them on its
 * sockets.
 *
 * ntirpc closes a transport when its receiving side meets the end or an error
 * while nobody writes, and does that well.  Other ways to learn that a
 * connection is dead it does not survive.  A write that fails leaves a reference
 * to the transport, its descriptor and the reply behind for good (ntirpc 4.3,
 * svc_ioq.c); so does a write that still waits for room in the socket when the
 * receiving side meets the end.  An event that says nothing but "error" is
 * thrown away although it will not come again (svc_rqst.c).  All are turned into
 * the one way that works.
 *
 * Nothing here knows of Ganesha.
 */
#ifndef BC_DEAD_SOCKET_H
#define BC_DEAD_SOCKET_H

#include <stdbool.h>
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
 * recv(), but the end of a connection is told after its writer has heard of it.
 *
 * Where recv() meets the end or an error, the socket is shut down, so that no
 * writer waits for room from then on.  One that does, or is just about to, goes on;
 * until it has, and is not polled for any more, this fails with EAGAIN, for a second
 * at most.  The caller polls then, and finds the socket readable.
 *
 * @return as recv()
 *
 * Context: any thread. Waits for nothing that recv() does not wait for.
 */
ssize_t bc_socket_recv(int fd, void *data, size_t len, int flags);

/**
 * Has the peer ended or reset the connection, whatever there still is to be read before
 * that?
 *
 * Context: any thread; does not block.
 */
bool bc_socket_has_ended(int fd);

/**
 * epoll_ctl(), which tells what ntirpc does for a writer: it polls a duplicate of the
 * descriptor, with the descriptor itself as data.fd, until it has written.
 *
 * @param[in] event  also for EPOLL_CTL_DEL; else it counts for nothing here
 *
 * @return as epoll_ctl()
 *
 * Context: any thread.
 */
int bc_socket_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);

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
