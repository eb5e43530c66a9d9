/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is measured of a crowd.  Each writes its figures as bench's record() does, and
 * ends the program if the module's server has left anything undone.
 */
#ifndef SCALE_SCALE_H
#define SCALE_SCALE_H

#include "crowd.h"

#define LEASE 120 /* s, of the servers; Ganesha allows no more than 180 */
#define GRACE 240 /* s, at most: it ends when all have reclaimed */

/** How thorough: the short one only shows that all goes well. */
struct effort {
	unsigned int idle_ms; /* of renewals */
	unsigned int bystander_recalls; /* of each kind */
	unsigned int patience_ms; /* without anything happening */
	unsigned int share_limit; /* clients that all hold one file */
	unsigned int restart_limit; /* clients; Ganesha finds no more in time */
	unsigned int revive_limit; /* that come back after a crash */
	unsigned int stock_limit; /* clients of stock's that hold anything */
};

/** Of a module's server @a got is @a wanted, or this is the end. */
void all_or_fatal(const struct crowd *crowd, const char *what, unsigned int got,
		  unsigned int wanted);
/** A metric of the module's; 0 of stock's. */
double metric(const struct crowd *crowd, const char *name);
/** Wait until @a count clients are in a state of the module's. @return s */
double wait_state(const struct crowd *crowd, const char *state,
		  unsigned int count);
double seconds_since(uint64_t begun);

void measure_heap(struct bench *bench, const struct side *like,
		  unsigned int count); /* presence.c */
void measure_mount(struct crowd *crowd); /* presence.c */
void measure_renewals(struct crowd *crowd, const struct effort *effort);
void measure_churn(struct crowd *crowd);
void measure_watch(struct crowd *crowd, const struct effort *effort);
void measure_one_file(struct crowd *crowd, const struct effort *effort);
void measure_own_files(struct crowd *crowd, const struct effort *effort);
void measure_outage(struct crowd *crowd, const struct effort *effort);
void measure_restart(struct crowd *crowd, const struct effort *effort);

#endif
