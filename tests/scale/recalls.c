/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * All are called back: each for a delegation of one file that all have, or each for
 * one of its own; and after the server was started anew, and all have reclaimed.
 * The files are closed: only delegations are held.
 */
#include "scale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_DEPTH 32 /* OPENs under way */
#define RETRY_MS 100 /* after NFS4ERR_DELAY, as Linux */

static const struct nfs_stateid current = { .seqid = 1 }; /* 16.2.3.1.2 */

/* ---- Holding ---- */

static void put_open(struct nfs_compound *compound, const struct crowd *crowd,
		     unsigned int i, uint32_t share)
{
	const struct nfs_client *client = compound->session->client;
	struct nfs_open_args args = { .share_access = share,
				      .clientid = client->clientid,
				      .owner = client->owner };
	char name[48], path[64];

	snprintf(name, sizeof(name), crowd->files, i);
	snprintf(path, sizeof(path), "export/%s", name);
	args.name = nfs_put_parent(compound, path);
	nfs_put_open(compound, &args);
}

static void put_hold(struct nfs_compound *compound, struct member *member,
		     unsigned int i)
{
	put_open(compound, member->link->crowd, i,
		 OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
	nfs_put_getfh(compound);
	nfs_put_close(compound, 0, &current);
}

static bool got_delegation(const struct nfs_compound *compound,
			   struct member *member)
{
	const struct nfs_res *open = nfs_compound_res(compound, OP_OPEN);
	const struct nfs_res *fh = nfs_compound_res(compound, OP_GETFH);

	member->file.delegation = open->open.delegation;
	if (fh)
		member->file.fh = fh->fh;
	return member->file.delegation.type == OPEN_DELEGATE_READ;
}

/* Files of their own kind are new each time. */
static void hold(struct crowd *crowd, const char *kind, unsigned int files,
		 unsigned int holders)
{
	static const struct deed deed = { false, put_hold, got_delegation };
	uint64_t begun, cpu;

	snprintf(crowd->files, sizeof(crowd->files), "%s%u-%s", kind,
		 crowd->side.series++, files > 1 ? "%u" : "");
	if (files > 1)
		server_make_files(crowd->side.server, crowd->files, files);
	else
		server_make_file(crowd->side.server, crowd->files, "contents");
	begun = nfs_now_ns();
	cpu = side_cpu_ns(&crowd->side);
	all_or_fatal(crowd, "granted", crowd_do(crowd, &deed, 0, holders),
		     holders);
	record("\"what\":\"hold\",\"kind\":\"%s\",\"side\":\"%s\","
	       "\"clients\":%u,\"s\":%.3f,\"server_us\":%.1f",
	       kind, crowd->side.name, holders, seconds_since(begun),
	       (double)(side_cpu_ns(&crowd->side) - cpu) / 1e3 / holders);
	crowd_expect_recalls(crowd);
}

/* ---- After the server was started anew ---- */

static bool in_grace(struct crowd *crowd, struct peer *peer)
{
	struct nfs_compound compound;
	int status;

	nfs_compound_init(&compound, &peer->session);
	put_open(&compound, crowd, 0,
		 OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
	nfs_put_close(&compound, 0, &current);
	status = nfs_compound_finish(&compound);
	if (status && status != NFS4ERR_GRACE)
		fatal("an OPEN after the restart ended with %d", status);
	return status == NFS4ERR_GRACE;
}

/* @return s until others may open files; nothing tells us */
static double wait_grace(struct crowd *crowd)
{
	uint64_t begun = nfs_now_ns();
	struct peer peer;

	peer_mount(crowd->bench, &crowd->side, &peer, NULL);
	while (in_grace(crowd, &peer) && seconds_since(begun) < 2 * GRACE)
		sleep_ms(RETRY_MS);
	peer_unmount(&peer);
	return seconds_since(begun);
}

/* All are there as at first, after the server has been started anew. */
static unsigned int enter_again(struct crowd *crowd)
{
	crowd_disconnect(crowd);
	crowd_forget(crowd, 0, crowd->count);
	if (!crowd_connect(crowd))
		fatal("the %s server takes no connections", crowd->side.name);
	return crowd_enter(crowd, 0, crowd->count);
}

/* After a crash: the grace period lasts until all that were there are back. */
static void come_back(struct crowd *crowd, struct peer *other)
{
	all_or_fatal(crowd, "back after a crash", enter_again(crowd),
		     crowd->count);
	crowd_complete(crowd, 0, crowd->count);
	nfs_session_fini(&other->session);
	if (nfs_client_mount(&other->client, &other->session))
		fatal("a client cannot come back");
	wait_grace(crowd);
	peer_unmount(other);
}

/* ---- Recalling ---- */

/** Who opens what others hold. */
struct writer {
	struct crowd *crowd;
	struct peer peer;
	_Atomic unsigned int opened;
};

static struct nfs_session *writer_session(unsigned int i, void *arg)
{
	struct writer *writer = arg;

	(void)i;
	return &writer->peer.session;
}

static void put_write(struct nfs_compound *compound, unsigned int i, void *arg)
{
	const struct writer *writer = arg;

	put_open(compound, writer->crowd, i,
		 OPEN4_SHARE_ACCESS_WRITE | OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
	nfs_put_close(compound, 0, &current);
}

static void got_write(const struct nfs_compound *compound, unsigned int i,
		      void *arg)
{
	struct writer *writer = arg;

	(void)i;
	if (compound->status == NFS4_OK)
		writer->opened++;
}

/* @return how many were opened: the others are being recalled */
static unsigned int write_all(struct writer *writer, unsigned int files)
{
	struct pipeline pipeline = { .depth = WRITER_DEPTH,
				     .count = files,
				     .session = writer_session,
				     .put = put_write,
				     .got = got_write,
				     .arg = writer };

	writer->opened = 0;
	pipeline_run(&pipeline);
	return writer->opened;
}

/* Until it is opened, or the server is gone. */
static void write_one(struct writer *writer, unsigned int patience_ms)
{
	uint64_t begun = nfs_now_ns();
	int status;

	do {
		struct nfs_compound compound;

		nfs_compound_init(&compound, &writer->peer.session);
		put_write(&compound, 0, writer);
		status = nfs_compound_finish(&compound);
		if (status == NFS4ERR_DELAY)
			sleep_ms(RETRY_MS);
	} while (status == NFS4ERR_DELAY &&
		 seconds_since(begun) * 1e3 < 10.0 * patience_ms);
	writer->opened = status == NFS4_OK;
}

/* All that is held is recalled, and comes back. */
static void recall(struct crowd *crowd, const char *kind, unsigned int files,
		   unsigned int holders, const struct effort *effort)
{
	uint64_t begun, cpu = side_cpu_ns(&crowd->side), own = own_cpu_ns();
	struct writer writer = { .crowd = crowd };
	double called, done;
	unsigned int came;

	peer_mount(crowd->bench, &crowd->side, &writer.peer, NULL);
	begun = nfs_now_ns();
	if (files > 1)
		write_all(&writer, files);
	else
		write_one(&writer, effort->patience_ms);
	came = crowd_wait_recalls(crowd, holders, effort->patience_ms);
	done = seconds_since(begun);
	called = came ? (double)(crowd->last_ns - begun) / NS_PER_S : 0;
	cpu = server_alive(crowd->side.server) ?
		      side_cpu_ns(&crowd->side) - cpu :
		      0;
	own = own_cpu_ns() - own;
	if (files > 1 && came == holders)
		write_all(&writer, files);
	record("\"what\":\"recall\",\"kind\":\"%s\",\"side\":\"%s\","
	       "\"clients\":%u,\"called_s\":%.3f,\"done_s\":%.3f,"
	       "\"came\":%u,\"returned\":%u,\"refused\":%u,\"strays\":%u,"
	       "\"opened\":%u,\"server_us\":%.1f,\"client_cpu\":%.2f",
	       kind, crowd->side.name, holders, called, done, came,
	       crowd->returned, crowd->refused, crowd->strays, writer.opened,
	       (double)cpu / 1e3 / holders, (double)own / 1e9 / done);
	if (side_crashed(&crowd->side, kind)) {
		crowd->gone = crowd->count > effort->revive_limit;
		if (!crowd->gone)
			come_back(crowd, &writer.peer);
		return;
	}
	peer_unmount(&writer.peer);
	all_or_fatal(crowd, "recalled", came, holders);
	all_or_fatal(crowd, "returned", crowd->returned, holders);
	all_or_fatal(crowd, "recalls of what nobody holds", crowd->strays, 0);
	all_or_fatal(crowd, "opened for writing", writer.opened, files);
}

void measure_one_file(struct crowd *crowd, const struct effort *effort)
{
	hold(crowd, "one", 1, crowd->count);
	recall(crowd, "one", 1, crowd->count, effort);
}

void measure_own_files(struct crowd *crowd, const struct effort *effort)
{
	hold(crowd, "own", crowd->count, crowd->count);
	recall(crowd, "own", crowd->count, crowd->count, effort);
}

/* ---- An outage of the network ---- */

void measure_outage(struct crowd *crowd, const struct effort *effort)
{
	double noticed, connected, bound, paths = 0;
	unsigned int well;
	uint64_t begun, cpu;

	hold(crowd, "outage", crowd->count, crowd->count);
	begun = nfs_now_ns();
	crowd_disconnect(crowd);
	wait_state(crowd, "no_path", crowd->count);
	noticed = seconds_since(begun);
	cpu = side_cpu_ns(&crowd->side);
	begun = nfs_now_ns();
	if (!crowd_connect(crowd))
		fatal("the %s server takes no connections", crowd->side.name);
	connected = seconds_since(begun);
	well = crowd_bind(crowd);
	bound = seconds_since(begun);
	wait_state(crowd, "trusted", crowd->count);
	paths = seconds_since(begun);
	cpu = side_cpu_ns(&crowd->side) - cpu;
	record("\"what\":\"outage\",\"side\":\"%s\",\"clients\":%u,"
	       "\"noticed_s\":%.3f,\"connect_s\":%.3f,\"bound_s\":%.3f,"
	       "\"paths_s\":%.3f,\"bound\":%u,\"server_us\":%.1f",
	       crowd->side.name, crowd->count, noticed, connected, bound, paths,
	       well, (double)cpu / 1e3 / crowd->count);
	all_or_fatal(crowd, "bound anew", well, crowd->count);
	all_or_fatal(crowd, "told that they have a path", crowd_look(crowd),
		     crowd->count);
	recall(crowd, "outage", crowd->count, crowd->count, effort);
}

/* ---- A restart of the server ---- */

static void put_reclaim(struct nfs_compound *compound, struct member *member,
			unsigned int i)
{
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.claim = CLAIM_PREVIOUS,
		.delegate_type = OPEN_DELEGATE_READ,
		.clientid = member->client.clientid,
		.owner = member->client.owner,
	};

	(void)i;
	nfs_put_putfh(compound, &member->file.fh);
	nfs_put_open(compound, &args);
	nfs_put_close(compound, 0, &current);
}

void measure_restart(struct crowd *crowd, const struct effort *effort)
{
	static const struct deed reclaim = { false, put_reclaim,
					     got_delegation };
	double stopped, started, entered, paths, reclaimed, grace;
	unsigned int well, back;
	uint64_t begun;

	hold(crowd, "restart", crowd->count, crowd->count);
	begun = nfs_now_ns();
	all_or_fatal(crowd, "signal of the server's end",
		     (unsigned int)server_stop(crowd->side.server), 0);
	stopped = seconds_since(begun);
	begun = nfs_now_ns();
	if (server_restart(crowd->side.server))
		fatal("the %s server cannot be started anew", crowd->side.name);
	started = seconds_since(begun);
	begun = nfs_now_ns();
	well = enter_again(crowd);
	entered = seconds_since(begun);
	wait_state(crowd, "trusted", crowd->count);
	paths = seconds_since(begun);
	back = crowd_do(crowd, &reclaim, 0, crowd->count);
	crowd_complete(crowd, 0, crowd->count);
	reclaimed = seconds_since(begun);
	grace = wait_grace(crowd);
	record("\"what\":\"restart\",\"side\":\"%s\",\"clients\":%u,"
	       "\"stop_s\":%.3f,\"start_s\":%.3f,\"enter_s\":%.3f,"
	       "\"paths_s\":%.3f,\"reclaimed_s\":%.3f,\"grace_s\":%.3f,"
	       "\"entered\":%u,\"reclaimed\":%u",
	       crowd->side.name, crowd->count, stopped, started, entered, paths,
	       reclaimed, grace, well, back);
	all_or_fatal(crowd, "back after the restart", well, crowd->count);
	all_or_fatal(crowd, "reclaimed", back, crowd->count);
	recall(crowd, "restart", crowd->count, back, effort);
}
