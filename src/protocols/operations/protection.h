/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * State protection: client ids that belong to a machine's credential,
 * SP4_MACH_CRED.  RFC 5661, 2.10.8.3 and 18.35.
 */
#ifndef BC_PROTECTION_H
#define BC_PROTECTION_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "nfsv41.h"

#include "backchannel.h"

/**
 * Was a request sent with RPCSEC_GSS, and its contents with integrity or privacy?
 *
 * Context: an operation's handler.
 */
bool bc_protection_is_proof(const struct svc_req *req);

/** Is an operation in a set of them? */
bool bc_protection_has(const bitmap4 *ops, nfs_opnum4 opcode);

/**
 * May somebody speak for a client owner?  Not if a client id of that owner, whose
 * lease is not over, belongs to another credential (18.35.3).
 *
 * Context: an operation's handler; holds no lock of Ganesha's.
 */
bool bc_protection_admits_owner(const client_owner4 *owner,
				const struct svc_req *req);

/**
 * A client id is its sender's from now on.
 *
 * @param[in]  clientid  new, of an EXCHANGE_ID that bc_protection_is_proof()
 * @param[in]  owner
 * @param[in]  req       the EXCHANGE_ID's
 * @param[in]  asked     what the client wants to be protected, and to be allowed
 * @param[out] agreed    what of it is
 *
 * @retval 0        agreed
 * @retval -EINVAL  nobody sent it that could be told again
 * @retval -ENOMEM
 *
 * Context: an operation's handler; holds no lock of Ganesha's.
 */
int bc_protection_agree(clientid4 clientid, const client_owner4 *owner,
			const struct svc_req *req,
			const state_protect_ops4 *asked,
			state_protect_ops4 *agreed);

/**
 * What has been agreed with a client.
 *
 * @return whether it is protected. Context: an operation's handler.
 */
bool bc_protection_find(clientid4 clientid, state_protect_ops4 *agreed);

/**
 * May an operation's sender act for a client?  If the client id is protected, its
 * machine's credential alone may; a refusal is counted and logged.
 *
 * @param[in] operation  its name, for the log
 *
 * Context: an operation's handler.
 */
bool bc_protection_admits(clientid4 clientid, const struct svc_req *req,
			  const char *operation);

/** Is this the machine's credential of a protected session's client? */
bool bc_protection_is_machine(const struct bc_session *session,
			      const struct svc_req *req);

/**
 * As bc_protection_admits(), by a session of the client's.
 *
 * @param[in] id
 * @param[in] session  of that id; NULL: none of ours
 */
bool bc_protection_admits_to(const sessionid4 id,
			     const struct bc_session *session,
			     const struct svc_req *req, const char *operation);

/**
 * Is a session lost?  It is its protected client's, but could not be made known to
 * the core: nobody knows which connections are its, and nobody is to use it.
 *
 * @param[in] id  of a session that is not ours
 *
 * Context: an operation's handler.
 */
bool bc_protection_is_lost(const sessionid4 id);

/**
 * May an operation's sender have a session's callbacks sent elsewhere?  "If
 * SP4_MACH_CRED is used, RPCSEC_GSS MUST be used with the integrity or privacy
 * services, using the principal that created the client ID." 18.34.3.  Bind_Policy
 * is for all others.  A refusal is counted and logged.
 *
 * @param[in] operation  its name, for the log
 *
 * Context: an operation's handler.
 */
bool bc_protection_may_bind(const struct bc_session *session,
			    const compound_data_t *data, const char *operation);

/**
 * Is a client id, which is not confirmed, so old that its agreement has been ended?
 * Ganesha ends it earlier; if it has been kept from that, the id is not to be
 * confirmed any more, without its protection.
 *
 * Context: an operation's handler; holds no lock of Ganesha's.
 */
bool bc_protection_is_outdated(clientid4 clientid);

/** The client id has ended. Context: any thread; no lock of Ganesha's is held. */
void bc_protection_forget(clientid4 clientid);

/** All of them have. Context: no handler runs any more. */
void bc_protection_fini(void);

#endif /* BC_PROTECTION_H */
