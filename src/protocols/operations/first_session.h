/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The first session: it shows whether Ganesha's structures are as we know them.
 */
#ifndef BC_FIRST_SESSION_H
#define BC_FIRST_SESSION_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "nfsv41.h"

struct bc_channel;

/**
 * Compare what we read of the first session with what we know of it.
 *
 * On a match the session gets a channel of our own.  On a mismatch everything
 * that was replaced is put back, and what did not fit is logged.
 *
 * @param[in] data      the COMPOUND that created the session
 * @param[in] clientid  as the client gave it
 * @param[in] resok     as the server answered
 *
 * @return the session's channel, +1 ref; or NULL: the session stays Ganesha's
 *
 * Context: CREATE_SESSION's handler, after the original.
 */
struct bc_channel *bc_first_session_verify(const compound_data_t *data,
					   clientid4 clientid,
					   const CREATE_SESSION4resok *resok);

#endif /* BC_FIRST_SESSION_H */
