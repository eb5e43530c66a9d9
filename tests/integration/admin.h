/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module's administration, asked over HTTP as anybody asks it.
 */
#ifndef ADMIN_H
#define ADMIN_H

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

/** The value of a metric: its whole name, with its labels. Or the test fails. */
double admin_metric(const char *path, const char *name);

/** Wait until a metric has this value, or the test fails. */
void admin_wait_metric(const char *path, const char *name, double value);

/**
 * Run a shell command with $1 ... as given, and with the tool as $tool.
 *
 * @param[out] output  what it prints, also as errors; to be freed
 *
 * @return its exit status
 */
int admin_run(const char *command, const char *arg1, const char *arg2,
	      char **output);

#endif
