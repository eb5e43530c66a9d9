/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "holder.h"

void holder_begin(struct bench *bench, struct side *side, struct holder *holder,
		  unsigned int files)
{
	answers_init(&holder->answers, PEER_SLOTS, 2 * files);
	peer_mount(bench, side, &holder->peer, &holder->answers);
	peer_mount(bench, side, &holder->opener, NULL);
	holder->holding = (struct holding){ .side = side,
					    .holders = &holder->peer,
					    .nholders = 1,
					    .openers = &holder->opener,
					    .nopeners = 1 };
	holding_begin(&holder->holding, files);
}

void holder_end(struct holder *holder)
{
	holding_end(&holder->holding);
	peer_unmount(&holder->opener);
	peer_unmount(&holder->peer);
	answers_fini(&holder->answers);
}

void holder_expect(struct holder *holder, unsigned int count)
{
	unsigned int came = answers_wait(&holder->answers, count, NFS_TIMEOUT);

	if (came != count)
		fatal("%u callbacks came where %u were expected", came, count);
}

double holder_recall_us(struct holder *holder, unsigned int i)
{
	uint64_t sent = holding_conflict_one(&holder->holding, i);
	struct nfs_file *file = &holder->holding.files[i];

	if (!sent)
		return -1;
	if (answers_wait(&holder->answers, i + 1, NFS_TIMEOUT) != i + 1 &&
	    !server_alive(holder->holding.side->server))
		return -1;
	holder_expect(holder, i + 1);
	/* Idle again before the next one. */
	nfs_delegreturn(&holder->peer.session, &file->fh,
			&file->delegation.stateid);
	return (double)(answers_get(&holder->answers, i).arrival_ns - sent) /
	       1e3;
}
