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
 * connection lives that nothing comes over stays as it was: with keep-alive, as long
 * as that; else a quarter of an hour.
 *
 * Nothing changes where the kernel does not have it (Linux before 6.15), and for a
 * socket that is none of TCP's or has a time of its own (TCP_USER_TIMEOUT).
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

/** The same of what TCP says of a socket. */
bool bc_tcp_is_stalled(const struct tcp_info *info);

#endif /* BC_RETRANSMISSION_H */
