/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Data: a connection has its socket, the bytes that wait to be written, and
 * its pending calls in a ring indexed by XID.  An XID whose place is taken by
 * an old call is passed over; the ring grows when it is half full.
 *
 * Locking: conn->lock guards all that is marked [L]; the parser's buffers
 * belong to the loop thread [T].  done() and the request handler are called
 * without it.
 *
 * Lifetime: `users` counts references of the interface's users, `refs` those
 * and the loop's.  The loop's is dropped after the batch of events in which
 * the connection was closed, since that batch may still name it.
 */
#include "rpc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LAST_FRAGMENT 0x80000000u
#define MAX_RECORD (16u << 20)
#define MAX_AUTH_BYTES 400
#define SCRATCH_SIZE (256u << 10)
#define RPC_VERSION 2
#define NULL_PROC 0
#define FIN_ACKED_MS 1000
#define EVENTS 64

enum msg_type {
	MSG_CALL = 0,
	MSG_REPLY = 1,
};

enum reply_stat {
	MSG_ACCEPTED = 0,
	MSG_DENIED = 1,
};

struct nfs_loop {
	pthread_t thread;
	int epoll;
	int wake; /* eventfd: look at `dead` and `stop` */
	pthread_mutex_t lock;
	struct nfs_conn *dead; /* [L] closed; the loop's reference */
	bool stop; /* [L] */
	uint8_t *scratch; /* [T] what was just read */
};

struct nfs_conn {
	struct nfs_loop *loop;
	atomic_uint users;
	atomic_uint refs;
	uint16_t port;
	struct nfs_conn *next_dead; /* loop->lock */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* open, dispatching */
	atomic_bool open; /* [L] to write */
	int fd; /* [L] */
	bool paused; /* [L] not reading */
	bool peer_closed; /* [L] */
	bool dispatching; /* [L] the loop thread is in a handler */
	nfs_request_fn handler; /* [L] */
	void *handler_arg; /* [L] */
	struct xdr_buf out; /* [L] what the socket did not take */
	struct xdr_buf head; /* [L] of the call that is being sent */
	struct rpc_call **pending; /* [L] ring of `ring_size` */
	uint32_t ring_size; /* [L] a power of two, or 0 */
	uint32_t npending; /* [L] calls in it */
	uint32_t next_xid; /* [L] */

	struct xdr_buf in; /* [T] an incomplete fragment */
	struct xdr_buf record; /* [T] fragments before the last */
};

/* ---- Time ---- */

int nfs_timeout_ms(void)
{
	const char *value = getenv("NFS_TEST_TIMEOUT_MS");
	int timeout_ms = value ? atoi(value) : 0;

	return timeout_ms > 0 ? timeout_ms : 15000;
}

uint64_t nfs_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + now.tv_nsec;
}

void nfs_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct timespec nfs_deadline(int timeout_ms)
{
	uint64_t end;

	if (timeout_ms < 0)
		timeout_ms = nfs_timeout_ms();
	end = nfs_now_ns() + timeout_ms * UINT64_C(1000000);
	return (struct timespec){ .tv_sec = end / 1000000000u,
				  .tv_nsec = end % 1000000000u };
}

bool nfs_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
		   const struct timespec *deadline)
{
	return pthread_cond_timedwait(cond, lock, deadline) != ETIMEDOUT;
}

/* ---- Credentials ---- */

void rpc_put_auth_sys(struct xdr_buf *buf, const struct rpc_auth_sys *sys)
{
	xdr_put_u32(buf, sys->stamp);
	xdr_put_string(buf, sys->machine);
	xdr_put_u32(buf, sys->uid);
	xdr_put_u32(buf, sys->gid);
	xdr_put_u32(buf, sys->ngids);
	for (uint32_t i = 0; i < sys->ngids; i++)
		xdr_put_u32(buf, sys->gids[i]);
}

void rpc_get_auth_sys(struct xdr_cursor *cursor, struct rpc_auth_sys *sys)
{
	sys->stamp = xdr_get_u32(cursor);
	xdr_get_string(cursor, sys->machine, sizeof(sys->machine));
	sys->uid = xdr_get_u32(cursor);
	sys->gid = xdr_get_u32(cursor);
	sys->ngids = xdr_get_u32(cursor);
	if (sys->ngids > sizeof(sys->gids) / sizeof(*sys->gids)) {
		cursor->bad = true;
		sys->ngids = 0;
	}
	for (uint32_t i = 0; i < sys->ngids; i++)
		sys->gids[i] = xdr_get_u32(cursor);
}

static void put_cred(struct xdr_buf *buf, const struct rpc_cred *cred)
{
	size_t length_at;

	xdr_put_u32(buf, cred ? cred->flavor : 0);
	length_at = buf->len;
	xdr_put_u32(buf, 0);
	if (cred && cred->flavor) {
		rpc_put_auth_sys(buf, &cred->sys);
		xdr_patch_u32(buf, length_at, buf->len - length_at - 4);
	}
	xdr_put_u32(buf, 0); /* verifier: AUTH_NONE, */
	xdr_put_u32(buf, 0); /* empty */
}

static void get_cred(struct xdr_cursor *cursor, struct rpc_cred *cred)
{
	uint32_t len;
	const uint8_t *body;

	cred->flavor = xdr_get_u32(cursor);
	body = xdr_get_opaque(cursor, MAX_AUTH_BYTES, &len);
	if (body && cred->flavor == 1) {
		struct xdr_cursor sys = xdr_cursor(body, len);

		rpc_get_auth_sys(&sys, &cred->sys);
		cursor->bad |= sys.bad;
	}
	xdr_skip(cursor, 1); /* the verifier's flavor */
	xdr_get_opaque(cursor, MAX_AUTH_BYTES, &len);
}

/* ---- References ---- */

static void conn_unref(struct nfs_conn *conn)
{
	if (atomic_fetch_sub(&conn->refs, 1) != 1)
		return;
	xdr_buf_fini(&conn->out);
	xdr_buf_fini(&conn->head);
	xdr_buf_fini(&conn->in);
	xdr_buf_fini(&conn->record);
	free(conn->pending);
	pthread_mutex_destroy(&conn->lock);
	pthread_cond_destroy(&conn->changed);
	free(conn);
}

struct nfs_conn *nfs_conn_get(struct nfs_conn *conn)
{
	atomic_fetch_add(&conn->users, 1);
	atomic_fetch_add(&conn->refs, 1);
	return conn;
}

void nfs_conn_put(struct nfs_conn *conn)
{
	if (!conn)
		return;
	if (atomic_fetch_sub(&conn->users, 1) == 1)
		nfs_conn_close(conn, NFS_CLOSE_FIN);
	conn_unref(conn);
}

/* ---- Pending calls ---- */

/* [L] */
static struct rpc_call **conn_place(struct nfs_conn *conn, uint32_t xid)
{
	return &conn->pending[xid & (conn->ring_size - 1)];
}

/* [L] */
static void conn_grow_ring(struct nfs_conn *conn)
{
	struct rpc_call **old = conn->pending;
	uint32_t old_size = conn->ring_size;

	conn->ring_size = old_size ? 2 * old_size : 4;
	conn->pending = calloc(conn->ring_size, sizeof(*conn->pending));
	if (!conn->pending)
		abort();
	for (uint32_t i = 0; i < old_size; i++) {
		if (old[i])
			*conn_place(conn, old[i]->xid) = old[i];
	}
	free(old);
}

/* [L] Give the call an XID and a place. */
static void conn_add_pending(struct nfs_conn *conn, struct rpc_call *call)
{
	if (2 * conn->npending >= conn->ring_size)
		conn_grow_ring(conn);
	while (*conn_place(conn, conn->next_xid))
		conn->next_xid++;
	call->xid = conn->next_xid++;
	call->pending = true;
	*conn_place(conn, call->xid) = call;
	conn->npending++;
}

/* [L] */
static void conn_remove_pending(struct nfs_conn *conn, struct rpc_call *call)
{
	*conn_place(conn, call->xid) = NULL;
	call->pending = false;
	conn->npending--;
}

/* [L] All pending calls, as a list of its own; the ring is empty then. */
static struct rpc_call **conn_take_pending(struct nfs_conn *conn,
					   uint32_t *size)
{
	struct rpc_call **ring = conn->pending;

	*size = conn->ring_size;
	for (uint32_t i = 0; i < *size; i++) {
		if (ring[i])
			ring[i]->pending = false;
	}
	conn->pending = NULL;
	conn->ring_size = 0;
	conn->npending = 0;
	return ring;
}

/* ---- Events ---- */

static void loop_wake(struct nfs_loop *loop)
{
	uint64_t one = 1;

	if (write(loop->wake, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

/* [L] Ask epoll for what is of interest now. */
static void conn_update_events(struct nfs_conn *conn)
{
	struct epoll_event event = { .data.ptr = conn };

	if (!conn->paused)
		event.events |= EPOLLIN;
	if (conn->out.len)
		event.events |= EPOLLOUT;
	epoll_ctl(conn->loop->epoll, EPOLL_CTL_MOD, conn->fd, &event);
}

/* "FIN-WAIT-1 ... waiting for ... an acknowledgment", RFC 9293 3.3.2. */
static bool fin_waits(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
	       info.tcpi_state == TCP_FIN_WAIT1;
}

static void end_acked(int fd)
{
	shutdown(fd, SHUT_WR);
	for (int ms = 0; ms < FIN_ACKED_MS && fin_waits(fd); ms++)
		usleep(1000);
}

static void conn_close(struct nfs_conn *conn, enum nfs_close how, bool by_peer)
{
	struct nfs_loop *loop = conn->loop;
	struct linger linger = { .l_onoff = 1 };
	struct rpc_call **ring = NULL;
	uint32_t size = 0;

	pthread_mutex_lock(&conn->lock);
	if (conn->open) {
		conn->open = false;
		conn->peer_closed = by_peer;
		epoll_ctl(loop->epoll, EPOLL_CTL_DEL, conn->fd, NULL);
		if (how == NFS_CLOSE_FIN_ACKED)
			end_acked(conn->fd);
		if (how == NFS_CLOSE_RST)
			setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger,
				   sizeof(linger));
		close(conn->fd);
		conn->fd = -1;
		ring = conn_take_pending(conn, &size);

		pthread_mutex_lock(&loop->lock);
		conn->next_dead = loop->dead;
		loop->dead = conn;
		pthread_mutex_unlock(&loop->lock);
		loop_wake(loop);
		pthread_cond_broadcast(&conn->changed);
	}
	/* A handler that runs now may use what the caller frees next. */
	while (conn->dispatching &&
	       !pthread_equal(loop->thread, pthread_self()))
		pthread_cond_wait(&conn->changed, &conn->lock);
	pthread_mutex_unlock(&conn->lock);

	for (uint32_t i = 0; i < size; i++) {
		if (ring[i])
			ring[i]->done(ring[i], -ECONNRESET, NULL);
	}
	free(ring);
}

void nfs_conn_close(struct nfs_conn *conn, enum nfs_close how)
{
	conn_close(conn, how, false);
}

void nfs_conn_end(struct nfs_conn **conn)
{
	if (!*conn)
		return;
	nfs_conn_close(*conn, NFS_CLOSE_FIN);
	nfs_conn_put(*conn);
	*conn = NULL;
}

/* ---- Receiving ---- */

/* Accepted, with an empty verifier, successful. */
static void answer_null(struct nfs_conn *conn, uint32_t xid)
{
	const uint32_t reply[] = { htonl(xid), htonl(MSG_REPLY), 0, 0, 0, 0 };

	nfs_conn_send(conn, reply, sizeof(reply));
}

static void conn_request(struct nfs_conn *conn, struct rpc_request *request)
{
	struct xdr_cursor *cursor = &request->args;
	nfs_request_fn handler;
	void *arg;

	if (xdr_get_u32(cursor) != RPC_VERSION)
		return;
	request->prog = xdr_get_u32(cursor);
	request->vers = xdr_get_u32(cursor);
	request->proc = xdr_get_u32(cursor);
	get_cred(cursor, &request->cred);
	if (cursor->bad)
		return;
	pthread_mutex_lock(&conn->lock);
	handler = conn->handler;
	arg = conn->handler_arg;
	pthread_mutex_unlock(&conn->lock);
	if (handler)
		handler(conn, arg, request);
	else if (request->proc == NULL_PROC)
		answer_null(conn, request->xid);
}

static int decode_reply(struct rpc_call *call, struct xdr_cursor *cursor)
{
	uint32_t len;

	if (xdr_get_u32(cursor) == MSG_DENIED) {
		call->reject_stat = 1 + xdr_get_u32(cursor);
		return cursor->bad ? -EBADMSG : -EPROTO;
	}
	xdr_skip(cursor, 1); /* the verifier's flavor */
	xdr_get_opaque(cursor, MAX_AUTH_BYTES, &len);
	call->accept_stat = xdr_get_u32(cursor);
	if (cursor->bad)
		return -EBADMSG;
	return call->accept_stat ? -EPROTO : 0;
}

static void conn_reply(struct nfs_conn *conn, uint32_t xid,
		       struct xdr_cursor *cursor)
{
	struct rpc_call *call = NULL;

	pthread_mutex_lock(&conn->lock);
	if (conn->ring_size)
		call = *conn_place(conn, xid);
	if (call && call->xid == xid)
		conn_remove_pending(conn, call);
	else
		call = NULL;
	pthread_mutex_unlock(&conn->lock);
	if (call)
		call->done(call, decode_reply(call, cursor), cursor);
}

static void conn_message(struct nfs_conn *conn, const uint8_t *data, size_t len)
{
	struct rpc_request request = { .size = len,
				       .args = xdr_cursor(data, len) };
	uint32_t type;

	request.xid = xdr_get_u32(&request.args);
	type = xdr_get_u32(&request.args);
	if (request.args.bad)
		return;
	if (type == MSG_CALL)
		conn_request(conn, &request);
	else if (type == MSG_REPLY)
		conn_reply(conn, request.xid, &request.args);
}

/* @return how many bytes were complete fragments */
static size_t conn_parse(struct nfs_conn *conn, const uint8_t *data, size_t len)
{
	struct xdr_cursor cursor = xdr_cursor(data, len);

	while (conn->open && xdr_left(&cursor) >= 4) {
		struct xdr_cursor ahead = cursor;
		uint32_t mark = xdr_get_u32(&ahead);
		uint32_t size = mark & ~LAST_FRAGMENT;
		const uint8_t *fragment = ahead.next;

		if (size > MAX_RECORD) {
			conn_close(conn, NFS_CLOSE_RST, false);
			break;
		}
		if (xdr_left(&ahead) < size)
			break;
		cursor.next = fragment + size;
		if ((mark & LAST_FRAGMENT) && !conn->record.len) {
			conn_message(conn, fragment, size);
			continue;
		}
		xdr_put_bytes(&conn->record, fragment, size);
		if (mark & LAST_FRAGMENT) {
			conn_message(conn, conn->record.data, conn->record.len);
			xdr_buf_clear(&conn->record);
		}
	}
	return cursor.next - data;
}

static void conn_received(struct nfs_conn *conn, const uint8_t *data,
			  size_t len)
{
	size_t parsed;

	if (!conn->in.len) {
		parsed = conn_parse(conn, data, len);
		xdr_put_bytes(&conn->in, data + parsed, len - parsed);
	} else {
		xdr_put_bytes(&conn->in, data, len);
		parsed = conn_parse(conn, conn->in.data, conn->in.len);
		xdr_buf_consume(&conn->in, parsed);
	}
	if (!conn->in.len)
		xdr_buf_fini(&conn->in);
}

/* [L] @return 0 or -errno; what does not fit stays in conn->out */
static int conn_flush(struct nfs_conn *conn)
{
	while (conn->out.len) {
		ssize_t sent = send(conn->fd, conn->out.data, conn->out.len,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		xdr_buf_consume(&conn->out, sent);
	}
	xdr_buf_fini(&conn->out);
	conn_update_events(conn);
	return 0;
}

static void conn_event(struct nfs_conn *conn, uint32_t events)
{
	struct nfs_loop *loop = conn->loop;
	ssize_t len = 0;
	bool ended = false;

	pthread_mutex_lock(&conn->lock);
	if (!conn->open) {
		pthread_mutex_unlock(&conn->lock);
		return;
	}
	conn->dispatching = true;
	if (events & EPOLLOUT)
		ended = conn_flush(conn) != 0;
	if (!conn->paused) {
		len = recv(conn->fd, loop->scratch, SCRATCH_SIZE, MSG_DONTWAIT);
		ended |= len == 0 || (len < 0 && errno != EAGAIN);
	} else {
		ended |= (events & (EPOLLHUP | EPOLLERR)) != 0;
	}
	pthread_mutex_unlock(&conn->lock);

	if (len > 0)
		conn_received(conn, loop->scratch, len);
	if (ended)
		conn_close(conn, NFS_CLOSE_FIN, true);

	pthread_mutex_lock(&conn->lock);
	conn->dispatching = false;
	pthread_cond_broadcast(&conn->changed);
	pthread_mutex_unlock(&conn->lock);
}

/* @return whether the loop shall go on */
static bool loop_reap(struct nfs_loop *loop)
{
	struct nfs_conn *dead;
	bool stop;

	pthread_mutex_lock(&loop->lock);
	dead = loop->dead;
	loop->dead = NULL;
	stop = loop->stop;
	pthread_mutex_unlock(&loop->lock);
	while (dead) {
		struct nfs_conn *next = dead->next_dead;

		conn_unref(dead);
		dead = next;
	}
	return !stop;
}

static void *loop_run(void *arg)
{
	struct nfs_loop *loop = arg;
	struct epoll_event events[EVENTS];

	do {
		int n = epoll_wait(loop->epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct nfs_conn *conn = events[i].data.ptr;
			uint64_t count;

			if (conn)
				conn_event(conn, events[i].events);
			else if (read(loop->wake, &count, sizeof(count)) < 0)
				assert(errno == EAGAIN);
		}
	} while (loop_reap(loop));
	return NULL;
}

struct nfs_loop *nfs_loop_new(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct nfs_loop *loop = calloc(1, sizeof(*loop));
	struct rlimit limit;

	if (!loop)
		abort();
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	loop->scratch = malloc(SCRATCH_SIZE);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&loop->lock, NULL);
	if (!loop->scratch || loop->epoll < 0 || loop->wake < 0 ||
	    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) ||
	    pthread_create(&loop->thread, NULL, loop_run, loop))
		abort();
	return loop;
}

void nfs_loop_free(struct nfs_loop *loop)
{
	if (!loop)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->stop = true;
	pthread_mutex_unlock(&loop->lock);
	loop_wake(loop);
	pthread_join(loop->thread, NULL);
	close(loop->epoll);
	close(loop->wake);
	pthread_mutex_destroy(&loop->lock);
	free(loop->scratch);
	free(loop);
}

/* ---- Connections ---- */

struct nfs_conn *nfs_conn_adopt(struct nfs_loop *loop, int fd)
{
	return nfs_conn_adopt_with(loop, fd, NULL, NULL);
}

struct nfs_conn *nfs_conn_adopt_with(struct nfs_loop *loop, int fd,
				     nfs_request_fn fn, void *arg)
{
	struct nfs_conn *conn = calloc(1, sizeof(*conn));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	struct sockaddr_in self = { 0 };
	socklen_t len = sizeof(self);
	int one = 1;

	if (!conn)
		abort();
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!getsockname(fd, (struct sockaddr *)&self, &len) &&
	    self.sin_family == AF_INET) {
		conn->port = ntohs(self.sin_port);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	conn->loop = loop;
	conn->fd = fd;
	conn->open = true;
	conn->handler = fn;
	conn->handler_arg = arg;
	conn->users = 1;
	conn->refs = 2;
	conn->next_xid = arc4random();
	pthread_mutex_init(&conn->lock, NULL);
	nfs_cond_init(&conn->changed);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
		abort();
	return conn;
}

struct nfs_conn *nfs_conn_open(struct nfs_loop *loop, const char *source,
			       uint16_t port)
{
	return nfs_conn_open_to(loop, source, "127.0.0.1", port);
}

struct nfs_conn *nfs_conn_open_to(struct nfs_loop *loop, const char *source,
				  const char *server, uint16_t port)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port) };
	struct timeval timeout = { .tv_sec = 1 + nfs_timeout_ms() / 1000 };
	int fd, error;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	/* Bounds connect(). */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (inet_pton(AF_INET, source, &from.sin_addr) == 1 &&
	    inet_pton(AF_INET, server, &to.sin_addr) == 1 &&
	    !bind(fd, (struct sockaddr *)&from, sizeof(from)) &&
	    !connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return nfs_conn_adopt(loop, fd);
	error = errno;
	close(fd);
	errno = error;
	return NULL;
}

void nfs_conn_half_close(struct nfs_conn *conn)
{
	pthread_mutex_lock(&conn->lock);
	if (conn->open)
		shutdown(conn->fd, SHUT_WR);
	pthread_mutex_unlock(&conn->lock);
}

static void conn_pause(struct nfs_conn *conn, bool paused)
{
	pthread_mutex_lock(&conn->lock);
	conn->paused = paused;
	if (conn->open)
		conn_update_events(conn);
	pthread_mutex_unlock(&conn->lock);
}

void nfs_conn_stop_reading(struct nfs_conn *conn)
{
	conn_pause(conn, true);
}

void nfs_conn_resume_reading(struct nfs_conn *conn)
{
	conn_pause(conn, false);
}

bool nfs_conn_wait_readable(const struct nfs_conn *conn, int timeout_ms)
{
	struct pollfd in = { .fd = conn->fd, .events = POLLIN };

	if (timeout_ms < 0)
		timeout_ms = nfs_timeout_ms();
	return poll(&in, 1, timeout_ms) == 1;
}

void nfs_conn_set_receive_buffer(struct nfs_conn *conn, int bytes)
{
	pthread_mutex_lock(&conn->lock);
	if (conn->open)
		setsockopt(conn->fd, SOL_SOCKET, SO_RCVBUF, &bytes,
			   sizeof(bytes));
	pthread_mutex_unlock(&conn->lock);
}

void nfs_conn_set_deaf(struct nfs_conn *conn, bool deaf)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { .len = 1, .filter = &drop };

	pthread_mutex_lock(&conn->lock);
	if (conn->open)
		setsockopt(conn->fd, SOL_SOCKET,
			   deaf ? SO_ATTACH_FILTER : SO_DETACH_FILTER, &program,
			   sizeof(program));
	pthread_mutex_unlock(&conn->lock);
}

bool nfs_conn_is_open(const struct nfs_conn *conn)
{
	return conn->open;
}

bool nfs_conn_wait_closed(struct nfs_conn *conn, int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	bool closed;

	pthread_mutex_lock(&conn->lock);
	while (conn->open &&
	       nfs_cond_wait(&conn->changed, &conn->lock, &deadline))
		;
	closed = conn->peer_closed;
	pthread_mutex_unlock(&conn->lock);
	return closed;
}

uint16_t nfs_conn_port(const struct nfs_conn *conn)
{
	return conn->port;
}

void nfs_conn_set_handler(struct nfs_conn *conn, nfs_request_fn fn, void *arg)
{
	pthread_mutex_lock(&conn->lock);
	conn->handler = fn;
	conn->handler_arg = arg;
	pthread_mutex_unlock(&conn->lock);
}

/* ---- Sending ---- */

/* [L] At once if nothing waits before it; the rest is kept for the loop. */
static int conn_write(struct nfs_conn *conn, struct iovec *iov, int count)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = count };
	size_t sent = 0;

	if (!conn->open)
		return -ENOTCONN;
	if (!conn->out.len) {
		ssize_t n = sendmsg(conn->fd, &message,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0)
			sent = n;
	}
	for (int i = 0; i < count; i++) {
		size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;

		xdr_put_bytes(&conn->out, (uint8_t *)iov[i].iov_base + skip,
			      iov[i].iov_len - skip);
		sent -= skip;
	}
	if (conn->out.len)
		conn_update_events(conn);
	return 0;
}

int nfs_conn_send(struct nfs_conn *conn, const void *message, size_t len)
{
	uint32_t mark = htonl(LAST_FRAGMENT | (uint32_t)len);
	struct iovec iov[] = { { &mark, sizeof(mark) },
			       { (void *)(uintptr_t)message, len } };
	int error;

	pthread_mutex_lock(&conn->lock);
	error = conn_write(conn, iov, 2);
	pthread_mutex_unlock(&conn->lock);
	return error;
}

int nfs_conn_send_raw(struct nfs_conn *conn, const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	int error;

	pthread_mutex_lock(&conn->lock);
	error = conn_write(conn, &iov, 1);
	pthread_mutex_unlock(&conn->lock);
	return error;
}

int nfs_conn_call(struct nfs_conn *conn, struct rpc_call *call, uint32_t prog,
		  uint32_t vers, uint32_t proc, const struct rpc_cred *cred,
		  const struct xdr_buf *args)
{
	struct xdr_buf *head = &conn->head;
	size_t args_len = args ? args->len : 0;
	int error = -ENOTCONN;

	call->reject_stat = 0;
	call->accept_stat = 0;
	pthread_mutex_lock(&conn->lock);
	if (conn->open) {
		struct iovec iov[2];

		conn_add_pending(conn, call);
		xdr_buf_clear(head);
		xdr_put_u32(head, 0);
		xdr_put_u32(head, call->xid);
		xdr_put_u32(head, MSG_CALL);
		xdr_put_u32(head, RPC_VERSION);
		xdr_put_u32(head, prog);
		xdr_put_u32(head, vers);
		xdr_put_u32(head, proc);
		put_cred(head, cred);
		xdr_patch_u32(head, 0,
			      LAST_FRAGMENT |
				      (uint32_t)(head->len - 4 + args_len));
		iov[0] = (struct iovec){ head->data, head->len };
		iov[1] = (struct iovec){ args ? args->data : NULL, args_len };
		error = conn_write(conn, iov, 2);
		if (error)
			conn_remove_pending(conn, call);
	}
	pthread_mutex_unlock(&conn->lock);
	return error;
}

bool nfs_conn_cancel(struct nfs_conn *conn, struct rpc_call *call)
{
	bool in_time;

	pthread_mutex_lock(&conn->lock);
	in_time = call->pending;
	if (in_time)
		conn_remove_pending(conn, call);
	pthread_mutex_unlock(&conn->lock);
	return in_time;
}

/** A call that somebody waits for. */
struct waited_call {
	struct rpc_call call;
	pthread_mutex_t lock;
	pthread_cond_t finished;
	bool ended;
	int error;
};

static void waited_call_done(struct rpc_call *call, int error,
			     struct xdr_cursor *results)
{
	struct waited_call *waited = (struct waited_call *)call;

	(void)results;
	pthread_mutex_lock(&waited->lock);
	waited->ended = true;
	waited->error = error;
	pthread_cond_signal(&waited->finished);
	pthread_mutex_unlock(&waited->lock);
}

int nfs_conn_null(struct nfs_conn *conn, uint32_t prog, uint32_t vers)
{
	struct waited_call waited = { .call.done = waited_call_done };
	struct timespec deadline = nfs_deadline(NFS_TIMEOUT);
	int error;

	pthread_mutex_init(&waited.lock, NULL);
	nfs_cond_init(&waited.finished);
	error = nfs_conn_call(conn, &waited.call, prog, vers, 0, NULL, NULL);
	if (!error) {
		pthread_mutex_lock(&waited.lock);
		while (!waited.ended) {
			if (nfs_cond_wait(&waited.finished, &waited.lock,
					  &deadline))
				continue;
			pthread_mutex_unlock(&waited.lock);
			if (nfs_conn_cancel(conn, &waited.call)) {
				waited.error = -ETIMEDOUT;
				waited.ended = true;
			}
			deadline = nfs_deadline(NFS_TIMEOUT);
			pthread_mutex_lock(&waited.lock);
		}
		pthread_mutex_unlock(&waited.lock);
		error = waited.error;
	}
	pthread_mutex_destroy(&waited.lock);
	pthread_cond_destroy(&waited.finished);
	return error;
}
