/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's own settings.
 *
 * They are in nfs_param, whose layout depends on the options that Ganesha was
 * built with, and which nothing else of the module reads before the first session
 * shows how structures are laid out.
 */
#include "ganesha/settings.h"

#include "ganesha/refusal.h"

#include "nfs_core.h"
#include "nfs_init.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

/* s; Ganesha's own parser allows 0 to 180. */
#define LEASE_MIN 1
#define LEASE_MAX 1000000

/** What is read of the NFSv4 block. */
struct configured {
	uint32_t lease;
};

/* LEASE_LIFETIME_DEFAULT is Ganesha's default. */
static struct config_item nfsv4_parameters[] = {
	CONF_ITEM_UI32((char *)"Lease_Lifetime", 0, UINT32_MAX,
		       LEASE_LIFETIME_DEFAULT, configured, lease),
	CONFIG_EOL
};

static struct config_block nfsv4_block = {
	.dbus_interface_name =
		(char *)"org.ganesha.nfsd.config.backchannel.nfsv4",
	.blk_desc.name = (char *)"NFSv4",
	.blk_desc.type = CONFIG_BLOCK,
	.blk_desc.flags = CONFIG_RELAX,
	.blk_desc.u.blk.init = noop_conf_init,
	.blk_desc.u.blk.params = nfsv4_parameters,
	.blk_desc.u.blk.commit = noop_conf_commit,
};

/* @return whether the lease is as configured */
static bool lease_agrees(config_file_t file, struct config_error_type *err_type,
			 struct configured *configured, uint32_t lease)
{
	int found = load_config_from_parse(file, &nfsv4_block, configured, true,
					   err_type);

	/* An export that is added later may come in a file of its own. */
	if (!found && nfs_init_wait_timeout(0) == 0)
		return true;
	return found >= 0 && configured->lease == lease;
}

int bc_settings_check(config_file_t file, struct config_error_type *err_type)
{
	struct configured configured = { .lease = 0 };
	uint32_t lease = bc_settings_lease();

	if (!lease_agrees(file, err_type, &configured, lease)) {
		bc_refuse(
			"this Ganesha lays out its parameters otherwise: Lease_Lifetime is configured as %" PRIu32
			" s and read as %" PRIu32 " s",
			configured.lease, lease);
		return -ENOTSUP;
	}
	if (lease < LEASE_MIN || lease > LEASE_MAX) {
		bc_refuse("a Lease_Lifetime of %" PRIu32
			  " s is not between %d and %d s",
			  lease, LEASE_MIN, LEASE_MAX);
		return -ENOTSUP;
	}
	return 0;
}

uint32_t bc_settings_lease(void)
{
	return nfs_param.nfsv4_param.lease_lifetime;
}

bool bc_settings_has_9p(void)
{
	return nfs_param.core_param.core_options & CORE_OPTION_9P;
}
