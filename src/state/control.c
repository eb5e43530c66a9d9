/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an administrator may do to the core.
 *
 * Purpose: ask a client, take a connection from it, trust it again.
 * Data: struct bc_control_probe: a callback that nobody of the server waits for.
 * Locking: a client's lock; a probe's own, which is taken with none held.
 * Lifetime: a probe is its owner's and its callback's; the last frees it.
 * Invariant: who has called bc_control_probe_end() is not called any more.
 */
#include "bc_internal.h"
#include "snapshot.h"

#include <stdlib.h>

#define OP_CB_SEQUENCE 11 /* nfs_cb_opnum4 */

/* Probes --------------------------------------------------------------------- */

struct bc_control_probe {
	struct urcu_ref ref;
	pthread_mutex_t lock; /* held while `ended` runs */
	void (*ended)(void *arg); /* guarded by it; NULL: nobody waits */
	void *arg; /* [K] */
	uint64_t begun; /* [K] ns */
	uint64_t took; /* ns; set before the result */
	enum bc_probe_result result; /* [A] */
};

static void probe_release(struct urcu_ref *ref)
{
	struct bc_control_probe *probe =
		caa_container_of(ref, struct bc_control_probe, ref);

	pthread_mutex_destroy(&probe->lock);
	free(probe);
}

static enum bc_probe_result result_of(enum bc_outcome outcome)
{
	switch (outcome) {
	case BC_OUTCOME_REPLY:
	case BC_OUTCOME_RAN:
		return BC_PROBE_ANSWERED;
	case BC_OUTCOME_DEFER:
	case BC_OUTCOME_FAILED:
		break;
	}
	return uatomic_read(&bc_core.stopping) ? BC_PROBE_STOPPED :
						 BC_PROBE_UNANSWERED;
}

static void probe_done(struct bc_call *call, enum bc_outcome outcome,
		       struct bc_reply *reply)
{
	struct bc_control_probe *probe = bc_call_cookie(call);

	(void)reply;
	pthread_mutex_lock(&probe->lock);
	probe->took = bc_now_ns() - probe->begun;
	probe->result = result_of(outcome);
	if (probe->ended)
		probe->ended(probe->arg);
	pthread_mutex_unlock(&probe->lock);
	urcu_ref_put(&probe->ref, probe_release);
}

/* The minor version of a client's sessions; 0: it has none. */
static uint32_t minorversion_of(struct bc_client *client)
{
	uint32_t minorversion = 0;

	pthread_mutex_lock(&client->lock);
	if (!cds_list_empty(&client->sessions))
		minorversion =
			cds_list_first_entry(&client->sessions,
					     struct bc_session, client_link)
				->minorversion;
	pthread_mutex_unlock(&client->lock);
	return minorversion;
}

static struct bc_call *probe_call(struct bc_control_probe *probe,
				  uint32_t minorversion, uint64_t ms)
{
	static const uint8_t no_referring_calls[BC_CB_ALONE_SIZE];
	struct bc_call *call =
		bc_call_new(OP_CB_SEQUENCE, minorversion, no_referring_calls,
			    sizeof(no_referring_calls), probe);

	if (!call)
		return NULL;
	bc_call_set_patience(call, ms);
	call->done = probe_done;
	urcu_ref_get(&probe->ref);
	return call;
}

int bc_control_probe(uint64_t clientid, uint64_t ms, void (*ended)(void *arg),
		     void *arg, struct bc_control_probe **result)
{
	struct bc_client *client = bc_client_get(clientid);
	struct bc_control_probe *probe;
	struct bc_call *call;
	uint32_t minorversion = client ? minorversion_of(client) : 0;

	*result = NULL;
	if (client)
		bc_client_put(client);
	if (!minorversion)
		return -ENOENT;
	probe = calloc(1, sizeof(*probe));
	if (!probe)
		return -ENOMEM;
	urcu_ref_init(&probe->ref);
	pthread_mutex_init(&probe->lock, NULL);
	probe->ended = ended;
	probe->arg = arg;
	probe->begun = bc_now_ns();
	call = probe_call(probe, minorversion, ms);
	*result = probe;
	if (call && !bc_call_submit(call, clientid, NULL))
		return 0;
	/* Without memory nothing was submitted, and is not called back. */
	if (call)
		urcu_ref_put(&probe->ref, probe_release);
	urcu_ref_put(&probe->ref, probe_release);
	*result = NULL;
	return -ENOMEM;
}

enum bc_probe_result bc_control_probe_result(struct bc_control_probe *probe,
					     uint64_t *us)
{
	enum bc_probe_result result;

	pthread_mutex_lock(&probe->lock);
	result = probe->result;
	*us = probe->took / 1000;
	pthread_mutex_unlock(&probe->lock);
	return result;
}

void bc_control_probe_end(struct bc_control_probe *probe)
{
	pthread_mutex_lock(&probe->lock);
	probe->ended = NULL;
	pthread_mutex_unlock(&probe->lock);
	urcu_ref_put(&probe->ref, probe_release);
}

/* Clients -------------------------------------------------------------------- */

int bc_control_drop(uint64_t clientid, uint64_t connection)
{
	struct bc_client *client = bc_client_get(clientid);
	struct bc_binding *binding, *next;
	int dropped = 0;

	if (!client)
		return -ENOENT;
	pthread_mutex_lock(&client->lock);
	cds_list_for_each_entry_safe(binding, next, &client->back_list,
				     client_link) {
		if (binding->conn->number != connection)
			continue;
		bc_binding_displace_locked(binding);
		dropped++;
	}
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	bc_count_many(BC_COUNT_DROPPED, (uint64_t)dropped);
	return dropped;
}

int bc_control_trust(uint64_t clientid)
{
	struct bc_client *client = bc_client_get(clientid);
	struct bc_binding *binding;

	if (!client)
		return -ENOENT;
	pthread_mutex_lock(&client->lock);
	client->doubted = false;
	client->bereaved = false;
	client->answer_by = 0;
	cds_list_for_each_entry(binding, &client->back_list, client_link)
		if (binding->state != BC_BINDING_SILENT)
			bc_binding_set_trial_locked(binding, false);
	bc_client_set_standing_locked(client);
	pthread_mutex_unlock(&client->lock);
	bc_client_put(client);
	return 0;
}

/* Limits and times -------------------------------------------------------- */

void bc_control_configure(const struct bc_config *config)
{
	struct bc_config *to = &bc_core.config;

	uatomic_set(&to->max_queue, config->max_queue);
	uatomic_set(&to->max_slots, config->max_slots);
	uatomic_set(&to->max_connections, config->max_connections);
	uatomic_set(&to->max_client_connections,
		    config->max_client_connections);
	uatomic_set(&to->max_server_connections,
		    config->max_server_connections);
	uatomic_set(&to->probe, config->probe);
	uatomic_set(&to->callback_timeout, config->callback_timeout);
	uatomic_set(&to->retry_attempts, config->retry_attempts);
	uatomic_set(&to->retry_first_delay, config->retry_first_delay);
	uatomic_set(&to->hold_time, config->hold_time);
	uatomic_set(&to->max_client_held, config->max_client_held);
	uatomic_set(&to->max_server_held, config->max_server_held);
}

void bc_control_hold_time(uint64_t ms)
{
	uatomic_set(&bc_core.config.hold_time, ms);
}

uint64_t bc_control_held_for(void)
{
	return bc_configured(hold_time);
}
