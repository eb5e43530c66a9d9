/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the measurements share.  Each compares two sides: servers of the same
 * binary that differ in one line of their configuration, measured in turns.
 * Every figure goes to standard output as a line of JSON; report.py makes a
 * report of them.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "answers.h"
#include "pipeline.h"
#include "server.h"

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S 1e9
#define NS_PER_MS 1000000

/** A server. */
struct side {
	const char *name; /* "module" or "stock", as in the report */
	struct server_params params;
	struct server *server;
	unsigned int peers; /* so far, for their addresses */
	unsigned int series; /* of files, so far */
	struct side *next; /* of those that were started */
};

enum { MODULE, STOCK, SIDES };

struct bench {
	struct nfs_loop *loop;
	struct side sides[SIDES];
};

/* The measurements. */
void measure_bare(struct bench *bench); /* bare.c */
void measure_idle(struct bench *bench); /* latency.c */
void measure_recovery(struct bench *bench);
void measure_neighbours(struct bench *bench);
void measure_storms(struct bench *bench); /* storm.c */
void measure_many(struct bench *bench); /* many.c */
void measure_opens(struct bench *bench); /* opens.c */
void measure_strangers(struct bench *bench); /* strangers.c */
void measure_fore(struct bench *bench); /* fore.c */
void measure_fore_counts(struct bench *bench); /* fore_counts.c */
void measure_counts(struct bench *bench); /* counts.c */

/** Write a figure: the inside of a JSON object. */
void record(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Say what ends the benchmark, and end it. */
void fatal(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/** Start a side's server; @a params stays valid as long. */
void side_start(struct side *side, const char *name,
		const struct server_params *params);
void side_stop(struct side *side);
/** Has it crashed? Then that is recorded, and it is started anew. */
bool side_crashed(struct side *side, const char *what);

/** CPU time that a server, and this process, have used: ns. */
uint64_t side_cpu_ns(const struct side *side);
uint64_t own_cpu_ns(void);
/** Wait until a server has nothing to do. */
void side_wait_idle(const struct side *side);
void sleep_ms(unsigned int ms);

/** Measure NULL calls, so many under way at a time. @a side may be NULL. */
void bare_round_trips(const struct side *side, const char *name,
		      struct nfs_conn *conn, unsigned int depth);

/** A mounted client with one connection. */
struct peer {
	struct nfs_client client;
	struct nfs_session session;
};

/** Slots of the back channel of a peer that is to hold delegations. */
#define PEER_SLOTS 16

/** @param answers  for its callbacks, or NULL: it cannot hold delegations */
void peer_mount(struct bench *bench, struct side *side, struct peer *peer,
		struct answers *answers);
void peer_unmount(struct peer *peer);
/** Put an OPEN of file @a number of server_make_files("open%u"), to read it; no delegation
 * is wanted.
 */
void peer_put_open(struct nfs_compound *compound, unsigned int number);
/** A further connection of it. +1 ref */
struct nfs_conn *peer_connect(struct peer *peer, struct answers *answers);

/** Peers that open what others hold, so many at a time over all of them. */
#define OPENERS 4
#define OPENERS_DEPTH 64

/** Delegations that are to be recalled. */
struct holding {
	struct side *side;
	struct peer *holders; /* file i is held by number i modulo them */
	unsigned int nholders;
	struct peer *openers;
	unsigned int nopeners;
	unsigned int count;
	unsigned int series; /* of its files' names */
	struct nfs_file *files;
	_Atomic unsigned int granted;
	bool returned;
};

/**
 * Make @a count files and take read delegations on them. Where @a holders and
 * so on are set already.
 */
void holding_begin(struct holding *holding, unsigned int count);
/** Recall all: open each file for writing, many at a time. Waits for answers. */
void holding_conflict(struct holding *holding);
/** Recall one. @return when its OPEN was sent, ns; 0: the server has crashed */
uint64_t holding_conflict_one(struct holding *holding, unsigned int i);
/** Return and close. */
void holding_return(struct holding *holding);
/** Return and close, unless that is done, and remove. */
void holding_end(struct holding *holding);

#endif
