/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Windows on the core for who administers the server.
 *
 * One model (model.h) of what the core tells of itself (snapshot.h, counters.h),
 * and views of it that know nothing of each other: json.h, metrics.h.  http.h
 * serves them, on sockets from listening.h, on threads of its own.  Nothing here
 * knows Ganesha.
 */
#ifndef BC_ADMIN_H
#define BC_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How the module stands in its server. */
enum bc_admin_state {
	BC_ADMIN_ATTACHED, /* it serves callbacks, */
	BC_ADMIN_WITHDRAWN, /* or has given them back to the server; */
	BC_ADMIN_STOPPING, /* or the server ends. In these three there is a core. */
	BC_ADMIN_NOT_ATTACHED, /* it was refused: there is no core */
	BC_ADMIN_OFF, /* it is not wanted: there is no core */
};
#define BC_ADMIN_STATES (BC_ADMIN_OFF + 1)

/** What an administrator can see, and perhaps change, while the server runs. */
struct bc_admin_setting {
	const char *name; /* as in the configuration */
	bool is_bool; /* else it is a number */
	uint32_t max; /* the largest value */
	uint32_t (*get)(void);
	/** Set it, for what is new. @return NULL; or why that cannot be */
	const char *(*set)(uint32_t value);
};

/** An export of the server. */
struct bc_admin_export {
	uint16_t id;
	const char *path;
	const char *pseudo; /* "": it has none */
	const char *fsal; /* the one that serves it */
	bool adopted; /* the module looks after its delegations */
	const char *why; /* it is not, or it grants none; "": nothing to say */
	const char *refused; /* what is configured and not granted; or "" */
};

/** All of it stays as it is until bc_admin_stop(), but for where the windows are, which
 * is read by bc_admin_start() alone.
 */
struct bc_admin_config {
	const char *socket; /* path of the Unix socket; NULL or "": none */
	const char *address; /* host:port, to be read only; NULL or "": none */
	const char *version; /* the module's */
	const char *ganesha; /* the version that it was built for */
	/** ms that a probe may take. Context: any thread. */
	uint64_t (*probe_ms)(void);
	const struct bc_admin_setting *settings;
	size_t num_settings;
	/** How the module stands; not BC_ADMIN_STOPPING. @param[out] why  not NULL; "": there is nothing to
	 * say. Context: any thread.
	 */
	enum bc_admin_state (*state)(const char **why);
	/** Tell of each export, by rising ids; of none without a core. NULL: it is not known.
	 * Context: any thread; takes milliseconds.
	 */
	void (*exports)(void (*each)(void *arg,
				     const struct bc_admin_export *export),
			void *arg);
	/** Write a line to the server's log. */
	void (*log)(bool error, const char *line);
};

/**
 * Open the sockets and serve.  What cannot be opened is logged, and the server goes
 * on without.
 *
 * Context: once; the core has been started, if there is to be one.
 */
void bc_admin_start(const struct bc_admin_config *config);

/**
 * Serve another socket, or address, instead of the one that is served, if any.  If it
 * cannot be opened, that is logged, and all stays as it is.
 *
 * @param[in] where  NULL or "": none
 *
 * @return whether it is served now
 *
 * Context: between bc_admin_start() and bc_admin_stop().
 */
bool bc_admin_move_socket(const struct bc_admin_config *config,
			  const char *where);
bool bc_admin_move_address(const struct bc_admin_config *config,
			   const char *where);

/**
 * Close all connections and end: nothing here runs any more.
 *
 * Context: before the core ends; idempotent. Waits for no reader.
 */
void bc_admin_stop(void);

#endif /* BC_ADMIN_H */
