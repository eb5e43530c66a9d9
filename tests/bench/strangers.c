/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a CREATE_SESSION with a client id that nobody has costs a server, beside few
 * clients and beside many, all of which have been called back lately.  Each on a
 * server of its own, in turns.
 */
#include "bench.h"

#include <stdlib.h>

#define REQUESTS 500 /* in a turn */
#define TURNS 9
#define TIMEOUT_MS 30000

static const unsigned int numbers[] = { 10, 5000 }; /* of clients */
#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

struct crowd {
	struct side side;
	struct answers answers;
	struct peer *peers;
	unsigned int count;
	struct peer stranger;
	struct nfs_conn *conn; /* the stranger's */
};

/* Each client has held a delegation, and was called back. */
static void call_all(struct bench *bench, struct crowd *crowd)
{
	struct peer openers[OPENERS];
	struct holding holding = { .side = &crowd->side,
				   .holders = crowd->peers,
				   .nholders = crowd->count,
				   .openers = openers,
				   .nopeners = OPENERS };

	for (int i = 0; i < OPENERS; i++)
		peer_mount(bench, &crowd->side, &openers[i], NULL);
	holding_begin(&holding, crowd->count);
	holding_conflict(&holding);
	if (answers_wait(&crowd->answers, crowd->count, TIMEOUT_MS) <
	    crowd->count)
		fatal("not all clients were called back");
	holding_end(&holding);
	for (int i = 0; i < OPENERS; i++)
		peer_unmount(&openers[i]);
}

static void crowd_begin(struct bench *bench, struct crowd *crowd,
			unsigned int count)
{
	crowd->count = count;
	crowd->peers = calloc(count, sizeof(*crowd->peers));
	if (!crowd->peers)
		fatal("out of memory");
	answers_init(&crowd->answers, PEER_SLOTS, count);
	side_start(&crowd->side, "module", &bench->sides[MODULE].params);
	for (unsigned int i = 0; i < count; i++)
		peer_mount(bench, &crowd->side, &crowd->peers[i],
			   &crowd->answers);
	call_all(bench, crowd);
	peer_mount(bench, &crowd->side, &crowd->stranger, NULL);
	crowd->conn = peer_connect(&crowd->stranger, NULL);
}

static void crowd_end(struct crowd *crowd)
{
	nfs_conn_close(crowd->conn, NFS_CLOSE_FIN);
	nfs_conn_put(crowd->conn);
	peer_unmount(&crowd->stranger);
	for (unsigned int i = 0; i < crowd->count; i++)
		peer_unmount(&crowd->peers[i]);
	side_stop(&crowd->side);
	answers_fini(&crowd->answers);
	free(crowd->peers);
}

static void turn(struct crowd *crowd, unsigned int round)
{
	struct nfs_client client = crowd->stranger.client;
	uint64_t cpu;

	side_wait_idle(&crowd->side);
	cpu = side_cpu_ns(&crowd->side);
	for (unsigned int i = 0; i < REQUESTS; i++) {
		struct nfs_session session;

		/* Of the server's epoch, and not given to anybody yet. */
		client.clientid = crowd->stranger.client.clientid +
				  (round + 1) * UINT64_C(1000000) + i;
		if (nfs_create_session(&session, &client, crowd->conn, NULL) !=
		    NFS4ERR_STALE_CLIENTID)
			fatal("a client id that nobody has is known");
		nfs_session_fini(&session);
	}
	cpu = side_cpu_ns(&crowd->side) - cpu;
	record("\"what\":\"stranger\",\"clients\":%u,\"round\":%u,"
	       "\"server_us\":%.2f",
	       crowd->count, round, (double)cpu / 1e3 / REQUESTS);
}

void measure_strangers(struct bench *bench)
{
	struct crowd *crowds = calloc(NUMBERS, sizeof(*crowds));

	if (!crowds)
		fatal("out of memory");
	for (size_t n = 0; n < NUMBERS; n++)
		crowd_begin(bench, &crowds[n], numbers[n]);
	for (unsigned int round = 0; round < TURNS; round++) {
		for (size_t n = 0; n < NUMBERS; n++)
			turn(&crowds[n], round);
	}
	for (size_t n = 0; n < NUMBERS; n++)
		crowd_end(&crowds[n]);
	free(crowds);
}
