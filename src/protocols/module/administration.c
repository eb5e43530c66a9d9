/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's side of the administration: how the module stands in this server, the
 * settings that can be looked at, and what it takes to change them.
 */
#include "module/administration.h"

#include "admin/admin.h"
#include "delegations/fsal_lease.h"
#include "ganesha/configuration.h"
#include "ganesha/layout.h"
#include "ganesha/refusal.h"
#include "locks/lock_waits.h"
#include "module/bus.h"
#include "module/export.h"

#include "log.h"

#include "snapshot.h"

#include <pthread.h>
#include <urcu/uatomic.h>

static bool has_core; /* [K] after the start */

static enum bc_admin_state state(const char **why)
{
	if (has_core && bc_layout() == BC_LAYOUT_MISFIT) {
		*why = "this Ganesha lays out its structures otherwise; the log says which";
		return BC_ADMIN_WITHDRAWN;
	}
	if (has_core)
		return BC_ADMIN_ATTACHED;
	*why = bc_refusal();
	return (*why)[0] ? BC_ADMIN_NOT_ATTACHED : BC_ADMIN_OFF;
}

/* Settings ------------------------------------------------------------------- */

static uint32_t get_multiplex(void)
{
	return has_core && bc_layout() != BC_LAYOUT_MISFIT;
}

static const char *set_multiplex(uint32_t value)
{
	if (value == get_multiplex())
		return NULL;
	return "this needs a restart of the server: sessions that exist already would be served by halves";
}

static uint32_t get_leases(void)
{
	return bc_fsal_lease_is_on();
}

static const char *set_leases(uint32_t value)
{
	if (value == get_leases())
		return NULL;
	if (!bc_module_config.leases)
		return "this needs a restart of the server: it was started without Leases, and its exports are as they were";
	bc_fsal_lease_switch(value);
	if (value != get_leases())
		return "this needs a restart of the server: the module has withdrawn";
	return NULL;
}

static uint32_t get_hold_conflicts(void)
{
	return has_core ? (uint32_t)bc_control_held_for() : 0;
}

static const char *set_hold_conflicts(uint32_t value)
{
	if (value && !bc_module_config.shield_conflicts)
		return "this needs a restart of the server: nothing is held without Shield_Conflicts";
	bc_control_hold_time(value);
	return NULL;
}

static uint32_t get_notify_locks(void)
{
	return has_core && bc_module_config.notify_locks &&
	       bc_lock_waits_is_on();
}

static const char *set_notify_locks(uint32_t value)
{
	if (value == get_notify_locks())
		return NULL;
	if (!has_core || !bc_module_config.notify_locks)
		return "this needs a restart of the server: it was started without Notify_Locks, or the module is not attached";
	bc_lock_waits_switch(value);
	return NULL;
}

static const struct bc_admin_setting settings[] = {
	{ "Multiplex", true, 1, get_multiplex, set_multiplex },
	{ "Leases", true, 1, get_leases, set_leases },
	{ "Hold_Conflicts", false, 10000, get_hold_conflicts,
	  set_hold_conflicts },
	{ "Notify_Locks", true, 1, get_notify_locks, set_notify_locks },
};

/* Beginning and end ---------------------------------------------------------- */

static void write_log(bool error, const char *line)
{
	if (error)
		LogCrit(COMPONENT_NFS_CB, "%s", line);
	else
		LogEvent(COMPONENT_NFS_CB, "%s", line);
}

/* Where nothing is to be adopted, none is missed. */
static void exports(void (*each)(void *arg,
				 const struct bc_admin_export *export),
		    void *arg)
{
	if (get_multiplex() && bc_fsal_lease_adopts())
		bc_export_list(each, arg);
}

static uint64_t probe_ms(void)
{
	return uatomic_read(&bc_module_config.callback_timeout) *
	       UINT64_C(1000);
}

/* Windows are opened, moved and closed one at a time. */
static pthread_mutex_t windows_lock = PTHREAD_MUTEX_INITIALIZER;
static bool open_for_all; /* guarded by it: between start and stop */

static struct bc_admin_config config = {
	.version = BACKCHANNEL_VERSION,
	.ganesha = GANESHA_VERSION,
	.probe_ms = probe_ms,
	.settings = settings,
	.num_settings = sizeof(settings) / sizeof(settings[0]),
	.state = state,
	.exports = exports,
	.log = write_log,
};

void bc_administration_start(bool attached)
{
	has_core = attached;
	config.socket = bc_module_config.admin_socket;
	config.address = bc_module_config.admin_address;
	pthread_mutex_lock(&windows_lock);
	bc_admin_start(&config);
	open_for_all = true;
	pthread_mutex_unlock(&windows_lock);
	bc_bus_start(&config);
}

static bool move(bool (*to)(const struct bc_admin_config *config,
			    const char *where),
		 const char *where)
{
	bool moved;

	pthread_mutex_lock(&windows_lock);
	moved = open_for_all && to(&config, where);
	pthread_mutex_unlock(&windows_lock);
	return moved;
}

bool bc_administration_move_socket(const char *where)
{
	return move(bc_admin_move_socket, where);
}

bool bc_administration_move_address(const char *where)
{
	return move(bc_admin_move_address, where);
}

void bc_administration_stop(void)
{
	bc_bus_stop();
	pthread_mutex_lock(&windows_lock);
	open_for_all = false;
	bc_admin_stop();
	pthread_mutex_unlock(&windows_lock);
}
