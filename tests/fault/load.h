/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients under fire: each, in a thread of its own, holds delegations, has its
 * opener want the files, answers the recalls as the schedule says, connects
 * and binds anew whenever a connection has ended, returns the delegations or
 * restarts, and has the opener get at the files at last. Its callbacks come
 * through the proxy, its own requests do not; the opener's do, and are held
 * while its connections break, its session is destroyed, it restarts.
 *
 * One in eight is a liar, whose answers are wrong in every way; of it nothing
 * is expected but that the others do not suffer.
 */
#ifndef FAULT_LOAD_H
#define FAULT_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "opener.h"
#include "proxy.h"
#include "rpc.h"
#include "schedule.h"
#include "seen.h"
#include "server.h"

struct load_params {
	const struct schedule *schedule;
	const struct server *server;
	struct nfs_loop *loop;
	struct files *files;
	unsigned int clients;
	unsigned int first_number; /* of the clients, and as many openers */
};

struct load_figures {
	unsigned int turns;
	unsigned int lives; /* clients that came and went */
	unsigned int recalls; /* new requests that were received */
	unsigned int retries; /* requests received again */
	unsigned int replies; /* answers given */
	unsigned int lies; /* of them, wrong ones */
	unsigned int binds; /* BIND_CONN_TO_SESSION that was answered */
	unsigned int failed_binds; /* whose connection ended instead */
	unsigned int closed; /* connections that the clients closed */
	unsigned int remade; /* sessions destroyed during recalls */
	unsigned int not_granted; /* opens without a delegation */
	unsigned int left; /* clients that could not be destroyed: still busy */
	unsigned int restarted; /* holders, with their delegations */
	unsigned int suffered[SCHEDULE_OPENERS]; /* the openers */
	struct opener_figures openers; /* of those that have gone */
	struct seen seen; /* likewise, by the openers, too */
	struct proxy_figures proxy; /* of the back channels */
	struct proxy_figures opener_proxy; /* of the openers' requests */
};

struct load;

/** Start the clients. */
struct load *load_start(const struct load_params *params);
/**
 * Wait until a client ends a turn.
 * @return false: something is wrong; load_failure() says what
 */
bool load_wait(struct load *load, int timeout_ms);
/** "" while nothing is wrong. Borrowed until the load is freed. */
const char *load_failure(struct load *load);
void load_figures(struct load *load, struct load_figures *figures);
/** Have every client finish its turn and go; the figures stay. */
void load_stop(struct load *load);
/** After load_stop(). */
void load_free(struct load *load);

#endif
