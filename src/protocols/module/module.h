/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the module's parts that know Ganesha share: the configuration, the
 * attachment, the exports and the leases.  The core's contract is in
 * backchannel.h.
 */
#ifndef BC_MODULE_H
#define BC_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "fsal.h"
#include "config_parsing.h"

/** Who may bind connections to a session. */
enum bc_bind_policy {
	BC_BIND_POLICY_SAME_PRINCIPAL, /* the principal that created it */
	BC_BIND_POLICY_ANY, /* who knows its id */
};

/** Which of the security flavors that a client offers is taken. */
enum bc_security_order {
	BC_SECURITY_ORDER_CLIENT, /* the first usable one in the client's order */
	BC_SECURITY_ORDER_STRONGEST, /* AUTH_SYS before AUTH_NONE */
};

/** When a connection is asked with CB_NULL whether it answers. */
enum bc_probe_when {
	BC_PROBE_WHEN_NONE, /* never */
	BC_PROBE_WHEN_ON_BIND, /* when it is first bound to a back channel */
};

/**
 * The BACKCHANNEL { } block. [K] after init_config.
 *
 * All zero, and so nothing but adoption, until it is read; after a refused
 * attachment both flags are false.
 */
struct bc_module_config {
	bool multiplex; /* callbacks are taken over */
	bool leases; /* grant delegations where the FSAL has none */
	uint32_t max_queue; /* callbacks waiting per client */
	uint32_t max_slots; /* callbacks in flight per session */
	uint32_t max_connections; /* back-bound connections per session */
	uint32_t max_server_connections; /* the same over all sessions */
	uint32_t bind_policy; /* enum bc_bind_policy */
	uint32_t security_order; /* enum bc_security_order */
	uint32_t probe; /* enum bc_probe_when */
	uint32_t callback_timeout; /* s */
	uint32_t retry_attempts;
	uint32_t retry_first_delay; /* s, doubling */
};

extern struct bc_module_config bc_module_config;

/**
 * Is this the Ganesha that the module was built for?
 *
 * Compares the version of the source tree with the one in the running
 * library's soname; reads nothing of Ganesha's structures.
 *
 * @retval 0         it is
 * @retval -ENOTSUP  it is not; both versions have been logged
 *
 * Context: any thread.
 */
int bc_version_check(void);

/**
 * Read the BACKCHANNEL block into bc_module_config.
 *
 * @retval 0        read, or absent (defaults)
 * @retval -EINVAL  the parser found errors; they are in @a err_type and are
 *                  reported by Ganesha with file and line
 *
 * Context: init_config of the module, once, before any client exists.
 */
int bc_config_load(config_file_t file, struct config_error_type *err_type);

/**
 * Take Ganesha's callback path over: extend the operations, replace the
 * imports.  All or nothing.
 *
 * @retval 0       attached
 * @retval -errno  nothing was changed; what did not fit has been logged
 *
 * Context: once, before any client exists.
 */
int bc_attach(void);

/**
 * Put back every pointer that bc_attach() replaced, complete every callback
 * that is still pending and wait until no thread is inside the module.
 *
 * Context: once, after the server has stopped its request threads.
 */
void bc_detach(void);

/**
 * The export methods of the module: adopt the export of the inner FSAL.
 *
 * Signatures are those of struct fsal_ops.  @a parse_node is our FSAL block,
 * which must contain that of the inner FSAL.  Arguments are otherwise passed on
 * as they are.  Errors are logged with the export's id and path.
 *
 * Context: one export at a time, op_ctx is set; before the export serves a
 * request (create), or while it does (update).
 */
fsal_status_t bc_export_create(struct fsal_module *fsal_hdl, void *parse_node,
			       struct config_error_type *err_type,
			       const struct fsal_up_vector *up_ops);
fsal_status_t bc_export_update(struct fsal_module *fsal_hdl, void *parse_node,
			       struct config_error_type *err_type,
			       struct fsal_export *original,
			       struct fsal_module *updated_super);

/**
 * Let an export whose FSAL has no delegations of its own grant them.
 *
 * Does nothing for an FSAL that has its own, without Leases, and when called
 * again.  Delegations are granted from the export's first handle on.
 *
 * @param[in] sub_export  the adopted export
 *
 * Context: bc_export_create(), bc_export_update().
 */
void bc_lease_adopt(struct fsal_export *sub_export);

/**
 * Grant no more delegations through bc_lease_adopt(); those that are held can
 * still be returned.
 *
 * Context: any thread.
 */
void bc_lease_disable(void);

#endif /* BC_MODULE_H */
