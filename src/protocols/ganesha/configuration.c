/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The BACKCHANNEL { } block.  Ganesha's own parser checks types and ranges,
 * and names the file and the line of what is wrong.
 * doc/ganesha.conf.sample says what each parameter means.
 */
#include "ganesha/configuration.h"

#include "wire/security.h"

#include "abstract_mem.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

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
	CONF_ITEM_BOOL((char *)"Machine_Credentials", false, bc_module_config,
		       machine_credentials),
	CONF_ITEM_BOOL((char *)"Notify_Locks", true, bc_module_config,
		       notify_locks),
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

/* The parser asks with one of both for the place to write to; with both it gives that
 * back after errors, and then writes the defaults over whatever is there.
 */
static void *block_init(void *link_mem, void *self_struct)
{
	if (link_mem && self_struct)
		bc_config_free(self_struct);
	return noop_conf_init(link_mem, self_struct);
}

static struct config_block backchannel_block = {
	.dbus_interface_name = (char *)"org.ganesha.nfsd.config.backchannel",
	.blk_desc.name = (char *)"BACKCHANNEL",
	.blk_desc.type = CONFIG_BLOCK,
	.blk_desc.flags = CONFIG_UNIQUE,
	.blk_desc.u.blk.init = block_init,
	.blk_desc.u.blk.params = backchannel_parameters,
	.blk_desc.u.blk.commit = noop_conf_commit,
};

/* What a parameter may be. */
static void write_range(const struct config_item *item, char *text, size_t size)
{
	const struct config_item_list *token;
	size_t len = 0;

	if (item->type == CONFIG_BOOL) {
		snprintf(text, size, "true or false");
	} else if (item->type == CONFIG_STRING) {
		snprintf(text, size, "a string of %d to %d characters",
			 item->u.str.minsize, item->u.str.maxsize);
	} else if (item->type == CONFIG_UINT32) {
		snprintf(text, size, "a number from %" PRIu32 " to %" PRIu32,
			 item->u.ui32.minval, item->u.ui32.maxval);
	} else {
		for (token = item->u.lst.tokens; token->token && len < size;
		     token++)
			len += (size_t)snprintf(text + len, size - len, "%s%s",
						len ? " or " : "",
						token->token);
	}
}

static void say_nothing(char *message, void *dest,
			struct config_error_type *err_type)
{
	(void)message, (void)dest, (void)err_type;
}

/* Whether one parameter alone is read without an error. */
static bool is_fine(config_file_t file, const struct config_item *item)
{
	struct config_item alone[] = { *item, CONFIG_EOL };
	struct config_block block = backchannel_block;
	struct bc_module_config config = { .multiplex = false };
	struct config_error_type errors;
	bool fine;

	if (!init_error_type(&errors))
		return true;
	block.blk_desc.flags |= CONFIG_RELAX;
	block.blk_desc.u.blk.params = alone;
	fine = load_config_from_parse(file, &block, &config, true, &errors) >=
		       0 &&
	       !errors.errors;
	report_config_errors(&errors, NULL, say_nothing);
	bc_config_free(&config);
	return fine;
}

/* Ganesha's parser names the line of a value that is out of range, and not what it is
 * the value of.
 */
static void tell_errors(config_file_t file)
{
	const struct config_item *item;
	char range[128];

	for (item = backchannel_parameters; item->name; item++) {
		if (is_fine(file, item))
			continue;
		write_range(item, range, sizeof(range));
		LogCrit(COMPONENT_NFS_CB, "BACKCHANNEL: %s is to be %s",
			item->name, range);
	}
}

int bc_config_load(config_file_t file, struct bc_module_config *config,
		   struct config_error_type *err_type)
{
	/* Errors of earlier blocks are still counted in err_type. */
	uint32_t errors = err_type->errors;
	int found;

	*config = (struct bc_module_config){ .multiplex = false };
	found = load_config_from_parse(file, &backchannel_block, config, true,
				       err_type);
	if (found >= 0 && err_type->errors == errors)
		return 0;
	tell_errors(file);
	return -EINVAL;
}

void bc_config_free(struct bc_module_config *config)
{
	gsh_free(config->accept_build_id);
	gsh_free(config->admin_socket);
	gsh_free(config->admin_address);
	*config = (struct bc_module_config){ .multiplex = false };
}

/* A parameter's value as it is written in the configuration. */
static void write_value(const struct config_item *item,
			const struct bc_module_config *config, char *text,
			size_t size)
{
	const void *value = (const char *)config + item->off;
	const struct config_item_list *token;
	const char *string;

	if (item->type == CONFIG_BOOL) {
		snprintf(text, size, "%s",
			 *(const bool *)value ? "true" : "false");
	} else if (item->type == CONFIG_STRING) {
		string = *(char *const *)value;
		snprintf(text, size, "\"%s\"", string ? string : "");
	} else if (item->type == CONFIG_UINT32) {
		snprintf(text, size, "%" PRIu32, *(const uint32_t *)value);
	} else {
		for (token = item->u.lst.tokens; token->token; token++)
			if (token->value == *(const uint32_t *)value)
				break;
		snprintf(text, size, "%s", token->token ? token->token : "?");
	}
}

void bc_config_compare(const struct bc_module_config *from,
		       const struct bc_module_config *to,
		       void (*differs)(const char *name, const char *from,
				       const char *to))
{
	const struct config_item *item;
	char one[1100], other[1100];

	for (item = backchannel_parameters; item->name; item++) {
		write_value(item, from, one, sizeof(one));
		write_value(item, to, other, sizeof(other));
		if (strcmp(one, other) != 0)
			differs(item->name, one, other);
	}
}
