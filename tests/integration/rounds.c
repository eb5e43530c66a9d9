/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "rounds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rpc.h"

#define LONG 20 /* times as long */
#define SHOWN 5 /* failures */

void rounds_begin(struct rounds *rounds, const char *name, unsigned int count,
		  unsigned int seconds)
{
	const char *seed = getenv("BACKCHANNEL_TEST_SEED");
	unsigned int factor = getenv("BACKCHANNEL_TEST_LONG") ? LONG : 1;

	*rounds = (struct rounds){
		.name = name,
		.seed = seed ? strtoul(seed, NULL, 0) : nfs_now_ns() / 1000,
		.count = count * factor,
		.until = nfs_now_ns() + UINT64_C(1000000000) * seconds * factor,
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
