/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Measures the module's callback path against Ganesha's own:
 *
 *     bench [MEASUREMENT...]
 *
 * All of them without an argument.  Needs BACKCHANNEL_MODULE, as all users of
 * tests/client/server.h do.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* For which the defaults of neither would be the limit. */
#define LIMITS "\tMax_Slots = 64;\n\tMax_Queue = 32768;\n"

static const struct server_params params[SIDES] = {
	{ .module = true,
	  .lease_lifetime = 60,
	  .backchannel = "\tMultiplex = true;\n" LIMITS },
	{ .module = true,
	  .lease_lifetime = 60,
	  .backchannel = "\tMultiplex = false;\n" LIMITS },
};

static const struct {
	const char *name;
	void (*run)(struct bench *bench);
} measurements[] = {
	{ "bare", measure_bare },
	{ "idle", measure_idle },
	{ "recovery", measure_recovery },
	{ "fore", measure_fore },
	{ "storms", measure_storms },
	{ "neighbours", measure_neighbours },
	{ "counts", measure_counts },
	{ "fore-counts", measure_fore_counts },
	{ "many", measure_many },
	{ "opens", measure_opens },
	{ "strangers", measure_strangers },
};
#define MEASUREMENTS (sizeof(measurements) / sizeof(*measurements))

static struct bench bench;

/* ---- What runs ---- */

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
	}
	return argc == 1;
}

int main(int argc, char **argv)
{
	bench.loop = nfs_loop_new();
	side_start(&bench.sides[MODULE], "module", &params[MODULE]);
	side_start(&bench.sides[STOCK], "stock", &params[STOCK]);
	for (size_t i = 0; i < MEASUREMENTS; i++) {
		uint64_t begun = nfs_now_ns();

		if (!wanted(measurements[i].name, argc, argv))
			continue;
		measurements[i].run(&bench);
		fprintf(stderr, "bench: %s took %.0f s\n", measurements[i].name,
			(double)(nfs_now_ns() - begun) / NS_PER_S);
	}
	for (int i = 0; i < SIDES; i++)
		side_stop(&bench.sides[i]);
	nfs_loop_free(bench.loop);
	return 0;
}
