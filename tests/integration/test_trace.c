/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One callback is followed from its submission to its completion: by its id in the
 * log, where NFS_CB is at FULL_DEBUG, and by the module's probes.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define LINE 512
#define TRACED_MAX 32

static const struct server_params params = { .module = true };
static const struct server_params detailed = {
	.module = true,
	.config = "LOG { COMPONENTS { NFS_CB = FULL_DEBUG; } }",
};

/* SIGHUP makes the log as detailed as in another configuration. */
static void reload(struct fixture *f, const struct server_params *changed)
{
	unsigned int before = server_log_count(f->server, "Reread");

	assert_int_equal(server_write_config(f->server, changed), 0);
	assert_int_equal(server_signal(f->server, SIGHUP), 0);
	assert_true(server_wait_log(f->server, "Reread", before + 1, SOON));
}

/* What the log says of one callback. */
struct traced {
	unsigned int count;
	char lines[TRACED_MAX][LINE]; /* without what is before the id */
};

/* The lines of the log that contain @text, from there on. */
static void traced_read(struct fixture *f, const char *text,
			struct traced *traced)
{
	char path[LINE], line[LINE];
	FILE *file;

	snprintf(path, sizeof(path), "%s/ganesha.log",
		 server_folder(f->server));
	file = fopen(path, "re");
	assert_non_null(file);
	traced->count = 0;
	while (fgets(line, sizeof(line), file)) {
		const char *found = strstr(line, text);

		if (!found)
			continue;
		assert_true(traced->count < TRACED_MAX);
		line[strcspn(line, "\n")] = '\0';
		strcpy(traced->lines[traced->count++], found);
	}
	fclose(file);
}

/* Its next line, from @at on, is this one, behind the time. */
static void assert_next_line(const struct traced *traced, unsigned int *at,
			     const char *text)
{
	const char *said;

	if (*at >= traced->count)
		fail_msg("no line of it any more, but: %s", text);
	said = strstr(traced->lines[*at], "us: ");
	assert_non_null(said);
	assert_string_equal(said + strlen("us: "), text);
	(*at)++;
}

/* The id of the callback that recalls a delegation: of its first line. */
static unsigned long traced_id(struct fixture *f, const struct nfs_file *file)
{
	const struct nfs_stateid *stateid = &file->delegation.stateid;
	char text[LINE], line[LINE];
	struct traced traced;
	unsigned long id;
	int len;

	len = snprintf(text, sizeof(text),
		       "submitted for client %#lx: CB_RECALL, stateid %08x:",
		       (unsigned long)f->holder.clientid, stateid->seqid);
	for (int i = 0; i < NFS4_STATEID_OTHER_SIZE; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%02x",
				stateid->other[i]);
	/* It is written a moment later, by another thread. */
	server_wait_log(f->server, text, 1, SOON);
	traced_read(f, "callback ", &traced);
	for (unsigned int i = 0; i < traced.count; i++) {
		strcpy(line, traced.lines[i]);
		if (strstr(line, text) &&
		    sscanf(line, "callback %lu +", &id) == 1)
			return id;
	}
	fail_msg("the log does not say: %s", text);
	return 0;
}

static uint32_t crc32_of(const struct nfs_fh *fh)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < fh->len * 8; i++) {
		uint32_t bit = fh->data[i / 8] >> i % 8 & 1;

		crc = crc >> 1 ^ ((crc ^ bit) & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static unsigned long number_in(const char *line, const char *before)
{
	const char *found = strstr(line, before);

	assert_non_null(found);
	return strtoul(found + strlen(before), NULL, 0);
}

static void session_words(char *text, size_t size, const struct cb_call *call,
			  const char *again, unsigned long connection)
{
	int len = snprintf(text, size, "sent%s over connection %lu, session ",
			   again, connection);

	for (int i = 0; i < NFS4_SESSIONID_SIZE; i++)
		len += snprintf(text + len, size - (size_t)len, "%02x",
				call->seq.session[i]);
	snprintf(text + len, size - (size_t)len,
		 " slot %u sequence %u, xid %#x", call->seq.slot,
		 call->seq.sequence, call->xid);
}

/* The log has followed the recall of a file over both of these requests. */
static void assert_followed(struct fixture *f, const struct nfs_file *file,
			    const struct cb_call *first,
			    const struct cb_call *second)
{
	unsigned long id = traced_id(f, file), before, after;
	char prefix[64], text[LINE];
	struct traced traced;
	unsigned int at = 1;

	snprintf(prefix, sizeof(prefix), "callback %lu +", id);
	assert_true(server_wait_log(f->server, prefix, 6, SOON));
	traced_read(f, prefix, &traced);
	assert_int_equal(number_in(traced.lines[0], "file handle with CRC "),
			 crc32_of(&first->recall.fh));
	before = number_in(traced.lines[1], "over connection ");
	after = number_in(traced.lines[3], "over connection ");
	assert_int_not_equal(before, after);

	session_words(text, sizeof(text), first, "", before);
	assert_next_line(&traced, &at, text);
	snprintf(text, sizeof(text),
		 "connection %lu has ended, waits in slot %u", before,
		 first->seq.slot);
	assert_next_line(&traced, &at, text);
	session_words(text, sizeof(text), second, " again", after);
	assert_next_line(&traced, &at, text);
	snprintf(
		text, sizeof(text),
		"answered over connection %lu, slot %u sequence %u: status 0, operation 0; done",
		after, second->seq.slot, second->seq.sequence);
	assert_next_line(&traced, &at, text);
	assert_next_line(&traced, &at, "completed: answered");
	assert_int_equal(traced.count, at);
}

/* Recall the delegation of a new file, whose first request is answered only after its
 * client has connected anew.
 */
static void recall_through_reconnect(struct fixture *f, const char *name,
				     struct nfs_file *file)
{
	static const struct cb_answer never = { .when = CB_NEVER };
	struct nfs_conn *conn;

	fixture_hold(f, name, file);
	cb_responder_push(f->responder, &never);
	fixture_conflict(f, name);
	nfs_conn_close(fixture_callback(f, 0)->conn, NFS_CLOSE_RST);
	conn = fixture_bind(f);
	assert_ptr_equal(fixture_callback(f, 1)->conn, conn);
	nfs_session_set_conn(&f->session, conn);
	fixture_return(f, file);
}

static void test_callback_is_followed_through_reconnect(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;

	reload(f, &detailed);
	recall_through_reconnect(f, "followed", &file);
	assert_followed(f, &file, fixture_callback(f, 0),
			fixture_callback(f, 1));
	reload(f, &params);
}

static void test_nothing_is_written_of_a_callback_otherwise(void **state)
{
	struct fixture *f = *state;
	struct nfs_file file;
	struct traced traced;

	traced_read(f, "callback ", &traced);
	assert_int_equal(traced.count, 0);
	recall_through_reconnect(f, "silent", &file);
	fixture_assert_opens(f, "silent");
	traced_read(f, "submitted for client", &traced);
	assert_int_equal(traced.count, 0);
	assert_int_equal(server_log_count(f->server, "us: "), 0);
}

/* Probes --------------------------------------------------------------------- */

/* gdb, waiting for a probe of the server. @return its output, at "Continuing." */
static FILE *gdb_start(struct fixture *f)
{
	static const char command[] = GDB
		" -nx -q -batch -p %d"
		" -iex 'set debuginfod enabled off' -iex 'set auto-load off'"
		" -ex 'handle all nostop noprint pass'"
		" -ex 'break -probe-stap ganesha_backchannel:complete'"
		" -ex 'echo waiting\\n' -ex 'continue'"
		" -ex 'printf \"complete %%lu %%#lx %%u %%u %%lu\\n\","
		" $_probe_arg0, $_probe_arg1, $_probe_arg2, $_probe_arg3,"
		" $_probe_arg4' -ex 'detach' 2>&1";
	char line[sizeof(command) + 16];
	FILE *gdb;

	snprintf(line, sizeof(line), command, (int)server_pid(f->server));
	gdb = popen(line, "re");
	assert_non_null(gdb);
	return gdb;
}

/* @return whether it has said @text, before its end; the line is kept */
static bool gdb_says(FILE *gdb, const char *text, char *line)
{
	while (fgets(line, LINE, gdb)) {
		if (!strncmp(line, text, strlen(text)))
			return true;
		printf("gdb: %s", line);
	}
	return false;
}

static void test_probe_fires_with_its_arguments(void **state)
{
	struct fixture *f = *state;
	unsigned long id, client, ns;
	unsigned int opcode, outcome;
	struct nfs_file file;
	char line[LINE];
	bool said;
	FILE *gdb;

	if (!PROBES || !*GDB) {
		printf("skipped: %s\n",
		       PROBES ? "there is no gdb" : "built without probes");
		skip();
	}
	fixture_hold(f, "probed", &file);
	gdb = gdb_start(f);
	said = gdb_says(gdb, "waiting", line);
	if (said) {
		fixture_conflict(f, "probed");
		said = gdb_says(gdb, "complete ", line);
	}
	pclose(gdb);
	assert_true(said);
	assert_int_equal(sscanf(line, "complete %lu %lx %u %u %lu", &id,
				&client, &opcode, &outcome, &ns),
			 5);
	assert_true(id > 0);
	assert_int_equal(client, f->holder.clientid);
	assert_int_equal(opcode, OP_CB_RECALL);
	assert_int_equal(outcome, 0); /* answered */
	assert_in_range(ns, 1, SOON * 1000000000ul);
	fixture_return(f, &file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_nothing_is_written_of_a_callback_otherwise),
		FIXTURE_TEST(test_callback_is_followed_through_reconnect),
		FIXTURE_TEST(test_probe_fires_with_its_arguments),
	};

	return fixture_run(tests, &params);
}
