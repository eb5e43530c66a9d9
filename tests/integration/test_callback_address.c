/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A v4.0 client gives an address to call back. Whether anything answers there
 * is its own affair: nobody waits for it, the client's own requests included.
 * RFC 7530 10.2, 16.33, 16.34.
 */
#include "fixture.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nfs40.h"
#include "operations.h"

#define PROMPT 5000 /* ms; a connect() that nobody answers takes 135 s */
#define MANY 210 /* more than ntirpc has threads */
#define FILLERS 4

static struct fixture fixture;
static bool passed; /* else the server may be found blocked */

/* Drops every SYN: a listener whose queue is full. */
static int silent = -1;
static int fillers[FILLERS];
static uint16_t silent_port;

static struct nfs_client clients[MANY];
static struct nfs_conn *conns[MANY];
static struct nfs_compound confirms[MANY];

static int fill_listener(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);

	silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(silent, (struct sockaddr *)&address, len) ||
	    listen(silent, 0) ||
	    getsockname(silent, (struct sockaddr *)&address, &len))
		return -1;
	silent_port = ntohs(address.sin_port);
	for (int i = 0; i < FILLERS; i++) {
		fillers[i] = socket(
			AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fillers[i], (struct sockaddr *)&address, len);
	}
	return 0;
}

static int setup(void **state)
{
	static const struct server_params params = { .module = true };

	*state = &fixture;
	passed = false;
	return fill_listener() || fixture_start(&fixture, &params) ||
	       fixture_mount(state);
}

static int teardown(void **state)
{
	int unclean;

	/* Whoever waits for an answer gets one. */
	close(silent);
	for (int i = 0; i < FILLERS; i++)
		close(fillers[i]);
	if (!passed)
		server_signal(fixture.server, SIGKILL);
	unclean = fixture_unmount(state);
	return fixture_stop(*state) || unclean;
}

/* SETCLIENTID, and SETCLIENTID_CONFIRM under way. */
static void start_confirm(struct fixture *f, unsigned int i, uint16_t port)
{
	struct nfs_compound compound;
	struct nfs_res res = { 0 };
	char address[32];
	int status;

	fixture_client(f, &clients[i]);
	clients[i].minorversion = 0;
	conns[i] = fixture_connect(f, &clients[i]);
	snprintf(address, sizeof(address), "127.0.0.1.%u.%u", port >> 8,
		 port & 255);
	nfs_compound_init_bare(&compound, &clients[i], conns[i]);
	nfs_put_setclientid(&compound, &clients[i], 0x40000000, address, 1);
	status = nfs_compound_send(&compound);
	if (!status)
		status = nfs_compound_wait(&compound, PROMPT);
	if (!status)
		res = *nfs_compound_res(&compound, OP_SETCLIENTID);
	nfs_compound_fini(&compound);
	assert_int_equal(status, NFS4_OK);
	clients[i].clientid = res.setclientid.clientid;
	nfs_compound_init_bare(&confirms[i], &clients[i], conns[i]);
	nfs_put_setclientid_confirm(&confirms[i], &res);
	assert_int_equal(nfs_compound_send(&confirms[i]), 0);
}

static int end_confirm(unsigned int i)
{
	int status = nfs_compound_wait(&confirms[i], PROMPT);

	nfs_compound_fini(&confirms[i]);
	return status;
}

static int renew(unsigned int i)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &clients[i], conns[i]);
	nfs_put_renew(&compound, clients[i].clientid);
	return nfs_compound_finish(&compound);
}

static void test_confirm_silent_address_is_answered_at_once(void **state)
{
	start_confirm(*state, 0, silent_port);
	assert_int_equal(end_confirm(0), NFS4_OK);
	assert_int_equal(renew(0), NFS4_OK);
	passed = true;
}

static void test_confirm_many_silent_addresses_stop_nobody(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;
	int status;

	for (unsigned int i = 0; i < MANY; i++)
		start_confirm(f, i, silent_port);
	nfs_compound_init(&compound, &f->session);
	assert_int_equal(nfs_compound_send(&compound), 0);
	status = nfs_compound_wait(&compound, PROMPT);
	nfs_compound_fini(&compound);
	assert_int_equal(status, NFS4_OK);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(end_confirm(i), NFS4_OK);
	passed = true;
}

/* The controls: an address that refuses, and one that answers. */
static void test_confirm_refusing_address_is_answered_at_once(void **state)
{
	start_confirm(*state, 0, 1);
	assert_int_equal(end_confirm(0), NFS4_OK);
	assert_int_equal(renew(0), NFS4_OK);
	passed = true;
}

static void test_confirm_answering_address_is_called_back(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs40_client client;
	struct nfs_file file;
	struct cb_call *call;

	assert_int_equal(nfs40_client_mount(&client, f->loop,
					    server_port(f->server),
					    ++f->clients, responder),
			 NFS4_OK);
	server_make_file(f->server, "first", "contents");
	server_make_file(f->server, "held", "contents");
	assert_int_equal(nfs40_open(&client, "export/first",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	assert_int_equal(nfs40_open(&client, "export/held",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "held");
	call = cb_responder_wait(responder, 0, SOON);
	assert_non_null(call);
	assert_int_equal(nfs40_delegreturn(&client, &file), NFS4_OK);
	fixture_assert_opens(f, "held");
	nfs40_client_fini(&client);
	/* Its connections are the server's to close. */
	for (unsigned int i = 0; i < cb_responder_count(responder); i++)
		nfs_conn_close(cb_responder_wait(responder, i, 0)->conn,
			       NFS_CLOSE_FIN);
	cb_responder_free(responder);
	passed = true;
}

#define ADDRESS_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ADDRESS_TEST(test_confirm_refusing_address_is_answered_at_once),
		ADDRESS_TEST(test_confirm_answering_address_is_called_back),
		ADDRESS_TEST(test_confirm_silent_address_is_answered_at_once),
		ADDRESS_TEST(test_confirm_many_silent_addresses_stop_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
