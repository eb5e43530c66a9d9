/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Timers and deferred work: the core's two threads.
 *
 * Purpose: what cannot be done where it is noticed (a disconnect, noticed
 *   under the transport's locks; a completion, decided inside a submission)
 *   and what is to be done later.  One thread runs all timers and takes
 *   connections apart; it never blocks for long.  The other completes
 *   callbacks, which may wait for locks of the server.
 * Data: each thread has a wait-free queue of work.  A wheel of armed timers: a
 *   client arms one timer for all its callbacks, and only when something is due
 *   earlier than armed.  The first callback of a client that was idle does that
 *   under its client's lock; those that follow within a quarter of a second find
 *   it armed.
 * Locking: timers_lock guards the wheel; it is a leaf, all clients share it, and
 *   nobody holds it for longer than a bounded number of steps, however many timers
 *   are armed.  A semaphore wakes a thread and may be posted under any lock.
 * Lifetime: work and timers are embedded in objects whose owners keep them
 *   until they have run.
 * Invariants: a timer is in the wheel if and only if it is armed; its thread
 *   sleeps no longer than until the first is due.
 */
#include "bc_internal.h"

#include <time.h>

static struct bc_worker timers_worker;
static struct bc_worker completions_worker;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct bc_wheel timers_wheel; /* [T] */
static uint64_t
	timers_sleep; /* [T] ms: its thread sleeps until then, or less */
static bool timers_ready; /* [T] the wheel is initialised */

uint64_t bc_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t bc_now(void)
{
	return bc_now_ns() / 1000000u;
}

void bc_timers_queue(struct bc_work *work)
{
	bc_worker_queue(&timers_worker, work);
}

void bc_completion_queue(struct bc_work *work)
{
	bc_worker_queue(&completions_worker, work);
}

bool bc_timer_arm(struct bc_timer *timer, uint64_t when)
{
	bool was_armed;

	assert(when < UINT64_MAX);
	pthread_mutex_lock(&timers_lock);
	was_armed = timer->armed;
	if (was_armed && timer->when <= when) {
		pthread_mutex_unlock(&timers_lock);
		return false;
	}
	if (was_armed)
		bc_wheel_remove(timer);
	timer->armed = true;
	timer->when = when;
	bc_wheel_add(&timers_wheel, timer);
	if (when < timers_sleep) {
		timers_sleep = when;
		sem_post(&timers_worker.wake);
	}
	pthread_mutex_unlock(&timers_lock);
	return !was_armed;
}

/* Run what is due until @now. @return when the next timer is, or UINT64_MAX */
static uint64_t run_timers(uint64_t now)
{
	struct bc_timer *timer;
	uint64_t when;

	do {
		pthread_mutex_lock(&timers_lock);
		when = bc_wheel_turn(&timers_wheel, now, &timer);
		timers_sleep = when > now ? when : 0;
		if (timer)
			timer->armed = false;
		pthread_mutex_unlock(&timers_lock);
		if (timer)
			timer->run(timer);
	} while (when <= now);
	return when;
}

/* An armed timer's owner waits for it.  The empty wheel then turns back. */
static void run_all_timers(void)
{
	do
		run_timers(UINT64_MAX - 1);
	while (run_timers(0) != UINT64_MAX);
}

static void *timers_main(void *arg)
{
	for (;;) {
		bool stop = bc_worker_stops(&timers_worker);
		uint64_t when;

		bc_worker_run(&timers_worker);
		if (stop) {
			run_all_timers();
			bc_worker_run(&timers_worker);
			return arg;
		}
		when = run_timers(bc_now());
		if (when == UINT64_MAX) {
			sem_wait(&timers_worker.wake);
		} else {
			struct timespec ts = {
				.tv_sec = (time_t)(when / 1000),
				.tv_nsec = (long)(when % 1000) * 1000000,
			};

			sem_clockwait(&timers_worker.wake, CLOCK_MONOTONIC,
				      &ts);
		}
	}
}

static void *completions_main(void *arg)
{
	bool stop;

	do {
		stop = bc_worker_stops(&completions_worker);
		bc_worker_run(&completions_worker);
		if (!stop)
			sem_wait(&completions_worker.wake);
	} while (!stop);
	return arg;
}

/* What was armed when the core stopped the last time stays so. */
static void wheel_start(void)
{
	pthread_mutex_lock(&timers_lock);
	if (!timers_ready)
		bc_wheel_init(&timers_wheel);
	timers_ready = true;
	pthread_mutex_unlock(&timers_lock);
}

int bc_timers_start(void)
{
	int rc;

	wheel_start();
	rc = bc_worker_start(&completions_worker, completions_main,
			     "bc_complete");
	if (rc)
		return rc;
	rc = bc_worker_start(&timers_worker, timers_main, "bc_timer");
	if (rc)
		bc_worker_stop(&completions_worker);
	return rc;
}

void bc_timers_stop(void)
{
	bc_worker_stop(&timers_worker); /* which may queue completions */
	bc_worker_stop(&completions_worker);
}
