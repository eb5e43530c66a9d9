/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An administrator looks at the crowd, as often as the answers come, while a bystander
 * is called back; and the bystander's callbacks without that, in turns.
 */
#include "admin_http.h"
#include "holder.h"
#include "scale.h"
#include "sort.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS 8 /* half of them beside who looks */
#define LOOKS 4096 /* of each kind, kept */
#define PACE_MS 5 /* between the bystander's callbacks */
#define PAGE 1000 /* clients in an answer */

/** How long answers took, ms. */
struct looks {
	double ms[LOOKS];
	unsigned int count;
};

struct watcher {
	struct crowd *crowd;
	_Atomic bool stop;
	struct looks metrics, pages;
	unsigned int seen; /* clients in the last walk through all pages */
};

static double quantile(double *values, unsigned int count, double part)
{
	nfs_sort_double(values, count);
	return values[(unsigned int)(part * (count - 1))];
}

/* @return the answer, to be freed */
static char *look(struct watcher *watcher, const char *url, struct looks *looks)
{
	const char *path = server_admin_socket(watcher->crowd->side.server);
	uint64_t begun = nfs_now_ns();
	char *text;

	if (admin_ask(admin_connect(path), "GET", url, &text) != 200)
		fatal("%s is not answered", url);
	if (looks->count < LOOKS)
		looks->ms[looks->count++] = seconds_since(begun) * 1e3;
	return text;
}

static unsigned int occurrences(const char *text, const char *what)
{
	unsigned int count = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		count++;
	}
	return count;
}

/* Where the next page begins; 0: that was the last one. */
static unsigned long next_page(const char *text)
{
	const char *next = strstr(text, "\"next\":");

	return next ? strtoul(next + strcspn(next, "0123456789"), NULL, 10) : 0;
}

/* Through all pages, with a look at the metrics before each. */
static void walk(struct watcher *watcher)
{
	unsigned long cursor = 0;
	unsigned int seen = 0;

	do {
		char url[64], *text;

		snprintf(url, sizeof(url), "/v1/clients?limit=%u&cursor=%lu",
			 PAGE, cursor);
		free(look(watcher, "/metrics", &watcher->metrics));
		text = look(watcher, url, &watcher->pages);
		seen += occurrences(text, "\"id\":");
		cursor = next_page(text);
		free(text);
	} while (cursor && !watcher->stop);
	if (!cursor)
		watcher->seen = seen;
}

static void *watch(void *arg)
{
	struct watcher *watcher = arg;

	do
		walk(watcher);
	while (!watcher->stop);
	return NULL;
}

/* @return the number of values */
static unsigned int turn(struct holder *holder, unsigned int from,
			 unsigned int recalls, double *us)
{
	for (unsigned int i = 0; i < recalls; i++) {
		sleep_ms(PACE_MS);
		us[i] = holder_recall_us(holder, from + i);
		if (us[i] < 0)
			fatal("the server has crashed");
	}
	return recalls;
}

static void record_bystander(const struct crowd *crowd, const char *with,
			     double *us, unsigned int count)
{
	record("\"what\":\"bystander\",\"clients\":%u,\"with\":\"%s\","
	       "\"count\":%u,\"p50_us\":%.1f,\"p90_us\":%.1f,"
	       "\"p99_us\":%.1f",
	       crowd->count, with, count, quantile(us, count, 0.5),
	       quantile(us, count, 0.9), quantile(us, count, 0.99));
}

static void record_looks(const struct crowd *crowd, const char *url,
			 struct looks *looks)
{
	record("\"what\":\"look\",\"clients\":%u,\"url\":\"%s\","
	       "\"count\":%u,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	       "\"worst_ms\":%.3f",
	       crowd->count, url, looks->count,
	       quantile(looks->ms, looks->count, 0.5),
	       quantile(looks->ms, looks->count, 0.99),
	       quantile(looks->ms, looks->count, 1));
}

void measure_watch(struct crowd *crowd, const struct effort *effort)
{
	unsigned int each = effort->bystander_recalls * 2 / TURNS;
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	double *us = calloc(2 * (size_t)each * TURNS, sizeof(*us));
	double *beside = us + (size_t)each * TURNS;
	unsigned int alone_count = 0, beside_count = 0;
	struct holder holder;

	if (!watcher || !us)
		fatal("out of memory");
	watcher->crowd = crowd;
	holder_begin(crowd->bench, &crowd->side, &holder, each * TURNS);
	for (unsigned int i = 0; i < TURNS; i++) {
		pthread_t thread;

		if (i % 2 == 0) {
			alone_count +=
				turn(&holder, i * each, each, us + alone_count);
			continue;
		}
		watcher->stop = false;
		if (pthread_create(&thread, NULL, watch, watcher))
			fatal("no thread");
		beside_count +=
			turn(&holder, i * each, each, beside + beside_count);
		watcher->stop = true;
		pthread_join(thread, NULL);
	}
	watcher->stop = false;
	walk(watcher);
	/* The bystander and who opens against it are there, too. */
	all_or_fatal(crowd, "seen in /v1/clients", watcher->seen,
		     crowd->count + 2);
	record_bystander(crowd, "nobody", us, alone_count);
	record_bystander(crowd, "a watcher", beside, beside_count);
	record_looks(crowd, "/metrics", &watcher->metrics);
	record_looks(crowd, "/v1/clients", &watcher->pages);
	holder_end(&holder);
	free(watcher);
	free(us);
}
