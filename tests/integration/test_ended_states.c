/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A state that ends when somebody has just looked it up, who then has the last
 * reference to it: Ganesha's executor, which goes on with a recall that was put off, a
 * second later; or TEST_STATEID, which needs no current file.
 */
#include "fixture.h"
#include "slow.h"

static struct slow slow;

static void wait_held(uint32_t before)
{
	assert_true(slow_wait(&slow.calls->lookups_held, before, SOON));
}

/* The state has ended. Who has looked it up goes on. */
static void let_go(void)
{
	uint32_t over = slow.calls->lookups_over;

	slow.calls->lookup = SLOW_NO_LOOKUP;
	assert_true(slow_wait(&slow.calls->lookups_over, over, SOON));
}

/* The recall is answered like this, and the executor has found the delegation. */
static void recall(struct fixture *f, const char *name, struct nfs_file *file,
		   const struct cb_answer *answer)
{
	uint32_t held = slow.calls->lookups_held;

	fixture_hold(f, name, file);
	cb_responder_push(f->responder, answer);
	slow.calls->lookup = SLOW_EXECUTORS_LOOKUPS;
	fixture_conflict(f, name);
	wait_held(held);
}

static void return_while_looked_at(struct fixture *f, const char *name,
				   const struct cb_answer *answer)
{
	struct nfs_file file;

	recall(f, name, &file, answer);
	fixture_return(f, &file);
	let_go();
	fixture_assert_opens(f, name);
}

/* delegrevoke_check() */
static void test_returned_while_the_executor_looks_whether_it_is(void **state)
{
	static const struct cb_answer correct = { 0 };

	return_while_looked_at(*state, "answered", &correct);
}

/* delegrecall_task() */
static void test_returned_while_the_executor_recalls_again(void **state)
{
	static const struct cb_answer delay = { .op_status = NFS4ERR_DELAY };

	return_while_looked_at(*state, "put-off", &delay);
}

static void test_revoked_while_the_executor_looks_whether_it_is(void **state)
{
	static const struct cb_answer correct = { 0 };
	struct fixture *f = *state;
	struct nfs_file file;

	recall(f, "restart", &file, &correct);
	assert_int_equal(
		nfs_client_restart(&f->session, fixture_connect(f, &f->holder)),
		0);
	let_go();
	fixture_assert_opens(f, "restart");
}

/* TEST_STATEID of a stateid has found it; its answer may be either. */
static void send_test(struct fixture *f, struct nfs_compound *test,
		      const struct nfs_stateid *stateid)
{
	uint32_t held = slow.calls->lookups_held;

	nfs_compound_init(test, &f->session);
	test->conn = fixture_connect(f, &f->holder);
	nfs_put_test_stateid(test, stateid);
	slow.calls->lookup = SLOW_LOOKUP_AFTER_NEXT;
	assert_int_equal(nfs_compound_send(test), 0);
	wait_held(held);
}

static void end_test(struct nfs_compound *test)
{
	let_go();
	assert_int_equal(nfs_compound_wait(test, SOON), NFS4_OK);
	nfs_compound_fini(test);
}

static void test_returned_while_its_client_tests_it(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound test;
	struct nfs_file file;

	fixture_hold(f, "tested", &file);
	send_test(f, &test, &file.delegation.stateid);
	fixture_return(f, &file);
	end_test(&test);
	fixture_assert_opens(f, "tested");
}

static void test_closed_while_its_client_tests_it(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound test;
	struct nfs_file file;

	fixture_hold(f, "closed", &file);
	send_test(f, &test, &file.stateid);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	end_test(&test);
	assert_int_equal(nfs_delegreturn(&f->session, &file.fh,
					 &file.delegation.stateid),
			 NFS4_OK);
}

/* Also after a test that has failed. */
static int unmount(void **state)
{
	slow.calls->lookup = SLOW_NO_LOOKUP;
	return fixture_unmount(state);
}

#define HELD_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, fixture_mount, unmount)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HELD_TEST(test_returned_while_the_executor_looks_whether_it_is),
		HELD_TEST(test_returned_while_the_executor_recalls_again),
		HELD_TEST(test_revoked_while_the_executor_looks_whether_it_is),
		HELD_TEST(test_returned_while_its_client_tests_it),
		HELD_TEST(test_closed_while_its_client_tests_it),
	};
	const struct server_params params = { .module = true, .env = slow.env };
	int rc;

	assert_int_equal(slow_open(&slow), 0);
	rc = fixture_run(tests, &params);
	slow_close(&slow);
	return rc;
}
