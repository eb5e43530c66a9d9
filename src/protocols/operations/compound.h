/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The session that a COMPOUND runs in, and those that arguments name.
 */
#ifndef BC_COMPOUND_H
#define BC_COMPOUND_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "nfsv41.h"

#include "backchannel.h"

/**
 * The session of a COMPOUND.
 *
 * @return borrowed; or NULL: it has none, or one that is not ours, or it is not
 *         known that the layout fits (bc_layout())
 *
 * Context: inside an RCU read-side section, an operation's handler.
 */
struct bc_session *bc_compound_session_rcu(const compound_data_t *data);

/** The same, +1 ref. Context: an operation's handler. */
struct bc_session *bc_compound_session_get(const compound_data_t *data);

/** The session that arguments or results name: +1 ref, or NULL. */
struct bc_session *bc_session_named(const sessionid4 id);

#endif /* BC_COMPOUND_H */
