/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The module as Ganesha sees it: an FSAL named BACKCHANNEL.
 *
 * It is loaded by the first export that names it, before the server accepts
 * connections.  A Ganesha that is not the one it was built for, by its version, its
 * build or its parameters, or one that bc_attach() refuses, is left as it is: exports are then served by their inner
 * FSAL as if it had been named alone.
 */
#include "ganesha/configuration.h"
#include "ganesha/layout.h"
#include "ganesha/refusal.h"
#include "ganesha/settings.h"
#include "ganesha/version.h"
#include "module/administration.h"
#include "module/attachment.h"
#include "module/build.h"
#include "module/export.h"
#include "module/reload.h"

#include "FSAL/fsal_init.h"
#include "export_mgr.h"
#include "nfs_init.h"

#include <errno.h>
#include <inttypes.h>

static const char module_name[] = "BACKCHANNEL";

static struct fsal_module backchannel_module;
static bool callbacks_taken; /* [K] after init_config */

/* The FSAL's methods ------------------------------------------------------- */

/** Is this a Ganesha whose structures may be read? Logs why not. */
static bool is_as_expected(config_file_t config_struct,
			   struct config_error_type *err_type)
{
	const char *misfit;

	if (bc_build_check() || bc_settings_check(config_struct, err_type))
		return false;
	misfit = bc_layout_context_misfit();
	if (misfit)
		bc_refuse(
			"this Ganesha lays out its structures otherwise: the %s does not fit",
			misfit);
	return !misfit;
}

/** Refused: nothing is to be different from a server without us. */
static void take_nothing(void)
{
	bc_module_config.multiplex = bc_module_config.leases = false;
}

/** Take callbacks over, if that is wanted and possible. */
static void take_callbacks(void)
{
	if (!bc_module_config.multiplex)
		return;
	/* Sessions that exist already would be served by halves. */
	if (nfs_init_wait_timeout(0) == 0)
		bc_refuse("the server is already "
			  "running; restart it");
	else
		callbacks_taken = bc_attach() == 0;

	if (!callbacks_taken)
		take_nothing();
}

/** Nothing of 9P's recalls a delegation: its clients change files all the same. */
static void withhold_leases_from_9p(void)
{
	if (!bc_module_config.leases || !bc_settings_has_9p())
		return;
	bc_module_config.leases = false;
	LogWarn(COMPONENT_NFS_CB,
		"Leases grants no delegations: 9P is among the Protocols, and its clients change files without a recall");
}

/** " Name", where a part that can be switched off is off. */
static const char *name_if_off(bool on, const char *name)
{
	return on ? "" : name;
}

/* Without callbacks no shield has anything to hold on to. */
static void log_start(void)
{
	const struct bc_module_config *config = &bc_module_config;
	bool shields = config->shield_restart && config->shield_sockets &&
		       config->shield_revoked && config->shield_conflicts &&
		       config->shield_stateid_table && config->notify_locks;
	bool taken = callbacks_taken;

	LogEvent(
		COMPONENT_NFS_CB,
		"built for Ganesha " GANESHA_VERSION
		"; callbacks: %s; delegations over an FSAL that has none: %s; switched off:%s%s%s%s%s%s%s%s%s",
		taken ? "multiplexed" : "Ganesha's own",
		config->leases ? "yes" : "no",
		name_if_off(config->leases, " Leases"),
		name_if_off(taken, " every shield"),
		name_if_off(!taken || config->shield_restart,
			    " Shield_Restart"),
		name_if_off(!taken || config->shield_sockets,
			    " Shield_Sockets"),
		name_if_off(!taken || config->shield_revoked,
			    " Shield_Revoked"),
		name_if_off(!taken || config->shield_conflicts,
			    " Shield_Conflicts"),
		name_if_off(!taken || config->shield_stateid_table,
			    " Shield_Stateid_Table"),
		name_if_off(!taken || config->notify_locks, " Notify_Locks"),
		name_if_off(!taken || !config->leases || !shields, " nothing"));
}

/** For exports that follow one which failed because of our own block. */
static fsal_status_t refuse_export(struct fsal_module *fsal_hdl,
				   void *parse_node,
				   struct config_error_type *err_type,
				   const struct fsal_up_vector *up_ops)
{
	(void)fsal_hdl, (void)parse_node, (void)err_type, (void)up_ops;
	LogCrit(COMPONENT_EXPORT,
		"export %" PRIu16
		" (%s): the BACKCHANNEL block has errors; mend it and restart the server",
		op_ctx->ctx_export->export_id, CTX_FULLPATH(op_ctx));
	return fsalstat(ERR_FSAL_INVAL, EINVAL);
}

static fsal_status_t init_config(struct fsal_module *fsal_hdl,
				 config_file_t config_struct,
				 struct config_error_type *err_type)
{
	if (bc_version_check())
		return fsalstat(ERR_FSAL_NO_ERROR, 0);
	if (bc_config_load(config_struct, &bc_module_config, err_type)) {
		fsal_hdl->m_ops.create_export = refuse_export;
		return fsalstat(ERR_FSAL_INVAL, EINVAL);
	}
	bc_reload_begin();
	if (!is_as_expected(config_struct, err_type))
		take_nothing();
	withhold_leases_from_9p();
	take_callbacks();
	log_start();
	bc_administration_start(callbacks_taken);
	return fsalstat(ERR_FSAL_NO_ERROR, 0);
}

/**
 * The end of the server: requests have stopped, exports are gone.
 *
 * The module stays mapped until the process exits: the methods of FSALs that
 * were adopted still point into it, and so does Ganesha's table of stateids.
 */
static int module_unload(struct fsal_module *fsal_hdl)
{
	bc_administration_stop();
	if (callbacks_taken)
		bc_detach();
	callbacks_taken = false;
	return unregister_fsal(fsal_hdl);
}

MODULE_INIT void bc_module_init(void);

MODULE_INIT void bc_module_init(void)
{
	/* Compares the version of the FSAL interface and logs a difference. */
	if (register_fsal(&backchannel_module, module_name, FSAL_MAJOR_VERSION,
			  FSAL_MINOR_VERSION, FSAL_ID_NO_PNFS))
		return;
	backchannel_module.m_ops.create_export = bc_export_create;
	backchannel_module.m_ops.update_export = bc_export_update;
	backchannel_module.m_ops.init_config = init_config;
	backchannel_module.m_ops.unload = module_unload;
}
