/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Hostile peers: what each does to the server, until it has done its worst and
 * the bystanders have been measured for long enough meanwhile.
 */
#ifndef FAULT_PEER_H
#define FAULT_PEER_H

#include "bystander.h"
#include "files.h"
#include "heap.h"
#include "nfs41.h"
#include "opener.h"
#include "server.h"

struct peer {
	struct server *server;
	const struct heap *heap; /* its */
	struct nfs_loop *loop;
	struct files *files;
	struct bystanders *bystanders;
	unsigned int number; /* of the client, for its address */
	struct opener *opener; /* wants what the peer holds */
	unsigned int samples; /* of the bystanders: enough */

	/* What it saw and did. */
	long allocated; /* KiB, the most */
	int fds, connections; /* the most */
	unsigned int deeds; /* of its kind */
	char failure[256]; /* "" if nothing is wrong */
};

/** Look at the server; the most is kept. */
void peer_look(struct peer *peer);

/* Each returns when the peer has gone, or has failed. */

/** Holds delegations, asks for megabytes, reads nothing; all are recalled. */
void peer_never_reads(struct peer *peer);
/** Connects, binds, closes, with FIN and RST by turns. */
void peer_binds_and_drops(struct peer *peer);
/** Connects, sends a BIND, and a RST before the answer: so many times. */
#define PEER_UNANSWERED 500
void peer_drops_unanswered(struct peer *peer);
/** Answers with bytes that are no reply, or a reply to the XID and no more. */
void peer_answers_garbage(struct peer *peer);
void peer_answers_another_session(struct peer *peer);
void peer_answers_1024_results(struct peer *peer);
void peer_answers_twice(struct peer *peer);
/** Binds to sessions of others, random ids and such as may well be. */
void peer_guesses_sessions(struct peer *peer);
/** BACKCHANNEL_CTL with 10 MB of parameters, so many times. */
#define PEER_CTL_TIMES 20
void peer_sends_10_mb(struct peer *peer);
/**
 * Has its requests held, and drops connection, session and client id: so many,
 * with one client after the other.
 */
#define PEER_HELD 60 /* of each client */
#define PEER_HELD_TIMES 20
void peer_drops_held(struct peer *peer);
/** Nothing, for comparison. */
void peer_does_nothing(struct peer *peer);

#endif
