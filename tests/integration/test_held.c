/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that conflict with a delegation are held until it has come back, and
 * cost nobody anything meanwhile.  That each kind of operation is, shows
 * test_conflicts with "held".  RFC 5661 2.10.6.2, 10.4.
 */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nfs40.h"

#define HOLD 10000 /* ms: no request waits so long that is woken */
#define A_WHILE 300 /* ms: who is held has no answer by then */
#define MANY 100

static const struct cb_answer never = { .when = CB_NEVER };
static const struct cb_answer on_demand = { .when = CB_HELD };

/* An OPEN for writing that is sent. */
static void send_open(struct nfs_compound *open, struct nfs_session *session,
		      const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "export/%s", name);
	fixture_send_open(open, session, path);
}

static void assert_waits(struct nfs_compound *compound)
{
	assert_int_equal(nfs_compound_wait(compound, A_WHILE), -ETIMEDOUT);
}

static void assert_ends(struct nfs_compound *compound, int status)
{
	assert_int_equal(nfs_compound_wait(compound, SOON), status);
	nfs_compound_fini(compound);
}

static void give_back(struct nfs_session *session, const struct nfs_file *file)
{
	assert_int_equal(
		nfs_delegreturn(session, &file->fh, &file->delegation.stateid),
		NFS4_OK);
}

/* A server of the test's own. */
static void begin(struct fixture *f, unsigned int hold, const char *lines)
{
	const struct server_params params = { .module = true,
					      .hold_conflicts = hold,
					      .backchannel = lines };
	void *state = f;

	assert_int_equal(fixture_start(f, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
}

/* When it goes on ------------------------------------------------------------ */

static void test_open_goes_on_when_the_delegation_is_back(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound open;
	struct nfs_file file;

	fixture_hold(f, "back", &file);
	send_open(&open, &f->opener_session, "back");
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	assert_waits(&open);
	fixture_return(f, &file);
	assert_ends(&open, NFS4_OK);
}

/* It waits for the last of them. */
static void test_open_goes_on_when_all_delegations_are_back(void **state)
{
	struct fixture *f = *state;
	struct nfs_client other;
	struct nfs_session other_session;
	struct nfs_compound open;
	struct nfs_file first, second;

	fixture_client(f, &other);
	other.responder = f->responder;
	assert_int_equal(nfs_client_mount(&other, &other_session), NFS4_OK);
	fixture_hold(f, "two", &first);
	assert_int_equal(nfs_open(&other_session, "export/two",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &second),
			 NFS4_OK);
	assert_int_equal(second.delegation.type, OPEN_DELEGATE_READ);
	send_open(&open, &f->opener_session, "two");
	fixture_callback(f, 1);
	give_back(&f->session, &first);
	assert_waits(&open);
	give_back(&other_session, &second);
	assert_ends(&open, NFS4_OK);
	assert_int_equal(nfs_close(&other_session, &second), NFS4_OK);
	f->conns[f->nconns++] = nfs_conn_get(other_session.conn);
	nfs_client_unmount(&other_session);
}

/* A holder that closes the file again and again is asked once. */
static void test_one_recall_for_many_waiters(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound open[MANY / 2];
	struct nfs_file file;

	fixture_hold(f, "many", &file);
	for (int i = 0; i < MANY / 2; i++)
		send_open(&open[i], &f->opener_session, "many");
	fixture_callback(f, 0);
	assert_waits(&open[0]);
	fixture_return(f, &file);
	for (int i = 0; i < MANY / 2; i++)
		assert_ends(&open[i], NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 1);
}

static void test_return_wakes_only_who_waits_for_that_file(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound open[8];
	struct nfs_file file[8];
	char name[32];

	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "each-%d", i);
		fixture_hold(f, name, &file[i]);
		send_open(&open[i], &f->opener_session, name);
	}
	for (int i = 7; i >= 0; i--) {
		fixture_return(f, &file[i]);
		assert_ends(&open[i], NFS4_OK);
		if (i > 0)
			assert_int_equal(nfs_compound_wait(&open[i - 1], 20),
					 -ETIMEDOUT);
	}
}

/* What the holder says of its file: attrmask { SIZE, CHANGE }, change 77. */
#define SIZE 0x1267
static const uint8_t attrs[] = {
	0, 0, 0, 1, 0, 0,  0, 0x18, 0, 0, 0, 16, 0,	    0,
	0, 0, 0, 0, 0, 77, 0, 0,    0, 0, 0, 0,	 SIZE >> 8, SIZE & 255,
};
static const struct cb_answer says_size = { .attrs = attrs,
					    .attrs_len = sizeof(attrs) };

/* The holder's answer is what the GETATTR says; it keeps the delegation. */
static void test_getattr_goes_on_with_the_holders_answer(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	uint64_t size;

	cb_responder_set_default(f->responder, &says_size);
	fixture_hold_write(f, "size", &file);
	assert_int_equal(nfs_getattr(&f->opener_session, &file.fh, &size, NULL),
			 NFS4_OK);
	assert_int_equal(size, SIZE);
	assert_int_equal(cb_responder_count(f->responder), 1);
	fixture_return(f, &file);
}

/* However many ask meanwhile, the holder is asked once. */
static void test_many_getattrs_make_one_callback(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound getattr[MANY / 2];
	struct nfs_file file;

	cb_responder_set_default(f->responder, &says_size);
	cb_responder_push(f->responder, &on_demand);
	fixture_hold_write(f, "many-sizes", &file);
	for (int i = 0; i < MANY / 2; i++) {
		nfs_compound_init(&getattr[i], &f->opener_session);
		nfs_put_putfh(&getattr[i], &file.fh);
		nfs_put_getattr(&getattr[i]);
		assert_int_equal(nfs_compound_send(&getattr[i]), 0);
	}
	assert_waits(&getattr[MANY / 2 - 1]);
	cb_call_answer(fixture_callback(f, 0), &says_size);
	for (int i = 0; i < MANY / 2; i++)
		assert_ends(&getattr[i], NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 1);
	/* It was for them, and is nobody's who comes later. */
	assert_int_equal(nfs_getattr(&f->opener_session, &file.fh, NULL, NULL),
			 NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 2);
	fixture_return(f, &file);
}

/* The holder's only session ends, and with it the way to ask it. */
static void lose_session(struct fixture *f)
{
	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	nfs_session_fini(&f->session);
}

static void have_a_session_again(struct fixture *f)
{
	assert_int_equal(nfs_create_session(&f->session, &f->holder,
					    fixture_connect(f, &f->holder),
					    NULL),
			 NFS4_OK);
}

/* At once, not when the time of who waits is over. */
static void test_holder_with_a_session_again_is_recalled(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound open;
	struct nfs_file file;

	fixture_hold(f, "absent", &file);
	lose_session(f);
	send_open(&open, &f->opener_session, "absent");
	assert_waits(&open);
	assert_int_equal(cb_responder_count(f->responder), 0);
	have_a_session_again(f);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	fixture_return(f, &file);
	assert_ends(&open, NFS4_OK);
}

/* So is one that can be recalled, but has nothing to be recalled over. */
static void test_holder_with_a_path_again_is_recalled(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound open;
	struct nfs_file file;

	fixture_hold(f, "pathless", &file);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	send_open(&open, &f->opener_session, "pathless");
	assert_waits(&open);
	assert_int_equal(cb_responder_count(f->responder), 0);
	fixture_bind(f);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	fixture_return(f, &file);
	assert_ends(&open, NFS4_OK);
}

static void test_holder_with_a_session_again_is_asked_for_the_size(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound getattr;
	struct nfs_file file;

	cb_responder_set_default(f->responder, &says_size);
	fixture_hold_write(f, "absent-size", &file);
	lose_session(f);
	nfs_compound_init(&getattr, &f->opener_session);
	nfs_put_putfh(&getattr, &file.fh);
	nfs_put_getattr(&getattr);
	assert_int_equal(nfs_compound_send(&getattr), 0);
	assert_waits(&getattr);
	have_a_session_again(f);
	assert_int_equal(nfs_compound_wait(&getattr, SOON), NFS4_OK);
	assert_int_equal(nfs_compound_res(&getattr, OP_GETATTR)->attr.size,
			 SIZE);
	nfs_compound_fini(&getattr);
	fixture_return(f, &file);
}

/* Two that wait for each other's delegations both get what they want. */
static void test_two_that_wait_for_each_other_go_on(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound by_holder, by_opener;
	struct cb_responder *responder = cb_responder_new();
	struct nfs_client other;
	struct nfs_session other_session;
	struct nfs_file mine, others;

	fixture_client(f, &other);
	other.responder = responder;
	assert_int_equal(nfs_client_mount(&other, &other_session), NFS4_OK);
	f->conns[f->nconns++] = nfs_conn_get(other_session.conn);
	fixture_hold(f, "mine", &mine);
	server_make_file(f->server, "others", "contents");
	assert_int_equal(nfs_open(&other_session, "export/others",
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &others),
			 NFS4_OK);
	send_open(&by_holder, &f->session, "others");
	send_open(&by_opener, &other_session, "mine");
	fixture_callback(f, 0);
	assert_non_null(cb_responder_wait(responder, 0, SOON));
	fixture_return(f, &mine);
	give_back(&other_session, &others);
	assert_ends(&by_holder, NFS4_OK);
	assert_ends(&by_opener, NFS4_OK);
	assert_int_equal(nfs_close(&other_session, &others), NFS4_OK);
	nfs_client_unmount(&other_session);
	nfs_conn_close(f->conns[f->nconns - 1], NFS_CLOSE_FIN);
	cb_responder_free(responder);
}

/* Openers that come without end, and holders in between: everyone has his turn. */
static void test_everyone_has_his_turn(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound open[MANY / 2];
	struct nfs_file file;

	fixture_hold(f, "turns", &file);
	for (int i = 0; i < MANY / 2; i++) {
		send_open(&open[i], &f->opener_session, "turns");
		if (i == MANY / 4) {
			fixture_callback(f, 0);
			fixture_return(f, &file);
		}
	}
	for (int i = 0; i < MANY / 2; i++)
		assert_ends(&open[i], NFS4_OK);
}

/* What it costs others --------------------------------------------------------- */

/* Its DELEGRETURN could not be sent while its only slot is taken. */
static void test_one_slot_is_never_taken(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_session one;
	struct nfs_file file;

	nfs_create_session_args_init(&args);
	args.fore.maxrequests = 1;
	assert_int_equal(nfs_create_session(&one, &f->opener,
					    f->opener_session.conn, &args),
			 NFS4_OK);
	fixture_hold(f, "one", &file);
	assert_int_equal(nfs_open(&one, "export/one", OPEN4_SHARE_ACCESS_WRITE,
				  &(struct nfs_file){ 0 }),
			 NFS4ERR_DELAY);
	fixture_return(f, &file);
	assert_int_equal(nfs_destroy_session(&one, NULL), NFS4_OK);
	nfs_session_fini(&one);
}

/* A session of two slots has one left for the holder's own DELEGRETURN: opener and
 * holder are one client here, over one connection and session.
 */
static void test_holder_and_opener_behind_one_connection(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_client second = f->opener;
	struct nfs_session two;
	struct nfs_compound open;
	struct nfs_file file;

	nfs_create_session_args_init(&args);
	args.fore.maxrequests = 2;
	/* Another client, over the very connection of the holder. */
	fixture_client(f, &second);
	assert_int_equal(nfs_exchange_id(&second, f->session.conn), NFS4_OK);
	assert_int_equal(
		nfs_create_session(&two, &second, f->session.conn, &args),
		NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&two), NFS4_OK);
	fixture_hold(f, "behind", &file);
	send_open(&open, &two, "behind");
	fixture_callback(f, 0);
	assert_waits(&open);
	assert_int_equal(nfs_sequence(&two, NULL), NFS4_OK);
	fixture_return(f, &file);
	assert_ends(&open, NFS4_OK);
	assert_int_equal(nfs_destroy_session(&two, NULL), NFS4_OK);
	nfs_session_fini(&two);
}

/* More than the server has threads. */
static void test_held_requests_take_no_thread(void **state)
{
	struct fixture *f = *state;
	struct nfs_create_session_args args;
	struct nfs_client clients[8];
	struct nfs_session sessions[8];
	struct nfs_compound *open = calloc(8 * 60, sizeof(*open));
	struct nfs_file file;

	assert_non_null(open);
	nfs_create_session_args_init(&args);
	fixture_hold(f, "threads", &file);
	for (int i = 0; i < 8; i++) {
		fixture_client(f, &clients[i]);
		assert_int_equal(nfs_client_mount(&clients[i], &sessions[i]),
				 NFS4_OK);
		f->conns[f->nconns++] = nfs_conn_get(sessions[i].conn);
		for (int n = 0; n < 60; n++)
			send_open(&open[60 * i + n], &sessions[i], "threads");
	}
	assert_waits(&open[0]);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	fixture_return(f, &file);
	for (int i = 0; i < 8 * 60; i++)
		assert_ends(&open[i], NFS4_OK);
	for (int i = 0; i < 8; i++)
		nfs_client_unmount(&sessions[i]);
	free(open);
}

static void test_beyond_the_clients_limit_the_answer_is_delay(void **state)
{
	struct fixture own, *f = &own;
	struct nfs_compound open[4];
	struct nfs_file file;

	(void)state;
	begin(&own, HOLD, "Max_Client_Held = 3;");
	fixture_hold(f, "limit", &file);
	for (int i = 0; i < 4; i++) {
		send_open(&open[i], &f->opener_session, "limit");
		if (i < 3)
			assert_waits(&open[i]);
	}
	assert_ends(&open[3], NFS4ERR_DELAY);
	fixture_return(f, &file);
	for (int i = 0; i < 3; i++)
		assert_ends(&open[i], NFS4_OK);
	fixture_end(f);
}

static void test_beyond_the_servers_limit_the_answer_is_delay(void **state)
{
	struct fixture own, *f = &own;
	struct nfs_compound open[2];
	struct nfs_client other;
	struct nfs_session other_session;
	struct nfs_file file;

	(void)state;
	begin(&own, HOLD, "Max_Server_Held = 1;");
	fixture_client(f, &other);
	assert_int_equal(nfs_client_mount(&other, &other_session), NFS4_OK);
	f->conns[f->nconns++] = nfs_conn_get(other_session.conn);
	fixture_hold(f, "limit", &file);
	send_open(&open[0], &f->opener_session, "limit");
	assert_waits(&open[0]);
	send_open(&open[1], &other_session, "limit");
	assert_ends(&open[1], NFS4ERR_DELAY);
	fixture_return(f, &file);
	assert_ends(&open[0], NFS4_OK);
	nfs_client_unmount(&other_session);
	fixture_end(f);
}

/* A request counts as many as it is large: this one as two. */
static void test_large_request_counts_as_many(void **state)
{
	static const struct nfs_stateid none = { 0 };
	char *data = calloc(1, 1 << 16);
	struct fixture own, *f = &own;
	struct nfs_compound write;
	struct nfs_compound open;
	struct nfs_file file;

	(void)state;
	assert_non_null(data);
	begin(&own, HOLD, "Max_Client_Held = 1;");
	fixture_hold(f, "large", &file);
	nfs_compound_init(&write, &f->opener_session);
	nfs_put_putfh(&write, &file.fh);
	nfs_put_write(&write, &none, 0, data, 1 << 16);
	assert_int_equal(nfs_compound_send(&write), 0);
	assert_ends(&write, NFS4ERR_DELAY);
	nfs_compound_init(&write, &f->opener_session);
	nfs_put_putfh(&write, &file.fh);
	nfs_put_write(&write, &none, 0, data, 1 << 15);
	assert_int_equal(nfs_compound_send(&write), 0);
	assert_waits(&write);
	send_open(&open, &f->opener_session, "large");
	assert_ends(&open, NFS4ERR_DELAY);
	fixture_return(f, &file);
	assert_ends(&write, NFS4_OK);
	free(data);
	fixture_end(f);
}

/* The time is over, and the client asks again, as ever. */
static void test_after_hold_conflicts_the_answer_is_delay(void **state)
{
	struct fixture own, *f = &own;
	struct nfs_compound open;
	struct nfs_file file;

	(void)state;
	begin(&own, 2 * A_WHILE, "");
	fixture_hold(f, "over", &file);
	send_open(&open, &f->opener_session, "over");
	assert_waits(&open);
	assert_ends(&open, NFS4ERR_DELAY);
	fixture_return(f, &file);
	fixture_assert_opens(f, "over");
	fixture_end(f);
}

/* Sent again ------------------------------------------------------------------- */

/* "processing the request" is said at once; what is cached then is the answer. */
static void test_sent_again_while_held(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *second = fixture_connect(f, &f->opener);
	struct nfs_compound open, again;
	struct nfs_file file;

	fixture_hold(f, "again", &file);
	send_open(&open, &f->opener_session, "again");
	assert_waits(&open);
	for (int i = 0; i < MANY; i++) {
		nfs_compound_init_bare(&again, &f->opener, second);
		nfs_put_sequence(&again, f->opener_session.id, open.sequence,
				 open.slot, open.slot, true);
		assert_int_equal(nfs_compound_send(&again), 0);
		assert_ends(&again, NFS4ERR_DELAY);
	}
	/* Another one in its slot is not let in, either. */
	nfs_compound_init_bare(&again, &f->opener, second);
	nfs_put_sequence(&again, f->opener_session.id, open.sequence + 1,
			 open.slot, open.slot, true);
	assert_int_equal(nfs_compound_send(&again), 0);
	assert_ends(&again, NFS4ERR_DELAY);
	fixture_return(f, &file);
	assert_int_equal(nfs_compound_wait(&open, SOON), NFS4_OK);
	assert_int_equal(nfs_compound_resend(&open, second), 0);
	assert_int_equal(nfs_compound_wait(&open, SOON), NFS4_OK);
	assert_non_null(nfs_compound_res(&open, OP_OPEN));
	nfs_compound_fini(&open);
	assert_int_equal(nfs_sequence(&f->opener_session, NULL), NFS4_OK);
}

/* The reply is lost, and what was done is found in the replay cache. */
static void test_connection_closed_while_held(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *first = nfs_conn_get(f->opener_session.conn);
	struct nfs_conn *second = fixture_connect(f, &f->opener);
	struct nfs_compound open;
	struct nfs_file file;
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	int status;

	fixture_hold(f, "closed", &file);
	send_open(&open, &f->opener_session, "closed");
	assert_waits(&open);
	nfs_session_set_conn(&f->opener_session, second);
	nfs_conn_close(first, NFS_CLOSE_RST);
	nfs_conn_put(first);
	assert_int_not_equal(nfs_compound_wait(&open, SOON), NFS4_OK);
	fixture_return(f, &file);
	do {
		assert_int_equal(nfs_compound_resend(&open, second), 0);
		status = nfs_compound_wait(&open, SOON);
	} while (status == NFS4ERR_DELAY && nfs_now_ns() < until);
	assert_int_equal(status, NFS4_OK);
	assert_non_null(nfs_compound_res(&open, OP_OPEN));
	nfs_compound_fini(&open);
}

/* Ends -------------------------------------------------------------------------- */

static void test_session_destroyed_while_held(void **state)
{
	struct fixture *f = *state;
	struct nfs_session second;
	struct nfs_compound open;
	struct nfs_file file;

	assert_int_equal(nfs_create_session(&second, &f->opener,
					    f->opener_session.conn, NULL),
			 NFS4_OK);
	fixture_hold(f, "destroyed", &file);
	send_open(&open, &second, "destroyed");
	assert_waits(&open);
	assert_int_equal(nfs_destroy_session(&second, NULL), NFS4_OK);
	fixture_return(f, &file);
	assert_true(nfs_compound_wait(&open, SOON) >= 0); /* whatever it is */
	nfs_compound_fini(&open);
	nfs_session_fini(&second);
}

/* No open is left of a client that there is no more. */
static void assert_nobody_has_it_open(struct fixture *f, const char *path)
{
	const struct nfs_open_args alone = {
		.share_access = OPEN4_SHARE_ACCESS_WRITE,
		.share_deny = OPEN4_SHARE_DENY_BOTH,
	};
	struct nfs_file file;

	assert_int_equal(nfs_open_with(&f->opener_session, path, &alone, &file),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
}

/* Restarted: the client that waits is another one now. */
static void test_client_restarted_while_held(void **state)
{
	struct fixture *f = *state;
	struct nfs_client client, restarted;
	struct nfs_session session, again;
	struct nfs_compound open;
	struct nfs_file file;

	fixture_client(f, &client);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	f->conns[f->nconns++] = nfs_conn_get(session.conn);
	fixture_hold(f, "restarted", &file);
	send_open(&open, &session, "restarted");
	assert_waits(&open);
	restarted = client;
	restarted.verifier[0] ^= 1;
	assert_int_equal(nfs_client_mount(&restarted, &again), NFS4_OK);
	f->conns[f->nconns++] = nfs_conn_get(again.conn);
	fixture_return(f, &file);
	assert_true(nfs_compound_wait(&open, SOON) >= 0);
	nfs_compound_fini(&open);
	nfs_session_fini(&session);
	nfs_client_unmount(&again);
	assert_nobody_has_it_open(f, "export/restarted");
}

/* SIGTERM waits for nobody's delegation; each request ends all the same. */
static void test_server_ends_while_requests_are_held(void **state)
{
	struct fixture own, *f = &own;
	struct nfs_compound open[MANY / 2];
	struct server_held held;
	struct nfs_file file;
	uint64_t begun;

	(void)state;
	begin(&own, HOLD, "");
	cb_responder_set_default(f->responder, &never);
	fixture_hold(f, "end", &file);
	for (int i = 0; i < MANY / 2; i++)
		send_open(&open[i], &f->opener_session, "end");
	assert_waits(&open[0]);
	begun = nfs_now_ns();
	server_signal(f->server, SIGTERM);
	assert_true(server_wait_exit(f->server, HOLD));
	assert_int_equal(server_crashed(f->server), 0);
	assert_true(nfs_now_ns() - begun < HOLD * UINT64_C(1000000));
	assert_true(server_held(f->server, &held));
	assert_int_equal(held.held, MANY / 2);
	assert_int_equal(held.in_vain, MANY / 2);
	assert_int_equal(held.went_on, 0);
	for (int i = 0; i < MANY / 2; i++)
		nfs_compound_fini(&open[i]);
	nfs_session_fini(&f->session);
	nfs_session_fini(&f->opener_session);
	nfs_conn_close(f->conns[0], NFS_CLOSE_FIN);
	nfs_conn_put(f->conns[0]);
	cb_responder_free(f->responder);
	assert_int_equal(fixture_stop(f), 0);
}

/* A v4.0 client has no slots, and a cache of its own for what is sent again. */
static void test_v40_remove_goes_on(void **state)
{
	struct fixture *f = *state;
	struct nfs_compound remove;
	struct nfs40_client old;
	struct nfs_file file;

	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 0);
	fixture_hold(f, "v40", &file);
	nfs_compound_init_bare(&remove, &old.base, old.conn);
	remove.minorversion = 0;
	nfs_put_remove(&remove, nfs_put_parent(&remove, "export/v40"));
	assert_int_equal(nfs_compound_send(&remove), 0);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	assert_waits(&remove);
	fixture_return(f, &file);
	assert_ends(&remove, NFS4_OK);
	nfs40_client_fini(&old);
}

int main(void)
{
	const struct server_params params = { .module = true,
					      .hold_conflicts = HOLD };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_open_goes_on_when_the_delegation_is_back),
		FIXTURE_TEST(test_open_goes_on_when_all_delegations_are_back),
		FIXTURE_TEST(test_one_recall_for_many_waiters),
		FIXTURE_TEST(test_return_wakes_only_who_waits_for_that_file),
		FIXTURE_TEST(test_getattr_goes_on_with_the_holders_answer),
		FIXTURE_TEST(test_many_getattrs_make_one_callback),
		FIXTURE_TEST(test_holder_with_a_session_again_is_recalled),
		FIXTURE_TEST(test_holder_with_a_path_again_is_recalled),
		FIXTURE_TEST(
			test_holder_with_a_session_again_is_asked_for_the_size),
		FIXTURE_TEST(test_two_that_wait_for_each_other_go_on),
		FIXTURE_TEST(test_everyone_has_his_turn),
		FIXTURE_TEST(test_one_slot_is_never_taken),
		FIXTURE_TEST(test_holder_and_opener_behind_one_connection),
		FIXTURE_TEST(test_held_requests_take_no_thread),
		cmocka_unit_test(
			test_beyond_the_clients_limit_the_answer_is_delay),
		cmocka_unit_test(
			test_beyond_the_servers_limit_the_answer_is_delay),
		cmocka_unit_test(test_large_request_counts_as_many),
		cmocka_unit_test(test_after_hold_conflicts_the_answer_is_delay),
		cmocka_unit_test(test_server_ends_while_requests_are_held),
		FIXTURE_TEST(test_sent_again_while_held),
		FIXTURE_TEST(test_connection_closed_while_held),
		FIXTURE_TEST(test_session_destroyed_while_held),
		FIXTURE_TEST(test_client_restarted_while_held),
		FIXTURE_TEST(test_v40_remove_goes_on),
	};

	return fixture_run(tests, &params);
}
