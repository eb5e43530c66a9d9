/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Connections and sessions: CREATE_SESSION and BIND_CONN_TO_SESSION.
 * RFC 5661 2.10.3, 18.34, 18.36; statements 1 to 4.
 */
#include "fixture.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)

/* A second session of the holder, made on a connection of its own. */
static void second_session(struct fixture *f, struct nfs_session *session,
			   const struct nfs_create_session_args *args)
{
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	assert_int_equal(nfs_create_session(session, &f->holder, conn, args),
			 NFS4_OK);
}

static void end_session(struct nfs_session *session)
{
	assert_int_equal(nfs_destroy_session(session, NULL), NFS4_OK);
	nfs_session_fini(session);
}

/* Statement 1 -------------------------------------------------------------- */

static void test_create_session_with_flag_binds_both(void **state)
{
	struct fixture *f = *state;

	assert_true(f->session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
	fixture_assert_flags(f, 0);
}

static void test_create_session_without_flag_binds_fore_only(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session session;
	uint32_t flags, dir;

	nfs_create_session_args_init(&args);
	args.flags = 0;
	second_session(f, &session, &args);
	assert_int_equal(session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
			 0);
	assert_int_equal(nfs_sequence(&session, &flags), NFS4_OK);
	assert_int_equal(flags & SEQ4_STATUS_CB_PATH_DOWN_SESSION,
			 SEQ4_STATUS_CB_PATH_DOWN_SESSION);
	/* The client has another session with a path. */
	assert_int_equal(flags & SEQ4_STATUS_CB_PATH_DOWN, 0);

	assert_int_equal(
		nfs_bind_conn(&session, session.conn, CDFC4_FORE_OR_BOTH, &dir),
		NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	assert_int_equal(nfs_sequence(&session, &flags), NFS4_OK);
	assert_int_equal(flags & DOWN, 0);
	end_session(&session);
}

/* Program and security parameters are those of CREATE_SESSION. */
static void test_bind_later_uses_parameters_of_create_session(void **state)
{
	static const uint32_t program = 0x40000123;
	struct fixture *f = *state;
	struct nfs_sec_parms sec = {
		.flavor = AUTH_SYS,
		.sys = { .machine = "later.example",
			 .uid = 17,
			 .gid = 18,
			 .ngids = 2,
			 .gids = { 19, 20 } },
	};
	struct nfs_create_session_args args;
	struct nfs_file file;
	struct cb_call *call;

	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	nfs_session_fini(&f->session);
	nfs_create_session_args_init(&args);
	args.flags = 0;
	args.cb_program = program;
	args.sec = &sec;
	args.nsec = 1;
	second_session(f, &f->session, &args);
	fixture_assert_flags(f, DOWN);
	nfs_session_set_conn(&f->session, fixture_bind(f));
	fixture_assert_flags(f, 0);

	fixture_hold(f, "parameters", &file);
	fixture_conflict(f, "parameters");
	call = fixture_callback(f, 0);
	assert_int_equal(call->prog, program);
	assert_int_equal(call->vers, NFS4_CB_VERSION);
	assert_int_equal(call->cred.flavor, AUTH_SYS);
	assert_string_equal(call->cred.sys.machine, sec.sys.machine);
	assert_int_equal(call->cred.sys.uid, sec.sys.uid);
	assert_int_equal(call->cred.sys.gid, sec.sys.gid);
	assert_int_equal(call->cred.sys.ngids, sec.sys.ngids);
	assert_memory_equal(call->cred.sys.gids, sec.sys.gids,
			    2 * sizeof(uint32_t));
	fixture_return(f, &file);
}

static void test_create_session_gss_only_has_no_back_channel(void **state)
{
	struct fixture *f = *state;
	struct nfs_sec_parms sec = { .flavor = RPCSEC_GSS };
	struct nfs_create_session_args args;
	struct nfs_session session;
	uint32_t dir;

	nfs_create_session_args_init(&args);
	args.sec = &sec;
	args.nsec = 1;
	second_session(f, &session, &args);
	assert_int_equal(session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
			 0);
	assert_int_equal(
		nfs_bind_conn(&session, session.conn, CDFC4_FORE_OR_BOTH, &dir),
		NFS4_OK);
	assert_int_equal(dir, CDFS4_FORE);
	end_session(&session);
}

static void test_create_session_replayed_binds_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	uint8_t id[NFS4_SESSIONID_SIZE];
	uint32_t flags;

	assert_int_equal(
		nfs_replay_create_session(&f->session, conn, id, &flags),
		NFS4_OK);
	assert_memory_equal(id, f->session.id, sizeof(id));
	assert_int_equal(flags, f->session.flags);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	fixture_wait_flags(f, DOWN);
}

/* Statement 2 -------------------------------------------------------------- */

static void test_bind_not_alone_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &f->holder, f->session.conn);
	nfs_put_bind_conn(&compound, f->session.id, CDFC4_BACK, 0);
	nfs_put_putrootfh(&compound);
	assert_int_equal(nfs_compound_call(&compound), NFS4ERR_NOT_ONLY_OP);
	nfs_compound_fini(&compound);
}

static void test_bind_unknown_session_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	uint8_t id[NFS4_SESSIONID_SIZE];

	memcpy(id, f->session.id, sizeof(id));
	id[NFS4_SESSIONID_SIZE - 1] ^= 0xff;
	nfs_compound_init_bare(&compound, &f->holder, f->session.conn);
	nfs_put_bind_conn(&compound, id, CDFC4_BACK, 0);
	assert_int_equal(nfs_compound_call(&compound), NFS4ERR_BADSESSION);
	nfs_compound_fini(&compound);
}

static void test_bind_direction_outside_the_four_is_refused(void **state)
{
	static const uint32_t dirs[] = { 0, 4, 5, 6, 8, 0xffffffff };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		assert_int_equal(nfs_bind_conn(&f->session,
					       fixture_connect(f, &f->holder),
					       dirs[i], NULL),
				 NFS4ERR_INVAL);
}

static void test_bind_fresh_connection_answers_what_is_true(void **state)
{
	static const struct {
		uint32_t asked;
		uint32_t answered;
	} dirs[] = { { CDFC4_FORE, CDFS4_FORE },
		     { CDFC4_BACK, CDFS4_BACK },
		     { CDFC4_FORE_OR_BOTH, CDFS4_BOTH },
		     { CDFC4_BACK_OR_BOTH, CDFS4_BOTH } };
	struct fixture *f = *state;
	struct nfs_conn *conn;
	uint32_t dir;

	for (size_t i = 0; i < 4; i++) {
		conn = fixture_connect(f, &f->holder);
		assert_int_equal(
			nfs_bind_conn(&f->session, conn, dirs[i].asked, &dir),
			NFS4_OK);
		assert_int_equal(dir, dirs[i].answered);
	}
}

/* Every direction on a connection that was bound with every direction. */
static void test_bind_again_changes_nothing_or_is_refused(void **state)
{
	static const uint32_t dirs[] = { CDFC4_FORE, CDFC4_BACK,
					 CDFC4_FORE_OR_BOTH,
					 CDFC4_BACK_OR_BOTH };
	/* The answer to [second] after [first]; 0: NFS4ERR_INVAL */
	static const uint32_t expected[4][4] = {
		{ CDFS4_FORE, 0, CDFS4_FORE, 0 },
		{ 0, CDFS4_BACK, 0, CDFS4_BACK },
		{ 0, 0, CDFS4_BOTH, CDFS4_BOTH },
		{ 0, 0, CDFS4_BOTH, CDFS4_BOTH },
	};
	struct fixture *f = *state;

	for (size_t first = 0; first < 4; first++) {
		for (size_t second = 0; second < 4; second++) {
			struct nfs_conn *conn = fixture_connect(f, &f->holder);
			uint32_t dir = 0;
			int rc;

			assert_int_equal(nfs_bind_conn(&f->session, conn,
						       dirs[first], NULL),
					 NFS4_OK);
			rc = nfs_bind_conn(&f->session, conn, dirs[second],
					   &dir);
			assert_int_equal(rc, expected[first][second] ?
						     NFS4_OK :
						     NFS4ERR_INVAL);
			if (!rc)
				assert_int_equal(dir, expected[first][second]);
			/* Room for the next: not more than Max_Connections. */
			nfs_conn_close(conn, NFS_CLOSE_FIN);
		}
	}
}

static void test_sequence_associates_fore_and_may_be_upgraded(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	uint32_t dir;

	assert_int_equal(nfs_sequence_on(&f->session, conn, NULL), NFS4_OK);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	fixture_wait_flags(f, DOWN);
	assert_int_equal(
		nfs_bind_conn(&f->session, conn, CDFC4_FORE_OR_BOTH, &dir),
		NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	fixture_assert_flags(f, 0);
}

static void test_bind_rdma_mode_is_answered_false(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	const struct nfs_res *res;

	nfs_compound_init_bare(&compound, &f->holder,
			       fixture_connect(f, &f->holder));
	nfs_put_bind_conn(&compound, f->session.id, CDFC4_FORE_OR_BOTH, 1);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	res = nfs_compound_res(&compound, OP_BIND_CONN_TO_SESSION);
	assert_false(res->bind_conn.rdma);
	assert_memory_equal(res->bind_conn.id, f->session.id,
			    NFS4_SESSIONID_SIZE);
	nfs_compound_fini(&compound);
}

/* The 17th, beside 16 that are idle, or gone for all that the server knows. */
static void test_bind_beyond_max_connections_displaces_idle(void **state)
{
	static const uint32_t dirs[] = { CDFC4_FORE_OR_BOTH, CDFC4_BACK_OR_BOTH,
					 CDFC4_BACK };
	static const uint32_t expected[] = { CDFS4_BOTH, CDFS4_BOTH,
					     CDFS4_BACK };
	struct fixture *f = *state;
	struct nfs_file file;
	char name[32];

	for (int i = 1; i < 16; i++) /* CREATE_SESSION's is the first */
		fixture_bind(f);
	for (unsigned int i = 0; i < 3; i++) {
		struct nfs_conn *conn = fixture_connect(f, &f->holder);
		uint32_t dir;

		snprintf(name, sizeof(name), "displaced-%u", i);
		fixture_hold(f, name, &file);
		assert_int_equal(
			nfs_bind_conn(&f->session, conn, dirs[i], &dir),
			NFS4_OK);
		assert_int_equal(dir, expected[i]);
		fixture_wait_live(f);
		fixture_assert_flags(f, 0);
		/* The client is heard there, and nowhere else since. */
		assert_int_equal(nfs_sequence_on(&f->session, conn, NULL),
				 NFS4_OK);
		fixture_conflict(f, name);
		assert_ptr_equal(fixture_callback(f, i)->conn, conn);
		fixture_return(f, &file);
	}
}

/* Statement 3 -------------------------------------------------------------- */

static void test_connection_serves_sessions_of_several_clients(void **state)
{
	struct fixture *f = *state;
	struct nfs_client other;
	struct nfs_session session;
	struct nfs_file first, second;
	struct cb_call *calls[2];

	/* Another client's session, over the holder's connection. */
	fixture_client(f, &other);
	other.responder = f->responder;
	assert_int_equal(nfs_exchange_id(&other, f->session.conn), NFS4_OK);
	assert_int_equal(
		nfs_create_session(&session, &other, f->session.conn, NULL),
		NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&session), NFS4_OK);

	fixture_hold(f, "shared-a", &first);
	server_make_file(f->server, "shared-b", "contents");
	assert_int_equal(nfs_open(&session, "export/shared-b",
				  OPEN4_SHARE_ACCESS_READ, &second),
			 NFS4_OK);
	assert_int_equal(second.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "shared-a");
	calls[0] = fixture_callback(f, 0);
	fixture_conflict(f, "shared-b");
	calls[1] = fixture_callback(f, 1);
	assert_ptr_equal(calls[0]->conn, calls[1]->conn);
	assert_memory_equal(calls[0]->seq.session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_memory_equal(calls[1]->seq.session, session.id,
			    NFS4_SESSIONID_SIZE);
	/* One stream of XIDs; each session counts its own sequence. */
	assert_int_not_equal(calls[0]->xid, calls[1]->xid);
	assert_int_equal(calls[0]->seq.sequence, 1);
	assert_int_equal(calls[1]->seq.sequence, 1);

	fixture_return(f, &first);
	assert_int_equal(nfs_delegreturn(&session, &second.fh,
					 &second.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&session, &second), NFS4_OK);
	nfs_client_unmount(&session);
}

static void test_callback_goes_where_the_client_was_heard_last(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conns[3];
	struct nfs_file file;

	conns[0] = f->session.conn;
	conns[1] = fixture_bind(f);
	conns[2] = fixture_bind(f);
	fixture_hold(f, "latest", &file);
	assert_int_equal(nfs_sequence_on(&f->session, conns[2], NULL), NFS4_OK);
	assert_int_equal(nfs_sequence_on(&f->session, conns[1], NULL), NFS4_OK);
	fixture_conflict(f, "latest");
	assert_ptr_equal(fixture_callback(f, 0)->conn, conns[1]);
	fixture_return(f, &file);
}

/* Statement 4 -------------------------------------------------------------- */

static void test_connection_closed_is_noticed_at_once(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	int before;

	assert_int_equal(nfs_sequence_on(&f->session, conn, NULL), NFS4_OK);
	before = server_connections(f->server);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	nfs_session_set_conn(&f->session, conn);
	/* No callback is sent: the flags change by the disconnect alone. */
	fixture_wait_flags(f, DOWN);
	fixture_wait_connections(f, before - 1);
}

/* 200 times: reconnect, bind, close. */
static void test_connections_rebound_leave_no_descriptor(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn;
	int before;

	before = server_connections(f->server);
	for (int i = 0; i < 200; i++) {
		nfs_conn_close(f->session.conn,
			       i % 2 ? NFS_CLOSE_FIN : NFS_CLOSE_RST);
		conn = fixture_bind(f);
		nfs_session_set_conn(&f->session, conn);
		fixture_assert_flags(f, 0);
	}
	fixture_wait_connections(f, before);
}

struct noted_reply {
	sem_t came;
	uint64_t ns;
};

/* In the loop's thread, before it reads anything else. */
static void note_reply(struct nfs_compound *compound, void *arg)
{
	struct noted_reply *reply = arg;

	(void)compound;
	reply->ns = nfs_now_ns();
	sem_post(&reply->came);
}

/* Bind a fresh connection. @return when the reply came, ns */
static uint64_t bind_noting_reply(struct fixture *f, struct nfs_conn *conn)
{
	struct timespec deadline = nfs_deadline(NFS_TIMEOUT);
	struct nfs_compound compound;
	struct noted_reply reply;

	sem_init(&reply.came, 0, 0);
	nfs_compound_init_bare(&compound, &f->holder, conn);
	nfs_put_bind_conn(&compound, f->session.id, CDFC4_BACK, 0);
	compound.done = note_reply;
	compound.arg = &reply;
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	/* The wait's end is signalled before done() is called. */
	assert_int_equal(sem_clockwait(&reply.came, CLOCK_MONOTONIC, &deadline),
			 0);
	nfs_compound_fini(&compound);
	sem_destroy(&reply.came);
	return reply.ns;
}

static void test_callback_never_overtakes_the_reply_that_binds(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_file files[20];
	char name[32];

	for (unsigned int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "overtake-%u", i);
		fixture_hold(f, name, &files[i]);
	}
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, fore);
	for (unsigned int i = 0; i < 20; i++) {
		struct nfs_conn *conn = fixture_connect(f, &f->holder);
		struct cb_call *call;
		uint64_t replied_ns;

		fixture_wait_flags(f, DOWN);
		snprintf(name, sizeof(name), "overtake-%u", i);
		fixture_conflict(f, name);
		/* Left unanswered, so that the next bind brings it, too. */
		cb_responder_push(f->responder,
				  &(struct cb_answer){ .when = CB_NEVER });
		replied_ns = bind_noting_reply(f, conn);
		call = fixture_callback_on(f, conn);
		assert_true(replied_ns <= call->arrival_ns);
		nfs_conn_close(conn, NFS_CLOSE_FIN);
	}
	fixture_bind(f);
	for (unsigned int i = 0; i < 20; i++)
		fixture_return(f, &files[i]);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_create_session_with_flag_binds_both),
		FIXTURE_TEST(test_create_session_without_flag_binds_fore_only),
		FIXTURE_TEST(test_bind_later_uses_parameters_of_create_session),
		FIXTURE_TEST(test_create_session_gss_only_has_no_back_channel),
		FIXTURE_TEST(test_create_session_replayed_binds_nothing),
		FIXTURE_TEST(test_bind_not_alone_is_refused),
		FIXTURE_TEST(test_bind_unknown_session_is_refused),
		FIXTURE_TEST(test_bind_direction_outside_the_four_is_refused),
		FIXTURE_TEST(test_bind_fresh_connection_answers_what_is_true),
		FIXTURE_TEST(test_bind_again_changes_nothing_or_is_refused),
		FIXTURE_TEST(test_sequence_associates_fore_and_may_be_upgraded),
		FIXTURE_TEST(test_bind_rdma_mode_is_answered_false),
		FIXTURE_TEST(test_bind_beyond_max_connections_displaces_idle),
		FIXTURE_TEST(
			test_connection_serves_sessions_of_several_clients),
		FIXTURE_TEST(
			test_callback_goes_where_the_client_was_heard_last),
		FIXTURE_TEST(test_connection_closed_is_noticed_at_once),
		FIXTURE_TEST(test_connections_rebound_leave_no_descriptor),
		FIXTURE_TEST(
			test_callback_never_overtakes_the_reply_that_binds),
	};

	return fixture_run(tests, &params);
}
