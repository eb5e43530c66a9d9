/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "fore_load.h"

#define READ_SIZE 4096
/* A prime: a session comes back to a file FORE_CONNS times as many OPENs later, when
 * the CLOSE of the last one has long been answered.
 */
#define FILES 1009

static struct nfs_session *session(unsigned int i, void *arg)
{
	struct fore *fore = arg;

	return &fore->peers[i % fore->nconns].session;
}

static void put_nothing(struct nfs_compound *compound, unsigned int i,
			void *arg)
{
	(void)compound;
	(void)i;
	(void)arg;
}

static void put_getattr(struct nfs_compound *compound, unsigned int i,
			void *arg)
{
	struct fore *fore = arg;

	(void)i;
	nfs_put_putfh(compound, &fore->file.fh);
	nfs_put_getattr(compound);
}

static void put_read(struct nfs_compound *compound, unsigned int i, void *arg)
{
	struct fore *fore = arg;

	(void)i;
	nfs_put_putfh(compound, &fore->file.fh);
	nfs_put_read(compound, &fore->file.stateid, 0, READ_SIZE);
}

/* The CLOSE is of what has just been opened: the current stateid, RFC 5661,
 * 16.2.3.1.2.
 */
static void put_open_close(struct nfs_compound *compound, unsigned int i,
			   void *arg)
{
	static const struct nfs_stateid current = { .seqid = 1 };

	(void)arg;
	peer_put_open(compound, i % FILES);
	nfs_put_close(compound, 0, &current);
}

static void got_reply(const struct nfs_compound *compound, unsigned int i,
		      void *arg)
{
	struct fore *fore = arg;

	(void)i;
	if (compound->status != NFS4_OK)
		fore->refused++;
}

const struct fore_kind fore_kinds[FORE_KINDS] = {
	{ "SEQUENCE", 1, put_nothing },
	{ "SEQUENCE", FORE_CONNS, put_nothing },
	{ "GETATTR", FORE_CONNS, put_getattr },
	{ "READ 4 KiB", FORE_CONNS, put_read },
	{ "OPEN/CLOSE", FORE_CONNS, put_open_close },
};

void fore_pipeline(struct fore *fore, const struct fore_kind *kind)
{
	fore->nconns = kind->conns;
	fore->pipeline = (struct pipeline){ .depth = FORE_CONNS,
					    .count = UINT32_MAX,
					    .session = session,
					    .put = kind->put,
					    .got = got_reply,
					    .arg = fore };
}

void fore_check(const struct fore *fore, const struct fore_kind *kind)
{
	if (fore->pipeline.lost || !fore->pipeline.replies)
		fatal("requests were lost by the %s side", fore->side->name);
	if (fore->refused)
		fatal("%u of %s were refused by the %s side", fore->refused,
		      kind->name, fore->side->name);
}

void fore_begin(struct fore *fore, struct bench *bench, struct side *side)
{
	static char contents[READ_SIZE + 1];

	*fore = (struct fore){ .side = side };
	for (int i = 0; i < READ_SIZE; i++)
		contents[i] = 'x';
	server_make_file(side->server, "fore", contents);
	server_make_files(side->server, "open%u", FILES);
	for (int i = 0; i < FORE_CONNS; i++)
		peer_mount(bench, side, &fore->peers[i], NULL);
	/* Every peer may read under the first one's stateid. */
	if (nfs_open(&fore->peers[0].session, "export/fore",
		     OPEN4_SHARE_ACCESS_READ | OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		     &fore->file))
		fatal("cannot open a file");
	fore->file.stateid = (struct nfs_stateid){ 0 };
}

void fore_hold(struct fore *fore, struct bench *bench)
{
	answers_init(&fore->answers, PEER_SLOTS, 1);
	peer_mount(bench, fore->side, &fore->holder, &fore->answers);
	fore->holding = (struct holding){ .side = fore->side,
					  .holders = &fore->holder,
					  .nholders = 1,
					  .openers = fore->peers,
					  .nopeners = FORE_CONNS };
	holding_begin(&fore->holding, FORE_HELD);
}

void fore_end(struct fore *fore)
{
	if (fore->holding.count) {
		if (answers_wait(&fore->answers, 1, 0))
			fatal("the %s side has recalled a delegation",
			      fore->side->name);
		holding_end(&fore->holding);
		peer_unmount(&fore->holder);
		answers_fini(&fore->answers);
	}
	for (int i = 0; i < FORE_CONNS; i++)
		peer_unmount(&fore->peers[i]);
}
