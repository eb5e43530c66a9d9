/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the tests of the core over the fake transport share.
 */
#ifndef FAKE_TEST_H
#define FAKE_TEST_H

#include "unit.h"

#include "fake_transport.h"

/* The tests' clients, and what SEQUENCE says while one has no path. */
#define ALICE 0xa11ce
#define BOB 0xb0b
#define NO_PATH (BC_SEQ4_CB_PATH_DOWN | BC_SEQ4_CB_PATH_DOWN_SESSION)

/** In a changed configuration: this number is 0. */
#define FAKE_ZERO UINT32_MAX

/**
 * A test between fake_start() and fake_stop().
 *
 * @param[in] test
 * @param[in] changed  a struct bc_config: what differs from fake_config, else 0
 *                     (FAKE_ZERO: differs, and is 0); NULL: nothing does
 */
#define FAKE_TEST(test, changed)                                               \
	cmocka_unit_test_prestate_setup_teardown(                              \
		test, fake_setup, fake_teardown, (void *)(changed))

/* What FAKE_TEST() is made of. */
int fake_setup(void **state);
int fake_teardown(void **state);

/** A request has this place: slot and sequence id. */
void assert_request(const struct bc_request *req, uint32_t slot,
		    uint32_t sequence);

/** The same, and it is one of this session. */
void assert_request_on(const struct bc_request *req,
		       const struct bc_session *session, uint32_t slot,
		       uint32_t sequence);

#endif /* FAKE_TEST_H */
