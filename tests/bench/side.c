/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* What all measurements use: figures, servers, clients. */
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Servers that run: they end with the benchmark, however it ends. */
static struct side *started;

void record(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	putchar('{');
	vprintf(format, args);
	puts("}");
	va_end(args);
	fflush(stdout);
}

void fatal(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	for (struct side *side = started; side; side = side->next)
		server_free(side->server);
	exit(1);
}

/* ---- Servers ---- */

void side_start(struct side *side, const char *name,
		const struct server_params *with)
{
	*side = (struct side){ .name = name, .params = *with };
	side->server = server_start(&side->params);
	if (!side->server)
		fatal("cannot start a server");
	side->next = started;
	started = side;
}

void side_stop(struct side *side)
{
	struct side **at = &started;

	while (*at != side)
		at = &(*at)->next;
	*at = side->next;
	server_free(side->server);
	side->server = NULL;
}

bool side_crashed(struct side *side, const char *what)
{
	int signal;

	if (server_alive(side->server))
		return false;
	signal = server_crashed(side->server);
	record("\"what\":\"crash\",\"side\":\"%s\",\"in\":\"%s\","
	       "\"signal\":%d",
	       side->name, what, signal);
	if (!strcmp(side->name, "module"))
		fatal("the server with the module crashed");
	if (server_restart(side->server))
		fatal("cannot start a server anew");
	return true;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time))
		return 0;
	return (uint64_t)time.tv_sec * (uint64_t)NS_PER_S +
	       (uint64_t)time.tv_nsec;
}

uint64_t side_cpu_ns(const struct side *side)
{
	clockid_t clock;

	if (clock_getcpuclockid(server_pid(side->server), &clock))
		return 0;
	return clock_ns(clock);
}

uint64_t own_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void sleep_ms(unsigned int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000,
				       .tv_nsec =
					       (long)(ms % 1000) * NS_PER_MS };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

void side_wait_idle(const struct side *side)
{
	uint64_t before = side_cpu_ns(side), now;

	for (int i = 0; i < 100; i++) {
		sleep_ms(50);
		now = side_cpu_ns(side);
		if (now - before < 1 * NS_PER_MS)
			return;
		before = now;
	}
}

/* ---- Clients ---- */

struct nfs_conn *peer_connect(struct peer *peer, struct answers *answers)
{
	struct nfs_conn *conn = nfs_client_connect(&peer->client);

	if (!conn)
		fatal("cannot connect");
	if (answers)
		answers_attach(answers, conn);
	return conn;
}

void peer_put_open(struct nfs_compound *compound, unsigned int number)
{
	const struct nfs_client *client = compound->session->client;
	struct nfs_open_args args = { .share_access =
					      OPEN4_SHARE_ACCESS_READ |
					      OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				      .clientid = client->clientid,
				      .owner = client->owner };
	char path[24];

	snprintf(path, sizeof(path), "export/open%u", number);
	args.name = nfs_put_parent(compound, path);
	nfs_put_open(compound, &args);
}

void peer_mount(struct bench *b, struct side *side, struct peer *peer,
		struct answers *answers)
{
	struct nfs_create_session_args args;
	struct nfs_conn *conn;

	nfs_client_init(&peer->client, b->loop, server_port(side->server),
			++side->peers);
	conn = peer_connect(peer, answers);
	nfs_create_session_args_init(&args);
	args.back.maxrequests = answers ? answers->slots : PEER_SLOTS;
	if (nfs_exchange_id(&peer->client, conn) ||
	    nfs_create_session(&peer->session, &peer->client, conn, &args) ||
	    nfs_reclaim_complete(&peer->session))
		fatal("cannot mount client %u of the %s side", side->peers,
		      side->name);
	if (answers && peer->session.back.maxrequests != answers->slots)
		fatal("%u slots were asked for, %u came", answers->slots,
		      peer->session.back.maxrequests);
	nfs_conn_put(conn);
}

void peer_unmount(struct peer *peer)
{
	struct nfs_conn *conn = nfs_conn_get(peer->session.conn);

	nfs_client_unmount(&peer->session);
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	nfs_conn_put(conn);
}
