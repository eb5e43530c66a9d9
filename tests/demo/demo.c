/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The demonstration: the same scenarios against the same server, once with
 * Ganesha's own callback path and once with the module's, in a table of two
 * columns.  Exit status 1: the module's column is not as it must be.
 *
 *   demo            run the scenarios (about ten seconds)
 *   demo --serve    run the server for clients of one's own, until Ctrl-C
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "round.h"
#include "scenarios.h"
#include "sort.h"

#define ROUNDS 5 /* of what is timed */
#define LIMIT_MS 50. /* for the median of the module's */

/* ---- Columns ---- */

#define CELL_TEXT 64

struct cell {
	enum round_end end; /* of the last round */
	bool wrong;
	unsigned int rounds;
	double ms[ROUNDS]; /* sorted in the end */
	char text[CELL_TEXT];
	char detail[CELL_TEXT];
};

struct column {
	const char *title;
	const char *setting; /* in the BACKCHANNEL block */
	unsigned int restarts;
	struct cell cells[SCENARIOS];
};

static struct column stock = {
	.title = "stock",
	.setting = "Multiplex = false",
};
static struct column module = {
	.title = "module",
	.setting = "Multiplex = true",
};

static double median_ms(const struct cell *cell)
{
	return cell->ms[cell->rounds / 2];
}

#define VALGRIND_START_MS 120000
static const char *const valgrind[] = { "valgrind", "--error-exitcode=99",
					"--quiet", "--fair-sched=try", NULL };
static bool memcheck; /* times say nothing then */

/* What the table says of the last round, or of all if they were timed. */
static void describe(struct cell *cell, const struct scenario *scenario,
		     const struct round *round)
{
	snprintf(cell->detail, CELL_TEXT, "%s",
		 round->detail[0] ? round->detail : "-");
	switch (cell->end) {
	case ROUND_CRASHED:
		snprintf(cell->text, CELL_TEXT, "server crashed");
		return;
	case ROUND_LATE:
		snprintf(cell->text, CELL_TEXT, "not within %d s",
			 nfs_timeout_ms() / 1000);
		return;
	case ROUND_OK:
		if (!scenario->timed)
			break;
		snprintf(cell->text, CELL_TEXT, "%.2f (%.2f)", median_ms(cell),
			 cell->ms[cell->rounds - 1]);
		return;
	case ROUND_ERROR:
	case ROUND_INTERRUPTED:
		break;
	}
	snprintf(cell->text, CELL_TEXT, "%s", round->text);
}

/* Rounds until one is not as it must be, each with clients of its own. */
static void run_cell(struct cell *cell, const struct scenario *scenario,
		     struct server *server, struct nfs_loop *loop)
{
	unsigned int rounds = scenario->timed ? ROUNDS : 1;
	static unsigned int number;
	struct round round;

	do {
		if (round_begin(&round, server, loop, number++))
			scenario->run(&round, scenario->arg);
		round_finish(&round);
		cell->end = round.end;
		cell->wrong |= round.wrong;
		cell->ms[cell->rounds++] = round.ms;
	} while (cell->rounds < rounds && cell->end == ROUND_OK &&
		 !cell->wrong);
	nfs_sort_double(cell->ms, cell->rounds);
	describe(cell, scenario, &round);
}

static bool start_again(struct column *column, const struct scenario *scenario,
			const struct cell *cell, struct server *server)
{
	fprintf(stderr, "%s: %s: %s; starting the server again\n",
		column->title, scenario->name, cell->text);
	column->restarts++;
	server_stop(server);
	return server_restart(server) == 0;
}

/* @return false: interrupted, or there is no server, or memcheck complains */
static bool run_column(struct column *column)
{
	char settings[64];
	const struct server_params params = {
		.module = true,
		.backchannel = settings,
		.wrapper = memcheck ? valgrind : NULL,
		.start_timeout_ms = memcheck ? VALGRIND_START_MS : 0,
	};
	struct server *server;
	struct nfs_loop *loop;
	bool running;

	snprintf(settings, sizeof(settings), "\t%s;", column->setting);
	server = server_start(&params);
	loop = nfs_loop_new();
	running = server && loop;
	for (size_t i = 0; i < SCENARIOS && running; i++) {
		struct cell *cell = &column->cells[i];

		run_cell(cell, &scenarios[i], server, loop);
		if (round_interrupted)
			running = false;
		else if (cell->end != ROUND_OK)
			running = start_again(column, &scenarios[i], cell,
					      server);
	}
	nfs_loop_free(loop);
	if (running && server_stop(server)) {
		server_show(server);
		running = false;
	}
	server_free(server);
	return running;
}

/* ---- The table ---- */

static void print_row(const char *indent, const char *name, const char *left,
		      const char *right)
{
	printf("%s%-*s %-22s %s\n", indent, 44 - (int)strlen(indent), name,
	       left, right);
}

static void print_restarts(void)
{
	char left[CELL_TEXT], right[CELL_TEXT];

	snprintf(left, sizeof(left), "%u times", stock.restarts);
	snprintf(right, sizeof(right), "%u times", module.restarts);
	printf("\n");
	print_row("", "The server had to be started again", left, right);
}

/* Ganesha's version is that of the package, where there is one. */
static void print_title(void)
{
	static const char query[] = "dpkg-query -W -f '${Package} ${Version}' "
				    "nfs-ganesha 2>/dev/null";
	char ganesha[64] = "";
	FILE *pipe = popen(query, "r");

	if (pipe && !fgets(ganesha, sizeof(ganesha), pipe))
		ganesha[0] = '\0';
	if (pipe)
		pclose(pipe);
	printf("\n%s with ganesha-backchannel %s\n\n",
	       ganesha[0] ? ganesha : "NFS-Ganesha", BACKCHANNEL_VERSION);
}

static void print_table(void)
{
	print_title();
	print_row("", "", stock.title, module.title);
	print_row("", "", stock.setting, module.setting);
	for (size_t i = 0; i < SCENARIOS; i++) {
		const struct scenario *scenario = &scenarios[i];
		const struct cell *left = &stock.cells[i];
		const struct cell *right = &module.cells[i];

		if (scenario->heading)
			printf("\n%s\n", scenario->heading);
		print_row("  ", scenario->name, left->text, right->text);
		if (scenario->detail_name)
			print_row("    ", scenario->detail_name, left->detail,
				  right->detail);
	}
	print_restarts();
}

/* ---- The verdict: on the module's column alone ---- */

static bool passed(const struct cell *cell, const struct scenario *scenario)
{
	return cell->end == ROUND_OK && !cell->wrong &&
	       (!scenario->timed || memcheck || median_ms(cell) <= LIMIT_MS);
}

static bool print_verdict(void)
{
	unsigned int failed = 0;

	printf("\n");
	for (size_t i = 0; i < SCENARIOS; i++) {
		if (passed(&module.cells[i], &scenarios[i]))
			continue;
		printf("%s %s", failed++ ? ";" : "The module FAILED:",
		       scenarios[i].name);
	}
	if (!failed)
		printf("The module passed: every median within %.0f ms, "
		       "every answer right.",
		       LIMIT_MS);
	printf("\n");
	return !failed;
}

static int demonstrate(void)
{
	if (!run_column(&stock) || !run_column(&module)) {
		fprintf(stderr, "the demonstration did not end\n");
		return 1;
	}
	print_table();
	return print_verdict() ? 0 : 1;
}

/* The module's column alone, with valgrind's eye on the server. */
static int check_memory(void)
{
	memcheck = true;
	if (!run_column(&module)) {
		fprintf(stderr, "the demonstration did not end well\n");
		return 1;
	}
	return print_verdict() ? 0 : 1;
}

/* ---- A server for clients of one's own ---- */

static int serve(void)
{
	const struct server_params params = { .module = true };
	struct server *server = server_start(&params);

	if (!server)
		return 1;
	printf("NFS-Ganesha with the module exports %s; folder %s\n\n"
	       "  mount -t nfs4 -o vers=4.1,port=%u,sec=sys "
	       "127.0.0.1:/export /mnt\n\n"
	       "Ctrl-C ends it and removes the folder.\n",
	       server_export(server), server_folder(server),
	       server_port(server));
	fflush(stdout);
	while (!round_interrupted && !server_wait_exit(server, 1000))
		;
	server_free(server);
	return round_interrupted ? 0 : 1;
}

static void interrupt(int signal)
{
	(void)signal;
	round_interrupted = 1;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (argc == 1)
		return demonstrate();
	if (argc == 2 && strcmp(argv[1], "--serve") == 0)
		return serve();
	if (argc == 2 && strcmp(argv[1], "--memcheck") == 0)
		return check_memory();
	fprintf(stderr, "usage: demo [--serve | --memcheck]\n");
	return 2;
}
