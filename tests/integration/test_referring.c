/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Referring calls: a recall names the request that created the delegation until
 * the client is known to have seen its reply. RFC 5661 2.10.6.3; statement 11.
 */
#include "fixture.h"

#include <stdio.h>

#define SLOT 5 /* of the fore channel, used by these tests alone */

/* An OPEN of a new file in SLOT of @session, not sent yet. */
static void prepare_open(struct fixture *f, struct nfs_compound *compound,
			 struct nfs_session *session, const char *name)
{
	struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ |
				OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
		.name = name,
		.clientid = f->holder.clientid,
		.owner = f->holder.owner,
	};

	server_make_file(f->server, name, "contents");
	nfs_compound_init(compound, session);
	compound->slot = SLOT;
	nfs_put_path(compound, "export");
	nfs_put_open(compound, &args);
	nfs_put_getfh(compound);
}

/* The OPEN's reply has come. @return its sequence id in SLOT */
static uint32_t finish_open(struct nfs_compound *compound,
			    struct nfs_file *file)
{
	const struct nfs_res *res = nfs_compound_res(compound, OP_OPEN);
	uint32_t sequence;

	assert_int_equal(compound->status, NFS4_OK);
	sequence = nfs_compound_res(compound, OP_SEQUENCE)->sequence.sequence;
	file->stateid = res->open.stateid;
	file->delegation = res->open.delegation;
	file->fh = nfs_compound_res(compound, OP_GETFH)->fh;
	assert_int_equal(file->delegation.type, OPEN_DELEGATE_READ);
	nfs_compound_fini(compound);
	return sequence;
}

/* As fixture_hold(), with the OPEN in SLOT. @return its sequence id there */
static uint32_t hold_in_slot(struct fixture *f, const char *name,
			     struct nfs_file *file)
{
	struct nfs_compound compound;

	prepare_open(f, &compound, &f->session, name);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	return finish_open(&compound, file);
}

static void assert_refers(const struct cb_call *call,
			  const struct nfs_session *session, uint32_t sequence)
{
	assert_int_equal(call->seq.nreferring, 1);
	assert_memory_equal(call->seq.referring[0].session, session->id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.referring[0].slot, SLOT);
	assert_int_equal(call->seq.referring[0].sequence, sequence);
}

static void use_slot_of(struct nfs_session *session)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	compound.slot = SLOT;
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	nfs_compound_fini(&compound);
}

static void use_slot(struct fixture *f)
{
	use_slot_of(&f->session);
}

static void test_recall_names_the_open_that_made_the_delegation(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	uint32_t sequence = hold_in_slot(f, "refers", &file);

	fixture_conflict(f, "refers");
	assert_refers(fixture_callback(f, 0), &f->session, sequence);
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
	assert_refers(call, &f->session, sequence);
	fixture_return(f, &file);
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	nfs_session_fini(&other);
}

/*
 * The OPEN goes over a connection whose reply is left in the socket, so that
 * the recall, over the session's own connection, wins the race.
 */
static void recall_overtakes_open(struct fixture *f,
				  struct nfs_session *session, const char *name)
{
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_compound compound;
	struct nfs_file file;
	struct cb_call *call;

	prepare_open(f, &compound, session, name);
	compound.conn = fore;
	nfs_conn_stop_reading(fore);
	assert_int_equal(nfs_compound_send(&compound), 0);
	assert_true(nfs_conn_wait_readable(fore, SOON));
	fixture_conflict(f, name);
	call = fixture_callback(f, 0);
	assert_ptr_not_equal(call->conn, fore);
	nfs_conn_resume_reading(fore);
	assert_int_equal(nfs_compound_wait(&compound, SOON), NFS4_OK);
	assert_refers(call, session, finish_open(&compound, &file));
	assert_memory_equal(call->recall.stateid.other,
			    file.delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	fixture_return(f, &file);
}

static void test_recall_overtakes_the_reply_of_the_open(void **state)
{
	struct fixture *f = *state;

	recall_overtakes_open(f, &f->session, "overtaken");
}

/* The slot's sequence ids differ: else both sessions would be named. */
static void
test_recall_overtakes_the_open_of_one_of_several_sessions(void **state)
{
	struct fixture *f = *state;
	struct nfs_session other;

	use_slot(f);
	use_slot(f);
	assert_int_equal(nfs_create_session(&other, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
	recall_overtakes_open(f, &other, "overtaken-other");
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	nfs_session_fini(&other);
}

#define OTHERS 7

/* The delegation may have been made on any of so many sessions, which is more
 * than fits into @size bytes, or less.
 */
static struct cb_call *recall_of_many(struct fixture *f, uint32_t size,
				      const char *name)
{
	struct nfs_session others[OTHERS];
	struct nfs_create_session_args args;
	struct nfs_file file;
	struct cb_call *call;
	uint32_t sequence;

	nfs_create_session_args_init(&args);
	args.back.maxrequestsize = size;
	fixture_remake_session(f, &args);
	assert_true(f->session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
	args.flags = 0;
	for (int i = 0; i < OTHERS; i++) {
		assert_int_equal(nfs_create_session(&others[i], &f->holder,
						    f->session.conn, &args),
				 NFS4_OK);
		use_slot_of(&others[i]);
	}
	sequence = hold_in_slot(f, name, &file);
	assert_int_equal(sequence, 1);
	fixture_conflict(f, name);
	call = fixture_callback(f, 0);
	assert_true(fixture_recalls(call, &file));
	assert_true(call->size <= size);
	fixture_return(f, &file);
	for (int i = 0; i < OTHERS; i++) {
		assert_int_equal(nfs_destroy_session(&others[i], NULL),
				 NFS4_OK);
		nfs_session_fini(&others[i]);
	}
	return call;
}

static void test_recall_names_all_that_it_may_be(void **state)
{
	assert_int_equal(
		recall_of_many(*state, 4096, "of-many")->seq.nreferring,
		1 + OTHERS);
}

/* Large enough for any recall, not for all referring calls. 18.36.3 */
static void test_recall_over_a_small_session_names_nothing(void **state)
{
	assert_int_equal(recall_of_many(*state, 280, "small")->seq.nreferring,
			 0);
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
		FIXTURE_TEST(test_recall_overtakes_the_reply_of_the_open),
		FIXTURE_TEST(
			test_recall_overtakes_the_open_of_one_of_several_sessions),
		FIXTURE_TEST(test_recall_names_all_that_it_may_be),
		FIXTURE_TEST(test_recall_over_a_small_session_names_nothing),
	};

	return fixture_run(tests, &params);
}
