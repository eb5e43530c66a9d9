/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations that Ganesha revokes: their clients are told until they have freed
 * the stateids.  RFC 5661, 8.5, 10.5 and 18.38.
 *
 * Ganesha deletes the state of a delegation that it revokes and knows its
 * stateid no more.  The core remembers it, for SEQUENCE's flag and for what the
 * operations say of it.
 *
 * delegrecall_task(), when it has revoked, lets go of the operation's context
 * before it gives back its reference to the state: if that is the last one, the
 * state is freed by a context that is not there.  So the state is kept, by a
 * reference of ours, until nobody else has one.
 */
#include "delegations/revocation.h"

#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include "backchannel.h"

#include <pthread.h>
#include <urcu/system.h>
#include <urcu/uatomic.h>

_Static_assert(BC_STATEID_OTHER_SIZE == OTHERSIZE, "stateid4's other");

void bc_delegation_revoked(const state_t *state, const state_owner_t *owner)
{
	const nfs_client_id_t *client;

	if (!bc_module_config.shield_revoked ||
	    bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return;
	client = owner->so_owner.so_nfs4_owner.so_clientrec;
	/* The core has been started, and v4.1 sessions are ours. */
	if (bc_layout() != BC_LAYOUT_FITS || client->cid_minorversion == 0)
		return;
	/* All its state goes, and its client id with it. */
	if (client->cid_confirmed == EXPIRED_CLIENT_ID)
		return;
	bc_revoked_add(client->cid_clientid,
		       (const uint8_t *)state->stateid_other);
}

/* The state that this thread revokes. */
static __thread struct {
	const struct req_op_context *context; /* in which; NULL: none */
	state_t *state; /* +1 ref */
} revoking;

static unsigned int revoking_threads; /* [A] every request's context asks */
static bool contexts_seen; /* [A] we are told when they end */

/* States that others had references to when their context ended. */
struct kept_state {
	struct kept_state *next;
	struct fsal_export *export; /* that allocated it; only compared */
	state_t *state; /* +1 ref */
};
static struct kept_state *kept_states; /* guarded by kept_lock */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */

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

void bc_revocation_keep_state(state_t *state)
{
	if (bc_layout_of_delegations() != BC_LAYOUT_FITS ||
	    !uatomic_read(&contexts_seen) || !op_ctx->saved_op_ctx ||
	    revoking.context)
		return;
	(void)atomic_inc_int32_t(&state->state_refcount);
	uatomic_inc(&revoking_threads);
	revoking.state = state;
	revoking.context = op_ctx->saved_op_ctx;
}

/* What was kept of this export's, and is nobody else's any more. */
static void free_kept(void)
{
	struct kept_state **link = &kept_states;

	pthread_mutex_lock(&kept_lock);
	while (*link) {
		struct kept_state *kept = *link;

		if (kept->export == op_ctx->fsal_export &&
		    free_if_last(kept->state)) {
			*link = kept->next;
			gsh_free(kept);
		} else {
			link = &kept->next;
		}
	}
	pthread_mutex_unlock(&kept_lock);
}

static void keep(state_t *state)
{
	struct kept_state *kept = gsh_malloc(sizeof(*kept));

	kept->export = op_ctx->fsal_export;
	kept->state = state;
	pthread_mutex_lock(&kept_lock);
	kept->next = kept_states;
	kept_states = kept;
	pthread_mutex_unlock(&kept_lock);
}

void bc_revocation_context_ends(void)
{
	if (!uatomic_read(&contexts_seen))
		uatomic_set(&contexts_seen, true);
	if (!uatomic_read(&revoking_threads) || !revoking.context ||
	    op_ctx != revoking.context)
		return;
	uatomic_dec(&revoking_threads);
	revoking.context = NULL;
	free_kept();
	if (!free_if_last(revoking.state))
		keep(revoking.state);
}
