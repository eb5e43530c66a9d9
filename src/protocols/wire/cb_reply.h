/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Decoding the reply to a CB_COMPOUND: what the peer sent, into fixed room.
 */
#ifndef BC_CB_REPLY_H
#define BC_CB_REPLY_H

#include "config.h"
#include "nfsv41.h"

#include "wire/cb_sequence.h"

/** Bound of a CB_GETATTR result's attributes: change and size, bytes. */
#define BC_CB_ATTRS_MAX 256

/** Where a reply is decoded to. Zero-initialised, but for ->opcode. */
struct bc_cb_reply {
	uint32_t opcode; /* of the operation that followed CB_SEQUENCE */
	struct bc_reply reply;
	struct fattr4 attrs; /* CB_GETATTR: ->reply.op_result; values below */
	char attr_values[BC_CB_ATTRS_MAX];
};

/**
 * Decode a CB_COMPOUND4res: reads no further than a reply to our CB_COMPOUND
 * may reach, and allocates nothing.  RFC 5661, 20.2.
 *
 * @param[in]     xdrs
 * @param[in,out] where  a struct bc_cb_reply; an xdrproc_t has no type for it
 *
 * @return whether it is a reply to the operations that were sent
 *
 * Context: any thread; does not block.
 */
bool bc_cb_reply_decode(XDR *xdrs, void *where);

#endif /* BC_CB_REPLY_H */
