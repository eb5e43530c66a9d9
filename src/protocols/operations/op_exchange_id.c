/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * EXCHANGE_ID: the first ones are served in turn, and a client that asks for
 * SP4_MACH_CRED gets it.  RFC 5661, 18.35.
 *
 * Ganesha answers SP4_NONE to all.  Linux then ends what a user has left open with
 * that user's own credential, and not at all once his ticket has expired: a
 * delegation that is recalled comes back never.
 */
#include "operations/operations.h"
#include "operations/protection.h"

#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"

#include <pthread.h>
#include <stdbool.h>
#include <urcu/system.h>

static bool served; /* [A] one has been */

static enum nfs_req_result serve_in_turn(struct nfs_argop4 *op,
					 compound_data_t *data,
					 struct nfs_resop4 *resp)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	enum nfs_req_result result;

	pthread_mutex_lock(&turn);
	result = bc_operation_original(op, data, resp);
	if (resp->nfs_resop4_u.opexchange_id.eir_status == NFS4_OK) {
		cmm_smp_wmb(); /* pairs with serve()'s */
		CMM_STORE_SHARED(served, true);
	}
	pthread_mutex_unlock(&turn);
	return result;
}

/* A Ganesha that makes its eir_server_owner and eir_server_scope when it is first
 * asked takes both for made once the owner has begun: who asks at the same time, as
 * clients do after a restart, copies a scope from a null pointer.  So they are served
 * one by one until one of them has been.
 */
static enum nfs_req_result serve(struct nfs_argop4 *op, compound_data_t *data,
				 struct nfs_resop4 *resp)
{
	if (BC_NAMES_ITSELF_LATE && !CMM_LOAD_SHARED(served))
		return serve_in_turn(op, data, resp);
	cmm_smp_rmb(); /* pairs with serve_in_turn()'s */
	return bc_operation_original(op, data, resp);
}

/* Connections that are not TCP's are never bound. */
static bool can_be_protected(const compound_data_t *data)
{
	return bc_layout() != BC_LAYOUT_MISFIT &&
	       svc_get_xprt_type(data->req->rq_xprt) == XPRT_TCP;
}

/* "Once the client ID is confirmed, these properties cannot be updated by
 * subsequent EXCHANGE_ID requests." 18.35.3
 */
static bool agree(const EXCHANGE_ID4args *args, const compound_data_t *data,
		  const EXCHANGE_ID4resok *resok, state_protect_ops4 *agreed)
{
	if (resok->eir_flags & EXCHGID4_FLAG_CONFIRMED_R)
		return bc_protection_find(resok->eir_clientid, agreed);
	return args->eia_state_protect.spa_how == SP4_MACH_CRED &&
	       can_be_protected(data) &&
	       !bc_protection_agree(
		       resok->eir_clientid, &args->eia_clientowner, data->req,
		       &args->eia_state_protect.state_protect4_a_u.spa_mach_ops,
		       agreed);
}

/* "Update but Wrong Principal ... The server returns NFS4ERR_PERM" 18.35.4, and
 * else: "If none of the above situations apply, the server MUST return
 * NFS4ERR_CLID_INUSE." 2.4.1
 */
static nfsstat4 not_the_owners(const EXCHANGE_ID4args *args)
{
	return args->eia_flags & EXCHGID4_FLAG_UPD_CONFIRMED_REC_A ?
		       NFS4ERR_PERM :
		       NFS4ERR_CLID_INUSE;
}

/* With Machine_Credentials. */
static enum nfs_req_result serve_protected(struct nfs_argop4 *op,
					   compound_data_t *data,
					   struct nfs_resop4 *resp)
{
	const EXCHANGE_ID4args *args = &op->nfs_argop4_u.opexchange_id;
	EXCHANGE_ID4res *res = &resp->nfs_resop4_u.opexchange_id;
	EXCHANGE_ID4resok *resok = &res->EXCHANGE_ID4res_u.eir_resok4;
	state_protect4_r *protect = &resok->eir_state_protect;
	state_protect_ops4 agreed;
	enum nfs_req_result result;

	if (!bc_protection_admits_owner(&args->eia_clientowner, data->req))
		return bc_operation_fail(op, resp, not_the_owners(args));
	/* "... the client MUST send the EXCHANGE_ID request with RPCSEC_GSS as the
	 * security flavor, and with a service of RPC_GSS_SVC_INTEGRITY or
	 * RPC_GSS_SVC_PRIVACY." 18.35.3
	 */
	if (args->eia_state_protect.spa_how == SP4_MACH_CRED &&
	    !bc_protection_is_proof(data->req))
		return bc_operation_fail(op, resp, NFS4ERR_INVAL);
	result = serve(op, data, resp);
	if (res->eir_status != NFS4_OK || !agree(args, data, resok, &agreed))
		return result;
	protect->spr_how = SP4_MACH_CRED;
	protect->state_protect4_r_u.spr_mach_ops = agreed;
	return result;
}

enum nfs_req_result bc_op_exchange_id(struct nfs_argop4 *op,
				      compound_data_t *data,
				      struct nfs_resop4 *resp)
{
	return bc_module_config.machine_credentials ?
		       serve_protected(op, data, resp) :
		       serve(op, data, resp);
}
