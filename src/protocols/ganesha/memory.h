/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Memory that may not be there.
 */
#ifndef BC_MEMORY_H
#define BC_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/** Bytes that bc_memory_read() copies at most: less than a page. */
#define BC_MEMORY_READ_MAX 1024

/**
 * Copy what a pointer leads to that has not been verified yet.
 *
 * @param[in] len  bytes, 1 to BC_MEMORY_READ_MAX
 *
 * @return false: it cannot be read
 *
 * Context: any thread; costs a system call or two.
 */
bool bc_memory_read(void *to, const void *from, size_t len);

#endif /* BC_MEMORY_H */
