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

/** A callback that is out: sent, and not answered. */
struct fake_out {
	struct bc_session *session;
	struct bc_conn *conn;
	struct fake_call *call;
	struct bc_request *req;
};

/** ALICE has session 1 with one connection, and a first callback is out. */
struct fake_out fake_out(uint32_t slots);

/** ALICE has session 1 with this many new connections. */
struct bc_session *fake_paths(struct bc_conn *conns[], uint32_t count);

/** ALICE has session 1 with two connections, the first of them heard last. */
struct bc_session *fake_two_paths(struct bc_conn **first,
				  struct bc_conn **second);

/** A request has this place: slot and sequence id. */
void assert_request(const struct bc_request *req, uint32_t slot,
		    uint32_t sequence);

/** The same, and it is one of this session. */
void assert_request_on(const struct bc_request *req,
		       const struct bc_session *session, uint32_t slot,
		       uint32_t sequence);

/** Wait for the next request, which has this place. @return as fake_next() */
struct bc_request *assert_next(uint32_t slot, uint32_t sequence);

/** The same, and it is one of this session. */
struct bc_request *assert_next_on(const struct bc_session *session,
				  uint32_t slot, uint32_t sequence);

/** Answering a request completes a callback with the reply. */
void assert_answer_completes(struct bc_request *req,
			     const struct fake_call *call);

/** Answering the next request does. */
void assert_completes(const struct fake_call *call);

/** A slot is in this state, and has this sequence id. */
void assert_slot(const struct bc_session *session, uint32_t slot,
		 enum bc_slot_state expected, uint32_t sequence);

#endif /* FAKE_TEST_H */
