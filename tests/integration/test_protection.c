/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * State protection, as far as who has no Kerberos meets it (RFC 5661, 18.35): it is
 * given to nobody who proves nothing, and whoever has not asked for it is served as
 * without it.  What it does for those who have it: tests/krb5.
 */
#include "fixture.h"

#include <string.h>

static struct fixture own; /* of a test with parameters of its own */

/* EXCHANGE_ID of a new client. */
static int ask(struct fixture *f, uint32_t protect, struct nfs_client *client)
{
	fixture_client(f, client);
	client->protect = protect;
	return nfs_exchange_id(client, fixture_connect(f, client));
}

static void begin(void)
{
	fixture_begin(&own, "Machine_Credentials = true;");
}

/* "... the client MUST send the EXCHANGE_ID request with RPCSEC_GSS" 18.35.3. */
static void test_mach_cred_without_gss_is_refused(void **state)
{
	struct nfs_client client;

	(void)state;
	begin();
	assert_int_equal(ask(&own, SP4_MACH_CRED, &client), NFS4ERR_INVAL);
	/* And asks for nothing then, as Linux does. */
	client.protect = SP4_NONE;
	assert_int_equal(
		nfs_exchange_id(&client, fixture_connect(&own, &client)),
		NFS4_OK);
	fixture_end(&own);
}

/* Ganesha's answer, which the decoder accepts if it is SP4_NONE. */
static void test_switched_off_is_as_ganesha_has_it(void **state)
{
	struct nfs_client client;

	(void)state;
	fixture_begin(&own, "Machine_Credentials = false;");
	assert_int_equal(ask(&own, SP4_MACH_CRED, &client), NFS4_OK);
	fixture_end(&own);
}

static void test_off_is_the_default(void **state)
{
	struct nfs_client client;

	(void)state;
	fixture_begin(&own, "");
	assert_int_equal(ask(&own, SP4_MACH_CRED, &client), NFS4_OK);
	fixture_end(&own);
}

/* "The NFSv4.1 server MUST NOT enforce state protection for the returned client
 * ID." 18.35.3: SEQUENCE alone associates a connection, any flavor binds one, and
 * ends the session.
 */
static void test_unprotected_client_is_served_as_ever(void **state)
{
	struct nfs_compound compound;
	struct nfs_conn *conn;
	struct nfs_file file;
	struct rpc_cred cred;
	uint32_t flags;

	(void)state;
	begin();
	fixture_hold(&own, "file", &file);
	conn = fixture_connect(&own, &own.holder);
	nfs_conn_close(own.session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&own.session, conn);
	assert_int_equal(nfs_sequence(&own.session, &flags), NFS4_OK);

	cred = own.holder.cred;
	cred.flavor = AUTH_NONE;
	nfs_compound_init_bare(&compound, &own.holder, conn);
	compound.cred = &cred;
	nfs_put_bind_conn(&compound, own.session.id, CDFC4_FORE_OR_BOTH, 0);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	nfs_compound_fini(&compound);

	fixture_conflict(&own, "file");
	assert_ptr_equal(fixture_callback(&own, 0)->conn, conn);
	fixture_return(&own, &file);
	fixture_end(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mach_cred_without_gss_is_refused),
		cmocka_unit_test(test_switched_off_is_as_ganesha_has_it),
		cmocka_unit_test(test_off_is_the_default),
		cmocka_unit_test(test_unprotected_client_is_served_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
