/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The sessions of a COMPOUND.  The one that it runs in is found through Ganesha's
 * session, whose channel is ours, without a look-up; one that an operation's
 * arguments or results name, by its id.
 */
#include "operations/compound.h"

#include "callbacks/channel.h"
#include "ganesha/layout.h"

#include <urcu-bp.h>

struct bc_session *bc_compound_session_rcu(const compound_data_t *data)
{
	/* Until then nothing of the COMPOUND's data is ours to follow. */
	if (bc_layout() != BC_LAYOUT_FITS || !data->session)
		return NULL;
	return bc_channel_session_rcu(data->session);
}

struct bc_session *bc_compound_session_get(const compound_data_t *data)
{
	struct bc_session *session;

	rcu_read_lock();
	session = bc_compound_session_rcu(data);
	if (session && !bc_session_get_rcu(session))
		session = NULL;
	rcu_read_unlock();
	return session;
}

struct bc_session *bc_session_named(const sessionid4 id)
{
	return bc_session_get((const uint8_t *)id);
}
