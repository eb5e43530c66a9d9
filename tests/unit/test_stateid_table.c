/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The hash of Ganesha's table of stateids (stateid_table.c), in hash tables of the
 * installed Ganesha: how well it spreads what Ganesha makes, beside Ganesha's own,
 * whose functions are not exported and are written down here.
 */
#include "unit.h"

#include "ganesha/stateid_table.h"

#include "hashtable.h"
#include "sal_data.h"
#include "sal_functions.h"

#include <stdlib.h>
#include <string.h>

#define CLIENTS 5000
#define STATEIDS 2 /* of each client: an open and a delegation */
#define EPOCH 0x66a1b2c3
#define FEW_IN_A_SLOT 5 /* of a partition's cache */

typedef struct hash_table *(*make_table)(struct hash_param *param);

struct other {
	char bytes[OTHERSIZE];
};

/* Ganesha frees no table but in places that it does not export. */
static struct hash_table *tables[16];
static size_t ntables;

static struct other others[CLIENTS * STATEIDS];

/* In place of Ganesha's, which logs nothing before it has read where to. */
static unsigned int warnings;

void DisplayLogComponentLevel(log_components_t component, const char *file,
			      int line, const char *function,
			      log_levels_t level, const char *format, ...)
{
	(void)file, (void)line, (void)function, (void)format;
	warnings += component == COMPONENT_NFS_CB && level == NIV_WARN;
}

/* As Ganesha's own ----------------------------------------------------------- */

static uint32_t own_hash(const struct gsh_buffdesc *key)
{
	uint32_t words[OTHERSIZE / sizeof(uint32_t)];

	memcpy(words, key->addr, sizeof(words));
	return words[1] ^ words[2];
}

static uint32_t own_index(struct hash_param *param, struct gsh_buffdesc *key)
{
	return own_hash(key) % param->index_size;
}

static uint64_t own_tree(struct hash_param *param, struct gsh_buffdesc *key)
{
	(void)param;
	return own_hash(key);
}

static int own_compare(struct gsh_buffdesc *one, struct gsh_buffdesc *other)
{
	return memcmp(one->addr, other->addr, OTHERSIZE);
}

static struct hash_param own_param(void)
{
	static char name[] = "State ID Table";

	return (struct hash_param){
		.index_size = PRIME_STATE,
		.hash_func_key = own_index,
		.hash_func_rbt = own_tree,
		.compare_key = own_compare,
		.flags = HT_FLAG_CACHE,
		.ht_log_component = COMPONENT_STATE,
		.ht_name = name,
	};
}

/* nfs4_BuildStateId_Other(), with the client ids of create_client_id(). */
static struct other make_other(uint32_t client, uint32_t counter)
{
	clientid4 clientid = (uint64_t)EPOCH << 32 | client;
	struct other other;

	memcpy(other.bytes, &clientid, sizeof(clientid));
	memcpy(other.bytes + sizeof(clientid), &counter, sizeof(counter));
	return other;
}

/* What is not as Ganesha's own ----------------------------------------------- */

static uint64_t mended_tree(struct hash_param *param, struct gsh_buffdesc *key)
{
	return own_tree(param, key) + *(unsigned char *)key->addr;
}

static uint32_t mended_index(struct hash_param *param, struct gsh_buffdesc *key)
{
	return (own_index(param, key) + *(unsigned char *)key->addr) %
	       param->index_size;
}

static int mended_both(struct hash_param *param, struct gsh_buffdesc *key,
		       uint32_t *index, uint64_t *tree)
{
	*index = own_index(param, key);
	*tree = own_tree(param, key);
	return 1;
}

static int compare_less(struct gsh_buffdesc *one, struct gsh_buffdesc *other)
{
	return memcmp(one->addr, other->addr, OTHERSIZE - 1);
}

static int compare_more(struct gsh_buffdesc *one, struct gsh_buffdesc *other)
{
	return memcmp(one->addr, other->addr, OTHERSIZE + 1);
}

/* Tables --------------------------------------------------------------------- */

static struct hash_table *make(struct hash_param *param, bool shielded)
{
	make_table init = shielded ?
				  (make_table)bc_stateid_table_hook.function :
				  hashtable_init;
	struct hash_table *table = init(param);

	assert_non_null(table);
	assert_true(ntables < sizeof(tables) / sizeof(*tables));
	tables[ntables++] = table;
	return table;
}

static struct gsh_buffdesc key_of(const struct other *other)
{
	return (struct gsh_buffdesc){ .addr = (void *)(uintptr_t)other,
				      .len = OTHERSIZE };
}

/* Each client's stateids, one after the other as they come: the value is the key. */
static struct hash_table *fill(bool shielded, uint32_t clients, uint32_t each)
{
	struct hash_param param = own_param();
	struct hash_table *table = make(&param, shielded);

	for (uint32_t i = 0; i < clients * each; i++) {
		struct gsh_buffdesc key = key_of(&others[i]);

		others[i] = make_other(1 + i % clients, 1 + i / clients);
		assert_int_equal(hashtable_test_and_set(
					 table, &key, &key,
					 HASHTABLE_SET_HOW_SET_NO_OVERWRITE),
				 HASHTABLE_SUCCESS);
	}
	return table;
}

struct spread {
	size_t count;
	size_t partition; /* stateids in the fullest partition */
	size_t equal; /* stateids in a partition with the same tree hash */
	size_t slot; /* stateids in a partition for the same slot of its cache */
};

static void larger(size_t *most, size_t count)
{
	if (*most < count)
		*most = count;
}

/* A tree is walked in the order of its hashes. */
static void look_at_partition(struct hash_table *table, uint32_t index,
			      struct spread *spread)
{
	struct rbt_head *root = &table->partitions[index].rbt;
	uint32_t slots = table->parameter.cache_entry_count;
	unsigned int *slot = calloc(slots, sizeof(*slot));
	struct rbt_node *node;
	uint64_t last = 0;
	size_t count = 0, equal = 0;

	assert_non_null(slot);
	RBT_LOOP(root, node)
	{
		equal = count++ && RBT_VALUE(node) == last ? equal + 1 : 1;
		last = RBT_VALUE(node);
		larger(&spread->equal, equal);
		larger(&spread->slot, ++slot[last % slots]);
		RBT_INCREMENT(node);
	}
	free(slot);
	assert_int_equal(count, table->partitions[index].count);
	larger(&spread->partition, count);
	spread->count += count;
}

static struct spread spread_of(struct hash_table *table)
{
	struct spread spread = { 0 };

	for (uint32_t i = 0; i < table->parameter.index_size; i++)
		look_at_partition(table, i, &spread);
	return spread;
}

/* Tests ---------------------------------------------------------------------- */

/* No partition has more than 1.2 times the mean, no two hashes are equal. */
static void assert_well_spread(uint32_t clients, uint32_t each)
{
	struct spread spread = spread_of(fill(true, clients, each));

	assert_int_equal(spread.count, clients * each);
	assert_true(spread.partition * PRIME_STATE * 10 <= spread.count * 12);
	assert_int_equal(spread.equal, 1);
	assert_true(spread.slot <= FEW_IN_A_SLOT);
}

static void test_stateid_table_many_clients_are_well_spread(void **state)
{
	(void)state;
	assert_well_spread(CLIENTS, STATEIDS);
}

static void test_stateid_table_one_client_is_well_spread(void **state)
{
	(void)state;
	assert_well_spread(1, CLIENTS * STATEIDS);
}

static void test_stateid_table_a_file_of_each_is_well_spread(void **state)
{
	(void)state;
	assert_well_spread(CLIENTS, 1);
}

/* What the shield is for. */
static void test_stateid_table_ganeshas_own_spreads_no_clients(void **state)
{
	struct spread spread = spread_of(fill(false, CLIENTS, STATEIDS));

	(void)state;
	assert_int_equal(spread.count, CLIENTS * STATEIDS);
	assert_true(spread.partition >= CLIENTS);
	assert_int_equal(spread.equal, CLIENTS);
	assert_true(spread.slot >= CLIENTS);
}

static hash_error_t find(struct hash_table *table, const struct other *other,
			 struct gsh_buffdesc *value)
{
	struct gsh_buffdesc key = key_of(other);

	return HashTable_Get(table, &key, value);
}

static void test_stateid_table_finds_each_and_no_other(void **state)
{
	struct hash_table *table = fill(true, CLIENTS, STATEIDS);
	struct gsh_buffdesc value;

	(void)state;
	for (size_t i = 0; i < CLIENTS * STATEIDS; i++) {
		struct other copy = others[i];

		assert_int_equal(find(table, &copy, &value), HASHTABLE_SUCCESS);
		assert_ptr_equal(value.addr, &others[i]);
		/* So that it is none that there is: not the smallest bytes. */
		copy.bytes[2 + i % (OTHERSIZE - 2)] ^= (char)0x80;
		assert_int_equal(find(table, &copy, &value),
				 HASHTABLE_ERROR_NO_SUCH_KEY);
	}
	for (size_t i = 0; i < CLIENTS * STATEIDS; i++) {
		struct gsh_buffdesc key = key_of(&others[i]);

		assert_int_equal(HashTable_Del(table, &key, NULL, NULL),
				 HASHTABLE_SUCCESS);
		assert_int_equal(find(table, &others[i], &value),
				 HASHTABLE_ERROR_NO_SUCH_KEY);
	}
	assert_int_equal(spread_of(table).count, 0);
}

/* With all else as it was, and Ganesha's own parameters untouched. */
static void test_stateid_table_only_its_hash_is_ours(void **state)
{
	struct hash_param param = own_param(), before = own_param();
	struct hash_table *table = make(&param, true);

	(void)state;
	assert_int_equal(warnings, 0);
	assert_memory_equal(&param, &before, sizeof(param));
	assert_ptr_equal(table->parameter.hash_func_both, bc_stateid_hash);
	table->parameter.hash_func_both = NULL;
	param.cache_entry_count = table->parameter.cache_entry_count;
	assert_memory_equal(&table->parameter, &param, sizeof(param));
}

/* With so many lines in the log. */
static void assert_left_alone(struct hash_param param, unsigned int lines)
{
	both_function_t both = param.hash_func_both;
	unsigned int before = warnings;

	assert_ptr_equal(make(&param, true)->parameter.hash_func_both, both);
	assert_int_equal(warnings - before, lines);
}

static void test_stateid_table_other_tables_are_left_alone(void **state)
{
	static char name[] = "State Obj Table";
	struct hash_param param = own_param();

	(void)state;
	param.ht_name = name;
	assert_left_alone(param, 0);
	param.ht_name = NULL;
	assert_left_alone(param, 0);
}

static void test_stateid_table_another_hash_is_left_alone(void **state)
{
	struct hash_param param = own_param();

	(void)state;
	param.hash_func_rbt = mended_tree;
	assert_left_alone(param, 1);
	param = own_param();
	param.hash_func_key = mended_index;
	assert_left_alone(param, 1);
	param = own_param();
	param.hash_func_both = mended_both;
	assert_left_alone(param, 1);
}

static void test_stateid_table_another_key_is_left_alone(void **state)
{
	struct hash_param param = own_param();

	(void)state;
	param.compare_key = compare_less;
	assert_left_alone(param, 1);
	param.compare_key = compare_more;
	assert_left_alone(param, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_stateid_table_many_clients_are_well_spread),
		cmocka_unit_test(test_stateid_table_one_client_is_well_spread),
		cmocka_unit_test(
			test_stateid_table_a_file_of_each_is_well_spread),
		cmocka_unit_test(
			test_stateid_table_ganeshas_own_spreads_no_clients),
		cmocka_unit_test(test_stateid_table_finds_each_and_no_other),
		cmocka_unit_test(test_stateid_table_only_its_hash_is_ours),
		cmocka_unit_test(
			test_stateid_table_other_tables_are_left_alone),
		cmocka_unit_test(test_stateid_table_another_hash_is_left_alone),
		cmocka_unit_test(test_stateid_table_another_key_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
