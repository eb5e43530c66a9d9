/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locks that are waited for, as the tests of CB_NOTIFY_LOCK share them: the fixture's
 * holder is who waits, its opener who has the lock first.
 */
#ifndef INTEGRATION_LOCKS_H
#define INTEGRATION_LOCKS_H

#include "fixture.h"

#define LOCKS_WAITER "waiter" /* the lock owner of who waits */

/** A file that both have open, and its two locks. */
struct contended {
	struct nfs_file mine; /* the waiter's */
	struct nfs_file theirs;
	struct nfs_stateid lock; /* theirs */
};

/** Open file @a name to read and write it, without a delegation. */
void locks_open(struct nfs_session *session, const char *name,
		struct nfs_file *file);

/** The same through another export than "export". */
void locks_open_in(struct nfs_session *session, const char *export,
		   const char *name, struct nfs_file *file);

/** A lock is denied. @param type  READW_LT, WRITEW_LT: it waits; else it does not */
void locks_assert_denied(struct nfs_session *session,
			 const struct nfs_file *file, const char *owner,
			 enum nfs_lock_type4 type);

/** Make file @a name, of which the opener has the lock. */
void locks_contend(struct fixture *f, const char *name,
		   struct contended *contended);
/** The same, and the holder waits for it. */
void locks_wait(struct fixture *f, const char *name,
		struct contended *contended);

/** The opener unlocks it. */
void locks_let_go(struct fixture *f, const struct contended *contended);
/** The same: it is free then for who asks first, and no one is called. */
void locks_assert_nobody_is_told(struct fixture *f,
				 const struct contended *contended);

/** Both close the file. */
void locks_close(struct fixture *f, const struct contended *contended);

/** Is it a CB_NOTIFY_LOCK of this lock owner? */
bool locks_is_of(const struct cb_call *call, const char *owner);
/** It is one of this file, this client and LOCKS_WAITER, or another owner. */
void locks_check(struct fixture *f, const struct cb_call *call,
		 const struct contended *contended);
void locks_check_of(struct fixture *f, const struct cb_call *call,
		    const struct contended *contended, const char *owner);

/** Who was told takes the lock, and nobody else gets it meanwhile; both close. */
void locks_take(struct fixture *f, const struct contended *contended);

/** All that the session's client has, and waits for, ends; over a new connection. */
void locks_restart_client(struct nfs_session *session);

/* Tests, with a fixture, that are the same whoever tells: the module, or Ganesha. */
void test_told_over_a_connection_bound_later(void **state);
void test_told_again_when_the_connection_is_lost(void **state);
void test_told_when_the_locker_restarts(void **state);
void test_not_told_after_giving_up(void **state);
void test_not_told_after_closing(void **state);
void test_not_told_after_restarting(void **state);

#endif
