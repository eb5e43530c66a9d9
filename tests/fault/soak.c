/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The campaign's load and faults for a long time, and beside it clients that
 * come, hold a delegation, and go without a word. Once for a minute to fill the
 * server's caches and pools; then for as long as told.
 *
 *   soak [--seed N] [--clients N] MINUTES
 *
 * Checked when all clients have gone and their leases have ended: the server
 * has no connection and no file open; its descriptors are exactly as many as
 * after the first minute; what it has allocated has grown by no more than the
 * bound and what it caches of files that are new since then, nor by the trend of
 * the second half; the module's tables are empty; the server ends cleanly, every
 * callback has completed once, every request that was held has ended once.
 * Its resident memory grows longer than that, while it writes for the first
 * time to the large tables that it has from the start.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "heap.h"
#include "load.h"
#include "nfs41.h"
#include "responder.h"
#include "totals.h"

#define LEASE 20 /* s */
#define STALLED_MS 60000 /* no client has ended a turn for so long */
#define GONE_WITHIN_MS (4 * LEASE * 1000)
#define SAMPLE_S 2 /* between samples of the memory */
#define MINUTE 60

/* Numbers of the clients that go without a word, each some minutes apart. */
#define FIRST_PASSER 2000
#define PASSERS 250 /* fewer than come in the first minute */
#define PASSER_MS 200 /* one in so many */
#define WANTED_EVERY 4 /* passer has its file wanted: by one more client */
#define OPENER (FIRST_PASSER + PASSERS)

#define HEAP_BOUND 4096 /* KiB, over the whole time */
#define HEAP_OF_FILE 2 /* KiB, that the server caches of each */
#define TREND_BOUND 256.0 /* KiB in a minute, in the second half */

struct sample {
	double minute;
	long allocated; /* KiB */
};

struct usage {
	long allocated, resident; /* KiB */
	int connections;
	int files, sockets, others; /* its descriptors */
	unsigned int made; /* files */
};

struct soak {
	struct schedule schedule;
	unsigned int clients;
	unsigned int seconds;
	struct heap heap;
	struct server *server;
	struct nfs_loop *loop;
	struct files *files;
	unsigned int passers; /* that have come */
	struct opener *opener; /* wants what some of them hold */
	unsigned int wants; /* of all openers */
	struct load_figures figures; /* of the latest load */
	struct sample *samples;
	unsigned int nsamples, size;
	bool failed;
};

__attribute__((format(printf, 2, 3))) static void fail(struct soak *soak,
						       const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "FAILED (seed %llu): ",
		(unsigned long long)soak->schedule.seed);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	soak->failed = true;
}

static void count_descriptors(struct soak *soak, struct usage *usage)
{
	const char *export = server_export(soak->server);
	char path[64], target[512];
	struct dirent *entry;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", server_pid(soak->server));
	dir = server_alive(soak->server) ? opendir(path) : NULL;
	while (dir && (entry = readdir(dir)) != NULL) {
		len = readlinkat(dirfd(dir), entry->d_name, target,
				 sizeof(target) - 1);
		if (len < 0) /* "." and "..", or just closed */
			continue;
		target[len] = '\0';
		if (!strncmp(target, "socket:", 7))
			usage->sockets++;
		else if (!strncmp(target, export, strlen(export)) &&
			 target[strlen(export)] == '/')
			usage->files++;
		else
			usage->others++;
	}
	if (dir)
		closedir(dir);
}

static void look(struct soak *soak, struct usage *usage)
{
	*usage = (struct usage){
		.allocated = soak->heap.counts->bytes / 1024,
		.resident = server_rss_kib(soak->server),
		.connections = server_connections(soak->server),
		.made = files_count(soak->files),
	};
	count_descriptors(soak, usage);
}

/* ---- Clients that go without a word ---- */

/*
 * Holds a delegation; its lease ends some time, or it comes again with another
 * verifier, as one that has started anew. Then, if not before, the file is the
 * opener's whose request is held meanwhile.
 */
static void pass(struct soak *soak)
{
	unsigned int n = soak->passers++ % PASSERS;
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_file file;
	struct nfs_conn *conn;
	char name[32], path[64];
	int status;

	snprintf(name, sizeof(name), "passer-%u", n);
	snprintf(path, sizeof(path), "export/%s", name);
	if (soak->passers == n + 1)
		server_make_file(soak->server, name, name);
	nfs_client_init(&client, soak->loop, server_port(soak->server),
			FIRST_PASSER + n);
	status = nfs_client_mount(&client, &session);
	if (status) {
		fail(soak, "mount of a passer: %d", status);
		return;
	}
	conn = nfs_conn_get(session.conn);
	status = nfs_open(&session, path,
			  OPEN4_SHARE_ACCESS_READ |
				  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
			  &file);
	if (status)
		fail(soak, "OPEN of a passer: %d", status);
	if (n % WANTED_EVERY == 0)
		opener_want(soak->opener, WANT_OPEN, path);
	nfs_session_fini(&session);
	nfs_conn_close(conn, n % 2 ? NFS_CLOSE_FIN : NFS_CLOSE_RST);
	nfs_conn_put(conn);
}

static bool same_descriptors(const struct usage *a, const struct usage *b)
{
	return a->files == b->files && a->sockets == b->sockets &&
	       a->others == b->others;
}

/*
 * Until all leases have ended: that of the last passer is the last, and the
 * file that it holds open is closed then; and until nothing is opened and closed
 * any more.
 */
static void wait_gone(struct soak *soak, struct usage *usage)
{
	const struct timespec pause = { .tv_nsec = 500000000 };
	uint64_t until = nfs_now_ns() + GONE_WITHIN_MS * UINT64_C(1000000);
	struct usage last;

	look(soak, usage);
	do {
		last = *usage;
		nanosleep(&pause, NULL);
		look(soak, usage);
	} while ((usage->files || usage->connections ||
		  !same_descriptors(usage, &last)) &&
		 server_alive(soak->server) && nfs_now_ns() < until);
}

/* ---- The load ---- */

static void add_sample(struct soak *soak, double minute, long allocated)
{
	if (soak->nsamples == soak->size) {
		soak->size = 2 * soak->size + 1024;
		soak->samples = realloc(soak->samples,
					soak->size * sizeof(*soak->samples));
		if (!soak->samples)
			abort();
	}
	soak->samples[soak->nsamples++] =
		(struct sample){ .minute = minute, .allocated = allocated };
}

static void print_usage(const char *when, const struct usage *usage)
{
	printf("%-16s memory %6ld KiB, resident %6ld; descriptors: files %4d, sockets %4d, others %3d; connections %4d\n",
	       when, usage->allocated, usage->resident, usage->files,
	       usage->sockets, usage->others, usage->connections);
	fflush(stdout);
}

static void print_figures(struct soak *soak, const struct load_figures *figures)
{
	printf("%-16s callbacks %u, clients' lives %u, passers %u, binds %u, files made %u; faults:",
	       "", figures->recalls, figures->lives, soak->passers,
	       figures->binds, files_count(soak->files));
	for (int i = 0; i < FAULT_KINDS; i++)
		printf(" %s %u", fault_name(i), figures->proxy.faults[i]);
	putchar('\n');
	fflush(stdout);
}

/* Look at the server every @SAMPLE_S, speak every minute. */
static void observe(struct soak *soak, struct load *load, double second)
{
	struct load_figures figures;
	struct usage usage;
	unsigned int last = soak->nsamples;
	char when[16];

	if (second < last * (double)SAMPLE_S)
		return;
	look(soak, &usage);
	add_sample(soak, second / MINUTE, usage.allocated);
	if (last * SAMPLE_S % MINUTE)
		return;
	snprintf(when, sizeof(when), "%u min", last * SAMPLE_S / MINUTE);
	print_usage(when, &usage);
	load_figures(load, &figures);
	print_figures(soak, &figures);
}

static void begin_opener(struct soak *soak)
{
	soak->opener = opener_new(&(struct opener_params){
		.server = soak->server,
		.loop = soak->loop,
		.number = OPENER,
		.within_ms = GONE_WITHIN_MS,
	});
}

/* When it has had all that it wanted. */
static void end_opener(struct soak *soak)
{
	struct opener_figures figures = { 0 };

	if (!soak->failed && !opener_finish(soak->opener))
		fail(soak, "%s", opener_failure(soak->opener));
	opener_add_figures(soak->opener, &figures);
	soak->wants += figures.wants;
	opener_free(soak->opener);
}

/* For so long; @measured: with samples. */
static void run_load(struct soak *soak, unsigned int seconds, bool measured)
{
	struct load *load = load_start(&(struct load_params){
		.schedule = &soak->schedule,
		.server = soak->server,
		.loop = soak->loop,
		.files = soak->files,
		.clients = soak->clients,
		.first_number = 1,
	});
	uint64_t begun = nfs_now_ns(), passed = begun;
	double second = 0;

	begin_opener(soak);
	while (second < seconds && !soak->failed) {
		if (!load_wait(load, STALLED_MS)) {
			fail(soak, "%s",
			     *load_failure(load) ? load_failure(load) :
						   "no client makes progress");
			break;
		}
		if (nfs_now_ns() - passed > PASSER_MS * UINT64_C(1000000)) {
			passed = nfs_now_ns();
			pass(soak);
		}
		second = (nfs_now_ns() - begun) / 1e9;
		opener_serve(soak->opener);
		if (measured)
			observe(soak, load, second);
	}
	load_stop(load);
	if (!soak->failed && *load_failure(load))
		fail(soak, "%s", load_failure(load));
	load_figures(load, &soak->figures);
	soak->wants += soak->figures.openers.wants;
	load_free(load);
	if (!soak->failed)
		pass(soak);
	end_opener(soak);
}

/* ---- What must hold ---- */

/* KiB in a minute: the slope of the line through the second half's samples. */
static double trend(const struct soak *soak)
{
	const struct sample *half = soak->samples + soak->nsamples / 2;
	unsigned int n = soak->nsamples - soak->nsamples / 2;
	double x = 0, y = 0, xx = 0, xy = 0;

	for (unsigned int i = 0; i < n; i++) {
		x += half[i].minute / n;
		y += (double)half[i].allocated / n;
	}
	for (unsigned int i = 0; i < n; i++) {
		xx += (half[i].minute - x) * (half[i].minute - x);
		xy += (half[i].minute - x) * (half[i].allocated - y);
	}
	return xx > 0 ? xy / xx : 0;
}

static void check(struct soak *soak, const struct usage *before,
		  const struct usage *after)
{
	long cached = HEAP_OF_FILE * (long)(after->made - before->made);
	double slope = trend(soak);

	print_usage("all gone", after);
	print_figures(soak, &soak->figures);
	printf("memory: %+ld KiB since the first minute; in the second half %+.0f KiB in a minute\n",
	       after->allocated - before->allocated, slope);
	if (!server_alive(soak->server))
		fail(soak, "the server ended with %d",
		     server_crashed(soak->server));
	if (after->connections || after->files ||
	    after->sockets != before->sockets ||
	    after->others != before->others)
		fail(soak,
		     "%d connections, %d files, %d sockets, %d other descriptors are left",
		     after->connections, after->files,
		     after->sockets - before->sockets,
		     after->others - before->others);
	if (after->allocated > before->allocated + HEAP_BOUND + cached)
		fail(soak, "%ld KiB are left",
		     after->allocated - before->allocated);
	if (slope > TREND_BOUND && soak->seconds >= 5 * MINUTE)
		fail(soak, "the memory grows");
}

static void check_end(struct soak *soak)
{
	int status = server_stop(soak->server);
	const char *wrong = totals_wrong(soak->server, soak->wants / 2);

	if (status)
		fail(soak, "the server ended with %d when told to", status);
	if (wrong)
		fail(soak, "%s", wrong);
	if (!server_log_count(soak->server,
			      "0 clients, 0 sessions, 0 connections"))
		fail(soak, "the module's tables are not empty");
}

static void run(struct soak *soak)
{
	struct usage before, after;

	run_load(soak, MINUTE, false);
	if (soak->failed)
		return;
	wait_gone(soak, &before);
	print_usage("first minute", &before);
	print_figures(soak, &soak->figures);
	run_load(soak, soak->seconds, true);
	wait_gone(soak, &after);
	check(soak, &before, &after);
}

/* ---- The command ---- */

static void parse(int argc, char **argv, struct soak *soak)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "clients", required_argument, NULL, 'n' },
		{ 0 },
	};
	int option;

	soak->schedule.seed = nfs_now_ns() % 1000000000;
	soak->clients = 48;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's')
			soak->schedule.seed = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			soak->clients = strtoul(optarg, NULL, 0);
		else
			exit(2);
	}
	if (optind + 1 == argc)
		soak->seconds = strtoul(argv[optind], NULL, 10) * MINUTE;
	if (!soak->seconds) {
		fprintf(stderr,
			"usage: soak [--seed N] [--clients N] MINUTES\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct soak soak = { 0 };

	parse(argc, argv, &soak);
	printf("seed %llu, %u clients\n",
	       (unsigned long long)soak.schedule.seed, soak.clients);
	if (heap_open(&soak.heap))
		return 1;
	soak.server = server_start(
		&(struct server_params){ .module = true,
					 .hold_conflicts = SERVER_DEFAULT,
					 .lease_lifetime = LEASE,
					 .env = soak.heap.env });
	if (!soak.server) {
		heap_close(&soak.heap);
		return 1;
	}
	soak.loop = nfs_loop_new();
	soak.files = files_new(soak.server);
	run(&soak);
	check_end(&soak);
	if (soak.failed)
		server_show(soak.server);
	files_free(soak.files);
	nfs_loop_free(soak.loop);
	server_free(soak.server);
	heap_close(&soak.heap);
	free(soak.samples);
	return soak.failed;
}
