/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the end of the core costs, by the number of live sessions.
 *
 *     fini SESSIONS
 *
 * Half of them are of one client each, the other half of one client together;
 * each has a connection.  Prints one line: CPU nanoseconds of the process for each
 * session, and wall-clock milliseconds of all.
 */
#include "null_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	uint64_t cpu, wall;

	if (!count) {
		fprintf(stderr, "usage: fini SESSIONS\n");
		return 2;
	}
	null_start();
	for (unsigned long i = 0; i < count; i++) {
		struct null_client client;

		null_session_init(&client, i + 1, i % 2 ? i + 1 : 1, 16);
		bc_session_put(client.session);
		bc_conn_put(client.conn);
	}
	bc_worker_flush(bc_completion_queue); /* the tables have grown */
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	wall = now_ns(CLOCK_MONOTONIC);
	null_stop();
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now_ns(CLOCK_MONOTONIC) - wall;
	printf("%lu %lu %lu\n", count, (unsigned long)(cpu / count),
	       (unsigned long)(wall / 1000000));
	return 0;
}
