/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The slot table alone: which slot, which sequence id.
 */
#include "unit.h"

#include "bc_internal.h"

#define SIZE 4

static struct bc_slot_table table;

static int setup(void **state)
{
	(void)state;
	bc_slots_init(&table, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bc_slots_fini(&table);
	return 0;
}

static void assert_sane_table(void)
{
	uint32_t lost = 0, waiting = 0, delayed = 0;

	assert_true(table.limit <= table.size);
	for (uint32_t i = 0; table.slots && i < table.size; i++) {
		lost += table.slots[i].state == BC_SLOT_LOST;
		waiting += table.slots[i].state == BC_SLOT_PARKED;
		delayed += table.slots[i].state == BC_SLOT_DELAYED;
	}
	assert_int_equal(table.lost, lost);
	assert_int_equal(table.waiting, waiting);
	assert_int_equal(table.delayed, delayed);
}

static struct bc_slot *acquire(uint32_t expected)
{
	int index = bc_slots_acquire(&table);

	assert_int_equal(index, expected);
	assert_int_equal(table.slots[index].state, BC_SLOT_BUSY);
	assert_sane_table();
	return &table.slots[index];
}

static void release(struct bc_slot *slot, enum bc_sequence_fate fate)
{
	bc_slots_release(&table, slot, fate);
	assert_sane_table();
}

static void test_slot_first_use_has_sequence_one(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(acquire(i)->sequence, 1);
}

static void test_slot_table_unused_has_no_memory(void **state)
{
	(void)state;
	assert_null(table.slots);
	assert_true(bc_slots_available(&table));
	assert_true(bc_slots_usable(&table));
}

static void test_slot_acquire_all_busy_is_enospc(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIZE; i++)
		acquire(i);
	assert_false(bc_slots_available(&table));
	assert_int_equal(bc_slots_acquire(&table), -ENOSPC);
}

static void test_slot_acquire_takes_lowest_free(void **state)
{
	struct bc_slot *slots[SIZE];

	(void)state;
	for (uint32_t i = 0; i < SIZE; i++)
		slots[i] = acquire(i);
	release(slots[2], BC_SEQUENCE_ADVANCES);
	release(slots[1], BC_SEQUENCE_ADVANCES);
	acquire(1);
	acquire(2);
}

static void test_slot_acquired_again_forgets_retry_and_delays(void **state)
{
	struct bc_slot *slot;

	(void)state;
	slot = acquire(0);
	slot->retry = true;
	slot->delays = 3;
	release(slot, BC_SEQUENCE_ADVANCES);
	slot = acquire(0);
	assert_false(slot->retry);
	assert_int_equal(slot->delays, 0);
}

static void test_slot_sequence_advances_by_one(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < 10; i++) {
		struct bc_slot *slot = acquire(0);

		assert_int_equal(slot->sequence, i);
		release(slot, BC_SEQUENCE_ADVANCES);
	}
}

static void test_slot_sequence_stays_for_uncounted_request(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_STAYS);
	assert_int_equal(acquire(0)->sequence, 2);
}

static void test_slot_sequence_wraps_around_to_zero(void **state)
{
	struct bc_slot *slot;

	(void)state;
	slot = acquire(0);
	slot->sequence = UINT32_MAX;
	release(slot, BC_SEQUENCE_ADVANCES);
	slot = acquire(0);
	assert_int_equal(slot->sequence, 0);
	release(slot, BC_SEQUENCE_ADVANCES);
	assert_int_equal(acquire(0)->sequence, 1);
}

static void test_slot_restart_begins_at_one(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	assert_int_equal(acquire(0)->sequence, 1);
	assert_int_equal(table.lost, 0);
}

static void test_slot_restart_twice_is_lost(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	assert_int_equal(table.lost, 1);
	acquire(1);
}

static void test_slot_restart_of_first_use_is_lost(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	assert_int_equal(table.lost, 1);
}

static void test_slot_restart_after_success_is_allowed_again(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	assert_int_equal(table.lost, 0);
	assert_int_equal(acquire(0)->sequence, 1);
}

static void test_slot_lost_is_not_used_again(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < SIZE; i++) {
		assert_true(bc_slots_usable(&table));
		release(acquire(i), BC_SEQUENCE_IS_LOST);
	}
	assert_int_equal(table.lost, SIZE);
	assert_false(bc_slots_available(&table));
	assert_false(bc_slots_usable(&table));
	assert_int_equal(bc_slots_acquire(&table), -ENOSPC);
}

static void set_target(uint32_t target)
{
	const struct bc_cb_sequence sent = { .highest_slot = SIZE };

	bc_slots_set_highest(&table, &sent, SIZE - 1, target);
}

static void test_slot_target_smaller_holds_back_higher_slots(void **state)
{
	struct bc_slot *second;

	(void)state;
	acquire(0);
	second = acquire(1);
	set_target(0);
	assert_false(bc_slots_available(&table));
	release(second, BC_SEQUENCE_ADVANCES);
	assert_false(bc_slots_available(&table));
	assert_int_equal(bc_slots_acquire(&table), -ENOSPC);
}

static void test_slot_target_larger_frees_higher_slots(void **state)
{
	(void)state;
	set_target(0);
	acquire(0);
	assert_false(bc_slots_available(&table));
	set_target(2);
	acquire(1);
	acquire(2);
	assert_false(bc_slots_available(&table));
}

static void test_slot_target_beyond_size_is_size(void **state)
{
	(void)state;
	set_target(0);
	set_target(SIZE);
	assert_int_equal(table.limit, SIZE);
	set_target(UINT32_MAX);
	assert_int_equal(table.limit, SIZE);
}

/* A reply to a request in @slot while @in_use was the highest in use. */
static void set_highest(uint32_t slot, uint32_t in_use, uint32_t highest)
{
	const struct bc_cb_sequence sent = { .slot = slot,
					     .highest_slot = in_use };

	bc_slots_set_highest(&table, &sent, highest, SIZE - 1);
}

static void test_slot_highest_smaller_holds_back_higher_slots(void **state)
{
	(void)state;
	set_highest(0, 3, 1);
	assert_int_equal(table.limit, 2);
	set_highest(0, 1, 2);
	assert_int_equal(table.limit, 3);
	set_highest(0, 1, UINT32_MAX);
	assert_int_equal(table.limit, SIZE);
}

static void test_slot_highest_echoed_changes_nothing(void **state)
{
	(void)state;
	set_highest(0, 0, 0);
	assert_int_equal(table.limit, SIZE);
	bc_slots_refused(&table, 1);
	set_highest(0, 0, 0);
	assert_int_equal(table.limit, 1);
	set_highest(2, 2, 2);
	assert_int_equal(table.limit, 3);
}

static void test_slot_misordered_after_assumed_goes_back_by_one(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_ASSUMED);
	assert_int_equal(acquire(0)->sequence, 4);
	release(&table.slots[0], BC_SEQUENCE_MISORDERED);
	assert_int_equal(acquire(0)->sequence, 3);
	/* Not again: then it starts over. */
	release(&table.slots[0], BC_SEQUENCE_MISORDERED);
	assert_int_equal(acquire(0)->sequence, 1);
	assert_int_equal(table.lost, 0);
}

static void test_slot_assumed_then_answered_is_certain(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_ASSUMED);
	release(acquire(0), BC_SEQUENCE_ADVANCES);
	release(acquire(0), BC_SEQUENCE_MISORDERED);
	assert_int_equal(acquire(0)->sequence, 1);
}

static void test_slot_refused_limits_to_those_below(void **state)
{
	(void)state;
	bc_slots_refused(&table, 2);
	assert_int_equal(table.limit, 2);
	bc_slots_refused(&table, 3);
	assert_int_equal(table.limit, 2);
	assert_true(bc_slots_usable(&table));
	bc_slots_refused(&table, 0);
	assert_false(bc_slots_usable(&table));
	assert_false(bc_slots_available(&table));
}

/* No reply can come any more that would raise the limit. */
static void test_slot_all_below_target_lost_is_not_usable(void **state)
{
	(void)state;
	release(acquire(0), BC_SEQUENCE_IS_LOST);
	set_target(0);
	assert_false(bc_slots_usable(&table));
}

/* The reply to the one that is out may raise the limit. */
static void test_slot_busy_above_target_is_usable(void **state)
{
	struct bc_slot *slot;

	(void)state;
	slot = acquire(0);
	acquire(1);
	set_target(0);
	release(slot, BC_SEQUENCE_IS_LOST);
	assert_true(bc_slots_usable(&table));
}

static void test_slot_highest_is_highest_in_use(void **state)
{
	struct bc_slot *slots[SIZE];

	(void)state;
	for (uint32_t i = 0; i < SIZE; i++) {
		slots[i] = acquire(i);
		assert_int_equal(bc_slots_highest(&table), i);
	}
	release(slots[3], BC_SEQUENCE_IS_LOST);
	assert_int_equal(bc_slots_highest(&table), 2);
	release(slots[1], BC_SEQUENCE_ADVANCES);
	assert_int_equal(bc_slots_highest(&table), 2);
	release(slots[2], BC_SEQUENCE_ADVANCES);
	assert_int_equal(bc_slots_highest(&table), 0);
}

static void test_slot_highest_counts_parked_and_delayed(void **state)
{
	struct bc_slot *slot;

	(void)state;
	acquire(0);
	slot = acquire(1);
	bc_slots_set(&table, slot, BC_SLOT_PARKED);
	assert_sane_table();
	assert_int_equal(bc_slots_highest(&table), 1);
	bc_slots_set(&table, slot, BC_SLOT_DELAYED);
	assert_sane_table();
	assert_int_equal(bc_slots_highest(&table), 1);
	release(slot, BC_SEQUENCE_STAYS);
	assert_int_equal(bc_slots_highest(&table), 0);
}

#define SLOT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOT_TEST(test_slot_table_unused_has_no_memory),
		SLOT_TEST(test_slot_first_use_has_sequence_one),
		SLOT_TEST(test_slot_acquire_all_busy_is_enospc),
		SLOT_TEST(test_slot_acquire_takes_lowest_free),
		SLOT_TEST(test_slot_acquired_again_forgets_retry_and_delays),
		SLOT_TEST(test_slot_sequence_advances_by_one),
		SLOT_TEST(test_slot_sequence_stays_for_uncounted_request),
		SLOT_TEST(test_slot_sequence_wraps_around_to_zero),
		SLOT_TEST(test_slot_restart_begins_at_one),
		SLOT_TEST(test_slot_restart_twice_is_lost),
		SLOT_TEST(test_slot_restart_of_first_use_is_lost),
		SLOT_TEST(test_slot_restart_after_success_is_allowed_again),
		SLOT_TEST(test_slot_lost_is_not_used_again),
		SLOT_TEST(test_slot_target_smaller_holds_back_higher_slots),
		SLOT_TEST(test_slot_target_larger_frees_higher_slots),
		SLOT_TEST(test_slot_target_beyond_size_is_size),
		SLOT_TEST(test_slot_highest_smaller_holds_back_higher_slots),
		SLOT_TEST(test_slot_highest_echoed_changes_nothing),
		SLOT_TEST(test_slot_misordered_after_assumed_goes_back_by_one),
		SLOT_TEST(test_slot_assumed_then_answered_is_certain),
		SLOT_TEST(test_slot_refused_limits_to_those_below),
		SLOT_TEST(test_slot_all_below_target_lost_is_not_usable),
		SLOT_TEST(test_slot_busy_above_target_is_usable),
		SLOT_TEST(test_slot_highest_is_highest_in_use),
		SLOT_TEST(test_slot_highest_counts_parked_and_delayed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
