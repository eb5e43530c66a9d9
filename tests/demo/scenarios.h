/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the demonstration shows, row by row.
 */
#ifndef DEMO_SCENARIOS_H
#define DEMO_SCENARIOS_H

#include "round.h"

#define SCENARIOS 18

struct scenario {
	const char *heading; /* over it, or NULL */
	const char *name;
	const char *detail_name; /* of a second finding, or NULL */
	/* One round; false as a step of round.h. */
	bool (*run)(struct round *round, unsigned int arg);
	unsigned int arg;
	bool timed; /* in several rounds, each of which ends with a recall */
};

extern const struct scenario scenarios[SCENARIOS];

#endif
