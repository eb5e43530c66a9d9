/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The responder, fed by hand over a socket pair: what it reads, what it
 * answers, and what it holds against a server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "responder.h"

#define PROGRAM 0x40000000u
#define SLOTS 4
#define LAST_FRAGMENT 0x80000000u
#define RECALL_OPS 2
/* Reply header: XID, REPLY, accepted, verifier (2), accept_stat. */
#define REPLY_HEADER 24

static const uint8_t session_id[NFS4_SESSIONID_SIZE] = "session";
static const struct nfs_channel_attrs back = { .maxrequestsize = 1024,
					       .maxresponsesize = 1024,
					       .maxoperations = 2,
					       .maxrequests = SLOTS };

struct fixture {
	struct nfs_loop *loop;
	struct cb_responder *responder;
	struct nfs_conn *conn[2]; /* the client's ends */
	int server[2]; /* the server's */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct timeval timeout = { .tv_sec = 1 + nfs_timeout_ms() / 1000 };

	f->loop = nfs_loop_new();
	f->responder = cb_responder_new();
	cb_responder_add_session(f->responder, session_id, &back, NULL);
	for (int i = 0; i < 2; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		f->conn[i] = nfs_conn_adopt(f->loop, pair[0]);
		cb_responder_attach(f->responder, f->conn[i]);
		f->server[i] = pair[1];
		setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &timeout,
			   sizeof(timeout));
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		nfs_conn_close(f->conn[i], NFS_CLOSE_FIN);
		nfs_conn_put(f->conn[i]);
		close(f->server[i]);
	}
	cb_responder_free(f->responder);
	nfs_loop_free(f->loop);
	free(f);
	return 0;
}

/* ---- The server's side ---- */

static void put_call(struct xdr_buf *buf, uint32_t xid, uint32_t proc)
{
	struct rpc_auth_sys sys = { .stamp = 7,
				    .machine = "host",
				    .uid = 1,
				    .gid = 2,
				    .ngids = 2,
				    .gids = { 3, 4 } };
	size_t length_at;

	xdr_put_u32(buf, 0); /* the record mark */
	xdr_put_u32(buf, xid);
	xdr_put_u32(buf, 0); /* CALL */
	xdr_put_u32(buf, 2);
	xdr_put_u32(buf, PROGRAM);
	xdr_put_u32(buf, NFS4_CB_VERSION);
	xdr_put_u32(buf, proc);
	xdr_put_u32(buf, AUTH_SYS);
	length_at = buf->len;
	xdr_put_u32(buf, 0);
	rpc_put_auth_sys(buf, &sys);
	xdr_patch_u32(buf, length_at, buf->len - length_at - 4);
	xdr_put_u32(buf, AUTH_NONE);
	xdr_put_u32(buf, 0);
}

static void put_compound(struct xdr_buf *buf, uint32_t minorversion,
			 uint32_t nops)
{
	xdr_put_string(buf, "tag");
	xdr_put_u32(buf, minorversion);
	xdr_put_u32(buf, 99); /* callback_ident */
	xdr_put_u32(buf, nops);
}

static void put_sequence(struct xdr_buf *buf, uint32_t slot, uint32_t sequence)
{
	xdr_put_u32(buf, OP_CB_SEQUENCE);
	xdr_put_bytes(buf, session_id, sizeof(session_id));
	xdr_put_u32(buf, sequence);
	xdr_put_u32(buf, slot);
	xdr_put_u32(buf, slot);
	xdr_put_u32(buf, true);
	xdr_put_u32(buf, 1); /* one list of one referring call */
	xdr_put_bytes(buf, session_id, sizeof(session_id));
	xdr_put_u32(buf, 1);
	xdr_put_u32(buf, 17);
	xdr_put_u32(buf, 3);
}

static void put_recall(struct xdr_buf *buf, uint32_t seqid)
{
	const struct nfs_stateid stateid = { .seqid = seqid,
					     .other = "stateid" };

	xdr_put_u32(buf, OP_CB_RECALL);
	nfs_put_stateid(buf, &stateid);
	xdr_put_u32(buf, true);
	xdr_put_opaque(buf, "handle", 6);
}

static void send_record(int fd, struct xdr_buf *buf)
{
	xdr_patch_u32(buf, 0, LAST_FRAGMENT | (uint32_t)(buf->len - 4));
	assert_int_equal(write(fd, buf->data, buf->len), buf->len);
	xdr_buf_fini(buf);
}

static void send_recall_of(int fd, uint32_t slot, uint32_t sequence,
			   uint32_t seqid)
{
	struct xdr_buf buf = { 0 };

	put_call(&buf, 100 + sequence, CB_COMPOUND);
	put_compound(&buf, 1, RECALL_OPS);
	put_sequence(&buf, slot, sequence);
	put_recall(&buf, seqid);
	send_record(fd, &buf);
}

static void send_recall(int fd, uint32_t slot, uint32_t sequence)
{
	send_recall_of(fd, slot, sequence, 1);
}

/* @return bytes read, short at the connection's end */
static size_t read_bytes(int fd, uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, data + done, len - done);

		if (n <= 0)
			break;
		done += n;
	}
	return done;
}

static uint8_t reply_data[65536];

/* The next record as a cursor; bad at the connection's end. */
static struct xdr_cursor read_record(int fd)
{
	struct xdr_cursor cursor;
	uint8_t mark_data[4];
	uint32_t mark;

	cursor = xdr_cursor(mark_data, read_bytes(fd, mark_data, 4));
	mark = xdr_get_u32(&cursor);
	if (cursor.bad)
		return cursor;
	assert_true(mark & LAST_FRAGMENT);
	mark &= ~LAST_FRAGMENT;
	assert_true(mark <= sizeof(reply_data));
	assert_int_equal(read_bytes(fd, reply_data, mark), mark);
	return xdr_cursor(reply_data, mark);
}

static bool at_end(int fd)
{
	return read_record(fd).bad;
}

struct reply {
	uint32_t xid;
	uint32_t accept_stat;
	uint32_t status;
	uint32_t count;
	uint32_t seq_status;
	uint8_t session[NFS4_SESSIONID_SIZE];
	uint32_t sequence, slot, highest, target;
	uint32_t op, op_status;
	struct xdr_cursor rest;
};

static struct reply read_reply(int fd)
{
	struct reply reply = { 0 };
	struct xdr_cursor c = read_record(fd);
	uint32_t len;

	reply.xid = xdr_get_u32(&c);
	assert_int_equal(xdr_get_u32(&c), 1);
	assert_int_equal(xdr_get_u32(&c), 0);
	xdr_skip(&c, 2);
	reply.accept_stat = xdr_get_u32(&c);
	reply.status = xdr_get_u32(&c);
	xdr_get_opaque(&c, 100, &len);
	reply.count = xdr_get_u32(&c);
	assert_int_equal(xdr_get_u32(&c), OP_CB_SEQUENCE);
	reply.seq_status = xdr_get_u32(&c);
	if (!reply.seq_status) {
		xdr_get_bytes(&c, reply.session, sizeof(reply.session));
		reply.sequence = xdr_get_u32(&c);
		reply.slot = xdr_get_u32(&c);
		reply.highest = xdr_get_u32(&c);
		reply.target = xdr_get_u32(&c);
		reply.op = xdr_get_u32(&c);
		reply.op_status = xdr_get_u32(&c);
	}
	assert_false(c.bad);
	reply.rest = c;
	return reply;
}

static struct reply recall(struct fixture *f, uint32_t slot, uint32_t sequence)
{
	send_recall(f->server[0], slot, sequence);
	return read_reply(f->server[0]);
}

static void assert_violations(struct fixture *f, unsigned int count)
{
	const char *text;
	unsigned int found = cb_responder_violations(f->responder, &text);

	if (found != count)
		fail_msg("%u violations, expected %u: %s", found, count, text);
}

/* ---- Tests ---- */

static void test_xdr_cursor_beyond_the_end_gives_zeros(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 0, 9, 1, 2, 3, 4 };
	struct xdr_cursor cursor = xdr_cursor(bytes, sizeof(bytes));
	struct xdr_buf buf = { 0 };
	uint32_t len;

	(void)state;
	assert_null(xdr_get_opaque(&cursor, 100, &len));
	assert_true(cursor.bad);
	assert_int_equal(len, 0);
	assert_int_equal(xdr_get_u32(&cursor), 0);

	xdr_put_opaque(&buf, "abcde", 5);
	xdr_put_u64(&buf, UINT64_C(0x0102030405060708));
	assert_int_equal(buf.len, 4 + 8 + 8);
	cursor = xdr_cursor(buf.data, buf.len);
	assert_memory_equal(xdr_get_opaque(&cursor, 5, &len), "abcde", 5);
	assert_int_equal(xdr_get_u64(&cursor), UINT64_C(0x0102030405060708));
	assert_int_equal(xdr_left(&cursor), 0);
	assert_false(cursor.bad);
	cursor = xdr_cursor(buf.data, buf.len);
	assert_null(xdr_get_opaque(&cursor, 4, &len));
	xdr_buf_fini(&buf);
}

static void test_recall_is_logged_and_answered_correctly(void **state)
{
	struct fixture *f = *state;
	struct reply reply = recall(f, 2, 1);
	struct cb_call *call = cb_responder_wait(f->responder, 0, NFS_TIMEOUT);

	assert_int_equal(reply.xid, 101);
	assert_int_equal(reply.status, NFS4_OK);
	assert_int_equal(reply.count, 2);
	assert_memory_equal(reply.session, session_id, sizeof(session_id));
	assert_int_equal(reply.sequence, 1);
	assert_int_equal(reply.slot, 2);
	assert_int_equal(reply.highest, SLOTS - 1);
	assert_int_equal(reply.target, SLOTS - 1);
	assert_int_equal(reply.op, OP_CB_RECALL);
	assert_int_equal(reply.op_status, NFS4_OK);
	assert_int_equal(xdr_left(&reply.rest), 0);

	assert_non_null(call);
	assert_ptr_equal(call->conn, f->conn[0]);
	assert_int_equal(call->prog, PROGRAM);
	assert_int_equal(call->vers, NFS4_CB_VERSION);
	assert_int_equal(call->cred.flavor, AUTH_SYS);
	assert_string_equal(call->cred.sys.machine, "host");
	assert_int_equal(call->cred.sys.gids[1], 4);
	assert_int_equal(call->minorversion, 1);
	assert_int_equal(call->ident, 99);
	assert_int_equal(call->nops, 2);
	assert_true(call->seq.cachethis);
	assert_int_equal(call->seq.nreferring, 1);
	assert_int_equal(call->seq.referring[0].sequence, 17);
	assert_int_equal(call->seq.referring[0].slot, 3);
	assert_int_equal(call->op, OP_CB_RECALL);
	assert_true(call->recall.truncate);
	assert_int_equal(call->recall.fh.len, 6);
	assert_memory_equal(call->recall.stateid.other, "stateid", 7);
	assert_true(cb_call_wait_answered(call, NFS_TIMEOUT));
	assert_true(call->answered_ns >= call->arrival_ns);
	assert_violations(f, 0);
}

static void test_cb_null_is_answered_and_counted(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct xdr_cursor reply;

	put_call(&buf, 5, CB_NULL);
	send_record(f->server[0], &buf);
	reply = read_record(f->server[0]);
	assert_int_equal(xdr_left(&reply), REPLY_HEADER);
	assert_true(cb_responder_wait_null(f->responder, 1, NFS_TIMEOUT));
	assert_int_equal(cb_responder_count(f->responder), 0);
}

static void test_v40_recall_needs_no_sequence(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct xdr_cursor reply;

	put_call(&buf, 5, CB_COMPOUND);
	put_compound(&buf, 0, 1);
	put_recall(&buf, 1);
	send_record(f->server[0], &buf);
	reply = read_record(f->server[0]);
	xdr_skip(&reply, REPLY_HEADER / 4);
	assert_int_equal(xdr_get_u32(&reply), NFS4_OK);
	xdr_skip(&reply, 1);
	assert_int_equal(xdr_get_u32(&reply), 1);
	assert_int_equal(xdr_get_u32(&reply), OP_CB_RECALL);
	assert_violations(f, 0);
}

static void test_sequence_status_does_not_use_the_sequence_up(void **state)
{
	struct fixture *f = *state;
	struct reply reply;

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .seq_status = NFS4ERR_DELAY });
	reply = recall(f, 0, 1);
	assert_int_equal(reply.status, NFS4ERR_DELAY);
	assert_int_equal(reply.seq_status, NFS4ERR_DELAY);
	assert_int_equal(reply.count, 1);
	reply = recall(f, 0, 1);
	assert_int_equal(reply.status, NFS4_OK);
	assert_violations(f, 0);
}

static void test_operation_status_uses_the_sequence_up(void **state)
{
	struct fixture *f = *state;
	struct reply reply;

	cb_responder_push(
		f->responder,
		&(struct cb_answer){ .op_status = NFS4ERR_BAD_STATEID });
	reply = recall(f, 0, 1);
	assert_int_equal(reply.status, NFS4ERR_BAD_STATEID);
	assert_int_equal(reply.seq_status, NFS4_OK);
	assert_int_equal(reply.op_status, NFS4ERR_BAD_STATEID);
	assert_int_equal(recall(f, 0, 2).status, NFS4_OK);
	assert_violations(f, 0);
}

static void test_result_may_name_another_session_slot_and_sequence(void **state)
{
	struct fixture *f = *state;
	struct reply reply;

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .wrong_session = true,
					       .slot_delta = 1,
					       .sequence_delta = 10,
					       .limit_slots = true,
					       .highest_slot = 1,
					       .target_highest_slot = 0 });
	reply = recall(f, 0, 1);
	assert_memory_not_equal(reply.session, session_id, sizeof(session_id));
	assert_int_equal(reply.slot, 1);
	assert_int_equal(reply.sequence, 11);
	assert_int_equal(reply.highest, 1);
	assert_int_equal(reply.target, 0);
}

static void test_many_results_and_a_truncated_reply(void **state)
{
	struct fixture *f = *state;
	struct reply reply;
	struct xdr_cursor record;

	cb_responder_push(f->responder, &(struct cb_answer){ .results = 100 });
	reply = recall(f, 0, 1);
	assert_int_equal(reply.count, 100);
	assert_int_equal(xdr_left(&reply.rest), 98 * 8);

	cb_responder_push(f->responder, &(struct cb_answer){ .truncate = 6 });
	send_recall(f->server[0], 0, 2);
	record = read_record(f->server[0]);
	assert_int_equal(xdr_left(&record),
			 REPLY_HEADER + 12 + 8 + 16 + 16 + 8 - 6);
}

static void test_wrong_xid_two_copies_raw_and_bytewise(void **state)
{
	struct fixture *f = *state;
	uint8_t raw[3];

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .wrong_xid = true });
	assert_int_equal(recall(f, 0, 1).xid, ~101u);

	cb_responder_push(f->responder, &(struct cb_answer){ .copies = 2 });
	assert_int_equal(recall(f, 0, 2).xid, 102);
	assert_int_equal(read_reply(f->server[0]).xid, 102);

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .bytewise = true });
	assert_int_equal(recall(f, 0, 3).xid, 103);

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .raw = "raw", .raw_len = 3 });
	send_recall(f->server[0], 0, 4);
	assert_int_equal(read_bytes(f->server[0], raw, 3), 3);
	assert_memory_equal(raw, "raw", 3);
	assert_violations(f, 0);
}

static void test_rpc_errors(void **state)
{
	static const enum cb_rpc_error errors[] = { CB_RPC_PROG_UNAVAIL,
						    CB_RPC_PROC_UNAVAIL,
						    CB_RPC_GARBAGE_ARGS,
						    CB_RPC_SYSTEM_ERR };
	struct fixture *f = *state;
	struct xdr_cursor record;

	for (int i = 0; i < 4; i++) {
		cb_responder_push(f->responder,
				  &(struct cb_answer){ .rpc = errors[i] });
		send_recall(f->server[0], 0, 1);
		record = read_record(f->server[0]);
		xdr_skip(&record, 5);
		assert_int_equal(xdr_get_u32(&record), errors[i]);
		assert_int_equal(xdr_left(&record), 0);
	}
	cb_responder_push(f->responder,
			  &(struct cb_answer){ .rpc = CB_RPC_AUTH_ERROR });
	send_recall(f->server[0], 0, 1);
	record = read_record(f->server[0]);
	xdr_skip(&record, 2);
	assert_int_equal(xdr_get_u32(&record), 1); /* denied */
	assert_int_equal(xdr_get_u32(&record), 1); /* AUTH_ERROR */
	/* None of these ran. */
	assert_int_equal(recall(f, 0, 1).status, NFS4_OK);
	assert_violations(f, 0);
}

static void test_held_callback_is_answered_later(void **state)
{
	struct fixture *f = *state;
	struct cb_call *held;

	cb_responder_push(f->responder, &(struct cb_answer){ .when = CB_HELD });
	send_recall(f->server[0], 0, 1);
	held = cb_responder_wait(f->responder, 0, NFS_TIMEOUT);
	assert_non_null(held);
	/* Another slot goes on meanwhile. */
	assert_int_equal(recall(f, 1, 1).status, NFS4_OK);
	assert_int_equal(cb_responder_max_in_flight(f->responder), 2);
	assert_false(cb_call_wait_answered(held, 0));

	assert_int_equal(cb_call_answer(held, &(struct cb_answer){ 0 }), 0);
	assert_int_equal(read_reply(f->server[0]).slot, 0);
	assert_int_equal(cb_call_answer(held, &(struct cb_answer){ 0 }),
			 -EALREADY);
	assert_int_equal(recall(f, 0, 2).status, NFS4_OK);
	assert_violations(f, 0);
}

static void test_closing_with_and_without_an_answer(void **state)
{
	struct fixture *f = *state;

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .then_close = NFS_CLOSE_FIN });
	assert_int_equal(recall(f, 0, 1).status, NFS4_OK);
	assert_true(at_end(f->server[0]));
	assert_false(nfs_conn_is_open(f->conn[0]));

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .when = CB_NEVER,
					       .then_close = NFS_CLOSE_RST });
	send_recall(f->server[1], 0, 2);
	assert_true(at_end(f->server[1]));
	assert_violations(f, 0);
}

static void test_retry_after_a_lost_connection_is_right(void **state)
{
	struct fixture *f = *state;
	struct cb_call *retry;

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .when = CB_NEVER,
					       .then_close = NFS_CLOSE_FIN });
	send_recall(f->server[0], 0, 1);
	assert_true(at_end(f->server[0]));

	send_recall(f->server[1], 0, 1);
	assert_int_equal(read_reply(f->server[1]).status, NFS4_OK);
	retry = cb_responder_wait(f->responder, 1, NFS_TIMEOUT);
	assert_true(retry->retry);
	assert_int_equal(cb_responder_max_in_flight(f->responder), 1);
	assert_violations(f, 0);
}

static void test_retry_of_an_answered_call_gets_its_answer_again(void **state)
{
	struct fixture *f = *state;

	cb_responder_push(f->responder,
			  &(struct cb_answer){ .op_status = NFS4ERR_BADHANDLE,
					       .then_close = NFS_CLOSE_FIN });
	assert_int_equal(recall(f, 0, 1).status, NFS4ERR_BADHANDLE);
	cb_responder_push(f->responder,
			  &(struct cb_answer){ .op_status = NFS4ERR_DELAY });
	send_recall(f->server[1], 0, 1);
	assert_int_equal(read_reply(f->server[1]).status, NFS4ERR_BADHANDLE);
	assert_violations(f, 0);
	/* The next one takes what was pushed. */
	send_recall(f->server[1], 0, 2);
	assert_int_equal(read_reply(f->server[1]).status, NFS4ERR_DELAY);
}

static void test_false_retries_are_violations(void **state)
{
	struct fixture *f = *state;

	recall(f, 0, 1);
	recall(f, 0, 1); /* on the same connection */
	assert_violations(f, 1);
	send_recall_of(f->server[1], 0, 1, 2); /* of something else */
	read_reply(f->server[1]);
	assert_violations(f, 2);
}

static void test_slot_rules_are_enforced(void **state)
{
	struct fixture *f = *state;
	struct reply reply;

	reply = recall(f, 0, 2);
	assert_int_equal(reply.status, NFS4ERR_SEQ_MISORDERED);
	assert_violations(f, 1);

	cb_responder_push(f->responder, &(struct cb_answer){ .when = CB_HELD });
	send_recall(f->server[0], 0, 1);
	reply = recall(f, 0, 2);
	assert_int_equal(reply.status, NFS4ERR_SEQ_MISORDERED);
	assert_violations(f, 2);

	reply = recall(f, SLOTS, 1);
	assert_int_equal(reply.status, NFS4ERR_BADSLOT);
	assert_violations(f, 3);

	cb_responder_remove_session(f->responder, session_id);
	reply = recall(f, 1, 1);
	assert_int_equal(reply.status, NFS4ERR_BADSESSION);
	assert_violations(f, 3);
}

static void test_missing_sequence_is_a_violation(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct xdr_cursor record;

	put_call(&buf, 5, CB_COMPOUND);
	put_compound(&buf, 1, 1);
	put_recall(&buf, 1);
	send_record(f->server[0], &buf);
	record = read_record(f->server[0]);
	xdr_skip(&record, REPLY_HEADER / 4);
	assert_int_equal(xdr_get_u32(&record), NFS4ERR_OP_NOT_IN_SESSION);
	assert_violations(f, 1);
}

static void test_limits_are_checked(void **state)
{
	static const uint8_t big[1024];
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };

	put_call(&buf, 5, CB_COMPOUND);
	put_compound(&buf, 1, 3);
	put_sequence(&buf, 0, 1);
	put_recall(&buf, 1);
	xdr_put_bytes(&buf, big, sizeof(big));
	send_record(f->server[0], &buf);
	read_reply(f->server[0]);
	assert_violations(f, 2); /* bytes and operations */
}

static void test_arguments_that_do_not_decode(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };

	put_call(&buf, 5, CB_COMPOUND);
	put_compound(&buf, 1, 2);
	put_sequence(&buf, 0, 1);
	xdr_put_u32(&buf, OP_CB_RECALL);
	send_record(f->server[0], &buf);
	assert_int_equal(read_reply(f->server[0]).status, NFS4ERR_BADXDR);
	assert_violations(f, 1);
}

static void test_fragments_are_put_together(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	uint8_t mark[4] = { 0, 0, 0, 8 };

	put_call(&buf, 5, CB_NULL);
	xdr_patch_u32(&buf, 0, LAST_FRAGMENT | (uint32_t)(buf.len - 12));
	/* The first 8 bytes as a fragment, then the rest, byte by byte. */
	assert_int_equal(write(f->server[0], mark, 4), 4);
	assert_int_equal(write(f->server[0], buf.data + 4, 8), 8);
	assert_int_equal(write(f->server[0], buf.data, 4), 4);
	for (size_t i = 12; i < buf.len; i++)
		assert_int_equal(write(f->server[0], buf.data + i, 1), 1);
	xdr_buf_fini(&buf);
	assert_true(cb_responder_wait_null(f->responder, 1, NFS_TIMEOUT));
}

#define responder_test(name)                                                   \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xdr_cursor_beyond_the_end_gives_zeros),
		responder_test(test_recall_is_logged_and_answered_correctly),
		responder_test(test_cb_null_is_answered_and_counted),
		responder_test(test_v40_recall_needs_no_sequence),
		responder_test(
			test_sequence_status_does_not_use_the_sequence_up),
		responder_test(test_operation_status_uses_the_sequence_up),
		responder_test(
			test_result_may_name_another_session_slot_and_sequence),
		responder_test(test_many_results_and_a_truncated_reply),
		responder_test(test_wrong_xid_two_copies_raw_and_bytewise),
		responder_test(test_rpc_errors),
		responder_test(test_held_callback_is_answered_later),
		responder_test(test_closing_with_and_without_an_answer),
		responder_test(test_retry_after_a_lost_connection_is_right),
		responder_test(
			test_retry_of_an_answered_call_gets_its_answer_again),
		responder_test(test_false_retries_are_violations),
		responder_test(test_slot_rules_are_enforced),
		responder_test(test_missing_sequence_is_a_violation),
		responder_test(test_limits_are_checked),
		responder_test(test_arguments_that_do_not_decode),
		responder_test(test_fragments_are_put_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
