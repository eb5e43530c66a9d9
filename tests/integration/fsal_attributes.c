/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A test's FSAL named ATTRIBUTES, around VFS: accepts, and forgets, ACLs and
 * extended attributes, which VFS as it is packaged refuses.
 *
 * To set one named "wait" takes until one named "go" is set; to set one named
 * "reached", until another waits.
 *
 * One export, adopted as the module itself adopts it: src/protocols/export.c.
 */
#include "config.h"

#include "fsal.h"
#include "FSAL/fsal_commonlib.h"
#include "FSAL/fsal_init.h"
#include "config_parsing.h"

#include <pthread.h>

#define TIMEOUT 20 /* s */

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
		(char *)"org.ganesha.nfsd.config.fsal.attributes",
	.blk_desc.name = (char *)"FSAL",
	.blk_desc.type = CONFIG_BLOCK,
	.blk_desc.u.blk.init = noop_conf_init,
	.blk_desc.u.blk.params = export_parameters,
	.blk_desc.u.blk.commit = noop_conf_commit,
};

static struct fsal_module module;
static struct export_ops inner; /* [K] the export's own methods, */
static struct fsal_obj_ops files; /* [K] and its files' */

/* The files' methods ------------------------------------------------------- */

static fsal_status_t setattr2(struct fsal_obj_handle *obj, bool bypass,
			      struct state_t *state,
			      struct fsal_attrlist *attrs)
{
	FSAL_UNSET_MASK(attrs->valid_mask, ATTR_ACL);
	return files.setattr2(obj, bypass, state, attrs);
}

static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t waiting_changed = PTHREAD_COND_INITIALIZER;
static bool waiting; /* under waiting_lock */

static bool named(const xattrkey4 *name, const char *text)
{
	return name->utf8string_len == strlen(text) &&
	       !memcmp(name->utf8string_val, text, strlen(text));
}

static void waiting_set(bool value)
{
	pthread_mutex_lock(&waiting_lock);
	waiting = value;
	pthread_cond_broadcast(&waiting_changed);
	pthread_mutex_unlock(&waiting_lock);
}

static void waiting_wait(bool value)
{
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT;
	pthread_mutex_lock(&waiting_lock);
	while (waiting != value && !error)
		error = pthread_cond_timedwait(&waiting_changed, &waiting_lock,
					       &until);
	pthread_mutex_unlock(&waiting_lock);
}

static fsal_status_t setxattrs(struct fsal_obj_handle *obj,
			       setxattr_option4 option, xattrkey4 *name,
			       xattrvalue4 *value)
{
	(void)obj;
	(void)option;
	(void)value;
	if (named(name, "wait")) {
		waiting_set(true);
		waiting_wait(false);
	} else if (named(name, "reached")) {
		waiting_wait(true);
	} else if (named(name, "go")) {
		waiting_set(false);
	}
	return fsalstat(ERR_FSAL_NO_ERROR, 0);
}

/* The files' methods are found through the export's root. */
static fsal_status_t lookup_path(struct fsal_export *export, const char *path,
				 struct fsal_obj_handle **handle,
				 struct fsal_attrlist *attrs_out)
{
	fsal_status_t status =
		inner.lookup_path(export, path, handle, attrs_out);

	if (!FSAL_IS_ERROR(status) && !files.setattr2) {
		files = *(*handle)->obj_ops;
		(*handle)->obj_ops->setattr2 = setattr2;
		(*handle)->obj_ops->setxattrs = setxattrs;
	}
	return status;
}

/* The FSAL ----------------------------------------------------------------- */

static attrmask_t fs_supported_attrs(struct fsal_export *export)
{
	return inner.fs_supported_attrs(export) | ATTR_ACL | ATTR4_XATTR;
}

static fsal_status_t create_export(struct fsal_module *fsal, void *parse_node,
				   struct config_error_type *err_type,
				   const struct fsal_up_vector *up_ops)
{
	struct export_args args = { .subfsal = { .name = NULL } };
	struct export_ops *ops;
	struct fsal_module *subfsal;
	fsal_status_t status;

	if (load_config_from_node(parse_node, &export_block, &args, true,
				  err_type))
		return fsalstat(ERR_FSAL_INVAL, EINVAL);
	/* subfsal_commit() has taken a reference, as lookup_fsal() does. */
	subfsal = lookup_fsal(args.subfsal.name);
	fsal_put(subfsal);
	gsh_free(args.subfsal.name);
	status = subfsal->m_ops.create_export(subfsal, args.subfsal.fsal_node,
					      err_type, up_ops);
	if (FSAL_IS_ERROR(status))
		return status;
	ops = &op_ctx->fsal_export->exp_ops;
	inner = *ops;
	ops->lookup_path = lookup_path;
	ops->fs_supported_attrs = fs_supported_attrs;
	fsal_put(fsal);
	return status;
}

MODULE_INIT void attributes_init(void);

MODULE_INIT void attributes_init(void)
{
	if (register_fsal(&module, "ATTRIBUTES", FSAL_MAJOR_VERSION,
			  FSAL_MINOR_VERSION, FSAL_ID_NO_PNFS))
		return;
	module.m_ops.create_export = create_export;
}
