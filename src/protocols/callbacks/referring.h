/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Referring calls: the request that created what a callback speaks of.
 * RFC 5661, 2.10.6.3.
 */
#ifndef BC_REFERRING_H
#define BC_REFERRING_H

#include "config.h"
#include "nfs_core.h"
#include "nfsv41.h"
#include "sal_data.h"

#include "wire/cb_sequence.h"

/** The sessions on which a request may have been made, and its slot. */
struct bc_referring {
	char session[BC_REFERRING_MAX][NFS4_SESSIONID_SIZE];
	referring_call4 call;
};

/**
 * Find the sessions that a callback's referring call may have been made on.
 *
 * @param[in]  session   that Ganesha would send the callback on
 * @param[in]  sequence  as Ganesha has filled it in
 * @param[out] lists
 *
 * @return their number, which is that of the lists to send
 *
 * Context: takes the client record's cid_mutex.
 */
u_int bc_referring_find(nfs41_session_t *session,
			const CB_SEQUENCE4args *sequence,
			struct bc_referring *lists);

/**
 * Encode csa_referring_call_lists<>, 20.9.1: a list of one call for each session.
 *
 * @return false: there is no room for it
 */
bool bc_referring_encode(XDR *xdrs, struct bc_referring *lists, u_int count);

#endif /* BC_REFERRING_H */
