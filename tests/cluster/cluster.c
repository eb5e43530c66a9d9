/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cluster.h"

#include "ganesha.h"
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NAMESPACE "grace"
#define START_MS 60000

/* Of the group of tests that is run. */
static struct cluster group;
static const struct cluster_params *group_params;
static bool group_unclean; /* cmocka ignores a group teardown's result */

/* The cluster ---------------------------------------------------------------- */

/* Why not is on stdout. */
static bool is_possible(void)
{
	const char *missing = cephfs_missing();

	if (missing)
		printf("SKIPPED: two gateways before one CephFS: %s is not installed\n",
		       missing);
	else if (GANESHA_CEPH_UNDELEGATED && !group_params->undelegated)
		printf("SKIPPED: delegations above CEPH: none is granted with this Ganesha\n");
	else if (geteuid())
		printf("SKIPPED: two gateways before one CephFS: this needs root\n");
	else if (!network_enter())
		printf("SKIPPED: two gateways before one CephFS: no network namespace can be made\n");
	else
		return true;
	return false;
}

/* The members of the cluster, whose grace periods are one. */
static void add_member(struct cluster *c, const char *node)
{
	assert_int_equal(
		cephfs_run(c->ceph, "ganesha-rados-grace",
			   (const char *const[]){
				   "--cephconf", cephfs_conf(c->ceph), "--pool",
				   CEPHFS_POOL, "--ns", GRACE_NAMESPACE, "add",
				   node, NULL }),
		0);
}

void cluster_share_record(struct cluster *c, unsigned int n, bool shared)
{
	static const char script[] = "rm -rf \"$2\"\n"
				     "$3 || exit 0\n"
				     "mkdir -p \"$1/record\"\n"
				     "ln -s record \"$2\"\n";

	if (group_params->folder)
		assert_int_equal(
			process_run("/dev/stderr",
				    (const char *const[]){
					    "sh", "-euc", script, "sh",
					    cephfs_folder(c->ceph),
					    c->gateway[n].record,
					    shared ? "true" : "false", NULL }),
			0);
}

/* Who stands in for another one has its identity: its Nodeid or, with "fs", its host's
 * name; and its scope, which is that name unless it is said.
 */
static void make_gateway(struct cluster *c, unsigned int n)
{
	struct gateway *gateway = &c->gateway[n];
	bool one_name = group_params->passive && group_params->folder;
	char name[16];

	snprintf(name, sizeof(name), "gateway-%u", one_name ? 1 : n + 1);
	gateway->host = host_new(n + 1, name);
	assert_non_null(gateway->host);
	snprintf(gateway->record, sizeof(gateway->record), "%s/record-%u",
		 cephfs_folder(c->ceph), n);
	cluster_share_record(c, n, true);
	snprintf(gateway->nfsv4, sizeof(gateway->nfsv4),
		 "\tRecoveryBackend = %s;%s",
		 group_params->folder ? "fs" : "rados_cluster",
		 group_params->passive && !one_name ?
			 "\n\tServer_Scope = \"gateways\";" :
			 "");
}

static void start_gateway(struct cluster *c, unsigned int n)
{
	struct gateway *gateway = &c->gateway[n];
	struct server_params params = {
		.module = true,
		.fsal = "Name = CEPH; User_Id = \"admin\";",
		.path = "/",
		.address = "0.0.0.0",
		.port = 2049,
		.hold_conflicts = SERVER_DEFAULT,
		.backchannel = group_params->backchannel,
		.config = gateway->config,
		.nfsv4_config = gateway->nfsv4,
		.recovery = group_params->folder ? gateway->record : NULL,
		.export_config = "Attr_Expiration_Time = 0;",
		.lease_lifetime = CLUSTER_LEASE,
		.grace_period = CLUSTER_GRACE,
		.wrapper = host_wrapper(gateway->host),
		.start_timeout_ms = START_MS,
	};

	snprintf(gateway->config, sizeof(gateway->config),
		 "CEPH { Ceph_Conf = \"%1$s\"; }\n"
		 "MDCACHE { Dir_Chunk = 0; }\n"
		 "RADOS_KV { Ceph_Conf = \"%1$s\"; UserId = \"admin\";\n"
		 "\tPool = \"" CEPHFS_POOL "\"; Namespace = \"" GRACE_NAMESPACE
		 "\"; Nodeid = \"node-%2$u\"; }\n",
		 cephfs_conf(c->ceph), group_params->passive ? 0 : n);
	gateway->server = server_start(&params);
	assert_non_null(gateway->server);
}

void cluster_start_gateway(struct cluster *c, unsigned int n)
{
	struct gateway *gateway = &c->gateway[n];

	if (gateway->server)
		assert_int_equal(server_restart(gateway->server), 0);
	else
		start_gateway(c, n);
}

static int setup(void **state)
{
	struct cluster *c = &group;
	uint64_t start = nfs_now_ns();

	*state = c;
	c->ceph = cephfs_start();
	if (!c->ceph)
		return -1;
	add_member(c, "node-0");
	if (!group_params->passive)
		add_member(c, "node-1");
	for (unsigned int n = 0; n < 2; n++) {
		make_gateway(c, n);
		if (n == 0 || !group_params->passive)
			cluster_start_gateway(c, n);
	}
	c->loop = nfs_loop_new();
	assert_non_null(c->loop);
	print_message("the cluster serves after %.1f s\n",
		      (double)(nfs_now_ns() - start) / 1e9);
	return 0;
}

/* Ganesha itself, without the module as well, follows a dangling pointer when all is
 * over: it releases files of an export of CEPH's after the export.
 */
static bool ended_well(struct server *server, int status)
{
	static const char last[] = "Shutting down handles for FSAL Ceph";
	static const char over[] = "FSAL BACKCHANNEL unloaded";

	return !status ||
	       (status == SIGSEGV && server_log_count(server, last) &&
		server_log_count(server, over));
}

void cluster_stop_gateway(struct cluster *c, unsigned int n)
{
	struct server *server = c->gateway[n].server;
	int status = server_stop(server);

	if (ended_well(server, status))
		return;
	fprintf(stderr, "gateway %u ended with %d\n", n, status);
	server_show(server);
	group_unclean = true;
}

void cluster_kill_gateway(struct cluster *c, unsigned int n)
{
	assert_int_equal(server_signal(c->gateway[n].server, SIGKILL), 0);
	assert_true(server_wait_exit(c->gateway[n].server, SOON));
}

/* The other gateway's client is heard meanwhile. */
struct renewer {
	pthread_t thread;
	struct nfs_session *session;
	_Atomic bool stop;
};

static void *renew(void *arg)
{
	const struct timespec pause = { .tv_sec = 1 };
	struct renewer *renewer = arg;

	while (!renewer->stop) {
		nfs_sequence(renewer->session, NULL);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return NULL;
}

void cluster_restart_gateway(struct cluster *c, unsigned int n)
{
	struct renewer renewer = {
		.session = n ? &c->session : &c->opener_session,
	};
	uint64_t start = nfs_now_ns();
	int status;

	pthread_create(&renewer.thread, NULL, renew, &renewer);
	status = server_restart(c->gateway[n].server);
	renewer.stop = true;
	pthread_join(renewer.thread, NULL);
	assert_int_equal(status, 0);
	print_message("gateway %u: back after %.1f s\n", n,
		      (double)(nfs_now_ns() - start) / 1e9);
}

static void end_gateway(struct cluster *c, unsigned int n)
{
	struct gateway *gateway = &c->gateway[n];

	if (gateway->server && server_alive(gateway->server))
		cluster_stop_gateway(c, n);
	if (gateway->server && !server_callbacks_agree(gateway->server))
		group_unclean = true;
	server_free(gateway->server);
	host_free(gateway->host);
}

static int teardown(void **state)
{
	struct cluster *c = *state;

	nfs_loop_free(c->loop);
	for (unsigned int n = 0; n < 2; n++)
		end_gateway(c, n);
	cephfs_stop(c->ceph);
	return group_unclean;
}

int cluster_run_tests(const char *name, const struct CMUnitTest *tests,
		      size_t count, size_t quick,
		      const struct cluster_params *params)
{
	group_params = params;
	if (!is_possible())
		return 77;
	if (quick < count && !getenv("BACKCHANNEL_TEST_LONG")) {
		for (size_t i = quick; i < count; i++)
			printf("SKIPPED: %s takes long: ci/test --long cluster\n",
			       tests[i].name);
		count = quick;
	}
	return _cmocka_run_group_tests(name, tests, count, setup, teardown) ||
	       group_unclean;
}

/* Clients -------------------------------------------------------------------- */

void cluster_client(struct cluster *c, unsigned int n,
		    struct nfs_client *client)
{
	const struct gateway *gateway = &c->gateway[n];

	nfs_client_init(client, c->loop, server_port(gateway->server),
			++c->clients);
	assert_true(c->clients <= NETWORK_CLIENTS);
	network_client_address(c->clients, client->source,
			       sizeof(client->source));
	client->server = c->address ? c->address : host_address(gateway->host);
}

/* A gateway may be in its grace period: what is new waits, what is old is there. */
static int mount_client(struct nfs_client *client, struct nfs_session *session)
{
	int status = nfs_client_mount(client, session);

	if (status)
		fprintf(stderr, "mount failed: %d\n", status);
	return status;
}

int cluster_mount(void **state)
{
	struct cluster *c = *state;

	c->nconns = 0;
	c->responder = cb_responder_new();
	cluster_client(c, c->active, &c->holder);
	c->holder.responder = c->responder;
	cluster_client(c, c->address ? c->active : 1, &c->opener);
	if (mount_client(&c->holder, &c->session) ||
	    mount_client(&c->opener, &c->opener_session))
		return -1;
	/* The responder's log keeps connections open: close them ourselves. */
	c->conns[c->nconns++] = nfs_conn_get(c->session.conn);
	if (!c->served)
		cluster_wait_grace(c);
	c->served = true;
	return 0;
}

int cluster_unmount(void **state)
{
	struct cluster *c = *state;
	const char *text;

	nfs_client_unmount(&c->session);
	nfs_client_unmount(&c->opener_session);
	for (unsigned int i = 0; i < c->nconns; i++) {
		nfs_conn_close(c->conns[i], NFS_CLOSE_FIN);
		nfs_conn_put(c->conns[i]);
	}
	for (unsigned int n = 0; n < 2; n++) {
		struct server *server = c->gateway[n].server;

		if (c->address && n != c->active)
			continue;
		if (!server_alive(server)) {
			fprintf(stderr, "gateway %u is gone: %d\n", n,
				server_crashed(server));
			server_show(server);
			return -1;
		}
	}
	if (cb_responder_violations(c->responder, &text)) {
		fprintf(stderr, "a gateway violated the protocol: %s\n", text);
		return -1;
	}
	cb_responder_free(c->responder);
	return 0;
}

struct nfs_conn *cluster_connect(struct cluster *c, struct nfs_client *client)
{
	struct nfs_conn *conn = nfs_client_connect(client);

	assert_non_null(conn);
	assert_true(c->nconns < CLUSTER_CONNS);
	c->conns[c->nconns++] = conn;
	return conn;
}

struct nfs_conn *cluster_bind(struct cluster *c)
{
	struct nfs_conn *conn = cluster_connect(c, &c->holder);
	uint32_t dir;

	assert_int_equal(
		nfs_bind_conn(&c->session, conn, CDFC4_FORE_OR_BOTH, &dir),
		NFS4_OK);
	assert_int_equal(dir, CDFS4_BOTH);
	return conn;
}

void cluster_lose_path(struct cluster *c, enum nfs_close how)
{
	struct nfs_conn *fore = cluster_connect(c, &c->holder);
	uint64_t until = nfs_now_ns() + SOON * NS_PER_MS;
	uint32_t flags;

	nfs_conn_close(c->session.conn, how);
	nfs_session_set_conn(&c->session, fore);
	do {
		assert_int_equal(nfs_sequence(&c->session, &flags), NFS4_OK);
	} while (!(flags & SEQ4_STATUS_CB_PATH_DOWN) && nfs_now_ns() < until);
	assert_true(flags & SEQ4_STATUS_CB_PATH_DOWN);
}

void cluster_come_back(struct cluster *c, struct nfs_session *session)
{
	struct nfs_client *client = session->client;
	struct nfs_conn *conn = cluster_connect(c, client);
	char scope[NFS4_SCOPE_SIZE];

	memcpy(scope, client->scope, sizeof(scope));
	nfs_session_fini(session);
	assert_int_equal(nfs_exchange_id(client, conn), NFS4_OK);
	assert_int_equal(nfs_create_session(session, client, conn, NULL),
			 NFS4_OK);
	assert_string_equal(client->scope, scope);
}

struct cb_call *cluster_callback(struct cluster *c, unsigned int n)
{
	struct cb_call *call = cb_responder_wait(c->responder, n, SOON);

	assert_non_null(call);
	return call;
}

void cluster_assert_recalls(const struct cb_call *call,
			    const struct nfs_file *file)
{
	assert_int_equal(call->op, OP_CB_RECALL);
	assert_memory_equal(call->recall.stateid.other,
			    file->delegation.stateid.other,
			    NFS4_STATEID_OTHER_SIZE);
}

/* Files ---------------------------------------------------------------------- */

static void path_of(const char *name, char path[128])
{
	snprintf(path, 128, "export/%s", name);
}

void cluster_hold(struct cluster *c, const char *name, struct nfs_file *file)
{
	cluster_write(&c->session, name, 0);
	cluster_open_delegated(c, name, file);
}

void cluster_open_delegated(struct cluster *c, const char *name,
			    struct nfs_file *file)
{
	uint64_t until = nfs_now_ns() + SOON * NS_PER_MS;
	char path[128];

	path_of(name, path);
	for (;;) {
		assert_int_equal(
			nfs_open(&c->session, path,
				 OPEN4_SHARE_ACCESS_READ |
					 OPEN4_SHARE_ACCESS_WANT_READ_DELEG,
				 file),
			NFS4_OK);
		if (file->delegation.type == OPEN_DELEGATE_READ)
			return;
		assert_true(nfs_now_ns() < until);
		assert_int_equal(nfs_close(&c->session, file), NFS4_OK);
		/* A pause that any callback ends. */
		cb_responder_wait(c->responder,
				  cb_responder_count(c->responder), 50);
	}
}

void cluster_delegreturn(struct cluster *c, const struct nfs_file *file)
{
	struct nfs_compound compound;

	nfs_compound_init(&compound, &c->session);
	nfs_put_putfh(&compound, &file->fh);
	nfs_put_getattr(&compound);
	nfs_put_delegreturn(&compound, &file->delegation.stateid);
	assert_int_equal(nfs_compound_finish(&compound), NFS4_OK);
}

void cluster_return(struct cluster *c, const struct nfs_file *file)
{
	cluster_delegreturn(c, file);
	assert_int_equal(nfs_close(&c->session, file), NFS4_OK);
}

void cluster_send_claim(struct nfs_compound *open, struct nfs_session *session,
			const struct nfs_file *file, const char *owner)
{
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.claim = CLAIM_DELEG_CUR_FH,
		.delegation = file->delegation.stateid,
		.clientid = session->client->clientid,
		.owner = owner,
	};

	nfs_compound_init(open, session);
	nfs_put_putfh(open, &file->fh);
	nfs_put_open(open, &args);
	nfs_put_getfh(open);
	nfs_put_getattr(open);
	assert_int_equal(nfs_compound_send(open), 0);
}

void cluster_claimed(struct nfs_compound *open, struct nfs_file *claimed)
{
	*claimed = (struct nfs_file){ 0 };
	assert_int_equal(nfs_compound_wait(open, SOON), NFS4_OK);
	claimed->stateid = nfs_compound_res(open, OP_OPEN)->open.stateid;
	claimed->fh = nfs_compound_res(open, OP_GETFH)->fh;
	nfs_compound_fini(open);
}

void cluster_claim(struct cluster *c, const struct nfs_file *file,
		   const char *owner, struct nfs_file *claimed)
{
	struct nfs_compound open;

	cluster_send_claim(&open, &c->session, file, owner);
	cluster_claimed(&open, claimed);
}

void cluster_send_open(struct cluster *c, struct nfs_compound *open,
		       const char *name)
{
	struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_WRITE |
				OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
		.clientid = c->opener.clientid,
		.owner = c->opener.owner,
	};
	char path[128];

	path_of(name, path);
	nfs_compound_init(open, &c->opener_session);
	open->cachethis = true;
	args.name = nfs_put_parent(open, path);
	nfs_put_open(open, &args);
	nfs_put_getfh(open);
	assert_int_equal(nfs_compound_send(open), 0);
}

void cluster_assert_waits(struct nfs_compound *compound)
{
	assert_int_equal(nfs_compound_wait(compound, A_WHILE), -ETIMEDOUT);
}

uint64_t cluster_assert_ends(struct cluster *c, struct nfs_compound *open,
			     int ms)
{
	uint64_t start = nfs_now_ns(), took;
	const struct nfs_res *opened, *fh;
	struct nfs_file file = { 0 };

	assert_int_equal(nfs_compound_wait(open, ms), NFS4_OK);
	took = nfs_now_ns() - start;
	opened = nfs_compound_res(open, OP_OPEN);
	fh = nfs_compound_res(open, OP_GETFH);
	if (opened && fh) {
		file.stateid = opened->open.stateid;
		file.fh = fh->fh;
	}
	nfs_compound_fini(open);
	if (file.fh.len)
		assert_int_equal(nfs_close(&c->opener_session, &file), NFS4_OK);
	return took;
}

int cluster_reclaim(struct cluster *c, const struct nfs_file *held,
		    struct nfs_file *file)
{
	const struct nfs_open_args args = {
		.share_access = OPEN4_SHARE_ACCESS_READ,
		.claim = CLAIM_PREVIOUS,
		.delegate_type = OPEN_DELEGATE_READ,
		.clientid = c->holder.clientid,
		.owner = c->holder.owner,
	};
	struct nfs_compound open;
	const struct nfs_res *res;
	int status;

	nfs_compound_init(&open, &c->session);
	nfs_put_putfh(&open, &held->fh);
	nfs_put_open(&open, &args);
	status = nfs_compound_call(&open);
	res = nfs_compound_res(&open, OP_OPEN);
	*file = (struct nfs_file){ .fh = held->fh };
	if (!status) {
		file->stateid = res->open.stateid;
		file->delegation = res->open.delegation;
	}
	nfs_compound_fini(&open);
	return status;
}

void cluster_wait_grace(struct cluster *c)
{
	uint64_t until = nfs_now_ns() + 2 * CLUSTER_GRACE * 1000 * NS_PER_MS;
	struct nfs_session *sessions[] = { &c->session, &c->opener_session };
	struct nfs_file file;
	int status;

	for (unsigned int i = 0; i < 2; i++) {
		while ((status = nfs_create(
				sessions[i], "export/after-grace",
				OPEN4_SHARE_ACCESS_READ |
					OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				&file)) == NFS4ERR_GRACE &&
		       nfs_now_ns() < until) {
			assert_int_equal(nfs_sequence(sessions[!i], NULL),
					 NFS4_OK);
			/* A pause that any callback ends. */
			cb_responder_wait(c->responder,
					  cb_responder_count(c->responder),
					  100);
		}
		assert_int_equal(status, NFS4_OK);
		assert_int_equal(nfs_close(sessions[i], &file), NFS4_OK);
	}
}

/* Data ----------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t sum(const void *data, size_t len, uint64_t hash)
{
	const uint8_t *byte = data;

	while (len--)
		hash = (hash ^ *byte++) * UINT64_C(0x100000001b3);
	return hash;
}

#define SUM_START UINT64_C(0xcbf29ce484222325)

static void make_data(uint8_t data[DATA_SIZE], const char *name,
		      unsigned int version)
{
	uint64_t next = sum(&version, sizeof(version),
			    sum(name, strlen(name), SUM_START));

	for (unsigned int i = 0; i < DATA_SIZE; i++) {
		next = next * UINT64_C(6364136223846793005) + 1;
		data[i] = (uint8_t)(next >> 56);
	}
}

void cluster_write(struct nfs_session *session, const char *name,
		   unsigned int version)
{
	static uint8_t data[DATA_SIZE];
	struct nfs_file file;
	char path[128];

	path_of(name, path);
	make_data(data, name, version);
	assert_int_equal(nfs_create(session, path,
				    OPEN4_SHARE_ACCESS_WRITE |
					    OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				    &file),
			 NFS4_OK);
	assert_int_equal(
		nfs_write(session, &file.fh, &file.stateid, 0, data, DATA_SIZE),
		NFS4_OK);
	assert_int_equal(nfs_close(session, &file), NFS4_OK);
}

void cluster_assert_open_data(struct nfs_session *session,
			      const struct nfs_file *file, const char *name,
			      unsigned int version, uint32_t size)
{
	static uint8_t expected[DATA_SIZE], data[DATA_SIZE];
	uint32_t len = sizeof(data);

	make_data(expected, name, version);
	assert_int_equal(
		nfs_read(session, &file->fh, &file->stateid, 0, data, &len),
		NFS4_OK);
	assert_int_equal(len, size);
	assert_true(sum(data, len, SUM_START) ==
		    sum(expected, size, SUM_START));
}

void cluster_assert_data(struct nfs_session *session, const char *name,
			 unsigned int version)
{
	struct nfs_file file;
	char path[128];

	path_of(name, path);
	assert_int_equal(nfs_open(session, path,
				  OPEN4_SHARE_ACCESS_READ |
					  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
				  &file),
			 NFS4_OK);
	cluster_assert_open_data(session, &file, name, version, DATA_SIZE);
	assert_int_equal(nfs_close(session, &file), NFS4_OK);
}
