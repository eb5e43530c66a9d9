/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "round.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SLICE_MS 100 /* between looks at the server and the user */
#define EXIT_MS 1000 /* from the end of its connections to a crash's end */
#define FLAGS_MS 1000 /* for the server to notice a disconnect */
#define NS_PER_MS 1000000

volatile sig_atomic_t round_interrupted;

static bool fail(struct round *round, enum round_end end)
{
	round->end = end;
	return false;
}

/* The server did not answer @a what as it had to; @a rc as in nfs41.h. */
static bool refused(struct round *round, const char *what, int rc)
{
	if (rc < 0)
		snprintf(round->text, ROUND_TEXT, "%s: %s", what,
			 strerror(-rc));
	else
		snprintf(round->text, ROUND_TEXT, "%s: status %d", what, rc);
	return fail(round, ROUND_ERROR);
}

static bool keep(struct round *round, struct nfs_conn *conn)
{
	if (round->nconns == ROUND_CONNS)
		return refused(round, "connect", -EMFILE);
	round->conns[round->nconns++] = conn;
	return true;
}

bool round_begin(struct round *round, struct server *server,
		 struct nfs_loop *loop, unsigned int number)
{
	int rc;

	memset(round, 0, sizeof(*round));
	round->server = server;
	round->number = number;
	round->responder = cb_responder_new();
	nfs_client_init(&round->holder, loop, server_port(server),
			2 * number + 1);
	nfs_client_init(&round->opener, loop, server_port(server),
			2 * number + 2);
	round->holder.responder = round->responder;
	rc = nfs_client_mount(&round->holder, &round->session);
	if (rc)
		return refused(round, "mount", rc);
	round->holder_mounted = true;
	rc = nfs_client_mount(&round->opener, &round->opener_session);
	if (rc)
		return refused(round, "mount", rc);
	round->opener_mounted = true;
	return keep(round, nfs_conn_get(round->session.conn));
}

void round_finish(struct round *round)
{
	if (round->holder_mounted)
		nfs_client_unmount(&round->session);
	if (round->opener_mounted)
		nfs_client_unmount(&round->opener_session);
	for (unsigned int i = 0; i < round->nconns; i++) {
		nfs_conn_close(round->conns[i], NFS_CLOSE_FIN);
		nfs_conn_put(round->conns[i]);
	}
	cb_responder_free(round->responder);
	if (round_interrupted)
		round->end = ROUND_INTERRUPTED;
	else if (round->end && server_wait_exit(round->server, EXIT_MS))
		round->end = ROUND_CRASHED;
	else if (!server_alive(round->server))
		round->end = ROUND_CRASHED;
}

bool round_hold(struct round *round)
{
	char name[32];
	int rc;

	snprintf(name, sizeof(name), "file-%u-%u", round->number,
		 round->files++);
	snprintf(round->path, sizeof(round->path), "export/%s", name);
	server_make_file(round->server, name, "contents");
	rc = nfs_open(&round->session, round->path,
		      OPEN4_SHARE_ACCESS_READ |
			      OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
		      &round->file);
	if (rc)
		return refused(round, "OPEN", rc);
	if (round->file.delegation.type == OPEN_DELEGATE_READ)
		return true;
	snprintf(round->text, ROUND_TEXT, "no delegation: reason %u",
		 round->file.delegation.why);
	return fail(round, ROUND_ERROR);
}

bool round_conflict(struct round *round)
{
	struct nfs_file file;
	int rc;

	round->since_ns = nfs_now_ns();
	rc = nfs_open(&round->opener_session, round->path,
		      OPEN4_SHARE_ACCESS_WRITE, &file);
	return rc == NFS4ERR_DELAY || refused(round, "conflicting OPEN", rc);
}

static bool recalls_file(const struct round *round, const struct cb_call *call)
{
	return call->op == OP_CB_RECALL &&
	       memcmp(call->recall.stateid.other,
		      round->file.delegation.stateid.other,
		      NFS4_STATEID_OTHER_SIZE) == 0;
}

bool round_recall(struct round *round)
{
	uint64_t until = nfs_now_ns() + (uint64_t)nfs_timeout_ms() * NS_PER_MS;
	struct cb_call *call;

	while (nfs_now_ns() < until) {
		call = cb_responder_wait(round->responder, round->calls_seen,
					 SLICE_MS);
		if (call) {
			round->calls_seen++;
			if (!recalls_file(round, call))
				continue;
			round->call = call;
			round->ms =
				(double)(call->arrival_ns - round->since_ns) /
				NS_PER_MS;
			return true;
		}
		if (round_interrupted)
			return fail(round, ROUND_INTERRUPTED);
		if (!server_alive(round->server))
			return fail(round, ROUND_CRASHED);
	}
	return fail(round, ROUND_LATE);
}

bool round_return(struct round *round)
{
	int rc = nfs_delegreturn(&round->session, &round->file.fh,
				 &round->file.delegation.stateid);

	return rc == NFS4_OK || refused(round, "DELEGRETURN", rc);
}

bool round_connect(struct round *round)
{
	struct nfs_conn *conn = nfs_client_connect(&round->holder);

	if (!conn)
		return refused(round, "connect", -errno);
	if (!keep(round, conn)) {
		nfs_conn_put(conn);
		return false;
	}
	nfs_session_set_conn(&round->session, conn);
	return true;
}

void round_disconnect(struct round *round, enum nfs_close how)
{
	round->since_ns = nfs_now_ns();
	nfs_conn_close(round->session.conn, how);
}

/* In the loop thread, which has not looked at what comes after the reply. */
static void bind_replied(struct nfs_compound *compound)
{
	struct round *round = compound->arg;

	round->since_ns = nfs_now_ns();
}

bool round_bind(struct round *round, const uint8_t *id, uint32_t dir,
		uint32_t *status, uint32_t *bound)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int rc;

	nfs_compound_init_bare(&compound, &round->holder, round->session.conn);
	compound.on_reply = bind_replied;
	compound.arg = round;
	nfs_put_bind_conn(&compound, id, dir, 0);
	rc = nfs_compound_call(&compound);
	*status = compound.status;
	res = nfs_compound_res(&compound, OP_BIND_CONN_TO_SESSION);
	*bound = rc == NFS4_OK && res ? res->bind_conn.dir : 0;
	nfs_compound_fini(&compound);
	return rc >= 0 || refused(round, "BIND", rc);
}

bool round_bind_both(struct round *round)
{
	uint32_t status, bound;

	if (!round_connect(round) ||
	    !round_bind(round, round->session.id, CDFC4_FORE_OR_BOTH, &status,
			&bound))
		return false;
	if (status == NFS4_OK && bound == CDFS4_BOTH)
		return true;
	return refused(round, "BIND", (int)status);
}

bool round_flags(struct round *round, uint32_t wanted, uint32_t *flags)
{
	uint64_t until = nfs_now_ns() + (uint64_t)FLAGS_MS * NS_PER_MS;
	int rc;

	do {
		rc = nfs_sequence(&round->session, flags);
		if (rc)
			return refused(round, "SEQUENCE", rc);
		*flags &= SEQ4_STATUS_CB_PATH_DOWN |
			  SEQ4_STATUS_CB_PATH_DOWN_SESSION |
			  SEQ4_STATUS_BACKCHANNEL_FAULT;
	} while (*flags != wanted && nfs_now_ns() < until);
	return true;
}

void round_note(struct round *round, char text[ROUND_TEXT], bool right,
		const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, ROUND_TEXT, format, args);
	va_end(args);
	if (right)
		return;
	round->wrong = true;
	if (len >= 0 && len < ROUND_TEXT)
		snprintf(text + len, (size_t)(ROUND_TEXT - len), ", wrong");
}
