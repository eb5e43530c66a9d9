/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What can be counted: allocations, locks and system calls of a callback, and
 * the memory of a client that is only there.  On servers of their own, which
 * are slower for being watched.
 */
#include "heap.h"
#include "storm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 2000
#define RECALLS 2000
#define LINE 256

static void count_idle(struct bench *bench, struct side *side,
		       const struct heap_counts *heap)
{
	struct peer *peers = calloc(CLIENTS, sizeof(*peers));
	struct answers answers;
	int64_t before;

	if (!peers)
		fatal("out of memory");
	answers_init(&answers, PEER_SLOTS, 1);
	side_wait_idle(side);
	before = heap->bytes;
	for (unsigned int i = 0; i < CLIENTS; i++)
		peer_mount(bench, side, &peers[i], &answers);
	side_wait_idle(side);
	record("\"what\":\"heap\",\"side\":\"%s\",\"bytes\":%.0f", side->name,
	       (double)(heap->bytes - before) / CLIENTS);
	for (unsigned int i = 0; i < CLIENTS; i++)
		peer_unmount(&peers[i]);
	answers_fini(&answers);
	free(peers);
}

static void count_callback(struct bench *bench, struct side *side,
			   const struct heap_counts *heap)
{
	struct heap_counts begun, queued, ended;
	struct storm storm;

	storm_begin(&storm, bench, side, PEER_SLOTS, RECALLS);
	side_wait_idle(side);
	begun = *heap;
	storm_queue(&storm);
	queued = *heap;
	storm_drain(&storm);
	side_wait_idle(side);
	ended = *heap;
	record("\"what\":\"counts\",\"submit_allocations\":%.2f,"
	       "\"submit_locks\":%.2f,\"allocations\":%.2f,\"locks\":%.2f,"
	       "\"all_allocations\":%.2f,\"all_locks\":%.2f",
	       (double)(queued.module_allocations - begun.module_allocations) /
		       RECALLS,
	       (double)(queued.module_locks - begun.module_locks) / RECALLS,
	       (double)(ended.module_allocations - queued.module_allocations) /
		       RECALLS,
	       (double)(ended.module_locks - queued.module_locks) / RECALLS,
	       (double)(ended.allocations - queued.allocations) / RECALLS,
	       (double)(ended.locks - queued.locks) / RECALLS);
	storm_end(&storm);
}

static FILE *strace_start(const struct side *side, const char *path, pid_t *pid)
{
	char target[16], line[LINE];
	int ends[2];
	FILE *says;

	snprintf(target, sizeof(target), "%d", (int)server_pid(side->server));
	if (pipe(ends))
		fatal("no pipe");
	*pid = fork();
	if (!*pid) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		execlp("strace", "strace", "-c", "-f", "-o", path, "-p", target,
		       (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	says = fdopen(ends[0], "r");
	if (*pid < 0 || !says || !fgets(line, sizeof(line), says) ||
	    !strstr(line, "attached"))
		fatal("strace did not attach itself");
	return says;
}

/* What strace says of each system call: time, seconds, us, calls, ... */
static void record_calls(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[LINE], name[LINE];
	double calls;

	if (!file)
		fatal("strace wrote nothing");
	while (fgets(line, sizeof(line), file)) {
		char *last = strrchr(line, ' ');

		if (sscanf(line, "%*f %*f %*f %lf", &calls) != 1 || !last ||
		    sscanf(last, "%255s", name) != 1 || !strcmp(name, "total"))
			continue;
		record("\"what\":\"syscall\",\"name\":\"%s\",\"calls\":%.3f",
		       name, calls / RECALLS);
	}
	fclose(file);
}

static void count_calls(struct bench *bench, struct side *side)
{
	char path[] = "/tmp/bench-strace-XXXXXX";
	int fd = mkstemp(path);
	struct storm storm;
	pid_t strace;
	FILE *says;

	if (fd < 0)
		fatal("no file for strace");
	close(fd);
	storm_begin(&storm, bench, side, PEER_SLOTS, RECALLS);
	storm_queue(&storm);
	says = strace_start(side, path, &strace);
	storm_drain(&storm);
	kill(strace, SIGINT);
	waitpid(strace, NULL, 0);
	fclose(says);
	record_calls(path);
	unlink(path);
	storm_end(&storm);
}

void measure_counts(struct bench *bench)
{
	for (int s = 0; s < SIDES; s++) {
		struct server_params params = bench->sides[s].params;
		struct heap heap;
		struct side side;

		if (heap_open(&heap))
			fatal("no file for the counts");
		params.env = heap.env;
		side_start(&side, bench->sides[s].name, &params);
		count_idle(bench, &side, heap.counts);
		if (s == MODULE)
			count_callback(bench, &side, heap.counts);
		side_stop(&side);
		heap_close(&heap);
	}
	count_calls(bench, &bench->sides[MODULE]);
}
