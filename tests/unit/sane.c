/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The invariants that the files of src/state state, as checks.
 */
#include "sane.h"

#include <string.h>

#include "bc_internal.h"
#include "check.h"

/* Whether a list's links agree in both directions. */
static void check_list(const struct cds_list_head *list)
{
	const struct cds_list_head *pos = list;

	do {
		CHECK(pos->next->prev == pos);
		pos = pos->next;
	} while (pos != list);
}

static void check_call_in_slot(const struct bc_session *session,
			       const struct bc_slot *slot)
{
	const struct bc_call *call = slot->call;

	CHECK(uatomic_read(&call->ref.refcount) > 0);
	CHECK(call->client == session->client);
	CHECK(call->state != BC_CALL_NEW);
	/* Nobody waits for a question, unless an administrator asks. */
	CHECK(call->args_len != BC_CB_ALONE_SIZE ||
	      call->state == BC_CALL_DONE || call->done);
	if (call->slot != slot)
		return;
	CHECK(call->state == BC_CALL_SENT);
	CHECK(call->session == session);
}

/* The request that a slot waits for is its own and nobody else's. */
static void check_request(const struct bc_session *session, uint32_t index)
{
	const struct bc_slot *slot = &session->slots.slots[index];
	const struct bc_request *req = slot->req;
	const struct bc_binding *binding;

	CHECK(uatomic_read(&req->ref.refcount) > 0);
	CHECK(req->session == session);
	CHECK(req->sequence.slot == index);
	CHECK(req->sequence.sequence == slot->sequence);
	CHECK(req->sequence.highest_slot >= index);
	CHECK(req->security == slot->security);
	CHECK(!memcmp(req->sequence.session, session->id, BC_SESSIONID_SIZE));
	for (uint32_t i = 0; i < index; i++)
		CHECK(session->slots.slots[i].req != req);
	binding = bc_binding_find_locked(session, req->conn);
	/* Its back channel may have given way meanwhile; but what is out on the
	 * connection is found when that ends.
	 */
	CHECK(binding);
}

static void check_slots(const struct bc_session *session)
{
	const struct bc_slot_table *table = &session->slots;
	uint32_t lost = 0, waiting = 0, delayed = 0;

	CHECK(table->limit <= table->size);
	for (uint32_t i = 0; table->slots && i < table->size; i++) {
		const struct bc_slot *slot = &table->slots[i];

		lost += slot->state == BC_SLOT_LOST;
		waiting += slot->state == BC_SLOT_PARKED;
		delayed += slot->state == BC_SLOT_DELAYED;
		CHECK(slot->state != BC_SLOT_FREE || i >= table->first);
		if (slot->state == BC_SLOT_FREE ||
		    slot->state == BC_SLOT_LOST) {
			CHECK(!slot->call);
			CHECK(!slot->req);
			CHECK(!slot->security);
			continue;
		}
		CHECK(i < table->end);
		CHECK(slot->call);
		check_call_in_slot(session, slot);
		CHECK((slot->state == BC_SLOT_BUSY) == (slot->req != NULL));
		if (slot->req)
			check_request(session, i);
	}
	CHECK(table->lost == lost);
	CHECK(table->waiting == waiting);
	CHECK(table->delayed == delayed);
}

/* It waits for a reply, or does not. [C] */
static void check_opening(const struct bc_binding *binding)
{
	const struct bc_binding *other;
	unsigned int found = 0;

	check_list(&binding->conn->opening);
	cds_list_for_each_entry(other, &binding->conn->opening, reply_link)
		found += other == binding;
	CHECK(found == (binding->reply != NULL));
}

static bool is_path(const struct bc_binding *binding)
{
	return (binding->channels & BC_CHANNEL_BACK) &&
	       binding->state != BC_BINDING_SILENT && !binding->session->fault;
}

static void check_binding(const struct bc_session *session,
			  struct bc_binding *binding)
{
	bool back = binding->channels & BC_CHANNEL_BACK;
	const struct bc_binding *other;
	unsigned int found = 0;

	CHECK(binding->session == session);
	CHECK(bc_binding_find_locked(session, binding->conn) == binding);
	/* One that is silent is not trusted when it comes back. */
	CHECK(!back || binding->on_trial ||
	      binding->state != BC_BINDING_SILENT);
	CHECK(!binding->displaced || !back);
	CHECK(!binding->probe.req || binding->probe.begun);
	CHECK(!binding->probe.req ||
	      (binding->probe.req->session == session &&
	       binding->probe.req->conn == binding->conn));
	pthread_mutex_lock(&binding->conn->lock);
	check_list(&binding->conn->bindings);
	cds_list_for_each_entry(other, &binding->conn->bindings, conn_link)
		found += other == binding;
	CHECK(!binding->reply || back);
	check_opening(binding);
	pthread_mutex_unlock(&binding->conn->lock);
	CHECK(found == 1);
}

static void check_bindings(const struct bc_session *session)
{
	uint32_t paths = 0, back_bound = 0, fore_bound = 0;
	struct bc_binding *binding;

	check_list(&session->bindings);
	cds_list_for_each_entry(binding, &session->bindings, session_link) {
		bool back = binding->channels & BC_CHANNEL_BACK;

		check_binding(session, binding);
		back_bound += back;
		fore_bound += !back && !binding->displaced;
		paths += is_path(binding);
	}
	CHECK(session->paths == paths);
	CHECK(session->back_bound == back_bound);
	CHECK(session->fore_bound == fore_bound);
	CHECK(back_bound <= bc_core.config.max_connections);
	CHECK(!back_bound || session->security);
}

/* What a client's back-bound bindings say of it. */
static void check_trust(const struct bc_client *client)
{
	const struct bc_binding *binding;
	uint32_t standing = uatomic_read(&client->standing);
	uint32_t back_bound = 0, trusted = 0;

	check_list(&client->back_list);
	cds_list_for_each_entry(binding, &client->back_list, client_link) {
		CHECK(binding->session->client == client);
		CHECK(binding->channels & BC_CHANNEL_BACK);
		back_bound++;
		trusted += is_path(binding) && !binding->on_trial;
	}
	CHECK(client->back_bound == back_bound);
	CHECK(back_bound <= bc_core.config.max_client_connections);
	CHECK(client->trusted == trusted);
	CHECK(!(standing & BC_STANDING_PATH) == !client->paths);
	CHECK(!(standing & BC_STANDING_TRUSTED) ==
	      (client->doubted || !trusted));
	CHECK(!(standing & BC_STANDING_FORGIVEN) ||
	      (!client->bereaved && (standing & BC_STANDING_TRUSTED)));
	CHECK(client->doubts > 0);
	/* A question that is out is looked after, until the core stops. */
	CHECK(!client->answer_by || uatomic_read(&bc_core.stopping) ||
	      (client->armed && client->armed <= client->answer_by));
}

static uint32_t check_sessions(const struct bc_client *client)
{
	struct bc_session *session;
	uint32_t paths = 0, back_bound = 0;

	check_list(&client->sessions);
	cds_list_for_each_entry(session, &client->sessions, client_link) {
		CHECK(session->open);
		CHECK(session->client == client);
		check_bindings(session);
		check_slots(session);
		CHECK(!session->stuck || !bc_slots_available(&session->slots));
		CHECK(session->faulty == (session->fault || session->stuck));
		paths += session->paths;
		back_bound += session->back_bound;
	}
	CHECK(client->back_bound == back_bound);
	return paths;
}

static uint32_t check_queue(const struct bc_client *client)
{
	struct bc_call *call;
	uint32_t queued = 0;

	check_list(&client->queue);
	cds_list_for_each_entry(call, &client->queue, link) {
		CHECK(call->state == BC_CALL_QUEUED);
		CHECK(call->client == client);
		CHECK(!call->slot && !call->session);
		queued++;
	}
	return queued;
}

/* What is due is due no earlier than what is above it; the way to the right is the
 * shorter one.
 */
static void check_heap_node(const struct bc_heap_node *node)
{
	uint32_t left = node->left ? node->left->rank : 0;
	uint32_t right = node->right ? node->right->rank : 0;

	CHECK(left >= right && node->rank == right + 1);
	CHECK(!node->left || node->left->up == node);
	CHECK(!node->right || node->right->up == node);
	CHECK(!node->up || node->up->when <= node->when);
}

static void check_sent(const struct bc_call *call)
{
	CHECK(call->slot && call->slot->call == call);
	CHECK(call->session && call->session->open);
	CHECK(call->session->client == call->client);
}

/* In the order of a heap: down to the left, then to the right, then up. */
static const struct bc_heap_node *heap_after(const struct bc_heap_node *node)
{
	if (node->left)
		return node->left;
	while (node->up && (node == node->up->right || !node->up->right))
		node = node->up;
	return node->up ? node->up->right : NULL;
}

/* Callbacks by state, all of which have a time. */
struct calls {
	uint32_t queued, sent, backoff;
};

static struct calls check_due(const struct bc_client *client)
{
	const struct bc_heap_node *node = client->due.first;
	struct calls calls = { 0 };

	CHECK(!node || !node->up);
	for (; node; node = heap_after(node)) {
		const struct bc_call *call =
			caa_container_of(node, struct bc_call, due);

		check_heap_node(node);
		CHECK(call->client == client);
		CHECK(client->armed && client->armed <= node->when);
		calls.queued += call->state == BC_CALL_QUEUED;
		calls.sent += call->state == BC_CALL_SENT;
		calls.backoff += call->state == BC_CALL_BACKOFF;
		CHECK(call->state != BC_CALL_DONE);
		if (call->state == BC_CALL_SENT)
			check_sent(call);
		else
			CHECK(!call->slot && !call->session);
	}
	return calls;
}

/* Whether a list has exactly so many members. */
static void check_length(const struct cds_list_head *list, uint32_t length)
{
	const struct cds_list_head *pos;

	check_list(list);
	for (pos = list->next; pos != list; pos = pos->next)
		length--;
	CHECK(!length);
}

/* Whether it is a member of some list. */
static bool is_listed(const struct cds_list_head *link)
{
	return link->next != link;
}

/* The client's lists have the sessions that belong there, and no others. */
static void check_lists(const struct bc_client *client)
{
	uint32_t reachable = 0, ready = 0, parked = 0, delayed = 0, full = 0;
	struct bc_session *session;

	cds_list_for_each_entry(session, &client->sessions, client_link) {
		const struct bc_slot_table *table = &session->slots;

		CHECK(is_listed(&session->reachable_link) ==
		      (session->paths > 0));
		CHECK(is_listed(&session->ready_link) ==
		      (session->paths && bc_slots_available(table)));
		CHECK(is_listed(&session->parked_link) ==
		      (session->paths && table->waiting));
		CHECK(is_listed(&session->delayed_link) ==
		      (table->delayed > 0));
		CHECK(is_listed(&session->full_link) ==
		      (table->slots && !bc_slots_available(table)));
		full += is_listed(&session->full_link);
		reachable += is_listed(&session->reachable_link);
		ready += is_listed(&session->ready_link);
		parked += is_listed(&session->parked_link);
		delayed += is_listed(&session->delayed_link);
	}
	check_length(&client->reachable, reachable);
	check_length(&client->ready, ready);
	check_length(&client->parked, parked);
	check_length(&client->delayed, delayed);
	check_length(&client->full, full);
}

static void check_revoked(struct bc_client *client)
{
	struct bc_revoked *revoked = client->revoked;

	if (!revoked)
		return;
	CHECK(!cds_list_empty(&client->sessions));
	pthread_mutex_lock(&revoked->lock);
	CHECK(revoked->clientid == client->clientid);
	CHECK(revoked->linked && !revoked->removed && !revoked->until);
	CHECK(revoked->told <= revoked->count);
	CHECK(revoked->count <= revoked->room);
	CHECK(!revoked->room == !revoked->stateids);
	pthread_mutex_unlock(&revoked->lock);
}

/* Whether something needs the client: what keeps it in its table. */
static bool needed(struct bc_client *client)
{
	return client->calls || !cds_list_empty(&client->sessions);
}

/* Who goes through all clients finds it, as long as it is one. */
static void check_place(const struct bc_client *client)
{
	rcu_read_lock();
	if (client->place)
		CHECK(bc_directory_client_rcu(client->place) == client);
	else
		CHECK(client->dead);
	rcu_read_unlock();
}

void assert_sane_client(struct bc_client *client)
{
	struct calls calls;

	pthread_mutex_lock(&client->lock);
	calls = check_due(client);
	CHECK(calls.queued == check_queue(client));
	CHECK(client->queued == calls.queued + calls.backoff);
	CHECK(client->calls == calls.queued + calls.sent + calls.backoff);
	CHECK(client->paths == check_sessions(client));
	check_lists(client);
	check_trust(client);
	check_revoked(client);
	check_place(client);
	CHECK(!client->outage || (!client->paths && client->paths_since));
	CHECK(!client->dead || !needed(client));
	/* One that nothing needs is kept for its doubts, for a time. */
	CHECK(client->dead || needed(client) ||
	      (client->kept_until && client->armed));
	pthread_mutex_unlock(&client->lock);
}

/* The clients of the table, with a reference each. */
static size_t collect_clients(struct bc_client **clients, size_t max)
{
	struct cds_lfht_iter iter;
	struct bc_client *client;
	size_t count = 0;

	rcu_read_lock();
	cds_lfht_for_each_entry(bc_core.clients.entries, &iter, client, node)
		if (count < max && urcu_ref_get_unless_zero(&client->ref))
			clients[count++] = client;
	rcu_read_unlock();
	return count;
}

void assert_sane_clients(void)
{
	struct bc_client *clients[64];
	size_t count = collect_clients(clients, 64);

	for (size_t i = 0; i < count; i++) {
		assert_sane_client(clients[i]);
		bc_client_put(clients[i]);
	}
}

static void check_table_empty(const struct bc_table *table)
{
	struct cds_lfht_iter iter;

	rcu_read_lock();
	cds_lfht_first(table->entries, &iter);
	CHECK(!cds_lfht_iter_get_node(&iter));
	rcu_read_unlock();
	CHECK(!uatomic_read(&table->count));
}

void assert_core_empty(void)
{
	check_table_empty(&bc_core.clients);
	check_table_empty(&bc_core.sessions);
	check_table_empty(&bc_core.conns);
	check_table_empty(&bc_core.revoked);
}
