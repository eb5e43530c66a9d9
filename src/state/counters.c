/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Counting.
 *
 * Purpose: to count costs the same whatever other processors count.
 * Data: a struct bc_counts for each of CPUS processors; further ones share them.
 * Locking: none.  An addition is atomic, as a thread may be moved between asking
 *   where it runs and counting; it is relaxed, as nothing follows from a count.
 * Lifetime: there from the beginning: who counts need not know whether the core runs.
 * Invariant: a count only grows, until bc_counts_reset().
 */
#include "counters.h"

#include <sched.h>
#include <string.h>

#define CPUS 64 /* a power of two */
#define LINE 64 /* bytes of the cache */

static struct cpu {
	struct bc_counts counts; /* [A] */
} __attribute__((aligned(LINE))) cpus[CPUS];

static struct bc_counts *here(void)
{
	return &cpus[(unsigned int)sched_getcpu() % CPUS].counts;
}

static void add(uint64_t *count, uint64_t many)
{
	__atomic_fetch_add(count, many, __ATOMIC_RELAXED);
}

static unsigned int op_index(uint32_t opcode)
{
	return opcode < BC_CB_OPS ? opcode : 0;
}

/* What took at most BC_HISTOGRAM_FIRST << i is in bucket i. */
static unsigned int bucket_of(uint64_t ns)
{
	uint64_t rest = ns ? (ns - 1) / BC_HISTOGRAM_FIRST : 0;
	unsigned int bucket =
		rest ? 64 - (unsigned int)__builtin_clzll(rest) : 0;

	return bucket < BC_HISTOGRAM_BUCKETS ? bucket :
					       BC_HISTOGRAM_BUCKETS - 1;
}

static void observe(struct bc_counts *counts, enum bc_duration duration,
		    uint64_t ns)
{
	struct bc_histogram *histogram = &counts->durations[duration];

	add(&histogram->buckets[bucket_of(ns)], 1);
	add(&histogram->sum, ns);
}

void bc_count(enum bc_counter counter)
{
	add(&here()->of[counter], 1);
}

void bc_count_many(enum bc_counter counter, uint64_t many)
{
	add(&here()->of[counter], many);
}

void bc_count_submitted(uint32_t opcode)
{
	add(&here()->submitted[op_index(opcode)], 1);
}

void bc_count_completed(uint32_t opcode, enum bc_outcome outcome, uint64_t ns)
{
	struct bc_counts *counts = here();

	add(&counts->completed[op_index(opcode)][outcome], 1);
	if (ns)
		observe(counts, BC_DURATION_CALLBACK, ns);
}

void bc_count_verdict(enum bc_verdict verdict, uint64_t ns)
{
	struct bc_counts *counts = here();

	add(&counts->verdicts[verdict], 1);
	observe(counts, BC_DURATION_REPLY, ns);
}

/* A struct bc_counts is made of counts, and nothing else. */
#define COUNTS (sizeof(struct bc_counts) / sizeof(uint64_t))

void bc_counts_sum(struct bc_counts *sum)
{
	uint64_t *to = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (size_t cpu = 0; cpu < CPUS; cpu++) {
		const uint64_t *from = (const uint64_t *)&cpus[cpu].counts;

		for (size_t i = 0; i < COUNTS; i++)
			to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	}
}

void bc_counts_reset(void)
{
	memset(cpus, 0, sizeof(cpus));
}
