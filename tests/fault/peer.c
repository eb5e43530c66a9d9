/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "responder.h"

#define MEASURED_WITHIN_MS 20000
#define SERVED_MS 100 /* the opener, once in so long */
#define SENT_WITHIN_MS 20000

#define STUCK_FILES 200
#define STUCK_READS 48
#define STUCK_READ_SIZE (1000u << 10) /* with its reply below 1 MiB */

#define DROPS 10000

#define LIES 500 /* at least */
#define LIE_FILES 16
#define LIE_WAIT_MS 300 /* for the recalls of one life */
#define LIE_LOOK_MS 20
#define LIE_SPAN_MS 10000 /* give up: it does not get that far */
#define NOISE_SIZE 256

#define GUESSES 10000
#define GUESS_CONNECTIONS 4
#define GUESS_NEAR 32 /* how far away ids are tried, in each half */

#define PEER_OTHER 1000 /* added to the peer's number: who is held */

#define CTL_SIZE (10u << 20)

/* A file whose delegation the peer has, or would have. */
struct held {
	unsigned int number;
	char path[FILE_PATH_MAX];
	struct nfs_file file;
};

/* From EXCHANGE_ID to the end. */
struct life {
	struct peer *peer;
	struct nfs_client client;
	struct nfs_session session; /* its requests go over fore */
	struct cb_responder *responder;
	struct nfs_conn *fore, *back;
	struct held held[STUCK_FILES];
	unsigned int nheld;
	unsigned int granted;
};

__attribute__((format(printf, 2, 3))) static void peer_fail(struct peer *peer,
							    const char *format,
							    ...)
{
	va_list args;

	if (peer->failure[0])
		return;
	va_start(args, format);
	vsnprintf(peer->failure, sizeof(peer->failure), format, args);
	va_end(args);
}

/* @return whether @a status is NFS4_OK; if not, the peer has failed */
static bool ok(struct peer *peer, const char *what, int status)
{
	if (status)
		peer_fail(peer, "%s: %d", what, status);
	return status == NFS4_OK;
}

void peer_look(struct peer *peer)
{
	long allocated = heap_allocated_kib(peer->heap);
	int fds = server_fds(peer->server);
	int connections = server_connections(peer->server);

	if (allocated > peer->allocated)
		peer->allocated = allocated;
	peer->fds = fds > peer->fds ? fds : peer->fds;
	peer->connections = connections > peer->connections ? connections :
							      peer->connections;
}

/* Stay as it is until the bystanders have been measured. */
static void stay(struct peer *peer)
{
	uint64_t until = nfs_now_ns() + MEASURED_WITHIN_MS * UINT64_C(1000000);

	do {
		peer_look(peer);
		opener_serve(peer->opener);
		if (bystanders_wait(peer->bystanders, peer->samples, SERVED_MS))
			return;
	} while (nfs_now_ns() < until);
	peer_fail(peer, "the bystanders stand still");
}

void peer_does_nothing(struct peer *peer)
{
	stay(peer);
}

/* ---- A client ---- */

static void close_conn(struct nfs_conn **conn)
{
	if (!*conn)
		return;
	nfs_conn_close(*conn, NFS_CLOSE_RST);
	nfs_conn_put(*conn);
	*conn = NULL;
}

/* With a connection for its requests beside the session's own. */
static bool begin(struct life *life, struct peer *peer, uint32_t uid)
{
	static const struct cb_answer held = { .when = CB_HELD };

	*life = (struct life){ .peer = peer };
	nfs_client_init(&life->client, peer->loop, server_port(peer->server),
			peer->number);
	life->client.cred.sys.uid = uid;
	life->client.cred.sys.gid = uid;
	life->responder = cb_responder_new();
	cb_responder_set_default(life->responder, &held);
	life->client.responder = life->responder;
	if (!ok(peer, "mount", nfs_client_mount(&life->client, &life->session)))
		return false;
	life->back = nfs_conn_get(life->session.conn);
	life->fore = nfs_client_connect(&life->client);
	if (!life->fore) {
		peer_fail(peer, "no connection");
		return false;
	}
	nfs_session_set_conn(&life->session, life->fore);
	return ok(peer, "SEQUENCE", nfs_sequence(&life->session, NULL));
}

static void give_back(struct life *life, const struct held *held)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, &life->session);
	nfs_put_putfh(&compound, &held->file.fh);
	if (held->file.delegation.type == OPEN_DELEGATE_READ)
		nfs_put_delegreturn(&compound, &held->file.delegation.stateid);
	nfs_put_close(&compound, 0, &held->file.stateid);
	ok(life->peer, "DELEGRETURN, CLOSE", nfs_compound_finish(&compound));
}

/*
 * What it has goes back, so that what is left is the server's doing. A callback
 * that still waits may keep its client id until the lease ends.
 */
static void end(struct life *life)
{
	struct peer *peer = life->peer;

	for (unsigned int i = 0; i < life->nheld; i++) {
		if (!peer->failure[0])
			give_back(life, &life->held[i]);
		files_give(peer->files, life->held[i].number);
	}
	if (!peer->failure[0] && !opener_finish(peer->opener))
		peer_fail(peer, "%s", opener_failure(peer->opener));
	if (life->session.client)
		nfs_client_unmount(&life->session);
	close_conn(&life->fore);
	close_conn(&life->back);
	cb_responder_free(life->responder);
}

static bool hold(struct life *life, unsigned int count)
{
	bool good = true;

	for (unsigned int i = 0; i < count && good; i++) {
		struct held *held = &life->held[life->nheld++];

		held->number = files_take(life->peer->files, held->path);
		good = ok(life->peer, "OPEN",
			  nfs_open(&life->session, held->path,
				   OPEN4_SHARE_ACCESS_READ |
					   OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				   &held->file));
		life->granted +=
			held->file.delegation.type == OPEN_DELEGATE_READ;
	}
	return good;
}

/* Have all that it holds recalled. */
static bool conflict(struct life *life)
{
	const struct timespec look = { .tv_nsec = 1000000 };
	uint64_t until = nfs_now_ns() + SENT_WITHIN_MS * UINT64_C(1000000);
	struct opener *opener = life->peer->opener;

	for (unsigned int i = 0; i < life->nheld; i++) {
		if (life->held[i].file.delegation.type == OPEN_DELEGATE_READ)
			opener_want(opener, WANT_OPEN, life->held[i].path);
	}
	opener_serve(opener);
	while (!opener_has_sent(opener) && nfs_now_ns() < until) {
		nanosleep(&look, NULL);
		opener_serve(opener);
	}
	if (!opener_has_sent(opener))
		peer_fail(life->peer, "conflicting OPENs are not answered");
	return opener_has_sent(opener);
}

/* ---- Never reads ---- */

static bool open_large(struct life *life, struct nfs_file *large)
{
	char *contents = malloc(STUCK_READ_SIZE + 1);

	if (!contents)
		abort();
	memset(contents, 'x', STUCK_READ_SIZE);
	contents[STUCK_READ_SIZE] = '\0';
	server_make_file(life->peer->server, "large", contents);
	free(contents);
	return ok(life->peer, "OPEN",
		  nfs_open(&life->session, "export/large",
			   OPEN4_SHARE_ACCESS_READ |
				   OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
			   large));
}

/* More than the socket takes, over the back channel's connection. */
static void fill_socket(struct life *life, const struct nfs_file *large,
			struct nfs_compound reads[STUCK_READS])
{
	nfs_conn_set_receive_buffer(life->back, 4096);
	nfs_conn_stop_reading(life->back);
	for (unsigned int i = 0; i < STUCK_READS; i++) {
		nfs_compound_init(&reads[i], &life->session);
		reads[i].conn = life->back;
		nfs_put_putfh(&reads[i], &large->fh);
		nfs_put_read(&reads[i], &large->stateid, 0, STUCK_READ_SIZE);
		ok(life->peer, "READ", nfs_compound_send(&reads[i]));
	}
}

void peer_never_reads(struct peer *peer)
{
	struct nfs_compound reads[STUCK_READS];
	struct nfs_file large;
	struct life life;

	if (begin(&life, peer, 0) && open_large(&life, &large) &&
	    hold(&life, STUCK_FILES)) {
		fill_socket(&life, &large, reads);
		conflict(&life);
		stay(peer);
		peer->deeds = life.granted;
		if (life.granted < STUCK_FILES)
			peer_fail(peer, "only %u delegations", life.granted);
		if (cb_responder_count(life.responder))
			peer_fail(peer, "it has read");
		nfs_conn_close(life.back, NFS_CLOSE_RST);
		for (unsigned int i = 0; i < STUCK_READS; i++) {
			if (reads[i].ended && reads[i].error == 0)
				peer_fail(peer, "READ: %u", reads[i].status);
			nfs_compound_fini(&reads[i]);
		}
		ok(peer, "CLOSE", nfs_close(&life.session, &large));
	}
	end(&life);
}

/* ---- Binds and drops ---- */

static bool bind_and_drop(struct life *life, bool answered, enum nfs_close how)
{
	struct nfs_conn *conn = nfs_client_connect(&life->client);
	struct nfs_compound bind;
	bool good;

	if (!conn) {
		peer_fail(life->peer, "no connection");
		return false;
	}
	nfs_compound_init_bare(&bind, &life->client, conn);
	nfs_put_bind_conn(&bind, life->session.id, CDFC4_FORE_OR_BOTH, false);
	good = ok(life->peer, "BIND_CONN_TO_SESSION", nfs_compound_send(&bind));
	if (good && answered)
		good = ok(life->peer, "BIND_CONN_TO_SESSION",
			  nfs_compound_wait(&bind, NFS_TIMEOUT));
	nfs_conn_close(conn, how);
	nfs_compound_fini(&bind);
	nfs_conn_put(conn);
	return good;
}

static void bind_and_drop_many(struct peer *peer, unsigned int count,
			       bool answered)
{
	struct life life;
	bool good = begin(&life, peer, 0);

	while (good && peer->deeds < count) {
		good = bind_and_drop(&life, answered,
				     !answered || peer->deeds % 2 ?
					     NFS_CLOSE_RST :
					     NFS_CLOSE_FIN);
		if (peer->deeds++ % 100 == 0)
			peer_look(peer);
	}
	stay(peer);
	end(&life);
}

void peer_binds_and_drops(struct peer *peer)
{
	bind_and_drop_many(peer, DROPS, true);
}

void peer_drops_unanswered(struct peer *peer)
{
	bind_and_drop_many(peer, PEER_UNANSWERED, false);
}

/* ---- Lies ---- */

typedef void (*lie_fn)(struct cb_call *call);

/* A reply to the call, up to the XID; every fourth time not even that. */
static void answer_garbage(struct cb_call *call)
{
	static uint32_t state = 1;
	struct xdr_buf record = { 0 };

	xdr_put_u32(&record, 0x80000000u | (8 + NOISE_SIZE));
	xdr_put_u32(&record, call->index % 4 ? call->xid : ~call->xid);
	xdr_put_u32(&record, call->index % 4 ? 1 : state); /* REPLY */
	for (unsigned int i = 0; i < NOISE_SIZE; i += 4) {
		state = state * 1103515245u + 12345u;
		/* Half of them small, as lengths and discriminants are. */
		xdr_put_u32(&record, state & 0x10000 ? state : state >> 29);
	}
	cb_call_answer(call, &(struct cb_answer){ .raw = record.data,
						  .raw_len = record.len });
	xdr_buf_fini(&record);
}

static void answer_another_session(struct cb_call *call)
{
	cb_call_answer(call, &(struct cb_answer){ .wrong_session = true });
}

static void answer_1024_results(struct cb_call *call)
{
	cb_call_answer(call, &(struct cb_answer){ .results = 1024 });
}

static void answer_twice(struct cb_call *call)
{
	cb_call_answer(call, &(struct cb_answer){ .copies = 2 });
}

/* Connected and bound again where the server has closed the connection. */
static bool mend(struct life *life)
{
	if (nfs_conn_is_open(life->back))
		return true;
	close_conn(&life->back);
	life->back = nfs_client_connect(&life->client);
	return life->back && ok(life->peer, "BIND_CONN_TO_SESSION",
				nfs_bind_conn(&life->session, life->back,
					      CDFC4_FORE_OR_BOTH, NULL));
}

/* Whatever comes is lied to, until nothing does. */
static void tell_lies(struct life *life, lie_fn lie)
{
	uint64_t until = nfs_now_ns() + LIE_WAIT_MS * UINT64_C(1000000);
	unsigned int n = 0;

	while (n < life->granted && nfs_now_ns() < until && mend(life)) {
		struct cb_call *call =
			cb_responder_wait(life->responder, n, LIE_LOOK_MS);

		if (!call)
			continue;
		n++;
		if (!call->held) /* the slot table has answered */
			continue;
		lie(call);
		life->peer->deeds++;
	}
}

static void be_a_liar(struct peer *peer, lie_fn lie)
{
	uint64_t until = nfs_now_ns() + LIE_SPAN_MS * UINT64_C(1000000);
	struct life life;

	while (!peer->failure[0] && nfs_now_ns() < until &&
	       (peer->deeds < LIES ||
		!bystanders_wait(peer->bystanders, peer->samples, 0))) {
		if (begin(&life, peer, 0) && hold(&life, LIE_FILES) &&
		    conflict(&life))
			tell_lies(&life, lie);
		peer_look(peer);
		end(&life);
	}
	if (peer->deeds < LIES)
		peer_fail(peer, "only %u lies", peer->deeds);
}

void peer_answers_garbage(struct peer *peer)
{
	be_a_liar(peer, answer_garbage);
}

void peer_answers_another_session(struct peer *peer)
{
	be_a_liar(peer, answer_another_session);
}

void peer_answers_1024_results(struct peer *peer)
{
	be_a_liar(peer, answer_1024_results);
}

void peer_answers_twice(struct peer *peer)
{
	be_a_liar(peer, answer_twice);
}

/* ---- Guesses ---- */

/*
 * Ganesha's ids are a client id and a count of sessions, 8 bytes each, in the
 * machine's byte order: the near ones are of who came just before or after.
 */
static void guess(const uint8_t own[NFS4_SESSIONID_SIZE], unsigned int n,
		  uint8_t id[NFS4_SESSIONID_SIZE])
{
	const unsigned int span = 2 * GUESS_NEAR;
	uint64_t half[2];

	memcpy(half, own, sizeof(half));
	if (n < span * span) {
		half[0] += (uint64_t)(n % span) - GUESS_NEAR;
		half[1] += (uint64_t)(n / span) - GUESS_NEAR;
	} else {
		for (unsigned int i = 0; i < 2; i++)
			half[i] = (n + i + 1) * 0x9e3779b97f4a7c15u;
	}
	memcpy(id, half, sizeof(half));
}

static void guess_once(struct life *life, struct nfs_conn *conn, unsigned int n)
{
	uint8_t id[NFS4_SESSIONID_SIZE];
	struct nfs_compound bind;
	int status;

	guess(life->session.id, n, id);
	if (!memcmp(id, life->session.id, sizeof(id)))
		return;
	nfs_compound_init_bare(&bind, &life->client, conn);
	nfs_put_bind_conn(&bind, id, CDFC4_BACK, false);
	status = nfs_compound_finish(&bind);
	life->peer->deeds++;
	if (status != NFS4ERR_BADSESSION)
		peer_fail(life->peer, "guess %u: %d", n, status);
}

void peer_guesses_sessions(struct peer *peer)
{
	struct nfs_conn *conns[GUESS_CONNECTIONS] = { 0 };
	struct life life;
	bool good = begin(&life, peer, 1000);

	for (unsigned int i = 0; i < GUESS_CONNECTIONS && good; i++) {
		conns[i] = nfs_client_connect(&life.client);
		good = conns[i] != NULL;
	}
	for (unsigned int n = 0; n < GUESSES && good && !peer->failure[0];
	     n++) {
		guess_once(&life, conns[n % GUESS_CONNECTIONS], n);
		if (n % 1000 == 0)
			peer_look(peer);
	}
	stay(peer);
	for (unsigned int i = 0; i < GUESS_CONNECTIONS; i++)
		close_conn(&conns[i]);
	end(&life);
	/* Sessions of others were among them. */
	if (!server_log_count(peer->server, "did not create the session"))
		peer_fail(peer, "no guess has met a session");
}

/* ---- 10 MB ---- */

/* As many flavors as there is room for, all AUTH_NONE. */
static void send_ctl(struct life *life, const uint32_t *words, size_t count)
{
	struct nfs_conn *conn = nfs_client_connect(&life->client);
	struct nfs_compound compound;
	struct xdr_buf *ops;
	int status;

	if (!conn) {
		peer_fail(life->peer, "no connection");
		return;
	}
	nfs_compound_init(&compound, &life->session);
	compound.conn = conn;
	ops = nfs_put_op(&compound, OP_BACKCHANNEL_CTL);
	for (size_t i = 0; i < count; i++)
		xdr_put_u32(ops, words[i]);
	status = nfs_compound_send(&compound);
	peer_look(life->peer);
	if (!status)
		status = nfs_compound_wait(&compound, NFS_TIMEOUT);
	peer_look(life->peer);
	if (status == NFS4_OK || status == -ETIMEDOUT)
		peer_fail(life->peer, "BACKCHANNEL_CTL: %d", status);
	nfs_compound_fini(&compound);
	close_conn(&conn);
	life->peer->deeds++;
}

void peer_sends_10_mb(struct peer *peer)
{
	size_t count = CTL_SIZE / sizeof(uint32_t);
	uint32_t *words = calloc(count, sizeof(*words));
	struct life life;

	if (!words)
		abort();
	words[0] = 0x40000000; /* the program */
	words[1] = count - 2;
	if (begin(&life, peer, 0)) {
		while (peer->deeds < PEER_CTL_TIMES && !peer->failure[0])
			send_ctl(&life, words, count);
		stay(peer);
	}
	end(&life);
	free(words);
}

/* ---- Held requests ---- */

/* A client's requests for a file that nobody gives back, and its end. */
static bool be_held_and_drop(struct life *life, struct cb_call **recall)
{
	struct peer *peer = life->peer;
	struct opener *opener = opener_new(&(struct opener_params){
		.server = peer->server,
		.loop = peer->loop,
		.number = peer->number + PEER_OTHER,
		.within_ms = SENT_WITHIN_MS,
	});
	bool good;

	for (unsigned int i = 0; i < PEER_HELD; i++)
		opener_want(opener, WANT_OPEN, life->held[0].path);
	opener_serve(opener);
	if (!*recall)
		*recall = cb_responder_wait(life->responder, 0, SENT_WITHIN_MS);
	opener_suffer(opener, OPENER_RESET);
	opener_serve(opener);
	good = *recall && opener_has_sent(opener) && !*opener_failure(opener);
	if (!good)
		peer_fail(peer, "requests are not held: %s",
			  opener_failure(opener));
	peer->deeds += PEER_HELD;
	peer_look(peer);
	opener_free(opener);
	return good;
}

void peer_drops_held(struct peer *peer)
{
	struct cb_call *recall = NULL;
	struct life life;
	bool good = begin(&life, peer, 0) && hold(&life, 1);

	for (unsigned int i = 0; i < PEER_HELD_TIMES && good; i++)
		good = be_held_and_drop(&life, &recall);
	stay(peer);
	end(&life);
}
