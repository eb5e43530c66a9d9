/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What SEQUENCE says about the paths of a session and of its client. RFC 5661
 * 18.46.3; statement 14.
 */
#include "fixture.h"

#define SESSION_DOWN SEQ4_STATUS_CB_PATH_DOWN_SESSION
#define DOWN (SEQ4_STATUS_CB_PATH_DOWN | SESSION_DOWN)

/* What SEQUENCE says about the callback paths. */
static uint32_t flags_of(struct nfs_session *session)
{
	uint32_t flags;

	assert_int_equal(nfs_sequence(session, &flags), NFS4_OK);
	return flags & (DOWN | SEQ4_STATUS_BACKCHANNEL_FAULT);
}

static void test_path_down_is_of_all_sessions_the_other_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *first = f->session.conn;
	struct nfs_conn *second = fixture_connect(f, &f->holder);
	struct nfs_conn *fore = fixture_connect(f, &f->holder);
	struct nfs_session other;

	assert_int_equal(nfs_create_session(&other, &f->holder, second, NULL),
			 NFS4_OK);
	nfs_session_set_conn(&f->session, fore);
	nfs_session_set_conn(&other, fore);
	assert_int_equal(flags_of(&f->session), 0);
	assert_int_equal(flags_of(&other), 0);

	nfs_conn_close(first, NFS_CLOSE_FIN);
	fixture_wait_flags(f, SESSION_DOWN);
	assert_int_equal(flags_of(&other), 0);

	nfs_conn_close(second, NFS_CLOSE_FIN);
	fixture_wait_flags(f, DOWN);
	assert_int_equal(flags_of(&other), DOWN);

	/* What mends one session's path mends the client's. */
	fixture_bind(f);
	assert_int_equal(flags_of(&f->session), 0);
	assert_int_equal(flags_of(&other), SESSION_DOWN);

	assert_int_equal(nfs_bind_conn(&other, fore, CDFC4_FORE_OR_BOTH, NULL),
			 NFS4_OK);
	assert_int_equal(flags_of(&f->session), 0);
	assert_int_equal(flags_of(&other), 0);
	assert_int_equal(nfs_destroy_session(&other, NULL), NFS4_OK);
	nfs_session_fini(&other);
}

#define CLIENTS 300

/* A client that has lost its connection speaks over the next one at once.  It is told
 * in the first answer, whoever of the server's threads has come how far by then; not
 * half a lease later.
 */
static void test_first_words_elsewhere_are_answered_with_the_truth(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < CLIENTS; i++) {
		struct nfs_client client;
		struct nfs_session session;
		struct nfs_conn *first, *second;

		nfs_client_init(&client, f->loop, server_port(f->server),
				1000 + i);
		assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
		first = nfs_conn_get(session.conn);
		second = nfs_client_connect(&client);
		assert_non_null(second);
		nfs_conn_close(first, NFS_CLOSE_FIN_ACKED);
		nfs_session_set_conn(&session, second);
		assert_int_equal(flags_of(&session), DOWN);
		nfs_client_unmount(&session);
		nfs_conn_put(first);
		nfs_conn_end(&second);
	}
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_path_down_is_of_all_sessions_the_other_of_its_own),
		FIXTURE_TEST(
			test_first_words_elsewhere_are_answered_with_the_truth),
	};

	return fixture_run(tests, &params);
}
