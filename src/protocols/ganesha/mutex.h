/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's mutexes, where waiting for one could mean waiting for ever.
 */
#ifndef BC_MUTEX_H
#define BC_MUTEX_H

#include <pthread.h>
#include <stdbool.h>

/**
 * Lock a mutex that elsewhere may be taken before what is held here: give up
 * after a while, of a millisecond if nobody else wants the processor.
 *
 * @return whether it is locked
 */
bool bc_mutex_try(pthread_mutex_t *mutex);

/** The same of a lock that is wanted for reading. */
bool bc_mutex_try_read(pthread_rwlock_t *lock);

/**
 * bc_mutex_try() where giving up costs more than waiting, as who has the mutex may
 * have lost its processor: gives up after 100 ms.
 */
bool bc_mutex_try_long(pthread_mutex_t *mutex);

#endif /* BC_MUTEX_H */
