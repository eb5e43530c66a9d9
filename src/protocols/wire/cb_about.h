/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a callback is about, for messages.  Pure functions.
 */
#ifndef BC_CB_ABOUT_H
#define BC_CB_ABOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BC_STATEID_SIZE 16 /* stateid4 as XDR */

/** The name of an operation, nfs_cb_opnum4; NULL: there is no such. */
const char *bc_cb_op_name(uint32_t opcode);

/** What an operation names. */
struct bc_cb_about {
	const uint8_t *stateid; /* BC_STATEID_SIZE bytes; NULL: none */
	const uint8_t *handle; /* nfs_fh4; NULL: none */
	size_t handle_size; /* bytes */
};

/**
 * Find the stateid and the file handle that a CB_RECALL, a CB_GETATTR or a
 * CB_LAYOUTRECALL of a file is about, RFC 5661 20.1 to 20.3.
 *
 * @param[in] args      csa_referring_call_lists and the operation as XDR
 * @param[in] size      bytes
 *
 * @return pointers into @a args; without what is not there
 */
struct bc_cb_about bc_cb_about(const uint8_t *args, size_t size);

/** The CRC-32 of a file handle: nfs.fh.hash of Wireshark, too. */
uint32_t bc_cb_handle_hash(const uint8_t *handle, size_t size);

#endif /* BC_CB_ABOUT_H */
