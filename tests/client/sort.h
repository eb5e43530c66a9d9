/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* What was measured, in order: the median and the worst are read off then. */
#ifndef NFS41_CLIENT_SORT_H
#define NFS41_CLIENT_SORT_H

#include <stddef.h>
#include <stdint.h>

/** The smallest first; there may be none (then @a values may be NULL). */
void nfs_sort_u64(uint64_t *values, size_t count);
/** The same; none of them is a NaN. */
void nfs_sort_double(double *values, size_t count);

#endif
