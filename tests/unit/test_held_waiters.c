/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that wait for a file: who goes on, when, in which order, and who must
 * not wait.
 */
#include "fake_test.h"

#include <sched.h>
#include <string.h>

#include "check.h"

#define HOLD 100 /* ms, where it is to be over */
#define CROWD 2000 /* more than there are chains: some share one */
#define FILES 65536 /* enough that some share a chain with any */
#define RACE 350 /* ms of each race */

/* Soon over. */
static const struct bc_config soon = { .hold_time = HOLD };
static const struct bc_config at_once = { .hold_time = 2 };
static const struct bc_config never = { .hold_time = FAKE_ZERO };
static const struct bc_config two_of_a_client = { .max_client_held = 2 };
static const struct bc_config three_of_all = { .max_server_held = 3 };
static const struct bc_config two_and_three = { .max_client_held = 2,
						.max_server_held = 3 };
static const struct bc_config crowd = { .max_client_held = 1,
					.max_server_held = CROWD };

/* A request, as its owner sees it. */
struct request {
	struct fake_held held;
	struct bc_waiter *waiter; /* NULL: it was not let wait, or has ended */
	uint64_t arrived; /* ms: not later than the core has seen it */
	unsigned int suspended; /* how often */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int gone_on; /* [lock] how often */
	unsigned int place; /* [lock] of the last time, among all */
	uint64_t gone_at; /* [lock] ms */
};

static struct request requests[CROWD + 1];
static unsigned int num_requests;
static unsigned int places; /* [A] */
static const char files[FILES]; /* only their addresses */

static void go_on(struct fake_held *held)
{
	struct request *request = caa_container_of(held, struct request, held);

	pthread_mutex_lock(&request->lock);
	request->gone_on++;
	request->place = uatomic_add_return(&places, 1);
	request->gone_at = bc_now();
	pthread_cond_signal(&request->changed);
	pthread_mutex_unlock(&request->lock);
}

static void request_init(struct request *request)
{
	*request = (struct request){ .held.go_on = go_on };
	pthread_mutex_init(&request->lock, NULL);
	pthread_cond_init(&request->changed, NULL);
}

/* It is to wait. @return whether it may */
static bool arrive_as(struct request *request, const struct bc_waiter_id *id)
{
	request->arrived = bc_now();
	request->waiter = bc_waiter_new(id, &request->held);
	return request->waiter;
}

/* @return one that is to wait, or NULL: it must not */
static struct request *arrive_with(const struct bc_waiter_id *id)
{
	struct request *request = &requests[num_requests];

	CHECK(num_requests < sizeof(requests) / sizeof(requests[0]));
	request_init(request);
	if (!arrive_as(request, id))
		return NULL;
	num_requests++;
	return request;
}

/* The same for one of NFSv4.0. */
static struct request *arrive(uint64_t client)
{
	return arrive_with(&(struct bc_waiter_id){ .client = client });
}

/* The same for one in a slot of a session, which has so many. */
static struct request *arrive_in(uint64_t client, uint8_t session,
				 uint32_t slot, uint32_t slots)
{
	uint8_t id[BC_SESSIONID_SIZE];

	memset(id, session, sizeof(id));
	return arrive_with(&(struct bc_waiter_id){ .client = client,
						   .session = id,
						   .slot = slot,
						   .slots = slots });
}

static bool is_in_slot(uint8_t session, uint32_t slot)
{
	uint8_t id[BC_SESSIONID_SIZE];
	uint32_t sequence;

	memset(id, session, sizeof(id));
	return bc_waiting_in_slot(id, slot, &sequence);
}

static void leave(struct request *request, bool in_vain)
{
	bc_waiter_free(request->waiter, in_vain);
	request->waiter = NULL;
}

static enum bc_wait wait_as(struct request *request,
			    const struct bc_awaited *awaited)
{
	enum bc_wait result = bc_waiter_wait(request->waiter, awaited);

	request->suspended += result == BC_WAIT_SUSPENDED;
	return result;
}

static enum bc_wait wait_since(struct request *request, const void *file,
			       unsigned long ticket)
{
	const struct bc_awaited awaited = { .file = file, .ticket = ticket };

	return wait_as(request, &awaited);
}

static enum bc_wait wait_for(struct request *request, const void *file)
{
	return wait_since(request, file, bc_waiting_ticket(file));
}

static void assert_waits(struct request *request, const void *file)
{
	assert_int_equal(wait_for(request, file), BC_WAIT_SUSPENDED);
}

/* For a file that this client holds, which cannot be asked. */
static void assert_waits_for(struct request *request, const void *file,
			     uint64_t holder)
{
	const struct bc_awaited awaited = {
		.file = file,
		.ticket = bc_waiting_ticket(file),
		.holder = holder,
	};

	assert_int_equal(wait_as(request, &awaited), BC_WAIT_SUSPENDED);
}

/* Each time that it was suspended it goes on, and no other time. */
static void wait_gone_on(struct request *request)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += FAKE_PATIENCE;
	pthread_mutex_lock(&request->lock);
	while (request->gone_on < request->suspended)
		CHECK(!pthread_cond_clockwait(&request->changed, &request->lock,
					      CLOCK_MONOTONIC, &until));
	CHECK(request->gone_on == request->suspended);
	pthread_mutex_unlock(&request->lock);
}

/* Also the core's thread has not let it go on. */
static void assert_waits_still(const struct request *request)
{
	fake_flush();
	assert_int_equal(request->gone_on + 1, request->suspended);
}

/* Those that have gone on since that many had, in this order. */
static void assert_gone_on(unsigned int place, struct request *const *in_order)
{
	for (; *in_order; in_order++) {
		wait_gone_on(*in_order);
		assert_int_equal((*in_order)->place, ++place);
	}
	fake_flush();
	assert_int_equal(uatomic_read(&places), place);
}

/* Those that go on when this happens to a file do so in this order. */
static void assert_wakes(const void *file, struct request *const *in_order)
{
	unsigned int place = uatomic_read(&places);

	bc_waiting_wake(file);
	assert_gone_on(place, in_order);
}

#define ASSERT_WAKES(file, ...)                                                \
	assert_wakes(file, (struct request *const[]){ __VA_ARGS__, NULL })

/* The same when a holder is back. */
static void assert_return_wakes(uint64_t holder,
				struct request *const *in_order)
{
	unsigned int place = uatomic_read(&places);

	bc_waiting_holder_back(holder);
	assert_gone_on(place, in_order);
}

#define ASSERT_RETURN_WAKES(holder, ...)                                       \
	assert_return_wakes(holder,                                            \
			    (struct request *const[]){ __VA_ARGS__, NULL })

static void assert_wakes_nobody(const void *file)
{
	assert_wakes(file, (struct request *const[]){ NULL });
}

static int setup(void **state)
{
	num_requests = 0;
	uatomic_set(&places, 0);
	return fake_setup(state);
}

/* Whoever still waits goes on: each that was suspended, exactly once. */
static int teardown(void **state)
{
	bc_waiting_stop();
	for (unsigned int i = 0; i < num_requests; i++) {
		wait_gone_on(&requests[i]);
		if (requests[i].waiter)
			leave(&requests[i], false);
	}
	return fake_teardown(state);
}

/* A file of which an event does, or does not, count for another as well. */
static const void *other_file(const void *file, bool shares)
{
	for (size_t i = 0; i < FILES; i++) {
		unsigned long ticket = bc_waiting_ticket(file);

		if (&files[i] == file)
			continue;
		bc_waiting_wake(&files[i]);
		if ((bc_waiting_ticket(file) != ticket) == shares)
			return &files[i];
	}
	fail_msg("there is no such file");
	return NULL;
}

/* So that what comes now is later than what was, by a clock that counts ms. */
static void let_time_pass(void)
{
	uint64_t until = bc_now() + 2;

	while (bc_now() < until)
		sched_yield();
}

/* Who is woken ------------------------------------------------------------- */

static void test_waiter_is_woken_by_its_file_and_no_other(void **state)
{
	const char *file = &files[0];
	const char *other = other_file(file, false);
	struct request *one = arrive(ALICE);
	struct request *two = arrive(BOB);

	(void)state;
	assert_waits(one, file);
	assert_waits(two, other);
	ASSERT_WAKES(other, two);
	assert_waits_still(one);
	ASSERT_WAKES(file, one);
	assert_wakes_nobody(file);
	assert_wakes_nobody(other);
}

static void
test_waiters_of_files_that_share_a_chain_are_told_apart(void **state)
{
	const char *file = &files[0];
	const char *neighbour = other_file(file, true);
	struct request *one = arrive(ALICE);
	struct request *two = arrive(ALICE);
	struct request *three = arrive(ALICE);
	struct request *four = arrive(ALICE);

	(void)state;
	assert_waits(one, file);
	assert_waits(two, neighbour);
	assert_waits(three, file);
	assert_waits(four, neighbour);
	ASSERT_WAKES(neighbour, two, four);
	assert_waits_still(one);
	assert_waits_still(three);
	ASSERT_WAKES(file, one, three);
}

/* Each is woken by what it waits for now, not by what it has waited for. */
static void
test_waiter_goes_over_to_another_file_and_waits_for_that(void **state)
{
	const char *file = &files[0];
	const char *other = other_file(file, false);
	struct request *request = arrive(ALICE);

	(void)state;
	assert_waits(request, file);
	ASSERT_WAKES(file, request);
	assert_waits(request, other);
	assert_wakes_nobody(file);
	ASSERT_WAKES(other, request);
}

static void test_holders_return_wakes_who_waits_for_it(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two = arrive(ALICE);
	struct request *three = arrive(ALICE);
	struct request *four = arrive(ALICE);

	(void)state;
	/* Whichever file it holds, and not in the order in which they wait. */
	assert_waits_for(three, &files[0], BOB);
	assert_waits_for(one, &files[1], BOB);
	assert_waits_for(two, &files[0], ALICE);
	assert_waits(four, &files[0]); /* its holder is being asked */
	ASSERT_RETURN_WAKES(BOB, one, three);
	assert_waits_still(two);
	assert_waits_still(four);
	ASSERT_RETURN_WAKES(BOB, NULL);
	/* They wait for what they find then. */
	assert_waits(one, &files[1]);
	assert_waits_for(three, &files[0], ALICE);
	ASSERT_RETURN_WAKES(BOB, NULL);
	ASSERT_RETURN_WAKES(ALICE, two, three);
	ASSERT_WAKES(&files[0], four);
	ASSERT_WAKES(&files[1], one);
}

/* It has been told of the file: its holder's return is none of its business. */
static void test_who_was_woken_does_not_wait_for_the_holder(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two = arrive(ALICE);

	(void)state;
	assert_waits_for(one, &files[0], BOB);
	assert_waits_for(two, &files[1], BOB);
	ASSERT_WAKES(&files[0], one);
	ASSERT_RETURN_WAKES(BOB, two);
}

/* More holders than there are chains: some share one. */
static void test_holders_return_wakes_nobody_elses_waiters(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < CROWD; i++)
		assert_waits_for(arrive(1 + i), files, 1 + i);
	for (uint64_t i = 0; i < CROWD; i++)
		ASSERT_RETURN_WAKES(1 + i, &requests[i]);
}

static void test_when_all_are_woken_they_go_on_in_order_of_arrival(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two = arrive(ALICE);
	struct request *idle = arrive(ALICE);
	struct request *three = arrive(BOB);
	unsigned int place = uatomic_read(&places);

	(void)state;
	assert_waits(three, &files[0]);
	assert_waits_for(two, &files[0], BOB);
	assert_waits(one, &files[1]);
	bc_waiting_wake_all();
	assert_gone_on(place,
		       (struct request *const[]){ one, two, three, NULL });
	assert_int_equal(idle->gone_on, 0);
	assert_waits(idle, &files[0]);
	assert_waits_still(idle);
}

/* In which order ----------------------------------------------------------- */

static void test_waiters_go_on_in_order_of_arrival(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two = arrive(BOB);
	struct request *three = arrive(ALICE);

	(void)state;
	/* Not in that in which they begin to wait. */
	assert_waits(three, files);
	assert_waits(one, files);
	assert_waits(two, files);
	ASSERT_WAKES(files, one, two, three);
}

static void test_waiter_that_waits_again_keeps_its_place(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two = arrive(BOB);
	struct request *late;

	(void)state;
	assert_waits(one, files);
	assert_waits(two, files);
	ASSERT_WAKES(files, one, two);
	late = arrive(ALICE);
	assert_waits(late, files);
	assert_waits(two, files);
	assert_waits(one, files);
	ASSERT_WAKES(files, one, two, late);
}

/* The second has arrived later, so its time is over later: also when the first
 * has begun to wait again since.
 *
 * @return false: the machine was too slow for that
 */
static bool waits_again_until_its_first_deadline(void)
{
	const char *file = &files[0];
	const char *other = other_file(file, false);
	struct request *one, *two;
	bool in_time;

	num_requests = 0;
	one = arrive(ALICE);
	let_time_pass();
	two = arrive(ALICE);
	in_time = wait_for(one, file) == BC_WAIT_SUSPENDED &&
		  wait_for(two, other) == BC_WAIT_SUSPENDED;
	if (in_time) {
		bc_waiting_wake(file);
		wait_gone_on(one);
		let_time_pass();
		in_time = wait_for(one, file) == BC_WAIT_SUSPENDED;
	}
	wait_gone_on(one);
	wait_gone_on(two);
	if (in_time) {
		assert_true(one->gone_at >= one->arrived + HOLD);
		assert_true(two->gone_at >= two->arrived + HOLD);
		assert_true(one->place < two->place);
	}
	leave(one, false);
	leave(two, false);
	return in_time;
}

static void test_waiter_that_waits_again_keeps_its_deadline(void **state)
{
	(void)state;
	while (!waits_again_until_its_first_deadline())
		;
}

/* What happens before it waits --------------------------------------------- */

static void test_event_since_the_ticket_lets_nobody_wait(void **state)
{
	unsigned long ticket = bc_waiting_ticket(files);
	struct request *one, *two;

	(void)state;
	/* While there is no waiter at all, */
	bc_waiting_wake(files);
	one = arrive(ALICE);
	assert_int_equal(wait_since(one, files, ticket), BC_WAIT_AGAIN);

	/* while it is the only one, which does not wait yet, */
	ticket = bc_waiting_ticket(files);
	bc_waiting_wake(files);
	assert_int_equal(wait_since(one, files, ticket), BC_WAIT_AGAIN);

	/* and while another waits for that file. */
	assert_waits(one, files);
	two = arrive(ALICE);
	ticket = bc_waiting_ticket(files);
	ASSERT_WAKES(files, one);
	assert_int_equal(wait_since(two, files, ticket), BC_WAIT_AGAIN);

	/* Nobody has gone on who was not suspended, and the next is not missed. */
	wait_gone_on(two);
	assert_waits(two, files);
	ASSERT_WAKES(files, two);
}

/* Whose return it is, is not known before the look at the file. */
static void test_event_of_any_file_lets_nobody_wait(void **state)
{
	unsigned long ticket = bc_waiting_ticket(files);
	struct request *one, *two;

	(void)state;
	bc_waiting_holder_back(BOB);
	one = arrive(ALICE);
	assert_int_equal(wait_since(one, files, ticket), BC_WAIT_AGAIN);
	ticket = bc_waiting_ticket(files);
	bc_waiting_wake_all();
	assert_int_equal(wait_since(one, files, ticket), BC_WAIT_AGAIN);
	assert_waits_for(one, files, BOB);
	two = arrive(ALICE);
	ticket = bc_waiting_ticket(files);
	ASSERT_RETURN_WAKES(BOB, one);
	assert_int_equal(wait_since(two, files, ticket), BC_WAIT_AGAIN);
	assert_waits(two, files);
}

static void test_event_before_the_ticket_does_not_count(void **state)
{
	struct request *request = arrive(ALICE);

	(void)state;
	bc_waiting_wake(files);
	assert_waits(request, files);
	assert_waits_still(request);
}

static void test_event_of_another_file_does_not_count(void **state)
{
	const char *other = other_file(files, false);
	struct request *request = arrive(ALICE);
	unsigned long ticket = bc_waiting_ticket(files);

	(void)state;
	bc_waiting_wake(other);
	assert_int_equal(wait_since(request, files, ticket), BC_WAIT_SUSPENDED);
	assert_waits_still(request);
}

/* Time --------------------------------------------------------------------- */

/* One that has come to wait before its time was over. */
static struct request *arrive_and_wait(const void *file)
{
	for (;;) {
		struct request *request = arrive(ALICE);

		if (wait_for(request, file) == BC_WAIT_SUSPENDED)
			return request;
		CHECK(bc_now() >= request->arrived + bc_core.config.hold_time);
		leave(request, true);
		num_requests--;
	}
}

static void test_time_over_lets_it_go_on_and_wait_no_more(void **state)
{
	struct request *request = arrive_and_wait(files);

	(void)state;
	wait_gone_on(request);
	assert_true(request->gone_at >= request->arrived + HOLD);
	assert_int_equal(wait_for(request, files), BC_WAIT_OVER);
	/* Over is over, whatever has happened meanwhile. */
	assert_int_equal(
		wait_since(request, files, bc_waiting_ticket(files) - 1),
		BC_WAIT_OVER);
	assert_wakes_nobody(files);
}

/* There is one timer for all of them: it is armed for the next one. */
static void test_time_over_comes_for_each_in_its_turn(void **state)
{
	struct request *waiting[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		waiting[i] = arrive_and_wait(&files[i % 2]);
		let_time_pass();
	}
	for (int i = 0; i < 4; i++) {
		wait_gone_on(waiting[i]);
		assert_true(waiting[i]->gone_at >= waiting[i]->arrived + HOLD);
		assert_int_equal(waiting[i]->place, i + 1);
	}
}

/* The timer was armed for one that is woken; the other's time comes as well. */
static void test_time_over_comes_when_an_earlier_one_was_woken(void **state)
{
	const char *other = other_file(files, false);
	struct request *one = arrive_and_wait(files);
	struct request *two;

	(void)state;
	let_time_pass();
	two = arrive_and_wait(other);
	bc_waiting_wake(files);
	wait_gone_on(one);
	leave(one, false);
	wait_gone_on(two);
	assert_true(two->gone_at >= two->arrived + HOLD);
}

static void test_hold_time_zero_lets_nobody_wait(void **state)
{
	(void)state;
	assert_null(arrive(ALICE));
	assert_null(arrive_in(BOB, 1, 0, 16));
	/* That is no limit that was reached. */
	assert_int_equal(bc_core.held.refused, 0);
	assert_int_equal(bc_core.held.held, 0);
}

/* Limits ------------------------------------------------------------------- */

static void
test_limit_of_a_client_is_for_each_and_all_its_sessions(void **state)
{
	struct request *one = arrive_in(ALICE, 1, 0, 16);

	(void)state;
	assert_non_null(one);
	assert_non_null(arrive_in(ALICE, 2, 0, 16));
	assert_null(arrive_in(ALICE, 3, 0, 16));
	assert_int_equal(bc_core.held.refused, 1);
	assert_non_null(arrive_in(BOB, 4, 0, 16));
	assert_non_null(arrive(BOB));
	assert_null(arrive(BOB));
	assert_int_equal(bc_core.held.refused, 2);

	/* One that goes on has not ended yet. */
	assert_waits(one, files);
	ASSERT_WAKES(files, one);
	assert_null(arrive_in(ALICE, 1, 1, 16));
	leave(one, false);
	assert_non_null(arrive_in(ALICE, 1, 1, 16));
}

static void test_limit_of_the_server_is_for_all_clients(void **state)
{
	struct request *one = arrive(ALICE);

	(void)state;
	assert_non_null(one);
	assert_non_null(arrive(BOB));
	assert_non_null(arrive_in(BOB, 1, 0, 16));
	assert_null(arrive(ALICE));
	assert_null(arrive(BOB + 1));
	assert_int_equal(bc_core.held.refused, 2);
	leave(one, false);
	assert_non_null(arrive(BOB + 1));
	assert_null(arrive(ALICE));
}

/* Their clients share chains, not what they may. */
static void test_limit_of_a_client_counts_no_other_client(void **state)
{
	(void)state;
	for (uint64_t client = 1; client < CROWD; client++)
		assert_non_null(arrive(client));
	for (uint64_t client = 1; client < CROWD; client++)
		assert_null(arrive(client));
	assert_int_equal(bc_core.held.refused, CROWD - 1);
}

/* One for itself, and one for each 64 KiB. */
static void test_limits_count_what_memory_a_request_has(void **state)
{
	struct request *large, *small;

	(void)state;
	assert_null(arrive_with(
		&(struct bc_waiter_id){ .client = ALICE, .size = 2 << 16 }));
	large = arrive_with(&(struct bc_waiter_id){ .client = ALICE,
						    .size = (2 << 16) - 1 });
	assert_non_null(large);
	assert_null(arrive(ALICE));
	small = arrive(BOB);
	assert_non_null(small);
	assert_null(arrive(BOB + 1)); /* the server has no more */
	leave(large, false);
	assert_non_null(arrive(ALICE));
	assert_non_null(arrive(ALICE));
	assert_null(arrive(BOB + 1));
	leave(small, false);
	assert_non_null(arrive(BOB + 1));
}

/* Half of what all may, whosever clients there are. */
static void test_limit_of_an_address_is_half_the_servers(void **state)
{
	static const struct bc_waiter_id other = { .client = BOB,
						   .address = 2 };
	struct bc_waiter_id id = { .address = 1 };
	struct request *one = NULL;

	(void)state;
	for (id.client = 1; id.client <= CROWD / 2; id.client++) {
		one = arrive_with(&id);
		assert_non_null(one);
	}
	assert_null(arrive_with(&id));
	leave(one, false);
	assert_non_null(arrive_with(&id));
	assert_null(arrive_with(&id));
	assert_non_null(arrive_with(&other));
}

static void test_session_of_one_slot_never_waits(void **state)
{
	(void)state;
	assert_null(arrive_in(ALICE, 1, 0, 1));
	assert_int_equal(bc_core.held.refused, 1);
}

static void test_session_keeps_one_slot_free(void **state)
{
	struct request *one = arrive_in(ALICE, 1, 1, 2);

	(void)state;
	assert_non_null(one);
	assert_null(arrive_in(ALICE, 1, 0, 2));
	/* Each session its own. */
	for (uint32_t slot = 0; slot < 3; slot++)
		assert_non_null(arrive_in(ALICE, 2, slot, 4));
	assert_null(arrive_in(ALICE, 2, 3, 4));
	assert_int_equal(bc_core.held.refused, 2);
	leave(one, false);
	assert_non_null(arrive_in(ALICE, 1, 0, 2));
	assert_null(arrive_in(ALICE, 1, 1, 2));
}

/* Whatever it says of slots. */
static void test_without_a_session_there_is_no_slot_to_keep(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		assert_non_null(arrive_with(&(struct bc_waiter_id){
			.client = ALICE, .slot = i, .slots = 1 }));
	assert_int_equal(bc_core.held.refused, 0);
}

/* Slots -------------------------------------------------------------------- */

static void test_slot_is_waiting_from_the_arrival_to_the_end(void **state)
{
	struct request *request, *other;

	(void)state;
	assert_false(is_in_slot(1, 7));
	request = arrive_in(ALICE, 1, 7, 16);
	other = arrive_in(ALICE, 2, 3, 16);
	assert_true(is_in_slot(1, 7));
	assert_waits(request, files);
	assert_true(is_in_slot(1, 7));
	ASSERT_WAKES(files, request);
	assert_true(is_in_slot(1, 7));
	assert_waits(request, files);
	ASSERT_WAKES(files, request);

	/* No other slot, and not that of another session. */
	assert_false(is_in_slot(1, 6));
	assert_false(is_in_slot(1, 3));
	assert_false(is_in_slot(2, 7));
	assert_true(is_in_slot(2, 3));
	leave(request, false);
	assert_false(is_in_slot(1, 7));
	assert_true(is_in_slot(2, 3));
	leave(other, true);
	assert_false(is_in_slot(2, 3));
}

/* One of many sessions, whose request is in the slot of its number. */
struct numbered {
	uint8_t session[BC_SESSIONID_SIZE];
};

static struct numbered numbered(uint32_t number)
{
	struct numbered one = { { 0 } };

	memcpy(one.session, &number, sizeof(number));
	return one;
}

static void assert_in_its_slot(uint32_t number, bool expected)
{
	struct numbered one = numbered(number);
	uint32_t sequence = ~number;

	assert_int_equal(bc_waiting_in_slot(one.session, number, &sequence),
			 expected);
	assert_int_equal(sequence, expected ? number + 7 : ~number);
	assert_false(bc_waiting_in_slot(one.session, number + 1, &sequence));
}

static void test_slot_is_told_apart_where_sessions_share_a_chain(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CROWD; i++) {
		struct numbered one = numbered(i);

		assert_non_null(arrive_with(
			&(struct bc_waiter_id){ .client = i,
						.session = one.session,
						.slot = i,
						.slots = CROWD,
						.sequence = i + 7 }));
	}
	for (uint32_t i = 0; i < CROWD; i++)
		assert_in_its_slot(i, true);
	for (uint32_t i = 0; i < CROWD; i += 2)
		leave(&requests[i], false);
	for (uint32_t i = 0; i < CROWD; i++)
		assert_in_its_slot(i, i % 2);
}

/* As Ganesha makes it: a count of its clients, then one of its sessions. */
static void made(uint8_t id[BC_SESSIONID_SIZE], uint64_t client,
		 uint64_t session)
{
	const uint64_t half[2] = { UINT64_C(0x6b0c4bca) << 32 | client,
				   session };

	memcpy(id, half, sizeof(half));
}

/* Whose SEQUENCE asks about the slot of one that is not its own. */
static void assert_few_share_a_chain(uint64_t ahead)
{
	uint8_t one[BC_SESSIONID_SIZE], other[BC_SESSIONID_SIZE];
	uint64_t before = bc_waiting_arrivals();
	struct request *request;
	unsigned int shared = 0;

	made(one, CROWD + 1, CROWD + 1 + ahead);
	request = arrive_with(&(struct bc_waiter_id){
		.client = ALICE, .session = one, .slots = 2 });
	for (uint64_t i = 0; i < CROWD; i++) {
		made(other, i + 1, i + 1 + ahead);
		shared += bc_waiting_came_to(other, before);
	}
	assert_in_range(shared, 0, CROWD / 100);
	leave(request, false);
}

static void test_sessions_of_clients_in_a_row_share_no_chain(void **state)
{
	(void)state;
	assert_few_share_a_chain(0);
	assert_few_share_a_chain(1);
	assert_few_share_a_chain(37);
}

static void test_slot_of_a_request_without_session_is_none(void **state)
{
	(void)state;
	assert_non_null(arrive_with(
		&(struct bc_waiter_id){ .client = ALICE, .slot = 5 }));
	assert_false(is_in_slot(0, 5));
	assert_false(is_in_slot(0, 0));
}

/* SEQUENCE compares: has any come since? */
static void test_who_came_to_a_session_is_known(void **state)
{
	struct numbered one = numbered(1), two = numbered(2);
	uint64_t before = bc_waiting_arrivals();
	struct request *request;

	(void)state;
	request = arrive_with(&(struct bc_waiter_id){
		.client = ALICE, .session = one.session, .slots = 2 });
	assert_true(bc_waiting_came_to(one.session, before));
	assert_false(bc_waiting_came_to(two.session, before));
	before = bc_waiting_arrivals();
	assert_waits(request, files);
	ASSERT_WAKES(files, request);
	leave(request, false);
	assert_false(bc_waiting_came_to(one.session, before));
}

/* One whose owner ends it on the thread that gives it back, and looks around. */
struct hasty {
	struct fake_held held;
	struct bc_waiter *waiter;
	bool ended;
};

static void end_at_once(struct fake_held *held)
{
	struct hasty *hasty = caa_container_of(held, struct hasty, held);

	bc_waiter_free(hasty->waiter, false);
	hasty->ended = true;
}

/* No lock is held then. */
static void test_waiter_may_end_while_it_is_given_back(void **state)
{
	static const struct bc_waiter_id id = { .client = ALICE };
	struct hasty hasty[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct bc_awaited awaited = {
			.file = &files[i / 2],
			.ticket = bc_waiting_ticket(&files[i / 2]),
		};

		hasty[i] = (struct hasty){ .held.go_on = end_at_once };
		hasty[i].waiter = bc_waiter_new(&id, &hasty[i].held);
		assert_non_null(hasty[i].waiter);
		assert_int_equal(bc_waiter_wait(hasty[i].waiter, &awaited),
				 BC_WAIT_SUSPENDED);
	}
	bc_waiting_wake(&files[0]);
	assert_true(hasty[0].ended && hasty[1].ended && !hasty[2].ended);
	bc_waiting_stop();
	assert_true(hasty[2].ended);
}

/* The end, and the counts -------------------------------------------------- */

static void test_stop_gives_all_back_and_nobody_waits_any_more(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two = arrive(BOB);
	struct request *woken = arrive_in(ALICE, 1, 0, 16);
	struct request *new = arrive(ALICE);

	(void)state;
	assert_waits(woken, &files[2]);
	ASSERT_WAKES(&files[2], woken);
	assert_waits(one, &files[0]);
	assert_waits(two, &files[1]);
	bc_waiting_stop();
	wait_gone_on(one);
	wait_gone_on(two);
	/* The others have not been suspended. */
	wait_gone_on(woken);
	wait_gone_on(new);

	assert_int_equal(wait_for(one, files), BC_WAIT_OVER);
	assert_int_equal(wait_for(woken, files), BC_WAIT_OVER);
	assert_int_equal(wait_for(new, files), BC_WAIT_OVER);
	assert_null(arrive(ALICE));
	assert_wakes_nobody(&files[0]);
	assert_true(is_in_slot(1, 0));
	bc_waiting_stop();
	wait_gone_on(one);
}

static void test_core_started_again_lets_wait_again(void **state)
{
	struct request *request;

	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	request = arrive(ALICE);
	assert_non_null(request);
	assert_waits(request, files);
	ASSERT_WAKES(files, request);
}

static void assert_counts(unsigned long held, unsigned long went_on,
			  unsigned long in_vain, unsigned long refused)
{
	assert_int_equal(bc_core.held.held, held);
	assert_int_equal(bc_core.held.went_on, went_on);
	assert_int_equal(bc_core.held.in_vain, in_vain);
	assert_int_equal(bc_core.held.refused, refused);
}

static void test_counts_say_who_was_held_in_vain_or_refused(void **state)
{
	struct request *one = arrive(ALICE);
	struct request *two;

	(void)state;
	two = arrive(ALICE);
	assert_null(arrive(ALICE));
	assert_counts(0, 0, 0, 1);

	/* However often it waits. */
	assert_waits(one, files);
	assert_counts(1, 0, 0, 1);
	ASSERT_WAKES(files, one);
	assert_waits(one, files);
	ASSERT_WAKES(files, one);
	leave(one, false);
	assert_counts(1, 1, 0, 1);
	assert_waits(two, files);
	ASSERT_WAKES(files, two);
	leave(two, true);
	assert_counts(2, 1, 1, 1);

	/* One that never waited. */
	leave(arrive(ALICE), true);
	assert_counts(2, 1, 1, 1);
}

/* Races -------------------------------------------------------------------- */

#define GROUPS 4
#define MEMBERS 2
#define OVER UINT32_MAX /* of rounds */

struct group;

/* A thread whose requests wait until the group's round is over. */
struct member {
	struct group *group;
	struct request request;
	uint32_t asked; /* [A] the round that it is in */
	uint64_t random;
	pthread_t thread;
};

/* A thread that ends a round, and says so once, when all members are in it. */
struct group {
	const void *file;
	uint32_t ended; /* [A] the last round that has */
	uint64_t until; /* ms */
	uint64_t random;
	uint32_t num_members;
	struct member members[MEMBERS];
	pthread_t thread;
};

static uint32_t pick(uint64_t *random, uint32_t range)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)((*random >> 16) % range);
}

/* Let the threads meet at any of their steps. */
static void dawdle(uint64_t *random)
{
	uint32_t steps = pick(random, 4) ? pick(random, 64) : 0;

	if (!pick(random, 64))
		sched_yield();
	while (steps--)
		caa_cpu_relax();
}

/* What it has seen of the file is not older than its ticket. */
static bool has_ended(const struct group *group, uint32_t round,
		      unsigned long *ticket)
{
	*ticket = bc_waiting_ticket(group->file);
	cmm_smp_mb(); /* pairs with group_main()'s */
	return uatomic_read(&group->ended) >= round;
}

/* Nobody wakes it twice a round: if that is missed once, it waits for ever. */
static void member_round(struct member *member, uint32_t round)
{
	static const struct bc_waiter_id id = { .client = ALICE };
	struct request *request = &member->request;
	unsigned long ticket;
	enum bc_wait result;

	uatomic_set(&member->asked, round);
	dawdle(&member->random);
	if (has_ended(member->group, round, &ticket))
		return;
	dawdle(&member->random);
	CHECK(arrive_as(request, &id));
	do {
		dawdle(&member->random);
		result = wait_since(request, member->group->file, ticket);
		CHECK(result != BC_WAIT_OVER);
		wait_gone_on(request);
	} while (!has_ended(member->group, round, &ticket));
	leave(request, false);
}

static void *member_main(void *arg)
{
	struct member *member = arg;

	for (uint32_t round = 1; uatomic_read(&member->group->ended) != OVER;
	     round++)
		member_round(member, round);
	return NULL;
}

static void wait_asked(const struct member *member, uint32_t round)
{
	uint64_t until = bc_now() + FAKE_PATIENCE * 1000;

	while (uatomic_read(&member->asked) < round) {
		CHECK(bc_now() < until);
		sched_yield();
	}
}

static void *group_main(void *arg)
{
	struct group *group = arg;
	uint32_t round = 0, ended;

	do {
		round++;
		for (uint32_t i = 0; i < group->num_members; i++)
			wait_asked(&group->members[i], round);
		dawdle(&group->random);
		ended = bc_now() < group->until ? round : OVER;
		uatomic_set(&group->ended, ended);
		cmm_smp_mb(); /* pairs with has_ended()'s */
		bc_waiting_wake(group->file);
	} while (ended != OVER);
	return NULL;
}

static void group_start(struct group *group, uint64_t seed)
{
	group->until = bc_now() + RACE;
	group->random = 88172645463325252u + seed;
	for (uint32_t i = 0; i < group->num_members; i++) {
		struct member *member = &group->members[i];

		member->group = group;
		member->random = group->random + (i + 1) * 1000003;
		request_init(&member->request);
		CHECK(!pthread_create(&member->thread, NULL, member_main,
				      member));
	}
	CHECK(!pthread_create(&group->thread, NULL, group_main, group));
}

static void group_join(struct group *group)
{
	pthread_join(group->thread, NULL);
	for (uint32_t i = 0; i < group->num_members; i++) {
		pthread_join(group->members[i].thread, NULL);
		wait_gone_on(&group->members[i].request);
	}
}

/* There are others that wait all the time, also for files of the same chain. */
static void test_race_of_many_waits_and_wakes_loses_no_wake(void **state)
{
	static struct group groups[GROUPS];

	(void)state;
	for (uint32_t i = 0; i < GROUPS; i++)
		groups[i] = (struct group){ .num_members = MEMBERS };
	groups[0].file = files;
	groups[1].file = other_file(groups[0].file, true);
	groups[2].file = other_file(groups[0].file, false);
	groups[3].file = other_file(groups[2].file, true);
	for (uint32_t i = 0; i < GROUPS; i++)
		group_start(&groups[i], i);
	for (uint32_t i = 0; i < GROUPS; i++)
		group_join(&groups[i]);
}

/* Nobody else waits: a wake looks no further if it sees no waiter. */
static void test_race_of_the_only_waiter_loses_no_wake(void **state)
{
	static struct group group;

	(void)state;
	group = (struct group){ .num_members = 1, .file = files };
	group_start(&group, 0);
	group_join(&group);
}

/* Time, wakes and the end: each takes some of those that wait. */

#define VISITORS 6
#define WAKERS 2
#define PLACES 3 /* files; and one holder fewer */

/* A thread whose requests come, wait for this and that, and go. */
struct visitor {
	struct request request;
	uint8_t session[BC_SESSIONID_SIZE];
	uint64_t random;
	pthread_t thread;
};

static bool ending; /* [A] the end of waiting is near */

/* @return whether it goes on for another look */
static bool visit(struct visitor *visitor)
{
	struct request *request = &visitor->request;
	const void *file = &files[pick(&visitor->random, PLACES)];
	const struct bc_awaited awaited = {
		.file = file,
		.ticket = bc_waiting_ticket(file),
		.holder = pick(&visitor->random, PLACES),
	};
	uint32_t sequence;

	CHECK(bc_waiting_in_slot(visitor->session, 1, &sequence));
	dawdle(&visitor->random);
	switch (wait_as(request, &awaited)) {
	case BC_WAIT_SUSPENDED:
		wait_gone_on(request);
		return pick(&visitor->random, 4);
	case BC_WAIT_AGAIN:
		return true;
	case BC_WAIT_OVER:
		break;
	}
	CHECK(uatomic_read(&ending) ||
	      bc_now() >= request->arrived + bc_core.config.hold_time);
	return false;
}

static void *visitor_main(void *arg)
{
	struct visitor *visitor = arg;
	const struct bc_waiter_id id = { .client = (uintptr_t)visitor,
					 .session = visitor->session,
					 .slot = 1,
					 .slots = 2 };
	uint64_t until = bc_now() + FAKE_PATIENCE * 1000;
	uint32_t sequence;

	while (arrive_as(&visitor->request, &id)) {
		CHECK(bc_now() < until);
		while (visit(visitor))
			;
		leave(&visitor->request, false);
		CHECK(!bc_waiting_in_slot(visitor->session, 1, &sequence));
	}
	/* No limit is reached: it was the end. */
	CHECK(uatomic_read(&ending));
	return NULL;
}

static void *waker_main(void *arg)
{
	uint64_t random = 88172645463325252u + (uintptr_t)arg;

	while (!uatomic_read(&ending)) {
		if (pick(&random, 2))
			bc_waiting_wake(&files[pick(&random, PLACES)]);
		else if (pick(&random, 4))
			bc_waiting_holder_back(1 + pick(&random, PLACES - 1));
		else
			bc_waiting_wake_all();
		dawdle(&random);
		sched_yield();
	}
	return NULL;
}

static void test_race_of_time_wakes_and_stop_gives_back_once(void **state)
{
	static struct visitor visitors[VISITORS];
	pthread_t wakers[WAKERS];
	uint64_t random = 1, until = bc_now() + RACE;

	(void)state;
	uatomic_set(&ending, false);
	for (uint32_t i = 0; i < VISITORS; i++) {
		visitors[i] = (struct visitor){ .random = i + 1 };
		memset(visitors[i].session, i + 1, BC_SESSIONID_SIZE);
		request_init(&visitors[i].request);
		CHECK(!pthread_create(&visitors[i].thread, NULL, visitor_main,
				      &visitors[i]));
	}
	for (uint32_t i = 0; i < WAKERS; i++)
		CHECK(!pthread_create(&wakers[i], NULL, waker_main,
				      &visitors[i]));
	while (bc_now() < until) {
		dawdle(&random);
		sched_yield();
	}
	uatomic_set(&ending, true);
	bc_waiting_stop();
	for (uint32_t i = 0; i < WAKERS; i++)
		pthread_join(wakers[i], NULL);
	for (uint32_t i = 0; i < VISITORS; i++) {
		pthread_join(visitors[i].thread, NULL);
		wait_gone_on(&visitors[i].request);
	}
}

#define HELD_TEST(test, changed)                                               \
	cmocka_unit_test_prestate_setup_teardown(test, setup, teardown,        \
						 (void *)(changed))

int main(void)
{
	const struct CMUnitTest tests[] = {
		HELD_TEST(test_waiter_is_woken_by_its_file_and_no_other, NULL),
		HELD_TEST(
			test_waiters_of_files_that_share_a_chain_are_told_apart,
			NULL),
		HELD_TEST(
			test_waiter_goes_over_to_another_file_and_waits_for_that,
			NULL),
		HELD_TEST(test_holders_return_wakes_who_waits_for_it, NULL),
		HELD_TEST(test_who_was_woken_does_not_wait_for_the_holder,
			  NULL),
		HELD_TEST(test_holders_return_wakes_nobody_elses_waiters,
			  &crowd),
		HELD_TEST(
			test_when_all_are_woken_they_go_on_in_order_of_arrival,
			NULL),
		HELD_TEST(test_waiters_go_on_in_order_of_arrival, NULL),
		HELD_TEST(test_waiter_that_waits_again_keeps_its_place, NULL),
		HELD_TEST(test_waiter_that_waits_again_keeps_its_deadline,
			  &soon),
		HELD_TEST(test_event_since_the_ticket_lets_nobody_wait, NULL),
		HELD_TEST(test_event_of_any_file_lets_nobody_wait, NULL),
		HELD_TEST(test_event_before_the_ticket_does_not_count, NULL),
		HELD_TEST(test_event_of_another_file_does_not_count, NULL),
		HELD_TEST(test_time_over_lets_it_go_on_and_wait_no_more, &soon),
		HELD_TEST(test_time_over_comes_for_each_in_its_turn, &soon),
		HELD_TEST(test_time_over_comes_when_an_earlier_one_was_woken,
			  &soon),
		HELD_TEST(test_hold_time_zero_lets_nobody_wait, &never),
		HELD_TEST(
			test_limit_of_a_client_is_for_each_and_all_its_sessions,
			&two_of_a_client),
		HELD_TEST(test_limit_of_the_server_is_for_all_clients,
			  &three_of_all),
		HELD_TEST(test_limit_of_a_client_counts_no_other_client,
			  &crowd),
		HELD_TEST(test_limits_count_what_memory_a_request_has,
			  &two_and_three),
		HELD_TEST(test_limit_of_an_address_is_half_the_servers, &crowd),
		HELD_TEST(test_session_of_one_slot_never_waits, NULL),
		HELD_TEST(test_session_keeps_one_slot_free, NULL),
		HELD_TEST(test_without_a_session_there_is_no_slot_to_keep,
			  NULL),
		HELD_TEST(test_slot_is_waiting_from_the_arrival_to_the_end,
			  NULL),
		HELD_TEST(test_slot_is_told_apart_where_sessions_share_a_chain,
			  &crowd),
		HELD_TEST(test_sessions_of_clients_in_a_row_share_no_chain,
			  NULL),
		HELD_TEST(test_slot_of_a_request_without_session_is_none, NULL),
		HELD_TEST(test_who_came_to_a_session_is_known, NULL),
		HELD_TEST(test_waiter_may_end_while_it_is_given_back, NULL),
		HELD_TEST(test_stop_gives_all_back_and_nobody_waits_any_more,
			  NULL),
		HELD_TEST(test_core_started_again_lets_wait_again, NULL),
		HELD_TEST(test_counts_say_who_was_held_in_vain_or_refused,
			  &two_of_a_client),
		HELD_TEST(test_race_of_many_waits_and_wakes_loses_no_wake,
			  NULL),
		HELD_TEST(test_race_of_the_only_waiter_loses_no_wake, NULL),
		HELD_TEST(test_race_of_time_wakes_and_stop_gives_back_once,
			  &at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
