/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "sort.h"

#include <stdlib.h>

static int compare_u64(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

static int compare_double(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

void nfs_sort_u64(uint64_t *values, size_t count)
{
	if (count)
		qsort(values, count, sizeof(*values), compare_u64);
}

void nfs_sort_double(double *values, size_t count)
{
	if (count)
		qsort(values, count, sizeof(*values), compare_double);
}
