/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients of other minor versions: NFSv4.0 keeps Ganesha's dial-out (statement
 * 16), NFSv4.2 is called back as NFSv4.2.
 */
#include "fixture.h"
#include "nfs40.h"

static void test_v40_client_is_dialled_out_to(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct nfs40_client client;
	struct nfs_file first, file;
	struct cb_call *call;

	assert_int_equal(nfs40_client_mount(&client, f->loop,
					    server_port(f->server),
					    ++f->clients, responder),
			 NFS4_OK);
	/* An owner's first OPEN is to be confirmed: nothing is delegated. */
	server_make_file(f->server, "v40-first", "contents");
	assert_int_equal(nfs40_open(&client, "export/v40-first",
				    OPEN4_SHARE_ACCESS_READ, &first),
			 NFS4_OK);
	assert_true(cb_responder_wait_null(responder, 1, SOON));
	server_make_file(f->server, "v40", "contents");
	assert_int_equal(nfs40_open(&client, "export/v40",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "v40");
	call = cb_responder_wait(responder, 0, SOON);
	assert_non_null(call);
	assert_int_equal(call->minorversion, 0);
	assert_int_equal(call->op, OP_CB_RECALL);
	assert_ptr_not_equal(call->conn, client.conn);
	assert_int_equal(nfs40_delegreturn(&client, &file), NFS4_OK);
	assert_int_equal(nfs40_close(&client, &file), NFS4_OK);
	assert_int_equal(nfs40_close(&client, &first), NFS4_OK);
	nfs40_client_fini(&client);
	cb_responder_free(responder);
}

static void test_v42_client_is_called_back_as_v42(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct cb_call *call;

	nfs_client_unmount(&f->session);
	f->holder.minorversion = 2;
	assert_int_equal(nfs_client_mount(&f->holder, &f->session), NFS4_OK);
	fixture_assert_flags(f, 0);
	fixture_hold(f, "v42", &file);
	fixture_conflict(f, "v42");
	call = fixture_callback(f, 0);
	assert_int_equal(call->minorversion, 2);
	fixture_return(f, &file);
	/* The responder's log keeps it open. */
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_v40_client_is_dialled_out_to),
		FIXTURE_TEST(test_v42_client_is_called_back_as_v42),
	};

	return fixture_run(tests, &params);
}
