/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients of other minor versions: NFSv4.0 keeps Ganesha's dial-out (statement
 * 16), NFSv4.2 is called back as NFSv4.2.
 */
#include "fixture.h"
#include "nfs40.h"
#include "operations.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_v40_client_is_dialled_out_to(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs40_client client;
	struct nfs_file first, file;
	struct cb_call *call;

	assert_int_equal(nfs40_client_mount(&client, f->loop,
					    server_port(f->server),
					    ++f->clients, responder),
			 NFS4_OK);
	/* An owner's first OPEN is to be confirmed: nothing is delegated. */
	server_make_file(f->server, "v40-first", "contents");
	assert_int_equal(nfs40_open(&client, "export/v40-first",
				    OPEN4_SHARE_ACCESS_READ, &first),
			 NFS4_OK);
	assert_true(cb_responder_wait_null(responder, 1, SOON));
	server_make_file(f->server, "v40", "contents");
	assert_int_equal(nfs40_open(&client, "export/v40",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "v40");
	call = cb_responder_wait(responder, 0, SOON);
	assert_non_null(call);
	assert_int_equal(call->minorversion, 0);
	assert_int_equal(call->op, OP_CB_RECALL);
	assert_ptr_not_equal(call->conn, client.conn);
	assert_int_equal(nfs40_delegreturn(&client, &file), NFS4_OK);
	assert_int_equal(nfs40_close(&client, &file), NFS4_OK);
	assert_int_equal(nfs40_close(&client, &first), NFS4_OK);
	nfs40_client_fini(&client);
	cb_responder_free(responder);
}

/* An address that drops SYNs: it listens, and its backlog is full. */
struct black_hole {
	int listener;
	int fillers[4];
	uint16_t port;
};

static void black_hole_open(struct black_hole *hole, const char *source)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	assert_int_equal(inet_pton(AF_INET, source, &address.sin_addr), 1);
	hole->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(hole->listener, (struct sockaddr *)&address, len),
			 0);
	assert_int_equal(listen(hole->listener, 0), 0);
	assert_int_equal(
		getsockname(hole->listener, (struct sockaddr *)&address, &len),
		0);
	for (int i = 0; i < 4; i++) {
		hole->fillers[i] = socket(
			AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(hole->fillers[i], (struct sockaddr *)&address, len);
	}
	hole->port = ntohs(address.sin_port);
}

static void black_hole_close(const struct black_hole *hole)
{
	for (int i = 0; i < 4; i++)
		close(hole->fillers[i]);
	close(hole->listener);
}

/* SETCLIENTID of a client with that callback address. @return its result */
static struct nfs_res set_clientid(const struct nfs_client *client,
				   struct nfs_conn *conn, uint16_t port)
{
	struct nfs_compound compound;
	struct nfs_res res;
	char address[32];

	snprintf(address, sizeof(address), "%s.%u.%u", client->source,
		 port >> 8, port & 255);
	nfs_compound_init_bare(&compound, (struct nfs_client *)client, conn);
	nfs_put_setclientid(&compound, client, 0x40000000, address, 1);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	res = *nfs_compound_res(&compound, OP_SETCLIENTID);
	nfs_compound_fini(&compound);
	return res;
}

/* 134.9 s if the system is let try; the connect() comes twice. */
static void test_v40_client_that_drops_syns_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	struct black_hole hole;
	struct nfs_client client;
	struct nfs_conn *conn;
	struct nfs_res res;
	uint64_t start;

	fixture_client(f, &client);
	client.minorversion = 0;
	conn = fixture_connect(f, &client);
	black_hole_open(&hole, client.source);
	res = set_clientid(&client, conn, hole.port);
	nfs_compound_init_bare(&compound, &client, conn);
	nfs_put_setclientid_confirm(&compound, &res);
	start = nfs_now_ns();
	assert_int_equal(nfs_compound_send(&compound), 0);
	assert_int_equal(nfs_compound_wait(&compound, 60 * 1000), NFS4_OK);
	assert_true(nfs_now_ns() - start < 30 * UINT64_C(1000000000));
	nfs_compound_fini(&compound);
	black_hole_close(&hole);
}

static void test_v42_client_is_called_back_as_v42(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	nfs_client_unmount(&f->session);
	f->holder.minorversion = 2;
	assert_int_equal(nfs_client_mount(&f->holder, &f->session), NFS4_OK);
	fixture_assert_flags(f, 0);
	fixture_hold(f, "v42", &file);
	fixture_conflict(f, "v42");
	call = fixture_callback(f, 0);
	assert_int_equal(call->minorversion, 2);
	fixture_return(f, &file);
	/* The responder's log keeps it open. */
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_v40_client_is_dialled_out_to),
		FIXTURE_TEST(test_v40_client_that_drops_syns_is_not_waited_for),
		FIXTURE_TEST(test_v42_client_is_called_back_as_v42),
	};

	return fixture_run(tests, &params);
}
