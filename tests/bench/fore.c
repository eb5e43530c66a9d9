/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the module costs requests of clients: short turns of the same load on
 * each side, so that what else happens on the machine meets both.  One server
 * differs from the next one of the same kind by a percent, by where its threads
 * and its memory come to lie: so there are several of each.
 */
#include "bench.h"

#include <stdio.h>

#define CONNS 16
#define TURN_MS 200
#define WARM_UP_MS 20
#define SERVERS 10 /* of each side, one after the other */
#define PAIRS 8 /* of turns, of each load on each server */
#define READ_SIZE 4096

struct load {
	struct peer peers[CONNS];
	unsigned int nconns;
	struct nfs_file file;
	struct pipeline pipeline;
};

static struct nfs_session *session(unsigned int i, void *arg)
{
	struct load *load = arg;

	return &load->peers[i % load->nconns].session;
}

static void put_nothing(struct nfs_compound *compound, unsigned int i,
			void *arg)
{
	(void)compound;
	(void)i;
	(void)arg;
}

static void put_getattr(struct nfs_compound *compound, unsigned int i,
			void *arg)
{
	struct load *load = arg;

	(void)i;
	nfs_put_putfh(compound, &load->file.fh);
	nfs_put_getattr(compound);
}

static void put_read(struct nfs_compound *compound, unsigned int i, void *arg)
{
	struct load *load = arg;

	(void)i;
	nfs_put_putfh(compound, &load->file.fh);
	nfs_put_read(compound, &load->file.stateid, 0, READ_SIZE);
}

static const struct {
	const char *name;
	unsigned int conns;
	void (*put)(struct nfs_compound *compound, unsigned int i, void *arg);
} loads[] = {
	{ "SEQUENCE", 1, put_nothing },
	{ "SEQUENCE", CONNS, put_nothing },
	{ "GETATTR", CONNS, put_getattr },
	{ "READ 4 KiB", CONNS, put_read },
};
#define LOADS (sizeof(loads) / sizeof(*loads))

static void begin(struct bench *bench, struct side *side, struct load *load)
{
	static char contents[READ_SIZE + 1];

	for (int i = 0; i < READ_SIZE; i++)
		contents[i] = 'x';
	server_make_file(side->server, "fore", contents);
	for (int i = 0; i < CONNS; i++)
		peer_mount(bench, side, &load->peers[i], NULL);
	/* Every peer may read under the first one's stateid. */
	if (nfs_open(&load->peers[0].session, "export/fore",
		     OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		     &load->file))
		fatal("cannot open a file");
	load->file.stateid = (struct nfs_stateid){ 0 };
}

/* One side's turn. */
static void turn(const struct side *side, struct load *load, size_t l,
		 unsigned int server)
{
	struct pipeline *pipeline = &load->pipeline;
	uint64_t begun, cpu, own, ns;
	unsigned int replies;

	load->nconns = loads[l].conns;
	*pipeline = (struct pipeline){ .depth = CONNS,
				       .count = UINT32_MAX,
				       .session = session,
				       .put = loads[l].put,
				       .arg = load };
	pipeline_start(pipeline);
	sleep_ms(WARM_UP_MS);
	begun = nfs_now_ns();
	replies = pipeline->replies;
	cpu = side_cpu_ns(side);
	own = own_cpu_ns();
	sleep_ms(TURN_MS);
	replies = pipeline->replies - replies;
	cpu = side_cpu_ns(side) - cpu;
	own = own_cpu_ns() - own;
	ns = nfs_now_ns() - begun;
	pipeline_stop(pipeline);
	if (pipeline->lost || !replies)
		fatal("requests were lost by the %s side", side->name);
	record("\"what\":\"fore\",\"side\":\"%s\",\"load\":\"%s\","
	       "\"conns\":%u,\"server\":%u,\"rate\":%.0f,\"server_us\":%.4f,"
	       "\"client_cpu\":%.3f",
	       side->name, loads[l].name, loads[l].conns, server,
	       replies * NS_PER_S / (double)ns, (double)cpu / 1e3 / replies,
	       (double)own / (double)ns);
}

/* Neither side always comes first. */
static void measure_servers(struct bench *bench, unsigned int number)
{
	static struct load load[SIDES];
	struct side sides[SIDES];

	for (unsigned int i = 0; i < SIDES; i++) {
		unsigned int s = (i + number) % SIDES;

		side_start(&sides[s], bench->sides[s].name,
			   &bench->sides[s].params);
		begin(bench, &sides[s], &load[s]);
	}
	for (size_t l = 0; l < LOADS; l++) {
		for (unsigned int i = 0; i < PAIRS * SIDES; i++) {
			unsigned int s = (i + i / SIDES) % SIDES;

			turn(&sides[s], &load[s], l, number);
		}
	}
	for (unsigned int s = 0; s < SIDES; s++) {
		for (int i = 0; i < CONNS; i++)
			peer_unmount(&load[s].peers[i]);
		side_stop(&sides[s]);
	}
}

void measure_fore(struct bench *bench)
{
	for (unsigned int i = 0; i < SERVERS; i++)
		measure_servers(bench, i);
}
