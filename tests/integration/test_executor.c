/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A recall that was put off is gone on with by Ganesha's executor, a second later. It
 * looks the delegation's state up, and has the last reference to it if the delegation
 * ends then.
 */
#include "fixture.h"
#include "slow.h"

static struct slow slow;

/* The recall is answered like this, and the executor has found the delegation. */
static void recall(struct fixture *f, const char *name, struct nfs_file *file,
		   const struct cb_answer *answer)
{
	uint32_t stopped = slow.calls->executor_stopped;

	fixture_hold(f, name, file);
	cb_responder_push(f->responder, answer);
	slow.calls->executor_stops = true;
	fixture_conflict(f, name);
	assert_true(slow_wait(&slow.calls->executor_stopped, stopped, SOON));
}

/* The delegation has ended. The executor goes on, and the server lives. */
static void look_over(struct fixture *f, const char *name)
{
	uint32_t went_on = slow.calls->executor_went_on;

	slow.calls->executor_stops = false;
	assert_true(slow_wait(&slow.calls->executor_went_on, went_on, SOON));
	fixture_assert_opens(f, name);
}

/* delegrevoke_check() */
static void test_returned_while_the_executor_looks_whether_it_is(void **state)
{
	static const struct cb_answer correct = { 0 };
	struct fixture *f = *state;
	struct nfs_file file;

	recall(f, "answered", &file, &correct);
	fixture_return(f, &file);
	look_over(f, "answered");
}

/* delegrecall_task() */
static void test_returned_while_the_executor_recalls_again(void **state)
{
	static const struct cb_answer delay = { .op_status = NFS4ERR_DELAY };
	struct fixture *f = *state;
	struct nfs_file file;

	recall(f, "put-off", &file, &delay);
	fixture_return(f, &file);
	look_over(f, "put-off");
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
	look_over(f, "restart");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_returned_while_the_executor_looks_whether_it_is),
		FIXTURE_TEST(test_returned_while_the_executor_recalls_again),
		FIXTURE_TEST(
			test_revoked_while_the_executor_looks_whether_it_is),
	};
	const struct server_params params = { .module = true, .env = slow.env };
	int rc;

	assert_int_equal(slow_open(&slow), 0);
	rc = fixture_run(tests, &params);
	slow_close(&slow);
	return rc;
}
