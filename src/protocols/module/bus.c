/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha takes objects for its bus, and logs an error when it has none.  It connects
 * after the exports have been read, and so after the module has been started: a
 * thread waits for that, registers the object if there is a bus, and ends.
 *
 * Methods are called on Ganesha's own thread for its bus, one at a time; it ends
 * before the module does.
 */
#include "module/bus.h"

#include "admin/dbus.h"

#include "config.h"
#include "gsh_list.h"
#include "gsh_dbus.h"
#include "nfs_init.h"

#include <pthread.h>
#include <signal.h>
#include <urcu/uatomic.h>

#define OBJECT "Backchannel"
#define INTERFACE "org.ganesha.nfsd.backchannel"

/* A Ganesha that is built without D-Bus has no such function. */
#pragma weak gsh_dbus_register_path

static const struct bc_admin_config *config; /* [K] after the start */

/* The object ----------------------------------------------------------------- */

static bool answer(bc_dbus_method *method, DBusMessageIter *args,
		   DBusMessage *reply)
{
	DBusMessageIter iter;

	dbus_message_iter_init_append(reply, &iter);
	return method(config, args, &iter);
}

#define IN(argument, signature)                                                \
	{                                                                      \
		.name = argument, .type = signature, .direction = "in"         \
	}
#define OUT(argument, signature)                                               \
	{                                                                      \
		.name = argument, .type = signature, .direction = "out"        \
	}

/* A method that admin/dbus.h has, with what follows status, error and time. */
#define METHOD(function, called, ...)                                          \
	static bool on_##function(DBusMessageIter *args, DBusMessage *reply,   \
				  DBusError *error)                            \
	{                                                                      \
		(void)error;                                                   \
		return answer(bc_dbus_##function, args, reply);                \
	}                                                                      \
	static struct gsh_dbus_method method_##function = {                    \
		.name = called,                                                \
		.method = on_##function,                                       \
		.args = { __VA_ARGS__ END_ARG_LIST },                          \
	}

#define REPLY STATUS_REPLY, OUT("time", "(tt)"),
#define CLIENT_ID IN("clientid", "t"),

METHOD(status, "Status", REPLY OUT("state", "s"), OUT("why", "s"),
       OUT("version", "s"), OUT("ganesha", "s"), );
METHOD(totals, "Totals", REPLY OUT("now", "a{st}"), OUT("counts", "a{st}"),
       OUT("seconds", "a{sd}"), );
METHOD(list_clients, "ListClients", IN("cursor", "u"), IN("limit", "u"),
       REPLY OUT("next", "u"), OUT("clients", "a" BC_DBUS_CLIENT), );
METHOD(show_client, "ShowClient", CLIENT_ID REPLY OUT("client", BC_DBUS_CLIENT),
       OUT("no_delegations", "s"), OUT("sessions", "a" BC_DBUS_SESSION),
       OUT("connections", "a" BC_DBUS_BINDING), OUT("all_shown", "b"), );
METHOD(list_exports, "ListExports", IN("cursor", "u"), IN("limit", "u"),
       REPLY OUT("next", "u"), OUT("exports", "a" BC_DBUS_EXPORT), );
METHOD(probe, "Probe", CLIENT_ID REPLY);
METHOD(probe_result, "ProbeResult", CLIENT_ID REPLY OUT("result", "s"),
       OUT("seconds", "d"), );
METHOD(drop_connection, "DropConnection", CLIENT_ID IN("connection", "t"),
       REPLY OUT("dropped", "u"), );
METHOD(reset_trust, "ResetTrust", CLIENT_ID REPLY);
METHOD(list_settings, "ListSettings", REPLY OUT("settings", "a{ss}"), );
METHOD(set, "Set", IN("name", "s"), IN("value", "s"), REPLY);

static struct gsh_dbus_method *methods[] = {
	&method_status,	      &method_totals,
	&method_list_clients, &method_show_client,
	&method_list_exports, &method_probe,
	&method_probe_result, &method_drop_connection,
	&method_reset_trust,  &method_list_settings,
	&method_set,	      NULL,
};

static struct gsh_dbus_interface interface = {
	.name = INTERFACE,
	.methods = methods,
};

static struct gsh_dbus_interface *interfaces[] = { &interface, NULL };

/* Registering ---------------------------------------------------------------- */

static pthread_t thread;
static bool thread_runs; /* starting and stopping are in order */
static bool stopping; /* [A] */

/* libdbus knows the one connection of a process to the system's bus, and which
 * objects are on it: Ganesha's are, if it is Ganesha's.
 */
static bool has_bus(void)
{
	DBusConnection *connection = dbus_bus_get(DBUS_BUS_SYSTEM, NULL);
	void *object = NULL;

	if (!connection)
		return false;
	if (!dbus_connection_get_object_path_data(connection, DBUS_PATH "admin",
						  &object))
		object = NULL;
	dbus_connection_unref(connection);
	return object != NULL;
}

static void *register_object(void *arg)
{
	(void)arg;
	while (nfs_init_wait_timeout(1))
		if (uatomic_read(&stopping))
			return NULL;
	if (!has_bus())
		return NULL;
	gsh_dbus_register_path(OBJECT, interfaces);
	/* Whether anybody can call it by Ganesha's name, Ganesha's log says. */
	config->log(false, "D-Bus " DBUS_PATH OBJECT ": is registered");
	return NULL;
}

/* The server's signals are for its own threads. */
void bc_bus_start(const struct bc_admin_config *shown)
{
	sigset_t all, before;

	config = shown;
	if (!gsh_dbus_register_path)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	thread_runs = !pthread_create(&thread, NULL, register_object, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!thread_runs)
		config->log(true, "D-Bus " OBJECT ": its thread cannot start");
}

void bc_bus_stop(void)
{
	if (!thread_runs)
		return;
	uatomic_set(&stopping, true);
	pthread_join(thread, NULL);
	thread_runs = false;
	bc_dbus_end();
}
