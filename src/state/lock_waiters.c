/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who waits for a lock.
 *
 * Purpose: a lock that was denied and will be waited for is remembered, and its client
 *   told with CB_NOTIFY_LOCK when it may have it, in the order of arrival.  Who was told
 *   has the lock to itself for a moment, or whoever is nearer would always be first.  Of
 *   those that exclude each other one is told at a time: a lock that is handed over
 *   costs one callback, however many wait for it.  Once one of a client has not come,
 *   its others do not wait for each other: many whose processes have ended, of which
 *   no client tells, cost the time of one.
 * Data: each waiter is found by its file, in the order of arrival, and by its client.
 *   All are in a list by when they last asked; those who were told, and those who are in
 *   the way of a lock that the server does not know, are in one by when that was.  One
 *   timer serves the three, of which each has one duration: what was added last is due
 *   last.
 * Locking: waiters_lock, a leaf but for timers_lock.  That a file's locks do not change
 *   while it is looked at is its caller's concern.  Callbacks are submitted without it.
 * Lifetime: a waiter has a reference while it waits, and one for its callback, which
 *   needs no place.  Who waits no more is put on the completions' thread, which may
 *   wait for the server's locks: it looks for the next, and frees the place.
 * Invariants: who was told is told once, until it has asked again; whoever waits no
 *   more, and was told, and does not have the lock, is followed by the next.
 */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

#define OP_CB_NOTIFY_LOCK 13 /* nfs_cb_opnum4 */
#define CHAINS 1024 /* a power of two */

/** What a waiter waits for. */
enum turn {
	WAITS, /* what it asks for is not free */
	TOLD, /* that it comes: it is kept for it */
	ELSEWHERE, /* the server knows of nothing that is in its way */
};

struct waiter {
	struct urcu_ref ref;
	struct bc_lock lock; /* [K] */
	uint8_t open[BC_STATEID_OTHER_SIZE]; /* [K] */
	const void *export; /* [K] */
	uint32_t minorversion; /* [K] */
	void *place; /* [K] */
	enum turn turn; /* [W] */
	bool doubted; /* [W] another of its client's and file's has not come,
		       * and this one has not asked since
		       */
	uint64_t since; /* [W] ms: it is TOLD, or ELSEWHERE */
	uint64_t asked; /* [W] ms: the last time */
	bool waits; /* [W] it is in these lists: */
	struct cds_list_head of_file; /* [W] of its chain, by arrival */
	struct cds_list_head of_client; /* [W] of its chain */
	struct cds_list_head of_all; /* [W] by asked */
	struct cds_list_head of_turn; /* [W] not WAITS: by since */
	struct cds_list_head link; /* bc_lock_offer()'s, that has a reference */
	struct cds_list_head before; /* [W] of others, in bc_lock_offer() */
	const struct bc_call *call; /* [W] that told it last; only compared */
	struct bc_work work; /* once it waits no more */
	bool passed_on; /* [K] by then: the next is to be told */
	size_t notice_len; /* [K] */
	uint8_t bytes[]; /* [K] the notice, and the owner */
};

/* [W]: guarded by waiters_lock. */
static pthread_mutex_t waiters_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cds_list_head by_file[CHAINS]; /* [W] */
static struct cds_list_head by_client[CHAINS]; /* [W] */
static CDS_LIST_HEAD(all); /* [W] */
static CDS_LIST_HEAD(told); /* [W] */
static CDS_LIST_HEAD(elsewhere); /* [W] */
static struct bc_timer timer;
static bool ended; /* [W] nobody waits any more */
static unsigned long count; /* [A], changed under [W] */

bool bc_lock_waiters(void)
{
	return uatomic_read(&count) > 0;
}

unsigned long bc_lock_waiters_count(void)
{
	return uatomic_read(&count);
}

static struct cds_list_head *file_chain(const void *file)
{
	return &by_file[bc_hash_u64((uintptr_t)file) % CHAINS];
}

static struct cds_list_head *client_chain(uint64_t client)
{
	return &by_client[bc_hash_u64(client) % CHAINS];
}

/* Two leases, but not less than a client needs that asks every half a minute. */
static uint64_t life(void)
{
	uint64_t leases = 2 * bc_configured(lease_time);

	return leases > BC_LOCK_LIFE ? leases : BC_LOCK_LIFE;
}

/* Locks -------------------------------------------------------------------- */

static bool same_owner(const struct bc_lock *one, const struct bc_lock *other)
{
	return one->file == other->file && one->client == other->client &&
	       one->owner_len == other->owner_len &&
	       !memcmp(one->owner, other->owner, one->owner_len);
}

static bool overlap(const struct bc_lock *one, const struct bc_lock *other)
{
	return one->first <= other->last && other->first <= one->last;
}

/* Whether who has one lock of its owner's need not wait for the other. */
static bool covers(const struct bc_lock *has, const struct bc_lock *waited)
{
	return has->first <= waited->first && waited->last <= has->last &&
	       (has->exclusive || !waited->exclusive);
}

static bool same_bytes(const struct bc_lock *one, const struct bc_lock *other)
{
	return one->first == other->first && one->last == other->last;
}

static bool exclude(const struct bc_lock *one, const struct bc_lock *other)
{
	return (one->exclusive || other->exclusive) && overlap(one, other) &&
	       !same_owner(one, other);
}

/* Waiters -------------------------------------------------------------------- */

static void waiter_release(struct urcu_ref *ref)
{
	struct waiter *waiter = caa_container_of(ref, struct waiter, ref);

	free(waiter);
}

static void waiter_put(struct waiter *waiter)
{
	urcu_ref_put(&waiter->ref, waiter_release);
}

static void waiter_ended(struct bc_work *work)
{
	struct waiter *waiter = caa_container_of(work, struct waiter, work);

	if (waiter->passed_on)
		bc_core.ops->lock_next(waiter->place);
	bc_core.ops->lock_place_free(waiter->place);
	waiter_put(waiter);
}

static void arm_locked(uint64_t when)
{
	bc_timer_arm(&timer, when);
}

static void set_turn_locked(struct waiter *waiter, enum turn turn, uint64_t now)
{
	if (waiter->turn != WAITS)
		cds_list_del(&waiter->of_turn);
	waiter->turn = turn;
	waiter->since = now;
	if (turn == WAITS)
		return;
	cds_list_add_tail(&waiter->of_turn, turn == TOLD ? &told : &elsewhere);
	arm_locked(now + (turn == TOLD ? BC_LOCK_KEPT : BC_LOCK_AGAIN));
}

/* It waits no more. @param[in] has_it  the lock: nobody else is to be told of it */
static void end_locked(struct waiter *waiter, bool has_it)
{
	bool in_the_way = waiter->turn != WAITS;

	set_turn_locked(waiter, WAITS, 0);
	waiter->waits = false;
	cds_list_del(&waiter->of_file);
	cds_list_del(&waiter->of_client);
	cds_list_del(&waiter->of_all);
	uatomic_set(&count, count - 1);
	waiter->passed_on = in_the_way && !has_it && !ended;
	waiter->work.run = waiter_ended;
	bc_completion_queue(&waiter->work);
}

/* Who was told does not come, or could not be told: its client's others may not either. */
static void pass_locked(struct waiter *waiter)
{
	struct waiter *other;

	/* If it was doubted, so are they. */
	if (!waiter->doubted)
		cds_list_for_each_entry(other, file_chain(waiter->lock.file),
					of_file)
			if (other->lock.file == waiter->lock.file &&
			    other->lock.client == waiter->lock.client)
				other->doubted = true;
	end_locked(waiter, false);
}

static void lock_copy(struct waiter *waiter, const struct bc_lock *lock)
{
	uint8_t *owner = waiter->bytes + waiter->notice_len;

	memcpy(owner, lock->owner, lock->owner_len);
	waiter->lock = *lock;
	waiter->lock.owner = owner;
}

static struct waiter *waiter_new(const struct bc_lock_wish *wish)
{
	struct waiter *waiter = malloc(sizeof(*waiter) + wish->notice_len +
				       wish->lock.owner_len);

	if (!waiter)
		return NULL;
	*waiter = (struct waiter){
		.export = wish->export,
		.minorversion = wish->minorversion,
		.place = wish->place,
		.notice_len = wish->notice_len,
	};
	urcu_ref_init(&waiter->ref);
	memcpy(waiter->open, wish->open, sizeof(waiter->open));
	memcpy(waiter->bytes, wish->notice, wish->notice_len);
	lock_copy(waiter, &wish->lock);
	return waiter;
}

/* Waiting -------------------------------------------------------------------- */

static struct waiter *find_locked(const struct bc_lock *lock)
{
	struct waiter *waiter;

	cds_list_for_each_entry(waiter, file_chain(lock->file), of_file)
		if (same_owner(&waiter->lock, lock) &&
		    same_bytes(&waiter->lock, lock) &&
		    waiter->lock.exclusive == lock->exclusive)
			return waiter;
	return NULL;
}

/* Each of a file's is compared with its locks, whenever those change. */
static bool has_room_locked(const struct bc_lock *lock)
{
	const struct waiter *waiter;
	unsigned int of_client = 0, of_file = 0;

	cds_list_for_each_entry(waiter, client_chain(lock->client), of_client) {
		if (waiter->lock.client != lock->client)
			continue;
		of_client++;
		of_file += waiter->lock.file == lock->file;
	}
	return of_file < BC_LOCK_FILE_WAITERS &&
	       of_client < BC_LOCK_CLIENT_WAITERS &&
	       count < BC_LOCK_SERVER_WAITERS;
}

/* It asks again: if it was told, and comes in vain, it waits as before. */
static void asks_again_locked(struct waiter *waiter, bool is_free)
{
	uint64_t now = bc_now();

	waiter->asked = now;
	waiter->doubted = false;
	cds_list_del(&waiter->of_all);
	cds_list_add_tail(&waiter->of_all, &all);
	if (waiter->turn == TOLD)
		set_turn_locked(waiter, is_free ? ELSEWHERE : WAITS, now);
	else if (waiter->turn == ELSEWHERE && !is_free)
		set_turn_locked(waiter, WAITS, now);
}

static bool add_locked(const struct bc_lock_wish *wish)
{
	struct waiter *waiter = NULL;

	if (!ended && has_room_locked(&wish->lock))
		waiter = waiter_new(wish);
	if (!waiter)
		return false;
	waiter->waits = true;
	waiter->asked = bc_now();
	cds_list_add_tail(&waiter->of_file, file_chain(wish->lock.file));
	cds_list_add_tail(&waiter->of_client, client_chain(wish->lock.client));
	cds_list_add_tail(&waiter->of_all, &all);
	uatomic_set(&count, count + 1);
	arm_locked(waiter->asked + life());
	return true;
}

enum bc_lock_wait bc_lock_wait(const struct bc_lock_wish *wish)
{
	enum bc_lock_wait result = BC_LOCK_WAIT_ALREADY;
	struct waiter *waiter;

	pthread_mutex_lock(&waiters_lock);
	waiter = find_locked(&wish->lock);
	if (waiter)
		asks_again_locked(waiter, wish->is_free);
	else
		result = add_locked(wish) ? BC_LOCK_WAIT_NEW :
					    BC_LOCK_WAIT_REFUSED;
	pthread_mutex_unlock(&waiters_lock);
	if (result != BC_LOCK_WAIT_ALREADY)
		bc_count(result == BC_LOCK_WAIT_NEW ? BC_COUNT_LOCK_WAITS :
						      BC_COUNT_LOCK_REFUSED);
	return result;
}

/* Telling ------------------------------------------------------------------- */

/* A client that could not be told, or refuses to be, is not waited for. */
static void notice_done(struct bc_call *call, enum bc_outcome outcome,
			struct bc_reply *reply)
{
	struct waiter *waiter = bc_call_cookie(call);
	bool told_it = outcome == BC_OUTCOME_RAN ||
		       (outcome == BC_OUTCOME_REPLY && !reply->status);
	bool ends;

	pthread_mutex_lock(&waiters_lock);
	ends = !told_it && waiter->waits && waiter->turn == TOLD &&
	       waiter->call == call;
	if (ends)
		pass_locked(waiter);
	pthread_mutex_unlock(&waiters_lock);
	if (ends)
		bc_count(BC_COUNT_LOCK_UNTOLD);
	waiter_put(waiter);
}

/* Consumes the reference. Context: no lock of the core's. */
static void tell(struct waiter *waiter)
{
	struct bc_call *call =
		bc_call_new(OP_CB_NOTIFY_LOCK, waiter->minorversion,
			    waiter->bytes, waiter->notice_len, waiter);

	bc_count(BC_COUNT_LOCK_NOTIFIED);
	BC_TRACE_CLIENT(waiter->lock.client,
			"is told that it may lock bytes %lu to %lu of file %p",
			(unsigned long)waiter->lock.first,
			(unsigned long)waiter->lock.last, waiter->lock.file);
	if (call) {
		pthread_mutex_lock(&waiters_lock);
		waiter->call = call;
		pthread_mutex_unlock(&waiters_lock);
		call->done = notice_done;
		bc_call_set_patience(call, BC_LOCK_KEPT);
		bc_call_set_file(call, waiter->lock.file);
	}
	/* It is waited for in vain, then. */
	if (!call || bc_call_submit(call, waiter->lock.client, NULL))
		waiter_put(waiter);
}

/* Whether a lock waits for a waiter who comes before it. */
static bool waits_for(const struct bc_lock *lock, const struct waiter *waiter)
{
	return exclude(&waiter->lock, lock) &&
	       !(waiter->doubted && waiter->lock.client == lock->client);
}

/* Whether somebody who comes before a waiter excludes it. */
static bool is_behind(const struct waiter *waiter,
		      const struct cds_list_head *before)
{
	const struct waiter *other;

	cds_list_for_each_entry(other, before, before)
		if (waits_for(&waiter->lock, other))
			return true;
	return false;
}

/* Those of a file who were told, or to whom nobody can tell it. */
static void find_before_locked(const void *file, struct cds_list_head *before)
{
	struct waiter *waiter;

	cds_list_for_each_entry(waiter, file_chain(file), of_file)
		if (waiter->lock.file == file && waiter->turn != WAITS)
			cds_list_add_tail(&waiter->before, before);
}

void bc_lock_offer(const void *file,
		   bool (*is_free)(void *arg, const struct bc_lock *lock),
		   void *arg)
{
	struct waiter *waiter, *next;
	CDS_LIST_HEAD(before);
	CDS_LIST_HEAD(found);
	uint64_t now = bc_now();

	pthread_mutex_lock(&waiters_lock);
	find_before_locked(file, &before);
	cds_list_for_each_entry(waiter, file_chain(file), of_file) {
		if (waiter->lock.file != file || waiter->turn != WAITS ||
		    is_behind(waiter, &before) || !is_free(arg, &waiter->lock))
			continue;
		set_turn_locked(waiter, TOLD, now);
		cds_list_add_tail(&waiter->before, &before);
		urcu_ref_get(&waiter->ref);
		cds_list_add_tail(&waiter->link, &found);
	}
	pthread_mutex_unlock(&waiters_lock);
	cds_list_for_each_entry_safe(waiter, next, &found, link)
		tell(waiter);
}

bool bc_lock_is_kept(const struct bc_lock *lock, struct bc_lock *kept)
{
	const struct waiter *waiter;
	bool found = false;

	pthread_mutex_lock(&waiters_lock);
	cds_list_for_each_entry(waiter, file_chain(lock->file), of_file) {
		found = waiter->turn == TOLD &&
			waiter->lock.file == lock->file &&
			waits_for(lock, waiter);
		if (found) {
			*kept = waiter->lock;
			kept->owner = NULL;
			break;
		}
	}
	pthread_mutex_unlock(&waiters_lock);
	return found;
}

/* The end of waiting ------------------------------------------------------------ */

/* Those of an owner whose bytes fit. @return how many */
static uint64_t end_of_owner(const struct bc_lock *lock,
			     bool (*fits)(const struct bc_lock *lock,
					  const struct bc_lock *waited),
			     bool has_it)
{
	struct waiter *waiter, *next;
	uint64_t number = 0;

	pthread_mutex_lock(&waiters_lock);
	cds_list_for_each_entry_safe(waiter, next, file_chain(lock->file),
				     of_file) {
		if (!same_owner(&waiter->lock, lock) ||
		    !fits(lock, &waiter->lock))
			continue;
		end_locked(waiter, has_it);
		number++;
	}
	pthread_mutex_unlock(&waiters_lock);
	return number;
}

void bc_lock_granted(const struct bc_lock *lock)
{
	bc_count_many(BC_COUNT_LOCK_GRANTED, end_of_owner(lock, covers, true));
}

void bc_lock_given_up(const struct bc_lock *lock)
{
	bc_count_many(BC_COUNT_LOCK_LEFT,
		      end_of_owner(lock, same_bytes, false));
}

void bc_lock_closed(const void *file, uint64_t client, const uint8_t *open)
{
	struct waiter *waiter, *next;
	uint64_t number = 0;

	pthread_mutex_lock(&waiters_lock);
	cds_list_for_each_entry_safe(waiter, next, file_chain(file), of_file) {
		if (waiter->lock.file != file ||
		    waiter->lock.client != client ||
		    memcmp(waiter->open, open, sizeof(waiter->open)) != 0)
			continue;
		end_locked(waiter, false);
		number++;
	}
	pthread_mutex_unlock(&waiters_lock);
	bc_count_many(BC_COUNT_LOCK_LEFT, number);
}

void bc_lock_client_ended(uint64_t client)
{
	struct waiter *waiter, *next;
	uint64_t number = 0;

	if (!bc_lock_waiters())
		return;
	pthread_mutex_lock(&waiters_lock);
	cds_list_for_each_entry_safe(waiter, next, client_chain(client),
				     of_client) {
		if (waiter->lock.client != client)
			continue;
		end_locked(waiter, false);
		number++;
	}
	pthread_mutex_unlock(&waiters_lock);
	bc_count_many(BC_COUNT_LOCK_LEFT, number);
}

/* @param[in] export  NULL: of all. @return how many */
static uint64_t end_of_export(const void *export)
{
	struct waiter *waiter, *next;
	uint64_t number = 0;

	pthread_mutex_lock(&waiters_lock);
	cds_list_for_each_entry_safe(waiter, next, &all, of_all) {
		if (export && waiter->export != export)
			continue;
		end_locked(waiter, false);
		number++;
	}
	pthread_mutex_unlock(&waiters_lock);
	bc_count_many(BC_COUNT_LOCK_LEFT, number);
	return number;
}

void bc_lock_export_ended(const void *export)
{
	if (bc_lock_waiters() && end_of_export(export))
		bc_worker_flush(bc_completion_queue);
}

/* Time ----------------------------------------------------------------------- */

/* Who was told has not come. @return their number */
static uint64_t end_told_locked(uint64_t now)
{
	struct waiter *waiter, *next;
	uint64_t number = 0;

	cds_list_for_each_entry_safe(waiter, next, &told, of_turn) {
		if (waiter->since + BC_LOCK_KEPT > now) {
			arm_locked(waiter->since + BC_LOCK_KEPT);
			break;
		}
		pass_locked(waiter);
		number++;
	}
	return number;
}

/* One is told once more, who has a lock in its way that nobody knows.
 * @return it with a reference, or NULL: it is nobody's time
 */
static struct waiter *again_locked(uint64_t now)
{
	struct waiter *waiter;

	if (cds_list_empty(&elsewhere))
		return NULL;
	waiter = cds_list_first_entry(&elsewhere, struct waiter, of_turn);
	if (waiter->since + BC_LOCK_AGAIN > now) {
		arm_locked(waiter->since + BC_LOCK_AGAIN);
		return NULL;
	}
	set_turn_locked(waiter, TOLD, now);
	urcu_ref_get(&waiter->ref);
	return waiter;
}

/* One by one: who was told may ask, and be told, while the next is. */
static void tell_again(uint64_t now)
{
	struct waiter *waiter;

	do {
		pthread_mutex_lock(&waiters_lock);
		waiter = again_locked(now);
		pthread_mutex_unlock(&waiters_lock);
		if (waiter)
			tell(waiter);
	} while (waiter);
}

/* @return the number of those who have not asked for long */
static uint64_t end_old_locked(uint64_t now)
{
	struct waiter *waiter, *next;
	uint64_t number = 0;

	cds_list_for_each_entry_safe(waiter, next, &all, of_all) {
		if (waiter->asked + life() > now) {
			arm_locked(waiter->asked + life());
			break;
		}
		end_locked(waiter, false);
		number++;
	}
	return number;
}

void bc_lock_expire(uint64_t now)
{
	uint64_t passed, old;

	pthread_mutex_lock(&waiters_lock);
	passed = end_told_locked(now);
	old = end_old_locked(now);
	pthread_mutex_unlock(&waiters_lock);
	bc_count_many(BC_COUNT_LOCK_PASSED, passed);
	bc_count_many(BC_COUNT_LOCK_EXPIRED, old);
	tell_again(now);
}

static void timer_run(struct bc_timer *due)
{
	(void)due;
	bc_lock_expire(bc_now());
}

void bc_lock_start(void)
{
	for (size_t i = 0; i < CHAINS; i++) {
		CDS_INIT_LIST_HEAD(&by_file[i]);
		CDS_INIT_LIST_HEAD(&by_client[i]);
	}
	timer.run = timer_run;
	ended = false;
}

void bc_lock_stop(void)
{
	pthread_mutex_lock(&waiters_lock);
	ended = true;
	pthread_mutex_unlock(&waiters_lock);
	(void)end_of_export(NULL);
	bc_worker_flush(bc_completion_queue);
}
