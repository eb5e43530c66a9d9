/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who may bind connections to a session by default: the principal that created
 * it, from anywhere, and whoever asks from where it was created. RFC 5661
 * 18.34.3: under SP4_NONE "any principal, security flavor, or RPCSEC_GSS context
 * MAY be used". Linux binds as another machine principal once its keytab has
 * one that gssd prefers, FreeBSD with AUTH_SYS on a Kerberos mount.
 */
#include "fixture.h"

#include <string.h>

#define REFUSED "its principal did not create the session"

static struct fixture own; /* of a test with parameters of its own */

static int bind_as(struct fixture *f, const struct rpc_cred *cred,
		   struct nfs_conn *conn, uint32_t *dir)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init_bare(&compound, &f->holder, conn);
	compound.cred = cred;
	nfs_put_bind_conn(&compound, f->session.id, CDFC4_FORE_OR_BOTH, 0);
	status = nfs_compound_call(&compound);
	if (!status)
		*dir = nfs_compound_res(&compound, OP_BIND_CONN_TO_SESSION)
			       ->bind_conn.dir;
	nfs_compound_fini(&compound);
	return status;
}

static struct rpc_cred other_uid(struct rpc_cred cred)
{
	cred.sys.uid++;
	return cred;
}

static struct rpc_cred other_machine(struct rpc_cred cred)
{
	cred.sys.machine[0]++;
	return cred;
}

static struct rpc_cred other_flavor(struct rpc_cred cred)
{
	cred.flavor = AUTH_NONE;
	return cred;
}

/* The holder at another address: nothing but that is of another client. */
static struct nfs_conn *connect_from_elsewhere(struct fixture *f)
{
	struct nfs_client elsewhere;

	fixture_client(f, &elsewhere);
	elsewhere.responder = f->responder;
	return fixture_connect(f, &elsewhere);
}

/* It is bound, and a callback comes over it when it is the only path. */
static void assert_accepted(struct fixture *f, const struct rpc_cred *cred,
			    struct nfs_conn *conn, const char *name)
{
	unsigned int refused = server_log_count(f->server, REFUSED);
	struct nfs_file file;
	uint32_t dir;

	assert_int_equal(bind_as(f, cred, conn, &dir), NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	fixture_hold(f, name, &file);
	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	fixture_assert_flags(f, 0);
	fixture_conflict(f, name);
	assert_ptr_equal(fixture_callback(f, 0)->conn, conn);
	fixture_return(f, &file);
	assert_int_equal(server_log_count(f->server, REFUSED), refused);
}

static void test_bind_other_uid_same_address_is_accepted(void **state)
{
	struct fixture *f = *state;
	struct rpc_cred cred = other_uid(f->holder.cred);

	assert_accepted(f, &cred, fixture_connect(f, &f->holder), "uid");
}

static void test_bind_other_machine_same_address_is_accepted(void **state)
{
	struct fixture *f = *state;
	struct rpc_cred cred = other_machine(f->holder.cred);

	assert_accepted(f, &cred, fixture_connect(f, &f->holder), "machine");
}

static void test_bind_other_flavor_same_address_is_accepted(void **state)
{
	struct fixture *f = *state;
	struct rpc_cred cred = other_flavor(f->holder.cred);

	assert_accepted(f, &cred, fixture_connect(f, &f->holder), "flavor");
}

static void test_bind_same_principal_other_address_is_accepted(void **state)
{
	struct fixture *f = *state;

	assert_accepted(f, &f->holder.cred, connect_from_elsewhere(f),
			"address");
}

/* Neither: a stranger. */
static void test_bind_other_principal_other_address_is_refused(void **state)
{
	struct fixture *f = *state;
	struct rpc_cred cred = other_uid(f->holder.cred);
	struct nfs_conn *conn = connect_from_elsewhere(f);
	struct nfs_file file;
	uint32_t dir;

	assert_int_equal(bind_as(f, &cred, conn, &dir), NFS4ERR_BADSESSION);
	fixture_hold(f, "stranger", &file);
	fixture_conflict(f, "stranger");
	assert_ptr_equal(fixture_callback(f, 0)->conn, f->session.conn);
	fixture_return(f, &file);
}

static void policy(const char *policy_line, bool same_address, int status)
{
	struct rpc_cred cred;
	uint32_t dir;
	int got;

	fixture_begin(&own, policy_line);
	cred = other_uid(own.holder.cred);
	got = bind_as(&own, &cred,
		      same_address ? fixture_connect(&own, &own.holder) :
				     connect_from_elsewhere(&own),
		      &dir);
	fixture_end(&own);
	assert_int_equal(got, status);
}

static void test_policy_of_default_accepts_the_address(void **state)
{
	(void)state;
	policy("Bind_Policy = same_principal_or_address;", true, NFS4_OK);
}

static void test_policy_of_default_refuses_strangers(void **state)
{
	(void)state;
	policy("Bind_Policy = same_principal_or_address;", false,
	       NFS4ERR_BADSESSION);
}

static void test_policy_same_principal_refuses_the_address(void **state)
{
	(void)state;
	policy("Bind_Policy = same_principal;", true, NFS4ERR_BADSESSION);
}

static void test_policy_any_accepts_strangers(void **state)
{
	(void)state;
	policy("Bind_Policy = any;", false, NFS4_OK);
}

int main(void)
{
	const struct server_params params = { .module = true };
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_bind_same_principal_other_address_is_accepted),
		FIXTURE_TEST(
			test_bind_other_principal_other_address_is_refused),
		FIXTURE_TEST(test_bind_other_uid_same_address_is_accepted),
		FIXTURE_TEST(test_bind_other_machine_same_address_is_accepted),
		FIXTURE_TEST(test_bind_other_flavor_same_address_is_accepted),
		cmocka_unit_test(
			test_policy_same_principal_refuses_the_address),
		cmocka_unit_test(test_policy_any_accepts_strangers),
		cmocka_unit_test(test_policy_of_default_accepts_the_address),
		cmocka_unit_test(test_policy_of_default_refuses_strangers),
	};

	return fixture_run(tests, &params);
}
