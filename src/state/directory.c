/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The directory: all clients by their places.
 *
 * Purpose: who goes through all clients, a few at a time, goes on where he was,
 *   whatever has come and gone meanwhile.  A hash table has no such order.
 * Data: blocks of places, found by number; those that are free are in a list.
 * Locking: directory_lock, a leaf that comes after client->lock, is taken when a
 *   client comes or goes.  Readers take none.
 * Lifetime: a client has its place from its first lock (bc_client_lock()) until it
 *   leaves its table.  Blocks stay until the core's end.
 * Invariant: a client keeps its place: who goes from the first place to the end
 *   meets each client that is there all the time exactly once.
 */
#include "bc_internal.h"

#include <stdlib.h>

#define BLOCK 1024 /* places */
#define BLOCKS 65536

struct block {
	struct bc_client *clients[BLOCK]; /* [R]; NULL: none */
	uint32_t
		next_free[BLOCK]; /* [D] the place after it in the list, or 0 */
};

/* [D]: guarded by directory_lock. */
static pthread_mutex_t directory_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks[BLOCKS]; /* [R] up to `end`; set under [D] */
static uint32_t free_first; /* [D] 0: none is */
static uint32_t end = 1; /* [A], changed under [D] */

static struct block *block_of(uint32_t place)
{
	return rcu_dereference(blocks[place / BLOCK]);
}

/* A place that was never used, or 0: there is no memory. [D] */
static uint32_t new_place(void)
{
	struct block **block = &blocks[end / BLOCK];

	if (end / BLOCK == BLOCKS - 1)
		return 0;
	if (!*block) {
		struct block *made = calloc(1, sizeof(*made));

		if (!made)
			return 0;
		rcu_assign_pointer(*block, made);
	}
	uatomic_set(&end, end + 1);
	return end - 1;
}

void bc_directory_add_locked(struct bc_client *client)
{
	uint32_t place;

	bc_assert_locked(&client->lock);
	pthread_mutex_lock(&directory_lock);
	place = free_first;
	if (place)
		free_first = block_of(place)->next_free[place % BLOCK];
	else
		place = new_place();
	if (place)
		rcu_assign_pointer(block_of(place)->clients[place % BLOCK],
				   client);
	client->place = place;
	pthread_mutex_unlock(&directory_lock);
}

void bc_directory_remove_locked(struct bc_client *client)
{
	uint32_t place = client->place;
	struct block *block;

	bc_assert_locked(&client->lock);
	if (!place)
		return;
	pthread_mutex_lock(&directory_lock);
	block = block_of(place);
	rcu_assign_pointer(block->clients[place % BLOCK], NULL);
	block->next_free[place % BLOCK] = free_first;
	free_first = place;
	client->place = 0;
	pthread_mutex_unlock(&directory_lock);
}

uint32_t bc_directory_end(void)
{
	return uatomic_read(&end);
}

struct bc_client *bc_directory_client_rcu(uint32_t place)
{
	struct block *block = block_of(place);

	return block ? rcu_dereference(block->clients[place % BLOCK]) : NULL;
}

void bc_directory_fini(void)
{
	for (uint32_t i = 0; i <= end / BLOCK; i++) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
	free_first = 0;
	end = 1;
}
