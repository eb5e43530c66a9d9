/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Many delegations of one client, and those who open against them. */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include "bench.h"

#define STORM_TIMEOUT_MS 20000

struct storm {
	struct side *side;
	struct answers answers;
	struct peer holder;
	struct peer openers[OPENERS];
	struct holding holding;
};

void storm_begin(struct storm *storm, struct bench *bench, struct side *side,
		 uint32_t slots, unsigned int count);
void storm_end(struct storm *storm);

/** Recall all, while the client holds its answers back; wait for the server. */
void storm_queue(struct storm *storm);
/**
 * Let the client answer.
 * @return from then to the last callback, ns; of 99 in a hundred: one that found
 * Ganesha's own slot taken, before it came to the module, is a second late
 */
uint64_t storm_drain(struct storm *storm);

#endif
