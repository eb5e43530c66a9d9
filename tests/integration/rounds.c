/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "rounds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rpc.h"

#define LONG_COUNT 20 /* times as many, in a long one, */
#define LONG_TIME 6 /* in so many times as long */
#define SHOWN 5 /* failures */

bool rounds_long(void)
{
	return getenv("BACKCHANNEL_TEST_LONG") != NULL;
}

void rounds_begin(struct rounds *rounds, const char *name, unsigned int count,
		  unsigned int seconds)
{
	const char *seed = getenv("BACKCHANNEL_TEST_SEED");

	*rounds = (struct rounds){
		.name = name,
		.seed = seed ? strtoul(seed, NULL, 0) : nfs_now_ns() / 1000,
		.count = count * (rounds_long() ? LONG_COUNT : 1),
		.until = nfs_now_ns() + UINT64_C(1000000000) * seconds *
						(rounds_long() ? LONG_TIME : 1),
	};
	rounds->state = rounds->seed;
	printf("%s: seed %u\n", name, rounds->seed);
	fflush(stdout);
}

bool rounds_next(struct rounds *rounds)
{
	if (rounds->done >= rounds->count || nfs_now_ns() > rounds->until)
		return false;
	rounds->done++;
	return true;
}

void rounds_fail(struct rounds *rounds, const char *format, ...)
{
	va_list args;

	if (rounds->bad++ >= SHOWN)
		return;
	fprintf(stderr, "%s, round %u: ", rounds->name, rounds->done);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
}

unsigned int rounds_random(struct rounds *rounds, unsigned int limit)
{
	return (unsigned int)rand_r(&rounds->state) % limit;
}

unsigned int rounds_end(const struct rounds *rounds)
{
	printf("%s: %u rounds, %u failed\n", rounds->name, rounds->done,
	       rounds->bad);
	return rounds->bad;
}
