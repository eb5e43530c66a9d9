/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * States of delegations that outlive their delegations a little.
 *
 * Purpose: before 6 the last reference to a state frees it through the thread's
 *   operation context.  A recall that was put off is gone on with by a thread that has
 *   none when it finds the delegation returned or revoked meanwhile
 *   (delegrevoke_check(), delegrecall_task()), or has just revoked it itself
 *   (delegrecall_task()), and follows the null pointer if its reference is the last.
 *   So ours is, for each delegation that was recalled.
 * Data: a queue of what is kept.  Others have their references for moments, so that it
 *   is short; while an export is removed all that were recalled of it are in it.
 * Locking: kept_lock, a leaf.
 * Lifetime: from when the delegation is taken back, before its state is deleted, to
 *   when nobody else has it and an operation context ends, or another one is kept; of
 *   many, some each time.
 * Invariant: once ours is the only reference there will be no other: a state that is
 *   not deleted yet has the reference of Ganesha's table as well.
 *
 * A file that is found to be gone (ESTALE) loses its states without their leases being
 * taken back: these are not kept.
 */
#include "delegations/kept_state.h"

#include "ganesha/dialect.h"

#include "gsh_list.h"

#include <pthread.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

#define LOOKS 16 /* at what is kept, each time */

struct kept_state {
	struct glist_head list;
	state_t *state; /* +1 ref */
};
static struct glist_head kept_states = /* the first is looked at next */
	GLIST_HEAD_INIT(kept_states); /* guarded by kept_lock */
static unsigned int kept_count; /* guarded by kept_lock; read without */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_kept_locked(const state_t *state)
{
	struct glist_head *glist;

	glist_for_each(glist, &kept_states) {
		if (glist_entry(glist, struct kept_state, list)->state == state)
			return true;
	}
	return false;
}

/* As dec_nfs4_state_ref(), which is not exported, but for the last one only.
 * @return whether ours was the last reference
 */
static bool free_if_last(state_t *state)
{
	if (uatomic_read(&state->state_refcount) != 1)
		return false;
	cmm_smp_mb(); /* pairs with dec_nfs4_state_ref()'s decrement: who let go of it
		       * has done with it
		       */
	pthread_mutex_destroy(&state->state_mutex);
	bc_state_free_memory(state);
	return true;
}

/* What stays comes last: the next looks are at others. */
static void look_at_first_locked(void)
{
	struct kept_state *kept =
		glist_first_entry(&kept_states, struct kept_state, list);

	glist_del(&kept->list);
	if (!free_if_last(kept->state)) {
		glist_add_tail(&kept_states, &kept->list);
		return;
	}
	gsh_free(kept);
	uatomic_set(&kept_count, kept_count - 1);
}

static void free_unused_locked(void)
{
	unsigned int looks = kept_count < LOOKS ? kept_count : LOOKS;

	while (looks--)
		look_at_first_locked();
}

void bc_kept_state_add(state_t *state)
{
	struct kept_state *kept;

	if (!BC_STATE_IS_FREED_BY_CONTEXT ||
	    !state->state_data.deleg.sd_clfile_stats.cfd_r_time)
		return;
	pthread_mutex_lock(&kept_lock);
	free_unused_locked();
	if (!is_kept_locked(state)) {
		kept = gsh_malloc(sizeof(*kept));
		kept->state = state;
		(void)atomic_inc_int32_t(&state->state_refcount);
		glist_add_tail(&kept_states, &kept->list);
		uatomic_set(&kept_count, kept_count + 1);
	}
	pthread_mutex_unlock(&kept_lock);
}

void bc_kept_state_free_unused(void)
{
	/* Who is at it is not waited for: the next context's end finds the rest. */
	if (!uatomic_read(&kept_count) || pthread_mutex_trylock(&kept_lock))
		return;
	free_unused_locked();
	pthread_mutex_unlock(&kept_lock);
}
