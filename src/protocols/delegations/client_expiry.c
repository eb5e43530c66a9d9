/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client id that Ganesha ends: its delegations go, whatever recalls of them are
 * under way.  RFC 5661, 8.4.2.1, 8.4.3 and 18.35.
 *
 * nfs_client_id_expire() ends a client id: for the CREATE_SESSION of a client that
 * has restarted, for the EXCHANGE_ID of another principal, for the reaper.  Its
 * revoke_owner_delegs() skips a delegation that is being recalled and starts over
 * until none is left.  So it spins, for two leases if a recall goes on that nobody
 * will answer; and for ever if an opener asks for one now, since nobody recalls
 * anything from a client that has expired.
 *
 * For each delegation it takes the lock of the file's states, makes an operation
 * context, and looks at the delegation.  Between the last two we let the recall
 * look as if it had not begun: nobody can begin another one, and the delegation
 * is revoked in the same critical section.  When its recall ends, it is found to
 * be gone.
 *
 * Which client it is, we know from the table of confirmed clients, which it has
 * just left on the same thread: nothing is looked for, and nothing is changed
 * before Ganesha itself has found that the client is to go.
 */
#include "delegations/client_expiry.h"

#include "delegations/bookkeeping.h"
#include "delegations/kept_state.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include "hashtable.h"
#include "sal_data.h"

#include "backchannel.h"
#include "counters.h"

#include <urcu/uatomic.h>

static unsigned int expiring_threads; /* [A] every request's context asks */

/* The client that this thread is ending. */
static __thread struct {
	/* nfs_client_id_expire()'s own; NULL: it ends none */
	const struct req_op_context *context;
	nfs_client_id_t *client; /* its caller has a reference */
	clientid4 clientid;
} expiring;

static void set_expiring(nfs_client_id_t *client)
{
	if (!expiring.context)
		uatomic_inc(&expiring_threads);
	expiring.client = client;
	expiring.clientid = client->cid_clientid;
	expiring.context = op_ctx;
}

static void set_expired(void)
{
	expiring.context = NULL;
	uatomic_dec(&expiring_threads);
}

/* Is what this thread does part of nfs_client_id_expire(), and of nothing in it? */
static bool is_expiring_here(void)
{
	return uatomic_read(&expiring_threads) && expiring.context &&
	       op_ctx == expiring.context;
}

/* Context: holds the lock of the states of the file whose delegation is about to
 * be revoked.  revoke_owner_delegs() has put that one to the list's end.  If it has
 * been returned since, or another one granted, it is another of this client's
 * delegations: they all go, and are all looked at again.
 */
static void forget_recall(nfs_client_id_t *client)
{
	state_owner_t *owner = &client->cid_owner;
	state_t *state;

	/* Without a delegation there is no recall of one. */
	if (bc_layout_of_delegations() != BC_LAYOUT_FITS)
		return;
	PTHREAD_MUTEX_lock(&owner->so_mutex);
	state = glist_last_entry(&owner->so_owner.so_nfs4_owner.so_state_list,
				 state_t, state_owner_list);
	if (state && state->state_type == STATE_TYPE_DELEG &&
	    state->state_data.deleg.sd_state != DELEG_GRANTED &&
	    state->state_data.deleg.sd_state != BC_DELEG_GONE) {
		state->state_data.deleg.sd_state = DELEG_GRANTED;
		bc_count(BC_COUNT_FORGOTTEN);
	}
	PTHREAD_MUTEX_unlock(&owner->so_mutex);
}

/* nfs_client_id_expire()'s context belongs to no request and to no export, unlike
 * that of DESTROY_CLIENTID, which takes a client out of the table as well.
 */
static void hook_hashtable_deletelatched(struct hash_table *table,
					 BC_HASH_KEY *key,
					 struct hash_latch *latch,
					 struct gsh_buffdesc *stored_key,
					 struct gsh_buffdesc *stored_value)
{
	hashtable_deletelatched(table, key, latch, stored_key, stored_value);
	if (table != ht_confirmed_client_id || !stored_value || !op_ctx ||
	    op_ctx->req_type != UNKNOWN_REQUEST || op_ctx->ctx_export ||
	    bc_layout() != BC_LAYOUT_FITS)
		return;
	set_expiring(stored_value->addr);
}

/* Directly in nfs_client_id_expire() nobody but revoke_owner_delegs() makes a
 * context that has an export.
 */
static void hook_init_op_context(struct req_op_context *context,
				 struct gsh_export *export,
				 struct fsal_export *fsal_export,
				 BC_CONTEXT_PARAMETERS sockaddr_t *caller,
				 uint32_t vers, uint32_t minorvers,
				 enum request_type type)
{
	if (export && is_expiring_here())
		forget_recall(expiring.client);
	init_op_context(context, export, fsal_export,
			BC_CONTEXT_ARGUMENTS(request) caller, vers, minorvers,
			type);
}

/* The end of any context: kept states that nobody else has are freed.  That of
 * nfs_client_id_expire() is the client's: nobody answers its callbacks, and nobody will
 * ask for its revoked stateids.
 */
static void hook_release_op_context(void)
{
	bool ended = is_expiring_here();

	bc_kept_state_free_unused();
	release_op_context();
	if (!ended)
		return;
	set_expired();
	bc_client_destroy(expiring.clientid);
}

const struct bc_import_hook bc_expiry_hooks[BC_EXPIRY_IMPORTS] = {
	[BC_EXPIRY_RELEASE_OP_CONTEXT] = BC_IMPORT_HOOK(release_op_context),
	[BC_EXPIRY_INIT_OP_CONTEXT] = BC_IMPORT_HOOK(init_op_context),
	[BC_EXPIRY_HASHTABLE_DELETELATCHED] =
		BC_IMPORT_HOOK(hashtable_deletelatched),
};
