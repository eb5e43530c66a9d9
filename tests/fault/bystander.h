/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients that nothing is done to: each holds a delegation, has it recalled,
 * and returns it, over and over, and measures how long after the conflicting
 * OPEN was sent the recall came.
 */
#ifndef FAULT_BYSTANDER_H
#define FAULT_BYSTANDER_H

#include <stdint.h>

#include "files.h"
#include "server.h"

struct bystanders;

struct latency {
	unsigned int samples;
	double p50, p99, worst; /* ms */
};

/** @param first_number  of the clients, two for each, for their addresses */
struct bystanders *bystanders_start(const struct server *server,
				    struct files *files, unsigned int count,
				    unsigned int first_number);
/** The recalls since the start, or since this was called last. */
void bystanders_latency(struct bystanders *bystanders, struct latency *latency);
/** "" while nothing is wrong. Borrowed until they are freed. */
const char *bystanders_failure(struct bystanders *bystanders);
void bystanders_stop(struct bystanders *bystanders);
/** After bystanders_stop(). */
void bystanders_free(struct bystanders *bystanders);

#endif
