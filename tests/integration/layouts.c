/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "layouts.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char plugin_socket[64]; /* an abstract name */

int layouts_start(struct fixture *fixture, const struct server_params *params)
{
	struct server_params with_layouts = *params;
	static char variable[128]; /* kept for a restart */
	static const char *const env[] = { variable, NULL };

	snprintf(plugin_socket, sizeof(plugin_socket), "fsal_layouts.%d",
		 getpid());
	snprintf(variable, sizeof(variable), "FSAL_LAYOUTS_SOCKET=%s",
		 plugin_socket);
	with_layouts.plugin = LAYOUTS_PLUGIN;
	with_layouts.fsal = "Name = LAYOUTS;\nFSAL { Name = VFS; }";
	with_layouts.env = env;
	return fixture_start(fixture, &with_layouts);
}

int layouts_tell(const char *command)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval timeout = { .tv_sec = SOON / 1000 };
	socklen_t family = sizeof(sa_family_t); /* alone: any name */
	size_t len = strlen(plugin_socket);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int status;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, family), 0);
	memcpy(address.sun_path + 1, plugin_socket, len);
	assert_int_equal(
		sendto(fd, command, strlen(command), 0,
		       (struct sockaddr *)&address,
		       offsetof(struct sockaddr_un, sun_path) + 1 + len),
		strlen(command));
	assert_int_equal(recv(fd, &status, sizeof(status), 0), sizeof(status));
	close(fd);
	return status;
}

void layout_get(struct fixture *f, const char *name, struct layout *layout)
{
	struct nfs_compound compound;
	struct xdr_buf *args;
	char path[64];

	server_make_file(f->server, name, "contents");
	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&f->session, path,
				  OPEN4_SHARE_ACCESS_BOTH |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &layout->file),
			 NFS4_OK);
	nfs_compound_init(&compound, &f->session);
	compound.slot = LAYOUT_SLOT;
	nfs_put_putfh(&compound, &layout->file.fh);
	args = nfs_put_op(&compound, OP_LAYOUTGET);
	xdr_put_u32(args, 0); /* no signal */
	xdr_put_u32(args, LAYOUT_FILES);
	xdr_put_u32(args, IOMODE_RW);
	xdr_put_u64(args, 0); /* offset, */
	xdr_put_u64(args, UINT64_MAX); /* length, */
	xdr_put_u64(args, 1); /* and how much of it is enough */
	nfs_put_stateid(args, &layout->file.stateid);
	xdr_put_u32(args, 4096);
	assert_int_equal(nfs_compound_call(&compound), NFS4_OK);
	layout->sequence =
		nfs_compound_res(&compound, OP_SEQUENCE)->sequence.sequence;
	xdr_get_u32(&compound.rest); /* not to be returned at close */
	nfs_get_stateid(&compound.rest, &layout->stateid);
	assert_false(compound.rest.bad);
	nfs_compound_fini(&compound);
}

void layout_return(struct fixture *f, const struct layout *layout,
		   const struct nfs_stateid *stateid)
{
	struct nfs_compound compound;
	struct xdr_buf *args;

	nfs_compound_init(&compound, &f->session);
	nfs_put_putfh(&compound, &layout->file.fh);
	args = nfs_put_op(&compound, OP_LAYOUTRETURN);
	xdr_put_u32(args, 0); /* no reclaim */
	xdr_put_u32(args, LAYOUT_FILES);
	xdr_put_u32(args, IOMODE_ANY);
	xdr_put_u32(args, RETURN_FILE);
	xdr_put_u64(args, 0);
	xdr_put_u64(args, UINT64_MAX);
	nfs_put_stateid(args, stateid);
	xdr_put_u32(args, 0); /* empty body */
	assert_int_equal(nfs_compound_finish(&compound), NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &layout->file), NFS4_OK);
}
