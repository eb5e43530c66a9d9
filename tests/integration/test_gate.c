/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * While an operation that changes a file is at it, nobody is granted a delegation of
 * that file: it has been looked at before, and found free.  Each one is stopped at the
 * change itself by the test's FSAL (fsal_attributes.c), and another client opens the
 * file meanwhile.  RFC 5661 10.4.
 */
#include "exports.h"
#include "nfs40.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define A_WHILE 300 /* ms: the removal of an export is that far by then */
#define OP_ALLOCATE 59 /* RFC 7862, 13.1 */

static const struct nfs_stateid anonymous;

static const struct server_params params = {
	.module = true,
	.plugin = ATTRIBUTES_PLUGIN,
	.fsal = "Name = ATTRIBUTES;\nFSAL { Name = VFS; }",
};

/* The file, and what the operation may need beside it. */
struct target {
	char path[64]; /* "export/NAME" */
	struct nfs_fh fh;
};

struct operation {
	const char *name;
	void (*put)(struct nfs_compound *compound, const struct target *target);
};

static const char *name_of(const struct target *target)
{
	return strrchr(target->path, '/') + 1;
}

static void put_write(struct nfs_compound *compound,
		      const struct target *target)
{
	nfs_put_putfh(compound, &target->fh);
	nfs_put_write(compound, &anonymous, 0, "text", 4);
}

static void put_allocate(struct nfs_compound *compound,
			 const struct target *target)
{
	struct xdr_buf *buf;

	compound->minorversion = 2;
	nfs_put_putfh(compound, &target->fh);
	buf = nfs_put_op(compound, OP_ALLOCATE);
	nfs_put_stateid(buf, &anonymous);
	xdr_put_u64(buf, 0);
	xdr_put_u64(buf, 4096);
}

static void put_setxattr(struct nfs_compound *compound,
			 const struct target *target)
{
	compound->minorversion = 2;
	nfs_put_putfh(compound, &target->fh);
	nfs_put_setxattr(compound, "name", "value");
}

static void put_remove(struct nfs_compound *compound,
		       const struct target *target)
{
	nfs_put_path(compound, "export");
	nfs_put_remove(compound, name_of(target));
}

static void put_rename_over(struct nfs_compound *compound,
			    const struct target *target)
{
	nfs_put_path(compound, "export");
	nfs_put_savefh(compound);
	nfs_put_rename(compound, "successor", name_of(target));
}

static void put_rename(struct nfs_compound *compound,
		       const struct target *target)
{
	nfs_put_path(compound, "export");
	nfs_put_savefh(compound);
	nfs_put_rename(compound, name_of(target), "renamed");
}

static void put_link(struct nfs_compound *compound, const struct target *target)
{
	nfs_put_putfh(compound, &target->fh);
	nfs_put_savefh(compound);
	nfs_put_path(compound, "export");
	nfs_put_link(compound, "linked");
}

/* The gate ------------------------------------------------------------------- */

static struct nfs_fh
	control; /* a file that only the test's FSAL is told with */

/* No name is looked up: who is stopped may have the folder locked. */
static void put_tell(struct nfs_compound *compound, struct fixture *f,
		     const char *what)
{
	nfs_compound_init(compound, &f->opener_session);
	compound->minorversion = 2;
	nfs_put_putfh(compound, &control);
	nfs_put_setxattr(compound, what, "");
}

static void tell(struct fixture *f, const char *what)
{
	struct nfs_compound compound;

	put_tell(&compound, f, what);
	assert_int_equal(nfs_compound_finish(&compound), NFS4_OK);
}

static void shut_gate(struct fixture *f)
{
	server_make_file(f->server, "control", "");
	assert_int_equal(
		nfs_lookup(&f->opener_session, "export/control", &control),
		NFS4_OK);
	tell(f, "gate");
}

/* A compound is stopped at the change that it makes. */
static void send_and_stop(struct fixture *f, struct nfs_compound *compound)
{
	shut_gate(f);
	assert_int_equal(nfs_compound_send(compound), 0);
	tell(f, "reached");
}

static int go_on(struct fixture *f, struct nfs_compound *compound)
{
	int status;

	tell(f, "go");
	status = nfs_compound_wait(compound, SOON);
	nfs_compound_fini(compound);
	return status;
}

/* The holder's OPEN of a file by its handle. */
static void put_open(struct nfs_compound *open, struct fixture *f,
		     const struct nfs_fh *fh)
{
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ |
				OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
		.claim = CLAIM_FH,
		.clientid = f->holder.clientid,
		.owner = f->holder.owner,
	};

	nfs_compound_init(open, &f->session);
	nfs_put_putfh(open, fh);
	nfs_put_open(open, &args);
}

/* It opens the file, and closes it.  @return what it gets */
static uint32_t delegated(struct fixture *f, const struct nfs_fh *fh)
{
	struct nfs_file file = { .fh = *fh };
	struct nfs_compound open;

	put_open(&open, f, fh);
	assert_int_equal(nfs_compound_call(&open), NFS4_OK);
	file.stateid = nfs_compound_res(&open, OP_OPEN)->open.stateid;
	file.delegation = nfs_compound_res(&open, OP_OPEN)->open.delegation;
	nfs_compound_fini(&open);
	if (file.delegation.type == OPEN_DELEGATE_READ)
		fixture_return(f, &file);
	else
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	return file.delegation.type;
}

/* A second name keeps the file, whatever is done to the first. */
static void make_target(struct fixture *f, const char *name,
			struct target *target)
{
	char path[1024], second[1040];

	snprintf(target->path, sizeof(target->path), "export/%s", name);
	snprintf(path, sizeof(path), "%s/%s", server_export(f->server), name);
	snprintf(second, sizeof(second), "%s.second", path);
	server_make_file(f->server, name, "contents");
	server_make_file(f->server, "successor", "contents");
	assert_int_equal(link(path, second), 0);
	assert_int_equal(
		nfs_lookup(&f->opener_session, target->path, &target->fh),
		NFS4_OK);
}

static void nothing_is_granted_while(struct fixture *f,
				     const struct operation *operation)
{
	struct nfs_compound compound;
	struct target target;
	uint32_t meanwhile;

	make_target(f, operation->name, &target);
	nfs_compound_init(&compound, &f->opener_session);
	operation->put(&compound, &target);
	send_and_stop(f, &compound);
	meanwhile = delegated(f, &target.fh);
	assert_int_equal(go_on(f, &compound), NFS4_OK);
	assert_int_not_equal(meanwhile, OPEN_DELEGATE_READ);
	assert_int_not_equal(meanwhile, OPEN_DELEGATE_WRITE);
	assert_int_equal(delegated(f, &target.fh), OPEN_DELEGATE_READ);
	assert_int_equal(cb_responder_count(f->responder), 0);
}

/* From the first grant on, files are marked (conflict.c). */
static void grant_one(struct fixture *f)
{
	struct nfs_file file;

	fixture_hold(f, "granted", &file);
	fixture_return(f, &file);
}

#define GATE_TEST(change)                                                      \
	static void test_nothing_is_granted_during_##change(void **state)      \
	{                                                                      \
		static const struct operation operation = { #change,           \
							    put_##change };    \
                                                                               \
		grant_one(*state);                                             \
		nothing_is_granted_while(*state, &operation);                  \
	}

GATE_TEST(write)
GATE_TEST(allocate)
GATE_TEST(setxattr)
GATE_TEST(remove)
GATE_TEST(rename)
GATE_TEST(rename_over)
GATE_TEST(link)

/* Before it, who changes them is counted. */
static void test_not_even_the_first_is_granted_during_write(void **state)
{
	static const struct operation operation = { "first", put_write };
	struct fixture own;

	*state = &own;
	assert_int_equal(fixture_start(&own, &params), 0);
	assert_int_equal(fixture_mount(state), 0);
	nothing_is_granted_while(&own, &operation);
	fixture_end(&own);
}

/* OPEN has found no file of that name.  While it makes one, another client has made it,
 * and was given a delegation: that is recalled, and the OPEN has left nothing open.
 */
static void test_file_is_delegated_while_another_open_makes_it(void **state)
{
	struct fixture *f = *state;
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_WRITE |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.create = true,
		.name = "made",
		.clientid = f->opener.clientid,
		.owner = f->opener.owner,
	};
	const struct nfs_open_args alone = {
		.share_access = OPEN4_SHARE_ACCESS_READ |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.share_deny = OPEN4_SHARE_DENY_BOTH,
	};
	struct nfs_compound open;
	struct nfs_file file, again;

	nfs_compound_init(&open, &f->opener_session);
	nfs_put_path(&open, "export");
	nfs_put_open(&open, &args);
	send_and_stop(f, &open);
	assert_int_equal(nfs_create(&f->session, "export/made",
				    GANESHA_WRITE_ACCESS |
					    OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				    &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_WRITE);
	assert_int_equal(go_on(f, &open), NFS4ERR_DELAY);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	fixture_return(f, &file);
	assert_int_equal(
		nfs_open_with(&f->session, "export/made", &alone, &again),
		NFS4_OK);
	assert_int_equal(nfs_close(&f->session, &again), NFS4_OK);
	fixture_assert_opens(f, "made");
}

/* Two exports; an OPEN of a file through the second stands while that is removed. */
static void begin_with_two_exports(struct fixture *own, struct target *target)
{
	void *state = own;

	assert_int_equal(exports_start(own, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
	make_target(own, "removed", target);
	assert_int_equal(
		nfs_lookup(&own->opener_session, "second/removed", &target->fh),
		NFS4_OK);
}

static void stop_and_remove(struct fixture *own, struct nfs_compound *open)
{
	send_and_stop(own, open);
	tell(own, "removal gate");
	assert_int_equal(exports_tell(own, false), 0);
}

/* The server dies at its end of what has stayed. */
static void nothing_stays(struct fixture *own)
{
	tell(own, "removal go");
	assert_int_equal(exports_wait(own), 0);
	assert_int_equal(exports_become_free(own, "removed"), NFS4_OK);
	fixture_end(own);
}

/* The removal goes on when the OPEN is through, which adds nothing any more. */
static void removal_waits_for(struct fixture *own, struct nfs_compound *open)
{
	struct nfs_compound reached;

	stop_and_remove(own, open);
	put_tell(&reached, own, "removal reached");
	assert_int_equal(nfs_compound_send(&reached), 0);
	assert_int_equal(nfs_compound_wait(&reached, A_WHILE), -ETIMEDOUT);
	assert_int_equal(go_on(own, open), NFS4ERR_DELAY);
	assert_int_equal(nfs_compound_wait(&reached, SOON), NFS4_OK);
	nfs_compound_fini(&reached);
}

static void test_export_that_goes_waits_for_what_is_being_opened(void **state)
{
	struct nfs_compound open;
	struct target target;
	struct fixture own;

	*state = &own;
	begin_with_two_exports(&own, &target);
	put_open(&open, &own, &target.fh);
	removal_waits_for(&own, &open);
	nothing_stays(&own);
}

/* It goes on without the OPEN after a second. */
static void removal_outlasts(struct fixture *own, struct nfs_compound *open)
{
	stop_and_remove(own, open);
	tell(own, "removal reached");
	assert_int_equal(go_on(own, open), NFS4ERR_DELAY);
}

static void test_open_that_outlasts_its_export_leaves_nothing(void **state)
{
	struct nfs_compound open;
	struct target target;
	struct fixture own;

	*state = &own;
	begin_with_two_exports(&own, &target);
	put_open(&open, &own, &target.fh);
	removal_outlasts(&own, &open);
	nothing_stays(&own);
}

/* Each counts, and the next one has the next sequence id. */
static void put_v40_open(struct nfs_compound *open, struct nfs40_client *old)
{
	struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.clientid = old->base.clientid,
		.owner = old->base.owner,
		.seqid = old->open_seqid++,
	};

	nfs_compound_init_bare(open, &old->base, old->conn);
	args.name = nfs_put_parent(open, "second/removed");
	nfs_put_open(open, &args);
}

static void v40_opens(struct fixture *own,
		      void (*removal)(struct fixture *own,
				      struct nfs_compound *open))
{
	struct nfs40_client old;
	struct nfs_compound open;
	struct target target;
	struct nfs_file file;

	begin_with_two_exports(own, &target);
	assert_int_equal(nfs40_client_mount(&old, own->loop,
					    server_port(own->server),
					    ++own->clients, own->responder),
			 NFS4_OK);
	/* An owner's first open has to be confirmed. */
	server_make_file(own->server, "first-of-owner", "contents");
	assert_int_equal(nfs40_open(&old, "export/first-of-owner",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	put_v40_open(&open, &old);
	removal(own, &open);
	assert_int_equal(nfs40_close(&old, &file), NFS4_OK);
	nfs40_client_fini(&old);
	nothing_stays(own);
}

static void test_export_that_goes_waits_for_a_v40_open(void **state)
{
	struct fixture own;

	*state = &own;
	v40_opens(&own, removal_waits_for);
}

static void test_v40_open_that_outlasts_its_export_leaves_nothing(void **state)
{
	struct fixture own;

	*state = &own;
	v40_opens(&own, removal_outlasts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_nothing_is_granted_during_write),
		FIXTURE_TEST(test_nothing_is_granted_during_allocate),
		FIXTURE_TEST(test_nothing_is_granted_during_setxattr),
		FIXTURE_TEST(test_nothing_is_granted_during_remove),
		FIXTURE_TEST(test_nothing_is_granted_during_rename),
		FIXTURE_TEST(test_nothing_is_granted_during_rename_over),
		FIXTURE_TEST(test_nothing_is_granted_during_link),
		cmocka_unit_test(
			test_not_even_the_first_is_granted_during_write),
		cmocka_unit_test(
			test_export_that_goes_waits_for_what_is_being_opened),
		cmocka_unit_test(
			test_open_that_outlasts_its_export_leaves_nothing),
		cmocka_unit_test(test_export_that_goes_waits_for_a_v40_open),
		cmocka_unit_test(
			test_v40_open_that_outlasts_its_export_leaves_nothing),
		FIXTURE_TEST(
			test_file_is_delegated_while_another_open_makes_it),
	};

	return fixture_run(tests, &params);
}
