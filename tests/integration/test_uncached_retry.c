/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The client has run a callback, its answer is lost with the connection, and it
 * has not kept it: on the retry CB_SEQUENCE succeeds, and the operation behind it
 * is NFS4ERR_RETRY_UNCACHED_REP. That means that it has run.
 * RFC 5661 2.10.6.1.3: "the replier ... returns NFS4ERR_RETRY_UNCACHED_REP" in
 * the second operation.
 */
#include "fixture.h"

#include "layouts.h"

#define AGAIN 2500 /* ms, within which Ganesha recalls again, or takes away */

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer correct;
static const struct cb_answer uncached = {
	.op_status = NFS4ERR_RETRY_UNCACHED_REP,
};
static const struct cb_answer refused = { .op_status = NFS4ERR_SERVERFAULT };

static struct fixture fixture;

static int setup(void **state)
{
	*state = &fixture;
	return layouts_start(&fixture,
			     &(struct server_params){ .module = true });
}

static int teardown(void **state)
{
	return fixture_stop(*state);
}

/* The holder's first callback comes over one of its two connections, @other is the
 * second, and before it is answered that goes: the retry is answered like this.
 */
static void lose_answer(struct fixture *f, struct nfs_conn *other,
			const struct cb_answer *answer)
{
	struct cb_call *first = fixture_callback(f, 0);
	struct nfs_conn *lost = first->conn, *left;
	struct cb_call *second;

	left = lost == other ? f->session.conn : other;
	assert_ptr_not_equal(lost, left);
	cb_responder_push(f->responder, answer);
	nfs_conn_close(lost, NFS_CLOSE_RST);
	if (left == other)
		nfs_session_set_conn(&f->session, other);
	second = fixture_callback(f, 1);
	assert_ptr_equal(second->conn, left);
	assert_true(second->retry);
	assert_true(cb_call_wait_answered(second, SOON));
}

/* A recall whose answer is lost. @return whether it comes a third time, anew */
static bool recalled_again(struct fixture *f, const char *name,
			   const struct cb_answer *answer)
{
	struct nfs_conn *other = fixture_bind(f);
	struct nfs_file file;
	bool again;

	/* The callback goes where the client was heard last. */
	fixture_hold(f, name, &file);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, name);
	lose_answer(f, other, answer);
	again = cb_responder_wait(f->responder, 2, AGAIN) != NULL;
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
	fixture_assert_opens(f, name);
	return again;
}

static void test_recall_uncached_retry_has_run(void **state)
{
	assert_false(recalled_again(*state, "uncached", &uncached));
}

/* The controls: what has run, and what has not. */
static void test_recall_answered_retry_has_run(void **state)
{
	assert_false(recalled_again(*state, "answered", &correct));
}

static void test_recall_refused_retry_comes_again(void **state)
{
	assert_true(recalled_again(*state, "refused", &refused));
}

/* The slot goes on behind it. */
static void test_recall_after_uncached_retry_has_the_next_sequence(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *other = fixture_bind(f);
	struct nfs_file first, second;
	struct cb_call *call;

	fixture_hold(f, "slot-first", &first);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "slot-first");
	lose_answer(f, other, &uncached);
	fixture_return(f, &first);
	fixture_hold(f, "slot-second", &second);
	fixture_conflict(f, "slot-second");
	call = fixture_callback(f, 2);
	assert_true(fixture_recalls(call, &second));
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 2);
	fixture_return(f, &second);
}

/* A layout recall whose answer is lost. @return whether the layout is */
static bool layout_lost(struct fixture *f, const char *name,
			const struct cb_answer *answer)
{
	unsigned int before = server_log_count(f->server, "layout re");
	struct nfs_conn *other = fixture_bind(f);
	struct layout layout;
	bool lost;

	layout_get(f, name, &layout);
	cb_responder_push(f->responder, &held);
	assert_int_equal(layouts_tell("recall"), 0);
	lose_answer(f, other, answer);
	/* "returned" or "revoked". */
	lost = server_wait_log(f->server, "layout re", before + 1, AGAIN);
	if (!lost) {
		/* It is there: the client returns it, as recalled. */
		layout.stateid.seqid++;
		layout_return(f, &layout, &layout.stateid);
	} else {
		assert_int_equal(nfs_close(&f->session, &layout.file), NFS4_OK);
	}
	return lost;
}

static void test_layoutrecall_uncached_retry_has_run(void **state)
{
	assert_false(layout_lost(*state, "layout-uncached", &uncached));
}

static void test_layoutrecall_answered_retry_has_run(void **state)
{
	assert_false(layout_lost(*state, "layout-answered", &correct));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_recall_answered_retry_has_run),
		FIXTURE_TEST(test_recall_refused_retry_comes_again),
		FIXTURE_TEST(test_recall_uncached_retry_has_run),
		FIXTURE_TEST(
			test_recall_after_uncached_retry_has_the_next_sequence),
		FIXTURE_TEST(test_layoutrecall_answered_retry_has_run),
		FIXTURE_TEST(test_layoutrecall_uncached_retry_has_run),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
