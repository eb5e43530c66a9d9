/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The core over a transport that costs nothing: a request that is sent is only
 * kept until the benchmark answers it.
 */
#ifndef BENCH_NULL_TRANSPORT_H
#define BENCH_NULL_TRANSPORT_H

#include "bc_internal.h"

/** Start the core. */
void null_start(void);

/** Stop the core; all callbacks must have been answered, or failed. */
void null_stop(void);

/** From now on callbacks may end without an answer. */
void null_allow_failures(void);

/** Let all callbacks fail that wait for a path. */
void null_fail_waiting(void);

/** Session @a number of client @a number, with one connection bound to it. */
struct null_client {
	uint8_t id[BC_SESSIONID_SIZE];
	struct bc_session *session; /* +1 ref */
	struct bc_conn *conn; /* +1 ref */
};
void null_client_init(struct null_client *client, uint64_t number,
		      uint32_t slots);
/** The same, of client @a clientid. */
void null_session_init(struct null_client *client, uint64_t number,
		       uint64_t clientid, uint32_t slots);
/** DESTROY_SESSION, and the connection ends. */
void null_client_fini(struct null_client *client);

/** Submit a CB_RECALL-sized callback for client @a number. */
void null_submit(uint64_t number);

/** The request that was sent last on this thread, as its own. */
struct bc_request *null_sent(void);

/** Answer a request as a content client does, and drop it. */
void null_answer(struct bc_request *req);

#endif
