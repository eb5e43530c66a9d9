/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A check that holds on any thread and in every build.
 *
 * cmocka's assertions leave a test by longjmp(), which only the test's own
 * thread may do, and assert() is gone from release builds.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, \
				__LINE__, __func__, #condition);               \
			abort();                                               \
		}                                                              \
	} while (0)

#endif /* CHECK_H */
