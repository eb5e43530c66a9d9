/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A bad network on loopback: connections to its port go on to the server from
 * the same source address, since Ganesha tells clients apart by it, and suffer
 * what their plan says. One thread, epoll; RPC records are told apart.
 */
#ifndef FAULT_PROXY_H
#define FAULT_PROXY_H

#include <stdint.h>

#include "schedule.h"

struct proxy;

/**
 * The plan of connection number @a n (from 0) from 127.1.x.y, where @a address
 * is x * 256 + y.
 * Context: the proxy's thread.
 */
typedef void (*proxy_plan_fn)(void *arg, unsigned int address, unsigned int n,
			      struct fault_plan *plan);

struct proxy_figures {
	unsigned int connections;
	unsigned int faults[FAULT_KINDS];
	unsigned int open; /* of the connections, now */
};

/** @return NULL: not to be had */
struct proxy *proxy_new(uint16_t server_port, proxy_plan_fn plan, void *arg);
/** Resets what is still connected. */
void proxy_free(struct proxy *proxy);
uint16_t proxy_port(const struct proxy *proxy);
void proxy_figures(struct proxy *proxy, struct proxy_figures *figures);

#endif
