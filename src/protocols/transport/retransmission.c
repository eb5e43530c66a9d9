/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How TCP sends again what is not acknowledged.
 */
#include "transport/retransmission.h"

#include <netinet/in.h>
#include <sys/socket.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* Linux 6.15 */
#endif
#define RTO_MAX_MS 1000 /* the least that the kernel takes */

/* The kernel counts to 15, and reckons with waits that double from 0.2 s to 120 s
 * (tcp_retries2): with shorter ones it would come to 15 s.
 */
#define LIFE_MS 924600

/* More than half a second, and more than what a lossy link makes now and then. */
#define RETRANSMITS_STALLED 2

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? 0 : value;
}

static void set_option(int fd, int name, int value)
{
	setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value));
}

/* ms: TCP_USER_TIMEOUT counts for both, what waits for its acknowledgement and
 * keep-alive.
 */
static int life_of(int fd)
{
	long keep_alive;

	if (!option(fd, SOL_SOCKET, SO_KEEPALIVE))
		return LIFE_MS;
	keep_alive = option(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
		     (long)option(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
			     option(fd, IPPROTO_TCP, TCP_KEEPCNT);
	return keep_alive < LIFE_MS / 1000 ? (int)keep_alive * 1000 : LIFE_MS;
}

void bc_socket_bound_retransmission(int fd)
{
	if (!option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS) ||
	    option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT))
		return;
	set_option(fd, TCP_USER_TIMEOUT, life_of(fd));
	set_option(fd, TCP_RTO_MAX_MS, RTO_MAX_MS);
}

bool bc_tcp_is_stalled(const struct tcp_info *info)
{
	return info->tcpi_unacked > 0 &&
	       info->tcpi_retransmits >= RETRANSMITS_STALLED;
}

bool bc_socket_is_stalled(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
	       bc_tcp_is_stalled(&info);
}
