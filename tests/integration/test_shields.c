/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Each shield can be switched off by itself: what it has taken hold of is then
 * Ganesha's own, and all the rest is as with it.
 */
#include "fixture.h"

#include "module/image.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE 2 /* s */
#define REVOCATION 30000 /* ms, within which one comes, generously */

static const struct cb_answer held = { .when = CB_HELD };

static struct fixture fixture;

static int clear(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	return 0;
}

static int stop(void **state)
{
	return fixture_stop(*state);
}

#define SHIELD_TEST(name) cmocka_unit_test_setup_teardown(name, clear, stop)

static void start_with(struct fixture *f, const struct server_params *params)
{
	void *state = f;

	assert_int_equal(fixture_start(f, params), 0);
	assert_int_equal(fixture_mount(&state), 0);
}

static void start(struct fixture *f, const char *backchannel)
{
	const struct server_params params = {
		.module = true,
		.lease_lifetime = LEASE,
		.backchannel = backchannel,
	};

	start_with(f, &params);
}

static void unmount(struct fixture *f)
{
	void *state = f;

	assert_int_equal(fixture_unmount(&state), 0);
}

/* The line at the end of its start says that this is switched off. */
static void assert_says_off(struct fixture *f, const char *names)
{
	char text[128];

	snprintf(text, sizeof(text), "switched off: %s\n", names);
	if (server_log_count(f->server, text) != 1)
		fail_msg("the log does not say once: %s", text);
}

/* What the server's pointers lead to ---------------------------------------- */

/* As the entries of Ganesha's table of operations. */
struct entry {
	const char *name;
	void *funct;
	void *resume;
	void *free_res;
	uint32_t resp_size;
	int exp_perm_flags;
};

/** A library here, to know where things are in the server's. */
struct library {
	void *handle;
	struct bc_image image;
	const char *name; /* of its file, up to ".so" */
};

static void library_open(struct library *library, const char *path,
			 const char *symbol, const char *name)
{
	library->name = name;
	library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library->handle)
		fail_msg("%s", dlerror());
	assert_int_equal(
		bc_image_find(dlsym(library->handle, symbol), &library->image),
		0);
}

/* A mapping of the server's: the one whose file's name contains @name, with the
 * lowest address, or the one that contains @addr.  @return where it starts
 */
static uintptr_t server_mapping(struct fixture *f, const char *name,
				uintptr_t addr, char path[256])
{
	char file[64], line[512];
	uintptr_t first, last;
	FILE *maps;

	snprintf(file, sizeof(file), "/proc/%d/maps",
		 (int)server_pid(f->server));
	maps = fopen(file, "r");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		path[0] = '\0';
		if (sscanf(line,
			   "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %255s",
			   &first, &last, path) < 2)
			continue;
		if (name ? strstr(path, name) != NULL :
			   addr >= first && addr < last) {
			fclose(maps);
			return first;
		}
	}
	fclose(maps);
	fail_msg("the server has no mapping of %s", name ? name : "a pointer");
	return 0;
}

/* Where a pointer in a library of the server's leads to: the name of a file. */
static void server_leads_to(struct fixture *f, const struct library *library,
			    const void *here, char path[256])
{
	uintptr_t at = server_mapping(f, library->name, 0, path) +
		       ((uintptr_t)here - library->image.base);
	uintptr_t pointer;
	char file[64];
	FILE *memory;

	snprintf(file, sizeof(file), "/proc/%d/mem",
		 (int)server_pid(f->server));
	memory = fopen(file, "r");
	assert_non_null(memory);
	assert_int_equal(fseeko(memory, (off_t)at, SEEK_SET), 0);
	assert_int_equal(fread(&pointer, sizeof(pointer), 1, memory), 1);
	fclose(memory);
	server_mapping(f, NULL, pointer, path);
}

#define OF_MODULE "libfsalbackchannel"

/* Whether the handler of an operation is the module's; else it is Ganesha's. */
static bool is_extended(struct fixture *f, const struct library *ganesha,
			uint32_t opcode)
{
	static const char *const names[] = { "OP_ILLEGAL", "OP_ILLEGAL",
					     "OP_ILLEGAL", "OP_ACCESS" };
	char path[256];
	void *table;

	assert_int_equal(bc_image_find_table(&ganesha->image, names, 4,
					     sizeof(struct entry), &table),
			 0);
	server_leads_to(f, ganesha, &((struct entry *)table)[opcode].funct,
			path);
	if (strstr(path, OF_MODULE))
		return true;
	assert_non_null(strstr(path, ganesha->name));
	return false;
}

/* Which operations are extended: those that name stateids, those that conflict. */
static void assert_operations(struct fixture *f, bool stateids, bool conflicts)
{
	static const uint32_t always[] = { OP_CREATE_SESSION, OP_SEQUENCE,
					   OP_BIND_CONN_TO_SESSION };
	static const uint32_t shield[] = {
		OP_FREE_STATEID, OP_TEST_STATEID, OP_OPEN,	  OP_READ,
		OP_WRITE,	 OP_SETATTR,	  OP_DELEGRETURN,
	};
	static const uint32_t files[] = { OP_GETATTR, OP_REMOVE, OP_RENAME,
					  OP_LINK,    OP_CLOSE,	 OP_LOCK };
	struct library ganesha;

	library_open(&ganesha, GANESHA_NFSD_LIBRARY, "register_fsal",
		     "libganesha_nfsd.so");
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		assert_true(is_extended(f, &ganesha, always[i]));
	for (size_t i = 0; i < sizeof(shield) / sizeof(shield[0]); i++)
		assert_int_equal(is_extended(f, &ganesha, shield[i]), stateids);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(is_extended(f, &ganesha, files[i]), conflicts);
	assert_false(is_extended(f, &ganesha, OP_LOOKUP));
	dlclose(ganesha.handle);
}

static void assert_sockets(struct fixture *f, bool shielded)
{
	static const char *const imports[] = { "sendmsg", "recv", "epoll_ctl",
					       "epoll_wait" };
	struct library ntirpc;
	char path[256];
	void **slot;

	library_open(&ntirpc, NTIRPC_LIBRARY, "svc_sendreply", "libntirpc.so");
	for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
		assert_int_equal(
			bc_image_find_import(&ntirpc.image, imports[i], &slot),
			0);
		server_leads_to(f, &ntirpc, slot, path);
		assert_int_equal(strstr(path, OF_MODULE) != NULL,
				 shielded && GANESHA_LOSES_DESCRIPTORS);
	}
	dlclose(ntirpc.handle);
}

static void assert_table(struct fixture *f, bool shielded)
{
	struct library ganesha;
	char path[256];
	void **slot;

	library_open(&ganesha, GANESHA_NFSD_LIBRARY, "register_fsal",
		     "libganesha_nfsd.so");
	assert_int_equal(
		bc_image_find_import(&ganesha.image, "hashtable_init", &slot),
		0);
	server_leads_to(f, &ganesha, slot, path);
	assert_int_equal(strstr(path, OF_MODULE) != NULL, shielded);
	dlclose(ganesha.handle);
}

/* A callback goes its way, whatever is off. */
static void assert_recalls(struct fixture *f, const char *name)
{
	struct nfs_file file;

	assert_int_equal(server_log_count(f->server, "attached to "), 1);
	fixture_hold(f, name, &file);
	fixture_conflict(f, name);
	assert_true(fixture_recalls(fixture_callback(f, 0), &file));
	fixture_return(f, &file);
}

/* Tests --------------------------------------------------------------------- */

static void test_shields_are_on_unless_switched_off(void **state)
{
	struct fixture *f = *state;

	start(f, NULL);
	assert_says_off(f, "nothing");
	assert_operations(f, true, true);
	assert_sockets(f, true);
	assert_table(f, true);
	assert_recalls(f, "on");
	unmount(f);
}

static void test_shield_sockets_off_leaves_ntirpc_alone(void **state)
{
	struct fixture *f = *state;

	start(f, "Shield_Sockets = false;");
	assert_says_off(f, "Shield_Sockets");
	assert_operations(f, true, true);
	assert_sockets(f, false);
	assert_recalls(f, "sockets");
	unmount(f);
}

static void test_shield_revoked_off_leaves_stateids_to_ganesha(void **state)
{
	struct fixture *f = *state;
	uint64_t until = nfs_now_ns() + REVOCATION * UINT64_C(1000000);
	struct nfs_file file;
	uint32_t flags;

	start(f, "Shield_Revoked = false; Callback_Timeout = 1;\n"
		 "Retry_Attempts = 0;");
	assert_says_off(f, "Shield_Revoked");
	assert_operations(f, true, true);
	assert_sockets(f, true);
	fixture_hold(f, "revoked", &file);
	cb_responder_set_default(f->responder, &held);
	fixture_conflict(f, "revoked");
	/* Ganesha revokes it, and may know its stateid no more. */
	while (nfs_test_stateid(&f->session, &file.delegation.stateid) ==
	       NFS4_OK) {
		assert_true(nfs_now_ns() < until);
		assert_int_equal(nfs_sequence(&f->opener_session, NULL),
				 NFS4_OK);
		usleep(100000);
	}
	fixture_assert_opens(f, "revoked");
	assert_int_equal(
		nfs_test_stateid(&f->session, &file.delegation.stateid),
		GANESHA_KEEPS_REVOKED ? NFS4ERR_DELEG_REVOKED :
					NFS4ERR_BAD_STATEID);
	assert_int_equal(nfs_sequence(&f->session, &flags), NFS4_OK);
	assert_int_equal(!(flags & SEQ4_STATUS_RECALLABLE_STATE_REVOKED),
			 !GANESHA_KEEPS_REVOKED);
	assert_int_equal(
		nfs_free_stateid(&f->session, &file.delegation.stateid),
		GANESHA_KEEPS_REVOKED ? NFS4_OK : NFS4ERR_BAD_STATEID);
	assert_int_equal(
		server_log_count(f->server, "a delegation was revoked"), 0);
	assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	unmount(f);
}

/* Ganesha lets the new instance wait until the recall is given up, which takes
 * more than a lease; by then the new instance's own may be over as well.
 */
static void test_shield_restart_off_lets_a_restarted_client_wait(void **state)
{
	struct fixture *f = *state;
	struct nfs_conn *conn;
	struct nfs_file file;
	uint64_t before;

	start(f, "Shield_Restart = false; Callback_Timeout = 1;\n"
		 "Retry_Attempts = 0;");
	assert_says_off(f, "Shield_Restart");
	assert_operations(f, true, true);
	fixture_hold(f, "restart", &file);
	cb_responder_set_default(f->responder, &held);
	fixture_conflict(f, "restart");
	fixture_callback(f, 0);
	conn = fixture_connect(f, &f->holder);
	f->holder.verifier[0]++;
	assert_int_equal(nfs_exchange_id(&f->holder, conn), NFS4_OK);
	nfs_session_fini(&f->session);
	before = nfs_now_ns();
	assert_int_equal(
		nfs_create_session(&f->session, &f->holder, conn, NULL),
		NFS4_OK);
	assert_true(nfs_now_ns() - before > LEASE * UINT64_C(1000000000));
	unmount(f);
}

/* Ganesha decides by address: of two clients behind one, the second passes. */
static void test_shield_conflicts_off_leaves_them_to_ganesha(void **state)
{
	struct fixture *f = *state;
	struct nfs_client client = f->holder;
	struct nfs_session session;
	struct nfs_file file, other;

	start(f, "Shield_Conflicts = false; Notify_Locks = false;");
	assert_says_off(f, "Shield_Conflicts Notify_Locks");
	assert_operations(f, true, false);
	assert_recalls(f, "conflicts");
	server_make_file(f->server, "neighbour", "contents");
	assert_int_equal(nfs_open(&f->session, "export/neighbour",
				  GANESHA_WRITE_ACCESS |
					  OPEN4_SHARE_ACCESS_WANT_ANY_DELEG,
				  &file),
			 NFS4_OK);
	assert_int_equal(file.delegation.type, OPEN_DELEGATE_WRITE);
	client = f->holder;
	snprintf(client.owner, sizeof(client.owner), "%.40s-neighbour",
		 f->holder.owner);
	assert_int_equal(nfs_client_mount(&client, &session), NFS4_OK);
	if (GANESHA_TELLS_NEIGHBOURS) {
		assert_int_equal(nfs_open(&session, "export/neighbour",
					  OPEN4_SHARE_ACCESS_READ, &other),
				 NFS4ERR_DELAY);
	} else {
		assert_int_equal(nfs_open(&session, "export/neighbour",
					  OPEN4_SHARE_ACCESS_READ, &other),
				 NFS4_OK);
		assert_int_equal(nfs_close(&session, &other), NFS4_OK);
	}
	nfs_client_unmount(&session);
	fixture_return(f, &file);
	unmount(f);
}

static void test_all_shields_off_still_calls_back(void **state)
{
	struct fixture *f = *state;

	start(f, "Shield_Restart = false; Shield_Sockets = false;\n"
		 "Shield_Revoked = false; Shield_Conflicts = false;\n"
		 "Shield_Stateid_Table = false; Notify_Locks = false;");
	assert_says_off(f,
			"Shield_Restart Shield_Sockets Shield_Revoked "
			"Shield_Conflicts Shield_Stateid_Table Notify_Locks");
	assert_operations(f, false, false);
	assert_sockets(f, false);
	assert_table(f, false);
	assert_recalls(f, "all");
	unmount(f);
}

static void test_leases_off_says_so(void **state)
{
	struct fixture *f = *state;

	start(f, "Leases = false;");
	assert_says_off(f, "Leases");
	assert_operations(f, true, true);
	assert_sockets(f, true);
	unmount(f);
}

/* The table of stateids ------------------------------------------------------ */

#define CLIENTS 40
#define PARTITIONS 17 /* Ganesha's PRIME_STATE */

/* Ganesha says then where it puts a stateid. */
#define TELLS_HASHES                                                           \
	"LOG { COMPONENTS { HASHTABLE = FULL_DEBUG; STATE = FULL_DEBUG; } }"

/** A client with one open file of its own, of which the name is the contents. */
struct user {
	struct nfs_client client;
	struct nfs_session session;
	struct nfs_file file;
	char name[16];
};

static void user_opens(struct fixture *f, struct user *user, unsigned int i)
{
	char path[32];

	fixture_client(f, &user->client);
	assert_int_equal(nfs_client_mount(&user->client, &user->session), 0);
	snprintf(user->name, sizeof(user->name), "user%u", i);
	snprintf(path, sizeof(path), "export/%s", user->name);
	server_make_file(f->server, user->name, user->name);
	assert_int_equal(nfs_open(&user->session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &user->file),
			 NFS4_OK);
}

static void user_reads(struct user *user)
{
	char data[sizeof(user->name)] = "";
	uint32_t len = sizeof(data);

	assert_int_equal(nfs_read(&user->session, &user->file.fh,
				  &user->file.stateid, 0, data, &len),
			 NFS4_OK);
	assert_int_equal(len, strlen(user->name));
	assert_memory_equal(data, user->name, len);
}

static void user_closes(struct user *user)
{
	assert_int_equal(nfs_close(&user->session, &user->file), NFS4_OK);
	assert_int_equal(nfs_test_stateid(&user->session, &user->file.stateid),
			 NFS4ERR_BAD_STATEID);
	nfs_client_unmount(&user->session);
}

/* What the log says of where stateids were put: how many partitions were used, and
 * how many hashes there were.
 */
static void read_hashes(struct fixture *f, unsigned int *partitions,
			unsigned int *hashes)
{
	bool used[PARTITIONS] = { false };
	uint64_t known[CLIENTS];
	unsigned int puts = 0;
	char path[256], line[4096];
	FILE *log;

	*partitions = *hashes = 0;
	snprintf(path, sizeof(path), "%s/ganesha.log",
		 server_folder(f->server));
	log = fopen(path, "r");
	assert_non_null(log);
	while (fgets(line, sizeof(line), log)) {
		const char *where = strstr(line, "Set State ID Table ");
		unsigned int index, i = 0;
		uint64_t hash;

		where = where ? strstr(where, "} index=") : NULL;
		if (!where)
			continue;
		assert_int_equal(sscanf(where, "} index=%u rbt_hash=%" SCNu64,
					&index, &hash),
				 2);
		assert_true(index < PARTITIONS);
		assert_true(puts++ < CLIENTS);
		*partitions += !used[index];
		used[index] = true;
		while (i < *hashes && known[i] != hash)
			i++;
		if (i == *hashes)
			known[(*hashes)++] = hash;
	}
	fclose(log);
	assert_int_equal(puts, CLIENTS);
}

/* Each stateid is its client's, and found; how they are spread is in the log. */
static void check_table(struct fixture *f, bool shielded)
{
	static struct user users[CLIENTS];
	unsigned int partitions, hashes;

	for (unsigned int i = 0; i < CLIENTS; i++)
		user_opens(f, &users[i], i);
	for (unsigned int i = 0; i < CLIENTS; i++)
		user_reads(&users[i]);
	for (unsigned int i = 0; i < CLIENTS; i++)
		user_closes(&users[i]);
	read_hashes(f, &partitions, &hashes);
	if (shielded) {
		assert_int_equal(hashes, CLIENTS);
		assert_true(partitions > PARTITIONS / 2);
	} else { /* the first stateid of each client */
		assert_int_equal(hashes, 1);
		assert_int_equal(partitions, 1);
	}
}

static void test_stateids_of_many_clients_are_spread_and_found(void **state)
{
	static const struct server_params params = {
		.module = true,
		.config = TELLS_HASHES,
	};
	struct fixture *f = *state;

	start_with(f, &params);
	check_table(f, true);
	unmount(f);
}

static void test_shield_stateid_table_off_leaves_it_to_ganesha(void **state)
{
	static const struct server_params params = {
		.module = true,
		.backchannel = "Shield_Stateid_Table = false;",
		.config = TELLS_HASHES,
	};
	struct fixture *f = *state;

	start_with(f, &params);
	assert_says_off(f, "Shield_Stateid_Table");
	assert_operations(f, true, true);
	assert_table(f, false);
	check_table(f, false);
	unmount(f);
}

/* Built as for a Ganesha whose record of clients is another one: what the first
 * session shows, when the table has long been made.
 */
static void test_stateid_table_outlives_a_withdrawal(void **state)
{
	static const struct server_params params = {
		.module = true,
		.module_path = OTHER_CLIENT,
		.config = TELLS_HASHES,
	};
	struct fixture *f = *state;

	start_with(f, &params);
	assert_int_equal(server_log_count(f->server, "does not fit"), 1);
	assert_table(f, false);
	check_table(f, true);
	unmount(f);
}

/* 9P ------------------------------------------------------------------------ */

/* A port that was free a moment ago, for 9P's own listener. */
static uint16_t port_for_9p(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void check_9p(struct fixture *f, const char *backchannel)
{
	char port[64];
	const struct server_params params = {
		.module = true,
		.backchannel = backchannel,
		.protocols = "4, 9P",
		.config = port,
	};
	struct nfs_file file;
	void *state = f;

	snprintf(port, sizeof(port), "_9P { _9P_TCP_Port = %u; }",
		 port_for_9p());
	assert_int_equal(fixture_start(f, &params), 0);
	assert_int_equal(fixture_mount(&state), 0);
	assert_int_equal(server_log_count(f->server,
					  "Leases grants no delegations: 9P "
					  "is among the Protocols"),
			 1);
	server_make_file(f->server, "a", "contents");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			nfs_open(&f->session, "export/a",
				 OPEN4_SHARE_ACCESS_READ |
					 OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				 &file),
			NFS4_OK);
		assert_int_not_equal(file.delegation.type, OPEN_DELEGATE_READ);
		assert_int_equal(nfs_close(&f->session, &file), NFS4_OK);
	}
	fixture_assert_flags(f, 0);
	unmount(f);
}

static void test_9p_grants_nothing_and_says_why(void **state)
{
	check_9p(*state, NULL);
}

static void test_9p_grants_nothing_without_multiplex(void **state)
{
	check_9p(*state, "Multiplex = false;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHIELD_TEST(test_shields_are_on_unless_switched_off),
		SHIELD_TEST(test_shield_sockets_off_leaves_ntirpc_alone),
		SHIELD_TEST(test_shield_revoked_off_leaves_stateids_to_ganesha),
		SHIELD_TEST(
			test_shield_restart_off_lets_a_restarted_client_wait),
		SHIELD_TEST(test_shield_conflicts_off_leaves_them_to_ganesha),
		SHIELD_TEST(test_stateids_of_many_clients_are_spread_and_found),
		SHIELD_TEST(test_shield_stateid_table_off_leaves_it_to_ganesha),
		SHIELD_TEST(test_stateid_table_outlives_a_withdrawal),
		SHIELD_TEST(test_all_shields_off_still_calls_back),
		SHIELD_TEST(test_leases_off_says_so),
		SHIELD_TEST(test_9p_grants_nothing_and_says_why),
		SHIELD_TEST(test_9p_grants_nothing_without_multiplex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
