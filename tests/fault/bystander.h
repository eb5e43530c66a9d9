/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients that nothing is done to: each holds a delegation, has it recalled,
 * and returns it, over and over, and measures how long after the conflicting
 * OPEN was sent the recall came, and whether the return wakes who waits.  Beside that
 * it measures a request that has nothing to do with callbacks: what the machine and a
 * busy server cost anybody.
 */
#ifndef FAULT_BYSTANDER_H
#define FAULT_BYSTANDER_H

#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "seen.h"
#include "server.h"

struct bystanders;

struct latency {
	unsigned int samples;
	double p50, p99, worst; /* ms */
	double plain_p50, plain_p99; /* ms; of the requests beside them */
	unsigned int late; /* of them: whose return woke nobody in time */
};

/**
 * @param first_number  of the clients, two for each, for their addresses
 * @param every_ms      each has one recall in so many ms; 0: as many as it can
 */
struct bystanders *bystanders_start(const struct server *server,
				    struct files *files, unsigned int count,
				    unsigned int first_number,
				    unsigned int every_ms);
/**
 * Wait until there are so many recalls since bystanders_latency().
 * @return false: the time is over, or something is wrong
 */
bool bystanders_wait(struct bystanders *bystanders, unsigned int samples,
		     int timeout_ms);
/** The recalls since the start, or since this was called last. */
void bystanders_latency(struct bystanders *bystanders, struct latency *latency);
/**
 * Are recalls slower than they were before, and slower than other requests are now?
 * By more than threefold, and the noise of a shared machine.
 */
bool latency_is_worse(const struct latency *before,
		      const struct latency *during);
/** "" while nothing is wrong. Borrowed until they are freed. */
const char *bystanders_failure(struct bystanders *bystanders);
void bystanders_stop(struct bystanders *bystanders);
/** Add what they have seen.  After bystanders_stop(). */
void bystanders_add_seen(const struct bystanders *bystanders, struct seen *sum);
/** After bystanders_stop(). */
void bystanders_free(struct bystanders *bystanders);

#endif
