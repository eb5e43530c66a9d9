/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locking a mutex of Ganesha's out of order.
 */
#include "ganesha/mutex.h"

#include <sched.h>

bool bc_mutex_try_read(pthread_rwlock_t *lock)
{
	for (int i = 0; i < 1000; i++) {
		if (!pthread_rwlock_tryrdlock(lock))
			return true;
		sched_yield();
	}
	return false;
}

bool bc_mutex_try(pthread_mutex_t *mutex)
{
	for (int i = 0; i < 1000; i++) {
		if (!pthread_mutex_trylock(mutex))
			return true;
		sched_yield();
	}
	return false;
}
