/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A test's FSAL named LAYOUTS, around VFS: grants a layout of the whole file
 * for every LAYOUTGET, and makes Ganesha call clients back when it is told to.
 *
 * It is told so by datagrams to an abstract socket, whose name the environment
 * variable FSAL_LAYOUTS_SOCKET has: "recall" recalls the layouts of the file of
 * the latest LAYOUTGET, "notify" tells all clients that a device is gone, "null"
 * asks some session's client for a CB_NULL.  Each is answered with Ganesha's
 * state_status_t, or ntirpc's clnt_stat, as an int.
 *
 * One export, adopted as the module itself adopts it: src/protocols/module/export.c.
 */
#include "config.h"

#include "fsal.h"
#include "FSAL/fsal_commonlib.h"
#include "FSAL/fsal_init.h"
#include "config_parsing.h"
#include "export_mgr.h"
#include "fsal_pnfs.h"
#include "fsal_up.h"
#include "nfs_rpc_callback.h"
#include "sal_functions.h"

#include "ganesha/dialect.h"
#include "module/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

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
	.dbus_interface_name = (char *)"org.ganesha.nfsd.config.fsal.layouts",
	.blk_desc.name = (char *)"FSAL",
	.blk_desc.type = CONFIG_BLOCK,
	.blk_desc.u.blk.init = noop_conf_init,
	.blk_desc.u.blk.params = export_parameters,
	.blk_desc.u.blk.commit = noop_conf_commit,
};

static struct fsal_module module;
static struct export_ops inner; /* [K] the export's own methods */
static const struct fsal_up_vector *up; /* [K] */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char key[NFS4_FHSIZE]; /* [L] of the file of the latest LAYOUTGET */
static size_t key_len; /* [L] */

/* Layouts ------------------------------------------------------------------ */

static nfsstat4 layoutget(struct fsal_obj_handle *obj, XDR *loc_body,
			  const struct fsal_layoutget_arg *arg,
			  struct fsal_layoutget_res *res)
{
	struct gsh_buffdesc desc;

	(void)arg;
	obj->obj_ops->handle_to_key(obj, &desc);
	if (desc.len > sizeof(key))
		return NFS4ERR_LAYOUTUNAVAILABLE;
	pthread_mutex_lock(&lock);
	memcpy(key, desc.addr, desc.len);
	key_len = desc.len;
	pthread_mutex_unlock(&lock);
	res->segment.offset = 0;
	res->segment.length = NFS4_UINT64_MAX;
	res->last_segment = true;
	return XDR_PUTUINT32(loc_body, 0) ? NFS4_OK : NFS4ERR_TOOSMALL;
}

static nfsstat4 layoutreturn(struct fsal_obj_handle *obj, XDR *lrf_body,
			     const struct fsal_layoutreturn_arg *arg)
{
	(void)obj;
	(void)lrf_body;
	LogEvent(COMPONENT_PNFS, "layout %s",
		 arg->circumstance == circumstance_revoke ? "revoked" :
							    "returned");
	return NFS4_OK;
}

static uint32_t fs_maximum_segments(struct fsal_export *export)
{
	(void)export;
	return 1;
}

static size_t fs_loc_body_size(struct fsal_export *export)
{
	(void)export;
	return 64;
}

/* The files' methods are found through the export's root. */
static fsal_status_t lookup_path(struct fsal_export *export, const char *path,
				 struct fsal_obj_handle **handle,
				 struct fsal_attrlist *attrs_out)
{
	fsal_status_t status =
		inner.lookup_path(export, path, handle, attrs_out);

	if (!FSAL_IS_ERROR(status)) {
		(*handle)->obj_ops->layoutget = layoutget;
		(*handle)->obj_ops->layoutreturn = layoutreturn;
	}
	return status;
}

/* Callbacks ---------------------------------------------------------------- */

static int recall(void)
{
	static const struct pnfs_segment segment = {
		.io_mode = LAYOUTIOMODE4_ANY,
		.length = NFS4_UINT64_MAX,
	};
	char copy[sizeof(key)];
	struct gsh_buffdesc desc = { .addr = copy };

	pthread_mutex_lock(&lock);
	memcpy(copy, key, key_len);
	desc.len = key_len;
	pthread_mutex_unlock(&lock);
	return up->layoutrecall(up, &desc, LAYOUT4_NFSV4_1_FILES, false,
				&segment, NULL, NULL);
}

static int notify(void)
{
	static const struct pnfs_deviceid device = { .devid = 0x64657669 };

	return up->notify_device(NOTIFY_DEVICEID4_DELETE_MASK,
				 LAYOUT4_NFSV4_1_FILES, device, false);
}

/* What Ganesha calls by that name. */
static void *called(const char *name)
{
	struct bc_image image;
	void **slot;

	if (bc_image_find((void *)register_fsal, &image) ||
	    bc_image_find_import(&image, name, &slot))
		abort();
	return *slot;
}

/* A table's entry: the channel of its client's first session, if any. */
static void find_channel(struct rbt_node *node, void *found)
{
	struct hash_data *data = RBT_OPAQ(node);
	nfs_client_id_t *client = data->val.addr;
	nfs41_session_t *session;

	session = glist_first_entry(&client->cid_cb.v41.cb_session_list,
				    nfs41_session_t, session_link);
	if (client->cid_minorversion && session)
		*(rpc_call_channel_t **)found = &session->cb_chan;
}

/* As rpc_cb_null(), but the channel stays. */
static int ask_null(void)
{
	enum clnt_stat (*setup)(struct clnt_req *, struct timespec) =
		called("clnt_req_setup");
	enum clnt_stat (*wait)(struct clnt_req *) =
		called("clnt_req_wait_reply");
	int (*release)(struct clnt_req *) = called("clnt_req_release");
	struct clnt_req *cc = gsh_calloc(1, sizeof(*cc));
	rpc_call_channel_t *chan = NULL;
	enum clnt_stat stat;

	hashtable_for_each(ht_confirmed_client_id, find_channel, &chan);
	if (!chan)
		abort();
	PTHREAD_MUTEX_lock(bc_channel_mutex(chan));
	clnt_req_fill(cc, chan->clnt, chan->auth, CB_NULL, (xdrproc_t)xdr_void,
		      NULL, (xdrproc_t)xdr_void, NULL);
	stat = setup(cc, (struct timespec){ .tv_sec = 3 });
	if (stat == RPC_SUCCESS)
		stat = wait(cc);
	release(cc);
	PTHREAD_MUTEX_unlock(bc_channel_mutex(chan));
	return stat;
}

static int obey(const char *command)
{
	if (!strcmp(command, "null"))
		return ask_null();
	return strcmp(command, "recall") ? notify() : recall();
}

static void *told(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct sockaddr_un from;
	char command[16];

	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(fd, command, sizeof(command) - 1, 0,
				       (struct sockaddr *)&from, &from_len);
		int status;

		if (len < 0)
			return NULL;
		command[len] = '\0';
		status = obey(command);
		sendto(fd, &status, sizeof(status), 0, (struct sockaddr *)&from,
		       from_len);
	}
}

static void listen_to_test(void)
{
	const char *name = getenv("FSAL_LAYOUTS_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	pthread_t thread;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, name, len);
	if (bind(fd, (struct sockaddr *)&address,
		 offsetof(struct sockaddr_un, sun_path) + 1 + len) ||
	    pthread_create(&thread, NULL, told, (void *)(intptr_t)fd))
		abort();
	pthread_detach(thread);
}

/* The FSAL ----------------------------------------------------------------- */

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
	up = up_ops;
	ops->lookup_path = lookup_path;
	ops->fs_maximum_segments = fs_maximum_segments;
	ops->fs_loc_body_size = fs_loc_body_size;
	listen_to_test();
	fsal_put(fsal);
	return status;
}

MODULE_INIT void layouts_init(void);

MODULE_INIT void layouts_init(void)
{
	if (register_fsal(&module, "LAYOUTS", FSAL_MAJOR_VERSION,
			  FSAL_MINOR_VERSION, FSAL_ID_NO_PNFS))
		return;
	module.m_ops.create_export = create_export;
}
