/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The other callback operations: CB_GETATTR, CB_LAYOUTRECALL and
 * CB_NOTIFY_DEVICEID. RFC 5661 20.1, 20.3, 20.12. The layouts are those of
 * fsal_layouts.c, which also makes Ganesha call back when it is told to.
 */
#include "fixture.h"

#include "layouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEASE 5 /* s */
#define CHANGE (1u << 3) /* FATTR4_CHANGE */
#define SIZE (1u << 4) /* FATTR4_SIZE */
#define ACL (1u << 12) /* FATTR4_ACL */
#define NOMATCHING_LAYOUT 10060
#define NOTIFICATIONS 200
#define RPC_SUCCESS 0 /* ntirpc's clnt_stat */

static const struct cb_answer correct;
static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer never = { .when = CB_NEVER };

static struct fixture fixture;

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.backchannel = "Callback_Timeout = 1;\n"
			       "Retry_First_Delay = 1;\n"
			       "Retry_Attempts = 0;\n",
		.lease_lifetime = LEASE,
	};

	*state = &fixture;
	return layouts_start(&fixture, &params);
}

static int teardown(void **state)
{
	return fixture_stop(*state);
}

static struct cb_call *callback(struct fixture *f, unsigned int n, uint32_t op)
{
	struct cb_call *call = fixture_callback(f, n);

	assert_int_equal(call->op, op);
	return call;
}

/* CB_GETATTR --------------------------------------------------------------- */

/* GETATTR as the opener until the answer is @size, within SOON: the first one
 * is NFS4ERR_DELAY, and one CB_GETATTR more than needed may be under way.
 */
static void ask_until(struct fixture *f, const struct nfs_file *file,
		      uint64_t size)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	uint64_t got = 0;
	int status;

	do {
		status = nfs_getattr(&f->opener_session, &file->fh, &got, NULL);
		assert_true(status == NFS4_OK || status == NFS4ERR_DELAY);
	} while ((status || got != size) && nfs_now_ns() < until);
	assert_int_equal(status, NFS4_OK);
	assert_int_equal(got, size);
}

/* GETATTR as the opener until the delegation is recalled. From the holder's
 * callback @n on there is nothing but CB_GETATTR before that.
 */
static void ask_until_recalled(struct fixture *f, const struct nfs_file *file,
			       unsigned int n)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	struct cb_call *call;

	for (call = NULL; !call || call->op != OP_CB_RECALL; n++) {
		if (call)
			assert_int_equal(call->op, OP_CB_GETATTR);
		while (cb_responder_count(f->responder) <= n &&
		       nfs_now_ns() < until)
			assert_int_equal(nfs_getattr(&f->opener_session,
						     &file->fh, NULL, NULL),
					 NFS4ERR_DELAY);
		call = fixture_callback(f, n);
	}
}

/* CB_GETATTR's result: a fattr4 with a bitmap of one word. */
static struct cb_answer attrs_answer(struct xdr_buf *buf, uint32_t mask,
				     const uint64_t *values, size_t count)
{
	struct cb_answer answer = { .when = CB_NOW };

	xdr_buf_clear(buf);
	xdr_put_u32(buf, 1);
	xdr_put_u32(buf, mask);
	xdr_put_u32(buf, count * 8);
	for (size_t i = 0; i < count; i++)
		xdr_put_u64(buf, values[i]);
	answer.attrs = buf->data;
	answer.attrs_len = buf->len;
	return answer;
}

static uint32_t asked_attributes(const struct cb_call *call,
				 const struct nfs_file *file)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	uint32_t len, mask;
	const uint8_t *fh = xdr_get_opaque(&args, NFS4_FHSIZE, &len);

	assert_int_equal(len, file->fh.len);
	assert_memory_equal(fh, file->fh.data, len);
	assert_int_equal(xdr_get_u32(&args), 1);
	mask = xdr_get_u32(&args);
	assert_false(args.bad);
	return mask;
}

static void test_getattr_asker_sees_what_the_holder_says(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf same = { 0 }, written = { 0 }, again = { 0 };
	struct cb_answer answer;
	struct nfs_file file;
	uint64_t values[2], size;

	fixture_hold_write(f, "asked", &file);
	assert_int_equal(nfs_getattr(&f->session, &file.fh, &size, &values[0]),
			 NFS4_OK);
	values[1] = size;
	answer = attrs_answer(&same, CHANGE | SIZE, values, 2);
	cb_responder_set_default(f->responder, &answer);
	ask_until(f, &file, size);
	assert_int_equal(asked_attributes(callback(f, 0, OP_CB_GETATTR), &file),
			 CHANGE | SIZE);

	values[0]++;
	values[1] = 4242;
	answer = attrs_answer(&written, CHANGE | SIZE, values, 2);
	cb_responder_set_default(f->responder, &answer);
	ask_until(f, &file, 4242);

	values[0] = 4343;
	answer = attrs_answer(&again, SIZE, values, 1);
	cb_responder_set_default(f->responder, &answer);
	ask_until(f, &file, 4343);
	cb_responder_set_default(f->responder, &correct);
	fixture_return(f, &file);
	xdr_buf_fini(&same);
	xdr_buf_fini(&written);
	xdr_buf_fini(&again);
}

/* One answer that is of no use: a recall follows, then the truth. */
static void check_useless_answer(struct fixture *f, const char *name,
				 const struct cb_answer *answer)
{
	unsigned int n = cb_responder_count(f->responder);
	struct nfs_file file;

	fixture_hold_write(f, name, &file);
	cb_responder_set_default(f->responder, answer);
	ask_until_recalled(f, &file, n);
	callback(f, n, OP_CB_GETATTR);
	cb_responder_set_default(f->responder, &correct);
	fixture_return(f, &file);
	ask_until(f, &file, strlen("contents"));
}

static void test_getattr_error_makes_a_recall(void **state)
{
	static const struct cb_answer error = { .op_status =
							NFS4ERR_BADHANDLE };

	check_useless_answer(*state, "error", &error);
}

/* The recall may come over the same connection: it was too short to tell. */
static void test_getattr_no_answer_makes_a_recall(void **state)
{
	struct fixture *f = *state;

	check_useless_answer(f, "never", &never);
	fixture_assert_flags(f, 0);
}

/* With the times that are set by default, of which a recall takes 75 s. */
static void test_getattr_no_answer_is_waited_for_a_few_seconds(void **state)
{
	static struct fixture own;
	struct nfs_file file;
	uint64_t asked;

	(void)state;
	fixture_begin(&own, "");
	fixture_hold_write(&own, "brief", &file);
	cb_responder_push(own.responder, &never);
	ask_until_recalled(&own, &file, 0);
	asked = callback(&own, 0, OP_CB_GETATTR)->arrival_ns;
	assert_true(callback(&own, 1, OP_CB_RECALL)->arrival_ns - asked <
		    8 * UINT64_C(1000000000));
	fixture_return(&own, &file);
	ask_until(&own, &file, strlen("contents"));
	fixture_end(&own);
}

static void test_getattr_without_the_size_makes_a_recall(void **state)
{
	static const struct cb_answer nothing = { .when = CB_NOW };
	static const uint64_t change = 1;
	struct xdr_buf buf = { 0 };
	struct cb_answer answer = attrs_answer(&buf, CHANGE, &change, 1);

	check_useless_answer(*state, "nothing", &nothing);
	check_useless_answer(*state, "change-only", &answer);
	xdr_buf_fini(&buf);
}

static void test_getattr_garbage_makes_a_recall(void **state)
{
	static const uint64_t values[3] = { 1, 2, UINT64_MAX };
	struct xdr_buf buf = { 0 };
	struct cb_answer answer;

	answer = attrs_answer(&buf, CHANGE | SIZE | ACL, values, 3);
	check_useless_answer(*state, "unasked", &answer);
	answer = attrs_answer(&buf, CHANGE | SIZE, values, 1);
	check_useless_answer(*state, "short", &answer);
	answer = attrs_answer(&buf, CHANGE | SIZE, values, 3);
	check_useless_answer(*state, "long", &answer);
	xdr_buf_fini(&buf);
}

/* CB_LAYOUTRECALL ---------------------------------------------------------- */

/* Have the layout recalled, and hold the answer until it is: Ganesha still uses
 * what an answer makes it free.
 */
static struct cb_call *layout_recall(struct fixture *f)
{
	cb_responder_set_default(f->responder, &held);
	assert_int_equal(layouts_tell("recall"), 0);
	return callback(f, 0, OP_CB_LAYOUTRECALL);
}

/* @return the stateid that it names */
static struct nfs_stateid check_recall(const struct cb_call *call,
				       const struct layout *layout)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	struct nfs_stateid stateid;
	const uint8_t *fh;
	uint32_t len;

	assert_int_equal(xdr_get_u32(&args), LAYOUT_FILES);
	assert_int_equal(xdr_get_u32(&args), IOMODE_ANY);
	assert_false(xdr_get_u32(&args)); /* changed */
	assert_int_equal(xdr_get_u32(&args), RETURN_FILE);
	fh = xdr_get_opaque(&args, NFS4_FHSIZE, &len);
	assert_int_equal(len, layout->file.fh.len);
	assert_memory_equal(fh, layout->file.fh.data, len);
	assert_int_equal(xdr_get_u64(&args), 0);
	assert_true(xdr_get_u64(&args) == UINT64_MAX);
	nfs_get_stateid(&args, &stateid);
	assert_false(args.bad);
	/* A recall counts as a change of the state: RFC 5661 12.5.3. */
	assert_int_equal(stateid.seqid, layout->stateid.seqid + 1);
	assert_memory_equal(stateid.other, layout->stateid.other,
			    sizeof(stateid.other));
	return stateid;
}

static void test_layoutrecall_arrives_and_is_answered(void **state)
{
	struct fixture *f = *state;
	struct nfs_stateid stateid;
	struct layout layout;
	struct cb_call *call;

	layout_get(f, "layout", &layout);
	call = layout_recall(f);
	stateid = check_recall(call, &layout);
	assert_int_equal(call->seq.nreferring, 1);
	assert_memory_equal(call->seq.referring[0].session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.referring[0].slot, LAYOUT_SLOT);
	assert_int_equal(call->seq.referring[0].sequence, layout.sequence);
	assert_int_equal(cb_call_answer(call, &correct), 0);
	layout_return(f, &layout, &stateid);
	assert_int_not_equal(layouts_tell("recall"), 0);
}

static void test_layoutrecall_no_matching_layout_returns_it(void **state)
{
	static const struct cb_answer gone = { .op_status = NOMATCHING_LAYOUT };
	struct fixture *f = *state;
	unsigned int returned = server_log_count(f->server, "layout returned");
	struct layout layout;
	struct cb_call *call;

	layout_get(f, "forgotten", &layout);
	call = layout_recall(f);
	check_recall(call, &layout);
	assert_int_equal(cb_call_answer(call, &gone), 0);
	assert_true(server_wait_log(f->server, "layout returned", returned + 1,
				    SOON));
	assert_int_not_equal(layouts_tell("recall"), 0);
	assert_int_equal(nfs_close(&f->session, &layout.file), NFS4_OK);
}

static void test_layoutrecall_delay_comes_again(void **state)
{
	static const struct cb_answer delay = { .op_status = NFS4ERR_DELAY };
	struct fixture *f = *state;
	struct nfs_stateid stateid;
	struct layout layout;
	struct cb_call *call;

	layout_get(f, "delay", &layout);
	call = layout_recall(f);
	check_recall(call, &layout);
	assert_int_equal(cb_call_answer(call, &delay), 0);
	call = callback(f, 1, OP_CB_LAYOUTRECALL);
	stateid = check_recall(call, &layout);
	layout_return(f, &layout, &stateid);
	assert_int_equal(cb_call_answer(call, &correct), 0);
}

static void test_layoutrecall_in_flight_fails_over(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *other = fixture_bind(f);
	struct cb_call *first, *second;
	struct nfs_stateid stateid;
	struct layout layout;

	layout_get(f, "failover", &layout);
	assert_int_equal(nfs_sequence_on(&f->session, f->session.conn, NULL),
			 NFS4_OK);
	first = layout_recall(f);
	assert_ptr_equal(first->conn, f->session.conn);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	nfs_session_set_conn(&f->session, other);
	second = callback(f, 1, OP_CB_LAYOUTRECALL);
	assert_ptr_equal(second->conn, other);
	assert_true(second->retry);
	assert_int_equal(second->seq.slot, first->seq.slot);
	assert_int_equal(second->seq.sequence, first->seq.sequence);
	stateid = check_recall(second, &layout);
	layout_return(f, &layout, &stateid);
	assert_int_equal(cb_call_answer(second, &correct), 0);
}

/* The retry is answered from a cache that has no reply in it: 2.10.6.1.3. */
static void test_layoutrecall_uncached_on_a_retry_is_not_revoked(void **state)
{
	static const struct cb_answer uncached = {
		.op_status = NFS4ERR_RETRY_UNCACHED_REP
	};
	struct fixture *f = *state;
	unsigned int revoked = server_log_count(f->server, "layout revoked");
	struct nfs_conn *other = fixture_bind(f);
	struct nfs_stateid stateid;
	struct layout layout;
	struct cb_call *call;

	layout_get(f, "uncached", &layout);
	assert_int_equal(nfs_sequence_on(&f->session, f->session.conn, NULL),
			 NFS4_OK);
	layout_recall(f);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	nfs_session_set_conn(&f->session, other);
	call = callback(f, 1, OP_CB_LAYOUTRECALL);
	assert_true(call->retry);
	stateid = check_recall(call, &layout);
	assert_int_equal(cb_call_answer(call, &uncached), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	layout_return(f, &layout, &stateid);
	assert_int_equal(server_log_count(f->server, "layout revoked"),
			 revoked);
}

static void test_layoutrecall_never_answered_is_revoked(void **state)
{
	struct fixture *f = *state;
	uint64_t start = nfs_now_ns();
	uint64_t until = start + 4 * LEASE * UINT64_C(1000000000);
	unsigned int revoked = server_log_count(f->server, "layout revoked");
	struct layout layout;

	layout_get(f, "silent", &layout);
	layout_recall(f);
	/* The client is there, its lease is renewed: it just does not answer. */
	while (!server_wait_log(f->server, "layout revoked", revoked + 1,
				500)) {
		assert_true(nfs_now_ns() < until);
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
	}
	assert_true(nfs_now_ns() - start >= LEASE * UINT64_C(1000000000));
	assert_int_not_equal(layouts_tell("recall"), 0);
	assert_int_equal(nfs_close(&f->session, &layout.file), NFS4_OK);
}

/* CB_NOTIFY_DEVICEID ------------------------------------------------------- */

/* With a second client Ganesha frees one piece of memory twice. */
static void end_opener(struct fixture *f)
{
	struct nfs_conn *conn = f->opener_session.conn;

	assert_int_equal(nfs_destroy_session(&f->opener_session, NULL),
			 NFS4_OK);
	assert_int_equal(nfs_destroy_clientid(&f->opener, conn), NFS4_OK);
}

static void check_notification(const struct cb_call *call)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	const uint8_t *values;
	uint32_t len;

	assert_int_equal(xdr_get_u32(&args), 1); /* change */
	assert_int_equal(xdr_get_u32(&args), 1); /* word of its mask */
	assert_int_equal(xdr_get_u32(&args), 1u << 2); /* DELETE */
	values = xdr_get_opaque(&args, 64, &len);
	assert_non_null(values);
	assert_int_equal(len, 4 + 16); /* layout type, device id */
	assert_int_equal(values[3], LAYOUT_FILES);
}

/* A session ends only if nothing of Ganesha's refers to it any more. */
static void assert_client_can_end(struct nfs_client *client,
				  struct nfs_conn *conn)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	int status;

	do {
		status = nfs_destroy_clientid(client, conn);
	} while (status == NFS4ERR_CLIENTID_BUSY && nfs_now_ns() < until);
	assert_int_equal(status, NFS4_OK);
}

static void test_notify_deviceid_holds_no_slot_and_no_session(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	struct nfs_session other;

	assert_int_equal(nfs_create_session(&other, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
	end_opener(f);
	for (unsigned int i = 0; i < NOTIFICATIONS; i++)
		assert_int_equal(layouts_tell("notify"), 0);
	for (unsigned int i = 0; i < NOTIFICATIONS; i++)
		check_notification(callback(f, i, OP_CB_NOTIFY_DEVICEID));
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	nfs_session_fini(&other);
	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	assert_client_can_end(&f->holder, conn);
}

/* The session ends before the answer comes: its last reference is that of the
 * callback, which goes out on the other session.
 */
static void test_notify_deviceid_outlives_its_session(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	struct nfs_session other, *used, *left;
	struct cb_call *first, *second;

	assert_int_equal(nfs_create_session(&other, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
	end_opener(f);
	cb_responder_push(f->responder, &held);
	assert_int_equal(layouts_tell("notify"), 0);
	first = callback(f, 0, OP_CB_NOTIFY_DEVICEID);
	used = memcmp(first->seq.session, other.id, sizeof(other.id)) ?
		       &f->session :
		       &other;
	left = used == &other ? &f->session : &other;
	assert_int_equal(nfs_destroy_session(used, NULL), NFS4_OK);
	second = callback(f, 1, OP_CB_NOTIFY_DEVICEID);
	assert_memory_equal(second->seq.session, left->id, sizeof(left->id));
	assert_int_equal(nfs_destroy_session(left, NULL), NFS4_OK);
	assert_client_can_end(&f->holder, conn);
	nfs_session_fini(&other);
}

/* CB_NULL ------------------------------------------------------------------ */

/* Ganesha would wait for the answer: it has one at once, and the channel lives. */
static void test_null_on_a_channel_is_answered_and_leaves_it(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	assert_int_equal(layouts_tell("null"), RPC_SUCCESS);
	fixture_hold_write(f, "after-null", &file);
	fixture_conflict(f, "after-null");
	assert_true(fixture_recalls(callback(f, 0, OP_CB_RECALL), &file));
	fixture_return(f, &file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: no client of another test is left. */
		FIXTURE_TEST(test_notify_deviceid_holds_no_slot_and_no_session),
		FIXTURE_TEST(test_notify_deviceid_outlives_its_session),
		FIXTURE_TEST(test_getattr_asker_sees_what_the_holder_says),
		FIXTURE_TEST(test_getattr_error_makes_a_recall),
		FIXTURE_TEST(test_getattr_no_answer_makes_a_recall),
		cmocka_unit_test(
			test_getattr_no_answer_is_waited_for_a_few_seconds),
		FIXTURE_TEST(test_getattr_without_the_size_makes_a_recall),
		FIXTURE_TEST(test_getattr_garbage_makes_a_recall),
		FIXTURE_TEST(test_layoutrecall_arrives_and_is_answered),
		FIXTURE_TEST(test_layoutrecall_no_matching_layout_returns_it),
		FIXTURE_TEST(test_layoutrecall_delay_comes_again),
		FIXTURE_TEST(test_layoutrecall_in_flight_fails_over),
		FIXTURE_TEST(
			test_layoutrecall_uncached_on_a_retry_is_not_revoked),
		FIXTURE_TEST(test_layoutrecall_never_answered_is_revoked),
		FIXTURE_TEST(test_null_on_a_channel_is_answered_and_leaves_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
