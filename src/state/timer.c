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

#include <semaphore.h>
#include <time.h>

struct worker {
	pthread_t thread;
	sem_t wake;
	bool stop; /* [A] */
	struct cds_wfcq_head head; /* of work; the thread's own end */
	struct cds_wfcq_tail tail;
};

static struct worker timers;
static struct worker completions;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(armed); /* [T] */

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

static void queue(struct worker *worker, struct bc_work *work)
{
	cds_wfcq_node_init(&work->node);
	cds_wfcq_enqueue(&worker->head, &worker->tail, &work->node);
	sem_post(&worker->wake);
}

void bc_work_queue(struct bc_work *work)
{
	queue(&timers, work);
}

void bc_completion_queue(struct bc_work *work)
{
	queue(&completions, work);
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
	for (pos = armed.prev; pos != &armed; pos = pos->prev)
		if (cds_list_entry(pos, struct bc_timer, link)->when <= when)
			break;
	cds_list_add(&timer->link, pos);
	if (armed.next == &timer->link)
		sem_post(&timers.wake);
	pthread_mutex_unlock(&timers_lock);
	return !was_armed;
}

static void run_work(struct worker *worker)
{
	struct cds_wfcq_node *node;

	while ((node = __cds_wfcq_dequeue_blocking(&worker->head,
						   &worker->tail)) != NULL) {
		struct bc_work *work =
			caa_container_of(node, struct bc_work, node);

		work->run(work);
	}
}

/* Run what is due until @now. @return when the next timer is, or UINT64_MAX */
static uint64_t run_timers(uint64_t now)
{
	for (;;) {
		struct bc_timer *timer;
		uint64_t when = UINT64_MAX;

		pthread_mutex_lock(&timers_lock);
		timer = cds_list_empty(&armed) ?
				NULL :
				cds_list_first_entry(&armed, struct bc_timer,
						     link);
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
		/* Read before the last look at the queue: work that was
		 * queued before the stop is run.
		 */
		bool stop = uatomic_read(&timers.stop);
		uint64_t when;

		cmm_smp_rmb(); /* pairs with cmm_smp_wmb() in worker_stop() */
		run_work(&timers);
		if (stop) {
			/* An armed timer's owner waits for it. */
			run_timers(UINT64_MAX);
			run_work(&timers);
			return arg;
		}
		when = run_timers(bc_now());
		if (when == UINT64_MAX) {
			sem_wait(&timers.wake);
		} else {
			struct timespec ts = {
				.tv_sec = (time_t)(when / 1000),
				.tv_nsec = (long)(when % 1000) * 1000000,
			};

			sem_clockwait(&timers.wake, CLOCK_MONOTONIC, &ts);
		}
	}
}

static void *completions_main(void *arg)
{
	bool stop;

	do {
		stop = uatomic_read(&completions.stop);
		cmm_smp_rmb(); /* pairs with cmm_smp_wmb() in worker_stop() */
		run_work(&completions);
		if (!stop)
			sem_wait(&completions.wake);
	} while (!stop);
	return arg;
}

static int worker_start(struct worker *worker, void *(*run)(void *),
			const char *name)
{
	int rc;

	worker->stop = false;
	cds_wfcq_init(&worker->head, &worker->tail);
	sem_init(&worker->wake, 0, 0);
	rc = pthread_create(&worker->thread, NULL, run, NULL);
	if (rc) {
		sem_destroy(&worker->wake);
		return -rc;
	}
	pthread_setname_np(worker->thread, name);
	return 0;
}

static void worker_stop(struct worker *worker)
{
	cmm_smp_wmb(); /* pairs with cmm_smp_rmb() in the thread */
	uatomic_set(&worker->stop, true);
	sem_post(&worker->wake);
	pthread_join(worker->thread, NULL);
	sem_destroy(&worker->wake);
	cds_wfcq_destroy(&worker->head, &worker->tail);
}

int bc_timers_start(void)
{
	int rc = worker_start(&completions, completions_main, "bc_complete");

	if (rc)
		return rc;
	rc = worker_start(&timers, timers_main, "bc_timer");
	if (rc)
		worker_stop(&completions);
	return rc;
}

void bc_timers_stop(void)
{
	worker_stop(&timers); /* which may queue completions */
	worker_stop(&completions);
}
