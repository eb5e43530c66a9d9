/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "opener.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nfs41.h"

#define WANTS 256
#define MAX_SLOTS 64
#define AGAIN_MS 50 /* after NFS4ERR_DELAY */
#define LOOK_MS 10
#define MS UINT64_C(1000000) /* ns */

enum want_state {
	WANT_FREE, /* none */
	WANT_NEW, /* not sent, or to be asked anew */
	WANT_SENT,
	WANT_AGAIN, /* to be sent again as it is */
};

/* One conflicting request. */
struct want {
	enum want_state state;
	enum schedule_want kind;
	char path[FILE_PATH_MAX];
	struct nfs_compound compound; /* SENT, AGAIN */
	bool asked; /* has been sent at all */
	bool outlived; /* SENT, AGAIN: its session is gone */
	uint64_t due; /* NEW, AGAIN: not before */
	uint64_t until; /* it has what it wants */
};

struct opener {
	struct opener_params params;
	struct nfs_client client;
	struct nfs_session *session;
	struct nfs_session *gone; /* requests in it may be under way; or NULL */
	struct nfs_conn *control; /* makes and destroys sessions */
	struct nfs_conn *conn; /* where the requests go */
	struct nfs_conn *left; /* open, but nothing is expected of it */
	bool taken[MAX_SLOTS]; /* of the session's slots */
	struct want wants[WANTS];
	unsigned int owners; /* that there have been */
	struct opener_figures figures;
	char failure[256]; /* the first; "" if there is none */
};

__attribute__((format(printf, 2, 3))) static void fail(struct opener *opener,
						       const char *format, ...)
{
	va_list args;

	if (opener->failure[0])
		return;
	va_start(args, format);
	vsnprintf(opener->failure, sizeof(opener->failure), format, args);
	va_end(args);
}

/* @return whether @a status is NFS4_OK; if not, the opener has failed */
static bool ok(struct opener *opener, const char *what, int status)
{
	if (status)
		fail(opener, "opener's %s: %d", what, status);
	return status == NFS4_OK;
}

/* ---- Connections and sessions ---- */

static struct nfs_conn *connect_to(struct opener *opener, uint16_t port)
{
	struct nfs_conn *conn =
		nfs_conn_open(opener->params.loop, opener->client.source, port);

	if (!conn)
		fail(opener, "opener has no connection");
	return conn;
}

static void mend(struct opener *opener)
{
	if (opener->conn && nfs_conn_is_open(opener->conn))
		return;
	nfs_conn_end(&opener->conn);
	opener->conn = connect_to(opener, opener->params.port);
}

static bool make_session(struct opener *opener)
{
	struct nfs_create_session_args args;

	nfs_create_session_args_init(&args);
	if (opener->params.slots)
		args.fore.maxrequests = opener->params.slots;
	opener->session = calloc(1, sizeof(*opener->session));
	if (!opener->session)
		abort();
	memset(opener->taken, 0, sizeof(opener->taken));
	opener->figures.sessions++;
	return ok(opener, "CREATE_SESSION",
		  nfs_create_session(opener->session, &opener->client,
				     opener->control, &args));
}

static void free_session(struct nfs_session **session)
{
	if (!*session)
		return;
	nfs_session_fini(*session);
	free(*session);
	*session = NULL;
}

/* Nothing is under way in it any more. */
static void forget_gone(struct opener *opener)
{
	for (unsigned int i = 0; i < WANTS; i++) {
		if (opener->wants[i].outlived)
			return;
	}
	free_session(&opener->gone);
}

/* ---- A request ---- */

/* An OPEN leaves nothing behind, whenever it is run: it has an owner of its own, since
 * one of a session that is gone may be run beside that which is asked anew.
 */
static void compose(struct opener *opener, struct want *want)
{
	static const struct nfs_stateid none = { 0 }, current = { .seqid = 1 };
	struct nfs_compound *compound = &want->compound;
	struct nfs_open_args args = { .share_access = OPENER_SHARE,
				      .clientid = opener->client.clientid };
	char owner[32];

	snprintf(owner, sizeof(owner), "owner-%u", opener->owners++);
	args.owner = owner;
	nfs_compound_init(compound, opener->session);
	compound->conn = opener->conn;
	compound->cachethis = true;
	switch (want->kind) {
	case WANT_OPEN:
	case WANT_WRITE:
		args.name = nfs_put_parent(compound, want->path);
		nfs_put_open(compound, &args);
		if (want->kind == WANT_WRITE)
			nfs_put_write(compound, &current, 0, "written", 7);
		nfs_put_close(compound, 0, &current);
		break;
	case WANT_SETATTR:
		nfs_put_path(compound, want->path);
		nfs_put_setattr(compound, &none,
				&(struct nfs_setattrs){ .set_mode = true,
							.mode = 0644 });
		break;
	case WANT_GETATTR:
		nfs_put_path(compound, want->path);
		nfs_put_getattr(compound);
		break;
	}
}

/* @return false: every slot has a request, which may be held */
static bool take_slot(struct opener *opener, uint32_t *slot)
{
	for (*slot = 0; *slot < opener->session->nslots; (*slot)++) {
		if (*slot < MAX_SLOTS && !opener->taken[*slot]) {
			opener->taken[*slot] = true;
			return true;
		}
	}
	return false;
}

/* An error is the request's: it is seen when that is looked at. */
static void send_new(struct opener *opener, struct want *want)
{
	uint32_t slot;

	if (!take_slot(opener, &slot))
		return;
	compose(opener, want);
	want->compound.slot = slot;
	nfs_compound_send(&want->compound);
	want->asked = true;
	want->state = WANT_SENT;
}

static void send_again(struct opener *opener, struct want *want,
		       struct nfs_conn *conn)
{
	nfs_compound_resend(&want->compound, conn);
	want->state = WANT_SENT;
	opener->figures.sent_again++;
}

/* The request has had its answer, which is what follows from @a state. */
static void end_request(struct opener *opener, struct want *want,
			enum want_state state)
{
	if (!want->outlived)
		opener->taken[want->compound.slot] = false;
	want->outlived = false;
	nfs_compound_fini(&want->compound);
	want->state = state;
}

/* Refused by SEQUENCE, since the request is being worked on: this one is not. */
static bool is_worked_on(const struct nfs_compound *compound)
{
	return compound->status == NFS4ERR_DELAY && compound->nres == 1 &&
	       compound->res[0].op == OP_SEQUENCE;
}

static bool has_lost_its_connection(const struct nfs_compound *compound)
{
	return compound->error && compound->error != -EPROTO &&
	       compound->error != -EBADMSG;
}

static void collect(struct opener *opener, struct want *want)
{
	const struct nfs_compound *compound = &want->compound;

	want->due = 0;
	if (has_lost_its_connection(compound)) {
		want->state = WANT_AGAIN;
	} else if (compound->error) {
		fail(opener, "opener's request: %d", compound->error);
	} else if (is_worked_on(compound)) {
		opener->figures.busy++;
		want->state = WANT_AGAIN;
		want->due = nfs_now_ns() + AGAIN_MS * MS;
	} else if (compound->status == NFS4_OK) {
		end_request(opener, want, WANT_FREE);
	} else if (compound->status == NFS4ERR_DELAY) {
		opener->figures.delays++;
		want->due = nfs_now_ns() + AGAIN_MS * MS;
		end_request(opener, want, WANT_NEW);
	} else if (want->outlived) {
		end_request(opener, want, WANT_NEW);
	} else {
		fail(opener, "%s of %s: %u", schedule_want_name(want->kind),
		     want->path, compound->status);
	}
}

static void serve(struct opener *opener, struct want *want)
{
	if (want->state == WANT_SENT && nfs_compound_has_ended(&want->compound))
		collect(opener, want);
	if (want->state == WANT_NEW && want->due <= nfs_now_ns())
		send_new(opener, want);
	else if (want->state == WANT_AGAIN && want->due <= nfs_now_ns())
		send_again(opener, want, opener->conn);
	if (want->state != WANT_FREE && want->until <= nfs_now_ns())
		fail(opener, "%s of %s is not answered in time",
		     schedule_want_name(want->kind), want->path);
}

/* ---- What happens to it ---- */

/* Whoever asks again, and does not wait for the first one's end. */
static void ask_again(struct opener *opener)
{
	nfs_conn_end(&opener->left);
	opener->left = opener->conn;
	opener->conn = connect_to(opener, opener->params.port);
	for (unsigned int i = 0; i < WANTS && opener->conn; i++) {
		if (opener->wants[i].state == WANT_SENT)
			send_again(opener, &opener->wants[i], opener->conn);
	}
}

static void leave_session(struct opener *opener)
{
	for (unsigned int i = 0; i < WANTS; i++) {
		struct want *want = &opener->wants[i];

		if (want->state != WANT_SENT && want->state != WANT_AGAIN)
			continue;
		opener->figures.outlived += want->state == WANT_SENT;
		want->outlived = true;
	}
	opener->gone = opener->session;
	opener->session = NULL;
}

static void remake_session(struct opener *opener)
{
	if (!ok(opener, "DESTROY_SESSION",
		nfs_destroy_session(opener->session, opener->control)))
		return;
	leave_session(opener);
	make_session(opener);
}

/* With another verifier: the server ends the client id that it had. */
static void restart(struct opener *opener)
{
	leave_session(opener);
	opener->client.verifier[0]++;
	if (ok(opener, "EXCHANGE_ID",
	       nfs_exchange_id(&opener->client, opener->control)) &&
	    make_session(opener))
		ok(opener, "RECLAIM_COMPLETE",
		   nfs_reclaim_complete(opener->session));
}

void opener_suffer(struct opener *opener, enum schedule_opener what)
{
	forget_gone(opener);
	if (opener->failure[0] || opener->gone)
		return;
	switch (what) {
	case OPENER_IS_LEFT_ALONE:
		break;
	case OPENER_RESET:
		nfs_conn_close(opener->conn, NFS_CLOSE_RST);
		break;
	case OPENER_CLOSES:
		nfs_conn_close(opener->conn, NFS_CLOSE_FIN);
		break;
	case OPENER_ASKS_AGAIN:
		ask_again(opener);
		break;
	case OPENER_REMAKES:
		remake_session(opener);
		break;
	case OPENER_RESTARTS:
		restart(opener);
		break;
	case SCHEDULE_OPENERS:
		break;
	}
}

/* ---- The interface ---- */

struct opener *opener_new(const struct opener_params *params)
{
	struct opener *opener = calloc(1, sizeof(*opener));
	uint16_t port = server_port(params->server);

	if (!opener)
		abort();
	opener->params = *params;
	if (!opener->params.port)
		opener->params.port = port;
	nfs_client_init(&opener->client, params->loop, port, params->number);
	opener->control = connect_to(opener, port);
	if (opener->control &&
	    ok(opener, "EXCHANGE_ID",
	       nfs_exchange_id(&opener->client, opener->control)) &&
	    make_session(opener) &&
	    ok(opener, "RECLAIM_COMPLETE",
	       nfs_reclaim_complete(opener->session)))
		mend(opener);
	return opener;
}

bool opener_free(struct opener *opener)
{
	int status = NFS4_OK;

	if (!opener)
		return true;
	for (unsigned int i = 0; i < WANTS; i++) {
		struct want *want = &opener->wants[i];

		if (want->state == WANT_SENT || want->state == WANT_AGAIN)
			nfs_compound_fini(&want->compound);
	}
	if (opener->session && opener->session->client)
		nfs_destroy_session(opener->session, opener->control);
	if (opener->control)
		status = nfs_destroy_clientid(&opener->client, opener->control);
	free_session(&opener->session);
	free_session(&opener->gone);
	nfs_conn_end(&opener->left);
	nfs_conn_end(&opener->conn);
	nfs_conn_end(&opener->control);
	free(opener);
	return status == NFS4_OK;
}

void opener_want(struct opener *opener, enum schedule_want kind,
		 const char *path)
{
	struct want *want = opener->wants;

	while (want->state != WANT_FREE)
		if (++want == opener->wants + WANTS)
			abort();
	*want = (struct want){
		.state = WANT_NEW,
		.kind = kind,
		.until = nfs_now_ns() + opener->params.within_ms * MS,
	};
	snprintf(want->path, sizeof(want->path), "%s", path);
	opener->figures.wants++;
}

void opener_serve(struct opener *opener)
{
	if (opener->failure[0])
		return;
	mend(opener);
	for (unsigned int i = 0; i < WANTS && !opener->failure[0]; i++)
		serve(opener, &opener->wants[i]);
}

bool opener_has_sent(const struct opener *opener)
{
	for (unsigned int i = 0; i < WANTS; i++) {
		const struct want *want = &opener->wants[i];

		if (want->state != WANT_FREE && !want->asked)
			return false;
	}
	return true;
}

/* @return one that is not free, under way if there is one; NULL: there is none */
static struct want *unsettled(struct opener *opener)
{
	struct want *found = NULL;

	for (unsigned int i = 0; i < WANTS; i++) {
		struct want *want = &opener->wants[i];

		if (want->state == WANT_SENT)
			return want;
		if (want->state != WANT_FREE)
			found = want;
	}
	return found;
}

bool opener_finish(struct opener *opener)
{
	const struct timespec look = { .tv_nsec = LOOK_MS * MS };
	struct want *want;

	while (!opener->failure[0] && (want = unsettled(opener)) != NULL) {
		if (want->state == WANT_SENT)
			nfs_compound_wait(&want->compound, LOOK_MS);
		else
			nanosleep(&look, NULL);
		opener_serve(opener);
	}
	forget_gone(opener);
	return !opener->failure[0];
}

const char *opener_failure(const struct opener *opener)
{
	return opener->failure;
}

void opener_add_figures(const struct opener *opener, struct opener_figures *sum)
{
	const struct opener_figures *own = &opener->figures;

	sum->wants += own->wants;
	sum->sessions += own->sessions;
	sum->delays += own->delays;
	sum->sent_again += own->sent_again;
	sum->busy += own->busy;
	sum->outlived += own->outlived;
}
