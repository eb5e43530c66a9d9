/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Input from the network is hostile: statements 17 and 18.  After each hostile
 * answer the server lives, and the next recall of the same client arrives, over
 * a fresh bind if the connection went.
 *
 * With the argument "valgrind" the server runs under valgrind, and only the
 * tests of replies are run.
 */
#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_ROUNDS 80
#define BINDS 1000
#define VANISHED 1000
#define STUCK_RECALLS 40
#define STUCK_READS 48
#define DEAF 8
#define BACK_SLOTS 16 /* of the holder's session */
#define STUCK_READ_SIZE (1u << 19)
#ifdef __SANITIZE_ADDRESS__ /* gives back late */
#define RSS_SLACK_KIB (128 * 1024)
#else
#define RSS_SLACK_KIB (32 * 1024)
#endif

enum msg_type { MSG_REPLY = 1 };

/* A well-formed RPC reply whose CB_COMPOUND4res is not. */
struct hostile_reply {
	uint32_t tag_len; /* as it says */
	uint32_t tag_sent; /* as it is */
	uint32_t num_results; /* with none behind it */
};

static const struct cb_answer held = { .when = CB_HELD };

/* Fair: else a thread may wait for seconds while others run. */
static const char *const valgrind_argv[] = {
	"valgrind",	    "--error-exitcode=99", "--quiet",
	"--num-callers=32", "--fair-sched=try",	   NULL
};

/* Rounds ------------------------------------------------------------------- */

/*
 * The session's own connection becomes the back channel alone, and requests
 * go over another: a hostile answer may cost the former.
 */
static struct nfs_conn *separate(struct fixture *f)
{
	struct nfs_conn *back = f->session.conn;

	nfs_session_set_conn(&f->session, fixture_connect(f, &f->holder));
	assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	return back;
}

/*
 * The recall of @file; a connection is bound if @back is closed meanwhile.
 * @return the recall, within SOON
 */
static struct cb_call *delivered(struct fixture *f, struct nfs_conn *back,
				 const struct nfs_file *file)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	unsigned int n = 0;

	while (nfs_now_ns() < until) {
		struct cb_call *call = cb_responder_wait(f->responder, n, 20);

		if (call && fixture_recalls(call, file))
			return call;
		n += call != NULL;
		if (back && !nfs_conn_is_open(back)) {
			fixture_bind(f);
			back = NULL;
		}
	}
	fail_msg("the recall has not come");
	return NULL;
}

/* Two recalls to a client that answers the first one by @answer. */
static void survive(void **state,
		    void (*answer)(struct cb_call *call, const void *arg),
		    const void *arg)
{
	static unsigned int rounds;
	struct fixture *f = *state;
	struct nfs_file first, second;
	struct nfs_conn *back = separate(f);
	char names[2][32];

	for (unsigned int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "hostile-%u-%u", rounds,
			 i);
	rounds++;
	fixture_hold(f, names[0], &first);
	fixture_hold(f, names[1], &second);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, names[0]);
	answer(fixture_callback(f, 0), arg);
	assert_true(server_alive(f->server));
	fixture_conflict(f, names[1]);
	delivered(f, back, &second);
	fixture_return(f, &first);
	fixture_return(f, &second);
	fixture_assert_opens(f, names[0]);
	fixture_assert_opens(f, names[1]);
}

/* The next of several rounds begins with clients of its own. */
static void renew(void **state)
{
	struct fixture *f = *state;

	if (!fixture_unmount(state) && !fixture_mount(state))
		return;
	/* Nothing is left that a teardown could take down. */
	server_free(f->server);
	exit(EXIT_FAILURE);
}

static void answer_as_told(struct cb_call *call, const void *arg)
{
	assert_int_equal(cb_call_answer(call, arg), 0);
}

/* As a record of its own. */
static void put_hostile_reply(struct xdr_buf *record, uint32_t xid,
			      const struct hostile_reply *reply)
{
	const uint32_t words[] = {
		0, /* the record mark */
		xid, MSG_REPLY,	     0 /* accepted */, AUTH_NONE,
		0,   CB_RPC_SUCCESS, NFS4_OK,	       reply->tag_len
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		xdr_put_u32(record, words[i]);
	for (uint32_t i = 0; i < reply->tag_sent; i += 4)
		xdr_put_u32(record, 0x74616774);
	xdr_put_u32(record, reply->num_results);
	xdr_patch_u32(record, 0, 0x80000000u | (uint32_t)(record->len - 4));
}

static void answer_with_message(struct cb_call *call, const void *arg)
{
	const struct hostile_reply *reply = arg;
	struct xdr_buf record = { 0 };
	struct cb_answer answer = { 0 };

	put_hostile_reply(&record, call->xid, reply);
	answer.raw = record.data;
	answer.raw_len = record.len;
	answer_as_told(call, &answer);
	xdr_buf_fini(&record);
}

/* Statement 17 ------------------------------------------------------------- */

static void test_reply_with_100_results(void **state)
{
	survive(state, answer_as_told, &(struct cb_answer){ .results = 100 });
}

static void test_reply_with_1024_results(void **state)
{
	survive(state, answer_as_told, &(struct cb_answer){ .results = 1024 });
}

static void test_reply_with_no_results(void **state)
{
	survive(state, answer_with_message, &(struct hostile_reply){ 0 });
}

static void test_reply_claims_more_results_than_it_has(void **state)
{
	static const uint32_t counts[] = { 3, 1024, 1025, 0x7fffffff,
					   0xffffffff };

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		renew(state);
		survive(state, answer_with_message,
			&(struct hostile_reply){ .num_results = counts[i] });
	}
}

static void test_reply_with_an_overlong_tag(void **state)
{
	static const struct hostile_reply replies[] = {
		{ .tag_len = 1024, .tag_sent = 1024 },
		{ .tag_len = 1025, .tag_sent = 1028 },
		{ .tag_len = 65536, .tag_sent = 65536 },
		{ .tag_len = 0xffffffff, .tag_sent = 64 },
		{ .tag_len = 0xfffffffd, .tag_sent = 64 },
	};

	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		renew(state);
		survive(state, answer_with_message, &replies[i]);
	}
}

static void test_reply_truncated(void **state)
{
	/* From a byte off the end to nothing left at all. */
	static const uint32_t bytes[] = { 1,  2,  4,  7,  8,  12, 20, 28,
					  36, 40, 44, 48, 52, 56, 60, 64,
					  68, 72, 76, 80, 81, 84, 88 };

	for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
		renew(state);
		survive(state, answer_as_told,
			&(struct cb_answer){ .truncate = bytes[i] });
	}
}

static void test_reply_one_byte_at_a_time(void **state)
{
	survive(state, answer_as_told, &(struct cb_answer){ .bytewise = true });
}

/* They are replies all the same: their slots are free again. */
static void test_reply_one_word_a_fragment(void **state)
{
	static const struct cb_answer wordwise = { .wordwise = true };
	struct fixture *f = *state;
	char name[32];

	for (unsigned int i = 0; i <= BACK_SLOTS; i++) {
		struct nfs_file file;

		snprintf(name, sizeof(name), "fragments-%u", i);
		fixture_hold(f, name, &file);
		cb_responder_push(f->responder, &wordwise);
		fixture_conflict(f, name);
		fixture_callback(f, i);
		fixture_return(f, &file);
	}
}

/* Statement 18 ------------------------------------------------------------- */

static void test_reply_with_an_unknown_xid(void **state)
{
	survive(state, answer_as_told,
		&(struct cb_answer){ .wrong_xid = true });
}

static void test_reply_sent_twice(void **state)
{
	survive(state, answer_as_told, &(struct cb_answer){ .copies = 2 });
}

static void test_reply_sent_twenty_times(void **state)
{
	for (int i = 0; i < 5; i++) {
		renew(state);
		survive(state, answer_as_told,
			&(struct cb_answer){ .copies = 20 });
	}
}

static void test_reply_sent_twice_with_too_many_results(void **state)
{
	survive(state, answer_as_told,
		&(struct cb_answer){ .copies = 20, .results = 100 });
}

static void test_reply_is_an_rpc_error(void **state)
{
	static const enum cb_rpc_error errors[] = {
		CB_RPC_PROG_UNAVAIL,   CB_RPC_PROC_UNAVAIL,
		CB_RPC_GARBAGE_ARGS,   CB_RPC_SYSTEM_ERR,
		CB_RPC_AUTH_ERROR,     (enum cb_rpc_error)2,
		(enum cb_rpc_error)99,
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		renew(state);
		survive(state, answer_as_told,
			&(struct cb_answer){ .rpc = errors[i] });
	}
}

/* Bytes in place of a record. */
static void survive_bytes(void **state, const void *bytes, size_t len)
{
	renew(state);
	survive(state, answer_as_told,
		&(struct cb_answer){ .raw = bytes, .raw_len = len });
}

static void test_reply_has_a_hostile_record_mark(void **state)
{
	static const uint8_t marks[][12] = {
		{ 0x80, 0x10, 0x00, 0x00 }, /* 1 MiB that never comes */
		{ 0x80, 0x00, 0x00, 0x00 }, /* nothing, and that is all */
		{ 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80 },
		{ 0x80, 0x00, 0x00, 0x01, 0x55 },
	};
	static const uint8_t zeros[4096];

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		survive_bytes(state, marks[i], sizeof(marks[i]));
	survive_bytes(state, zeros, sizeof(zeros));
}

/*
 * Not under valgrind: ntirpc asks for as much memory as the mark says, which
 * costs nothing until it is used, but for valgrind's own records of it.
 */
static void test_reply_announces_2_gib(void **state)
{
	static const uint8_t last[] = { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 };
	static const uint8_t first[] = { 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4 };

	survive_bytes(state, last, sizeof(last));
	survive_bytes(state, first, sizeof(first));
}

static void test_reply_is_garbage(void **state)
{
	uint8_t noise[4096];
	uint32_t seed = 1;

	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1103515245u + 12345u;
			noise[i] = (uint8_t)(seed >> 16);
		}
		survive_bytes(state, noise, sizeof(noise));
	}
	memset(noise, 0xff, sizeof(noise));
	survive_bytes(state, noise, sizeof(noise));
}

/* Answers and closes at once, again and again. */
static void answer_and_close(void **state, enum nfs_close how)
{
	struct fixture *f = *state;
	char name[32];

	separate(f);
	for (int i = 0; i < CLOSE_ROUNDS; i++) {
		struct nfs_file file;
		struct cb_call *call;

		snprintf(name, sizeof(name), "close-%d-%d", how, i);
		fixture_hold(f, name, &file);
		cb_responder_push(f->responder,
				  &(struct cb_answer){ .then_close = how });
		fixture_conflict(f, name);
		call = delivered(f, NULL, &file);
		assert_true(cb_call_wait_answered(call, SOON));
		fixture_bind(f);
		fixture_return(f, &file);
		fixture_assert_opens(f, name);
	}
}

static void test_reply_then_fin(void **state)
{
	answer_and_close(state, NFS_CLOSE_FIN);
}

static void test_reply_then_rst(void **state)
{
	answer_and_close(state, NFS_CLOSE_RST);
}

/* Floods ------------------------------------------------------------------- */

/* Replies to calls that nobody has made, to be sent from any thread. */
static void send_guesses(struct nfs_conn *conn, uint32_t xid,
			 unsigned int count)
{
	static const struct hostile_reply reply = { .num_results = 100 };
	struct xdr_buf record = { 0 };

	while (count--) {
		xdr_buf_clear(&record);
		put_hostile_reply(&record, xid++, &reply);
		nfs_conn_send_raw(conn, record.data, record.len);
	}
	xdr_buf_fini(&record);
}

static void test_replies_before_any_call(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *back = separate(f);
	struct nfs_file file;

	send_guesses(back, 0, 3000);
	send_guesses(back, 0xffffff00u, 512);
	/* The server has read them all once it answers this. */
	assert_int_equal(nfs_conn_null(back, NFS_PROGRAM, NFS_V4), 0);
	fixture_hold(f, "guessed", &file);
	fixture_conflict(f, "guessed");
	delivered(f, back, &file);
	fixture_return(f, &file);
}

struct flood {
	struct nfs_conn *conn;
	atomic_uint xid; /* of the latest call that was seen */
	atomic_bool stop;
	unsigned int sent;
};

static void *flood_run(void *arg)
{
	struct flood *flood = arg;

	/* A NULL call in between, so that the server sets the pace. */
	while (!atomic_load(&flood->stop)) {
		send_guesses(flood->conn, atomic_load(&flood->xid) - 8, 64);
		flood->sent += 64;
		if (nfs_conn_null(flood->conn, NFS_PROGRAM, NFS_V4))
			break;
	}
	return NULL;
}

/* Of XIDs about to be used, while recalls run on the same connection. */
static void test_replies_guessed_while_recalls_run(void **state)
{
	struct fixture *f = *state;
	struct flood flood = { .conn = separate(f) };
	pthread_t thread;
	char name[32];

	assert_int_equal(pthread_create(&thread, NULL, flood_run, &flood), 0);
	for (int i = 0; i < 100; i++) {
		struct nfs_file file;

		snprintf(name, sizeof(name), "flood-%d", i);
		fixture_hold(f, name, &file);
		fixture_conflict(f, name);
		atomic_store(&flood.xid, delivered(f, flood.conn, &file)->xid);
		fixture_return(f, &file);
	}
	atomic_store(&flood.stop, true);
	pthread_join(thread, NULL);
	print_message("%u guessed replies beside 100 recalls\n", flood.sent);
}

/* Peers -------------------------------------------------------------------- */

/* Ask for far more than a socket holds, and read none of it. */
static void fill_socket(struct nfs_session *session, struct nfs_compound *reads,
			const struct nfs_file *file)
{
	char *data = malloc(STUCK_READ_SIZE);
	uint32_t len = STUCK_READ_SIZE;

	/* As large as the session allows, or the answers would be small. */
	assert_non_null(data);
	assert_int_equal(
		nfs_read(session, &file->fh, &file->stateid, 0, data, &len),
		NFS4_OK);
	assert_int_equal(len, STUCK_READ_SIZE);
	free(data);
	nfs_conn_set_receive_buffer(session->conn, 4096);
	nfs_conn_stop_reading(session->conn);
	for (unsigned int i = 0; i < STUCK_READS; i++) {
		nfs_compound_init(&reads[i], session);
		nfs_put_putfh(&reads[i], &file->fh);
		nfs_put_read(&reads[i], &file->stateid, 0, STUCK_READ_SIZE);
		assert_int_equal(nfs_compound_send(&reads[i]), 0);
	}
}

static char *large_contents(void)
{
	char *contents = malloc(STUCK_READ_SIZE + 1);

	assert_non_null(contents);
	memset(contents, 'x', STUCK_READ_SIZE);
	contents[STUCK_READ_SIZE] = '\0';
	return contents;
}

/* A further client holds and is recalled. @return how long that took, ns */
static uint64_t recall_of_neighbour(struct fixture *f, const char *name)
{
	struct cb_responder *responder = cb_responder_new();
	struct nfs_client neighbour;
	struct nfs_session session;
	struct nfs_file file;
	struct nfs_conn *conn;
	struct cb_call *call;
	char path[64];
	uint64_t took;

	snprintf(path, sizeof(path), "export/%s", name);
	server_make_file(f->server, name, "contents");
	fixture_client(f, &neighbour);
	neighbour.responder = responder;
	assert_int_equal(nfs_client_mount(&neighbour, &session), NFS4_OK);
	assert_int_equal(nfs_open(&session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	took = fixture_conflict(f, name);
	call = cb_responder_wait(responder, 0, SOON);
	assert_non_null(call);
	took = call->arrival_ns - took;
	assert_int_equal(
		nfs_delegreturn(&session, &file.fh, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	conn = nfs_conn_get(session.conn);
	nfs_client_unmount(&session);
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	nfs_conn_put(conn);
	assert_int_equal(cb_responder_violations(responder, NULL), 0);
	cb_responder_free(responder);
	return took;
}

static void open_large(struct fixture *f, struct nfs_file *large)
{
	char *contents = large_contents();

	server_make_file(f->server, "large", contents);
	free(contents);
	assert_int_equal(nfs_open(&f->session, "export/large",
				  OPEN4_SHARE_ACCESS_READ, large),
			 NFS4_OK);
}

static void test_client_that_never_reads_delays_nobody(void **state)
{
	struct fixture *f = *state;
	struct nfs_file large, files[STUCK_RECALLS];
	struct nfs_compound *reads = calloc(STUCK_READS, sizeof(*reads));
	struct nfs_conn *stuck = f->session.conn;
	uint64_t took, longest = 0;
	char name[32];

	assert_non_null(reads);
	open_large(f, &large);
	for (int i = 0; i < STUCK_RECALLS; i++) {
		snprintf(name, sizeof(name), "stuck-%d", i);
		fixture_hold(f, name, &files[i]);
	}
	fill_socket(&f->session, reads, &large);
	for (int i = 0; i < STUCK_RECALLS; i++) {
		snprintf(name, sizeof(name), "stuck-%d", i);
		fixture_conflict(f, name);
		snprintf(name, sizeof(name), "neighbour-%d", i);
		took = recall_of_neighbour(f, name);
		longest = took > longest ? took : longest;
	}
	print_message("neighbour's recalls: %.1f ms at most\n", longest / 1e6);
	assert_true(longest < UINT64_C(1000000000));
	assert_int_equal(cb_responder_count(f->responder), 0);

	/* It comes back, and gets what was meant for it. */
	nfs_session_set_conn(&f->session, fixture_bind(f));
	nfs_conn_close(stuck, NFS_CLOSE_RST);
	for (unsigned int i = 0; i < STUCK_READS; i++)
		nfs_compound_fini(&reads[i]);
	free(reads);
	for (int i = 0; i < STUCK_RECALLS; i++) {
		delivered(f, NULL, &files[i]);
		fixture_return(f, &files[i]);
	}
}

/* A client that nobody will read for, and that says so. */
struct deaf {
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_compound reads[STUCK_READS];
};

static void deaf_begin(struct deaf *deaf, struct fixture *f,
		       const struct nfs_file *large)
{
	struct nfs_file file = { .fh = large->fh }; /* without a stateid */

	fixture_client(f, &deaf->client);
	assert_int_equal(nfs_client_mount(&deaf->client, &deaf->session),
			 NFS4_OK);
	fill_socket(&deaf->session, deaf->reads, &file);
	assert_true(nfs_conn_wait_readable(deaf->session.conn, SOON));
	nfs_conn_half_close(deaf->session.conn);
}

static void deaf_end(struct deaf *deaf)
{
	nfs_conn_close(deaf->session.conn, NFS_CLOSE_RST);
	for (unsigned int i = 0; i < STUCK_READS; i++)
		nfs_compound_fini(&deaf->reads[i]);
	nfs_session_fini(&deaf->session);
}

static void test_half_closed_by_clients_that_never_read(void **state)
{
	struct deaf *deaf = calloc(DEAF, sizeof(*deaf));
	struct fixture *f = *state;
	struct nfs_stateid none = { 0 };
	struct nfs_file large;
	uint32_t len = 1;
	char byte;
	int before;

	assert_non_null(deaf);
	open_large(f, &large);
	/* Ganesha opens the file once more for all who have not. */
	assert_int_equal(
		nfs_read(&f->session, &large.fh, &none, 0, &byte, &len),
		NFS4_OK);
	before = server_fds(f->server);
	for (int i = 0; i < DEAF; i++)
		deaf_begin(&deaf[i], f, &large);
	fixture_wait_descriptors(f, before);
	for (int i = 0; i < DEAF; i++)
		deaf_end(&deaf[i]);
	free(deaf);
}

static void assert_rss_near(struct fixture *f, const char *what, long before)
{
	long after = server_rss_kib(f->server);

	print_message("%s: %ld KiB before, %ld after\n", what, before, after);
	assert_true(after < before + RSS_SLACK_KIB);
}

static void test_binds_in_a_loop(void **state)
{
	struct fixture *f = *state;
	long rss = server_rss_kib(f->server);
	int before = server_connections(f->server);
	struct nfs_conn *conn = f->session.conn;
	unsigned int both = 0;
	uint32_t dir;

	for (int i = 0; i < BINDS; i++) {
		conn = fixture_connect(f, &f->holder);
		assert_int_equal(nfs_bind_conn(&f->session, conn,
					       CDFC4_FORE_OR_BOTH, &dir),
				 NFS4_OK);
		both += dir == CDFS4_BOTH;
	}
	assert_int_equal(both, BINDS); /* each in place of an older one */
	recall_of_neighbour(f, "beside-binds");
	for (unsigned int i = 1; i < f->nconns; i++)
		nfs_conn_close(f->conns[i],
			       i % 2 ? NFS_CLOSE_FIN : NFS_CLOSE_RST);
	fixture_wait_connections(f, before);
	assert_rss_near(f, "1,000 binds", rss);
}

/* An own session each, bound, and gone without a word. */
static void test_connects_and_vanishes(void **state)
{
	static const uint8_t begun[] = { 0x80, 0x00, 0x00, 0x80, 0x12, 0x34 };
	struct fixture *f = *state;
	long rss = server_rss_kib(f->server);
	int before = server_connections(f->server);
	struct nfs_file file;

	fixture_hold(f, "vanish", &file);
	for (int i = 0; i < VANISHED; i++) {
		struct nfs_conn *conn = nfs_client_connect(&f->holder);

		assert_non_null(conn);
		if (i % 3 == 1)
			nfs_conn_send_raw(conn, begun, sizeof(begun));
		if (i % 3 == 2)
			nfs_bind_conn(&f->session, conn, CDFC4_FORE_OR_BOTH,
				      NULL);
		nfs_conn_close(conn, i % 2 ? NFS_CLOSE_FIN : NFS_CLOSE_RST);
		nfs_conn_put(conn);
	}
	fixture_wait_connections(f, before);
	fixture_conflict(f, "vanish");
	delivered(f, NULL, &file);
	fixture_return(f, &file);
	assert_rss_near(f, "1,000 vanished", rss);
}

/* Ganesha's answer meets a dead connection. */
static void test_reset_before_the_answer(void **state)
{
	static const uint8_t null_call[] = {
		0x80, 0, 0, 40,	  0,	0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		2,    0, 1, 0x86, 0xa3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0,
		0,    0, 0, 0,	  0,	0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	struct fixture *f = *state;
	long rss = server_rss_kib(f->server);
	int before = server_fds(f->server);

	for (int i = 0; i < VANISHED; i++) {
		struct nfs_conn *conn = nfs_client_connect(&f->holder);

		assert_non_null(conn);
		for (int n = 0; n <= i % 4; n++)
			nfs_conn_send_raw(conn, null_call, sizeof(null_call));
		nfs_conn_close(conn, NFS_CLOSE_RST);
		nfs_conn_put(conn);
	}
	fixture_wait_descriptors(f, before);
	assert_rss_near(f, "1,000 reset before the answer", rss);
}

#define REPLIES                                                                \
	FIXTURE_TEST(test_reply_with_100_results),                             \
		FIXTURE_TEST(test_reply_with_1024_results),                    \
		FIXTURE_TEST(test_reply_with_no_results),                      \
		FIXTURE_TEST(test_reply_claims_more_results_than_it_has),      \
		FIXTURE_TEST(test_reply_with_an_overlong_tag),                 \
		FIXTURE_TEST(test_reply_truncated),                            \
		FIXTURE_TEST(test_reply_one_byte_at_a_time),                   \
		FIXTURE_TEST(test_reply_one_word_a_fragment),                  \
		FIXTURE_TEST(test_reply_with_an_unknown_xid),                  \
		FIXTURE_TEST(test_reply_sent_twice),                           \
		FIXTURE_TEST(test_reply_sent_twenty_times),                    \
		FIXTURE_TEST(test_reply_sent_twice_with_too_many_results),     \
		FIXTURE_TEST(test_reply_is_an_rpc_error),                      \
		FIXTURE_TEST(test_reply_has_a_hostile_record_mark),            \
		FIXTURE_TEST(test_reply_then_fin),                             \
		FIXTURE_TEST(test_reply_then_rst),                             \
		FIXTURE_TEST(test_replies_before_any_call),                    \
		FIXTURE_TEST(test_replies_guessed_while_recalls_run)

int main(int argc, char **argv)
{
	const struct CMUnitTest replies[] = { REPLIES };
	const struct CMUnitTest all[] = {
		REPLIES,
		FIXTURE_TEST(test_reply_announces_2_gib),
		FIXTURE_TEST(test_reply_is_garbage),
		FIXTURE_TEST(test_client_that_never_reads_delays_nobody),
		FIXTURE_TEST(test_half_closed_by_clients_that_never_read),
		FIXTURE_TEST(test_binds_in_a_loop),
		FIXTURE_TEST(test_connects_and_vanishes),
		FIXTURE_TEST(test_reset_before_the_answer),
	};
	struct server_params params = {
		.module = true,
		.backchannel = "Callback_Timeout = 2;",
	};

	if (argc < 2 || strcmp(argv[1], "valgrind"))
		return fixture_run(all, &params);
	params.wrapper = valgrind_argv;
	params.start_timeout_ms = 120000;
	return fixture_run(replies, &params);
}
