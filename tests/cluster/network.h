/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A network of the test's own, 192.0.2.0/24: the test and the storage are
 * 192.0.2.1 on a bridge, its clients have addresses of their own beside that one,
 * and a host is a network namespace and a host name, attached to the bridge.
 */
#ifndef CLUSTER_NETWORK_H
#define CLUSTER_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NETWORK_ADDRESS "192.0.2.1"
#define NETWORK_CLIENTS 100 /* 192.0.2.101 to .200 */

/**
 * Leave the machine's network for one that ends with this process.
 * @return false: the reason is on stderr
 * Context: once, before there are threads and sockets; root.
 */
bool network_enter(void);

/** The address of client number @a n, from 1 to NETWORK_CLIENTS. */
void network_client_address(unsigned int n, char *address, size_t size);

struct host;

/**
 * A host of that name at 192.0.2.(10 + @a n), n from 1 to 9.
 * @return NULL: the reason is on stderr
 */
struct host *host_new(unsigned int n, const char *name);
/** End it. What runs in it should have ended. NULL is allowed. */
void host_free(struct host *host);
const char *host_address(const struct host *host);
/** For server_params.wrapper: a command runs in it. Borrowed. */
const char *const *host_wrapper(const struct host *host);

/** It has a further address, or has it no more; who is in the network learns of it. */
bool host_add_address(const struct host *host, const char *address);
bool host_drop_address(const struct host *host, const char *address);
/** Its cable. Nobody is told that it is pulled. */
bool host_connect(const struct host *host, bool connected);

#endif
