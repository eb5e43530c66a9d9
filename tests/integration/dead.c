/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "dead.h"

#include <signal.h>
#include <stdio.h>

static struct fixture fixture;

int dead_setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		/* The second attempt at a callback ends with two leases. */
		.backchannel = "Callback_Timeout = 3;\n"
			       "Retry_First_Delay = 2;\n",
	};

	*state = &fixture;
	return fixture_start(&fixture, &params) || fixture_mount(state);
}

/* Each test has its own server, which must be able to end. */
int dead_teardown(void **state)
{
	struct fixture *f = *state;
	uint64_t cpu = server_cpu_ms(f->server);
	uint64_t from = nfs_now_ns();
	int unclean = fixture_unmount(state);

	/* A thread that spins: it would not end, and be waited for. */
	if (nfs_now_ns() - from > 1000 * NS_PER_MS &&
	    server_cpu_ms(f->server) - cpu > 500)
		server_signal(f->server, SIGKILL);
	return fixture_stop(f) || unclean;
}

void dead_pass(struct fixture *f, uint64_t until, bool holder)
{
	uint64_t now;

	while ((now = nfs_now_ns()) < until) {
		uint64_t left_ms = (until - now) / NS_PER_MS + 1;

		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		if (holder)
			assert_int_equal(nfs_sequence(&f->session, NULL),
					 NFS4_OK);
		/* A pause that any callback ends. */
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder),
				  left_ms < 100 ? (int)left_ms : 100);
	}
}

uint64_t dead_opens_within(struct fixture *f, const char *name, uint64_t ns,
			   bool holder)
{
	uint64_t start = nfs_now_ns();
	struct nfs_file file;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "export/%s", name);
	while ((status = nfs_open(&f->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file)) == NFS4ERR_DELAY) {
		if (nfs_now_ns() - start > ns)
			return 0;
		dead_pass(f, nfs_now_ns() + 50 * NS_PER_MS, holder);
	}
	assert_int_equal(status, NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
	return nfs_now_ns() - start + 1;
}

void dead_assert_serves(struct fixture *f)
{
	struct nfs_session session;
	struct nfs_client client;
	long cpu;

	fixture_client(f, &client);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	nfs_client_unmount(&session);
	cpu = server_cpu_ms(f->server);
	dead_pass(f, nfs_now_ns() + 1000 * NS_PER_MS, false);
	assert_in_range(server_cpu_ms(f->server) - cpu, 0, 500);
}

void dead_vanish(struct nfs_session *session)
{
	nfs_conn_close(session->conn, NFS_CLOSE_FIN);
}
