/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "nfs40.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "operations.h"

#define MAX_CALLBACK_CONNS 16

/** Accepts the server's connections and gives them to the responder. */
struct nfs40_listener {
	pthread_t thread;
	int fd;
	uint16_t port;
	struct nfs_loop *loop;
	struct cb_responder *responder;
	struct nfs_conn *conns[MAX_CALLBACK_CONNS]; /* the thread's */
};

static void *listener_run(void *arg)
{
	struct nfs40_listener *listener = arg;
	unsigned int n = 0;

	for (;;) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		struct nfs_conn *conn;

		if (fd < 0 && errno == EINVAL) /* shut down */
			break;
		if (fd < 0)
			continue;
		conn = cb_responder_adopt(listener->responder, listener->loop,
					  fd);
		nfs_conn_put(listener->conns[n]);
		listener->conns[n] = conn;
		n = (n + 1) % MAX_CALLBACK_CONNS;
	}
	for (n = 0; n < MAX_CALLBACK_CONNS; n++)
		nfs_conn_put(listener->conns[n]);
	return NULL;
}

static struct nfs40_listener *listener_new(struct nfs_loop *loop,
					   const char *source,
					   struct cb_responder *responder)
{
	struct nfs40_listener *listener = calloc(1, sizeof(*listener));
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	if (!listener)
		abort();
	listener->loop = loop;
	listener->responder = responder;
	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, source, &address.sin_addr) != 1 ||
	    bind(listener->fd, (struct sockaddr *)&address, len) ||
	    listen(listener->fd, MAX_CALLBACK_CONNS) ||
	    getsockname(listener->fd, (struct sockaddr *)&address, &len) ||
	    pthread_create(&listener->thread, NULL, listener_run, listener))
		abort();
	listener->port = ntohs(address.sin_port);
	return listener;
}

static void listener_free(struct nfs40_listener *listener)
{
	if (!listener)
		return;
	shutdown(listener->fd, SHUT_RDWR);
	pthread_join(listener->thread, NULL);
	close(listener->fd);
	free(listener);
}

static int set_clientid(struct nfs40_client *client)
{
	struct nfs_compound compound;
	char address[32];
	int status;

	/* RFC 5665: the universal address. */
	snprintf(address, sizeof(address), "%s.%u.%u", client->base.source,
		 client->listener->port >> 8, client->listener->port & 255);
	nfs_compound_init_bare(&compound, &client->base, client->conn);
	nfs_put_setclientid(&compound, &client->base, client->cb_program,
			    address, 1);
	status = nfs_compound_call(&compound);
	if (!status) {
		struct nfs_res res =
			*nfs_compound_res(&compound, OP_SETCLIENTID);

		client->base.clientid = res.setclientid.clientid;
		nfs_compound_fini(&compound);
		nfs_compound_init_bare(&compound, &client->base, client->conn);
		nfs_put_setclientid_confirm(&compound, &res);
		status = nfs_compound_call(&compound);
	}
	nfs_compound_fini(&compound);
	return status;
}

int nfs40_client_mount(struct nfs40_client *client, struct nfs_loop *loop,
		       uint16_t port, unsigned int n,
		       struct cb_responder *responder)
{
	int status;

	*client = (struct nfs40_client){ .cb_program = 0x40000000 };
	nfs_client_init(&client->base, loop, port, n);
	client->base.minorversion = 0;
	client->listener = listener_new(loop, client->base.source, responder);
	client->conn = nfs_client_connect(&client->base);
	status = client->conn ? set_clientid(client) : -errno;
	if (status)
		nfs40_client_fini(client);
	return status;
}

void nfs40_client_fini(struct nfs40_client *client)
{
	nfs_conn_put(client->conn);
	listener_free(client->listener);
	client->conn = NULL;
	client->listener = NULL;
}

static int confirm_open(struct nfs40_client *client, struct nfs_file *file)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init_bare(&compound, &client->base, client->conn);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_open_confirm(&compound, &file->stateid, client->open_seqid++);
	status = nfs_compound_call(&compound);
	if (!status)
		file->stateid =
			nfs_compound_res(&compound, OP_OPEN_CONFIRM)->stateid;
	nfs_compound_fini(&compound);
	return status;
}

int nfs40_open(struct nfs40_client *client, const char *path, uint32_t share,
	       struct nfs_file *file)
{
	struct nfs_open_args args = { .share_access = share,
				      .clientid = client->base.clientid,
				      .owner = client->base.owner,
				      .seqid = client->open_seqid++ };
	struct nfs_compound compound;
	const struct nfs_res *open;
	int status;

	nfs_compound_init_bare(&compound, &client->base, client->conn);
	args.name = nfs_put_parent(&compound, path);
	nfs_put_open(&compound, &args);
	nfs_put_getfh(&compound);
	status = nfs_compound_call(&compound);
	if (!status) {
		open = nfs_compound_res(&compound, OP_OPEN);
		file->stateid = open->open.stateid;
		file->rflags = open->open.rflags;
		file->delegation = open->open.delegation;
		file->fh = nfs_compound_res(&compound, OP_GETFH)->fh;
	}
	nfs_compound_fini(&compound);
	if (!status && (file->rflags & OPEN4_RESULT_CONFIRM))
		status = confirm_open(client, file);
	return status;
}

int nfs40_close(struct nfs40_client *client, const struct nfs_file *file)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &client->base, client->conn);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_close(&compound, client->open_seqid++, &file->stateid);
	return nfs_compound_finish(&compound);
}

int nfs40_delegreturn(struct nfs40_client *client, const struct nfs_file *file)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &client->base, client->conn);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_delegreturn(&compound, &file->delegation.stateid);
	return nfs_compound_finish(&compound);
}

int nfs40_lock(struct nfs40_client *client, const struct nfs_file *file,
	       const char *owner, enum nfs_lock_type4 type)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &client->base, client->conn);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_lock(&compound, type, client->base.clientid, owner,
		     &file->stateid, client->open_seqid++);
	return nfs_compound_finish(&compound);
}

int nfs40_renew(struct nfs40_client *client)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, &client->base, client->conn);
	nfs_put_renew(&compound, client->base.clientid);
	return nfs_compound_finish(&compound);
}
