/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locking: the samples and the failure are guarded by the lock. The loop is
 * their own: a callback is stamped when it comes, however busy the load's is.
 */
#include "bystander.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nfs41.h"
#include "opener.h"
#include "responder.h"
#include "sort.h"

#define RECALLED_WITHIN_MS 20000
#define WOKEN_WITHIN_MS 400 /* far less than Hold_Conflicts */
#define ROUNDS_OF_A_LIFE 500 /* bounds the responder's log */

/* How much slower recalls may be: noise of a shared machine. */
#define SLOWER 3
#define P50_NOISE 5.0 /* ms */
#define P99_NOISE 100.0 /* ms */

struct bystander {
	pthread_t thread;
	struct bystanders *all;
	struct nfs_client client;
	struct nfs_session session;
	struct opener *opener;
	struct cb_responder *responder;
	unsigned int number, opener_number;
	struct seen seen;
};

struct series {
	uint64_t *each; /* ns */
	unsigned int count, size;
};

struct bystanders {
	struct nfs_loop *loop;
	const struct server *server;
	struct files *files;
	struct bystander *each;
	unsigned int count;
	unsigned int every_ms;
	atomic_bool stop; /* changed under [L] */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a sample, a failure, the end */
	struct series recalls; /* [L] */
	struct series plain; /* [L] */
	unsigned int late; /* [L] */
	char failure[256]; /* [L] the first; "" if there is none */
};

/* @return whether @a status is NFS4_OK */
static bool ok(struct bystander *by, const char *what, int status)
{
	struct bystanders *all = by->all;

	pthread_mutex_lock(&all->lock);
	if (status && !all->failure[0])
		snprintf(all->failure, sizeof(all->failure),
			 "bystander %u: %s: %d", by->number, what, status);
	if (status)
		pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	return status == NFS4_OK;
}

static void add_sample(struct bystanders *all, struct series *series,
		       uint64_t ns)
{
	pthread_mutex_lock(&all->lock);
	if (series->count == series->size) {
		series->size = 2 * series->size + 1024;
		series->each = realloc(series->each,
				       series->size * sizeof(*series->each));
		if (!series->each)
			abort();
	}
	series->each[series->count++] = ns;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
}

/* Have the delegation of @a path recalled; it is callback number @a n. */
static bool be_recalled(struct bystander *by, const char *path, unsigned int n)
{
	struct cb_call *call;
	uint64_t sent = nfs_now_ns();

	opener_want(by->opener, WANT_OPEN, path);
	opener_serve(by->opener);
	call = cb_responder_wait(by->responder, n, RECALLED_WITHIN_MS);
	if (!ok(by, "its recall has not come", call ? 0 : -1))
		return false;
	add_sample(by->all, &by->all->recalls, call->arrival_ns - sent);
	return true;
}

/* @a returned  when, at the latest, who is held could go on */
static bool has_woken(struct bystander *by, uint64_t returned)
{
	struct bystanders *all = by->all;
	bool opened = opener_finish(by->opener);

	pthread_mutex_lock(&all->lock);
	all->late +=
		nfs_now_ns() - returned > WOKEN_WITHIN_MS * UINT64_C(1000000);
	pthread_mutex_unlock(&all->lock);
	return ok(by, "OPEN after DELEGRETURN", !opened);
}

static bool be_closed(struct bystander *by, struct nfs_file *held)
{
	uint64_t sent = nfs_now_ns();

	if (!ok(by, "CLOSE", nfs_close(&by->session, held)))
		return false;
	add_sample(by->all, &by->all->plain, nfs_now_ns() - sent);
	return true;
}

static bool take_round(struct bystander *by, unsigned int n)
{
	struct files *files = by->all->files;
	struct nfs_file held;
	char path[FILE_PATH_MAX];
	unsigned int number = files_take(files, path);
	bool good;

	good = ok(by, "OPEN",
		  nfs_open(&by->session, path,
			   OPEN4_SHARE_ACCESS_READ |
				   OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
			   &held)) &&
	       ok(by, "no delegation",
		  held.delegation.type != OPEN_DELEGATE_READ);
	by->seen.granted += good;
	good = good && be_recalled(by, path, n) &&
	       ok(by, "DELEGRETURN",
		  nfs_delegreturn(&by->session, &held.fh,
				  &held.delegation.stateid));
	by->seen.returned += good;
	good = good && has_woken(by, nfs_now_ns()) && be_closed(by, &held);
	files_give(files, number);
	return good;
}

/* Until the next round is due, or the end. */
static void rest(struct bystanders *all, const struct timespec *due)
{
	pthread_mutex_lock(&all->lock);
	while (!atomic_load(&all->stop) &&
	       nfs_cond_wait(&all->changed, &all->lock, due))
		;
	pthread_mutex_unlock(&all->lock);
}

static bool live(struct bystander *by)
{
	struct opener_figures opener = { 0 };
	struct nfs_conn *conn;
	bool good;

	by->responder = cb_responder_new();
	by->client.responder = by->responder;
	if (!ok(by, "mount", nfs_client_mount(&by->client, &by->session)))
		return false;
	by->opener = opener_new(&(struct opener_params){
		.server = by->all->server,
		.loop = by->all->loop,
		.number = by->opener_number,
		.within_ms = RECALLED_WITHIN_MS,
	});
	conn = nfs_conn_get(by->session.conn);
	good = true;
	for (unsigned int n = 0;
	     n < ROUNDS_OF_A_LIFE && good && !atomic_load(&by->all->stop);
	     n++) {
		struct timespec due = nfs_deadline(by->all->every_ms);

		good = take_round(by, n);
		if (by->all->every_ms)
			rest(by->all, &due);
	}
	opener_add_figures(by->opener, &opener);
	by->seen.sessions += 1 + opener.sessions;
	opener_free(by->opener);
	nfs_client_unmount(&by->session);
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	nfs_conn_put(conn);
	good = good && ok(by, "violations of the RFC",
			  cb_responder_violations(by->responder, NULL));
	seen_add_responder(&by->seen, by->responder);
	cb_responder_free(by->responder);
	return good;
}

static void *run(void *arg)
{
	struct bystander *by = arg;

	while (!atomic_load(&by->all->stop) && live(by))
		;
	return NULL;
}

struct bystanders *bystanders_start(const struct server *server,
				    struct files *files, unsigned int count,
				    unsigned int first_number,
				    unsigned int every_ms)
{
	struct bystanders *all = calloc(1, sizeof(*all));

	if (!all)
		abort();
	all->loop = nfs_loop_new();
	all->server = server;
	all->files = files;
	all->count = count;
	all->each = calloc(count, sizeof(*all->each));
	if (!all->each)
		abort();
	all->every_ms = every_ms;
	pthread_mutex_init(&all->lock, NULL);
	nfs_cond_init(&all->changed);
	for (unsigned int i = 0; i < count; i++) {
		struct bystander *by = &all->each[i];

		by->all = all;
		by->number = i;
		nfs_client_init(&by->client, all->loop, server_port(server),
				first_number + 2 * i);
		by->opener_number = first_number + 2 * i + 1;
		if (pthread_create(&by->thread, NULL, run, by))
			abort();
	}
	return all;
}

bool bystanders_wait(struct bystanders *all, unsigned int samples,
		     int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	bool enough;

	pthread_mutex_lock(&all->lock);
	while (all->recalls.count < samples && !all->failure[0] &&
	       nfs_cond_wait(&all->changed, &all->lock, &deadline))
		;
	enough = all->recalls.count >= samples && !all->failure[0];
	pthread_mutex_unlock(&all->lock);
	return enough;
}

/* @param share  of the series, 1: the last @return ms; 0 if there is none */
static double percentile(const struct series *series, double share)
{
	unsigned int n = series->count;

	return n ? series->each[(unsigned int)((n - 1) * share)] / 1e6 : 0;
}

void bystanders_latency(struct bystanders *all, struct latency *latency)
{
	pthread_mutex_lock(&all->lock);
	nfs_sort_u64(all->recalls.each, all->recalls.count);
	nfs_sort_u64(all->plain.each, all->plain.count);
	*latency = (struct latency){
		.samples = all->recalls.count,
		.p50 = percentile(&all->recalls, 0.5),
		.p99 = percentile(&all->recalls, 0.99),
		.worst = percentile(&all->recalls, 1),
		.plain_p50 = percentile(&all->plain, 0.5),
		.plain_p99 = percentile(&all->plain, 0.99),
		.late = all->late,
	};
	all->late = 0;
	all->recalls.count = 0;
	all->plain.count = 0;
	pthread_mutex_unlock(&all->lock);
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

bool latency_is_worse(const struct latency *before,
		      const struct latency *during)
{
	return during->p50 > SLOWER * larger(before->p50, during->plain_p50) +
				     P50_NOISE ||
	       during->p99 > SLOWER * larger(before->p99, during->plain_p99) +
				     P99_NOISE;
}

const char *bystanders_failure(struct bystanders *all)
{
	return all->failure;
}

void bystanders_stop(struct bystanders *all)
{
	pthread_mutex_lock(&all->lock);
	atomic_store(&all->stop, true);
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	for (unsigned int i = 0; i < all->count; i++)
		pthread_join(all->each[i].thread, NULL);
}

void bystanders_add_seen(const struct bystanders *all, struct seen *sum)
{
	for (unsigned int i = 0; i < all->count; i++)
		seen_add(sum, &all->each[i].seen);
}

void bystanders_free(struct bystanders *all)
{
	nfs_loop_free(all->loop);
	free(all->each);
	free(all->recalls.each);
	free(all->plain.each);
	pthread_mutex_destroy(&all->lock);
	pthread_cond_destroy(&all->changed);
	free(all);
}
