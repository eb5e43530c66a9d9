/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin/admin.h"

#include "admin/http.h"
#include "admin/listening.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

/** A window: where it is, and who serves it. */
struct window {
	struct bc_listening listening;
	struct bc_http *http; /* NULL: there is none */
};

/* Starting and stopping are their callers' to put in order. */
static struct window unix_window, tcp_window;

static void log_line(const struct bc_admin_config *config, bool error,
		     const char *parameter, const char *where, const char *what)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s: %s", parameter, where, what);
	config->log(error, line);
}

static void window_open(struct window *window,
			const struct bc_admin_config *config,
			const char *parameter, const char *where,
			int (*listens)(struct bc_listening *listening,
				       const char *where, char *why,
				       size_t size),
			bool read_only)
{
	char why[256];

	if (window->http || !where || !where[0])
		return;
	if (listens(&window->listening, where, why, sizeof(why))) {
		log_line(config, true, parameter, where, why);
		return;
	}
	window->http = bc_http_start(config, window->listening.fd, read_only,
				     read_only);
	if (window->http) {
		log_line(config, false, parameter, where,
			 read_only ? "can be read" : "is served");
		return;
	}
	bc_listening_end(&window->listening);
	log_line(config, true, parameter, where, "its thread cannot start");
}

static void window_close(struct window *window)
{
	if (!window->http)
		return;
	bc_http_stop(window->http); /* which closes the socket */
	bc_listening_end(&window->listening);
	window->http = NULL;
}

/* The server's signals are for its own threads. */
void bc_admin_start(const struct bc_admin_config *config)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	window_open(&unix_window, config, "Admin_Socket", config->socket,
		    bc_listen_unix, false);
	window_open(&tcp_window, config, "Admin_Address", config->address,
		    bc_listen_tcp, true);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void bc_admin_stop(void)
{
	window_close(&unix_window);
	window_close(&tcp_window);
}
