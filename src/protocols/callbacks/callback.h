/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's callback path and its operations, as the module extends them.
 */
#ifndef BC_CALLBACK_H
#define BC_CALLBACK_H

#include "config.h"
#include "hashtable.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"
#include "sal_data.h"

#include "backchannel.h"

/** ntirpc's functions, as Ganesha imports them. */
enum bc_import {
	BC_IMPORT_CLNT_REQ_SETUP,
	BC_IMPORT_CLNT_REQ_CALLBACK,
	BC_IMPORT_CLNT_REQ_RELEASE,
	BC_IMPORT_CLNT_VC_NCREATE_SVC,
	BC_IMPORT_SVC_SENDREPLY,
	BC_IMPORT_SVC_SHUTDOWN,
	BC_IMPORTS,
};

/** What a library's import is called, and what is called instead. [K] */
struct bc_import_hook {
	const char *name;
	void *original; /* what the import must lead to before */
	void *function; /* and after */
};

extern const struct bc_import_hook bc_import_hooks[BC_IMPORTS];

/** The operations of the core, for bc_core_init(). [K] */
extern const struct bc_ops bc_callback_ops;

/**
 * The core's operation: hand a callback's outcome to Ganesha's completion
 * function.  See struct bc_ops.
 */
void bc_completion_run(struct bc_call *call, enum bc_outcome outcome,
		       struct bc_reply *reply);

/** From now on the server shuts down: nothing is to be tried again. */
void bc_completion_shutdown(void);

/**
 * What Ganesha holds as a session's back channel: a CLIENT of our own.  Its
 * destruction is the session's end.
 */
struct bc_channel;

/** CREATE_SESSION in progress on this thread: the next channel is its own. */
struct bc_creation {
	struct bc_channel *channel; /* made meanwhile, +1 ref; or NULL */
};
void bc_channel_creation_begin(struct bc_creation *creation);
void bc_channel_creation_end(void);

/** Let a channel stand for a session; takes a reference to it. */
void bc_channel_set_session(struct bc_channel *channel,
			    struct bc_session *session);

/**
 * The session that a session of Ganesha's has a channel for.
 *
 * @return borrowed; or NULL: its channel is not one of ours
 *
 * Context: inside an RCU read-side section; the caller keeps Ganesha's session.
 */
struct bc_session *bc_channel_session_rcu(const nfs41_session_t *session);

/** Drop a reference. If it is the last, the session has ended. */
void bc_channel_put(struct bc_channel *channel);

/**
 * Give a session of Ganesha's a channel of our own, in place of the one it may
 * have.
 *
 * @return +1 ref; or NULL: it has one of our own already
 *
 * Context: session->clientid_record->cid_mutex is held.
 */
struct bc_channel *bc_channel_install(nfs41_session_t *session);

/**
 * What the operations' handlers extend, by opcode. Set by bc_attach() before
 * the handlers are in place. [K]
 */
extern nfs4_function_t bc_originals[NFS4_OP_LAST_ONE];

enum nfs_req_result bc_op_create_session(struct nfs_argop4 *op,
					 compound_data_t *data,
					 struct nfs_resop4 *resp);
enum nfs_req_result bc_op_backchannel_ctl(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp);
enum nfs_req_result bc_op_bind_conn_to_session(struct nfs_argop4 *op,
					       compound_data_t *data,
					       struct nfs_resop4 *resp);
enum nfs_req_result bc_op_sequence(struct nfs_argop4 *op, compound_data_t *data,
				   struct nfs_resop4 *resp);
enum nfs_req_result bc_op_destroy_session(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp);
enum nfs_req_result bc_op_destroy_clientid(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp);

enum nfs_req_result bc_op_free_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp);
enum nfs_req_result bc_op_test_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp);
/** Any operation that takes the stateid of a delegation. */
enum nfs_req_result bc_op_use_stateid(struct nfs_argop4 *op,
				      compound_data_t *data,
				      struct nfs_resop4 *resp);

/**
 * Ganesha revokes a delegation: its client is told so from now on.
 *
 * Does nothing for a v4.0 client, and while callbacks are Ganesha's own.
 *
 * @param[in] state  the delegation
 * @param[in] owner  its owner
 *
 * Context: holds the file's st_lock.
 */
void bc_delegation_revoked(const state_t *state, const state_owner_t *owner);

/**
 * A client may be restarting: let its former instance's delegations be revoked
 * at once, whatever recalls of them are under way.
 *
 * @param[in] successor  the client id that CREATE_SESSION is about to confirm
 *
 * @return the former instance's client id; 0: there is none with recalls
 *
 * Context: CREATE_SESSION's handler, before the original.
 */
clientid4 bc_restart_prepare(clientid4 successor);

/**
 * Find Ganesha's record of a confirmed client.
 *
 * @param[in]  clientid
 * @param[out] latch     to be given to bc_client_record_release(), if found
 *
 * @return the record, borrowed until then; or NULL: there is none
 *
 * Context: any thread.  Until the release, no lock may be waited for that is
 * held elsewhere when the table is looked into: see bc_try_lock().
 */
nfs_client_id_t *bc_client_record_acquire(clientid4 clientid,
					  struct hash_latch *latch);
void bc_client_record_release(struct hash_latch *latch);

/**
 * Lock a mutex that elsewhere may be taken before what is held here: give up
 * after a while.
 */
bool bc_try_lock(pthread_mutex_t *mutex);

/** Whether the structures that we read are laid out as we know them. */
enum bc_layout { BC_LAYOUT_UNKNOWN, BC_LAYOUT_FITS, BC_LAYOUT_MISFIT };

enum bc_layout bc_layout(void);

/**
 * Compare what we read of the first session with what we know of it.
 *
 * On a match the session gets a channel of our own.  On a mismatch everything
 * that was replaced is put back, and what did not fit is logged.
 *
 * @param[in] data      the COMPOUND that created the session
 * @param[in] clientid  as the client gave it
 * @param[in] resok     as the server answered
 *
 * @return the session's channel, +1 ref; or NULL: the session stays Ganesha's
 *
 * Context: CREATE_SESSION's handler, after the original.
 */
struct bc_channel *bc_layout_verify(const compound_data_t *data,
				    clientid4 clientid,
				    const CREATE_SESSION4resok *resok);

#endif /* BC_CALLBACK_H */
