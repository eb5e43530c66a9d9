/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* The operations' arguments and results in XDR; in the order of the RFC's. */
#include <string.h>

#include "nfs41.h"
#include "operations.h"

/* Attributes, by number: bits of word 0, */
#define FATTR4_CHANGE (1u << 3)
#define FATTR4_SIZE (1u << 4)
#define FATTR4_ACL (1u << 12)
/* and of word 1. */
#define FATTR4_MODE (1u << 1)
#define FATTR4_OWNER (1u << 4)
#define FATTR4_OWNER_GROUP (1u << 5)
#define FATTR4_TIME_ACCESS (1u << 15)
#define FATTR4_TIME_ACCESS_SET (1u << 16)
#define FATTR4_TIME_MODIFY (1u << 21)
#define FATTR4_TIME_MODIFY_SET (1u << 22)
/* In the third. */
#define FATTR4_TIME_DELEG_ACCESS (1u << 20)
#define FATTR4_TIME_DELEG_MODIFY (1u << 21)

#define OPEN4_NOCREATE 0
#define OPEN4_CREATE 1
#define UNCHECKED4 0
#define MAX_ATTRS 4096
#define MAX_READ (16u << 20)

/* ---- Arguments ---- */

struct xdr_buf *nfs_put_op(struct nfs_compound *compound, uint32_t op)
{
	xdr_put_u32(&compound->ops, op);
	compound->nops++;
	return &compound->ops;
}

void nfs_put_stateid(struct xdr_buf *buf, const struct nfs_stateid *stateid)
{
	xdr_put_u32(buf, stateid->seqid);
	xdr_put_bytes(buf, stateid->other, sizeof(stateid->other));
}

void nfs_put_close(struct nfs_compound *compound, uint32_t seqid,
		   const struct nfs_stateid *stateid)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_CLOSE);

	xdr_put_u32(buf, seqid);
	nfs_put_stateid(buf, stateid);
}

void nfs_put_delegreturn(struct nfs_compound *compound,
			 const struct nfs_stateid *stateid)
{
	nfs_put_stateid(nfs_put_op(compound, OP_DELEGRETURN), stateid);
}

void nfs_put_getattr(struct nfs_compound *compound)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_GETATTR);

	xdr_put_u32(buf, 1);
	xdr_put_u32(buf, FATTR4_CHANGE | FATTR4_SIZE);
}

void nfs_put_getattr_times(struct nfs_compound *compound)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_GETATTR);

	xdr_put_u32(buf, 2);
	xdr_put_u32(buf, FATTR4_SIZE);
	xdr_put_u32(buf, FATTR4_TIME_ACCESS | FATTR4_TIME_MODIFY);
}

void nfs_put_getfh(struct nfs_compound *compound)
{
	nfs_put_op(compound, OP_GETFH);
}

void nfs_put_lookup(struct nfs_compound *compound, const char *name)
{
	xdr_put_string(nfs_put_op(compound, OP_LOOKUP), name);
}

const char *nfs_put_parent(struct nfs_compound *compound, const char *path)
{
	const char *slash;

	nfs_put_putrootfh(compound);
	while ((slash = strchr(path, '/'))) {
		xdr_put_opaque(nfs_put_op(compound, OP_LOOKUP), path,
			       slash - path);
		path = slash + 1;
	}
	return path;
}

void nfs_put_path(struct nfs_compound *compound, const char *path)
{
	nfs_put_lookup(compound, nfs_put_parent(compound, path));
}

static void put_claim(struct xdr_buf *buf, const struct nfs_open_args *args)
{
	xdr_put_u32(buf, args->claim);
	switch (args->claim) {
	case CLAIM_NULL:
		xdr_put_string(buf, args->name);
		break;
	case CLAIM_PREVIOUS:
		xdr_put_u32(buf, args->delegate_type);
		break;
	case CLAIM_DELEGATE_CUR:
		nfs_put_stateid(buf, &args->delegation);
		xdr_put_string(buf, args->name);
		break;
	case CLAIM_DELEG_CUR_FH:
		nfs_put_stateid(buf, &args->delegation);
		break;
	case CLAIM_FH:
		break;
	}
}

void nfs_put_open(struct nfs_compound *compound,
		  const struct nfs_open_args *args)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_OPEN);

	xdr_put_u32(buf, args->seqid);
	xdr_put_u32(buf, args->share_access);
	xdr_put_u32(buf, args->share_deny);
	xdr_put_u64(buf, args->clientid);
	xdr_put_string(buf, args->owner);
	if (args->create) {
		xdr_put_u32(buf, OPEN4_CREATE);
		xdr_put_u32(buf, UNCHECKED4);
		xdr_put_u32(buf, 2); /* attribute words */
		xdr_put_u32(buf, args->truncate ? FATTR4_SIZE : 0);
		xdr_put_u32(buf, FATTR4_MODE);
		xdr_put_u32(buf, args->truncate ? 12 : 4); /* bytes of them */
		if (args->truncate)
			xdr_put_u64(buf, 0);
		xdr_put_u32(buf, 0644);
	} else {
		xdr_put_u32(buf, OPEN4_NOCREATE);
	}
	put_claim(buf, args);
}

void nfs_put_open_confirm(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid, uint32_t seqid)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_OPEN_CONFIRM);

	nfs_put_stateid(buf, stateid);
	xdr_put_u32(buf, seqid);
}

void nfs_put_putfh(struct nfs_compound *compound, const struct nfs_fh *fh)
{
	xdr_put_opaque(nfs_put_op(compound, OP_PUTFH), fh->data, fh->len);
}

void nfs_put_putrootfh(struct nfs_compound *compound)
{
	nfs_put_op(compound, OP_PUTROOTFH);
}

void nfs_put_read(struct nfs_compound *compound,
		  const struct nfs_stateid *stateid, uint64_t offset,
		  uint32_t count)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_READ);

	nfs_put_stateid(buf, stateid);
	xdr_put_u64(buf, offset);
	xdr_put_u32(buf, count);
}

void nfs_put_remove(struct nfs_compound *compound, const char *name)
{
	xdr_put_string(nfs_put_op(compound, OP_REMOVE), name);
}

void nfs_put_savefh(struct nfs_compound *compound)
{
	nfs_put_op(compound, OP_SAVEFH);
}

void nfs_put_rename(struct nfs_compound *compound, const char *from,
		    const char *to)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_RENAME);

	xdr_put_string(buf, from);
	xdr_put_string(buf, to);
}

void nfs_put_link(struct nfs_compound *compound, const char *name)
{
	xdr_put_string(nfs_put_op(compound, OP_LINK), name);
}

void nfs_put_setxattr(struct nfs_compound *compound, const char *name,
		      const char *value)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_SETXATTR);

	xdr_put_u32(buf, 0); /* SETXATTR4_EITHER */
	xdr_put_string(buf, name);
	xdr_put_string(buf, value);
}

/* @return its arguments, up to the locker */
static struct xdr_buf *put_lock(struct nfs_compound *compound,
				enum nfs_lock_type4 type, uint64_t offset,
				uint64_t length)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_LOCK);

	xdr_put_u32(buf, type);
	xdr_put_u32(buf, 0); /* no reclaim */
	xdr_put_u64(buf, offset);
	xdr_put_u64(buf, length);
	return buf;
}

void nfs_put_lock(struct nfs_compound *compound, enum nfs_lock_type4 type,
		  uint64_t clientid, const char *owner,
		  const struct nfs_stateid *open, uint32_t seqid)
{
	nfs_put_lock_range(compound, type, clientid, owner, open, seqid, 0,
			   UINT64_MAX);
}

void nfs_put_lock_again(struct nfs_compound *compound, enum nfs_lock_type4 type,
			const struct nfs_stateid *lock, uint64_t offset,
			uint64_t length)
{
	struct xdr_buf *buf = put_lock(compound, type, offset, length);

	xdr_put_u32(buf, 0); /* the owner of this lock: */
	nfs_put_stateid(buf, lock);
	xdr_put_u32(buf, 0); /* lock_seqid */
}

void nfs_put_lock_range(struct nfs_compound *compound, enum nfs_lock_type4 type,
			uint64_t clientid, const char *owner,
			const struct nfs_stateid *open, uint32_t seqid,
			uint64_t offset, uint64_t length)
{
	struct xdr_buf *buf = put_lock(compound, type, offset, length);

	xdr_put_u32(buf, 1); /* a new lock owner: */
	xdr_put_u32(buf, seqid);
	nfs_put_stateid(buf, open);
	xdr_put_u32(buf, 0); /* lock_seqid */
	xdr_put_u64(buf, clientid);
	xdr_put_string(buf, owner);
}

void nfs_put_locku(struct nfs_compound *compound, enum nfs_lock_type4 type,
		   const struct nfs_stateid *lock)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_LOCKU);

	xdr_put_u32(buf, type);
	xdr_put_u32(buf, 0); /* seqid */
	nfs_put_stateid(buf, lock);
	xdr_put_u64(buf, 0);
	xdr_put_u64(buf, UINT64_MAX);
}

void nfs_put_renew(struct nfs_compound *compound, uint64_t clientid)
{
	xdr_put_u64(nfs_put_op(compound, OP_RENEW), clientid);
}

/* One ACE: EVERYONE@ may read data, attributes and the ACL. */
static void put_acl(struct xdr_buf *buf)
{
	xdr_put_u32(buf, 1); /* entries */
	xdr_put_u32(buf, 0); /* ACE4_ACCESS_ALLOWED_ACE_TYPE */
	xdr_put_u32(buf, 0); /* flags */
	xdr_put_u32(buf, 0x20081);
	xdr_put_string(buf, "EVERYONE@");
}

static void put_time(struct xdr_buf *buf, int64_t seconds)
{
	xdr_put_u64(buf, seconds);
	xdr_put_u32(buf, 0); /* ns */
}

static void put_client_time(struct xdr_buf *buf, int64_t seconds)
{
	xdr_put_u32(buf, 1); /* SET_TO_CLIENT_TIME4 */
	put_time(buf, seconds);
}

/* In the order of the attributes' numbers. */
static void put_attr_values(struct xdr_buf *buf,
			    const struct nfs_setattrs *attrs)
{
	if (attrs->set_size)
		xdr_put_u64(buf, attrs->size);
	if (attrs->set_acl)
		put_acl(buf);
	if (attrs->set_mode)
		xdr_put_u32(buf, attrs->mode);
	if (attrs->set_owner)
		xdr_put_string(buf, attrs->owner);
	if (attrs->set_group)
		xdr_put_string(buf, attrs->group);
	if (attrs->set_times) {
		put_client_time(buf, attrs->time);
		put_client_time(buf, attrs->time);
	}
	if (attrs->set_delegated_access)
		put_time(buf, attrs->time);
	if (attrs->set_delegated_modify)
		put_time(buf, attrs->time);
}

void nfs_put_setattr(struct nfs_compound *compound,
		     const struct nfs_stateid *stateid,
		     const struct nfs_setattrs *attrs)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_SETATTR);
	struct xdr_buf values = { 0 };

	nfs_put_stateid(buf, stateid);
	xdr_put_u32(buf, 3); /* attribute words */
	xdr_put_u32(buf, (attrs->set_size ? FATTR4_SIZE : 0) |
				 (attrs->set_acl ? FATTR4_ACL : 0));
	xdr_put_u32(buf,
		    (attrs->set_mode ? FATTR4_MODE : 0) |
			    (attrs->set_owner ? FATTR4_OWNER : 0) |
			    (attrs->set_group ? FATTR4_OWNER_GROUP : 0) |
			    (attrs->set_times ? FATTR4_TIME_ACCESS_SET |
							FATTR4_TIME_MODIFY_SET :
						0));
	xdr_put_u32(
		buf,
		(attrs->set_delegated_access ? FATTR4_TIME_DELEG_ACCESS : 0) |
			(attrs->set_delegated_modify ?
				 FATTR4_TIME_DELEG_MODIFY :
				 0));
	put_attr_values(&values, attrs);
	xdr_put_opaque(buf, values.data, values.len);
	xdr_buf_fini(&values);
}

void nfs_put_setattr_size(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid, uint64_t size)
{
	const struct nfs_setattrs attrs = { .set_size = true, .size = size };

	nfs_put_setattr(compound, stateid, &attrs);
}

void nfs_put_setclientid(struct nfs_compound *compound,
			 const struct nfs_client *client, uint32_t cb_program,
			 const char *address, uint32_t ident)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_SETCLIENTID);

	xdr_put_bytes(buf, client->verifier, sizeof(client->verifier));
	xdr_put_string(buf, client->owner);
	xdr_put_u32(buf, cb_program);
	xdr_put_string(buf, "tcp");
	xdr_put_string(buf, address);
	xdr_put_u32(buf, ident);
}

void nfs_put_setclientid_confirm(struct nfs_compound *compound,
				 const struct nfs_res *res)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_SETCLIENTID_CONFIRM);

	xdr_put_u64(buf, res->setclientid.clientid);
	xdr_put_bytes(buf, res->setclientid.verifier,
		      sizeof(res->setclientid.verifier));
}

void nfs_put_write(struct nfs_compound *compound,
		   const struct nfs_stateid *stateid, uint64_t offset,
		   const void *data, uint32_t len)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_WRITE);

	nfs_put_stateid(buf, stateid);
	xdr_put_u64(buf, offset);
	xdr_put_u32(buf, FILE_SYNC4);
	xdr_put_opaque(buf, data, len);
}

static void put_sec_parms(struct xdr_buf *buf, const struct nfs_sec_parms *sec,
			  uint32_t nsec)
{
	xdr_put_u32(buf, nsec);
	for (uint32_t i = 0; i < nsec; i++) {
		xdr_put_u32(buf, sec[i].flavor);
		if (sec[i].flavor == AUTH_SYS) {
			rpc_put_auth_sys(buf, &sec[i].sys);
		} else if (sec[i].flavor == RPCSEC_GSS) {
			xdr_put_u32(buf, sec[i].gss.service);
			xdr_put_opaque(buf, sec[i].gss.server_handle,
				       sec[i].gss.server_handle_len);
			xdr_put_opaque(buf, sec[i].gss.client_handle,
				       sec[i].gss.client_handle_len);
		}
	}
}

void nfs_put_backchannel_ctl(struct nfs_compound *compound, uint32_t cb_program,
			     const struct nfs_sec_parms *sec, uint32_t nsec)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_BACKCHANNEL_CTL);

	xdr_put_u32(buf, cb_program);
	put_sec_parms(buf, sec, nsec);
}

void nfs_put_bind_conn(struct nfs_compound *compound, const uint8_t *id,
		       uint32_t dir, uint32_t rdma)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_BIND_CONN_TO_SESSION);

	xdr_put_bytes(buf, id, NFS4_SESSIONID_SIZE);
	xdr_put_u32(buf, dir);
	xdr_put_u32(buf, rdma);
}

/* What Linux asks for with SP4_MACH_CRED. */
static const uint32_t must_enforce[] = {
	OP_BIND_CONN_TO_SESSION, OP_EXCHANGE_ID,      OP_CREATE_SESSION,
	OP_DESTROY_SESSION,	 OP_DESTROY_CLIENTID,
};
static const uint32_t must_allow[] = {
	OP_CLOSE, OP_OPEN_DOWNGRADE, OP_LOCKU,	      OP_DELEGRETURN,
	OP_WRITE, OP_TEST_STATEID,   OP_FREE_STATEID,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Operations as a bitmap4. */
static void put_ops(struct xdr_buf *buf, const uint32_t *ops, size_t count)
{
	uint32_t words[2] = { 0, 0 };

	for (size_t i = 0; i < count; i++)
		words[ops[i] / 32] |= UINT32_C(1) << ops[i] % 32;
	xdr_put_u32(buf, 2);
	xdr_put_u32(buf, words[0]);
	xdr_put_u32(buf, words[1]);
}

void nfs_put_exchange_id(struct nfs_compound *compound,
			 const struct nfs_client *client)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_EXCHANGE_ID);

	xdr_put_bytes(buf, client->verifier, sizeof(client->verifier));
	xdr_put_string(buf, client->owner);
	xdr_put_u32(buf, 0); /* flags */
	xdr_put_u32(buf, client->protect);
	if (client->protect == SP4_MACH_CRED) {
		put_ops(buf, must_enforce, COUNT(must_enforce));
		put_ops(buf, must_allow, COUNT(must_allow));
	}
	xdr_put_u32(buf, 0); /* no implementation id */
}

static void put_channel_attrs(struct xdr_buf *buf,
			      const struct nfs_channel_attrs *attrs)
{
	xdr_put_u32(buf, attrs->headerpadsize);
	xdr_put_u32(buf, attrs->maxrequestsize);
	xdr_put_u32(buf, attrs->maxresponsesize);
	xdr_put_u32(buf, attrs->maxresponsesize_cached);
	xdr_put_u32(buf, attrs->maxoperations);
	xdr_put_u32(buf, attrs->maxrequests);
	xdr_put_u32(buf, 0); /* no RDMA */
}

void nfs_put_create_session(struct nfs_compound *compound, uint64_t clientid,
			    uint32_t sequence,
			    const struct nfs_create_session_args *args)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_CREATE_SESSION);

	xdr_put_u64(buf, clientid);
	xdr_put_u32(buf, sequence);
	xdr_put_u32(buf, args->flags);
	put_channel_attrs(buf, &args->fore);
	put_channel_attrs(buf, &args->back);
	xdr_put_u32(buf, args->cb_program);
	put_sec_parms(buf, args->sec, args->nsec);
}

void nfs_put_destroy_session(struct nfs_compound *compound, const uint8_t *id)
{
	xdr_put_bytes(nfs_put_op(compound, OP_DESTROY_SESSION), id,
		      NFS4_SESSIONID_SIZE);
}

void nfs_put_free_stateid(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid)
{
	nfs_put_stateid(nfs_put_op(compound, OP_FREE_STATEID), stateid);
}

void nfs_put_get_dir_delegation(struct nfs_compound *compound)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_GET_DIR_DELEGATION);

	xdr_put_u32(buf, 0); /* gdda_signal_deleg_avail */
	xdr_put_u32(buf, 1); /* notifications, words: */
	xdr_put_u32(buf, 1u << 2 | 1u << 3); /* entries that go and come */
	xdr_put_u64(buf, 0); /* delay of children's attributes, */
	xdr_put_u32(buf, 0);
	xdr_put_u64(buf, 0); /* and of the directory's */
	xdr_put_u32(buf, 0);
	xdr_put_u32(buf, 0); /* children's attributes */
	xdr_put_u32(buf, 0); /* the directory's */
}

void nfs_put_want_delegation(struct nfs_compound *compound, uint32_t want)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_WANT_DELEGATION);

	xdr_put_u32(buf, want);
	xdr_put_u32(buf, CLAIM_FH);
}

void nfs_put_sequence(struct nfs_compound *compound, const uint8_t *id,
		      uint32_t sequence, uint32_t slot, uint32_t highest,
		      bool cachethis)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_SEQUENCE);

	xdr_put_bytes(buf, id, NFS4_SESSIONID_SIZE);
	xdr_put_u32(buf, sequence);
	xdr_put_u32(buf, slot);
	xdr_put_u32(buf, highest);
	xdr_put_u32(buf, cachethis);
}

void nfs_put_test_stateid(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid)
{
	struct xdr_buf *buf = nfs_put_op(compound, OP_TEST_STATEID);

	xdr_put_u32(buf, 1);
	nfs_put_stateid(buf, stateid);
}

void nfs_put_destroy_clientid(struct nfs_compound *compound, uint64_t clientid)
{
	xdr_put_u64(nfs_put_op(compound, OP_DESTROY_CLIENTID), clientid);
}

void nfs_put_reclaim_complete(struct nfs_compound *compound, bool one_fs)
{
	xdr_put_u32(nfs_put_op(compound, OP_RECLAIM_COMPLETE), one_fs);
}

/* ---- Results ---- */

void nfs_get_stateid(struct xdr_cursor *cursor, struct nfs_stateid *stateid)
{
	stateid->seqid = xdr_get_u32(cursor);
	xdr_get_bytes(cursor, stateid->other, sizeof(stateid->other));
}

static void skip_opaque(struct xdr_cursor *cursor, size_t max)
{
	uint32_t len;

	xdr_get_opaque(cursor, max, &len);
}

static void skip_bitmap(struct xdr_cursor *cursor)
{
	xdr_skip(cursor, xdr_get_u32(cursor));
}

/* @return s */
static int64_t get_time(struct xdr_cursor *cursor)
{
	int64_t seconds = (int64_t)xdr_get_u64(cursor);

	xdr_skip(cursor, 1); /* ns */
	return seconds;
}

static void get_attributes(struct xdr_cursor *cursor, struct nfs_res *res)
{
	uint32_t words = xdr_get_u32(cursor);
	uint32_t mask = words ? xdr_get_u32(cursor) : 0;
	uint32_t more = words > 1 ? xdr_get_u32(cursor) : 0;
	struct xdr_cursor values;
	const uint8_t *bytes;
	uint32_t len;

	if (words > 2)
		xdr_skip(cursor, words - 2);
	bytes = xdr_get_opaque(cursor, MAX_ATTRS, &len);
	if (!bytes)
		return;
	values = xdr_cursor(bytes, len);
	if (mask & FATTR4_CHANGE)
		res->attr.change = xdr_get_u64(&values);
	if (mask & FATTR4_SIZE)
		res->attr.size = xdr_get_u64(&values);
	if (more & FATTR4_TIME_ACCESS)
		res->attr.access = get_time(&values);
	if (more & FATTR4_TIME_MODIFY)
		res->attr.modify = get_time(&values);
	cursor->bad |= values.bad;
}

static void get_fh(struct xdr_cursor *cursor, struct nfs_fh *fh)
{
	const uint8_t *bytes = xdr_get_opaque(cursor, NFS4_FHSIZE, &fh->len);

	if (bytes)
		memcpy(fh->data, bytes, fh->len);
}

static void skip_ace(struct xdr_cursor *cursor)
{
	xdr_skip(cursor, 3); /* type, flags, mask */
	skip_opaque(cursor, NFS4_OPAQUE_LIMIT);
}

static void get_delegation(struct xdr_cursor *cursor,
			   struct nfs_delegation *delegation)
{
	delegation->type = xdr_get_u32(cursor);
	switch (delegation->type) {
	case OPEN_DELEGATE_READ:
	case OPEN_DELEGATE_READ_ATTRS_DELEG:
		nfs_get_stateid(cursor, &delegation->stateid);
		delegation->recall = xdr_get_u32(cursor);
		skip_ace(cursor);
		break;
	case OPEN_DELEGATE_WRITE:
	case OPEN_DELEGATE_WRITE_ATTRS_DELEG:
		nfs_get_stateid(cursor, &delegation->stateid);
		delegation->recall = xdr_get_u32(cursor);
		xdr_skip(cursor, 3); /* the space limit's kind and value */
		skip_ace(cursor);
		break;
	case OPEN_DELEGATE_NONE_EXT:
		delegation->why = xdr_get_u32(cursor);
		if (delegation->why == WND4_CONTENTION ||
		    delegation->why == WND4_RESOURCE)
			xdr_skip(cursor, 1);
		break;
	default:
		break;
	}
}

static void get_open(struct xdr_cursor *cursor, struct nfs_res *res)
{
	nfs_get_stateid(cursor, &res->open.stateid);
	xdr_skip(cursor, 5); /* change_info4 */
	res->open.rflags = xdr_get_u32(cursor);
	skip_bitmap(cursor);
	get_delegation(cursor, &res->open.delegation);
}

static void get_read(struct xdr_cursor *cursor, struct nfs_res *res)
{
	res->read.eof = xdr_get_u32(cursor);
	res->read.data = xdr_get_opaque(cursor, MAX_READ, &res->read.len);
}

static void get_write(struct xdr_cursor *cursor, struct nfs_res *res)
{
	res->write.count = xdr_get_u32(cursor);
	res->write.committed = xdr_get_u32(cursor);
	xdr_skip(cursor, 2); /* the write verifier */
}

static void get_setclientid(struct xdr_cursor *cursor, struct nfs_res *res)
{
	res->setclientid.clientid = xdr_get_u64(cursor);
	xdr_get_bytes(cursor, res->setclientid.verifier,
		      sizeof(res->setclientid.verifier));
}

static void get_bind_conn(struct xdr_cursor *cursor, struct nfs_res *res)
{
	xdr_get_bytes(cursor, res->bind_conn.id, sizeof(res->bind_conn.id));
	res->bind_conn.dir = xdr_get_u32(cursor);
	res->bind_conn.rdma = xdr_get_u32(cursor);
}

static void get_exchange_id(struct xdr_cursor *cursor, struct nfs_res *res)
{
	uint32_t implementations;

	res->exchange_id.clientid = xdr_get_u64(cursor);
	res->exchange_id.sequence = xdr_get_u32(cursor);
	res->exchange_id.flags = xdr_get_u32(cursor);
	if (xdr_get_u32(cursor) != SP4_NONE)
		cursor->bad = true;
	xdr_skip(cursor, 2); /* the server's minor id, */
	skip_opaque(cursor, NFS4_OPAQUE_LIMIT); /* and major id */
	xdr_get_string(cursor, res->exchange_id.scope,
		       sizeof(res->exchange_id.scope));
	implementations = xdr_get_u32(cursor);
	if (implementations) {
		skip_opaque(cursor, NFS4_OPAQUE_LIMIT);
		skip_opaque(cursor, NFS4_OPAQUE_LIMIT);
		xdr_skip(cursor, 3);
	}
}

static void get_channel_attrs(struct xdr_cursor *cursor,
			      struct nfs_channel_attrs *attrs)
{
	attrs->headerpadsize = xdr_get_u32(cursor);
	attrs->maxrequestsize = xdr_get_u32(cursor);
	attrs->maxresponsesize = xdr_get_u32(cursor);
	attrs->maxresponsesize_cached = xdr_get_u32(cursor);
	attrs->maxoperations = xdr_get_u32(cursor);
	attrs->maxrequests = xdr_get_u32(cursor);
	xdr_skip(cursor, xdr_get_u32(cursor)); /* RDMA */
}

static void get_create_session(struct xdr_cursor *cursor, struct nfs_res *res)
{
	xdr_get_bytes(cursor, res->create_session.id,
		      sizeof(res->create_session.id));
	res->create_session.sequence = xdr_get_u32(cursor);
	res->create_session.flags = xdr_get_u32(cursor);
	get_channel_attrs(cursor, &res->create_session.fore);
	get_channel_attrs(cursor, &res->create_session.back);
}

static void get_sequence(struct xdr_cursor *cursor, struct nfs_res *res)
{
	xdr_get_bytes(cursor, res->sequence.id, sizeof(res->sequence.id));
	res->sequence.sequence = xdr_get_u32(cursor);
	res->sequence.slot = xdr_get_u32(cursor);
	res->sequence.highest_slot = xdr_get_u32(cursor);
	res->sequence.target_highest_slot = xdr_get_u32(cursor);
	res->sequence.status_flags = xdr_get_u32(cursor);
}

static void get_test_stateid(struct xdr_cursor *cursor, struct nfs_res *res)
{
	if (xdr_get_u32(cursor) != 1)
		cursor->bad = true;
	res->test_status = xdr_get_u32(cursor);
}

static void get_denied(struct xdr_cursor *cursor, struct nfs_res *res)
{
	res->denied.offset = xdr_get_u64(cursor);
	res->denied.length = xdr_get_u64(cursor);
	res->denied.type = xdr_get_u32(cursor);
	res->denied.clientid = xdr_get_u64(cursor);
	res->denied.owner = xdr_get_opaque(cursor, NFS4_OPAQUE_LIMIT,
					   &res->denied.owner_len);
}

/* All but whether the delegation is unavailable is left out. */
static void get_dir_delegation(struct xdr_cursor *cursor, struct nfs_res *res)
{
	res->dir_delegation = xdr_get_u32(cursor);
	if (res->dir_delegation == GDD4_OK)
		cursor->bad = true;
	else
		xdr_skip(cursor, 1); /* gddrnf_will_signal_deleg_avail */
}

/* The body of a result with NFS4_OK. */
static bool get_body(struct xdr_cursor *cursor, struct nfs_res *res)
{
	switch (res->op) {
	case OP_GETATTR:
		get_attributes(cursor, res);
		return true;
	case OP_GETFH:
		get_fh(cursor, &res->fh);
		return true;
	case OP_CLOSE:
	case OP_LOCK:
	case OP_LOCKU:
	case OP_OPEN_CONFIRM:
		nfs_get_stateid(cursor, &res->stateid);
		return true;
	case OP_OPEN:
		get_open(cursor, res);
		return true;
	case OP_READ:
		get_read(cursor, res);
		return true;
	case OP_WRITE:
		get_write(cursor, res);
		return true;
	case OP_REMOVE:
	case OP_LINK:
	case OP_SETXATTR:
		xdr_skip(cursor, 5); /* change_info4 */
		return true;
	case OP_RENAME:
		xdr_skip(cursor, 10); /* of both directories */
		return true;
	case OP_GET_DIR_DELEGATION:
		get_dir_delegation(cursor, res);
		return true;
	case OP_SETCLIENTID:
		get_setclientid(cursor, res);
		return true;
	case OP_BIND_CONN_TO_SESSION:
		get_bind_conn(cursor, res);
		return true;
	case OP_EXCHANGE_ID:
		get_exchange_id(cursor, res);
		return true;
	case OP_CREATE_SESSION:
		get_create_session(cursor, res);
		return true;
	case OP_SEQUENCE:
		get_sequence(cursor, res);
		return true;
	case OP_TEST_STATEID:
		get_test_stateid(cursor, res);
		return true;
	case OP_DELEGRETURN:
	case OP_LOOKUP:
	case OP_PUTFH:
	case OP_PUTROOTFH:
	case OP_RENEW:
	case OP_SAVEFH:
	case OP_SETCLIENTID_CONFIRM:
	case OP_BACKCHANNEL_CTL:
	case OP_DESTROY_SESSION:
	case OP_FREE_STATEID:
	case OP_DESTROY_CLIENTID:
	case OP_RECLAIM_COMPLETE:
		return true;
	default:
		return false;
	}
}

bool nfs_decode_res(struct xdr_cursor *cursor, struct nfs_res *res)
{
	res->op = xdr_get_u32(cursor);
	res->status = xdr_get_u32(cursor);
	if (res->op == OP_SETATTR) {
		skip_bitmap(cursor); /* also after an error */
		return true;
	}
	if (res->op == OP_LOCK && res->status == NFS4ERR_DENIED) {
		get_denied(cursor, res);
		return true;
	}
	return res->status == NFS4_OK && get_body(cursor, res);
}
