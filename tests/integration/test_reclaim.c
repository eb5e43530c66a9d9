/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client reclaims a file after a restart of the server once for each way in
 * which it has it open, and each time with its delegation: Linux does. That is
 * one delegation. RFC 5661 8.4.2.1, 10.2.1, 18.16.3.
 */
#include "fixture.h"
#include "nfs40.h"

#include <stdio.h>
#include <string.h>

#include "rounds.h"

#define LEASE 4 /* s */
#define GRACE 5 /* s */
#define FILES 25 /* of a round, */
#define FILES_LONG 250
#define CLAIMS 3

/* A file of the holder's, and what came of it after the restart. */
struct reclaimed {
	char name[32];
	uint32_t type; /* of its delegation: OPEN_DELEGATE_... */
	unsigned int nclaims;
	uint32_t access[CLAIMS];
	struct nfs_file file; /* as it was granted */
	struct nfs_file claims[CLAIMS];
	unsigned int refused; /* claims */
	unsigned int last; /* claim that was not */
	uint32_t given; /* type of the last delegation that came */
	unsigned int live; /* delegations that the server tells apart */
	struct nfs_stateid delegations[CLAIMS];
};

static struct fixture fixture;
static struct reclaimed files[FILES_LONG];

static int setup(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.grace_period = GRACE,
	};

	*state = &fixture;
	return fixture_start(&fixture, &params) || fixture_mount(state);
}

static int teardown(void **state)
{
	int unclean = fixture_unmount(state);

	return fixture_stop(*state) || unclean;
}

/* A client of which the server's former instance knows is back. */
static void come_back(struct fixture *f, struct nfs_client *client,
		      struct nfs_session *session)
{
	struct nfs_conn *conn = fixture_connect(f, client);

	nfs_session_fini(session);
	assert_int_equal(nfs_exchange_id(client, conn), NFS4_OK);
	assert_int_equal(nfs_create_session(session, client, conn, NULL),
			 NFS4_OK);
}

/* Both lose the server, which comes back: they may reclaim. */
static void restart_server(struct fixture *f)
{
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_conn_close(f->opener_session.conn, NFS_CLOSE_FIN);
	assert_int_equal(fixture_restart(f), 0);
	come_back(f, &f->holder, &f->session);
	come_back(f, &f->opener, &f->opener_session);
}

/* Only the holder has to. */
static void restart(struct fixture *f)
{
	restart_server(f);
	assert_int_equal(nfs_reclaim_complete(&f->opener_session), NFS4_OK);
}

/* The server is in its grace period until it is not; nothing tells us.
 * @param old  renews its lease meanwhile; or NULL
 */
static void wait_grace_over(struct fixture *f, struct nfs40_client *old)
{
	uint64_t until = nfs_now_ns() + 4 * GRACE * UINT64_C(1000000000);
	struct nfs_file file;
	int status;

	server_make_file(f->server, "after-grace", "contents");
	while ((status = nfs_open(&f->opener_session, "export/after-grace",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file)) == NFS4ERR_GRACE &&
	       nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		if (old)
			assert_int_equal(nfs40_renew(old), NFS4_OK);
		/* A pause that any callback ends. */
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 100);
	}
	assert_int_equal(status, NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
}

static void hold(struct fixture *f, struct reclaimed *r)
{
	uint32_t access = r->type == OPEN_DELEGATE_WRITE ?
				  GANESHA_WRITE_ACCESS :
				  OPEN4_SHARE_ACCESS_READ;
	char path[64];

	server_make_file(f->server, r->name, "contents");
	snprintf(path, sizeof(path), "export/%s", r->name);
	assert_int_equal(nfs_open(&f->session, path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &r->file),
			 NFS4_OK);
	assert_int_equal(r->file.delegation.type, r->type);
}

static int claim(struct fixture *f, struct reclaimed *r, unsigned int n)
{
	const struct nfs_open_args open = {
		.share_access = r->access[n],
		.claim = CLAIM_PREVIOUS,
		.delegate_type = r->type,
		.clientid = f->holder.clientid,
		.owner = f->holder.owner,
	};
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &r->file.fh);
	nfs_put_open(&compound, &open);
	status = nfs_compound_call(&compound);
	if (!status) {
		const struct nfs_res *res =
			nfs_compound_res(&compound, OP_OPEN);

		r->claims[n] = (struct nfs_file){
			.fh = r->file.fh,
			.stateid = res->open.stateid,
			.delegation = res->open.delegation,
		};
	}
	nfs_compound_fini(&compound);
	return status;
}

static void add_delegation(struct reclaimed *r,
			   const struct nfs_delegation *delegation)
{
	if (delegation->type != OPEN_DELEGATE_READ &&
	    delegation->type != OPEN_DELEGATE_WRITE)
		return;
	r->given = delegation->type;
	for (unsigned int i = 0; i < r->live; i++)
		if (!memcmp(r->delegations[i].other, delegation->stateid.other,
			    NFS4_STATEID_OTHER_SIZE))
			return;
	r->delegations[r->live++] = delegation->stateid;
}

static void reclaim(struct fixture *f, struct reclaimed *r)
{
	r->live = 0;
	for (unsigned int i = 0; i < r->nclaims; i++) {
		if (claim(f, r, i) != NFS4_OK) {
			r->refused++;
			continue;
		}
		r->last = i;
		add_delegation(r, &r->claims[i].delegation);
	}
}

/* An open that conflicts: NFS4ERR_DELAY, and the delegation is recalled.
 * @return whether that is so
 */
static bool conflicts(struct fixture *f, const struct reclaimed *r)
{
	unsigned int n = cb_responder_count(f->responder);
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	const struct nfs_file held = {
		.delegation.stateid = r->delegations[0],
	};
	struct cb_call *call;
	struct nfs_file file;
	char path[64];

	snprintf(path, sizeof(path), "export/%s", r->name);
	if (nfs_open(&f->opener_session, path,
		     (r->type == OPEN_DELEGATE_WRITE ?
			      OPEN4_SHARE_ACCESS_READ :
			      OPEN4_SHARE_ACCESS_WRITE) |
			     OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		     &file) != NFS4ERR_DELAY)
		return false;
	while (nfs_now_ns() < until) {
		call = cb_responder_wait(f->responder, n, 100);
		if (call && fixture_recalls(call, &held))
			return true;
		n += call != NULL;
		nfs_sequence(&f->session, NULL);
		nfs_sequence(&f->opener_session, NULL);
		if (!call && r->live != 1) /* what comes is another's */
			break;
	}
	return false;
}

/* Another's open for reading, which a read delegation allows. */
static bool readers_may(struct fixture *f, const struct reclaimed *r)
{
	struct nfs_file file;
	char path[64];

	snprintf(path, sizeof(path), "export/%s", r->name);
	return nfs_open(&f->opener_session, path,
			OPEN4_SHARE_ACCESS_READ |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
			&file) == NFS4_OK &&
	       nfs_close(&f->opener_session, &file) == NFS4_OK;
}

/* The holder has returned and closed all: others may do what they like. */
static int free_again(struct fixture *f, const struct reclaimed *r)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	struct nfs_file file;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "export/%s", r->name);
	do {
		status = nfs_open(&f->opener_session, path,
				  OPEN4_SHARE_ACCESS_WRITE |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file);
		nfs_sequence(&f->session, NULL);
		if (status == NFS4ERR_DELAY)
			cb_responder_wait(f->responder,
					  cb_responder_count(f->responder),
					  100);
	} while (status == NFS4ERR_DELAY && nfs_now_ns() < until &&
		 r->live == 1); /* else it is no use */
	if (status)
		return status;
	status = nfs_close(&f->opener_session, &file);
	return status ? status : nfs_remove(&f->opener_session, path);
}

static void give_back(struct fixture *f, const struct reclaimed *r)
{
	for (unsigned int i = 0; i < r->live; i++)
		nfs_delegreturn(&f->session, &r->file.fh, &r->delegations[i]);
	/* One open owner, one stateid: the last claim's is the newest. */
	assert_int_equal(nfs_close(&f->session, &r->claims[r->last]), NFS4_OK);
}

/* What is wrong with a file, after the grace period. NULL: nothing. */
static const char *check(struct fixture *f, const struct reclaimed *r)
{
	const char *fault = NULL;

	if (r->refused)
		fault = "a claim was refused";
	else if (r->live != 1)
		fault = "not one delegation";
	else if (r->given != r->type)
		fault = "a delegation of another type";
	else if (r->type == OPEN_DELEGATE_READ && !readers_may(f, r))
		fault = "a read delegation keeps readers out";
	if (!conflicts(f, r) && !fault)
		fault = "no recall for a conflicting OPEN";
	give_back(f, r);
	if (free_again(f, r))
		return "returned, and still delegated";
	return fault;
}

static void reclaim_one(struct fixture *f, const struct reclaimed *template)
{
	struct reclaimed *r = &files[0];
	const char *fault;

	*r = *template;
	hold(f, r);
	restart(f);
	reclaim(f, r);
	assert_int_equal(nfs_reclaim_complete(&f->session), NFS4_OK);
	wait_grace_over(f, NULL);
	fault = check(f, r);
	if (fault)
		fail_msg("%s", fault);
}

static void test_reclaim_write_once_is_one_delegation(void **state)
{
	static const struct reclaimed once = {
		.name = "once",
		.type = OPEN_DELEGATE_WRITE,
		.nclaims = 1,
		.access = { GANESHA_WRITE_ACCESS },
	};

	reclaim_one(*state, &once);
}

static void test_reclaim_read_once_is_one_delegation(void **state)
{
	static const struct reclaimed once = {
		.name = "once-read",
		.type = OPEN_DELEGATE_READ,
		.nclaims = 1,
		.access = { OPEN4_SHARE_ACCESS_READ },
	};

	reclaim_one(*state, &once);
}

static void test_reclaim_write_and_read_is_one_write_delegation(void **state)
{
	static const struct reclaimed twice = {
		.name = "twice",
		.type = OPEN_DELEGATE_WRITE,
		.nclaims = 2,
		.access = { OPEN4_SHARE_ACCESS_WRITE, OPEN4_SHARE_ACCESS_READ },
	};

	reclaim_one(*state, &twice);
}

static void test_reclaim_read_first_is_one_write_delegation(void **state)
{
	static const struct reclaimed twice = {
		.name = "read-first",
		.type = OPEN_DELEGATE_WRITE,
		.nclaims = 2,
		.access = { OPEN4_SHARE_ACCESS_READ, OPEN4_SHARE_ACCESS_WRITE },
	};

	reclaim_one(*state, &twice);
}

static void test_reclaim_three_times_is_one_write_delegation(void **state)
{
	static const struct reclaimed thrice = {
		.name = "thrice",
		.type = OPEN_DELEGATE_WRITE,
		.nclaims = 3,
		.access = { GANESHA_WRITE_ACCESS, OPEN4_SHARE_ACCESS_WRITE,
			    OPEN4_SHARE_ACCESS_READ },
	};

	reclaim_one(*state, &thrice);
}

static void test_reclaim_read_twice_is_one_read_delegation(void **state)
{
	static const struct reclaimed twice = {
		.name = "read-twice",
		.type = OPEN_DELEGATE_READ,
		.nclaims = 2,
		.access = { OPEN4_SHARE_ACCESS_READ, OPEN4_SHARE_ACCESS_READ },
	};

	reclaim_one(*state, &twice);
}

/* An editor: Linux holds a read delegation, and has the file open for writing. */
static void test_reclaim_read_and_write_is_one_read_delegation(void **state)
{
	static const struct reclaimed editor = {
		.name = "editor",
		.type = OPEN_DELEGATE_READ,
		.nclaims = 1,
		.access = { GANESHA_WRITE_ACCESS },
	};

	reclaim_one(*state, &editor);
}

static void test_reclaim_read_write_first_is_one_read_delegation(void **state)
{
	static const struct reclaimed editor = {
		.name = "write-first",
		.type = OPEN_DELEGATE_READ,
		.nclaims = 2,
		.access = { OPEN4_SHARE_ACCESS_WRITE, OPEN4_SHARE_ACCESS_READ },
	};

	reclaim_one(*state, &editor);
}

/* A compound with an OPEN that reclaims a file. @return its delegation */
static struct nfs_delegation reclaimed_with(struct nfs_compound *compound,
					    const struct nfs_fh *fh,
					    const struct nfs_open_args *args)
{
	struct nfs_delegation delegation;

	nfs_put_putfh(compound, fh);
	nfs_put_open(compound, args);
	assert_int_equal(nfs_compound_call(compound), NFS4_OK);
	delegation = nfs_compound_res(compound, OP_OPEN)->open.delegation;
	nfs_compound_fini(compound);
	return delegation;
}

/* The opener says that it had the file open for writing. */
static void opener_reclaims(struct fixture *f, const struct nfs_fh *fh)
{
	const struct nfs_open_args writes = {
		.share_access = OPEN4_SHARE_ACCESS_WRITE,
		.claim = CLAIM_PREVIOUS,
		.delegate_type = OPEN_DELEGATE_NONE,
		.clientid = f->opener.clientid,
		.owner = f->opener.owner,
	};
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->opener_session);
	reclaimed_with(&compound, fh, &writes);
}

static struct nfs_delegation v40_reclaims(struct nfs40_client *old,
					  const struct nfs_fh *fh)
{
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.claim = CLAIM_PREVIOUS,
		.delegate_type = OPEN_DELEGATE_READ,
		.clientid = old->base.clientid,
		.owner = old->base.owner,
		.seqid = old->open_seqid++,
	};
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &old->base, old->conn);
	return reclaimed_with(&compound, fh, &args);
}

/* Another client says that it had the file open for writing: a client of NFSv4.0 is to
 * return what it reclaims at once, and until it does, that is there.
 */
static void test_reclaim_v40_beside_an_open_is_to_be_returned(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	unsigned int number = ++f->clients;
	struct nfs40_client old, again;
	struct nfs_file first, file;

	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server), number,
					    responder),
			 NFS4_OK);
	/* An owner's first open has to be confirmed. */
	server_make_file(f->server, "first-of-owner", "contents");
	assert_int_equal(nfs40_open(&old, "export/first-of-owner",
				    OPEN4_SHARE_ACCESS_READ, &first),
			 NFS4_OK);
	server_make_file(f->server, "v40", "contents");
	assert_int_equal(
		nfs40_open(&old, "export/v40", OPEN4_SHARE_ACCESS_READ, &file),
		NFS4_OK);
	nfs40_client_fini(&old);
	restart_server(f);
	assert_int_equal(nfs40_client_mount(&again, f->loop,
					    server_port(f->server), number,
					    responder),
			 NFS4_OK);
	opener_reclaims(f, &file.fh);
	file.delegation = v40_reclaims(&again, &file.fh);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	assert_true(file.delegation.recall);
	assert_int_equal(nfs_reclaim_complete(&f->session), NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&f->opener_session), NFS4_OK);
	wait_grace_over(f, &again);
	fixture_conflict(f, "v40");
	assert_int_equal(nfs40_delegreturn(&again, &file), NFS4_OK);
	fixture_assert_opens(f, "v40");
	nfs40_client_fini(&again);
	cb_responder_free(responder);
}

/* Any number of claims in any order, of many files in one grace period. */
static void make_random(struct rounds *rounds, struct reclaimed *r,
			unsigned int n)
{
	bool write = rounds_random(rounds, 2);

	*r = (struct reclaimed){
		.type = write ? OPEN_DELEGATE_WRITE : OPEN_DELEGATE_READ,
		.nclaims = 1 + rounds_random(rounds, CLAIMS),
	};
	snprintf(r->name, sizeof(r->name), "random-%u-%u", rounds->done, n);
	for (unsigned int i = 0; i < r->nclaims; i++)
		r->access[i] = 1 + rounds_random(rounds, 3);
}

static void test_reclaim_at_random_is_one_delegation_each(void **state)
{
	struct fixture *f = *state;
	struct rounds rounds;
	unsigned int count = rounds_long() ? FILES_LONG : FILES;
	const char *fault;

	rounds_begin(&rounds, "reclaim", 2, 5);
	while (rounds_next(&rounds)) {
		for (unsigned int i = 0; i < count; i++) {
			make_random(&rounds, &files[i], i);
			hold(f, &files[i]);
		}
		restart(f);
		for (unsigned int i = 0; i < count; i++)
			reclaim(f, &files[i]);
		assert_int_equal(nfs_reclaim_complete(&f->session), NFS4_OK);
		wait_grace_over(f, NULL);
		for (unsigned int i = 0; i < count; i++) {
			fault = check(f, &files[i]);
			if (fault)
				rounds_fail(
					&rounds, "%u claims of a %s: %s",
					files[i].nclaims,
					files[i].type == OPEN_DELEGATE_WRITE ?
						"write delegation" :
						"read delegation",
					fault);
		}
	}
	assert_int_equal(rounds_end(&rounds), 0);
}

#define RECLAIM_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECLAIM_TEST(test_reclaim_write_once_is_one_delegation),
		RECLAIM_TEST(test_reclaim_read_once_is_one_delegation),
		RECLAIM_TEST(
			test_reclaim_write_and_read_is_one_write_delegation),
		RECLAIM_TEST(test_reclaim_read_first_is_one_write_delegation),
		RECLAIM_TEST(test_reclaim_three_times_is_one_write_delegation),
		RECLAIM_TEST(test_reclaim_read_twice_is_one_read_delegation),
		RECLAIM_TEST(
			test_reclaim_read_and_write_is_one_read_delegation),
		RECLAIM_TEST(
			test_reclaim_read_write_first_is_one_read_delegation),
		RECLAIM_TEST(test_reclaim_v40_beside_an_open_is_to_be_returned),
		RECLAIM_TEST(test_reclaim_at_random_is_one_delegation_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
