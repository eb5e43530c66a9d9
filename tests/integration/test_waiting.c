/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Callbacks that wait for a path: a full queue, a lease that ends, sessions
 * that go and come, and everybody else meanwhile. Statement 10.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define MANY 10 /* more than Max_Queue */
#define REVOKED_WITHIN 40000 /* ms: two leases, some retries, generously */

static void test_full_queue_defers_and_marks_nothing_down(void **state)
{
	struct fixture *f = *state;
	struct nfs_file files[MANY], further;
	bool recalled[MANY] = { false };

	fixture_hold_many(f, "full", files, MANY);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict_many(f, "full", MANY);
	nfs_session_set_conn(&f->session, fixture_bind(f));
	/* Those that found no room come when Ganesha asks again. */
	for (unsigned int n = 0, left = MANY; left > 0; n++) {
		struct cb_call *call = fixture_callback(f, n);

		for (unsigned int i = 0; i < MANY; i++) {
			if (recalled[i] || !fixture_recalls(call, &files[i]))
				continue;
			recalled[i] = true;
			left--;
		}
	}
	for (unsigned int i = 0; i < MANY; i++)
		fixture_return(f, &files[i]);
	fixture_hold(f, "full-further", &further);
	fixture_return(f, &further);
}

static void test_unreachable_client_delays_nobody(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs_file files[MANY], file;
	struct nfs_session session;
	struct nfs_client other;
	struct nfs_conn *conn;
	char path[64];

	fixture_client(f, &other);
	other.responder = responder;
	assert_int_equal(nfs_client_mount(&other, &session), NFS4_OK);
	conn = nfs_conn_get(session.conn);
	fixture_hold_many(f, "unreachable", files, MANY);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict_many(f, "unreachable", MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "export/reachable-%u", i);
		server_make_file(f->server, path + strlen("export/"), "x");
		assert_int_equal(nfs_open(&session, path,
					  OPEN4_SHARE_ACCESS_READ, &file),
				 NFS4_OK);
		assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
		fixture_conflict(f, path + strlen("export/"));
		assert_non_null(cb_responder_wait(responder, i, SOON));
		assert_int_equal(nfs_delegreturn(&session, &file.fh,
						 &file.delegation.stateid),
				 NFS4_OK);
		assert_int_equal(nfs_close(&session, &file), NFS4_OK);
	}
	nfs_client_unmount(&session);
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	nfs_conn_put(conn);
	cb_responder_free(responder);
	nfs_session_set_conn(&f->session, fixture_bind(f));
	for (unsigned int i = 0; i < MANY; i++)
		fixture_return(f, &files[i]);
}

static void test_new_session_picks_up_what_waited(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "picked-up", &file);
	fixture_lose_path(f, NFS_CLOSE_FIN);
	fixture_conflict(f, "picked-up");
	fixture_remake_session(f, NULL);
	assert_memory_equal(fixture_callback(f, 0)->seq.session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	fixture_return(f, &file);
}

static void test_in_flight_with_its_only_session_waits_for_another(void **state)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	fixture_hold(f, "only-session", &file);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, "only-session");
	fixture_callback(f, 0);
	fixture_remake_session(f, NULL);
	call = fixture_callback(f, 1);
	assert_memory_equal(call->seq.session, f->session.id,
			    NFS4_SESSIONID_SIZE);
	assert_int_equal(call->seq.sequence, 1);
	assert_true(fixture_recalls(call, &file));
	fixture_return(f, &file);
}

/* The holder has vanished: its delegation is revoked, and the opener gets on. */
static void test_no_path_for_a_lease_fails_and_is_revoked(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	fixture_hold(f, "revoked", &file);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	fixture_open_after_revocation(f, "revoked", REVOKED_WITHIN);
	assert_true(server_alive(f->server));
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.backchannel = "Max_Queue = 4;\n",
		.lease_lifetime = 5,
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_full_queue_defers_and_marks_nothing_down),
		FIXTURE_TEST(test_unreachable_client_delays_nobody),
		FIXTURE_TEST(test_new_session_picks_up_what_waited),
		FIXTURE_TEST(
			test_in_flight_with_its_only_session_waits_for_another),
		FIXTURE_TEST(test_no_path_for_a_lease_fails_and_is_revoked),
	};

	return fixture_run(tests, &params);
}
