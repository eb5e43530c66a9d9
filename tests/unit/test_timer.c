/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's thread: timers and deferred work.
 */
#include "unit.h"

#include <time.h>

#include "bc_internal.h"
#include "check.h"

#define MAX_RUNS 16
#define PATIENCE 60 /* s */
#define FAR 3600000 /* ms */

static const void *runs[MAX_RUNS]; /* what has run, in order */
static unsigned int num_runs;
static unsigned int num_waited;
static pthread_t runner;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ran = PTHREAD_COND_INITIALIZER;

static void note(const void *what)
{
	pthread_mutex_lock(&lock);
	CHECK(num_runs < MAX_RUNS);
	runs[num_runs++] = what;
	runner = pthread_self();
	pthread_cond_signal(&ran);
	pthread_mutex_unlock(&lock);
}

static void note_timer(struct bc_timer *timer)
{
	note(timer);
}

static void note_work(struct bc_work *work)
{
	note(work);
}

/* Wait for one more run. */
static void wait_run(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE;
	pthread_mutex_lock(&lock);
	num_waited++;
	while (num_runs < num_waited)
		CHECK(!pthread_cond_clockwait(&ran, &lock, CLOCK_MONOTONIC,
					      &until));
	pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
	(void)state;
	num_runs = 0;
	num_waited = 0;
	return bc_timers_start();
}

static void test_now_runs_forward_in_both_units(void **state)
{
	uint64_t ns = bc_now_ns(), ms = bc_now();

	(void)state;
	assert_true(ms >= ns / 1000000);
	assert_true(bc_now_ns() >= ns);
	bc_timers_stop();
}

static void test_timer_armed_runs_once_on_cores_thread(void **state)
{
	struct bc_timer timer = { .run = note_timer };
	uint64_t when = bc_now() + 20;

	(void)state;
	assert_true(bc_timer_arm(&timer, when));
	wait_run();
	assert_true(bc_now() >= when);
	assert_false(pthread_equal(runner, pthread_self()));
	bc_timers_stop();
	assert_int_equal(num_runs, 1);
	assert_false(timer.armed);
}

static void test_timer_armed_later_keeps_first_time(void **state)
{
	struct bc_timer timer = { .run = note_timer };

	(void)state;
	assert_true(bc_timer_arm(&timer, bc_now() + 20));
	assert_false(bc_timer_arm(&timer, bc_now() + FAR));
	wait_run();
	bc_timers_stop();
	assert_int_equal(num_runs, 1);
}

static void test_timer_armed_earlier_runs_earlier_and_once(void **state)
{
	struct bc_timer timer = { .run = note_timer };

	(void)state;
	assert_true(bc_timer_arm(&timer, bc_now() + FAR));
	assert_false(bc_timer_arm(&timer, bc_now() + 20));
	wait_run();
	bc_timers_stop();
	assert_int_equal(num_runs, 1);
}

static void test_timers_run_in_order_of_time(void **state)
{
	struct bc_timer timers[4];
	uint64_t now = bc_now();
	static const unsigned int ms[] = { 40, 10, 30, 20 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		timers[i] = (struct bc_timer){ .run = note_timer };
		bc_timer_arm(&timers[i], now + ms[i]);
	}
	for (int i = 0; i < 4; i++)
		wait_run();
	assert_ptr_equal(runs[0], &timers[1]);
	assert_ptr_equal(runs[1], &timers[3]);
	assert_ptr_equal(runs[2], &timers[2]);
	assert_ptr_equal(runs[3], &timers[0]);
	bc_timers_stop();
}

static void test_timer_in_the_past_runs(void **state)
{
	struct bc_timer timer = { .run = note_timer };

	(void)state;
	bc_timer_arm(&timer, 0);
	wait_run();
	bc_timers_stop();
}

static unsigned int rearmed;

static void arm_again(struct bc_timer *timer)
{
	if (++rearmed < 3)
		CHECK(bc_timer_arm(timer, bc_now() + 1));
	else
		note(timer);
}

static void test_timer_armed_from_its_own_run_runs_again(void **state)
{
	struct bc_timer timer = { .run = arm_again };

	(void)state;
	rearmed = 0;
	bc_timer_arm(&timer, bc_now());
	wait_run();
	assert_int_equal(rearmed, 3);
	bc_timers_stop();
}

/* Its owner waits for it: the client's reference that an armed timer has. */
static void test_timer_armed_at_stop_is_run(void **state)
{
	struct bc_timer timer = { .run = note_timer };

	(void)state;
	bc_timer_arm(&timer, bc_now() + FAR);
	bc_timers_stop();
	assert_int_equal(num_runs, 1);
	assert_false(timer.armed);
}

static void test_work_runs_in_order_on_cores_thread(void **state)
{
	struct bc_work work[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		work[i] = (struct bc_work){ .run = note_work };
		bc_timers_queue(&work[i]);
	}
	for (int i = 0; i < 4; i++)
		wait_run();
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(runs[i], &work[i]);
	assert_false(pthread_equal(runner, pthread_self()));
	bc_timers_stop();
}

static struct bc_work follow_up;

static void queue_follow_up(struct bc_work *work)
{
	note(work);
	bc_timers_queue(&follow_up);
}

static void test_work_queued_before_stop_is_run(void **state)
{
	struct bc_work work = { .run = queue_follow_up };

	(void)state;
	follow_up = (struct bc_work){ .run = note_work };
	bc_timers_queue(&work);
	bc_timers_stop();
	assert_int_equal(num_runs, 2);
	assert_ptr_equal(runs[1], &follow_up);
}

static void test_timers_started_again_work(void **state)
{
	struct bc_timer timer = { .run = note_timer };

	(void)state;
	bc_timers_stop();
	assert_int_equal(bc_timers_start(), 0);
	bc_timer_arm(&timer, bc_now());
	wait_run();
	bc_timers_stop();
}

#define TIMER_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TIMER_TEST(test_now_runs_forward_in_both_units),
		TIMER_TEST(test_timer_armed_runs_once_on_cores_thread),
		TIMER_TEST(test_timer_armed_later_keeps_first_time),
		TIMER_TEST(test_timer_armed_earlier_runs_earlier_and_once),
		TIMER_TEST(test_timers_run_in_order_of_time),
		TIMER_TEST(test_timer_in_the_past_runs),
		TIMER_TEST(test_timer_armed_from_its_own_run_runs_again),
		TIMER_TEST(test_timer_armed_at_stop_is_run),
		TIMER_TEST(test_work_runs_in_order_on_cores_thread),
		TIMER_TEST(test_work_queued_before_stop_is_run),
		TIMER_TEST(test_timers_started_again_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
