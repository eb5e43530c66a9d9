/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the tests of clusters share: a CephFS, and two gateways before it, each on a
 * host of its own; for each test a client that holds delegations through the first
 * ("the holder") and one that opens against them through the second ("the opener").
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cephfs.h"
#include "network.h"
#include "nfs41.h"
#include "responder.h"
#include "server.h"

#define SOON 5000 /* ms: what is due at once has come by then, generously */
#define A_WHILE 300 /* ms: who is held has no answer by then */
#define NS_PER_MS UINT64_C(1000000)
#define CLUSTER_LEASE 6 /* s */
/* s; it ends when all have reclaimed.  A gateway that starts asks every five seconds
 * whether the other one has begun it, too, and must still be in it then.
 */
#define CLUSTER_GRACE 30
#define CLUSTER_CONNS 64
#define DATA_SIZE 65536 /* of each file */

struct cluster {
	struct cephfs *ceph;
	struct nfs_loop *loop;
	struct gateway {
		struct host *host;
		struct server *server;
		char config[1024];
		char nfsv4[128];
		char record[96]; /* of clients, with "fs": a folder */
	} gateway[2];
	unsigned int clients; /* made so far, for their addresses */
	const char *
		address; /* where all clients go; NULL: to their gateway's own */
	unsigned int active; /* the gateway that is there */
	bool served; /* once: the grace period of the start is over */

	/* Of the current test. */
	struct cb_responder *responder; /* the holder's */
	struct nfs_client holder, opener;
	struct nfs_session session; /* the holder's */
	struct nfs_session opener_session;
	struct nfs_conn *conns[CLUSTER_CONNS]; /* +1 ref, put by the teardown */
	unsigned int nconns;
};

/** How a program's gateways are; all zeros: with FSAL BACKCHANNEL, each for itself. */
struct cluster_params {
	const char *backchannel; /* lines in the BACKCHANNEL block */
	bool passive; /* the second has the first one's identity, and is not started */
	bool undelegated; /* its tests need no delegation */
	bool folder; /* RecoveryBackend = fs, in one that is shared; else rados_cluster */
};

/**
 * main()'s result: an array of tests, run against one cluster.  Says why, and is what
 * ctest takes for skipped, where that cannot be.
 * @param quick  so many of them, from the first on; the others take minutes, and are
 *               run with BACKCHANNEL_TEST_LONG in the environment
 */
#define cluster_run(tests, quick, params)                                      \
	cluster_run_tests(#tests, tests, sizeof(tests) / sizeof(*(tests)),     \
			  quick, params)
#define ALL_QUICK SIZE_MAX
int cluster_run_tests(const char *name, const struct CMUnitTest *tests,
		      size_t count, size_t quick,
		      const struct cluster_params *params);

#define CLUSTER_TEST(name)                                                     \
	cmocka_unit_test_setup_teardown(name, cluster_mount, cluster_unmount)

/** A test's setup: holder and opener, mounted. */
int cluster_mount(void **state);
/**
 * A test's teardown: unmounts, and asserts that both gateways serve and that the
 * holder's responder has seen no violation.
 */
int cluster_unmount(void **state);

/** Start the gateway number @a n, from 0, which does not run. */
void cluster_start_gateway(struct cluster *c, unsigned int n);

/**
 * With "fs": where gateway @a n has its record of clients is the folder that both share,
 * as they do from the start, or nothing.
 */
void cluster_share_record(struct cluster *c, unsigned int n, bool shared);

/** SIGTERM, and what comes of it. */
void cluster_stop_gateway(struct cluster *c, unsigned int n);
/** SIGKILL. */
void cluster_kill_gateway(struct cluster *c, unsigned int n);
/** After either. The client of the other one is heard meanwhile. */
void cluster_restart_gateway(struct cluster *c, unsigned int n);
/** Both are out of their grace period, within two of them. */
void cluster_wait_grace(struct cluster *c);

/** A further client of gateway number @a n, without a responder. */
void cluster_client(struct cluster *c, unsigned int n,
		    struct nfs_client *client);
/** A new connection of a client. Borrowed: the teardown closes it. */
struct nfs_conn *cluster_connect(struct cluster *c, struct nfs_client *client);
/** A new connection of the holder, bound to both channels. Borrowed. */
struct nfs_conn *cluster_bind(struct cluster *c);
/** The holder goes on over a connection that is not bound: it has no path. */
void cluster_lose_path(struct cluster *c, enum nfs_close how);
/**
 * A client of which a gateway's former instance knows is back.  It may reclaim, as far
 * as the scope says: that is asserted (RFC 5661 2.10.4; Linux asks for it).
 */
void cluster_come_back(struct cluster *c, struct nfs_session *session);

/** The holder's callback number @a n (from 0 in each test), or the test fails. */
struct cb_call *cluster_callback(struct cluster *c, unsigned int n);
/** Assert that @a call recalls the delegation of @a file. */
void cluster_assert_recalls(const struct cb_call *call,
			    const struct nfs_file *file);

/**
 * The holder makes file @a name, with the data of version 0, and opens it for
 * reading: with a read delegation, within SOON.
 */
void cluster_hold(struct cluster *c, const char *name, struct nfs_file *file);
/** The second part of it: of a file that is there. */
void cluster_open_delegated(struct cluster *c, const char *name,
			    struct nfs_file *file);
/**
 * The holder opens what it has a delegation of in the name of @a owner, and looks at
 * its attributes, as Linux does before it returns the delegation.
 */
void cluster_claim(struct cluster *c, const struct nfs_file *file,
		   const char *owner, struct nfs_file *claimed);
/** The same of any holder, of which the answer is not waited for; nfs_compound_wait() and
 * cluster_claimed() do.
 */
void cluster_send_claim(struct nfs_compound *open, struct nfs_session *session,
			const struct nfs_file *file, const char *owner);
/** It has ended well: what was opened. */
void cluster_claimed(struct nfs_compound *open, struct nfs_file *claimed);
/** Return the delegation of @a file, as the holder, and close it. */
void cluster_return(struct cluster *c, const struct nfs_file *file);
/** The same, without closing it. Linux looks at its attributes first. */
void cluster_delegreturn(struct cluster *c, const struct nfs_file *file);

/**
 * What the holder had of a former instance of its gateway: open, and delegated.
 * @return 0 or nfsstat4
 */
int cluster_reclaim(struct cluster *c, const struct nfs_file *held,
		    struct nfs_file *file);

/** Send the opener's OPEN for writing; with nfs_compound_wait(), _fini(). */
void cluster_send_open(struct cluster *c, struct nfs_compound *open,
		       const char *name);
/** It has no answer for A_WHILE. */
void cluster_assert_waits(struct nfs_compound *compound);
/**
 * It ends well within @a ms. An OPEN's state is closed as the opener.
 * @return how long it took from now on, ns
 */
uint64_t cluster_assert_ends(struct cluster *c, struct nfs_compound *open,
			     int ms);

/*
 * Files' data are made of their name and a version, and compared by a checksum.
 */

/** Make it, if need be, and write all of it. No delegation is wanted. */
void cluster_write(struct nfs_session *session, const char *name,
		   unsigned int version);
/** What is read through an open of one's own is that version. */
void cluster_assert_data(struct nfs_session *session, const char *name,
			 unsigned int version);
/** The same, through the open that the holder has. @a size of its bytes are there. */
void cluster_assert_open_data(struct nfs_session *session,
			      const struct nfs_file *file, const char *name,
			      unsigned int version, uint32_t size);

#endif
