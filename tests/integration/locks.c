/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "locks.h"

#include <stdio.h>
#include <string.h>

void locks_open(struct nfs_session *session, const char *name,
		struct nfs_file *file)
{
	locks_open_in(session, "export", name, file);
}

void locks_open_in(struct nfs_session *session, const char *export,
		   const char *name, struct nfs_file *file)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", export, name);
	assert_int_equal(nfs_open(session, path,
				  OPEN4_SHARE_ACCESS_BOTH |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  file),
			 NFS4_OK);
}

void locks_contend(struct fixture *f, const char *name,
		   struct contended *contended)
{
	struct nfs_res res;

	server_make_file(f->server, name, "contents");
	locks_open(&f->session, name, &contended->mine);
	locks_open(&f->opener_session, name, &contended->theirs);
	assert_int_equal(nfs_lock(&f->opener_session, &contended->theirs,
				  "locker", WRITE_LT, &res),
			 NFS4_OK);
	contended->lock = res.stateid;
}

void locks_assert_denied(struct nfs_session *session,
			 const struct nfs_file *file, const char *owner,
			 enum nfs_lock_type4 type)
{
	assert_int_equal(nfs_lock(session, file, owner, type, NULL),
			 NFS4ERR_DENIED);
}

void locks_wait(struct fixture *f, const char *name,
		struct contended *contended)
{
	locks_contend(f, name, contended);
	locks_assert_denied(&f->session, &contended->mine, LOCKS_WAITER,
			    WRITEW_LT);
}

void locks_let_go(struct fixture *f, const struct contended *contended)
{
	assert_int_equal(nfs_locku(&f->opener_session, &contended->theirs,
				   &contended->lock),
			 NFS4_OK);
}

void locks_assert_nobody_is_told(struct fixture *f,
				 const struct contended *contended)
{
	struct nfs_res res;

	locks_let_go(f, contended);
	assert_int_equal(nfs_lock(&f->opener_session, &contended->theirs,
				  "locker", WRITE_LT, &res),
			 NFS4_OK);
	assert_int_equal(
		nfs_locku(&f->opener_session, &contended->theirs, &res.stateid),
		NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
}

void locks_close(struct fixture *f, const struct contended *contended)
{
	assert_int_equal(nfs_close(&f->session, &contended->mine), NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &contended->theirs),
			 NFS4_OK);
}

bool locks_is_of(const struct cb_call *call, const char *owner)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	const uint8_t *bytes;
	uint32_t len;

	(void)xdr_get_opaque(&args, NFS4_FHSIZE, &len);
	(void)xdr_get_u64(&args); /* the client id */
	bytes = xdr_get_opaque(&args, NFS4_OPAQUE_LIMIT, &len);
	return bytes && len == strlen(owner) && !memcmp(bytes, owner, len);
}

void locks_check_of(struct fixture *f, const struct cb_call *call,
		    const struct contended *contended, const char *owner)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	const uint8_t *bytes;
	uint32_t len;

	assert_int_equal(call->op, OP_CB_NOTIFY_LOCK);
	bytes = xdr_get_opaque(&args, NFS4_FHSIZE, &len);
	assert_int_equal(len, contended->mine.fh.len);
	assert_memory_equal(bytes, contended->mine.fh.data, len);
	assert_true(xdr_get_u64(&args) == f->holder.clientid);
	assert_false(args.bad);
	assert_true(locks_is_of(call, owner));
}

void locks_check(struct fixture *f, const struct cb_call *call,
		 const struct contended *contended)
{
	locks_check_of(f, call, contended, LOCKS_WAITER);
}

void locks_take(struct fixture *f, const struct contended *contended)
{
	struct nfs_res res;

	assert_int_equal(nfs_lock(&f->opener_session, &contended->theirs,
				  "other", WRITE_LT, NULL),
			 NFS4ERR_DENIED);
	assert_int_equal(nfs_lock(&f->session, &contended->mine, LOCKS_WAITER,
				  WRITEW_LT, &res),
			 NFS4_OK);
	assert_int_equal(nfs_lock(&f->opener_session, &contended->theirs,
				  "other", WRITE_LT, NULL),
			 NFS4ERR_DENIED);
	assert_int_equal(nfs_write(&f->session, &contended->mine.fh,
				   &res.stateid, 0, "mine", 4),
			 NFS4_OK);
	assert_int_equal(nfs_locku(&f->session, &contended->mine, &res.stateid),
			 NFS4_OK);
	locks_close(f, contended);
}

void locks_restart_client(struct nfs_session *session)
{
	struct nfs_conn *conn = nfs_client_connect(session->client);

	assert_int_equal(nfs_client_restart(session, conn), NFS4_OK);
	nfs_conn_put(conn);
}

/* Whoever tells ----------------------------------------------------------- */

static const struct cb_answer never_then_reset = { .when = CB_NEVER,
						   .then_close =
							   NFS_CLOSE_RST };

void test_told_over_a_connection_bound_later(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "patient", &contended);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	locks_let_go(f, &contended);
	assert_int_equal(cb_responder_count(f->responder), 0);
	locks_check(f, fixture_callback_on(f, fixture_bind(f)), &contended);
	locks_take(f, &contended);
}

void test_told_again_when_the_connection_is_lost(void **state)
{
	struct fixture *f = *state;
	struct contended contended;
	const struct cb_call *first, *again;
	struct nfs_conn *later;

	locks_wait(f, "lost", &contended);
	cb_responder_push(f->responder, &never_then_reset);
	locks_let_go(f, &contended);
	first = fixture_callback(f, 0);
	nfs_session_set_conn(&f->session, fixture_connect(f, &f->holder));
	later = fixture_bind(f);
	again = fixture_callback_on(f, later);
	assert_true(again->retry);
	assert_int_equal(again->seq.slot, first->seq.slot);
	locks_check(f, again, &contended);
	locks_take(f, &contended);
}

void test_told_when_the_locker_restarts(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "locker-restarts", &contended);
	locks_restart_client(&f->opener_session);
	locks_check(f, fixture_callback(f, 0), &contended);
	locks_open(&f->opener_session, "locker-restarts", &contended.theirs);
	locks_take(f, &contended);
}

/* The same request without waiting takes it back, 9.6. */
void test_not_told_after_giving_up(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "given-up", &contended);
	locks_assert_denied(&f->session, &contended.mine, LOCKS_WAITER,
			    WRITE_LT);
	locks_assert_nobody_is_told(f, &contended);
	locks_close(f, &contended);
}

void test_not_told_after_closing(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "closed", &contended);
	assert_int_equal(nfs_close(&f->session, &contended.mine), NFS4_OK);
	locks_assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}

void test_not_told_after_restarting(void **state)
{
	struct fixture *f = *state;
	struct contended contended;

	locks_wait(f, "restarted", &contended);
	locks_restart_client(&f->session);
	locks_assert_nobody_is_told(f, &contended);
	assert_int_equal(nfs_close(&f->opener_session, &contended.theirs),
			 NFS4_OK);
}
