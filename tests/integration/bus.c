/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "bus.h"
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The system's, without a service of it. */
static const char configuration[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig>\n"
	"<listen>unix:path=%s/bus</listen>\n"
	"<auth>EXTERNAL</auth>\n"
	"<policy context=\"default\">\n"
	"<allow user=\"*\"/><deny own=\"*\"/><deny send_type=\"method_call\"/>\n"
	"<allow send_type=\"signal\"/>\n"
	"<allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
	"<allow send_requested_reply=\"true\" send_type=\"error\"/>\n"
	"<allow receive_type=\"method_call\"/>\n"
	"<allow receive_type=\"method_return\"/>\n"
	"<allow receive_type=\"error\"/><allow receive_type=\"signal\"/>\n"
	"<allow send_destination=\"org.freedesktop.DBus\"/>\n"
	"</policy>\n"
	"<includedir>/usr/share/dbus-1/system.d</includedir>\n"
	"<includedir>/etc/dbus-1/system.d</includedir>\n"
	"</busconfig>\n";

struct bus {
	char folder[64];
	char conf[80];
	char environment[128];
	pid_t pid;
	DBusConnection *connection;
};

static void write_configuration(struct bus *bus)
{
	FILE *file;

	snprintf(bus->folder, sizeof(bus->folder), "/tmp/test-bus-XXXXXX");
	assert_non_null(mkdtemp(bus->folder));
	snprintf(bus->conf, sizeof(bus->conf), "%s/conf", bus->folder);
	file = fopen(bus->conf, "we");
	assert_non_null(file);
	fprintf(file, configuration, bus->folder);
	assert_int_equal(fclose(file), 0);
}

/* It prints its address when it listens. */
static void start_daemon(struct bus *bus)
{
	char config[96], print[32], address[256];
	int out[2];
	ssize_t len;

	assert_int_equal(pipe(out), 0);
	snprintf(config, sizeof(config), "--config-file=%s", bus->conf);
	snprintf(print, sizeof(print), "--print-address=%d", out[1]);
	bus->pid = fork();
	assert_true(bus->pid >= 0);
	if (!bus->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(out[0]);
		execlp("dbus-daemon", "dbus-daemon", "--nofork", "--nopidfile",
		       "--nosyslog", config, print, NULL);
		_exit(127);
	}
	close(out[1]);
	len = read(out[0], address, sizeof(address) - 1);
	close(out[0]);
	assert_true(len > 0);
	address[strcspn(address, ",\n")] = '\0';
	snprintf(bus->environment, sizeof(bus->environment),
		 "DBUS_SYSTEM_BUS_ADDRESS=unix:path=%s/bus", bus->folder);
}

struct bus *bus_start(void)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	write_configuration(bus);
	start_daemon(bus);
	bus->connection = dbus_connection_open_private(
		strchr(bus->environment, '=') + 1, NULL);
	assert_non_null(bus->connection);
	dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
	assert_true(dbus_bus_register(bus->connection, NULL));
	return bus;
}

void bus_stop(struct bus *bus)
{
	char path[80];

	dbus_connection_close(bus->connection);
	dbus_connection_unref(bus->connection);
	kill(bus->pid, SIGKILL);
	waitpid(bus->pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/bus", bus->folder);
	unlink(path);
	unlink(bus->conf);
	rmdir(bus->folder);
	free(bus);
}

const char *bus_environment(const struct bus *bus)
{
	return bus->environment;
}

DBusMessage *bus_call(struct bus *bus, const char *object,
		      const char *interface, const char *method, int first, ...)
{
	DBusMessage *call, *reply;
	DBusError error;
	char path[128];
	va_list args;

	snprintf(path, sizeof(path), "/org/ganesha/nfsd/%s", object);
	call = dbus_message_new_method_call(
		"org.ganesha.nfsd", path,
		interface ? interface : DBUS_INTERFACE_INTROSPECTABLE, method);
	assert_non_null(call);
	va_start(args, first);
	assert_true(dbus_message_append_args_valist(call, first, args));
	va_end(args);
	dbus_error_init(&error);
	reply = dbus_connection_send_with_reply_and_block(bus->connection, call,
							  SOON, &error);
	dbus_message_unref(call);
	if (!reply)
		fail_msg("%s: %s: %s", method, error.name, error.message);
	return reply;
}
