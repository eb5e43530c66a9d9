/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Clients, sessions and files: one COMPOUND each. */
#include "nfs41.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "responder.h"

/* ---- Clients ---- */

void nfs_client_init(struct nfs_client *client, struct nfs_loop *loop,
		     uint16_t port, unsigned int n)
{
	uint64_t boot = nfs_now_ns();

	*client = (struct nfs_client){ .loop = loop,
				       .server = "127.0.0.1",
				       .port = port,
				       .minorversion = 1,
				       .cred.flavor = AUTH_SYS };
	snprintf(client->source, sizeof(client->source), "127.%u.%u.%u",
		 1 + n / 64000 % 250, n / 250 % 256, 1 + n % 250);
	snprintf(client->owner, sizeof(client->owner), "client-%u", n);
	snprintf(client->cred.sys.machine, sizeof(client->cred.sys.machine),
		 "%s", client->owner);
	memcpy(client->verifier, &boot, sizeof(client->verifier));
}

struct nfs_conn *nfs_client_connect(struct nfs_client *client)
{
	struct nfs_conn *conn = nfs_conn_open_to(client->loop, client->source,
						 client->server, client->port);

	if (conn && client->responder)
		cb_responder_attach(client->responder, conn);
	return conn;
}

int nfs_exchange_id(struct nfs_client *client, struct nfs_conn *conn)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init_bare(&compound, client, conn);
	nfs_put_exchange_id(&compound, client);
	status = nfs_compound_call(&compound);
	if (!status) {
		res = nfs_compound_res(&compound, OP_EXCHANGE_ID);
		client->clientid = res->exchange_id.clientid;
		client->sequence = res->exchange_id.sequence;
		client->flags = res->exchange_id.flags;
		memcpy(client->scope, res->exchange_id.scope,
		       sizeof(client->scope));
	}
	nfs_compound_fini(&compound);
	return status;
}

int nfs_destroy_clientid(struct nfs_client *client, struct nfs_conn *conn)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, client, conn);
	nfs_put_destroy_clientid(&compound, client->clientid);
	return nfs_compound_finish(&compound);
}

/* ---- Sessions ---- */

void nfs_create_session_args_init(struct nfs_create_session_args *args)
{
	static const struct nfs_sec_parms sys = {
		.flavor = AUTH_SYS,
		.sys = { .machine = "callback" },
	};

	*args = (struct nfs_create_session_args){
		.flags = CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
		.cb_program = 0x40000000,
		.fore = { .maxrequestsize = 1u << 20,
			  .maxresponsesize = 1u << 20,
			  .maxresponsesize_cached = 8192,
			  .maxoperations = 32,
			  .maxrequests = 64 },
		.back = { .maxrequestsize = 4096,
			  .maxresponsesize = 4096,
			  .maxoperations = 2,
			  .maxrequests = 16 },
		.sec = &sys,
		.nsec = 1,
	};
}

void nfs_session_init(struct nfs_session *session, struct nfs_client *client,
		      struct nfs_conn *conn,
		      const struct nfs_create_session_args *args)
{
	*session = (struct nfs_session){ .client = client };
	pthread_mutex_init(&session->lock, NULL);
	nfs_cond_init(&session->slot_freed);
	session->conn = nfs_conn_get(conn);
	session->create_sequence = client->sequence;
	if (args)
		session->create_args = *args;
	else
		nfs_create_session_args_init(&session->create_args);
}

bool nfs_session_created(struct nfs_session *session,
			 const struct nfs_compound *compound)
{
	const struct nfs_res *res =
		nfs_compound_res(compound, OP_CREATE_SESSION);

	if (compound->error || !res || res->status != NFS4_OK)
		return false;
	memcpy(session->id, res->create_session.id, sizeof(session->id));
	session->flags = res->create_session.flags;
	session->fore = res->create_session.fore;
	session->back = res->create_session.back;
	session->client->sequence++;
	session->nslots = session->fore.maxrequests;
	session->slots = calloc(session->nslots, sizeof(*session->slots));
	if (!session->slots)
		abort();
	for (uint32_t i = 0; i < session->nslots; i++)
		session->slots[i].sequence = 1;
	if (session->client->responder)
		cb_responder_add_session(session->client->responder,
					 session->id, &session->back, session);
	return true;
}

static void session_created(struct nfs_compound *compound)
{
	nfs_session_created(compound->arg, compound);
}

int nfs_create_session(struct nfs_session *session, struct nfs_client *client,
		       struct nfs_conn *conn,
		       const struct nfs_create_session_args *args)
{
	struct nfs_compound compound;

	nfs_session_init(session, client, conn, args);
	nfs_compound_init_bare(&compound, client, conn);
	nfs_put_create_session(&compound, client->clientid, client->sequence,
			       &session->create_args);
	compound.arg = session;
	compound.on_reply = session_created;
	return nfs_compound_finish(&compound);
}

int nfs_replay_create_session(struct nfs_session *session,
			      struct nfs_conn *conn, uint8_t *id,
			      uint32_t *flags)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init_bare(&compound, session->client, conn);
	nfs_put_create_session(&compound, session->client->clientid,
			       session->create_sequence, &session->create_args);
	status = nfs_compound_call(&compound);
	if (!status) {
		res = nfs_compound_res(&compound, OP_CREATE_SESSION);
		if (id)
			memcpy(id, res->create_session.id, NFS4_SESSIONID_SIZE);
		if (flags)
			*flags = res->create_session.flags;
	}
	nfs_compound_fini(&compound);
	return status;
}

/* In the loop thread: no callback is due after this reply. */
static void session_destroyed(struct nfs_compound *compound)
{
	struct nfs_session *session = compound->arg;

	if (!compound->error && compound->status == NFS4_OK &&
	    session->client->responder)
		cb_responder_remove_session(session->client->responder,
					    session->id);
}

int nfs_destroy_session(struct nfs_session *session, struct nfs_conn *conn)
{
	struct nfs_compound compound;

	nfs_compound_init_bare(&compound, session->client,
			       conn ? conn : session->conn);
	nfs_put_destroy_session(&compound, session->id);
	compound.arg = session;
	compound.on_reply = session_destroyed;
	return nfs_compound_finish(&compound);
}

void nfs_session_fini(struct nfs_session *session)
{
	if (session->client->responder)
		cb_responder_remove_session(session->client->responder,
					    session->id);
	nfs_conn_put(session->conn);
	free(session->slots);
	pthread_mutex_destroy(&session->lock);
	pthread_cond_destroy(&session->slot_freed);
}

void nfs_session_set_conn(struct nfs_session *session, struct nfs_conn *conn)
{
	struct nfs_conn *old = session->conn;

	session->conn = nfs_conn_get(conn);
	nfs_conn_put(old);
}

static int recover_slot(struct nfs_session *session, uint32_t i)
{
	struct nfs_slot *slot = &session->slots[i];
	struct nfs_compound compound;
	int status;

	nfs_compound_init_bare(&compound, session->client, session->conn);
	nfs_put_sequence(&compound, session->id, slot->sequence, i, i, false);
	status = nfs_compound_finish(&compound);
	if (status < 0)
		return status;
	pthread_mutex_lock(&session->lock);
	slot->sequence++;
	slot->lost = false;
	slot->busy = false;
	pthread_cond_broadcast(&session->slot_freed);
	pthread_mutex_unlock(&session->lock);
	return 0;
}

int nfs_session_recover(struct nfs_session *session)
{
	int error = 0;

	for (uint32_t i = 0; i < session->nslots && !error; i++) {
		bool lost;

		pthread_mutex_lock(&session->lock);
		lost = session->slots[i].lost;
		pthread_mutex_unlock(&session->lock);
		if (lost)
			error = recover_slot(session, i);
	}
	return error;
}

int nfs_client_mount(struct nfs_client *client, struct nfs_session *session)
{
	struct nfs_conn *conn = nfs_client_connect(client);
	int status;

	if (!conn)
		return -errno;
	status = nfs_exchange_id(client, conn);
	if (!status) {
		status = nfs_create_session(session, client, conn, NULL);
		if (!status)
			status = nfs_reclaim_complete(session);
		if (status)
			nfs_session_fini(session);
	}
	nfs_conn_put(conn);
	return status;
}

int nfs_client_restart(struct nfs_session *session, struct nfs_conn *conn)
{
	struct nfs_client *client = session->client;
	int status;

	client->verifier[0]++;
	status = nfs_exchange_id(client, conn);
	if (status)
		return status;
	nfs_session_fini(session);
	status = nfs_create_session(session, client, conn, NULL);
	return status ? status : nfs_reclaim_complete(session);
}

void nfs_client_unmount(struct nfs_session *session)
{
	nfs_destroy_session(session, NULL);
	nfs_destroy_clientid(session->client, session->conn);
	nfs_session_fini(session);
}

int nfs_bind_conn(struct nfs_session *session, struct nfs_conn *conn,
		  uint32_t dir, uint32_t *dir_out)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init_bare(&compound, session->client, conn);
	nfs_put_bind_conn(&compound, session->id, dir, false);
	status = nfs_compound_call(&compound);
	if (!status && dir_out)
		*dir_out = nfs_compound_res(&compound, OP_BIND_CONN_TO_SESSION)
				   ->bind_conn.dir;
	nfs_compound_fini(&compound);
	return status;
}

int nfs_backchannel_ctl(struct nfs_session *session, uint32_t cb_program,
			const struct nfs_sec_parms *sec, uint32_t nsec)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_backchannel_ctl(&compound, cb_program, sec, nsec);
	return nfs_compound_finish(&compound);
}

int nfs_sequence_on(struct nfs_session *session, struct nfs_conn *conn,
		    uint32_t *flags)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, session);
	compound.conn = conn;
	status = nfs_compound_call(&compound);
	if (!status && flags)
		*flags = nfs_compound_res(&compound, OP_SEQUENCE)
				 ->sequence.status_flags;
	nfs_compound_fini(&compound);
	return status;
}

int nfs_sequence(struct nfs_session *session, uint32_t *flags)
{
	return nfs_sequence_on(session, session->conn, flags);
}

int nfs_reclaim_complete(struct nfs_session *session)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_reclaim_complete(&compound, false);
	return nfs_compound_finish(&compound);
}

/* ---- Files ---- */

int nfs_open_with(struct nfs_session *session, const char *path,
		  const struct nfs_open_args *args, struct nfs_file *file)
{
	struct nfs_open_args filled = *args;
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, session);
	/* These two claims name a file, the others are made on it. */
	if (args->claim == CLAIM_NULL || args->claim == CLAIM_DELEGATE_CUR)
		filled.name = nfs_put_parent(&compound, path);
	else
		nfs_put_path(&compound, path);
	if (!filled.owner)
		filled.owner = session->client->owner;
	filled.clientid = session->client->clientid;
	nfs_put_open(&compound, &filled);
	nfs_put_getfh(&compound);
	status = nfs_compound_call(&compound);
	if (!status) {
		const struct nfs_res *open =
			nfs_compound_res(&compound, OP_OPEN);

		file->stateid = open->open.stateid;
		file->rflags = open->open.rflags;
		file->delegation = open->open.delegation;
		file->fh = nfs_compound_res(&compound, OP_GETFH)->fh;
	}
	nfs_compound_fini(&compound);
	return status;
}

int nfs_open(struct nfs_session *session, const char *path, uint32_t share,
	     struct nfs_file *file)
{
	struct nfs_open_args args = { .share_access = share };

	return nfs_open_with(session, path, &args, file);
}

int nfs_create(struct nfs_session *session, const char *path, uint32_t share,
	       struct nfs_file *file)
{
	struct nfs_open_args args = { .share_access = share, .create = true };

	return nfs_open_with(session, path, &args, file);
}

int nfs_close(struct nfs_session *session, const struct nfs_file *file)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_close(&compound, 0, &file->stateid);
	return nfs_compound_finish(&compound);
}

int nfs_lookup(struct nfs_session *session, const char *path, struct nfs_fh *fh)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_path(&compound, path);
	nfs_put_getfh(&compound);
	status = nfs_compound_call(&compound);
	if (!status)
		*fh = nfs_compound_res(&compound, OP_GETFH)->fh;
	nfs_compound_fini(&compound);
	return status;
}

int nfs_lock(struct nfs_session *session, const struct nfs_file *file,
	     const char *owner, enum nfs_lock_type4 type, struct nfs_res *res)
{
	struct nfs_compound compound;
	const struct nfs_res *lock;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_lock(&compound, type, session->client->clientid, owner,
		     &file->stateid, 0);
	status = nfs_compound_call(&compound);
	lock = nfs_compound_res(&compound, OP_LOCK);
	if (lock && res) {
		*res = *lock;
		if (res->status == NFS4ERR_DENIED)
			res->denied.owner = NULL;
	}
	nfs_compound_fini(&compound);
	return status;
}

int nfs_locku(struct nfs_session *session, const struct nfs_file *file,
	      const struct nfs_stateid *lock)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_locku(&compound, WRITE_LT, lock);
	return nfs_compound_finish(&compound);
}

int nfs_read(struct nfs_session *session, const struct nfs_fh *fh,
	     const struct nfs_stateid *stateid, uint64_t offset, void *data,
	     uint32_t *len)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_read(&compound, stateid, offset, *len);
	status = nfs_compound_call(&compound);
	if (!status) {
		res = nfs_compound_res(&compound, OP_READ);
		if (res->read.len > *len) {
			status = -EBADMSG;
		} else {
			*len = res->read.len;
			memcpy(data, res->read.data, *len);
		}
	}
	nfs_compound_fini(&compound);
	return status;
}

int nfs_write(struct nfs_session *session, const struct nfs_fh *fh,
	      const struct nfs_stateid *stateid, uint64_t offset,
	      const void *data, uint32_t len)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_write(&compound, stateid, offset, data, len);
	return nfs_compound_finish(&compound);
}

int nfs_getattr(struct nfs_session *session, const struct nfs_fh *fh,
		uint64_t *size, uint64_t *change)
{
	struct nfs_compound compound;
	const struct nfs_res *res;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_getattr(&compound);
	status = nfs_compound_call(&compound);
	if (!status) {
		res = nfs_compound_res(&compound, OP_GETATTR);
		if (size)
			*size = res->attr.size;
		if (change)
			*change = res->attr.change;
	}
	nfs_compound_fini(&compound);
	return status;
}

int nfs_setattr_size(struct nfs_session *session, const struct nfs_fh *fh,
		     const struct nfs_stateid *stateid, uint64_t size)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_setattr_size(&compound, stateid, size);
	return nfs_compound_finish(&compound);
}

int nfs_setattr(struct nfs_session *session, const struct nfs_fh *fh,
		const struct nfs_stateid *stateid,
		const struct nfs_setattrs *attrs)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_setattr(&compound, stateid, attrs);
	return nfs_compound_finish(&compound);
}

int nfs_remove(struct nfs_session *session, const char *path)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_remove(&compound, nfs_put_parent(&compound, path));
	return nfs_compound_finish(&compound);
}

int nfs_delegreturn(struct nfs_session *session, const struct nfs_fh *fh,
		    const struct nfs_stateid *stateid)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_putfh(&compound, fh);
	nfs_put_delegreturn(&compound, stateid);
	return nfs_compound_finish(&compound);
}

int nfs_free_stateid(struct nfs_session *session,
		     const struct nfs_stateid *stateid)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, session);
	nfs_put_free_stateid(&compound, stateid);
	return nfs_compound_finish(&compound);
}

int nfs_test_stateid(struct nfs_session *session,
		     const struct nfs_stateid *stateid)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, session);
	nfs_put_test_stateid(&compound, stateid);
	status = nfs_compound_call(&compound);
	if (!status)
		status = nfs_compound_res(&compound, OP_TEST_STATEID)
				 ->test_status;
	nfs_compound_fini(&compound);
	return status;
}
