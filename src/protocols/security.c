/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What callbacks are authenticated with.
 */
#include "security.h"

#include "bc_internal.h"

/* Credential and verifier without their bodies: flavor and length of each. */
#define AUTH_WORDS 4

static struct bc_security *security_new(uint32_t program, AUTH *auth,
					size_t cred_body)
{
	struct bc_security *security = NULL;

	if (AUTH_SUCCESS(auth))
		security = bc_security_new(program, auth,
					   4 * AUTH_WORDS + cred_body);
	if (!security)
		AUTH_DESTROY(auth);
	return security;
}

/* authsys_parms, RFC 5531 appendix A: the client's own, as it gave them. */
static struct bc_security *security_sys(uint32_t program,
					const struct authunix_parms *parms)
{
	AUTH *auth = authunix_ncreate(parms->aup_machname, parms->aup_uid,
				      parms->aup_gid, (int)parms->aup_len,
				      parms->aup_gids);
	size_t body =
		4 * (5 + parms->aup_len) + RNDUP(strlen(parms->aup_machname));

	return security_new(program, auth, body);
}

struct bc_security *bc_transport_security(uint32_t program,
					  const callback_sec_parms4 *parms,
					  uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct bc_security *security = NULL;

		if (parms[i].cb_secflavor == AUTH_NONE)
			security = security_new(program, authnone_ncreate(), 0);
		else if (parms[i].cb_secflavor == AUTH_SYS)
			security = security_sys(
				program,
				&parms[i].callback_sec_parms4_u.cbsp_sys_cred);
		if (security)
			return security;
	}
	return NULL;
}

void bc_transport_security_free(struct bc_security *security)
{
	AUTH *auth = security->auth;

	AUTH_DESTROY(auth);
}
