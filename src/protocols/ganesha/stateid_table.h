/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Ganesha's table of stateids, with a hash that tells clients apart.
 */
#ifndef BC_STATEID_TABLE_H
#define BC_STATEID_TABLE_H

#include "ganesha/import_hook.h"

#include <stdint.h>

struct hash_param;
struct gsh_buffdesc;

/**
 * hashtable_init(), as Ganesha calls it: the table of stateids is made with
 * bc_stateid_hash() if it is as we know it; else the log says what is not.  All other
 * tables are made as they were.
 *
 * What the table was made with stays in it: its hash is called until the process ends,
 * also when the import has long been put back.
 *
 * Context: the server's start, before any client exists.
 */
extern const struct bc_import_hook bc_stateid_table_hook;

/**
 * The hash of a stateid, in all of its `other`: of the kind hash_func_both.
 *
 * @param[in]  param  of the table
 * @param[in]  key    its address: OTHERSIZE bytes
 * @param[out] index  the partition, below the table's index_size
 * @param[out] tree   where it is in the partition's tree, and in its cache
 *
 * @return 1
 *
 * Context: any thread.
 */
int bc_stateid_hash(struct hash_param *param, struct gsh_buffdesc *key,
		    uint32_t *index, uint64_t *tree);

#endif /* BC_STATEID_TABLE_H */
