/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module's configuration: the BACKCHANNEL { } block.
 */
#ifndef BC_CONFIGURATION_H
#define BC_CONFIGURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "config_parsing.h"

/** Who may bind connections to a session. */
enum bc_bind_policy {
	BC_BIND_POLICY_SAME_PRINCIPAL, /* the principal that created it */
	BC_BIND_POLICY_PRINCIPAL_OR_ADDRESS, /* or who is where that was */
	BC_BIND_POLICY_ANY, /* who knows its id */
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
 * attachment multiplex and leases are false.
 */
struct bc_module_config {
	bool multiplex; /* callbacks are taken over */
	bool leases; /* grant delegations where the FSAL has none */
	bool shield_restart; /* a restarted client does not wait */
	bool shield_sockets; /* ntirpc's dead sockets */
	bool shield_revoked; /* clients are told of revoked stateids */
	bool shield_conflicts; /* delegations are looked after by client id */
	bool shield_stateid_table; /* stateids' hash tells clients apart */
	char *accept_build_id; /* unknown builds; NULL: none */
	uint32_t max_queue; /* callbacks waiting per client */
	uint32_t max_slots; /* callbacks in flight per session */
	uint32_t max_connections; /* back-bound connections per session */
	uint32_t max_client_connections; /* over all sessions of a client */
	uint32_t max_server_connections; /* over all sessions */
	uint32_t bind_policy; /* enum bc_bind_policy */
	uint32_t security_order; /* enum bc_security_order */
	uint32_t probe; /* enum bc_probe_when */
	uint32_t callback_timeout; /* s */
	uint32_t retry_attempts;
	uint32_t retry_first_delay; /* s, doubling */
	uint32_t
		hold_conflicts; /* ms that a conflicting request waits; 0: none */
	uint32_t
		max_client_held; /* conflicting requests that wait, of a client */
	uint32_t max_server_held; /* of all */
	uint32_t dial_timeout; /* s; 0: as long as the system tries */
	char *admin_socket; /* path; "": none */
	char *admin_address; /* host:port; NULL or "": none */
};

extern struct bc_module_config bc_module_config;

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

#endif /* BC_CONFIGURATION_H */
