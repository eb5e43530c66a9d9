/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* See heap.h. glibc 2.35 or later, for _dl_find_object(). */
#include "heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static struct heap_counts nowhere;
static struct heap_counts *counts = &nowhere;
static int (*real_lock)(pthread_mutex_t *mutex);

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("SERVER_HEAP");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	if (map != MAP_FAILED)
		counts = map;
	close(fd);
}

static bool from_module(void *caller)
{
	struct dl_find_object found;

	return !_dl_find_object(caller, &found) &&
	       strstr(found.dlfo_link_map->l_name, "fsalbackchannel");
}

static void *count(void *memory, void *caller)
{
	if (!memory)
		return NULL;
	counts->allocations++;
	counts->bytes += (int64_t)malloc_usable_size(memory);
	if (from_module(caller))
		counts->module_allocations++;
	return memory;
}

void *malloc(size_t size)
{
	return count(__libc_malloc(size), __builtin_return_address(0));
}

void *calloc(size_t n, size_t size)
{
	return count(__libc_calloc(n, size), __builtin_return_address(0));
}

void *realloc(void *memory, size_t size)
{
	int64_t before = memory ? (int64_t)malloc_usable_size(memory) : 0;
	void *now = __libc_realloc(memory, size);

	if (now || !size)
		counts->bytes -= before;
	return count(now, __builtin_return_address(0));
}

void *memalign(size_t alignment, size_t size)
{
	return count(__libc_memalign(alignment, size),
		     __builtin_return_address(0));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return count(__libc_memalign(alignment, size),
		     __builtin_return_address(0));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = count(__libc_memalign(alignment, size),
			__builtin_return_address(0));
	return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
	if (memory)
		counts->bytes -= (int64_t)malloc_usable_size(memory);
	__libc_free(memory);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	if (!real_lock)
		real_lock = (int (*)(pthread_mutex_t *))dlsym(
			RTLD_NEXT, "pthread_mutex_lock");
	counts->locks++;
	if (from_module(__builtin_return_address(0)))
		counts->module_locks++;
	return real_lock(mutex);
}

/* With RTLD_DEEPBIND, which Ganesha asks for, a plugin would pass us by. */
void *dlopen(const char *path, int flags)
{
	void *(*real)(const char *, int) =
		(void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");

	return real(path, flags & ~RTLD_DEEPBIND);
}
