/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "schedule.h"

#include "nfs4.h"

/* What a stream of numbers is about; with the seed, it starts the stream. */
enum topic { CONNECTION, LIFE, TURN, ANSWER, LIE, WANT };

struct stream {
	uint64_t state;
};

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static struct stream stream(const struct schedule *schedule, enum topic topic,
			    unsigned int client, unsigned int a, unsigned int b)
{
	struct stream s = { mix(schedule->seed + topic) };

	s.state = mix(s.state ^ client);
	s.state = mix(s.state ^ a);
	s.state = mix(s.state ^ b);
	return s;
}

static unsigned int below(struct stream *s, unsigned int n)
{
	s->state += UINT64_C(0x9e3779b97f4a7c15);
	return mix(s->state) % n;
}

const char *fault_name(enum fault_kind kind)
{
	static const char *const names[] = {
		[FAULT_DELAY] = "delay",
		[FAULT_THROTTLE] = "throttle",
		[FAULT_DUPLICATE] = "duplicate",
		[FAULT_REORDER] = "reorder",
		[FAULT_RESET] = "reset",
		[FAULT_HALF_CLOSE] = "half-close",
		[FAULT_TRUNCATE] = "truncate",
	};

	return names[kind];
}

/* Something that the connection survives, before its end. */
static struct fault nuisance(struct stream *s, unsigned int end)
{
	struct fault fault = { .kind = below(s, FAULT_FIRST_FATAL),
			       .direction = below(s, 2),
			       .record = 1 + below(s, end),
			       .amount = 1 + below(s, 100) };

	/* A request is never sent twice by a network; only a reply, which
	 * comes after the BIND, may be.
	 */
	if (fault.kind == FAULT_DUPLICATE || fault.kind == FAULT_REORDER) {
		fault.direction = TO_SERVER;
		fault.record++;
	}
	return fault;
}

void schedule_connection(const struct schedule *schedule, unsigned int client,
			 unsigned int n, unsigned int records,
			 struct fault_plan *plan)
{
	struct stream s = stream(schedule, CONNECTION, client, n, 0);
	unsigned int end = 1 + below(&s, records);
	unsigned int nuisances = below(&s, SCHEDULE_MAX_FAULTS);

	plan->count = 0;
	if (schedule->calm)
		return;
	plan->faults[plan->count++] = (struct fault){
		.kind = FAULT_FIRST_FATAL +
			below(&s, FAULT_KINDS - FAULT_FIRST_FATAL),
		.direction = below(&s, 2),
		.record = end,
		.amount = below(&s, 1000),
	};
	while (nuisances--)
		plan->faults[plan->count++] = nuisance(&s, end);
}

void schedule_life(const struct schedule *schedule, unsigned int client,
		   unsigned int life, struct schedule_life *out)
{
	static const unsigned int slots[] = { 1, 2, 4, 16, 16, 32 };
	static const unsigned int opener_slots[] = { 8, 32, 64, 64 };
	struct stream s = stream(schedule, LIFE, client, life, 0);

	*out = (struct schedule_life){
		.sessions = 1 + below(&s, SCHEDULE_MAX_SESSIONS),
		.paths = 1 + below(&s, SCHEDULE_MAX_PATHS),
		.slots = slots[below(&s, sizeof(slots) / sizeof(*slots))],
		.turns = 4 + below(&s, 16),
	};
	out->opener_slots = opener_slots[below(&s, 4)];
}

void schedule_turn(const struct schedule *schedule, unsigned int client,
		   unsigned int life, unsigned int turn,
		   struct schedule_turn *out)
{
	static const uint32_t directions[] = { CDFC4_BACK, CDFC4_FORE_OR_BOTH,
					       CDFC4_BACK_OR_BOTH };
	struct stream s = stream(schedule, TURN, client, life, turn);
	unsigned int n;

	*out = (struct schedule_turn){
		.files = 1 + below(&s, SCHEDULE_MAX_FILES),
		.write = below(&s, 4) == 0,
		.remake = below(&s, 8) == 0 && !schedule->calm,
		.direction = directions[below(&s, 3)],
	};
	out->opener_at = below(&s, out->files);
	n = below(&s, 16);
	if (!schedule->calm && n < SCHEDULE_OPENERS)
		out->opener = n;
	out->restart = below(&s, 32) == 0 && !schedule->calm;
	out->at_once = below(&s, 4) && !out->restart;
}

const char *schedule_want_name(enum schedule_want want)
{
	static const char *const names[] = {
		[WANT_OPEN] = "OPEN",
		[WANT_SETATTR] = "SETATTR",
		[WANT_WRITE] = "WRITE",
		[WANT_GETATTR] = "GETATTR",
	};

	return names[want];
}

enum schedule_want schedule_want(const struct schedule *schedule,
				 unsigned int client, unsigned int life,
				 unsigned int turn, unsigned int file)
{
	static const enum schedule_want wants[] = { WANT_OPEN, WANT_OPEN,
						    WANT_SETATTR, WANT_WRITE };
	struct stream s =
		stream(schedule, WANT, client, life, turn << 8 | file);

	return wants[below(&s, 4)];
}

enum schedule_answer schedule_answer(const struct schedule *schedule,
				     unsigned int client, unsigned int life,
				     unsigned int turn, unsigned int file,
				     unsigned int attempt, bool *reset)
{
	struct stream s = stream(schedule, ANSWER, client, life,
				 turn << 16 | file << 8 | attempt);
	unsigned int n = below(&s, 100);

	*reset = below(&s, 2);
	if (schedule->calm || attempt > 3)
		return ANSWER_NOW;
	if (n < 10)
		return ANSWER_LATE;
	if (n < 12)
		return ANSWER_DELAY;
	if (n < 14)
		return ANSWER_SEQ_DELAY;
	if (n < 16)
		return ANSWER_THEN_CLOSE;
	if (n < 18)
		return ANSWER_CLOSE;
	return ANSWER_NOW;
}

unsigned int schedule_lie(const struct schedule *schedule, unsigned int client,
			  unsigned int life, unsigned int callback,
			  unsigned int limit)
{
	struct stream s = stream(schedule, LIE, client, life, callback);

	return below(&s, limit);
}
