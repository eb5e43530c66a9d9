/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A revoked delegation that the client has forgotten: it cannot free a stateid
 * that it does not know. It asks for those that it knows, at every reply that
 * says that something is revoked, and is not told so for ever.
 * RFC 5661 8.5, 10.2.1, 18.46.3, 18.48.
 */
#include "fixture.h"

#include <stdio.h>

#define LEASE 2 /* s */
#define NS_PER_MS UINT64_C(1000000)
#define LEASE_NS (LEASE * 1000 * NS_PER_MS)
#define REVOCATION (6 * LEASE_NS) /* within which it is revoked, generously */
#define HUSHED (3 * LEASE_NS) /* "a lease or two", and time to notice */
#define REVOKED SEQ4_STATUS_RECALLABLE_STATE_REVOKED

static struct fixture fixture;

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
	};

	*state = &fixture;
	return fixture_start(&fixture, &params);
}

static int teardown(void **state)
{
	return fixture_stop(*state);
}

/* A SEQUENCE of each client. @return whether the holder's is flagged */
static bool flagged(struct fixture *f)
{
	uint32_t flags;

	assert_int_equal(nfs_sequence(&f->opener_session, NULL), NFS4_OK);
	assert_int_equal(nfs_sequence(&f->session, &flags), NFS4_OK);
	return flags & REVOKED;
}

static void pause_ms(struct fixture *f, int ms)
{
	cb_responder_wait(f->responder, cb_responder_count(f->responder), ms);
}

/* The delegation of a file is recalled, and revoked. */
static void lose(struct fixture *f, const char *name, struct nfs_file *lost)
{
	uint64_t until = nfs_now_ns() + REVOCATION;

	fixture_hold(f, name, lost);
	fixture_conflict(f, name);
	while (!flagged(f)) {
		assert_true(nfs_now_ns() < until);
		pause_ms(f, 50);
	}
}

/* Answer each flagged reply as Linux does, until there is one without.
 * @return whether there is, within @ns
 */
static bool hushed(struct fixture *f, const struct nfs_file *asked, uint64_t ns)
{
	uint64_t until = nfs_now_ns() + ns;

	while (flagged(f)) {
		if (nfs_now_ns() > until)
			return false;
		if (asked)
			nfs_test_stateid(&f->session,
					 &asked->delegation.stateid);
		pause_ms(f, 100);
	}
	return true;
}

static void test_forgotten_stateid_is_not_told_for_ever(void **state)
{
	struct fixture *f = *state;
	struct nfs_file lost, kept;

	fixture_hold(f, "kept", &kept);
	lose(f, "forgotten", &lost);
	assert_true(hushed(f, &kept, HUSHED));
	/* It is not forgotten here. */
	assert_int_equal(
		nfs_test_stateid(&f->session, &lost.delegation.stateid),
		NFS4ERR_DELEG_REVOKED);
	assert_int_equal(
		nfs_free_stateid(&f->session, &lost.delegation.stateid),
		NFS4_OK);
	fixture_return(f, &kept);
}

/* What it loses after that, it is told of. */
static void test_next_revocation_is_told_again(void **state)
{
	struct fixture *f = *state;
	struct nfs_file first, second, kept;

	fixture_hold(f, "kept-again", &kept);
	lose(f, "first", &first);
	assert_true(hushed(f, &kept, HUSHED));
	lose(f, "second", &second);
	assert_int_equal(
		nfs_free_stateid(&f->session, &second.delegation.stateid),
		NFS4_OK);
	fixture_return(f, &kept);
}

/* The control: a client that has not asked yet has not forgotten. */
static void test_unasked_stateid_is_told_on(void **state)
{
	struct fixture *f = *state;
	struct nfs_file lost;

	lose(f, "unasked", &lost);
	assert_false(hushed(f, NULL, HUSHED));
	assert_int_equal(
		nfs_free_stateid(&f->session, &lost.delegation.stateid),
		NFS4_OK);
	assert_false(flagged(f));
}

/* The other control: a client that asks for it knows it, and has to free it. */
static void test_asked_stateid_is_told_until_freed(void **state)
{
	struct fixture *f = *state;
	struct nfs_file lost;

	lose(f, "asked", &lost);
	assert_false(hushed(f, &lost, HUSHED));
	assert_int_equal(
		nfs_free_stateid(&f->session, &lost.delegation.stateid),
		NFS4_OK);
	assert_false(flagged(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_unasked_stateid_is_told_on),
		FIXTURE_TEST(test_asked_stateid_is_told_until_freed),
		FIXTURE_TEST(test_forgotten_stateid_is_not_told_for_ever),
		FIXTURE_TEST(test_next_revocation_is_told_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
