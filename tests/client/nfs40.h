/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * As much of an NFSv4.0 client (RFC 7530) as shows that the server still dials
 * out for its callbacks: a client id with a callback address, a listener there,
 * and OPEN with its confirmation.  Return values as in nfs41.h.
 */
#ifndef NFS41_CLIENT_NFS40_H
#define NFS41_CLIENT_NFS40_H

#include "nfs41.h"
#include "responder.h"

struct nfs40_client {
	struct nfs_client base; /* minorversion 0; its responder answers */
	struct nfs_conn *conn; /* to the server */
	uint32_t cb_program;
	uint32_t open_seqid; /* of the one open owner */
	struct nfs40_listener *listener;
};

/** Listen on a port of the client's address, connect, get a client id. */
int nfs40_client_mount(struct nfs40_client *client, struct nfs_loop *loop,
		       uint16_t port, unsigned int n,
		       struct cb_responder *responder);
/** Close everything; the server forgets the client when its lease ends. */
void nfs40_client_fini(struct nfs40_client *client);

/**
 * OPEN, confirmed if the server asks for it; the file must exist. An open that
 * has to be confirmed, the owner's first, gets no delegation.
 */
int nfs40_open(struct nfs40_client *client, const char *path, uint32_t share,
	       struct nfs_file *file);
int nfs40_close(struct nfs40_client *client, const struct nfs_file *file);
int nfs40_delegreturn(struct nfs40_client *client, const struct nfs_file *file);
/** LOCK of the whole file, by a new lock owner of the open. */
int nfs40_lock(struct nfs40_client *client, const struct nfs_file *file,
	       const char *owner, enum nfs_lock_type4 type);
int nfs40_renew(struct nfs40_client *client);

#endif
