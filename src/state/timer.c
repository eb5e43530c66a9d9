/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Timers and deferred work: the core's two threads.
 *
 * Purpose: what cannot be done where it is noticed (a disconnect, noticed
 *   under the transport's locks; a completion, decided inside a submission)
 *   and what is to be done later.  One thread runs all timers and takes
 *   connections apart; it never blocks for long.  The other completes
 *   callbacks, which may wait for locks of the server.
 * Data: each thread has a wait-free queue of work.  A list of armed timers,
 *   earliest first: a client arms one timer for all its callbacks, and only
 *   when something is due earlier than armed, so the list's lock is not taken
 *   on the way of a callback.
 * Locking: timers_lock guards the list; it is a leaf.  A semaphore wakes a
 *   thread and may be posted under any lock.
 * Lifetime: work and timers are embedded in objects whose owners keep them
 *   until they have run.
 * Invariant: the list is sorted; a timer is in it if and only if it is armed.
 */
#include "bc_internal.h"

#include <time.h>

static struct bc_worker timers_worker;
static struct bc_worker completions_worker;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(timers_armed); /* [T] */

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
	struct cds_list_head *pos;
	bool was_armed;

	pthread_mutex_lock(&timers_lock);
	was_armed = timer->armed;
	if (was_armed && timer->when <= when) {
		pthread_mutex_unlock(&timers_lock);
		return false;
	}
	if (was_armed)
		cds_list_del(&timer->link);
	timer->armed = true;
	timer->when = when;
	/* Most are armed for the same timeout from now: the end is near. */
	for (pos = timers_armed.prev; pos != &timers_armed; pos = pos->prev)
		if (cds_list_entry(pos, struct bc_timer, link)->when <= when)
			break;
	cds_list_add(&timer->link, pos);
	if (timers_armed.next == &timer->link)
		sem_post(&timers_worker.wake);
	pthread_mutex_unlock(&timers_lock);
	return !was_armed;
}

/* Run what is due until @now. @return when the next timer is, or UINT64_MAX */
static uint64_t run_timers(uint64_t now)
{
	for (;;) {
		struct bc_timer *timer;
		uint64_t when = UINT64_MAX;

		pthread_mutex_lock(&timers_lock);
		timer = cds_list_empty(&timers_armed) ?
				NULL :
				cds_list_first_entry(&timers_armed,
						     struct bc_timer, link);
		if (timer)
			when = timer->when;
		if (!timer || when > now) {
			pthread_mutex_unlock(&timers_lock);
			return when;
		}
		cds_list_del(&timer->link);
		timer->armed = false;
		pthread_mutex_unlock(&timers_lock);
		timer->run(timer);
	}
}

static void *timers_main(void *arg)
{
	for (;;) {
		bool stop = bc_worker_stops(&timers_worker);
		uint64_t when;

		bc_worker_run(&timers_worker);
		if (stop) {
			/* An armed timer's owner waits for it. */
			run_timers(UINT64_MAX);
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

int bc_timers_start(void)
{
	int rc = bc_worker_start(&completions_worker, completions_main,
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
