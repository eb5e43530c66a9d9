/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What callbacks are authenticated with.
 */
#include "security.h"

#include "bc_internal.h"
#include "module.h"

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

/* @return +1 ref, or NULL: the flavor cannot be used, or no memory */
static struct bc_security *security_of(uint32_t program,
				       const callback_sec_parms4 *parms)
{
	switch (parms->cb_secflavor) {
	case AUTH_NONE:
		return security_new(program, authnone_ncreate(), 0);
	case AUTH_SYS:
		return security_sys(
			program, &parms->callback_sec_parms4_u.cbsp_sys_cred);
	}
	return NULL;
}

/* The first usable one, of AUTH_SYS only if @sys_only. */
static struct bc_security *first_of(uint32_t program,
				    const callback_sec_parms4 *parms,
				    uint32_t count, bool sys_only)
{
	struct bc_security *security = NULL;

	for (uint32_t i = 0; i < count && !security; i++)
		if (!sys_only || parms[i].cb_secflavor == AUTH_SYS)
			security = security_of(program, &parms[i]);
	return security;
}

struct bc_security *bc_transport_security(uint32_t program,
					  const callback_sec_parms4 *parms,
					  uint32_t count)
{
	struct bc_security *security = NULL;

	if (bc_module_config.security_order == BC_SECURITY_ORDER_STRONGEST)
		security = first_of(program, parms, count, true);
	return security ? security : first_of(program, parms, count, false);
}

void bc_transport_security_free(struct bc_security *security)
{
	AUTH *auth = security->auth;

	AUTH_DESTROY(auth);
}
