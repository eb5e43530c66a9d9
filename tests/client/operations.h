/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Private to the library: the decoder of results, and v4.0's operations. */
#ifndef NFS41_CLIENT_OPERATIONS_H
#define NFS41_CLIENT_OPERATIONS_H

#include "nfs41.h"

/**
 * Decode the next result.
 * @return false: it is the last that can be; an error ends the COMPOUND, and
 *         behind an operation without a decoder nothing can be found
 */
bool nfs_decode_res(struct xdr_cursor *cursor, struct nfs_res *res);

void nfs_put_setclientid(struct nfs_compound *compound,
			 const struct nfs_client *client, uint32_t cb_program,
			 const char *address, uint32_t ident);
void nfs_put_setclientid_confirm(struct nfs_compound *compound,
				 const struct nfs_res *res);
void nfs_put_open_confirm(struct nfs_compound *compound,
			  const struct nfs_stateid *stateid, uint32_t seqid);
void nfs_put_renew(struct nfs_compound *compound, uint64_t clientid);

#endif
