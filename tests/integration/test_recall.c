/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A recall's way, end to end: statements 1, 4, 5 and 8 of a correct
 * backchannel at their narrowest.
 */
#include "fixture.h"

static void test_recall_healthy_path_arrives(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	fixture_assert_flags(f, 0);
	fixture_hold(f, "healthy", &file);
	fixture_conflict(f, "healthy");
	call = fixture_callback(f, 0);
	assert_int_equal(call->op, OP_CB_RECALL);
	assert_memory_equal(call->recall.stateid.other,
			    file.delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
	assert_memory_equal(call->seq.session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.slot, 0);
	assert_int_equal(call->seq.sequence, 1);
	assert_int_equal(call->cred.flavor, AUTH_SYS);
	fixture_return(f, &file);
}

/* Stock Ganesha 4.3 segfaults here. */
static void test_recall_after_rebind_arrives_on_new_connection(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn;
	struct nfs_file file;

	fixture_hold(f, "rebind", &file);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	conn = fixture_bind(f);
	nfs_session_set_conn(&f->session, conn);
	fixture_conflict(f, "rebind");
	assert_ptr_equal(fixture_callback(f, 0)->conn, conn);
	fixture_return(f, &file);
}

static void test_recall_without_path_waits_for_bind(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *both;
	struct nfs_file file;

	fixture_hold(f, "queued", &file);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict(f, "queued");
	fixture_assert_flags(f, SEQ4_STATUS_CB_PATH_DOWN |
					SEQ4_STATUS_CB_PATH_DOWN_SESSION);
	assert_int_equal(cb_responder_count(f->responder), 0);
	both = fixture_bind(f);
	assert_ptr_equal(fixture_callback(f, 0)->conn, both);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

static void
test_recall_in_flight_fails_over_same_slot_and_sequence(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct cb_call *first, *second;
	struct nfs_conn *other;
	struct nfs_file file;

	/* Which one is taken depends on whether the thread that answered
	 * CREATE_SESSION has got any further.
	 */
	fixture_hold(f, "failover", &file);
	other = fixture_bind(f);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, "failover");
	first = fixture_callback(f, 0);
	if (first->conn == other)
		other = f->session.conn;
	nfs_conn_close(first->conn, NFS_CLOSE_RST);
	second = fixture_callback(f, 1);
	assert_ptr_equal(second->conn, other);
	assert_int_equal(second->seq.slot, first->seq.slot);
	assert_int_equal(second->seq.sequence, first->seq.sequence);
	assert_true(second->retry);
	nfs_session_set_conn(&f->session, other);
	fixture_assert_flags(f, 0);
	fixture_return(f, &file);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_recall_healthy_path_arrives),
		FIXTURE_TEST(
			test_recall_after_rebind_arrives_on_new_connection),
		FIXTURE_TEST(test_recall_without_path_waits_for_bind),
		FIXTURE_TEST(
			test_recall_in_flight_fails_over_same_slot_and_sequence),
	};

	return fixture_run(tests, &params);
}
