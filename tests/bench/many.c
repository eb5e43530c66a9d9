/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The same number of delegations, held by few clients or by one client each, all
 * recalled; and what a client that only is there costs the server in memory.  On
 * servers of their own, so that nothing has been allocated and freed before.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define RECALLS 5000
#define ROUNDS 3
#define TIMEOUT_MS 30000

static const unsigned int numbers[] = { 1, 5, 50, 500, 5000 }; /* of clients */
#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

static void recall_all(struct bench *bench, struct side *side,
		       struct answers *answers, struct peer *peers,
		       unsigned int clients, unsigned int round)
{
	struct peer openers[OPENERS];
	struct holding holding = { .side = side,
				   .holders = peers,
				   .nholders = clients,
				   .openers = openers,
				   .nopeners = OPENERS };
	uint64_t begun, cpu, own, ns;
	unsigned int came;

	for (int i = 0; i < OPENERS; i++)
		peer_mount(bench, side, &openers[i], NULL);
	holding_begin(&holding, RECALLS);
	cpu = side_cpu_ns(side);
	own = own_cpu_ns();
	begun = nfs_now_ns();
	holding_conflict(&holding);
	came = answers_wait(answers, RECALLS, TIMEOUT_MS);
	if (came > RECALLS)
		came = RECALLS;
	ns = nfs_now_ns() - begun;
	if (came == RECALLS)
		ns = answers_get(answers, RECALLS - 1).arrival_ns - begun;
	cpu = side_cpu_ns(side) - cpu;
	own = own_cpu_ns() - own;
	if (!side_crashed(side, "many"))
		record("\"what\":\"many\",\"side\":\"%s\","
		       "\"clients\":%u,\"round\":%u,"
		       "\"came\":%u,\"rate\":%.0f,"
		       "\"server_us\":%.2f,\"client_cpu\":%.3f",
		       side->name, clients, round, came,
		       came * NS_PER_S / (double)ns,
		       (double)cpu / 1e3 / RECALLS, (double)own / (double)ns);
	holding_end(&holding);
	for (int i = 0; i < OPENERS; i++)
		peer_unmount(&openers[i]);
}

static void run(struct bench *bench, const struct side *like,
		unsigned int clients, unsigned int round)
{
	struct peer *peers = calloc(clients, sizeof(*peers));
	struct answers answers;
	struct side side;
	long before, after;

	if (!peers)
		fatal("out of memory");
	answers_init(&answers, PEER_SLOTS, RECALLS);
	side_start(&side, like->name, &like->params);
	before = server_rss_kib(side.server);
	for (unsigned int i = 0; i < clients; i++)
		peer_mount(bench, &side, &peers[i], &answers);
	after = server_rss_kib(side.server);
	record("\"what\":\"memory\",\"side\":\"%s\",\"round\":%u,"
	       "\"clients\":%u,\"bytes\":%.0f",
	       side.name, round, clients,
	       (double)(after - before) * 1024 / clients);
	recall_all(bench, &side, &answers, peers, clients, round);
	for (unsigned int i = 0; i < clients; i++)
		peer_unmount(&peers[i]);
	side_stop(&side);
	answers_fini(&answers);
	free(peers);
}

void measure_many(struct bench *bench)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (size_t n = 0; n < NUMBERS; n++) {
			for (int s = 0; s < SIDES; s++)
				run(bench, &bench->sides[s], numbers[n], round);
		}
	}
}
