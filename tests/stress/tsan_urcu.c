/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * liburcu for ThreadSanitizer: the calls that take a function, and what TSan
 * is not to look at.
 */
#include "tsan_urcu.h"

#include <stdlib.h>

char tsan_grace_period;
static char barrier;

/* What liburcu does with its own memory, on its own threads, is ordered by
 * atomics that TSan does not see.  Our functions that it calls are not meant.
 */
const char *__tsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *
__tsan_default_suppressions(void)
{
	return "called_from_lib:liburcu-bp.so\n"
	       "called_from_lib:liburcu-cds.so\n";
}

/* Callbacks ---------------------------------------------------------------- */

/* The library runs ->run, on its own thread, a grace period later. */
struct deferred {
	struct rcu_head rcu;
	struct rcu_head *head;
	void (*run)(struct rcu_head *head);
};

static void run_deferred(struct rcu_head *rcu)
{
	struct deferred *deferred = caa_container_of(rcu, struct deferred, rcu);

	__tsan_acquire(deferred);
	__tsan_acquire(&tsan_grace_period);
	deferred->run(deferred->head);
	free(deferred);
	__tsan_release(&barrier);
}

void tsan_call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	struct deferred *deferred = malloc(sizeof(*deferred));

	if (!deferred)
		abort();
	deferred->head = head;
	deferred->run = func;
	__tsan_release(deferred);
	urcu_bp_call_rcu(&deferred->rcu, run_deferred);
}

void tsan_rcu_barrier(void)
{
	urcu_bp_barrier();
	__tsan_acquire(&barrier);
}

/* The hash table ------------------------------------------------------------ */

struct lookup {
	cds_lfht_match_fct match;
	const void *key;
};

static int match_acquired(struct cds_lfht_node *node, const void *key)
{
	const struct lookup *lookup = key;

	__tsan_acquire(node);
	return lookup->match(node, lookup->key);
}

void tsan_lfht_lookup(struct cds_lfht *table, unsigned long hash,
		      cds_lfht_match_fct match, const void *key,
		      struct cds_lfht_iter *iter)
{
	struct lookup lookup = { match, key };

	(cds_lfht_lookup)(table, hash, match_acquired, &lookup, iter);
}

struct cds_lfht_node *tsan_lfht_add_unique(struct cds_lfht *table,
					   unsigned long hash,
					   cds_lfht_match_fct match,
					   const void *key,
					   struct cds_lfht_node *node)
{
	struct lookup lookup = { match, key };

	__tsan_release(node);
	return (cds_lfht_add_unique)(table, hash, match_acquired, &lookup,
				     node);
}
