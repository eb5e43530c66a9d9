/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What can be seen of the core while it runs, and what an administrator may do to
 * it.
 *
 * Nothing is stopped for it: a client's lock is held while that client is copied,
 * and no other.  What is copied of two clients is not of the same moment.
 */
#ifndef BC_SNAPSHOT_H
#define BC_SNAPSHOT_H

#include "backchannel.h"

/** Never, or not known. */
#define BC_NEVER UINT64_MAX

/** How a client stands. */
enum bc_client_state {
	BC_CLIENT_TRUSTED, /* it may be granted delegations */
	BC_CLIENT_ON_TRIAL, /* it has a path, and must answer first */
	BC_CLIENT_NO_PATH, /* it had one */
	BC_CLIENT_NO_BACK, /* it never had one */
};
#define BC_CLIENT_STATES (BC_CLIENT_NO_BACK + 1)

/** A client. */
struct bc_client_view {
	uint64_t clientid;
	enum bc_client_state state;
	bool doubted; /* it left a callback unanswered, and answered none since */
	bool bereaved; /* it lost a delegation, and answered nothing since */
	uint64_t path_ms; /* how long it has had a path, or none; BC_NEVER */
	uint64_t heard_ms; /* since it was last heard, about a second exact */
	uint32_t sessions;
	uint32_t back_bound; /* back channels of connections */
	uint32_t paths; /* of them, those that can be used */
	uint32_t calls; /* callbacks not completed yet */
	uint32_t
		queued; /* of them, those that wait for path, slot or attempt */
	uint64_t
		oldest_ms; /* since the oldest of them was submitted; BC_NEVER */
	uint32_t revoked; /* stateids that it has to free */
	uint8_t address[BC_ADDRESS_MAX]; /* as given with its last session */
	size_t address_len; /* 0: not known */
};

/** A session of a client. */
struct bc_session_view {
	uint8_t id[BC_SESSIONID_SIZE];
	uint32_t minorversion;
	uint32_t max_request_size; /* bytes */
	bool fault; /* no path any more */
	bool stuck; /* no slot is answered */
	bool has_security; /* it can have a back channel */
	uint32_t back_bound;
	uint32_t fore_bound; /* remembered as bound to the fore channel only */
	uint32_t paths;
	struct {
		uint32_t size, limit; /* that there are; that may be used now */
		uint32_t busy, parked, delayed, lost;
	} slots;
};

/** How a connection's back channel stands. */
enum bc_binding_view_state {
	BC_BINDING_VIEW_LIVE,
	BC_BINDING_VIEW_OPENING, /* the reply that binds it is not out yet */
	BC_BINDING_VIEW_SILENT, /* what was sent over it went unanswered */
	BC_BINDING_VIEW_ENDING, /* the connection is down */
};

/** The back channel of a connection. */
struct bc_binding_view {
	uint8_t session[BC_SESSIONID_SIZE];
	uint64_t connection; /* its number */
	enum bc_binding_view_state state;
	bool both; /* fore channel, too */
	bool on_trial;
	uint64_t heard_ms; /* since something came on it */
};

/* So many are shown of a client; how many there are is in its view. */
#define BC_VIEW_SESSIONS 64
#define BC_VIEW_BINDINGS 256

/** A client with what it has. */
struct bc_client_detail {
	struct bc_client_view client;
	uint32_t sessions; /* shown */
	struct bc_session_view session[BC_VIEW_SESSIONS];
	uint32_t bindings; /* shown */
	struct bc_binding_view binding[BC_VIEW_BINDINGS];
};

/**
 * Look at some clients, beginning where an earlier call ended.
 *
 * A client that is there all the time is seen exactly once, whatever comes and goes.
 *
 * @param[in,out] cursor  0: from the beginning; then where to go on, 0: that was all.
 *                        Any other value is as good as one that was given.
 * @param[out]    views
 * @param[in]     room    at most so many, >= 1
 *
 * @return how many
 *
 * Context: any thread; holds no lock.
 */
size_t bc_snapshot_clients(uint32_t *cursor, struct bc_client_view *views,
			   size_t room);

/**
 * Look at one client.
 *
 * @retval 0
 * @retval -ENOENT
 *
 * Context: any thread; holds no lock.
 */
int bc_snapshot_client(uint64_t clientid, struct bc_client_detail *detail);

/** What there is now. */
struct bc_snapshot_now {
	uint64_t clients[BC_CLIENT_STATES]; /* by their state */
	uint64_t sessions;
	uint64_t connections;
	uint64_t back_bound; /* back channels of connections */
	uint64_t queued; /* callbacks that wait */
	uint64_t oldest_ms; /* since the oldest of them was submitted; or 0 */
	uint64_t down_ms; /* the longest that a client has had no path; or 0 */
	uint64_t held_weight; /* requests that wait for a file, as counted */
	uint64_t lock_waiters; /* locks that are waited for */
	uint64_t revoked_clients; /* that have stateids to free */
};

/**
 * Look at all of it.  Goes through all clients without a lock, except for those for
 * which a callback waits.
 *
 * Context: any thread; holds no lock.
 */
void bc_snapshot_now(struct bc_snapshot_now *now);

/** The server ends: callbacks fail. Context: any thread. */
bool bc_snapshot_stopping(void);

/** Requests that conflicted with a delegation, so far. */
struct bc_held_counts {
	uint64_t held; /* they waited for it */
	uint64_t in_vain; /* of them, were told to try again */
	uint64_t refused; /* that a limit did not let wait */
};
void bc_snapshot_held(struct bc_held_counts *counts);

/* What an administrator may do --------------------------------------------- */

struct bc_control_probe;

/** How a probe ended. */
enum bc_probe_result {
	BC_PROBE_PENDING,
	BC_PROBE_ANSWERED,
	BC_PROBE_UNANSWERED, /* in time, or refused, or there was no path */
	BC_PROBE_STOPPED, /* the server ends */
};

/**
 * Ask a client with CB_SEQUENCE alone whether it answers, over any of its paths.
 * If it does, it is trusted as after any answer; if not, nothing changes.
 *
 * @param[in] clientid
 * @param[in] ms        that it may take
 * @param[in] ended     NULL; or called once, when it has ended, unless the probe is
 *                      cancelled before; from any thread, with no lock held
 * @param[in] arg       of @a ended
 * @param[out] probe    the caller's until bc_control_probe_end(); set before
 *                      @a ended is called; NULL on an error
 *
 * @retval 0        asked; it may have ended already
 * @retval -ENOENT  no such client
 * @retval -ENOMEM
 *
 * Context: any thread but the core's; holds no lock.
 */
int bc_control_probe(uint64_t clientid, uint64_t ms, void (*ended)(void *arg),
		     void *arg, struct bc_control_probe **probe);

/** How it went. @param[out] us  that it took; if it has ended */
enum bc_probe_result bc_control_probe_result(struct bc_control_probe *probe,
					     uint64_t *us);

/** Let a probe go: @a ended is neither running nor called after this. May wait for
 * it.  Context: not from @a ended.
 */
void bc_control_probe_end(struct bc_control_probe *probe);

/**
 * A connection is no back channel of a client any more.  What is in flight on it
 * stays there until it is answered (RFC 5661, 2.10.6.2); the client may bind it anew.
 *
 * @param[in] clientid
 * @param[in] connection  its number
 *
 * @return of how many sessions it was one; or -ENOENT: no such client
 *
 * Context: any thread; holds no lock.
 */
int bc_control_drop(uint64_t clientid, uint64_t connection);

/**
 * Forget what a client left unanswered: it is trusted over each path that it has.
 *
 * @retval 0
 * @retval -ENOENT
 *
 * Context: any thread; holds no lock.
 */
int bc_control_trust(uint64_t clientid);

/**
 * Other limits and times, for what is new: what was begun keeps its own, and what is
 * beyond a limit stays.  lease_time and idle_timeout are Ganesha's, and stay as well.
 *
 * Context: any thread; holds no lock.
 */
void bc_control_configure(const struct bc_config *config);

/**
 * How long a request waits for a file from now on; 0: none does.  Those that wait
 * do so as they were to.
 *
 * @param[in] ms
 *
 * Context: any thread.
 */
void bc_control_hold_time(uint64_t ms);
uint64_t bc_control_held_for(void);

#endif /* BC_SNAPSHOT_H */
