/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the module costs requests of clients, in instructions: all that a server
 * executes outside the kernel for one request, counted by callgrind, which is the
 * same on a slow and on a busy machine.  One request at a time, so that each takes
 * the same way.  Beside module and stock there is "none": the module is not loaded,
 * and there are no delegations over VFS.
 */
#include "fore_load.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP 300
#define REQUESTS 1000
#define LEASE 120 /* s: the longest that Ganesha takes; callgrind is slow */
#define START_TIMEOUT_MS 120000
#define LINE 256

/** A server under callgrind. */
struct counted {
	struct side side;
	char folder[64];
	char option[96];
	const char *wrapper[6];
	unsigned int dumps;
};

static void counted_start(struct counted *counted, const char *name,
			  const struct server_params *like)
{
	struct server_params params = *like;

	*counted = (struct counted){ .folder = "/tmp/bench-callgrind-XXXXXX",
				     .wrapper = { "valgrind", "--quiet",
						  "--tool=callgrind",
						  counted->option, NULL } };
	if (!mkdtemp(counted->folder))
		fatal("no folder for callgrind");
	snprintf(counted->option, sizeof(counted->option),
		 "--callgrind-out-file=%s/out", counted->folder);
	params.wrapper = counted->wrapper;
	params.lease_lifetime = LEASE;
	params.start_timeout_ms = START_TIMEOUT_MS;
	side_start(&counted->side, name, &params);
}

static void counted_stop(struct counted *counted)
{
	char path[PATH_MAX];

	side_stop(&counted->side);
	snprintf(path, sizeof(path), "%s/out", counted->folder);
	unlink(path);
	rmdir(counted->folder);
}

static void ask_for_dump(const struct counted *counted)
{
	char pid[32];
	int status;
	pid_t vgdb;

	snprintf(pid, sizeof(pid), "--pid=%d",
		 (int)server_pid(counted->side.server));
	vgdb = fork();
	if (!vgdb) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("vgdb", "vgdb", pid, "dump", (char *)NULL);
		_exit(127);
	}
	if (vgdb < 0 || waitpid(vgdb, &status, 0) != vgdb || status)
		fatal("callgrind did not answer");
}

/* Executed since the last time that this was called. */
static uint64_t instructions(struct counted *counted)
{
	char path[PATH_MAX], line[LINE];
	uint64_t total = 0;
	FILE *file;

	ask_for_dump(counted);
	snprintf(path, sizeof(path), "%s/out.%u", counted->folder,
		 ++counted->dumps);
	file = fopen(path, "r");
	if (!file)
		fatal("callgrind wrote nothing");
	while (!total && fgets(line, sizeof(line), file))
		if (sscanf(line, "totals: %" SCNu64, &total) != 1)
			total = 0;
	fclose(file);
	unlink(path);
	if (!total)
		fatal("callgrind counted nothing");
	return total;
}

static void run(struct fore *fore, const struct fore_kind *kind,
		unsigned int count)
{
	fore_pipeline(fore, kind);
	fore->pipeline.depth = 1;
	fore->pipeline.count = count;
	pipeline_run(&fore->pipeline);
	fore_check(fore, kind);
}

static void count_kinds(struct counted *counted, struct fore *fore)
{
	for (size_t k = 0; k < FORE_KINDS; k++) {
		const struct fore_kind *kind = &fore_kinds[k];

		run(fore, kind, WARM_UP);
		instructions(counted);
		run(fore, kind, REQUESTS);
		record("\"what\":\"fore_counts\",\"side\":\"%s\","
		       "\"load\":\"%s\",\"conns\":%u,\"held\":%u,"
		       "\"instructions\":%.0f",
		       counted->side.name, kind->name, kind->conns,
		       fore->holding.count,
		       (double)instructions(counted) / REQUESTS);
	}
}

static void count_side(struct bench *bench, const char *name,
		       const struct server_params *params)
{
	struct fore *fore = calloc(1, sizeof(*fore));
	struct counted counted;

	if (!fore)
		fatal("out of memory");
	counted_start(&counted, name, params);
	fore_begin(fore, bench, &counted.side);
	count_kinds(&counted, fore);
	if (params->module) {
		fore_hold(fore, bench);
		count_kinds(&counted, fore);
	}
	fore_end(fore);
	counted_stop(&counted);
	free(fore);
}

void measure_fore_counts(struct bench *bench)
{
	const struct server_params none = { .module = false };

	for (int s = 0; s < SIDES; s++)
		count_side(bench, bench->sides[s].name,
			   &bench->sides[s].params);
	count_side(bench, "none", &none);
}
