/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locks that are waited for: who is told, in which order, whom a lock is kept for, and
 * how waiting ends.
 */
#include "fake_test.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

#define CB_NOTIFY_LOCK 13
#define MANY 100
#define PLACES (BC_LOCK_SERVER_WAITERS + MANY)
#define SECOND UINT64_C(1000)

/* Of a client, so that each has as many waiters as it may; only their addresses. */
#define FILES (BC_LOCK_CLIENT_WAITERS / BC_LOCK_FILE_WAITERS)
static const char files[FILES];
static const uint8_t opens[2][BC_STATEID_OTHER_SIZE] = { { 1 }, { 2 } };
static struct fake_place places[PLACES];
static unsigned int num_places;

/* What is in the way of a lock, beside other waiters. */
static struct bc_lock held; /* file NULL: nothing */

static bool is_free(void *arg, const struct bc_lock *lock)
{
	CHECK(arg == &held);
	return !held.file || lock->last < held.first ||
	       held.last < lock->first || (!lock->exclusive && !held.exclusive);
}

static void offer(const void *file)
{
	bc_lock_offer(file, is_free, &held);
}

static struct bc_lock bytes(const char *owner, uint64_t first, uint64_t last)
{
	return (struct bc_lock){
		.file = &files[0],
		.client = ALICE,
		.owner = owner,
		.owner_len = strlen(owner),
		.first = first,
		.last = last,
		.exclusive = true,
	};
}

/* All of a file, to write it. */
static struct bc_lock all_of(const char *owner)
{
	return bytes(owner, 0, UINT64_MAX);
}

static enum bc_lock_wait wish_in(const struct bc_lock *lock, const void *export,
				 bool free)
{
	uint32_t notice[2] = { 0, 0 };
	struct bc_lock_wish wish = {
		.lock = *lock,
		.open = opens[0],
		.export = export,
		.minorversion = 1,
		.notice = notice,
		.notice_len = sizeof(notice),
		.place = &places[num_places],
		.is_free = free,
	};
	enum bc_lock_wait result;

	CHECK(num_places < PLACES);
	notice[1] = ((const uint8_t *)lock->owner)[0]; /* whose */
	places[num_places] = (struct fake_place){ 0 };
	result = bc_lock_wait(&wish);
	num_places += result == BC_LOCK_WAIT_NEW;
	return result;
}

static enum bc_lock_wait wish(const struct bc_lock *lock, bool free)
{
	return wish_in(lock, NULL, free);
}

/* @return its place */
static struct fake_place *wait_for(const struct bc_lock *lock)
{
	assert_int_equal(wish(lock, false), BC_LOCK_WAIT_NEW);
	return &places[num_places - 1];
}

static struct fake_place *wait_for_all(const char *owner)
{
	struct bc_lock lock = all_of(owner);

	return wait_for(&lock);
}

/* What was queued has been done. */
static void settle(void)
{
	bc_worker_flush(bc_completion_queue);
}

/* The next callback is that of an owner, and the client answers it. */
static void assert_told_with(char owner, uint32_t op_status)
{
	struct bc_request *req = fake_next();
	struct bc_reply reply = fake_reply_ok(req);
	uint32_t whose;

	assert_int_equal(req->call->opcode, CB_NOTIFY_LOCK);
	memcpy(&whose, req->call->args + 4, sizeof(whose));
	assert_int_equal(whose, owner);
	reply.status = op_status;
	reply.op_status = op_status;
	fake_answer(req, reply);
}

static void assert_told(char owner)
{
	assert_told_with(owner, NFS4_OK);
}

static void assert_nobody_is_told(void)
{
	settle();
	assert_int_equal(fake_pending(), 0);
}

static void grant(const struct bc_lock *lock)
{
	bc_lock_granted(lock);
	settle();
}

/* Waiting does not end with this test: it does now. */
static void assert_all_freed(void)
{
	bc_lock_stop();
	bc_core_stop_calls();
	assert_false(bc_lock_waiters());
	for (unsigned int i = 0; i < num_places; i++)
		assert_int_equal(places[i].freed, 1);
}

static int setup(void **state)
{
	struct bc_conn *conn;
	int rc = fake_setup(state);

	num_places = 0;
	held = (struct bc_lock){ .file = NULL };
	(void)fake_path(ALICE, 1, 16, &conn);
	return rc;
}

static int teardown(void **state)
{
	assert_all_freed();
	return fake_teardown(state);
}

/* The tests -------------------------------------------------------------------- */

static void test_waiters_one_is_told_at_a_time_in_order(void **state)
{
	struct bc_lock lock = all_of("a");

	(void)state;
	assert_false(bc_lock_waiters());
	wait_for_all("a");
	wait_for_all("b");
	wait_for_all("c");
	assert_true(bc_lock_waiters());
	held = all_of("z");
	offer(&files[0]);
	assert_nobody_is_told();
	held.file = NULL;
	for (char owner = 'a'; owner <= 'c'; owner++) {
		offer(&files[0]);
		assert_told(owner);
		offer(&files[0]);
		assert_nobody_is_told();
		lock.owner = &owner;
		grant(&lock);
	}
	assert_false(bc_lock_waiters());
}

static void test_waiters_of_other_files_are_not_told(void **state)
{
	struct bc_lock other = all_of("b");

	(void)state;
	other.file = &files[1];
	wait_for_all("a");
	wait_for(&other);
	offer(&files[1]);
	assert_told('b');
	assert_nobody_is_told();
}

static void test_waiters_who_read_are_told_together(void **state)
{
	struct bc_lock lock = all_of("a");

	(void)state;
	lock.exclusive = false;
	wait_for(&lock);
	wait_for_all("b");
	lock.owner = "c";
	wait_for(&lock);
	offer(&files[0]);
	assert_told('a');
	assert_told('c');
	assert_nobody_is_told();
}

static void test_waiters_whose_bytes_are_free_are_told(void **state)
{
	struct bc_lock a = bytes("a", 0, 9), b = bytes("b", 10, 19),
		       c = bytes("c", 9, 10), d = bytes("d", 20, UINT64_MAX);

	(void)state;
	wait_for(&a);
	wait_for(&b);
	wait_for(&c);
	wait_for(&d);
	held = bytes("z", 0, 0);
	offer(&files[0]);
	assert_told('b');
	assert_told('d');
	assert_nobody_is_told(); /* c overlaps b */
}

/* An owner excludes itself from nothing. */
static void test_waiters_of_one_owner_are_told_together(void **state)
{
	struct bc_lock part = bytes("a", 5, 6);

	(void)state;
	wait_for_all("a");
	wait_for(&part);
	offer(&files[0]);
	assert_told('a');
	assert_told('a');
}

static void test_lock_is_kept_for_who_was_told(void **state)
{
	struct bc_lock lock = bytes("a", 10, 19), kept;

	(void)state;
	wait_for(&lock);
	lock.owner = "b";
	assert_false(bc_lock_is_kept(&lock, &kept));
	offer(&files[0]);
	assert_true(bc_lock_is_kept(&lock, &kept));
	assert_int_equal(kept.first, 10);
	assert_int_equal(kept.last, 19);
	assert_true(kept.exclusive);
	lock.exclusive = false;
	assert_true(bc_lock_is_kept(&lock, &kept));
	lock.client = BOB; /* another's owner of that name */
	lock.owner = "a";
	assert_true(bc_lock_is_kept(&lock, &kept));
	lock.client = ALICE;
	assert_false(bc_lock_is_kept(&lock, &kept));
	lock = bytes("b", 20, 29);
	assert_false(bc_lock_is_kept(&lock, &kept));
	lock = bytes("b", 0, 9);
	assert_false(bc_lock_is_kept(&lock, &kept));
	lock = bytes("a", 10, 19);
	grant(&lock);
	lock.owner = "b";
	assert_false(bc_lock_is_kept(&lock, &kept));
}

/* Who asks again has its turn, and is not told twice. */
static void test_waiter_who_asks_again_keeps_its_turn(void **state)
{
	struct bc_lock lock = all_of("a");

	(void)state;
	wait_for_all("a");
	wait_for_all("b");
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_ALREADY);
	offer(&files[0]);
	assert_told('a');
	/* It came too late: another one has the lock. */
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_ALREADY);
	held = all_of("z");
	offer(&files[0]);
	assert_nobody_is_told();
	held.file = NULL;
	offer(&files[0]);
	assert_told('a');
	assert_nobody_is_told();
}

/* To read and to write are two wishes, as are other bytes. */
static void test_waiter_with_another_wish_is_another(void **state)
{
	struct bc_lock lock = all_of("a");

	(void)state;
	wait_for(&lock);
	lock.exclusive = false;
	wait_for(&lock);
	lock.first = 1;
	wait_for(&lock);
	lock.file = &files[1];
	wait_for(&lock);
	lock.client = BOB;
	wait_for(&lock);
	assert_int_equal(bc_lock_waiters_count(), 5);
}

static void test_waiter_who_does_not_come_is_passed(void **state)
{
	struct fake_place *place = wait_for_all("a");

	(void)state;
	wait_for_all("b");
	offer(&files[0]);
	assert_told('a');
	bc_lock_expire(bc_now() + BC_LOCK_KEPT - SECOND);
	settle();
	assert_int_equal(place->next, 0);
	bc_lock_expire(bc_now() + BC_LOCK_KEPT);
	settle();
	assert_int_equal(place->next, 1);
	assert_int_equal(place->freed, 1);
	offer(&files[0]);
	assert_told('b');
}

/* A client tells of no process that has ended: its others cost no more than one. */
static void test_waiters_of_who_does_not_come_are_told_together(void **state)
{
	struct bc_lock of_bob = all_of("b"), lock = all_of("d"), kept;
	struct bc_conn *conn;

	(void)state;
	(void)fake_path(BOB, 2, 16, &conn);
	of_bob.client = BOB;
	wait_for_all("a");
	wait_for(&of_bob);
	wait_for_all("c");
	wait_for_all("d");
	wait_for_all("e");
	offer(&files[0]);
	assert_told('a');
	assert_nobody_is_told();
	bc_lock_expire(bc_now() + BC_LOCK_KEPT);
	offer(&files[0]);
	assert_told('b'); /* in order, as before */
	assert_nobody_is_told();
	grant(&of_bob);
	wait_for(&of_bob);
	offer(&files[0]);
	assert_told('c');
	assert_told('d');
	assert_told('e');
	assert_nobody_is_told();
	/* One of them takes it; others are kept from it. */
	assert_false(bc_lock_is_kept(&lock, &kept));
	assert_true(bc_lock_is_kept(&of_bob, &kept));
	grant(&lock);
	held = lock;
	/* Another has come too late, and is trusted again. */
	lock.owner = "e";
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_ALREADY);
	bc_lock_expire(bc_now() + BC_LOCK_KEPT);
	assert_int_equal(bc_lock_waiters_count(), 2);
	held.file = NULL;
	offer(&files[0]);
	assert_told('e');
	assert_nobody_is_told();
	lock.owner = "a";
	assert_true(bc_lock_is_kept(&lock, &kept));
}

/* The same, once it cannot be told. */
static void test_waiters_of_who_refuses_are_told_together(void **state)
{
	(void)state;
	wait_for_all("a");
	wait_for_all("b");
	wait_for_all("c");
	offer(&files[0]);
	assert_told_with('a', NFS4ERR_RESOURCE);
	settle();
	offer(&files[0]);
	assert_told('b');
	assert_told('c');
	assert_nobody_is_told();
}

/* Nobody calls bc_lock_expire() but the timer. */
static void test_waiter_who_does_not_come_is_passed_in_time(void **state)
{
	struct fake_place *place = wait_for_all("a");
	uint64_t begun = bc_now();

	(void)state;
	offer(&files[0]);
	assert_told('a');
	while (!uatomic_read(&place->next))
		CHECK(bc_now() < begun + FAKE_PATIENCE * SECOND);
	assert_true(bc_now() >= begun + BC_LOCK_KEPT);
}

static void test_waiter_who_refuses_is_passed_at_once(void **state)
{
	struct fake_place *place = wait_for_all("a");

	(void)state;
	offer(&files[0]);
	assert_told_with('a', NFS4ERR_RESOURCE);
	settle();
	assert_int_equal(place->next, 1);
	assert_false(bc_lock_waiters());
}

/* The callback that fails is not the last one. */
static void test_waiter_is_not_passed_for_an_old_callback(void **state)
{
	struct bc_lock lock = all_of("a");
	struct fake_place *place = wait_for(&lock);
	struct bc_request *first;
	struct bc_reply refused;

	(void)state;
	offer(&files[0]);
	first = fake_next();
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_ALREADY);
	offer(&files[0]);
	refused = fake_reply_ok(first);
	refused.status = refused.op_status = NFS4ERR_RESOURCE;
	fake_answer(first, refused);
	settle();
	assert_int_equal(place->next, 0);
	assert_told('a');
}

/* The file system's own lock is in the way: nobody tells of its end. */
static void test_waiter_for_an_unknown_lock_is_told_again(void **state)
{
	struct bc_lock lock = all_of("a"), kept;

	(void)state;
	wait_for(&lock);
	wait_for_all("b");
	offer(&files[0]);
	assert_told('a');
	assert_int_equal(wish(&lock, true), BC_LOCK_WAIT_ALREADY);
	offer(&files[0]);
	assert_nobody_is_told();
	/* Nobody else is kept from it. */
	lock.owner = "b";
	assert_false(bc_lock_is_kept(&lock, &kept));
	bc_lock_expire(bc_now() + BC_LOCK_AGAIN);
	assert_told('a');
	assert_nobody_is_told();
}

static void *expire_main(void *arg)
{
	(void)arg;
	bc_lock_expire(bc_now() + BC_LOCK_AGAIN);
	return NULL;
}

/* While one is told once more, the next asks, and is told for that. */
static void test_waiter_asks_while_others_are_told_again(void **state)
{
	struct bc_lock a = bytes("a", 0, 9), b = bytes("b", 10, 19), kept;
	struct bc_lock also_a = bytes("z", 0, 9);
	struct bc_client *alice = bc_client_get(ALICE);
	uint64_t begun = bc_now();
	struct bc_conn *conn;
	pthread_t thread;

	(void)state;
	(void)fake_path(BOB, 2, 16, &conn);
	b.client = BOB;
	wait_for(&a);
	wait_for(&b);
	offer(&files[0]);
	assert_told('a');
	assert_told('b');
	assert_int_equal(wish(&a, true), BC_LOCK_WAIT_ALREADY);
	assert_int_equal(wish(&b, true), BC_LOCK_WAIT_ALREADY);
	pthread_mutex_lock(&alice->lock); /* who tells her waits for it */
	CHECK(!pthread_create(&thread, NULL, expire_main, NULL));
	while (!bc_lock_is_kept(&also_a, &kept))
		CHECK(bc_now() < begun + FAKE_PATIENCE * SECOND);
	assert_int_equal(wish(&b, false), BC_LOCK_WAIT_ALREADY);
	offer(&files[0]);
	pthread_mutex_unlock(&alice->lock);
	CHECK(!pthread_join(thread, NULL));
	assert_told('b');
	assert_told('a');
	assert_nobody_is_told();
	bc_client_put(alice);
}

/* How waiting ends ------------------------------------------------------------- */

static void test_waiting_ends_with_the_lock_and_what_it_covers(void **state)
{
	struct bc_lock all = all_of("a"), part = bytes("a", 5, 6),
		       less = bytes("a", 5, 5), to_read = all;

	(void)state;
	wait_for(&part);
	wait_for_all("b");
	grant(&less);
	to_read.exclusive = false;
	grant(&to_read);
	assert_int_equal(bc_lock_waiters_count(), 2);
	grant(&all);
	assert_int_equal(bc_lock_waiters_count(), 1);
	assert_int_equal(places[0].next, 0);
}

static void test_waiting_ends_when_it_is_given_up(void **state)
{
	struct bc_lock lock = bytes("a", 0, 9), less = bytes("a", 0, 8);

	(void)state;
	wait_for(&lock);
	bc_lock_given_up(&less);
	assert_true(bc_lock_waiters());
	offer(&files[0]);
	assert_told('a');
	bc_lock_given_up(&lock);
	settle();
	assert_false(bc_lock_waiters());
	assert_int_equal(places[0].next, 1); /* it was its turn */
}

static void test_waiting_ends_with_its_open(void **state)
{
	(void)state;
	wait_for_all("a");
	bc_lock_closed(&files[0], ALICE, opens[1]);
	bc_lock_closed(&files[0], BOB, opens[0]);
	bc_lock_closed(&files[1], ALICE, opens[0]);
	assert_true(bc_lock_waiters());
	bc_lock_closed(&files[0], ALICE, opens[0]);
	settle();
	assert_false(bc_lock_waiters());
	assert_int_equal(places[0].next, 0);
	assert_int_equal(places[0].freed, 1);
}

static void test_waiting_ends_with_its_client(void **state)
{
	struct bc_lock other = all_of("a");
	struct bc_conn *conn;

	(void)state;
	(void)fake_path(BOB, 2, 16, &conn);
	wait_for_all("a");
	other.client = BOB;
	wait_for(&other);
	offer(&files[0]);
	assert_told('a');
	bc_client_destroy(ALICE);
	settle();
	assert_int_equal(bc_lock_waiters_count(), 1);
	assert_int_equal(places[0].next, 1);
	offer(&files[0]);
	assert_told('a'); /* BOB's */
}

static void test_waiting_ends_with_its_export(void **state)
{
	struct bc_lock lock = all_of("a");

	(void)state;
	assert_int_equal(wish_in(&lock, &files[0], false), BC_LOCK_WAIT_NEW);
	lock.owner = "b";
	assert_int_equal(wish_in(&lock, &files[1], false), BC_LOCK_WAIT_NEW);
	bc_lock_export_ended(&files[0]);
	assert_int_equal(places[0].freed, 1);
	assert_int_equal(bc_lock_waiters_count(), 1);
	offer(&files[0]);
	assert_told('b');
}

/* Its client may take its time to answer: an export that goes does not wait for it. */
static void test_place_is_not_kept_for_a_callback(void **state)
{
	struct bc_lock lock = all_of("a");
	struct bc_request *req;

	(void)state;
	assert_int_equal(wish_in(&lock, &files[0], false), BC_LOCK_WAIT_NEW);
	offer(&files[0]);
	req = fake_next();
	bc_lock_export_ended(&files[0]);
	assert_int_equal(places[0].next, 1);
	assert_int_equal(places[0].freed, 1);
	fake_answer(req, fake_reply_ok(req));
}

/* Who asks lives on. */
static void test_waiting_ends_when_nobody_asks_any_more(void **state)
{
	struct bc_lock lock = all_of("a");
	uint64_t begun = bc_now(), life = BC_LOCK_LIFE;

	(void)state;
	if (2 * fake_config.lease_time > life)
		life = 2 * fake_config.lease_time;
	wait_for_all("a");
	wait_for_all("b");
	while (bc_now() < begun + 20)
		;
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_ALREADY);
	bc_lock_expire(begun + life - 1);
	assert_int_equal(bc_lock_waiters_count(), 2);
	bc_lock_expire(begun + life + 15);
	settle();
	assert_int_equal(bc_lock_waiters_count(), 1);
	assert_int_equal(places[0].freed, 0);
	assert_int_equal(places[1].freed, 1);
	bc_lock_expire(begun + 2 * life);
	assert_false(bc_lock_waiters());
}

static void fill_file(struct bc_lock *lock, const char *file, char name[16])
{
	lock->file = file;
	for (unsigned int i = 0; i < BC_LOCK_FILE_WAITERS; i++) {
		snprintf(name, 16, "%u", i);
		lock->owner_len = strlen(name);
		assert_int_equal(wish(lock, false), BC_LOCK_WAIT_NEW);
	}
	snprintf(name, 16, "one more");
	lock->owner_len = strlen(name);
	assert_int_equal(wish(lock, false), BC_LOCK_WAIT_REFUSED);
}

static void test_no_more_wait_than_may(void **state)
{
	static const char another;
	char name[16] = "";
	struct bc_lock lock = all_of(name);
	unsigned int clients = BC_LOCK_SERVER_WAITERS / BC_LOCK_CLIENT_WAITERS;

	(void)state;
	for (uint64_t client = 1; client <= clients; client++) {
		lock.client = client;
		for (unsigned int i = 0; i < FILES; i++)
			fill_file(&lock, &files[i], name);
		lock.file = &another;
		assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_REFUSED);
	}
	lock.client++;
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_REFUSED);
	bc_lock_client_ended(1);
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_NEW);
}

static void test_after_the_end_nobody_waits(void **state)
{
	struct bc_lock lock = all_of("a");

	(void)state;
	wait_for(&lock);
	offer(&files[0]);
	bc_lock_stop();
	assert_false(bc_lock_waiters());
	assert_int_equal(places[0].next, 0);
	assert_int_equal(wish(&lock, false), BC_LOCK_WAIT_REFUSED);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_waiters_one_is_told_at_a_time_in_order),
		TEST(test_waiters_of_other_files_are_not_told),
		TEST(test_waiters_who_read_are_told_together),
		TEST(test_waiters_whose_bytes_are_free_are_told),
		TEST(test_waiters_of_one_owner_are_told_together),
		TEST(test_lock_is_kept_for_who_was_told),
		TEST(test_waiter_who_asks_again_keeps_its_turn),
		TEST(test_waiter_with_another_wish_is_another),
		TEST(test_waiter_who_does_not_come_is_passed),
		TEST(test_waiters_of_who_does_not_come_are_told_together),
		TEST(test_waiters_of_who_refuses_are_told_together),
		TEST(test_waiter_who_does_not_come_is_passed_in_time),
		TEST(test_waiter_who_refuses_is_passed_at_once),
		TEST(test_waiter_is_not_passed_for_an_old_callback),
		TEST(test_waiter_for_an_unknown_lock_is_told_again),
		TEST(test_waiter_asks_while_others_are_told_again),
		TEST(test_waiting_ends_with_the_lock_and_what_it_covers),
		TEST(test_waiting_ends_when_it_is_given_up),
		TEST(test_waiting_ends_with_its_open),
		TEST(test_waiting_ends_with_its_client),
		TEST(test_waiting_ends_with_its_export),
		TEST(test_place_is_not_kept_for_a_callback),
		TEST(test_waiting_ends_when_nobody_asks_any_more),
		TEST(test_no_more_wait_than_may),
		TEST(test_after_the_end_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
