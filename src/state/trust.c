/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Trust: whether a client answers callbacks, as far as can be known.
 *
 * Purpose: a delegation is granted only to a client that will probably answer its
 *   recall: each that does not costs the others two leases.  To bind a connection
 *   answers nothing.  So a client that left a callback unanswered, or lost a
 *   delegation, comes back on trial: what waits goes out to it, but nothing is
 *   granted until it has answered something.  If there is nothing else to send it
 *   is asked, with CB_SEQUENCE alone, on the connection that was heard last; or
 *   with what it owes an answer to anyway, a request whose callback is over.
 * Data: of each client, whether it is in doubt, and until when an answer is due;
 *   of each binding, whether it is on trial and was asked; of each session,
 *   whether no slot of it is answered any more.
 * Locking: the client's lock; SEQUENCE reads what it makes of a client's standing
 *   and of a session's faults without.
 * Lifetime: a question is a callback that is DONE from the beginning: it is its
 *   slot's only, which settles its sequence id as that of any callback that has
 *   ended.
 * Invariants: a client is not on trial if and only if it has a path that is not
 *   on trial, and has answered since the last callback that was given up; a
 *   session that is stuck has no free slot.
 */
#include "bc_internal.h"

#define OP_CB_SEQUENCE 11 /* nfs_cb_opnum4 */

void bc_client_doubt_locked(struct bc_client *client)
{
	bc_assert_locked(&client->lock);
	/* Every connection may be asked again: 0 stands for "never". */
	if (++client->doubts == 0)
		client->doubts = 1;
	if (client->doubted)
		return;
	client->doubted = true;
	bc_count(BC_COUNT_TRIALS);
	bc_client_set_standing_locked(client);
	bc_log_limited(
		BC_LIMITED_ON_TRIAL, BC_LOG_EVENT,
		"client %#lx: back channel on trial, no delegations until a callback is answered",
		(unsigned long)client->clientid);
}

void bc_client_answered_locked(struct bc_session *session,
			       struct bc_binding *binding)
{
	struct bc_client *client = session->client;

	bc_assert_locked(&client->lock);
	client->answer_by = 0;
	bc_session_set_stuck_locked(session, false);
	if (client->doubted || client->bereaved) {
		client->doubted = false;
		client->bereaved = false;
		bc_client_set_standing_locked(client);
	}
	if (!binding || !(binding->channels & BC_CHANNEL_BACK))
		return;
	if (binding->state == BC_BINDING_SILENT)
		bc_binding_set_locked(binding, BC_BINDING_LIVE);
	if (binding->on_trial)
		bc_binding_set_trial_locked(binding, false);
}

bool bc_client_is_given_up(uint64_t clientid)
{
	struct bc_client *client = bc_client_get(clientid);
	uint64_t spoke;
	bool given_up;

	if (!client)
		return false;
	pthread_mutex_lock(&client->lock);
	spoke = uatomic_read(&client->spoke) / 1000000;
	given_up = client->bereaved &&
		   (client->doubted ||
		    (!client->paths &&
		     bc_now() - spoke >= bc_configured(lease_time)));
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	return given_up;
}

/* Questions ---------------------------------------------------------------- */

/* Of all that are asked the last one has its time to answer. */
void bc_question_note_locked(const struct bc_session *session,
			     const struct bc_conn *conn, uint64_t now)
{
	struct bc_client *client = session->client;
	struct bc_binding *binding;

	if (!bc_client_on_trial(client))
		return;
	binding = bc_binding_find_locked(session, conn);
	if (!binding || binding->asked == client->doubts)
		return;
	binding->asked = client->doubts;
	if (client->answer_by)
		client->answer_by = now + bc_configured(callback_timeout);
}

struct bc_call *bc_question_new(const struct bc_session *session)
{
	static const uint8_t no_referring_calls[BC_CB_ALONE_SIZE];
	struct bc_call *call = bc_call_new(
		OP_CB_SEQUENCE, session->minorversion, no_referring_calls,
		sizeof(no_referring_calls), NULL);

	if (!call)
		return NULL;
	call->state = BC_CALL_DONE;
	call->client = session->client;
	call->clientid = call->client->clientid;
	bc_client_ref(call->client);
	return call;
}

void bc_question_sent_locked(struct bc_client *client, uint64_t now)
{
	client->answer_by = now + bc_configured(callback_timeout);
	bc_client_arm_locked(client, client->answer_by);
}

uint64_t bc_question_expire_locked(struct bc_client *client, uint64_t now)
{
	uint32_t round = client->doubts;
	struct bc_binding *binding;

	if (!client->answer_by || uatomic_read(&bc_core.stopping))
		return UINT64_MAX;
	if (now < client->answer_by)
		return client->answer_by;
	client->answer_by = 0;
	bc_client_doubt_locked(client);
	cds_list_for_each_entry(binding, &client->back_list, client_link)
		if (binding->state == BC_BINDING_LIVE &&
		    binding->asked == round)
			bc_binding_set_locked(binding, BC_BINDING_SILENT);
	return UINT64_MAX;
}

/* Slots that nobody answers ------------------------------------------------- */

void bc_session_set_stuck_locked(struct bc_session *session, bool stuck)
{
	if (session->stuck == stuck)
		return;
	session->stuck = stuck;
	uatomic_set(&session->faulty, stuck || session->fault);
}

/* Until when a slot in use may still be answered, ms: not if its request has been
 * out for a lease, or if its callback is over; UINT64_MAX: as long as it takes.
 */
static uint64_t may_be_answered_until(const struct bc_slot *slot)
{
	bool over = slot->call->state == BC_CALL_DONE;

	switch (slot->state) {
	case BC_SLOT_BUSY:
		return slot->when + (over ? bc_configured(callback_timeout) :
					    bc_configured(lease_time));
	case BC_SLOT_PARKED:
		return over ? 0 : UINT64_MAX;
	case BC_SLOT_DELAYED:
		return UINT64_MAX;
	case BC_SLOT_FREE:
	case BC_SLOT_LOST:
		break;
	}
	return 0;
}

/* A client that was away has every slot waiting for it, perhaps: it is not stuck
 * before it has left one unanswered.
 */
uint64_t bc_session_look_stuck_locked(struct bc_session *session, uint64_t now)
{
	const struct bc_slot_table *table = &session->slots;
	bool any_out = false;
	uint64_t until = 0;

	if (session->stuck || !table->slots || bc_slots_available(table))
		return UINT64_MAX;
	for (uint32_t i = 0; i < table->end; i++) {
		const struct bc_slot *slot = &table->slots[i];
		uint64_t answered;

		if (!slot->call)
			continue;
		answered = may_be_answered_until(slot);
		until = answered > until ? answered : until;
		any_out = any_out || slot->state == BC_SLOT_BUSY;
	}
	if (until > now || !any_out)
		return until > now ? until : UINT64_MAX;
	bc_session_set_stuck_locked(session, true);
	bc_count(BC_COUNT_STUCK);
	bc_log_limited(
		BC_LIMITED_STUCK, BC_LOG_WARN,
		"client %#lx: no slot of the back channel is answered, fault until one is",
		(unsigned long)session->client->clientid);
	return UINT64_MAX;
}
