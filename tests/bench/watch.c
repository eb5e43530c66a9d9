/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What it costs to look at many clients, and what that costs them:
 *
 *     watch CLIENTS
 *
 * Each client has a session and a connection, and a callback waits for one in a
 * hundred.  Then /metrics is written, and all pages of /v1/clients, again and again,
 * while a thread makes callbacks; it makes as many without that, before.  The former
 * are told in CPU time of their thread, as a busy machine does not change that.
 */
#include "null_transport.h"

#include "admin/json.h"
#include "admin/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 9
#define PAGE 1000
#define CALLBACKS 200000

static const struct bc_admin_config config = { .version = "", .ganesha = "" };

static enum bc_admin_state state(const char **why)
{
	*why = "";
	return BC_ADMIN_ATTACHED;
}

static int by_value(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

static void show(const char *what, double *ms, int count)
{
	qsort(ms, (size_t)count, sizeof(*ms), by_value);
	printf("%s: median %.3f ms, worst %.3f ms\n", what, ms[count / 2],
	       ms[count - 1]);
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double since(uint64_t begun)
{
	return (double)(cpu_ns() - begun) / 1e6;
}

static double write_metrics(struct bc_admin_config *from)
{
	uint64_t begun = cpu_ns();
	struct bc_model model;
	size_t len;

	bc_model_read(&model, from);
	free(bc_metrics_write(&model, BC_METRICS_TEXT, &len));
	return since(begun);
}

/* All pages. @param[out] longest  of one */
static double write_clients(double *longest)
{
	static struct bc_client_view views[PAGE];
	uint64_t begun = cpu_ns();
	uint32_t cursor = 0;

	*longest = 0;
	do {
		uint64_t page = cpu_ns();
		size_t count = bc_snapshot_clients(&cursor, views, PAGE);

		free(bc_json_clients(views, count, cursor));
		if (since(page) > *longest)
			*longest = since(page);
	} while (cursor);
	return since(begun);
}

static void *watch(void *arg)
{
	double metrics[ROUNDS], pages[ROUNDS], all[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		metrics[i] = write_metrics(arg);
		all[i] = write_clients(&pages[i]);
	}
	show("/metrics", metrics, ROUNDS);
	show("/v1/clients, the longest page of 1000", pages, ROUNDS);
	show("/v1/clients, all pages", all, ROUNDS);
	return NULL;
}

static void call_clients(const char *what, uint64_t clients)
{
	double *us = malloc(CALLBACKS * sizeof(*us));

	for (uint64_t i = 0; i < CALLBACKS; i++) {
		uint64_t begun = bc_now_ns();

		null_submit(i * 7919 % clients + 1);
		null_answer(null_sent());
		us[i] = (double)(bc_now_ns() - begun) / 1e3;
	}
	qsort(us, CALLBACKS, sizeof(*us), by_value);
	printf("callbacks %s: median %.2f us, 99.9 %% within %.2f us\n", what,
	       us[CALLBACKS / 2], us[CALLBACKS - CALLBACKS / 1000]);
	free(us);
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct bc_admin_config here = config;
	struct null_client *clients;
	pthread_t watcher;

	if (!count) {
		fprintf(stderr, "usage: watch CLIENTS\n");
		return 2;
	}
	here.state = state;
	null_start();
	clients = calloc(count, sizeof(*clients));
	for (unsigned long i = 0; i < count; i++)
		null_client_init(&clients[i], i + 1, 16);
	for (unsigned long i = 0; i < count / 100; i++)
		null_submit(count + i + 1);
	bc_worker_flush(bc_completion_queue);
	call_clients("alone", count);
	pthread_create(&watcher, NULL, watch, &here);
	call_clients("beside", count);
	pthread_join(watcher, NULL);
	null_fail_waiting();
	for (unsigned long i = 0; i < count; i++)
		null_client_fini(&clients[i]);
	null_stop();
	free(clients);
	return 0;
}
