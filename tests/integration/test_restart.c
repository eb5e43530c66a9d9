/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients whose ids end while their delegations are being recalled, and others go
 * on asking for them: by a restart, by another principal's EXCHANGE_ID, with
 * their lease. RFC 5661 8.4.2.1, 8.4.3, 18.35 and 18.36; statement 15.
 *
 * BACKCHANNEL_TEST_LONG in the environment makes it more restarts.
 */
#include "fixture.h"
#include "nfs40.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MANY 500 /* delegations */
#define POLLERS 8
#define POLL_NS 5000000
#define ANSWERED_NS                                                            \
	200000000 /* by then an answer that was sent has been read */
#define ROUNDS 3
#define ROUNDS_LONG 20
#define SESSION_WITHIN                                                         \
	1000 /* ms, for CREATE_SESSION: without a spin, a tenth */

#define LEASE 4 /* s, where it is to end */
#define DEAD_FILES 20
#define DEAD_WITHIN 20000 /* ms: the reaper comes every two seconds */

static const struct cb_answer held = { .when = CB_HELD };
static const struct cb_answer never = { .when = CB_NEVER };
static const struct cb_answer correct;

/* Those who ask ------------------------------------------------------------ */

struct poller {
	pthread_t thread;
	struct nfs_client client;
	struct nfs_session session;
	const char *prefix; /* of the files, and their number */
	unsigned int count;
	unsigned int first; /* where it begins */
	_Atomic unsigned int asked;
	_Atomic bool stop;
	int failed; /* the first status that is neither OK nor DELAY */
};

static void pause_ns(long ns)
{
	const struct timespec time = { .tv_nsec = ns };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static int poll_one(struct poller *poller, unsigned int n)
{
	struct nfs_file file;
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "export/%s-%u", poller->prefix,
		 (poller->first + n) % poller->count);
	rc = nfs_open(&poller->session, path, OPEN4_SHARE_ACCESS_WRITE, &file);
	if (!rc)
		rc = nfs_close(&poller->session, &file);
	return rc == NFS4ERR_DELAY ? 0 : rc;
}

static void *poller_run(void *arg)
{
	struct poller *poller = arg;

	for (unsigned int n = 0; !poller->stop; n++) {
		int rc = poll_one(poller, n);

		if (rc && !poller->failed)
			poller->failed = rc;
		poller->asked++;
		pause_ns(POLL_NS);
	}
	return NULL;
}

static void pollers_begin(struct fixture *f, struct poller *pollers,
			  const char *prefix, unsigned int count)
{
	memset(pollers, 0, POLLERS * sizeof(*pollers));
	for (unsigned int i = 0; i < POLLERS; i++) {
		struct poller *poller = &pollers[i];

		poller->prefix = prefix;
		poller->count = count;
		poller->first = i * count / POLLERS;
		fixture_client(f, &poller->client);
		assert_int_equal(
			nfs_client_mount(&poller->client, &poller->session),
			NFS4_OK);
		f->conns[f->nconns++] = nfs_conn_get(poller->session.conn);
		assert_int_equal(pthread_create(&poller->thread, NULL,
						poller_run, poller),
				 0);
	}
}

/* @return the first status that surprised one of them, or 0 */
static int pollers_end(struct poller *pollers)
{
	int failed = 0;

	for (unsigned int i = 0; i < POLLERS; i++)
		pollers[i].stop = true;
	for (unsigned int i = 0; i < POLLERS; i++) {
		pthread_join(pollers[i].thread, NULL);
		if (!failed)
			failed = pollers[i].failed;
		nfs_client_unmount(&pollers[i].session);
	}
	return failed;
}

/* Each has asked for so many files more; the holder's lease goes on. */
static void pollers_wait(struct fixture *f, struct poller *pollers,
			 unsigned int files)
{
	uint64_t until = nfs_now_ns() + DEAD_WITHIN * UINT64_C(1000000);

	for (unsigned int i = 0; i < POLLERS; i++) {
		unsigned int target = pollers[i].asked + files;

		while (pollers[i].asked < target && nfs_now_ns() < until) {
			nfs_sequence(&f->session, NULL);
			pause_ns(POLL_NS);
		}
	}
}

/* Restarts ----------------------------------------------------------------- */

/* The machine has ended, and begins anew.
 * @return how long CREATE_SESSION took, ms; -1: it failed
 */
static double restart(struct fixture *f, struct nfs_conn *conn)
{
	uint64_t begun;

	f->holder.verifier[0]++;
	if (nfs_exchange_id(&f->holder, conn))
		return -1;
	nfs_session_fini(&f->session);
	begun = nfs_now_ns();
	if (nfs_create_session(&f->session, &f->holder, conn, NULL))
		return -1;
	return (double)(nfs_now_ns() - begun) / 1e6;
}

static double restart_with_pollers(struct fixture *f, unsigned int round)
{
	struct nfs_file *files = calloc(MANY, sizeof(*files));
	struct poller pollers[POLLERS];
	char prefix[32];
	double ms;
	int failed;

	assert_non_null(files);
	snprintf(prefix, sizeof(prefix), "restart-%u", round);
	cb_responder_set_default(f->responder, &never);
	fixture_hold_many(f, prefix, files, MANY);
	pollers_begin(f, pollers, prefix, MANY);
	pollers_wait(f, pollers, MANY / POLLERS + 1);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	ms = restart(f, fixture_connect(f, &f->holder));
	failed = pollers_end(pollers);
	assert_true(ms >= 0);
	assert_int_equal(failed, 0);
	assert_int_equal(nfs_reclaim_complete(&f->session), NFS4_OK);
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), "restart-%u-%u", round, i);
		fixture_assert_opens(f, prefix);
	}
	free(files);
	return ms;
}

static void test_restart_with_pollers_gets_its_session_at_once(void **state)
{
	struct fixture *f = *state;
	unsigned int rounds =
		getenv("BACKCHANNEL_TEST_LONG") ? ROUNDS_LONG : ROUNDS;
	double worst = 0;

	for (unsigned int round = 0; round < rounds; round++) {
		double ms = restart_with_pollers(f, round);

		print_message("CREATE_SESSION took %.1f ms\n", ms);
		if (ms > worst)
			worst = ms;
	}
	assert_true(worst < SESSION_WITHIN);
}

/* RFC 7530 16.34: SETCLIENTID_CONFIRM does what CREATE_SESSION does. */
static void test_restart_of_a_v40_client_is_confirmed_at_once(void **state)
{
	struct fixture *f = *state;
	struct cb_responder *responder = cb_responder_new();
	uint16_t port = server_port(f->server);
	unsigned int number = ++f->clients;
	struct nfs40_client former, next;
	struct nfs_file first, file;

	assert_int_equal(
		nfs40_client_mount(&former, f->loop, port, number, responder),
		NFS4_OK);
	/* An owner's first OPEN is to be confirmed: nothing is delegated. */
	server_make_file(f->server, "v40-first", "contents");
	assert_int_equal(nfs40_open(&former, "export/v40-first",
				    OPEN4_SHARE_ACCESS_READ, &first),
			 NFS4_OK);
	assert_true(cb_responder_wait_null(responder, 1, SOON));
	server_make_file(f->server, "v40", "contents");
	assert_int_equal(nfs40_open(&former, "export/v40",
				    OPEN4_SHARE_ACCESS_READ, &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_READ);
	fixture_conflict(f, "v40");
	assert_non_null(cb_responder_wait(responder, 0, SOON));
	/* Ganesha ends the former client's channel without looking whether an
	 * answer is just being read from it, and crashes then (doc/upstream.md).
	 */
	pause_ns(ANSWERED_NS);
	/* Another verifier: the time. */
	assert_int_equal(
		nfs40_client_mount(&next, f->loop, port, number, responder),
		NFS4_OK);
	fixture_assert_opens(f, "v40");
	nfs40_client_fini(&next);
	nfs40_client_fini(&former);
	cb_responder_free(responder);
}

/* CREATE_SESSIONs that fail ------------------------------------------------ */

/* The recall goes on as if nothing had been asked: no other one is begun. */
static void assert_recalled_once(struct fixture *f, const char *name,
				 unsigned int *callbacks)
{
	struct nfs_file fence;
	char other[64];

	fixture_conflict(f, name);
	fixture_conflict(f, name);
	snprintf(other, sizeof(other), "%s-fence-%u", name, *callbacks);
	fixture_hold(f, other, &fence);
	fixture_conflict(f, other);
	assert_true(fixture_recalls(fixture_callback(f, *callbacks), &fence));
	fixture_return(f, &fence);
	(*callbacks)++;
	assert_int_equal(cb_responder_count(f->responder), *callbacks);
}

/* @return the status of a CREATE_SESSION that is to fail */
static int try_session(struct nfs_client *client, struct nfs_conn *conn,
		       const struct nfs_create_session_args *args)
{
	struct nfs_session session;
	int rc = nfs_create_session(&session, client, conn, args);

	nfs_session_fini(&session);
	return rc;
}

/* 18.36.4: client record, sequence, principal; nothing is changed before. */
static void test_failing_create_session_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	struct nfs_create_session_args small, flags;
	struct nfs_client next = f->holder, other;
	unsigned int callbacks = 1;
	struct nfs_file file;
	struct cb_call *call;

	nfs_create_session_args_init(&small);
	small.back.maxrequestsize = 256;
	nfs_create_session_args_init(&flags);
	flags.flags = 0x80;
	fixture_hold(f, "kept", &file);
	cb_responder_push(f->responder, &held);
	fixture_conflict(f, "kept");
	call = fixture_callback(f, 0);

	next.verifier[0]++;
	next.responder = NULL;
	assert_int_equal(nfs_exchange_id(&next, conn), NFS4_OK);
	other = next;
	other.sequence += 3;
	assert_int_equal(try_session(&other, conn, NULL),
			 NFS4ERR_SEQ_MISORDERED);
	assert_recalled_once(f, "kept", &callbacks);
	other = next;
	other.cred.sys.uid += 4711;
	assert_int_equal(try_session(&other, conn, NULL), NFS4ERR_CLID_INUSE);
	assert_recalled_once(f, "kept", &callbacks);
	assert_int_equal(try_session(&next, conn, &flags), NFS4ERR_INVAL);
	assert_recalled_once(f, "kept", &callbacks);
	assert_int_equal(try_session(&next, conn, &small), NFS4ERR_TOOSMALL);
	assert_recalled_once(f, "kept", &callbacks);

	assert_int_equal(cb_call_answer(call, &correct), 0);
	assert_true(cb_call_wait_answered(call, SOON));
	fixture_return(f, &file);
	fixture_assert_opens(f, "kept");
}

/* What a session asks for matters only from one who may make it. */
static void test_too_small_is_said_last(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn = fixture_connect(f, &f->holder);
	struct nfs_create_session_args small;
	struct nfs_client other;

	nfs_create_session_args_init(&small);
	small.back.maxrequestsize = 256;
	other = f->holder;
	other.clientid ^= 0x77777777;
	assert_int_equal(try_session(&other, conn, &small),
			 NFS4ERR_STALE_CLIENTID);
	other = f->holder;
	other.sequence += 3;
	assert_int_equal(try_session(&other, conn, &small),
			 NFS4ERR_SEQ_MISORDERED);
	other = f->holder;
	other.cred.sys.uid += 4711;
	assert_int_equal(try_session(&other, conn, &small), NFS4ERR_CLID_INUSE);
	assert_int_equal(try_session(&f->holder, conn, &small),
			 NFS4ERR_TOOSMALL);
}

/* Leases that end ---------------------------------------------------------- */

static void begin_short(struct fixture *f)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
	};
	void *state = f;

	assert_int_equal(fixture_start(f, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
}

static uint64_t realtime_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The holder dies, and is expired, but not reaped yet as a rule: Ganesha counts
 * whole seconds, so that we know when.
 */
static void let_lease_end(struct fixture *f)
{
	uint64_t last;

	do {
		pause_ns(POLL_NS);
		last = realtime_ms();
	} while (last % 1000 < 20 || last % 1000 > 100);
	assert_int_equal(nfs_sequence(&f->session, NULL), NFS4_OK);
	nfs_conn_close(f->session.conn, NFS_CLOSE_RST);
	while (realtime_ms() < last - last % 1000 + 1000 * LEASE + 20) {
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		pause_ns(POLL_NS);
	}
}

static void assert_all_open(struct fixture *f, const char *prefix)
{
	uint64_t until = nfs_now_ns() + DEAD_WITHIN * UINT64_C(1000000);
	unsigned int opened = 0;
	struct nfs_file file;
	char path[64];

	while (opened < DEAD_FILES && nfs_now_ns() < until) {
		snprintf(path, sizeof(path), "export/%s-%u", prefix, opened);
		if (nfs_open(&f->opener_session, path, OPEN4_SHARE_ACCESS_WRITE,
			     &file)) {
			pause_ns(POLL_NS);
			continue;
		}
		assert_int_equal(nfs_close(&f->opener_session, &file), NFS4_OK);
		opened++;
	}
	assert_int_equal(opened, DEAD_FILES);
}

static void test_dead_holder_is_reaped_while_others_ask(void **state)
{
	struct nfs_file files[DEAD_FILES];
	struct poller pollers[POLLERS];
	struct fixture f;
	int failed;

	(void)state;
	begin_short(&f);
	fixture_hold_many(&f, "dead", files, DEAD_FILES);
	let_lease_end(&f);
	pollers_begin(&f, pollers, "dead", DEAD_FILES);
	assert_all_open(&f, "dead");
	failed = pollers_end(pollers);
	assert_int_equal(failed, 0);
	fixture_end(&f);
}

/* 18.35.4, case 3: the owner belongs to the new principal. */
static void test_dead_holder_gives_way_to_another_principal(void **state)
{
	struct nfs_file files[DEAD_FILES];
	struct nfs_client other;
	struct nfs_session session;
	struct fixture f;

	(void)state;
	begin_short(&f);
	fixture_hold_many(&f, "owner", files, DEAD_FILES);
	let_lease_end(&f);
	fixture_conflict_many(&f, "owner", 1);
	other = f.holder;
	other.responder = NULL;
	other.cred.sys.uid += 4711;
	if (GANESHA_KEEPS_EXPIRED) {
		assert_int_equal(nfs_client_mount(&other, &session),
				 NFS4ERR_CLID_INUSE);
		assert_all_open(&f, "owner");
	} else {
		assert_int_equal(nfs_client_mount(&other, &session), NFS4_OK);
		f.conns[f.nconns++] = nfs_conn_get(session.conn);
		assert_all_open(&f, "owner");
		nfs_client_unmount(&session);
	}
	fixture_end(&f);
}

int main(void)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = 60,
	};
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(
			test_restart_with_pollers_gets_its_session_at_once),
		FIXTURE_TEST(test_restart_of_a_v40_client_is_confirmed_at_once),
		FIXTURE_TEST(test_failing_create_session_changes_nothing),
		FIXTURE_TEST(test_too_small_is_said_last),
		cmocka_unit_test(test_dead_holder_is_reaped_while_others_ask),
		cmocka_unit_test(
			test_dead_holder_gives_way_to_another_principal),
	};

	return fixture_run(tests, &params);
}
