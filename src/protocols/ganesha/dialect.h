/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What differs between the versions of Ganesha that the module can be built for:
 * with ntirpc.h the one place that asks which one it is.  BC_GANESHA is the major
 * version of the source tree that the headers are from.
 */
#ifndef BC_DIALECT_H
#define BC_DIALECT_H

#include "config.h"
#include "export_mgr.h"
#include "nfs_core.h"
#include "sal_data.h"

/* Names ---------------------------------------------------------------------- */

/** The mutex of a session's back channel. */
static inline pthread_mutex_t *bc_channel_mutex(rpc_call_channel_t *channel)
{
#if BC_GANESHA >= 5
	return &channel->chan_mtx;
#else
	return &channel->mtx;
#endif
}

/** The mutex of a slot of a session's fore channel. */
static inline pthread_mutex_t *bc_slot_mutex(nfs41_session_slot_t *slot)
{
#if BC_GANESHA >= 5
	return &slot->slot_lock;
#else
	return &slot->lock;
#endif
}

/** The lock of an export's lists of states. */
static inline pthread_rwlock_t *bc_export_lock(struct gsh_export *export)
{
#if BC_GANESHA >= 5
	return &export->exp_lock;
#else
	return &export->lock;
#endif
}

/* Clients -------------------------------------------------------------------- */

/** The server's owner and scope are made for the first EXCHANGE_ID, unlocked. */
#define BC_NAMES_ITSELF_LATE (BC_GANESHA < 6)

/** A session remembers its first sixteen connections, and those for good: it is
 * destroyed over none but these.
 */
#define BC_FORGETS_NO_CONNECTION (BC_GANESHA < 6)

/** Whether it remembers as many as it can. Context: the session is there. */
static inline bool bc_session_is_full_of_connections(nfs41_session_t *session)
{
#if BC_GANESHA < 6
	bool full;

	pthread_rwlock_rdlock(&session->conn_lock);
	full = session->num_conn == NFS41_MAX_CONNECTIONS;
	pthread_rwlock_unlock(&session->conn_lock);
	return full;
#else
	(void)session;
	return false;
#endif
}

/** Have a session that is full of them remember this one for the oldest.
 * Context: the session is there.
 */
static inline void bc_session_remember_connection(nfs41_session_t *session,
						  SVCXPRT *xprt)
{
#if BC_GANESHA < 6
	const struct netbuf *address = svc_getcaller_netbuf(xprt);
	sockaddr_t *oldest = session->connections;
	sockaddr_t *last = &oldest[NFS41_MAX_CONNECTIONS - 1];

	pthread_rwlock_wrlock(&session->conn_lock);
	memmove(oldest, oldest + 1, (char *)last - (char *)oldest);
	memcpy(last, address->buf, address->len);
	pthread_rwlock_unlock(&session->conn_lock);
#else
	(void)session;
	(void)xprt;
#endif
}

/* Exports -------------------------------------------------------------------- */

/** An export whose states are deleted next is marked as gone when that is done.  Since
 * 9 it is before: nobody gets at the states any more while they are deleted, and
 * nfs_client_id_expire() ends the server when it has tried a hundred times.
 * Context: prepare_unexport().
 */
static inline void bc_export_not_gone_yet(struct gsh_export *export)
{
#if BC_GANESHA >= 9
	export->export_status = EXPORT_READY;
#else
	(void)export;
#endif
}

/** Its states have been deleted: it is what release_export() has marked it as. */
static inline void bc_export_gone(struct gsh_export *export)
{
#if BC_GANESHA >= 9
	export->export_status = EXPORT_STALE;
#else
	(void)export;
#endif
}

/* Parameters ----------------------------------------------------------------- */

/* Those that functions have got which are called in place of Ganesha's, and the same
 * as arguments: init_op_context() after its third; what changes a directory after its
 * last, for the attributes before and after of each that it changes.
 */
#if BC_GANESHA >= 6
#define BC_CONTEXT_PARAMETERS nfs_request_t *request,
#define BC_CONTEXT_ARGUMENTS(request) request,
#define BC_DIR_PARAMETERS(dir)                                                 \
	, struct fsal_attrlist *dir##_before, struct fsal_attrlist *dir##_after
#define BC_DIR_ARGUMENTS(dir) , dir##_before, dir##_after
#else
#define BC_CONTEXT_PARAMETERS
#define BC_CONTEXT_ARGUMENTS(request)
#define BC_DIR_PARAMETERS(dir)
#define BC_DIR_ARGUMENTS(dir)
#endif

/* The key that hashtable_deletelatched() is given. */
#if BC_GANESHA >= 9
#define BC_HASH_KEY struct gsh_buffdesc
#else
#define BC_HASH_KEY const struct gsh_buffdesc
#endif

/* Delegations ---------------------------------------------------------------- */

/** A state is freed through the operation context of who has the last reference to it. */
#define BC_STATE_IS_FREED_BY_CONTEXT (BC_GANESHA < 6)

/** Give a state's memory back without an export, where it is freed by one: all FSALs of
 * 4.3 have it at the beginning of what they allocate, and some a lock behind it, which
 * has no memory of its own.
 */
static inline void bc_state_free_memory(state_t *state)
{
	gsh_free(state);
}

#if BC_GANESHA < 6
static inline void bc_lent_free_state(struct fsal_export *lent, state_t *state)
{
	(void)lent;
	bc_state_free_memory(state);
}
#endif

/** Lend an operation context that has no export one which frees states; it has no FSAL
 * below it.
 *
 * @return whether it was lent, for bc_export_take_back()
 */
static inline bool bc_export_lend(void)
{
#if BC_GANESHA < 6
	static struct fsal_export lent = {
		.exp_ops.free_state = bc_lent_free_state,
	};

	if (op_ctx->fsal_export)
		return false;
	op_ctx->fsal_export = &lent;
	return true;
#else
	return false;
#endif
}

static inline void bc_export_take_back(bool lent)
{
	if (lent)
		op_ctx->fsal_export = NULL;
}

/** Clients of NFSv4.2 are granted delegations with the times, if they want them. */
#define BC_DELEGATES_TIMES (BC_GANESHA >= 9)

/* Their numbers, which the headers have since then: RFC 9754. */
#define BC_TIME_DELEG_ACCESS 84
#define BC_TIME_DELEG_MODIFY 85

/** Whether a delegation's type is one of those that delegate the times, too, which a
 * client of NFSv4.2 may ask for since 9 (RFC 9754, OPEN_DELEGATE_..._ATTRS_DELEG).
 */
static inline bool bc_type_has_times(open_delegation_type4 type)
{
#if BC_GANESHA >= 9
	return type == OPEN_DELEGATE_READ_ATTRS_DELEG ||
	       type == OPEN_DELEGATE_WRITE_ATTRS_DELEG;
#else
	(void)type;
	return false;
#endif
}

/** The type without the times that is otherwise the same. */
static inline open_delegation_type4
bc_type_without_times(open_delegation_type4 type)
{
#if BC_GANESHA >= 9
	if (type == OPEN_DELEGATE_READ_ATTRS_DELEG)
		return OPEN_DELEGATE_READ;
	if (type == OPEN_DELEGATE_WRITE_ATTRS_DELEG)
		return OPEN_DELEGATE_WRITE;
#endif
	return type;
}

/** Whether a delegation is one for writing, or for reading; no type is both, and
 * those that are no delegation are neither.
 */
static inline bool bc_type_is_write(open_delegation_type4 type)
{
	return bc_type_without_times(type) == OPEN_DELEGATE_WRITE;
}

static inline bool bc_type_is_read(open_delegation_type4 type)
{
	return bc_type_without_times(type) == OPEN_DELEGATE_READ;
}

/** Ganesha takes whoever asks for the holder of a delegation by its client id, and the
 * holder of any as well as that of a write delegation.  Before, by its address.
 */
#define BC_HOLDER_IS_CLIENT_ID (BC_GANESHA >= 9)

/** By what Ganesha takes whoever asks for a holder: of the operation context. */
struct bc_asks_as {
	struct gsh_client *client;
	const uint64_t *clientid;
};

static inline struct bc_asks_as bc_asks_as(void)
{
	return (struct bc_asks_as){ op_ctx->client, op_ctx->clientid };
}

/** Let it be that holder; or NULL: nobody who holds anything. */
static inline void bc_ask_as_holder(const nfs_client_id_t *holder)
{
#if BC_HOLDER_IS_CLIENT_ID
	op_ctx->clientid = holder ? &holder->cid_clientid : NULL;
#else
	op_ctx->client = holder ? holder->gsh_client : NULL;
#endif
}

static inline void bc_ask_as(struct bc_asks_as before)
{
#if BC_HOLDER_IS_CLIENT_ID
	op_ctx->clientid = before.clientid;
#else
	op_ctx->client = before.client;
#endif
}

/** Whether Ganesha keeps a client whose lease is over, as it does from 6 on (by its
 * parameter Expired_Client_Threshold), until another one needs what it holds or there
 * are too many.  It cannot be told which: what is reaped then is not exported.  Its
 * delegations can be recalled.
 */
static inline bool bc_client_is_parked(const nfs_client_id_t *client)
{
#if BC_GANESHA >= 6
	return client->marked_for_delayed_cleanup;
#else
	(void)client;
	return false;
#endif
}

/** Ganesha keeps the stateids of all revoked delegations, until FREE_STATEID. */
#define BC_REMEMBERS_REVOKED (BC_GANESHA >= 9)

/** A delegation is not recalled while all locks of the file are its holder's own. */
#define BC_SPARES_LOCKERS (BC_GANESHA >= 9)

/** An OPEN of what its owner has open already does not come to fsal_reopen2() if its
 * client has a delegation.
 */
#define BC_SKIPS_REOPEN (BC_GANESHA >= 9)

/** What a holder has answered to CB_GETATTR stays, and is what every GETATTR says, until
 * the delegation is returned.  Before, who fetches it first takes it away.
 */
#define BC_KEEPS_GETATTR_ANSWER (BC_GANESHA >= 9)

/** What is tried again while the server ends aborts it (5 to 8), or revokes the
 * delegation (9), which its client could not reclaim.  Before, it is not tried.
 */
#define BC_RETRIES_AT_THE_END (BC_GANESHA >= 5)

/** FSAL CEPH has one lease for all delegations of a file, on the descriptor that is
 * everybody's: who gives one back gives all back.
 */
#define BC_CEPH_HAS_ONE_LEASE (BC_GANESHA < 9)

/** FSAL CEPH's lease is on the descriptor of the holder's open, and ends with it, while
 * the delegation stays; and it is given back as soon as its recall is queued.
 */
#define BC_CEPH_LOSES_LEASES (BC_GANESHA >= 9)

/** DELEGRETURN lowers the file's count of delegations with its st_lock held.  That
 * is when the number of delegated files is lowered, too, which is limited.
 */
#define BC_RETURN_COUNTS_LOCKED (BC_GANESHA >= 6)

/* Locks ---------------------------------------------------------------------- */

/** Whether who is denied a lock and will wait for it (READW_LT, WRITEW_LT) is told when
 * it may have it, whatever the version of its protocol, and is denied it without a
 * description of the one that is in its way.  Since 9 it can be configured; without it
 * they are denied as others are, with a description.
 */
static inline bool bc_notifies_locks(void)
{
#if BC_GANESHA >= 9
	return nfs_param.nfsv4_param.allow_blocking_locks;
#else
	return BC_GANESHA >= 6;
#endif
}

#endif /* BC_DIALECT_H */
