/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An NFSv4.1/4.2 client for tests: clients, sessions, COMPOUNDs.
 *
 * Two levels.  The COMPOUND builder sends whatever a test composes, over any
 * connection, session and slot, and decodes every known result.  The functions
 * of one operation each are thin users of it.
 *
 * Return values of those: 0 (NFS4_OK), a positive nfsstat4 from the server, or
 * a negative errno of the transport (-ETIMEDOUT, -ECONNRESET, -EPROTO for an
 * RPC-level refusal, -EBADMSG for a reply that does not decode).
 *
 * Any thread may use a session; a compound belongs to one thread at a time.
 */
#ifndef NFS41_CLIENT_NFS41_H
#define NFS41_CLIENT_NFS41_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "nfs4.h"
#include "rpc.h"
#include "xdr.h"

struct cb_responder;
struct nfs_compound;
struct nfs_res;

struct nfs_stateid {
	uint32_t seqid;
	uint8_t other[NFS4_STATEID_OTHER_SIZE];
};

struct nfs_fh {
	uint32_t len;
	uint8_t data[NFS4_FHSIZE];
};

/** channel_attrs4, without the RDMA list. */
struct nfs_channel_attrs {
	uint32_t headerpadsize;
	uint32_t maxrequestsize;
	uint32_t maxresponsesize;
	uint32_t maxresponsesize_cached;
	uint32_t maxoperations;
	uint32_t maxrequests; /* slots */
};

/** callback_sec_parms4. */
struct nfs_sec_parms {
	uint32_t flavor;
	struct rpc_auth_sys sys; /* AUTH_SYS */
	struct { /* RPCSEC_GSS */
		uint32_t service;
		uint32_t server_handle_len;
		uint8_t server_handle[32];
		uint32_t client_handle_len;
		uint8_t client_handle[32];
	} gss;
};

/* ---- Clients ---- */

/** Set by nfs_client_init(); a test may change anything before using it. */
struct nfs_client {
	struct nfs_loop *loop;
	const char *server; /* its address, "127.0.0.1"; borrowed */
	uint16_t port; /* the server's */
	char source[16]; /* this client's address, "127.0.0.2" */
	uint32_t minorversion; /* 1 or 2 */
	char owner[64]; /* co_ownerid, and the default open owner */
	uint8_t verifier[NFS4_VERIFIER_SIZE];
	struct rpc_cred cred; /* AUTH_SYS root@owner */
	/* What EXCHANGE_ID asks for: SP4_NONE, or SP4_MACH_CRED with all that Linux
	 * asks for with it.
	 */
	uint32_t protect;
	/* Answers callbacks on the client's connections; NULL: none does. */
	struct cb_responder *responder;
	/* From EXCHANGE_ID: */
	uint64_t clientid;
	uint32_t sequence; /* of the next CREATE_SESSION */
	uint32_t flags; /* eir_flags */
	char scope[NFS4_SCOPE_SIZE]; /* eir_server_scope */
};

/**
 * Client number @a n, below 16,000,000: address 127.x.y.z and owner "client-n"
 * of its own.
 */
void nfs_client_init(struct nfs_client *client, struct nfs_loop *loop,
		     uint16_t port, unsigned int n);

/** A new connection from the client's address, with its responder attached. */
struct nfs_conn *nfs_client_connect(struct nfs_client *client);

int nfs_exchange_id(struct nfs_client *client, struct nfs_conn *conn);
int nfs_destroy_clientid(struct nfs_client *client, struct nfs_conn *conn);

/* ---- Sessions ---- */

struct nfs_create_session_args {
	uint32_t flags; /* CREATE_SESSION4_FLAG_... */
	uint32_t cb_program;
	struct nfs_channel_attrs fore;
	struct nfs_channel_attrs back;
	const struct nfs_sec_parms *sec;
	uint32_t nsec;
};

/**
 * CONN_BACK_CHAN, program 0x40000000, 64 fore and 16 back slots, AUTH_SYS as
 * uid 0 of machine "callback" (static: borrowed for ever).
 */
void nfs_create_session_args_init(struct nfs_create_session_args *args);

struct nfs_slot {
	uint32_t sequence; /* of the next new request */
	bool busy; /* a request is under way */
	bool lost; /* its reply never came: see nfs_session_recover() */
};

struct nfs_session {
	struct nfs_client *client;
	struct nfs_conn *conn; /* where compounds go by default; +1 ref */
	uint8_t id[NFS4_SESSIONID_SIZE];
	uint32_t flags; /* csr_flags */
	uint32_t create_sequence; /* csr_sequence */
	struct nfs_create_session_args create_args;
	struct nfs_channel_attrs fore; /* as negotiated */
	struct nfs_channel_attrs back;
	_Atomic uint32_t last_status_flags; /* of the latest SEQUENCE reply */

	pthread_mutex_t lock; /* the slots */
	pthread_cond_t slot_freed;
	struct nfs_slot *slots;
	uint32_t nslots;
};

/**
 * CREATE_SESSION on @a conn, which becomes the session's connection. The
 * responder knows the session before any later message is looked at.
 * @param args  NULL: the defaults
 */
int nfs_create_session(struct nfs_session *session, struct nfs_client *client,
		       struct nfs_conn *conn,
		       const struct nfs_create_session_args *args);
/*
 * Its parts, for who does not wait for the reply: before it is sent, and in the loop
 * thread with the reply, before the next message on its connection is looked at, which
 * may be the session's first callback.
 */
void nfs_session_init(struct nfs_session *session, struct nfs_client *client,
		      struct nfs_conn *conn,
		      const struct nfs_create_session_args *args);
/** @return whether there is a session now */
bool nfs_session_created(struct nfs_session *session,
			 const struct nfs_compound *compound);
/**
 * The very same CREATE_SESSION again, over @a conn.
 * @param id, flags  what the reply says (may be NULL)
 */
int nfs_replay_create_session(struct nfs_session *session,
			      struct nfs_conn *conn, uint8_t *id,
			      uint32_t *flags);
/** DESTROY_SESSION over @a conn (NULL: the session's). Keeps the structure. */
int nfs_destroy_session(struct nfs_session *session, struct nfs_conn *conn);
/**
 * Free what the structure holds, also after a failed nfs_create_session();
 * nothing goes to the server.
 */
void nfs_session_fini(struct nfs_session *session);
/** Send by default on @a conn from now on. */
void nfs_session_set_conn(struct nfs_session *session, struct nfs_conn *conn);
/**
 * Make slots usable again whose requests got no reply: each is asked with a
 * lone SEQUENCE of the same sequence id, whatever the answer to which the
 * sequence id is then used up.
 */
int nfs_session_recover(struct nfs_session *session);

/**
 * EXCHANGE_ID, CREATE_SESSION with the defaults, RECLAIM_COMPLETE, over a new
 * connection: what most tests begin with.
 */
int nfs_client_mount(struct nfs_client *client, struct nfs_session *session);
/**
 * The session's client as a new instance, with another verifier: EXCHANGE_ID,
 * CREATE_SESSION with the defaults, RECLAIM_COMPLETE, over @a conn, of which the
 * caller has a reference. What the client had ends; @a session is the new instance's
 * then, and to be finished as before, also after an error.
 */
int nfs_client_restart(struct nfs_session *session, struct nfs_conn *conn);
/** DESTROY_SESSION and DESTROY_CLIENTID as far as possible, and fini. */
void nfs_client_unmount(struct nfs_session *session);

/** @param dir_out  what was bound, CDFS4_... (may be NULL) */
int nfs_bind_conn(struct nfs_session *session, struct nfs_conn *conn,
		  uint32_t dir, uint32_t *dir_out);
int nfs_backchannel_ctl(struct nfs_session *session, uint32_t cb_program,
			const struct nfs_sec_parms *sec, uint32_t nsec);
/** A lone SEQUENCE. @param flags  sr_status_flags (may be NULL) */
int nfs_sequence(struct nfs_session *session, uint32_t *flags);
int nfs_sequence_on(struct nfs_session *session, struct nfs_conn *conn,
		    uint32_t *flags);
int nfs_reclaim_complete(struct nfs_session *session);

/* ---- Files; a path is relative to the pseudo root: "export/a" ---- */

struct nfs_open_args {
	uint32_t share_access; /* with OPEN4_SHARE_ACCESS_WANT_... */
	uint32_t share_deny;
	bool create; /* UNCHECKED4, mode 0644 */
	bool truncate; /* with create: size 0 as well */
	enum open_claim_type4 claim;
	const char *name; /* CLAIM_NULL, CLAIM_DELEGATE_CUR */
	struct nfs_stateid delegation; /* CLAIM_DELEGATE_CUR, _DELEG_CUR_FH */
	uint32_t delegate_type; /* CLAIM_PREVIOUS */
	uint64_t clientid;
	const char *owner;
	uint32_t seqid; /* v4.0 */
};

/** What a SETATTR sets. */
struct nfs_setattrs {
	bool set_size, set_mode, set_owner, set_group, set_times, set_acl;
	bool set_delegated_access, set_delegated_modify; /* RFC 9754 */
	uint64_t size;
	uint32_t mode;
	const char *owner; /* "0": a number as a string, RFC 5661 5.9 */
	const char *group;
	int64_t time; /* s; of the access and of the modification */
	/* acl: one entry that allows EVERYONE@ to read */
};

struct nfs_delegation {
	uint32_t type; /* OPEN_DELEGATE_... */
	uint32_t why; /* OPEN_DELEGATE_NONE_EXT: WND4_... */
	bool recall; /* to be returned at once */
	struct nfs_stateid stateid;
};

struct nfs_file {
	struct nfs_fh fh;
	struct nfs_stateid stateid;
	uint32_t rflags;
	struct nfs_delegation delegation;
};

/**
 * Open an existing file.
 * @param share  OPEN4_SHARE_ACCESS_... | OPEN4_SHARE_ACCESS_WANT_...
 */
int nfs_open(struct nfs_session *session, const char *path, uint32_t share,
	     struct nfs_file *file);
/** Open it, creating it if need be. */
int nfs_create(struct nfs_session *session, const char *path, uint32_t share,
	       struct nfs_file *file);
/** As above with everything chosen; clientid, owner and name are filled in. */
int nfs_open_with(struct nfs_session *session, const char *path,
		  const struct nfs_open_args *args, struct nfs_file *file);
int nfs_close(struct nfs_session *session, const struct nfs_file *file);
int nfs_lookup(struct nfs_session *session, const char *path,
	       struct nfs_fh *fh);
/**
 * Lock all of an open file, as a new lock owner.
 * @param res  LOCK's, without who has the lock if it is denied (may be NULL)
 */
int nfs_lock(struct nfs_session *session, const struct nfs_file *file,
	     const char *owner, enum nfs_lock_type4 type, struct nfs_res *res);
/** Unlock all of it. */
int nfs_locku(struct nfs_session *session, const struct nfs_file *file,
	      const struct nfs_stateid *lock);
/** @param len  in: room in @a data, out: bytes read */
int nfs_read(struct nfs_session *session, const struct nfs_fh *fh,
	     const struct nfs_stateid *stateid, uint64_t offset, void *data,
	     uint32_t *len);
/** FILE_SYNC4. */
int nfs_write(struct nfs_session *session, const struct nfs_fh *fh,
	      const struct nfs_stateid *stateid, uint64_t offset,
	      const void *data, uint32_t len);
/** The file's size and change attribute (each may be NULL). */
int nfs_getattr(struct nfs_session *session, const struct nfs_fh *fh,
		uint64_t *size, uint64_t *change);
int nfs_setattr_size(struct nfs_session *session, const struct nfs_fh *fh,
		     const struct nfs_stateid *stateid, uint64_t size);
int nfs_setattr(struct nfs_session *session, const struct nfs_fh *fh,
		const struct nfs_stateid *stateid,
		const struct nfs_setattrs *attrs);
int nfs_remove(struct nfs_session *session, const char *path);
int nfs_delegreturn(struct nfs_session *session, const struct nfs_fh *fh,
		    const struct nfs_stateid *stateid);
int nfs_free_stateid(struct nfs_session *session,
		     const struct nfs_stateid *stateid);
/** @return the state's own nfsstat4, or the compound's if that failed */
int nfs_test_stateid(struct nfs_session *session,
		     const struct nfs_stateid *stateid);

/* ---- COMPOUNDs ---- */

/** One decoded result. */
struct nfs_res {
	uint32_t op;
	uint32_t status;
	union {
		struct {
			uint8_t id[NFS4_SESSIONID_SIZE];
			uint32_t sequence;
			uint32_t slot;
			uint32_t highest_slot;
			uint32_t target_highest_slot;
			uint32_t status_flags;
		} sequence;
		struct {
			uint64_t clientid;
			uint32_t sequence;
			uint32_t flags;
			char scope[NFS4_SCOPE_SIZE];
		} exchange_id;
		struct {
			uint8_t id[NFS4_SESSIONID_SIZE];
			uint32_t sequence;
			uint32_t flags;
			struct nfs_channel_attrs fore;
			struct nfs_channel_attrs back;
		} create_session;
		struct {
			uint8_t id[NFS4_SESSIONID_SIZE];
			uint32_t dir;
			bool rdma;
		} bind_conn;
		struct {
			struct nfs_stateid stateid;
			uint32_t rflags;
			struct nfs_delegation delegation;
		} open;
		struct nfs_stateid stateid; /* CLOSE, LOCK(U), OPEN_CONFIRM */
		struct { /* LOCK, NFS4ERR_DENIED */
			uint64_t offset;
			uint64_t length;
			uint32_t type;
			uint64_t clientid;
			const uint8_t *owner; /* borrowed from the compound */
			uint32_t owner_len;
		} denied;
		struct nfs_fh fh; /* GETFH */
		struct {
			const uint8_t *data; /* borrowed from the compound */
			uint32_t len;
			bool eof;
		} read;
		struct {
			uint32_t count;
			uint32_t committed;
		} write;
		struct {
			uint64_t change;
			uint64_t size;
			int64_t access, modify; /* s */
		} attr; /* GETATTR as nfs_put_getattr...() asks it */
		uint32_t test_status; /* TEST_STATEID of one */
		uint32_t dir_delegation; /* GDD4_... */
		struct {
			uint64_t clientid;
			uint8_t verifier[NFS4_VERIFIER_SIZE];
		} setclientid;
	};
};

#define NFS_ANY_SLOT UINT32_MAX

/** A COMPOUND, from its composition to its decoded reply. */
struct nfs_compound {
	/* Chosen by the caller between init and send. */
	struct nfs_session *session; /* not NULL: begins with its SEQUENCE */
	struct nfs_conn *conn; /* borrowed until the reply or fini */
	const struct rpc_cred *cred;
	uint32_t minorversion;
	uint32_t slot; /* NFS_ANY_SLOT; the one used after send */
	bool cachethis;
	/* Called when the reply is decoded or will never come; see send. */
	void (*done)(struct nfs_compound *compound, void *arg);
	void *arg;

	/* The result, from the end of the wait or in done(). */
	int error; /* 0, or -errno */
	uint32_t status; /* nfsstat4 of the COMPOUND, when error is 0 */
	uint32_t nres;
	struct nfs_res *res;
	struct xdr_cursor rest; /* what no decoder is known for */

	/* Private. */
	struct xdr_buf ops;
	uint32_t nops;
	struct xdr_buf message;
	struct xdr_buf reply;
	uint32_t sequence; /* of the slot */
	uint32_t res_size;
	struct nfs_conn *on; /* +1 ref while the request is under way */
	void (*on_reply)(
		struct nfs_compound *compound); /* before the wait ends */
	struct rpc_call call;
	pthread_mutex_t lock;
	pthread_cond_t finished;
	bool sent;
	bool ended;
};

/** Under @a session's SEQUENCE, on its connection, in its client's name. */
void nfs_compound_init(struct nfs_compound *compound,
		       struct nfs_session *session);
/** Without SEQUENCE, on @a conn. */
void nfs_compound_init_bare(struct nfs_compound *compound,
			    struct nfs_client *client, struct nfs_conn *conn);
/** Also after a failure; a request under way is forgotten. */
void nfs_compound_fini(struct nfs_compound *compound);

/**
 * Send it. Blocks only for a free slot.
 * @return 0: done(), if set, will be called, in the loop thread or in one that
 *         closes the connection, and may fini and free the compound (then
 *         nobody may wait for it); -errno: it will not
 */
int nfs_compound_send(struct nfs_compound *compound);
/** @return error, else status */
int nfs_compound_wait(struct nfs_compound *compound, int timeout_ms);
/** After nfs_compound_send(): would nfs_compound_wait() not wait? */
bool nfs_compound_has_ended(struct nfs_compound *compound);
/** Send and wait. */
int nfs_compound_call(struct nfs_compound *compound);
/** Send, wait and fini, where only the status is of interest. */
int nfs_compound_finish(struct nfs_compound *compound);
/**
 * The same request, slot and sequence id once more, on @a conn: after a lost
 * reply, or as a replay of an answered one. Wait for it with
 * nfs_compound_wait().
 */
int nfs_compound_resend(struct nfs_compound *compound, struct nfs_conn *conn);

/** The first result of operation @a op, or NULL. Borrowed from the compound. */
const struct nfs_res *nfs_compound_res(const struct nfs_compound *compound,
				       uint32_t op);

/*
 * Operations, in the order in which they are put.  nfs_put_op() adds only the
 * number: the caller encodes the arguments into compound->ops.
 */
struct xdr_buf *nfs_put_op(struct nfs_compound *compound, uint32_t op);
void nfs_put_sequence(struct nfs_compound *compound, const uint8_t *id,
		      uint32_t sequence, uint32_t slot, uint32_t highest,
		      bool cachethis);
void nfs_put_exchange_id(struct nfs_compound *compound,
			 const struct nfs_client *client);
void nfs_put_create_session(struct nfs_compound *compound, uint64_t clientid,
			    uint32_t sequence,
			    const struct nfs_create_session_args *args);
/** Any @a dir and @a rdma goes out as it is. */
void nfs_put_bind_conn(struct nfs_compound *compound, const uint8_t *id,
		       uint32_t dir, uint32_t rdma);
void nfs_put_destroy_session(struct nfs_compound *compound, const uint8_t *id);
void nfs_put_destroy_clientid(struct nfs_compound *compound, uint64_t clientid);
void nfs_put_reclaim_complete(struct nfs_compound *compound, bool one_fs);
void nfs_put_backchannel_ctl(struct nfs_compound *compound, uint32_t cb_program,
			     const struct nfs_sec_parms *sec, uint32_t nsec);
void nfs_put_putrootfh(struct nfs_compound *compound);
void nfs_put_putfh(struct nfs_compound *compound, const struct nfs_fh *fh);
void nfs_put_getfh(struct nfs_compound *compound);
void nfs_put_lookup(struct nfs_compound *compound, const char *name);
/** PUTROOTFH and a LOOKUP for each part of @a path. */
void nfs_put_path(struct nfs_compound *compound, const char *path);
/** The same but for the last part, which is returned. */
const char *nfs_put_parent(struct nfs_compound *compound, const char *path);
void nfs_put_open(struct nfs_compound *compound,
		  const struct nfs_open_args *args);
void nfs_put_close(struct nfs_compound *compound, uint32_t seqid,
		   const struct nfs_stateid *stateid);
void nfs_put_read(struct nfs_compound *compound,
		  const struct nfs_stateid *stateid, uint64_t offset,
		  uint32_t count);
void nfs_put_write(struct nfs_compound *compound,
		   const struct nfs_stateid *stateid, uint64_t offset,
		   const void *data, uint32_t len);
void nfs_put_getattr(struct nfs_compound *compound);
/** Of the size and the times, of access and modification. */
void nfs_put_getattr_times(struct nfs_compound *compound);
void nfs_put_setattr_size(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid, uint64_t size);
void nfs_put_setattr(struct nfs_compound *compound,
		     const struct nfs_stateid *stateid,
		     const struct nfs_setattrs *attrs);
void nfs_put_remove(struct nfs_compound *compound, const char *name);
void nfs_put_savefh(struct nfs_compound *compound);
/** From the saved directory to the current one. */
void nfs_put_rename(struct nfs_compound *compound, const char *from,
		    const char *to);
/** The saved file gets a name in the current directory. */
void nfs_put_link(struct nfs_compound *compound, const char *name);
/** SETXATTR4_EITHER; a v4.2 operation. */
void nfs_put_setxattr(struct nfs_compound *compound, const char *name,
		      const char *value);
/**
 * Of the whole file, by a new lock owner of the open.
 * @param seqid  of the open owner; v4.0
 */
void nfs_put_lock(struct nfs_compound *compound, enum nfs_lock_type4 type,
		  uint64_t clientid, const char *owner,
		  const struct nfs_stateid *open, uint32_t seqid);
/** The same of some bytes; @param length  UINT64_MAX: to the end */
void nfs_put_lock_range(struct nfs_compound *compound, enum nfs_lock_type4 type,
			uint64_t clientid, const char *owner,
			const struct nfs_stateid *open, uint32_t seqid,
			uint64_t offset, uint64_t length);
/** The same by an owner that has had a lock of the file; v4.1. */
void nfs_put_lock_again(struct nfs_compound *compound, enum nfs_lock_type4 type,
			const struct nfs_stateid *lock, uint64_t offset,
			uint64_t length);
void nfs_put_locku(struct nfs_compound *compound, enum nfs_lock_type4 type,
		   const struct nfs_stateid *lock);
/** Of the current directory: entries added and removed. */
void nfs_put_get_dir_delegation(struct nfs_compound *compound);
/** Of the current file, CLAIM_FH. @param want  OPEN4_SHARE_ACCESS_WANT_... */
void nfs_put_want_delegation(struct nfs_compound *compound, uint32_t want);
void nfs_put_delegreturn(struct nfs_compound *compound,
			 const struct nfs_stateid *stateid);
void nfs_put_free_stateid(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid);
void nfs_put_test_stateid(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid);
void nfs_put_stateid(struct xdr_buf *buf, const struct nfs_stateid *stateid);
void nfs_get_stateid(struct xdr_cursor *cursor, struct nfs_stateid *stateid);

#endif
