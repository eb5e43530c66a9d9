/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a callback for a client that can be reached costs beside others that
 * cannot, and for each of which one waits.
 *
 *     beside OTHERS
 *
 * Prints one line: CPU nanoseconds of a submission and its answer, each for a
 * client that was idle, so that its timer is armed.  The least of some rounds:
 * what the machine does beside makes it more, never less.
 */
#include "null_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REACHABLE 10000 /* more than a cache holds: they were idle */
#define ROUNDS 10
#define IDLE_MS 300 /* then a client's timer has run, and is armed no more */

static struct null_client clients[REACHABLE]; /* number i + 1 at i */

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t measure(void)
{
	const struct timespec idle = { .tv_nsec = IDLE_MS * 1000000 };
	uint64_t start;

	clock_nanosleep(CLOCK_MONOTONIC, 0, &idle, NULL);
	start = cpu_ns();
	for (uint64_t i = 0; i < REACHABLE; i++) {
		null_submit(i + 1);
		null_answer(null_sent());
	}
	return (cpu_ns() - start) / REACHABLE;
}

int main(int argc, char **argv)
{
	unsigned long others = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	uint64_t least = UINT64_MAX;

	if (argc != 2) {
		fprintf(stderr, "usage: beside OTHERS\n");
		return 2;
	}
	null_start();
	for (uint64_t i = 0; i < REACHABLE; i++)
		null_client_init(&clients[i], i + 1, 16);
	for (uint64_t i = 0; i < others; i++)
		null_submit(REACHABLE + i + 1);
	bc_worker_flush(bc_completion_queue); /* the tables have grown */
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t ns = measure();

		if (ns < least)
			least = ns;
	}
	printf("%lu %lu\n", others, (unsigned long)least);
	for (uint64_t i = 0; i < REACHABLE; i++)
		null_client_fini(&clients[i]);
	null_fail_waiting();
	null_stop();
	return 0;
}
