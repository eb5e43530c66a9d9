/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locking a mutex of Ganesha's out of order.
 */
#include "ganesha/mutex.h"

#include <sched.h>
#include <stdint.h>
#include <time.h>

#define YIELDS 1000
#define PATIENCE_MS 100

bool bc_mutex_try_read(pthread_rwlock_t *lock)
{
	for (int i = 0; i < YIELDS; i++) {
		if (!pthread_rwlock_tryrdlock(lock))
			return true;
		sched_yield();
	}
	return false;
}

bool bc_mutex_try(pthread_mutex_t *mutex)
{
	for (int i = 0; i < YIELDS; i++) {
		if (!pthread_mutex_trylock(mutex))
			return true;
		sched_yield();
	}
	return false;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

bool bc_mutex_try_long(pthread_mutex_t *mutex)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	int64_t until = now_ms() + PATIENCE_MS;

	while (pthread_mutex_trylock(mutex)) {
		if (now_ms() >= until)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}
