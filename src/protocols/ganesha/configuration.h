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
 * The BACKCHANNEL { } block. [K] after init_config, but for what module/reload.c
 * changes while the server runs, marked [A].
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
	bool machine_credentials; /* clients may have SP4_MACH_CRED */
	bool notify_locks; /* clients are told of locks that they wait for */
	char *accept_build_id; /* unknown builds; NULL: none */
	uint32_t max_queue; /* [A] callbacks waiting per client */
	uint32_t max_slots; /* [A] callbacks in flight per session */
	uint32_t max_connections; /* [A] back-bound connections per session */
	uint32_t max_client_connections; /* [A] over all sessions of a client */
	uint32_t max_server_connections; /* [A] over all sessions */
	uint32_t bind_policy; /* [A] enum bc_bind_policy */
	uint32_t security_order; /* [A] enum bc_security_order */
	uint32_t probe; /* [A] enum bc_probe_when */
	uint32_t callback_timeout; /* [A] s */
	uint32_t retry_attempts; /* [A] */
	uint32_t retry_first_delay; /* [A] s, doubling */
	uint32_t
		hold_conflicts; /* [A] ms that a conflicting request waits; 0: none */
	uint32_t
		max_client_held; /* [A] conflicting requests that wait, of a client */
	uint32_t max_server_held; /* [A] of all */
	uint32_t dial_timeout; /* [A] s; 0: as long as the system tries */
	char *admin_socket; /* path; "": none */
	char *admin_address; /* host:port; NULL or "": none */
};

extern struct bc_module_config bc_module_config;

/**
 * Read the BACKCHANNEL block.
 *
 * @param[in]  file
 * @param[out] config    all of it; bc_config_free()
 * @param[out] err_type
 *
 * @retval 0        read, or absent (defaults)
 * @retval -EINVAL  the parser found errors; they are in @a err_type, with file and
 *                  line; which parameters are wrong, and what they may be, was logged
 *
 * Context: Ganesha reads its configuration.
 */
int bc_config_load(config_file_t file, struct bc_module_config *config,
		   struct config_error_type *err_type);

/** Free what it points to, and forget it. */
void bc_config_free(struct bc_module_config *config);

/**
 * Tell of each parameter that is not the same, as it would be written.
 *
 * @param[in] differs  its name, and both values
 */
void bc_config_compare(const struct bc_module_config *from,
		       const struct bc_module_config *to,
		       void (*differs)(const char *name, const char *from,
				       const char *to));

#endif /* BC_CONFIGURATION_H */
