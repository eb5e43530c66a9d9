/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A thousand requests, each held for another file's delegation: one that comes back
 * lets one of them go on, and no other looks at its file again.  How often they do,
 * the core counts, and says at its end.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>

#define FILES 1000
#define OPENERS 20 /* clients, each of which has room for its part of them */
#define EACH (FILES / OPENERS)
#define HOLD 10000 /* ms: nobody's time is over */
#define ONE (FILES / 2) /* the file that comes back first */
#define WAITERS 8 /* for one file */

static struct nfs_file files[FILES];
static struct nfs_compound opens[FILES];
static struct nfs_session sessions[OPENERS];

static void begin(struct fixture *f)
{
	const struct server_params params = { .module = true,
					      .hold_conflicts = HOLD };
	void *state = f;

	assert_int_equal(fixture_start(f, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
}

static bool went_on_once_each(struct fixture *f, unsigned int held)
{
	struct server_held counts;

	return server_held(f->server, &counts) && counts.held == held &&
	       counts.went_on == held && counts.looks == held;
}

/* So many were held, and went on when what they waited for was there: once.  The last
 * may have had it back just before it waited.
 */
static void end(struct fixture *f, unsigned int held)
{
	void *state = f;

	assert_int_equal(fixture_unmount(&state), 0);
	assert_int_equal(server_stop(f->server), 0);
	server_print_log(f->server, "conflicting requests");
	assert_true(went_on_once_each(f, held) ||
		    went_on_once_each(f, held - 1));
	assert_int_equal(fixture_stop(f), 0);
}

/* The next request in its slot: before it has come, that is misordered; while it is
 * being worked on, it waits; while it is held, it is refused; and then, let in.
 */
static void assert_is_held(const struct nfs_compound *open)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	struct nfs_session *session = open->session;
	struct nfs_compound next;
	int status;

	do {
		nfs_compound_init_bare(&next, session->client, session->conn);
		nfs_put_sequence(&next, session->id, open->sequence + 1,
				 open->slot, open->slot, true);
		status = nfs_compound_finish(&next);
	} while (status == NFS4ERR_SEQ_MISORDERED && nfs_now_ns() < until);
	assert_int_equal(status, NFS4ERR_DELAY);
}

static void assert_ends(struct nfs_compound *open)
{
	assert_int_equal(nfs_compound_wait(open, SOON), NFS4_OK);
	nfs_compound_fini(open);
}

static void give_back(struct fixture *f, const struct nfs_file *file)
{
	assert_int_equal(nfs_delegreturn(&f->session, &file->fh,
					 &file->delegation.stateid),
			 NFS4_OK);
}

static void mount_openers(struct fixture *f, struct nfs_client *clients)
{
	for (int i = 0; i < OPENERS; i++) {
		fixture_client(f, &clients[i]);
		assert_int_equal(nfs_client_mount(&clients[i], &sessions[i]),
				 NFS4_OK);
		f->conns[f->nconns++] = nfs_conn_get(sessions[i].conn);
	}
}

static void send_opens(void)
{
	char path[64];

	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "export/many-%u", i);
		fixture_send_open(&opens[i], &sessions[i % OPENERS], path);
	}
	for (unsigned int i = 0; i < FILES; i++)
		assert_is_held(&opens[i]);
}

static void test_one_of_a_thousand_goes_on(void **state)
{
	struct nfs_client clients[OPENERS];
	struct fixture own, *f = &own;

	(void)state;
	begin(f);
	fixture_hold_many(f, "many", files, FILES);
	mount_openers(f, clients);
	send_opens();
	assert_non_null(cb_responder_wait(f->responder, FILES - 1, SOON));
	give_back(f, &files[ONE]);
	assert_ends(&opens[ONE]);
	for (unsigned int i = 0; i < FILES; i++)
		if (i != ONE)
			assert_is_held(&opens[i]);
	for (unsigned int i = FILES; i-- > 0;)
		if (i != ONE)
			give_back(f, &files[i]);
	for (unsigned int i = 0; i < FILES; i++)
		if (i != ONE)
			assert_ends(&opens[i]);
	assert_int_equal(cb_responder_count(f->responder), FILES);
	/* Each has its answer: its slot is free, and there is no other one. */
	for (int i = 0; i < OPENERS; i++) {
		for (int slot = 0; slot < EACH; slot++)
			assert_int_equal(nfs_sequence(&sessions[i], NULL),
					 NFS4_OK);
		nfs_client_unmount(&sessions[i]);
	}
	end(f, FILES);
}

/* Each looks at the file again once.  That they go on in the order in which they came is
 * shown where no worker overtakes another (tests/unit/test_held_waiters.c).
 */
static void test_all_who_wait_for_one_file_go_on(void **state)
{
	struct nfs_compound open[WAITERS];
	struct fixture own, *f = &own;
	struct nfs_file file;

	(void)state;
	begin(f);
	fixture_hold(f, "one", &file);
	for (unsigned int i = 0; i < WAITERS; i++) {
		fixture_put_open(&open[i], &f->opener_session, "export/one");
		assert_int_equal(nfs_compound_send(&open[i]), 0);
		assert_is_held(&open[i]);
	}
	fixture_callback(f, 0);
	fixture_return(f, &file);
	for (unsigned int i = 0; i < WAITERS; i++)
		assert_ends(&open[i]);
	assert_int_equal(cb_responder_count(f->responder), 1);
	end(f, WAITERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_a_thousand_goes_on),
		cmocka_unit_test(test_all_who_wait_for_one_file_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
