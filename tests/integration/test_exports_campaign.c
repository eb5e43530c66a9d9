/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A campaign: one folder in two exports, files that several clients have delegations of
 * through either, and at random moments requests of others that conflict and are held,
 * returns, clients that restart and lose all that they have, and the second export's
 * removal and return.  Afterwards every file is free, can be delegated again where
 * nothing has been recalled, and the server ends with nothing left.
 */
#include "exports.h"

#include <errno.h>
#include <stdio.h>

#include "rounds.h"

#define HOLD 100 /* ms */
#define FILES 8
#define HOLDERS 4
#define OPENERS 2
#define CONFLICTS 12
#define RETURNS 10
#define MAX_SENT (CONFLICTS + RETURNS + FILES * HOLDERS)

static const char *const exports[] = { "export", "second" };

/* A client that restarts has two sessions, and is done with the first. */
struct holder {
	struct nfs_client client;
	struct cb_responder *responder;
	struct nfs_session sessions[2];
	unsigned int now; /* the session in use */
	bool restarted; /* in this round */
};

struct grant {
	struct nfs_session *session; /* its holder's; NULL: it is not open */
	struct nfs_file file;
};

/* A request that is under way. */
struct sent {
	struct nfs_compound compound;
	struct nfs_session *opened; /* by whom, if it is an OPEN */
};

static struct fixture fixture;
static struct holder holders[HOLDERS];
static struct nfs_client openers[OPENERS];
static struct nfs_session opener_sessions[OPENERS];

static struct {
	struct grant grants[FILES][HOLDERS];
	bool disturbed[FILES]; /* a request has conflicted */
	struct sent sent[MAX_SENT];
	unsigned int nsent;
	bool second; /* the export is there */
	unsigned int delegated; /* in all rounds */
} campaign;

static void file_name(const struct rounds *rounds, unsigned int file,
		      char *name, size_t size)
{
	snprintf(name, size, "f-%u-%u", rounds->done, file);
}

static void random_path(struct rounds *rounds, unsigned int file, char *path,
			size_t size)
{
	char name[32];

	file_name(rounds, file, name, sizeof(name));
	snprintf(path, size, "%s/%s", exports[rounds_random(rounds, 2)], name);
}

/* What happens ---------------------------------------------------------------- */

static void open_file(struct rounds *rounds, unsigned int file,
		      unsigned int holder, uint32_t access)
{
	struct grant *grant = &campaign.grants[file][holder];
	struct holder *who = &holders[holder];
	char path[64];

	random_path(rounds, file, path, sizeof(path));
	assert_int_equal(nfs_open(&who->sessions[who->now], path,
				  access | OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &grant->file),
			 NFS4_OK);
	grant->session = &who->sessions[who->now];
	campaign.delegated +=
		grant->file.delegation.type == OPEN_DELEGATE_READ ||
		grant->file.delegation.type == OPEN_DELEGATE_WRITE;
}

/* One client writes a file, or some read it. */
static void open_files(struct rounds *rounds)
{
	char name[32];

	for (unsigned int i = 0; i < FILES; i++) {
		unsigned int first = rounds_random(rounds, HOLDERS);
		unsigned int readers = rounds_random(rounds, 4);

		file_name(rounds, i, name, sizeof(name));
		server_make_file(fixture.server, name, "contents");
		if (!readers)
			open_file(rounds, i, first, GANESHA_WRITE_ACCESS);
		for (unsigned int n = 0; n < readers; n++)
			open_file(rounds, i, (first + n) % HOLDERS,
				  OPEN4_SHARE_ACCESS_READ);
	}
}

static struct sent *send_begin(void)
{
	struct sent *sent = &campaign.sent[campaign.nsent++];

	assert_true(campaign.nsent <= MAX_SENT);
	sent->opened = NULL;
	return sent;
}

static void conflict(struct rounds *rounds)
{
	static const struct nfs_stateid none;
	unsigned int file = rounds_random(rounds, FILES);
	struct nfs_session *session =
		&opener_sessions[rounds_random(rounds, OPENERS)];
	struct sent *sent = send_begin();
	struct nfs_compound *compound = &sent->compound;
	unsigned int kind = rounds_random(rounds, 4);
	char path[64];

	campaign.disturbed[file] = true;
	random_path(rounds, file, path, sizeof(path));
	if (kind == 0) {
		sent->opened = session;
		fixture_put_open(compound, session, path);
	} else {
		nfs_compound_init(compound, session);
		nfs_put_path(compound, path);
	}
	if (kind == 1)
		nfs_put_setattr_size(compound, &none, 1);
	else if (kind == 2)
		nfs_put_write(compound, &none, 0, "text", 4);
	else if (kind == 3)
		nfs_put_getattr(compound);
	assert_int_equal(nfs_compound_send(compound), 0);
}

static bool is_delegated(const struct grant *grant)
{
	return grant->session &&
	       (grant->file.delegation.type == OPEN_DELEGATE_READ ||
		grant->file.delegation.type == OPEN_DELEGATE_WRITE);
}

/* Perhaps twice: whether it is still there is the server's business. */
static void send_return(const struct grant *grant)
{
	struct sent *sent = send_begin();

	nfs_compound_init(&sent->compound, grant->session);
	nfs_put_putfh(&sent->compound, &grant->file.fh);
	nfs_put_delegreturn(&sent->compound, &grant->file.delegation.stateid);
	assert_int_equal(nfs_compound_send(&sent->compound), 0);
}

static void give_back(struct rounds *rounds)
{
	unsigned int file = rounds_random(rounds, FILES);
	unsigned int holder = rounds_random(rounds, HOLDERS);

	if (is_delegated(&campaign.grants[file][holder]) &&
	    !holders[holder].restarted)
		send_return(&campaign.grants[file][holder]);
}

/* All that it holds is revoked. */
static void restart(struct rounds *rounds)
{
	struct holder *holder = &holders[rounds_random(rounds, HOLDERS)];

	if (holder->restarted || rounds_random(rounds, 2))
		return;
	holder->client.verifier[0]++;
	holder->now = !holder->now;
	holder->restarted = true;
	assert_int_equal(nfs_client_mount(&holder->client,
					  &holder->sessions[holder->now]),
			 NFS4_OK);
}

/* The second export goes, and comes back at the next time. */
static void change_exports(struct rounds *rounds)
{
	(void)rounds;
	assert_int_equal(exports_wait(&fixture), 0);
	campaign.second = !campaign.second;
	assert_int_equal(exports_tell(&fixture, campaign.second), 0);
}

static const struct {
	void (*happens)(struct rounds *rounds);
	unsigned int often;
} events[] = {
	{ conflict, CONFLICTS },
	{ give_back, RETURNS },
	{ restart, 2 },
	{ change_exports, 2 },
};
#define EVENTS (CONFLICTS + RETURNS + 2 + 2)

static void everything_happens(struct rounds *rounds)
{
	void (*order[EVENTS])(struct rounds *) = { NULL };
	unsigned int count = 0;

	for (unsigned int i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		for (unsigned int n = 0; n < events[i].often; n++) {
			unsigned int place = rounds_random(rounds, count + 1);

			order[count++] = order[place];
			order[place] = events[i].happens;
		}
	for (unsigned int i = 0; i < count; i++) {
		order[i](rounds);
		for (unsigned int n = rounds_random(rounds, 4); n > 0; n--)
			assert_int_equal(nfs_sequence(&fixture.session, NULL),
					 NFS4_OK);
	}
}

/* What is left ---------------------------------------------------------------- */

/* What is held is returned while the requests that want it wait. */
static void return_all(void)
{
	for (unsigned int i = 0; i < FILES; i++)
		for (unsigned int h = 0; h < HOLDERS; h++)
			if (is_delegated(&campaign.grants[i][h]) &&
			    !holders[h].restarted)
				send_return(&campaign.grants[i][h]);
}

/* An OPEN that has succeeded, perhaps through an export that is gone since. */
static void close_opened(const struct sent *sent)
{
	const struct nfs_res *open, *fh;
	struct nfs_file file;

	open = nfs_compound_res(&sent->compound, OP_OPEN);
	fh = nfs_compound_res(&sent->compound, OP_GETFH);
	if (!open || open->status || !fh || fh->status)
		return;
	file.stateid = open->open.stateid;
	file.fh = fh->fh;
	assert_true(nfs_close(sent->opened, &file) >= 0);
}

/* Each request has one answer, whichever it is. */
static void await_answers(struct rounds *rounds)
{
	for (unsigned int i = 0; i < campaign.nsent; i++) {
		struct sent *sent = &campaign.sent[i];
		int status = nfs_compound_wait(&sent->compound, SOON);

		if (status < 0)
			rounds_fail(rounds, "request %u of %u: %d", i,
				    campaign.nsent, status);
		else if (sent->opened)
			close_opened(sent);
		nfs_compound_fini(&sent->compound);
	}
	campaign.nsent = 0;
}

static void close_all(void)
{
	for (unsigned int i = 0; i < FILES; i++)
		for (unsigned int h = 0; h < HOLDERS; h++) {
			struct grant *grant = &campaign.grants[i][h];

			if (grant->session && !holders[h].restarted)
				assert_true(nfs_close(grant->session,
						      &grant->file) >= 0);
			grant->session = NULL;
		}
	for (unsigned int h = 0; h < HOLDERS; h++) {
		struct holder *holder = &holders[h];
		struct nfs_session *old = &holder->sessions[!holder->now];

		if (!holder->restarted)
			continue;
		nfs_conn_close(old->conn, NFS_CLOSE_FIN);
		nfs_session_fini(old);
		holder->restarted = false;
	}
}

/* Nothing is counted any more: another client can write it all by itself. */
static bool is_delegated_anew(const char *name)
{
	struct nfs_file file;
	char path[64];
	bool write;

	snprintf(path, sizeof(path), "export/%s", name);
	assert_int_equal(nfs_open(&fixture.session, path,
				  GANESHA_WRITE_ACCESS |
					  OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &file),
			 NFS4_OK);
	write = file.delegation.type == OPEN_DELEGATE_WRITE;
	if (write)
		fixture_return(&fixture, &file);
	else
		assert_int_equal(nfs_close(&fixture.session, &file), NFS4_OK);
	return write;
}

static void look_at_files(struct rounds *rounds)
{
	char name[32];

	for (unsigned int i = 0; i < FILES; i++) {
		file_name(rounds, i, name, sizeof(name));
		if (!campaign.disturbed[i] && !is_delegated_anew(name))
			rounds_fail(rounds, "%s is not delegated again", name);
		if (exports_become_free(&fixture, name))
			rounds_fail(rounds, "%s is stuck", name);
		campaign.disturbed[i] = false;
	}
}

static void play(struct rounds *rounds)
{
	open_files(rounds);
	everything_happens(rounds);
	return_all();
	await_answers(rounds);
	assert_int_equal(exports_wait(&fixture), 0);
	close_all();
	look_at_files(rounds);
	if (!server_alive(fixture.server))
		rounds_fail(rounds, "the server is gone");
	assert_int_equal(nfs_sequence(&fixture.session, NULL), NFS4_OK);
}

/* Beginning and end ------------------------------------------------------------ */

static void mount_all(void)
{
	for (unsigned int i = 0; i < HOLDERS; i++) {
		struct holder *holder = &holders[i];

		fixture_client(&fixture, &holder->client);
		holder->responder = cb_responder_new();
		holder->client.responder = holder->responder;
		assert_int_equal(
			nfs_client_mount(&holder->client, &holder->sessions[0]),
			NFS4_OK);
	}
	for (unsigned int i = 0; i < OPENERS; i++) {
		fixture_client(&fixture, &openers[i]);
		assert_int_equal(
			nfs_client_mount(&openers[i], &opener_sessions[i]),
			NFS4_OK);
	}
}

static void unmount(struct nfs_session *session)
{
	struct nfs_conn *conn = nfs_conn_get(session->conn);

	nfs_client_unmount(session);
	nfs_conn_close(conn, NFS_CLOSE_FIN);
	nfs_conn_put(conn);
}

static void unmount_all(void)
{
	const char *text;

	for (unsigned int i = 0; i < HOLDERS; i++) {
		unmount(&holders[i].sessions[holders[i].now]);
		if (cb_responder_violations(holders[i].responder, &text))
			fail_msg("the server violated the protocol: %s", text);
		cb_responder_free(holders[i].responder);
	}
	for (unsigned int i = 0; i < OPENERS; i++)
		unmount(&opener_sessions[i]);
}

static void test_exports_come_and_go_while_everything_happens(void **state)
{
	const struct server_params params = { .module = true,
					      .hold_conflicts = HOLD };
	struct fixture *f = &fixture;
	struct rounds rounds;

	*state = f;
	assert_int_equal(exports_start(f, &params), 0);
	assert_int_equal(fixture_mount(state), 0);
	mount_all();
	campaign.second = true;
	rounds_begin(&rounds, "exports", 50, 45);
	while (!rounds.bad && rounds_next(&rounds))
		play(&rounds);
	assert_int_equal(rounds_end(&rounds), 0);
	printf("exports: %u delegations\n", campaign.delegated);
	assert_true(campaign.delegated >= rounds.done * FILES);
	unmount_all();
	assert_int_equal(fixture_unmount(state), 0);
	assert_int_equal(server_stop(f->server), 0);
	server_print_log(f->server, "conflicting requests: ");
	server_print_log(f->server, "callbacks: ");
	server_print_log(f->server, "tables at the end: ");
	assert_int_equal(
		server_log_count(
			f->server,
			"tables at the end: 0 clients, 0 sessions, 0 connections, 0 with revoked stateids"),
		1);
	assert_int_equal(fixture_stop(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_exports_come_and_go_while_everything_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
