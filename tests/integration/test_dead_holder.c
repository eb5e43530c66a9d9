/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client that holds delegations and is not heard any more costs the others
 * two leases in all, whenever they come, and the server nothing.
 * RFC 5661 8.3, 10.4.5, 18.35.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>

#include "rounds.h"

#define LEASE 4 /* s; Ganesha looks for dead clients twice in a lease */
#define NS_PER_MS UINT64_C(1000000)
#define LEASE_NS (LEASE * 1000 * NS_PER_MS)
#define SLACK 1700 /* ms: Ganesha counts in seconds, and looks every second */
#define HOLDERS 24 /* of a round, each with a file */
#define RETURNERS 8 /* that come back, */
#define STAGGER 250 /* ms, one after the other */
#define SILENT_FILES 4

static const struct cb_answer never = { .when = CB_NEVER };

static struct fixture fixture;

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		/* The defaults' for a lease of 20 s. */
		.backchannel = "Callback_Timeout = 2;\n"
			       "Retry_First_Delay = 1;\n",
	};

	*state = &fixture;
	return fixture_start(&fixture, &params) || fixture_mount(state);
}

/* Each test has its own server, which must be able to end. */
static int teardown(void **state)
{
	struct fixture *f = *state;
	uint64_t cpu = server_cpu_ms(f->server);
	uint64_t from = nfs_now_ns();
	int unclean = fixture_unmount(state);

	/* A thread that spins: it would not end, and be waited for. */
	if (nfs_now_ns() - from > 1000 * NS_PER_MS &&
	    server_cpu_ms(f->server) - cpu > 500)
		server_signal(f->server, SIGKILL);
	return fixture_stop(f) || unclean;
}

/* Let time pass: the opener, and the holder unless it is dead, renew their
 * leases. Nothing tells anybody that somebody's lease has ended.
 */
static void pass(struct fixture *f, uint64_t until, bool holder)
{
	unsigned int n = cb_responder_count(f->responder);

	while (nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		if (holder)
			assert_int_equal(nfs_sequence(&f->session, NULL),
					 NFS4_OK);
		cb_responder_wait(f->responder, n, 100);
		n = cb_responder_count(f->responder);
	}
}

/* Open a file for writing, as the opener, again and again.
 * @return how long it took, in ns; 0: it was in vain until then
 */
static uint64_t opens_within(struct fixture *f, const char *name, uint64_t ns,
			     bool holder)
{
	uint64_t start = nfs_now_ns();
	struct nfs_file file;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "export/%s", name);
	while ((status = nfs_open(&f->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file)) == NFS4ERR_DELAY) {
		if (nfs_now_ns() - start > ns)
			return 0;
		pass(f, nfs_now_ns() + 50 * NS_PER_MS, holder);
	}
	assert_int_equal(status, NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
	return nfs_now_ns() - start + 1;
}

/* The server serves new clients, and does not burn time. */
static void assert_serves(struct fixture *f)
{
	struct nfs_session session;
	struct nfs_client client;
	long cpu;

	fixture_client(f, &client);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	nfs_client_unmount(&session);
	cpu = server_cpu_ms(f->server);
	pass(f, nfs_now_ns() + 1000 * NS_PER_MS, false);
	assert_in_range(server_cpu_ms(f->server) - cpu, 0, 500);
}

static void vanish(struct nfs_session *session)
{
	nfs_conn_close(session->conn, NFS_CLOSE_FIN);
}

/* Opened after the lease's end ------------------------------------------- */

struct vanished {
	struct nfs_client client;
	struct nfs_session session;
	char name[32];
	uint64_t open_at;
	bool opened;
};

static struct vanished vanished[HOLDERS];

static void hold_and_vanish(struct fixture *f, struct rounds *rounds,
			    struct vanished *v, unsigned int i)
{
	struct nfs_file file;
	char path[64];

	snprintf(v->name, sizeof(v->name), "vanished-%u-%u", rounds->done, i);
	server_make_file(f->server, v->name, "contents");
	snprintf(path, sizeof(path), "export/%s", v->name);
	fixture_client(f, &v->client);
	assert_int_equal(nfs_client_mount(&v->client, &v->session), NFS4_OK);
	assert_int_equal(nfs_open(&v->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	vanish(&v->session);
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
	unsigned int left = HOLDERS;

	while (left && nfs_now_ns() < until) {
		for (unsigned int i = 0; i < HOLDERS; i++) {
			struct vanished *v = &vanished[i];

			if (v->opened || nfs_now_ns() < v->open_at)
				continue;
			v->opened = opens_within(f, v->name, 0, true) > 0;
			left -= v->opened;
		}
		pass(f, nfs_now_ns() + 50 * NS_PER_MS, true);
	}
	for (unsigned int i = 0; i < HOLDERS; i++)
		if (!vanished[i].opened)
			rounds_fail(rounds, "%s is DELAY", vanished[i].name);
}

static void test_open_around_end_of_lease_succeeds(void **state)
{
	struct fixture *f = *state;
	struct rounds rounds;

	rounds_begin(&rounds, "vanished", 2, 10);
	while (rounds_next(&rounds)) {
		for (unsigned int i = 0; i < HOLDERS; i++)
			hold_and_vanish(f, &rounds, &vanished[i], i);
		open_all(f, &rounds);
		for (unsigned int i = 0; i < HOLDERS; i++)
			nfs_session_fini(&vanished[i].session);
	}
	assert_int_equal(rounds_end(&rounds), 0);
	assert_serves(f);
}

/* The control: before its lease ends it is recalled, in vain, and revoked. */
static void test_open_before_end_of_lease_succeeds(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "in-time", &file);
	vanish(&f->session);
	assert_true(opens_within(f, "in-time", 4 * LEASE_NS, false));
	assert_serves(f);
}

/* The other control: reaped, when nobody has come meanwhile. */
static void test_open_after_the_client_is_reaped_succeeds(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "reaped", &file);
	vanish(&f->session);
	pass(f, nfs_now_ns() + 2 * LEASE_NS, false);
	assert_true(opens_within(f, "reaped", 1000 * NS_PER_MS, false));
	assert_serves(f);
}

/* Many clients vanish one after the other, so that some lease ends shortly
 * before each look for dead clients, and others shortly after it.
 */
static void vanish_in_turn(struct fixture *f, struct rounds *rounds)
{
	for (unsigned int i = 0; i < RETURNERS; i++) {
		hold_and_vanish(f, rounds, &vanished[i], i);
		vanished[i].open_at = nfs_now_ns() + LEASE_NS + 50 * NS_PER_MS;
		pass(f, nfs_now_ns() + STAGGER * NS_PER_MS, true);
	}
}

/* @return how many were open to nobody at their moment: not reaped yet */
static unsigned int open_in_turn(struct fixture *f)
{
	unsigned int delayed = 0;

	for (unsigned int i = 0; i < RETURNERS; i++) {
		pass(f, vanished[i].open_at, true);
		vanished[i].opened =
			opens_within(f, vanished[i].name, 0, true) > 0;
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
	vanish_in_turn(f, &rounds);
	print_message("%u of %u delayed\n", open_in_turn(f), RETURNERS);
	for (unsigned int i = 0; i < RETURNERS; i++)
		assert_int_equal(come_back(f, &vanished[i], restarted),
				 NFS4_OK);
	until = nfs_now_ns() + 2 * LEASE_NS + SLACK * NS_PER_MS;
	for (unsigned int i = 0; i < RETURNERS; i++) {
		do {
			vanished[i].opened =
				opens_within(f, vanished[i].name, 0, true) > 0;
			for (unsigned int j = 0; j < RETURNERS; j++)
				nfs_sequence(&vanished[j].session, NULL);
			pass(f, nfs_now_ns() + 50 * NS_PER_MS, true);
		} while (!vanished[i].opened && nfs_now_ns() < until);
		if (!vanished[i].opened)
			rounds_fail(&rounds, "%s is DELAY", vanished[i].name);
	}
	for (unsigned int i = 0; i < RETURNERS; i++)
		nfs_client_unmount(&vanished[i].session);
	assert_int_equal(rounds_end(&rounds), 0);
	assert_serves(f);
}

static void test_back_after_end_of_lease_is_recalled(void **state)
{
	back_after_end_of_lease(*state, false);
}

static void test_restarted_after_end_of_lease_is_served(void **state)
{
	back_after_end_of_lease(*state, true);
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
		if (!opens_within(f, name, until > now ? until - now : 0,
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
	vanish(&f->session);
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
		assert_true(opens_within(f, name, LEASE_NS, true));
	}
	took = nfs_now_ns() - start;
	cb_responder_set_returner(f->responder, NULL);
	cb_returner_free(returner);
	assert_in_range(took, 0, LEASE_NS);
}

#define DEAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEAD_TEST(test_open_before_end_of_lease_succeeds),
		DEAD_TEST(test_open_after_the_client_is_reaped_succeeds),
		DEAD_TEST(test_open_around_end_of_lease_succeeds),
		DEAD_TEST(test_back_after_end_of_lease_is_recalled),
		DEAD_TEST(test_restarted_after_end_of_lease_is_served),
		DEAD_TEST(test_living_holder_all_files_take_no_time),
		DEAD_TEST(test_silent_holder_first_file_takes_two_leases),
		DEAD_TEST(test_silent_holder_all_files_take_two_leases),
		DEAD_TEST(test_vanished_holder_all_files_take_two_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
