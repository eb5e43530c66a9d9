/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who sent a request, and what that lets the sender do to a session.
 */
#ifndef BC_PRINCIPAL_H
#define BC_PRINCIPAL_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"

#include "backchannel.h"

/** Longest name of an RPCSEC_GSS principal that is accepted, bytes. */
#define BC_PRINCIPAL_NAME_MAX 1024

/** RPC flavor and principal as bytes: equal if and only if they are the same. */
struct bc_principal {
	size_t len; /* 0: nobody that a session could be bound by */
	uint8_t bytes[sizeof(uint32_t) + BC_PRINCIPAL_NAME_MAX];
};

/** An address without its port as bytes, as above. */
struct bc_address {
	size_t len; /* 0: none that is known */
	uint8_t bytes[BC_ADDRESS_MAX];
};

/**
 * The address of the client whose request this thread serves.
 *
 * Context: an operation's handler.
 */
void bc_address_of_client(struct bc_address *address);

/**
 * The principal of a request.
 *
 * Flavor, and with AUTH_SYS the machine's name, uid and gid (root of another
 * machine is another principal); with RPCSEC_GSS the client's name.  A name that
 * is too long, and any other flavor, is nobody's.
 *
 * Context: an operation's handler.
 */
void bc_principal_of(const struct svc_req *req, struct bc_principal *principal);

/**
 * May the sender of a COMPOUND change a session's back channel?
 *
 * Bind_Policy decides.  A refusal is logged, with the sender's address.
 *
 * @param[in] session
 * @param[in] data
 * @param[in] operation  its name, for the log
 *
 * Context: an operation's handler.
 */
bool bc_principal_may_bind(const struct bc_session *session,
			   const compound_data_t *data, const char *operation);

#endif /* BC_PRINCIPAL_H */
