/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* A mutex is tried while another thread has it. */
#include "unit.h"

#include "ganesha/mutex.h"

#include <semaphore.h>
#include <time.h>

#define BUSY_MS 10 /* its owner has lost the processor */

struct owner {
	pthread_mutex_t mutex;
	pthread_rwlock_t lock;
	sem_t has, gives_back; /* posted by the owner, by the test */
	unsigned int ms; /* that it keeps both then */
	pthread_t thread;
};

static void *own(void *arg)
{
	struct owner *owner = arg;
	struct timespec pause = { .tv_nsec = owner->ms * 1000000L };

	pthread_mutex_lock(&owner->mutex);
	pthread_rwlock_wrlock(&owner->lock);
	sem_post(&owner->has);
	sem_wait(&owner->gives_back);
	nanosleep(&pause, NULL);
	pthread_rwlock_unlock(&owner->lock);
	pthread_mutex_unlock(&owner->mutex);
	return NULL;
}

static void start(struct owner *owner, unsigned int ms)
{
	pthread_mutex_init(&owner->mutex, NULL);
	pthread_rwlock_init(&owner->lock, NULL);
	sem_init(&owner->has, 0, 0);
	sem_init(&owner->gives_back, 0, 0);
	owner->ms = ms;
	assert_int_equal(pthread_create(&owner->thread, NULL, own, owner), 0);
	sem_wait(&owner->has);
}

static void destroy(struct owner *owner)
{
	sem_destroy(&owner->gives_back);
	sem_destroy(&owner->has);
	pthread_rwlock_destroy(&owner->lock);
	pthread_mutex_destroy(&owner->mutex);
}

static void end(struct owner *owner)
{
	pthread_join(owner->thread, NULL);
	destroy(owner);
}

static void test_owner_that_is_slow_is_waited_for(void **state)
{
	static struct owner owner;

	(void)state;
	start(&owner, BUSY_MS);
	sem_post(&owner.gives_back);
	assert_true(bc_mutex_try_long(&owner.mutex));
	pthread_mutex_unlock(&owner.mutex);
	end(&owner);
}

static void test_owner_that_waits_for_us_is_not_waited_for(void **state)
{
	static struct owner owner;

	(void)state;
	start(&owner, 0);
	assert_false(bc_mutex_try(&owner.mutex));
	assert_false(bc_mutex_try_read(&owner.lock));
	assert_false(bc_mutex_try_long(&owner.mutex));
	sem_post(&owner.gives_back);
	end(&owner);
}

static void test_free_ones_are_locked(void **state)
{
	static struct owner owner;

	(void)state;
	start(&owner, 0);
	sem_post(&owner.gives_back);
	pthread_join(owner.thread, NULL);
	assert_true(bc_mutex_try(&owner.mutex));
	assert_true(bc_mutex_try_read(&owner.lock));
	pthread_rwlock_unlock(&owner.lock);
	pthread_mutex_unlock(&owner.mutex);
	destroy(&owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_ones_are_locked),
		cmocka_unit_test(test_owner_that_is_slow_is_waited_for),
		cmocka_unit_test(
			test_owner_that_waits_for_us_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
