/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "crowd.h"

#include "ganesha.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define DEPTH 64 /* under way at a time */
#define RESERVE 3000 /* descriptors of a server that are not connections */

/* Others of the server's than the crowd's. */
#define OTHER_LINKS 100

unsigned int crowd_max_links(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max < 2 * RESERVE)
		fatal("too few descriptors: the limit of open files must be %u or more",
		      2 * RESERVE);
	if (limit.rlim_max - RESERVE < GANESHA_MAX_CONNECTIONS - OTHER_LINKS)
		return (unsigned int)limit.rlim_max - RESERVE;
	return GANESHA_MAX_CONNECTIONS - OTHER_LINKS;
}

/* ---- Callbacks ---- */

/** A DELEGRETURN under way. */
struct giving_back {
	struct nfs_compound compound;
	struct crowd *crowd;
};

static void given_back(struct nfs_compound *compound, void *arg)
{
	struct giving_back *back = arg;

	if (!compound->error && compound->status == NFS4_OK)
		back->crowd->returned++;
	else
		back->crowd->refused++;
	nfs_compound_fini(compound);
	free(back);
}

static void give_back(struct crowd *crowd, struct member *member)
{
	struct giving_back *back = calloc(1, sizeof(*back));

	if (!back)
		fatal("out of memory");
	back->crowd = crowd;
	nfs_compound_init(&back->compound, &member->session);
	nfs_put_putfh(&back->compound, &member->file.fh);
	nfs_put_delegreturn(&back->compound, &member->file.delegation.stateid);
	back->compound.done = given_back;
	back->compound.arg = back;
	if (nfs_compound_send(&back->compound))
		given_back(&back->compound, back);
}

static struct member *member_of(const struct link *link, const uint8_t *session)
{
	struct member *members = link->crowd->members;

	for (unsigned int i = link->first; i < link->end; i++)
		if (!memcmp(members[i].session.id, session,
			    NFS4_SESSIONID_SIZE))
			return &members[i];
	return NULL;
}

static void recalled(struct link *link, struct answers_about *about)
{
	struct member *member = member_of(link, about->session);
	struct crowd *crowd = link->crowd;
	struct nfs_stateid stateid;

	nfs_get_stateid(&about->args, &stateid);
	if (!member || member->called ||
	    memcmp(stateid.other, member->file.delegation.stateid.other,
		   sizeof(stateid.other))) {
		crowd->strays++;
		return;
	}
	member->called = true;
	crowd->last_ns = nfs_now_ns();
	crowd->recalled++;
	give_back(crowd, member);
}

/* In the loop thread. */
static void handle(struct nfs_conn *conn, void *arg,
		   const struct rpc_request *request)
{
	struct answers_about about;
	struct xdr_buf reply = { 0 };

	if (!answers_encode(&reply, request, PEER_SLOTS, &about))
		fatal("a callback does not decode");
	nfs_conn_send(conn, reply.data, reply.len);
	xdr_buf_fini(&reply);
	if (about.op == OP_CB_RECALL)
		recalled(arg, &about);
}

void crowd_expect_recalls(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->count; i++)
		crowd->members[i].called = false;
	crowd->recalled = crowd->returned = crowd->refused = crowd->strays = 0;
	crowd->last_ns = 0;
}

unsigned int crowd_wait_recalls(struct crowd *crowd, unsigned int count,
				unsigned int idle_ms)
{
	unsigned int seen = 0, idle = 0;

	while (idle < idle_ms && server_alive(crowd->side.server) &&
	       (crowd->recalled < count ||
		crowd->returned + crowd->refused < crowd->recalled)) {
		unsigned int now = crowd->recalled + crowd->returned;

		idle = now == seen ? idle + 5 : 0;
		seen = now;
		sleep_ms(5);
	}
	return crowd->recalled;
}

/* ---- Connections ---- */

static void link_connect(struct link *link)
{
	struct member *members = link->crowd->members;

	link->conn = nfs_client_connect(&members[link->first].client);
	if (link->conn)
		nfs_conn_set_handler(link->conn, handle, link);
	for (unsigned int i = link->first; i < link->end && link->conn; i++)
		if (members[i].session.client)
			nfs_session_set_conn(&members[i].session, link->conn);
}

bool crowd_connect(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->nlinks; i++) {
		link_connect(&crowd->links[i]);
		if (!crowd->links[i].conn)
			return false;
	}
	return true;
}

void crowd_disconnect(struct crowd *crowd)
{
	for (unsigned int i = 0; i < crowd->nlinks; i++) {
		struct link *link = &crowd->links[i];

		if (!link->conn)
			continue;
		nfs_conn_close(link->conn, NFS_CLOSE_RST);
		nfs_conn_put(link->conn);
		link->conn = NULL;
	}
}

/* ---- What all do ---- */

/** One deed of all. */
struct doing {
	struct crowd *crowd;
	const struct deed *deed;
	unsigned int from;
	_Atomic unsigned int well;
};

static struct nfs_session *session_of(unsigned int i, void *arg)
{
	struct doing *doing = arg;

	return &doing->crowd->members[doing->from + i].session;
}

static struct nfs_conn *conn_of(unsigned int i, void *arg,
				struct nfs_client **client)
{
	struct doing *doing = arg;
	struct member *member = &doing->crowd->members[doing->from + i];

	*client = &member->client;
	return member->link->conn;
}

static void put(struct nfs_compound *compound, unsigned int i, void *arg)
{
	struct doing *doing = arg;

	doing->deed->put(compound, &doing->crowd->members[doing->from + i],
			 doing->from + i);
}

static void got(const struct nfs_compound *compound, unsigned int i, void *arg)
{
	struct doing *doing = arg;

	if (compound->status == NFS4_OK &&
	    (!doing->deed->got ||
	     doing->deed->got(compound,
			      &doing->crowd->members[doing->from + i])))
		doing->well++;
}

unsigned int crowd_do(struct crowd *crowd, const struct deed *deed,
		      unsigned int from, unsigned int end)
{
	struct doing doing = { .crowd = crowd, .deed = deed, .from = from };
	struct pipeline pipeline = { .depth = DEPTH,
				     .count = end - from,
				     .session = deed->bare ? NULL : session_of,
				     .bare = conn_of,
				     .put = put,
				     .got = got,
				     .arg = &doing };

	pipeline_run(&pipeline);
	return doing.well;
}

static void put_exchange_id(struct nfs_compound *compound,
			    struct member *member, unsigned int i)
{
	(void)i;
	nfs_put_exchange_id(compound, &member->client);
}

static bool got_exchange_id(const struct nfs_compound *compound,
			    struct member *member)
{
	const struct nfs_res *res = nfs_compound_res(compound, OP_EXCHANGE_ID);

	member->client.clientid = res->exchange_id.clientid;
	member->client.sequence = res->exchange_id.sequence;
	member->client.flags = res->exchange_id.flags;
	return true;
}

static void put_create_session(struct nfs_compound *compound,
			       struct member *member, unsigned int i)
{
	(void)i;
	nfs_session_init(&member->session, &member->client, member->link->conn,
			 NULL);
	nfs_put_create_session(compound, member->client.clientid,
			       member->client.sequence,
			       &member->session.create_args);
}

static bool got_create_session(const struct nfs_compound *compound,
			       struct member *member)
{
	return nfs_session_created(&member->session, compound) &&
	       (member->session.flags & CREATE_SESSION4_FLAG_CONN_BACK_CHAN) &&
	       member->session.back.maxrequests == PEER_SLOTS;
}

unsigned int crowd_enter(struct crowd *crowd, unsigned int from,
			 unsigned int end)
{
	static const struct deed exchange = { true, put_exchange_id,
					      got_exchange_id };
	static const struct deed create = { true, put_create_session,
					    got_create_session };

	if (crowd_do(crowd, &exchange, from, end) != end - from)
		return 0;
	return crowd_do(crowd, &create, from, end);
}

static void put_complete(struct nfs_compound *compound, struct member *member,
			 unsigned int i)
{
	(void)member;
	(void)i;
	nfs_put_reclaim_complete(compound, false);
}

unsigned int crowd_complete(struct crowd *crowd, unsigned int from,
			    unsigned int end)
{
	static const struct deed complete = { false, put_complete, NULL };

	return crowd_do(crowd, &complete, from, end);
}

static void put_bind(struct nfs_compound *compound, struct member *member,
		     unsigned int i)
{
	(void)i;
	nfs_put_bind_conn(compound, member->session.id, CDFC4_FORE_OR_BOTH,
			  false);
}

static bool got_bind(const struct nfs_compound *compound, struct member *member)
{
	(void)member;
	return nfs_compound_res(compound, OP_BIND_CONN_TO_SESSION)
		       ->bind_conn.dir == CDFS4_BOTH;
}

unsigned int crowd_bind(struct crowd *crowd)
{
	static const struct deed bind = { true, put_bind, got_bind };

	return crowd_do(crowd, &bind, 0, crowd->count);
}

static void put_nothing(struct nfs_compound *compound, struct member *member,
			unsigned int i)
{
	(void)compound;
	(void)member;
	(void)i;
}

static bool got_no_flags(const struct nfs_compound *compound,
			 struct member *member)
{
	(void)compound;
	return !member->session.last_status_flags;
}

unsigned int crowd_look(struct crowd *crowd)
{
	static const struct deed look = { false, put_nothing, got_no_flags };

	return crowd_do(crowd, &look, 0, crowd->count);
}

static void put_destroy_session(struct nfs_compound *compound,
				struct member *member, unsigned int i)
{
	(void)i;
	nfs_put_destroy_session(compound, member->session.id);
}

static void put_destroy_clientid(struct nfs_compound *compound,
				 struct member *member, unsigned int i)
{
	(void)i;
	nfs_put_destroy_clientid(compound, member->client.clientid);
}

unsigned int crowd_leave(struct crowd *crowd, unsigned int from,
			 unsigned int end)
{
	static const struct deed session = { true, put_destroy_session, NULL };
	static const struct deed client = { true, put_destroy_clientid, NULL };
	unsigned int left;

	if (crowd_do(crowd, &session, from, end) != end - from)
		return 0;
	left = crowd_do(crowd, &client, from, end);
	crowd_forget(crowd, from, end);
	return left;
}

void crowd_forget(struct crowd *crowd, unsigned int from, unsigned int end)
{
	for (unsigned int i = from; i < end; i++) {
		struct nfs_session *session = &crowd->members[i].session;

		if (session->client)
			nfs_session_fini(session);
		session->client = NULL;
		session->conn = NULL;
	}
}

/* ---- The crowd ---- */

static void share_out(struct crowd *crowd)
{
	unsigned int each = 1 + (crowd->count - 1) / crowd_max_links();

	crowd->nlinks = 1 + (crowd->count - 1) / each;
	crowd->links = calloc(crowd->nlinks, sizeof(*crowd->links));
	if (!crowd->links)
		fatal("out of memory");
	for (unsigned int i = 0; i < crowd->nlinks; i++) {
		struct link *link = &crowd->links[i];

		*link = (struct link){ .crowd = crowd,
				       .first = i * each,
				       .end = (i + 1) * each };
		if (link->end > crowd->count)
			link->end = crowd->count;
		for (unsigned int m = link->first; m < link->end; m++)
			crowd->members[m].link = link;
	}
}

void crowd_begin(struct crowd *crowd, struct bench *bench,
		 const struct side *like, unsigned int count)
{
	struct server_params params = like->params;
	char config[128];

	*crowd = (struct crowd){ .bench = bench, .count = count };
	crowd->members = calloc(count, sizeof(*crowd->members));
	if (!crowd->members)
		fatal("out of memory");
	share_out(crowd);
	/* The crowd's files stay in the cache. */
	snprintf(config, sizeof(config),
		 "MDCACHE {\n\tEntries_HWMark = %u;\n}\n", 3 * count + 10000);
	params.config = config;
	params.max_connections = crowd->nlinks + OTHER_LINKS;
	side_start(&crowd->side, like->name, &params);
	crowd->side.params.config = NULL;
	for (unsigned int i = 0; i < count; i++)
		nfs_client_init(&crowd->members[i].client, bench->loop,
				server_port(crowd->side.server),
				++crowd->side.peers);
}

void crowd_end(struct crowd *crowd)
{
	crowd_disconnect(crowd);
	crowd_forget(crowd, 0, crowd->count);
	side_stop(&crowd->side);
	free(crowd->links);
	free(crowd->members);
}
