/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The limit: bare RPC round trips, of the same client over the same kind of
 * connection.  And the client's own: the same against a peer that does nothing
 * but answer.
 */
#include "bench.h"
#include "sort.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#define ROUNDS 5
#define CALLS 10000
#define RECORD_MARK 4
#define CALL_SIZE (RECORD_MARK + 10 * 4) /* NULL with AUTH_NONE */
#define REPLY_SIZE (RECORD_MARK + 6 * 4)

static const unsigned int depths[] = { 1, 16, 64 };
#define DEPTHS (sizeof(depths) / sizeof(*depths))

/* Answers each whole call that comes; ends with the connection. */
static void echo(int fd)
{
	static uint8_t in[1024 * CALL_SIZE], out[1024 * REPLY_SIZE];
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, in + have, sizeof(in) - have)) > 0) {
		size_t used = 0, len = 0;

		have += (size_t)got;
		for (; have - used >= CALL_SIZE; used += CALL_SIZE) {
			uint8_t *reply = out + len;

			memset(reply, 0, REPLY_SIZE);
			reply[0] = 0x80; /* last fragment */
			reply[3] = REPLY_SIZE - RECORD_MARK;
			memcpy(reply + 4, in + used + 4, 4); /* XID */
			reply[11] = 1; /* REPLY */
			len += REPLY_SIZE;
		}
		memmove(in, in + used, have - used);
		have -= used;
		if (write(fd, out, len) != (ssize_t)len)
			return;
	}
}

static struct nfs_conn *echo_start(struct bench *bench, pid_t *pid)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr =
					       htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	struct nfs_conn *conn;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) ||
	    listen(fd, 1) || getsockname(fd, (struct sockaddr *)&address, &len))
		fatal("no socket for the echo");
	*pid = fork();
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = accept(fd, NULL, NULL);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		echo(fd);
		_exit(0);
	}
	conn = nfs_conn_open(bench->loop, "127.0.0.1", ntohs(address.sin_port));
	if (*pid < 0 || !conn)
		fatal("cannot start the echo");
	close(fd);
	return conn;
}

void bare_round_trips(const struct side *side, const char *name,
		      struct nfs_conn *conn, unsigned int depth)
{
	static uint64_t rtt_ns[CALLS];
	struct pipeline pipeline = { .depth = depth,
				     .count = CALLS,
				     .null_on = conn,
				     .rtt_ns = rtt_ns };
	uint64_t server = side ? side_cpu_ns(side) : 0;
	uint64_t cpu = own_cpu_ns(), begun = nfs_now_ns(), ns;

	pipeline_run(&pipeline);
	ns = nfs_now_ns() - begun;
	cpu = own_cpu_ns() - cpu;
	server = side ? side_cpu_ns(side) - server : 0;
	if (pipeline.lost)
		fatal("%u NULL calls got no answer", pipeline.lost);
	nfs_sort_u64(rtt_ns, CALLS);
	record("\"what\":\"bare\",\"side\":\"%s\",\"depth\":%u,\"rate\":%.0f,"
	       "\"p50_us\":%.2f,\"p99_us\":%.2f,\"server_us\":%.2f,\"client_cpu\":%.3f",
	       name, depth, CALLS * NS_PER_S / (double)ns,
	       (double)rtt_ns[CALLS / 2] / 1e3,
	       (double)rtt_ns[CALLS / 100 * 99] / 1e3,
	       (double)server / 1e3 / CALLS, (double)cpu / (double)ns);
}

void measure_bare(struct bench *bench)
{
	struct peer peers[SIDES];
	struct nfs_conn *echoes;
	pid_t pid;

	echoes = echo_start(bench, &pid);
	for (int i = 0; i < SIDES; i++)
		peer_mount(bench, &bench->sides[i], &peers[i], NULL);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t d = 0; d < DEPTHS; d++) {
			for (int i = 0; i < SIDES; i++)
				bare_round_trips(
					&bench->sides[i], bench->sides[i].name,
					peers[i].session.conn, depths[d]);
			bare_round_trips(NULL, "echo", echoes, depths[d]);
		}
	}
	for (int i = 0; i < SIDES; i++)
		peer_unmount(&peers[i]);
	nfs_conn_put(echoes);
	waitpid(pid, NULL, 0);
}
