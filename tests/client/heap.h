/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a server has allocated and locked, exactly: counted by libheapcount.so,
 * which is preloaded into it, in a file that SERVER_HEAP names and that both
 * sides map.  The server is slower for it.
 */
#ifndef NFS41_CLIENT_HEAP_H
#define NFS41_CLIENT_HEAP_H

#include <stdint.h>

struct heap_counts {
	_Atomic uint64_t allocations;
	_Atomic int64_t bytes; /* allocated and not freed */
	_Atomic uint64_t locks; /* pthread_mutex_lock() */
	/* Called by the module's own code: */
	_Atomic uint64_t module_allocations;
	_Atomic uint64_t module_locks;
};

/* With AddressSanitizer, which has an allocator of its own and comes first itself,
 * nothing is counted: its leak check tells at the end.
 */
#ifdef __SANITIZE_ADDRESS__
#define HEAP_COUNTS 0
#else
#define HEAP_COUNTS 1
#endif

/** The counts of one server. */
struct heap {
	const struct heap_counts *counts;
	const char *env[3]; /* for its server_params */
	char path[64], variable[80];
};

/**
 * Make the counts; @a heap stays where it is until heap_close().
 * @return 0; -errno
 */
int heap_open(struct heap *heap);
void heap_close(struct heap *heap);

/** What is allocated now, KiB. */
long heap_allocated_kib(const struct heap *heap);

#endif
