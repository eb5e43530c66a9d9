/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One round of a scenario: a client that holds delegations ("the holder") and
 * one that opens against them ("the opener"), both fresh and at addresses of
 * their own, and the steps that scenarios are made of.
 *
 * A step returns false when the round cannot go on; why is in round->end.
 * Something that only should not be, it notes in round->wrong and goes on.
 * Rounds run in one thread, one after the other.
 */
#ifndef DEMO_ROUND_H
#define DEMO_ROUND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "nfs41.h"
#include "responder.h"
#include "server.h"

#define ROUND_CONNS 4
#define ROUND_TEXT 40

enum round_end {
	ROUND_OK = 0,
	ROUND_CRASHED, /* the server did */
	ROUND_LATE, /* what was waited for did not come */
	ROUND_ERROR, /* the server's answer ends it; see round->text */
	ROUND_INTERRUPTED, /* by the user */
};

struct round {
	struct server *server; /* borrowed */
	unsigned int number; /* names its file */
	struct cb_responder *responder;
	struct nfs_client holder;
	struct nfs_client opener;
	struct nfs_session session; /* the holder's */
	struct nfs_session opener_session;
	bool holder_mounted;
	bool opener_mounted;
	struct nfs_conn *conns[ROUND_CONNS]; /* the holder's; +1 ref */
	unsigned int nconns;

	struct nfs_file file; /* the latest that the holder opened */
	unsigned int files;
	char path[64];
	struct cb_call *call; /* the latest recall; borrowed */
	unsigned int calls_seen;
	uint64_t since_ns; /* from when the latest recall is timed */

	enum round_end end;
	bool wrong;
	double ms; /* from since_ns to the latest recall */
	char text[ROUND_TEXT]; /* what was answered, or went wrong */
	char detail[ROUND_TEXT]; /* a second finding */
};

/** Has the user pressed Ctrl-C? Set by a signal handler. */
extern volatile sig_atomic_t round_interrupted;

/**
 * Mount the two clients.
 * @param number  of the round; no two on one server have the same
 */
bool round_begin(struct round *round, struct server *server,
		 struct nfs_loop *loop, unsigned int number);
/** Unmount what is mounted, free everything, find out about a crash. */
void round_finish(struct round *round);

/** Make a file and open it for reading; a delegation must be granted. */
bool round_hold(struct round *round);
/** Open that file for writing as the opener, who is told to wait. */
bool round_conflict(struct round *round);
/** Wait for the file's recall, up to nfs_timeout_ms(). */
bool round_recall(struct round *round);
/** Return the delegation. */
bool round_return(struct round *round);

/** The holder sends on a new connection from now on. */
bool round_connect(struct round *round);
/** End the connection that the holder sends on. */
void round_disconnect(struct round *round, enum nfs_close how);
/**
 * Bind the connection that the holder sends on. The next recall is timed from
 * the reply's arrival.
 * @param id      session id
 * @param status  nfsstat4 of the reply
 * @param bound   CDFS4_..., 0 when the status is not NFS4_OK
 */
bool round_bind(struct round *round, const uint8_t *id, uint32_t dir,
		uint32_t *status, uint32_t *bound);
/** Connect and bind to both channels, and be told that they are. */
bool round_bind_both(struct round *round);

/**
 * Ask for the status flags of the back channel until they are @a wanted.
 * @return also true when they never are, after a second
 */
bool round_flags(struct round *round, uint32_t wanted, uint32_t *flags);

/** Write a finding into @a text, and whether it is right. */
void round_note(struct round *round, char text[ROUND_TEXT], bool right,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
