/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The attachment: where the module takes hold of a stock Ganesha.
 *
 * Two things of libganesha_nfsd.so are changed, both found by name and verified
 * before anything is written: some of its imports, and the
 * handlers of some operations in its table of NFSv4 operations.  If anything
 * does not fit, nothing is changed and the server runs as if the module were
 * not there.  If they are found, further imports of libganesha_nfsd.so from itself
 * (client_expiry.h, fsal_hooks.h, stateid_table.h, reload.h) and some of libntirpc.so from the
 * C library (dead_socket.h) are changed as well.
 *
 * The first session shows whether the structures that both sides read are laid
 * out as we know them (operations/first_session.c); if not, all is put back.
 */
#include "module/attachment.h"

#include "callbacks/core_ops.h"
#include "callbacks/hooks.h"
#include "delegations/client_expiry.h"
#include "delegations/fsal_hooks.h"
#include "delegations/fsal_lease.h"
#include "ganesha/configuration.h"
#include "ganesha/dialect.h"
#include "ganesha/layout.h"
#include "ganesha/ntirpc.h"
#include "ganesha/refusal.h"
#include "ganesha/settings.h"
#include "ganesha/stateid_table.h"
#include "module/image.h"
#include "module/reload.h"
#include "operations/operations.h"
#include "operations/protection.h"
#include "transport/dead_socket.h"
#include "transport/transport.h"

#include "nfs_core.h"

#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <urcu/uatomic.h>

/** An entry of Ganesha's table of operations (nfs4_Compound.c). */
struct operation {
	char *name;
	nfs4_function_t funct;
	nfs4_function_t resume;
	void (*free_res)(nfs_resop4 *);
	uint32_t resp_size;
	int exp_perm_flags;
};

/* clang-format off */
/** The names of all operations from the first opcode on, without OP_. [K] */
static const char *const operation_names[] = {
	"ACCESS", "CLOSE", "COMMIT", "CREATE", "DELEGPURGE", "DELEGRETURN",
	"GETATTR", "GETFH", "LINK", "LOCK", "LOCKT", "LOCKU", "LOOKUP",
	"LOOKUPP", "NVERIFY", "OPEN", "OPENATTR", "OPEN_CONFIRM",
	"OPEN_DOWNGRADE", "PUTFH", "PUTPUBFH", "PUTROOTFH", "READ", "READDIR",
	"READLINK", "REMOVE", "RENAME", "RENEW", "RESTOREFH", "SAVEFH",
	"SECINFO", "SETATTR", "SETCLIENTID", "SETCLIENTID_CONFIRM", "VERIFY",
	"WRITE", "RELEASE_LOCKOWNER", "BACKCHANNEL_CTL",
	"BIND_CONN_TO_SESSION", "EXCHANGE_ID", "CREATE_SESSION",
	"DESTROY_SESSION", "FREE_STATEID", "GET_DIR_DELEGATION",
	"GETDEVICEINFO", "GETDEVICELIST", "LAYOUTCOMMIT", "LAYOUTGET",
	"LAYOUTRETURN", "SECINFO_NO_NAME", "SEQUENCE", "SET_SSV",
	"TEST_STATEID", "WANT_DELEGATION", "DESTROY_CLIENTID",
	"RECLAIM_COMPLETE", "ALLOCATE", "COPY", "COPY_NOTIFY", "DEALLOCATE",
	"IO_ADVISE", "LAYOUTERROR", "LAYOUTSTATS", "OFFLOAD_CANCEL",
	"OFFLOAD_STATUS", "READ_PLUS", "SEEK", "WRITE_SAME", "CLONE",
	"GETXATTR", "SETXATTR", "LISTXATTR", "REMOVEXATTR",
};
/* clang-format on */
#define FIRST_OPCODE NFS4_OP_ACCESS

/** What ntirpc calls instead of the C library's. [K] */
static const struct bc_import_hook socket_hooks[] = {
	{ "sendmsg", (void *)sendmsg, (void *)bc_socket_sendmsg },
	{ "recv", (void *)recv, (void *)bc_socket_recv },
	{ "epoll_ctl", (void *)epoll_ctl, (void *)bc_socket_epoll_ctl },
	{ "epoll_wait", (void *)epoll_wait, (void *)bc_socket_epoll_wait },
};
#define SOCKET_IMPORTS (sizeof(socket_hooks) / sizeof(socket_hooks[0]))

static struct {
	struct bc_image ganesha; /* [K] libganesha_nfsd.so */
	struct operation *operations; /* [K] its table */
	void **imports[BC_IMPORTS]; /* [K] its slots; NULL: it has none */
	void **expiry_imports[BC_EXPIRY_IMPORTS]; /* [K] its slots, or NULL */
	void **fsal_imports[BC_FSAL_IMPORTS]; /* [K] its slots, or NULL */
	void **table_import; /* [K] its slot, or NULL */
	void **reload_import; /* [K] its slot, or NULL */
	struct bc_image ntirpc; /* [K] libntirpc.so */
	void **socket_imports[SOCKET_IMPORTS]; /* [K] its slots, or NULL */
	bool attached; /* attach and detach are serialised by their callers */
	bool replaced; /* as above; false too after a misfit */
} attachment;

/* Locating ----------------------------------------------------------------- */

/* Of a hook that this Ganesha has no import for, none is looked for.
 * @return why the slot is not found, or NULL
 */
static const char *find_import(const struct bc_image *image,
			       const struct bc_import_hook *hook, void ***slot)
{
	int rc;

	if (!hook->name)
		return NULL;
	rc = bc_image_find_import(image, hook->name, slot);
	if (rc)
		return strerror(-rc);
	if (**slot == hook->original)
		return NULL;
	return bc_image_has_code(image, **slot) ?
		       "it is bound lazily: start the server with LD_BIND_NOW=1, or link it with -z now" :
		       "leads elsewhere already";
}

/* All of a table, or none. */
static int find_imports(const struct bc_import_hook *hooks, int count,
			void ***slots)
{
	for (int i = 0; i < count; i++) {
		const struct bc_import_hook *hook = &hooks[i];
		const char *why =
			find_import(&attachment.ganesha, hook, &slots[i]);

		if (why) {
			bc_refuse("import %s of %s: %s", hook->name,
				  attachment.ganesha.path, why);
			return -ENOENT;
		}
	}
	return 0;
}

/* Without them, clients that go with recalls under way cost what they did. */
static void find_expiry_imports(void)
{
	const char *why = NULL;

	if (!bc_module_config.shield_restart)
		return;
	for (int i = 0; i < BC_EXPIRY_IMPORTS && !why; i++)
		why = find_import(&attachment.ganesha, &bc_expiry_hooks[i],
				  &attachment.expiry_imports[i]);
	if (!why)
		return;
	LogWarn(COMPONENT_NFS_CB,
		"the end of a client whose delegations are being recalled may take two leases: Ganesha's own imports: %s",
		why);
	memset(attachment.expiry_imports, 0, sizeof(attachment.expiry_imports));
}

/* The same: without them conflicts are decided as Ganesha decides them. */
static void find_fsal_imports(void)
{
	const char *why = NULL;

	if (!bc_module_config.shield_conflicts)
		return;
	for (int i = 0; i < BC_FSAL_IMPORTS && !why; i++)
		why = find_import(&attachment.ganesha, &bc_fsal_hooks[i],
				  &attachment.fsal_imports[i]);
	if (!why)
		return;
	LogWarn(COMPONENT_NFS_CB,
		"conflicts with delegations are decided by Ganesha, by IP address: its own imports: %s",
		why);
	memset(attachment.fsal_imports, 0, sizeof(attachment.fsal_imports));
	bc_module_config.shield_conflicts = false;
}

/* Without it, stateids are hashed as Ganesha hashes them. */
static void find_table_import(void)
{
	const char *why;

	if (!bc_module_config.shield_stateid_table)
		return;
	why = find_import(&attachment.ganesha, &bc_stateid_table_hook,
			  &attachment.table_import);
	if (!why)
		return;
	LogWarn(COMPONENT_NFS_CB,
		"look-ups of stateids cost what there are clients: Ganesha's own imports: %s",
		why);
	attachment.table_import = NULL;
}

/* Without it, a change of the configuration needs a restart. */
static void find_reload_import(void)
{
	const char *why = find_import(&attachment.ganesha, &bc_reload_hook,
				      &attachment.reload_import);

	if (!why)
		return;
	LogWarn(COMPONENT_NFS_CB,
		"the BACKCHANNEL block is read at the start only: Ganesha's own imports: %s",
		why);
	attachment.reload_import = NULL;
}

/* Without them, all goes on as it did. */
static void find_socket_imports(void)
{
	const char *why = "library not found";

	if (!bc_module_config.shield_sockets || !BC_LOSES_DESCRIPTORS)
		return;
	if (!bc_image_find((void *)svc_sendreply, &attachment.ntirpc))
		why = NULL;
	for (size_t i = 0; i < SOCKET_IMPORTS && !why; i++)
		why = find_import(&attachment.ntirpc, &socket_hooks[i],
				  &attachment.socket_imports[i]);
	if (!why)
		return;
	LogWarn(COMPONENT_NFS_CB,
		"connections that are reset may leave descriptors behind: ntirpc's socket calls: %s",
		why);
	memset(attachment.socket_imports, 0, sizeof(attachment.socket_imports));
}

static int find_operations(void)
{
	char names[NFS4_OP_LAST_ONE][40];
	const char *pointers[NFS4_OP_LAST_ONE];
	void *table;
	int rc;

	_Static_assert(FIRST_OPCODE + sizeof(operation_names) /
					       sizeof(operation_names[0]) ==
			       NFS4_OP_LAST_ONE,
		       "a name for each operation");
	for (int i = 0; i < NFS4_OP_LAST_ONE; i++) {
		snprintf(names[i], sizeof(names[i]), "OP_%s",
			 i < FIRST_OPCODE ? "ILLEGAL" :
					    operation_names[i - FIRST_OPCODE]);
		pointers[i] = names[i];
	}
	rc = bc_image_find_table(&attachment.ganesha, pointers,
				 NFS4_OP_LAST_ONE, sizeof(struct operation),
				 &table);
	if (rc)
		bc_refuse("table of %d operations in %s: %s", NFS4_OP_LAST_ONE,
			  attachment.ganesha.path, strerror(-rc));
	else
		attachment.operations = table;
	return rc;
}

static int locate_all(void)
{
	int rc = bc_image_find((void *)register_fsal, &attachment.ganesha);

	if (rc) {
		bc_refuse("Ganesha's library is not found: %s", strerror(-rc));
		return rc;
	}
	rc = find_imports(bc_import_hooks, BC_IMPORTS, attachment.imports);
	if (!rc)
		rc = find_operations();
	if (rc)
		return rc;
	find_expiry_imports();
	find_fsal_imports();
	find_table_import();
	find_reload_import();
	find_socket_imports();
	return 0;
}

/* Replacing ---------------------------------------------------------------- */

static int write_pointer(const struct bc_image *image, void *slot, void *value)
{
	int rc = bc_image_protect(image, slot, sizeof(void *), true);

	if (rc)
		return rc;
	uatomic_set((void **)slot, value);
	return bc_image_protect(image, slot, sizeof(void *), false);
}

static int replace_operations(void)
{
	int rc = 0;

	for (int opcode = 0; opcode < NFS4_OP_LAST_ONE && !rc; opcode++) {
		struct operation *operation = &attachment.operations[opcode];

		if (!bc_operation_handler(opcode))
			continue;
		bc_originals[opcode] = operation->funct;
		bc_original_resumes[opcode] = operation->resume;
		rc = write_pointer(&attachment.ganesha, &operation->resume,
				   (void *)bc_operation_resume);
		if (!rc)
			rc = write_pointer(&attachment.ganesha,
					   &operation->funct,
					   (void *)bc_operation_run);
	}
	return rc;
}

static int replace_imports(void)
{
	int rc = 0;

	for (int i = 0; i < BC_IMPORTS && !rc; i++)
		if (attachment.imports[i])
			rc = write_pointer(&attachment.ganesha,
					   attachment.imports[i],
					   bc_import_hooks[i].function);
	for (int i = 0; i < BC_EXPIRY_IMPORTS && !rc; i++)
		if (attachment.expiry_imports[i])
			rc = write_pointer(&attachment.ganesha,
					   attachment.expiry_imports[i],
					   bc_expiry_hooks[i].function);
	for (int i = 0; i < BC_FSAL_IMPORTS && !rc; i++)
		if (attachment.fsal_imports[i])
			rc = write_pointer(&attachment.ganesha,
					   attachment.fsal_imports[i],
					   bc_fsal_hooks[i].function);
	if (attachment.table_import && !rc)
		rc = write_pointer(&attachment.ganesha, attachment.table_import,
				   bc_stateid_table_hook.function);
	if (attachment.reload_import && !rc)
		rc = write_pointer(&attachment.ganesha,
				   attachment.reload_import,
				   bc_reload_hook.function);
	for (size_t i = 0; i < SOCKET_IMPORTS && !rc; i++)
		if (attachment.socket_imports[i])
			rc = write_pointer(&attachment.ntirpc,
					   attachment.socket_imports[i],
					   socket_hooks[i].function);
	return rc;
}

/* Not while requests may be held, which only ours can go on with. */
static void put_resumes_back(void)
{
	for (int opcode = 0; opcode < NFS4_OP_LAST_ONE; opcode++)
		if (bc_originals[opcode])
			write_pointer(&attachment.ganesha,
				      &attachment.operations[opcode].resume,
				      (void *)bc_original_resumes[opcode]);
}

static void put_all_back(void)
{
	if (!attachment.replaced)
		return;
	attachment.replaced = false;
	for (int opcode = 0; opcode < NFS4_OP_LAST_ONE; opcode++) {
		struct operation *operation = &attachment.operations[opcode];

		if (!bc_originals[opcode])
			continue;
		write_pointer(&attachment.ganesha, &operation->funct,
			      (void *)bc_originals[opcode]);
	}
	for (int i = 0; i < BC_IMPORTS; i++)
		if (attachment.imports[i])
			write_pointer(&attachment.ganesha,
				      attachment.imports[i],
				      bc_import_hooks[i].original);
	for (int i = 0; i < BC_FSAL_IMPORTS; i++)
		if (attachment.fsal_imports[i])
			write_pointer(&attachment.ganesha,
				      attachment.fsal_imports[i],
				      bc_fsal_hooks[i].original);
	if (attachment.table_import)
		write_pointer(&attachment.ganesha, attachment.table_import,
			      bc_stateid_table_hook.original);
	if (attachment.reload_import)
		write_pointer(&attachment.ganesha, attachment.reload_import,
			      bc_reload_hook.original);
	for (int i = BC_EXPIRY_IMPORTS; i-- > 0;)
		if (attachment.expiry_imports[i])
			write_pointer(&attachment.ganesha,
				      attachment.expiry_imports[i],
				      bc_expiry_hooks[i].original);
	for (size_t i = 0; i < SOCKET_IMPORTS; i++)
		if (attachment.socket_imports[i])
			write_pointer(&attachment.ntirpc,
				      attachment.socket_imports[i],
				      socket_hooks[i].original);
}

static int replace_all(void)
{
	int rc;

	attachment.replaced = true;
	rc = replace_imports();
	if (!rc)
		rc = replace_operations();
	if (rc) {
		bc_refuse("cannot write to a library: %s", strerror(-rc));
		put_all_back();
		put_resumes_back();
	}
	return rc;
}

static int imports_taken(void)
{
	int count = 0;

	for (int i = 0; i < BC_IMPORTS; i++)
		count += attachment.imports[i] != NULL;
	return count;
}

static int operations_extended(void)
{
	int count = 0;

	for (int opcode = 0; opcode < NFS4_OP_LAST_ONE; opcode++)
		count += bc_operation_handler(opcode) != NULL;
	return count;
}

/* What is granted already can still be returned. */
static void attachment_withdraw(void)
{
	put_all_back();
	bc_fsal_lease_disable();
}

/* What the core is to go by. */
static struct bc_config core_config(void)
{
	const struct bc_module_config *from = &bc_module_config;

	return (struct bc_config){
		.max_queue = from->max_queue,
		.max_slots = from->max_slots,
		.max_connections = from->max_connections,
		.max_client_connections = from->max_client_connections,
		.max_server_connections = from->max_server_connections,
		.probe = from->probe == BC_PROBE_WHEN_ON_BIND,
		.callback_timeout = from->callback_timeout * UINT64_C(1000),
		.retry_attempts = from->retry_attempts,
		.retry_first_delay = from->retry_first_delay * UINT64_C(1000),
		.lease_time = bc_settings_lease() * UINT64_C(1000),
		.idle_timeout = nfs_param.core_param.rpc.idle_timeout_s *
				UINT64_C(1000),
		.hold_time = from->shield_conflicts ? from->hold_conflicts : 0,
		.max_client_held = from->max_client_held,
		.max_server_held = from->max_server_held,
	};
}

void bc_attachment_configure(void)
{
	const struct bc_config config = core_config();

	bc_control_configure(&config);
}

bool bc_attachment_reloads(void)
{
	return attachment.attached && attachment.replaced &&
	       attachment.reload_import;
}

int bc_attach(void)
{
	const struct bc_module_config *from = &bc_module_config;
	const struct bc_config config = core_config();
	int rc = locate_all();

	if (rc)
		return rc;
	rc = bc_core_init(&config, &bc_core_ops);
	if (rc) {
		bc_refuse("%s", strerror(-rc));
		return rc;
	}
	bc_layout_on_misfit(attachment_withdraw);
	rc = replace_all();
	if (rc) {
		bc_core_fini();
		return rc;
	}
	attachment.attached = true;
	LogEvent(
		COMPONENT_NFS_CB,
		"attached to %s: %d imports, %d of %d operations; lease %u s, queue %u, slots %u, connections %u, timeout %u s, %u retries",
		attachment.ganesha.path, imports_taken(), operations_extended(),
		NFS4_OP_LAST_ONE, bc_settings_lease(), from->max_queue,
		from->max_slots, from->max_connections, from->callback_timeout,
		from->retry_attempts);
	return 0;
}

void bc_detach(void)
{
	if (!attachment.attached)
		return;
	attachment.attached = false;
	bc_layout_set(BC_LAYOUT_UNKNOWN);
	put_all_back();
	put_resumes_back();
	bc_protection_fini();
	bc_core_fini();
	bc_transport_fini();
}
