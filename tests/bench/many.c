/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Many clients of one delegation each, all recalled; and what a client that
 * only is there costs the server in memory.  On servers of their own, so that
 * nothing has been allocated and freed before.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS 5000
#define ROUNDS 3
#define TIMEOUT_MS 30000

static void recall_all(struct bench *bench, struct side *side,
		       struct answers *answers, struct peer *peers,
		       unsigned int round)
{
	struct peer openers[OPENERS];
	struct holding holding = { .side = side,
				   .holders = peers,
				   .nholders = CLIENTS,
				   .openers = openers,
				   .nopeners = OPENERS };
	uint64_t begun, cpu, own, ns;
	unsigned int came;

	for (int i = 0; i < OPENERS; i++)
		peer_mount(bench, side, &openers[i], NULL);
	holding_begin(&holding, CLIENTS);
	cpu = side_cpu_ns(side);
	own = own_cpu_ns();
	begun = nfs_now_ns();
	holding_conflict(&holding);
	came = answers_wait(answers, CLIENTS, TIMEOUT_MS);
	if (came > CLIENTS)
		came = CLIENTS;
	ns = nfs_now_ns() - begun;
	if (came == CLIENTS)
		ns = answers_get(answers, CLIENTS - 1).arrival_ns - begun;
	cpu = side_cpu_ns(side) - cpu;
	own = own_cpu_ns() - own;
	if (!side_crashed(side, "many"))
		record("\"what\":\"many\",\"side\":\"%s\",\"round\":%u,"
		       "\"came\":%u,\"rate\":%.0f,"
		       "\"server_us\":%.2f,\"client_cpu\":%.3f",
		       side->name, round, came, came * NS_PER_S / (double)ns,
		       (double)cpu / 1e3 / CLIENTS, (double)own / (double)ns);
	holding_end(&holding);
	for (int i = 0; i < OPENERS; i++)
		peer_unmount(&openers[i]);
}

static void run(struct bench *bench, const struct side *like,
		unsigned int round)
{
	struct peer *peers = calloc(CLIENTS, sizeof(*peers));
	struct answers answers;
	struct side side;
	long before, after;

	if (!peers)
		fatal("out of memory");
	answers_init(&answers, PEER_SLOTS, CLIENTS);
	side_start(&side, like->name, &like->params);
	before = server_rss_kib(side.server);
	for (unsigned int i = 0; i < CLIENTS; i++)
		peer_mount(bench, &side, &peers[i], &answers);
	after = server_rss_kib(side.server);
	record("\"what\":\"memory\",\"side\":\"%s\",\"round\":%u,"
	       "\"clients\":%d,\"bytes\":%.0f",
	       side.name, round, CLIENTS,
	       (double)(after - before) * 1024 / CLIENTS);
	recall_all(bench, &side, &answers, peers, round);
	for (unsigned int i = 0; i < CLIENTS; i++)
		peer_unmount(&peers[i]);
	side_stop(&side);
	answers_fini(&answers);
	free(peers);
}

void measure_many(struct bench *bench)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (int s = 0; s < SIDES; s++)
			run(bench, &bench->sides[s], round);
	}
}
