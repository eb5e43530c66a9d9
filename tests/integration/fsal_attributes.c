/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A test's FSAL named ATTRIBUTES, around VFS: accepts, and forgets, ACLs and
 * extended attributes, which VFS as it is packaged refuses.
 *
 * To set one named "wait" takes until one named "go" is set; to set one named
 * "reached", until another waits.  When one named "gate" has been set, the next
 * change or OPEN of a file takes as long, whichever it is.  With "removal gate",
 * "removal reached" and "removal go" it is the removal of an export that has no
 * states any more.
 *
 * Its exports, all over one FSAL, are adopted as the module itself adopts them:
 * src/protocols/module/export.c.
 */
#include "config.h"

#include "fsal.h"
#include "FSAL/fsal_commonlib.h"
#include "FSAL/fsal_init.h"
#include "config_parsing.h"

#include "ganesha/dialect.h"

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
static struct export_ops inner; /* [K] the exports' own methods, */
static struct fsal_obj_ops files; /* [K] and its files' */

/* Waiting ------------------------------------------------------------------ */

static pthread_mutex_t gates_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gates_changed = PTHREAD_COND_INITIALIZER;

struct gate {
	const char *shut, *reached, *go; /* [K] what it is told with */
	bool is_shut; /* under gates_lock: the next one waits */
	bool waiting; /* under gates_lock: one does */
};
static struct gate changes = { .shut = "gate",
			       .reached = "reached",
			       .go = "go" };
static struct gate removals = { .shut = "removal gate",
				.reached = "removal reached",
				.go = "removal go" };

static void gate_set(struct gate *gate, bool is_shut, bool waiting)
{
	pthread_mutex_lock(&gates_lock);
	gate->is_shut = is_shut;
	gate->waiting = waiting;
	pthread_cond_broadcast(&gates_changed);
	pthread_mutex_unlock(&gates_lock);
}

static void gate_await(const struct gate *gate, bool waiting)
{
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT;
	pthread_mutex_lock(&gates_lock);
	while (gate->waiting != waiting && !error)
		error = pthread_cond_timedwait(&gates_changed, &gates_lock,
					       &until);
	pthread_mutex_unlock(&gates_lock);
}

/* Between the handler's beginning and its end, at the change itself. */
static void gate_pass(struct gate *gate)
{
	bool shut;

	pthread_mutex_lock(&gates_lock);
	shut = gate->is_shut;
	gate->is_shut = false;
	gate->waiting = gate->waiting || shut;
	pthread_cond_broadcast(&gates_changed);
	pthread_mutex_unlock(&gates_lock);
	if (shut)
		gate_await(gate, false);
}

static bool named(const xattrkey4 *name, const char *text)
{
	return name->utf8string_len == strlen(text) &&
	       !memcmp(name->utf8string_val, text, strlen(text));
}

/* @return whether it was told anything */
static bool gate_tell(struct gate *gate, const xattrkey4 *name)
{
	if (named(name, gate->shut))
		gate_set(gate, true, false);
	else if (named(name, gate->reached))
		gate_await(gate, true);
	else if (named(name, gate->go))
		gate_set(gate, false, false);
	else
		return false;
	return true;
}

/* The files' methods ------------------------------------------------------- */

static fsal_status_t setattr2(struct fsal_obj_handle *obj, bool bypass,
			      struct state_t *state,
			      struct fsal_attrlist *attrs)
{
	FSAL_UNSET_MASK(attrs->valid_mask, ATTR_ACL);
	return files.setattr2(obj, bypass, state, attrs);
}

static void write2(struct fsal_obj_handle *obj, bool bypass,
		   fsal_async_cb done_cb, struct fsal_io_arg *arg, void *caller)
{
	gate_pass(&changes);
	files.write2(obj, bypass, done_cb, arg, caller);
}

static fsal_status_t fallocate2(struct fsal_obj_handle *obj,
				struct state_t *state, uint64_t offset,
				uint64_t length, bool allocates)
{
	gate_pass(&changes);
	return files.fallocate(obj, state, offset, length, allocates);
}

static fsal_status_t unlink2(struct fsal_obj_handle *dir,
			     struct fsal_obj_handle *obj,
			     const char *name BC_DIR_PARAMETERS(dir))
{
	gate_pass(&changes);
	return files.unlink(dir, obj, name BC_DIR_ARGUMENTS(dir));
}

static fsal_status_t rename2(struct fsal_obj_handle *obj,
			     struct fsal_obj_handle *from_dir, const char *from,
			     struct fsal_obj_handle *to_dir,
			     const char *to BC_DIR_PARAMETERS(from)
				     BC_DIR_PARAMETERS(to))
{
	gate_pass(&changes);
	return files.rename(obj, from_dir, from, to_dir,
			    to BC_DIR_ARGUMENTS(from) BC_DIR_ARGUMENTS(to));
}

static fsal_status_t link2(struct fsal_obj_handle *obj,
			   struct fsal_obj_handle *dir,
			   const char *name BC_DIR_PARAMETERS(dir))
{
	gate_pass(&changes);
	return files.link(obj, dir, name BC_DIR_ARGUMENTS(dir));
}

/* Also of a file that is there. */
static fsal_status_t open2(struct fsal_obj_handle *obj, struct state_t *state,
			   fsal_openflags_t flags,
			   enum fsal_create_mode createmode, const char *name,
			   struct fsal_attrlist *attrs,
			   fsal_verifier_t verifier,
			   struct fsal_obj_handle **new_obj,
			   struct fsal_attrlist *attrs_out,
			   bool *check BC_DIR_PARAMETERS(parent))
{
	gate_pass(&changes);
	return files.open2(obj, state, flags, createmode, name, attrs, verifier,
			   new_obj, attrs_out, check BC_DIR_ARGUMENTS(parent));
}

static fsal_status_t setxattrs(struct fsal_obj_handle *obj,
			       setxattr_option4 option, xattrkey4 *name,
			       xattrvalue4 *value)
{
	(void)obj;
	(void)option;
	(void)value;
	if (gate_tell(&changes, name) || gate_tell(&removals, name))
		return fsalstat(ERR_FSAL_NO_ERROR, 0);
	if (named(name, "wait"))
		gate_set(&changes, true, false);
	gate_pass(&changes);
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
		(*handle)->obj_ops->write2 = write2;
		(*handle)->obj_ops->fallocate = fallocate2;
		(*handle)->obj_ops->unlink = unlink2;
		(*handle)->obj_ops->rename = rename2;
		(*handle)->obj_ops->link = link2;
		(*handle)->obj_ops->open2 = open2;
	}
	return status;
}

/* The FSAL ----------------------------------------------------------------- */

static void unexport(struct fsal_export *export, struct fsal_obj_handle *root)
{
	gate_pass(&removals);
	inner.unexport(export, root);
}

/* As FSALs do that are stacked on another one. */
static bool fs_supports(struct fsal_export *export,
			fsal_fsinfo_options_t option)
{
	op_ctx->fsal_export = export;
	return inner.fs_supports(export, option);
}

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
	ops->fs_supports = fs_supports;
	ops->fs_supported_attrs = fs_supported_attrs;
	ops->unexport = unexport;
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
