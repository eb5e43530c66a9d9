/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * BACKCHANNEL_CTL. RFC 5661 18.33; statements 12 and 13.
 */
#include "fixture.h"
#include "nfs40.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRAM 0x40000777
#define MANY_BYTES (10u << 20)

static const struct nfs_sec_parms sys = {
	.flavor = AUTH_SYS,
	.sys = { .machine = "other.example",
		 .uid = 1001,
		 .gid = 1002,
		 .ngids = 1,
		 .gids = { 1003 } },
};

static void assert_call_carries(const struct cb_call *call, uint32_t program,
				const struct nfs_sec_parms *sec)
{
	assert_int_equal(call->prog, program);
	assert_int_equal(call->cred.flavor, sec->flavor);
	if (sec->flavor == AUTH_SYS) {
		assert_string_equal(call->cred.sys.machine, sec->sys.machine);
		assert_int_equal(call->cred.sys.uid, sec->sys.uid);
		assert_int_equal(call->cred.sys.gid, sec->sys.gid);
		assert_int_equal(call->cred.sys.ngids, sec->sys.ngids);
		assert_memory_equal(call->cred.sys.gids, sec->sys.gids,
				    sec->sys.ngids * sizeof(uint32_t));
	}
}

/* Callback number @n carries this. */
static void assert_carries(struct fixture *f, unsigned int n, uint32_t program,
			   const struct nfs_sec_parms *sec)
{
	struct nfs_file file;
	char name[64];

	snprintf(name, sizeof(name), "carries-%u-%u", f->clients, n);
	fixture_hold(f, name, &file);
	fixture_conflict(f, name);
	assert_call_carries(fixture_callback(f, n), program, sec);
	fixture_return(f, &file);
}

static void test_ctl_program_and_credential_change_together(void **state)
{
	static const struct nfs_sec_parms none = { .flavor = AUTH_NONE };
	struct fixture *f = *state;

	assert_int_equal(nfs_backchannel_ctl(&f->session, PROGRAM, &sys, 1),
			 NFS4_OK);
	assert_carries(f, 0, PROGRAM, &sys);
	assert_int_equal(
		nfs_backchannel_ctl(&f->session, PROGRAM + 1, &none, 1),
		NFS4_OK);
	assert_carries(f, 1, PROGRAM + 1, &none);
}

static void test_ctl_leaves_a_callback_that_is_out_alone(void **state)
{
	static const struct cb_answer held = { .when = CB_HELD }, correct;
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call, *next;

	cb_responder_push(f->responder, &held);
	fixture_hold(f, "out", &file);
	fixture_conflict(f, "out");
	call = fixture_callback(f, 0);
	assert_int_equal(call->prog, f->session.create_args.cb_program);
	assert_int_equal(nfs_backchannel_ctl(&f->session, PROGRAM, &sys, 1),
			 NFS4_OK);
	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	fixture_return(f, &file);
	/* The very next callback: the one that was out was not sent again.  The
	 * thread that reads the answer may not have got any further.
	 */
	assert_carries(f, 1, PROGRAM, &sys);
	next = fixture_callback(f, 1);
	assert_int_equal(next->seq.sequence, next->seq.slot ? 1 : 2);
}

/* A request that is sent again is the same one, 2.10.6.2. */
static void
test_ctl_leaves_a_callback_that_is_sent_again_as_it_was(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct nfs_conn *other;
	struct cb_call *again;
	struct nfs_file file;

	cb_responder_push(f->responder, &never);
	fixture_hold(f, "again", &file);
	fixture_conflict(f, "again");
	fixture_callback(f, 0);
	assert_int_equal(nfs_backchannel_ctl(&f->session, PROGRAM, &sys, 1),
			 NFS4_OK);
	other = fixture_connect(f, &f->holder);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	nfs_session_set_conn(&f->session, other);
	assert_int_equal(
		nfs_bind_conn(&f->session, other, CDFC4_FORE_OR_BOTH, NULL),
		NFS4_OK);
	again = fixture_callback(f, 1);
	assert_true(again->retry);
	assert_call_carries(again, f->session.create_args.cb_program,
			    f->session.create_args.sec);
	assert_true(cb_call_wait_answered(again, SOON));
	fixture_return(f, &file);
	assert_carries(f, 2, PROGRAM, &sys);
}

static void test_ctl_first_usable_flavor_is_taken(void **state)
{
	struct fixture *f = *state;
	struct nfs_sec_parms offered[2] = { sys, { .flavor = AUTH_NONE } };

	assert_int_equal(nfs_backchannel_ctl(&f->session, PROGRAM, offered, 2),
			 NFS4_OK);
	assert_carries(f, 0, PROGRAM, &sys);
}

static void test_ctl_changes_its_own_session_only(void **state)
{
	struct fixture *f = *state;
	struct nfs_session other;

	assert_int_equal(nfs_create_session(&other, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
	assert_int_equal(nfs_backchannel_ctl(&other, PROGRAM, &sys, 1),
			 NFS4_OK);
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	nfs_session_fini(&other);
	assert_carries(f, 0, f->session.create_args.cb_program,
		       f->session.create_args.sec);
}

/* Refused, and everything stays as it was. */
static void refused(struct fixture *f, const struct nfs_sec_parms *sec,
		    uint32_t count, int status)
{
	assert_int_equal(nfs_backchannel_ctl(&f->session, PROGRAM, sec, count),
			 status);
	assert_carries(f, 0, f->session.create_args.cb_program,
		       f->session.create_args.sec);
}

static void test_ctl_without_flavors_is_refused(void **state)
{
	refused(*state, NULL, 0, NFS4ERR_INVAL);
}

static void test_ctl_with_unknown_gss_handle_is_refused(void **state)
{
	struct nfs_sec_parms gss[2] = { { .flavor = RPCSEC_GSS }, sys };

	gss[0].gss.service = 1;
	gss[0].gss.server_handle_len = 4;
	gss[0].gss.client_handle_len = 4;
	refused(*state, gss, 2, NFS4ERR_NOENT);
}

static void
test_ctl_session_that_never_had_a_back_channel_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session session;

	nfs_create_session_args_init(&args);
	args.flags = 0;
	assert_int_equal(nfs_create_session(&session, &f->holder,
					    fixture_connect(f, &f->holder),
					    &args),
			 NFS4_OK);
	assert_int_equal(nfs_backchannel_ctl(&session, PROGRAM, &sys, 1),
			 NFS4ERR_INVAL);
	assert_int_equal(nfs_destroy_session(&session, NULL), NFS4_OK);
	nfs_session_fini(&session);
}

static void test_ctl_without_sequence_is_refused(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &f->holder, f->session.conn);
	nfs_put_backchannel_ctl(&compound, PROGRAM, &sys, 1);
	assert_int_equal(nfs_compound_call(&compound),
			 NFS4ERR_OP_NOT_IN_SESSION);
	nfs_compound_fini(&compound);
}

static void test_ctl_stands_anywhere_and_its_replay_says_the_same(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound compound;

	nfs_compound_init(&compound, &f->session);
	compound.cachethis = true;
	nfs_put_putrootfh(&compound);
	nfs_put_backchannel_ctl(&compound, PROGRAM, &sys, 1);
	nfs_put_getfh(&compound);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	assert_int_equal(compound.nres, 4);
	assert_int_equal(nfs_compound_resend(&compound, f->session.conn), 0);
	assert_int_equal(nfs_compound_wait(&compound, NFS_TIMEOUT), NFS4_OK);
	assert_int_equal(compound.nres, 4);
	nfs_compound_fini(&compound);
	assert_carries(f, 0, PROGRAM, &sys);
}

static void test_ctl_of_a_v40_client_is_illegal(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs40_client client;
	struct nfs_compound compound;

	assert_int_equal(nfs40_client_mount(&client, f->loop,
					    server_port(f->server),
					    ++f->clients, responder),
			 NFS4_OK);
	nfs_compound_init_bare(&compound, &client.base, client.conn);
	nfs_put_backchannel_ctl(&compound, PROGRAM, &sys, 1);
	assert_int_equal(nfs_compound_finish(&compound), NFS4ERR_OP_ILLEGAL);
	nfs40_client_fini(&client);
	cb_responder_free(responder);
	assert_carries(f, 0, f->session.create_args.cb_program,
		       f->session.create_args.sec);
}

/* What follows the operation's number, @count words, and then nothing more. */
static int ctl_with_words(struct fixture *f, const uint32_t *words,
			  size_t count)
{
	struct nfs_compound compound;
	struct xdr_buf *ops;

	nfs_compound_init(&compound, &f->session);
	compound.conn = fixture_connect(f, &f->holder);
	ops = nfs_put_op(&compound, OP_BACKCHANNEL_CTL);
	for (size_t i = 0; i < count; i++)
		xdr_put_u32(ops, words[i]);
	return nfs_compound_finish(&compound);
}

static void test_ctl_that_does_not_decode_changes_nothing(void **state)
{
	static const struct {
		uint32_t count;
		uint32_t words[12]; /* program, number of flavors, flavors */
	} bad[] = {
		{ 0, { 0 } },
		{ 1, { PROGRAM } },
		{ 2, { PROGRAM, 1 } },
		{ 3, { PROGRAM, 2, AUTH_NONE } },
		{ 3, { PROGRAM, UINT32_MAX, AUTH_NONE } },
		{ 3, { PROGRAM, 0x40000001, AUTH_NONE } },
		{ 3, { PROGRAM, 1, AUTH_SYS } },
		{ 3, { PROGRAM, 1, 99 } },
		{ 4, { PROGRAM, 2, AUTH_NONE, 99 } },
		/* stamp, machine, uid, gid, gids */
		{ 5, { PROGRAM, 1, AUTH_SYS, 0, UINT32_MAX } },
		{ 6, { PROGRAM, 1, AUTH_SYS, 0, 4096, 'm' } },
		{ 8, { PROGRAM, 1, AUTH_SYS, 0, 0, 0, 0, UINT32_MAX } },
		{ 9, { PROGRAM, 1, AUTH_SYS, 0, 0, 0, 0, 17, 1 } },
		/* service, the server's handle, the client's */
		{ 5, { PROGRAM, 1, RPCSEC_GSS, 1, UINT32_MAX } },
		{ 6, { PROGRAM, 1, RPCSEC_GSS, 1, 0, 0x7fffffff } },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int status = ctl_with_words(f, bad[i].words, bad[i].count);

		/* The RPC layer may be the one that says GARBAGE_ARGS. */
		if (status != NFS4ERR_BADXDR && status != -EPROTO)
			fail_msg("number %zu: %d", i, status);
		assert_carries(f, (unsigned int)i,
			       f->session.create_args.cb_program,
			       f->session.create_args.sec);
	}
}

/* As many flavors as 10 MB hold. */
static void test_ctl_of_10_mb_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint32_t count = MANY_BYTES / sizeof(uint32_t);
	uint32_t *words = calloc(count, sizeof(*words)); /* AUTH_NONE */
	int status;

	assert_non_null(words);
	words[0] = PROGRAM;
	words[1] = count - 2;
	status = ctl_with_words(f, words, count);
	free(words);
	assert_int_not_equal(status, NFS4_OK);
	assert_carries(f, 0, f->session.create_args.cb_program,
		       f->session.create_args.sec);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_ctl_program_and_credential_change_together),
		FIXTURE_TEST(test_ctl_leaves_a_callback_that_is_out_alone),
		FIXTURE_TEST(
			test_ctl_leaves_a_callback_that_is_sent_again_as_it_was),
		FIXTURE_TEST(test_ctl_first_usable_flavor_is_taken),
		FIXTURE_TEST(test_ctl_changes_its_own_session_only),
		FIXTURE_TEST(test_ctl_without_flavors_is_refused),
		FIXTURE_TEST(test_ctl_with_unknown_gss_handle_is_refused),
		FIXTURE_TEST(
			test_ctl_session_that_never_had_a_back_channel_is_refused),
		FIXTURE_TEST(test_ctl_without_sequence_is_refused),
		FIXTURE_TEST(
			test_ctl_stands_anywhere_and_its_replay_says_the_same),
		FIXTURE_TEST(test_ctl_of_a_v40_client_is_illegal),
		FIXTURE_TEST(test_ctl_that_does_not_decode_changes_nothing),
		FIXTURE_TEST(test_ctl_of_10_mb_changes_nothing),
	};

	return fixture_run(tests, &params);
}
