/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "holder.h"

#include <stdlib.h>
#include <string.h>

#define LIAR_EVERY 8
#define RECORDS 24 /* of a back channel's connection, at most */
#define OPENERS_RECORDS 250 /* they are many at a time */

static void plan(void *arg, unsigned int address, unsigned int n,
		 struct fault_plan *out)
{
	const struct load *load = arg;

	schedule_connection(load->params.schedule, address, n, RECORDS, out);
}

static void opener_plan(void *arg, unsigned int address, unsigned int n,
			struct fault_plan *out)
{
	const struct load *load = arg;

	schedule_connection(load->params.schedule, address, n, OPENERS_RECORDS,
			    out);
}

struct load *load_start(const struct load_params *params)
{
	struct load *load = calloc(1, sizeof(*load));

	if (!load)
		abort();
	load->params = *params;
	pthread_mutex_init(&load->lock, NULL);
	nfs_cond_init(&load->turned);
	load->proxy = proxy_new(server_port(params->server), plan, load);
	load->opener_proxy =
		proxy_new(server_port(params->server), opener_plan, load);
	load->holders = calloc(params->clients, sizeof(*load->holders));
	if (!load->proxy || !load->opener_proxy || !load->holders)
		abort();
	for (unsigned int i = 0; i < params->clients; i++) {
		struct holder *holder = &load->holders[i];

		holder->load = load;
		holder->number = params->first_number + i;
		holder->liar = i % LIAR_EVERY == LIAR_EVERY - 1 &&
			       !params->schedule->calm;
		if (pthread_create(&holder->thread, NULL, holder_run, holder))
			abort();
	}
	return load;
}

bool load_wait(struct load *load, int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	unsigned int turns;
	bool good;

	pthread_mutex_lock(&load->lock);
	turns = load->turns;
	while (load->turns == turns && !load->failure[0] &&
	       nfs_cond_wait(&load->turned, &load->lock, &deadline))
		;
	good = load->turns != turns && !load->failure[0];
	pthread_mutex_unlock(&load->lock);
	return good;
}

const char *load_failure(struct load *load)
{
	return load->failure;
}

void load_figures(struct load *load, struct load_figures *figures)
{
	*figures = (struct load_figures){
		.turns = load->figures.turns,
		.lives = load->figures.lives,
		.recalls = load->figures.recalls,
		.retries = load->figures.retries,
		.replies = load->figures.replies,
		.lies = load->figures.lies,
		.binds = load->figures.binds,
		.failed_binds = load->figures.failed_binds,
		.closed = load->figures.closed,
		.remade = load->figures.remade,
		.not_granted = load->figures.not_granted,
		.left = load->figures.left,
		.restarted = load->figures.restarted,
	};
	for (unsigned int i = 0; i < SCHEDULE_OPENERS; i++)
		figures->suffered[i] = load->figures.suffered[i];
	pthread_mutex_lock(&load->lock);
	figures->openers = load->openers;
	figures->seen = load->seen;
	figures->seen.sessions += load->openers.sessions;
	pthread_mutex_unlock(&load->lock);
	proxy_figures(load->proxy, &figures->proxy);
	proxy_figures(load->opener_proxy, &figures->opener_proxy);
}

void load_stop(struct load *load)
{
	atomic_store(&load->stop, true);
	for (unsigned int i = 0; i < load->params.clients; i++)
		pthread_join(load->holders[i].thread, NULL);
}

void load_free(struct load *load)
{
	proxy_free(load->proxy);
	proxy_free(load->opener_proxy);
	free(load->holders);
	pthread_mutex_destroy(&load->lock);
	pthread_cond_destroy(&load->turned);
	free(load);
}
