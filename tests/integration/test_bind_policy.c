/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who may bind connections to a session, and how many.  RFC 5661 18.33, 18.34.
 */
#include "fixture.h"

#include <stdio.h>

#define PROGRAM 0x40000888

#define MANY_CONNS 20

#define REFUSED "its principal did not create the session"

static struct fixture own; /* of a test with parameters of its own */

static const struct nfs_sec_parms sys = {
	.flavor = AUTH_SYS,
	.sys = { .machine = "stranger.example", .uid = 7, .gid = 8 },
};

/* Principals --------------------------------------------------------------- */

/* What differs from the credential that created the session. */
static struct rpc_cred other_uid(struct rpc_cred cred)
{
	cred.sys.uid++;
	return cred;
}

static struct rpc_cred other_gid(struct rpc_cred cred)
{
	cred.sys.gid++;
	return cred;
}

static struct rpc_cred other_machine(struct rpc_cred cred)
{
	cred.sys.machine[0]++;
	return cred;
}

static struct rpc_cred other_flavor(struct rpc_cred cred)
{
	cred.flavor = AUTH_NONE;
	return cred;
}

static int bind_as(struct fixture *f, const struct rpc_cred *cred,
		   struct nfs_conn *conn, uint32_t *dir)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init_bare(&compound, &f->holder, conn);
	compound.cred = cred;
	nfs_put_bind_conn(&compound, f->session.id, CDFC4_FORE_OR_BOTH, 0);
	status = nfs_compound_call(&compound);
	if (!status)
		*dir = nfs_compound_res(&compound, OP_BIND_CONN_TO_SESSION)
			       ->bind_conn.dir;
	nfs_compound_fini(&compound);
	return status;
}

static int ctl_as(struct fixture *f, const struct rpc_cred *cred)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	compound.cred = cred;
	nfs_put_backchannel_ctl(&compound, PROGRAM, &sys, 1);
	return nfs_compound_finish(&compound);
}

/* The next callback, number @n, comes as it came before. */
static void assert_unchanged(struct fixture *f, unsigned int n)
{
	struct nfs_file file;
	struct cb_call *call;
	char name[64];

	fixture_assert_flags(f, 0);
	snprintf(name, sizeof(name), "unchanged-%u-%u", f->clients, n);
	fixture_hold(f, name, &file);
	fixture_conflict(f, name);
	call = fixture_callback(f, n);
	assert_ptr_equal(call->conn, f->session.conn);
	assert_int_equal(call->prog, f->session.create_args.cb_program);
	assert_int_equal(call->cred.sys.uid,
			 f->session.create_args.sec->sys.uid);
	fixture_return(f, &file);
}

static void assert_bind_refused(struct fixture *f, struct rpc_cred cred)
{
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	uint32_t dir;

	assert_int_equal(bind_as(f, &cred, conn, &dir), NFS4ERR_BADSESSION);
	assert_unchanged(f, 0);
	/* Nor does the refused connection stand in for the bound one. */
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	fixture_wait_flags(f, SEQ4_STATUS_CB_PATH_DOWN |
				      SEQ4_STATUS_CB_PATH_DOWN_SESSION);
	/* It is as good as any for who created the session. */
	assert_int_equal(bind_as(f, &f->holder.cred, conn, &dir), NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	assert_unchanged(f, 1);
}

static void test_bind_other_uid_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_bind_refused(f, other_uid(f->holder.cred));
}

static void test_bind_other_machine_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_bind_refused(f, other_machine(f->holder.cred));
}

static void test_bind_other_gid_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_bind_refused(f, other_gid(f->holder.cred));
}

static void test_bind_other_flavor_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_bind_refused(f, other_flavor(f->holder.cred));
}

static void test_bind_auth_none_session_by_auth_none(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;
	struct nfs_client client;
	struct rpc_cred root;

	fixture_client(f, &client);
	root = client.cred;
	client.cred.flavor = AUTH_NONE;
	assert_int_equal(nfs_exchange_id(&client, fixture_connect(f, &client)),
			 NFS4_OK);
	assert_int_equal(nfs_create_session(&session, &client,
					    fixture_connect(f, &client), NULL),
			 NFS4_OK);
	assert_int_equal(nfs_bind_conn(&session, fixture_connect(f, &client),
				       CDFC4_BACK, NULL),
			 NFS4_OK);
	client.cred = root;
	assert_int_equal(nfs_bind_conn(&session, fixture_connect(f, &client),
				       CDFC4_BACK, NULL),
			 NFS4ERR_BADSESSION);
	client.cred.flavor = AUTH_NONE;
	nfs_client_unmount(&session);
}

static void test_ctl_other_principal_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct rpc_cred creds[] = {
		other_uid(f->holder.cred),
		other_gid(f->holder.cred),
		other_machine(f->holder.cred),
		other_flavor(f->holder.cred),
	};

	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(ctl_as(f, &creds[i]), NFS4ERR_INVAL);
		assert_unchanged(f, i);
	}
	assert_int_equal(ctl_as(f, &f->holder.cred), NFS4_OK);
}

/* A client binds its own connection to a session whose id it has guessed. */
static void test_bind_guessed_session_captures_nothing(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs_session theirs;
	struct nfs_client stranger;
	struct nfs_compound compound;

	/* Root, too, of its own machine. */
	fixture_client(f, &stranger);
	stranger.responder = responder;
	assert_int_equal(nfs_client_mount(&stranger, &theirs), NFS4_OK);
	nfs_compound_init_bare(&compound, &stranger, theirs.conn);
	nfs_put_bind_conn(&compound, f->session.id, CDFC4_BACK, 0);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_BADSESSION);
	assert_unchanged(f, 0);
	assert_int_equal(cb_responder_count(responder), 0);
	nfs_client_unmount(&theirs);
	cb_responder_free(responder);
}

static int destroy_as(const struct rpc_cred *cred, struct nfs_client *client,
		      struct nfs_conn *conn, const struct nfs_session *session)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, client, conn);
	compound.cred = cred;
	nfs_put_destroy_session(&compound, session->id);
	return nfs_compound_finish(&compound);
}

/* Ganesha before 6 remembers sixteen, also when they have ended, and lets nobody
 * destroy it over another one.
 */
static void create_session_of_many_connections(struct fixture *f,
					       struct nfs_session *session)
{
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	assert_int_equal(nfs_create_session(session, &f->holder, conn, NULL),
			 NFS4_OK);
	for (unsigned int i = 0; i < MANY_CONNS; i++) {
		nfs_conn_close(session->conn, NFS_CLOSE_FIN);
		conn = fixture_connect(f, &f->holder);
		nfs_session_set_conn(session, conn);
		assert_int_equal(nfs_sequence(session, NULL), NFS4_OK);
	}
}

static void assert_destroyed_by_its_own(struct fixture *f,
					struct nfs_session *session)
{
	struct nfs_client stranger;

	fixture_client(f, &stranger);
	assert_int_equal(destroy_as(&stranger.cred, &stranger,
				    fixture_connect(f, &stranger), session),
			 NFS4ERR_CONN_NOT_BOUND_TO_SESSION);
	assert_int_equal(nfs_sequence(session, NULL), NFS4_OK);
	assert_int_equal(nfs_destroy_session(session, NULL), NFS4_OK);
	nfs_session_fini(session);
}

static void
test_session_of_many_connections_is_destroyed_by_its_own(void **state)
{
	struct fixture *f = *state;
	struct nfs_session session;

	create_session_of_many_connections(f, &session);
	assert_destroyed_by_its_own(f, &session);
}

/* Who has not used a connection with it yet is told so. */
static void test_session_is_not_destroyed_over_a_new_connection(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(destroy_as(&f->holder.cred, &f->holder,
				    fixture_connect(f, &f->holder),
				    &f->session),
			 NFS4ERR_CONN_NOT_BOUND_TO_SESSION);
	assert_unchanged(f, 0);
}

/* By default, same_principal_or_address. */
static void
test_default_accepts_another_principal_at_the_same_address(void **state)
{
	struct fixture *f = &own;
	struct nfs_file file;
	struct nfs_conn *conn;
	struct rpc_cred creds[4];
	uint32_t dir;

	(void)state;
	fixture_begin(f, "");
	creds[0] = other_uid(f->holder.cred);
	creds[1] = other_gid(f->holder.cred);
	creds[2] = other_machine(f->holder.cred);
	creds[3] = other_flavor(f->holder.cred);
	for (unsigned int i = 0; i < 4; i++) {
		conn = fixture_connect(f, &f->holder);
		assert_int_equal(bind_as(f, &creds[i], conn, &dir), NFS4_OK);
		assert_int_equal(dir, CDFS4_BOTH);
	}
	/* Callbacks come there. */
	fixture_wait_live(f);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	fixture_wait_flags(f, 0);
	fixture_hold(f, "principal", &file);
	fixture_conflict(f, "principal");
	assert_ptr_equal(fixture_callback(f, 0)->conn, conn);
	fixture_return(f, &file);
	assert_int_equal(ctl_as(f, &creds[0]), NFS4_OK);
	assert_int_equal(server_log_count(f->server, REFUSED), 0);
	fixture_end(f);
}

/* Another of its users ends it, whose address it is. */
static void test_default_destroys_over_any_of_many_connections(void **state)
{
	struct fixture *f = &own;
	struct nfs_session session;
	struct rpc_cred user;

	(void)state;
	fixture_begin(f, "");
	user = other_uid(f->holder.cred);
	create_session_of_many_connections(f, &session);
	assert_int_equal(destroy_as(&user, &f->holder, session.conn, &session),
			 NFS4_OK);
	nfs_session_fini(&session);
	create_session_of_many_connections(f, &session);
	assert_destroyed_by_its_own(f, &session);
	fixture_end(f);
}

/* Bind a connection from a stranger's address to the holder's session. */
static int bind_from_elsewhere(struct fixture *f, bool as_holder, uint32_t *dir)
{
	struct nfs_client stranger;
	struct nfs_conn *conn;

	fixture_client(f, &stranger);
	conn = fixture_connect(f, &stranger);
	return bind_as(f, as_holder ? &f->holder.cred : &stranger.cred, conn,
		       dir);
}

static void test_default_accepts_the_same_principal_elsewhere(void **state)
{
	uint32_t dir;

	(void)state;
	fixture_begin(&own, "");
	assert_int_equal(bind_from_elsewhere(&own, true, &dir), NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	fixture_end(&own);
}

static void test_default_refuses_another_principal_elsewhere(void **state)
{
	uint32_t dir;

	(void)state;
	fixture_begin(&own, "");
	assert_int_equal(bind_from_elsewhere(&own, false, &dir),
			 NFS4ERR_BADSESSION);
	assert_unchanged(&own, 0);
	assert_int_equal(
		server_log_count(own.server, REFUSED ", nor did its address"),
		1);
	fixture_end(&own);
}

static void test_bind_policy_any_accepts(void **state)
{
	struct rpc_cred cred;
	uint32_t dir;

	(void)state;
	fixture_begin(&own, "Bind_Policy = any;");
	cred = other_uid(own.holder.cred);
	assert_int_equal(
		bind_as(&own, &cred, fixture_connect(&own, &own.holder), &dir),
		NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	assert_int_equal(bind_from_elsewhere(&own, false, &dir), NFS4_OK);
	assert_int_equal(ctl_as(&own, &cred), NFS4_OK);
	assert_int_equal(server_log_count(own.server, REFUSED), 0);
	fixture_end(&own);
}

/* Of many refusals one line, with the stranger's address. */
static void test_bind_refusals_are_logged_once(void **state)
{
	struct rpc_cred cred;
	struct nfs_conn *conn;
	char text[128];
	uint32_t dir;

	(void)state;
	fixture_begin(&own, "Bind_Policy = same_principal;");
	cred = other_uid(own.holder.cred);
	conn = fixture_connect(&own, &own.holder);
	for (int i = 0; i < 10; i++)
		assert_int_equal(bind_as(&own, &cred, conn, &dir),
				 NFS4ERR_BADSESSION);
	snprintf(text, sizeof(text), "%s refused, " REFUSED, own.holder.source);
	assert_true(server_wait_log(own.server, REFUSED, 1, SOON));
	assert_int_equal(server_log_count(own.server, REFUSED), 1);
	assert_int_equal(server_log_count(own.server, text), 1);
	fixture_end(&own);
}

/* Limits ------------------------------------------------------------------- */

#define SESSION_FULL "more than 2 back channel connections (Max_Connections)"
#define CLIENT_FULL                                                            \
	"more than 4 back channel connections (Max_Client_Connections)"
#define SERVER_FULL                                                            \
	"more than 5 back channel connections (Max_Server_Connections)"
#define GREEDY 40 /* sessions */
#define HONEST 10 /* clients */

static uint32_t bind_another(struct nfs_session *session)
{
	uint32_t dir = 0;

	assert_int_equal(nfs_bind_conn(session,
				       fixture_connect(&own, session->client),
				       CDFC4_FORE_OR_BOTH, &dir),
			 NFS4_OK);
	return dir;
}

/* One client with many sessions on one connection: each gets a back channel. */
static void be_greedy(struct nfs_session sessions[GREEDY])
{
	struct nfs_conn *conn = fixture_connect(&own, &own.holder);

	for (int i = 0; i < GREEDY; i++) {
		uint32_t flags;

		assert_int_equal(nfs_create_session(&sessions[i], &own.holder,
						    conn, NULL),
				 NFS4_OK);
		assert_true(sessions[i].flags &
			    CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
		assert_int_equal(nfs_replay_create_session(&sessions[i], conn,
							   NULL, &flags),
				 NFS4_OK);
		assert_int_equal(flags, sessions[i].flags);
	}
}

/* A client that comes when the server has what it may have. */
static void be_honest(unsigned int number)
{
	struct nfs_session session;
	struct nfs_client client;
	struct nfs_conn *conn;
	struct nfs_file file;
	char name[32], path[64];
	uint32_t flags;

	fixture_client(&own, &client);
	client.responder = own.responder;
	assert_int_equal(nfs_client_mount(&client, &session), 0);
	assert_true(session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
	assert_int_equal(nfs_sequence(&session, &flags), NFS4_OK);
	assert_int_equal(flags & (SEQ4_STATUS_CB_PATH_DOWN |
				  SEQ4_STATUS_CB_PATH_DOWN_SESSION),
			 0);
	snprintf(name, sizeof(name), "honest-%u", number);
	snprintf(path, sizeof(path), "export/%s", name);
	server_make_file(own.server, name, "contents");
	assert_int_equal(nfs_open(&session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(&own, name);
	fixture_callback(&own, number);
	assert_int_equal(
		nfs_delegreturn(&session, &file.fh, &file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	conn = nfs_conn_get(session.conn);
	nfs_client_unmount(&session);
	nfs_conn_close(conn, NFS_CLOSE_FIN); /* the responder's log keeps it */
	nfs_conn_put(conn);
}

static void test_bind_limits_cost_no_other_client(void **state)
{
	static struct nfs_session sessions[GREEDY];

	(void)state;
	fixture_begin(&own, "Max_Connections = 2; Max_Client_Connections = 4; "
			    "Max_Server_Connections = 5;");
	for (int i = 0; i < 6; i++)
		assert_int_equal(bind_another(&own.session), CDFS4_BOTH);
	be_greedy(sessions);
	for (unsigned int i = 0; i < HONEST; i++)
		be_honest(i);
	/* A further one of a client is in place of one that it has. */
	assert_int_equal(bind_another(&own.opener_session), CDFS4_BOTH);
	assert_int_equal(bind_another(&own.opener_session), CDFS4_BOTH);
	for (int i = 0; i < GREEDY; i++) {
		assert_int_equal(nfs_destroy_session(&sessions[i], NULL),
				 NFS4_OK);
		nfs_session_fini(&sessions[i]);
	}
	/* What ends makes room. */
	assert_int_equal(bind_another(&own.session), CDFS4_BOTH);
	fixture_assert_flags(&own, 0);
	assert_int_equal(server_log_count(own.server, SESSION_FULL), 1);
	assert_int_equal(server_log_count(own.server, CLIENT_FULL), 1);
	assert_int_equal(server_log_count(own.server, SERVER_FULL), 1);
	fixture_end(&own);
}

int main(void)
{
	/* Of the tests of principals: the others have servers of their own. */
	const struct server_params params = {
		.module = true,
		.backchannel = "Bind_Policy = same_principal;",
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_bind_other_uid_is_refused),
		FIXTURE_TEST(test_bind_other_gid_is_refused),
		FIXTURE_TEST(test_bind_other_machine_is_refused),
		FIXTURE_TEST(test_bind_other_flavor_is_refused),
		FIXTURE_TEST(test_bind_auth_none_session_by_auth_none),
		FIXTURE_TEST(test_ctl_other_principal_is_refused),
		FIXTURE_TEST(test_bind_guessed_session_captures_nothing),
		FIXTURE_TEST(
			test_session_of_many_connections_is_destroyed_by_its_own),
		FIXTURE_TEST(
			test_session_is_not_destroyed_over_a_new_connection),
		cmocka_unit_test(
			test_default_accepts_another_principal_at_the_same_address),
		cmocka_unit_test(
			test_default_destroys_over_any_of_many_connections),
		cmocka_unit_test(
			test_default_accepts_the_same_principal_elsewhere),
		cmocka_unit_test(
			test_default_refuses_another_principal_elsewhere),
		cmocka_unit_test(test_bind_policy_any_accepts),
		cmocka_unit_test(test_bind_refusals_are_logged_once),
		cmocka_unit_test(test_bind_limits_cost_no_other_client),
	};

	return fixture_run(tests, &params);
}
