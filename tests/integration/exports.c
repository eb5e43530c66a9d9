/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "exports.h"

#include <signal.h>
#include <stdio.h>

#define REREAD "Reread exports complete"

static const struct server_params *first; /* those of the server with one */
static unsigned int told; /* so often */

int exports_start(struct fixture *f, const struct server_params *params)
{
	first = params;
	told = 0;
	return fixture_start(f, params) || exports_set(f, true);
}

int exports_tell(struct fixture *f, bool second)
{
	struct server_params params = *first;
	char block[1024];

	snprintf(block, sizeof(block),
		 "EXPORT {\n\tExport_Id = 2;\n\tPath = \"%.512s\";\n"
		 "\tPseudo = \"/second\";\n\tTag = \"second\";\n"
		 "\tProtocols = 4;\n\tTransports = TCP;\n"
		 "\tAccess_Type = RW;\n\tSquash = None;\n"
		 "\tSecType = sys, none;\n\tDelegations = RW;\n"
		 "\tFSAL {\n\t\tName = BACKCHANNEL;\n"
		 "\t\tFSAL {\n\t\t\t%s\n\t\t}\n\t}\n}\n",
		 server_export(f->server),
		 params.fsal ? params.fsal : "Name = VFS;");
	if (second)
		params.config = block;
	if (server_write_config(f->server, &params) ||
	    server_signal(f->server, SIGHUP))
		return -1;
	told++;
	return 0;
}

int exports_wait(struct fixture *f)
{
	return server_wait_log(f->server, REREAD, told, SOON) ? 0 : -1;
}

int exports_set(struct fixture *f, bool second)
{
	return exports_tell(f, second) || exports_wait(f) ? -1 : 0;
}

int exports_open_writing(struct fixture *f, const char *name)
{
	struct nfs_file file;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "export/%s", name);
	status = nfs_open(&f->opener_session, path,
			  OPEN4_SHARE_ACCESS_WRITE |
				  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
			  &file);
	return status ? status : nfs_close(&f->opener_session, &file);
}

int exports_become_free(struct fixture *f, const char *name)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	char path[64];
	int status;

	while ((status = exports_open_writing(f, name)) == NFS4ERR_DELAY &&
	       nfs_now_ns() < until)
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), 50);
	snprintf(path, sizeof(path), "export/%s", name);
	return status ? status : nfs_remove(&f->opener_session, path);
}
