/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Requests of clients, as fore.c measures them and fore_counts.c counts them. */
#ifndef BENCH_FORE_LOAD_H
#define BENCH_FORE_LOAD_H

#include "bench.h"

#define FORE_CONNS 16 /* connections, and requests under way at a time */
#define FORE_HELD 10000 /* delegations, of one client, on files of their own */

/** The clients of one server. */
struct fore {
	struct side *side;
	struct peer peers[FORE_CONNS];
	unsigned int nconns; /* of them that are used now */
	struct nfs_file file;
	struct pipeline pipeline;
	_Atomic unsigned int refused; /* replies that are not NFS4_OK */
	struct peer holder;
	struct answers answers; /* the holder's; nothing is to be recalled */
	struct holding holding; /* its count: 0 before fore_hold() */
};

struct fore_kind {
	const char *name;
	unsigned int conns;
	void (*put)(struct nfs_compound *compound, unsigned int i, void *arg);
};

#define FORE_KINDS 5
extern const struct fore_kind fore_kinds[FORE_KINDS];

/** Mount the clients; they hold no delegation. */
void fore_begin(struct fore *fore, struct bench *bench, struct side *side);
/** One more client takes FORE_HELD read delegations. */
void fore_hold(struct fore *fore, struct bench *bench);
void fore_end(struct fore *fore);

/** Prepare `fore->pipeline`; its depth and count may be changed then. */
void fore_pipeline(struct fore *fore, const struct fore_kind *kind);
/** After it: all requests have been answered, with NFS4_OK. */
void fore_check(const struct fore *fore, const struct fore_kind *kind);

#endif
