/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int heap_open(struct heap *heap)
{
	void *map = MAP_FAILED;
	int fd, error = 0;

	snprintf(heap->path, sizeof(heap->path), "/tmp/server-heap-XXXXXX");
	fd = mkstemp(heap->path);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, sizeof(*heap->counts)))
		map = mmap(NULL, sizeof(*heap->counts), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		error = -errno;
		unlink(heap->path);
	}
	close(fd);
	heap->counts = map;
	snprintf(heap->variable, sizeof(heap->variable), "SERVER_HEAP=%s",
		 heap->path);
	heap->env[0] = HEAP_COUNTS ? "LD_PRELOAD=" HEAPCOUNT : NULL;
	heap->env[1] = heap->variable;
	heap->env[2] = NULL;
	return error;
}

void heap_close(struct heap *heap)
{
	munmap((void *)heap->counts, sizeof(*heap->counts));
	unlink(heap->path);
}

long heap_allocated_kib(const struct heap *heap)
{
	return (long)(heap->counts->bytes / 1024);
}
