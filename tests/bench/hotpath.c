/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's part of a callback and of a SEQUENCE, over and over:
 *
 *     hotpath callback|sequence TIMES
 *
 * instructions.py counts the instructions of two runs of different lengths; what
 * one more round costs is the difference.
 */
#include "null_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void callback(const struct null_client *client)
{
	(void)client;
	null_submit(1);
	null_answer(null_sent());
}

static void sequence(const struct null_client *client)
{
	struct bc_session_status status =
		bc_session_heard(client->session, client->conn);

	if (!status.known || status.flags)
		abort();
}

int main(int argc, char **argv)
{
	void (*round)(const struct null_client *) = NULL;
	struct null_client client;
	unsigned long times;

	if (argc == 3 && !strcmp(argv[1], "callback"))
		round = callback;
	else if (argc == 3 && !strcmp(argv[1], "sequence"))
		round = sequence;
	if (!round) {
		fprintf(stderr, "usage: hotpath callback|sequence TIMES\n");
		return 2;
	}
	times = strtoul(argv[2], NULL, 10);
	null_start();
	null_client_init(&client, 1, 16);
	for (unsigned long i = 0; i < times; i++)
		round(&client);
	null_client_fini(&client);
	null_stop();
	return 0;
}
