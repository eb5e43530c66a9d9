/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Delegations in numbers.  Their files are new each time: Ganesha grants none on
 * a file for 10 s after a recall.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 48

static void file_path(char path[NAME_SIZE], const struct holding *holding,
		      unsigned int i)
{
	snprintf(path, NAME_SIZE, "export/f%u-%u", holding->series, i);
}

static struct nfs_session *holder(unsigned int i, void *arg)
{
	struct holding *holding = arg;

	return &holding->holders[i % holding->nholders].session;
}

static struct nfs_session *opener(unsigned int i, void *arg)
{
	struct holding *holding = arg;

	return &holding->openers[i % holding->nopeners].session;
}

static void put_open(struct nfs_compound *compound,
		     const struct holding *holding, unsigned int i,
		     uint32_t share)
{
	const struct nfs_client *client = compound->session->client;
	struct nfs_open_args args = { .share_access = share,
				      .clientid = client->clientid,
				      .owner = client->owner };
	char path[NAME_SIZE];

	file_path(path, holding, i);
	args.name = nfs_put_parent(compound, path);
	nfs_put_open(compound, &args);
	nfs_put_getfh(compound);
}

static void put_hold(struct nfs_compound *compound, unsigned int i, void *arg)
{
	put_open(compound, arg, i,
		 OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_READ_DELEG);
}

static void got_held(const struct nfs_compound *compound, unsigned int i,
		     void *arg)
{
	const struct nfs_res *open = nfs_compound_res(compound, OP_OPEN);
	const struct nfs_res *fh = nfs_compound_res(compound, OP_GETFH);
	struct holding *holding = arg;

	if (compound->status != NFS4_OK)
		return;
	holding->files[i].stateid = open->open.stateid;
	holding->files[i].delegation = open->open.delegation;
	holding->files[i].fh = fh->fh;
	if (open->open.delegation.type == OPEN_DELEGATE_READ)
		holding->granted++;
}

void holding_begin(struct holding *holding, unsigned int count)
{
	struct pipeline pipeline = { .depth = OPENERS_DEPTH,
				     .count = count,
				     .session = holder,
				     .put = put_hold,
				     .got = got_held,
				     .arg = holding };
	char format[NAME_SIZE];

	holding->count = count;
	holding->series = holding->side->series++;
	holding->granted = 0;
	holding->returned = false;
	holding->files = calloc(count, sizeof(*holding->files));
	if (!holding->files)
		fatal("out of memory");
	snprintf(format, sizeof(format), "f%u-%%u", holding->series);
	server_make_files(holding->side->server, format, count);
	pipeline_run(&pipeline);
	if (holding->granted != count)
		fatal("%u delegations of %u were granted by the %s side",
		      holding->granted, count, holding->side->name);
}

static void put_conflict(struct nfs_compound *compound, unsigned int i,
			 void *arg)
{
	put_open(compound, arg, i, OPEN4_SHARE_ACCESS_WRITE);
}

void holding_conflict(struct holding *holding)
{
	struct pipeline pipeline = { .depth = OPENERS_DEPTH,
				     .count = holding->count,
				     .session = opener,
				     .put = put_conflict,
				     .arg = holding };

	pipeline_run(&pipeline);
}

uint64_t holding_conflict_one(struct holding *holding, unsigned int i)
{
	struct nfs_compound compound;
	uint64_t sent;
	int status;

	nfs_compound_init(&compound, opener(0, holding));
	put_conflict(&compound, i, holding);
	sent = nfs_now_ns();
	status = nfs_compound_finish(&compound);
	if (status == NFS4ERR_DELAY)
		return sent;
	if (!server_wait_exit(holding->side->server, 1000))
		fatal("a conflicting OPEN ended with %d", status);
	return 0;
}

static void put_end(struct nfs_compound *compound, unsigned int i, void *arg)
{
	struct holding *holding = arg;
	struct nfs_file *file = &holding->files[i];

	nfs_put_putfh(compound, &file->fh);
	nfs_put_close(compound, 0, &file->stateid);
	/* The last: it may have been returned before. */
	nfs_put_delegreturn(compound, &file->delegation.stateid);
}

static void put_remove(struct nfs_compound *compound, unsigned int i, void *arg)
{
	char path[NAME_SIZE];

	file_path(path, arg, i);
	nfs_put_remove(compound, nfs_put_parent(compound, path));
}

void holding_return(struct holding *holding)
{
	struct pipeline end = { .depth = OPENERS_DEPTH,
				.count = holding->count,
				.session = holder,
				.put = put_end,
				.arg = holding };

	pipeline_run(&end);
	holding->returned = true;
}

void holding_end(struct holding *holding)
{
	struct pipeline remove = { .depth = OPENERS_DEPTH,
				   .count = holding->count,
				   .session = opener,
				   .put = put_remove,
				   .arg = holding };

	if (!holding->returned)
		holding_return(holding);
	pipeline_run(&remove);
	free(holding->files);
	holding->files = NULL;
}
