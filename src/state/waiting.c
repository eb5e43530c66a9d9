/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Requests that wait until something happens to a file.
 *
 * Purpose: a request that conflicts with a delegation goes on when the delegation
 *   has come back, in the order of arrival, without a thread meanwhile; at the latest
 *   after hold_time.  Only what waits for that very file is woken; what waits for an absent
 *   holder's return, when that is back; and everything when an export has gone.
 * Data: each waiter is found by its file, and by the holder that is absent, while it
 *   waits, and by its client and by its session for as long as it is there; all are in
 *   a list by the time at which they go on at the latest, for which there is one timer.
 *   What has happened is counted by file, and beside that what is no one file's, for
 *   those who look before they wait; who came last to a session is known, for those
 *   who look whether anybody has.
 * Limits: a request counts as one, and as one more for each WEIGHT that its memory
 *   has; by client, for the server, and an address has half of what the server has.
 * Locking: waiting_lock, a leaf but for timers_lock.  Nothing is called with it held.
 *   Counts are read without.
 * Lifetime: a waiter is its owner's, from bc_waiter_new() to bc_waiter_free(); while
 *   it waits, it belongs to this file, which gives it back with ops->go_on().
 * Invariants: what happens to a file after bc_waiting_ticket() wakes who then waits,
 *   or does not let it wait; no waiter is given back twice for one bc_waiter_wait().
 */
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Files, clients and sessions that share a chain cost each other a step; addresses,
 * what the server has for one.
 */
#define CHAINS 1024 /* a power of two */
#define WEIGHT 65536 /* bytes */
#define GIVING_MS 1000 /* that the end waits for those who go on just now */

struct bc_waiter {
	void *cookie; /* [K] the owner's */
	uint64_t client; /* [K] */
	uint64_t address; /* [K] */
	uint8_t session[BC_SESSIONID_SIZE]; /* [K] */
	uint32_t slot; /* [K] BC_NO_SLOT: it has no session */
	uint32_t sequence; /* [K] of the slot */
	uint32_t weight; /* [K] */
	uint64_t arrival; /* [K] their order */
	uint64_t until; /* [K] ms: it goes on at the latest */
	bool has_waited; /* [W] */
	const void *file; /* [W] only compared; NULL: it does not wait */
	struct cds_list_head of_file; /* [W] while it waits, or is given back */
	uint64_t holder; /* [W] bc_awaited's, while it waits */
	struct cds_list_head of_holder; /* [W] while it waits for one */
	struct cds_list_head of_all; /* [W] */
	struct cds_list_head of_client; /* [W] */
	struct cds_list_head of_session; /* [W] */
};

/* [W]: guarded by waiting_lock. */
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cds_list_head by_file[CHAINS]; /* [W] by arrival */
static struct cds_list_head by_holder[CHAINS]; /* [W] by arrival */
static struct cds_list_head by_client[CHAINS]; /* [W] */
static struct cds_list_head by_session[CHAINS]; /* [W] */
static CDS_LIST_HEAD(all); /* [W] by until */
static struct bc_timer due_timer; /* for the first of them that waits */
static uint64_t of_address[CHAINS]; /* [W] their weight */
static bool ended; /* [W] nobody waits any more */
static unsigned int giving; /* [W] threads that are giving back */

/* [A] Changed under waiting_lock. */
static uint64_t weight_of_all; /* 0: there are none */
static unsigned long in_sessions[CHAINS]; /* waiters of a chain's sessions */
static uint64_t
	last_of_sessions[CHAINS]; /* and who came last: its arrival, + 1 */
static uint64_t arrivals; /* all that there have been */

static unsigned long events[CHAINS]; /* [A] of the files of a chain */
static unsigned long events_of_all; /* [A] beside them, of any file */

static size_t file_chain(const void *file)
{
	return bc_hash_u64((uintptr_t)file) % CHAINS;
}

static size_t client_chain(uint64_t client)
{
	return bc_hash_u64(client) % CHAINS;
}

static size_t session_chain(const uint8_t *session)
{
	return bc_hash_sessionid(session) % CHAINS;
}

/* @return its weight, of all that share its chain */
static uint64_t *address_weight(uint64_t address)
{
	return &of_address[bc_hash_u64(address) % CHAINS];
}

/* The administrator may change it. */
static uint64_t hold_time(void)
{
	return bc_configured(hold_time);
}

/* Giving back -------------------------------------------------------------- */

/* Who has waited before comes before who has arrived since.  Mostly that is a step:
 * who waits has come last, and lists are given back from their beginnings.
 * Context: [W]
 */
static void add_by_arrival_locked(struct bc_waiter *waiter,
				  struct cds_list_head *list)
{
	struct cds_list_head *pos = list->prev;

	while (pos != list &&
	       cds_list_entry(pos, struct bc_waiter, of_file)->arrival >
		       waiter->arrival)
		pos = pos->prev;
	cds_list_add(&waiter->of_file, pos);
}

/* The same.  In their order they are given back without a search. */
static void add_to_holder_locked(struct bc_waiter *waiter,
				 struct cds_list_head *list)
{
	struct cds_list_head *pos = list->prev;

	while (pos != list &&
	       cds_list_entry(pos, struct bc_waiter, of_holder)->arrival >
		       waiter->arrival)
		pos = pos->prev;
	cds_list_add(&waiter->of_holder, pos);
}

/* It is among those that are to be given back, in their order. Context: [W] */
static void take_locked(struct bc_waiter *waiter, struct cds_list_head *taken)
{
	waiter->file = NULL;
	cds_list_del(&waiter->of_file);
	if (waiter->holder)
		cds_list_del(&waiter->of_holder);
	add_by_arrival_locked(waiter, taken);
}

/* Context: [W], which is let go of. */
static void give_back_and_unlock(struct cds_list_head *taken)
{
	bool any = !cds_list_empty(taken);

	giving += any;
	pthread_mutex_unlock(&waiting_lock);
	if (!any)
		return;
	while (!cds_list_empty(taken)) {
		struct bc_waiter *waiter =
			cds_list_first_entry(taken, struct bc_waiter, of_file);

		/* Its owner may free it at once. */
		cds_list_del(&waiter->of_file);
		uatomic_inc(&bc_core.held.looks);
		bc_core.ops->go_on(waiter->cookie);
	}
	pthread_mutex_lock(&waiting_lock);
	giving--;
	pthread_mutex_unlock(&waiting_lock);
}

/* Those whose time is over by @now; who does not wait learns of it when it would. */
static void give_back_due(uint64_t now)
{
	struct bc_waiter *waiter;
	CDS_LIST_HEAD(taken);

	pthread_mutex_lock(&waiting_lock);
	cds_list_for_each_entry(waiter, &all, of_all) {
		if (waiter->until > now) {
			bc_timer_arm(&due_timer, waiter->until);
			break;
		}
		if (waiter->file)
			take_locked(waiter, &taken);
	}
	give_back_and_unlock(&taken);
}

static void due_timer_run(struct bc_timer *timer)
{
	(void)timer;
	give_back_due(bc_now());
}

/* @return whether anybody may wait */
static bool happened(unsigned long *counter)
{
	uatomic_inc(counter);
	cmm_smp_mb(); /* pairs with bc_waiter_new()'s */
	return uatomic_read(&weight_of_all) > 0;
}

void bc_waiting_wake(const void *file)
{
	size_t chain = file_chain(file);
	struct bc_waiter *waiter, *next;
	CDS_LIST_HEAD(taken);

	if (!happened(&events[chain]))
		return;
	pthread_mutex_lock(&waiting_lock);
	cds_list_for_each_entry_safe(waiter, next, &by_file[chain], of_file)
		if (waiter->file == file)
			take_locked(waiter, &taken);
	give_back_and_unlock(&taken);
}

void bc_waiting_holder_back(uint64_t holder)
{
	struct bc_waiter *waiter, *next;
	CDS_LIST_HEAD(taken);

	if (!happened(&events_of_all))
		return;
	pthread_mutex_lock(&waiting_lock);
	cds_list_for_each_entry_safe(
		waiter, next, &by_holder[client_chain(holder)], of_holder)
		if (waiter->holder == holder)
			take_locked(waiter, &taken);
	give_back_and_unlock(&taken);
}

void bc_waiting_wake_all(void)
{
	if (happened(&events_of_all))
		give_back_due(UINT64_MAX);
}

/* Waiting ------------------------------------------------------------------ */

/* A client that has none of its session's slots left could not give back what
 * others wait for: one stays free.
 */
static bool client_has_room_locked(const struct bc_waiter_id *id,
				   uint32_t weight)
{
	size_t chain = client_chain(id->client);
	uint32_t of_session = 0;
	uint64_t of_client = weight;
	struct bc_waiter *other;

	cds_list_for_each_entry(other, &by_client[chain], of_client) {
		if (other->client != id->client)
			continue;
		of_client += other->weight;
		of_session +=
			id->session &&
			!memcmp(other->session, id->session, BC_SESSIONID_SIZE);
	}
	return of_client <= bc_configured(max_client_held) &&
	       (!id->session || of_session + 1 < id->slots);
}

static bool has_room_locked(const struct bc_waiter_id *id, uint32_t weight)
{
	uint64_t of_server = bc_configured(max_server_held);

	return weight_of_all + weight <= of_server &&
	       (!id->address ||
		*address_weight(id->address) + weight <= (of_server + 1) / 2) &&
	       client_has_room_locked(id, weight);
}

static void add_locked(struct bc_waiter *waiter)
{
	size_t session = session_chain(waiter->session);
	struct cds_list_head *pos = all.prev;

	waiter->arrival = arrivals;
	waiter->until = bc_now() + hold_time();
	/* Those who came before go on before, unless hold_time was longer then. */
	while (pos != &all &&
	       cds_list_entry(pos, struct bc_waiter, of_all)->until >
		       waiter->until)
		pos = pos->prev;
	cds_list_add(&waiter->of_all, pos);
	cds_list_add(&waiter->of_client,
		     &by_client[client_chain(waiter->client)]);
	cds_list_add(&waiter->of_session, &by_session[session]);
	*address_weight(waiter->address) += waiter->weight;
	uatomic_set(&weight_of_all, weight_of_all + waiter->weight);
	uatomic_set(&in_sessions[session], in_sessions[session] + 1);
	uatomic_set(&last_of_sessions[session], waiter->arrival + 1);
	cmm_smp_wmb(); /* pairs with bc_waiting_arrivals()'s: who sees this one counted
			* finds it in its session
			*/
	uatomic_set(&arrivals, waiter->arrival + 1);
}

/* @return whether it was added */
static bool add(struct bc_waiter *waiter, const struct bc_waiter_id *id)
{
	bool wanted, added;

	pthread_mutex_lock(&waiting_lock);
	wanted = !ended;
	added = wanted && has_room_locked(id, waiter->weight);
	if (added)
		add_locked(waiter);
	pthread_mutex_unlock(&waiting_lock);
	if (wanted && !added)
		uatomic_inc(&bc_core.held.refused);
	return added;
}

struct bc_waiter *bc_waiter_new(const struct bc_waiter_id *id, void *cookie)
{
	struct bc_waiter *waiter;

	if (!hold_time())
		return NULL;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return NULL;
	waiter->cookie = cookie;
	waiter->client = id->client;
	waiter->address = id->address;
	waiter->slot = id->session ? id->slot : BC_NO_SLOT;
	waiter->sequence = id->sequence;
	waiter->weight = 1 + id->size / WEIGHT;
	if (id->session)
		memcpy(waiter->session, id->session, BC_SESSIONID_SIZE);
	if (!add(waiter, id)) {
		free(waiter);
		return NULL;
	}
	cmm_smp_mb(); /* pairs with happened()'s: it sees this waiter, or
		       * bc_waiter_wait() sees its event
		       */
	return waiter;
}

/* Both only grow: the sum is the same if both are. */
unsigned long bc_waiting_ticket(const void *file)
{
	return uatomic_read(&events[file_chain(file)]) +
	       uatomic_read(&events_of_all);
}

static void wait_locked(struct bc_waiter *waiter,
			const struct bc_awaited *awaited)
{
	add_by_arrival_locked(waiter, &by_file[file_chain(awaited->file)]);
	waiter->file = awaited->file;
	waiter->holder = awaited->holder;
	if (waiter->holder)
		add_to_holder_locked(waiter,
				     &by_holder[client_chain(waiter->holder)]);
	if (!waiter->has_waited) {
		uatomic_inc(&bc_core.held.held);
		bc_trace_held(waiter->arrival, waiter->client, waiter->file);
	}
	waiter->has_waited = true;
	bc_timer_arm(&due_timer, waiter->until);
}

enum bc_wait bc_waiter_wait(struct bc_waiter *waiter,
			    const struct bc_awaited *awaited)
{
	enum bc_wait result = BC_WAIT_SUSPENDED;

	pthread_mutex_lock(&waiting_lock);
	if (ended || bc_now() >= waiter->until)
		result = BC_WAIT_OVER;
	else if (bc_waiting_ticket(awaited->file) != awaited->ticket)
		result = BC_WAIT_AGAIN;
	else
		wait_locked(waiter, awaited);
	pthread_mutex_unlock(&waiting_lock);
	return result;
}

void bc_waiter_free(struct bc_waiter *waiter, bool in_vain)
{
	size_t session = session_chain(waiter->session);

	pthread_mutex_lock(&waiting_lock);
	cds_list_del(&waiter->of_all);
	cds_list_del(&waiter->of_client);
	cds_list_del(&waiter->of_session);
	*address_weight(waiter->address) -= waiter->weight;
	uatomic_set(&weight_of_all, weight_of_all - waiter->weight);
	uatomic_set(&in_sessions[session], in_sessions[session] - 1);
	pthread_mutex_unlock(&waiting_lock);
	if (waiter->has_waited) {
		uatomic_inc(in_vain ? &bc_core.held.in_vain :
				      &bc_core.held.went_on);
		bc_trace_went_on(waiter->arrival, waiter->client, in_vain);
	}
	free(waiter);
}

uint64_t bc_waiting_weight(void)
{
	return uatomic_read(&weight_of_all);
}

/* Slots -------------------------------------------------------------------- */

uint64_t bc_waiting_arrivals(void)
{
	uint64_t came = uatomic_read(&arrivals);

	cmm_smp_rmb(); /* pairs with add_locked()'s */
	return came;
}

bool bc_waiting_came_to(const uint8_t *session, uint64_t since)
{
	return uatomic_read(&last_of_sessions[session_chain(session)]) > since;
}

bool bc_waiting_in_slot(const uint8_t *session, uint32_t slot,
			uint32_t *sequence)
{
	struct bc_waiter *waiter;
	bool found = false;
	size_t chain;

	if (!uatomic_read(&weight_of_all))
		return false;
	chain = session_chain(session);
	if (!uatomic_read(&in_sessions[chain]))
		return false;
	pthread_mutex_lock(&waiting_lock);
	cds_list_for_each_entry(waiter, &by_session[chain], of_session) {
		if (waiter->slot != slot ||
		    memcmp(waiter->session, session, BC_SESSIONID_SIZE) != 0)
			continue;
		found = true;
		*sequence = waiter->sequence;
	}
	pthread_mutex_unlock(&waiting_lock);
	return found;
}

/* Beginning and end -------------------------------------------------------- */

void bc_waiting_start(void)
{
	for (size_t i = 0; i < CHAINS; i++) {
		CDS_INIT_LIST_HEAD(&by_file[i]);
		CDS_INIT_LIST_HEAD(&by_holder[i]);
		CDS_INIT_LIST_HEAD(&by_client[i]);
		CDS_INIT_LIST_HEAD(&by_session[i]);
	}
	due_timer.run = due_timer_run;
	ended = false;
}

static bool are_giving(void)
{
	bool are;

	pthread_mutex_lock(&waiting_lock);
	are = giving > 0;
	pthread_mutex_unlock(&waiting_lock);
	return are;
}

void bc_waiting_stop(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	pthread_mutex_lock(&waiting_lock);
	ended = true;
	pthread_mutex_unlock(&waiting_lock);
	give_back_due(UINT64_MAX);
	for (int i = 0; i < GIVING_MS && are_giving(); i++)
		nanosleep(&ms, NULL);
}
