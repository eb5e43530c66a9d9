/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Hostile peers, one after the other, against a real server with the module:
 * what each costs the server, and the clients beside it.
 *
 * Checked for each, when it has gone: the server's descriptors are no more than
 * before; what it has allocated has grown by no more than the bound (what is resident
 * says nothing: memory that was freed need not go back to the system); the bystanders'
 * recalls came about as fast as before, and all of them.  At last: the server ends
 * cleanly, every callback has completed once, every request that was held has ended
 * once.
 *
 *   hostile [NAME]   only the peers whose row has NAME in its name
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "peer.h"
#include "totals.h"

#define BYSTANDERS 2
#define EVERY_MS 5 /* a recall of each */
#define WARM_SAMPLES 3500
#define WARM_WITHIN_MS 60000
#define SAMPLES 300
#define SAMPLES_WITHIN_MS 20000
#define GONE_WITHIN_MS 15000
#define OPENED_WITHIN_MS 30000

/* Of the addresses: the bystanders' are behind these. */
#define OPENER 1
#define PEER 2

/* KiB that may stay allocated when a peer has gone: Ganesha's caches, its threads. */
#define KEPT 4096

static const struct kind {
	const char *name;
	void (*play)(struct peer *peer);
} kinds[] = {
	{ "nobody", peer_does_nothing },
	{ "never reads, 200 recalls", peer_never_reads },
	{ "binds and drops", peer_binds_and_drops },
	{ "drops before BIND's answer", peer_drops_unanswered },
	{ "answers garbage", peer_answers_garbage },
	{ "answers for another session", peer_answers_another_session },
	{ "answers with 1,024 results", peer_answers_1024_results },
	{ "answers twice", peer_answers_twice },
	{ "guesses session ids", peer_guesses_sessions },
	{ "drops held requests", peer_drops_held },
	{ "BACKCHANNEL_CTL of 10 MB", peer_sends_10_mb },
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* What the server uses while nobody is connected. */
struct usage {
	long allocated; /* KiB */
	int fds, connections;
};

struct row {
	struct peer peer;
	struct latency before, during;
	struct usage quiet_before, quiet_after;
	double seconds;
};

struct hostile {
	struct server *server;
	struct heap heap; /* the server's */
	struct nfs_loop *loop;
	struct files *files;
	struct row rows[KINDS];
	struct opener_figures openers;
	bool failed;
};

__attribute__((format(printf, 3, 4))) static void fail(struct hostile *h,
						       const char *who,
						       const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "FAILED: %s: ", who);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	h->failed = true;
}

static void look(struct hostile *h, struct usage *usage)
{
	usage->allocated = heap_allocated_kib(&h->heap);
	usage->fds = server_fds(h->server);
	usage->connections = server_connections(h->server);
}

/* Until all that has gone is gone from the server, too, or the time is over. */
static void look_when_gone(struct hostile *h, const struct usage *before,
			   struct usage *after)
{
	uint64_t until = nfs_now_ns() + GONE_WITHIN_MS * UINT64_C(1000000);

	do
		look(h, after);
	while ((after->fds > before->fds || after->connections) &&
	       server_alive(h->server) && nfs_now_ns() < until);
}

/* The bystanders and the peer, who connect and go. */
static void play(struct hostile *h, const struct kind *kind, struct row *row)
{
	struct peer *peer = &row->peer;
	uint64_t begun = nfs_now_ns();

	*peer = (struct peer){ .server = h->server,
			       .heap = &h->heap,
			       .loop = h->loop,
			       .files = h->files,
			       .number = PEER,
			       .opener = opener_new(&(struct opener_params){
				       .server = h->server,
				       .loop = h->loop,
				       .number = OPENER,
				       .within_ms = OPENED_WITHIN_MS }),
			       .samples = SAMPLES };
	peer->bystanders = bystanders_start(h->server, h->files, BYSTANDERS,
					    PEER + 1, EVERY_MS);
	bystanders_wait(peer->bystanders, SAMPLES, SAMPLES_WITHIN_MS);
	bystanders_latency(peer->bystanders, &row->before);
	kind->play(peer);
	bystanders_latency(peer->bystanders, &row->during);
	bystanders_stop(peer->bystanders);
	if (*bystanders_failure(peer->bystanders))
		fail(h, kind->name, "%s", bystanders_failure(peer->bystanders));
	bystanders_free(peer->bystanders);
	opener_add_figures(peer->opener, &h->openers);
	opener_free(peer->opener);
	row->seconds = (nfs_now_ns() - begun) / 1e9;
}

static void check(struct hostile *h, const struct kind *kind,
		  const struct row *row)
{
	const struct usage *before = &row->quiet_before;
	const struct usage *after = &row->quiet_after;

	if (row->peer.failure[0])
		fail(h, kind->name, "%s", row->peer.failure);
	if (!server_alive(h->server))
		fail(h, kind->name, "the server ended with %d",
		     server_crashed(h->server));
	if (row->before.samples < SAMPLES || row->during.samples < SAMPLES)
		fail(h, kind->name, "too few samples");
	if (latency_is_worse(&row->before, &row->during))
		fail(h, kind->name, "the bystanders were slower");
	if (2 * row->during.late > row->during.samples)
		fail(h, kind->name, "who was held was not woken");
	if (after->connections || after->fds > before->fds) {
		fail(h, kind->name, "%d descriptors, %d connections are left",
		     after->fds - before->fds, after->connections);
		server_show_descriptors(h->server);
	}
	if (after->allocated > before->allocated + KEPT)
		fail(h, kind->name, "%ld KiB are left",
		     after->allocated - before->allocated);
}

/* Bystanders alone, until their files are all there and in Ganesha's caches. */
static void warm_up(struct hostile *h)
{
	struct bystanders *bystanders = bystanders_start(
		h->server, h->files, BYSTANDERS, PEER + 1, EVERY_MS);

	bystanders_wait(bystanders, WARM_SAMPLES, WARM_WITHIN_MS);
	bystanders_stop(bystanders);
	if (*bystanders_failure(bystanders))
		fail(h, "warming", "%s", bystanders_failure(bystanders));
	bystanders_free(bystanders);
}

static void run(struct hostile *h, const char *wanted)
{
	struct usage usage, none = { 0 };

	warm_up(h);
	look(h, &usage);
	none.fds = usage.fds;
	look_when_gone(h, &none, &usage);
	for (unsigned int i = 0; i < KINDS && !h->failed; i++) {
		struct row *row = &h->rows[i];

		if (!strstr(kinds[i].name, wanted))
			continue;
		row->quiet_before = usage;
		play(h, &kinds[i], row);
		look_when_gone(h, &row->quiet_before, &usage);
		row->quiet_after = usage;
		check(h, &kinds[i], row);
	}
}

static void check_end(struct hostile *h)
{
	int status = server_stop(h->server);
	const char *wrong = totals_wrong(h->server, h->openers.wants / 2);

	if (status)
		fail(h, "the end", "the server ended with %d", status);
	if (wrong)
		fail(h, "the end", "%s", wrong);
}

/* The server while nobody is there, the most with the peer, and afterwards. */
static void report(const struct hostile *h)
{
	printf("%-28s %6s %5s | %-23s | %-20s | %-14s | %s\n", "", "", "",
	       "bystanders' recalls, ms", "allocated, MiB", "descriptors",
	       "connections");
	printf("%-28s %6s %5s | %11s %11s | %6s %6s %6s | %4s %4s %4s | %4s %4s %4s\n",
	       "peer", "deeds", "s", "p50", "p99", "before", "most", "after",
	       "bef.", "most", "aft.", "bef.", "most", "aft.");
	for (unsigned int i = 0; i < KINDS; i++) {
		const struct row *row = &h->rows[i];
		const struct usage *before = &row->quiet_before;
		const struct usage *after = &row->quiet_after;

		if (!row->before.samples)
			continue;

		printf("%-28s %6u %5.1f | %5.2f %5.2f %5.2f %5.2f | %6.1f %6.1f %6.1f | %4d %4d %4d | %4d %4d %4d\n",
		       kinds[i].name, row->peer.deeds, row->seconds,
		       row->before.p50, row->during.p50, row->before.p99,
		       row->during.p99, before->allocated / 1024.0,
		       row->peer.allocated / 1024.0, after->allocated / 1024.0,
		       before->fds, row->peer.fds, after->fds,
		       before->connections, row->peer.connections,
		       after->connections);
	}
}

int main(int argc, char **argv)
{
	struct hostile *h = calloc(1, sizeof(*h));
	int failed;

	if (!h)
		return 1;
	if (heap_open(&h->heap))
		return 1;
	h->server = server_start(
		&(struct server_params){ .module = true,
					 .hold_conflicts = SERVER_DEFAULT,
					 .lease_lifetime = 60,
					 .env = h->heap.env });
	if (!h->server) {
		heap_close(&h->heap);
		return 1;
	}
	h->loop = nfs_loop_new();
	h->files = files_new(h->server);
	run(h, argc > 1 ? argv[1] : "");
	check_end(h);
	report(h);
	if (h->failed)
		server_show(h->server);
	files_free(h->files);
	nfs_loop_free(h->loop);
	server_free(h->server);
	heap_close(&h->heap);
	failed = h->failed;
	free(h);
	return failed;
}
