/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Lines of the log that a peer can cause at will.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "trace.h"

#define NOW 1000000

static void test_log_first_line_is_due(void **state)
{
	struct bc_log_limit limit = { 0 };
	uint32_t omitted = 17;

	(void)state;
	assert_true(bc_log_due(&limit, 1, NOW, &omitted));
	assert_int_equal(omitted, 0);
}

static void test_log_within_interval_is_counted(void **state)
{
	struct bc_log_limit limit = { 0 };
	uint32_t omitted;

	(void)state;
	assert_true(bc_log_due(&limit, 1, NOW, &omitted));
	for (unsigned int i = 0; i < 1000; i++)
		assert_false(bc_log_due(&limit, 1, NOW + i, &omitted));
	assert_false(
		bc_log_due(&limit, 1, NOW + BC_LOG_INTERVAL - 1, &omitted));
	assert_true(bc_log_due(&limit, 1, NOW + BC_LOG_INTERVAL, &omitted));
	assert_int_equal(omitted, 1001);
	/* Those are told of; the next interval has begun. */
	assert_false(
		bc_log_due(&limit, 1, NOW + BC_LOG_INTERVAL + 1, &omitted));
	assert_true(bc_log_due(&limit, 1, NOW + 3 * BC_LOG_INTERVAL, &omitted));
	assert_int_equal(omitted, 1);
}

static void test_log_burst_is_due(void **state)
{
	struct bc_log_limit limit = { 0 };
	uint32_t omitted;

	(void)state;
	for (unsigned int i = 0; i < 7; i++)
		assert_int_equal(bc_log_due(&limit, 5, NOW, &omitted), i < 5);
	assert_int_equal(omitted, 2); /* so far */
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(
			bc_log_due(&limit, 5, NOW + BC_LOG_INTERVAL, &omitted));
		assert_int_equal(omitted, i ? 0 : 2);
	}
	assert_false(bc_log_due(&limit, 5, NOW + BC_LOG_INTERVAL, &omitted));
}

static char lines[64][256];
static unsigned int num_lines;
static bool by_completions; /* all lines, by that thread */
static unsigned int num_traces; /* lines of BC_LOG_TRACE */
static bool slow_log; /* [A] they wait for next_trace */
static sem_t next_trace;

static bool is_tracing(void)
{
	return true;
}

static void keep_line(enum bc_log_level level, const char *line)
{
	char name[16];

	assert_true(level <= BC_LOG_TRACE);
	if (level == BC_LOG_TRACE)
		num_traces++;
	if (level == BC_LOG_TRACE && uatomic_read(&slow_log))
		sem_wait(&next_trace);
	if (num_lines == 64)
		num_lines--; /* the last one is kept */
	strcpy(lines[num_lines++], line);
	assert_int_equal(pthread_getname_np(pthread_self(), name, sizeof(name)),
			 0);
	by_completions = by_completions && !strcmp(name, "bc_complete");
}

static int start(void **state)
{
	static const struct bc_ops ops = { .log = keep_line,
					   .tracing = is_tracing };

	(void)state;
	memset(&bc_core, 0, sizeof(bc_core));
	bc_core.ops = &ops;
	num_lines = num_traces = 0;
	by_completions = true;
	return bc_timers_start();
}

/* As bc_core_fini() does. */
static int stop(void **state)
{
	(void)state;
	uatomic_set(&bc_core.stopping, true);
	bc_timers_stop();
	return 0;
}

/* Kinds do not share a limit. */
static void test_log_limited_says_how_many_were_omitted(void **state)
{
	struct bc_log_limit *limit = &bc_core.limits[BC_LIMITED_PRINCIPAL];

	(void)state;
	for (int i = 0; i < 3; i++) {
		bc_log_limited(BC_LIMITED_PRINCIPAL, BC_LOG_WARN, "a %d", i);
		bc_log_limited(BC_LIMITED_PROBE, BC_LOG_WARN, "b %d", i);
	}
	bc_worker_flush(bc_completion_queue);
	assert_int_equal(num_lines, 2);
	assert_string_equal(lines[0], "a 0");
	assert_string_equal(lines[1], "b 0");

	uatomic_set(&limit->next, bc_now());
	bc_log_limited(BC_LIMITED_PRINCIPAL, BC_LOG_WARN, "line");
	bc_worker_flush(bc_completion_queue);
	assert_string_equal(lines[2], "line (2 more since the last such line)");
	assert_true(by_completions);
}

/* Whatever a peer does a thousand times, a few lines tell it, and how often. */
static void test_log_of_every_kind_is_bounded_and_counted(void **state)
{
	unsigned int count;

	for (int kind = 0; kind < BC_LIMITED_KINDS; kind++) {
		start(state);
		for (int i = 0; i < 1000; i++)
			bc_log_limited((enum bc_limited)kind, BC_LOG_WARN, "x");
		stop(state);
		assert_in_range(num_lines, 2, 21);
		assert_int_equal(
			sscanf(lines[num_lines - 1], "%u more lines", &count),
			1);
		assert_int_equal(count + num_lines - 1, 1000);
		assert_true(by_completions);
	}
}

/* However slow the log is, and whatever happens meanwhile. */
static void test_log_traces_that_wait_are_bounded_and_counted(void **state)
{
	const unsigned int many = BC_TRACES_MAX + 100;
	unsigned int written;

	(void)state;
	sem_init(&next_trace, 0, 0);
	uatomic_set(&slow_log, true);
	for (unsigned int i = 0; i < many; i++)
		BC_TRACE_CLIENT(7, "step %u", i);
	uatomic_set(&slow_log, false);
	sem_post(&next_trace);
	bc_worker_flush(bc_completion_queue);
	assert_int_equal(num_traces, BC_TRACES_MAX);
	assert_string_equal(lines[0], "client 0x7: step 0");
	BC_TRACE_CLIENT(7, "last");
	bc_worker_flush(bc_completion_queue);
	written = num_lines - 1;
	assert_string_equal(lines[written],
			    "(100 lines left out) client 0x7: last");
	BC_TRACE_CLIENT(7, "after");
	bc_worker_flush(bc_completion_queue);
	assert_string_equal(lines[written], "client 0x7: after");
	sem_destroy(&next_trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_first_line_is_due),
		cmocka_unit_test(test_log_within_interval_is_counted),
		cmocka_unit_test(test_log_burst_is_due),
		cmocka_unit_test_setup_teardown(
			test_log_limited_says_how_many_were_omitted, start,
			stop),
		cmocka_unit_test(test_log_of_every_kind_is_bounded_and_counted),
		cmocka_unit_test_setup_teardown(
			test_log_traces_that_wait_are_bounded_and_counted,
			start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
