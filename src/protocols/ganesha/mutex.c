/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locking a mutex of Ganesha's out of order.
 */
#include "ganesha/mutex.h"

#include <sched.h>
#include <time.h>

#define YIELDS 100
#define NAPS 100 /* of a millisecond: on a busy machine its owner gets a turn */

/* Let its owner go on. @return whether to try again */
static bool wait_again(int tries)
{
	const struct timespec nap = { .tv_nsec = 1000000 };

	if (tries < YIELDS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
	return tries < YIELDS + NAPS;
}

bool bc_mutex_try_read(pthread_rwlock_t *lock)
{
	for (int tries = 0; pthread_rwlock_tryrdlock(lock); tries++)
		if (!wait_again(tries))
			return false;
	return true;
}

bool bc_mutex_try(pthread_mutex_t *mutex)
{
	for (int tries = 0; pthread_mutex_trylock(mutex); tries++)
		if (!wait_again(tries))
			return false;
	return true;
}
