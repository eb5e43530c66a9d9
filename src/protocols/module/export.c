/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Exports: FSAL { Name = BACKCHANNEL; FSAL { Name = VFS; } }
 *
 * The module does not stack itself between MDCACHE and the inner FSAL; it has
 * the inner FSAL create the export and leaves that in place ("adopts" it), so
 * that requests never pass through here.
 *
 * References on FSAL modules: Ganesha takes one on the FSAL that the EXPORT
 * block names, which is ours, and drops one on the FSAL beneath MDCACHE when
 * the export is released, which is the inner one.  So a successful adoption
 * gives ours back and keeps the inner one's.
 */
#include "module/export.h"

#include "delegations/fsal_lease.h"
#include "delegations/unexport.h"
#include "module/attachment.h"

#include "FSAL/fsal_commonlib.h"
#include "export_mgr.h"
#include "nfs_exports.h"

#include "snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <urcu-bp.h>

struct export_args {
	struct subfsal_args subfsal;
};

static struct config_item subfsal_parameters[] = {
	CONF_ITEM_STR((char *)"Name", 1, MAXPATHLEN, NULL, subfsal_args, name),
	CONFIG_EOL
};

static struct config_item export_parameters[] = {
	CONF_ITEM_NOOP((char *)"Name"),
	CONF_RELAX_BLOCK((char *)"FSAL", subfsal_parameters, noop_conf_init,
			 subfsal_commit, export_args, subfsal),
	CONFIG_EOL
};

static struct config_block export_block = {
	.dbus_interface_name =
		(char *)"org.ganesha.nfsd.config.fsal.backchannel",
	.blk_desc.name = (char *)"FSAL",
	.blk_desc.type = CONFIG_BLOCK,
	.blk_desc.u.blk.init = noop_conf_init,
	.blk_desc.u.blk.params = export_parameters,
	.blk_desc.u.blk.commit = noop_conf_commit,
};

#define LogExport(what, args...)                                               \
	LogCrit(COMPONENT_EXPORT, "export %" PRIu16 " (%s): " what,            \
		op_ctx->ctx_export->export_id, CTX_FULLPATH(op_ctx), ##args)

/**
 * Read the inner FSAL block; load that FSAL if it is not yet.
 *
 * @param[in]  parse_node  our FSAL block
 * @param[out] subfsal     +1 ref
 * @param[out] node        the inner FSAL block
 */
static fsal_status_t subfsal_get(void *parse_node,
				 struct config_error_type *err_type,
				 struct fsal_module **subfsal, void **node)
{
	struct export_args args = { .subfsal = { .name = NULL } };
	int rc = load_config_from_node(parse_node, &export_block, &args, true,
				       err_type);

	*node = args.subfsal.fsal_node;
	*subfsal = *node ? lookup_fsal(args.subfsal.name) : NULL;
	/* subfsal_commit() and lookup_fsal() have each taken a reference. */
	if (*subfsal)
		fsal_put(*subfsal);
	if (*subfsal && !rc) {
		gsh_free(args.subfsal.name);
		return fsalstat(ERR_FSAL_NO_ERROR, 0);
	}
	if (*subfsal)
		fsal_put(*subfsal);
	if (args.subfsal.name)
		LogExport("its FSAL block has errors, or there is no FSAL %s",
			  args.subfsal.name);
	else
		LogExport(
			"FSAL BACKCHANNEL needs the name of another one: FSAL { Name = BACKCHANNEL; FSAL { Name = VFS; } }");
	gsh_free(args.subfsal.name);
	return fsalstat(ERR_FSAL_INVAL, EINVAL);
}

/* Delegations are granted where the FSAL says so, and others' servers with it: one that
 * it knows nothing of would not be recalled for them.
 */
static const char *what_is_refused(const struct gsh_export *export,
				   struct fsal_export *sub_export)
{
	const struct export_ops *ops = &sub_export->exp_ops;

	if ((export->export_perms.options & EXPORT_OPTION_DELEGATIONS) &&
	    bc_fsal_lease_refuses(sub_export))
		return "its FSAL does not recall all of its delegations for others: no delegation is granted";
	if (!(export->export_perms.options & EXPORT_OPTION_WRITE_DELEG) ||
	    ops->fs_supports(sub_export, fso_delegations_w) ||
	    !ops->fs_supports(sub_export, fso_delegations_r))
		return "";
	return "its Delegations say Write, but above its FSAL only read delegations are safe: no write delegation is granted";
}

static void tell_refused(const struct gsh_export *export,
			 struct fsal_export *sub_export)
{
	const char *refused = what_is_refused(export, sub_export);

	if (*refused)
		LogEvent(COMPONENT_NFS_CB, "export %" PRIu16 " (%s, %s): %s",
			 export->export_id, CTX_FULLPATH(op_ctx),
			 sub_export->fsal->name, refused);
}

/* A Ganesha that was refused may have given us anything. */
static void adopt(const struct gsh_export *export,
		  struct fsal_export *sub_export)
{
	if (!bc_fsal_lease_adopts())
		return;
	bc_fsal_lease_adopt(sub_export);
	tell_refused(export, sub_export);
}

fsal_status_t bc_export_create(struct fsal_module *fsal_hdl, void *parse_node,
			       struct config_error_type *err_type,
			       const struct fsal_up_vector *up_ops)
{
	struct fsal_module *subfsal;
	void *node;
	fsal_status_t status =
		subfsal_get(parse_node, err_type, &subfsal, &node);

	if (FSAL_IS_ERROR(status))
		return status;

	status = subfsal->m_ops.create_export(subfsal, node, err_type, up_ops);
	if (FSAL_IS_ERROR(status)) {
		LogExport("FSAL %s could not create it: %s", subfsal->name,
			  msg_fsal_err(status.major));
		fsal_put(subfsal);
		return status;
	}
	fsal_put(fsal_hdl);
	adopt(op_ctx->ctx_export, op_ctx->fsal_export);
	return status;
}

/* Once. Context: Ganesha's lock of its exports' administration. */
static void tell_no_reload(void)
{
	static bool told;

	if (!told)
		LogEvent(
			COMPONENT_NFS_CB,
			"the BACKCHANNEL block is not read again, as the module is not attached, has withdrawn, or is not asked at SIGHUP: a change needs a restart of the server");
	told = true;
}

fsal_status_t bc_export_update(struct fsal_module *fsal_hdl, void *parse_node,
			       struct config_error_type *err_type,
			       struct fsal_export *original,
			       struct fsal_module *updated_super)
{
	struct fsal_module *subfsal;
	void *node;
	fsal_status_t status =
		subfsal_get(parse_node, err_type, &subfsal, &node);

	if (FSAL_IS_ERROR(status))
		return status;

	status = subfsal->m_ops.update_export(subfsal, node, err_type, original,
					      updated_super);
	if (FSAL_IS_ERROR(status)) {
		LogExport("FSAL %s could not update it: %s", subfsal->name,
			  msg_fsal_err(status.major));
	} else {
		if (!bc_attachment_reloads())
			tell_no_reload();
		/* Ganesha gives its own reference back after an error only. */
		fsal_put(fsal_hdl);
		adopt(op_ctx->ctx_export, original);
	}
	fsal_put(subfsal);
	return status;
}

/* Listing ------------------------------------------------------------------ */

/* A path may be another one next time; it is cut where it is too long. */
static void copy_path(struct gsh_refstr **from, char path[MAXPATHLEN])
{
	const struct gsh_refstr *found;

	rcu_read_lock();
	found = rcu_dereference(*from);
	path[0] = '\0';
	if (found)
		strncat(path, found->gr_val, MAXPATHLEN - 1);
	rcu_read_unlock();
}

/* An FSAL that is stacked on another one writes to the operation's context: there is
 * to be one.
 */
static const char *why_none(struct fsal_export *sub_export, bool adopted)
{
	const struct export_ops *ops = &sub_export->exp_ops;

	if (!adopted)
		return "its FSAL block did not name BACKCHANNEL when the export was created, or its methods are not those of its FSAL's other exports";
	if (ops->fs_supports(sub_export, fso_delegations_r) ||
	    ops->fs_supports(sub_export, fso_delegations_w) ||
	    bc_fsal_lease_refuses(sub_export))
		return "";
	return "its FSAL has no delegations, and Leases is off";
}

/* What is directly beneath MDCACHE is what was adopted, or not. */
static void tell_export(struct gsh_export *export,
			void (*each)(void *arg,
				     const struct bc_admin_export *export),
			void *arg)
{
	struct fsal_export *sub = export->fsal_export->sub_export;
	char path[MAXPATHLEN], pseudo[MAXPATHLEN];
	struct bc_admin_export told = {
		.id = export->export_id,
		.path = path,
		.pseudo = pseudo,
	};

	if (!sub || !strcmp(sub->fsal->name, "PSEUDO"))
		return;
	copy_path(&export->fullpath, path);
	copy_path(&export->pseudopath, pseudo);
	told.fsal = sub->fsal->name;
	told.adopted = bc_unexport_adopted(sub);
	told.why = why_none(sub, told.adopted);
	told.refused = what_is_refused(export, sub);
	each(arg, &told);
}

void bc_export_list(void (*each)(void *arg,
				 const struct bc_admin_export *export),
		    void *arg)
{
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		struct gsh_export *export;
		struct req_op_context context;

		if (bc_snapshot_stopping())
			return;
		export = get_gsh_export((uint16_t)id); /* the context's */
		if (!export)
			continue;
		init_op_context_simple(&context, export, export->fsal_export);
		tell_export(export, each, arg);
		release_op_context();
	}
}
