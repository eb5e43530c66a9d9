/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a server has allocated and locked: counted by libheapcount.so, which is
 * preloaded into it, in a file that BENCH_HEAP names and that both sides map.
 */
#ifndef BENCH_HEAP_H
#define BENCH_HEAP_H

#include <stdint.h>

struct heap_counts {
	_Atomic uint64_t allocations;
	_Atomic int64_t bytes; /* allocated and not freed */
	_Atomic uint64_t locks; /* pthread_mutex_lock() */
	/* Called by the module's own code: */
	_Atomic uint64_t module_allocations;
	_Atomic uint64_t module_locks;
};

#endif
