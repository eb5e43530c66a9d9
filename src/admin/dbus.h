/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The model over D-Bus: what the methods of an object answer.
 *
 * Which object that is, and who calls, is its owner's.  Each reply begins as the
 * server's other objects' do: whether it went well (b), and if not, why (s), which
 * is all then; else when (tt).  What follows is said with each method.
 *
 * Times are numbers of seconds (d); -1: never, or not known.
 */
#ifndef BC_DBUS_H
#define BC_DBUS_H

#include "admin/admin.h"

#include <dbus/dbus.h>

/** Clients, or exports, in one reply. */
#define BC_DBUS_PAGE_MAX 1000
/** Clients that can be asked, or were and can be told of, at a time. */
#define BC_DBUS_PROBES 16

/* id, path, pseudo path, FSAL, whether it is adopted, why not */
#define BC_DBUS_EXPORT "(qsssbs)"
/* id, address ("": not known), state, whether it has a path, since when it has one
 * or none, when it was last heard, sessions, bindings, paths, callbacks, of them
 * waiting, since when the oldest does, revoked stateids
 */
#define BC_DBUS_CLIENT "(tssbdduuuuudu)"
/* id, minor version, state, bindings, paths; slots: size, limit, busy, lost */
#define BC_DBUS_SESSION "(susuuuuuu)"
/* connection, session, state, channels, on trial, heard */
#define BC_DBUS_BINDING "(tsssbd)"

/**
 * A method.
 *
 * @param[in]  config
 * @param[in]  args   NULL: there are none
 * @param[out] reply  to append to
 *
 * @return false: out of memory, and the reply is of no use
 *
 * Context: one thread at a time; waits for no client.
 */
typedef bool bc_dbus_method(const struct bc_admin_config *config,
			    DBusMessageIter *args, DBusMessageIter *reply);

/** How the module stands: s state, s why, s version, s Ganesha's. */
bc_dbus_method bc_dbus_status;

/** a{st} what there is now, a{st} what has been, a{sd} seconds. */
bc_dbus_method bc_dbus_totals;

/** u cursor (0, or as given), u limit (1 .. BC_DBUS_PAGE_MAX): u the next cursor (0:
 * that was all), a BC_DBUS_CLIENT.
 */
bc_dbus_method bc_dbus_list_clients;

/** The same of exports: u cursor, u limit: u the next cursor, a BC_DBUS_EXPORT. */
bc_dbus_method bc_dbus_list_exports;

/** t id: BC_DBUS_CLIENT, s why it is granted no delegations (""), a BC_DBUS_SESSION,
 * a BC_DBUS_BINDING, b whether that is all of them.
 */
bc_dbus_method bc_dbus_show_client;

/** t id: ask it whether it answers, unless it is being asked. */
bc_dbus_method bc_dbus_probe;

/** t id: s pending, answered or unanswered; d how long that took. */
bc_dbus_method bc_dbus_probe_result;

/** t id, t connection: u of how many sessions it was a back channel. */
bc_dbus_method bc_dbus_drop_connection;

/** t id: forget what it left unanswered. */
bc_dbus_method bc_dbus_reset_trust;

/** a{ss} the settings. */
bc_dbus_method bc_dbus_list_settings;

/** s name, s value: change one, for what is new. */
bc_dbus_method bc_dbus_set;

/** No method is called any more. Context: before the core ends; idempotent. */
void bc_dbus_end(void);

#endif /* BC_DBUS_H */
