/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core's objects, with every field's guard, and what its files share.
 *
 * Guards: [K] constant after the object is published, [A] atomic, [L] the
 * client's lock, [C] the connection's lock, [V] the revoked stateids' lock, [P]
 * the probes' lock, [T] the timers' lock, [R] read under rcu_read_lock().
 *
 * Lock order: client->lock; conn->lock or revoked->lock; the probes' lock; the
 * timers' lock.  Nothing is sent, completed or waited for under any of them.
 *
 * Who holds a reference, and where it is dropped
 *  client   its table, while it has sessions or callbacks, or for a lease if it left
 *           a callback unanswered (bc_client_retire_locked()); each session, each
 *           question, and each callback from its submission on (with their last
 *           reference); its armed timer (once it has run)
 *  revoked  its table, while its client has a session, or for a lease
 *           (revoked_remove_locked()); the client that is linked to it
 *           (bc_revoked_unlink_locked()); its armed timer (once it has run)
 *  session  itself while it is open, which covers its table entry
 *           (bc_session_close()); each binding (bc_binding_remove_locked()); each
 *           request (with its last reference); its channel (with its end)
 *  conn     the transport, which covers the table entry (when it is destroyed);
 *           each binding (bc_binding_remove_locked()); each request (with its last
 *           reference); its queued work and its armed timer (once they have run)
 *  call     its client from submission to completion, and then its completer
 *           (bc_call_complete()); each slot that carries it (bc_slot_end_locked());
 *           each request (with its last reference)
 *  request  the slot, the probe or the quiet connection that waits for its reply
 *           (bc_slot_drop_request_locked(), probe_end(), idle.c); the thread that
 *           sends it; the thread that handles a reply to it
 *  security its session (bc_session_set_security(), and with its last reference);
 *           each slot that has been sent (bc_slot_end_locked()); each request (with its
 *           last reference)
 *  channel  Ganesha's session, whose CLIENT it is, and each callback that Ganesha
 *           makes on it (hooks.c); its creator, until CREATE_SESSION has ended
 */
#ifndef BC_INTERNAL_H
#define BC_INTERNAL_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <urcu-bp.h>
#include <urcu/list.h>
#include <urcu/rculfhash.h>
#include <urcu/ref.h>
#include <urcu/wfcqueue.h>

#include "backchannel.h"
#include "counters.h"

/* SEQ4_STATUS_*, RFC 5661 18.46.1 */
#define BC_SEQ4_CB_PATH_DOWN 0x00000001
#define BC_SEQ4_RECALLABLE_STATE_REVOKED 0x00000040
#define BC_SEQ4_CB_PATH_DOWN_SESSION 0x00000200
#define BC_SEQ4_BACKCHANNEL_FAULT 0x00000400

/* Workers (worker.c) ------------------------------------------------------- */

/** Something to do on a thread of the core's. Zero-initialised, then set once. */
struct bc_work {
	struct cds_wfcq_node node;
	void (*run)(struct bc_work *work);
};

/** A thread with a queue of work. */
struct bc_worker {
	pthread_t thread; /* [K] */
	sem_t wake;
	bool stop; /* [A] */
	struct cds_wfcq_head head; /* of work; the thread's own end */
	struct cds_wfcq_tail tail; /* [A] everybody's */
};

/**
 * @param[in] run   the thread's function, which calls bc_worker_run() whenever
 *                  it is woken, and returns when bc_worker_stops() said so before
 * @param[in] name  the thread's, at most 15 characters
 *
 * @return 0 or -errno
 */
int bc_worker_start(struct bc_worker *worker, void *(*run)(void *),
		    const char *name);

/** Let it run all that is queued, and end. May block. */
void bc_worker_stop(struct bc_worker *worker);

/** Is it to end? Context: its own thread, before bc_worker_run(). */
bool bc_worker_stops(const struct bc_worker *worker);

/** Context: any thread, wait-free, whatever locks are held. */
void bc_worker_queue(struct bc_worker *worker, struct bc_work *work);

/** Run what is queued. Context: its own thread. */
void bc_worker_run(struct bc_worker *worker);

/** Wait until all that was queued by @a queue before has run. May block. */
void bc_worker_flush(void (*queue)(struct bc_work *work));

/* Timers, and the core's two threads (wheel.c, timer.c) ------------------- */

/** A moment at which something is to be looked at. Zero-initialised. */
struct bc_timer {
	struct cds_list_head link; /* [T] */
	uint64_t when; /* [T] ms, monotonic */
	bool armed; /* [T] */
	void (*run)(struct bc_timer *timer); /* [K] */
};

#define BC_WHEEL_SLOTS 64
#define BC_WHEEL_LEVELS 11 /* six bits each: any time */

/** Timers, to be taken out in order of time. */
struct bc_wheel {
	uint64_t now; /* [T] ms: what is due before has been taken out */
	struct cds_list_head
		moving; /* [T] from a higher level to a lower one */
	struct {
		uint64_t used; /* [T] a bit for each list that is not empty */
		struct cds_list_head slots[BC_WHEEL_SLOTS]; /* [T] */
	} levels[BC_WHEEL_LEVELS];
};

void bc_wheel_init(struct bc_wheel *wheel);

/** Put a timer in, to be due at its ->when. Context: [T], as all of these. */
void bc_wheel_add(struct bc_wheel *wheel, struct bc_timer *timer);

/** Take out a timer that is in a wheel. */
void bc_wheel_remove(struct bc_timer *timer);

/**
 * Turn the wheel towards @a until by a step of bounded length.
 *
 * @param[in]  wheel
 * @param[in]  until  ms, < UINT64_MAX; not before that of the last turn, unless
 *                    the wheel is empty
 * @param[out] due    a timer that is due until then, taken out; or NULL
 *
 * @return when to turn it on, ms: up to @a until, at once; UINT64_MAX: it is empty
 */
uint64_t bc_wheel_turn(struct bc_wheel *wheel, uint64_t until,
		       struct bc_timer **due);

int bc_timers_start(void);

/** Run all queued work and every armed timer, then end the thread. */
void bc_timers_stop(void);

/** Queue work. Context: any thread, wait-free, whatever locks are held. */
void bc_timers_queue(struct bc_work *work);

/** The same for work that may block: it holds up no timer and no disconnect. */
void bc_completion_queue(struct bc_work *work);

/**
 * Let a timer run at @a when or earlier; not before the earliest time that it was
 * armed for, unless the core stops.  Costs the same whatever else is armed.
 *
 * @param[in] timer
 * @param[in] when  ms, < UINT64_MAX
 *
 * @return true if it was not armed before: it will run once for this.
 *
 * Context: any thread; may hold client->lock.
 */
bool bc_timer_arm(struct bc_timer *timer, uint64_t when);

/** Monotonic time in ns; see bc_now(). */
uint64_t bc_now_ns(void);

/* Heaps (heap.c) ---------------------------------------------------------- */

/** Something that is due at some time. */
struct bc_heap_node {
	struct bc_heap_node *up, *left, *right; /* [L] */
	uint64_t when; /* [L] ms; constant while it is in a heap */
	uint32_t rank; /* [L] */
};

/** What is due at several times. All zero: empty. */
struct bc_heap {
	struct bc_heap_node *first; /* [L] what is due first; or NULL */
};

/** Put a node in, to be due at its ->when. Context: [L], as the other. */
void bc_heap_add(struct bc_heap *heap, struct bc_heap_node *node);

/** Take out a node that is in the heap. */
void bc_heap_remove(struct bc_heap *heap, struct bc_heap_node *node);

/* Tables (table.c) -------------------------------------------------------- */

/** Objects by their keys. */
struct bc_table {
	struct cds_lfht *entries; /* [R] */
	unsigned long count; /* [A] of them */
	bool growing; /* [A] work is queued */
	struct bc_work work;
};

/** @return 0 or -ENOMEM. Context: before the workers run, as fini after. */
int bc_table_init(struct bc_table *table);
void bc_table_fini(struct bc_table *table);

/**
 * Add an object, unless there is one with its key.
 *
 * @return @a node; or the other one, borrowed
 *
 * Context: any thread; may hold client->lock.
 */
struct cds_lfht_node *bc_table_add(struct bc_table *table, unsigned long hash,
				   cds_lfht_match_fct match, const void *key,
				   struct cds_lfht_node *node);

/** Take an object out. Context: as bc_table_add(); once for each object. */
void bc_table_del(struct bc_table *table, struct cds_lfht_node *node);

/* Slots (slot.c) ---------------------------------------------------------- */

enum bc_slot_state {
	BC_SLOT_FREE,
	BC_SLOT_BUSY, /* a request is on a connection, its reply outstanding */
	BC_SLOT_PARKED, /* its request is to be sent (again) when there is a path */
	BC_SLOT_DELAYED, /* a little later: the client asked, or no memory */
	BC_SLOT_LOST, /* its sequence is not known any more: not used again */
};

struct bc_slot {
	enum bc_slot_state state; /* [L] */
	uint32_t sequence; /* [L] of the request in it, or of the next */
	bool retry; /* [L] the request may have reached the client before */
	bool assumed; /* [L] that the last request counted is not certain */
	bool restarted; /* [L] the sequence was started again at 1 */
	uint32_t delays; /* [L] how often the client delayed this request */
	uint64_t
		when; /* [L] ms: BUSY, sent when; DELAYED, to be sent again when */
	struct bc_call *call; /* [L] counted; not FREE, not LOST */
	struct bc_request *req; /* [L] counted; BUSY */
	uint32_t highest; /* [L] csa_highest_slotid of its request, once sent */
	struct bc_security *security; /* [L] counted: what its request was first
					 sent with; NULL: not sent yet */
};

/** A session's backchannel slot table, RFC 5661 2.10.6.1. */
struct bc_slot_table {
	struct bc_slot *slots; /* [L] NULL until the first callback */
	uint32_t size; /* [K] slots that we may use at most */
	uint32_t
		limit; /* [L] slots that we may use now, 0 .. size: the less of */
	uint32_t accepted; /* [L]  what the client accepts, */
	uint32_t target; /* [L]  and what it wants used */
	uint32_t first; /* [L] no slot below it is free */
	uint32_t end; /* [L] no slot from it on is in use */
	uint32_t lost; /* [L] slots in BC_SLOT_LOST */
	uint32_t waiting; /* [L] slots in BC_SLOT_PARKED */
	uint32_t delayed; /* [L] slots in BC_SLOT_DELAYED */
};

/** What a verdict makes of a slot's sequence id. */
enum bc_sequence_fate {
	BC_SEQUENCE_STAYS, /* the request did not count */
	BC_SEQUENCE_ADVANCES, /* it counted */
	BC_SEQUENCE_ASSUMED, /* it counted, if the client read it at all */
	BC_SEQUENCE_MISORDERED, /* the client counts otherwise */
	BC_SEQUENCE_IS_LOST,
};

void bc_slots_init(struct bc_slot_table *table, uint32_t size);
void bc_slots_fini(struct bc_slot_table *table);

/** @return whether bc_slots_acquire() would find a slot (or must allocate) */
bool bc_slots_available(const struct bc_slot_table *table);

/** @return the lowest free slot's index, now BUSY; or -ENOSPC, -ENOMEM */
int bc_slots_acquire(struct bc_slot_table *table);

/** Change a slot's state, keeping the counts. Not to FREE or LOST. */
void bc_slots_set(struct bc_slot_table *table, struct bc_slot *slot,
		  enum bc_slot_state state);

/** The slot's request has ended: free the slot, settle its sequence. */
void bc_slots_release(struct bc_slot_table *table, struct bc_slot *slot,
		      enum bc_sequence_fate fate);

/**
 * The client's limit and its wish, 20.9.3: the highest slot to use.
 *
 * @param[in] sent     the request that was accepted
 * @param[in] highest  csr_highest_slotid
 * @param[in] target   csr_target_highest_slotid
 */
void bc_slots_set_highest(struct bc_slot_table *table,
			  const struct bc_cb_sequence *sent, uint32_t highest,
			  uint32_t target);

/** The client refuses a slot: use only those below it. */
void bc_slots_refused(struct bc_slot_table *table, uint32_t index);

/** csa_highest_slotid: the highest slot in use; at least one is. */
uint32_t bc_slots_highest(struct bc_slot_table *table);

/** @return whether any slot can be used now or later */
bool bc_slots_usable(const struct bc_slot_table *table);

/* Objects ----------------------------------------------------------------- */

struct bc_security {
	struct urcu_ref ref;
	uint32_t program; /* [K] */
	uint32_t cred_size; /* [K] bytes */
	uint8_t cred[]; /* [K] credential and verifier as XDR */
};

enum bc_call_state {
	BC_CALL_NEW, /* in no list: not submitted, or between two of these */
	BC_CALL_QUEUED, /* in client->queue; in client->due as the next two */
	BC_CALL_SENT, /* call->slot carries it */
	BC_CALL_BACKOFF, /* until the next attempt */
	BC_CALL_DONE, /* in no list any more */
};

struct bc_call {
	struct urcu_ref ref;
	/* [K] instead of ops->complete(); NULL: that */
	void (*done)(struct bc_call *call, enum bc_outcome outcome,
		     struct bc_reply *reply);
	struct bc_work work; /* to complete it on the thread for that */
	enum bc_outcome outcome; /* [L] until DONE, then its completer's */
	const char *why; /* as outcome, for the log; NULL: nothing to say */
	struct cds_list_head link; /* [L] QUEUED: in client->queue */
	struct bc_heap_node
		due; /* [L] QUEUED: until when; else when to look again */
	enum bc_call_state state; /* [L] */
	uint32_t looks; /* [L] SENT: at the path of this attempt, so far */
	uint64_t answer_by; /* [L] ms: SENT, no answer by then is a failure */
	uint64_t expires; /* [L] ms: SENT, until when parked or delayed */
	uint64_t id; /* [K] no other has it as long as the process lives; > 0 */
	uint64_t clientid; /* [K] whose it is */
	uint64_t submitted; /* [K] ns: when; 0: it never was */
	uint64_t deadline; /* [K] ms: it has completed by then */
	uint32_t attempts; /* [L] that have timed out or were refused */
	uint32_t redone; /* [L] started over for the sake of its sequence id */
	struct bc_slot *slot; /* [L] SENT: the slot of the current attempt */
	struct bc_session *session; /* [L] SENT: of that slot, borrowed */
	struct bc_client *client; /* [K] counted from submission on */
	bool any_session; /* [K] prefer is not set */
	uint8_t prefer[BC_SESSIONID_SIZE]; /* [K] */
	uint32_t opcode; /* [K] */
	uint32_t minorversion; /* [K] */
	void *cookie; /* [K] */
	const void *file; /* [K] that it is about, only compared; or NULL */
	void *export; /* [K] the same */
	uint64_t patience; /* [K] ms: one attempt, over by then; 0: as usual */
	uint64_t limit; /* [K] ms: over by then; 0: when its attempts are */
	size_t referring_len; /* [K] of the args; 0: not to be left out */
	size_t args_len; /* [K] */
	uint8_t args[]; /* [K] referring calls and operation as XDR */
};

struct bc_request {
	struct urcu_ref ref;
	struct bc_request *next; /* to be sent after this one, by its thread */
	/* [K] what a reply means, see bc_reply_arrived() */
	void (*replied)(struct bc_request *req, struct bc_reply *reply);
	struct bc_session *session; /* [K] counted; or NULL: of no session */
	struct bc_call *call; /* [K] counted; NULL: CB_NULL */
	struct bc_conn *conn; /* [K] counted */
	struct bc_security *security; /* [K] counted */
	struct bc_cb_sequence sequence; /* [K] */
	bool retry; /* [K] */
	uint64_t sent; /* ns: its sending thread's, until it is */
	size_t body_len; /* [K] */
	uint8_t *body; /* [K] CB_COMPOUND4args as XDR */
};

enum bc_binding_state {
	BC_BINDING_SILENT, /* every attempt of a callback went unanswered */
	BC_BINDING_OPENING, /* the reply that opens it is not on its way yet */
	BC_BINDING_LIVE, /* callbacks may be sent; fore only: never */
};

enum bc_probe_state {
	BC_PROBE_NONE, /* not begun, or ended */
	BC_PROBE_WAITING, /* for its turn */
	BC_PROBE_OUT, /* sent, or just about to be */
	BC_PROBE_LATE, /* not answered in time */
};

/** CB_NULL for a binding, to see whether anybody answers. */
struct bc_probe {
	bool begun; /* [L] once set, never cleared */
	enum bc_probe_state state; /* [P] */
	struct cds_list_head link; /* [P] WAITING, OUT */
	uint64_t until; /* [P] ms: OUT */
	struct bc_request *req; /* [L] and [P]: counted; NULL: NONE */
};

/** A connection's explicit association with a session's channels. */
struct bc_binding {
	struct bc_session *session; /* [K] counted */
	struct bc_conn *conn; /* [K] counted */
	struct cds_list_head session_link; /* [L] */
	struct cds_list_head client_link; /* [L] back-bound: in back_list */
	struct cds_list_head conn_link; /* [C] */
	struct cds_list_head reply_link; /* [C] OPENING, while reply is set */
	enum bc_channels channels; /* [L] or [C], changed under both */
	enum bc_binding_state state; /* [L] */
	bool displaced; /* [L] fore only: its back channel gave way to another */
	bool on_trial; /* [L] a path, but nothing is granted over it */
	uint32_t asked; /* [L] the client's `doubts` when it was last asked */
	const void *reply; /* [C] OPENING: the reply waited for */
	bool answered; /* [L] once set, never cleared: something was, over it */
	struct bc_probe probe;
};

/** A back-bound connection that is quiet. */
struct bc_idle {
	struct bc_timer timer;
	uint64_t asked; /* ms: last; the timers' thread's */
	struct bc_request *req; /* [A] counted: CB_NULL that is out, or NULL */
};

struct bc_conn {
	struct cds_lfht_node node; /* [R] */
	struct rcu_head rcu;
	struct urcu_ref ref;
	const void *transport; /* [K] key */
	uint64_t number; /* [K] of all that there have been; > 0 */
	bool down; /* [A] once set, never cleared */
	uint64_t activity; /* [A] ns: last heard on the fore channel */
	struct bc_work down_work;
	bool examined; /* [A] examine_work is queued */
	struct bc_work examine_work;
	pthread_mutex_t lock; /* leaf */
	struct cds_list_head bindings; /* [C] */
	struct cds_list_head opening; /* [C] bindings that wait for a reply */
	struct bc_idle idle;
};

struct bc_session {
	struct cds_lfht_node node; /* [R] */
	struct rcu_head rcu;
	struct urcu_ref ref;
	struct bc_client *client; /* [K] counted */
	struct cds_list_head client_link; /* [L] while open */
	struct cds_list_head
		reachable_link; /* [L] these five: in the client's */
	struct cds_list_head ready_link; /* [L]  list of that name, if it is */
	struct cds_list_head parked_link; /* [L]  what that says; else empty; */
	struct cds_list_head delayed_link; /* [L]  bc_session_list_locked() */
	struct cds_list_head full_link; /* [L] */
	uint8_t id[BC_SESSIONID_SIZE]; /* [K] */
	uint32_t minorversion; /* [K] 1 or 2 */
	uint32_t max_request_size; /* [K] bytes */
	bool open; /* [A], changed under [L] */
	bool faulty; /* [A], changed under [L]: either of these: */
	bool fault; /* [L] no path any more until the session ends */
	bool stuck; /* [L] no slot is answered any more */
	uint32_t paths; /* [A], changed under [L]: usable connections */
	uint32_t back_bound; /* [L] back-bound connections, usable or not */
	uint32_t
		fore_bound; /* [L] connections bound to the fore channel only */
	bool had_back; /* [L] some connection has been back-bound */
	bool is_protected; /* [K] its client's credential owns it */
	bool must_bind; /* [K] connections are bound before they are used */
	struct bc_security *security; /* [L] counted; NULL: no back channel */
	struct cds_list_head bindings; /* [L] */
	struct bc_slot_table slots; /* [L] */
	uint8_t address[BC_ADDRESS_MAX]; /* [K] its creator's */
	size_t address_len; /* [K] */
	size_t principal_len; /* [K] */
	uint8_t principal[]; /* [K] its creator, as bytes to compare */
};

/** The stateid of a delegation that was revoked. */
struct bc_revoked_stateid {
	uint8_t other[BC_STATEID_OTHER_SIZE]; /* [V] */
	bool forgotten; /* [V] by its client: SEQUENCE does not tell of it */
	uint64_t
		unnamed_since; /* [V] ms: it has asked for others since; or 0 */
};

/** Stateids of a client whose delegations were revoked and that it must free. */
struct bc_revoked {
	struct cds_lfht_node node; /* [R] */
	struct rcu_head rcu;
	struct urcu_ref ref;
	uint64_t clientid; /* [K] */
	pthread_mutex_t lock; /* leaf but for the timers' */
	bool removed; /* [V] from the table: look it up anew */
	bool linked; /* [V] its client points to it */
	uint32_t
		told; /* [A], changed under [V]: stateids that are not forgotten */
	uint32_t count; /* [A], changed under [V]: all stateids */
	uint32_t room; /* [V] allocated */
	struct bc_revoked_stateid *stateids; /* [V] */
	uint64_t until; /* [V] ms: forgotten then if no session comes, or 0 */
	struct bc_timer timer;
};

/** A client's sender: all its callbacks, whatever session they go out on. */
struct bc_client {
	struct cds_lfht_node node; /* [R] */
	struct rcu_head rcu;
	struct urcu_ref ref;
	uint64_t clientid; /* [K] */
	pthread_mutex_t lock;
	bool dead; /* [L] removed from the table: look it up anew */
	bool path_was_lost; /* [L] for the log */
	uint64_t heard; /* [A] ns: last heard on a connection not bound */
	uint64_t spoke; /* [A] ns: heard on any, to the second */
	uint64_t looked; /* [A] ns: no path was found to have ended */
	uint32_t paths; /* [A], changed under [L]: sum over its sessions */
	uint64_t paths_since; /* [L] ms: it has one, or none, since; 0: it never
				 had any */
	bool outage; /* [L] it has none, and its sessions are open */
	uint32_t place; /* [L] in the directory; 0: none */
	uint32_t
		standing; /* [A] BC_STANDING_*, of these; changed under [L], but that
			     a SEQUENCE has seen FORGIVEN: */
	uint32_t trusted; /* [L] paths not on trial */
	bool doubted; /* [L] a callback was given up without an answer, and
			 nothing has been answered since */
	bool bereaved; /* [L] a delegation was revoked, and nothing has been
			  answered since */
	uint32_t doubts; /* [L] counts reasons to ask; never 0 */
	uint64_t
		kept_until; /* [L] ms: without a session, for its doubts; or 0 */
	uint64_t answer_by; /* [L] ms: a question is out until then; 0: none */
	struct cds_list_head back_list; /* [L] its back-bound bindings */
	uint32_t back_bound; /* [L] how many */
	uint32_t calls; /* [L] accepted and not completed */
	uint32_t queued; /* [A], changed under [L]: calls that are QUEUED or
			    BACKOFF */
	struct cds_list_head sessions; /* [L] */
	struct cds_list_head
		reachable; /* [L] sessions with a path; of these, */
	struct cds_list_head ready; /* [L]  with a slot to be used as well, */
	struct cds_list_head parked; /* [L]  with a slot that is PARKED; */
	struct cds_list_head delayed; /* [L] sessions with a slot DELAYED, */
	struct cds_list_head full; /* [L]  and with no slot to be used */
	struct cds_list_head queue; /* [L] calls, first in first out */
	struct bc_heap due; /* [L] all calls, but those that are DONE */
	struct bc_revoked *revoked; /* [R], set under [L]: counted, while it has
				       sessions; NULL: none */
	uint64_t armed; /* [L] ms: when the timer runs at the latest, or 0 */
	struct bc_timer timer;
};

/** Of one kind of lines in the log: how many may be written until when. */
struct bc_log_limit {
	uint64_t next; /* [A] ms: when the next interval begins */
	uint32_t written; /* [A] in this one */
	uint32_t omitted; /* [A] and not told of yet */
};

/** The core. */
struct bc_core {
	struct bc_config config; /* [A], read with bc_configured() */
	const struct bc_ops *ops; /* [K] */
	void (*expire)(struct bc_client *client); /* [K] what its timer runs */
	struct bc_table clients; /* by client id */
	struct bc_table sessions; /* by session id */
	struct bc_table conns; /* by transport */
	struct bc_table revoked; /* by client id */
	unsigned long opening; /* [A] bindings that wait for a reply */
	uint32_t back_bound; /* [A] back-bound connections of all sessions */
	bool stopping; /* [A] callbacks fail from now on */
	uint64_t conns_made; /* [A] each has its number */
	struct {
		unsigned long held; /* [A] requests that waited for a file */
		unsigned long
			looks; /* [A] how often any of them looked again */
		unsigned long went_on; /* [A] of them, when it was time */
		unsigned long
			in_vain; /* [A] of them, and were told to try again */
		unsigned long refused; /* [A] that a limit did not let wait */
	} held;
	struct bc_log_limit limits[BC_LIMITED_KINDS];
	struct {
		unsigned long waiting; /* [A] lines to be written */
		unsigned long
			omitted; /* [A] that were too many, and not told of */
	} traces;
};

extern struct bc_core bc_core;

/** A limit or a time of the configuration, which may be another one next time. */
#define bc_configured(member) uatomic_read(&bc_core.config.member)

/* log.c */

/** Write a line to the server's log. Context: holds no lock. */
void bc_log(enum bc_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define BC_LOG_INTERVAL 10000 /* ms */

/** Lines of BC_LOG_TRACE that may wait to be written; the others are counted. */
#define BC_TRACES_MAX 8192

/**
 * Whether a line of a limited kind may be written now.
 *
 * @param[in]  limit
 * @param[in]  burst    so many may be in an interval
 * @param[in]  now      ms
 * @param[out] omitted  how many were left out and not told of yet; if this one
 *                      must not be written, that is one of them
 */
bool bc_log_due(struct bc_log_limit *limit, uint32_t burst, uint64_t now,
		uint32_t *omitted);

/* globals.c */

unsigned long bc_hash_u64(uint64_t key);
unsigned long bc_hash_sessionid(const uint8_t id[BC_SESSIONID_SIZE]);

/* waiting.c */

void bc_waiting_start(void);

/** The weight of all requests that wait. Context: any; lock-free. */
uint64_t bc_waiting_weight(void);

/* lock_waiters.c */

void bc_lock_start(void);

/** The client id is gone: it waits for no lock. Context: holds no lock. */
void bc_lock_client_ended(uint64_t client);

/** Look at who waits for a lock in time. @param[in] now  ms */
void bc_lock_expire(uint64_t now);

/** How many wait for a lock. Context: any; lock-free. */
unsigned long bc_lock_waiters_count(void);

/** The stated lock rule, executed in debug builds. */
static inline void bc_assert_locked(pthread_mutex_t *lock)
{
	assert(pthread_mutex_trylock(lock) == EBUSY);
	(void)lock;
}

/* client.c */

/** Find a client. @return +1 ref, or NULL. Context: lock-free. */
struct bc_client *bc_client_get(uint64_t clientid);
void bc_client_ref(struct bc_client *client);
void bc_client_put(struct bc_client *client);

/**
 * Find or make a client and lock it.
 *
 * @return +1 ref, locked and not dead; or NULL: out of memory
 */
struct bc_client *bc_client_lock(uint64_t clientid);

/**
 * Forget the client if nothing needs it any more: the table's reference is dropped.
 *
 * Context: [L]; the caller holds a reference, or is inside an RCU read-side section
 * that goes on beyond the unlock.
 */
void bc_client_retire_locked(struct bc_client *client);

/** Let bc_expiry_run() run at @a when or earlier. */
void bc_client_arm_locked(struct bc_client *client, uint64_t when);

/** What its standing is made of has changed: publish it. [L] */
void bc_client_set_standing_locked(struct bc_client *client);

/** It has a path again, or goes: count how long it had none, if it had. [L] */
void bc_client_end_outage_locked(struct bc_client *client);

/** Whether it has no path that is trusted (trust.c). [L] */
bool bc_client_on_trial(const struct bc_client *client);

/* directory.c: all clients by their places, for who goes through them */

/** Give the client a place; it has none, and none if there is no memory. [L] */
void bc_directory_add_locked(struct bc_client *client);

/** Give its place back, if it has one. [L] */
void bc_directory_remove_locked(struct bc_client *client);

/** The end of the places that there have been; they begin with 1. */
uint32_t bc_directory_end(void);

/** The client in a place, or NULL. Context: rcu_read_lock(). */
struct bc_client *bc_directory_client_rcu(uint32_t place);

/** Free all of it. Context: there are no clients, and no readers. */
void bc_directory_fini(void);

/* revoked.c */

/** Find a client's: +1 ref, or NULL. Context: lock-free. */
struct bc_revoked *bc_revoked_get(uint64_t clientid);
void bc_revoked_put(struct bc_revoked *revoked);

/** The client id is gone, and what it had to free with it. Holds no lock. */
void bc_revoked_forget(uint64_t clientid);

/** The client has a session: let it point to its revoked stateids, if any. [L] */
void bc_revoked_link_locked(struct bc_client *client);

/** It has none any more: they are kept for a lease. [L] */
void bc_revoked_unlink_locked(struct bc_client *client);

/* session.c */

/** The client's open session of this id, or NULL. [L] */
struct bc_session *bc_session_find_locked(const struct bc_client *client,
					  const uint8_t id[BC_SESSIONID_SIZE]);

/** Keep a session in the client's lists that it belongs to, and in no other: its
 * paths or its slots have changed. [L]
 */
void bc_session_list_locked(struct bc_session *session);

/* conn.c */

/** Close the connection, a moment later, if its peer acknowledges nothing. */
void bc_conn_examine(struct bc_conn *conn);

/* binding.c */

/** The session's backchannel is of no use any more, until it ends. [L] */
void bc_binding_fault_session_locked(struct bc_session *session);

/** The live back-bound connection with the latest activity, or NULL. [L] */
struct bc_conn *bc_binding_path_locked(const struct bc_session *session);

/** The binding waits for no reply any more. [C] */
void bc_binding_forget_reply(struct bc_binding *binding);

/** The binding is no back channel any more; what is in flight on it stays there. [L] */
void bc_binding_displace_locked(struct bc_binding *binding);

/** Remove a binding and free it; its references are dropped. [L] */
void bc_binding_remove_locked(struct bc_binding *binding);

/** The binding of a session to a connection, or NULL. [L] */
struct bc_binding *bc_binding_find_locked(const struct bc_session *session,
					  const struct bc_conn *conn);

/** Change a binding's state, keeping the counts of paths. [L] */
void bc_binding_set_locked(struct bc_binding *binding,
			   enum bc_binding_state state);

/** Whether it may be granted delegations over it. [L] */
void bc_binding_set_trial_locked(struct bc_binding *binding, bool on_trial);

/** The binding to ask the client over: of those that may carry a request and whose
 * session has a slot for one, that which was heard last.  NULL: there is none, or it
 * was asked since there is doubt. [L]
 */
struct bc_binding *bc_client_unasked_locked(const struct bc_client *client);

/* trust.c: whether a client answers */

/** A callback was given up without an answer. [L] */
void bc_client_doubt_locked(struct bc_client *client);

/** It has answered something on a session; NULL: on a binding that is gone. [L] */
void bc_client_answered_locked(struct bc_session *session,
			       struct bc_binding *binding);

/** A request goes out over a connection: it asks as well as any. [L] */
void bc_question_note_locked(const struct bc_session *session,
			     const struct bc_conn *conn, uint64_t now);

/** What to ask with: CB_SEQUENCE alone; nobody waits for it. +1 ref, or NULL. */
struct bc_call *bc_question_new(const struct bc_session *session);

/** The answer is due by then. [L] */
void bc_question_sent_locked(struct bc_client *client, uint64_t now);

/**
 * What was asked and not answered in time is no path any more. [L]
 *
 * @return when to look again, ms, or UINT64_MAX
 */
uint64_t bc_question_expire_locked(struct bc_client *client, uint64_t now);

/** Slots of a session are stuck, or not any more. [L] */
void bc_session_set_stuck_locked(struct bc_session *session, bool stuck);

/**
 * Look whether any slot of a session may still be answered or used. [L]
 *
 * @return when to look again, ms, or UINT64_MAX
 */
uint64_t bc_session_look_stuck_locked(struct bc_session *session, uint64_t now);

/* probe.c */

/** Probes that may wait for an answer at a time, on the whole server. */
#define BC_PROBES_OUT 16

/** Queue a binding's probe if it is to have one. [L] */
void bc_probe_add_locked(struct bc_binding *binding);

/** Send the probes whose turn it is. Holds no lock. */
void bc_probe_run(void);

/** The binding goes: its probe ends. [L] */
void bc_probe_binding_lost_locked(struct bc_binding *binding);

/* idle.c */

void bc_idle_init(struct bc_idle *idle);

/** The connection may be back-bound now. Context: holds no lock. */
void bc_idle_watch(struct bc_conn *conn);

/** The connection is down. Context: the timers' thread. */
void bc_idle_conn_lost(struct bc_conn *conn);

/* call.c */
void bc_call_put(struct bc_call *call);

/* call_state.c: a callback's transitions; all but the completion with [L] */

/** When it has completed at the latest, ms, if it is submitted at @a now. */
uint64_t bc_call_deadline(const struct bc_call *call, uint64_t now);

/** @a until, ms, or its deadline if that is earlier. */
uint64_t bc_call_not_beyond_deadline(const struct bc_call *call,
				     uint64_t until);

/** Until when it may wait for a path, ms. */
uint64_t bc_call_may_wait_until(const struct bc_call *call, uint64_t now);

/** Take it out of its client's queue, off its slot, and out of time. */
void bc_call_unlink_locked(struct bc_call *call);

/** To QUEUED: it waits for a path and a slot; in front if it has before. */
void bc_call_enqueue_locked(struct bc_call *call, bool in_front, uint64_t now);

/** To SENT, in a slot: it is looked at at @a when, ms. */
void bc_call_time_sent_locked(struct bc_call *call, uint64_t when);

/** The same for one that is SENT already. */
void bc_call_time_again_locked(struct bc_call *call, uint64_t when);

/** To SENT, or SENT again: its request goes out now, and is to be answered. */
void bc_call_sent_locked(struct bc_call *call, uint64_t now);

/** Look at one that is out once more before its answer is due. */
void bc_call_look_again_locked(struct bc_call *call, uint64_t now);

/** To QUEUED: start over with another slot, as a new request. */
void bc_call_redo_locked(struct bc_call *call);

/** An attempt got no answer, or a refusal: to BACKOFF, or it is given up. */
void bc_call_attempt_failed_locked(struct bc_call *call, struct bc_conn *conn);

/** To DONE: the caller completes it once the lock is dropped. */
void bc_call_done_locked(struct bc_call *call, enum bc_outcome outcome);

/** To DONE: it is completed on the thread for that. @param[in] why  constant */
void bc_call_done_later_locked(struct bc_call *call, enum bc_outcome outcome,
			       const char *why);

/** For one that was never submitted: complete it on that thread. Context: any. */
void bc_call_complete_later(struct bc_call *call, enum bc_outcome outcome,
			    const char *why);

/** Complete it, consuming the reference. @param[in] now  ns, when it ended.
 *  Context: holds no lock; may block.
 */
void bc_call_complete(struct bc_call *call, struct bc_reply *reply,
		      uint64_t now);

/** The slot waits no longer for the reply to its request. */
void bc_slot_drop_request_locked(struct bc_slot *slot);

/** The slot's request has ended: the slot is free, or lost. */
void bc_slot_end_locked(struct bc_session *session, struct bc_slot *slot,
			enum bc_sequence_fate fate);

/* sender.c */

/** Send whatever can be sent now. Holds no lock. */
void bc_sender_run(struct bc_client *client);

/* expiry.c */

/** Look at the client's callbacks in time. Context: the timers' thread. */
void bc_expiry_run(struct bc_client *client);

/* ending.c */

/** Complete every callback of a client, a moment later. [L] */
void bc_client_end_calls_locked(struct bc_client *client,
				enum bc_outcome outcome, const char *why);

#endif /* BC_INTERNAL_H */
