/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is looked at before it is known that Ganesha's structures fit: the first
 * session (first_session.c) and the COMPOUND's (compound.c).
 */
#include "operations/compound.h"
#include "operations/first_session.h"

#include "callbacks/channel.h"
#include "ganesha/client_record.h"
#include "ganesha/layout.h"
#include "ganesha/mutex.h"

#include "unit.h"

/* What the two files call ----------------------------------------------------- */

struct bc_layouts bc_layouts;
static const char *data_misfit, *refused;
static bool mutex_free;
static unsigned int mutex_tries, channels_looked_at;
static nfs_client_id_t record;

void bc_layout_set(enum bc_layout known)
{
	bc_layouts.sessions = known;
}

void bc_layout_refuse(const char *misfit)
{
	bc_layouts.sessions = BC_LAYOUT_MISFIT;
	refused = misfit;
}

const char *bc_layout_misfit(const compound_data_t *data,
			     const nfs_client_id_t *client, clientid4 clientid)
{
	(void)data, (void)client, (void)clientid;
	return data_misfit;
}

const char *bc_layout_list_misfit(const nfs_client_id_t *client)
{
	(void)client;
	return NULL;
}

const char *bc_layout_session_misfit(const nfs41_session_t *session,
				     const nfs_client_id_t *client,
				     const CREATE_SESSION4resok *resok)
{
	(void)session, (void)client, (void)resok;
	return NULL;
}

nfs_client_id_t *bc_client_record_acquire(clientid4 clientid,
					  struct hash_latch *latch)
{
	(void)clientid, (void)latch;
	return &record;
}

void bc_client_record_release(struct hash_latch *latch)
{
	(void)latch;
}

nfs41_session_t *bc_client_record_next_session(nfs_client_id_t *client,
					       nfs41_session_t *session)
{
	(void)client, (void)session;
	return NULL;
}

bool bc_mutex_try_long(pthread_mutex_t *mutex)
{
	mutex_tries++;
	return mutex_free && !pthread_mutex_trylock(mutex);
}

struct bc_channel *bc_channel_install(nfs41_session_t *session)
{
	(void)session;
	return NULL;
}

struct bc_session *bc_channel_session_rcu(const nfs41_session_t *session)
{
	(void)session;
	channels_looked_at++;
	return NULL;
}

/* Tests ----------------------------------------------------------------------- */

static int start(void **state)
{
	(void)state;
	bc_layouts.sessions = BC_LAYOUT_UNKNOWN;
	data_misfit = refused = NULL;
	mutex_free = true;
	mutex_tries = channels_looked_at = 0;
	pthread_mutex_init(&record.cid_mutex, NULL);
	return 0;
}

static void verify(void)
{
	const CREATE_SESSION4resok resok = { .csr_sequence = 1 };
	const compound_data_t data = { .minorversion = 1 };

	assert_null(bc_first_session_verify(&data, 7, &resok));
}

static void test_first_session_misfit_no_mutex_tried(void **state)
{
	(void)state;
	data_misfit = "compound's data";
	verify();
	assert_int_equal(mutex_tries, 0);
	assert_string_equal(refused, "compound's data");
}

static void test_first_session_busy_misfit_refused(void **state)
{
	(void)state;
	mutex_free = false;
	data_misfit = "client record's id";
	verify();
	assert_non_null(refused);
}

static void test_first_session_busy_fits_nothing_known(void **state)
{
	(void)state;
	mutex_free = false;
	verify();
	assert_int_equal(mutex_tries, 1);
	assert_null(refused);
	assert_int_equal(bc_layouts.sessions, BC_LAYOUT_UNKNOWN);
}

static void test_compound_layout_unknown_session_not_followed(void **state)
{
	static nfs41_session_t session;
	const compound_data_t data = { .session = &session };

	(void)state;
	assert_null(bc_compound_session_get(&data));
	bc_layouts.sessions = BC_LAYOUT_MISFIT;
	assert_null(bc_compound_session_get(&data));
	assert_int_equal(channels_looked_at, 0);
	bc_layouts.sessions = BC_LAYOUT_FITS;
	assert_null(bc_compound_session_get(&data));
	assert_int_equal(channels_looked_at, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first_session_misfit_no_mutex_tried,
				       start),
		cmocka_unit_test_setup(test_first_session_busy_misfit_refused,
				       start),
		cmocka_unit_test_setup(
			test_first_session_busy_fits_nothing_known, start),
		cmocka_unit_test_setup(
			test_compound_layout_unknown_session_not_followed,
			start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
