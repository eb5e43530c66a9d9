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
		.max_server_connections = CHANGED(max_server_connections),
		.probe = changed->probe,
		.callback_timeout = CHANGED(callback_timeout),
		.retry_attempts = CHANGED(retry_attempts),
		.retry_first_delay = CHANGED(retry_first_delay),
		.lease_time = CHANGED(lease_time),
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
