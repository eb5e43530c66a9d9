/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who writes to a connection: never a thread that others wait for, however busy
 * or deaf the peer keeps it.
 */
#include "fixture.h"
#include "slow.h"
#include "sort.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

/* A connection that is never idle */
#define ROUNDS 9
#define IN_FLIGHT 16
#define READ_SIZE 4096
#define SENDMSG_US 2000
#define BUSY_NS (400 * MS) /* a round */
#ifdef __SANITIZE_ADDRESS__
#define OPEN_NS (100 * MS)
#else
#define OPEN_NS (20 * MS)
#endif

/* Connections that end while the server waits to write to them */
#define DEAF 32
#define DEAF_READS 8
#define DEAF_READ_SIZE (1u << 19)
#define CLOSE_NS (250 * MS)
#define FEW_WORKERS "\tRPC_Ioq_ThrdMax = 4;\n"

static struct slow slow;

/* READs in a closed loop ---------------------------------------------------- */

struct load {
	struct nfs_session *session;
	const struct nfs_file *file;
	atomic_bool stop, failed;
	pthread_t thread;
};

static void read_begin(const struct load *load, struct nfs_compound *compound)
{
	nfs_compound_init(compound, load->session);
	nfs_put_putfh(compound, &load->file->fh);
	nfs_put_read(compound, &load->file->stateid, 0, READ_SIZE);
	nfs_compound_send(compound);
}

static void *load_run(void *arg)
{
	struct load *load = arg;
	struct nfs_compound reads[IN_FLIGHT];
	unsigned int n = 0;

	for (unsigned int i = 0; i < IN_FLIGHT; i++)
		read_begin(load, &reads[i]);
	for (; !atomic_load(&load->stop); n++) {
		struct nfs_compound *oldest = &reads[n % IN_FLIGHT];

		if (nfs_compound_wait(oldest, NFS_TIMEOUT))
			atomic_store(&load->failed, true);
		nfs_compound_fini(oldest);
		read_begin(load, oldest);
	}
	for (unsigned int i = 0; i < IN_FLIGHT; i++, n++) {
		nfs_compound_wait(&reads[n % IN_FLIGHT], NFS_TIMEOUT);
		nfs_compound_fini(&reads[n % IN_FLIGHT]);
	}
	return NULL;
}

/* One conflict that begins as its holder's connection becomes busy.
 * @return how long another OPEN of the file takes meanwhile, ns on average
 */
static uint64_t busy_round(struct fixture *f, const struct nfs_file *busy,
			   const char *name)
{
	struct load load = { .session = &f->session, .file = busy };
	uint64_t begun, opens = 0, took;
	struct nfs_file none;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "export/%s", name);
	fixture_conflict(f, name);
	assert_int_equal(pthread_create(&load.thread, NULL, load_run, &load),
			 0);
	begun = nfs_now_ns();
	do {
		status = nfs_open(&f->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE, &none);
		took = nfs_now_ns() - begun;
		opens++;
	} while (status == NFS4ERR_DELAY && took < BUSY_NS);
	atomic_store(&load.stop, true);
	pthread_join(load.thread, NULL);
	assert_int_equal(status, NFS4ERR_DELAY);
	assert_false(atomic_load(&load.failed));
	return took / opens;
}

static void test_busy_connection_holds_up_no_submitter(void **state)
{
	struct fixture *f = *state;
	struct nfs_file busy, files[ROUNDS];
	uint64_t took[ROUNDS];
	char name[32], *contents = calloc(1, READ_SIZE + 1);

	memset(contents, 'x', READ_SIZE);
	server_make_file(f->server, "busy", contents);
	free(contents);
	assert_int_equal(nfs_open(&f->session, "export/busy",
				  OPEN4_SHARE_ACCESS_READ, &busy),
			 NFS4_OK);
	fixture_hold_many(f, "held", files, ROUNDS);
	slow.calls->us = SENDMSG_US;
	slow.calls->port = nfs_conn_port(f->session.conn);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "held-%u", i);
		took[i] = busy_round(f, &busy, name);
		fixture_callback(f, i);
	}
	slow.calls->port = 0;
	nfs_sort_u64(took, ROUNDS);
	print_message("an OPEN meanwhile: %.1f .. %.1f .. %.1f ms\n",
		      took[0] / 1e6, took[ROUNDS / 2] / 1e6,
		      took[ROUNDS - 1] / 1e6);
	assert_true(took[ROUNDS / 2] < OPEN_NS);
	fixture_return_many(f, files, ROUNDS);
}

/* Connections that end ------------------------------------------------------ */

/* A client that asks for far more than a socket holds, and reads none of it. */
struct deaf {
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_compound reads[DEAF_READS];
};

static void deaf_begin(struct fixture *f, struct deaf *deaf,
		       const struct nfs_fh *large)
{
	const struct nfs_stateid none = { 0 };

	fixture_client(f, &deaf->client);
	assert_int_equal(nfs_client_mount(&deaf->client, &deaf->session),
			 NFS4_OK);
	nfs_conn_set_receive_buffer(deaf->session.conn, 4096);
	nfs_conn_stop_reading(deaf->session.conn);
	for (unsigned int i = 0; i < DEAF_READS; i++) {
		nfs_compound_init(&deaf->reads[i], &deaf->session);
		nfs_put_putfh(&deaf->reads[i], large);
		nfs_put_read(&deaf->reads[i], &none, 0, DEAF_READ_SIZE);
		assert_int_equal(nfs_compound_send(&deaf->reads[i]), 0);
	}
	assert_true(nfs_conn_wait_readable(deaf->session.conn, SOON));
}

static void deaf_end(struct deaf *deaf)
{
	nfs_conn_close(deaf->session.conn, NFS_CLOSE_RST);
	for (unsigned int i = 0; i < DEAF_READS; i++)
		nfs_compound_fini(&deaf->reads[i]);
	nfs_session_fini(&deaf->session);
}

static void make_large(struct fixture *f, struct nfs_fh *large)
{
	char *contents = malloc(DEAF_READ_SIZE + 1);
	struct nfs_stateid none = { 0 };
	uint32_t len = 1;
	char byte;

	assert_non_null(contents);
	memset(contents, 'x', DEAF_READ_SIZE);
	contents[DEAF_READ_SIZE] = '\0';
	server_make_file(f->server, "large", contents);
	free(contents);
	assert_int_equal(nfs_lookup(&f->session, "export/large", large),
			 NFS4_OK);
	/* Ganesha opens the file once more for all who have not. */
	assert_int_equal(nfs_read(&f->session, large, &none, 0, &byte, &len),
			 NFS4_OK);
}

static void test_mass_close_of_deaf_connections_holds_up_nobody(void **state)
{
	struct deaf *deaf = calloc(DEAF, sizeof(*deaf));
	uint64_t begun, sent, took, longest = 0;
	struct fixture *f = *state;
	struct nfs_fh large;
	int before;

	assert_non_null(deaf);
	make_large(f, &large);
	before = server_fds(f->server);
	for (unsigned int i = 0; i < DEAF; i++)
		deaf_begin(f, &deaf[i], &large);
	assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	begun = nfs_now_ns();
	for (unsigned int i = 0; i < DEAF; i++)
		nfs_conn_half_close(deaf[i].session.conn);
	do {
		sent = nfs_now_ns();
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		took = nfs_now_ns() - sent;
		longest = took > longest ? took : longest;
	} while (server_fds(f->server) > before &&
		 nfs_now_ns() - begun < SOON * MS);
	print_message(
		"%u connections ended in %.1f ms, a SEQUENCE beside %.1f ms\n",
		DEAF, (nfs_now_ns() - begun) / 1e6, longest / 1e6);
	fixture_wait_descriptors(f, before);
	for (unsigned int i = 0; i < DEAF; i++)
		deaf_end(&deaf[i]);
	free(deaf);
	assert_true(longest < CLOSE_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_busy_connection_holds_up_no_submitter),
		FIXTURE_TEST(
			test_mass_close_of_deaf_connections_holds_up_nobody),
	};
	const struct server_params params = { .module = true,
					      .core_config = FEW_WORKERS,
					      .env = slow.env };
	int rc;

	assert_int_equal(slow_open(&slow), 0);
	rc = fixture_run(tests, &params);
	slow_close(&slow);
	return rc;
}
