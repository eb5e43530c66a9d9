/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's threads, its clock and its grace periods, taken step by step.
 *
 * Locking: none, but for the queues, which are wait-free.
 */
#include "steps.h"

#include <semaphore.h>

#include "bc_internal.h"
#include "check.h"

static struct {
	struct cds_wfcq_head head;
	struct cds_wfcq_tail tail;
} work, completions;

static CDS_LIST_HEAD(armed); /* timers, earliest first */
static uint64_t clock_ns;

static struct rcu_head *dead; /* what waits for a grace period */

static pthread_t completer;
static sem_t wake; /* the completer */
static bool stopping; /* [A] */

/* The clock ---------------------------------------------------------------- */

/* No two moments are the same. */
uint64_t bc_now_ns(void)
{
	return ++clock_ns;
}

uint64_t bc_now(void)
{
	return clock_ns / 1000000u;
}

bool bc_timer_arm(struct bc_timer *timer, uint64_t when)
{
	bool was_armed = timer->armed;
	struct cds_list_head *pos;

	if (was_armed && timer->when <= when)
		return false;
	if (was_armed)
		cds_list_del(&timer->link);
	timer->armed = true;
	timer->when = when;
	for (pos = armed.prev; pos != &armed; pos = pos->prev)
		if (cds_list_entry(pos, struct bc_timer, link)->when <= when)
			break;
	cds_list_add(&timer->link, pos);
	return !was_armed;
}

static void run_timers(uint64_t until)
{
	while (!cds_list_empty(&armed)) {
		struct bc_timer *timer =
			cds_list_first_entry(&armed, struct bc_timer, link);

		if (timer->when > until)
			return;
		if (timer->when > bc_now())
			clock_ns = timer->when * 1000000u;
		cds_list_del(&timer->link);
		timer->armed = false;
		timer->run(timer);
	}
}

void steps_pass(uint64_t ms)
{
	uint64_t until = bc_now() + ms;

	run_timers(until);
	clock_ns = until * 1000000u;
}

/* Work --------------------------------------------------------------------- */

static void run_queue(struct cds_wfcq_head *head, struct cds_wfcq_tail *tail)
{
	struct cds_wfcq_node *node;

	while ((node = __cds_wfcq_dequeue_blocking(head, tail)) != NULL) {
		struct bc_work *item =
			caa_container_of(node, struct bc_work, node);

		item->run(item);
	}
}

void bc_timers_queue(struct bc_work *item)
{
	cds_wfcq_node_init(&item->node);
	cds_wfcq_enqueue(&work.head, &work.tail, &item->node);
}

void bc_completion_queue(struct bc_work *item)
{
	cds_wfcq_node_init(&item->node);
	cds_wfcq_enqueue(&completions.head, &completions.tail, &item->node);
	sem_post(&wake);
}

void steps_work(void)
{
	run_queue(&work.head, &work.tail);
}

void steps_completions(void)
{
	run_queue(&completions.head, &completions.tail);
}

/* Grace periods ------------------------------------------------------------ */

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	head->next.next = dead ? &dead->next : NULL;
	dead = head;
}

void steps_grace_period(void)
{
	while (dead) {
		struct rcu_head *head = dead;

		dead = head->next.next ?
			       caa_container_of(head->next.next,
						struct rcu_head, next) :
			       NULL;
		head->func(head);
	}
}

void rcu_barrier(void)
{
	steps_grace_period();
}

/* Beginning and end -------------------------------------------------------- */

int bc_timers_start(void)
{
	cds_wfcq_init(&work.head, &work.tail);
	cds_wfcq_init(&completions.head, &completions.tail);
	sem_init(&wake, 0, 0);
	clock_ns = 1000000u;
	return 0;
}

static void *completer_main(void *arg)
{
	while (!uatomic_read(&stopping)) {
		steps_completions();
		sem_wait(&wake);
	}
	return arg;
}

void steps_release(void)
{
	uatomic_set(&stopping, false);
	CHECK(!pthread_create(&completer, NULL, completer_main, NULL));
}

void bc_timers_stop(void)
{
	uatomic_set(&stopping, true);
	sem_post(&wake);
	pthread_join(completer, NULL);
	/* As the thread does: queued work, every armed timer, its work. */
	steps_work();
	run_timers(UINT64_MAX);
	steps_work();
	steps_completions();
	cds_wfcq_destroy(&work.head, &work.tail);
	cds_wfcq_destroy(&completions.head, &completions.tail);
	sem_destroy(&wake);
}
