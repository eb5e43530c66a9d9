/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Counts of what is under way, by an object that has no room for one of its own.
 */
#ifndef BC_TALLY_H
#define BC_TALLY_H

#include <stdint.h>

#define BC_TALLY_BITS 6

/** [A] Objects that share a count are taken for one another. */
struct bc_tallies {
	unsigned int count[1 << BC_TALLY_BITS];
};

/** The count of an object, which is never followed. Context: any. */
static inline unsigned int *bc_tally_of(struct bc_tallies *counts,
					const void *object)
{
	uint64_t hash = (uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);

	return &counts->count[hash >> (64 - BC_TALLY_BITS)];
}

#endif /* BC_TALLY_H */
