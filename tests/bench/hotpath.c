/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's part of a callback and of a SEQUENCE, and a callback's look for its
 * client among many, over and over:
 *
 *     hotpath callback|sequence|lookup TIMES
 *
 * instructions.py counts the instructions inside the function of that name.
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
} paths[] = {
	{ "callback", callback, 1 },
	{ "sequence", sequence, 1 },
	{ "lookup", lookup, MANY },
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
			"usage: hotpath callback|sequence|lookup TIMES\n");
		return 2;
	}
	times = strtoul(argv[2], NULL, 10);
	null_start();
	for (unsigned int i = 0; i < path->clients; i++)
		null_client_init(&clients[i], i + 1, 16);
	bc_worker_flush(bc_completion_queue); /* the tables have grown */
	for (unsigned long i = 0; i < times; i++)
		path->round(i);
	for (unsigned int i = 0; i < path->clients; i++)
		null_client_fini(&clients[i]);
	null_stop();
	return 0;
}
