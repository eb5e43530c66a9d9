/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* How the clients of the load answer. */
#include "holder.h"

#include <string.h>

static const struct cb_answer correct;

/* Every way to be wrong that a peer's memory and sockets can survive. */
static const uint8_t garbage[] = "\x80\x00\x00\x20 no reply at all, or is it?";

static const struct cb_answer lies[] = {
	{ .seq_status = NFS4ERR_BADSESSION },
	{ .seq_status = NFS4ERR_BADSLOT },
	{ .seq_status = NFS4ERR_SEQ_MISORDERED },
	{ .seq_status = NFS4ERR_SEQ_FALSE_RETRY },
	{ .seq_status = NFS4ERR_RETRY_UNCACHED_REP },
	{ .seq_status = NFS4ERR_CONN_NOT_BOUND_TO_SESSION },
	{ .op_status = NFS4ERR_BADHANDLE },
	{ .op_status = NFS4ERR_BAD_STATEID },
	{ .wrong_session = true },
	{ .slot_delta = 1 },
	{ .sequence_delta = 1 },
	{ .wrong_xid = true },
	{ .rpc = CB_RPC_PROG_UNAVAIL },
	{ .rpc = CB_RPC_GARBAGE_ARGS },
	{ .rpc = CB_RPC_AUTH_ERROR },
	{ .results = 100 },
	{ .results = 1 },
	{ .truncate = 8 },
	{ .truncate = 1000 },
	{ .copies = 3 },
	{ .bytewise = true },
	{ .limit_slots = true },
	{ .raw = garbage, .raw_len = sizeof(garbage) },
	{ .when = CB_NEVER, .then_close = NFS_CLOSE_RST },
};
#define LIES (sizeof(lies) / sizeof(*lies))

static struct held *find_file(struct holder *holder, const struct cb_call *call)
{
	for (unsigned int i = 0; i < holder->turn.files; i++) {
		struct held *held = &holder->files[i];

		if (held->granted &&
		    !memcmp(held->file.delegation.stateid.other,
			    call->recall.stateid.other,
			    NFS4_STATEID_OTHER_SIZE))
			return held;
	}
	return NULL;
}

static void send_answer(struct holder *holder, struct cb_call *call,
			const struct cb_answer *answer)
{
	if (answer->then_close)
		atomic_fetch_add(&holder->load->figures.closed, 1);
	if (answer->when != CB_NEVER)
		atomic_fetch_add(&holder->load->figures.replies, 1);
	cb_call_answer(call, answer);
}

/* The delegation may go back: the server has been told so, or will be. */
static void recalled(struct holder *holder, struct held *held)
{
	holder->waiting -= !held->recalled;
	held->recalled = true;
}

static void lie(struct holder *holder, struct cb_call *call, struct held *held)
{
	const struct schedule *schedule = holder->load->params.schedule;
	unsigned int n =
		schedule_lie(schedule, holder->number, holder->life_number,
			     call->index, 2 * LIES);

	if (n < LIES)
		atomic_fetch_add(&holder->load->figures.lies, 1);
	send_answer(holder, call, n < LIES ? &lies[n] : &correct);
	if (held)
		recalled(holder, held);
}

static void answer_recall(struct holder *holder, struct cb_call *call,
			  struct held *held)
{
	static const struct cb_answer delay = { .op_status = NFS4ERR_DELAY };
	static const struct cb_answer seq_delay = { .seq_status =
							    NFS4ERR_DELAY };
	struct cb_answer answer = correct;
	bool reset;

	switch (schedule_answer(holder->load->params.schedule, holder->number,
				holder->life_number, holder->turn_number,
				held - holder->files, held->recalls++,
				&reset)) {
	case ANSWER_NOW:
		break;
	case ANSWER_LATE:
		if (holder->nlate == SCHEDULE_MAX_FILES)
			break;
		holder->late[holder->nlate++] = call;
		recalled(holder, held);
		return;
	case ANSWER_DELAY:
		send_answer(holder, call, &delay);
		return;
	case ANSWER_SEQ_DELAY:
		send_answer(holder, call, &seq_delay);
		return;
	case ANSWER_CLOSE:
		answer.when = CB_NEVER;
		answer.then_close = reset ? NFS_CLOSE_RST : NFS_CLOSE_FIN;
		send_answer(holder, call, &answer);
		return;
	case ANSWER_THEN_CLOSE:
		answer.then_close = reset ? NFS_CLOSE_RST : NFS_CLOSE_FIN;
		break;
	}
	send_answer(holder, call, &answer);
	recalled(holder, held);
}

void holder_answer(struct holder *holder, struct cb_call *call)
{
	struct held *held = find_file(holder, call);

	atomic_fetch_add(call->retry ? &holder->load->figures.retries :
				       &holder->load->figures.recalls,
			 1);
	if (!call->held)
		return; /* the slot table has answered */
	if (holder->liar)
		lie(holder, call, held);
	else if (held && !held->recalled)
		answer_recall(holder, call, held);
	else /* Of an earlier turn, or asked for once more. */
		send_answer(holder, call, &correct);
}

void holder_answer_late(struct holder *holder)
{
	while (holder->nlate)
		send_answer(holder, holder->late[--holder->nlate], &correct);
}
