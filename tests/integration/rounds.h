/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Campaigns: many rounds of one test with things happening at random moments,
 * from a seed that is printed.  BACKCHANNEL_TEST_SEED repeats one;
 * BACKCHANNEL_TEST_LONG makes them long.
 */
#ifndef INTEGRATION_ROUNDS_H
#define INTEGRATION_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

struct rounds {
	const char *name;
	unsigned int seed;
	unsigned int state; /* of the random numbers */
	unsigned int count; /* at most so many, */
	uint64_t until; /* and none begins after this: CLOCK_MONOTONIC, ns */
	unsigned int done;
	unsigned int bad;
};

bool rounds_long(void);

/**
 * @param count, seconds  the bounds of a short campaign; a long one has 20
 *                        times as many rounds, in up to 6 times as long
 */
void rounds_begin(struct rounds *rounds, const char *name, unsigned int count,
		  unsigned int seconds);

/** @return whether there is to be another round */
bool rounds_next(struct rounds *rounds);

/** This round has failed; the campaign goes on. Says why, of the first ones. */
void rounds_fail(struct rounds *rounds, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Below @a limit. */
unsigned int rounds_random(struct rounds *rounds, unsigned int limit);

/** Print what came out. @return how many rounds have failed */
unsigned int rounds_end(const struct rounds *rounds);

#endif
