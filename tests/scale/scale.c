/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Measures a server with many clients, and stock Ganesha beside it:
 *
 *     scale CLIENTS...           with the module and stock, and as long as it takes
 *     scale --module CLIENTS...  the same with one of them alone
 *     scale --stock CLIENTS...
 *     scale --short CLIENTS...   the module alone: that nothing is lost
 *
 * Needs BACKCHANNEL_MODULE, as all users of tests/client/server.h do.
 */
#include "scale.h"

#include "admin_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_CLIENTS 10000 /* at most, with each allocation counted */

static const struct side sides[SIDES] = {
	{ .name = "module",
	  .params = { .module = true,
		      .lease_lifetime = LEASE,
		      .grace_period = GRACE,
		      .backchannel = "\tMultiplex = true;\n" } },
	{ .name = "stock",
	  .params = { .module = true,
		      .lease_lifetime = LEASE,
		      .grace_period = GRACE,
		      .backchannel = "\tMultiplex = false;\n" } },
};

static const struct effort efforts[] = {
	{ .idle_ms = 8000,
	  .bystander_recalls = 400,
	  .patience_ms = 20000,
	  .share_limit = 10000,
	  .restart_limit = 30000,
	  .revive_limit = 10000,
	  .stock_limit = 30000 },
	{ .idle_ms = 500,
	  .bystander_recalls = 40,
	  .patience_ms = 10000,
	  .share_limit = 2000,
	  .restart_limit = 30000,
	  .revive_limit = 10000,
	  .stock_limit = 30000 },
};

/* ---- What the measurements share ---- */

double seconds_since(uint64_t begun)
{
	return (double)(nfs_now_ns() - begun) / NS_PER_S;
}

static bool is_module(const struct crowd *crowd)
{
	return !strcmp(crowd->side.name, sides[MODULE].name);
}

void all_or_fatal(const struct crowd *crowd, const char *what, unsigned int got,
		  unsigned int wanted)
{
	if (got == wanted)
		return;
	fprintf(stderr, "scale: %s: %u %s of %u, of %u clients\n",
		crowd->side.name, got, what, wanted, crowd->count);
	if (is_module(crowd)) {
		server_show(crowd->side.server);
		fatal("that is not all");
	}
}

double metric(const struct crowd *crowd, const char *name)
{
	const char *path = server_admin_socket(crowd->side.server);
	double value = 0;
	char *text;

	if (!is_module(crowd))
		return 0;
	if (admin_ask(admin_connect(path), "GET", "/metrics", &text) != 200 ||
	    !admin_sum_metrics(text, name, &value))
		fatal("there is no metric %s", name);
	free(text);
	return value;
}

double wait_state(const struct crowd *crowd, const char *state,
		  unsigned int count)
{
	uint64_t begun = nfs_now_ns();
	char name[96];

	snprintf(name, sizeof(name),
		 "ganesha_backchannel_clients{state=\"%s\"}", state);
	while (is_module(crowd) && metric(crowd, name) < count) {
		if (seconds_since(begun) * 1e3 > nfs_timeout_ms())
			fatal("%.0f clients are %s, not %u",
			      metric(crowd, name), state, count);
		sleep_ms(10);
	}
	return seconds_since(begun);
}

/* ---- What runs ---- */

/* Nothing was lost: what was granted came back, and nothing was given up. */
static void check_totals(const struct crowd *crowd)
{
	static const char *const none[] = {
		"ganesha_backchannel_delegations_revoked_total",
		"ganesha_backchannel_callbacks_given_up_total{reason=\"no_answer\"}",
		"ganesha_backchannel_callbacks_given_up_total{reason=\"no_path\"}",
		"ganesha_backchannel_callbacks_given_up_total{reason=\"queue_full\"}",
	};

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		all_or_fatal(crowd, none[i],
			     (unsigned int)metric(crowd, none[i]), 0);
}

static void measure_recalls(struct crowd *crowd, const struct effort *effort)
{
	/* All clients' first stateids have one hash (doc/upstream.md). */
	if (!is_module(crowd) && crowd->count > effort->stock_limit)
		return;
	if (crowd->count <= effort->share_limit)
		measure_one_file(crowd, effort);
	if (!crowd->gone)
		measure_own_files(crowd, effort);
	check_totals(crowd); /* a restart begins new ones */
	if (!crowd->gone && crowd->count <= effort->restart_limit)
		measure_restart(crowd, effort);
	if (!crowd->gone)
		measure_outage(crowd, effort);
}

static void run(struct bench *bench, const struct side *like,
		unsigned int count, const struct effort *effort)
{
	struct crowd crowd;

	crowd_begin(&crowd, bench, like, count);
	measure_mount(&crowd);
	measure_renewals(&crowd, effort);
	if (is_module(&crowd))
		measure_watch(&crowd, effort);
	measure_churn(&crowd);
	measure_recalls(&crowd, effort);
	check_totals(&crowd);
	crowd_end(&crowd);
}

/* Both sides, or the one that the first argument names. */
static bool wanted(int side, const char *option)
{
	if (!strcmp(option, "--short"))
		return side == MODULE;
	return option[0] != '-' || !strcmp(option + 2, sides[side].name);
}

int main(int argc, char **argv)
{
	bool option = argc > 1 && argv[1][0] == '-';
	bool is_short = option && !strcmp(argv[1], "--short");
	struct bench bench = { 0 };

	if (argc < 2 + option) {
		fprintf(stderr,
			"usage: scale [--short | --module | --stock] CLIENTS...\n");
		return 2;
	}
	setenv("NFS_TEST_TIMEOUT_MS", is_short ? "30000" : "120000", 1);
	bench.loop = nfs_loop_new();
	for (int i = 1 + option; i < argc; i++) {
		unsigned int count = (unsigned int)atoi(argv[i]);

		for (int s = 0; s < SIDES; s++) {
			uint64_t begun = nfs_now_ns();

			if (!wanted(s, argv[1]))
				continue;
			if (!is_short && count <= HEAP_CLIENTS)
				measure_heap(&bench, &sides[s], count);
			run(&bench, &sides[s], count, &efforts[is_short]);
			fprintf(stderr, "scale: %u clients, %s: %.0f s\n",
				count, sides[s].name, seconds_since(begun));
		}
	}
	nfs_loop_free(bench.loop);
	return 0;
}
