/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One callback is followed by its lines, from submission to completion.
 */
#include "fake_test.h"

#include <stdio.h>
#include <string.h>

#include "trace.h"
#include "wire/cb_about.h"

/* Line @n says this, behind "callback ID +...us: ". @return the id */
static unsigned long assert_line(unsigned int n, const char *text)
{
	const char *line = fake_trace_line(n);
	unsigned long id, us;
	int said = 0;

	assert_int_equal(
		sscanf(line, "callback %lu +%luus: %n", &id, &us, &said), 2);
	assert_string_equal(line + said, text);
	assert_true(id > 0);
	return id;
}

/* Line @n is of the same callback. */
static void assert_same(unsigned int n, unsigned long id, const char *text)
{
	assert_int_equal(assert_line(n, text), id);
}

static void assert_client_line(unsigned int n, const char *text)
{
	assert_string_equal(fake_trace_line(n), text);
}

#define SESSION "01010101010101010101010101010101"

static void test_trace_callback_is_followed_through_reconnect(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn, *other;
	struct bc_request *req;
	unsigned int line;
	unsigned long id;
	char text[128];

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	fake_trace();
	fake_submit(ALICE);
	fake_next();
	id = assert_line(0, "submitted for client 0xa11ce: CB_RECALL");
	snprintf(text, sizeof(text),
		 "sent over connection %lu, session " SESSION
		 " slot 0 sequence 1, xid 0x1",
		 (unsigned long)conn->number);
	assert_same(1, id, text);

	other = fake_reconnect(session, conn);
	req = fake_next();
	assert_client_line(2, "client 0xa11ce: has no path any more");
	snprintf(text, sizeof(text),
		 "connection %lu has ended, waits in slot 0",
		 (unsigned long)conn->number);
	assert_same(3, id, text);
	snprintf(text, sizeof(text),
		 "client 0xa11ce: connection %lu is bound to session " SESSION
		 ": both channels",
		 (unsigned long)other->number);
	line = strstr(fake_trace_line(4), "has a path") ? 5 : 4;
	assert_client_line(line, text);
	snprintf(text, sizeof(text),
		 "sent again over connection %lu, session " SESSION
		 " slot 0 sequence 1, xid 0x2",
		 (unsigned long)other->number);
	assert_same(6, id, text);

	fake_answer_ok(req);
	snprintf(
		text, sizeof(text),
		"answered over connection %lu, slot 0 sequence 1: status 0, operation 0; done",
		(unsigned long)other->number);
	assert_same(7, id, text);
	assert_same(8, id, "completed: answered");
	assert_int_equal(fake_traces(), 9);
}

static void test_trace_off_writes_nothing(void **state)
{
	struct fake_out out = fake_out(1);

	(void)state;
	assert_answer_completes(out.req, out.call);
	assert_int_equal(fake_traces(), 0);
}

/* What a callback waits for, and why it ends. */
static void test_trace_says_why(void **state)
{
	unsigned long first, second;
	struct fake_out out;

	(void)state;
	out = fake_out(1);
	fake_trace();
	fake_submit(ALICE);
	first = assert_line(0, "submitted for client 0xa11ce: CB_RECALL");
	assert_same(1, first, "waits for a slot");
	bc_client_destroy(ALICE);
	fake_traces();
	assert_same(3, first, "completed: failed, its client has gone");

	fake_submit(BOB);
	second = assert_line(4, "submitted for client 0xb0b: CB_RECALL");
	assert_int_not_equal(first, second);
	assert_same(5, second, "waits for a path");
	bc_core_stop_calls();
	assert_same(6, second, "completed: failed, the server ends");
	fake_answer_ok(out.req);
	assert_non_null(strstr(fake_trace_line(7), "; done"));
	assert_int_equal(fake_traces(), 8);
}

static void test_trace_delayed_and_misordered(void **state)
{
	unsigned long id;
	struct fake_out out;

	(void)state;
	out = fake_out(2);
	fake_trace();
	fake_answer_error(out.req, NFS4ERR_SEQ_MISORDERED);
	id = strtoul(fake_trace_line(0) + strlen("callback "), NULL, 10);
	assert_non_null(strstr(fake_trace_line(0),
			       "status 10063, CB_SEQUENCE 10063; "));
	assert_same(1, id, "starts over as a new request");
	out.req = fake_next();
	assert_non_null(strstr(fake_trace_line(2), "sent over connection"));
	fake_answer_error(out.req, NFS4ERR_DELAY);
	assert_same(4, id, "waits in slot 1 for 100 ms");
}

/* A question has no submission and no completion. */
static void test_trace_question_has_an_id(void **state)
{
	struct bc_session *session;
	struct bc_conn *conn;
	struct bc_client *client;
	unsigned long id, us;

	(void)state;
	session = fake_path(ALICE, 1, 1, &conn);
	fake_trace();
	client = session->client;
	pthread_mutex_lock(&client->lock);
	bc_client_doubt_locked(client);
	pthread_mutex_unlock(&client->lock);
	bc_sender_run(client);
	fake_answer_ok(fake_next());
	assert_int_equal(sscanf(fake_trace_line(0),
				"callback %lu +%luus: asks ", &id, &us),
			 2);
	assert_non_null(strstr(fake_trace_line(1), "sent over"));
	assert_non_null(strstr(fake_trace_line(2), "status 0; done"));
	assert_int_equal(fake_traces(), 3);
}

static void test_trace_ids_are_unique(void **state)
{
	unsigned long ids[5] = { 0 };

	(void)state;
	fake_trace();
	for (unsigned int i = 0; i < 5; i++) {
		fake_defer();
		ids[i] =
			assert_line(2 * i, "submitted for client 0: CB_RECALL");
		assert_same(2 * i + 1, ids[i], "completed: put off");
		for (unsigned int j = 0; j < i; j++)
			assert_int_not_equal(ids[j], ids[i]);
	}
}

/* What a callback is about --------------------------------------------------- */

#define REFERRING                                                              \
	0, 0, 0, 1, 's', 'e', 's', 's', 'i', 'o', 'n', '-', '-', '-', '-',     \
		'-', '-', '-', '-', '-', 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2
#define STATEID 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
#define HANDLE 0, 0, 0, 9, '1', '2', '3', '4', '5', '6', '7', '8', '9', 0, 0, 0

static const uint8_t recall[] = { REFERRING, 0, 0, 0, 4,     STATEID,
				  0,	     0, 0, 0, HANDLE };
static const uint8_t getattr[] = { 0, 0, 0, 0, 0, 0, 0, 3, HANDLE, 0, 0, 0, 0 };
static const uint8_t layoutrecall[] = {
	0, 0, 0, 0,	 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0,
	0, 0, 1, HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, STATEID
};
static const uint8_t layoutrecall_all[] = {
	0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3
};

static void assert_about(const uint8_t *args, size_t size, bool stateid,
			 bool handle)
{
	static const uint8_t expected[] = { STATEID };
	struct bc_cb_about about = bc_cb_about(args, size);

	assert_int_equal(about.stateid != NULL, stateid);
	if (stateid)
		assert_memory_equal(about.stateid, expected, sizeof(expected));
	assert_int_equal(about.handle != NULL, handle);
	if (!handle)
		return;
	assert_int_equal(about.handle_size, 9);
	/* The check value of CRC-32. */
	assert_int_equal(bc_cb_handle_hash(about.handle, about.handle_size),
			 0xcbf43926);
}

static void test_trace_about_names_stateid_and_handle(void **state)
{
	(void)state;
	assert_about(recall, sizeof(recall), true, true);
	assert_about(getattr, sizeof(getattr), false, true);
	assert_about(layoutrecall, sizeof(layoutrecall), true, true);
	assert_about(layoutrecall_all, sizeof(layoutrecall_all), false, false);
}

/* Cut off anywhere, nothing is read beyond the end. */
static void test_trace_about_stays_within_bounds(void **state)
{
	size_t handle = sizeof(recall) - 16;

	(void)state;
	for (size_t size = 0; size < sizeof(recall); size++) {
		uint8_t *copy = test_malloc(size + 1);

		memcpy(copy, recall, size);
		assert_about(copy, size, size >= handle - 4, false);
		test_free(copy);
	}
}

static void test_trace_operation_in_words(void **state)
{
	struct bc_call *call = bc_call_new(4, 1, recall, sizeof(recall), NULL);
	struct bc_call *other = bc_call_new(77, 1, recall, 4, NULL);

	(void)state;
	assert_string_equal(
		bc_text_operation(BC_TEXT, call),
		"CB_RECALL, stateid 00000001:0102030405060708090a0b0c, file handle with CRC 0xcbf43926");
	assert_string_equal(bc_text_operation(BC_TEXT, other), "operation 77");
	bc_call_put(call);
	bc_call_put(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAKE_TEST(test_trace_callback_is_followed_through_reconnect,
			  NULL),
		FAKE_TEST(test_trace_off_writes_nothing, NULL),
		FAKE_TEST(test_trace_says_why, NULL),
		FAKE_TEST(test_trace_delayed_and_misordered, NULL),
		FAKE_TEST(test_trace_question_has_an_id, NULL),
		FAKE_TEST(test_trace_ids_are_unique, NULL),
		cmocka_unit_test(test_trace_about_names_stateid_and_handle),
		cmocka_unit_test(test_trace_about_stays_within_bounds),
		cmocka_unit_test(test_trace_operation_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
