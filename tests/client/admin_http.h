/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module's administration, asked over HTTP.  An answer is waited for as long as
 * nfs_timeout_ms() says.
 */
#ifndef NFS41_CLIENT_ADMIN_HTTP_H
#define NFS41_CLIENT_ADMIN_HTTP_H

#include <stdbool.h>
#include <stdint.h>

/** Connect to a Unix socket. @return its descriptor, or -errno */
int admin_connect(const char *path);

/** The same over TCP on loopback. */
int admin_connect_tcp(uint16_t port);

/**
 * Ask, on a connection that ends with it, and read all of the answer.
 *
 * @param[in]  fd      of admin_connect(); closed
 * @param[in]  method
 * @param[in]  url
 * @param[out] body    to be freed; NULL: it is not wanted
 *
 * @return the answer's status, or -errno
 */
int admin_ask(int fd, const char *method, const char *url, char **body);

/** The same, with a header line of its own; NULL: none. */
int admin_ask_with(int fd, const char *method, const char *url,
		   const char *header, char **body);

/** All that comes until the end. @return to be freed; NULL: it has not come */
char *admin_read_all(int fd);

/**
 * The value of a metric in what /metrics answers.
 *
 * @param[in]  name  whole, with its labels; or up to the brace or the comma before a
 *                   label: of all that begin so
 * @param[out] sum
 *
 * @return whether there is one
 */
bool admin_sum_metrics(const char *text, const char *name, double *sum);

#endif
