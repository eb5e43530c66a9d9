/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "holder.h"

#include "ganesha.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 20 /* how soon the end of a connection is seen at the latest */
#define RECALLED_WITHIN_MS 30000
#define LIARS_WAIT_MS 500
#define BIND_ATTEMPTS 100
#define OPENED_WITHIN_MS 30000
#define SETTLED 2 /* rounds without a callback */

#define count(holder, what) atomic_fetch_add(&(holder)->load->figures.what, 1)

void holder_fail(const struct holder *holder, const char *format, ...)
{
	struct load *load = holder->load;
	size_t size = sizeof(load->failure);
	va_list args;
	int len;

	pthread_mutex_lock(&load->lock);
	if (!load->failure[0]) {
		len = snprintf(load->failure, size,
			       "client %u, life %u, turn %u: ", holder->number,
			       holder->life_number, holder->turn_number);
		va_start(args, format);
		vsnprintf(load->failure + len, size - len, format, args);
		va_end(args);
	}
	atomic_store(&load->stop, true);
	pthread_cond_broadcast(&load->turned);
	pthread_mutex_unlock(&load->lock);
}

/* @return whether @a status is NFS4_OK; if not, the campaign has failed */
static bool ok(struct holder *holder, const char *what, int status)
{
	if (status)
		holder_fail(holder, "%s: %d", what, status);
	return status == NFS4_OK;
}

/* ---- Connections ---- */

/* A connection of the client's, with its responder. */
static struct nfs_conn *connect_to(struct holder *holder, uint16_t port)
{
	struct nfs_conn *conn = nfs_conn_open(holder->load->params.loop,
					      holder->client.source, port);

	if (conn)
		cb_responder_attach(holder->responder, conn);
	else
		holder_fail(holder, "no connection");
	return conn;
}

/* Connect and bind, until it holds. */
static bool mend_path(struct holder *holder, struct path *path)
{
	uint16_t port = proxy_port(holder->load->proxy);
	int status = 0;

	for (unsigned int i = 0; i < BIND_ATTEMPTS; i++) {
		nfs_conn_end(&path->conn);
		path->conn = connect_to(holder, port);
		if (!path->conn)
			return false;
		status = nfs_bind_conn(path->session, path->conn,
				       holder->turn.direction, NULL);
		if (status == NFS4_OK) {
			count(holder, binds);
			holder->seen.binds++;
			return true;
		}
		if (status > 0)
			break;
		count(holder, failed_binds);
		holder->seen.unsure_binds++;
	}
	return ok(holder, "BIND_CONN_TO_SESSION", status);
}

static bool mend(struct holder *holder)
{
	bool mended = true;

	for (unsigned int i = 0; i < holder->npaths && mended; i++) {
		struct path *path = &holder->paths[i];

		if (!path->conn || !nfs_conn_is_open(path->conn))
			mended = mend_path(holder, path);
	}
	return mended;
}

/* ---- Sessions ---- */

/* Over a connection that ends when the session has its paths. */
static bool make_session(struct holder *holder, unsigned int n)
{
	struct nfs_conn *birth = connect_to(holder, holder->client.port);
	struct nfs_create_session_args args;
	bool made;

	if (!birth)
		return false;
	nfs_create_session_args_init(&args);
	args.back.maxrequests = holder->life.slots;
	made = ok(holder, "CREATE_SESSION",
		  nfs_create_session(&holder->sessions[n], &holder->client,
				     birth, &args));
	holder->seen.sessions += made;
	nfs_session_set_conn(&holder->sessions[n], holder->fore);
	/*
	 * Ganesha notes a session's first 16 connections for good, and takes
	 * its DESTROY_SESSION on these alone: be one of them.
	 */
	made = made &&
	       ok(holder, "SEQUENCE",
		  nfs_sequence(&holder->sessions[n], NULL)) &&
	       mend(holder);
	nfs_conn_end(&birth);
	return made;
}

static bool destroy_session(struct holder *holder, struct nfs_session *session)
{
	int status = nfs_destroy_session(session, NULL);

	nfs_session_fini(session);
	session->client = NULL;
	return ok(holder, "DESTROY_SESSION", status);
}

/* The last session goes, whatever is in its slots, and another comes. */
static bool remake_session(struct holder *holder)
{
	unsigned int last = holder->life.sessions - 1;
	struct nfs_session *session = &holder->sessions[last];

	if (!destroy_session(holder, session))
		return false;
	for (unsigned int i = 0; i < holder->npaths; i++) {
		if (holder->paths[i].session == session)
			nfs_conn_end(&holder->paths[i].conn);
	}
	count(holder, remade);
	return make_session(holder, last);
}

/* As a new instance of the client: what the old one had is revoked. */
static bool restart(struct holder *holder)
{
	for (unsigned int n = 0; n < holder->life.sessions; n++)
		nfs_session_fini(&holder->sessions[n]);
	for (unsigned int i = 0; i < holder->npaths; i++)
		nfs_conn_end(&holder->paths[i].conn);
	memset(holder->sessions, 0, sizeof(holder->sessions));
	holder->npaths = 0;
	holder->client.verifier[0]++;
	count(holder, restarted);
	return ok(holder, "EXCHANGE_ID",
		  nfs_exchange_id(&holder->client, holder->fore)) &&
	       make_session(holder, 0);
}

/* ---- A turn ---- */

/* @return whether nothing is wrong; if not, the campaign has failed */
static bool opener_is_well(struct holder *holder)
{
	const char *failure = opener_failure(holder->opener);

	if (*failure)
		holder_fail(holder, "%s", failure);
	return !*failure;
}

static bool serve_opener(struct holder *holder)
{
	struct opener *opener = holder->opener;
	const struct schedule_turn *turn = &holder->turn;

	opener_serve(opener);
	if (!holder->suffered && opener_has_sent(opener) &&
	    holder->received >= turn->opener_at) {
		opener_suffer(opener, turn->opener);
		count(holder, suffered[turn->opener]);
		holder->suffered = true;
	}
	return opener_is_well(holder);
}

static bool hold_files(struct holder *holder)
{
	uint32_t share = holder->turn.write ?
				 GANESHA_WRITE_ACCESS |
					 OPEN4_SHARE_ACCESS_WANT_WRITE_DELEG :
				 OPEN4_SHARE_ACCESS_READ |
					 OPEN4_SHARE_ACCESS_WANT_READ_DELEG;

	for (unsigned int i = 0; i < holder->turn.files; i++) {
		struct held *held = &holder->files[i];

		*held = (struct held){ 0 };
		held->number =
			files_take(holder->load->params.files, held->path);
		if (!ok(holder, "OPEN",
			nfs_open(&holder->sessions[0], held->path, share,
				 &held->file)))
			return false;
		held->granted =
			held->file.delegation.type == OPEN_DELEGATE_READ ||
			held->file.delegation.type == OPEN_DELEGATE_WRITE;
		if (held->granted)
			holder->seen.granted++;
		else
			count(holder, not_granted);
	}
	return true;
}

/*
 * How file @n is wanted. Ganesha may lock up where OPENs of a client meet the end of
 * its client id: nfs_client_id_expire() asks for the owners' table (hold_state_owner())
 * with cid_mutex locked, a new owner (init_nfs4_owner()) the other way round. So an
 * opener that will restart opens nothing.
 */
static enum schedule_want want_of(const struct holder *holder, unsigned int n)
{
	if (holder->turn.opener == OPENER_RESTARTS)
		return WANT_SETATTR;
	return schedule_want(holder->load->params.schedule, holder->number,
			     holder->life_number, holder->turn_number, n);
}

/* The opener wants all of them; of one that is written, first its size. */
static bool conflict(struct holder *holder)
{
	for (unsigned int i = 0; i < holder->turn.files; i++) {
		struct held *held = &holder->files[i];

		holder->waiting += held->granted;
		if (holder->turn.write)
			opener_want(holder->opener, WANT_GETATTR, held->path);
		opener_want(holder->opener, want_of(holder, i), held->path);
	}
	holder->received = 0;
	holder->suffered = false;
	return serve_opener(holder);
}

static bool return_file(struct holder *holder, struct held *held)
{
	struct nfs_compound compound;

	held->returned = true;
	nfs_compound_init(&compound, &holder->sessions[0]);
	nfs_put_putfh(&compound, &held->file.fh);
	if (held->granted)
		nfs_put_delegreturn(&compound, &held->file.delegation.stateid);
	nfs_put_close(&compound, 0, &held->file.stateid);
	if (!ok(holder, "DELEGRETURN, CLOSE", nfs_compound_finish(&compound)))
		return false;
	holder->seen.returned += held->granted;
	return true;
}

/* @param all  also what has not been recalled */
static bool return_files(struct holder *holder, bool all)
{
	bool good = true;

	for (unsigned int i = 0; i < holder->turn.files && good; i++) {
		struct held *held = &holder->files[i];

		if (!held->returned && (all || held->recalled))
			good = return_file(holder, held);
	}
	return good;
}

/* Answer, and mend what breaks, until all recalls of the turn have come. */
static bool be_recalled(struct holder *holder)
{
	int limit = holder->liar ? LIARS_WAIT_MS : RECALLED_WITHIN_MS;
	uint64_t until = nfs_now_ns() + limit * UINT64_C(1000000);

	while (holder->waiting && nfs_now_ns() < until) {
		struct cb_call *call = cb_responder_wait(
			holder->responder, holder->looked, LOOK_MS);

		if (call) {
			holder->looked++;
			holder->received++;
			holder_answer(holder, call);
		} else {
			holder_answer_late(holder);
		}
		if (!mend(holder) || !serve_opener(holder) ||
		    (holder->turn.at_once && !return_files(holder, false)))
			return false;
	}
	holder_answer_late(holder);
	if (holder->waiting && !holder->liar)
		holder_fail(holder, "%u of %u recalls have not come",
			    holder->waiting, holder->turn.files);
	return !holder->waiting || holder->liar;
}

/* What was held against is the opener's at last. */
static bool give_files_back(struct holder *holder)
{
	bool good = holder->turn.restart ? restart(holder) :
					   return_files(holder, true);

	if (good && !opener_finish(holder->opener))
		good = opener_is_well(holder);
	for (unsigned int i = 0; i < holder->turn.files; i++) {
		holder->files[i].granted = false;
		files_give(holder->load->params.files, holder->files[i].number);
	}
	holder->waiting = 0;
	return good;
}

static bool take_turn(struct holder *holder)
{
	struct load *load = holder->load;

	schedule_turn(load->params.schedule, holder->number,
		      holder->life_number, holder->turn_number, &holder->turn);
	if (!mend(holder) || !hold_files(holder) || !conflict(holder) ||
	    (holder->turn.remake && !remake_session(holder)) ||
	    !be_recalled(holder) || !give_files_back(holder))
		return false;
	count(holder, turns);
	pthread_mutex_lock(&load->lock);
	load->turns++;
	pthread_cond_broadcast(&load->turned);
	pthread_mutex_unlock(&load->lock);
	return true;
}

/* ---- A life ---- */

static bool be_born(struct holder *holder)
{
	static const struct cb_answer held = { .when = CB_HELD };
	const struct load_params *params = &holder->load->params;
	bool born = true;

	schedule_life(params->schedule, holder->number, holder->life_number,
		      &holder->life);
	schedule_turn(params->schedule, holder->number, holder->life_number, 0,
		      &holder->turn);
	nfs_client_init(&holder->client, params->loop,
			server_port(params->server), holder->number);
	holder->responder = cb_responder_new();
	cb_responder_set_default(holder->responder, &held);
	holder->client.responder = holder->responder;
	holder->looked = 0;
	holder->npaths = 0;
	holder->seen = (struct seen){ 0 };
	holder->opener = opener_new(&(struct opener_params){
		.server = params->server,
		.loop = params->loop,
		.port = proxy_port(holder->load->opener_proxy),
		.number = holder->number + params->clients,
		.slots = holder->life.opener_slots,
		.within_ms = OPENED_WITHIN_MS,
	});
	if (!opener_is_well(holder))
		return false;
	memset(holder->sessions, 0, sizeof(holder->sessions));
	holder->fore = connect_to(holder, holder->client.port);
	if (!holder->fore ||
	    !ok(holder, "EXCHANGE_ID",
		nfs_exchange_id(&holder->client, holder->fore)))
		return false;
	for (unsigned int n = 0; n < holder->life.sessions && born; n++) {
		for (unsigned int i = 0; i < holder->life.paths; i++)
			holder->paths[holder->npaths++] =
				(struct path){ .session =
						       &holder->sessions[n] };
		born = make_session(holder, n);
	}
	return born && ok(holder, "RECLAIM_COMPLETE",
			  nfs_reclaim_complete(&holder->sessions[0]));
}

/*
 * Answer what has come since the last turn, and what comes until nothing does: the
 * server reads a connection's SEQUENCE after the answers that were sent on it.
 */
static void settle(struct holder *holder)
{
	cb_responder_set_default(holder->responder, &(struct cb_answer){ 0 });
	for (unsigned int quiet = 0; quiet < SETTLED;) {
		struct cb_call *call;

		quiet++;
		while ((call = cb_responder_wait(holder->responder,
						 holder->looked, 0)) != NULL) {
			holder->looked++;
			holder_answer(holder, call);
			quiet = 0;
		}
		for (unsigned int i = 0; i < holder->npaths; i++) {
			struct path *path = &holder->paths[i];

			if (path->conn && path->session->client)
				nfs_sequence_on(path->session, path->conn,
						NULL);
		}
	}
}

static void die(struct holder *holder)
{
	struct load *load = holder->load;
	const char *violation;
	int status = NFS4_OK;

	if (load->params.schedule->calm)
		settle(holder);
	pthread_mutex_lock(&load->lock);
	opener_add_figures(holder->opener, &load->openers);
	pthread_mutex_unlock(&load->lock);
	if (!opener_free(holder->opener))
		count(holder, left);
	for (unsigned int n = 0; n < holder->life.sessions; n++) {
		if (holder->sessions[n].client)
			destroy_session(holder, &holder->sessions[n]);
	}
	if (holder->fore)
		status = nfs_destroy_clientid(&holder->client, holder->fore);
	/* A callback that waits for another session keeps its last one. */
	if (status == NFS4ERR_CLIENTID_BUSY)
		count(holder, left);
	else
		ok(holder, "DESTROY_CLIENTID", status);
	for (unsigned int i = 0; i < holder->npaths; i++)
		nfs_conn_end(&holder->paths[i].conn);
	nfs_conn_end(&holder->fore);
	if (!holder->liar &&
	    cb_responder_violations(holder->responder, &violation))
		holder_fail(holder, "against the RFC: %s", violation);
	seen_add_responder(&holder->seen, holder->responder);
	cb_responder_free(holder->responder);
	pthread_mutex_lock(&load->lock);
	seen_add(&load->seen, &holder->seen);
	pthread_mutex_unlock(&load->lock);
	count(holder, lives);
}

void *holder_run(void *arg)
{
	struct holder *holder = arg;

	for (; !atomic_load(&holder->load->stop); holder->life_number++) {
		bool alive = be_born(holder);

		for (holder->turn_number = 0;
		     alive && holder->turn_number < holder->life.turns &&
		     !atomic_load(&holder->load->stop);
		     holder->turn_number++) {
			alive = take_turn(holder) && !holder->turn.restart;
		}
		die(holder);
	}
	return NULL;
}
