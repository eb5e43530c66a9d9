/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Lines of the log that a peer can cause at will.
 */
#include "unit.h"

#include <string.h>

#include "bc_internal.h"

#define NOW 1000000

static void test_log_first_line_is_due(void **state)
{
	struct bc_log_limit limit = { 0 };
	uint32_t omitted = 17;

	(void)state;
	assert_true(bc_log_due(&limit, NOW, &omitted));
	assert_int_equal(omitted, 0);
}

static void test_log_within_interval_is_counted(void **state)
{
	struct bc_log_limit limit = { 0 };
	uint32_t omitted;

	(void)state;
	assert_true(bc_log_due(&limit, NOW, &omitted));
	for (unsigned int i = 0; i < 1000; i++)
		assert_false(bc_log_due(&limit, NOW + i, &omitted));
	assert_false(bc_log_due(&limit, NOW + BC_LOG_INTERVAL - 1, &omitted));
	assert_true(bc_log_due(&limit, NOW + BC_LOG_INTERVAL, &omitted));
	assert_int_equal(omitted, 1001);
	/* Those are told of; the next interval has begun. */
	assert_false(bc_log_due(&limit, NOW + BC_LOG_INTERVAL + 1, &omitted));
	assert_true(bc_log_due(&limit, NOW + 3 * BC_LOG_INTERVAL, &omitted));
	assert_int_equal(omitted, 1);
}

static char lines[BC_LIMITED_KINDS][256];
static unsigned int num_lines;

static void keep_line(enum bc_log_level level, const char *line)
{
	assert_int_equal(level, BC_LOG_WARN);
	assert_true(num_lines < BC_LIMITED_KINDS);
	strcpy(lines[num_lines++], line);
}

/* Kinds do not share a limit. */
static void test_log_limited_says_how_many_were_omitted(void **state)
{
	static const struct bc_ops ops = { .log = keep_line };
	struct bc_log_limit *limit;

	(void)state;
	memset(&bc_core, 0, sizeof(bc_core));
	bc_core.ops = &ops;
	for (int i = 0; i < 3; i++)
		for (int kind = 0; kind < BC_LIMITED_KINDS; kind++)
			bc_log_limited((enum bc_limited)kind, BC_LOG_WARN,
				       "line %d of %d", i, kind);
	assert_int_equal(num_lines, BC_LIMITED_KINDS);
	assert_string_equal(lines[0], "line 0 of 0");

	num_lines = 0;
	limit = &bc_core.limits[BC_LIMITED_PRINCIPAL];
	limit->next = bc_now();
	bc_log_limited(BC_LIMITED_PRINCIPAL, BC_LOG_WARN, "line");
	assert_string_equal(lines[0], "line (2 more since the last such line)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_first_line_is_due),
		cmocka_unit_test(test_log_within_interval_is_counted),
		cmocka_unit_test(test_log_limited_says_how_many_were_omitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
