/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The transport: the one file that sends and receives over ntirpc.
 *
 * ntirpc has what a multiplexed connection needs: XIDs, a tree of the requests
 * that wait for a reply, demultiplexing of calls and replies, serialised
 * writes.  The CLIENT of a connection gives each request its XID and its place
 * in the tree, with four cares:
 *
 *  - A request is never given to ntirpc's own timeouts (clnt_req_callback):
 *    they live in the transport's event channel, which a disconnect takes away
 *    at any moment.
 *  - A CLIENT leaves every message to another thread to write.  A reply is
 *    written by the thread that has it, and so is a request: see write_call().
 *    Who writes goes on as long as others queue behind, so only a thread of
 *    ntirpc's own does; any other hands the request to one: see hand_over().
 *  - ntirpc finds the request of a reply under a lock, drops the lock and goes
 *    on with it, while a timeout, a disconnect or the same reply sent twice may
 *    end it.  So a reply is handled inside an RCU read-side section and a
 *    request is freed a grace period after it was taken out of the tree; what
 *    is to be done with the reply is done after the section.
 *  - A CLIENT holds a reference to its transport and so keeps its descriptor
 *    open: it is released when the transport is unlinked, which is also how a
 *    disconnect is noticed at once.
 *
 * For both, a transport's operations are replaced by a copy with decode, unlink
 * and destroy wrapped.
 */
#include "transport/transport.h"
#include "transport/dead_socket.h"
#include "transport/retransmission.h"

#include "ganesha/ntirpc.h"
#include "trace.h"
#include "wire/cb_reply.h"

#include "nfsv41.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* What was handed over before the server's end is written by then. */
#define HANDED_OVER_MS 1000

/** A transport's connection. */
struct connection {
	struct bc_conn conn;
	struct cds_list_head link; /* guarded by connections_lock */
	SVCXPRT *xprt; /* [K] valid until our xp_destroy() */
	struct xp_ops ops; /* [K] its operations now */
	struct xp_ops *own_ops; /* [K] its operations before */
	pthread_mutex_t lock;
	CLIENT *clnt; /* guarded by lock; NULL: released */
};

/** A request, with its reply. */
struct request {
	struct bc_request req;
	struct clnt_req cc;
	bool in_tree; /* [K] after send: ntirpc knows it */
	struct svc_req svc; /* its sender's, then its writer's */
	struct bc_cb_reply result; /* ntirpc's until reply_processed() */
	struct rcu_head rcu;
	uint8_t body[];
};

static struct cds_list_head connections = CDS_LIST_HEAD_INIT(connections);
static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;

/* The request whose reply this thread is decoding: +1 ref. */
static __thread struct request *request_replied;

/* Whether this thread may become a connection's writer. */
static __thread bool may_write;

/* Of the requests that were handed over: [A] */
static bool handing_over_ended;
static unsigned long handed_over; /* and are not written yet */

static struct connection *connection_of(const struct bc_conn *conn)
{
	return caa_container_of(conn, struct connection, conn);
}

static struct connection *connection_of_xprt(const SVCXPRT *xprt)
{
	return caa_container_of(xprt->xp_ops, struct connection, ops);
}

/* Replies ------------------------------------------------------------------ */

/* ntirpc's completion. Context: inside wrapped_decode()'s read-side section. */
static void reply_processed(struct clnt_req *cc)
{
	struct request *request = caa_container_of(cc, struct request, cc);

	if (bc_request_get_rcu(&request->req))
		request_replied = request;
}

static enum bc_reply_kind kind_of(enum clnt_stat status)
{
	if (status == RPC_SUCCESS)
		return BC_REPLY_DECODED;
	return status == RPC_CANTDECODERES ? BC_REPLY_GARBLED :
					     BC_REPLY_RPC_ERROR;
}

/* Whether a message is a REPLY: its second word, RFC 5531 9, which is mostly in the first
 * piece of it.
 */
static bool is_reply(XDR *xdrs)
{
	const uint8_t *begin = xdrs->x_data;
	uint32_t xid, direction = CALL;

	if (begin + sizeof(xid) + sizeof(direction) <= xdrs->x_v.vio_tail) {
		memcpy(&direction, begin + sizeof(xid), sizeof(direction));
		return ntohl(direction) == REPLY;
	}
	xdrs->x_op = XDR_DECODE;
	if (!XDR_GETUINT32(xdrs, &xid) || !XDR_GETUINT32(xdrs, &direction))
		direction = CALL;
	XDR_SETPOS(xdrs, 0);
	return direction == REPLY;
}

static enum xprt_stat wrapped_decode(struct svc_req *svc)
{
	svc_req_fun_t decode =
		connection_of_xprt(svc->rq_xprt)->own_ops->xp_decode;
	struct request *request;
	enum xprt_stat stat;

	if (!is_reply(svc->rq_xdrs))
		return decode(svc);

	request_replied = NULL;
	rcu_read_lock();
	stat = decode(svc);
	rcu_read_unlock();
	request = request_replied;
	if (request) {
		request->result.reply.rpc_status =
			request->cc.cc_error.re_status;
		request->result.reply.kind =
			kind_of(request->cc.cc_error.re_status);
		may_write = true;
		bc_reply_arrived(&request->req, &request->result.reply);
		may_write = false;
		bc_request_put(&request->req);
	}
	return stat;
}

/* Requests ----------------------------------------------------------------- */

struct bc_request *bc_transport_request_new(size_t body_len)
{
	struct request *request = malloc(sizeof(*request) + body_len);

	if (!request)
		return NULL;
	*request = (struct request){ .req = { .body = request->body,
					      .body_len = body_len } };
	return &request->req;
}

static void request_free_rcu(struct rcu_head *rcu)
{
	free(caa_container_of(rcu, struct request, rcu));
}

/* ntirpc has let go of it. */
static void request_released(struct clnt_req *cc, size_t size)
{
	(void)size;
	call_rcu(&caa_container_of(cc, struct request, cc)->rcu,
		 request_free_rcu);
}

void bc_transport_request_free(struct bc_request *req)
{
	struct request *request = caa_container_of(req, struct request, req);

	if (!request->in_tree) {
		free(request);
		return;
	}
	/* A thread that found it in the tree just now must not decode into it */
	atomic_set_uint16_t_bits(&request->cc.cc_flags, CLNT_REQ_FLAG_BACKSYNC);
	pthread_mutex_lock(
		&request->cc.cc_we.mtx); /* clnt_req_fini() unlocks */
	clnt_req_release(&request->cc);
}

/* AUTH_NONE and AUTH_SYS prove nothing; a short-hand credential is not used. */
static bool cred_validate(AUTH *auth, struct opaque_auth *verf)
{
	(void)auth;
	(void)verf;
	return true;
}

static bool cred_unwrap(AUTH *auth, XDR *xdrs, xdrproc_t proc, void *where)
{
	(void)auth;
	return proc(xdrs, where);
}

/* What ntirpc judges the replies to our calls by. Borrowed for ever. */
static AUTH *reply_auth(void)
{
	static struct auth_ops ops = {
		.ah_validate = cred_validate,
		.ah_unwrap = cred_unwrap,
	};
	static AUTH auth = { .ah_ops = &ops };

	return &auth;
}

/* Give a request its XID, and let ntirpc find it by that. */
static int register_locked(struct connection *connection,
			   struct request *request)
{
	struct clnt_req *cc = &request->cc;

	if (!connection->clnt)
		return -ENOTCONN;
	clnt_req_fill(cc, connection->clnt, reply_auth(),
		      request->req.call ? CB_COMPOUND : CB_NULL, NULL, NULL,
		      request->req.call ? (xdrproc_t)bc_cb_reply_decode :
					  (xdrproc_t)xdr_void,
		      &request->result);
	cc->cc_free_cb = request_released;
	/* clnt_req_fill() leaves it locked for a waiter.  A reply that a peer
	 * has guessed may meet ntirpc's own completion, which takes it, before
	 * ours is set: it must not wait.  Such a reply is lost.
	 */
	pthread_mutex_unlock(&cc->cc_we.mtx);
	if (clnt_req_setup(cc, (struct timespec){ .tv_sec = 10 }) !=
	    RPC_SUCCESS) {
		pthread_mutex_lock(&cc->cc_we.mtx);
		clnt_req_fini(cc);
		return -EIO;
	}
	request->in_tree = true;
	cc->cc_process_cb = reply_processed;
	cc->cc_refreshes = 0;
	return 0;
}

/* A call, RFC 5531 9.  Program and credential are one pair: both from the same
 * object.
 */
static bool put_call(XDR *xdrs, const struct request *request)
{
	const struct bc_security *security = request->req.security;

	return XDR_PUTUINT32(xdrs, request->cc.cc_xid) &&
	       XDR_PUTUINT32(xdrs, CALL) &&
	       XDR_PUTUINT32(xdrs, RPC_MSG_VERSION) &&
	       XDR_PUTUINT32(xdrs, security->program) &&
	       XDR_PUTUINT32(xdrs, NFS_CB) &&
	       XDR_PUTUINT32(xdrs, request->cc.cc_proc) &&
	       XDR_PUTBYTES(xdrs, (const char *)security->cred,
			    security->cred_size) &&
	       XDR_PUTBYTES(xdrs, (const char *)request->req.body,
			    request->req.body_len);
}

/* ntirpc has encoded a reply's header and asks for the results. */
static bool put_call_in_place(struct svc_req *svc, XDR *xdrs)
{
	return XDR_SETPOS(xdrs, 0) && put_call(xdrs, svc->rq_u1);
}

/* To ntirpc the request is the reply to a call, accepted and successful, which
 * is all zeros, with results that replace it from its first byte on.  Nothing
 * else leads to its queue of writes and is written at once, unless another
 * thread is just writing, which then goes on with this one.
 */
static bool write_call(struct request *request)
{
	static struct svc_auth_ops ops = { .svc_ah_wrap = put_call_in_place };
	static SVCAUTH auth = { .svc_ah_ops = &ops };
	struct connection *connection = connection_of(request->req.conn);
	struct svc_req *svc = &request->svc;

	svc->rq_xprt = connection->xprt;
	svc->rq_u1 = request;
	svc->rq_auth = &auth;
	return connection->own_ops->xp_reply(svc) == XPRT_IDLE;
}

/* On a worker of ntirpc's. What cannot be encoded is as good as refused. */
static enum xprt_stat write_handed_over(struct svc_req *svc)
{
	struct request *request = caa_container_of(svc, struct request, svc);
	struct bc_reply refused = { .kind = BC_REPLY_RPC_ERROR,
				    .rpc_status = RPC_CANTENCODEARGS };

	if (!write_call(request))
		bc_reply_arrived(&request->req, &refused);
	bc_request_put(&request->req);
	uatomic_dec(&handed_over);
	return XPRT_SUSPEND; /* ntirpc forgets it */
}

/* ntirpc lets a thread write until nothing is queued on the connection, and its
 * peer may see to it that something always is: whoever has a lock that others
 * wait for, or others' work to do, must not.  A request that was suspended is
 * resumed on a worker; so is this one.
 * @return false: there are no workers any more
 */
static bool hand_over(struct request *request)
{
	uatomic_inc(&handed_over);
	cmm_smp_mb(); /* pairs with bc_transport_end_handing_over()'s */
	if (uatomic_read(&handing_over_ended)) {
		uatomic_dec(&handed_over);
		return false;
	}
	urcu_ref_get(&request->req.ref);
	request->svc.rq_resume_cb = write_handed_over;
	svc_resume(&request->svc);
	return true;
}

void bc_transport_resume(void *req)
{
	svc_resume(req);
}

void bc_transport_end_handing_over(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	uatomic_set(&handing_over_ended, true);
	cmm_smp_mb(); /* pairs with hand_over()'s */
	for (int i = 0; i < HANDED_OVER_MS && uatomic_read(&handed_over); i++)
		nanosleep(&ms, NULL);
}

bool bc_transport_set_may_write(bool may)
{
	bool before = may_write;

	may_write = may;
	return before;
}

int bc_transport_send(struct bc_request *req)
{
	struct request *request = caa_container_of(req, struct request, req);
	struct connection *connection = connection_of(req->conn);
	int rc;

	if (req->call)
		request->result.opcode = bc_call_opcode(req->call);
	pthread_mutex_lock(&connection->lock);
	rc = register_locked(connection, request);
	pthread_mutex_unlock(&connection->lock);
	/* From here on the request holds the CLIENT, and that the transport. */
	if (rc)
		return rc;
	bc_trace_send(req, request->cc.cc_xid);
	if (!may_write && hand_over(request))
		return 0;
	return write_call(request) ? 0 : -EIO;
}

/* Connections -------------------------------------------------------------- */

/* Context: whoever destroys the transport, with whatever locks of it. */
static void wrapped_unlink(SVCXPRT *xprt, u_int flags, const char *tag,
			   const int line)
{
	struct connection *connection = connection_of_xprt(xprt);

	/* Not while connection_open() looks the transport up. */
	pthread_mutex_lock(&connections_lock);
	pthread_mutex_unlock(&connections_lock);
	connection->own_ops->xp_unlink(xprt, flags, tag, line);
	/* A thread that is just sending must not come behind what is sent again
	 * by another connection.
	 */
	shutdown(xprt->xp_fd, SHUT_RDWR);
	bc_conn_down(&connection->conn);
}

static void connection_unwrap(struct connection *connection)
{
	rcu_set_pointer(&connection->xprt->xp_ops, connection->own_ops);
	cds_list_del(&connection->link);
}

/* The last reference to the transport is gone. */
static void wrapped_destroy(SVCXPRT *xprt, u_int flags, const char *tag,
			    const int line)
{
	struct connection *connection = connection_of_xprt(xprt);

	pthread_mutex_lock(&connections_lock);
	connection_unwrap(connection);
	pthread_mutex_unlock(&connections_lock);
	connection->own_ops->xp_destroy(xprt, flags, tag, line);
	bc_conn_put(&connection->conn); /* the transport's */
}

void bc_transport_conn_free(struct bc_conn *conn)
{
	struct connection *connection = connection_of(conn);

	pthread_mutex_destroy(&connection->lock);
	free(connection);
}

bool bc_transport_conn_close_if_stalled(struct bc_conn *conn)
{
	struct connection *connection = connection_of(conn);
	bool close = false;

	/* The CLIENT keeps the transport, and so its descriptor. */
	pthread_mutex_lock(&connection->lock);
	if (connection->clnt && bc_socket_is_stalled(connection->xprt->xp_fd)) {
		close = true;
		shutdown(connection->xprt->xp_fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&connection->lock);
	return close;
}

bool bc_transport_conn_has_ended(struct bc_conn *conn)
{
	struct connection *connection = connection_of(conn);
	bool ended;

	/* As above. */
	pthread_mutex_lock(&connection->lock);
	ended = connection->clnt &&
		bc_socket_has_ended(connection->xprt->xp_fd);
	pthread_mutex_unlock(&connection->lock);
	return ended;
}

void bc_transport_conn_release(struct bc_conn *conn)
{
	struct connection *connection = connection_of(conn);
	CLIENT *clnt;

	pthread_mutex_lock(&connection->lock);
	clnt = connection->clnt;
	connection->clnt = NULL;
	pthread_mutex_unlock(&connection->lock);
	if (clnt)
		CLNT_DESTROY(clnt);
}

/* From here on we are told of replies, of the disconnect and of the end. */
static void connection_wrap(struct connection *connection)
{
	SVCXPRT *xprt = connection->xprt;

	connection->ops = *connection->own_ops;
	connection->ops.xp_decode = wrapped_decode;
	connection->ops.xp_unlink = wrapped_unlink;
	connection->ops.xp_destroy = wrapped_destroy;
	cds_list_add(&connection->link, &connections);
	/* With a barrier: who meets our operations meets them, and us, complete. */
	rcu_set_pointer(&xprt->xp_ops, &connection->ops);
	/* SVC_DESTROY() marks, then calls xp_unlink; we store, then look at
	 * the mark: it calls ours, or we see its mark.
	 */
	cmm_smp_mb();
}

static bool is_destroyed(const SVCXPRT *xprt)
{
	return CMM_LOAD_SHARED(xprt->xp_flags) & SVC_XPRT_FLAG_DESTROYED;
}

/* Context: holds connections_lock. */
static void connection_open(struct connection *connection)
{
	SVCXPRT *xprt = connection->xprt;
	CLIENT *clnt = NULL;

	/* Its header is not used. */
	if (!is_destroyed(xprt))
		clnt = clnt_vc_ncreate_svc(xprt, 0, NFS_CB,
					   CLNT_CREATE_FLAG_NONE);
	if (clnt && CLNT_FAILURE(clnt)) {
		CLNT_DESTROY(clnt);
		clnt = NULL;
	}
	connection->clnt = clnt;
}

/* clnt_vc_ncreate_svc() looks the transport up by its descriptor.  Where it makes
 * another if none is found, the transport must not be unlinked meanwhile:
 * wrapped_unlink() waits for connections_lock.  Where it does not, it may give the
 * transport its operations, in place of ours.
 */
static void connection_take(struct connection *connection, SVCXPRT *xprt)
{
	connection->xprt = xprt;
	connection->own_ops = xprt->xp_ops;
	if (BC_OPENS_WHAT_IS_THERE)
		connection_open(connection);
	connection_wrap(connection);
	if (!BC_OPENS_WHAT_IS_THERE)
		connection_open(connection);
	if (!connection->clnt || is_destroyed(xprt))
		bc_conn_down(&connection->conn);
}

static struct bc_conn *connection_new_locked(SVCXPRT *xprt)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	pthread_mutex_init(&connection->lock, NULL);
	if (bc_conn_add(&connection->conn, xprt)) {
		bc_transport_conn_free(&connection->conn);
		return NULL;
	}
	bc_conn_ref(&connection->conn);
	connection_take(connection, xprt);
	return &connection->conn;
}

struct bc_conn *bc_transport_conn(SVCXPRT *xprt)
{
	struct bc_conn *conn, *fresh = NULL;

	if (svc_get_xprt_type(xprt) != XPRT_TCP || is_destroyed(xprt))
		return NULL;
	pthread_mutex_lock(&connections_lock);
	conn = bc_conn_get(xprt);
	/* A transport is wrapped once: one whose connection is down already
	 * is on its way out.
	 */
	if (!conn && xprt->xp_ops->xp_unlink != wrapped_unlink)
		conn = fresh = connection_new_locked(xprt);
	pthread_mutex_unlock(&connections_lock);
	if (fresh)
		bc_socket_bound_retransmission(xprt->xp_fd);
	return conn;
}

struct bc_conn *bc_transport_conn_of(SVCXPRT *xprt)
{
	return xprt->xp_ops->xp_unlink == wrapped_unlink ?
		       &connection_of_xprt(xprt)->conn :
		       NULL;
}

void bc_transport_fini(void)
{
	struct connection *connection, *next;

	pthread_mutex_lock(&connections_lock);
	cds_list_for_each_entry_safe(connection, next, &connections, link) {
		connection_unwrap(connection);
		bc_conn_put(&connection->conn); /* the transport's */
	}
	pthread_mutex_unlock(&connections_lock);
	rcu_barrier();
}
