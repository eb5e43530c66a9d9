/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The BACKCHANNEL { } block.  Ganesha's own parser checks types and ranges,
 * and names the file and the line of what is wrong.
 * doc/ganesha.conf.sample says what each parameter means.
 */
#include "ganesha/configuration.h"

#include "wire/security.h"

#include <errno.h>
#include <stddef.h>

struct bc_module_config bc_module_config;

static struct config_item_list bind_policies[] = {
	CONFIG_LIST_TOK("same_principal", BC_BIND_POLICY_SAME_PRINCIPAL),
	CONFIG_LIST_TOK("same_principal_or_address",
			BC_BIND_POLICY_PRINCIPAL_OR_ADDRESS),
	CONFIG_LIST_TOK("any", BC_BIND_POLICY_ANY), CONFIG_LIST_EOL
};

static struct config_item_list security_orders[] = {
	CONFIG_LIST_TOK("client", BC_SECURITY_ORDER_CLIENT),
	CONFIG_LIST_TOK("strongest", BC_SECURITY_ORDER_STRONGEST),
	CONFIG_LIST_EOL
};

static struct config_item_list probes[] = {
	CONFIG_LIST_TOK("none", BC_PROBE_WHEN_NONE),
	CONFIG_LIST_TOK("on_bind", BC_PROBE_WHEN_ON_BIND), CONFIG_LIST_EOL
};

/* Name, smallest, largest, default, structure, member.  The parser's tables are
 * of char *, but it does not write to them.
 */
static struct config_item backchannel_parameters[] = {
	CONF_ITEM_BOOL((char *)"Multiplex", true, bc_module_config, multiplex),
	CONF_ITEM_BOOL((char *)"Leases", true, bc_module_config, leases),
	CONF_ITEM_BOOL((char *)"Shield_Restart", true, bc_module_config,
		       shield_restart),
	CONF_ITEM_BOOL((char *)"Shield_Sockets", true, bc_module_config,
		       shield_sockets),
	CONF_ITEM_BOOL((char *)"Shield_Revoked", true, bc_module_config,
		       shield_revoked),
	CONF_ITEM_BOOL((char *)"Shield_Conflicts", true, bc_module_config,
		       shield_conflicts),
	CONF_ITEM_BOOL((char *)"Shield_Stateid_Table", true, bc_module_config,
		       shield_stateid_table),
	CONF_ITEM_STR((char *)"Accept_Build_Id", 1, 1024, NULL,
		      bc_module_config, accept_build_id),
	CONF_ITEM_UI32((char *)"Max_Queue", 1, 1048576, 4096, bc_module_config,
		       max_queue),
	CONF_ITEM_UI32((char *)"Max_Slots", 1, 1024, 16, bc_module_config,
		       max_slots),
	CONF_ITEM_UI32((char *)"Max_Connections", 1, 1024, 16, bc_module_config,
		       max_connections),
	CONF_ITEM_UI32((char *)"Max_Client_Connections", 1, 65536, 1024,
		       bc_module_config, max_client_connections),
	CONF_ITEM_UI32((char *)"Max_Server_Connections", 1, 1048576, 262144,
		       bc_module_config, max_server_connections),
	CONF_ITEM_TOKEN((char *)"Bind_Policy",
			BC_BIND_POLICY_PRINCIPAL_OR_ADDRESS, bind_policies,
			bc_module_config, bind_policy),
	CONF_ITEM_TOKEN((char *)"Security_Order", BC_SECURITY_ORDER_CLIENT,
			security_orders, bc_module_config, security_order),
	CONF_ITEM_TOKEN((char *)"Probe", BC_PROBE_WHEN_NONE, probes,
			bc_module_config, probe),
	CONF_ITEM_UI32((char *)"Callback_Timeout", 1, 600, 10, bc_module_config,
		       callback_timeout),
	CONF_ITEM_UI32((char *)"Retry_Attempts", 0, 16, 3, bc_module_config,
		       retry_attempts),
	CONF_ITEM_UI32((char *)"Retry_First_Delay", 1, 600, 5, bc_module_config,
		       retry_first_delay),
	CONF_ITEM_UI32((char *)"Hold_Conflicts", 0, 10000, 1000,
		       bc_module_config, hold_conflicts),
	CONF_ITEM_UI32((char *)"Max_Client_Held", 1, 65536, 64,
		       bc_module_config, max_client_held),
	CONF_ITEM_UI32((char *)"Max_Server_Held", 1, 1048576, 4096,
		       bc_module_config, max_server_held),
	CONF_ITEM_UI32((char *)"Dial_Timeout", 0, 60, 2, bc_module_config,
		       dial_timeout),
	CONF_ITEM_STR((char *)"Admin_Socket", 0, 107,
		      (char *)"/run/ganesha/backchannel.sock", bc_module_config,
		      admin_socket),
	CONF_ITEM_STR((char *)"Admin_Address", 0, 128, NULL, bc_module_config,
		      admin_address),
	CONFIG_EOL
};

static struct config_block backchannel_block = {
	.dbus_interface_name = (char *)"org.ganesha.nfsd.config.backchannel",
	.blk_desc.name = (char *)"BACKCHANNEL",
	.blk_desc.type = CONFIG_BLOCK,
	.blk_desc.flags = CONFIG_UNIQUE,
	.blk_desc.u.blk.init = noop_conf_init,
	.blk_desc.u.blk.params = backchannel_parameters,
	.blk_desc.u.blk.commit = noop_conf_commit,
};

int bc_config_load(config_file_t file, struct config_error_type *err_type)
{
	/* Errors of earlier blocks are still counted in err_type. */
	uint32_t errors = err_type->errors;
	int found = load_config_from_parse(file, &backchannel_block,
					   &bc_module_config, true, err_type);

	return found < 0 || err_type->errors > errors ? -EINVAL : 0;
}
