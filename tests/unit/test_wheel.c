/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The wheel of timers: what comes out, and when.
 */
#include "unit.h"

#include <string.h>

#include "bc_internal.h"
#include "check.h"

#define MANY 2000
#define STEPS_MAX 64 /* of a wheel, for one timer: more than it has levels */

static struct bc_wheel wheel;
static struct bc_timer timers[MANY];

static int setup(void **state)
{
	(void)state;
	memset(timers, 0, sizeof(timers));
	bc_wheel_init(&wheel);
	return 0;
}

static void add(struct bc_timer *timer, uint64_t when)
{
	timer->when = when;
	bc_wheel_add(&wheel, timer);
}

/* The next timer that is due until then, or NULL. */
static struct bc_timer *turn(uint64_t until, uint64_t *next)
{
	struct bc_timer *due;

	do
		*next = bc_wheel_turn(&wheel, until, &due);
	while (*next <= until && !due);
	return due;
}

static void assert_nothing_due(uint64_t until)
{
	uint64_t next;

	assert_null(turn(until, &next));
	assert_true(next > until);
}

/* Turned to each moment that the wheel names, as its thread does.
 * @return how often it was turned
 */
static unsigned int turn_until_due(struct bc_timer *timer)
{
	uint64_t now = wheel.now, next;
	unsigned int turns = 0;
	struct bc_timer *due;

	do {
		CHECK(now <= timer->when);
		due = turn(now, &next);
		CHECK(due || (next > now && next <= timer->when));
		now = next;
		turns++;
	} while (!due);
	assert_ptr_equal(due, timer);
	return turns;
}

static void test_wheel_empty_never_has_anything_due(void **state)
{
	struct bc_timer *due;

	(void)state;
	assert_int_equal(bc_wheel_turn(&wheel, 0, &due), UINT64_MAX);
	assert_null(due);
	assert_int_equal(bc_wheel_turn(&wheel, UINT64_MAX - 1, &due),
			 UINT64_MAX);
	assert_null(due);
}

static void test_wheel_timer_is_due_at_its_ms_and_not_before(void **state)
{
	static const uint64_t from[] = {
		0, 1, 63, 64, 4095, 1000000007, UINT64_MAX / 3
	};
	static const uint64_t later[] = { 0,	1,     2,      63,
					  64,	65,    250,    4095,
					  4096, 90000, 262145, 1000000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		for (size_t j = 0; j < sizeof(later) / sizeof(later[0]); j++) {
			uint64_t when = from[i] + later[j];

			setup(NULL);
			assert_nothing_due(from[i]);
			add(&timers[0], when);
			if (later[j])
				assert_nothing_due(when - 1);
			assert_true(turn_until_due(&timers[0]) <= 2);
			assert_nothing_due(when);
			assert_nothing_due(UINT64_MAX - 1);
		}
	}
}

/* It wakes its thread in vain at most once a level. */
static void test_wheel_turned_when_it_says_is_soon_at_the_timer(void **state)
{
	(void)state;
	for (uint64_t when = 1; when < UINT64_MAX / 2; when = 3 * when + 1) {
		setup(NULL);
		add(&timers[0], when);
		assert_true(turn_until_due(&timers[0]) <= BC_WHEEL_LEVELS + 1);
	}
}

static void test_wheel_timer_of_the_past_is_due_at_once(void **state)
{
	uint64_t next;

	(void)state;
	assert_nothing_due(100000);
	add(&timers[0], 5);
	assert_ptr_equal(turn(100000, &next), &timers[0]);
	assert_nothing_due(100000);
}

static void test_wheel_timer_removed_is_never_due(void **state)
{
	(void)state;
	for (uint64_t when = 1; when < UINT64_MAX / 2; when = 3 * when + 1) {
		setup(NULL);
		add(&timers[0], when);
		bc_wheel_remove(&timers[0]);
		assert_nothing_due(UINT64_MAX - 1);
	}
}

/* Many come down from a higher level in several steps; meanwhile some go. */
static void test_wheel_timer_removed_on_its_way_down_is_never_due(void **state)
{
	struct bc_timer *due;
	uint64_t next;

	(void)state;
	for (int i = 0; i < MANY; i++)
		add(&timers[i], 5000);
	while (bc_wheel_turn(&wheel, 4096, &due) < 4096)
		assert_null(due);
	assert_int_equal(bc_wheel_turn(&wheel, 4096, &due), 4096);
	for (int i = 0; i < MANY; i += 2)
		bc_wheel_remove(&timers[i]);
	for (int i = 1; i < MANY; i += 2)
		assert_ptr_equal(turn(5000, &next), &timers[i]);
	assert_nothing_due(UINT64_MAX - 1);
}

static void test_wheel_turns_back_when_empty(void **state)
{
	uint64_t next;

	(void)state;
	add(&timers[0], 7);
	assert_ptr_equal(turn(UINT64_MAX - 1, &next), &timers[0]);
	assert_nothing_due(UINT64_MAX - 1);
	assert_nothing_due(0);
	add(&timers[0], 1000);
	assert_nothing_due(999);
	assert_ptr_equal(turn(1000, &next), &timers[0]);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Times of every size, put in and taken out while it turns: in order, not one
 * early, not one late, not one lost.
 */
static void test_wheel_of_many_gives_all_in_order(void **state)
{
	uint64_t seed = 88172645463325252u, now = 0, next;
	unsigned int in = 0, out = 0;

	(void)state;
	while (out < MANY) {
		struct bc_timer *due;
		uint64_t last = now;

		for (int i = 0; i < 3 && in < MANY; i++, in++)
			add(&timers[in],
			    now + (random_next(&seed) >>
				   (34 + random_next(&seed) % 30)));
		now += random_next(&seed) % 200;
		if (in == MANY)
			now += random_next(&seed) >> 34;
		for (uint64_t before = last; (due = turn(now, &next)); out++) {
			CHECK(due->when >= before && due->when <= now);
			before = due->when;
		}
		CHECK(next > now);
	}
	assert_nothing_due(UINT64_MAX - 1);
}

/* A step is short, however many there are: that is how long the lock is held. */
static void test_wheel_step_moves_a_bounded_number(void **state)
{
	unsigned int steps = 0;
	struct bc_timer *due;

	(void)state;
	for (int i = 0; i < MANY; i++)
		add(&timers[i], 64);
	do {
		bc_wheel_turn(&wheel, 64, &due);
		steps++;
	} while (!due);
	assert_true(steps > MANY / STEPS_MAX);
}

#define WHEEL_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WHEEL_TEST(test_wheel_empty_never_has_anything_due),
		WHEEL_TEST(test_wheel_timer_is_due_at_its_ms_and_not_before),
		WHEEL_TEST(test_wheel_turned_when_it_says_is_soon_at_the_timer),
		WHEEL_TEST(test_wheel_timer_of_the_past_is_due_at_once),
		WHEEL_TEST(test_wheel_timer_removed_is_never_due),
		WHEEL_TEST(
			test_wheel_timer_removed_on_its_way_down_is_never_due),
		WHEEL_TEST(test_wheel_turns_back_when_empty),
		WHEEL_TEST(test_wheel_of_many_gives_all_in_order),
		WHEEL_TEST(test_wheel_step_moves_a_bounded_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
