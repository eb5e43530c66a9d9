/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a client offers for its callbacks: decoded by Ganesha's own functions,
 * then turned into a credential, as CREATE_SESSION and BACKCHANNEL_CTL do.
 *
 * Input: a BACKCHANNEL_CTL4args.  CREATE_SESSION's csa_sec_parms are the same.
 */
#include "wire/security.h"

#include "bc_internal.h"
#include "check.h"
#include "fuzz.h"

static enum bc_security_order order_now;

/* The first of a flavor, or of both that can be used. */
static const callback_sec_parms4 *first_of(const BACKCHANNEL_CTL4args *args,
					   bool sys_only)
{
	const callback_sec_parms4 *parms =
		args->bca_sec_parms.bca_sec_parms_val;

	for (u_int i = 0; i < args->bca_sec_parms.bca_sec_parms_len; i++)
		if (parms[i].cb_secflavor == AUTH_SYS ||
		    (parms[i].cb_secflavor == AUTH_NONE && !sys_only))
			return &parms[i];
	return NULL;
}

static const callback_sec_parms4 *expected(const BACKCHANNEL_CTL4args *args)
{
	const callback_sec_parms4 *sys = first_of(args, true);

	if (sys && order_now == BC_SECURITY_ORDER_STRONGEST)
		return sys;
	return first_of(args, false);
}

/* Decode an opaque_auth without its body. @return the body's length */
static uint32_t decode_auth(XDR *xdrs, uint32_t flavor)
{
	uint32_t found, len;

	CHECK(XDR_GETUINT32(xdrs, &found) && XDR_GETUINT32(xdrs, &len));
	CHECK(found == flavor && len <= MAX_AUTH_BYTES);
	return len;
}

/* authsys_parms as ntirpc reads them: what the client gave us. */
static void check_sys(XDR *xdrs, const struct authunix_parms *parms)
{
	struct authunix_parms found = { 0 };

	CHECK(xdr_authunix_parms(xdrs, &found));
	CHECK(found.aup_time == parms->aup_time);
	CHECK(!strcmp(found.aup_machname, parms->aup_machname));
	CHECK(found.aup_uid == parms->aup_uid);
	CHECK(found.aup_gid == parms->aup_gid);
	CHECK(found.aup_len == parms->aup_len);
	for (u_int i = 0; i < found.aup_len; i++)
		CHECK(found.aup_gids[i] == parms->aup_gids[i]);
	xdr_free((xdrproc_t)xdr_authunix_parms, &found);
}

/* Credential and verifier on the wire, of the size that is counted with. */
static void check_wire(const struct bc_security *security,
		       const callback_sec_parms4 *parms)
{
	uint32_t body;
	XDR xdrs;

	xdrmem_create(&xdrs, (char *)security->cred, security->cred_size,
		      XDR_DECODE);
	body = decode_auth(&xdrs, parms->cb_secflavor);
	if (parms->cb_secflavor == AUTH_SYS)
		check_sys(&xdrs, &parms->callback_sec_parms4_u.cbsp_sys_cred);
	CHECK(XDR_GETPOS(&xdrs) == 8 + body);
	CHECK(decode_auth(&xdrs, AUTH_NONE) == 0);
	CHECK(XDR_GETPOS(&xdrs) == security->cred_size);
	XDR_DESTROY(&xdrs);
}

static void choose(const BACKCHANNEL_CTL4args *args,
		   enum bc_security_order order)
{
	struct bc_security *security;

	order_now = order;
	security = bc_security_choose(
		args->bca_cb_program, args->bca_sec_parms.bca_sec_parms_val,
		args->bca_sec_parms.bca_sec_parms_len, order);
	CHECK(!security == !expected(args));
	if (!security)
		return;
	CHECK(security->program == args->bca_cb_program);
	check_wire(security, expected(args));
	bc_security_put(security);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BACKCHANNEL_CTL4args args = { 0 };
	XDR xdrs;

	xdrmem_create(&xdrs, (char *)data, (u_int)size, XDR_DECODE);
	if (xdr_BACKCHANNEL_CTL4args(&xdrs, &args)) {
		choose(&args, BC_SECURITY_ORDER_CLIENT);
		choose(&args, BC_SECURITY_ORDER_STRONGEST);
	}
	XDR_DESTROY(&xdrs);
	xdr_free((xdrproc_t)xdr_BACKCHANNEL_CTL4args, &args);
	return 0;
}
