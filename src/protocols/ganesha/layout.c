/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The layout of Ganesha's structures, as the first session shows it.
 *
 * What is read here is compared with what the client sent and was answered:
 * where a structure is laid out otherwise, some of it differs.  What is only
 * written, or is of no certain value, is vouched for by what is before and behind
 * it.  A pointer is compared with one that is known before it is followed, or
 * followed by bc_memory_read().
 */
#include "ganesha/layout.h"

#include "ganesha/dialect.h"
#include "ganesha/memory.h"
#include "ganesha/mutex.h"

#include <string.h>
#include <urcu/uatomic.h>

struct bc_layouts bc_layouts;
static void (*layout_misfit_function)(void); /* [K] */

void bc_layout_set(enum bc_layout layout)
{
	uatomic_set(&bc_layouts.sessions, layout);
}

void bc_layout_on_misfit(void (*function)(void))
{
	layout_misfit_function = function;
}

void bc_layout_refuse(const char *misfit)
{
	bc_layout_set(BC_LAYOUT_MISFIT);
	LogCrit(COMPONENT_NFS_CB,
		"detached: this Ganesha lays out its structures otherwise: the %s does not fit",
		misfit);
	layout_misfit_function();
}

const char *bc_layout_session_misfit(const nfs41_session_t *session,
				     const nfs_client_id_t *client,
				     const CREATE_SESSION4resok *resok)
{
	if (session->clientid != client->cid_clientid)
		return "session's clientid";
	if (session->clientid_record != client)
		return "session's client record";
	if (session->back_channel_attrs.ca_maxrequests !=
		    resok->csr_back_chan_attrs.ca_maxrequests ||
	    session->back_channel_attrs.ca_maxrequestsize !=
		    resok->csr_back_chan_attrs.ca_maxrequestsize)
		return "session's back channel attributes";
	if (session->nb_slots != resok->csr_fore_chan_attrs.ca_maxrequests)
		return "session's number of slots";
	if (!session->cb_chan.clnt != !(session->flags & session_bc_up))
		return "session's back channel";
	/* It follows what is kept of the back channel, cb_chan_down at last.  All
	 * sessions of a client start with its id.
	 */
	if (memcmp(client->cid_create_session_slot.CREATE_SESSION4res_u
			   .csr_resok4.csr_sessionid,
		   resok->csr_sessionid, sizeof(clientid4)))
		return "client record's last answer";
	return NULL;
}

/* The owner of the client's record: what is revoked of a client is its. */
static const char *client_owner_misfit(const nfs_client_id_t *client)
{
	const state_nfs4_owner_t *owner =
		&client->cid_owner.so_owner.so_nfs4_owner;

	if (client->cid_owner.so_type != STATE_CLIENTID_OWNER_NFSV4 ||
	    owner->so_clientid != client->cid_clientid ||
	    owner->so_clientrec != client)
		return "client record's owner";
	return NULL;
}

/* What shows that num_revokes is where it is: the minor version before it, and
 * the client's statistics behind it.
 */
static const char *client_counts_misfit(const nfs_client_id_t *client)
{
	long word;

	if (client->cid_minorversion < 1 || client->cid_minorversion > 2)
		return "client record's minor version";
	if (!bc_memory_read(&word, client->gsh_client, sizeof(word)))
		return "client record's statistics";
	return NULL;
}

/* The record of all instances of the client.  Other threads may replace them
 * meanwhile.
 */
static const char *instances_misfit(const nfs_client_id_t *client)
{
	nfs_client_record_t record;

	if (!bc_memory_read(&record, client->cid_client_record,
			    sizeof(record)) ||
	    record.cr_refcount <= 0 ||
	    (record.cr_confirmed_rec && record.cr_confirmed_rec != client) ||
	    record.cr_client_val_len < 0 ||
	    record.cr_client_val_len > NFS4_OPAQUE_LIMIT)
		return "client record's record of instances";
	return NULL;
}

const char *bc_layout_misfit(const compound_data_t *data,
			     const nfs_client_id_t *client, clientid4 clientid)
{
	if (data->opcode != NFS4_OP_CREATE_SESSION || !data->req ||
	    !data->req->rq_xprt)
		return "compound's data";
	if (client->cid_clientid != clientid)
		return "client record's id";
	return NULL;
}

const char *bc_layout_list_misfit(const nfs_client_id_t *client)
{
	const struct glist_head *list = &client->cid_cb.v41.cb_session_list;
	const char *misfit;

	if (!list->next || list->next->prev != list)
		return "client record's list of sessions";
	misfit = client_owner_misfit(client);
	if (!misfit)
		misfit = client_counts_misfit(client);
	if (!misfit)
		misfit = instances_misfit(client);
	return misfit;
}

/* Operation contexts ------------------------------------------------------- */

/** One of them, with room for a longer one. */
union context {
	struct req_op_context op;
	char room[2 * sizeof(struct req_op_context)];
};

const char *bc_layout_context_misfit(void)
{
	union context outer, inner;
	bool fits;

	init_op_context_simple(&outer.op, NULL, NULL);
	init_op_context(&inner.op, NULL, NULL, BC_CONTEXT_ARGUMENTS(NULL) NULL,
			NFS_V4, 1, NFS_REQUEST);
	fits = op_ctx == &inner.op && inner.op.saved_op_ctx == &outer.op &&
	       inner.op.nfs_vers == NFS_V4 && inner.op.nfs_minorvers == 1 &&
	       inner.op.req_type == NFS_REQUEST &&
	       outer.op.req_type == UNKNOWN_REQUEST && !inner.op.client;
	release_op_context();
	release_op_context();
	return fits ? NULL : "operation context";
}

/* Delegations -------------------------------------------------------------- */

/* Of lists that are looked at, this is more than they have to be looked at. */
#define LIST_MAX 4096

/* Whether an element is on a list, which leads to it from both sides. */
static bool list_has(const struct glist_head *list,
		     const struct glist_head *element)
{
	struct glist_head at;
	const struct glist_head *here = element;

	if (!bc_memory_read(&at, element->prev, sizeof(at)) ||
	    at.next != element)
		return false;
	for (int i = 0; i < LIST_MAX && here != list; i++) {
		if (!bc_memory_read(&at, here, sizeof(at)))
			return false;
		here = at.next;
	}
	return here == list;
}

/* More revocations than any client has, before Ganesha grants it nothing. */
#define REVOCATIONS_MAX (1 << 20)

/* What lease_op2 is told of the owner, and whose delegation it is. */
static const char *delegation_owner_misfit(const state_t *state,
					   state_owner_t *owner)
{
	nfs_client_id_t *client =
		container_of(owner, nfs_client_id_t, cid_owner);
	uint8_t down;

	if (state->state_owner != owner)
		return "delegation's owner";
	if (owner->so_owner.so_nfs4_owner.so_clientrec != client ||
	    client_owner_misfit(client))
		return "owner's client record";
	/* A stateid starts with the client's id. */
	if (memcmp(state->stateid_other, &client->cid_clientid,
		   sizeof(client->cid_clientid)))
		return "delegation's stateid";
	/* Other threads may change both of these. */
	memcpy(&down, &client->cid_cb.v40.cb_chan_down, sizeof(down));
	if (down > 1)
		return "client record's state of the back channel";
	if (client->num_revokes > REVOCATIONS_MAX)
		return "client record's number of revocations";
	return NULL;
}

static const char *delegation_misfit(const state_t *state, bool write)
{
	const struct state_deleg *deleg = &state->state_data.deleg;

	if (state->state_type != STATE_TYPE_DELEG)
		return "delegation's type of state";
	if (deleg->sd_state != DELEG_GRANTED ||
	    !(write ? bc_type_is_write(deleg->sd_type) :
		      bc_type_is_read(deleg->sd_type)))
		return "delegation's state";
	if (state->state_refcount <= 0 || !state->state_seqid)
		return "delegation's counts";
	return NULL;
}

/* Ganesha adds the state to the lists of its file and of its owner before it asks
 * for the lease.
 */
static const char *delegation_file_misfit(const state_t *state)
{
	struct fsal_obj_handle *obj = state->state_obj;
	struct state_hdl *hdl, copy;

	_Static_assert(sizeof(copy) <= BC_MEMORY_READ_MAX, "it can be read");
	if (!bc_memory_read(&hdl, &obj->state_hdl, sizeof(hdl)) ||
	    !bc_memory_read(&copy, hdl, sizeof(copy)))
		return "delegation's file";
	if (copy.file.obj != obj)
		return "file's states";
	if (!list_has(&hdl->file.list_of_states, &state->state_list))
		return "file's list of states";
	if (!list_has(&hdl->file.nlm_share_list, copy.file.nlm_share_list.next))
		return "file's list of shares";
	return NULL;
}

/* Context: holds export->lock. */
static const char *export_list_misfit(const state_t *state,
				      const struct gsh_export *export)
{
	return list_has(&export->exp_state_list, &state->state_export_list) ?
		       NULL :
		       "export's list of states";
}

/* Context: holds owner->so_mutex. */
static const char *owner_list_misfit(const state_t *state,
				     const state_owner_t *owner)
{
	return list_has(&owner->so_owner.so_nfs4_owner.so_state_list,
			&state->state_owner_list) ?
		       NULL :
		       "owner's list of states";
}

static void delegation_verify(const state_t *state, state_owner_t *owner,
			      bool write)
{
	const char *misfit = delegation_owner_misfit(state, owner);
	struct gsh_export *export = op_ctx->ctx_export;

	if (!misfit && state->state_export != export)
		misfit = "delegation's export";
	if (!misfit)
		misfit = delegation_misfit(state, write);
	if (!misfit)
		misfit = delegation_file_misfit(state);
	if (!misfit) {
		/* Busy: the next one shows it. */
		if (!bc_mutex_try_read(bc_export_lock(export)))
			return;
		misfit = export_list_misfit(state, export);
		pthread_rwlock_unlock(bc_export_lock(export));
	}
	if (!misfit) {
		if (!bc_mutex_try(&owner->so_mutex))
			return;
		misfit = owner_list_misfit(state, owner);
		pthread_mutex_unlock(&owner->so_mutex);
	}
	uatomic_set(&bc_layouts.delegations,
		    misfit ? BC_LAYOUT_MISFIT : BC_LAYOUT_FITS);
	if (misfit)
		LogCrit(COMPONENT_NFS_CB,
			"this Ganesha lays out its delegations otherwise: the %s does not fit; Leases grants none, and neither revoked stateids nor a restarted client's recalls are looked after",
			misfit);
}

enum bc_layout bc_layout_delegation_verify(state_t *state, state_owner_t *owner,
					   bool write)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

	if (bc_layout_of_delegations() != BC_LAYOUT_UNKNOWN)
		return bc_layout_of_delegations();
	pthread_mutex_lock(&one_at_a_time);
	if (bc_layout_of_delegations() == BC_LAYOUT_UNKNOWN)
		delegation_verify(state, owner, write);
	pthread_mutex_unlock(&one_at_a_time);
	return bc_layout_of_delegations();
}

/* Locks ----------------------------------------------------------------------- */

/* Copies, as none of these has been verified. */
struct lock_copy {
	state_lock_entry_t lock;
	state_t state;
	state_owner_t owner;
};

/* The first lock of a file. @return whether it has one that can be read */
static bool lock_read(const struct fsal_obj_handle *obj, struct lock_copy *copy,
		      const char **misfit)
{
	const struct glist_head *list;
	struct state_hdl *hdl, hdl_copy;

	*misfit = "file of a lock";
	if (!bc_memory_read(&hdl, &obj->state_hdl, sizeof(hdl)) ||
	    !bc_memory_read(&hdl_copy, hdl, sizeof(hdl_copy)) ||
	    hdl_copy.file.obj != obj)
		return false;
	list = &hdl->file.lock_list;
	*misfit = NULL;
	if (hdl_copy.file.lock_list.next == list)
		return false;
	*misfit = "file's list of locks";
	if (!list_has(list, hdl_copy.file.lock_list.next) ||
	    !bc_memory_read(&copy->lock,
			    glist_entry(hdl_copy.file.lock_list.next,
					state_lock_entry_t, sle_list),
			    sizeof(copy->lock)))
		return false;
	*misfit = NULL;
	if (!copy->lock.sle_state || !copy->lock.sle_owner)
		return false; /* of no NFSv4 client */
	*misfit = "lock's state or owner";
	if (!bc_memory_read(&copy->state, copy->lock.sle_state,
			    sizeof(copy->state)) ||
	    !bc_memory_read(&copy->owner, copy->lock.sle_owner,
			    sizeof(copy->owner)))
		return false;
	*misfit = NULL;
	return true;
}

static const char *lock_misfit(const struct fsal_obj_handle *obj,
			       const struct lock_copy *copy)
{
	const state_owner_t *owner = &copy->owner;

	if (copy->lock.sle_obj != obj || copy->state.state_obj != obj)
		return "lock's file";
	if (copy->lock.sle_lock.lock_type != FSAL_LOCK_R &&
	    copy->lock.sle_lock.lock_type != FSAL_LOCK_W)
		return "lock's type";
	if (copy->state.state_owner != copy->lock.sle_owner)
		return "lock's owner";
	if (owner->so_owner_len > NFS4_OPAQUE_LIMIT ||
	    memcmp(copy->state.stateid_other,
		   &owner->so_owner.so_nfs4_owner.so_clientid,
		   sizeof(clientid4)))
		return "lock owner's client";
	if (!list_has(&obj->state_hdl->file.list_of_states,
		      &copy->lock.sle_state->state_list))
		return "list of states of a file with locks";
	return NULL;
}

static void lock_verify(const struct fsal_obj_handle *obj)
{
	struct lock_copy copy;
	const char *misfit;

	if (lock_read(obj, &copy, &misfit)) {
		/* NLM's and 9P's: the next one shows it. */
		if (copy.state.state_type != STATE_TYPE_LOCK ||
		    copy.owner.so_type != STATE_LOCK_OWNER_NFSV4)
			return;
		misfit = lock_misfit(obj, &copy);
	} else if (!misfit) {
		return;
	}
	uatomic_set(&bc_layouts.locks,
		    misfit ? BC_LAYOUT_MISFIT : BC_LAYOUT_FITS);
	if (misfit)
		LogCrit(COMPONENT_NFS_CB,
			"this Ganesha lays out its locks otherwise: the %s does not fit; who waits for a lock is not told when it is free",
			misfit);
}

enum bc_layout bc_layout_lock_verify(const struct fsal_obj_handle *obj)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

	if (bc_layout_of_locks() != BC_LAYOUT_UNKNOWN)
		return bc_layout_of_locks();
	pthread_mutex_lock(&one_at_a_time);
	if (bc_layout_of_locks() == BC_LAYOUT_UNKNOWN)
		lock_verify(obj);
	pthread_mutex_unlock(&one_at_a_time);
	return bc_layout_of_locks();
}
