/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * State protection.
 *
 * Purpose: who has asked for SP4_MACH_CRED owns its client id, its sessions and
 *   their connections: the principal of its EXCHANGE_ID alone, with integrity or
 *   privacy, creates and destroys them (RFC 5661, 2.10.8.3); and may end what its
 *   users have left open, whose own tickets have expired.  Ganesha answers
 *   SP4_NONE, and looks at no more than the principal.
 * Data: struct agreement, one for each such client id, by that and by its owner,
 *   and in the order in which they were made.  A session has what it needs of it
 *   (bc_session_attrs): SEQUENCE asks nothing here, PUTFH only if it would fail.
 * Locking: agreements_lock; the latch of Ganesha's table of clients inside it.
 * Lifetime: from EXCHANGE_ID until the client id ends.  DESTROY_CLIENTID tells of
 *   that.  Otherwise nobody does: each new agreement looks at the two that were
 *   looked at least recently, and ends those whose client id Ganesha does not have
 *   any more.  One that is not confirmed is kept for two leases: Ganesha keeps it for
 *   one, and ends it at the next EXCHANGE_ID of its owner to the same address; so of
 *   one owner and principal there are UNCONFIRMED_MAX at most.
 * Invariant: no client id that Ganesha knows and may yet confirm loses its
 *   agreement (bc_protection_is_outdated()), unless its own principal has asked for
 *   UNCONFIRMED_MAX others since and confirmed none.
 */
#include "operations/protection.h"

#include "ganesha/client_record.h"
#include "ganesha/layout.h"
#include "ganesha/mutex.h"
#include "ganesha/settings.h"
#include "operations/principal.h"

#include "counters.h"

#include "city.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/list.h>

#define BUCKETS 4096 /* of both tables; a power of two */
#define LOOKED_AT 2 /* agreements, for each that is made */
#define UNCONFIRMED_MAX                                                        \
	8 /* a server's addresses, of which it is asked at once */

/* [P]: guarded by agreements_lock. */
struct agreement {
	struct cds_list_head by_id; /* [P] in its bucket of that table */
	struct cds_list_head by_owner; /* [P] the same */
	struct cds_list_head in_order; /* [P] in `agreements` */
	clientid4 clientid; /* [K] */
	uint64_t made; /* [K] ms */
	bool confirmed; /* [P] it has been seen in Ganesha's table */
	state_protect_ops4 ops; /* [K] */
	size_t owner_len; /* [K] */
	size_t principal_len; /* [K] */
	uint8_t bytes[]; /* [K] the owner, and the principal after it */
};

static pthread_mutex_t agreements_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cds_list_head ids[BUCKETS]; /* [P] */
static struct cds_list_head owners[BUCKETS]; /* [P] */
static CDS_LIST_HEAD(agreements); /* [P] looked at least recently: the first */
static bool prepared; /* [P] the buckets are */
/* [P] Ids that are not confirmed, up to this one, are older than two leases:
 * Ganesha counts them up.
 */
static clientid4 outdated;

static void prepare_locked(void)
{
	if (prepared)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		CDS_INIT_LIST_HEAD(&ids[i]);
		CDS_INIT_LIST_HEAD(&owners[i]);
	}
	prepared = true;
}

static struct cds_list_head *bucket(struct cds_list_head *table,
				    const void *key, size_t len)
{
	return &table[CityHash64(key, len) % BUCKETS];
}

static struct cds_list_head *bucket_of_owner(const client_owner4 *owner)
{
	return bucket(owners, owner->co_ownerid.co_ownerid_val,
		      owner->co_ownerid.co_ownerid_len);
}

static bool is_owner(const struct agreement *agreement,
		     const client_owner4 *owner)
{
	return agreement->owner_len == owner->co_ownerid.co_ownerid_len &&
	       !memcmp(agreement->bytes, owner->co_ownerid.co_ownerid_val,
		       agreement->owner_len);
}

static struct agreement *find_locked(clientid4 clientid)
{
	struct agreement *agreement;

	prepare_locked();
	cds_list_for_each_entry(agreement,
				bucket(ids, &clientid, sizeof(clientid)), by_id)
		if (agreement->clientid == clientid)
			return agreement;
	return NULL;
}

/* Has the client id ended?  One that is not confirmed yet is in no table that could
 * be asked.
 */
static bool is_over_locked(struct agreement *agreement)
{
	struct hash_latch latch;

	if (bc_client_record_acquire(agreement->clientid, &latch)) {
		bc_client_record_release(&latch);
		agreement->confirmed = true;
		return false;
	}
	if (agreement->confirmed)
		return true;
	if (bc_now() - agreement->made <= bc_settings_lease() * UINT64_C(2000))
		return false;
	if (outdated < agreement->clientid)
		outdated = agreement->clientid;
	return true;
}

static void end_locked(struct agreement *agreement)
{
	cds_list_del(&agreement->by_id);
	cds_list_del(&agreement->by_owner);
	cds_list_del(&agreement->in_order);
	free(agreement);
}

bool bc_protection_is_outdated(clientid4 clientid)
{
	struct hash_latch latch;
	bool may_be;

	pthread_mutex_lock(&agreements_lock);
	may_be = clientid <= outdated;
	pthread_mutex_unlock(&agreements_lock);
	if (!may_be)
		return false;
	if (!bc_client_record_acquire(clientid, &latch))
		return true;
	bc_client_record_release(&latch);
	return false;
}

/* Credentials ---------------------------------------------------------------- */

/* "... RPCSEC_GSS as the security flavor, and with a service of
 * RPC_GSS_SVC_INTEGRITY or RPC_GSS_SVC_PRIVACY." 18.35.3
 */
bool bc_protection_is_proof(const struct svc_req *req)
{
	const struct rpc_gss_cred *cred =
		(const void *)req->rq_msg.rq_cred_body;

	return req->rq_msg.cb_cred.oa_flavor == RPCSEC_GSS &&
	       (cred->gc_svc == RPCSEC_GSS_SVC_INTEGRITY ||
		cred->gc_svc == RPCSEC_GSS_SVC_PRIVACY);
}

/* Who proves who it is; of nobody else there is an agreement. */
static void prover_of(const struct svc_req *req, struct bc_principal *prover)
{
	prover->len = 0;
	if (bc_protection_is_proof(req))
		bc_principal_of(req, prover);
}

static bool is_machine(const struct agreement *agreement,
		       const struct bc_principal *prover)
{
	return prover->len == agreement->principal_len &&
	       !memcmp(prover->bytes, agreement->bytes + agreement->owner_len,
		       prover->len);
}

static void tell_refused(clientid4 clientid, const char *operation)
{
	bc_count(BC_COUNT_PROTECTION_CREDENTIAL);
	bc_log_limited(
		BC_LIMITED_PROTECTION, BC_LOG_WARN,
		"client %#lx: %s from %s refused, it was not sent with its machine's credential and integrity",
		(unsigned long)clientid, operation,
		op_ctx->client ? op_ctx->client->hostaddr_str : "nowhere");
}

bool bc_protection_admits(clientid4 clientid, const struct svc_req *req,
			  const char *operation)
{
	struct bc_principal prover;
	struct agreement *agreement;
	bool admitted;

	prover_of(req, &prover);
	pthread_mutex_lock(&agreements_lock);
	agreement = find_locked(clientid);
	/* Of one that has ended Ganesha says so, and its client begins anew. */
	admitted = !agreement || is_machine(agreement, &prover) ||
		   is_over_locked(agreement);
	pthread_mutex_unlock(&agreements_lock);
	if (!admitted)
		tell_refused(clientid, operation);
	return admitted;
}

/* The machine's credential has created the session. */
bool bc_protection_is_machine(const struct bc_session *session,
			      const struct svc_req *req)
{
	struct bc_principal prover;

	prover_of(req, &prover);
	return prover.len > 0 &&
	       bc_session_same_principal(session, prover.bytes, prover.len);
}

/* The client's own, which Ganesha's ids of sessions begin with. */
static clientid4 clientid_in(const sessionid4 id)
{
	clientid4 clientid;

	memcpy(&clientid, id, sizeof(clientid));
	return clientid;
}

bool bc_protection_admits_to(const sessionid4 id,
			     const struct bc_session *session,
			     const struct svc_req *req, const char *operation)
{
	if (!session)
		return bc_protection_admits(clientid_in(id), req, operation);
	if (!bc_session_is_protected(session) ||
	    bc_protection_is_machine(session, req))
		return true;
	tell_refused(bc_session_clientid(session), operation);
	return false;
}

/* Where the layout does not fit, no session is ours. */
bool bc_protection_is_lost(const sessionid4 id)
{
	state_protect_ops4 agreed;

	return bc_layout() != BC_LAYOUT_MISFIT &&
	       bc_protection_find(clientid_in(id), &agreed);
}

bool bc_protection_may_bind(const struct bc_session *session,
			    const compound_data_t *data, const char *operation)
{
	if (!bc_session_is_protected(session))
		return bc_principal_may_bind(session, data, operation);
	if (bc_protection_is_machine(session, data->req))
		return true;
	tell_refused(bc_session_clientid(session), operation);
	return false;
}

/* "After the client ID is confirmed, as long as the lease associated with the
 * client ID is unexpired, a subsequent EXCHANGE_ID operation that uses the same
 * eia_clientowner.co_owner as the first EXCHANGE_ID MUST also use the same
 * machine credential" 18.35.3.
 */
static bool has_lease(clientid4 clientid)
{
	struct hash_latch latch;
	nfs_client_id_t *client;
	bool over = false;

	if (bc_layout() != BC_LAYOUT_FITS)
		return false;
	client = bc_client_record_acquire(clientid, &latch);
	if (!client)
		return false;
	/* Somebody is busy with it: it has one. */
	if (bc_mutex_try(&client->cid_mutex)) {
		over = bc_client_record_lease_is_over(client);
		pthread_mutex_unlock(&client->cid_mutex);
	}
	bc_client_record_release(&latch);
	return !over;
}

bool bc_protection_admits_owner(const client_owner4 *owner,
				const struct svc_req *req)
{
	const struct agreement *agreement;
	struct bc_principal prover;
	clientid4 refused = 0;

	prover_of(req, &prover);
	pthread_mutex_lock(&agreements_lock);
	prepare_locked();
	cds_list_for_each_entry(agreement, bucket_of_owner(owner), by_owner) {
		if (!is_owner(agreement, owner) ||
		    is_machine(agreement, &prover) ||
		    !has_lease(agreement->clientid))
			continue;
		refused = agreement->clientid;
		break;
	}
	pthread_mutex_unlock(&agreements_lock);
	if (refused)
		tell_refused(refused, "EXCHANGE_ID");
	return !refused;
}

/* Agreements ------------------------------------------------------------------ */

static void add_op(bitmap4 *ops, nfs_opnum4 opcode)
{
	u_int word = (u_int)opcode / 32;

	ops->map[word] |= UINT32_C(1) << (u_int)opcode % 32;
	if (ops->bitmap4_len <= word)
		ops->bitmap4_len = word + 1;
}

bool bc_protection_has(const bitmap4 *ops, nfs_opnum4 opcode)
{
	u_int word = (u_int)opcode / 32;

	return word < ops->bitmap4_len &&
	       (ops->map[word] & UINT32_C(1) << (u_int)opcode % 32);
}

static void agree_on(const bitmap4 *asked, const nfs_opnum4 *ops, size_t count,
		     bitmap4 *agreed)
{
	memset(agreed, 0, sizeof(*agreed));
	for (size_t i = 0; i < count; i++)
		if (bc_protection_has(asked, ops[i]))
			add_op(agreed, ops[i]);
}

/* "If the client requests one or more operations in the set { ... }, then the
 * result spo_must_enforce MUST include the operations the client requested from
 * that set." 18.35.3.  Ganesha supports no DELEGPURGE, whoever sends it.  And what
 * leads callbacks elsewhere, which a client should ask for, too (2.10.11.3).
 */
static const nfs_opnum4 enforced[] = {
	NFS4_OP_DELEGPURGE,	 NFS4_OP_BIND_CONN_TO_SESSION,
	NFS4_OP_EXCHANGE_ID,	 NFS4_OP_CREATE_SESSION,
	NFS4_OP_DESTROY_SESSION, NFS4_OP_DESTROY_CLIENTID,
	NFS4_OP_BACKCHANNEL_CTL,
};

/* What ends state, and no more: Linux sends with the machine's credential whatever
 * it may, and a WRITE would be another's.
 */
static const nfs_opnum4 allowed[] = {
	NFS4_OP_CLOSE,		NFS4_OP_DELEGRETURN,  NFS4_OP_LOCKU,
	NFS4_OP_OPEN_DOWNGRADE, NFS4_OP_FREE_STATEID, NFS4_OP_TEST_STATEID,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void look_at_oldest_locked(void)
{
	for (int i = 0; i < LOOKED_AT && !cds_list_empty(&agreements); i++) {
		struct agreement *oldest = cds_list_first_entry(
			&agreements, struct agreement, in_order);

		if (is_over_locked(oldest)) {
			end_locked(oldest);
			continue;
		}
		cds_list_del(&oldest->in_order);
		cds_list_add_tail(&oldest->in_order, &agreements);
	}
}

/* Make room for one more that is not confirmed.  The first in the list is the last
 * that was made.
 */
static void limit_unconfirmed_locked(const client_owner4 *owner,
				     const struct bc_principal *principal)
{
	struct agreement *agreement, *next;
	unsigned int unconfirmed = 0;

	cds_list_for_each_entry_safe(agreement, next, bucket_of_owner(owner),
				     by_owner) {
		if (!is_owner(agreement, owner) ||
		    !is_machine(agreement, principal))
			continue;
		if (is_over_locked(agreement) ||
		    (!agreement->confirmed && ++unconfirmed == UNCONFIRMED_MAX))
			end_locked(agreement);
	}
}

static struct agreement *agreement_new(clientid4 clientid,
				       const client_owner4 *owner,
				       const struct bc_principal *principal,
				       const state_protect_ops4 *asked)
{
	size_t owner_len = owner->co_ownerid.co_ownerid_len;
	struct agreement *agreement =
		calloc(1, sizeof(*agreement) + owner_len + principal->len);

	if (!agreement)
		return NULL;
	agreement->clientid = clientid;
	agreement->made = bc_now();
	agree_on(&asked->spo_must_enforce, enforced, COUNT(enforced),
		 &agreement->ops.spo_must_enforce);
	agree_on(&asked->spo_must_allow, allowed, COUNT(allowed),
		 &agreement->ops.spo_must_allow);
	agreement->owner_len = owner_len;
	agreement->principal_len = principal->len;
	memcpy(agreement->bytes, owner->co_ownerid.co_ownerid_val, owner_len);
	memcpy(agreement->bytes + owner_len, principal->bytes, principal->len);
	return agreement;
}

int bc_protection_agree(clientid4 clientid, const client_owner4 *owner,
			const struct svc_req *req,
			const state_protect_ops4 *asked,
			state_protect_ops4 *agreed)
{
	struct bc_principal principal;
	struct agreement *agreement;

	bc_principal_of(req, &principal);
	if (principal.len == 0)
		return -EINVAL;
	agreement = agreement_new(clientid, owner, &principal, asked);
	if (!agreement)
		return -ENOMEM;
	*agreed = agreement->ops;
	pthread_mutex_lock(&agreements_lock);
	prepare_locked();
	look_at_oldest_locked();
	limit_unconfirmed_locked(owner, &principal);
	cds_list_add(&agreement->by_id,
		     bucket(ids, &clientid, sizeof(clientid)));
	cds_list_add(&agreement->by_owner, bucket_of_owner(owner));
	cds_list_add_tail(&agreement->in_order, &agreements);
	pthread_mutex_unlock(&agreements_lock);
	bc_count(BC_COUNT_PROTECTED);
	return 0;
}

bool bc_protection_find(clientid4 clientid, state_protect_ops4 *agreed)
{
	const struct agreement *agreement;

	pthread_mutex_lock(&agreements_lock);
	agreement = find_locked(clientid);
	if (agreement)
		*agreed = agreement->ops;
	pthread_mutex_unlock(&agreements_lock);
	return agreement != NULL;
}

void bc_protection_forget(clientid4 clientid)
{
	struct agreement *agreement;

	pthread_mutex_lock(&agreements_lock);
	agreement = find_locked(clientid);
	if (agreement)
		end_locked(agreement);
	pthread_mutex_unlock(&agreements_lock);
}

void bc_protection_fini(void)
{
	struct agreement *agreement, *next;

	pthread_mutex_lock(&agreements_lock);
	cds_list_for_each_entry_safe(agreement, next, &agreements, in_order)
		end_locked(agreement);
	pthread_mutex_unlock(&agreements_lock);
}
