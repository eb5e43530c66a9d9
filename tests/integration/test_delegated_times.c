/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations with the times, of a client of NFSv4.2 that wants them: they conflict,
 * are asked about, returned, revoked and reclaimed as those without. RFC 9754.
 */
#include "fixture.h"
#include "ganesha.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LEASE 3 /* s */
#define NS_PER_MS UINT64_C(1000000)
#define WHEN 1000000000 /* s: a time that no server has now */
#define CHANGE (1u << 3) /* FATTR4_CHANGE */
#define SIZE (1u << 4) /* FATTR4_SIZE */
#define TIMES (3u << 20) /* TIME_DELEG_ACCESS, _MODIFY, in the third word */

#define WRITES                                                                 \
	(OPEN4_SHARE_ACCESS_BOTH | OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG |       \
	 OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS)
#define READS                                                                  \
	(OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_READ_DELEG |        \
	 OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS)

static const struct cb_answer correct;

/* The client as another instance, of NFSv4.2. */
static void mount_v42(struct nfs_client *client, struct nfs_session *session)
{
	nfs_client_unmount(session);
	client->minorversion = 2;
	client->verifier[0]++;
	assert_int_equal(nfs_client_mount(client, session), NFS4_OK);
}

static int mount(void **state)
{
	struct fixture *f;
	int status = fixture_mount(state);

	if (status)
		return status;
	f = *state;
	mount_v42(&f->holder, &f->session);
	mount_v42(&f->opener, &f->opener_session);
	f->conns[f->nconns++] = nfs_conn_get(f->session.conn);
	return 0;
}

static int open_as(struct nfs_session *session, const char *name,
		   uint32_t share, struct nfs_file *file)
{
	char path[64];

	snprintf(path, sizeof(path), "export/%s", name);
	return nfs_open(session, path, share, file);
}

/* A new file, with a delegation. */
static void hold(struct fixture *f, const char *name, uint32_t share,
		 struct nfs_file *file)
{
	server_make_file(f->server, name, "contents");
	assert_int_equal(open_as(&f->session, name, share, file), NFS4_OK);
	assert_int_equal(file->delegation.type,
			 share == WRITES ? OPEN_DELEGATE_WRITE_ATTRS_DELEG :
					   OPEN_DELEGATE_READ_ATTRS_DELEG);
}

/* The times go back with the delegation that has them. */
static void return_times(struct nfs_session *session,
			 const struct nfs_file *file)
{
	const struct nfs_setattrs times = {
		.set_delegated_access = true,
		.set_delegated_modify = file->delegation.type ==
					OPEN_DELEGATE_WRITE_ATTRS_DELEG,
		.time = WHEN,
	};
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_setattr(&compound, &file->delegation.stateid, &times);
	nfs_put_delegreturn(&compound, &file->delegation.stateid);
	assert_int_equal(nfs_compound_finish(&compound), NFS4_OK);
}

static struct stat status_of(struct fixture *f, const char *name)
{
	struct stat status;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", server_export(f->server), name);
	assert_int_equal(stat(path, &status), 0);
	return status;
}

/* Conflicts ------------------------------------------------------------------- */

/* It is the server's first delegation: what is not known is taken for a misfit, and
 * nothing is recalled for good.
 */
static void test_times_write_is_recalled_for_a_reader(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file, theirs;

	hold(f, "written", WRITES, &file);
	assert_int_equal(open_as(&f->opener_session, "written",
				 OPEN4_SHARE_ACCESS_READ, &theirs),
			 NFS4ERR_DELAY);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	return_times(&f->session, &file);
	assert_int_equal(status_of(f, "written").st_mtim.tv_sec, WHEN);
	assert_int_equal(status_of(f, "written").st_atim.tv_sec, WHEN);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	assert_int_equal(open_as(&f->opener_session, "written",
				 OPEN4_SHARE_ACCESS_READ, &theirs),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(server_log_count(f->server, "does not fit"), 0);
}

static void test_times_read_is_recalled_for_a_writer_alone(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file, theirs;

	hold(f, "read", READS, &file);
	assert_int_equal(open_as(&f->opener_session, "read", READS, &theirs),
			 NFS4_OK);
	assert_int_equal(theirs.delegation.type,
			 OPEN_DELEGATE_READ_ATTRS_DELEG);
	assert_int_equal(nfs_delegreturn(&f->opener_session, &theirs.fh,
					 &theirs.delegation.stateid),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
	fixture_conflict(f, "read");
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	return_times(&f->session, &file);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	fixture_assert_opens(f, "read");
}

/* A holder's own, by the delegation's stateid and without one. */
static void test_times_holder_writes(void **state)
{
	static const struct nfs_stateid anonymous;
	struct fixture *f = *state;
	struct nfs_file file;

	hold(f, "own", WRITES, &file);
	assert_int_equal(nfs_write(&f->session, &file.fh,
				   &file.delegation.stateid, 0, "mine", 4),
			 NFS4_OK);
	assert_int_equal(
		nfs_write(&f->session, &file.fh, &anonymous, 4, "also", 4),
		NFS4_OK);
	assert_int_equal(nfs_setattr_size(&f->session, &file.fh,
					  &file.delegation.stateid, 3),
			 NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
	assert_int_equal(nfs_write(&f->opener_session, &file.fh, &anonymous, 0,
				   "theirs", 6),
			 NFS4ERR_DELAY);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	return_times(&f->session, &file);
	assert_int_equal(nfs_write(&f->opener_session, &file.fh, &anonymous, 0,
				   "theirs", 6),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

/* Whoever writes needs a delegation for writing: its own for reading is recalled. */
static void test_times_claim_for_writing_needs_one_for_writing(void **state)
{
	struct fixture *f = *state;
	struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_BOTH |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.claim = CLAIM_DELEGATE_CUR,
	};
	struct nfs_file file, again;

	hold(f, "claimed-read", READS, &file);
	args.delegation = file.delegation.stateid;
	assert_int_equal(nfs_open_with(&f->session, "export/claimed-read",
				       &args, &again),
			 NFS4ERR_OPENMODE);
	fixture_return(f, &file);
	hold(f, "claimed-write", WRITES, &file);
	args.delegation = file.delegation.stateid;
	assert_int_equal(nfs_open_with(&f->session, "export/claimed-write",
				       &args, &again),
			 NFS4_OK);
	file.stateid = again.stateid;
	fixture_return(f, &file);
}

/* Two who read give the time of their access back: that is no change of the file; but
 * the time of its modification is not theirs.
 */
static void test_times_of_a_reader_recall_nothing(void **state)
{
	const struct nfs_setattrs accessed = { .set_delegated_access = true,
					       .time = WHEN };
	const struct nfs_setattrs modified = { .set_delegated_modify = true,
					       .time = WHEN };
	struct fixture *f = *state;
	struct nfs_file file, theirs;

	hold(f, "readers", READS, &file);
	assert_int_equal(open_as(&f->opener_session, "readers", READS, &theirs),
			 NFS4_OK);
	assert_int_equal(nfs_setattr(&f->opener_session, &theirs.fh,
				     &theirs.delegation.stateid, &accessed),
			 NFS4_OK);
	assert_int_equal(status_of(f, "readers").st_atim.tv_sec, WHEN);
	assert_int_equal(cb_responder_count(f->responder), 0);
	assert_int_equal(nfs_setattr(&f->opener_session, &theirs.fh,
				     &theirs.delegation.stateid, &modified),
			 NFS4ERR_DELAY);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	return_times(&f->opener_session, &theirs);
	assert_int_not_equal(status_of(f, "readers").st_mtim.tv_sec, WHEN);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	fixture_return(f, &file);
}

/* CB_GETATTR ------------------------------------------------------------------ */

static int getattr(struct nfs_session *session, const struct nfs_fh *fh,
		   struct nfs_res *told)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_getattr_times(&compound);
	status = nfs_compound_call(&compound);
	res = nfs_compound_res(&compound, OP_GETATTR);
	if (res)
		*told = *res;
	nfs_compound_fini(&compound);
	return status;
}

/* Until the answer is there. */
static struct nfs_res ask(struct fixture *f, const struct nfs_file *file)
{
	uint64_t until = nfs_now_ns() + SOON * NS_PER_MS;
	struct nfs_res told = { .op = 0 };
	int status;

	while ((status = getattr(&f->opener_session, &file->fh, &told)) ==
		       NFS4ERR_DELAY &&
	       nfs_now_ns() < until)
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 20);
	assert_int_equal(status, NFS4_OK);
	return told;
}

/* The three words of what was asked for. */
static void asked(const struct cb_call *call, uint32_t *words)
{
	struct xdr_cursor args = xdr_cursor(call->args, call->args_len);
	uint32_t len, count;

	assert_int_equal(call->op, OP_CB_GETATTR);
	(void)xdr_get_opaque(&args, NFS4_FHSIZE, &len);
	count = xdr_get_u32(&args);
	assert_in_range(count, 1, 3);
	for (uint32_t i = 0; i < 3; i++)
		words[i] = i < count ? xdr_get_u32(&args) : 0;
	assert_false(args.bad);
}

/* @param times  0, or the seconds of both */
static struct cb_answer attributes(struct xdr_buf *buf, uint64_t change,
				   uint64_t size, int64_t times)
{
	struct cb_answer answer = { .when = CB_NOW };

	xdr_buf_clear(buf);
	xdr_put_u32(buf, 3);
	xdr_put_u32(buf, CHANGE | SIZE);
	xdr_put_u32(buf, 0);
	xdr_put_u32(buf, times ? TIMES : 0);
	xdr_put_u32(buf, times ? 40 : 16);
	xdr_put_u64(buf, change);
	xdr_put_u64(buf, size);
	for (unsigned int i = 0; times && i < 2; i++) {
		xdr_put_u64(buf, times + i);
		xdr_put_u32(buf, 0);
	}
	answer.attrs = buf->data;
	answer.attrs_len = buf->len;
	return answer;
}

static void test_times_asker_sees_what_the_holder_says(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct cb_answer answer;
	struct nfs_file file;
	struct nfs_res told;
	uint32_t words[3];
	uint64_t change;

	hold(f, "asked", WRITES, &file);
	assert_int_equal(nfs_getattr(&f->session, &file.fh, NULL, &change),
			 NFS4_OK);
	answer = attributes(&buf, change + 1, 4242, WHEN);
	cb_responder_set_default(f->responder, &answer);
	told = ask(f, &file);
	asked(fixture_callback(f, 0), words);
	assert_int_equal(words[0], CHANGE | SIZE);
	assert_int_equal(words[1], 0);
	assert_int_equal(words[2], TIMES);
	assert_int_equal(told.attr.size, 4242);
	assert_int_equal(told.attr.access, WHEN);
	assert_int_equal(told.attr.modify, WHEN + 1);
	cb_responder_set_default(f->responder, &correct);
	return_times(&f->session, &file);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	xdr_buf_fini(&buf);
}

/* An answer that was under way while the times went back with the delegation. */
static void test_times_returned_meanwhile_stay(void **state)
{
	static const struct cb_answer held = { .when = CB_HELD };
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct cb_answer answer;
	struct nfs_file file;
	struct nfs_res told;
	struct cb_call *call;
	uint64_t change;

	hold(f, "meanwhile", WRITES, &file);
	assert_int_equal(nfs_getattr(&f->session, &file.fh, NULL, &change),
			 NFS4_OK);
	cb_responder_push(f->responder, &held);
	assert_int_equal(getattr(&f->opener_session, &file.fh, &told),
			 NFS4ERR_DELAY);
	call = fixture_callback(f, 0);
	return_times(&f->session, &file);
	answer = attributes(&buf, change + 1, 4242, WHEN - 100);
	assert_int_equal(cb_call_answer(call, &answer), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	for (unsigned int i = 0; i < 10; i++) { /* it is taken soon */
		told = ask(f, &file);
		assert_int_equal(told.attr.size, strlen("contents"));
		assert_int_equal(told.attr.modify, WHEN);
		assert_int_equal(told.attr.access, WHEN);
		cb_responder_wait(f->responder, 1, 20);
	}
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	xdr_buf_fini(&buf);
}

/* "A bitmap of what is there": a client may leave out what it does not know. */
static void test_times_holder_need_not_tell(void **state)
{
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct cb_answer answer;
	struct nfs_file file;
	uint64_t change;

	hold(f, "not-told", WRITES, &file);
	assert_int_equal(nfs_getattr(&f->session, &file.fh, NULL, &change),
			 NFS4_OK);
	answer = attributes(&buf, change + 1, 4343, 0);
	cb_responder_set_default(f->responder, &answer);
	assert_int_equal(ask(f, &file).attr.size, 4343);
	cb_responder_set_default(f->responder, &correct);
	fixture_return(f, &file);
	xdr_buf_fini(&buf);
}

/* Of a delegation without the times nobody asks for them, and they are no answer. */
static void test_times_are_not_asked_of_other_delegations(void **state)
{
	const uint64_t until = nfs_now_ns() + SOON * NS_PER_MS;
	struct fixture *f = *state;
	struct xdr_buf buf = { 0 };
	struct cb_answer answer = attributes(&buf, 1, 4444, WHEN);
	struct nfs_file file;
	uint32_t words[3];
	struct nfs_res told;

	server_make_file(f->server, "plain", "contents");
	assert_int_equal(
		open_as(&f->session, "plain",
			WRITES & ~OPEN4_SHARE_ACCESS_WANT_DELEG_TIMESTAMPS,
			&file),
		NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_WRITE);
	cb_responder_push(f->responder, &answer);
	assert_int_equal(getattr(&f->opener_session, &file.fh, &told),
			 NFS4ERR_DELAY);
	asked(fixture_callback(f, 0), words);
	assert_int_equal(words[2], 0);
	while (cb_responder_count(f->responder) < 2 && nfs_now_ns() < until)
		assert_int_equal(getattr(&f->opener_session, &file.fh, &told),
				 NFS4ERR_DELAY);
	assert_true(fixture_recalls(fixture_callback(f, 1), &file));
	fixture_return(f, &file);
	xdr_buf_fini(&buf);
}

/* Their end --------------------------------------------------------------------- */

static void test_times_are_revoked(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	const uint64_t until = nfs_now_ns() + 4 * LEASE * 1000 * NS_PER_MS;
	struct fixture *f = *state;
	struct nfs_file file, theirs;
	int status;

	hold(f, "revoked", WRITES, &file);
	cb_responder_set_default(f->responder, &never);
	while ((status = open_as(&f->opener_session, "revoked",
				 OPEN4_SHARE_ACCESS_READ |
					 OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				 &theirs)) == NFS4ERR_DELAY &&
	       nfs_now_ns() < until) {
		assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 100);
	}
	assert_int_equal(status, NFS4_OK);
	assert_int_equal(
		nfs_test_stateid(&f->session, &file.delegation.stateid),
		NFS4ERR_DELEG_REVOKED);
	assert_int_equal(nfs_delegreturn(&f->session, &file.fh,
					 &file.delegation.stateid),
			 NFS4ERR_DELEG_REVOKED);
	assert_int_equal(
		nfs_free_stateid(&f->session, &file.delegation.stateid),
		NFS4_OK);
	cb_responder_set_default(f->responder, &correct);
	assert_int_equal(nfs_close(&f->opener_session, &theirs), NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
}

/* What Ganesha counts has never to be mended. */
static void test_times_are_counted(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	for (unsigned int i = 0; i < 3; i++) {
		hold(f, "counted", i % 2 ? READS : WRITES, &file);
		fixture_return(f, &file);
	}
	assert_int_equal(server_log_count(f->server, "delegations mended"), 0);
}

/* An OPEN that gives either: not offered, and so asked for by nobody. */
static void test_times_open_or_delegation_is_not_offered(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	server_make_file(f->server, "either", "contents");
	assert_int_equal(
		open_as(&f->session, "either",
			WRITES | OPEN4_SHARE_ACCESS_WANT_OPEN_XOR_DELEGATION,
			&file),
		NFS4ERR_INVAL);
	fixture_assert_opens(f, "either");
}

/* Reclaimed ---------------------------------------------------------------------- */

/* One file's delegation, and the OPEN that reclaims it. */
struct claim {
	uint32_t held; /* WRITES or READS, of which it is of that type */
	uint32_t share; /* of the OPEN that reclaims it */
	struct nfs_file file;
};

/* @return the type of what came of it */
static uint32_t reclaim(struct fixture *f, struct claim *claim)
{
	const struct nfs_open_args open = {
		.share_access = claim->share,
		.claim = CLAIM_PREVIOUS,
		.delegate_type = claim->file.delegation.type,
		.clientid = f->holder.clientid,
		.owner = f->holder.owner,
	};
	struct nfs_compound compound;
	const struct nfs_res *res;
	uint32_t type;

	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &claim->file.fh);
	nfs_put_open(&compound, &open);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	res = nfs_compound_res(&compound, OP_OPEN);
	claim->file.stateid = res->open.stateid;
	claim->file.delegation = res->open.delegation;
	type = res->open.delegation.type;
	nfs_compound_fini(&compound);
	return type;
}

/* A server that comes back. */
static void restart_server(struct fixture *f)
{
	struct nfs_conn *conn;

	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_conn_close(f->opener_session.conn, NFS_CLOSE_FIN);
	assert_int_equal(fixture_restart(f), 0);
	conn = fixture_connect(f, &f->holder);
	nfs_session_fini(&f->session);
	assert_int_equal(nfs_exchange_id(&f->holder, conn), NFS4_OK);
	assert_int_equal(
		nfs_create_session(&f->session, &f->holder, conn, NULL),
		NFS4_OK);
	nfs_session_fini(&f->opener_session);
	assert_int_equal(nfs_client_mount(&f->opener, &f->opener_session),
			 NFS4_OK);
}

/* Of the type that the client names, whatever the OPEN suggests that reclaims it. */
static void test_times_are_reclaimed(void **state)
{
	static const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.grace_period = 5,
	};
	static struct claim claims[] = {
		{ .held = WRITES, .share = WRITES },
		{ .held = WRITES, .share = OPEN4_SHARE_ACCESS_BOTH },
		{ .held = WRITES, .share = OPEN4_SHARE_ACCESS_READ },
		{ .held = READS, .share = READS },
		{ .held = READS, .share = OPEN4_SHARE_ACCESS_BOTH },
	};
	static struct fixture own;
	void *mounted = &own;
	char name[16];

	(void)state;
	assert_int_equal(fixture_start(&own, &params), 0);
	assert_int_equal(mount(&mounted), 0);
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "claim-%u", i);
		hold(&own, name, claims[i].held, &claims[i].file);
	}
	restart_server(&own);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(reclaim(&own, &claims[i]),
				 claims[i].held == WRITES ?
					 OPEN_DELEGATE_WRITE_ATTRS_DELEG :
					 OPEN_DELEGATE_READ_ATTRS_DELEG);
	assert_int_equal(nfs_reclaim_complete(&own.session), NFS4_OK);
	for (unsigned int i = 0; i < 5; i++)
		fixture_return(&own, &claims[i].file);
	assert_int_equal(fixture_unmount(&mounted), 0);
	assert_int_equal(fixture_stop(&own), 0);
}

int main(void)
{
	static const struct server_params params = {
		.module = true,
		.backchannel = "Callback_Timeout = 1;\n"
			       "Retry_First_Delay = 1;\n"
			       "Retry_Attempts = 0;\n",
		.lease_lifetime = LEASE,
	};
#define TEST(name) cmocka_unit_test_setup_teardown(name, mount, fixture_unmount)
	static const struct CMUnitTest tests[] = {
		TEST(test_times_write_is_recalled_for_a_reader),
		TEST(test_times_read_is_recalled_for_a_writer_alone),
		TEST(test_times_holder_writes),
		TEST(test_times_claim_for_writing_needs_one_for_writing),
		TEST(test_times_of_a_reader_recall_nothing),
		TEST(test_times_asker_sees_what_the_holder_says),
		TEST(test_times_returned_meanwhile_stay),
		TEST(test_times_holder_need_not_tell),
		TEST(test_times_are_not_asked_of_other_delegations),
		TEST(test_times_are_revoked),
		TEST(test_times_are_counted),
		TEST(test_times_open_or_delegation_is_not_offered),
		cmocka_unit_test(test_times_are_reclaimed),
	};

	if (!GANESHA_DELEGATES_TIMES) {
		puts("Skipped: this Ganesha delegates no times.");
		return 0;
	}
	return fixture_run(tests, &params);
}
