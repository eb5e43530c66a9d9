/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Principals: who may bind connections to a session, Bind_Policy.
 *
 * RFC 5661 leaves it to SP4_MACH_CRED and SP4_SSV (2.10.8.3) to protect
 * BIND_CONN_TO_SESSION and BACKCHANNEL_CTL; under SP4_NONE, all that Ganesha
 * has, a session id would be enough to have a client's callbacks sent to
 * oneself.  A client sends these operations with the credential with which it
 * created the session, so that any other is taken for a stranger.
 */
#include "operations/principal.h"

#include "ganesha/configuration.h"

#include <string.h>

static void put_bytes(struct bc_principal *principal, const void *bytes,
		      size_t len)
{
	memcpy(principal->bytes + principal->len, bytes, len);
	principal->len += len;
}

static void put_word(struct bc_principal *principal, uint32_t word)
{
	put_bytes(principal, &word, sizeof(word));
}

void bc_principal_of(const struct svc_req *req, struct bc_principal *principal)
{
	uint32_t flavor = (uint32_t)req->rq_msg.cb_cred.oa_flavor;
	const struct authunix_parms *sys =
		(const void *)req->rq_msg.rq_cred_body;
	const gss_buffer_desc *name;

	principal->len = 0;
	switch (flavor) {
	case AUTH_NONE:
		put_word(principal, flavor);
		break;
	case AUTH_SYS:
		put_word(principal, flavor);
		put_word(principal, sys->aup_uid);
		put_word(principal, sys->aup_gid);
		put_bytes(principal, sys->aup_machname,
			  strlen(sys->aup_machname));
		break;
	case RPCSEC_GSS:
		name = &SVCAUTH_PRIVATE(req->rq_auth)->cname;
		if (name->length == 0 || name->length > BC_PRINCIPAL_NAME_MAX)
			break;
		put_word(principal, flavor);
		put_bytes(principal, name->value, name->length);
		break;
	}
}

bool bc_principal_may_bind(const struct bc_session *session,
			   const compound_data_t *data, const char *operation)
{
	struct bc_principal principal;

	if (bc_module_config.bind_policy == BC_BIND_POLICY_ANY)
		return true;
	bc_principal_of(data->req, &principal);
	if (bc_session_same_principal(session, principal.bytes, principal.len))
		return true;
	bc_log_limited(
		BC_LIMITED_PRINCIPAL, BC_LOG_WARN,
		"client %#lx: %s from %s refused, its principal did not create the session",
		(unsigned long)bc_session_clientid(session), operation,
		op_ctx->client ? op_ctx->client->hostaddr_str : "nowhere");
	return false;
}
