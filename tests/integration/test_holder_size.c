/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the holder of a write delegation says of a file's size is true when it
 * says so, and not much later: then it is asked again. RFC 5661 10.4.3, 20.1.
 */
#include "fixture.h"

#include <stdio.h>

#define LEASE 3 /* s */
#define NS_PER_MS UINT64_C(1000000)
#define MUCH_LATER (2 * LEASE * 1000) /* ms */
#define CHANGE (1u << 3) /* FATTR4_CHANGE */
#define SIZE (1u << 4) /* FATTR4_SIZE */
#define EARLIER 4242
#define LATER 5353

static struct xdr_buf attrs; /* the holder's answer */
static struct cb_answer said; /* of these */

/* From now on the holder says that its file has this size. */
static void say(struct fixture *f, uint64_t change, uint64_t size)
{
	xdr_buf_clear(&attrs);
	xdr_put_u32(&attrs, 1);
	xdr_put_u32(&attrs, CHANGE | SIZE);
	xdr_put_u32(&attrs, 16);
	xdr_put_u64(&attrs, change);
	xdr_put_u64(&attrs, size);
	said.attrs = attrs.data;
	said.attrs_len = attrs.len;
	cb_responder_set_default(f->responder, &said);
}

static struct cb_call *asked(struct fixture *f, unsigned int n)
{
	struct cb_call *call = fixture_callback(f, n);

	assert_int_equal(call->op, OP_CB_GETATTR);
	assert_true(cb_call_wait_answered(call, SOON));
	return call;
}

/* GETATTR until the answer is no NFS4ERR_DELAY. @return the size */
static uint64_t ask(struct nfs_session *session, struct fixture *f,
		    const struct nfs_file *file)
{
	uint64_t until = nfs_now_ns() + SOON * NS_PER_MS;
	uint64_t size = 0;
	int status;

	while ((status = nfs_getattr(session, &file->fh, &size, NULL)) ==
		       NFS4ERR_DELAY &&
	       nfs_now_ns() < until)
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 20);
	assert_int_equal(status, NFS4_OK);
	return size;
}

/* All leases are renewed meanwhile. */
static void pass(struct fixture *f, int ms)
{
	uint64_t until = nfs_now_ns() + ms * NS_PER_MS;

	while (nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 100);
	}
}

/* The opener asks, and does not come for the answer. */
static void ask_in_vain(struct fixture *f, const struct nfs_file *file)
{
	uint64_t change;

	assert_int_equal(nfs_getattr(&f->session, &file->fh, NULL, &change),
			 NFS4_OK);
	say(f, change + 1, EARLIER);
	assert_int_equal(nfs_getattr(&f->opener_session, &file->fh, NULL, NULL),
			 NFS4ERR_DELAY);
	asked(f, 0);
}

/* The control. */
static void test_getattr_fetched_at_once_is_what_was_said(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold_write(f, "at-once", &file);
	ask_in_vain(f, &file);
	assert_int_equal(ask(&f->opener_session, f, &file), EARLIER);
	assert_int_equal(cb_responder_count(f->responder), 1);
	fixture_return(f, &file);
}

/* The other control: asked again after an answer that was fetched. */
static void test_getattr_next_one_is_asked_for_anew(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold_write(f, "next", &file);
	ask_in_vain(f, &file);
	assert_int_equal(ask(&f->opener_session, f, &file), EARLIER);
	say(f, UINT64_MAX / 2, LATER);
	assert_int_equal(ask(&f->opener_session, f, &file), LATER);
	asked(f, 1);
	fixture_return(f, &file);
}

static void test_getattr_not_fetched_is_asked_for_anew(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold_write(f, "unfetched", &file);
	ask_in_vain(f, &file);
	say(f, UINT64_MAX / 2, LATER);
	pass(f, MUCH_LATER);
	assert_int_equal(ask(&f->opener_session, f, &file), LATER);
	asked(f, 1);
	fixture_return(f, &file);
}

static void test_getattr_by_another_client_is_asked_for_anew(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;
	struct nfs_client third;
	struct nfs_file file;
	uint64_t size;

	fixture_hold_write(f, "third", &file);
	ask_in_vain(f, &file);
	say(f, UINT64_MAX / 2, LATER);
	pass(f, MUCH_LATER);
	fixture_client(f, &third);
	assert_int_equal(nfs_client_mount(&third, &session), NFS4_OK);
	size = ask(&session, f, &file);
	nfs_client_unmount(&session);
	assert_int_equal(size, LATER);
	asked(f, 1);
	fixture_return(f, &file);
}

/* An answer that was under way while the delegation was returned. */
static void test_getattr_answered_too_late_says_nothing(void **state)
{
	static const struct cb_answer held = { .when = CB_HELD };
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;
	uint64_t size;

	fixture_hold_write(f, "returned", &file);
	assert_int_equal(nfs_getattr(&f->session, &file.fh, &size, NULL),
			 NFS4_OK);
	say(f, UINT64_MAX / 2, LATER);
	cb_responder_push(f->responder, &held);
	assert_int_equal(nfs_getattr(&f->opener_session, &file.fh, NULL, NULL),
			 NFS4ERR_DELAY);
	call = fixture_callback(f, 0);
	fixture_return(f, &file);
	assert_int_equal(cb_call_answer(call, &said), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	for (unsigned int i = 0; i < 10; i++) { /* it is taken soon */
		assert_true(ask(&f->opener_session, f, &file) == size);
		cb_responder_wait(f->responder, 1, 20);
	}
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_getattr_fetched_at_once_is_what_was_said),
		FIXTURE_TEST(test_getattr_next_one_is_asked_for_anew),
		FIXTURE_TEST(test_getattr_not_fetched_is_asked_for_anew),
		FIXTURE_TEST(test_getattr_by_another_client_is_asked_for_anew),
		FIXTURE_TEST(test_getattr_answered_too_late_says_nothing),
	};
	int failed = fixture_run(tests, &params);

	xdr_buf_fini(&attrs);
	return failed;
}
