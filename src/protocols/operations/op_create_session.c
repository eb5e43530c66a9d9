/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * CREATE_SESSION: every session gets a channel of ours.  RFC 5661, 18.36.
 *
 * Ganesha makes a back channel only for a client that asks for
 * CREATE_SESSION4_FLAG_CONN_BACK_CHAN, and only with a security flavor that it
 * can use itself.  A client may as well bind one later, and we need to hear of
 * every session's end: so the original is called with the flag and a flavor
 * that always works, and the answer is then made to say what is true.
 */
#include "operations/compound.h"
#include "operations/operations.h"
#include "operations/principal.h"

#include "callbacks/channel.h"
#include "ganesha/configuration.h"
#include "ganesha/layout.h"
#include "operations/first_session.h"
#include "operations/protection.h"
#include "transport/transport.h"
#include "wire/security.h"

#include "nfsv41.h"

#include "backchannel.h"
#include "counters.h"

#include <inttypes.h>
#include <string.h>
#include <urcu/uatomic.h>

/* Call the original so that it makes a channel of ours, whatever was asked. */
static enum nfs_req_result create_with_channel(struct nfs_argop4 *op,
					       compound_data_t *data,
					       struct nfs_resop4 *resp,
					       struct bc_channel **channel)
{
	CREATE_SESSION4args *args = &op->nfs_argop4_u.opcreate_session;
	const CREATE_SESSION4args asked = *args;
	callback_sec_parms4 none = { .cb_secflavor = AUTH_NONE };
	struct bc_creation creation;
	enum nfs_req_result result;

	args->csa_flags |= CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
	args->csa_sec_parms.csa_sec_parms_len = 1;
	args->csa_sec_parms.csa_sec_parms_val = &none;
	bc_channel_creation_begin(&creation);
	result = bc_operation_original(op, data, resp);
	bc_channel_creation_end();
	*args = asked;
	*channel = creation.channel;
	return result;
}

static bool asks_for_back(const CREATE_SESSION4args *args)
{
	return args->csa_flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
}

/* Bind the connection that CREATE_SESSION came on. @return whether it is */
static bool bind_to(struct bc_session *session, const compound_data_t *data,
		    enum bc_bind_dir dir)
{
	struct bc_conn *conn = bc_transport_conn(data->req->rq_xprt);
	enum bc_channels channels;
	int rc;

	if (!conn)
		return false;
	rc = bc_bind(session, conn, dir, data->req, &channels);
	bc_conn_put(conn);
	return rc == 0;
}

/* Whether callbacks can be made; too small: a recall exceeds the limits. */
enum usable { USABLE, UNUSABLE, TOO_SMALL };

/* What callbacks are to carry, and whether they can be made. */
static enum usable choose_security(const CREATE_SESSION4args *args,
				   struct bc_security **security)
{
	*security = bc_security_choose(
		args->csa_cb_program, args->csa_sec_parms.csa_sec_parms_val,
		args->csa_sec_parms.csa_sec_parms_len,
		(enum bc_security_order)uatomic_read(
			&bc_module_config.security_order));
	if (!*security) {
		bc_count(BC_COUNT_NO_SECURITY);
		bc_log_limited(
			BC_LIMITED_NO_BACK_CHANNEL, BC_LOG_INFO,
			"client %#lx: no back channel, it offers neither AUTH_SYS nor AUTH_NONE",
			(unsigned long)args->csa_clientid);
		return UNUSABLE;
	}
	if (bc_security_fits(*security,
			     args->csa_back_chan_attrs.ca_maxrequestsize,
			     BC_RECALL_PLAIN))
		return USABLE;
	bc_security_put(*security);
	*security = NULL;
	bc_count(BC_COUNT_TOO_SMALL);
	bc_log_limited(
		BC_LIMITED_NO_BACK_CHANNEL, BC_LOG_INFO,
		"client %#lx: no back channel, a recall does not fit into %u bytes",
		(unsigned long)args->csa_clientid,
		args->csa_back_chan_attrs.ca_maxrequestsize);
	return TOO_SMALL;
}

/* Make the new session known; takes the security over.
 * @return whether its back channel is bound, if that is asked for
 */
static bool session_register(const CREATE_SESSION4args *args,
			     const CREATE_SESSION4resok *resok,
			     const compound_data_t *data,
			     struct bc_channel *channel,
			     struct bc_security *security)
{
	bool bound = asks_for_back(args) && security;
	struct bc_session_attrs attrs = {
		.clientid = args->csa_clientid,
		.minorversion = data->minorversion,
		.max_requests = resok->csr_back_chan_attrs.ca_maxrequests,
		.max_request_size =
			resok->csr_back_chan_attrs.ca_maxrequestsize,
		.security = security,
	};
	struct bc_principal principal;
	struct bc_address address;
	state_protect_ops4 agreed;
	struct bc_session *session;

	bc_principal_of(data->req, &principal);
	attrs.principal = principal.bytes;
	attrs.principal_len = principal.len;
	bc_address_of_client(&address);
	attrs.address = address.bytes;
	attrs.address_len = address.len;
	memcpy(attrs.id, resok->csr_sessionid, BC_SESSIONID_SIZE);
	attrs.is_protected = bc_protection_find(args->csa_clientid, &agreed);
	attrs.must_bind = attrs.is_protected &&
			  bc_protection_has(&agreed.spo_must_enforce,
					    NFS4_OP_BIND_CONN_TO_SESSION);
	if (bc_session_add(&attrs, &session))
		return false;
	bc_channel_set_session(channel, session);
	bound = bound && bind_to(session, data, BC_BIND_BACK_OR_BOTH);
	/* "... the connection that transported the CREATE_SESSION request is
	 * automatically associated with the fore channel" 2.10.3.1
	 */
	if (!bound && attrs.must_bind)
		bind_to(session, data, BC_BIND_FORE);
	bc_session_put(session);
	return bound;
}

/* Whether the session got its back channel at once: a client that has no reply
 * yet does not know the session's id, and cannot have bound one since.
 */
static bool was_bound(const CREATE_SESSION4resok *resok)
{
	struct bc_session *session = bc_session_named(resok->csr_sessionid);
	bool bound;

	if (!session)
		return false;
	bound = bc_session_had_back(session);
	bc_session_put(session);
	return bound;
}

/* A protected client's session that is not ours, which is used by nobody. */
static bool is_lost(const CREATE_SESSION4resok *resok)
{
	struct bc_session *session = bc_session_named(resok->csr_sessionid);

	if (!session)
		return bc_protection_is_lost(resok->csr_sessionid);
	bc_session_put(session);
	return false;
}

/* "csr_flags ... CREATE_SESSION4_FLAG_CONN_BACK_CHAN" is repeated only if the
 * back channel is bound, 18.36.3.
 */
static void answer_bound(CREATE_SESSION4resok *resok, bool bound)
{
	if (bound)
		resok->csr_flags |= CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
	else
		resok->csr_flags &=
			~(uint32_t)CREATE_SESSION4_FLAG_CONN_BACK_CHAN;
}

/* Ganesha's part, and the new session's channel: +1 ref, or NULL: a replay, an
 * error, or no session that we could serve.
 */
static enum nfs_req_result create_or_verify(struct nfs_argop4 *op,
					    compound_data_t *data,
					    struct nfs_resop4 *resp,
					    struct bc_channel **channel)
{
	const CREATE_SESSION4args *args = &op->nfs_argop4_u.opcreate_session;
	CREATE_SESSION4res *res = &resp->nfs_resop4_u.opcreate_session;
	enum nfs_req_result result;

	if (bc_layout() == BC_LAYOUT_FITS)
		return create_with_channel(op, data, resp, channel);
	*channel = NULL;
	result = bc_operation_original(op, data, resp);
	if (res->csr_status == NFS4_OK)
		*channel = bc_first_session_verify(
			data, args->csa_clientid,
			&res->CREATE_SESSION4res_u.csr_resok4);
	return result;
}

/* The original says NFS4ERR_TOOSMALL itself, where it is due: it has looked for
 * the client id, at the sequence (a replay gets the reply of then) and at the
 * principal before it looks at the sizes, and has changed nothing.
 */
static enum nfs_req_result refuse_too_small(struct nfs_argop4 *op,
					    compound_data_t *data,
					    struct nfs_resop4 *resp)
{
	channel_attrs4 *back =
		&op->nfs_argop4_u.opcreate_session.csa_back_chan_attrs;
	const count4 asked = back->ca_maxrequestsize;
	enum nfs_req_result result;

	back->ca_maxrequestsize = 0;
	result = bc_operation_original(op, data, resp);
	back->ca_maxrequestsize = asked;
	return result;
}

enum nfs_req_result bc_op_create_session(struct nfs_argop4 *op,
					 compound_data_t *data,
					 struct nfs_resop4 *resp)
{
	CREATE_SESSION4args *args = &op->nfs_argop4_u.opcreate_session;
	CREATE_SESSION4res *res = &resp->nfs_resop4_u.opcreate_session;
	CREATE_SESSION4resok *resok = &res->CREATE_SESSION4res_u.csr_resok4;
	struct bc_security *security;
	struct bc_channel *channel = NULL;
	enum nfs_req_result result;
	enum usable usable;

	if (bc_layout() == BC_LAYOUT_MISFIT)
		return bc_operation_original(op, data, resp);
	if (!bc_protection_admits(args->csa_clientid, data->req,
				  "CREATE_SESSION"))
		return bc_operation_fail(op, resp, NFS4ERR_WRONG_CRED);
	if (bc_protection_is_outdated(args->csa_clientid))
		return bc_operation_fail(op, resp, NFS4ERR_STALE_CLIENTID);

	usable = choose_security(args, &security);
	if (usable == TOO_SMALL && asks_for_back(args))
		result = refuse_too_small(op, data, resp);
	else
		result = create_or_verify(op, data, resp, &channel);
	if (channel) {
		answer_bound(resok, session_register(args, resok, data, channel,
						     security));
		bc_channel_put(channel);
		security = NULL;
	} else if (res->csr_status == NFS4_OK &&
		   bc_layout() == BC_LAYOUT_FITS) {
		/* A replay says what the first answer said. */
		answer_bound(resok, asks_for_back(args) && was_bound(resok));
	}
	/* Its session is there, also if we cannot serve it. */
	if (res->csr_status == NFS4_OK)
		bc_waiting_holder_back(args->csa_clientid);
	/* Its client starts over.  Told of it by SEQUENCE alone, Linux would make
	 * another session, and leave out RECLAIM_COMPLETE.
	 */
	if (res->csr_status == NFS4_OK && is_lost(resok))
		result = bc_operation_fail(op, resp, NFS4ERR_STALE_CLIENTID);
	if (security)
		bc_security_put(security);
	return result;
}
