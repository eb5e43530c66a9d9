/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A crowd: as many clients as are asked for, each with a session and a back channel,
 * at one server.  A process may have so many descriptors and no more, so may the
 * server: where the crowd is larger, several clients share a connection (RFC 5661,
 * 2.10.5), as many as it takes.
 */
#ifndef SCALE_CROWD_H
#define SCALE_CROWD_H

#include "bench.h"

/** A connection, and the clients that share it: from one of the crowd's to another. */
struct link {
	struct crowd *crowd;
	struct nfs_conn *conn; /* NULL: none */
	unsigned int first, end;
};

/** One of the crowd. */
struct member {
	struct nfs_client client;
	struct nfs_session session;
	struct link *link;
	struct nfs_file file; /* what it holds, or held */
	bool called; /* its delegation was recalled; the loop thread's */
};

struct crowd {
	struct bench *bench;
	struct side side;
	struct member *members;
	unsigned int count;
	struct link *links;
	unsigned int nlinks;
	bool gone; /* the server crashed, and the crowd did not come back */
	char files[32]; /* what they hold: a name, or one a member with %u */

	/* Of the recalls since crowd_expect_recalls(): */
	_Atomic unsigned int recalled; /* members */
	_Atomic unsigned int returned; /* delegations, with success */
	_Atomic unsigned int refused; /* DELEGRETURNs that failed */
	_Atomic unsigned int strays; /* recalls of what nobody holds */
	_Atomic uint64_t last_ns; /* when the last one came */
};

/** Something that each of the crowd does: one COMPOUND. */
struct deed {
	bool bare; /* without SEQUENCE */
	void (*put)(struct nfs_compound *compound, struct member *member,
		    unsigned int i);
	/* Its reply, with NFS4_OK. @return whether all is well. May be NULL. */
	bool (*got)(const struct nfs_compound *compound, struct member *member);
};

/** How many connections a process and a server may have. */
unsigned int crowd_max_links(void);

/** A server, and @a count clients that are not mounted yet. */
void crowd_begin(struct crowd *crowd, struct bench *bench,
		 const struct side *like, unsigned int count);
/** End the server, and forget the clients. */
void crowd_end(struct crowd *crowd);

/**
 * All do it, from member @a from to @a end, so many at a time.
 * @return for how many all was well
 */
unsigned int crowd_do(struct crowd *crowd, const struct deed *deed,
		      unsigned int from, unsigned int end);

/** Connect all links. @return false: the server is gone */
bool crowd_connect(struct crowd *crowd);
/** Close all connections, with RST, as if the network was gone. */
void crowd_disconnect(struct crowd *crowd);

/** EXCHANGE_ID and CREATE_SESSION of some. @return how many */
unsigned int crowd_enter(struct crowd *crowd, unsigned int from,
			 unsigned int end);
/** RECLAIM_COMPLETE. @return how many */
unsigned int crowd_complete(struct crowd *crowd, unsigned int from,
			    unsigned int end);
/** BIND_CONN_TO_SESSION of the new connections, both channels. @return how many */
unsigned int crowd_bind(struct crowd *crowd);
/** A lone SEQUENCE. @return how many were told that all is well */
unsigned int crowd_look(struct crowd *crowd);
/** DESTROY_SESSION and DESTROY_CLIENTID of some. @return how many */
unsigned int crowd_leave(struct crowd *crowd, unsigned int from,
			 unsigned int end);
/** Forget the sessions of some, without a word. */
void crowd_forget(struct crowd *crowd, unsigned int from, unsigned int end);

/** Recalls are counted anew from here. */
void crowd_expect_recalls(struct crowd *crowd);
/**
 * Wait until @a count have been recalled, and all of those returned; or nothing has
 * happened for @a idle_ms; or the server is gone.
 * @return how many were recalled
 */
unsigned int crowd_wait_recalls(struct crowd *crowd, unsigned int count,
				unsigned int idle_ms);

#endif
