/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What shall go wrong, and when: every decision of a campaign is a function of
 * its seed and of what is decided about (a client's life, turn, callback or
 * connection, by number), never of time. The same seed is the same schedule.
 */
#ifndef FAULT_SCHEDULE_H
#define FAULT_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_MAX_SESSIONS 2
#define SCHEDULE_MAX_PATHS 3 /* of a session */
#define SCHEDULE_MAX_FILES 32
#define SCHEDULE_MAX_FAULTS 4

struct schedule {
	uint64_t seed;
	bool calm; /* the same load, and nothing goes wrong */
};

/* ---- On a connection: what the proxy does ---- */

enum fault_kind {
	FAULT_DELAY, /* nothing is passed on for a while */
	FAULT_THROTTLE, /* some bytes go out one at a time, up to this record's */
	FAULT_DUPLICATE, /* this reply goes out twice */
	FAULT_REORDER, /* this reply goes out after the next one */
	FAULT_RESET, /* RST to both */
	FAULT_HALF_CLOSE, /* FIN behind this record, in its direction only */
	FAULT_TRUNCATE, /* the end in the middle of this record */
	FAULT_KINDS
};

/** From here on, a kind ends its connection. */
#define FAULT_FIRST_FATAL FAULT_RESET

enum fault_direction { TO_SERVER, TO_CLIENT };

struct fault {
	enum fault_kind kind;
	enum fault_direction direction;
	unsigned int record; /* of that direction, from 1 */
	/* DELAY: ms; RESET: odd, the record itself still arrives;
	 * TRUNCATE: so many of its bytes arrive, and odd: RST, even: FIN
	 */
	unsigned int amount;
};

struct fault_plan {
	unsigned int count;
	struct fault faults[SCHEDULE_MAX_FAULTS];
};

const char *fault_name(enum fault_kind kind);

/**
 * Connection number @a n of @a client through the proxy: it ends with record
 * number @a records at the latest.
 */
void schedule_connection(const struct schedule *schedule, unsigned int client,
			 unsigned int n, unsigned int records,
			 struct fault_plan *plan);

/* ---- In a client ---- */

/** From a client's EXCHANGE_ID to its DESTROY_CLIENTID. */
struct schedule_life {
	unsigned int sessions;
	unsigned int paths; /* connections bound to the back channel of each */
	unsigned int slots; /* of each back channel */
	unsigned int turns;
	unsigned int opener_slots; /* of the session of who wants its files */
};

void schedule_life(const struct schedule *schedule, unsigned int client,
		   unsigned int life, struct schedule_life *out);

/** What happens to who wants the turn's files, while its requests are held. */
enum schedule_opener {
	OPENER_IS_LEFT_ALONE,
	OPENER_RESET, /* its connection: sends all again over another */
	OPENER_CLOSES, /* the same, with FIN */
	OPENER_ASKS_AGAIN, /* over another connection, beside the first */
	OPENER_REMAKES, /* its session */
	OPENER_RESTARTS, /* as a new instance: its client id ends */
	SCHEDULE_OPENERS
};

/** Hold some delegations, have them recalled, return them. */
struct schedule_turn {
	unsigned int files;
	bool write; /* write delegations */
	bool remake; /* the last session, while recalls are under way */
	uint32_t direction; /* CDFC4_... of this turn's BIND_CONN_TO_SESSION */
	enum schedule_opener opener;
	unsigned int opener_at; /* so many recalls have been received */
	bool at_once; /* each is returned as soon as it has been recalled */
	bool restart; /* as a new instance, instead of returning them */
};

void schedule_turn(const struct schedule *schedule, unsigned int client,
		   unsigned int life, unsigned int turn,
		   struct schedule_turn *out);

/** A request that conflicts with a delegation. */
enum schedule_want {
	WANT_OPEN, /* for writing */
	WANT_SETATTR,
	WANT_WRITE, /* after such an OPEN */
	WANT_GETATTR, /* of a write delegation; does not recall it */
};

const char *schedule_want_name(enum schedule_want want);

/** How file number @a file of a turn is wanted: not by GETATTR. */
enum schedule_want schedule_want(const struct schedule *schedule,
				 unsigned int client, unsigned int life,
				 unsigned int turn, unsigned int file);

enum schedule_answer {
	ANSWER_NOW,
	ANSWER_LATE, /* after those that came behind it */
	ANSWER_DELAY, /* CB_RECALL: NFS4ERR_DELAY */
	ANSWER_SEQ_DELAY, /* CB_SEQUENCE: NFS4ERR_DELAY */
	ANSWER_THEN_CLOSE, /* and FIN or RST behind it */
	ANSWER_CLOSE, /* no answer: FIN or RST */
};

/**
 * The answer to the recall of a turn's file number @a file.
 * @param attempt  how often it has been asked for before
 * @param reset    RST instead of FIN, where one is sent
 */
enum schedule_answer schedule_answer(const struct schedule *schedule,
				     unsigned int client, unsigned int life,
				     unsigned int turn, unsigned int file,
				     unsigned int attempt, bool *reset);

/** A number below @a below: what is wrong in a liar's answer. */
unsigned int schedule_lie(const struct schedule *schedule, unsigned int client,
			  unsigned int life, unsigned int callback,
			  unsigned int below);

#endif
