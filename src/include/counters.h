/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What has happened so far: counts, and how long things took.
 *
 * Each processor counts for itself, so that no line of the cache is shared by who
 * counts; who wants to know adds up.  Nothing here is per client: what a client
 * does makes no count more.
 */
#ifndef BC_COUNTERS_H
#define BC_COUNTERS_H

#include <stdint.h>

#include "backchannel.h"

enum bc_counter {
	BC_COUNT_SENT, /* requests handed to the transport */
	BC_COUNT_SEND_FAILED, /* that could not be encoded */
	BC_COUNT_FAILOVERS, /* sent again over another connection */
	BC_COUNT_REDRIVES, /* callbacks that became a new request */
	BC_COUNT_RETRIES, /* further attempts after no answer, or a refusal */
	BC_COUNT_GIVEN_UP, /* callbacks, after the last attempt */
	BC_COUNT_NO_PATH, /* callbacks that waited too long */
	BC_COUNT_QUEUE_FULL, /* callbacks put off at max_queue */
	BC_COUNT_FAULTS, /* back channels, until their session ends */
	BC_COUNT_STUCK, /* back channels of which no slot is answered */
	BC_COUNT_SLOTS_LOST,
	BC_COUNT_PATHS_LOST, /* clients that lost their last path */
	BC_COUNT_PATHS_REGAINED,
	BC_COUNT_DOWN_MS, /* ms without a path, of outages that are over */
	BC_COUNT_TRIALS, /* clients that came on trial */
	BC_COUNT_STALLED, /* connections closed, as they acknowledged nothing */
	BC_COUNT_BOUND, /* back channels of connections */
	BC_COUNT_DROPPED, /* of them, taken by the administrator */
	/* Of them, taken at a limit: as BC_LIMITED_SESSION_BINDINGS and on. */
	BC_COUNT_DISPLACED_SESSION,
	BC_COUNT_DISPLACED_CLIENT,
	BC_COUNT_DISPLACED_SERVER,
	BC_COUNT_BIND_CHANNELS, /* refused: it is bound to others */
	BC_COUNT_BIND_SECURITY, /* refused: no security that can be used */
	BC_COUNT_BIND_PRINCIPAL, /* refused: not the session's creator */
	BC_COUNT_PROTECTED, /* Machine_Credentials: client ids; and these three: */
	BC_COUNT_PROTECTION_CREDENTIAL, /* refused: not the client's credential */
	BC_COUNT_PROTECTION_CONNECTION, /* SEQUENCE: one that is not bound */
	BC_COUNT_PROTECTION_EXEMPT, /* what ends state, whatever an export's SecType */
	BC_COUNT_NO_SECURITY, /* sessions without a usable security */
	BC_COUNT_TOO_SMALL, /* sessions too small for a recall */
	BC_COUNT_PROBES, /* CB_NULLs sent when a connection was bound */
	BC_COUNT_PROBES_FAILED,
	BC_COUNT_QUESTIONS, /* CB_SEQUENCEs alone, to a client on trial */
	BC_COUNT_GRANTED, /* delegations; these seven: */
	BC_COUNT_REFUSED_CONFLICT, /* something open forbids it */
	BC_COUNT_REFUSED_EXPORT, /* it is being removed */
	BC_COUNT_REFUSED_LAYOUT, /* Ganesha's structures do not fit */
	BC_COUNT_REFUSED_FSAL, /* the file system's own lease */
	BC_COUNT_RETURNED,
	BC_COUNT_REVOKED,
	BC_COUNT_RECALLS, /* files recalled because of a conflict that we saw */
	BC_COUNT_MENDED, /* Shield_Conflicts: Ganesha's bookkeeping */
	BC_COUNT_FORGOTTEN, /* Shield_Restart: recalls of a client that goes */
	BC_COUNT_REMEMBERED, /* Shield_Revoked: stateids */
	BC_COUNT_NOT_REMEMBERED, /* beyond its limit */
	BC_COUNT_FREED, /* stateids that the client has freed */
	BC_COUNT_LOCK_WAITS, /* Notify_Locks: who came to wait; these five ended it: */
	BC_COUNT_LOCK_GRANTED,
	BC_COUNT_LOCK_LEFT, /* given up, closed, or its client or export ended */
	BC_COUNT_LOCK_PASSED, /* told, and did not come */
	BC_COUNT_LOCK_UNTOLD, /* the callback failed, or was refused */
	BC_COUNT_LOCK_EXPIRED, /* has not asked for long */
	BC_COUNT_LOCK_REFUSED, /* not let wait, by a limit */
	BC_COUNT_LOCK_NOTIFIED, /* callbacks */
	BC_COUNT_DEAD_WRITES, /* Shield_Sockets: writes that failed */
	BC_COUNTERS,
};

/** Operations of callbacks: nfs_cb_opnum4, and 0 for all others. */
#define BC_CB_OPS 16

/** What is timed. */
enum bc_duration {
	BC_DURATION_CALLBACK, /* from submission to completion */
	BC_DURATION_REPLY, /* from sending a request to its reply */
	BC_DURATIONS,
};

/** How long things took: bucket i counts what took at most
 * BC_HISTOGRAM_FIRST << i ns and longer than the one before; the last all that
 * took longer.
 */
#define BC_HISTOGRAM_BUCKETS 24
#define BC_HISTOGRAM_FIRST UINT64_C(16384) /* ns */

struct bc_histogram {
	uint64_t buckets[BC_HISTOGRAM_BUCKETS];
	uint64_t sum; /* ns */
};

/** All that is counted. */
struct bc_counts {
	uint64_t of[BC_COUNTERS];
	uint64_t submitted[BC_CB_OPS];
	uint64_t completed[BC_CB_OPS][BC_OUTCOMES];
	uint64_t verdicts[BC_VERDICTS]; /* on replies to CB_COMPOUNDs */
	struct bc_histogram durations[BC_DURATIONS];
};

/** Count one. Context: any thread, whatever locks are held; wait-free. */
void bc_count(enum bc_counter counter);

/** Count several. Context: as bc_count(), as the others. */
void bc_count_many(enum bc_counter counter, uint64_t many);

/** A callback was submitted. @param[in] opcode  nfs_cb_opnum4 */
void bc_count_submitted(uint32_t opcode);

/** A callback has completed. @param[in] ns  since its submission; 0: it had none */
void bc_count_completed(uint32_t opcode, enum bc_outcome outcome, uint64_t ns);

/** A reply was judged. @param[in] ns  since its request was sent */
void bc_count_verdict(enum bc_verdict verdict, uint64_t ns);

/**
 * Add up.  What is counted meanwhile may be in it or not; no count is ever less
 * than in a sum before.
 *
 * Context: any thread; costs a few microseconds.
 */
void bc_counts_sum(struct bc_counts *sum);

/** All is zero again. Context: nobody counts. */
void bc_counts_reset(void);

#endif /* BC_COUNTERS_H */
