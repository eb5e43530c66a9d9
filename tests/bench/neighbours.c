/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a client that nobody can reach does to another one's recalls: recalls
 * with it and without it, in turns, each with a server of its own.
 */
#include "holder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 9
#define RECALLS 200
#define WARM_UP 20
#define MANY 1000 /* delegations of the noisy client, */
#define CONFIG "\tMax_Slots = 64;\n\tMax_Queue = 256;\n" /* more than this */
#define READ_SIZE (256u << 10)
#define READS 16

struct noise {
	struct holder holder;
	struct nfs_compound reads[READS];
};

/* Its queue is full, and there is no connection for it. */
static void lose_path(struct noise *noise)
{
	struct peer *peer = &noise->holder.peer;
	struct nfs_conn *conn;

	nfs_conn_close(peer->session.conn, NFS_CLOSE_FIN);
	conn = peer_connect(peer, NULL);
	nfs_session_set_conn(&peer->session, conn);
	nfs_conn_put(conn);
	if (nfs_sequence(&peer->session, NULL))
		fatal("a client without a path is not served");
	holding_conflict(&noise->holder.holding);
}

/* Its connection is full of what it does not read. */
static void stop_reading(struct noise *noise)
{
	struct peer *peer = &noise->holder.peer;
	const struct nfs_file *file = &noise->holder.holding.files[0];

	nfs_conn_set_receive_buffer(peer->session.conn, 4096);
	nfs_conn_stop_reading(peer->session.conn);
	for (unsigned int i = 0; i < READS; i++) {
		nfs_compound_init(&noise->reads[i], &peer->session);
		nfs_put_putfh(&noise->reads[i], &file->fh);
		nfs_put_read(&noise->reads[i], &file->stateid, 0, READ_SIZE);
		if (nfs_compound_send(&noise->reads[i]))
			fatal("cannot send a READ");
	}
	holding_conflict(&noise->holder.holding);
}

static const struct {
	const char *name;
	void (*begin)(struct noise *noise);
} kinds[] = {
	{ "quiet", NULL },
	{ "a client without a path", lose_path },
	{ "a client that does not read", stop_reading },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* A large file, which the client that does not read asks for. */
static void make_large(const struct side *side, const struct holding *holding)
{
	char *contents = malloc(READ_SIZE + 1);
	char name[32];

	if (!contents)
		fatal("out of memory");
	memset(contents, 'x', READ_SIZE);
	contents[READ_SIZE] = '\0';
	snprintf(name, sizeof(name), "f%u-0", holding->series);
	server_make_file(side->server, name, contents);
	free(contents);
}

static void run(struct bench *bench, struct side *side, size_t kind,
		unsigned int round)
{
	struct noise *noise = calloc(1, sizeof(*noise));
	struct holder victim;

	if (!noise)
		fatal("out of memory");
	holder_begin(bench, side, &noise->holder, MANY);
	make_large(side, &noise->holder.holding);
	holder_begin(bench, side, &victim, WARM_UP + RECALLS);
	if (kinds[kind].begin)
		kinds[kind].begin(noise);
	side_wait_idle(side);
	for (unsigned int i = 0; i < WARM_UP + RECALLS; i++) {
		double us = holder_recall_us(&victim, i);

		if (us < 0)
			fatal("the server crashed");
		if (i >= WARM_UP)
			record("\"what\":\"neighbour\",\"with\":\"%s\","
			       "\"round\":%u,\"us\":%.1f",
			       kinds[kind].name, round, us);
	}
	holder_end(&victim);
	if (kinds[kind].begin == stop_reading) {
		nfs_conn_close(noise->holder.peer.session.conn, NFS_CLOSE_RST);
		for (unsigned int i = 0; i < READS; i++)
			nfs_compound_fini(&noise->reads[i]);
	}
	server_free(side->server);
	side->server = NULL;
	peer_unmount(&noise->holder.opener);
	peer_unmount(&noise->holder.peer);
	answers_fini(&noise->holder.answers);
	free(noise->holder.holding.files);
	free(noise);
}

void measure_neighbours(struct bench *bench)
{
	struct server_params params = bench->sides[MODULE].params;

	params.backchannel = CONFIG;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (size_t kind = 0; kind < KINDS; kind++) {
			struct side side;

			side_start(&side, "module", &params);
			run(bench, &side, kind, round);
		}
	}
}
