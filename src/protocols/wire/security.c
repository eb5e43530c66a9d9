/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What callbacks are authenticated with: encoded here, kept by the core.
 */
#include "wire/security.h"

#include "backchannel.h"

#include <string.h>

/* An opaque_auth of the largest size, and a verifier without a body; RFC 5531,
 * 8.2.
 */
#define CRED_MAX (4 + 4 + MAX_AUTH_BYTES + 4 + 4)

/* authsys_parms, RFC 5531 appendix A: the client's own, as it gave them. */
static bool encode_sys(XDR *xdrs, const struct authunix_parms *parms)
{
	u_int name = (u_int)strlen(parms->aup_machname);
	u_int body = 4 * (5 + parms->aup_len) + RNDUP(name);
	static const char padding[4];

	if (!XDR_PUTUINT32(xdrs, AUTH_SYS) || !XDR_PUTUINT32(xdrs, body) ||
	    !XDR_PUTUINT32(xdrs, (uint32_t)parms->aup_time) ||
	    !XDR_PUTUINT32(xdrs, name) ||
	    !XDR_PUTBYTES(xdrs, parms->aup_machname, name) ||
	    !XDR_PUTBYTES(xdrs, padding, RNDUP(name) - name) ||
	    !XDR_PUTUINT32(xdrs, parms->aup_uid) ||
	    !XDR_PUTUINT32(xdrs, parms->aup_gid) ||
	    !XDR_PUTUINT32(xdrs, parms->aup_len))
		return false;
	for (u_int i = 0; i < parms->aup_len; i++)
		if (!XDR_PUTUINT32(xdrs, parms->aup_gids[i]))
			return false;
	return true;
}

static bool encode_none(XDR *xdrs)
{
	return XDR_PUTUINT32(xdrs, AUTH_NONE) && XDR_PUTUINT32(xdrs, 0);
}

/* @return +1 ref; NULL: not usable, or no memory */
static struct bc_security *security_from(uint32_t program,
					 const callback_sec_parms4 *parms)
{
	struct bc_security *security = NULL;
	char cred[CRED_MAX];
	bool encoded = false;
	XDR xdrs;

	xdrmem_create(&xdrs, cred, sizeof(cred), XDR_ENCODE);
	if (parms->cb_secflavor == AUTH_NONE)
		encoded = encode_none(&xdrs);
	else if (parms->cb_secflavor == AUTH_SYS)
		encoded = encode_sys(
			&xdrs, &parms->callback_sec_parms4_u.cbsp_sys_cred);
	/* "the verifier is ... AUTH_NONE", RFC 5531 appendix A and 8.2 */
	if (encoded && encode_none(&xdrs))
		security = bc_security_new(program, cred, XDR_GETPOS(&xdrs));
	XDR_DESTROY(&xdrs);
	return security;
}

/* The first usable one, of AUTH_SYS only if @sys_only. */
static struct bc_security *first_of(uint32_t program,
				    const callback_sec_parms4 *parms,
				    uint32_t count, bool sys_only)
{
	struct bc_security *security = NULL;

	for (uint32_t i = 0; i < count && !security; i++)
		if (!sys_only || parms[i].cb_secflavor == AUTH_SYS)
			security = security_from(program, &parms[i]);
	return security;
}

struct bc_security *bc_security_choose(uint32_t program,
				       const callback_sec_parms4 *parms,
				       uint32_t count,
				       enum bc_security_order order)
{
	struct bc_security *security = NULL;

	if (order == BC_SECURITY_ORDER_STRONGEST)
		security = first_of(program, parms, count, true);
	return security ? security : first_of(program, parms, count, false);
}
