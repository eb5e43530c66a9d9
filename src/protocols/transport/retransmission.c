/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How TCP sends again what is not acknowledged.
 */
#include "transport/retransmission.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* Linux 6.15 */
#endif
#define RTO_MAX_MS 1000 /* the least that the kernel takes */

/* Round trips that take longer are no sign of a loss. */
#define RTT_MAX_US 250000

/* The kernel's own waits, which double, and how often it waits (tcp_retries2). */
#define FIRST_MS 200
#define LONGEST_MS 120000
#define RETRIES 15

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

/* ms, [K] from the first question on: what the kernel grants by itself, which counts
 * to a number, and with shorter waits would come to a few seconds.
 */
static int life_ms;

static void find_life(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_retries2", "re");
	int retries = RETRIES;

	if (file) {
		if (fscanf(file, "%d", &retries) != 1)
			retries = RETRIES;
		fclose(file);
	}
	life_ms = bc_tcp_life_ms(retries);
}

int bc_tcp_life_ms(int retries)
{
	int64_t sum = 0, wait = FIRST_MS;

	for (int i = 0; i <= retries && sum < INT32_MAX; i++) {
		sum += wait;
		wait = 2 * wait < LONGEST_MS ? 2 * wait : LONGEST_MS;
	}
	return sum < INT32_MAX ? (int)sum : INT32_MAX;
}

/* ms: TCP_USER_TIMEOUT counts for both, what waits for its acknowledgement and
 * keep-alive.
 */
static int life_of(int fd)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int64_t keep_alive;

	pthread_once(&once, find_life);
	if (!option(fd, SOL_SOCKET, SO_KEEPALIVE))
		return life_ms;
	keep_alive = INT64_C(1000) *
		     (option(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
		      (int64_t)option(fd, IPPROTO_TCP, TCP_KEEPINTVL) *
			      option(fd, IPPROTO_TCP, TCP_KEEPCNT));
	return keep_alive < life_ms ? (int)keep_alive : life_ms;
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		info = (struct tcp_info){ 0 };
	return info;
}

void bc_socket_bound_retransmission(int fd)
{
	if (!option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS) ||
	    option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) ||
	    info_of(fd).tcpi_rtt > RTT_MAX_US)
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
	struct tcp_info info = info_of(fd);

	return bc_tcp_is_stalled(&info);
}
