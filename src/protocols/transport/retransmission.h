/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How TCP sends again what is not acknowledged: how long it waits, and whether it
 * does so in vain.
 *
 * Nothing here knows of Ganesha.
 */
#ifndef BC_RETRANSMISSION_H
#define BC_RETRANSMISSION_H

#include <netinet/tcp.h>
#include <stdbool.h>

/**
 * Let TCP send again after a second at most.
 *
 * TCP waits twice as long each time, so that after an outage a callback would come as
 * late again as that has lasted, with others waiting for its outcome.  How long a
 * connection lives over which nothing comes is a time now, where it was a count: as
 * long as that took (tcp_retries2: a quarter of an hour by default), or keep-alive
 * takes if that is shorter.  It ends one whose peer has no room for so long as well.
 *
 * Nothing changes where the kernel does not have it (Linux before 6.15), where round
 * trips take long, and for a socket that is none of TCP's or has a time of its own
 * (TCP_USER_TIMEOUT).
 *
 * Context: any thread.
 */
void bc_socket_bound_retransmission(int fd);

/**
 * Whether TCP sends in vain: what it has sent last was sent again, and again, and
 * nothing was acknowledged.  That takes more than half a second; one loss is no
 * reason.
 *
 * Context: any thread.
 */
bool bc_socket_is_stalled(int fd);

/**
 * How long the kernel sends again by itself, which it does @a retries times
 * (tcp_retries2), in ms.  Context: any thread.
 */
int bc_tcp_life_ms(int retries);

/** The same as bc_socket_is_stalled(), of what TCP says of a socket. */
bool bc_tcp_is_stalled(const struct tcp_info *info);

#endif /* BC_RETRANSMISSION_H */
