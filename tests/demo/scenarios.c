/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "scenarios.h"

static bool recall_healthy(struct round *round, unsigned int arg)
{
	(void)arg;
	return round_hold(round) && round_conflict(round) &&
	       round_recall(round) && round_return(round);
}

static bool recall_after_rebind(struct round *round, unsigned int arg)
{
	(void)arg;
	if (!round_hold(round))
		return false;
	round_disconnect(round, NFS_CLOSE_FIN);
	return round_bind_both(round) && round_conflict(round) &&
	       round_recall(round) && round_return(round);
}

#define NO_PATH (SEQ4_STATUS_CB_PATH_DOWN | SEQ4_STATUS_CB_PATH_DOWN_SESSION)

/* The holder goes on with a connection for its requests only. */
static bool lose_path(struct round *round, uint32_t *flags)
{
	round_disconnect(round, NFS_CLOSE_FIN);
	return round_connect(round) && round_flags(round, NO_PATH, flags);
}

static bool recall_waits(struct round *round, unsigned int arg)
{
	uint32_t flags, status, bound;

	(void)arg;
	if (!round_hold(round) || !lose_path(round, &flags))
		return false;
	round_note(round, round->detail, flags == NO_PATH, "0x%03x", flags);
	return round_conflict(round) &&
	       round_bind(round, round->session.id, CDFC4_FORE_OR_BOTH, &status,
			  &bound) &&
	       round_recall(round) && round_return(round);
}

static bool recall_fails_over(struct round *round, unsigned int arg)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	const struct cb_call *first;
	struct nfs_conn *other;

	(void)arg;
	if (!round_hold(round) || !round_bind_both(round))
		return false;
	cb_responder_push(round->responder, &never);
	if (!round_conflict(round) || !round_recall(round))
		return false;
	first = round->call;
	other = round->conns[first->conn == round->conns[0] ? 1 : 0];
	nfs_session_set_conn(&round->session, first->conn);
	round_disconnect(round, NFS_CLOSE_RST);
	nfs_session_set_conn(&round->session, other);
	if (!round_recall(round))
		return false;
	round_note(round, round->detail,
		   round->call->conn == other &&
			   round->call->seq.slot == first->seq.slot &&
			   round->call->seq.sequence == first->seq.sequence,
		   "%u %u, then %u %u", first->seq.slot, first->seq.sequence,
		   round->call->seq.slot, round->call->seq.sequence);
	return round_return(round);
}

enum flags_when {
	FLAGS_HEALTHY,
	FLAGS_NO_PATH,
	FLAGS_BOUND_AGAIN,
};

static bool status_flags(struct round *round, unsigned int when)
{
	uint32_t wanted = when == FLAGS_NO_PATH ? NO_PATH : 0;
	uint32_t flags;

	if (when != FLAGS_HEALTHY && !lose_path(round, &flags))
		return false;
	if (when == FLAGS_BOUND_AGAIN && !round_bind_both(round))
		return false;
	if (!round_flags(round, wanted, &flags))
		return false;
	round_note(round, round->text, flags == wanted, "0x%03x", flags);
	return true;
}

static const char *channels_name(uint32_t channels)
{
	static const char *const names[] = { "none", "FORE", "BACK", "BOTH" };

	return channels <= CDFS4_BOTH ? names[channels] : "garbage";
}

static void note_status(struct round *round, uint32_t status, uint32_t wanted)
{
	static const struct {
		uint32_t status;
		const char *name;
	} known[] = {
		{ NFS4_OK, "OK" },
		{ NFS4ERR_INVAL, "INVAL" },
		{ NFS4ERR_BADSESSION, "BADSESSION" },
		{ NFS4ERR_BADXDR, "BADXDR" },
	};
	const char *name = "another error";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].status == status)
			name = known[i].name;
	}
	round_note(round, round->text, status == wanted, "%s", name);
}

/* The first bind of a fresh connection. */
static bool bind_direction(struct round *round, unsigned int dir)
{
	uint32_t status, bound;
	bool right;

	if (!round_connect(round) ||
	    !round_bind(round, round->session.id, dir, &status, &bound))
		return false;
	right = bound == dir ||
		(bound == CDFS4_BOTH && dir != CDFC4_FORE && dir != CDFC4_BACK);
	if (status == NFS4_OK)
		round_note(round, round->text, right, "%s",
			   channels_name(bound));
	else
		note_status(round, status, NFS4_OK);
	return true;
}

/* A further bind, of a connection that is explicitly bound to the fore. */
static bool bind_further(struct round *round, unsigned int dir)
{
	uint32_t status, bound;

	if (!round_connect(round) ||
	    !round_bind(round, round->session.id, CDFC4_FORE, &status,
			&bound) ||
	    !round_bind(round, round->session.id, dir, &status, &bound))
		return false;
	note_status(round, status, dir == CDFC4_FORE ? NFS4_OK : NFS4ERR_INVAL);
	return true;
}

static bool bind_nonsense(struct round *round, unsigned int dir)
{
	uint32_t status, bound;

	if (!round_connect(round) ||
	    !round_bind(round, round->session.id, dir, &status, &bound))
		return false;
	note_status(round, status, NFS4ERR_INVAL);
	return true;
}

static bool bind_unknown_session(struct round *round, unsigned int dir)
{
	static const uint8_t unknown[NFS4_SESSIONID_SIZE] = "no such session";
	uint32_t status, bound;

	if (!round_connect(round) ||
	    !round_bind(round, unknown, dir, &status, &bound))
		return false;
	note_status(round, status, NFS4ERR_BADSESSION);
	return true;
}

enum hostile {
	SENT_TWICE,
	CLOSE_AT_ONCE,
	MANY_RESULTS,
};

static const struct cb_answer hostile_answers[] = {
	[SENT_TWICE] = { .copies = 2 },
	[CLOSE_AT_ONCE] = { .then_close = NFS_CLOSE_FIN },
	[MANY_RESULTS] = { .results = 100 },
};

/* The recall after a callback that got a hostile answer. */
static bool recall_after_answer(struct round *round, unsigned int which)
{
	const struct cb_answer *answer = &hostile_answers[which];

	cb_responder_push(round->responder, answer);
	if (!round_hold(round) || !round_conflict(round) ||
	    !round_recall(round))
		return false;
	cb_call_wait_answered(round->call, NFS_TIMEOUT);
	if (answer->then_close && !round_bind_both(round))
		return false;
	return round_return(round) && recall_healthy(round, 0);
}

const struct scenario scenarios[] = {
	{ .heading = "CB_RECALL arrives: median (worst), ms",
	  .name = "healthy path, after the OPEN",
	  .run = recall_healthy,
	  .timed = true },
	{ .name = "connected and bound anew, after the OPEN",
	  .run = recall_after_rebind,
	  .timed = true },
	{ .name = "waiting for a path, after BIND's reply",
	  .detail_name = "SEQUENCE's flags meanwhile",
	  .run = recall_waits,
	  .timed = true },
	{ .name = "again on another connection, after a RST",
	  .detail_name = "slot, sequence id: before, after",
	  .run = recall_fails_over,
	  .timed = true },

	{ .heading = "SEQUENCE's callback flags",
	  .name = "with a path",
	  .run = status_flags,
	  .arg = FLAGS_HEALTHY },
	{ .name = "without", .run = status_flags, .arg = FLAGS_NO_PATH },
	{ .name = "bound again",
	  .run = status_flags,
	  .arg = FLAGS_BOUND_AGAIN },

	{ .heading = "BIND_CONN_TO_SESSION answers",
	  .name = "FORE",
	  .run = bind_direction,
	  .arg = CDFC4_FORE },
	{ .name = "BACK", .run = bind_direction, .arg = CDFC4_BACK },
	{ .name = "FORE_OR_BOTH",
	  .run = bind_direction,
	  .arg = CDFC4_FORE_OR_BOTH },
	{ .name = "BACK_OR_BOTH",
	  .run = bind_direction,
	  .arg = CDFC4_BACK_OR_BOTH },
	{ .name = "FORE, then FORE again",
	  .run = bind_further,
	  .arg = CDFC4_FORE },
	{ .name = "FORE, then BACK", .run = bind_further, .arg = CDFC4_BACK },
	{ .name = "a direction that does not exist",
	  .run = bind_nonsense,
	  .arg = 5 },
	{ .name = "a session that does not exist",
	  .run = bind_unknown_session,
	  .arg = CDFC4_FORE_OR_BOTH },

	{ .heading = "The CB_RECALL after a callback's reply that is",
	  .name = "sent twice",
	  .run = recall_after_answer,
	  .arg = SENT_TWICE,
	  .timed = true },
	{ .name = "followed by a close at once",
	  .run = recall_after_answer,
	  .arg = CLOSE_AT_ONCE,
	  .timed = true },
	{ .name = "of 100 results",
	  .run = recall_after_answer,
	  .arg = MANY_RESULTS,
	  .timed = true },
};
