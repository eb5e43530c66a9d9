/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "slow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef SERVER_PRELOAD /* the sanitizers come first */
#define PRELOAD "LD_PRELOAD=" SERVER_PRELOAD ":" SLOWCALLS
#else
#define PRELOAD "LD_PRELOAD=" SLOWCALLS
#endif

int slow_open(struct slow *slow)
{
	void *map = MAP_FAILED;
	int fd, error = 0;

	snprintf(slow->path, sizeof(slow->path), "/tmp/server-slow-XXXXXX");
	fd = mkstemp(slow->path);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, sizeof(*slow->calls)))
		map = mmap(NULL, sizeof(*slow->calls), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		error = -errno;
		unlink(slow->path);
	}
	close(fd);
	slow->calls = map;
	snprintf(slow->variable, sizeof(slow->variable), "SERVER_SLOW=%s",
		 slow->path);
	slow->env[0] = PRELOAD;
	slow->env[1] = slow->variable;
	slow->env[2] = NULL;
	return error;
}

bool slow_wait(const _Atomic uint32_t *count, uint32_t before, int timeout_ms)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	while (*count == before && timeout_ms-- > 0)
		nanosleep(&ms, NULL);
	return *count != before;
}

void slow_close(struct slow *slow)
{
	munmap(slow->calls, sizeof(*slow->calls));
	unlink(slow->path);
}
