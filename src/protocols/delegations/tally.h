/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Counts of what is under way, by an object that has no room for one of its own.
 */
#ifndef BC_TALLY_H
#define BC_TALLY_H

#include <stdint.h>

#define BC_TALLY_BITS 8
#define BC_TALLY_LINE 64 /* bytes of a processor's cache */

/**
 * Objects that share a count are taken for one another.  Others' counts are not in
 * the same line of the cache.
 */
struct bc_tallies {
	struct bc_tally {
		_Alignas(BC_TALLY_LINE) unsigned int count; /* [A] */
	} tally[1 << BC_TALLY_BITS];
};

_Static_assert(sizeof(struct bc_tally) == BC_TALLY_LINE, "one line each");

/** The count of an object, which is never followed. Context: any. */
static inline unsigned int *bc_tally_of(struct bc_tallies *counts,
					const void *object)
{
	uint64_t hash = (uintptr_t)object * UINT64_C(0x9e3779b97f4a7c15);

	return &counts->tally[hash >> (64 - BC_TALLY_BITS)].count;
}

#endif /* BC_TALLY_H */
