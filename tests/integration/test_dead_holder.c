/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client that holds delegations and is not heard any more costs the others
 * two leases in all, not for each of its files. RFC 5661 8.3, 10.4.5.
 */
#include "dead.h"

#include <stdio.h>

#define SILENT_FILES 4

static const struct cb_answer never = { .when = CB_NEVER };

/* Gone ------------------------------------------------------------------- */

/* The control: before its lease ends it is recalled, in vain, and revoked. */
static void test_open_before_end_of_lease_succeeds(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "in-time", &file);
	dead_vanish(&f->session);
	assert_true(dead_opens_within(f, "in-time", 4 * LEASE_NS, false));
	dead_assert_serves(f);
}

/* The other control: reaped, when nobody has come meanwhile. */
static void test_open_after_the_client_is_reaped_succeeds(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "reaped", &file);
	dead_vanish(&f->session);
	dead_pass(f, nfs_now_ns() + 2 * LEASE_NS, false);
	assert_true(dead_opens_within(f, "reaped", 1000 * NS_PER_MS, false));
	dead_assert_serves(f);
}

/* Silent ------------------------------------------------------------------- */

/* Open files that a dead client holds, one after the other. */
static void open_within_two_leases(struct fixture *f, const char *prefix,
				   unsigned int count)
{
	uint64_t start = nfs_now_ns();
	uint64_t until = start + 2 * LEASE_NS + SLACK * NS_PER_MS;
	char name[64];

	for (unsigned int i = 0; i < count; i++) {
		uint64_t now = nfs_now_ns();

		snprintf(name, sizeof(name), "%s-%u", prefix, i);
		if (!dead_opens_within(f, name, until > now ? until - now : 0,
				       false))
			fail_msg("%s is DELAY after %.1f leases", name,
				 (double)(nfs_now_ns() - start) / LEASE_NS);
	}
	print_message("%u files: %.1f leases\n", count,
		      (double)(nfs_now_ns() - start) / LEASE_NS);
}

/* The holder's connection stays, and nothing comes from it any more. */
static void test_silent_holder_first_file_takes_two_leases(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	cb_responder_set_default(f->responder, &never);
	fixture_hold_many(f, "silent-first", &file, 1);
	open_within_two_leases(f, "silent-first", 1);
}

static void test_silent_holder_all_files_take_two_leases(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[SILENT_FILES];

	cb_responder_set_default(f->responder, &never);
	fixture_hold_many(f, "silent-all", files, SILENT_FILES);
	open_within_two_leases(f, "silent-all", SILENT_FILES);
}

static void test_vanished_holder_all_files_take_two_leases(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[SILENT_FILES];

	fixture_hold_many(f, "vanished-all", files, SILENT_FILES);
	dead_vanish(&f->session);
	open_within_two_leases(f, "vanished-all", SILENT_FILES);
}

/* The control: a holder that answers and returns costs nobody anything. */
static void test_living_holder_all_files_take_no_time(void **state)
{
	struct fixture *f = *state;
	struct cb_returner *returner = cb_returner_new();
	struct nfs_file files[SILENT_FILES];
	uint64_t start, took;
	char name[64];

	cb_responder_set_returner(f->responder, returner);
	fixture_hold_many(f, "living", files, SILENT_FILES);
	start = nfs_now_ns();
	for (unsigned int i = 0; i < SILENT_FILES; i++) {
		snprintf(name, sizeof(name), "living-%u", i);
		assert_true(dead_opens_within(f, name, LEASE_NS, true));
	}
	took = nfs_now_ns() - start;
	cb_responder_set_returner(f->responder, NULL);
	cb_returner_free(returner);
	assert_in_range(took, 0, LEASE_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEAD_TEST(test_open_before_end_of_lease_succeeds),
		DEAD_TEST(test_open_after_the_client_is_reaped_succeeds),
		DEAD_TEST(test_living_holder_all_files_take_no_time),
		DEAD_TEST(test_silent_holder_first_file_takes_two_leases),
		DEAD_TEST(test_silent_holder_all_files_take_two_leases),
		DEAD_TEST(test_vanished_holder_all_files_take_two_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
