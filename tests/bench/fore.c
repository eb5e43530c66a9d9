/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the module costs requests of clients: short turns of the same load on
 * each side, so that what else happens on the machine meets both.  One server
 * differs from the next one of the same kind by a percent, by where its threads
 * and its memory come to lie: so there are several of each.  Without a delegation
 * in the server, and then with many that one more client holds on other files, on
 * both sides: Leases grants them to either.
 */
#include "fore_load.h"

#include <stdlib.h>

#define TURN_MS 200
#define WARM_UP_MS 20
#define SERVERS 10 /* of each side, one after the other */
#define PAIRS 8 /* of turns, of each load on each server */

/* One side's turn. */
static void turn(struct fore *fore, const struct fore_kind *kind,
		 unsigned int server)
{
	struct pipeline *pipeline = &fore->pipeline;
	uint64_t begun, cpu, own, ns;
	unsigned int replies;

	fore_pipeline(fore, kind);
	pipeline_start(pipeline);
	sleep_ms(WARM_UP_MS);
	begun = nfs_now_ns();
	replies = pipeline->replies;
	cpu = side_cpu_ns(fore->side);
	own = own_cpu_ns();
	sleep_ms(TURN_MS);
	replies = pipeline->replies - replies;
	cpu = side_cpu_ns(fore->side) - cpu;
	own = own_cpu_ns() - own;
	ns = nfs_now_ns() - begun;
	pipeline_stop(pipeline);
	fore_check(fore, kind);
	if (!replies)
		fatal("the %s side does not answer", fore->side->name);
	record("\"what\":\"fore\",\"side\":\"%s\",\"load\":\"%s\","
	       "\"conns\":%u,\"held\":%u,\"server\":%u,\"rate\":%.0f,"
	       "\"server_us\":%.4f,\"client_cpu\":%.3f",
	       fore->side->name, kind->name, kind->conns, fore->holding.count,
	       server, replies * NS_PER_S / (double)ns,
	       (double)cpu / 1e3 / replies, (double)own / (double)ns);
}

/* Neither side always comes first. */
static void measure_kinds(struct fore *fore, unsigned int server)
{
	for (size_t k = 0; k < FORE_KINDS; k++) {
		for (unsigned int i = 0; i < PAIRS * SIDES; i++)
			turn(&fore[(i + i / SIDES) % SIDES], &fore_kinds[k],
			     server);
	}
}

static void measure_servers(struct bench *bench, struct fore *fore,
			    unsigned int number)
{
	struct side sides[SIDES];

	for (unsigned int i = 0; i < SIDES; i++) {
		unsigned int s = (i + number) % SIDES;

		side_start(&sides[s], bench->sides[s].name,
			   &bench->sides[s].params);
		fore_begin(&fore[s], bench, &sides[s]);
	}
	measure_kinds(fore, number);
	for (unsigned int s = 0; s < SIDES; s++)
		fore_hold(&fore[s], bench);
	for (unsigned int s = 0; s < SIDES; s++)
		side_wait_idle(&sides[s]);
	measure_kinds(fore, number);
	for (unsigned int s = 0; s < SIDES; s++) {
		fore_end(&fore[s]);
		side_stop(&sides[s]);
	}
}

void measure_fore(struct bench *bench)
{
	struct fore *fore = calloc(SIDES, sizeof(*fore));

	if (!fore)
		fatal("out of memory");
	for (unsigned int i = 0; i < SERVERS; i++)
		measure_servers(bench, fore, i);
	free(fore);
}
