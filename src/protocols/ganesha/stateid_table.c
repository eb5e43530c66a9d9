/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hash of Ganesha's table of stateids.
 *
 * A stateid's `other` is a client id, which is the server's epoch and the client's
 * number, and a counter of the client's (nfs4_BuildStateId_Other()).  Ganesha hashes
 * the epoch and the counter (compute_stateid_hash_value()): what the clients have in
 * common.  The first stateid of each has the same hash as that of all others, and so
 * on; equal hashes are a list, in one partition and under its lock.  With 5,000 clients
 * each look-up compares its way through thousands.
 *
 * Ganesha's functions are not exported.  They are known by what they say.
 */
#include "ganesha/stateid_table.h"

#include "city.h"
#include "hashtable.h"
#include "sal_data.h"

#include <string.h>

/* An `other` and one word that is not of it. */
enum { EPOCH = 1, COUNTER, OTHER_WORDS, KEY_WORDS };
_Static_assert(OTHER_WORDS * sizeof(uint32_t) == OTHERSIZE, "an other");

static const char table_name[] = "State ID Table";

/* Both of one hash: the index is its upper half's, so that within a partition the lower
 * half still spreads the keys over the tree and the cache.
 */
int bc_stateid_hash(struct hash_param *param, struct gsh_buffdesc *key,
		    uint32_t *index, uint64_t *tree)
{
	uint64_t hash = CityHash64(key->addr, OTHERSIZE);

	*index = (uint32_t)(hash >> 32) % param->index_size;
	*tree = hash;
	return 1;
}

static bool hash_is_known(struct hash_param *param)
{
	uint32_t words[KEY_WORDS] = { 0x01020304, 0x65f0a1b2, 1, 7 };
	struct gsh_buffdesc key = { .addr = words, .len = OTHERSIZE };

	for (int i = 0; i < KEY_WORDS; i++) {
		uint32_t hash;

		words[i] ^= 0x10204081;
		hash = words[EPOCH] ^ words[COUNTER];
		if (param->hash_func_rbt(param, &key) != hash ||
		    param->hash_func_key(param, &key) !=
			    hash % param->index_size)
			return false;
	}
	return true;
}

/* Keys are equal if all bytes of the `other` are, whatever follows it. */
static bool comparison_is_known(struct hash_param *param)
{
	char one[KEY_WORDS * sizeof(uint32_t)] = { 0 };
	char other[sizeof(one)] = { 0 };
	struct gsh_buffdesc one_key = { .addr = one, .len = OTHERSIZE };
	struct gsh_buffdesc other_key = { .addr = other, .len = OTHERSIZE };

	for (size_t i = 0; i < sizeof(one); i++) {
		bool differs;

		other[i] = 1;
		differs = param->compare_key(&one_key, &other_key) != 0;
		other[i] = 0;
		if (differs != (i < OTHERSIZE))
			return false;
	}
	return true;
}

/* @return what is not as we know it, or NULL */
static const char *table_misfit(struct hash_param *param)
{
	if (!param->index_size)
		return "number of partitions";
	if (param->hash_func_both || !param->hash_func_key ||
	    !param->hash_func_rbt || !hash_is_known(param))
		return "hash";
	if (!param->compare_key || !comparison_is_known(param))
		return "comparison";
	return NULL;
}

/* hashtable_init() keeps a copy of the parameters. */
static struct hash_table *hook_hashtable_init(struct hash_param *param)
{
	struct hash_param ours = *param;
	const char *misfit;

	if (!param->ht_name || strcmp(param->ht_name, table_name) != 0)
		return hashtable_init(param);
	misfit = table_misfit(param);
	if (misfit) {
		LogWarn(COMPONENT_NFS_CB,
			"Ganesha's table of stateids keeps its own hash: its %s is not the one that is known",
			misfit);
		return hashtable_init(param);
	}
	ours.hash_func_both = bc_stateid_hash;
	return hashtable_init(&ours);
}

const struct bc_import_hook bc_stateid_table_hook =
	BC_IMPORT_HOOK(hashtable_init);
