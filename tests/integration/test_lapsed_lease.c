/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client's lease has ended and Ganesha has not looked yet: whoever comes upon
 * what it holds in that moment gets it, and the client can come back.
 * RFC 5661 8.3, 8.4.2.4, 10.4.5, 18.35.
 */
#include "dead.h"

#include <stdio.h>

#include "rounds.h"

#define HOLDERS 24 /* of a round, each with a file; */
#define HOLDERS_LONG 200
#define RETURNERS 8 /* that come back, */
#define STAGGER 250 /* ms, one after the other */

/* Opened after the lease's end ------------------------------------------- */

struct vanished {
	struct nfs_client client;
	struct nfs_session session;
	char name[32];
	struct nfs_fh fh;
	uint64_t open_at;
	bool opened;
};

static struct vanished vanished[HOLDERS_LONG];
static unsigned int holders = HOLDERS;

static void hold_and_vanish(struct fixture *f, struct rounds *rounds,
			    struct vanished *v, unsigned int i, uint32_t type)
{
	uint32_t access = type == OPEN_DELEGATE_WRITE ? GANESHA_WRITE_ACCESS :
							OPEN4_SHARE_ACCESS_READ;
	struct nfs_file file;
	char path[64];

	snprintf(v->name, sizeof(v->name), "vanished-%u-%u", rounds->done, i);
	server_make_file(f->server, v->name, "contents");
	snprintf(path, sizeof(path), "export/%s", v->name);
	fixture_client(f, &v->client);
	assert_int_equal(nfs_client_mount(&v->client, &v->session), NFS4_OK);
	assert_int_equal(nfs_open(&v->session, path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, type);
	v->fh = file.fh;
	dead_vanish(&v->session);
	/* From a little before the lease ends to when it must be reaped. */
	v->open_at = nfs_now_ns() + LEASE_NS - 500 * NS_PER_MS +
		     rounds_random(rounds, LEASE * 1000) * NS_PER_MS;
	v->opened = false;
}

/* Each is tried from its moment on. */
static void open_all(struct fixture *f, struct rounds *rounds)
{
	/* The last comes two leases after they vanish, and may need two. */
	uint64_t until = nfs_now_ns() + 4 * LEASE_NS + SLACK * NS_PER_MS;
	unsigned int left = holders;

	while (left && nfs_now_ns() < until) {
		for (unsigned int i = 0; i < holders; i++) {
			struct vanished *v = &vanished[i];

			if (v->opened || nfs_now_ns() < v->open_at)
				continue;
			v->opened = dead_opens_within(f, v->name, 0, true) > 0;
			left -= v->opened;
		}
		dead_pass(f, nfs_now_ns() + 50 * NS_PER_MS, true);
	}
	for (unsigned int i = 0; i < holders; i++)
		if (!vanished[i].opened)
			rounds_fail(rounds, "%s is DELAY", vanished[i].name);
}

static void test_open_around_end_of_lease_succeeds(void **state)
{
	struct fixture *f = *state;
	struct rounds rounds;

	holders = rounds_long() ? HOLDERS_LONG : HOLDERS;
	rounds_begin(&rounds, "vanished", 2, 10);
	while (rounds_next(&rounds)) {
		/* Whenever Ganesha looks, some lease has just ended. */
		for (unsigned int i = 0; i < holders; i++) {
			hold_and_vanish(f, &rounds, &vanished[i], i,
					OPEN_DELEGATE_READ);
			dead_pass(f, nfs_now_ns() + LEASE_NS / 2 / holders,
				  true);
		}
		open_all(f, &rounds);
		for (unsigned int i = 0; i < holders; i++)
			nfs_session_fini(&vanished[i].session);
	}
	assert_int_equal(rounds_end(&rounds), 0);
	dead_assert_serves(f);
}

/* Many clients vanish one after the other, so that some lease ends shortly
 * before each look for dead clients, and others shortly after it.
 */
static void vanish_in_turn(struct fixture *f, struct rounds *rounds,
			   uint32_t type)
{
	for (unsigned int i = 0; i < RETURNERS; i++) {
		hold_and_vanish(f, rounds, &vanished[i], i, type);
		vanished[i].open_at = nfs_now_ns() + LEASE_NS + 50 * NS_PER_MS;
		dead_pass(f, nfs_now_ns() + STAGGER * NS_PER_MS, true);
	}
}

/* @return how many were open to nobody at their moment: not reaped yet */
static unsigned int open_in_turn(struct fixture *f)
{
	unsigned int delayed = 0;

	for (unsigned int i = 0; i < RETURNERS; i++) {
		dead_pass(f, vanished[i].open_at, true);
		vanished[i].opened =
			dead_opens_within(f, vanished[i].name, 0, true) > 0;
		delayed += !vanished[i].opened;
	}
	return delayed;
}

/* The client comes back with a session of its own. */
static int come_back(struct fixture *f, struct vanished *v, bool restarted)
{
	struct nfs_conn *conn;
	int status;

	nfs_session_fini(&v->session);
	v->client.verifier[0] += restarted;
	v->client.responder = f->responder;
	conn = fixture_connect(f, &v->client);
	status = nfs_exchange_id(&v->client, conn);
	if (!status)
		status =
			nfs_create_session(&v->session, &v->client, conn, NULL);
	return status;
}

/* They are served, and recalled or have lost what they held: the files are free
 * soon.
 */
static void back_after_end_of_lease(struct fixture *f, bool restarted)
{
	struct rounds rounds;
	uint64_t until;

	rounds_begin(&rounds, restarted ? "restarted" : "back", 1, 60);
	rounds_next(&rounds);
	vanish_in_turn(f, &rounds, OPEN_DELEGATE_READ);
	print_message("%u of %u delayed\n", open_in_turn(f), RETURNERS);
	for (unsigned int i = 0; i < RETURNERS; i++) {
		assert_int_equal(come_back(f, &vanished[i], restarted),
				 NFS4_OK);
		vanished[i].opened = false;
	}
	until = nfs_now_ns() + 2 * LEASE_NS + SLACK * NS_PER_MS;
	for (unsigned int left = RETURNERS; left && nfs_now_ns() < until;) {
		for (unsigned int i = 0; i < RETURNERS; i++) {
			struct vanished *v = &vanished[i];

			nfs_sequence(&v->session, NULL);
			if (v->opened)
				continue;
			v->opened = dead_opens_within(f, v->name, 0, true) > 0;
			left -= v->opened;
		}
		dead_pass(f, nfs_now_ns() + 50 * NS_PER_MS, true);
	}
	for (unsigned int i = 0; i < RETURNERS; i++)
		if (!vanished[i].opened)
			rounds_fail(&rounds, "%s is DELAY", vanished[i].name);
	for (unsigned int i = 0; i < RETURNERS; i++)
		nfs_client_unmount(&vanished[i].session);
	assert_int_equal(rounds_end(&rounds), 0);
	dead_assert_serves(f);
}

static void test_back_after_end_of_lease_is_recalled(void **state)
{
	back_after_end_of_lease(*state, false);
}

static void test_restarted_after_end_of_lease_is_served(void **state)
{
	back_after_end_of_lease(*state, true);
}

/* Attributes asked for after the lease's end ------------------------------ */

#define MENDED "a recall that nobody made"
#define MET_IN_TIME 500 /* ms: the reaper is woken */

/* Ask for a file's attributes from its moment on.
 * @return whether the first answer was DELAY: its holder was not reaped yet
 */
static bool getattr_until_free(struct fixture *f, struct rounds *rounds,
			       const struct vanished *v)
{
	bool delayed = false;
	uint64_t until;
	int status;

	dead_pass(f, v->open_at, true);
	until = nfs_now_ns() + MET_IN_TIME * NS_PER_MS;
	while ((status = nfs_getattr(&f->opener_session, &v->fh, NULL, NULL)) ==
		       NFS4ERR_DELAY &&
	       nfs_now_ns() < until) {
		delayed = true;
		dead_pass(f, nfs_now_ns() + 20 * NS_PER_MS, true);
	}
	if (status != NFS4_OK)
		rounds_fail(rounds, "%s: GETATTR is %d", v->name, status);
	return delayed;
}

/* Nobody tries to recall what is the reaper's: Ganesha loses references by that. */
static void test_getattr_after_end_of_lease_recalls_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned int delayed = 0;
	struct rounds rounds;

	rounds_begin(&rounds, "getattr", 2, 20);
	while (rounds_next(&rounds)) {
		vanish_in_turn(f, &rounds, OPEN_DELEGATE_WRITE);
		for (unsigned int i = 0; i < RETURNERS; i++) {
			delayed += getattr_until_free(f, &rounds, &vanished[i]);
			nfs_session_fini(&vanished[i].session);
		}
	}
	print_message("%u delayed\n", delayed);
	assert_int_equal(rounds_end(&rounds), 0);
	assert_int_equal(server_log_count(f->server, MENDED), 0);
	dead_assert_serves(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEAD_TEST(test_open_around_end_of_lease_succeeds),
		DEAD_TEST(test_back_after_end_of_lease_is_recalled),
		DEAD_TEST(test_restarted_after_end_of_lease_is_served),
		DEAD_TEST(test_getattr_after_end_of_lease_recalls_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
