/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Programs beside a test: run to their end, or as long as it needs them. */
#ifndef CLUSTER_PROCESS_H
#define CLUSTER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#define PROCESS_ARGS 48

/**
 * Run a program to its end.
 * @param[in] output  a file that what it prints is added to; NULL: nobody wants it
 * @param[in] argv    NULL-terminated
 * @return its exit status; -1: a signal ended it, or there is none such
 */
int process_run(const char *output, const char *const argv[]);

/**
 * Start a program, which dies with this thread.
 * @return its process id, or -1; to be given to process_end()
 */
pid_t process_start(const char *output, const char *const argv[]);

/** Send it a signal, wait ten seconds, SIGKILL. -1 is allowed. */
void process_end(pid_t pid, int signal);

#endif
