/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the tests of clients that are not heard any more share: each has a
 * server of its own, with a short lease, which may be found spinning.
 */
#ifndef INTEGRATION_DEAD_H
#define INTEGRATION_DEAD_H

#include "fixture.h"

#define LEASE 4 /* s; Ganesha looks for dead clients twice in a lease */
#define NS_PER_MS UINT64_C(1000000)
#define LEASE_NS (LEASE * 1000 * NS_PER_MS)
#define SLACK 2500 /* ms: Ganesha counts in seconds, and looks every second */

#define DEAD_TEST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, dead_setup, dead_teardown)

int dead_setup(void **state);
int dead_teardown(void **state);

/** The client's connection ends, and it is not heard any more. */
void dead_vanish(struct nfs_session *session);

/**
 * Let time pass until CLOCK_MONOTONIC is @a until, in ns: the opener, and the
 * holder unless it is dead, renew their leases. Nothing tells anybody that
 * somebody's lease has ended.
 */
void dead_pass(struct fixture *f, uint64_t until, bool holder);

/**
 * Open a file for writing, as the opener, again and again.
 * @return how long it took, in ns; 0: it was in vain for @a ns
 */
uint64_t dead_opens_within(struct fixture *f, const char *name, uint64_t ns,
			   bool holder);

/** The server serves new clients, and does not burn time. */
void dead_assert_serves(struct fixture *f);

#endif
