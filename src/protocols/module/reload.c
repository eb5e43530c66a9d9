/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The block is taken as a whole, or, if anything in it is wrong, left as it was.  What
 * has been changed while the server ran (module/administration.c) is as in the
 * configuration again.
 */
#include "module/reload.h"

#include "delegations/fsal_lease.h"
#include "ganesha/configuration.h"
#include "locks/lock_waits.h"
#include "module/administration.h"
#include "module/attachment.h"

#include "abstract_mem.h"
#include "log.h"

#include "snapshot.h"

#include <pthread.h>
#include <string.h>
#include <urcu/uatomic.h>

/* From 6.5 on Ganesha reads it again not only for a signal, but also on its thread for
 * the bus.
 */
static pthread_mutex_t reload_lock = PTHREAD_MUTEX_INITIALIZER;

/* As it was read last, or where that needs a restart, at the start. Guarded by it. */
static struct bc_module_config configured;

void bc_reload_begin(void)
{
	configured = bc_module_config;
}

static bool needs_restart(const char *name)
{
	static const char *const names[] = {
		"Multiplex",	       "Shield_Restart",
		"Shield_Sockets",      "Shield_Revoked",
		"Shield_Conflicts",    "Shield_Stateid_Table",
		"Machine_Credentials", "Accept_Build_Id",
	};

	if (!strcmp(name, "Leases"))
		return !bc_module_config.leases;
	if (!strcmp(name, "Hold_Conflicts"))
		return !bc_module_config.shield_conflicts;
	if (!strcmp(name, "Notify_Locks"))
		return !bc_module_config.notify_locks;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void tell(const char *name, const char *from, const char *to)
{
	if (needs_restart(name))
		LogWarn(COMPONENT_NFS_CB,
			"%s needs a restart of the server: it is %s, and %s in the configuration",
			name, from, to);
	else
		LogEvent(COMPONENT_NFS_CB, "%s is %s now, it was %s", name, to,
			 from);
}

/* What may have been switched since the configuration was read. */
static void find_switched(void)
{
	if (bc_module_config.leases)
		configured.leases = bc_fsal_lease_is_on();
	if (bc_module_config.shield_conflicts)
		configured.hold_conflicts = (uint32_t)bc_control_held_for();
	if (bc_module_config.notify_locks)
		configured.notify_locks = bc_lock_waits_is_on();
}

#define TAKE(member)                                                           \
	uatomic_set(&bc_module_config.member, configured.member = next->member)

static void take(const struct bc_module_config *next)
{
	TAKE(max_queue);
	TAKE(max_slots);
	TAKE(max_connections);
	TAKE(max_client_connections);
	TAKE(max_server_connections);
	TAKE(bind_policy);
	TAKE(security_order);
	TAKE(probe);
	TAKE(callback_timeout);
	TAKE(retry_attempts);
	TAKE(retry_first_delay);
	TAKE(max_client_held);
	TAKE(max_server_held);
	TAKE(dial_timeout);
	if (bc_module_config.shield_conflicts)
		TAKE(hold_conflicts);
	if (bc_module_config.leases)
		bc_fsal_lease_switch(next->leases);
	if (bc_module_config.notify_locks)
		bc_lock_waits_switch(next->notify_locks);
	bc_attachment_configure();
}

/* A window that cannot be opened elsewhere stays where it is, or closed. */
static void move_window(bool (*move)(const char *where), const char *from,
			char **to)
{
	if (move(*to))
		return;
	gsh_free(*to);
	*to = gsh_strdup(from ? from : "");
}

static void swap(char **one, char **other)
{
	char *kept = *one;

	*one = *other;
	*other = kept;
}

static void take_all(struct bc_module_config *next)
{
	find_switched();
	move_window(bc_administration_move_socket, configured.admin_socket,
		    &next->admin_socket);
	move_window(bc_administration_move_address, configured.admin_address,
		    &next->admin_address);
	bc_config_compare(&configured, next, tell);
	take(next);
	swap(&configured.admin_socket, &next->admin_socket);
	swap(&configured.admin_address, &next->admin_address);
	bc_module_config.admin_socket = configured.admin_socket;
	bc_module_config.admin_address = configured.admin_address;
}

/* The configuration, as Ganesha has just parsed it. */
static void reload_locked(config_file_t file)
{
	struct config_error_type errors;
	struct bc_module_config next;

	if (!init_error_type(&errors))
		return;
	if (bc_config_load(file, &next, &errors)) {
		report_config_errors(&errors, NULL, config_errs_to_log);
		LogCrit(COMPONENT_NFS_CB,
			"the BACKCHANNEL block has errors, and stays as it was");
	} else {
		report_config_errors(&errors, NULL, config_errs_to_log);
		take_all(&next);
	}
	bc_config_free(&next);
}

static int hook_read_log_config(config_file_t file,
				struct config_error_type *err_type)
{
	int rc = read_log_config(file, err_type);

	pthread_mutex_lock(&reload_lock);
	reload_locked(file);
	pthread_mutex_unlock(&reload_lock);
	return rc;
}

const struct bc_import_hook bc_reload_hook = BC_IMPORT_HOOK(read_log_config);
