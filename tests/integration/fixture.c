/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "fixture.h"

#include "admin.h"

#include <stdio.h>
#include <string.h>

/* Of the group of tests that fixture_run() runs. */
static struct fixture group;
static const struct server_params *group_params;
static bool group_unclean; /* cmocka ignores a group teardown's result */

void fixture_prepare(const struct server_params *params)
{
	group_params = params;
}

int fixture_setup(void **state)
{
	*state = &group;
	return fixture_start(&group, group_params);
}

int fixture_teardown(void **state)
{
	group_unclean = fixture_stop(*state) != 0;
	return group_unclean;
}

bool fixture_unclean(void)
{
	return group_unclean;
}

int fixture_start(struct fixture *fixture, const struct server_params *params)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->server = server_start(params);
	if (!fixture->server)
		return -1;
	fixture->loop = nfs_loop_new();
	return fixture->loop ? 0 : -1;
}

int fixture_stop(struct fixture *fixture)
{
	int status;

	nfs_loop_free(fixture->loop);
	if (!fixture->server) /* it never started, or was stopped before */
		return 0;
	status = server_stop(fixture->server);
	if (status) {
		fprintf(stderr, "the server ended with %d\n", status);
		server_show(fixture->server);
	}
	if (!server_callbacks_agree(fixture->server))
		status = -1;
	server_free(fixture->server);
	return status;
}

int fixture_restart(struct fixture *fixture)
{
	int status = server_stop(fixture->server);

	return status ? status : server_restart(fixture->server);
}

void fixture_client(struct fixture *fixture, struct nfs_client *client)
{
	nfs_client_init(client, fixture->loop, server_port(fixture->server),
			++fixture->clients);
}

int fixture_mount(void **state)
{
	struct fixture *fixture = *state;

	fixture->nconns = 0;
	fixture->responder = cb_responder_new();
	fixture_client(fixture, &fixture->holder);
	fixture->holder.responder = fixture->responder;
	fixture_client(fixture, &fixture->opener);
	if (nfs_client_mount(&fixture->holder, &fixture->session) ||
	    nfs_client_mount(&fixture->opener, &fixture->opener_session)) {
		fprintf(stderr, "mount failed\n");
		return -1;
	}
	/* The responder's log keeps connections open: close them ourselves. */
	fixture->conns[fixture->nconns++] = nfs_conn_get(fixture->session.conn);
	return 0;
}

/* All that the test has opened is closed, within SOON. */
static bool connections_closed(struct fixture *fixture)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);

	while (server_connections(fixture->server) > 0)
		if (nfs_now_ns() > until)
			return false;
	return true;
}

int fixture_unmount(void **state)
{
	struct fixture *fixture = *state;
	const char *text;
	int crashed;

	nfs_client_unmount(&fixture->session);
	nfs_client_unmount(&fixture->opener_session);
	for (unsigned int i = 0; i < fixture->nconns; i++) {
		nfs_conn_close(fixture->conns[i], NFS_CLOSE_FIN);
		nfs_conn_put(fixture->conns[i]);
	}
	crashed = server_crashed(fixture->server);
	if (crashed || !server_alive(fixture->server)) {
		fprintf(stderr, "the server is gone: %d\n", crashed);
		return -1;
	}
	if (!connections_closed(fixture)) {
		fprintf(stderr, "the server has not closed %d connections\n",
			server_connections(fixture->server));
		return -1;
	}
	if (cb_responder_violations(fixture->responder, &text)) {
		fprintf(stderr, "the server violated the protocol: %s\n", text);
		return -1;
	}
	cb_responder_free(fixture->responder);
	return 0;
}

void fixture_begin(struct fixture *fixture, const char *backchannel)
{
	const struct server_params params = {
		.module = true,
		.backchannel = backchannel,
	};
	void *state = fixture;

	assert_int_equal(fixture_start(fixture, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
}

void fixture_end(struct fixture *fixture)
{
	void *state = fixture;

	assert_int_equal(fixture_unmount(&state), 0);
	assert_int_equal(fixture_stop(fixture), 0);
}

/* The holder opens a file that exists. @return whether it is granted a delegation */
static bool holder_opens(struct fixture *fixture, const char *name,
			 struct nfs_file *file)
{
	char path[128];

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&fixture->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  file),
			 NFS4_OK);
	return file->delegation.type == OPEN_DELEGATE_READ;
}

void fixture_hold(struct fixture *fixture, const char *name,
		  struct nfs_file *file)
{
	server_make_file(fixture->server, name, "contents");
	assert_true(holder_opens(fixture, name, file));
}

void fixture_hold_again(struct fixture *fixture, const char *name,
			struct nfs_file *file)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);

	server_make_file(fixture->server, name, "contents");
	while (!holder_opens(fixture, name, file)) {
		assert_true(nfs_now_ns() < until);
		assert_int_equal(nfs_close(&fixture->session, file), NFS4_OK);
	}
}

bool fixture_is_granted(struct fixture *fixture, const char *name)
{
	struct nfs_file file;
	bool granted;

	server_make_file(fixture->server, name, "contents");
	granted = holder_opens(fixture, name, &file);
	if (granted)
		fixture_return(fixture, &file);
	else
		assert_int_equal(nfs_close(&fixture->session, &file), NFS4_OK);
	return granted;
}

void fixture_hold_write(struct fixture *f, const char *name,
			struct nfs_file *file)
{
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&f->session, path,
				  GANESHA_WRITE_ACCESS |
					  OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  file),
			 NFS4_OK);
	assert_int_equal(file->delegation.type, OPEN_DELEGATE_WRITE);
}

uint64_t fixture_conflict(struct fixture *fixture, const char *name)
{
	struct nfs_file file;
	char path[128];
	uint64_t sent = nfs_now_ns();

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&fixture->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE, &file),
			 NFS4ERR_DELAY);
	return sent;
}

void fixture_put_open(struct nfs_compound *open, struct nfs_session *session,
		      const char *path)
{
	struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_WRITE |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.clientid = session->client->clientid,
		.owner = session->client->owner,
	};

	nfs_compound_init(open, session);
	open->cachethis = true;
	args.name = nfs_put_parent(open, path);
	nfs_put_open(open, &args);
	nfs_put_getfh(open);
}

void fixture_send_open(struct nfs_compound *open, struct nfs_session *session,
		       const char *path)
{
	fixture_put_open(open, session, path);
	assert_int_equal(nfs_compound_send(open), 0);
}

void fixture_assert_opens(struct fixture *fixture, const char *name)
{
	struct nfs_file file;
	char path[128];

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&fixture->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE, &file),
			 NFS4_OK);
	assert_int_equal(nfs_close(&fixture->opener_session, &file), NFS4_OK);
}

struct cb_call *fixture_callback(struct fixture *fixture, unsigned int n)
{
	struct cb_call *call = cb_responder_wait(fixture->responder, n, SOON);

	if (!call) {
		server_show(fixture->server);
		fail_msg("callback %u has not come", n);
	}
	return call;
}

struct cb_call *fixture_answered(struct fixture *fixture, unsigned int n)
{
	struct cb_call *call = fixture_callback(fixture, n);

	assert_true(cb_call_wait_answered(call, SOON));
	admin_wait_idle(server_admin_socket(fixture->server), &fixture->holder);
	return call;
}

struct cb_call *fixture_callback_on(struct fixture *fixture,
				    const struct nfs_conn *conn)
{
	for (unsigned int n = 0;; n++) {
		struct cb_call *call = fixture_callback(fixture, n);

		if (call->conn == conn)
			return call;
	}
}

bool fixture_recalls(const struct cb_call *call, const struct nfs_file *file)
{
	return call->op == OP_CB_RECALL &&
	       !memcmp(call->recall.stateid.other,
		       file->delegation.stateid.other, NFS4_STATEID_OTHER_SIZE);
}

void fixture_return(struct fixture *fixture, const struct nfs_file *file)
{
	assert_int_equal(nfs_delegreturn(&fixture->session, &file->fh,
					 &file->delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&fixture->session, file), NFS4_OK);
}

struct nfs_conn *fixture_connect(struct fixture *fixture,
				 struct nfs_client *client)
{
	struct nfs_conn *conn = nfs_client_connect(client);

	assert_non_null(conn);
	assert_true(fixture->nconns < FIXTURE_CONNS);
	fixture->conns[fixture->nconns++] = conn;
	return conn;
}

void fixture_wait_live(const struct fixture *fixture)
{
	admin_wait_live(server_admin_socket(fixture->server), &fixture->holder);
}

struct nfs_conn *fixture_bind(struct fixture *fixture)
{
	struct nfs_conn *conn = fixture_connect(fixture, &fixture->holder);
	uint32_t dir;

	assert_int_equal(nfs_bind_conn(&fixture->session, conn,
				       CDFC4_FORE_OR_BOTH, &dir),
			 NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	fixture_wait_live(fixture);
	return conn;
}

#define CALLBACK_FLAGS                                                         \
	(SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION |         \
	 SEQ4_STATUS_BACKCHANNEL_FAULT)

void fixture_assert_flags(struct fixture *fixture, uint32_t flags)
{
	uint32_t got;

	assert_int_equal(nfs_sequence(&fixture->session, &got), NFS4_OK);
	assert_int_equal(got & CALLBACK_FLAGS, flags);
}

void fixture_wait_flags(struct fixture *fixture, uint32_t flags)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	uint32_t got;

	do {
		assert_int_equal(nfs_sequence(&fixture->session, &got),
				 NFS4_OK);
		got &= CALLBACK_FLAGS;
	} while (got != flags && nfs_now_ns() < until);
	assert_int_equal(got, flags);
}

static void wait_count(struct fixture *fixture, int (*count)(struct server *),
		       int wanted)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	int got;

	/* Each look asks the server something: no idle spinning. */
	do {
		assert_int_equal(nfs_sequence(&fixture->session, NULL),
				 NFS4_OK);
		got = count(fixture->server);
	} while (got != wanted && nfs_now_ns() < until);
	if (got != wanted)
		server_show_descriptors(fixture->server);
	assert_int_equal(got, wanted);
}

void fixture_lose_path(struct fixture *fixture, enum nfs_close how)
{
	struct nfs_conn *fore = fixture_connect(fixture, &fixture->holder);
	int connections = server_connections(fixture->server);

	nfs_conn_close(fixture->session.conn, how);
	nfs_session_set_conn(&fixture->session, fore);
	wait_count(fixture, server_connections, connections - 1);
	fixture_wait_flags(fixture, SEQ4_STATUS_CB_PATH_DOWN |
					    SEQ4_STATUS_CB_PATH_DOWN_SESSION);
}

void fixture_wait_connections(struct fixture *fixture, int connections)
{
	wait_count(fixture, server_connections, connections);
}

void fixture_wait_descriptors(struct fixture *fixture, int descriptors)
{
	wait_count(fixture, server_fds, descriptors);
}

void fixture_remake_session(struct fixture *f,
			    const struct nfs_create_session_args *args)
{
	struct nfs_conn *conn = fixture_connect(f, &f->holder);

	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	nfs_session_fini(&f->session);
	assert_int_equal(
		nfs_create_session(&f->session, &f->holder, conn, args),
		NFS4_OK);
}

void fixture_hold_many(struct fixture *fixture, const char *prefix,
		       struct nfs_file *files, unsigned int count)
{
	char name[64];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s-%u", prefix, i);
		fixture_hold(fixture, name, &files[i]);
	}
}

void fixture_conflict_many(struct fixture *fixture, const char *prefix,
			   unsigned int count)
{
	char name[64];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s-%u", prefix, i);
		fixture_conflict(fixture, name);
	}
}

void fixture_recall_many(struct fixture *fixture, const char *prefix,
			 struct nfs_file *files, unsigned int count)
{
	fixture_hold_many(fixture, prefix, files, count);
	fixture_conflict_many(fixture, prefix, count);
}

void fixture_return_many(struct fixture *fixture, const struct nfs_file *files,
			 unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		fixture_return(fixture, &files[i]);
}

void fixture_open_after_revocation(struct fixture *fixture, const char *name,
				   int within_ms)
{
	uint64_t until = nfs_now_ns() + (uint64_t)within_ms * 1000000;
	struct nfs_file file;
	char path[128];
	int rc;

	snprintf(path, sizeof(path), "export/%s", name);
	do {
		rc = nfs_open(&fixture->opener_session, path,
			      OPEN4_SHARE_ACCESS_WRITE, &file);
		/* No callback can come: a pause that a wrong one would end. */
		if (rc == NFS4ERR_DELAY)
			assert_null(
				cb_responder_wait(fixture->responder, 0, 100));
	} while (rc == NFS4ERR_DELAY && nfs_now_ns() < until);
	assert_int_equal(rc, NFS4_OK);
	assert_int_equal(nfs_close(&fixture->opener_session, &file), NFS4_OK);
}
