/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The model as JSON.  Client ids, session ids and cursors are strings; times are
 * numbers of seconds; null: never, or not known.
 */
#ifndef BC_JSON_H
#define BC_JSON_H

#include "admin/model.h"

/* Each returns a text to be freed; NULL: out of memory. */

/** {"error": what} */
char *bc_json_error(const char *what);

/** How the module stands: {"status": ..., "why": ...} */
char *bc_json_state(enum bc_admin_state state, const char *why);

/** All but single clients. */
char *bc_json_totals(const struct bc_model *model);

/** The settings, by name: their value, and what changing it takes. */
char *bc_json_settings(const struct bc_admin_config *config);

/** The exports. */
char *bc_json_exports(const struct bc_admin_config *config);

/** Some clients. @param[in] next  the cursor to go on with; 0: that was all */
char *bc_json_clients(const struct bc_client_view *views, size_t count,
		      uint32_t next);

/** One client, with its sessions and connections. */
char *bc_json_client(const struct bc_client_detail *detail);

/** The result of a probe. */
char *bc_json_probe(bool answered, uint64_t us);

/** {name: value} */
char *bc_json_number(const char *name, uint64_t value);

/** {name: true} */
char *bc_json_done(const char *name);

#endif /* BC_JSON_H */
