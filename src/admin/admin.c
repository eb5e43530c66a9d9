/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin/admin.h"

#include "admin/http.h"
#include "admin/listening.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define WHY 256 /* bytes */

/** A window: what it is, where it is, and who serves it. */
struct window {
	const char *parameter;
	int (*listens)(struct bc_listening *listening, const char *where,
		       char *why, size_t size);
	bool read_only;
	struct bc_listening listening;
	struct bc_http *http; /* NULL: it is closed */
	char where[256]; /* "": it is closed */
};

/* Starting, moving and stopping are their callers' to put in order. */
static struct window unix_window = { .parameter = "Admin_Socket",
				     .listens = bc_listen_unix };
static struct window tcp_window = { .parameter = "Admin_Address",
				    .listens = bc_listen_tcp,
				    .read_only = true };

static void log_line(const struct bc_admin_config *config, bool error,
		     const char *parameter, const char *where, const char *what)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s: %s", parameter, where, what);
	config->log(error, line);
}

/* The server's signals are for its own threads. */
static struct bc_http *serve(const struct window *window,
			     const struct bc_admin_config *config)
{
	struct bc_http *http;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	http = bc_http_start(config, window->listening.fd, window->read_only,
			     window->read_only);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return http;
}

static const char *or_nowhere(const char *where)
{
	return where ? where : "";
}

/* @return 0; or -errno, and why */
static int window_try(struct window *window,
		      const struct bc_admin_config *config, const char *where,
		      char *why, size_t size)
{
	int rc;

	if (!where[0])
		return 0;
	rc = window->listens(&window->listening, where, why, size);
	if (rc)
		return rc;
	window->http = serve(window, config);
	if (!window->http) {
		bc_listening_end(&window->listening);
		snprintf(why, size, "its thread cannot start");
		return -EAGAIN;
	}
	snprintf(window->where, sizeof(window->where), "%s", where);
	log_line(config, false, window->parameter, where,
		 window->read_only ? "can be read" : "is served");
	return 0;
}

/* @return whether it is as it is to be */
static bool window_open(struct window *window,
			const struct bc_admin_config *config, const char *where)
{
	char why[WHY];

	if (!window_try(window, config, where, why, sizeof(why)))
		return true;
	log_line(config, true, window->parameter, where, why);
	return false;
}

static void window_close(struct window *window)
{
	if (!window->http)
		return;
	bc_http_stop(window->http); /* which closes the socket */
	bc_listening_end(&window->listening);
	window->http = NULL;
	window->where[0] = '\0';
}

/* What is in use may be so by the window itself: at another address, or by another
 * name.
 */
static bool window_reopen(struct window *window,
			  const struct bc_admin_config *config,
			  const char *where)
{
	char before[sizeof(window->where)];

	memcpy(before, window->where, sizeof(before));
	window_close(window);
	if (window_open(window, config, where))
		return true;
	window_open(window, config, before);
	return false;
}

/* The new one is open before the old one is closed, if it can be. */
static bool window_move(struct window *window,
			const struct bc_admin_config *config, const char *where)
{
	struct window moved = *window;
	char why[WHY];
	int rc;

	where = or_nowhere(where);
	if (!strcmp(where, window->where))
		return true;
	moved.http = NULL;
	moved.where[0] = '\0';
	rc = window_try(&moved, config, where, why, sizeof(why));
	if (rc == -EADDRINUSE && window->http)
		return window_reopen(window, config, where);
	if (rc) {
		log_line(config, true, window->parameter, where, why);
		if (window->http)
			log_line(config, true, window->parameter, window->where,
				 "stays");
		return false;
	}
	window_close(window);
	*window = moved;
	return true;
}

void bc_admin_start(const struct bc_admin_config *config)
{
	if (!unix_window.http)
		window_open(&unix_window, config, or_nowhere(config->socket));
	if (!tcp_window.http)
		window_open(&tcp_window, config, or_nowhere(config->address));
}

bool bc_admin_move_socket(const struct bc_admin_config *config,
			  const char *where)
{
	return window_move(&unix_window, config, where);
}

bool bc_admin_move_address(const struct bc_admin_config *config,
			   const char *where)
{
	return window_move(&tcp_window, config, where);
}

void bc_admin_stop(void)
{
	window_close(&unix_window);
	window_close(&tcp_window);
}
