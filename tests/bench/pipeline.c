/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "pipeline.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* One place in the pipeline. */
struct pipeline_lane {
	struct pipeline *pipeline;
	unsigned int number; /* of what is under way */
	struct nfs_compound compound;
	struct rpc_call null;
	uint64_t sent_ns; /* of a bare call */
};

static void end_lane(struct pipeline *pipeline)
{
	pthread_mutex_lock(&pipeline->lock);
	pipeline->running--;
	pthread_cond_broadcast(&pipeline->ended);
	pthread_mutex_unlock(&pipeline->lock);
}

static void next(struct pipeline_lane *lane);

static void compound_done(struct nfs_compound *compound, void *arg)
{
	struct pipeline_lane *lane = arg;
	struct pipeline *pipeline = lane->pipeline;

	if (compound->error) {
		/* Its slot is lost: the next one could wait for it. */
		pipeline->lost++;
		pipeline->stop = true;
	} else if (pipeline->got) {
		pipeline->got(compound, lane->number, pipeline->arg);
	}
	nfs_compound_fini(compound);
	pipeline->replies++;
	next(lane);
}

static int send_compound(struct pipeline_lane *lane)
{
	struct pipeline *pipeline = lane->pipeline;
	struct nfs_compound *compound = &lane->compound;
	struct nfs_client *client;
	struct nfs_conn *conn;
	int error;

	if (pipeline->session) {
		nfs_compound_init(compound, pipeline->session(lane->number,
							      pipeline->arg));
	} else {
		conn = pipeline->bare(lane->number, pipeline->arg, &client);
		nfs_compound_init_bare(compound, client, conn);
	}
	compound->done = compound_done;
	compound->arg = lane;
	pipeline->put(compound, lane->number, pipeline->arg);
	error = nfs_compound_send(compound);
	if (error)
		nfs_compound_fini(compound);
	return error;
}

static void null_done(struct rpc_call *call, int error,
		      struct xdr_cursor *results)
{
	struct pipeline_lane *lane =
		(struct pipeline_lane *)((char *)call -
					 offsetof(struct pipeline_lane, null));
	struct pipeline *pipeline = lane->pipeline;

	(void)results;
	if (pipeline->rtt_ns)
		pipeline->rtt_ns[lane->number] = nfs_now_ns() - lane->sent_ns;
	if (error)
		pipeline->lost++;
	pipeline->replies++;
	next(lane);
}

static int send_null(struct pipeline_lane *lane)
{
	lane->null = (struct rpc_call){ .done = null_done };
	lane->sent_ns = nfs_now_ns();
	return nfs_conn_call(lane->pipeline->null_on, &lane->null, NFS_PROGRAM,
			     NFS_V4, NFSPROC4_NULL, NULL, NULL);
}

/* What comes next in a lane, or its end. */
static void next(struct pipeline_lane *lane)
{
	struct pipeline *pipeline = lane->pipeline;

	for (;;) {
		lane->number = pipeline->next++;
		if (pipeline->stop || lane->number >= pipeline->count) {
			end_lane(pipeline);
			return;
		}
		if (!(pipeline->null_on ? send_null(lane) :
					  send_compound(lane)))
			return;
		pipeline->lost++;
		pipeline->stop = true;
	}
}

void pipeline_start(struct pipeline *pipeline)
{
	pthread_mutex_init(&pipeline->lock, NULL);
	nfs_cond_init(&pipeline->ended);
	pipeline->replies = 0;
	pipeline->lost = 0;
	pipeline->next = 0;
	pipeline->stop = false;
	pipeline->running = pipeline->depth;
	pipeline->lanes = calloc(pipeline->depth, sizeof(*pipeline->lanes));
	if (!pipeline->lanes)
		abort();
	for (unsigned int i = 0; i < pipeline->depth; i++) {
		pipeline->lanes[i].pipeline = pipeline;
		next(&pipeline->lanes[i]);
	}
}

void pipeline_wait(struct pipeline *pipeline)
{
	unsigned int seen = pipeline->replies;
	struct timespec deadline = nfs_deadline(NFS_TIMEOUT);

	pthread_mutex_lock(&pipeline->lock);
	while (pipeline->running) {
		if (nfs_cond_wait(&pipeline->ended, &pipeline->lock, &deadline))
			continue;
		if (pipeline->replies == seen) {
			fprintf(stderr, "bench: the server does not answer\n");
			exit(1);
		}
		seen = pipeline->replies;
		deadline = nfs_deadline(NFS_TIMEOUT);
	}
	pthread_mutex_unlock(&pipeline->lock);
	pthread_mutex_destroy(&pipeline->lock);
	pthread_cond_destroy(&pipeline->ended);
	free(pipeline->lanes);
}

void pipeline_stop(struct pipeline *pipeline)
{
	pipeline->stop = true;
	pipeline_wait(pipeline);
}

void pipeline_run(struct pipeline *pipeline)
{
	pipeline_start(pipeline);
	pipeline_wait(pipeline);
}
