/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the module's administration answers, in a test.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "admin_http.h"
#include "nfs41.h"

/** The value of a metric: its whole name, with its labels. Or the test fails. */
double admin_metric(const char *path, const char *name);

/** Wait until a metric has this value, or the test fails. */
void admin_wait_metric(const char *path, const char *name, double value);

/**
 * Wait until a client's bindings are live, or the test fails: a client may read the reply
 * that binds its connection before the server notes that it has gone out.
 */
void admin_wait_live(const char *path, const struct nfs_client *client);

/**
 * Wait until a client owes no answer to a callback, or the test fails: the server may not
 * have read yet what the client has answered.
 */
void admin_wait_idle(const char *path, const struct nfs_client *client);

/** The same for its slots: none of its sessions' has a request that is out. */
void admin_wait_settled(const char *path, const struct nfs_client *client);

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
