/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the clients themselves have seen and done, and whether the module's metrics
 * say the same.
 */
#ifndef FAULT_SEEN_H
#define FAULT_SEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "responder.h"
#include "server.h"

/** Of any number of clients. */
struct seen {
	unsigned long granted; /* delegations; of them: */
	unsigned long
		returned; /* the others are revoked, as their client goes */
	unsigned long
		sessions; /* made, each with the back channel of a connection */
	unsigned long binds; /* back channels of further ones */
	unsigned long
		unsure_binds; /* that ended before BIND_CONN_TO_SESSION's answer */

	/* Requests of the back channel that have come. */
	unsigned long recalls, getattrs; /* for the first time in their slot */
	unsigned long unanswered; /* of the latter: its client went before */
	unsigned long again; /* once more */
	unsigned long questions; /* CB_SEQUENCE alone */
};

void seen_add(struct seen *sum, const struct seen *more);

/** Add what has come to @a responder.  Context: nothing more comes to it. */
void seen_add_responder(struct seen *sum, struct cb_responder *responder);

/**
 * Scrape /metrics and compare.  Delegations agree exactly.  Of requests and bindings
 * the clients cannot know about those that a broken connection took with it; if @a calm,
 * none did, and all agrees exactly.
 *
 * @param[in]  seen  by all clients that the server ever had
 * @param[out] text  what does not agree
 *
 * @return whether all agrees
 *
 * Context: the clients have gone; after server_start() and before server_stop().
 */
bool seen_agrees(const struct server *server, const struct seen *seen,
		 bool calm, char *text, size_t size);

#endif
