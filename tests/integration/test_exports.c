/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One folder in two exports, of which one goes: the delegations that were
 * granted through it go with it, and their files are free through the other.
 */
#include "exports.h"
#include "locks.h"
#include "slow.h"

#include <stdio.h>
#include <string.h>

#include "rounds.h"

#define FILES 20
#define HOLD 10000 /* ms: nobody's time is over within SOON */

static struct fixture fixture;

static struct server_params one = { .module = true };

/* Each test has a server of its own, at first with both exports. */
static int setup(void **state)
{
	*state = &fixture;
	return exports_start(&fixture, &one) || fixture_mount(state);
}

/* The same, and conflicting requests are held. */
static int setup_held(void **state)
{
	one.hold_conflicts = HOLD;
	return setup(state);
}

static int teardown(void **state)
{
	int unclean = fixture_unmount(state);

	one.hold_conflicts = 0;
	return fixture_stop(*state) || unclean;
}

/* Hold a delegation of a new file through one of the exports. */
static void hold(struct fixture *f, const char *export, const char *name,
		 uint32_t type, struct nfs_file *file)
{
	uint32_t access = type == OPEN_DELEGATE_WRITE ? GANESHA_WRITE_ACCESS :
							OPEN4_SHARE_ACCESS_READ;
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "%s/%s", export, name);
	assert_int_equal(nfs_open(&f->session, path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  file),
			 NFS4_OK);
	assert_int_equal(file->delegation.type, type);
}

/* The first export has it as well: the server does not forget it with the second. */
static void know(struct fixture *f, const char *name)
{
	struct nfs_fh fh;
	char path[64];

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_lookup(&f->opener_session, path, &fh), NFS4_OK);
}

/* Another client's access through the first export is a conflict. */
static bool is_recalled(struct fixture *f, const char *name,
			const struct nfs_file *file)
{
	unsigned int n = cb_responder_count(f->responder);
	struct cb_call *call;

	if (exports_open_writing(f, name) != NFS4ERR_DELAY)
		return false;
	while ((call = cb_responder_wait(f->responder, n++, SOON)))
		if (fixture_recalls(call, file))
			return true;
	return false;
}

static void test_second_export_delegation_is_recalled(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "second", "both", OPEN_DELEGATE_READ, &file);
	assert_true(is_recalled(f, "both", &file));
	fixture_return(f, &file);
	assert_int_equal(exports_become_free(f, "both"), NFS4_OK);
}

static void test_export_removed_read_delegated_file_is_free(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "second", "gone-read", OPEN_DELEGATE_READ, &file);
	know(f, "gone-read");
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(exports_become_free(f, "gone-read"), NFS4_OK);
}

static void test_export_removed_write_delegated_file_is_free(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "second", "gone-write", OPEN_DELEGATE_WRITE, &file);
	know(f, "gone-write");
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(exports_become_free(f, "gone-write"), NFS4_OK);
}

static bool is_told_of_revoked(struct fixture *f)
{
	uint32_t flags;

	assert_int_equal(nfs_sequence(&f->session, &flags), NFS4_OK);
	return flags & SEQ4_STATUS_RECALLABLE_STATE_REVOKED;
}

/* The holder learns of it before another client has the file, which is then neither
 * delegated nor counted as such: nothing has to be mended.  Then it is told no more.
 */
static void holder_is_told(struct fixture *f, const char *name, uint32_t type)
{
	struct nfs_file file;

	hold(f, "second", name, type, &file);
	know(f, name);
	assert_false(is_told_of_revoked(f));
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(exports_open_writing(f, name), NFS4_OK);
	assert_int_equal(server_log_count(f->server, "delegations mended"), 0);
	assert_true(is_told_of_revoked(f));
	assert_int_equal(
		nfs_test_stateid(&f->session, &file.delegation.stateid),
		NFS4ERR_DELEG_REVOKED);
	assert_int_equal(
		nfs_free_stateid(&f->session, &file.delegation.stateid),
		NFS4_OK);
	assert_false(is_told_of_revoked(f));
	assert_int_equal(cb_responder_count(f->responder), 0);
}

static void
test_export_removed_holder_is_told_of_a_read_delegation(void **state)
{
	holder_is_told(*state, "told-read", OPEN_DELEGATE_READ);
}

static void
test_export_removed_holder_is_told_of_a_write_delegation(void **state)
{
	holder_is_told(*state, "told-write", OPEN_DELEGATE_WRITE);
}

/* Nobody has lost anything by that: clients reclaim after a restart. */
static void
test_exports_end_with_the_server_and_nothing_is_revoked(void **state)
{
	struct nfs_file file;
	struct fixture own;
	void *mine = &own;

	(void)state;
	assert_int_equal(exports_start(&own, &one), 0);
	assert_int_equal(fixture_mount(&mine), 0);
	hold(&own, "second", "reclaimable", OPEN_DELEGATE_WRITE, &file);
	assert_int_equal(fixture_unmount(&mine), 0);
	assert_int_equal(server_stop(own.server), 0);
	assert_int_equal(
		server_log_count(own.server, "a delegation was revoked"), 0);
	assert_int_equal(fixture_stop(&own), 0);
}

/* The recall is answered, and the delegation not returned yet. */
static void test_export_removed_in_recall_file_is_free(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "second", "gone-recall", OPEN_DELEGATE_READ, &file);
	know(f, "gone-recall");
	assert_true(is_recalled(f, "gone-recall", &file));
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(exports_become_free(f, "gone-recall"), NFS4_OK);
}

/* And Ganesha's executor has just found it, to look whether it has been. */
static void test_export_removed_while_the_executor_looks(void **state)
{
	struct server_params params = one;
	struct fixture own;
	void *mine = &own;
	struct nfs_file file;
	struct slow slow;

	(void)state;
	assert_int_equal(slow_open(&slow), 0);
	params.env = slow.env;
	assert_int_equal(exports_start(&own, &params), 0);
	assert_int_equal(fixture_mount(&mine), 0);
	hold(&own, "second", "looked-at", OPEN_DELEGATE_READ, &file);
	know(&own, "looked-at");
	slow.calls->lookup = SLOW_EXECUTORS_LOOKUPS;
	assert_true(is_recalled(&own, "looked-at", &file));
	assert_true(slow_wait(&slow.calls->lookups_held, 0, SOON));
	assert_int_equal(exports_set(&own, false), 0);
	slow.calls->lookup = SLOW_NO_LOOKUP;
	assert_true(slow_wait(&slow.calls->lookups_over, 0, SOON));
	assert_int_equal(exports_become_free(&own, "looked-at"), NFS4_OK);
	assert_int_equal(fixture_unmount(&mine), 0);
	assert_int_equal(fixture_stop(&own), 0);
	slow_close(&slow);
}

/* A request through an export waits while that, or the holder's, is removed.
 * @return how it ends, by itself and at once
 */
static int held_while_second_goes(struct fixture *f, const char *holds,
				  const char *waits)
{
	struct nfs_compound open;
	struct nfs_file file;
	char path[64];
	int status;

	hold(f, holds, "waited", OPEN_DELEGATE_READ, &file);
	snprintf(path, sizeof(path), "%s/waited", waits);
	fixture_send_open(&open, &f->opener_session, path);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	assert_int_equal(exports_set(f, false), 0);
	status = nfs_compound_wait(&open, SOON);
	nfs_compound_fini(&open);
	if (!strcmp(holds, "export"))
		fixture_return(f, &file);
	assert_int_equal(exports_become_free(f, "waited"), NFS4_OK);
	return status;
}

static void test_export_removed_while_its_request_is_held(void **state)
{
	int status = held_while_second_goes(*state, "export", "second");

	assert_true(status == NFS4ERR_DELAY || status == NFS4ERR_STALE);
}

/* It is told to try again, which is counted. */
static void test_export_removed_and_its_request_was_held_in_vain(void **state)
{
	struct server_params params = one;
	struct server_held held;
	struct fixture own;
	void *mine = &own;

	(void)state;
	params.hold_conflicts = HOLD;
	assert_int_equal(exports_start(&own, &params), 0);
	assert_int_equal(fixture_mount(&mine), 0);
	assert_int_equal(held_while_second_goes(&own, "export", "second"),
			 NFS4ERR_DELAY);
	assert_int_equal(fixture_unmount(&mine), 0);
	assert_int_equal(server_stop(own.server), 0);
	assert_true(server_held(own.server, &held));
	assert_int_equal(held.in_vain, 1);
	assert_int_equal(fixture_stop(&own), 0);
}

static void test_holders_export_removed_while_a_request_is_held(void **state)
{
	assert_int_equal(held_while_second_goes(*state, "second", "export"),
			 NFS4_OK);
}

/* It finds the file free, through an export that is no more. */
static void test_export_of_both_removed_while_a_request_is_held(void **state)
{
	int status = held_while_second_goes(*state, "second", "second");

	assert_true(status == NFS4ERR_DELAY || status == NFS4ERR_STALE);
}

/* The file is in no other export: with the answer its last reference goes. */
static void
test_export_removed_while_its_holder_is_asked_for_the_size(void **state)
{
	static const struct cb_answer on_demand = { .when = CB_HELD };
	static const struct cb_answer correct;
	struct fixture *f = *state;
	struct nfs_compound getattr;
	struct nfs_file file;
	struct cb_call *call;

	cb_responder_push(f->responder, &on_demand);
	hold(f, "second", "asked", OPEN_DELEGATE_WRITE, &file);
	nfs_compound_init(&getattr, &f->opener_session);
	nfs_put_path(&getattr, "second/asked");
	nfs_put_getattr(&getattr);
	assert_int_equal(nfs_compound_finish(&getattr), NFS4ERR_DELAY);
	call = fixture_callback(f, 0);
	assert_int_equal(call->op, OP_CB_GETATTR);
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	assert_int_equal(exports_become_free(f, "asked"), NFS4_OK);
}

static void test_export_back_file_is_delegated_anew(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "second", "back", OPEN_DELEGATE_READ, &file);
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(exports_set(f, true), 0);
	hold(f, "second", "back", OPEN_DELEGATE_READ, &file);
	assert_true(is_recalled(f, "back", &file));
	fixture_return(f, &file);
	assert_int_equal(exports_become_free(f, "back"), NFS4_OK);
}

/* The control: no delegation came through the export that goes. */
static void test_export_removed_first_keeps_its_delegations(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "export", "kept", OPEN_DELEGATE_WRITE, &file);
	assert_int_equal(exports_set(f, false), 0);
	assert_int_equal(
		nfs_test_stateid(&f->session, &file.delegation.stateid),
		NFS4_OK);
	assert_false(is_told_of_revoked(f));
	assert_true(is_recalled(f, "kept", &file));
	fixture_return(f, &file);
	assert_int_equal(exports_become_free(f, "kept"), NFS4_OK);
}

/* Some files through each export, some in recall, when the second goes. */
static void test_export_removed_at_random_files_are_free(void **state)
{
	static struct nfs_file files[FILES];
	bool second[FILES];
	struct fixture *f = *state;
	struct rounds rounds;
	char name[32];

	rounds_begin(&rounds, "export", 50, 20);
	while (rounds_next(&rounds)) {
		for (unsigned int i = 0; i < FILES; i++) {
			second[i] = rounds_random(&rounds, 2);
			snprintf(name, sizeof(name), "f-%u-%u", rounds.done, i);
			hold(f, second[i] ? "second" : "export", name,
			     rounds_random(&rounds, 2) ? OPEN_DELEGATE_READ :
							 OPEN_DELEGATE_WRITE,
			     &files[i]);
			if (!rounds_random(&rounds, 3) &&
			    !is_recalled(f, name, &files[i]))
				rounds_fail(&rounds, "%s: no recall", name);
		}
		assert_int_equal(exports_set(f, false), 0);
		for (unsigned int i = 0; i < FILES; i++) {
			snprintf(name, sizeof(name), "f-%u-%u", rounds.done, i);
			if (!second[i])
				fixture_return(f, &files[i]);
			/* What is stuck is so for ever: no need to wait. */
			if (rounds.bad ? exports_open_writing(f, name) :
					 exports_become_free(f, name))
				rounds_fail(&rounds, "%s, held through the %s",
					    name,
					    second[i] ? "second" : "first");
		}
		assert_int_equal(exports_set(f, true), 0);
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	}
	assert_int_equal(rounds_end(&rounds), 0);
}

/* Locks ------------------------------------------------------------------------ */

/* The opener has the lock, and the holder waits, each through an export. */
static void wait_for_lock(struct fixture *f, const char *locker,
			  const char *waiter, const char *name,
			  struct contended *contended)
{
	struct nfs_res res;

	server_make_file(f->server, name, "contents");
	locks_open_in(&f->session, waiter, name, &contended->mine);
	locks_open_in(&f->opener_session, locker, name, &contended->theirs);
	assert_int_equal(nfs_lock(&f->opener_session, &contended->theirs,
				  "locker", WRITE_LT, &res),
			 NFS4_OK);
	contended->lock = res.stateid;
	assert_int_equal(nfs_lock(&f->session, &contended->mine, LOCKS_WAITER,
				  WRITEW_LT, NULL),
			 NFS4ERR_DENIED);
}

static void test_lock_through_another_export_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "export", "second", "both", &contended);
	locks_let_go(f, &contended);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_take(f, &contended);
}

static void test_export_removed_its_locks_are_free(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "second", "export", "locker-goes", &contended);
	assert_int_equal(exports_set(f, false), 0);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_open(&f->opener_session, "locker-goes", &contended.theirs);
	locks_take(f, &contended);
}

static void test_export_removed_nobody_waits_through_it(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	wait_for_lock(f, "export", "second", "waiter-goes", &contended);
	assert_int_equal(exports_set(f, false), 0);
	locks_assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

#define EXPORT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define HELD_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, setup_held, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EXPORT_TEST(test_second_export_delegation_is_recalled),
		EXPORT_TEST(test_export_removed_first_keeps_its_delegations),
		EXPORT_TEST(test_export_removed_read_delegated_file_is_free),
		EXPORT_TEST(test_export_removed_write_delegated_file_is_free),
		EXPORT_TEST(
			test_export_removed_holder_is_told_of_a_read_delegation),
		EXPORT_TEST(
			test_export_removed_holder_is_told_of_a_write_delegation),
		cmocka_unit_test(
			test_exports_end_with_the_server_and_nothing_is_revoked),
		EXPORT_TEST(test_export_removed_in_recall_file_is_free),
		cmocka_unit_test(test_export_removed_while_the_executor_looks),
		HELD_TEST(test_export_removed_while_its_request_is_held),
		cmocka_unit_test(
			test_export_removed_and_its_request_was_held_in_vain),
		HELD_TEST(test_holders_export_removed_while_a_request_is_held),
		HELD_TEST(test_export_of_both_removed_while_a_request_is_held),
		EXPORT_TEST(
			test_export_removed_while_its_holder_is_asked_for_the_size),
		EXPORT_TEST(test_export_back_file_is_delegated_anew),
		EXPORT_TEST(test_export_removed_at_random_files_are_free),
		EXPORT_TEST(test_lock_through_another_export_is_waited_for),
		EXPORT_TEST(test_export_removed_its_locks_are_free),
		EXPORT_TEST(test_export_removed_nobody_waits_through_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
