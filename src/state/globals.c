/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What all of the core shares: its data, and the hashes of its keys.
 *
 * Purpose: the core's files know this one, and it knows none of them.
 * Data: bc_core: configuration, operations, the tables, counts.
 * Locking: each field names its guard.
 * Lifetime: from bc_core_init() to bc_core_fini().
 * Invariant: the operations do not change between them; the configuration's fields,
 *   each by itself (control.c).
 */
#include "bc_internal.h"

#include <string.h>

struct bc_core bc_core;

/* Spread the bits of keys that differ in few: counters and addresses. */
unsigned long bc_hash_u64(uint64_t key)
{
	key ^= key >> 30;
	key *= 0xbf58476d1ce4e5b9u;
	key ^= key >> 27;
	key *= 0x94d049bb133111ebu;
	key ^= key >> 31;
	return (unsigned long)key;
}

/* Every SEQUENCE asks for it.  Of Ganesha's ids the halves count clients and sessions,
 * side by side: their difference is that of many.
 */
unsigned long bc_hash_sessionid(const uint8_t id[BC_SESSIONID_SIZE])
{
	uint64_t half[2];

	memcpy(half, id, sizeof(half));
	return bc_hash_u64(half[0] * UINT64_C(0xff51afd7ed558ccd) + half[1]);
}
