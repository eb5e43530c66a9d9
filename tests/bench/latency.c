/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How long one callback takes: with nothing else to do, after a BIND, after a
 * disconnect.
 */
#include "holder.h"

#include <stdio.h>

#define BLOCKS 10
#define BLOCK 100 /* recalls */
#define RECOVERIES 100
#define WARM_UP 20
#define TRIES 5 /* of a block, if a server crashes */

/* The sides in turns. @return whether both servers lived to the end */
static bool measure_block(struct bench *bench, double us[SIDES][BLOCK])
{
	struct holder holders[SIDES];
	bool alive = true;

	for (int s = 0; s < SIDES; s++)
		holder_begin(bench, &bench->sides[s], &holders[s],
			     WARM_UP + BLOCK);
	for (unsigned int i = 0; i < WARM_UP + BLOCK && alive; i++) {
		for (int s = 0; s < SIDES && alive; s++) {
			double one = holder_recall_us(&holders[s], i);

			if (i >= WARM_UP)
				us[s][i - WARM_UP] = one;
			alive = one >= 0;
		}
	}
	for (int s = 0; s < SIDES; s++) {
		side_crashed(&bench->sides[s], "idle");
		holder_end(&holders[s]);
	}
	return alive;
}

void measure_idle(struct bench *bench)
{
	double us[SIDES][BLOCK];

	for (unsigned int block = 0; block < BLOCKS; block++) {
		unsigned int tries = 1;

		while (!measure_block(bench, us)) {
			if (tries++ == TRIES)
				fatal("a server crashed %u times", TRIES);
		}
		for (unsigned int i = 0; i < BLOCK * SIDES; i++)
			record("\"what\":\"idle\",\"side\":\"%s\","
			       "\"block\":%u,\"us\":%.1f",
			       bench->sides[i % SIDES].name, block,
			       us[i % SIDES][i / SIDES]);
	}
}

/* In the loop thread, which has not looked at what comes after the reply. */
static void bind_replied(struct nfs_compound *compound)
{
	*(uint64_t *)compound->arg = nfs_now_ns();
}

/* Bind a connection to both channels. @return when the reply came, ns */
static uint64_t bind_both(struct holder *holder, struct nfs_conn *conn)
{
	struct nfs_compound compound;
	uint64_t replied;

	nfs_compound_init_bare(&compound, &holder->peer.client, conn);
	compound.on_reply = bind_replied;
	compound.arg = &replied;
	nfs_put_bind_conn(&compound, holder->peer.session.id,
			  CDFC4_FORE_OR_BOTH, 0);
	if (nfs_compound_finish(&compound))
		fatal("BIND failed");
	return replied;
}

/* The holder goes on with a connection that takes the place of its own. */
static void replace_conn(struct holder *holder, struct nfs_conn *conn)
{
	nfs_session_set_conn(&holder->peer.session, conn);
	nfs_conn_put(conn);
}

/* The callback waits for the client to come back. */
static double recover_us(struct holder *holder, unsigned int n, unsigned int i)
{
	struct nfs_conn *conn;
	uint64_t replied;

	/* Until the answer to the last one has been seen. */
	side_wait_idle(holder->holding.side);
	nfs_conn_close(holder->peer.session.conn, NFS_CLOSE_FIN);
	conn = peer_connect(&holder->peer, &holder->answers);
	replace_conn(holder, nfs_conn_get(conn));
	holding_conflict_one(&holder->holding, i);
	side_wait_idle(holder->holding.side);
	replied = bind_both(holder, conn);
	nfs_conn_put(conn);
	holder_expect(holder, n + 1);
	return (double)((int64_t)answers_get(&holder->answers, n).arrival_ns -
			(int64_t)replied) /
	       1e3;
}

/* The callback is out when its connection ends, and there is another one. */
static double fail_over_us(struct holder *holder, unsigned int n,
			   unsigned int i)
{
	struct nfs_conn *other = peer_connect(&holder->peer, &holder->answers);
	uint64_t closed;

	bind_both(holder, other);
	nfs_sequence(&holder->peer.session, NULL); /* the latest one heard */
	answers_hold(&holder->answers);
	holding_conflict_one(&holder->holding, i);
	holder_expect(holder, n + 1);
	answers_drop(&holder->answers);
	closed = nfs_now_ns();
	nfs_conn_close(holder->peer.session.conn, NFS_CLOSE_FIN);
	holder_expect(holder, n + 2);
	replace_conn(holder, other);
	return (double)(answers_get(&holder->answers, n + 1).arrival_ns -
			closed) /
	       1e3;
}

void measure_recovery(struct bench *bench)
{
	struct holder holder;
	unsigned int n = 0;

	holder_begin(bench, &bench->sides[MODULE], &holder, 2 * RECOVERIES);
	for (unsigned int i = 0; i < RECOVERIES; i++) {
		record("\"what\":\"recovery\",\"us\":%.1f",
		       recover_us(&holder, n, 2 * i));
		record("\"what\":\"failover\",\"us\":%.1f",
		       fail_over_us(&holder, n + 1, 2 * i + 1));
		n += 3;
	}
	holder_end(&holder);
}
