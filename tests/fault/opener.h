/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A client that wants what others hold: it sends any number of conflicting
 * requests and waits for none.  The server holds them; whoever is to give the
 * delegation back goes on meanwhile, on the same thread, and lets the opener do
 * what is due in between.
 *
 * A request whose connection ends, or that SEQUENCE answers with NFS4ERR_DELAY, is
 * sent again as it is: same slot, same sequence id (RFC 5661 2.10.6.2), its answer
 * then from the reply cache if the first one was lost.  One that the operation
 * answers with NFS4ERR_DELAY is asked anew after a while.  In a session that is
 * gone it may have any answer, and is asked anew in the next one.
 */
#ifndef FAULT_OPENER_H
#define FAULT_OPENER_H

#include <stdbool.h>
#include <stdint.h>

#include "files.h"
#include "rpc.h"
#include "schedule.h"
#include "server.h"

struct opener;

struct opener_params {
	const struct server *server;
	struct nfs_loop *loop;
	uint16_t port; /* for the requests: the proxy's; 0: the server's */
	unsigned int number; /* of the client, for its address */
	unsigned int slots; /* of the session; 0: the default */
	int within_ms; /* each request has what it wants in so long */
};

/** Over all openers since opener_figures_of() was given zeros. */
struct opener_figures {
	unsigned int wants; /* requests, however often they were sent */
	unsigned int sessions; /* that it made */
	unsigned int delays; /* answered with NFS4ERR_DELAY */
	unsigned int sent_again; /* as they were */
	unsigned int busy; /* of them, while the first was being worked on */
	unsigned int
		outlived; /* requests that were under way as their session went */
};

/** @return +1, with a session; NULL: not to be had */
struct opener *opener_new(const struct opener_params *params);
/**
 * Forgets what is under way, and destroys session and client id.
 * @return whether the server has let both go
 */
bool opener_free(struct opener *opener);

/** Send it as soon as there is a slot; @a path is copied. */
void opener_want(struct opener *opener, enum schedule_want want,
		 const char *path);
/** Collect what has come, send what is due. Never blocks for an answer. */
void opener_serve(struct opener *opener);
/** Has every request been sent once? */
bool opener_has_sent(const struct opener *opener);
/** Wait until every request has got what it wanted. */
bool opener_finish(struct opener *opener);
/** Let this happen to what is under way. */
void opener_suffer(struct opener *opener, enum schedule_opener what);

/** "" while nothing is wrong. */
const char *opener_failure(const struct opener *opener);
/** Add its figures to @a sum. */
void opener_add_figures(const struct opener *opener,
			struct opener_figures *sum);

#endif
