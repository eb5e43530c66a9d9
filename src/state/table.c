/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Tables: liburcu's lock-free hash tables, with room.
 *
 * Purpose: a look-up costs the same among ten and among 100,000.  By itself
 *   liburcu lets eight entries share a bucket before it makes more of them.
 * Data: struct bc_table.
 * Locking: none; finding is liburcu's, inside a read-side section.
 * Invariant: a table that has grown past the buckets it began with has two to
 *   four of them for each entry, a moment after the last was added.  When many
 *   have left, liburcu takes buckets away.
 */
#include "bc_internal.h"

/* More than a few clients are the rule. */
#define FIRST_BUCKETS 64

/* Buckets for an entry when the table grows. */
#define ROOM 4

static void table_grow(struct bc_work *work)
{
	struct bc_table *table = caa_container_of(work, struct bc_table, work);

	unsigned long count, buckets = FIRST_BUCKETS;

	uatomic_set(&table->growing, false);
	cmm_smp_mb(); /* pairs with bc_table_add()'s uatomic_xchg(): who adds sees
		       * that, or we see what was added
		       */
	count = uatomic_read(&table->count);
	while (buckets < ROOM * count)
		buckets *= 2; /* liburcu knows no others */
	cds_lfht_resize(table->entries, buckets);
}

int bc_table_init(struct bc_table *table)
{
	*table = (struct bc_table){ .work.run = table_grow };
	table->entries =
		cds_lfht_new(FIRST_BUCKETS, FIRST_BUCKETS, 0,
			     CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, NULL);
	return table->entries ? 0 : -ENOMEM;
}

void bc_table_fini(struct bc_table *table)
{
	if (table->entries)
		cds_lfht_destroy(table->entries, NULL);
	table->entries = NULL;
}

static bool is_power_of_two(unsigned long count)
{
	return !(count & (count - 1));
}

struct cds_lfht_node *bc_table_add(struct bc_table *table, unsigned long hash,
				   cds_lfht_match_fct match, const void *key,
				   struct cds_lfht_node *node)
{
	struct cds_lfht_node *found;
	unsigned long count;

	rcu_read_lock();
	found = cds_lfht_add_unique(table->entries, hash, match, key, node);
	rcu_read_unlock();
	if (found != node)
		return found;
	count = uatomic_add_return(&table->count, 1);
	if (ROOM * count > FIRST_BUCKETS && is_power_of_two(count) &&
	    !uatomic_xchg(&table->growing, true))
		bc_completion_queue(&table->work);
	return node;
}

void bc_table_del(struct bc_table *table, struct cds_lfht_node *node)
{
	rcu_read_lock();
	cds_lfht_del(table->entries, node);
	rcu_read_unlock();
	uatomic_dec(&table->count);
}
