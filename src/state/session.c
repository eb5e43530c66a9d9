/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Sessions: a session's backchannel, from CREATE_SESSION to its end.
 *
 * Purpose: find a session by its id; say what SEQUENCE is to report of it.
 * Data: struct bc_session, in a lock-free hash table by session id.
 * Locking: a session's bindings, slots and security are under its client's
 *   lock.  bc_session_heard(), called for every SEQUENCE, looks nothing up, takes
 *   no lock and writes only when the client was heard, to the connection that
 *   the SEQUENCE came on or, if that is none of ours, to the client.
 * Lifetime: open from bc_session_add() to bc_session_close() (ending.c), which
 *   takes it out of the table; freed a grace period after its last reference.
 * Invariants: session->paths counts its bindings that are a path (is_path() in
 *   binding.c), also those that wait for the reply that opens them; a closed
 *   session has no bindings and nothing in its slots.  The client's lists
 *   `reachable`, `ready`, `parked`, `delayed` and `full` have exactly the sessions that are
 *   so: a callback's step never walks past those that are not.
 */
#include "bc_internal.h"

#include <stdlib.h>
#include <string.h>

/* How exactly it is kept when a client was heard at all: SEQUENCE writes it seldom. */
#define SPOKE_PRECISION UINT64_C(1000000000) /* ns */
#define LOOKED_EVERY UINT64_C(1000000000) /* ns */

static int session_match(struct cds_lfht_node *node, const void *key)
{
	const struct bc_session *session =
		caa_container_of(node, struct bc_session, node);

	return !memcmp(session->id, key, BC_SESSIONID_SIZE);
}

static struct bc_session *session_find_rcu(const uint8_t id[BC_SESSIONID_SIZE])
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	cds_lfht_lookup(bc_core.sessions.entries, bc_hash_sessionid(id),
			session_match, id, &iter);
	node = cds_lfht_iter_get_node(&iter);
	return node ? caa_container_of(node, struct bc_session, node) : NULL;
}

/* One that is open stays so while its client's lock is held. */
struct bc_session *bc_session_find_locked(const struct bc_client *client,
					  const uint8_t id[BC_SESSIONID_SIZE])
{
	struct bc_session *session;

	rcu_read_lock();
	session = session_find_rcu(id);
	if (session && (session->client != client || !session->open))
		session = NULL;
	rcu_read_unlock();
	return session;
}

static void list_keep(struct cds_list_head *link, struct cds_list_head *list,
		      bool belongs)
{
	if (belongs == !cds_list_empty(link))
		return;
	if (belongs)
		cds_list_add(link, list);
	else
		cds_list_del_init(link);
}

void bc_session_list_locked(struct bc_session *session)
{
	const struct bc_slot_table *table = &session->slots;
	struct bc_client *client = session->client;
	bool reachable = session->paths > 0;
	bool available = bc_slots_available(table);

	list_keep(&session->reachable_link, &client->reachable, reachable);
	list_keep(&session->ready_link, &client->ready, reachable && available);
	list_keep(&session->parked_link, &client->parked,
		  reachable && table->waiting);
	list_keep(&session->delayed_link, &client->delayed, table->delayed);
	list_keep(&session->full_link, &client->full,
		  !available && table->slots && session->open);
}

struct bc_session *bc_session_get(const uint8_t id[BC_SESSIONID_SIZE])
{
	struct bc_session *session;

	rcu_read_lock();
	session = session_find_rcu(id);
	if (session && !bc_session_get_rcu(session))
		session = NULL;
	rcu_read_unlock();
	return session;
}

bool bc_session_get_rcu(struct bc_session *session)
{
	return urcu_ref_get_unless_zero(&session->ref);
}

uint64_t bc_session_clientid(const struct bc_session *session)
{
	return session->client->clientid;
}

bool bc_session_same_principal(const struct bc_session *session,
			       const void *principal, size_t len)
{
	return len > 0 && len == session->principal_len &&
	       !memcmp(principal, session->principal, len);
}

bool bc_session_same_address(const struct bc_session *session,
			     const void *address, size_t len)
{
	return len > 0 && len == session->address_len &&
	       !memcmp(address, session->address, len);
}

bool bc_session_is_protected(const struct bc_session *session)
{
	return session->is_protected;
}

void bc_session_ref(struct bc_session *session)
{
	urcu_ref_get(&session->ref);
}

static void session_free_rcu(struct rcu_head *rcu)
{
	struct bc_session *session =
		caa_container_of(rcu, struct bc_session, rcu);

	bc_slots_fini(&session->slots);
	free(session);
}

static void session_release(struct urcu_ref *ref)
{
	struct bc_session *session =
		caa_container_of(ref, struct bc_session, ref);

	/* A reader that found this session may still follow ->client: its
	 * memory stays for a grace period from here on, as ours does.
	 */
	bc_client_put(session->client);
	if (session->security)
		bc_security_put(session->security);
	call_rcu(&session->rcu, session_free_rcu);
}

void bc_session_put(struct bc_session *session)
{
	urcu_ref_put(&session->ref, session_release);
}

static struct bc_session *session_new(const struct bc_session_attrs *attrs)
{
	struct bc_session *session =
		calloc(1, sizeof(*session) + attrs->principal_len);
	uint32_t slots = attrs->max_requests;
	uint32_t most = bc_configured(max_slots);

	if (!session)
		return NULL;
	if (slots > most)
		slots = most;
	memcpy(session->id, attrs->id, BC_SESSIONID_SIZE);
	session->minorversion = attrs->minorversion ? attrs->minorversion : 1;
	session->max_request_size = attrs->max_request_size;
	session->security = attrs->security;
	session->principal_len = attrs->principal_len;
	if (attrs->principal_len)
		memcpy(session->principal, attrs->principal,
		       attrs->principal_len);
	assert(attrs->address_len <= BC_ADDRESS_MAX);
	session->address_len = attrs->address_len;
	if (attrs->address_len)
		memcpy(session->address, attrs->address, attrs->address_len);
	session->is_protected = attrs->is_protected;
	session->must_bind = attrs->must_bind;
	session->open = true;
	CDS_INIT_LIST_HEAD(&session->bindings);
	CDS_INIT_LIST_HEAD(&session->reachable_link);
	CDS_INIT_LIST_HEAD(&session->ready_link);
	CDS_INIT_LIST_HEAD(&session->parked_link);
	CDS_INIT_LIST_HEAD(&session->delayed_link);
	CDS_INIT_LIST_HEAD(&session->full_link);
	bc_slots_init(&session->slots, slots);
	urcu_ref_init(&session->ref);
	return session;
}

int bc_session_add(const struct bc_session_attrs *attrs,
		   struct bc_session **result)
{
	struct bc_session *session = session_new(attrs);
	struct cds_lfht_node *node;
	struct bc_client *client;

	if (!session)
		goto no_session;
	client = bc_client_lock(attrs->clientid);
	if (!client)
		goto no_client;
	session->client = client; /* takes over bc_client_lock()'s reference */

	node = bc_table_add(&bc_core.sessions, bc_hash_sessionid(session->id),
			    session_match, session->id, &session->node);
	if (node != &session->node)
		goto exists;
	cds_list_add(&session->client_link, &client->sessions);
	client->kept_until = 0;
	bc_revoked_link_locked(client);
	bc_session_ref(session);
	pthread_mutex_unlock(&client->lock);
	*result = session;
	return 0;

exists:
	bc_client_retire_locked(client);
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	free(session);
	if (attrs->security)
		bc_security_put(attrs->security);
	return -EEXIST;
no_client:
	free(session);
no_session:
	if (attrs->security)
		bc_security_put(attrs->security);
	return -ENOMEM;
}

bool bc_session_had_back(struct bc_session *session)
{
	bool had_back;

	pthread_mutex_lock(&session->client->lock);
	had_back = session->had_back;
	pthread_mutex_unlock(&session->client->lock);
	return had_back;
}

int bc_session_set_security(struct bc_session *session,
			    struct bc_security *security)
{
	struct bc_security *unused = security;
	int rc = 0;

	if (!bc_security_fits(security, session->max_request_size,
			      BC_RECALL_PLAIN))
		rc = -EMSGSIZE;
	pthread_mutex_lock(&session->client->lock);
	if (!session->open || !session->had_back)
		rc = -EINVAL;
	if (!rc) {
		unused = session->security;
		session->security = security;
	}
	pthread_mutex_unlock(&session->client->lock);
	bc_security_put(unused);
	/* What was too large with the old credential may fit now. */
	if (!rc)
		bc_sender_run(session->client);
	return rc;
}

static bool has_revoked(const struct bc_client *client)
{
	const struct bc_revoked *revoked;
	bool any;

	if (!CMM_LOAD_SHARED(client->revoked))
		return false;
	rcu_read_lock();
	revoked = rcu_dereference(client->revoked);
	any = revoked && uatomic_read(&revoked->told);
	rcu_read_unlock();
	return any;
}

/* The paths of who speaks over a connection that is not bound; if it does so all the
 * time, they are looked at now and then.
 */
static bool are_doubtful(const struct bc_client *client, uint64_t now)
{
	return now - uatomic_read(&client->looked) >= LOOKED_EVERY;
}

struct bc_session_status bc_session_heard(const struct bc_session *session,
					  struct bc_conn *conn)
{
	struct bc_session_status status = { .known = false };
	uint64_t now = bc_now_ns();
	bool bound = conn && !uatomic_read(&conn->down);

	if (bound)
		uatomic_set(&conn->activity, now);
	if (!session || !uatomic_read(&session->open))
		return status;
	if (!bound)
		uatomic_set(&session->client->heard, now);
	if (now - uatomic_read(&session->client->spoke) > SPOKE_PRECISION)
		uatomic_set(&session->client->spoke, now);
	status.known = true;
	status.standing = uatomic_read(&session->client->standing);
	if (status.standing & BC_STANDING_FORGIVEN)
		uatomic_and(&session->client->standing,
			    ~(uint32_t)BC_STANDING_FORGIVEN);
	if (!(status.standing & BC_STANDING_PATH))
		status.flags |= BC_SEQ4_CB_PATH_DOWN;
	else if (!bound)
		status.doubtful = are_doubtful(session->client, now);
	if (!uatomic_read(&session->paths))
		status.flags |= BC_SEQ4_CB_PATH_DOWN_SESSION;
	if (uatomic_read(&session->faulty))
		status.flags |= BC_SEQ4_BACKCHANNEL_FAULT;
	if (has_revoked(session->client))
		status.flags |= BC_SEQ4_RECALLABLE_STATE_REVOKED;
	return status;
}
