/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * However a delegation ends, it ends once: returned several times at once, or
 * returned and revoked at the same moment. Afterwards its file can be opened,
 * and removed. RFC 5661 10.4, 18.6.
 */
#include "fixture.h"

#include <stdio.h>

#include "rounds.h"

#define LEASE 3 /* s */
#define RETURNERS 8 /* connections of the holder */
#define FILES 200 /* of a round that ends in revocations */
#define FREE_AGAIN (1000 * (3 * LEASE + 4)) /* ms, whatever has happened */

static struct fixture fixture;
static struct nfs_compound returns[FILES];
static struct nfs_file files[FILES];

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
	};

	*state = &fixture;
	return fixture_start(&fixture, &params);
}

static int teardown(void **state)
{
	return fixture_stop(*state);
}

static void start_return(struct nfs_compound *compound,
			 struct nfs_session *session, struct nfs_conn *conn,
			 const struct nfs_file *file)
{
	nfs_compound_init(compound, session);
	compound->conn = conn;
	nfs_put_putfh(compound, &file->fh);
	nfs_put_delegreturn(compound, &file->delegation.stateid);
	assert_int_equal(nfs_compound_send(compound), 0);
}

static int end_return(struct nfs_compound *compound)
{
	int status = nfs_compound_wait(compound, NFS_TIMEOUT);

	nfs_compound_fini(compound);
	return status;
}

/* Open a file for writing and remove it, as the opener: at once, or before a
 * time is over.
 * @return the first answer that is neither NFS4_OK nor NFS4ERR_DELAY in time
 */
static int open_and_remove(struct fixture *f, const char *path, uint64_t until)
{
	struct nfs_file file;
	int status;

	while ((status = nfs_open(&f->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file)) == NFS4ERR_DELAY &&
	       nfs_now_ns() < until) {
		/* The server's own steps are a second apart. */
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 50);
		nfs_sequence(&f->session, NULL);
	}
	if (status)
		return status;
	status = nfs_close(&f->opener_session, &file);
	return status ? status : nfs_remove(&f->opener_session, path);
}

static void hold(struct fixture *f, struct nfs_session *session,
		 const char *name, struct nfs_file *file, uint32_t type)
{
	uint32_t access = type == OPEN_DELEGATE_WRITE ? GANESHA_WRITE_ACCESS :
							OPEN4_SHARE_ACCESS_READ;
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(session, path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  file),
			 NFS4_OK);
	assert_int_equal(file->delegation.type, type);
	assert_int_equal(nfs_close(session, file), NFS4_OK);
}

/* One file, returned by @count requests on as many connections. */
static void return_at_once(struct fixture *f, struct rounds *rounds,
			   struct nfs_conn **conns, unsigned int count)
{
	unsigned int good = 0, bad = 0;
	struct nfs_file file;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "export/return-%u", rounds->done);
	hold(f, &f->session, path + 7, &file,
	     rounds_random(rounds, 2) ? OPEN_DELEGATE_READ :
					OPEN_DELEGATE_WRITE);
	for (unsigned int i = 0; i < count; i++)
		start_return(&returns[i], &f->session, conns[i], &file);
	for (unsigned int i = 0; i < count; i++) {
		status = end_return(&returns[i]);
		good += status == NFS4_OK;
		bad += status == NFS4ERR_BAD_STATEID;
	}
	status = open_and_remove(f, path, 0);
	if (status)
		rounds_fail(rounds, "%u returns, %u of them good: OPEN is %d",
			    count, good, status);
	else if (good != 1 || bad != count - 1)
		rounds_fail(rounds, "%u returns: %u good, %u bad", count, good,
			    bad);
}

static void test_delegreturn_several_at_once_counts_once(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conns[RETURNERS];
	struct rounds rounds;

	for (unsigned int i = 0; i < RETURNERS; i++) {
		conns[i] = fixture_connect(f, &f->holder);
		assert_int_equal(nfs_sequence_on(&f->session, conns[i], NULL),
				 NFS4_OK);
	}
	rounds_begin(&rounds, "several at once", 1000, 15);
	while (rounds_next(&rounds))
		return_at_once(f, &rounds, conns,
			       2 + rounds_random(&rounds, RETURNERS - 1));
	assert_int_equal(rounds_end(&rounds), 0);
}

/* One after the other: the control of the above. */
static void test_delegreturn_twice_in_turn_counts_once(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, &f->session, "in-turn", &file, OPEN_DELEGATE_READ);
	assert_int_equal(nfs_delegreturn(&f->session, &file.fh,
					 &file.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_delegreturn(&f->session, &file.fh,
					 &file.delegation.stateid),
			 NFS4ERR_BAD_STATEID);
	assert_int_equal(open_and_remove(f, "export/in-turn", 0), NFS4_OK);
}

/* All renew their leases until the server says that it has revoked. */
static void wait_first_revocation(struct fixture *f,
				  struct nfs_session *session)
{
	uint64_t until = nfs_now_ns() + FREE_AGAIN * UINT64_C(1000000);
	uint32_t flags;

	do {
		assert_int_equal(nfs_sequence(session, &flags), NFS4_OK);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		assert_true(nfs_now_ns() < until);
	} while (!(flags & SEQ4_STATUS_RECALLABLE_STATE_REVOKED));
}

/* A client of its own, which revocations bar: many recalls that are answered
 * well, and at the moment of the first revocation all are returned.
 */
static void return_while_revoked(struct fixture *f, struct rounds *rounds)
{
	struct nfs_session session;
	struct nfs_client client;
	struct nfs_conn *conns[RETURNERS];
	char path[64];
	uint64_t until;
	unsigned int returned = 0;
	int status;

	fixture_client(f, &client);
	client.responder = f->responder;
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	f->conns[f->nconns++] = nfs_conn_get(session.conn);
	for (unsigned int i = 0; i < RETURNERS; i++) {
		conns[i] = fixture_connect(f, &client);
		assert_int_equal(nfs_sequence_on(&session, conns[i], NULL),
				 NFS4_OK);
	}
	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "revoked-%u-%u", rounds->done, i);
		hold(f, &session, path, &files[i], OPEN_DELEGATE_READ);
	}
	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "revoked-%u-%u", rounds->done, i);
		fixture_conflict(f, path);
	}
	wait_first_revocation(f, &session);
	/* Somewhere in the queue of those that are due. */
	for (unsigned int i = 0; i < FILES; i++)
		start_return(&returns[i], &session,
			     conns[rounds_random(rounds, RETURNERS)],
			     &files[i]);
	for (unsigned int i = 0; i < FILES; i++)
		returned += end_return(&returns[i]) == NFS4_OK;
	until = nfs_now_ns() + FREE_AGAIN * UINT64_C(1000000);
	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "export/revoked-%u-%u",
			 rounds->done, i);
		status = open_and_remove(f, path, until);
		if (status)
			rounds_fail(rounds, "%u returned: OPEN of %s is %d",
				    returned, path, status);
	}
	nfs_client_unmount(&session);
}

static void test_delegreturn_at_revocation_counts_once(void **state)
{
	struct fixture *f = *state;
	struct rounds rounds;

	rounds_begin(&rounds, "return at revocation", 4, 20);
	while (rounds_next(&rounds)) {
		return_while_revoked(f, &rounds);
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	}
	assert_int_equal(rounds_end(&rounds), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_delegreturn_twice_in_turn_counts_once),
		FIXTURE_TEST(test_delegreturn_several_at_once_counts_once),
		FIXTURE_TEST(test_delegreturn_at_revocation_counts_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
