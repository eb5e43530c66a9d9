/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Timers and deferred work: the core's one thread.
 *
 * Purpose: what cannot be done where it is noticed (a disconnect, noticed
 *   under the transport's locks; a completion, decided inside a submission)
 *   and what is to be done later.
 * Data: a wait-free queue of work, drained by the thread; a list of armed
 *   timers, earliest first.  A client arms one timer for all its callbacks,
 *   and only when something is due earlier than armed, so the list's lock is
 *   not taken on the way of a callback.
 * Locking: timers.lock guards the list; it is a leaf.  The semaphore wakes the
 *   thread and may be posted under any lock.
 * Lifetime: work and timers are embedded in objects whose owners keep them
 *   until they have run.
 * Invariant: the list is sorted; a timer is in it if and only if it is armed.
 */
#include "bc_internal.h"

#include <semaphore.h>
#include <time.h>

static struct {
	pthread_t thread;
	sem_t wake;
	bool stop; /* [A] */
	struct cds_wfcq_head head; /* of work; the thread's own end */
	struct cds_wfcq_tail tail;
	pthread_mutex_t lock;
	struct cds_list_head armed; /* [T] */
} timers;

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

void bc_work_queue(struct bc_work *work)
{
	cds_wfcq_node_init(&work->node);
	cds_wfcq_enqueue(&timers.head, &timers.tail, &work->node);
	sem_post(&timers.wake);
}

bool bc_timer_arm(struct bc_timer *timer, uint64_t when)
{
	struct cds_list_head *pos;
	bool was_armed;

	pthread_mutex_lock(&timers.lock);
	was_armed = timer->armed;
	if (was_armed && timer->when <= when) {
		pthread_mutex_unlock(&timers.lock);
		return false;
	}
	if (was_armed)
		cds_list_del(&timer->link);
	timer->armed = true;
	timer->when = when;
	/* Most are armed for the same timeout from now: the end is near. */
	for (pos = timers.armed.prev; pos != &timers.armed; pos = pos->prev)
		if (cds_list_entry(pos, struct bc_timer, link)->when <= when)
			break;
	cds_list_add(&timer->link, pos);
	if (timers.armed.next == &timer->link)
		sem_post(&timers.wake);
	pthread_mutex_unlock(&timers.lock);
	return !was_armed;
}

static void run_work(void)
{
	struct cds_wfcq_node *node;

	while ((node = __cds_wfcq_dequeue_blocking(&timers.head,
						   &timers.tail)) != NULL) {
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

		pthread_mutex_lock(&timers.lock);
		timer = cds_list_empty(&timers.armed) ?
				NULL :
				cds_list_first_entry(&timers.armed,
						     struct bc_timer, link);
		if (timer)
			when = timer->when;
		if (!timer || when > now) {
			pthread_mutex_unlock(&timers.lock);
			return when;
		}
		cds_list_del(&timer->link);
		timer->armed = false;
		pthread_mutex_unlock(&timers.lock);
		timer->run(timer);
	}
}

static void *timers_main(void *arg)
{
	(void)arg;
	for (;;) {
		/* Read before the last look at the queue: work that was
		 * queued before the stop is run.
		 */
		bool stop = uatomic_read(&timers.stop);
		uint64_t when;

		cmm_smp_rmb(); /* pairs with cmm_smp_wmb() in bc_timers_stop() */
		run_work();
		if (stop) {
			/* An armed timer's owner waits for it. */
			run_timers(UINT64_MAX);
			run_work();
			return NULL;
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

int bc_timers_start(void)
{
	int rc;

	timers.stop = false;
	cds_wfcq_init(&timers.head, &timers.tail);
	CDS_INIT_LIST_HEAD(&timers.armed);
	pthread_mutex_init(&timers.lock, NULL);
	sem_init(&timers.wake, 0, 0);
	rc = pthread_create(&timers.thread, NULL, timers_main, NULL);
	if (rc) {
		sem_destroy(&timers.wake);
		pthread_mutex_destroy(&timers.lock);
		return -rc;
	}
	pthread_setname_np(timers.thread, "backchannel");
	return 0;
}

void bc_timers_stop(void)
{
	cmm_smp_wmb(); /* pairs with cmm_smp_rmb() in timers_main() */
	uatomic_set(&timers.stop, true);
	sem_post(&timers.wake);
	pthread_join(timers.thread, NULL);
	sem_destroy(&timers.wake);
	pthread_mutex_destroy(&timers.lock);
	cds_wfcq_destroy(&timers.head, &timers.tail);
}
