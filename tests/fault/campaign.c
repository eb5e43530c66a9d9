/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The fault campaign: a real server with the module, clients behind a proxy
 * that breaks their connections in every way, and bystanders who must not
 * notice. First the load alone, for the bystanders' baseline, then the same
 * load with faults by the schedule of the seed.
 *
 *   campaign [--seed N] [--callbacks N] [--disconnects N] [--minutes N]
 *            [--clients N] [--long]
 *
 * Checked: the clients' own invariants (load.h), of the slots and sequence ids
 * too (responder.h); every callback that Ganesha submitted completed once; every
 * request that was held ended once, and most were; the server lives, closes every
 * connection, ends cleanly; its metrics say what the clients have seen (seen.h); the
 * bystanders.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bystander.h"
#include "heap.h"
#include "load.h"
#include "seen.h"
#include "totals.h"

#define BYSTANDERS 2
#define EVERY_MS 5 /* a recall of each */
#define FIRST_BYSTANDER 4000 /* of the clients' numbers */
#define CALM_CALLBACKS 5000
#define STALLED_MS 60000 /* no client has ended a turn for so long */
#define CLOSED_WITHIN_MS 10000

struct bounds {
	uint64_t seed;
	unsigned int callbacks;
	unsigned int disconnects;
	unsigned int minutes; /* 0: until there are as many as that */
	unsigned int clients;
};

struct campaign {
	struct bounds bounds;
	struct server *server;
	struct nfs_loop *loop;
	struct files *files;
	struct bystanders *bystanders;
	struct load_figures calm, faults;
	unsigned int wants; /* of all openers, from the first load on */
	struct seen seen; /* by all clients that have gone */
	struct latency before, during;
	struct heap heap; /* the server's */
	long heap_before, heap_half, heap_after; /* KiB */
	double seconds;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void fail(struct campaign *c,
						       const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr,
		"FAILED (seed %llu): ", (unsigned long long)c->bounds.seed);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	c->failed = true;
}

static unsigned int disconnects(const struct load_figures *figures)
{
	unsigned int sum = figures->closed + figures->remade;

	for (int i = FAULT_FIRST_FATAL; i < FAULT_KINDS; i++)
		sum += figures->proxy.faults[i];
	return sum;
}

/* ---- Running ---- */

/* The load, until so much has come, or the time (if not 0) is over. */
static void run_load(struct campaign *c, const struct schedule *schedule,
		     const struct bounds *bounds, struct load_figures *figures)
{
	struct load *load = load_start(&(struct load_params){
		.schedule = schedule,
		.server = c->server,
		.loop = c->loop,
		.files = c->files,
		.clients = bounds->clients,
		.first_number = 1,
	});
	uint64_t begun = nfs_now_ns(), span = bounds->minutes * 60000000000u;
	bool more = true, half = false;

	while (more) {
		if (!load_wait(load, STALLED_MS)) {
			fail(c, "%s",
			     *load_failure(load) ? load_failure(load) :
						   "no client makes progress");
			break;
		}
		if (*bystanders_failure(c->bystanders))
			break;
		load_figures(load, figures);
		if (!half && 2 * figures->recalls >= bounds->callbacks) {
			c->heap_half = heap_allocated_kib(&c->heap);
			half = true;
		}
		if (bounds->minutes)
			more = nfs_now_ns() - begun < span;
		else
			more = figures->recalls < bounds->callbacks ||
			       disconnects(figures) < bounds->disconnects;
	}
	load_stop(load);
	if (!c->failed && *load_failure(load))
		fail(c, "%s", load_failure(load));
	load_figures(load, figures);
	c->wants += figures->openers.wants;
	seen_add(&c->seen, &figures->seen);
	c->seconds = (nfs_now_ns() - begun) / 1e9;
	load_free(load);
}

static void start_bystanders(struct campaign *c)
{
	c->bystanders = bystanders_start(c->server, c->files, BYSTANDERS,
					 FIRST_BYSTANDER, EVERY_MS);
}

static void stop_bystanders(struct campaign *c)
{
	bystanders_stop(c->bystanders);
	if (*bystanders_failure(c->bystanders))
		fail(c, "%s", bystanders_failure(c->bystanders));
	bystanders_add_seen(c->bystanders, &c->seen);
}

/* Nobody is there: what the metrics say is what the clients saw. */
static void check_metrics(struct campaign *c, bool calm)
{
	char wrong[256];

	if (!c->failed &&
	    !seen_agrees(c->server, &c->seen, calm, wrong, sizeof(wrong)))
		fail(c, "%s", wrong);
}

static void run(struct campaign *c)
{
	struct bounds bounds = c->bounds;
	struct schedule schedule = { .seed = bounds.seed, .calm = true };
	struct latency warming;

	start_bystanders(c);
	/* Once to fill the server's caches, once to measure. */
	bounds.callbacks = CALM_CALLBACKS;
	bounds.disconnects = 0;
	bounds.minutes = 0;
	run_load(c, &schedule, &bounds, &c->calm);
	bystanders_latency(c->bystanders, &warming);
	if (!c->failed)
		run_load(c, &schedule, &bounds, &c->calm);
	bystanders_latency(c->bystanders, &c->before);
	stop_bystanders(c);
	check_metrics(c, true);
	bystanders_free(c->bystanders);
	c->heap_before = heap_allocated_kib(&c->heap);

	start_bystanders(c);
	schedule.calm = false;
	if (!c->failed)
		run_load(c, &schedule, &c->bounds, &c->faults);
	bystanders_latency(c->bystanders, &c->during);
	c->heap_after = heap_allocated_kib(&c->heap);
	stop_bystanders(c);
}

/* ---- What must hold afterwards ---- */

static void check_bystanders(struct campaign *c)
{
	const struct latency *before = &c->before, *during = &c->during;

	if (!before->samples || !during->samples)
		fail(c, "the bystanders have no samples");
	else if (latency_is_worse(before, during))
		fail(c, "the bystanders were slower than before");
	else if (2 * during->late > during->samples)
		fail(c, "who waited for the bystanders was not woken");
}

static void check_connections(struct campaign *c)
{
	uint64_t until = nfs_now_ns() + CLOSED_WITHIN_MS * UINT64_C(1000000);
	int left;

	do
		left = server_connections(c->server);
	while (left > 0 && nfs_now_ns() < until);
	if (left)
		fail(c, "the server has not closed %d connections", left);
}

static void check_server(struct campaign *c)
{
	const char *wrong;
	int status;

	if (!server_alive(c->server)) {
		fail(c, "the server ended with %d", server_crashed(c->server));
		return;
	}
	check_connections(c);
	check_metrics(c, false);
	status = server_stop(c->server);
	if (status)
		fail(c, "the server ended with %d when told to", status);
	wrong = totals_wrong(c->server, c->wants / 2);
	if (wrong)
		fail(c, "%s", wrong);
}

static void check_volume(struct campaign *c)
{
	if (c->bounds.minutes || c->failed)
		return;
	if (c->faults.recalls < c->bounds.callbacks)
		fail(c, "only %u callbacks", c->faults.recalls);
	if (disconnects(&c->faults) < c->bounds.disconnects)
		fail(c, "only %u disconnects", disconnects(&c->faults));
	if (!c->faults.openers.busy || !c->faults.openers.outlived)
		fail(c, "no held request was sent again, or lost its session");
}

/* ---- The table ---- */

static void print_latency(const char *when, const struct latency *latency)
{
	printf("bystanders' recalls, %s: %u, p50 %.2f ms, p99 %.2f ms, worst %.2f ms; their other requests p50 %.2f ms, p99 %.2f ms; woke nobody in time %u\n",
	       when, latency->samples, latency->p50, latency->p99,
	       latency->worst, latency->plain_p50, latency->plain_p99,
	       latency->late);
}

static void report_openers(const struct load_figures *f)
{
	const struct opener_figures *openers = &f->openers;

	printf("conflicting requests %u, sent again %u, while the first was being worked on %u; answered with DELAY %u; under way as their session ended %u\n",
	       openers->wants, openers->sent_again, openers->busy,
	       openers->delays, openers->outlived);
	printf("openers: RST %u, FIN %u, asked again %u, sessions remade %u, restarted %u; holders restarted %u; on the openers' connections:",
	       f->suffered[OPENER_RESET], f->suffered[OPENER_CLOSES],
	       f->suffered[OPENER_ASKS_AGAIN], f->suffered[OPENER_REMAKES],
	       f->suffered[OPENER_RESTARTS], f->restarted);
	for (int i = 0; i < FAULT_KINDS; i++)
		printf(" %s %u", fault_name(i), f->opener_proxy.faults[i]);
	putchar('\n');
}

static void report(struct campaign *c)
{
	const struct load_figures *f = &c->faults;

	printf("%u clients, %u lives, %u turns in %.0f s\n", c->bounds.clients,
	       f->lives, f->turns, c->seconds);
	printf("callbacks %u (%.0f/s), received again %u, replies %u, of them lies %u\n",
	       f->recalls, f->recalls / c->seconds, f->retries, f->replies,
	       f->lies);
	printf("disconnects %u: by the client %u, sessions remade %u",
	       disconnects(f), f->closed, f->remade);
	for (int i = FAULT_FIRST_FATAL; i < FAULT_KINDS; i++)
		printf(", %s %u", fault_name(i), f->proxy.faults[i]);
	printf("\nother faults:");
	for (int i = 0; i < FAULT_FIRST_FATAL; i++)
		printf(" %s %u", fault_name(i), f->proxy.faults[i]);
	printf("\nbinds %u, lost with their connection %u; opens without a delegation %u; files %u; clients still busy at their end %u\n",
	       f->binds, f->failed_binds, f->not_granted, files_count(c->files),
	       f->left);
	report_openers(f);
	print_latency("calm", &c->before);
	print_latency("under faults", &c->during);
	printf("the server has allocated: %ld KiB before, %ld at half, %ld after\n",
	       c->heap_before, c->heap_half, c->heap_after);
}

/* ---- The command ---- */

static void parse(int argc, char **argv, struct bounds *bounds)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "callbacks", required_argument, NULL, 'c' },
		{ "disconnects", required_argument, NULL, 'd' },
		{ "minutes", required_argument, NULL, 'm' },
		{ "clients", required_argument, NULL, 'n' },
		{ "long", no_argument, NULL, 'l' },
		{ 0 },
	};
	bool as_long = getenv("BACKCHANNEL_TEST_LONG") != NULL;
	int option;

	*bounds = (struct bounds){ .seed = nfs_now_ns() % 1000000000,
				   .callbacks = 100000,
				   .disconnects = 10000,
				   .clients = 96 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			bounds->seed = strtoull(optarg, NULL, 0);
		else if (option == 'c')
			bounds->callbacks = strtoul(optarg, NULL, 0);
		else if (option == 'd')
			bounds->disconnects = strtoul(optarg, NULL, 0);
		else if (option == 'm')
			bounds->minutes = strtoul(optarg, NULL, 0);
		else if (option == 'n')
			bounds->clients = strtoul(optarg, NULL, 0);
		else if (option == 'l')
			as_long = true;
		else
			exit(2);
	}
	if (as_long) {
		bounds->callbacks *= 10;
		bounds->disconnects *= 10;
	}
}

int main(int argc, char **argv)
{
	struct campaign c = { 0 };

	parse(argc, argv, &c.bounds);
	printf("seed %llu\n", (unsigned long long)c.bounds.seed);
	fflush(stdout);
	if (heap_open(&c.heap))
		return 1;
	c.server = server_start(
		&(struct server_params){ .module = true,
					 .hold_conflicts = SERVER_DEFAULT,
					 .lease_lifetime = 60,
					 .env = c.heap.env });
	if (!c.server) {
		heap_close(&c.heap);
		return 1;
	}
	c.loop = nfs_loop_new();
	c.files = files_new(c.server);
	run(&c);
	check_bystanders(&c);
	check_volume(&c);
	check_server(&c);
	report(&c);
	if (c.failed)
		server_show(c.server);
	bystanders_free(c.bystanders);
	files_free(c.files);
	nfs_loop_free(c.loop);
	server_free(c.server);
	heap_close(&c.heap);
	return c.failed;
}
