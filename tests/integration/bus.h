/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A D-Bus of one's own, as the system's is, with the policy of Ganesha's package.
 */
#ifndef BUS_H
#define BUS_H

#include <dbus/dbus.h>

struct bus;

/** Start a daemon, and connect to it; or the test fails. */
struct bus *bus_start(void);

/** End it, after every server on it: libdbus ends who loses its bus. */
void bus_stop(struct bus *bus);

/** NAME=value for a server that is to use it, and for a shell. Borrowed. */
const char *bus_environment(const struct bus *bus);

/**
 * Call a method of an object of Ganesha's.
 *
 * @param[in] object     the last part of its path
 * @param[in] interface  NULL: Introspectable
 * @param[in] first      as for dbus_message_append_args()
 *
 * @return its reply, to be unreferenced; an error reply fails the test
 */
DBusMessage *bus_call(struct bus *bus, const char *object,
		      const char *interface, const char *method, int first,
		      ...);

#endif
