/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients of a server that somebody else has started, wherever it is: one holds a
 * delegation, the other opens against it.
 *
 *   recall SOURCE SERVER PORT PATH
 *
 * The clients connect from address SOURCE; PATH is what the names of two files begin
 * with, relative to the pseudo root; they are made if need be.  Recalled over the connection of the session,
 * and over another one after that was reset.  Exit status 1: not as it must be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nfs41.h"
#include "responder.h"

#define USER 1000 /* who asks: root would be squashed */
#define TRY_AGAIN_MS 100 /* after NFS4ERR_DELAY or NFS4ERR_GRACE */
#define TRIES 1200 /* the longest grace, and some more */

struct parties {
	struct cb_responder *responder;
	struct nfs_client holder, opener;
	struct nfs_session session, opener_session;
	char path
		[256]; /* of the file that it is about; none is delegated again at once */
	unsigned int recalls; /* that have been seen */
};

static int failed(const char *what, int rc)
{
	if (rc < 0)
		printf("%s: %s\n", what, strerror(-rc));
	else
		printf("%s: status %d\n", what, rc);
	return 1;
}

/* As a client does: later, if it is told so. */
static int open_patiently(struct nfs_session *session, const char *path,
			  uint32_t share, struct nfs_file *file)
{
	const struct timespec pause = { .tv_nsec = TRY_AGAIN_MS * 1000000 };
	int rc = NFS4ERR_GRACE;

	for (unsigned int i = 0; i < TRIES; i++) {
		rc = nfs_create(session, path, share, file);
		if (rc != NFS4ERR_DELAY && rc != NFS4ERR_GRACE)
			break;
		nanosleep(&pause, NULL);
	}
	return rc;
}

/* @return 0: the recall came over @conn, alone, and what conflicted is done */
static int conflict(struct parties *p, const struct nfs_file *held,
		    const struct nfs_conn *conn, const char *what)
{
	uint64_t begun = nfs_now_ns();
	const struct cb_call *call;
	struct nfs_file file;
	int rc;

	rc = open_patiently(&p->opener_session, p->path,
			    OPEN4_SHARE_ACCESS_WRITE, &file);
	if (rc)
		return failed("the conflicting OPEN", rc);
	rc = nfs_close(&p->opener_session, &file);
	if (rc)
		return failed("CLOSE", rc);
	call = cb_responder_wait(p->responder, p->recalls++, 0);
	if (!call || call->op != OP_CB_RECALL ||
	    memcmp(call->recall.stateid.other, held->delegation.stateid.other,
		   NFS4_STATEID_OTHER_SIZE) != 0)
		return failed("no CB_RECALL", 0);
	if (call->conn != conn)
		return failed("a CB_RECALL over another connection", 0);
	printf("%s: recalled %.1f ms after the conflicting OPEN\n", what,
	       (double)(call->arrival_ns - begun) / 1e6);
	return 0;
}

/* @return 0: a delegation was granted */
static int hold(struct parties *p, struct nfs_file *file)
{
	int rc = open_patiently(&p->session, p->path,
				OPEN4_SHARE_ACCESS_READ |
					OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				file);

	if (rc)
		return failed("OPEN", rc);
	if (file->delegation.type != OPEN_DELEGATE_READ)
		return failed("no delegation: reason",
			      (int)file->delegation.why);
	rc = nfs_close(&p->session, file);
	return rc ? failed("CLOSE", rc) : 0;
}

static void choose_file(struct parties *p, const char *path,
			unsigned int number)
{
	snprintf(p->path, sizeof(p->path), "%s-%u", path, number);
}

static int recall(struct parties *p, const char *path)
{
	struct nfs_conn *conn;
	struct nfs_file file;
	uint32_t bound;
	int rc;

	choose_file(p, path, 1);
	if (hold(p, &file) ||
	    conflict(p, &file, p->session.conn, "over its connection"))
		return 1;
	choose_file(p, path, 2);
	if (hold(p, &file))
		return 1;
	nfs_conn_close(p->session.conn, NFS_CLOSE_RST);
	conn = nfs_client_connect(&p->holder);
	if (!conn)
		return failed("connect", -errno);
	nfs_session_set_conn(&p->session, conn);
	rc = nfs_bind_conn(&p->session, conn, CDFC4_FORE_OR_BOTH, &bound);
	if (rc || bound != CDFS4_BOTH)
		rc = failed("BIND_CONN_TO_SESSION", rc);
	else
		rc = conflict(p, &file, conn, "after a reset, over another");
	nfs_conn_put(conn);
	return rc;
}

static void init_client(struct nfs_client *client, struct nfs_loop *loop,
			char **argv, unsigned int n)
{
	nfs_client_init(client, loop, (uint16_t)atoi(argv[3]), n);
	snprintf(client->source, sizeof(client->source), "%s", argv[1]);
	client->server = argv[2];
	client->cred.sys.uid = USER;
	client->cred.sys.gid = USER;
}

int main(int argc, char **argv)
{
	struct parties p = { 0 };
	struct cb_returner *returner;
	struct nfs_loop *loop;
	const char *violation;
	int rc;

	if (argc != 5) {
		fprintf(stderr, "usage: recall SOURCE SERVER PORT PATH\n");
		return 2;
	}
	loop = nfs_loop_new();
	returner = cb_returner_new();
	p.responder = cb_responder_new();
	cb_responder_set_returner(p.responder, returner);
	init_client(&p.holder, loop, argv, 1);
	init_client(&p.opener, loop, argv, 2);
	p.holder.responder = p.responder;
	rc = nfs_client_mount(&p.holder, &p.session);
	if (!rc)
		rc = nfs_client_mount(&p.opener, &p.opener_session);
	if (rc)
		return failed("EXCHANGE_ID and CREATE_SESSION", rc);
	rc = recall(&p, argv[4]);
	if (cb_responder_violations(p.responder, &violation))
		rc = failed(violation, 0);
	cb_returner_free(returner);
	nfs_client_unmount(&p.opener_session);
	nfs_client_unmount(&p.session);
	cb_responder_free(p.responder);
	nfs_loop_free(loop);
	return rc;
}
