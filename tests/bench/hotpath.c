/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's part of a callback and of a SEQUENCE, and a callback's look for its
 * client among many, over and over:
 *
 *     hotpath callback|beside|crowded|visit|sequence|lookup TIMES
 *
 * instructions.py counts the instructions inside the function of that name.  What
 * there is beside must not be in them: other clients that cannot be reached, other
 * sessions of the client, callbacks of it that are not due.  TIMES is at most 10,000.
 */
#include "null_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 10000

static struct null_client clients[MANY]; /* number i + 1 at i */

static void callback(unsigned long i)
{
	(void)i;
	null_submit(1);
	null_answer(null_sent());
}

/* A callback for a client that was idle, beside as many that cannot be reached, for
 * each of which one waits.
 */
static void beside(unsigned long i)
{
	null_submit(i % MANY + 1);
	null_answer(null_sent());
}

static void beside_begin(void)
{
	for (uint64_t i = 0; i < MANY; i++)
		null_submit(MANY + i + 1);
}

/* A callback for a client with many sessions, each with a path, all but one with
 * no slot that is free.
 */
static struct bc_session *crowd[MANY];

static void crowded(unsigned long i)
{
	(void)i;
	null_submit(1);
	null_answer(null_sent());
}

static void crowded_begin(void)
{
	for (uint64_t i = 0; i < MANY; i++) {
		struct null_client client;

		null_session_init(&client, MANY + i + 1, 1, 1);
		crowd[i] = client.session;
		bc_conn_put(client.conn);
	}
	for (uint64_t i = 0; i < MANY; i++) {
		null_submit(1);
		bc_request_put(null_sent());
	}
}

static void crowded_end(void)
{
	for (uint64_t i = 0; i < MANY; i++) {
		bc_session_close(crowd[i]);
		bc_session_put(crowd[i]);
	}
}

/* The timer of a client for which many callbacks wait, one of which is due. */
static struct bc_client *visited;

static void let_one_be_due(void)
{
	struct bc_heap_node *first;

	pthread_mutex_lock(&visited->lock);
	first = visited->due.first;
	bc_heap_remove(&visited->due, first);
	first->when = 0;
	bc_heap_add(&visited->due, first);
	pthread_mutex_unlock(&visited->lock);
}

static void visit(unsigned long i)
{
	(void)i;
	let_one_be_due();
	bc_core.expire(visited);
}

static void visit_begin(void)
{
	null_allow_failures();
	for (uint64_t i = 0; i < MANY; i++)
		null_submit(MANY + 1);
	visited = bc_client_get(MANY + 1);
}

static void visit_end(void)
{
	bc_client_put(visited);
}

static void sequence(unsigned long i)
{
	struct bc_session_status status =
		bc_session_heard(clients[0].session, clients[0].conn);

	(void)i;
	if (!status.known || status.flags)
		abort();
}

static void lookup(unsigned long i)
{
	struct bc_client *client = bc_client_get(i % MANY + 1);

	if (!client)
		abort();
	bc_client_put(client);
}

static const struct path {
	const char *name;
	void (*round)(unsigned long i);
	unsigned int clients;
	void (*begin)(void);
	void (*end)(void);
} paths[] = {
	{ "callback", callback, 1, NULL, NULL },
	{ "beside", beside, MANY, beside_begin, NULL },
	{ "crowded", crowded, 1, crowded_begin, crowded_end },
	{ "visit", visit, 0, visit_begin, visit_end },
	{ "sequence", sequence, 1, NULL, NULL },
	{ "lookup", lookup, MANY, NULL, NULL },
};

static const struct path *path_named(const char *name)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!strcmp(paths[i].name, name))
			return &paths[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct path *path = argc == 3 ? path_named(argv[1]) : NULL;
	unsigned long times;

	if (!path) {
		fprintf(stderr,
			"usage: hotpath callback|beside|crowded|visit|sequence|lookup TIMES\n");
		return 2;
	}
	times = strtoul(argv[2], NULL, 10);
	null_start();
	for (unsigned int i = 0; i < path->clients; i++)
		null_client_init(&clients[i], i + 1, 16);
	if (path->begin)
		path->begin();
	bc_worker_flush(bc_completion_queue); /* the tables have grown */
	for (unsigned long i = 0; i < times; i++)
		path->round(i);
	null_fail_waiting();
	if (path->end)
		path->end();
	for (unsigned int i = 0; i < path->clients; i++)
		null_client_fini(&clients[i]);
	null_stop();
	return 0;
}
