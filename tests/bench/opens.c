/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The same number of files, opened by few clients or by many, one each, until all are
 * open; then all closed.  No delegation is wanted.  The sides in turns, on servers
 * that are there at the same time.
 */
#include "bench.h"

#include <stdlib.h>

#define FILES 5000
#define DEPTH 64 /* under way at a time */
#define SERVERS 3 /* of each side, one after the other */
#define TURNS 4 /* of each side on each server */

static const unsigned int numbers[] = { 1, 5000 }; /* of clients */
#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

/** The clients of one server. */
struct crowd {
	struct side side;
	struct peer *peers; /* file i is opened by number i modulo them */
	unsigned int count;
	struct nfs_file *files;
	_Atomic unsigned int done; /* of one of the two */
};

static struct nfs_session *session(unsigned int i, void *arg)
{
	struct crowd *crowd = arg;

	return &crowd->peers[i % crowd->count].session;
}

static void put_open(struct nfs_compound *compound, unsigned int i, void *arg)
{
	(void)arg;
	peer_put_open(compound, i);
	nfs_put_getfh(compound);
}

static void got_open(const struct nfs_compound *compound, unsigned int i,
		     void *arg)
{
	const struct nfs_res *open = nfs_compound_res(compound, OP_OPEN);
	const struct nfs_res *fh = nfs_compound_res(compound, OP_GETFH);
	struct crowd *crowd = arg;

	if (compound->status != NFS4_OK)
		return;
	crowd->files[i].stateid = open->open.stateid;
	crowd->files[i].fh = fh->fh;
	crowd->done++;
}

static void put_close(struct nfs_compound *compound, unsigned int i, void *arg)
{
	struct crowd *crowd = arg;

	nfs_put_putfh(compound, &crowd->files[i].fh);
	nfs_put_close(compound, 0, &crowd->files[i].stateid);
}

static void got_close(const struct nfs_compound *compound, unsigned int i,
		      void *arg)
{
	struct crowd *crowd = arg;

	(void)i;
	if (compound->status == NFS4_OK)
		crowd->done++;
}

/* All files. @return how long it took: ns */
static uint64_t run(struct crowd *crowd, bool open)
{
	struct pipeline pipeline = { .depth = DEPTH,
				     .count = FILES,
				     .session = session,
				     .put = open ? put_open : put_close,
				     .got = open ? got_open : got_close,
				     .arg = crowd };
	uint64_t begun = nfs_now_ns();

	crowd->done = 0;
	pipeline_run(&pipeline);
	if (crowd->done != FILES)
		fatal("%u files of %u were %s by the %s side", crowd->done,
		      FILES, open ? "opened" : "closed", crowd->side.name);
	return nfs_now_ns() - begun;
}

static void turn(struct crowd *crowd, unsigned int server)
{
	uint64_t cpu = side_cpu_ns(&crowd->side), own = own_cpu_ns();
	uint64_t open_ns = run(crowd, true), close_ns = run(crowd, false);

	cpu = side_cpu_ns(&crowd->side) - cpu;
	own = own_cpu_ns() - own;
	record("\"what\":\"opens\",\"side\":\"%s\",\"clients\":%u,"
	       "\"server\":%u,\"open_rate\":%.0f,\"close_rate\":%.0f,"
	       "\"rate\":%.0f,\"server_us\":%.2f,\"client_cpu\":%.3f",
	       crowd->side.name, crowd->count, server,
	       FILES * NS_PER_S / (double)open_ns,
	       FILES * NS_PER_S / (double)close_ns,
	       FILES * NS_PER_S / (double)(open_ns + close_ns),
	       (double)cpu / 1e3 / FILES,
	       (double)own / (double)(open_ns + close_ns));
}

static void crowd_begin(struct bench *bench, struct crowd *crowd,
			const struct side *like, unsigned int count)
{
	*crowd = (struct crowd){ .count = count };
	crowd->peers = calloc(count, sizeof(*crowd->peers));
	crowd->files = calloc(FILES, sizeof(*crowd->files));
	if (!crowd->peers || !crowd->files)
		fatal("out of memory");
	side_start(&crowd->side, like->name, &like->params);
	server_make_files(crowd->side.server, "open%u", FILES);
	for (unsigned int i = 0; i < count; i++)
		peer_mount(bench, &crowd->side, &crowd->peers[i], NULL);
	run(crowd, true); /* so that Ganesha knows the files */
	run(crowd, false);
}

static void crowd_end(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		peer_unmount(&crowd->peers[i]);
	side_stop(&crowd->side);
	free(crowd->peers);
	free(crowd->files);
}

static void measure(struct bench *bench, unsigned int clients,
		    unsigned int server)
{
	struct crowd crowds[SIDES];

	for (int s = 0; s < SIDES; s++)
		crowd_begin(bench, &crowds[s], &bench->sides[s], clients);
	/* Neither side always comes first. */
	for (unsigned int i = 0; i < TURNS * SIDES; i++)
		turn(&crowds[(i + i / SIDES) % SIDES], server);
	for (int s = 0; s < SIDES; s++)
		crowd_end(&crowds[s]);
}

void measure_opens(struct bench *bench)
{
	for (unsigned int server = 0; server < SERVERS; server++) {
		for (size_t n = 0; n < NUMBERS; n++)
			measure(bench, numbers[n], server);
	}
}
