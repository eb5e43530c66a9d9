/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What conflicts with a delegation is decided by who asks, not by the address
 * that it comes from, and for every operation that can conflict.
 * RFC 5661 10.4, 10.4.1, 10.4.3, 18.16, 18.30; pynfs DELEG1-9 and DELEG23.
 */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nfs40.h"

#define READ_DELEG OPEN_DELEGATE_READ
#define WRITE_DELEG OPEN_DELEGATE_WRITE
#define PAUSE 20 /* ms, between two requests that are answered with DELAY */
#define HOLD 10000 /* ms: Hold_Conflicts, with "held" */

/* RFC 7862, 13.1 */
enum {
	OP_ALLOCATE = 59,
	OP_DEALLOCATE = 62,
};

/* At the holder's address: another client, which speaks v4.2. */
static struct nfs_client neighbour;
static struct nfs_session neighbour_session;
/* At another address: the holder itself. */
static struct nfs_client elsewhere;

/* Conflicting requests are held, and answered once. */
static bool held;

static const struct nfs_stateid anonymous;
static const struct nfs_stateid bypass = { UINT32_MAX,
					   { 255, 255, 255, 255, 255, 255, 255,
					     255, 255, 255, 255, 255 } };

static int mount_all(void **state)
{
	struct fixture *f = *state;

	if (fixture_mount(state))
		return -1;
	fixture_client(f, &neighbour);
	memcpy(neighbour.source, f->holder.source, sizeof(neighbour.source));
	neighbour.minorversion = 2;
	fixture_client(f, &elsewhere);
	elsewhere.responder = f->responder;
	return nfs_client_mount(&neighbour, &neighbour_session);
}

static int unmount_all(void **state)
{
	nfs_client_unmount(&neighbour_session);
	return fixture_unmount(state);
}

#define CONFLICT_TEST(name)                                                    \
	cmocka_unit_test_setup_teardown(name, mount_all, unmount_all)

/* Operations --------------------------------------------------------------- */

struct target {
	char path[64]; /* "export/NAME" */
	struct nfs_file file; /* the holder's */
	struct nfs_client *asker;
};

/** Something that is done to a file, as one COMPOUND. */
struct operation {
	const char *name;
	void (*put)(struct nfs_compound *compound, const struct target *target);
};

static const char *name_of(const struct target *target)
{
	return strrchr(target->path, '/') + 1;
}

static void put_open(struct nfs_compound *compound, const struct target *target,
		     const struct nfs_open_args *args)
{
	struct nfs_open_args open = *args;

	open.share_access |= OPEN4_SHARE_ACCESS_WANT_NO_DELEG;
	open.name = nfs_put_parent(compound, target->path);
	open.clientid = target->asker->clientid;
	open.owner = target->asker->owner;
	nfs_put_open(compound, &open);
}

static void put_open_read(struct nfs_compound *compound,
			  const struct target *target)
{
	put_open(compound, target,
		 &(struct nfs_open_args){ .share_access =
						  OPEN4_SHARE_ACCESS_READ });
}

static void put_open_write(struct nfs_compound *compound,
			   const struct target *target)
{
	put_open(compound, target,
		 &(struct nfs_open_args){ .share_access =
						  OPEN4_SHARE_ACCESS_BOTH });
}

static void put_open_truncate(struct nfs_compound *compound,
			      const struct target *target)
{
	put_open(compound, target,
		 &(struct nfs_open_args){ .share_access =
						  OPEN4_SHARE_ACCESS_READ,
					  .create = true,
					  .truncate = true });
}

static void put_open_deny_read(struct nfs_compound *compound,
			       const struct target *target)
{
	put_open(compound, target,
		 &(struct nfs_open_args){
			 .share_access = OPEN4_SHARE_ACCESS_READ,
			 .share_deny = OPEN4_SHARE_DENY_READ });
}

static void put_getattr(struct nfs_compound *compound,
			const struct target *target)
{
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_getattr(compound);
}

static void put_remove(struct nfs_compound *compound,
		       const struct target *target)
{
	nfs_put_remove(compound, nfs_put_parent(compound, target->path));
}

static void put_rename(struct nfs_compound *compound,
		       const struct target *target)
{
	const char *name = nfs_put_parent(compound, target->path);
	char renamed[64];

	snprintf(renamed, sizeof(renamed), "%s-renamed", name);
	nfs_put_savefh(compound);
	nfs_put_rename(compound, name, renamed);
}

/* Another file takes its place: that one is removed. */
static void put_rename_over(struct nfs_compound *compound,
			    const struct target *target)
{
	const char *name = nfs_put_parent(compound, target->path);

	nfs_put_savefh(compound);
	nfs_put_rename(compound, "successor", name);
}

static void put_link(struct nfs_compound *compound, const struct target *target)
{
	char linked[64];

	snprintf(linked, sizeof(linked), "%s-linked", name_of(target));
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_savefh(compound);
	nfs_put_parent(compound, target->path);
	nfs_put_link(compound, linked);
}

static void put_setattr(struct nfs_compound *compound,
			const struct target *target,
			const struct nfs_setattrs *attrs)
{
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_setattr(compound, &anonymous, attrs);
}

static void put_set_size(struct nfs_compound *compound,
			 const struct target *target)
{
	put_setattr(compound, target,
		    &(struct nfs_setattrs){ .set_size = true, .size = 3 });
}

static void put_set_mode(struct nfs_compound *compound,
			 const struct target *target)
{
	put_setattr(compound, target,
		    &(struct nfs_setattrs){ .set_mode = true, .mode = 0600 });
}

static void put_set_owner(struct nfs_compound *compound,
			  const struct target *target)
{
	put_setattr(compound, target,
		    &(struct nfs_setattrs){ .set_owner = true, .owner = "7" });
}

static void put_set_group(struct nfs_compound *compound,
			  const struct target *target)
{
	put_setattr(compound, target,
		    &(struct nfs_setattrs){ .set_group = true, .group = "8" });
}

static void put_set_times(struct nfs_compound *compound,
			  const struct target *target)
{
	put_setattr(compound, target,
		    &(struct nfs_setattrs){ .set_times = true, .time = 9 });
}

static void put_set_acl(struct nfs_compound *compound,
			const struct target *target)
{
	put_setattr(compound, target,
		    &(struct nfs_setattrs){ .set_acl = true });
}

static void put_setxattr(struct nfs_compound *compound,
			 const struct target *target)
{
	compound->minorversion = 2;
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_setxattr(compound, "colour", "red");
}

/* Until another is named "go": fsal_attributes.c. */
static void put_wait(struct nfs_compound *compound, const struct target *target)
{
	compound->minorversion = 2;
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_setxattr(compound, "wait", "");
}

/* Of a file of no importance. */
static void put_elsewhere(struct nfs_compound *compound, const char *name)
{
	compound->minorversion = 2;
	nfs_put_path(compound, "export/successor");
	nfs_put_setxattr(compound, name, "");
}

static void put_reached(struct nfs_compound *compound,
			const struct target *target)
{
	(void)target;
	put_elsewhere(compound, "reached");
}

static void put_go(struct nfs_compound *compound, const struct target *target)
{
	(void)target;
	put_elsewhere(compound, "go");
}

/* ALLOCATE and DEALLOCATE have the same arguments. */
static void put_space(struct nfs_compound *compound,
		      const struct target *target, uint32_t op,
		      const struct nfs_stateid *stateid)
{
	struct xdr_buf *buf;

	compound->minorversion = 2;
	nfs_put_putfh(compound, &target->file.fh);
	buf = nfs_put_op(compound, op);
	nfs_put_stateid(buf, stateid);
	xdr_put_u64(buf, 0);
	xdr_put_u64(buf, 4096);
}

static void put_allocate(struct nfs_compound *compound,
			 const struct target *target)
{
	put_space(compound, target, OP_ALLOCATE,
		  &target->file.delegation.stateid);
}

static void put_allocate_anonymous(struct nfs_compound *compound,
				   const struct target *target)
{
	put_space(compound, target, OP_ALLOCATE, &anonymous);
}

static void put_deallocate(struct nfs_compound *compound,
			   const struct target *target)
{
	put_space(compound, target, OP_DEALLOCATE,
		  &target->file.delegation.stateid);
}

static void put_deallocate_anonymous(struct nfs_compound *compound,
				     const struct target *target)
{
	put_space(compound, target, OP_DEALLOCATE, &anonymous);
}

static void put_read_anonymous(struct nfs_compound *compound,
			       const struct target *target)
{
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_read(compound, &anonymous, 0, 8);
}

static void put_read_bypass(struct nfs_compound *compound,
			    const struct target *target)
{
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_read(compound, &bypass, 0, 8);
}

static void put_write_anonymous(struct nfs_compound *compound,
				const struct target *target)
{
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_write(compound, &anonymous, 0, "evil", 4);
}

static void put_write_bypass(struct nfs_compound *compound,
			     const struct target *target)
{
	nfs_put_putfh(compound, &target->file.fh);
	nfs_put_write(compound, &bypass, 0, "evil", 4);
}

#define OPERATION(name)                                                        \
	static const struct operation op_##name = { #name, put_##name }

OPERATION(open_read);
OPERATION(open_write);
OPERATION(open_truncate);
OPERATION(open_deny_read);
OPERATION(getattr);
OPERATION(remove);
OPERATION(rename);
OPERATION(rename_over);
OPERATION(link);
OPERATION(set_size);
OPERATION(set_mode);
OPERATION(set_owner);
OPERATION(set_group);
OPERATION(set_times);
OPERATION(set_acl);
OPERATION(setxattr);
OPERATION(wait);
OPERATION(reached);
OPERATION(go);
OPERATION(allocate);
OPERATION(allocate_anonymous);
OPERATION(deallocate);
OPERATION(deallocate_anonymous);
OPERATION(read_anonymous);
OPERATION(read_bypass);
OPERATION(write_anonymous);
OPERATION(write_bypass);

/* Conflicts ---------------------------------------------------------------- */

/* The holder is granted a delegation of a new file, and closes the file: what
 * conflicts from now on conflicts with the delegation.
 */
static void hold(struct fixture *f, uint32_t type, const char *name,
		 struct target *target)
{
	static unsigned int files; /* none is used twice */
	char file[64];

	uint32_t access = type == READ_DELEG ? OPEN4_SHARE_ACCESS_READ :
					       GANESHA_WRITE_ACCESS;

	snprintf(file, sizeof(file), "%.40s-%u", name, files++);
	server_make_file(f->server, file, "contents");
	server_make_file(f->server, "successor", "other contents");
	snprintf(target->path, sizeof(target->path), "export/%.48s", file);
	assert_int_equal(nfs_open(&f->session, target->path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &target->file),
			 NFS4_OK);
	assert_int_equal(target->file.delegation.type, type);
	assert_int_equal(nfs_close(&f->session, &target->file), NFS4_OK);
}

static int give_back(struct fixture *f, const struct target *target)
{
	return nfs_delegreturn(&f->session, &target->file.fh,
			       &target->file.delegation.stateid);
}

static void start(struct nfs_compound *compound, struct nfs_session *asker,
		  const struct target *target,
		  const struct operation *operation)
{
	nfs_compound_init(compound, asker);
	operation->put(compound, target);
	assert_int_equal(nfs_compound_send(compound), 0);
}

/* Has the holder been told, in any callback from number @n on? */
static bool recalled(struct fixture *f, const struct target *target,
		     unsigned int n)
{
	struct cb_call *call;

	while ((call = cb_responder_wait(f->responder, n++, 0)))
		if (fixture_recalls(call, &target->file))
			return true;
	return false;
}

/* Ask, again after each NFS4ERR_DELAY, until the delegation is recalled.
 * @return the last answer if one came that lets the asker do it before, else
 * NFS4ERR_DELAY; the request may be still waiting.
 */
static int ask_until_recalled(struct fixture *f, struct nfs_session *asker,
			      const struct target *target,
			      const struct operation *operation,
			      struct nfs_compound *compound)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	unsigned int n = cb_responder_count(f->responder);
	int status;

	start(compound, asker, target, operation);
	while (!recalled(f, target, n) && nfs_now_ns() < until) {
		status = nfs_compound_wait(compound, PAUSE);
		if (status == -ETIMEDOUT)
			continue;
		if (status != NFS4ERR_DELAY)
			return status;
		/* A pause that any callback ends. */
		cb_responder_wait(f->responder,
				  cb_responder_count(f->responder), PAUSE);
		nfs_compound_fini(compound);
		start(compound, asker, target, operation);
	}
	assert_true(recalled(f, target, n));
	return NFS4ERR_DELAY;
}

/* The same, asked once: it waits.  (Its CB_GETATTR is refused, so that even a
 * GETATTR makes a recall.)
 */
static int ask_once(struct fixture *f, struct nfs_session *asker,
		    const struct target *target,
		    const struct operation *operation,
		    struct nfs_compound *compound)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	unsigned int n = cb_responder_count(f->responder);
	int status = -ETIMEDOUT;

	start(compound, asker, target, operation);
	while (status == -ETIMEDOUT && !recalled(f, target, n) &&
	       nfs_now_ns() < until)
		status = nfs_compound_wait(compound, PAUSE);
	if (status == -ETIMEDOUT)
		status = nfs_compound_wait(compound, PAUSE);
	assert_true(recalled(f, target, n));
	return status == -ETIMEDOUT ? NFS4ERR_DELAY : status;
}

/* Ask on until the answer is no NFS4ERR_DELAY. */
static int ask_on(struct nfs_session *asker, const struct target *target,
		  const struct operation *operation,
		  struct nfs_compound *compound)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	int status = nfs_compound_wait(compound, SOON);

	while (status == NFS4ERR_DELAY && nfs_now_ns() < until) {
		nfs_compound_fini(compound);
		start(compound, asker, target, operation);
		status = nfs_compound_wait(compound, SOON);
	}
	nfs_compound_fini(compound);
	return status;
}

/* The delegation is recalled, and nothing happens before it is returned. */
static void assert_conflicts(struct fixture *f, struct nfs_session *asker,
			     uint32_t type, const struct operation *operation)
{
	struct target target = { .asker = asker->client };
	struct nfs_compound compound;
	int status;

	hold(f, type, operation->name, &target);
	status = held ? ask_once(f, asker, &target, operation, &compound) :
			ask_until_recalled(f, asker, &target, operation,
					   &compound);
	if (status != NFS4ERR_DELAY) {
		nfs_compound_fini(&compound);
		fail_msg("%s: %d while another holds a delegation",
			 operation->name, status);
	}
	assert_int_equal(give_back(f, &target), NFS4_OK);
	if (held) {
		assert_int_equal(nfs_compound_wait(&compound, SOON), NFS4_OK);
		nfs_compound_fini(&compound);
	} else {
		assert_int_equal(ask_on(asker, &target, operation, &compound),
				 NFS4_OK);
	}
}

/* It is done at once, and nothing is recalled. */
static void assert_passes(struct fixture *f, struct nfs_session *asker,
			  struct nfs_conn *conn, const struct target *target,
			  const struct operation *operation)
{
	unsigned int n = cb_responder_count(f->responder);
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, asker);
	compound.conn = conn;
	operation->put(&compound, target);
	status = nfs_compound_finish(&compound);
	if (status != NFS4_OK)
		fail_msg("%s: %d", operation->name, status);
	assert_int_equal(cb_responder_count(f->responder), n);
}

/* Two clients at one address, and at two */

#define WRITE_DELEGATION_TESTS(operation)                                      \
	static void                                                            \
		test_one_address_##operation##_recalls_the_write_delegation(   \
			void **state)                                          \
	{                                                                      \
		assert_conflicts(*state, &neighbour_session, WRITE_DELEG,      \
				 &op_##operation);                             \
	}                                                                      \
	static void                                                            \
		test_two_addresses_##operation##_recalls_the_write_delegation( \
			void **state)                                          \
	{                                                                      \
		struct fixture *f = *state;                                    \
                                                                               \
		assert_conflicts(f, &f->opener_session, WRITE_DELEG,           \
				 &op_##operation);                             \
	}

WRITE_DELEGATION_TESTS(open_read)
WRITE_DELEGATION_TESTS(open_write)
WRITE_DELEGATION_TESTS(open_truncate)
WRITE_DELEGATION_TESTS(getattr)
WRITE_DELEGATION_TESTS(remove)
WRITE_DELEGATION_TESTS(rename)
WRITE_DELEGATION_TESTS(rename_over)
WRITE_DELEGATION_TESTS(link)
WRITE_DELEGATION_TESTS(set_size)
WRITE_DELEGATION_TESTS(set_mode)
WRITE_DELEGATION_TESTS(set_owner)
WRITE_DELEGATION_TESTS(set_group)
WRITE_DELEGATION_TESTS(set_times)
WRITE_DELEGATION_TESTS(set_acl)
WRITE_DELEGATION_TESTS(setxattr)
WRITE_DELEGATION_TESTS(read_anonymous)
WRITE_DELEGATION_TESTS(read_bypass)
WRITE_DELEGATION_TESTS(write_anonymous)
WRITE_DELEGATION_TESTS(write_bypass)

#define WRITE_DELEGATION_CASES(operation)                                      \
	CONFLICT_TEST(                                                         \
		test_one_address_##operation##_recalls_the_write_delegation),  \
		CONFLICT_TEST(                                                 \
			test_two_addresses_##operation##_recalls_the_write_delegation)

#define READ_DELEGATION_TESTS(operation)                                       \
	static void                                                            \
		test_one_address_##operation##_recalls_the_read_delegation(    \
			void **state)                                          \
	{                                                                      \
		assert_conflicts(*state, &neighbour_session, READ_DELEG,       \
				 &op_##operation);                             \
	}                                                                      \
	static void                                                            \
		test_two_addresses_##operation##_recalls_the_read_delegation(  \
			void **state)                                          \
	{                                                                      \
		struct fixture *f = *state;                                    \
                                                                               \
		assert_conflicts(f, &f->opener_session, READ_DELEG,            \
				 &op_##operation);                             \
	}

READ_DELEGATION_TESTS(open_write)
READ_DELEGATION_TESTS(open_truncate)
READ_DELEGATION_TESTS(open_deny_read)
READ_DELEGATION_TESTS(remove)
READ_DELEGATION_TESTS(rename)
READ_DELEGATION_TESTS(rename_over)
READ_DELEGATION_TESTS(link)
READ_DELEGATION_TESTS(set_size)
READ_DELEGATION_TESTS(set_mode)
READ_DELEGATION_TESTS(set_owner)
READ_DELEGATION_TESTS(set_group)
READ_DELEGATION_TESTS(set_times)
READ_DELEGATION_TESTS(set_acl)
READ_DELEGATION_TESTS(setxattr)
READ_DELEGATION_TESTS(write_anonymous)
READ_DELEGATION_TESTS(write_bypass)

#define READ_DELEGATION_CASES(operation)                                       \
	CONFLICT_TEST(                                                         \
		test_one_address_##operation##_recalls_the_read_delegation),   \
		CONFLICT_TEST(                                                 \
			test_two_addresses_##operation##_recalls_the_read_delegation)

/* The neighbour leaves its connection for that of the holder: pynfs. */
static void share_connection(struct fixture *f)
{
	struct nfs_create_session_args args;
	struct nfs_conn *conn = f->session.conn;

	nfs_client_unmount(&neighbour_session);
	nfs_create_session_args_init(&args);
	args.flags = 0;
	assert_int_equal(nfs_exchange_id(&neighbour, conn), NFS4_OK);
	assert_int_equal(
		nfs_create_session(&neighbour_session, &neighbour, conn, &args),
		NFS4_OK);
	assert_int_equal(nfs_reclaim_complete(&neighbour_session), NFS4_OK);
}

static void
test_one_connection_open_read_recalls_the_write_delegation(void **state)
{
	share_connection(*state);
	assert_conflicts(*state, &neighbour_session, WRITE_DELEG,
			 &op_open_read);
}

static void
test_one_connection_getattr_recalls_the_write_delegation(void **state)
{
	share_connection(*state);
	assert_conflicts(*state, &neighbour_session, WRITE_DELEG, &op_getattr);
}

static void
test_one_connection_open_write_recalls_the_read_delegation(void **state)
{
	share_connection(*state);
	assert_conflicts(*state, &neighbour_session, READ_DELEG,
			 &op_open_write);
}

/* What reads does not conflict with a read delegation, wherever it is from. */
static void test_read_delegation_stays_with_readers(void **state)
{
	static const struct operation *const readers[] = {
		&op_open_read,
		&op_getattr,
		&op_read_anonymous,
		&op_read_bypass,
	};
	struct fixture *f = *state;
	struct target target = { .asker = &f->opener };

	hold(f, READ_DELEG, "readers", &target);
	for (size_t i = 0; i < 4; i++)
		assert_passes(f, &f->opener_session, f->opener_session.conn,
			      &target, readers[i]);
	target.asker = &neighbour;
	for (size_t i = 0; i < 4; i++)
		assert_passes(f, &neighbour_session, neighbour_session.conn,
			      &target, readers[i]);
	assert_int_equal(give_back(f, &target), NFS4_OK);
}

/* One host that mounts 4.0 and 4.1. */
static void v40_opens(struct fixture *f, bool one_address, const char *name)
{
	struct target target = { .asker = &f->holder };
	struct nfs40_client old;
	struct nfs_session session = f->session;
	struct nfs_client client;
	struct nfs_file file;
	struct cb_call *asked;
	int status, other;

	assert_int_equal(nfs40_client_mount(&old, f->loop,
					    server_port(f->server),
					    ++f->clients, f->responder),
			 NFS4_OK);
	/* An owner's first open has to be confirmed. */
	server_make_file(f->server, "first-of-owner", "contents");
	assert_int_equal(nfs40_open(&old, "export/first-of-owner",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	client = f->holder;
	if (one_address) {
		memcpy(client.source, old.base.source, sizeof(client.source));
		snprintf(client.owner, sizeof(client.owner), "%.32s-neighbour",
			 old.base.owner);
		assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
		f->conns[f->nconns++] = nfs_conn_get(session.conn);
	}
	server_make_file(f->server, name, "contents");
	snprintf(target.path, sizeof(target.path), "export/%s", name);
	assert_int_equal(nfs_open(one_address ? &session : &f->session,
				  target.path,
				  GANESHA_WRITE_ACCESS |
					  OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &target.file),
			 NFS4_OK);
	assert_int_equal(target.file.delegation.type, WRITE_DELEG);
	status = nfs40_open(&old, target.path, OPEN4_SHARE_ACCESS_READ, &file);
	asked = cb_responder_wait(f->responder, 0, SOON);
	other = nfs_delegreturn(one_address ? &session : &f->session,
				&target.file.fh,
				&target.file.delegation.stateid);
	nfs40_client_fini(&old);
	if (one_address)
		nfs_client_unmount(&session);
	assert_int_equal(status, NFS4ERR_DELAY);
	assert_int_equal(other, NFS4_OK);
	assert_non_null(asked);
	assert_true(fixture_recalls(asked, &target.file));
}

static void test_one_address_v40_open_recalls_the_write_delegation(void **state)
{
	v40_opens(*state, true, "v40-one");
}

static void
test_two_addresses_v40_open_recalls_the_write_delegation(void **state)
{
	v40_opens(*state, false, "v40-two");
}

/* The holder itself -------------------------------------------------------- */

/* A connection of the holder's from another address, for its session. */
static struct nfs_conn *other_address(struct fixture *f)
{
	struct nfs_conn *conn = fixture_connect(f, &elsewhere);

	assert_int_equal(
		nfs_bind_conn(&f->session, conn, CDFC4_FORE_OR_BOTH, NULL),
		NFS4_OK);
	return conn;
}

/* The holder goes on from another address: its own is gone. */
static struct nfs_conn *new_address(struct fixture *f)
{
	struct nfs_conn *conn = other_address(f);

	nfs_conn_close(f->session.conn, NFS_CLOSE_FIN);
	nfs_session_set_conn(&f->session, conn);
	return conn;
}

/* It does this to a file of which it has a delegation, which stays. */
static void own_passes(struct fixture *f, struct nfs_conn *conn, uint32_t type,
		       const struct operation *operation)
{
	struct target target = { .asker = &f->holder };

	hold(f, type, operation->name, &target);
	assert_passes(f, &f->session, conn, &target, operation);
	if (operation != &op_remove) /* the file of its delegation is gone */
		assert_int_equal(give_back(f, &target), NFS4_OK);
}

#define OWN_WRITE_TESTS(operation)                                             \
	static void test_own_address_own_##operation##_recalls_nothing(        \
		void **state)                                                  \
	{                                                                      \
		struct fixture *f = *state;                                    \
                                                                               \
		own_passes(f, f->session.conn, WRITE_DELEG, &op_##operation);  \
	}                                                                      \
	static void test_other_address_own_##operation##_recalls_nothing(      \
		void **state)                                                  \
	{                                                                      \
		struct fixture *f = *state;                                    \
                                                                               \
		own_passes(f, other_address(f), WRITE_DELEG, &op_##operation); \
	}

#define OWN_TESTS(operation)                                                   \
	OWN_WRITE_TESTS(operation)                                             \
	static void test_read_delegation_own_##operation##_recalls_nothing(    \
		void **state)                                                  \
	{                                                                      \
		struct fixture *f = *state;                                    \
                                                                               \
		own_passes(f, f->session.conn, READ_DELEG, &op_##operation);   \
	}

OWN_TESTS(open_read)
OWN_TESTS(open_write)
OWN_TESTS(open_truncate)
OWN_TESTS(getattr)
OWN_TESTS(set_size)
OWN_TESTS(set_mode)
OWN_TESTS(set_times)
OWN_TESTS(rename)
OWN_TESTS(link)
OWN_TESTS(remove)
OWN_TESTS(allocate_anonymous)
OWN_TESTS(deallocate_anonymous)
OWN_WRITE_TESTS(allocate)
OWN_WRITE_TESTS(deallocate)
OWN_WRITE_TESTS(write_anonymous)

#define OWN_WRITE_CASES(operation)                                             \
	CONFLICT_TEST(test_own_address_own_##operation##_recalls_nothing),     \
		CONFLICT_TEST(                                                 \
			test_other_address_own_##operation##_recalls_nothing)

#define OWN_CASES(operation)                                                   \
	OWN_WRITE_CASES(operation),                                            \
		CONFLICT_TEST(                                                 \
			test_read_delegation_own_##operation##_recalls_nothing)

/* Linux returns a write delegation so. */
static void getattr_and_return(struct fixture *f, struct nfs_conn *conn,
			       const char *name)
{
	struct target target = { .asker = &f->holder };
	struct nfs_compound compound;

	hold(f, WRITE_DELEG, name, &target);
	nfs_compound_init(&compound, &f->session);
	compound.conn = conn;
	put_getattr(&compound, &target);
	nfs_put_delegreturn(&compound, &target.file.delegation.stateid);
	assert_int_equal(nfs_compound_finish(&compound), NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
}

static void test_own_address_getattr_and_delegreturn_succeeds(void **state)
{
	struct fixture *f = *state;

	getattr_and_return(f, f->session.conn, "return-own");
}

static void test_other_address_getattr_and_delegreturn_succeeds(void **state)
{
	struct fixture *f = *state;

	getattr_and_return(f, other_address(f), "return-other");
}

/* The delegation was granted at the address that is gone. */
static void test_new_address_own_operations_recall_nothing(void **state)
{
	static const struct operation *const operations[] = {
		&op_getattr,  &op_set_size,	   &op_open_write,
		&op_set_mode, &op_write_anonymous,
	};
	struct fixture *f = *state;
	struct target target = { .asker = &f->holder };

	hold(f, WRITE_DELEG, "moved", &target);
	new_address(f);
	for (size_t i = 0; i < 5; i++)
		assert_passes(f, &f->session, f->session.conn, &target,
			      operations[i]);
	assert_int_equal(give_back(f, &target), NFS4_OK);
}

/* And it still is the holder's: another's operation is a conflict. */
static void test_new_address_other_client_recalls_it_there(void **state)
{
	struct fixture *f = *state;
	struct target target = { .asker = &f->opener };
	struct nfs_compound compound;

	hold(f, WRITE_DELEG, "moved-conflict", &target);
	new_address(f);
	assert_int_equal(ask_until_recalled(f, &f->opener_session, &target,
					    &op_open_read, &compound),
			 NFS4ERR_DELAY);
	assert_ptr_equal(fixture_callback(f, 0)->conn, f->session.conn);
	assert_int_equal(give_back(f, &target), NFS4_OK);
	assert_int_equal(
		ask_on(&f->opener_session, &target, &op_open_read, &compound),
		NFS4_OK);
}

/* An editor: open for reading, then for writing; what it holds stays its own
 * and is recalled for others as before.
 */
static void test_own_write_open_leaves_the_read_delegation(void **state)
{
	struct fixture *f = *state;
	struct target target = { .asker = &f->opener };
	struct nfs_compound compound;
	struct nfs_file writer;

	hold(f, READ_DELEG, "editor", &target);
	assert_int_equal(nfs_open(&f->session, target.path,
				  OPEN4_SHARE_ACCESS_BOTH |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &writer),
			 NFS4_OK);
	assert_int_equal(nfs_write(&f->session, &writer.fh, &writer.stateid, 0,
				   "edited", 6),
			 NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &writer), NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
	assert_int_equal(
		nfs_test_stateid(&f->session, &target.file.delegation.stateid),
		NFS4_OK);
	assert_int_equal(ask_until_recalled(f, &f->opener_session, &target,
					    &op_open_write, &compound),
			 NFS4ERR_DELAY);
	assert_int_equal(give_back(f, &target), NFS4_OK);
	assert_int_equal(
		ask_on(&f->opener_session, &target, &op_open_write, &compound),
		NFS4_OK);
}

/* WRITE may go on on another thread of the server, where nothing of Ganesha's can
 * be changed for it.
 */
static void test_read_delegation_own_write_anonymous_recalls_it(void **state)
{
	struct fixture *f = *state;

	assert_conflicts(f, &f->session, READ_DELEG, &op_write_anonymous);
}

static int do_once(struct nfs_session *session, const struct target *target,
		   const struct operation *operation)
{
	struct nfs_compound compound;
	int status;

	start(&compound, session, target, operation);
	status = nfs_compound_wait(&compound, SOON);
	nfs_compound_fini(&compound);
	return status;
}

/* While the holder changes the file it does what it likes to it; and others may
 * read afterwards.
 */
static void test_own_operations_at_once_recall_nothing(void **state)
{
	static const struct operation *const operations[] = {
		&op_reached,	&op_open_read, &op_set_mode,
		&op_open_write, &op_open_read, &op_go,
	};
	struct fixture *f = *state;
	struct target target = { .asker = &f->holder };
	struct nfs_compound waits;
	int status[6], waited;

	hold(f, READ_DELEG, "at-once", &target);
	start(&waits, &f->session, &target, &op_wait);
	for (size_t i = 0; i < 6; i++)
		status[i] = do_once(&f->session, &target, operations[i]);
	waited = nfs_compound_wait(&waits, SOON);
	nfs_compound_fini(&waits);
	target.asker = &f->opener;
	assert_passes(f, &f->opener_session, f->opener_session.conn, &target,
		      &op_open_read);
	assert_int_equal(give_back(f, &target), NFS4_OK);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(status[i], NFS4_OK);
	assert_int_equal(waited, NFS4_OK);
	assert_int_equal(cb_responder_count(f->responder), 0);
}

/* Two hold a read delegation, and one of them opens for writing: the other's is
 * recalled, and the opener's own is not.
 */
static void test_own_write_open_recalls_the_others_read_delegation(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	struct target target = { .asker = NULL };
	struct nfs_client second;
	struct nfs_session session;
	struct nfs_file file;
	struct nfs_compound open;
	unsigned int told;
	int status, mine;

	fixture_client(f, &second);
	second.responder = responder;
	assert_int_equal(nfs_client_mount(&second, &session), NFS4_OK);
	hold(f, READ_DELEG, "shared-editor", &target);
	target.asker = &second;
	assert_int_equal(nfs_open(&session, target.path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, READ_DELEG);
	assert_int_equal(nfs_close(&session, &file), NFS4_OK);

	start(&open, &session, &target, &op_open_write);
	assert_non_null(cb_responder_wait(f->responder, 0, SOON));
	assert_int_equal(give_back(f, &target), NFS4_OK);
	if (held)
		assert_int_equal(nfs_compound_wait(&open, SOON), NFS4_OK);
	status = ask_on(&session, &target, &op_open_write, &open);
	told = cb_responder_count(responder);
	mine = nfs_delegreturn(&session, &file.fh, &file.delegation.stateid);
	nfs_client_unmount(&session);
	cb_responder_free(responder);
	assert_int_equal(told, 0);
	assert_int_equal(status, NFS4_OK);
	assert_int_equal(mine, NFS4_OK);
}

/* "held": the same while requests are held. */
int main(int argc, char **argv)
{
	/* VFS that takes ACLs and extended attributes. */
	struct server_params params = {
		.module = true,
		.plugin = ATTRIBUTES_PLUGIN,
		.fsal = "Name = ATTRIBUTES;\nFSAL { Name = VFS; }",
	};
	const struct CMUnitTest tests[] = {
		WRITE_DELEGATION_CASES(open_read),
		WRITE_DELEGATION_CASES(open_write),
		WRITE_DELEGATION_CASES(open_truncate),
		WRITE_DELEGATION_CASES(getattr),
		WRITE_DELEGATION_CASES(remove),
		WRITE_DELEGATION_CASES(rename),
		WRITE_DELEGATION_CASES(rename_over),
		WRITE_DELEGATION_CASES(link),
		WRITE_DELEGATION_CASES(set_size),
		WRITE_DELEGATION_CASES(set_mode),
		WRITE_DELEGATION_CASES(set_owner),
		WRITE_DELEGATION_CASES(set_group),
		WRITE_DELEGATION_CASES(set_times),
		WRITE_DELEGATION_CASES(set_acl),
		WRITE_DELEGATION_CASES(setxattr),
		WRITE_DELEGATION_CASES(read_anonymous),
		WRITE_DELEGATION_CASES(read_bypass),
		WRITE_DELEGATION_CASES(write_anonymous),
		WRITE_DELEGATION_CASES(write_bypass),
		READ_DELEGATION_CASES(open_write),
		READ_DELEGATION_CASES(open_truncate),
		READ_DELEGATION_CASES(open_deny_read),
		READ_DELEGATION_CASES(remove),
		READ_DELEGATION_CASES(rename),
		READ_DELEGATION_CASES(rename_over),
		READ_DELEGATION_CASES(link),
		READ_DELEGATION_CASES(set_size),
		READ_DELEGATION_CASES(set_mode),
		READ_DELEGATION_CASES(set_owner),
		READ_DELEGATION_CASES(set_group),
		READ_DELEGATION_CASES(set_times),
		READ_DELEGATION_CASES(set_acl),
		READ_DELEGATION_CASES(setxattr),
		READ_DELEGATION_CASES(write_anonymous),
		READ_DELEGATION_CASES(write_bypass),
		CONFLICT_TEST(
			test_one_connection_open_read_recalls_the_write_delegation),
		CONFLICT_TEST(
			test_one_connection_getattr_recalls_the_write_delegation),
		CONFLICT_TEST(
			test_one_connection_open_write_recalls_the_read_delegation),
		CONFLICT_TEST(test_read_delegation_stays_with_readers),
		CONFLICT_TEST(
			test_one_address_v40_open_recalls_the_write_delegation),
		CONFLICT_TEST(
			test_two_addresses_v40_open_recalls_the_write_delegation),
		OWN_CASES(open_read),
		OWN_CASES(open_write),
		OWN_CASES(open_truncate),
		OWN_CASES(getattr),
		OWN_CASES(set_size),
		OWN_CASES(set_mode),
		OWN_CASES(set_times),
		OWN_CASES(rename),
		OWN_CASES(link),
		OWN_CASES(remove),
		OWN_CASES(allocate_anonymous),
		OWN_CASES(deallocate_anonymous),
		OWN_WRITE_CASES(allocate),
		OWN_WRITE_CASES(deallocate),
		OWN_WRITE_CASES(write_anonymous),
		CONFLICT_TEST(
			test_read_delegation_own_write_anonymous_recalls_it),
		CONFLICT_TEST(test_own_operations_at_once_recall_nothing),
		CONFLICT_TEST(
			test_own_address_getattr_and_delegreturn_succeeds),
		CONFLICT_TEST(
			test_other_address_getattr_and_delegreturn_succeeds),
		CONFLICT_TEST(test_new_address_own_operations_recall_nothing),
		CONFLICT_TEST(test_new_address_other_client_recalls_it_there),
		CONFLICT_TEST(test_own_write_open_leaves_the_read_delegation),
		CONFLICT_TEST(
			test_own_write_open_recalls_the_others_read_delegation),
	};

	held = argc > 1 && !strcmp(argv[1], "held");
	params.hold_conflicts = held ? HOLD : 0;
	return fixture_run(tests, &params);
}
