/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "fake_test.h"

/* A field of the configuration, as the test or as fake_config has it. */
#define CHANGED(field) choose(changed->field, fake_config.field)

static uint64_t choose(uint64_t changed, uint64_t standard)
{
	if (changed == FAKE_ZERO)
		return 0;
	return changed ? changed : standard;
}

int fake_setup(void **state)
{
	static const struct bc_config nothing;
	const struct bc_config *changed = *state ? *state : &nothing;
	const struct bc_config config = {
		.max_queue = CHANGED(max_queue),
		.max_slots = CHANGED(max_slots),
		.max_connections = CHANGED(max_connections),
		.max_client_connections = CHANGED(max_client_connections),
		.max_server_connections = CHANGED(max_server_connections),
		.probe = changed->probe,
		.callback_timeout = CHANGED(callback_timeout),
		.retry_attempts = CHANGED(retry_attempts),
		.retry_first_delay = CHANGED(retry_first_delay),
		.lease_time = CHANGED(lease_time),
		.idle_timeout = changed->idle_timeout,
		.hold_time = CHANGED(hold_time),
		.max_client_held = CHANGED(max_client_held),
		.max_server_held = CHANGED(max_server_held),
	};

	fake_start(&config);
	return 0;
}

int fake_teardown(void **state)
{
	(void)state;
	fake_stop();
	return 0;
}

struct fake_out fake_out(uint32_t slots)
{
	struct fake_out out;

	out.session = fake_path(ALICE, 1, slots, &out.conn);
	out.call = fake_submit(ALICE);
	out.req = fake_next();
	return out;
}

struct bc_session *fake_two_paths(struct bc_conn **first,
				  struct bc_conn **second)
{
	struct bc_session *session = fake_path(ALICE, 1, 16, first);

	*second = fake_conn_to(session);
	fake_heard(*first);
	return session;
}

struct bc_session *fake_paths(struct bc_conn *conns[], uint32_t count)
{
	struct bc_session *session = fake_session(ALICE, 1, 16);

	for (uint32_t i = 0; i < count; i++)
		conns[i] = fake_conn_to(session);
	return session;
}

void assert_request(const struct bc_request *req, uint32_t slot,
		    uint32_t sequence)
{
	assert_int_equal(req->sequence.slot, slot);
	assert_int_equal(req->sequence.sequence, sequence);
}

void assert_request_on(const struct bc_request *req,
		       const struct bc_session *session, uint32_t slot,
		       uint32_t sequence)
{
	assert_ptr_equal(req->session, session);
	assert_request(req, slot, sequence);
}

struct bc_request *assert_next(uint32_t slot, uint32_t sequence)
{
	struct bc_request *req = fake_next();

	assert_request(req, slot, sequence);
	return req;
}

struct bc_request *assert_next_on(const struct bc_session *session,
				  uint32_t slot, uint32_t sequence)
{
	struct bc_request *req = fake_next();

	assert_request_on(req, session, slot, sequence);
	return req;
}

void assert_answer_completes(struct bc_request *req,
			     const struct fake_call *call)
{
	fake_answer_ok(req);
	assert_int_equal(fake_wait(call), BC_OUTCOME_REPLY);
}

void assert_completes(const struct fake_call *call)
{
	assert_answer_completes(fake_next(), call);
}

void assert_slot(const struct bc_session *session, uint32_t slot,
		 enum bc_slot_state expected, uint32_t sequence)
{
	assert_int_equal(fake_slot(session, slot).state, expected);
	assert_int_equal(fake_slot(session, slot).sequence, sequence);
}
