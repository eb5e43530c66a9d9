/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * States of delegations that outlive their delegations a little.
 *
 * Purpose: before 6 the last reference to a state frees it through the thread's
 *   operation context.  A recall that was put off is gone on with by a thread that has
 *   none when it finds the delegation returned or revoked meanwhile
 *   (delegrevoke_check(), delegrecall_task()), and follows the null pointer if its
 *   reference is the last.  So ours is, for each delegation that was recalled.
 * Data: a list of what is kept; short, as others have their references for moments.
 * Locking: kept_lock, a leaf.
 * Lifetime: from when the delegation is taken back, before its state is deleted, to
 *   when nobody else has it and an operation context or a DELEGRETURN ends, or another
 *   one is taken back.
 * Invariant: once ours is the only reference there will be no other: a state that is
 *   not deleted yet has the reference of Ganesha's table as well.
 *
 * A file that is found to be gone (ESTALE) loses its states without their leases being
 * taken back: these are not kept.
 */
#include "delegations/kept_state.h"

#include "ganesha/dialect.h"

#include <pthread.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

struct kept_state {
	struct kept_state *next;
	state_t *state; /* +1 ref */
};
static struct kept_state *kept_states; /* guarded by kept_lock */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_kept_locked(const state_t *state)
{
	const struct kept_state *kept = kept_states;

	while (kept && kept->state != state)
		kept = kept->next;
	return kept;
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

static void free_unused_locked(void)
{
	struct kept_state **link = &kept_states;

	while (*link) {
		struct kept_state *kept = *link;

		if (free_if_last(kept->state)) {
			uatomic_set(link, kept->next);
			gsh_free(kept);
		} else {
			link = &kept->next;
		}
	}
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
		kept->next = kept_states;
		kept->state = state;
		(void)atomic_inc_int32_t(&state->state_refcount);
		uatomic_set(&kept_states, kept);
	}
	pthread_mutex_unlock(&kept_lock);
}

void bc_kept_state_free_unused(void)
{
	/* Who is at it looks at all of them, and is not waited for. */
	if (!uatomic_read(&kept_states) || pthread_mutex_trylock(&kept_lock))
		return;
	free_unused_locked();
	pthread_mutex_unlock(&kept_lock);
}
