/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The backchannel core: the contract between the multiplexer and what
 * surrounds it.
 *
 * The core knows clients, sessions, slots, connections and callbacks, and
 * decides what is sent where and when.  It knows neither Ganesha nor ntirpc:
 * those are reached through struct bc_ops.  doc/architecture.md has the
 * picture, the lock order and the RCU rules.
 *
 * Terms are those of RFC 5661: a client has sessions, a session has a
 * backchannel with a slot table, a connection is associated with ("bound to")
 * the backchannel of any number of sessions.
 */
#ifndef BACKCHANNEL_H
#define BACKCHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/cb_sequence.h"

struct bc_call;
struct bc_client;
struct bc_conn;
struct bc_request;
struct bc_security;
struct bc_session;

/** Monotonic time, ms. Context: any thread. */
uint64_t bc_now(void);

/** Limits and times; bc_control_configure() may change them (snapshot.h). */
struct bc_config {
	uint32_t max_queue; /* callbacks waiting per client, >= 1 */
	uint32_t max_slots; /* callbacks in flight per session, >= 1 */
	uint32_t max_connections; /* back-bound per session, >= 1 */
	uint32_t max_client_connections; /* over a client's sessions, >= 1 */
	uint32_t max_server_connections; /* over all sessions, >= 1 */
	bool probe; /* CB_NULL once for each back channel of each connection */
	uint64_t callback_timeout; /* ms until an unanswered attempt failed */
	uint32_t retry_attempts; /* further attempts after the first, 0 .. 32 */
	uint64_t retry_first_delay; /* ms before the first retry, doubling */
	uint64_t lease_time; /* ms a callback may wait for a path */
	uint64_t idle_timeout; /* ms: quiet connections are closed; 0: never */
	uint64_t
		hold_time; /* ms that a request waits for a file; 0: none does */
	uint32_t max_client_held; /* requests that wait, of a client, >= 1 */
	uint32_t max_server_held; /* of all, >= 1 */
};

enum bc_log_level {
	BC_LOG_WARN,
	BC_LOG_EVENT,
	BC_LOG_INFO,
	BC_LOG_DEBUG,
	BC_LOG_TRACE, /* what happens to each callback (trace.h) */
};

/** Lines that a peer can cause at will: so many of a kind in 10 s (log.c). */
enum bc_limited {
	BC_LIMITED_PRINCIPAL, /* not the principal that created the session */
	BC_LIMITED_PROTECTION, /* not the credential that owns the client id */
	BC_LIMITED_SESSION_BINDINGS, /* max_connections reached */
	BC_LIMITED_CLIENT_BINDINGS, /* max_client_connections reached */
	BC_LIMITED_SERVER_BINDINGS, /* max_server_connections reached */
	BC_LIMITED_PROBE, /* a probe was not answered, or refused */
	BC_LIMITED_PROBE_ANSWERED,
	BC_LIMITED_NO_BACK_CHANNEL, /* what a session offers cannot be used */
	BC_LIMITED_PATH_UP,
	BC_LIMITED_PATH_LOST,
	BC_LIMITED_CONN_LOST, /* with callbacks in flight */
	BC_LIMITED_STALLED, /* a connection acknowledges nothing */
	BC_LIMITED_VERDICT, /* an answer that ends no callback */
	BC_LIMITED_RETRY, /* a callback was not answered */
	BC_LIMITED_GIVEN_UP, /* after the last attempt */
	BC_LIMITED_NO_PATH, /* a callback waited too long */
	BC_LIMITED_ON_TRIAL, /* a client must answer first */
	BC_LIMITED_ENCODE,
	BC_LIMITED_SLOT_LOST,
	BC_LIMITED_STUCK, /* no slot of a session is answered */
	BC_LIMITED_FAULT,
	BC_LIMITED_REVOKED,
	BC_LIMITED_NOT_REMEMBERED, /* a revoked stateid */
	BC_LIMITED_BOOKKEEPING, /* Ganesha's delegations of a file were miscounted */
	BC_LIMITED_KINDS,
};

/** How an accepted callback ended. */
enum bc_outcome {
	BC_OUTCOME_REPLY, /* the client answered; the reply is the result */
	BC_OUTCOME_RAN, /* it ran, but its result is lost (RFC 5661 2.10.6.1.3) */
	BC_OUTCOME_DEFER, /* it was not sent now; Ganesha may ask again later */
	BC_OUTCOME_FAILED, /* no path, or no answer to any attempt */
};
#define BC_OUTCOMES (BC_OUTCOME_FAILED + 1)

/**
 * What the core needs from its surroundings.
 *
 * None of these is called with a lock of the core held, except
 * request_new() and those marked so.
 */
struct bc_ops {
	/** Write one line to the server's log. */
	void (*log)(enum bc_log_level level, const char *line);

	/**
	 * Whether lines of BC_LOG_TRACE are written.  Asked at each step of each
	 * callback, under any lock: costs next to nothing.
	 */
	bool (*tracing)(void);

	/**
	 * Allocate a request with room for @a body_len bytes of CB_COMPOUND;
	 * 0: it will be a CB_NULL, and have no call, and a session only as a probe.
	 * Called with the client's lock held; must not block.
	 *
	 * @return the request with ->body set, or NULL: out of memory.
	 */
	struct bc_request *(*request_new)(size_t body_len);

	/**
	 * The last reference is gone: take it off the wire and free it. May be
	 * called with the client's lock held.
	 */
	void (*request_free)(struct bc_request *req);

	/**
	 * Hand a request to its connection. Does not wait for the client.  Tells of
	 * it with bc_trace_send() before anything can be answered.
	 *
	 * @retval 0          handed over; a reply arrives at bc_reply_arrived()
	 * @retval -ENOTCONN  the connection is going away; bc_conn_down()
	 *                    has been or will be called
	 * @retval -errno     it could not be encoded; nothing was sent
	 */
	int (*send)(struct bc_request *req);

	/**
	 * Close a connection whose peer acknowledges nothing of what was sent,
	 * as far as the transport can tell. bc_conn_down() follows if it does.
	 *
	 * @return whether it is closed
	 */
	bool (*conn_close_if_stalled)(struct bc_conn *conn);

	/**
	 * Has the peer ended a connection, whether or not the transport has come
	 * to read that?  Does not block.
	 */
	bool (*conn_has_ended)(struct bc_conn *conn);

	/** The connection is down and unbound: let the transport go. */
	void (*conn_release)(struct bc_conn *conn);

	/** The last reference is gone, a grace period ago: free it. */
	void (*conn_free)(struct bc_conn *conn);

	/**
	 * An accepted callback has ended. Called exactly once for each, never
	 * from inside its submission. May block.
	 *
	 * @param[in] call     borrowed until return
	 * @param[in] outcome
	 * @param[in] reply    with BC_OUTCOME_REPLY, borrowed until return; else NULL
	 */
	void (*complete)(struct bc_call *call, enum bc_outcome outcome,
			 struct bc_reply *reply);

	/**
	 * A request has waited: let it go on, on another thread.  Called once for
	 * each BC_WAIT_SUSPENDED, from the core's threads or bc_waiting_wake().
	 *
	 * @param[in] cookie  bc_waiter_new()'s
	 */
	void (*go_on)(void *cookie);

	/**
	 * Who was told of a lock did not come for it, or waits no more: call
	 * bc_lock_offer() with its file.  May block.
	 *
	 * @param[in] place  bc_lock_wait()'s, borrowed until return
	 */
	void (*lock_next)(void *place);

	/** Who waited there does not any more: free the place.  May block. */
	void (*lock_place_free)(void *place);
};

/**
 * Start the core: its tables, its timers' thread and its completions' thread.
 *
 * @retval 0       started
 * @retval -errno  nothing was started
 *
 * Context: once, before any other function here.
 */
int bc_core_init(const struct bc_config *config, const struct bc_ops *ops);

/**
 * Complete every pending callback with BC_OUTCOME_FAILED, and from now on every
 * new one. Returns when ops->complete() has returned for all pending ones but
 * those whose reply another thread is handling just now.
 *
 * Context: any thread but the core's own; holds no lock. May block.
 */
void bc_core_stop_calls(void);

/**
 * Stop the core. Every callback that is still pending is completed with
 * BC_OUTCOME_FAILED, every connection released, every object freed; returns
 * after a full grace period (rcu_barrier), so that the code may be unmapped.
 *
 * Context: once, when no other thread calls into the core any more. May block.
 */
void bc_core_fini(void);

/**
 * Write a line to the server's log, a moment later, unless enough of its kind were
 * written in the last 10 s: then it is counted, and how many there were is told by
 * the next one, or when those 10 s are over.
 *
 * Context: any thread, whatever locks are held.
 */
void bc_log_limited(enum bc_limited kind, enum bc_log_level level,
		    const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sessions ---------------------------------------------------------------- */

/** Longest address of a client, as bytes to compare. */
#define BC_ADDRESS_MAX 24

/** What CREATE_SESSION agreed on (RFC 5661, 18.36). */
struct bc_session_attrs {
	uint8_t id[BC_SESSIONID_SIZE];
	uint64_t clientid;
	uint32_t minorversion; /* 1 or 2; 0: 1 */
	uint32_t max_requests; /* back channel's ca_maxrequests, >= 1 */
	uint32_t max_request_size; /* back channel's ca_maxrequestsize, bytes */
	struct bc_security *security; /* consumed; NULL: none */
	const void *principal; /* of its creator: bytes that are copied */
	size_t principal_len; /* 0: nobody */
	const void *address; /* the same of its creator's address */
	size_t address_len; /* 0: nowhere; .. BC_ADDRESS_MAX */
	bool is_protected; /* its client has state protection, 2.10.8.3 */
	bool must_bind; /* nothing comes over a connection that is not bound */
};

/**
 * Add a session, and its client if this is the first.
 *
 * @param[in]  attrs
 * @param[out] session  +1 ref for the caller; the session itself holds another
 *                      until bc_session_close()
 *
 * @retval 0        added
 * @retval -EEXIST  a session with this id is there; security was consumed
 * @retval -ENOMEM  security was consumed
 *
 * Context: any thread; holds no lock. May block on the client's lock.
 */
int bc_session_add(const struct bc_session_attrs *attrs,
		   struct bc_session **session);

/**
 * The session has ended (DESTROY_SESSION, lease expiry, client replaced).
 *
 * Its bindings go. What was in flight on it is sent as a new request over
 * another session of the client, or waits for one. Idempotent.
 *
 * @param[in] session  borrowed; the table's reference is dropped
 *
 * Context: any thread; holds no lock of the core.
 */
void bc_session_close(struct bc_session *session);

/**
 * Find a session by its id.
 *
 * @return +1 ref, or NULL. Context: any thread, lock-free.
 */
struct bc_session *bc_session_get(const uint8_t id[BC_SESSIONID_SIZE]);

/**
 * Take a reference to a session that was found inside an RCU read-side section.
 *
 * @return false: it is going. Context: inside that section.
 */
bool bc_session_get_rcu(struct bc_session *session);

/** Its client's id. Context: any thread that holds a reference. */
uint64_t bc_session_clientid(const struct bc_session *session);

/**
 * Is this the principal that created the session?  Nobody (length 0) never is.
 *
 * Context: any thread that holds a reference.
 */
bool bc_session_same_principal(const struct bc_session *session,
			       const void *principal, size_t len);

/**
 * Is this the address from which the session was created?  Nowhere (length 0)
 * never is.
 *
 * Context: any thread that holds a reference.
 */
bool bc_session_same_address(const struct bc_session *session,
			     const void *address, size_t len);

/** Has its client state protection? Context: as above. */
bool bc_session_is_protected(const struct bc_session *session);

/**
 * May a request of the session come over a connection?  "If SEQUENCE is received on
 * a connection not associated with the session via CREATE_SESSION or
 * BIND_CONN_TO_SESSION, and connection association enforcement is enabled": it may
 * not, RFC 5661 18.46.3.
 *
 * @param[in] conn  NULL: none that anything is bound to
 *
 * Context: any thread that holds a reference to both; holds no lock of the core.
 */
bool bc_session_admits(const struct bc_session *session, struct bc_conn *conn);

/** Take a further reference. Context: any thread that holds one. */
void bc_session_ref(struct bc_session *session);

/** Drop a reference. Context: any thread. */
void bc_session_put(struct bc_session *session);

/**
 * Let a session's callbacks carry another program and credential from now on
 * (RFC 5661, 18.33).  Requests that are out are not touched.
 *
 * @param[in] session
 * @param[in] security  the reference is consumed
 *
 * @retval 0          done
 * @retval -EINVAL    the session never had a back channel
 * @retval -EMSGSIZE  a CB_RECALL would be larger than the session allows, also
 *                    without referring calls
 *
 * On an error the session stays as it was.
 *
 * Context: any thread; holds no lock of the core.
 */
int bc_session_set_security(struct bc_session *session,
			    struct bc_security *security);

/** Has any connection been back-bound? Context: any thread; holds no lock. */
bool bc_session_had_back(struct bc_session *session);

/* How a client stands with us: bits. */
#define BC_STANDING_PATH 1 /* some session of it has a path */
#define BC_STANDING_TRUSTED 2 /* and delegations may be granted over it */
#define BC_STANDING_FORGIVEN 4 /* from now on, whatever was revoked: once */

/** What SEQUENCE has to say of a session's backchannel, and of its client. */
struct bc_session_status {
	bool known; /* the session is one of ours, and open */
	uint32_t flags; /* SEQ4_STATUS_* bits, RFC 5661 18.46.3 */
	uint32_t standing; /* of its client: BC_STANDING_* */
	bool doubtful; /* bc_session_ended_paths() may know better */
};

/**
 * Read a session's status, and note that its client was heard on a connection.
 *
 * @param[in] session  NULL: none of ours
 * @param[in] conn     what the SEQUENCE came on; NULL: none of ours
 *
 * Context: any thread, inside an RCU read-side section or with a reference to
 * the session; lock-free, called for every SEQUENCE.
 */
struct bc_session_status bc_session_heard(const struct bc_session *session,
					  struct bc_conn *conn);

/**
 * Have all of a session's paths, or all of its client's, ended without having been
 * taken for that yet?  Who has lost its connections speaks over a new one at once, and
 * binds it if it is told to: the next it hears may be half a lease away.
 *
 * @return what of BC_SEQ4_CB_PATH_DOWN and BC_SEQ4_CB_PATH_DOWN_SESSION is true, where
 *         bc_session_heard() did not say so
 *
 * Context: any thread that holds a reference to the session, and no lock.  For a
 * SEQUENCE on a connection that is not bound, once in a while (`doubtful`): looks at
 * sockets.
 */
uint32_t bc_session_ended_paths(struct bc_session *session);

/**
 * Complete with BC_OUTCOME_DEFER every callback of a client that has no session.
 *
 * @return whether there were any; ops->complete() has returned for them
 *
 * Context: any thread but the core's own; holds no lock. May block.
 */
bool bc_client_defer_calls(uint64_t clientid);

/**
 * Is there no use in asking a client any more?  It has lost a delegation, has
 * answered nothing since, and has left a callback unanswered or is not heard.
 *
 * Context: any thread, also under locks of the server.
 */
bool bc_client_is_given_up(uint64_t clientid);

/**
 * The client id is gone: complete all its callbacks with BC_OUTCOME_FAILED,
 * forget its revoked stateids.
 *
 * Context: any thread; holds no lock of the core.
 */
void bc_client_destroy(uint64_t clientid);

/* Revoked stateids: RFC 5661, 8.5, 10.4.5 and 18.38 ------------------------ */

#define BC_STATEID_OTHER_SIZE 12 /* stateid4's other */

/**
 * Remember that a delegation was revoked, until its client frees it.
 *
 * Of a client without a session it is remembered for a lease.  A limited number
 * is remembered of each client; beyond that it is only logged.
 *
 * @param[in] clientid
 * @param[in] other     of the delegation's stateid
 *
 * Context: any thread, also under locks of the server.
 */
void bc_revoked_add(uint64_t clientid,
		    const uint8_t other[BC_STATEID_OTHER_SIZE]);

/**
 * Is this a revoked stateid of the session's client, not freed yet?
 *
 * Context: any thread that holds a reference to the session, or inside an RCU
 * read-side section; lock-free when the client has none.
 */
bool bc_revoked_contains(const struct bc_session *session,
			 const uint8_t other[BC_STATEID_OTHER_SIZE]);

/**
 * The client acknowledges the loss: forget the stateid.
 *
 * @param[out] last  it was the last one that the client had to free
 *
 * @return whether it was there
 *
 * Context: as bc_revoked_contains().
 */
bool bc_revoked_free(const struct bc_session *session,
		     const uint8_t other[BC_STATEID_OTHER_SIZE], bool *last);

/**
 * The client asks for a stateid of its own (TEST_STATEID, 18.48): which of its
 * revoked ones it knows, and which it has forgotten, is told from what it names.
 *
 * Context: as bc_revoked_contains().
 */
void bc_revoked_asked(const struct bc_session *session,
		      const uint8_t other[BC_STATEID_OTHER_SIZE]);

/* Connections ------------------------------------------------------------- */

/**
 * Find the connection of a transport.
 *
 * @return +1 ref, or NULL. Context: any thread, lock-free.
 */
struct bc_conn *bc_conn_get(const void *transport);

/** Take a further reference. Context: any thread that holds one. */
void bc_conn_ref(struct bc_conn *conn);

/** Drop a reference. Context: any thread. */
void bc_conn_put(struct bc_conn *conn);

/**
 * Initialise a connection that the transport's code has allocated, and add it.
 *
 * @param[in] conn       its first reference is the transport's: dropped with
 *                       bc_conn_put() when the transport is destroyed
 * @param[in] transport  its key, unique while the transport lives
 *
 * @retval 0        added
 * @retval -EEXIST  the transport has a connection already; @a conn is untouched
 *
 * Context: any thread.
 */
int bc_conn_add(struct bc_conn *conn, const void *transport);

/**
 * The connection has ended. Its bindings go, what was in flight on it is
 * re-driven, ops->conn_release() is called: all from the timers' thread, a
 * moment later. Idempotent.
 *
 * Context: any thread, whatever locks of the transport it holds; does not block.
 */
void bc_conn_down(struct bc_conn *conn);

/* Bindings: RFC 5661, 2.10.3.1 and 18.34 ---------------------------------- */

/** Channels of a session that a connection is associated with. */
enum bc_channels {
	BC_CHANNEL_FORE = 1, /* CDFS4_FORE */
	BC_CHANNEL_BACK = 2, /* CDFS4_BACK */
	BC_CHANNEL_BOTH = 3, /* CDFS4_BOTH */
};

/** What BIND_CONN_TO_SESSION may ask for (channel_dir_from_client4). */
enum bc_bind_dir {
	BC_BIND_FORE = 0x1,
	BC_BIND_BACK = 0x2,
	BC_BIND_FORE_OR_BOTH = 0x3,
	BC_BIND_BACK_OR_BOTH = 0x7,
};

/**
 * Bind a connection to a session's channels.
 *
 * A backchannel that this makes is used only from bc_bind_replied() on, so
 * that no callback overtakes the reply (RFC 5661 2.10.6.3's race).  At a limit
 * that of the client's back-bound connections which was heard least recently
 * gives way.
 *
 * @param[in]  session
 * @param[in]  conn
 * @param[in]  dir       one of enum bc_bind_dir
 * @param[in]  reply     identifies the request whose reply opens it; not NULL
 * @param[out] channels  what is now true
 *
 * @retval 0         bound, or was bound so already
 * @retval -EINVAL   an explicit binding to other channels exists, or @a dir is
 *                   not one of the four values
 * @retval -ENOSPC   the back channel was demanded and the session has no usable
 *                   security
 * @retval -ENOTCONN the connection or the session has just ended
 * @retval -ENOMEM
 *
 * Context: any thread; holds no lock of the core.
 */
int bc_bind(struct bc_session *session, struct bc_conn *conn, uint32_t dir,
	    const void *reply, enum bc_channels *channels);

/**
 * Whether any binding waits for its reply: if none does, bc_bind_replied() does
 * nothing.  Context: any thread; lock-free.
 */
bool bc_bind_waits(void);

/**
 * A reply is on its way: what it bound may now be used.
 *
 * @param[in] transport  the reply's transport
 * @param[in] reply      as given to bc_bind()
 *
 * Context: any thread; holds no lock of the core. Lock-free when no binding
 * waits for any reply.
 */
void bc_bind_replied(const void *transport, const void *reply);

/* Callbacks --------------------------------------------------------------- */

/**
 * Make a callback.
 *
 * @param[in] opcode        nfs_cb_opnum4 of the one operation after CB_SEQUENCE
 * @param[in] minorversion  1 or 2
 * @param[in] args          the referring calls (csa_referring_call_lists) and
 *                          that operation as XDR
 * @param[in] args_len      bytes, a multiple of 4
 * @param[in] cookie        the caller's
 *
 * @return +1 ref, or NULL: out of memory. Context: any thread.
 */
struct bc_call *bc_call_new(uint32_t opcode, uint32_t minorversion,
			    const void *args, size_t args_len, void *cookie);

/**
 * Let a callback be sent without its referring calls where it is too large with
 * them: they only help the client to tell what overtook what (RFC 5661 2.10.6.3).
 *
 * @param[in] call  not submitted yet
 * @param[in] len   bytes of csa_referring_call_lists at the arguments' beginning,
 *                  a multiple of 4, >= 4
 */
void bc_call_set_referring(struct bc_call *call, size_t len);

/**
 * Let a callback be attempted once only, and end soon: something else is done if
 * it fails.  What it leaves unanswered does not count against the connection.
 *
 * @param[in] call  not submitted yet
 * @param[in] ms    until it has ended, from its submission, > 0; that includes
 *                  waiting for a path
 */
void bc_call_set_patience(struct bc_call *call, uint64_t ms);

/**
 * Let a callback end at a given time at the latest, with as many attempts as that
 * allows; earlier if its own attempts are over.
 *
 * @param[in] call  not submitted yet
 * @param[in] ms    from its submission, > 0
 */
void bc_call_set_limit(struct bc_call *call, uint64_t ms);

/**
 * Remember which file a callback is about.
 *
 * @param[in] call  not submitted yet
 * @param[in] file  never followed
 */
void bc_call_set_file(struct bc_call *call, const void *file);
const void *bc_call_file(const struct bc_call *call);

/**
 * The same of the export of that file.
 *
 * @param[in] call    not submitted yet
 * @param[in] export  never followed; a reference to it is the caller's, who gives
 *                    it back when the callback has ended
 */
void bc_call_set_export(struct bc_call *call, void *export);
void *bc_call_export(const struct bc_call *call);

void *bc_call_cookie(const struct bc_call *call);
uint32_t bc_call_opcode(const struct bc_call *call);

/**
 * Submit a callback for a client.
 *
 * It is sent at once if the client has a path and a free slot, otherwise it
 * waits in the client's queue. It always completes, through ops->complete().
 *
 * @param[in] call      the caller's reference is consumed
 * @param[in] clientid
 * @param[in] prefer    id of the session to use if it has a path; NULL: any
 *
 * @retval 0        accepted
 * @retval -ENOMEM  the reference was dropped and complete() is not called
 *
 * Context: any thread, also under locks of the server; does not block.
 */
int bc_call_submit(struct bc_call *call, uint64_t clientid,
		   const uint8_t *prefer);

/**
 * Complete a callback that cannot be submitted with BC_OUTCOME_DEFER.
 *
 * @param[in] call      never submitted; the caller's reference is consumed
 * @param[in] clientid
 * @param[in] why       for the log; constant
 *
 * Context: as bc_call_submit().
 */
void bc_call_defer(struct bc_call *call, uint64_t clientid, const char *why);

/**
 * A reply to a request, decoded as far as it goes.
 *
 * @param[in] req    borrowed; the caller holds a reference
 * @param[in] reply  borrowed
 *
 * Context: any thread; holds no lock. Calls ops->complete().
 */
void bc_reply_arrived(struct bc_request *req, struct bc_reply *reply);

/* Requests that wait for a file ------------------------------------------- */

struct bc_waiter;

#define BC_NO_SLOT UINT32_MAX

/** Whose request it is. */
struct bc_waiter_id {
	uint64_t client; /* by which they are counted */
	uint64_t address; /* and by which; 0: it is not */
	size_t size; /* bytes of memory that the request keeps */
	const uint8_t *session; /* its id; NULL: NFSv4.0 */
	uint32_t slot;
	uint32_t slots; /* of the session's fore channel */
	uint32_t sequence; /* of the slot */
};

/** What a request waits for. */
struct bc_awaited {
	const void *file; /* that something happens to it; only compared */
	unsigned long
		ticket; /* bc_waiting_ticket(), from before the look at it */
	uint64_t holder; /* or that this client can be asked again; 0: none */
};

/** What has become of a request that was to wait. */
enum bc_wait {
	BC_WAIT_SUSPENDED, /* ops->go_on() is called, or has been already */
	BC_WAIT_AGAIN, /* it has happened meanwhile, or may have: look again */
	BC_WAIT_OVER, /* hold_time is over, or the server ends */
};

/**
 * What has happened to a file so far.
 *
 * @param[in] file  only compared
 *
 * @return to be given to bc_waiter_wait(), so that nothing that happens from now
 *         on is missed. Context: any; lock-free.
 */
unsigned long bc_waiting_ticket(const void *file);

/**
 * A request is to wait, for hold_time from now on at the most, however often
 * it does.
 *
 * A request counts as one, and as one more for each 64 KiB of its size, towards
 * max_client_held and max_server_held; those of one address have half of the latter.
 *
 * @return NULL: it must not, as too many do, or would leave its session without a
 *         slot; or out of memory.  Context: any thread; holds no lock.
 */
struct bc_waiter *bc_waiter_new(const struct bc_waiter_id *id, void *cookie);

/**
 * Wait until something happens to a file, or a holder of it can be asked again.
 *
 * @param[in] waiter   after BC_WAIT_SUSPENDED not the caller's any more: it may
 *                     be free when this returns
 * @param[in] awaited
 *
 * Context: any thread; holds no lock.
 */
enum bc_wait bc_waiter_wait(struct bc_waiter *waiter,
			    const struct bc_awaited *awaited);

/**
 * The request waits no more.
 *
 * @param[in] waiter
 * @param[in] in_vain  for the statistics: it is to be tried again
 */
void bc_waiter_free(struct bc_waiter *waiter, bool in_vain);

/**
 * Something has happened to a file: who waits for it goes on, in the order of
 * arrival.
 *
 * Context: any thread, under any lock of the server that ops->go_on() may be called
 * under; lock-free if nobody waits for anything.
 */
void bc_waiting_wake(const void *file);

/**
 * A client that could not be asked for what it holds can be now: who waits for that
 * goes on, in the order of arrival.
 *
 * Context: any thread; holds no lock.  Lock-free if nobody waits for anything.
 */
void bc_waiting_holder_back(uint64_t holder);

/**
 * An export has gone, and who has come through it is not known here: all who wait go
 * on, in the order of arrival.
 *
 * Context: as bc_waiting_wake().
 */
void bc_waiting_wake_all(void);

/**
 * How many requests have come to wait so far, in all.
 *
 * Context: any; lock-free: every SEQUENCE asks.
 */
uint64_t bc_waiting_arrivals(void);

/**
 * Has a request of a session come to wait since there had been so many?  Sometimes it
 * is one of another session, or was just being counted.
 *
 * @param[in] since  bc_waiting_arrivals()
 *
 * Context: any; lock-free.
 */
bool bc_waiting_came_to(const uint8_t *session, uint64_t since);

/**
 * Is the request in this slot of a session one that waits, or has?
 *
 * @param[out] sequence  the slot's, if so
 *
 * Context: any; lock-free if there is none in the session.
 */
bool bc_waiting_in_slot(const uint8_t *session, uint32_t slot,
			uint32_t *sequence);

/**
 * Nobody waits any more: all go on.  Returns when ops->go_on() has been called for
 * each, or a second is over.  Context: any thread; holds no lock.
 */
void bc_waiting_stop(void);

/* Locks that are waited for: RFC 5661, 9.6, 18.10 and 20.11 ---------------- */

/** Who asks for which bytes of a file, and how. */
struct bc_lock {
	const void *file; /* only compared */
	uint64_t client;
	const void *owner; /* lock_owner4's bytes */
	size_t owner_len;
	uint64_t first, last; /* bytes, both are in it */
	bool exclusive;
};

/** A lock that was denied, and will be waited for. */
struct bc_lock_wish {
	struct bc_lock lock;
	const uint8_t *open; /* stateid4's other, of its owner's open */
	const void *export; /* of the file; only compared */
	uint32_t minorversion; /* 1 or 2 */
	const void *notice; /* CB_NOTIFY_LOCK as bc_call_new() takes it */
	size_t notice_len;
	void *place; /* the caller's way to the file */
	bool is_free; /* nothing that the server knows of is in its way */
};

/** What has become of a wish. */
enum bc_lock_wait {
	BC_LOCK_WAIT_NEW, /* it waits from now on: the place is the core's */
	BC_LOCK_WAIT_ALREADY, /* it did before, and keeps its turn */
	BC_LOCK_WAIT_REFUSED, /* too many wait, or no memory, or the end */
};

/** Those that wait at most, of a client for one file, of a client, and of all. */
#define BC_LOCK_FILE_WAITERS 128
#define BC_LOCK_CLIENT_WAITERS 1024
#define BC_LOCK_SERVER_WAITERS 16384

/** Who was told of a lock has it to itself until it has come for it, but for that
 * long at most; so long is its callback tried. ms
 */
#define BC_LOCK_KEPT 3000

/** Who finds a lock in its way that the server does not know, the file system's own, is
 * told to try again so often: nobody tells the server when that goes. ms
 */
#define BC_LOCK_AGAIN 2000

/** Who has not asked for that long waits no more, or for two leases, if that is longer:
 * a client that hears nothing asks every half a minute. ms
 */
#define BC_LOCK_LIFE 90000

/** Does anybody wait for any lock?  Context: any; a relaxed load. */
bool bc_lock_waiters(void);

/**
 * A lock was denied, and will be waited for.
 *
 * Who has waited already, with the same owner, file, bytes and kind, keeps its turn.
 * If it was told that it may have it, and has come in vain although the server knows
 * of nothing in its way, it is told again after BC_LOCK_AGAIN.
 *
 * Context: the file's locks do not change meanwhile.  bc_lock_offer() is next: they may
 * have changed since the denial.
 */
enum bc_lock_wait bc_lock_wait(const struct bc_lock_wish *wish);

/**
 * A file's locks have changed, or who waits for them: tell those who could have
 * theirs now, in the order of their arrival.
 *
 * Of several that exclude each other the first is told; the others once it has had
 * the lock, or has not come for it.  After that the others of its client are told
 * together, until they ask again.
 *
 * @param[in] file
 * @param[in] is_free  is nothing of other owners in the way of this lock?  Called
 *                     under a lock of the core: takes none.
 * @param[in] arg      of @a is_free
 *
 * Context: any thread, also under locks of the server; the file's locks do not change
 * meanwhile.
 */
void bc_lock_offer(const void *file,
		   bool (*is_free)(void *arg, const struct bc_lock *lock),
		   void *arg);

/**
 * Is a lock in the way of another owner, who was told that it may have it?  RFC 5661,
 * 9.6: "the server may wait [...] for the first waiting client to re-request the lock".
 *
 * @param[in]  lock
 * @param[out] kept  that one's bytes and kind, if so; its owner is not set
 *
 * Context: any thread; the file's locks do not change meanwhile.
 */
bool bc_lock_is_kept(const struct bc_lock *lock, struct bc_lock *kept);

/** A lock was granted: its owner does not wait any more for what it has with that. */
void bc_lock_granted(const struct bc_lock *lock);

/** A lock's owner does not wait for just this one any more, RFC 5661, 9.6. */
void bc_lock_given_up(const struct bc_lock *lock);

/** A client has closed a file: who has asked with that open waits no more. */
void bc_lock_closed(const void *file, uint64_t client, const uint8_t *open);

/**
 * An export goes, and nobody who has come through it waits any more.
 *
 * Returns when ops->lock_place_free() was called for them.
 *
 * @param[in] export  only compared
 *
 * Context: any thread but the core's; holds no lock that ops->lock_next() takes.
 */
void bc_lock_export_ended(const void *export);

/**
 * Nobody waits for a lock any more.  Returns when ops->lock_place_free() was called
 * for all.  Context: any thread but the core's; holds no lock.
 */
void bc_lock_stop(void);

/* Requests, security: what ops work on ------------------------------------ */

/** Take a reference unless the last one is gone. Context: rcu_read_lock(). */
bool bc_request_get_rcu(struct bc_request *req);
void bc_request_put(struct bc_request *req);

/**
 * Make the pair of program and credential that a session's callbacks carry.
 *
 * @param[in] program  the client's callback program
 * @param[in] cred     credential and verifier as XDR; copied
 * @param[in] size     its bytes
 *
 * @return +1 ref, or NULL: out of memory
 */
struct bc_security *bc_security_new(uint32_t program, const void *cred,
				    size_t size);
void bc_security_put(struct bc_security *security);

/**
 * Whether a callback is within a session's ca_maxrequestsize, RFC 5661 18.36.3.
 *
 * @param[in] security          what it carries
 * @param[in] max_request_size  the session's, bytes
 * @param[in] args_len          bytes, as for bc_call_new()
 */
bool bc_security_fits(const struct bc_security *security,
		      uint32_t max_request_size, size_t args_len);

#endif /* BACKCHANNEL_H */
