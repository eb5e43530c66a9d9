/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Principals: who may bind connections to a session, Bind_Policy.
 *
 * RFC 5661 leaves it to SP4_MACH_CRED and SP4_SSV (2.10.8.3) to protect
 * BIND_CONN_TO_SESSION and BACKCHANNEL_CTL; under SP4_NONE, all that Ganesha
 * has, a session id would be enough to have a client's callbacks sent to
 * oneself.  "Any principal, security flavor, or RPCSEC_GSS context MAY be used"
 * (18.34.3), and some clients use others than for CREATE_SESSION, whose session
 * ends if that is refused: so who comes from the address that created the session
 * is taken for its client, too, and only somebody else from elsewhere for a stranger.
 */
#include "operations/principal.h"

#include "ganesha/configuration.h"

#include "counters.h"

#include <string.h>
#include <urcu/uatomic.h>

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

static void put_address(struct bc_address *address, const void *bytes,
			size_t len)
{
	memcpy(address->bytes + address->len, bytes, len);
	address->len += len;
}

/* An IPv4 address is the same one inside an IPv6 address. */
void bc_address_of_client(struct bc_address *address)
{
	const sockaddr_t *from = op_ctx->caller_addr;
	const struct sockaddr_in *in = (const void *)from;
	const struct sockaddr_in6 *in6 = (const void *)from;

	address->len = 0;
	if (!from)
		return;
	if (from->ss_family == AF_INET) {
		put_address(address, &in->sin_addr, sizeof(in->sin_addr));
	} else if (from->ss_family == AF_INET6 &&
		   IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		put_address(address, in6->sin6_addr.s6_addr + 12,
			    sizeof(in->sin_addr));
	} else if (from->ss_family == AF_INET6) {
		put_address(address, &in6->sin6_addr, sizeof(in6->sin6_addr));
		put_address(address, &in6->sin6_scope_id,
			    sizeof(in6->sin6_scope_id));
	}
}

static bool same_principal(const struct bc_session *session,
			   const compound_data_t *data)
{
	struct bc_principal principal;

	bc_principal_of(data->req, &principal);
	return bc_session_same_principal(session, principal.bytes,
					 principal.len);
}

static bool same_address(const struct bc_session *session)
{
	struct bc_address address;

	bc_address_of_client(&address);
	return bc_session_same_address(session, address.bytes, address.len);
}

bool bc_principal_may_bind(const struct bc_session *session,
			   const compound_data_t *data, const char *operation)
{
	uint32_t policy = uatomic_read(&bc_module_config.bind_policy);

	if (policy == BC_BIND_POLICY_ANY || same_principal(session, data))
		return true;
	if (policy == BC_BIND_POLICY_PRINCIPAL_OR_ADDRESS &&
	    same_address(session))
		return true;
	bc_count(BC_COUNT_BIND_PRINCIPAL);
	bc_log_limited(
		BC_LIMITED_PRINCIPAL, BC_LOG_WARN,
		"client %#lx: %s from %s refused, its principal did not create the session%s",
		(unsigned long)bc_session_clientid(session), operation,
		op_ctx->client ? op_ctx->client->hostaddr_str : "nowhere",
		policy == BC_BIND_POLICY_PRINCIPAL_OR_ADDRESS ?
			", nor did its address" :
			"");
	return false;
}
