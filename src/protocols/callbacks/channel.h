/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels: what Ganesha holds as a session's back channel.
 */
#ifndef BC_CHANNEL_H
#define BC_CHANNEL_H

#include "config.h"
#include "nfs_core.h"
#include "sal_data.h"

struct bc_session;

/**
 * What Ganesha holds as a session's back channel: a CLIENT of our own.  Its
 * destruction is the session's end.
 */
struct bc_channel;

/** CREATE_SESSION in progress on this thread: the next channel is its own. */
struct bc_creation {
	struct bc_channel *channel; /* made meanwhile, +1 ref; or NULL */
};
void bc_channel_creation_begin(struct bc_creation *creation);
void bc_channel_creation_end(void);

/** Let a channel stand for a session; takes a reference to it. */
void bc_channel_set_session(struct bc_channel *channel,
			    struct bc_session *session);

/**
 * The session that a session of Ganesha's has a channel for.
 *
 * @return borrowed; or NULL: its channel is not one of ours, as with the few
 *         sessions that were made while it was not known yet whether the layout
 *         fits (bc_layout()), and could not be given one
 *
 * Context: bc_layout() is BC_LAYOUT_FITS; inside an RCU read-side section; the caller keeps Ganesha's session.
 */
struct bc_session *bc_channel_session_rcu(const nfs41_session_t *session);

/** Drop a reference. If it is the last, the session has ended. */
void bc_channel_put(struct bc_channel *channel);

/**
 * Give a session of Ganesha's a channel of our own, in place of the one it may
 * have.
 *
 * @return +1 ref; or NULL: it has one of our own already, or is just being used
 *
 * Context: session->clientid_record->cid_mutex is held.
 */
struct bc_channel *bc_channel_install(nfs41_session_t *session);

/** Is this CLIENT a channel of ours? Context: the caller keeps it. */
bool bc_channel_is_ours(const CLIENT *clnt);

/**
 * The channel of the CREATE_SESSION that is in progress on this thread.
 *
 * @return the CLIENT, Ganesha's; or NULL: there is none in progress
 */
CLIENT *bc_channel_create_here(void);

#endif /* BC_CHANNEL_H */
