/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* The client and the harness against a stock ganesha.nfsd with FSAL VFS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "nfs40.h"
#include "nfs41.h"
#include "responder.h"
#include "server.h"

#define PIPELINED 2000

/** One server for all tests; each test uses client numbers of its own. */
static struct server *server;
static struct nfs_loop *loop;
static unsigned int next_client;

static int start_all(void **state)
{
	const struct server_params params = { 0 };

	(void)state;
	loop = nfs_loop_new();
	server = server_start(&params);
	return server ? 0 : -1;
}

static int stop_all(void **state)
{
	int ended = server_stop(server);

	(void)state;
	server_free(server);
	nfs_loop_free(loop);
	return ended;
}

struct fixture {
	struct cb_responder *responder;
	struct nfs_client client;
	struct nfs_session session;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->responder = cb_responder_new();
	nfs_client_init(&f->client, loop, server_port(server), next_client++);
	f->client.responder = f->responder;
	*state = f;
	return nfs_client_mount(&f->client, &f->session);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	bool alive = server_alive(server);

	nfs_client_unmount(&f->session);
	cb_responder_free(f->responder);
	free(f);
	return alive ? 0 : -1;
}

static void test_file_is_written_and_read_back(void **state)
{
	struct fixture *f = *state;
	struct nfs_session *session = &f->session;
	char data[100];
	uint32_t len = sizeof(data);
	uint64_t size = 0;
	struct nfs_file file;
	struct nfs_fh fh;

	assert_int_equal(nfs_open(session, "export/none",
				  OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4ERR_NOENT);
	assert_int_equal(nfs_create(session, "export/file",
				    OPEN4_SHARE_ACCESS_BOTH, &file),
			 0);
	assert_int_equal(
		nfs_write(session, &file.fh, &file.stateid, 0, "hello", 5), 0);
	assert_int_equal(
		nfs_read(session, &file.fh, &file.stateid, 0, data, &len), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(nfs_setattr_size(session, &file.fh, &file.stateid, 3),
			 0);
	assert_int_equal(nfs_getattr(session, &file.fh, &size, NULL), 0);
	assert_int_equal(size, 3);
	assert_int_equal(nfs_test_stateid(session, &file.stateid), 0);
	assert_int_equal(nfs_lookup(session, "export/file", &fh), 0);
	assert_int_equal(fh.len, file.fh.len);
	assert_int_equal(nfs_close(session, &file), 0);
	assert_int_equal(nfs_remove(session, "export/file"), 0);
}

static void test_second_connection_is_bound(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *second = nfs_client_connect(&f->client);
	uint32_t dir = 0, flags = ~0u;

	assert_int_equal(
		nfs_bind_conn(&f->session, second, CDFC4_FORE_OR_BOTH, &dir),
		0);
	assert_true(dir == CDFS4_FORE || dir == CDFS4_BOTH);
	assert_int_equal(nfs_sequence_on(&f->session, second, &flags), 0);
	assert_int_equal(flags, 0);
	assert_int_equal(f->session.last_status_flags, flags);
	nfs_conn_put(second);
}

static void test_replayed_create_session_gives_the_same_session(void **state)
{
	struct fixture *f = *state;
	uint8_t id[NFS4_SESSIONID_SIZE];
	uint32_t flags = 0;

	assert_int_equal(nfs_replay_create_session(&f->session, f->session.conn,
						   id, &flags),
			 0);
	assert_memory_equal(id, f->session.id, sizeof(id));
	assert_int_equal(flags, f->session.flags);
}

static void test_destroyed_session_is_a_bad_session(void **state)
{
	struct fixture *f = *state;
	struct nfs_session second;

	assert_int_equal(
		nfs_create_session(&second, &f->client, f->session.conn, NULL),
		0);
	assert_memory_not_equal(second.id, f->session.id, sizeof(second.id));
	assert_int_equal(nfs_destroy_session(&second, NULL), 0);
	assert_int_equal(nfs_sequence(&second, NULL), NFS4ERR_BADSESSION);
	nfs_session_fini(&second);
	assert_int_equal(nfs_sequence(&f->session, NULL), 0);
}

static void test_bind_of_an_unknown_session_is_refused(void **state)
{
	static const uint8_t id[NFS4_SESSIONID_SIZE] = "no such session";
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &f->client, f->session.conn);
	nfs_put_bind_conn(&compound, id, CDFC4_BACK, false);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_BADSESSION);
}

static void test_two_clients_have_two_addresses(void **state)
{
	struct fixture *f = *state;
	struct nfs_client other;
	struct nfs_session session;

	nfs_client_init(&other, loop, server_port(server), next_client++);
	other.minorversion = 2;
	assert_string_not_equal(other.source, f->client.source);
	assert_int_equal(nfs_client_mount(&other, &session), 0);
	assert_true(other.clientid != f->client.clientid);
	assert_int_equal(nfs_sequence(&session, NULL), 0);
	nfs_client_unmount(&session);
	assert_int_equal(nfs_sequence(&f->session, NULL), 0);
}

static void test_foreign_share_reservation_is_denied(void **state)
{
	struct fixture *f = *state;
	const struct nfs_open_args deny = {
		.share_access = OPEN4_SHARE_ACCESS_BOTH,
		.share_deny = OPEN4_SHARE_DENY_BOTH,
		.create = true,
	};
	struct nfs_client other;
	struct nfs_session session;
	struct nfs_file mine, theirs;

	nfs_client_init(&other, loop, server_port(server), next_client++);
	assert_int_equal(nfs_client_mount(&other, &session), 0);
	assert_int_equal(
		nfs_open_with(&f->session, "export/denied", &deny, &mine), 0);
	assert_int_equal(nfs_open(&session, "export/denied",
				  OPEN4_SHARE_ACCESS_READ, &theirs),
			 NFS4ERR_SHARE_DENIED);
	assert_int_equal(nfs_close(&f->session, &mine), 0);
	nfs_client_unmount(&session);
}

static void test_resent_compound_is_answered_from_the_cache(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	compound.cachethis = true;
	compound.slot = 7;
	nfs_put_remove(&compound, nfs_put_parent(&compound, "export/cached"));
	server_make_file(server, "cached", "");
	assert_int_equal(nfs_compound_call(&compound), 0);
	/* Executed anew it would be NFS4ERR_NOENT. */
	assert_int_equal(nfs_compound_resend(&compound, f->session.conn), 0);
	assert_int_equal(nfs_compound_wait(&compound, NFS_TIMEOUT), 0);
	assert_int_equal(compound.slot, 7);
	nfs_compound_fini(&compound);
	assert_int_equal(f->session.slots[7].sequence, 2);
}

static void test_lost_slots_are_recovered_on_a_new_connection(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	struct nfs_conn *again;

	nfs_compound_init(&compound, &f->session);
	compound.slot = 3;
	nfs_put_putrootfh(&compound);
	assert_int_equal(nfs_compound_send(&compound), 0);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	/* The reply may have been the faster one. */
	nfs_compound_wait(&compound, NFS_TIMEOUT);
	nfs_compound_fini(&compound);
	assert_int_equal(nfs_sequence(&f->session, NULL), -ENOTCONN);

	again = nfs_client_connect(&f->client);
	nfs_session_set_conn(&f->session, again);
	nfs_conn_put(again);
	assert_int_equal(nfs_session_recover(&f->session), 0);
	assert_false(f->session.slots[3].busy);
	nfs_compound_init(&compound, &f->session);
	compound.slot = 3;
	assert_int_equal(nfs_compound_finish(&compound), 0);
}

struct pipeline {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int left;
	unsigned int failed;
};

static void pipelined_done(struct nfs_compound *compound, void *arg)
{
	struct pipeline *pipeline = arg;
	bool failed = compound->error || compound->status;

	nfs_compound_fini(compound);
	free(compound);
	pthread_mutex_lock(&pipeline->lock);
	pipeline->failed += failed;
	if (!--pipeline->left)
		pthread_cond_signal(&pipeline->changed);
	pthread_mutex_unlock(&pipeline->lock);
}

static void test_compounds_are_pipelined_over_all_slots(void **state)
{
	struct fixture *f = *state;
	struct pipeline pipeline = { .left = PIPELINED };
	struct timespec deadline = nfs_deadline(NFS_TIMEOUT);

	pthread_mutex_init(&pipeline.lock, NULL);
	nfs_cond_init(&pipeline.changed);
	for (int i = 0; i < PIPELINED; i++) {
		struct nfs_compound *compound = malloc(sizeof(*compound));

		nfs_compound_init(compound, &f->session);
		nfs_put_putrootfh(compound);
		compound->done = pipelined_done;
		compound->arg = &pipeline;
		assert_int_equal(nfs_compound_send(compound), 0);
	}
	pthread_mutex_lock(&pipeline.lock);
	while (pipeline.left)
		assert_true(nfs_cond_wait(&pipeline.changed, &pipeline.lock,
					  &deadline));
	pthread_mutex_unlock(&pipeline.lock);
	assert_int_equal(pipeline.failed, 0);
	pthread_mutex_destroy(&pipeline.lock);
	pthread_cond_destroy(&pipeline.changed);
}

static void test_client_that_stops_reading_is_answered_later(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_conn_stop_reading(f->session.conn);
	nfs_compound_init(&compound, &f->session);
	assert_int_equal(nfs_compound_send(&compound), 0);
	assert_int_equal(nfs_compound_wait(&compound, 100), -ETIMEDOUT);
	nfs_conn_resume_reading(f->session.conn);
	assert_int_equal(nfs_compound_wait(&compound, NFS_TIMEOUT), 0);
	nfs_compound_fini(&compound);
}

static void test_half_close_makes_the_server_close(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = nfs_client_connect(&f->client);

	assert_int_equal(nfs_conn_null(conn, NFS_PROGRAM, NFS_V4), 0);
	assert_int_equal(nfs_conn_null(conn, NFS_PROGRAM, 77), -EPROTO);
	nfs_conn_half_close(conn);
	assert_true(nfs_conn_wait_closed(conn, NFS_TIMEOUT));
	assert_false(nfs_conn_is_open(conn));
	nfs_conn_put(conn);
}

static void test_connections_leave_no_descriptors(void **state)
{
	struct fixture *f = *state;
	int before = server_fds(server);

	assert_true(before > 0);
	for (int i = 0; i < 50; i++) {
		struct nfs_conn *conn = nfs_client_connect(&f->client);

		assert_int_equal(nfs_conn_null(conn, NFS_PROGRAM, NFS_V4), 0);
		nfs_conn_half_close(conn);
		assert_true(nfs_conn_wait_closed(conn, NFS_TIMEOUT));
		nfs_conn_put(conn);
	}
	assert_true(server_fds(server) <= before + 1);
	assert_true(server_rss_kib(server) > 0);
	assert_true(server_cpu_ms(server) >= 0);
}

static void test_v40_client_opens_and_closes(void **state)
{
	struct cb_responder *responder = cb_responder_new();
	struct nfs40_client client;
	struct nfs_file file;

	(void)state;
	server_make_file(server, "v40", "");
	assert_int_equal(nfs40_client_mount(&client, loop, server_port(server),
					    next_client++, responder),
			 0);
	assert_int_equal(nfs40_open(&client, "export/v40",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 0);
	assert_int_equal(nfs40_renew(&client), 0);
	assert_int_equal(nfs40_close(&client, &file), 0);
	nfs40_client_fini(&client);
	cb_responder_free(responder);
}

static void test_crash_is_noticed_and_restart_works(void **state)
{
	const struct server_params params = { .lease_lifetime = 10 };
	struct server *other = server_start(&params);
	struct nfs_client client;
	struct nfs_session session;
	uint64_t former;

	(void)state;
	assert_non_null(other);
	assert_true(server_port(other) != server_port(server));
	assert_int_equal(server_crashed(other), 0);
	nfs_client_init(&client, loop, server_port(other), 0);
	assert_int_equal(nfs_client_mount(&client, &session), 0);
	nfs_session_fini(&session);
	former = client.clientid;
	assert_int_equal(server_signal(other, SIGKILL), 0);
	assert_true(server_wait_exit(other, NFS_TIMEOUT));
	assert_int_equal(server_crashed(other), SIGKILL);
	assert_int_equal(server_fds(other), -1);
	assert_int_equal(server_restart(other), 0);
	assert_int_equal(nfs_client_mount(&client, &session), 0);
	/* Another instance, by the second in which it began. */
	assert_int_not_equal(client.clientid >> 32, former >> 32);
	nfs_client_unmount(&session);
	assert_int_equal(server_signal(other, SIGHUP), 0);
	assert_int_equal(server_stop(other), 0);
	server_free(other);
}

#define stock_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		stock_test(test_file_is_written_and_read_back),
		stock_test(test_second_connection_is_bound),
		stock_test(test_replayed_create_session_gives_the_same_session),
		stock_test(test_destroyed_session_is_a_bad_session),
		stock_test(test_bind_of_an_unknown_session_is_refused),
		stock_test(test_two_clients_have_two_addresses),
		stock_test(test_foreign_share_reservation_is_denied),
		stock_test(test_resent_compound_is_answered_from_the_cache),
		stock_test(test_lost_slots_are_recovered_on_a_new_connection),
		stock_test(test_compounds_are_pipelined_over_all_slots),
		stock_test(test_client_that_stops_reading_is_answered_later),
		stock_test(test_half_close_makes_the_server_close),
		stock_test(test_connections_leave_no_descriptors),
		cmocka_unit_test(test_v40_client_opens_and_closes),
		cmocka_unit_test(test_crash_is_noticed_and_restart_works),
	};

	return cmocka_run_group_tests(tests, start_all, stop_all);
}
