/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The heap of what is due.
 */
#include "unit.h"

#include <stdlib.h>

#include "bc_internal.h"
#include "check.h"

#define MANY 3000

static struct bc_heap heap;
static struct bc_heap_node nodes[MANY];
static bool in[MANY];

static int setup(void **state)
{
	(void)state;
	heap.first = NULL;
	for (int i = 0; i < MANY; i++)
		in[i] = false;
	return 0;
}

static void add(int i, uint64_t when)
{
	nodes[i].when = when;
	bc_heap_add(&heap, &nodes[i]);
	in[i] = true;
}

static void take_out(int i)
{
	bc_heap_remove(&heap, &nodes[i]);
	in[i] = false;
}

static uint64_t take_first(void)
{
	uint64_t when = heap.first->when;

	take_out((int)(heap.first - nodes));
	return when;
}

static uint32_t rank(const struct bc_heap_node *node)
{
	return node ? node->rank : 0;
}

/* @return how many nodes there are */
static unsigned int assert_sane(const struct bc_heap_node *node,
				const struct bc_heap_node *up)
{
	if (!node)
		return 0;
	CHECK(node->up == up);
	CHECK(!up || up->when <= node->when);
	CHECK(in[node - nodes]);
	CHECK(rank(node->left) >= rank(node->right));
	CHECK(node->rank == rank(node->right) + 1);
	return 1 + assert_sane(node->left, node) +
	       assert_sane(node->right, node);
}

static unsigned int count(void)
{
	return assert_sane(heap.first, NULL);
}

static void test_heap_empty_has_no_first(void **state)
{
	(void)state;
	assert_null(heap.first);
	add(0, 5);
	take_out(0);
	assert_null(heap.first);
}

static void test_heap_gives_what_is_due_first(void **state)
{
	static const uint64_t when[] = { 40, 10, 30, 20, 10, UINT64_MAX, 0 };
	static const uint64_t sorted[] = { 0, 10, 10, 20, 30, 40, UINT64_MAX };

	(void)state;
	for (int i = 0; i < 7; i++)
		add(i, when[i]);
	for (int i = 0; i < 7; i++)
		assert_int_equal(take_first(), sorted[i]);
	assert_null(heap.first);
}

/* However they come: each step goes down that way at most, so it must be short. */
static void test_heap_way_to_the_right_is_short(void **state)
{
	(void)state;
	for (int order = -1; order <= 1; order++) {
		const struct bc_heap_node *node;
		unsigned int way = 0;

		setup(NULL);
		for (int i = 0; i < MANY; i++)
			add(i, (uint64_t)(MANY + order * i));
		assert_int_equal(count(), MANY);
		for (node = heap.first; node; node = node->right)
			way++;
		assert_true(1u << way <= MANY + 1);
	}
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void test_heap_of_many_added_and_removed_stays_sane(void **state)
{
	uint64_t seed = 88172645463325252u;
	unsigned int expected = 0;

	(void)state;
	for (int round = 0; round < 20 * MANY; round++) {
		int i = (int)(random_next(&seed) % MANY);

		if (in[i])
			take_out(i);
		else
			add(i, random_next(&seed) % 1000);
		expected += in[i] ? 1 : (unsigned int)-1;
		if (round % 500 == 0)
			assert_int_equal(count(), expected);
	}
	for (uint64_t last = 0; heap.first;) {
		uint64_t when = take_first();

		CHECK(when >= last);
		last = when;
		expected--;
	}
	assert_int_equal(expected, 0);
}

#define HEAP_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEAP_TEST(test_heap_empty_has_no_first),
		HEAP_TEST(test_heap_gives_what_is_due_first),
		HEAP_TEST(test_heap_way_to_the_right_is_short),
		HEAP_TEST(test_heap_of_many_added_and_removed_stays_sane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
