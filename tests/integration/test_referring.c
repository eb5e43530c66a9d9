/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Referring calls: a recall names the request that created the delegation until
 * the client is known to have seen its reply. RFC 5661 2.10.6.3; statement 11.
 */
#include "fixture.h"

#include <stdio.h>

#define SLOT 5 /* of the fore channel, used by these tests alone */

/* As fixture_hold(), with the OPEN in SLOT. @return its sequence id there */
static uint32_t hold_in_slot(struct fixture *f, const char *name,
			     struct nfs_file *file)
{
	struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ |
				OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
		.name = name,
		.clientid = f->holder.clientid,
		.owner = f->holder.owner,
	};
	struct nfs_compound compound;
	const struct nfs_res *res;
	uint32_t sequence;

	server_make_file(f->server, name, "contents");
	nfs_compound_init(&compound, &f->session);
	compound.slot = SLOT;
	nfs_put_path(&compound, "export");
	nfs_put_open(&compound, &args);
	nfs_put_getfh(&compound);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	sequence = nfs_compound_res(&compound, OP_SEQUENCE)->sequence.sequence;
	res = nfs_compound_res(&compound, OP_OPEN);
	file->stateid = res->open.stateid;
	file->delegation = res->open.delegation;
	file->fh = nfs_compound_res(&compound, OP_GETFH)->fh;
	assert_int_equal(file->delegation.type, OPEN_DELEGATE_READ);
	nfs_compound_fini(&compound);
	return sequence;
}

static void use_slot(struct fixture *f)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	compound.slot = SLOT;
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	nfs_compound_fini(&compound);
}

static void test_recall_names_the_open_that_made_the_delegation(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;
	uint32_t sequence = hold_in_slot(f, "refers", &file);

	fixture_conflict(f, "refers");
	call = fixture_callback(f, 0);
	assert_int_equal(call->seq.nreferring, 1);
	assert_memory_equal(call->seq.referring[0].session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.referring[0].slot, SLOT);
	assert_int_equal(call->seq.referring[0].sequence, sequence);
	fixture_return(f, &file);
}

static void test_recall_names_nothing_once_the_slot_was_used_again(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	hold_in_slot(f, "seen", &file);
	use_slot(f);
	fixture_conflict(f, "seen");
	assert_int_equal(fixture_callback(f, 0)->seq.nreferring, 0);
	fixture_return(f, &file);
}

/* The delegation was made on one session, the recall goes out on another. */
static void test_recall_over_another_session_names_the_first(void **state)
{
	struct fixture *f = *state;
	struct nfs_session other;
	struct nfs_file file;
	struct cb_call *call;
	uint32_t sequence;
	struct nfs_conn *fore = fixture_connect(f, &f->holder);

	sequence = hold_in_slot(f, "another", &file);
	assert_int_equal(nfs_create_session(&other, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, fore);
	fixture_wait_flags(f, SEQ4_STATUS_CB_PATH_DOWN_SESSION);
	fixture_conflict(f, "another");
	call = fixture_callback(f, 0);
	assert_memory_equal(call->seq.session, other.id, NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.nreferring, 1);
	assert_memory_equal(call->seq.referring[0].session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.referring[0].sequence, sequence);
	fixture_return(f, &file);
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	nfs_session_fini(&other);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_recall_names_the_open_that_made_the_delegation),
		FIXTURE_TEST(
			test_recall_names_nothing_once_the_slot_was_used_again),
		FIXTURE_TEST(test_recall_over_another_session_names_the_first),
	};

	return fixture_run(tests, &params);
}
