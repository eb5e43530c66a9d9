/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The operations of NFSv4.1 and 4.2 that the module extends: a file for each, and
 * one for all those that take the stateid of a delegation.
 */
#ifndef BC_OPERATIONS_H
#define BC_OPERATIONS_H

#include "config.h"
#include "nfs_core.h"
#include "nfs_proto_data.h"

/**
 * The handler of an operation, unless the shields that it is part of are switched
 * off.
 *
 * @return NULL: the operation is not extended
 *
 * Context: after bc_config_load().
 */
nfs4_function_t bc_operation_handler(int opcode);

/**
 * What they extend, by opcode.  Set by bc_attach() before bc_operation_run() is in
 * place.  [K]
 */
extern nfs4_function_t bc_originals[NFS4_OP_LAST_ONE];

/**
 * What stands in Ganesha's table of operations for those that are extended: the
 * handler, or for minor version 0 the original.
 */
enum nfs_req_result bc_operation_run(struct nfs_argop4 *op,
				     compound_data_t *data,
				     struct nfs_resop4 *resp);

/** The functions that go on with a suspended operation; as above. */
extern nfs4_function_t bc_original_resumes[NFS4_OP_LAST_ONE];
enum nfs_req_result bc_operation_resume(struct nfs_argop4 *op,
					compound_data_t *data,
					struct nfs_resop4 *resp);

/** Ganesha's own handler of an operation that is extended. */
enum nfs_req_result bc_operation_original(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp);

/** Answer an operation with an error. @return what its handler returns then */
enum nfs_req_result bc_operation_fail(const struct nfs_argop4 *op,
				      struct nfs_resop4 *resp, nfsstat4 status);

enum nfs_req_result bc_op_exchange_id(struct nfs_argop4 *op,
				      compound_data_t *data,
				      struct nfs_resop4 *resp);
enum nfs_req_result bc_op_create_session(struct nfs_argop4 *op,
					 compound_data_t *data,
					 struct nfs_resop4 *resp);
enum nfs_req_result bc_op_backchannel_ctl(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp);
enum nfs_req_result bc_op_bind_conn_to_session(struct nfs_argop4 *op,
					       compound_data_t *data,
					       struct nfs_resop4 *resp);
enum nfs_req_result bc_op_sequence(struct nfs_argop4 *op, compound_data_t *data,
				   struct nfs_resop4 *resp);
enum nfs_req_result bc_op_destroy_session(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp);
enum nfs_req_result bc_op_destroy_clientid(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp);

enum nfs_req_result bc_op_putfh(struct nfs_argop4 *op, compound_data_t *data,
				struct nfs_resop4 *resp);
enum nfs_req_result bc_op_free_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp);
enum nfs_req_result bc_op_test_stateid(struct nfs_argop4 *op,
				       compound_data_t *data,
				       struct nfs_resop4 *resp);
enum nfs_req_result bc_op_get_dir_delegation(struct nfs_argop4 *op,
					     compound_data_t *data,
					     struct nfs_resop4 *resp);
enum nfs_req_result bc_op_want_delegation(struct nfs_argop4 *op,
					  compound_data_t *data,
					  struct nfs_resop4 *resp);
enum nfs_req_result bc_op_delegreturn(struct nfs_argop4 *op,
				      compound_data_t *data,
				      struct nfs_resop4 *resp);
enum nfs_req_result bc_op_open(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp);
enum nfs_req_result bc_op_close(struct nfs_argop4 *op, compound_data_t *data,
				struct nfs_resop4 *resp);
enum nfs_req_result bc_op_lock(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp);
/** Are the clients of this COMPOUND told of locks that they wait for? */
bool bc_op_notifies_locks(const compound_data_t *data);
/** Any other operation on a file. */
enum nfs_req_result bc_op_file(struct nfs_argop4 *op, compound_data_t *data,
			       struct nfs_resop4 *resp);

#endif /* BC_OPERATIONS_H */
