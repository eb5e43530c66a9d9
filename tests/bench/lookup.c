/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a callback's look for its client costs, by the number of clients.
 *
 *     lookup CLIENTS THREADS CHURN
 *
 * THREADS threads look clients up; with CHURN 1 another one makes and destroys
 * clients all the while.  Prints one line: nanoseconds a lookup when all threads
 * visit the same ten clients (the table's own cost) and when they visit all in
 * no order (and the memory's), and the churn's clients a second.
 */
#include "null_transport.h"

#include <stdio.h>
#include <stdlib.h>

#define FEW 10
#define THREADS_MAX 16
#define ROUND_MS 300
#define SETTLE_ROUNDS 30

struct looker {
	pthread_t thread;
	uint32_t among; /* clients to visit */
	uint64_t state; /* of the random numbers */
	uint64_t lookups;
	double ns; /* each */
};

static struct null_client *clients;
static bool stop; /* [A] */
static unsigned long churned; /* [A] */

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The thread's own time: the machine may be busy with something else. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *look(void *arg)
{
	struct looker *looker = arg;
	uint64_t start = cpu_ns();

	do {
		for (int i = 0; i < 1000; i++) {
			uint64_t at = random_next(&looker->state);
			struct bc_client *client =
				bc_client_get(at % looker->among + 1);

			if (!client)
				abort();
			bc_client_put(client);
		}
		looker->lookups += 1000;
	} while (!uatomic_read(&stop));
	looker->ns = (double)(cpu_ns() - start) / (double)looker->lookups;
	return NULL;
}

static void *churn(void *arg)
{
	uint64_t number = UINT64_C(1) << 32;

	(void)arg;
	while (!uatomic_read(&stop)) {
		struct null_client client;

		null_client_init(&client, number++, 1);
		null_client_fini(&client);
		uatomic_inc(&churned);
	}
	return NULL;
}

static void wait_ms(uint64_t ms)
{
	const struct timespec time = { .tv_nsec = (long)ms * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

/* @return the mean over the threads, ns */
static double measure(unsigned int threads, bool with_churn, uint32_t among)
{
	struct looker lookers[THREADS_MAX] = { 0 };
	pthread_t churner;
	double sum = 0;

	uatomic_set(&stop, false);
	if (with_churn)
		pthread_create(&churner, NULL, churn, NULL);
	for (unsigned int i = 0; i < threads; i++) {
		lookers[i].among = among;
		lookers[i].state = 88172645463325252u + i;
		pthread_create(&lookers[i].thread, NULL, look, &lookers[i]);
	}
	wait_ms(ROUND_MS);
	uatomic_set(&stop, true);
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(lookers[i].thread, NULL);
		sum += lookers[i].ns;
	}
	if (with_churn)
		pthread_join(churner, NULL);
	return sum / threads;
}

/* The tables grow a while after what is put into them. */
static void settle(void)
{
	double last, now = measure(1, false, FEW);
	int rounds = 0;

	do {
		last = now;
		now = measure(1, false, FEW);
	} while (now < 0.9 * last && ++rounds < SETTLE_ROUNDS);
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long threads = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	bool with_churn = argc == 4 && argv[3][0] == '1';
	double few, all;

	if (count < FEW || threads < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "usage: lookup CLIENTS THREADS CHURN\n");
		return 2;
	}
	clients = calloc(count, sizeof(*clients));
	if (!clients)
		return 1;
	null_start();
	for (unsigned long i = 0; i < count; i++)
		null_client_init(&clients[i], i + 1, 1);
	settle();
	few = measure((unsigned int)threads, with_churn, FEW);
	all = measure((unsigned int)threads, with_churn, (uint32_t)count);
	printf("%lu %lu %d %.1f %.1f %lu\n", count, threads, with_churn, few,
	       all, churned * 1000 / (2 * ROUND_MS));
	for (unsigned long i = 0; i < count; i++)
		null_client_fini(&clients[i]);
	null_stop();
	free(clients);
	return 0;
}
