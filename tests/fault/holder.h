/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* One client of the load, in its thread. Private to the load. */
#ifndef FAULT_HOLDER_H
#define FAULT_HOLDER_H

#include <stdatomic.h>
#include <pthread.h>

#include "load.h"
#include "nfs41.h"
#include "opener.h"
#include "responder.h"

struct load {
	struct load_params params;
	struct proxy *proxy; /* of the holders' back channels */
	struct proxy *opener_proxy; /* of the openers' requests */
	struct holder *holders;
	struct {
		atomic_uint turns, lives, recalls, retries, replies, lies,
			binds, failed_binds, closed, remade, not_granted, left,
			restarted, suffered[SCHEDULE_OPENERS];
	} figures;
	struct opener_figures openers; /* [L] */
	struct seen seen; /* [L] */
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t turned;
	unsigned int turns; /* [L] for load_wait() */
	char failure[256]; /* [L] the first; "" if there is none */
};

/** A file of the turn. */
struct held {
	unsigned int number; /* in the pool */
	char path[FILE_PATH_MAX];
	struct nfs_file file;
	unsigned int recalls; /* received so far */
	bool granted;
	bool recalled; /* answered with NFS4_OK: the delegation may go back */
	bool returned; /* all that there was of it */
};

/** A connection through the proxy. */
struct path {
	struct nfs_conn *conn; /* +1 ref; NULL: none yet */
	struct nfs_session *session;
};

struct holder {
	pthread_t thread;
	struct load *load;
	unsigned int number; /* of the client, for its address */
	bool liar;

	/* Of this life. */
	unsigned int life_number;
	struct schedule_life life;
	struct nfs_client client;
	struct cb_responder *responder;
	struct nfs_conn *fore; /* for its own requests: not through the proxy */
	struct nfs_session sessions[SCHEDULE_MAX_SESSIONS];
	struct path paths[SCHEDULE_MAX_SESSIONS * SCHEDULE_MAX_PATHS];
	unsigned int npaths;
	unsigned int looked; /* so many callbacks have been dealt with */
	struct opener *opener; /* wants what it holds */

	/* Of this turn. */
	unsigned int turn_number;
	struct schedule_turn turn;
	struct held files[SCHEDULE_MAX_FILES];
	unsigned int waiting; /* files whose recall is due */
	unsigned int received; /* callbacks */
	struct cb_call *late[SCHEDULE_MAX_FILES]; /* answers that are put off */
	unsigned int nlate;
	bool suffered; /* the opener has */

	struct seen seen; /* of this life */
};

/** Note what is wrong, if nothing was before, and end the load. */
__attribute__((format(printf, 2, 3))) void
holder_fail(const struct holder *holder, const char *format, ...);

/** A thread's work: lives until the load stops. @param arg  the holder */
void *holder_run(void *arg);

/** Deal with a callback that waits for its answer. */
void holder_answer(struct holder *holder, struct cb_call *call);
/** Give the answers that were put off. */
void holder_answer_late(struct holder *holder);

#endif
