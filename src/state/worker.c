/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Workers: a thread with a queue of work.
 *
 * Purpose: what cannot be done where it is noticed is queued and done in order.
 * Data: struct bc_worker: a wait-free queue, and a semaphore that counts what
 *   was put into it.
 * Locking: none; queueing may happen under any lock.
 * Lifetime: work is embedded in objects whose owners keep them until it has run.
 * Invariant: what was queued before bc_worker_stop() has run when that returns.
 */
#include "bc_internal.h"

int bc_worker_start(struct bc_worker *worker, void *(*run)(void *),
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

void bc_worker_stop(struct bc_worker *worker)
{
	cmm_smp_wmb(); /* pairs with cmm_smp_rmb() in bc_worker_stops() */
	uatomic_set(&worker->stop, true);
	sem_post(&worker->wake);
	pthread_join(worker->thread, NULL);
	sem_destroy(&worker->wake);
	cds_wfcq_destroy(&worker->head, &worker->tail);
}

/* Read before the last look at the queue: work that was queued before the stop is
 * run.
 */
bool bc_worker_stops(const struct bc_worker *worker)
{
	bool stop = uatomic_read(&worker->stop);

	cmm_smp_rmb(); /* pairs with cmm_smp_wmb() in bc_worker_stop() */
	return stop;
}

void bc_worker_queue(struct bc_worker *worker, struct bc_work *work)
{
	cds_wfcq_node_init(&work->node);
	cds_wfcq_enqueue(&worker->head, &worker->tail, &work->node);
	sem_post(&worker->wake);
}

void bc_worker_run(struct bc_worker *worker)
{
	struct cds_wfcq_node *node;

	while ((node = __cds_wfcq_dequeue_blocking(&worker->head,
						   &worker->tail)) != NULL) {
		struct bc_work *work =
			caa_container_of(node, struct bc_work, node);

		work->run(work);
	}
}

struct flush {
	struct bc_work work;
	sem_t done;
};

static void flush_run(struct bc_work *work)
{
	sem_post(&caa_container_of(work, struct flush, work)->done);
}

void bc_worker_flush(void (*queue)(struct bc_work *work))
{
	struct flush flush = { .work.run = flush_run };

	sem_init(&flush.done, 0, 0);
	queue(&flush.work);
	while (sem_wait(&flush.done))
		;
	sem_destroy(&flush.done);
}
