/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Many COMPOUNDs, or bare RPC calls, with so many under way at a time: each
 * reply makes the next one go out, in the loop thread.
 */
#ifndef BENCH_PIPELINE_H
#define BENCH_PIPELINE_H

#include "nfs41.h"

struct pipeline_lane;

struct pipeline {
	/* Chosen by the caller. */
	unsigned int depth; /* under way at a time */
	unsigned int count; /* in all */
	/* Number i goes out on the session that this says; NULL: without one, */
	struct nfs_session *(*session)(unsigned int i, void *arg);
	/* on a connection in a client's name... */
	struct nfs_conn *(*bare)(unsigned int i, void *arg,
				 struct nfs_client **client);
	/* ...with the operations that this puts... */
	void (*put)(struct nfs_compound *compound, unsigned int i, void *arg);
	/* ...and its reply comes here, in the loop thread. May be NULL. */
	void (*got)(const struct nfs_compound *compound, unsigned int i,
		    void *arg);
	struct nfs_conn *null_on; /* or: bare RPC calls on this connection */
	uint64_t *rtt_ns; /* of bare calls, `count` of them; NULL: no matter */
	void *arg;

	/* The result. */
	_Atomic unsigned int replies;
	_Atomic unsigned int lost; /* no reply at all */

	/* Private. */
	_Atomic unsigned int next;
	_Atomic bool stop;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned int running; /* lanes; the lock */
	struct pipeline_lane *lanes;
};

/** Begin. `depth` is at most the slots of all sessions together. */
void pipeline_start(struct pipeline *pipeline);
/** Wait until all replies have come; the wait for one is bounded. */
void pipeline_wait(struct pipeline *pipeline);
/** Begin no more, and wait. */
void pipeline_stop(struct pipeline *pipeline);
/** All of it. */
void pipeline_run(struct pipeline *pipeline);

#endif
