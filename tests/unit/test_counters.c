/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Counting: nothing is lost, and durations are in their buckets.
 */
#include "unit.h"

#include "counters.h"

#include <pthread.h>
#include <string.h>

#define THREADS 4
#define TIMES 20000

static int setup(void **state)
{
	(void)state;
	bc_counts_reset();
	return 0;
}

static struct bc_counts sum(void)
{
	struct bc_counts counts;

	bc_counts_sum(&counts);
	return counts;
}

static void test_counters_are_their_own(void **state)
{
	struct bc_counts counts;

	(void)state;
	for (int i = 0; i < BC_COUNTERS; i++)
		bc_count_many((enum bc_counter)i, (uint64_t)i + 1);
	bc_count(BC_COUNT_SENT);
	counts = sum();
	assert_int_equal(counts.of[BC_COUNT_SENT], BC_COUNT_SENT + 2);
	for (int i = BC_COUNT_SENT + 1; i < BC_COUNTERS; i++)
		assert_int_equal(counts.of[i], i + 1);
}

static void test_callbacks_are_counted_by_operation(void **state)
{
	struct bc_counts counts;

	(void)state;
	bc_count_submitted(4);
	bc_count_submitted(BC_CB_OPS);
	bc_count_submitted(UINT32_MAX);
	bc_count_completed(4, BC_OUTCOME_REPLY, 1000);
	bc_count_completed(BC_CB_OPS - 1, BC_OUTCOME_FAILED, 1000);
	bc_count_completed(BC_CB_OPS, BC_OUTCOME_DEFER, 0);
	counts = sum();
	assert_int_equal(counts.submitted[4], 1);
	assert_int_equal(counts.submitted[0], 2); /* of those not known */
	assert_int_equal(counts.completed[4][BC_OUTCOME_REPLY], 1);
	assert_int_equal(counts.completed[BC_CB_OPS - 1][BC_OUTCOME_FAILED], 1);
	assert_int_equal(counts.completed[0][BC_OUTCOME_DEFER], 1);
	/* What was never submitted took no time. */
	assert_int_equal(counts.durations[BC_DURATION_CALLBACK].buckets[0], 2);
	assert_int_equal(counts.durations[BC_DURATION_CALLBACK].sum, 2000);
}

/* The bucket that a duration is in. */
static int bucket_of(uint64_t ns)
{
	struct bc_counts counts;
	int found = -1;

	bc_counts_reset();
	bc_count_verdict(BC_VERDICT_DONE, ns);
	counts = sum();
	assert_int_equal(counts.verdicts[BC_VERDICT_DONE], 1);
	assert_int_equal(counts.durations[BC_DURATION_REPLY].sum, ns);
	for (int i = 0; i < BC_HISTOGRAM_BUCKETS; i++) {
		if (!counts.durations[BC_DURATION_REPLY].buckets[i])
			continue;
		assert_int_equal(found, -1);
		found = i;
	}
	return found;
}

static void test_durations_are_in_their_buckets(void **state)
{
	(void)state;
	assert_int_equal(bucket_of(0), 0);
	assert_int_equal(bucket_of(1), 0);
	for (int i = 0; i < BC_HISTOGRAM_BUCKETS - 1; i++) {
		assert_int_equal(bucket_of(BC_HISTOGRAM_FIRST << i), i);
		assert_int_equal(bucket_of((BC_HISTOGRAM_FIRST << i) + 1),
				 i + 1);
	}
	assert_int_equal(bucket_of(UINT64_MAX), BC_HISTOGRAM_BUCKETS - 1);
}

static void *count_on(void *arg)
{
	for (int i = 0; i < TIMES; i++)
		bc_count(BC_COUNT_SENT);
	return arg;
}

static void test_threads_lose_nothing(void **state)
{
	pthread_t threads[THREADS];
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, count_on, NULL), 0);
	for (int i = 0; i < 100; i++) {
		uint64_t now = sum().of[BC_COUNT_SENT];

		assert_true(now >= before);
		before = now;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(sum().of[BC_COUNT_SENT], THREADS * TIMES);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counters_are_their_own, setup),
		cmocka_unit_test_setup(test_callbacks_are_counted_by_operation,
				       setup),
		cmocka_unit_test_setup(test_durations_are_in_their_buckets,
				       setup),
		cmocka_unit_test_setup(test_threads_lose_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
