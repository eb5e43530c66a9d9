/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which of the security flavors that a client offers its callbacks carry.
 * RFC 5661 18.33, 18.36; statement 13.
 */
#include "fixture.h"

#define PROGRAM 0x40000999

static struct fixture fixture;

static const struct nfs_sec_parms offered[] = {
	{ .flavor = RPCSEC_GSS },
	{ .flavor = AUTH_NONE },
	{ .flavor = AUTH_SYS,
	  .sys = { .machine = "first.example", .uid = 31, .gid = 32 } },
	{ .flavor = AUTH_SYS,
	  .sys = { .machine = "second.example", .uid = 33, .gid = 34 } },
};

/* The holder's session, made anew with these @count flavors. */
static void offer(const struct nfs_sec_parms *sec, uint32_t count)
{
	struct fixture *f = &fixture;
	struct nfs_create_session_args args;

	assert_int_equal(nfs_destroy_session(&f->session, NULL), NFS4_OK);
	nfs_session_fini(&f->session);
	nfs_create_session_args_init(&args);
	args.sec = sec;
	args.nsec = count;
	assert_int_equal(nfs_create_session(&f->session, &f->holder,
					    fixture_connect(f, &f->holder),
					    &args),
			 NFS4_OK);
	assert_true(f->session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN);
}

/* Callback number @n carries this. */
static void assert_carried(unsigned int n, const char *name,
			   const struct nfs_sec_parms *sec)
{
	struct fixture *f = &fixture;
	struct nfs_file file;
	struct cb_call *call;

	fixture_hold(f, name, &file);
	fixture_conflict(f, name);
	call = fixture_callback(f, n);
	assert_int_equal(call->cred.flavor, sec->flavor);
	if (sec->flavor == AUTH_SYS)
		assert_string_equal(call->cred.sys.machine, sec->sys.machine);
	fixture_return(f, &file);
}

static void test_security_order_client_takes_the_first_usable(void **state)
{
	(void)state;
	fixture_begin(&fixture, "Security_Order = client;");
	offer(offered + 1, 3);
	assert_carried(0, "create", &offered[1]);
	assert_int_equal(
		nfs_backchannel_ctl(&fixture.session, PROGRAM, offered + 2, 2),
		NFS4_OK);
	assert_carried(1, "control", &offered[2]);
	fixture_end(&fixture);
}

static void test_security_order_strongest_prefers_auth_sys(void **state)
{
	(void)state;
	fixture_begin(&fixture, "Security_Order = strongest;");
	offer(offered, 4);
	assert_carried(0, "create", &offered[2]);
	assert_int_equal(
		nfs_backchannel_ctl(&fixture.session, PROGRAM, offered + 1, 1),
		NFS4_OK);
	assert_carried(1, "none", &offered[1]);
	assert_int_equal(
		nfs_backchannel_ctl(&fixture.session, PROGRAM, offered + 1, 3),
		NFS4_OK);
	assert_carried(2, "control", &offered[2]);
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_security_order_client_takes_the_first_usable),
		cmocka_unit_test(
			test_security_order_strongest_prefers_auth_sys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
