/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * ONC RPC (RFC 5531) over TCP, both ways on one connection: calls that this
 * side makes, and calls that the peer makes (callbacks).
 *
 * One loop thread (epoll) reads and parses for any number of connections.
 * Nobody writes blocking: what the socket does not take is kept and written by
 * the loop when it can.  Callers wait on the call's own condition, so that
 * thousands of calls and connections need no threads of their own.
 *
 * Return values: 0, or -errno.  Timeouts are in milliseconds; NFS_TIMEOUT is
 * the one setting (nfs_timeout_ms()).
 */
#ifndef NFS41_CLIENT_RPC_H
#define NFS41_CLIENT_RPC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "xdr.h"

/** For every timeout parameter: the default of nfs_timeout_ms(). */
#define NFS_TIMEOUT (-1)

/** 15,000 ms, or the environment's NFS_TEST_TIMEOUT_MS. */
int nfs_timeout_ms(void);

/** CLOCK_MONOTONIC in ns. */
uint64_t nfs_now_ns(void);

/** A condition variable of which nfs_cond_wait() counts monotonic time. */
void nfs_cond_init(pthread_cond_t *cond);
/** When a wait that begins now and lasts @a timeout_ms is over. */
struct timespec nfs_deadline(int timeout_ms);
/** @return false once @a deadline has passed */
bool nfs_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
		   const struct timespec *deadline);

/** AUTH_SYS, RFC 5531 appendix A. */
struct rpc_auth_sys {
	uint32_t stamp;
	char machine[256];
	uint32_t uid;
	uint32_t gid;
	uint32_t ngids;
	uint32_t gids[16];
};

/** An RPC credential: AUTH_NONE or AUTH_SYS. All zeros is AUTH_NONE. */
struct rpc_cred {
	uint32_t flavor;
	struct rpc_auth_sys sys; /* AUTH_SYS only */
};

void rpc_put_auth_sys(struct xdr_buf *buf, const struct rpc_auth_sys *sys);
void rpc_get_auth_sys(struct xdr_cursor *cursor, struct rpc_auth_sys *sys);

/** A call as it came from the peer, up to the procedure's arguments. */
struct rpc_request {
	uint32_t xid;
	uint32_t prog;
	uint32_t vers;
	uint32_t proc;
	struct rpc_cred cred; /* flavor as it came; sys where AUTH_SYS */
	size_t size; /* of the whole RPC message, without record mark */
	struct xdr_cursor args;
};

struct nfs_loop;
struct nfs_conn;

/** Start the loop thread. Raises the soft limit of open files to the hard. */
struct nfs_loop *nfs_loop_new(void);
/** End it. Every connection must have been freed. NULL is allowed. */
void nfs_loop_free(struct nfs_loop *loop);

/**
 * Connect from @a source (a loopback address such as "127.0.0.2") to
 * 127.0.0.1:@a port.
 * @return the connection, +1 ref, or NULL with errno
 */
struct nfs_conn *nfs_conn_open(struct nfs_loop *loop, const char *source,
			       uint16_t port);
/** The same to another address than 127.0.0.1. */
struct nfs_conn *nfs_conn_open_to(struct nfs_loop *loop, const char *source,
				  const char *server, uint16_t port);
/** Make a connection of a connected stream socket, which it owns from now on.
 */
struct nfs_conn *nfs_conn_adopt(struct nfs_loop *loop, int fd);

struct nfs_conn *nfs_conn_get(struct nfs_conn *conn);
/** Drop a reference; the last one disconnects with FIN. NULL is allowed. */
void nfs_conn_put(struct nfs_conn *conn);

/** How to end a connection. */
enum nfs_close {
	NFS_CLOSE_FIN = 1,
	NFS_CLOSE_RST, /* SO_LINGER 0 */
	NFS_CLOSE_FIN_ACKED, /* returns when the peer's kernel has it: on a busy
			      * machine what is sent over other connections may be
			      * there before; or after a second */
};

/**
 * Close the socket. Outstanding calls end with -ECONNRESET. The connection
 * stays valid, and useless, until its last nfs_conn_put().
 * Context: any thread; idempotent.
 */
void nfs_conn_close(struct nfs_conn *conn, enum nfs_close how);
/** Close it with FIN, drop the reference and forget it, if there is one. */
void nfs_conn_end(struct nfs_conn **conn);
/** Send FIN, go on reading. */
void nfs_conn_half_close(struct nfs_conn *conn);
/** Be a client that never reads: leave everything in the socket. */
void nfs_conn_stop_reading(struct nfs_conn *conn);
void nfs_conn_resume_reading(struct nfs_conn *conn);
/**
 * While reading is stopped: wait until there is something in the socket.
 * @return false when the time is over
 */
bool nfs_conn_wait_readable(const struct nfs_conn *conn, int timeout_ms);
/** Shrink the socket's receive buffer, for a peer that shall block early. */
void nfs_conn_set_receive_buffer(struct nfs_conn *conn, int bytes);

/**
 * Lose every packet that comes from the peer, acknowledgements among them, and
 * say nothing; or take them again.
 */
void nfs_conn_set_deaf(struct nfs_conn *conn, bool deaf);

/** Neither side has closed it, as far as is known. */
bool nfs_conn_is_open(const struct nfs_conn *conn);
/** Wait for the peer's FIN or RST. @return false when the time is over */
bool nfs_conn_wait_closed(struct nfs_conn *conn, int timeout_ms);
/** This side's port; it names a connection in captures and logs. */
uint16_t nfs_conn_port(const struct nfs_conn *conn);

/**
 * Called for each call of the peer.
 * Context: the loop thread; must not wait for replies.
 */
typedef void (*nfs_request_fn)(struct nfs_conn *conn, void *arg,
			       const struct rpc_request *request);

/** Without a handler, the peer's calls are dropped, but for NULL: every program has it. */
void nfs_conn_set_handler(struct nfs_conn *conn, nfs_request_fn fn, void *arg);

/** nfs_conn_adopt(), where the peer may call at once. */
struct nfs_conn *nfs_conn_adopt_with(struct nfs_loop *loop, int fd,
				     nfs_request_fn fn, void *arg);

/** Send an RPC message, as one record of one fragment. Never blocks. */
int nfs_conn_send(struct nfs_conn *conn, const void *message, size_t len);
/** Send bytes as they are, without a record mark. Never blocks. */
int nfs_conn_send_raw(struct nfs_conn *conn, const void *data, size_t len);

/** One call that is under way; embedded in the caller's own structure. */
struct rpc_call {
	uint32_t xid;
	/* Not 0 when the peer's RPC layer refused it (-EPROTO). */
	uint32_t reject_stat; /* MSG_DENIED: 1 + reject_stat4 */
	uint32_t accept_stat; /* MSG_ACCEPTED: accept_stat4 */
	/*
	 * Called exactly once, unless nfs_conn_cancel() says that it was in
	 * time: 0 and the results, -ECONNRESET, -EPROTO or -EBADMSG.
	 * Context: the loop thread, or the one that closes the connection.
	 */
	void (*done)(struct rpc_call *call, int error,
		     struct xdr_cursor *results);
	bool pending; /* in the connection's table; its lock */
};

/**
 * Send a call; @a args are the procedure's arguments in XDR.
 * @return 0: done() will be called; -errno: it will not
 */
int nfs_conn_call(struct nfs_conn *conn, struct rpc_call *call, uint32_t prog,
		  uint32_t vers, uint32_t proc, const struct rpc_cred *cred,
		  const struct xdr_buf *args);
/** Give up waiting. @return false: too late, done() has been or is being called
 */
bool nfs_conn_cancel(struct nfs_conn *conn, struct rpc_call *call);

/** Call and wait, for a procedure without arguments or results. */
int nfs_conn_null(struct nfs_conn *conn, uint32_t prog, uint32_t vers);

#endif
