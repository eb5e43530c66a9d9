/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Heaps: which of a client's callbacks is due first.
 *
 * Purpose: a client has none or few callbacks, or as many as may wait; each has
 *   another time, and most are taken out before it.  What is due is found without a
 *   look at what is not.
 * Data: a leftist heap: no node is due before the one above it, and on the way that
 *   always goes right there are at most log2(n + 1) nodes, n being all of them.
 * Locking: the owner's.
 * Lifetime: nodes are embedded in what they stand for.
 * Invariants: a node's rank is the right one's plus 1, and the left one's is not
 *   less; adding and removing take O(log n), adding what is due first of all O(1).
 */
#include "bc_internal.h"

static uint32_t rank_of(const struct bc_heap_node *node)
{
	return node ? node->rank : 0;
}

/* The nodes below have changed. @return whether the rank has, too */
static bool node_settle(struct bc_heap_node *node)
{
	uint32_t rank = node->rank;

	if (rank_of(node->left) < rank_of(node->right)) {
		struct bc_heap_node *left = node->left;

		node->left = node->right;
		node->right = left;
	}
	node->rank = rank_of(node->right) + 1;
	return node->rank != rank;
}

/* Two heaps, or none, become one.  It goes down the ways to the right of both:
 * that is as deep as it calls itself.
 */
static struct bc_heap_node *merge(struct bc_heap_node *first,
				  struct bc_heap_node *second)
{
	if (!first)
		return second;
	if (!second)
		return first;
	if (second->when < first->when) {
		struct bc_heap_node *later = first;

		first = second;
		second = later;
	}
	first->right = merge(first->right, second);
	first->right->up = first;
	node_settle(first);
	return first;
}

void bc_heap_add(struct bc_heap *heap, struct bc_heap_node *node)
{
	node->left = NULL;
	node->right = NULL;
	node->rank = 1;
	node->up = NULL;
	if (!heap->first) {
		heap->first = node;
		return;
	}
	heap->first = merge(heap->first, node);
	heap->first->up = NULL;
}

void bc_heap_remove(struct bc_heap *heap, struct bc_heap_node *node)
{
	struct bc_heap_node *up = node->up, *below = NULL;

	if (node->left) /* else there is no right one either */
		below = merge(node->left, node->right);
	if (below)
		below->up = up;
	if (!up)
		heap->first = below;
	else if (up->left == node)
		up->left = below;
	else
		up->right = below;
	while (up && node_settle(up))
		up = up->up;
}
