/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the integration tests share: one real server for each test program, and
 * for each test a client that holds delegations ("the holder") and one that
 * opens against them ("the opener"), at addresses of their own.
 */
#ifndef INTEGRATION_FIXTURE_H
#define INTEGRATION_FIXTURE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ganesha.h"
#include "nfs41.h"
#include "responder.h"
#include "server.h"

/** A test between fixture_mount() and fixture_unmount(). */
#define FIXTURE_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, fixture_mount, fixture_unmount)

/** A callback that is due at once has come by then, generously. */
#define SOON 5000 /* ms */

/** Connections that one test may open with fixture_connect(). */
#define FIXTURE_CONNS 1100

struct fixture {
	struct server *server;
	struct nfs_loop *loop;
	unsigned int clients; /* made so far, for their addresses */

	/* Of the current test. */
	struct cb_responder *responder; /* the holder's */
	struct nfs_client holder;
	struct nfs_session session; /* the holder's */
	struct nfs_client opener;
	struct nfs_session opener_session;
	struct nfs_conn *conns[FIXTURE_CONNS]; /* +1 ref, put by the teardown */
	unsigned int nconns;
};

/**
 * main()'s result: an array of tests, run against one server that is started
 * with @a params and must also end cleanly.
 */
#define fixture_run(tests, params)                                             \
	(fixture_prepare(params),                                              \
	 cmocka_run_group_tests(tests, fixture_setup, fixture_teardown) ||     \
		 fixture_unclean())

/* What fixture_run() is made of. */
void fixture_prepare(const struct server_params *params);
int fixture_setup(void **state);
int fixture_teardown(void **state);
bool fixture_unclean(void);

/** Start a server, for tests that have one of their own. */
int fixture_start(struct fixture *fixture, const struct server_params *params);
/** End it. @return 0, or how it ended instead of cleanly */
int fixture_stop(struct fixture *fixture);

/**
 * Stop the server and start it again: another instance, which client ids, session
 * ids and stateids tell from the former one.
 * @return 0, or how it ended instead of cleanly, or -errno
 */
int fixture_restart(struct fixture *fixture);

/** A test's setup: holder and opener, mounted. */
int fixture_mount(void **state);
/**
 * A test's teardown: unmounts, and asserts that the server lives, that it has
 * closed all connections of the test, and that the holder's responder has seen no
 * violation.
 */
int fixture_unmount(void **state);

/**
 * For a test with a server of its own: start it with these lines in its
 * BACKCHANNEL block, and mount; unmount, and end it.
 */
void fixture_begin(struct fixture *fixture, const char *backchannel);
void fixture_end(struct fixture *fixture);

/** A further client at an address of its own, without a responder. */
void fixture_client(struct fixture *fixture, struct nfs_client *client);

/** Make file @a name and open it for reading: a read delegation is granted. */
void fixture_hold(struct fixture *fixture, const char *name,
		  struct nfs_file *file);

/**
 * The same for a holder that is back after it left a callback unanswered or lost a
 * delegation: a delegation is granted, within SOON.
 */
void fixture_hold_again(struct fixture *fixture, const char *name,
			struct nfs_file *file);

/** Is the holder granted a delegation of a new file @a name?  It returns it. */
bool fixture_is_granted(struct fixture *fixture, const char *name);

/** fixture_hold() of a new file that the holder writes: with a write delegation. */
void fixture_hold_write(struct fixture *fixture, const char *name,
			struct nfs_file *file);

/**
 * Open file @a name for writing as the opener: answered with NFS4ERR_DELAY,
 * and the delegation is recalled.
 * @return when it was sent, CLOCK_MONOTONIC in ns
 */
uint64_t fixture_conflict(struct fixture *fixture, const char *name);

/**
 * Send an OPEN for writing of file @a path, e.g. "export/name", that no delegation is
 * wanted with; its answer may be a while in coming.
 * @param[out] open  the caller's, with nfs_compound_wait() and nfs_compound_fini()
 */
void fixture_send_open(struct nfs_compound *open, struct nfs_session *session,
		       const char *path);
/** The same, before it is sent. */
void fixture_put_open(struct nfs_compound *open, struct nfs_session *session,
		      const char *path);

/** The opener opens file @a name for writing, at once, and closes it. */
void fixture_assert_opens(struct fixture *fixture, const char *name);

/** The holder's callback number @a n (from 0 in each test), or the test fails. */
struct cb_call *fixture_callback(struct fixture *fixture, unsigned int n);
/** The same, answered, and the server has read it: none is out, its slot is free. */
struct cb_call *fixture_answered(struct fixture *fixture, unsigned int n);

/** The first of the holder's callbacks that came on a connection. */
struct cb_call *fixture_callback_on(struct fixture *fixture,
				    const struct nfs_conn *conn);

/** Does @a call recall the delegation of @a file? */
bool fixture_recalls(const struct cb_call *call, const struct nfs_file *file);

/** Return the delegation of @a file, and close the file, as the holder. */
void fixture_return(struct fixture *fixture, const struct nfs_file *file);

/** A new connection of a client. Borrowed: the teardown closes it. */
struct nfs_conn *fixture_connect(struct fixture *fixture,
				 struct nfs_client *client);

/**
 * Wait until what the holder has bound can be used: it may have the answer to its BIND
 * before the server notes that it has gone out.
 */
void fixture_wait_live(const struct fixture *fixture);

/** A new connection of the holder, bound to both channels, and a path. Borrowed. */
struct nfs_conn *fixture_bind(struct fixture *fixture);

/**
 * The holder's connection ends, and it goes on over one that is not bound: it
 * has no path, and its SEQUENCE says so.
 */
void fixture_lose_path(struct fixture *fixture, enum nfs_close how);

/** The holder's SEQUENCE reports exactly these callback flags. */
void fixture_assert_flags(struct fixture *fixture, uint32_t flags);
/** The same, asked until it does, within SOON: after a disconnect. */
void fixture_wait_flags(struct fixture *fixture, uint32_t flags);

/** The server has exactly so many connections, within SOON. */
void fixture_wait_connections(struct fixture *fixture, int connections);
/** The server has exactly so many descriptors, within SOON. */
void fixture_wait_descriptors(struct fixture *fixture, int descriptors);

/** A fresh session of the holder in place of the mounted one. */
void fixture_remake_session(struct fixture *fixture,
			    const struct nfs_create_session_args *args);

/** Hold @a count delegations, of files "@a prefix-0" on. */
void fixture_hold_many(struct fixture *fixture, const char *prefix,
		       struct nfs_file *files, unsigned int count);

/** fixture_conflict() for @a count files, "@a prefix-0" on. */
void fixture_conflict_many(struct fixture *fixture, const char *prefix,
			   unsigned int count);

/** The two in a row. */
void fixture_recall_many(struct fixture *fixture, const char *prefix,
			 struct nfs_file *files, unsigned int count);

/** Return the delegations of @a files, and close them, as the holder. */
void fixture_return_many(struct fixture *fixture, const struct nfs_file *files,
			 unsigned int count);

/**
 * Open file @a name for writing as the opener until that succeeds: the holder
 * has no path, and its delegation is revoked. No callback has come before.
 */
void fixture_open_after_revocation(struct fixture *fixture, const char *name,
				   int within_ms);

#endif
