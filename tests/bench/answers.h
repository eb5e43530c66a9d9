/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client's end of the back channel that does as little as possible, so that
 * what is measured is the server: it notes when a callback came, and answers it
 * correctly.  Whether the server keeps to the protocol is for tests to check.
 */
#ifndef BENCH_ANSWERS_H
#define BENCH_ANSWERS_H

#include "nfs41.h"

/** One callback. */
struct answers_call {
	uint64_t arrival_ns;
	uint64_t answered_ns; /* just before its answer was sent, or 0 */
};

struct answers_held {
	struct nfs_conn *conn; /* borrowed */
	unsigned int call;
	struct xdr_buf reply;
};

struct answers {
	pthread_mutex_t lock; /* all below */
	pthread_cond_t came;
	uint32_t slots; /* of a session's back channel */
	bool hold; /* keep the answers back */
	struct answers_call *calls; /* in the order in which they came */
	unsigned int count; /* also those beyond the size, */
	unsigned int size; /* which are answered, but not noted */
	unsigned int awaited; /* nobody is woken before so many came */
	struct answers_held *held;
	unsigned int nheld;
	unsigned int held_size;
};

/** What a callback is about. */
struct answers_about {
	const uint8_t *session; /* its id, borrowed from the request; or NULL */
	uint32_t op; /* after CB_SEQUENCE; 0: none */
	struct xdr_cursor args; /* of that */
};

/**
 * Encode the correct answer to a callback of a session with so many slots.
 * @return false: it is neither CB_NULL nor a CB_COMPOUND as expected
 */
bool answers_encode(struct xdr_buf *reply, const struct rpc_request *request,
		    uint32_t slots, struct answers_about *about);

/** For callbacks up to @a size. */
void answers_init(struct answers *answers, uint32_t slots, unsigned int size);
/** All its connections have been closed. */
void answers_fini(struct answers *answers);

/** Take the callbacks that come on @a conn. */
void answers_attach(struct answers *answers, struct nfs_conn *conn);

/** Keep answers back from now on, or send what was kept, and all from now on. */
void answers_hold(struct answers *answers);
void answers_release(struct answers *answers);
/** Never send those that were kept; their connection may be gone. */
void answers_drop(struct answers *answers);

/** Wait until @a count have come. @return how many have */
unsigned int answers_wait(struct answers *answers, unsigned int count,
			  int timeout_ms);

/** Callback @a n, which has come. */
struct answers_call answers_get(struct answers *answers, unsigned int n);

#endif
