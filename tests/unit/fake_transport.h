/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A transport without a network, below the core, for tests.
 *
 * What the core sends is kept in order, and the test plays the client: it
 * takes the requests with fake_next() and answers them.  The fake checks what
 * no core may ever do: two requests out in one slot, more out than the session
 * allows, a callback completed twice or inside its own submission, sending,
 * completing or writing to the log under a client's lock.  The steps below leave all clients sane
 * (sane.h), and fake_stop() finds everything freed.
 */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include "bc_internal.h"

/** Every wait for an event ends after this many seconds, as a failure. */
#define FAKE_PATIENCE 60

/* nfsstat4, RFC 5661 15.1 */
enum {
	NFS4_OK = 0,
	NFS4ERR_DELAY = 10008,
	NFS4ERR_RESOURCE = 10018,
	NFS4ERR_MINOR_VERS_MISMATCH = 10021,
	NFS4ERR_BADSESSION = 10052,
	NFS4ERR_BADSLOT = 10053,
	NFS4ERR_CONN_NOT_BOUND_TO_SESSION = 10055,
	NFS4ERR_SEQ_MISORDERED = 10063,
	NFS4ERR_REQ_TOO_BIG = 10065,
	NFS4ERR_REP_TOO_BIG = 10066,
	NFS4ERR_REP_TOO_BIG_TO_CACHE = 10067,
	NFS4ERR_RETRY_UNCACHED_REP = 10068,
	NFS4ERR_TOO_MANY_OPS = 10070,
	NFS4ERR_SEQ_FALSE_RETRY = 10076,
	NFS4ERR_DEADSESSION = 10078,
};

/** A submitted callback, seen from outside. */
struct fake_call {
	struct cds_list_head link;
	uint32_t number; /* 1, 2, ...; last word of the operation */
	unsigned int completions;
	enum bc_outcome outcome;
	bool has_reply;
	struct bc_reply reply; /* a copy */
};

/** A request that is held: bc_waiter_new()'s cookie. */
struct fake_held {
	void (*go_on)(struct fake_held *held);
};

/** Where a lock is that is waited for: struct bc_lock_wish's place. */
struct fake_place {
	unsigned int next; /* [A] how often the next was to be told */
	unsigned int freed; /* [A] the same of its end */
};

/** Generous limits and times that no test reaches by being slow. */
extern const struct bc_config fake_config;

/** What fake_start() gives to the core. */
extern const struct bc_ops fake_ops;

/** Start the core over the fake. @param[in] config  NULL: fake_config */
void fake_start(const struct bc_config *config);

/**
 * Stop the core. Checks that each callback has completed exactly once, and
 * that requests and connections are all freed.
 */
void fake_stop(void);

/** Check and reset the counts of live objects. Context: core is stopped. */
void fake_check_freed(void);

/** Wait until the core's thread has done all work queued before. */
void fake_flush(void);

/* Sessions and connections */

struct bc_security *fake_security(void);

/** Attributes of session @a number: @a slots slots, large requests. */
struct bc_session_attrs fake_attrs(uint64_t clientid, uint8_t number,
				   uint32_t slots);

/** Add a session. @return borrowed until it is closed and not in use */
struct bc_session *fake_session_add(const struct bc_session_attrs *attrs);
struct bc_session *fake_session(uint64_t clientid, uint8_t number,
				uint32_t slots);
void fake_close(struct bc_session *session);

/** A copy of a slot. */
struct bc_slot fake_slot(const struct bc_session *session, uint32_t index);

/** SEQUENCE's callback bits for a session. */
uint32_t fake_flags(const struct bc_session *session);

/** Make a connection. @return borrowed until fake_stop() */
struct bc_conn *fake_conn(void);

/** The same for a given transport. */
struct bc_conn *fake_conn_over(const void *transport);

/** End a connection, and wait until its bindings are gone. */
void fake_down(struct bc_conn *conn);

/** The client is heard on a connection, later than on any other. */
void fake_heard(struct bc_conn *conn);

/** The session's client is heard on a connection that is not bound. */
void fake_heard_unbound(const struct bc_session *session);

/** Its peer has ended a connection, and nobody has noticed; NULL: none. */
void fake_end(struct bc_conn *conn);

/** From now on nothing that is sent on @a conn is acknowledged. */
void fake_stall(struct bc_conn *conn);

/** Bind to both channels; the reply is on its way. */
void fake_bind(struct bc_session *session, struct bc_conn *conn);

/** Make a connection that is bound to both channels. @return as fake_conn() */
struct bc_conn *fake_conn_to(struct bc_session *session);

/** End a connection, then make another for the session. @return the other */
struct bc_conn *fake_reconnect(struct bc_session *session,
			       struct bc_conn *conn);

/** A client with one session and one connection that is bound to it. */
struct bc_session *fake_path(uint64_t clientid, uint8_t number, uint32_t slots,
			     struct bc_conn **conn);

/* Callbacks */

struct fake_call *fake_submit(uint64_t clientid);
struct fake_call *fake_submit_to(uint64_t clientid, const uint8_t *prefer);

/** Submit one whose operation has @a len bytes, a multiple of 4, >= 8. */
struct fake_call *fake_submit_sized(uint64_t clientid, size_t len);

/** The same; its first @a referring bytes are the lists of referring calls. */
struct fake_call *fake_submit_referring(uint64_t clientid, size_t len,
					size_t referring);

/** Submit one that has one attempt, and ends within @a patience ms. */
struct fake_call *fake_submit_brief(uint64_t clientid, uint64_t patience);

/** Make one that cannot be submitted. */
struct fake_call *fake_defer(void);

bool fake_done(const struct fake_call *call);

/** Wait for a callback's completion. */
enum bc_outcome fake_wait(const struct fake_call *call);

/* The wire */

/** Wait for the next request. @return borrowed until fake_stop() */
struct bc_request *fake_next(void);

/** The same, or NULL once @a call has completed and none is there. */
struct bc_request *fake_next_unless(const struct fake_call *call);

/** How many requests have been sent and not been taken with fake_next(). */
unsigned int fake_pending(void);

/** The number of the callback that a request carries. */
uint32_t fake_number(const struct bc_request *req);

/** The reply of a client that is content. */
struct bc_reply fake_reply_ok(const struct bc_request *req);

/** The reply of a client whose CB_SEQUENCE fails. */
struct bc_reply fake_reply_error(uint32_t sequence_status);

/** Let a reply arrive. */
void fake_answer(struct bc_request *req, struct bc_reply reply);
void fake_answer_ok(struct bc_request *req);
void fake_answer_error(struct bc_request *req, uint32_t sequence_status);

/* Faults */

/** Let the next @a times calls of send() return @a error. */
void fake_fail_sends(int error, unsigned int times);

/** How many calls of send() have failed. */
unsigned int fake_failed_sends(void);

/** Let the next @a times calls of request_new() return NULL. */
void fake_fail_requests(unsigned int times);

/* The log */

/** From now on lines that follow callbacks are written, and kept. */
void fake_trace(void);

/** How many there are so far, all of what has happened. */
unsigned int fake_traces(void);

/** Number @a n of them, from 0; the test fails if there is none. */
const char *fake_trace_line(unsigned int n);

#endif /* FAKE_TRANSPORT_H */
