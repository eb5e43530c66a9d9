/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Clients that wait for locks while their connections, sessions and client ids end: a
 * real server with the module, a few files, and more clients than files, each of which
 * locks one after the other and asks again only when it is told, or in PATIENCE_MS.
 *
 *   lockers [--seed N] [--seconds N] [--clients N]
 *
 * Checked: no two have a lock; each gets it in time; most are told, and need not ask
 * for it; every wait has ended once, as the server counts them; it lives and ends
 * cleanly.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nfs41.h"
#include "responder.h"
#include "server.h"

#define FILES 3
#define CLIENTS_MAX 64
#define PATIENCE_MS 2000
#define WITHIN_MS 60000 /* who waits has the lock by then */
#define HOLD_US 2000 /* at most */
#define SUFFERS 8 /* one of so many requests is followed by a fault */

enum suffering { RESETS, CLOSES, REMAKES, RESTARTS, SUFFERINGS };
static const char *const sufferings[SUFFERINGS] = { "connections reset",
						    "connections closed",
						    "sessions made anew",
						    "clients restarted" };

static struct bounds {
	unsigned int seed, seconds, clients;
} bounds = { 1, 20, 12 };

static atomic_uint holders[FILES]; /* who has the lock: 0 or 1 */
static atomic_bool stop, failed;
static atomic_uint turns, waits, told, in_vain, suffered[SUFFERINGS];

/* One client, in its thread. */
struct locker {
	pthread_t thread;
	unsigned int number, random;
	struct nfs_client client;
	struct nfs_session session;
	struct cb_responder *responder;
	struct nfs_conn *conn; /* +1 ref */
	unsigned int called; /* callbacks that it has seen */
};

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "FAILED (seed %u): ", bounds.seed);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	atomic_store(&failed, true);
	atomic_store(&stop, true);
}

static unsigned int random_below(struct locker *locker, unsigned int limit)
{
	return (unsigned int)rand_r(&locker->random) % limit;
}

/* @return whether @a status is NFS4_OK; if not, the run has failed */
static bool ok(const struct locker *locker, const char *what, int status)
{
	if (status)
		fail("locker %u: %s: %d", locker->number, what, status);
	return !status;
}

/* What it suffers ------------------------------------------------------------ */

static bool reconnect(struct locker *locker, enum nfs_close how)
{
	nfs_conn_close(locker->conn, how);
	nfs_conn_put(locker->conn);
	locker->conn = nfs_client_connect(&locker->client);
	if (!locker->conn) {
		fail("locker %u: no connection", locker->number);
		return false;
	}
	nfs_session_set_conn(&locker->session, locker->conn);
	return ok(locker, "BIND_CONN_TO_SESSION",
		  nfs_bind_conn(&locker->session, locker->conn,
				CDFC4_FORE_OR_BOTH, NULL));
}

static bool remake(struct locker *locker)
{
	if (!ok(locker, "DESTROY_SESSION",
		nfs_destroy_session(&locker->session, NULL)))
		return false;
	nfs_session_fini(&locker->session);
	return ok(locker, "CREATE_SESSION",
		  nfs_create_session(&locker->session, &locker->client,
				     locker->conn, NULL));
}

/* Sometimes. @return what it was; SUFFERINGS: nothing */
static enum suffering suffer(struct locker *locker, atomic_uint *holder)
{
	enum suffering what = random_below(locker, SUFFERINGS);

	if (random_below(locker, SUFFERS) || atomic_load(&stop))
		return SUFFERINGS;
	atomic_fetch_add(&suffered[what], 1);
	switch (what) {
	case RESETS:
		reconnect(locker, NFS_CLOSE_RST);
		break;
	case CLOSES:
		reconnect(locker, NFS_CLOSE_FIN);
		break;
	case REMAKES:
		remake(locker);
		break;
	case RESTARTS:
		if (holder)
			atomic_store(holder, 0);
		ok(locker, "restart",
		   nfs_client_restart(&locker->session, locker->conn));
		break;
	case SUFFERINGS:
		break;
	}
	return what;
}

/* A turn ----------------------------------------------------------------------- */

static bool open_file(struct locker *locker, unsigned int number,
		      struct nfs_file *file)
{
	char path[32];

	snprintf(path, sizeof(path), "export/lock-%u", number);
	return ok(locker, "OPEN",
		  nfs_open(&locker->session, path,
			   OPEN4_SHARE_ACCESS_BOTH |
				   OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
			   file));
}

/* It waits until it is told of a lock, of whichever. */
static void await(struct locker *locker)
{
	atomic_fetch_add(&waits, 1);
	if (cb_responder_wait(locker->responder, locker->called, PATIENCE_MS))
		atomic_fetch_add(&told, 1);
	else
		atomic_fetch_add(&in_vain, 1);
	locker->called = cb_responder_count(locker->responder);
}

/* @return false: the run is over */
static bool get_lock(struct locker *locker, unsigned int number,
		     struct nfs_file *file, struct nfs_res *lock)
{
	const uint64_t until = nfs_now_ns() + WITHIN_MS * UINT64_C(1000000);
	int status;

	locker->called = cb_responder_count(locker->responder);
	while ((status = nfs_lock(&locker->session, file, "locker", WRITEW_LT,
				  lock)) == NFS4ERR_DENIED) {
		if (atomic_load(&stop))
			return false;
		if (nfs_now_ns() > until)
			fail("locker %u waits for a lock for too long",
			     locker->number);
		if (suffer(locker, NULL) == RESTARTS) {
			if (!open_file(locker, number, file))
				return false;
			continue;
		}
		await(locker);
	}
	return ok(locker, "LOCK", status);
}

/* Nobody else has it. @return false: its client has restarted, and has nothing */
static bool have_lock(struct locker *locker, atomic_uint *holder)
{
	if (atomic_fetch_add(holder, 1) != 0)
		fail("locker %u has a lock that another one has, too",
		     locker->number);
	usleep(random_below(locker, HOLD_US));
	if (suffer(locker, holder) == RESTARTS)
		return false;
	atomic_store(holder, 0);
	return true;
}

static void turn(struct locker *locker)
{
	unsigned int number = random_below(locker, FILES);
	struct nfs_file file;
	struct nfs_res lock;

	if (!open_file(locker, number, &file))
		return;
	if (get_lock(locker, number, &file, &lock)) {
		atomic_fetch_add(&turns, 1);
		if (!have_lock(locker, &holders[number]) ||
		    !ok(locker, "LOCKU",
			nfs_locku(&locker->session, &file, &lock.stateid)))
			return;
	}
	if (!atomic_load(&failed))
		ok(locker, "CLOSE", nfs_close(&locker->session, &file));
}

static void *run(void *arg)
{
	struct locker *locker = arg;

	while (!atomic_load(&stop))
		turn(locker);
	return NULL;
}

/* The run ------------------------------------------------------------------------ */

static void start(struct locker *locker, unsigned int number,
		  struct nfs_loop *loop, struct server *server)
{
	*locker = (struct locker){
		.number = number,
		.random = bounds.seed * CLIENTS_MAX + number,
		.responder = cb_responder_new(),
	};
	nfs_client_init(&locker->client, loop, server_port(server), number + 1);
	locker->client.responder = locker->responder;
	if (nfs_client_mount(&locker->client, &locker->session))
		abort();
	locker->conn = nfs_conn_get(locker->session.conn);
	if (pthread_create(&locker->thread, NULL, run, locker))
		abort();
}

static void end(struct locker *locker)
{
	const char *text;

	pthread_join(locker->thread, NULL);
	if (cb_responder_violations(locker->responder, &text))
		fail("locker %u: %s", locker->number, text);
	nfs_client_unmount(&locker->session);
	nfs_conn_end(&locker->conn);
	cb_responder_free(locker->responder);
}

/* Most are told of what they wait for. */
static void check_figures(void)
{
	printf("%u turns; waited %u times, told %u, asked by themselves %u\n",
	       turns, waits, told, in_vain);
	for (unsigned int i = 0; i < SUFFERINGS; i++)
		printf("%s%u %s", i ? ", " : "", suffered[i], sufferings[i]);
	puts("");
	fflush(stdout);
	if (!failed && (waits < turns / 4 || in_vain > waits / 20))
		fail("%u of %u who waited were not told", in_vain, waits);
}

static void check_server(struct server *server)
{
	struct server_locks locks;
	int status = server_stop(server);

	if (status)
		fail("the server ended with %d", status);
	if (!server_callbacks_agree(server))
		fail("a callback has not completed once");
	if (!server_locks(server, &locks))
		fail("the server does not say what has become of who waited");
	else if (locks.waited != locks.granted + locks.left +
					 locks.did_not_come + locks.not_told +
					 locks.forgotten)
		fail("of %lu who waited not each has ended once", locks.waited);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 't' },
		{ "clients", required_argument, NULL, 'c' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		unsigned int value =
			option == '?' ? 0 :
					(unsigned int)strtoul(optarg, NULL, 10);

		if (option == 's')
			bounds.seed = value;
		else if (option == 't')
			bounds.seconds = value;
		else if (option == 'c' && value <= CLIENTS_MAX)
			bounds.clients = value;
		else
			option = '?';
		if (option == '?' || !value) {
			fputs("usage: lockers [--seed N] [--seconds N] [--clients 1..64]\n",
			      stderr);
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	static struct locker lockers[CLIENTS_MAX];
	struct nfs_loop *loop;
	struct server *server;

	parse(argc, argv);
	printf("seed %u\n", bounds.seed);
	fflush(stdout);
	server = server_start(&(struct server_params){ .module = true,
						       .lease_lifetime = 60 });
	if (!server)
		return 1;
	server_make_files(server, "lock-%u", FILES);
	loop = nfs_loop_new();
	for (unsigned int i = 0; i < bounds.clients; i++)
		start(&lockers[i], i, loop, server);
	for (unsigned int i = 0; i < bounds.seconds && !atomic_load(&stop); i++)
		sleep(1);
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < bounds.clients; i++)
		end(&lockers[i]);
	check_figures();
	check_server(server);
	if (failed)
		server_show(server);
	nfs_loop_free(loop);
	server_free(server);
	return failed;
}
