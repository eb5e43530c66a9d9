/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * SIGTERM while callbacks are under way, in each state that one can be in: the
 * server ends cleanly and in time, and every callback has completed once.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>

#define MANY 4
#define BUSY_CLIENTS 50
#define BUSY_FILES 40 /* of each client */
#define BUSY_SOME 400 /* callbacks, of 2000, until SIGTERM */

static struct fixture fixture;

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer refused = { .rpc = CB_RPC_SYSTEM_ERR };
static const struct cb_answer delayed = { .seq_status = NFS4ERR_DELAY };

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.backchannel = "Retry_First_Delay = 30;\n",
	};

	*state = &fixture;
	if (fixture_start(&fixture, &params))
		return -1;
	return fixture_mount(state);
}

/* What the test has not ended; the server is gone. */
static int teardown(void **state)
{
	struct fixture *f = *state;
	int status;

	nfs_session_fini(&f->session);
	nfs_session_fini(&f->opener_session);
	for (unsigned int i = 0; i < f->nconns; i++) {
		nfs_conn_close(f->conns[i], NFS_CLOSE_FIN);
		nfs_conn_put(f->conns[i]);
	}
	status = cb_responder_violations(f->responder, NULL);
	cb_responder_free(f->responder);
	return fixture_stop(f) || status ? -1 : 0;
}

/* The server has read the answers to the first MANY callbacks. */
static void wait_answers(struct fixture *f)
{
	for (unsigned int i = 0; i < MANY; i++)
		assert_true(
			cb_call_wait_answered(fixture_callback(f, i), SOON));
	fixture_assert_flags(f, 0); /* on the same connection */
}

/* fixture_stop() asserts that the callbacks' numbers agree. */
static void assert_ends_cleanly(struct fixture *f)
{
	assert_int_equal(server_stop(f->server), 0);
	assert_int_equal(server_log_count(f->server, " submitted, "), 1);
	assert_int_equal(server_log_count(f->server, " 0 submitted, "), 0);
	assert_true(server_callbacks_agree(f->server));
}

static void test_sigterm_callbacks_unanswered(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];

	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "file", files, MANY);
	fixture_callback(f, MANY - 1);
	assert_ends_cleanly(f);
}

static void test_sigterm_callbacks_wait_for_slot(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_file files[MANY];

	nfs_create_session_args_init(&args);
	args.back.maxrequests = 1;
	fixture_remake_session(f, &args);
	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "file", files, MANY);
	fixture_callback(f, 0);
	assert_ends_cleanly(f);
	assert_int_equal(cb_responder_count(f->responder), 1);
}

static void test_sigterm_callbacks_wait_for_path(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];

	fixture_hold_many(f, "file", files, MANY);
	fixture_lose_path(f, NFS_CLOSE_RST);
	fixture_conflict_many(f, "file", MANY);
	/* Ganesha submits them meanwhile, and none can come. */
	assert_null(cb_responder_wait(f->responder, 0, 200));
	assert_ends_cleanly(f);
}

static void test_sigterm_callbacks_wait_for_next_attempt(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];

	cb_responder_set_default(f->responder, &refused);
	fixture_recall_many(f, "file", files, MANY);
	wait_answers(f);
	assert_ends_cleanly(f);
	assert_int_equal(cb_responder_count(f->responder), MANY);
}

static void test_sigterm_callbacks_delayed_by_client(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];

	cb_responder_set_default(f->responder, &delayed);
	fixture_recall_many(f, "file", files, MANY);
	wait_answers(f);
	assert_ends_cleanly(f);
}

static void test_sigterm_callbacks_lost_their_connection(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY];

	cb_responder_set_default(f->responder, &held);
	fixture_recall_many(f, "file", files, MANY);
	fixture_callback(f, MANY - 1);
	fixture_lose_path(f, NFS_CLOSE_RST);
	assert_ends_cleanly(f);
	assert_int_equal(cb_responder_count(f->responder), MANY);
}

/* Full rate ---------------------------------------------------------------- */

/* Conflicts with all that the busy clients hold, while the server answers. */
static void *conflict_all(void *arg)
{
	struct fixture *f = arg;
	struct nfs_file file;
	char path[64];
	int rc = 0;

	for (unsigned int i = 0; i < BUSY_CLIENTS * BUSY_FILES && rc >= 0;
	     i++) {
		snprintf(path, sizeof(path), "export/busy-%u", i);
		rc = nfs_open(&f->opener_session, path,
			      OPEN4_SHARE_ACCESS_WRITE, &file);
	}
	return NULL;
}

static void busy_begin(struct fixture *f, struct nfs_client *client,
		       struct nfs_session *session, unsigned int n)
{
	struct nfs_conn *conn;
	struct nfs_file file;
	char path[64];

	fixture_client(f, client);
	client->responder = f->responder;
	conn = fixture_connect(f, client);
	assert_int_equal(nfs_exchange_id(client, conn), NFS4_OK);
	assert_int_equal(nfs_create_session(session, client, conn, NULL),
			 NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(session), NFS4_OK);
	for (unsigned int i = 0; i < BUSY_FILES; i++) {
		/* Of every client in turn. */
		snprintf(path, sizeof(path), "export/busy-%u",
			 i * BUSY_CLIENTS + n);
		assert_int_equal(
			nfs_open(session, path, OPEN4_SHARE_ACCESS_READ, &file),
			NFS4_OK);
		assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	}
}

static void test_sigterm_under_full_load(void **state)
{
	static struct nfs_client clients[BUSY_CLIENTS];
	static struct nfs_session sessions[BUSY_CLIENTS];
	struct fixture *f = *state;
	struct cb_returner *returner = cb_returner_new();
	pthread_t opener;

	server_make_files(f->server, "busy-%u", BUSY_CLIENTS * BUSY_FILES);
	cb_responder_set_returner(f->responder, returner);
	for (unsigned int i = 0; i < BUSY_CLIENTS; i++)
		busy_begin(f, &clients[i], &sessions[i], i);
	assert_int_equal(pthread_create(&opener, NULL, conflict_all, f), 0);
	fixture_callback(f, BUSY_SOME);
	assert_ends_cleanly(f);
	pthread_join(opener, NULL);
	print_message("%u callbacks of %u\n", cb_responder_count(f->responder),
		      BUSY_CLIENTS * BUSY_FILES);
	cb_returner_free(returner);
	for (unsigned int i = 0; i < BUSY_CLIENTS; i++)
		nfs_session_fini(&sessions[i]);
}

#define SHUTDOWN_TEST(name)                                                    \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHUTDOWN_TEST(test_sigterm_callbacks_unanswered),
		SHUTDOWN_TEST(test_sigterm_callbacks_wait_for_slot),
		SHUTDOWN_TEST(test_sigterm_callbacks_wait_for_path),
		SHUTDOWN_TEST(test_sigterm_callbacks_wait_for_next_attempt),
		SHUTDOWN_TEST(test_sigterm_callbacks_delayed_by_client),
		SHUTDOWN_TEST(test_sigterm_callbacks_lost_their_connection),
		SHUTDOWN_TEST(test_sigterm_under_full_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
