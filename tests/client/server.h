/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A real ganesha.nfsd of one's own on a free loopback port: configuration,
 * export, log, pid file and recovery state in a temporary folder.  The process
 * is a child that dies with the thread that started it.  A server belongs to
 * one thread.
 *
 * Environment: GANESHA_NFSD (default "ganesha.nfsd"), BACKCHANNEL_MODULE (path
 * of libfsalbackchannel.so), GANESHA_PLUGINS (the folder with libfsalvfs.so;
 * default: found under /usr/lib), SERVER_KEEP (leave the folder behind).
 */
#ifndef NFS41_CLIENT_SERVER_H
#define NFS41_CLIENT_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_DEFAULT UINT_MAX /* it is not said in the configuration */

/** All zeros: stock Ganesha with FSAL VFS. Strings are borrowed by start. */
struct server_params {
	bool module; /* FSAL BACKCHANNEL over VFS */
	const char *module_path; /* NULL: BACKCHANNEL_MODULE */
	const char *plugin; /* a further plugin's path; NULL: none */
	const char *fsal; /* block of the FSAL; NULL: "Name = VFS;" */
	const char *path; /* that is exported; NULL: server_export() */
	const char *address; /* where it listens; NULL: 127.0.0.1 */
	uint16_t port; /* 0: one that is free here */
	const char *backchannel; /* lines in the BACKCHANNEL block */
	const char *admin_socket; /* NULL: server_admin_socket() */
	unsigned int hold_conflicts; /* ms; or SERVER_DEFAULT */
	const char *config; /* further blocks */
	const char *protocols; /* of NFS_CORE_PARAM; NULL: "4" */
	unsigned int max_connections; /* RPC_Max_Connections; 0: 10,000 */
	const char *core_config; /* further lines in NFS_CORE_PARAM */
	const char *nfsv4_config; /* further lines in NFSv4 */
	const char *recovery; /* RecoveryRoot; NULL: a folder of its own */
	const char *export_config; /* further lines in the EXPORT block */
	unsigned int lease_lifetime; /* s; 0: 20 */
	unsigned int grace_period; /* s; 0: Graceless */
	const char *const *wrapper; /* argv before it, NULL-terminated */
	const char *const *env; /* "NAME=value", NULL-terminated */
	int start_timeout_ms; /* 0: nfs_timeout_ms() */
};

struct server;

/**
 * Start it and wait until its log says that it is initialised.
 * @return the server; NULL: the reason and the log's end are on stderr
 */
struct server *server_start(const struct server_params *params);
/**
 * SIGTERM, a bounded wait, SIGKILL; keeps the folder for server_restart().
 * @return as server_crashed(): 0 for a clean end
 */
int server_stop(struct server *server);
/**
 * After server_stop() or a crash: the same folder, port and configuration. Not in the
 * second in which it was started before, by which Ganesha tells its instances apart.
 */
int server_restart(struct server *server);
/**
 * Stop it and remove its folder. Aborts the test if a sanitizer in the module
 * has reported anything, after showing it. NULL is allowed.
 */
void server_free(struct server *server);

uint16_t server_port(const struct server *server);
pid_t server_pid(const struct server *server);
/** Its temporary folder; the configuration there is "ganesha.conf". */
const char *server_folder(const struct server *server);
/** Where its Admin_Socket is, unless that was said otherwise. */
const char *server_admin_socket(const struct server *server);
/** The exported folder; clients see it as "export". */
const char *server_export(const struct server *server);
/** Make file @a name in the export; for tests that open existing files. */
void server_make_file(const struct server *server, const char *name,
		      const char *contents);
/** The same for @a count files, named by @a format with one %u. */
void server_make_files(const struct server *server, const char *format,
		       unsigned int count);

/** Still running. */
bool server_alive(struct server *server);
/**
 * How it ended: 0 while it runs or after exit status 0, else the signal that
 * killed it, or -status of its exit.
 */
int server_crashed(struct server *server);
/** Wait until it has ended. @return false when the time is over */
bool server_wait_exit(struct server *server, int timeout_ms);
/** Send it a signal, e.g. SIGHUP. */
int server_signal(struct server *server, int signal);

/** Its open file descriptors; -1 when it has ended. */
int server_fds(struct server *server);
/** Connections to its port that it has not closed. */
int server_connections(struct server *server);
/** Resident memory, KiB; -1 when it has ended. */
long server_rss_kib(struct server *server);
/** CPU time used, ms; -1 when it has ended. */
long server_cpu_ms(struct server *server);

/** How many lines of the log contain @a text. */
unsigned int server_log_count(struct server *server, const char *text);
/** Wait until at least @a count lines of the log contain @a text. */
bool server_wait_log(struct server *server, const char *text,
		     unsigned int count, int timeout_ms);
/**
 * Whether as many callbacks have completed as were submitted, by the module's
 * last line in the log. True without one: it crashed, or has no module.
 */
bool server_callbacks_agree(struct server *server);
/** What has become of locks that were waited for. */
struct server_locks {
	unsigned long waited; /* of them: */
	unsigned long granted, left, did_not_come, not_told, forgotten;
	unsigned long refused; /* not let wait: a limit */
	unsigned long notified; /* callbacks */
};
/** By the module's last line in the log. @return false: there is none */
bool server_locks(struct server *server, struct server_locks *locks);
/** What has become of requests that conflicted with a delegation. */
struct server_held {
	unsigned long held; /* of them: */
	unsigned long went_on, in_vain;
	unsigned long refused; /* not held: a limit */
	unsigned long looks; /* how often any of them looked again */
};
/** By the module's last line in the log. @return false: there is none */
bool server_held(struct server *server, struct server_held *held);
/** Print the events of the log that contain @a text on stdout. */
void server_print_log(struct server *server, const char *text);
/** Print the ends of its log, and of what else it printed, on stderr. */
void server_show(struct server *server);

/** Show what it has open, on stderr: each socket with its line of /proc/net. */
void server_show_descriptors(struct server *server);
/** Overwrite the configuration with @a params' (for SIGHUP, restart). */
int server_write_config(struct server *server,
			const struct server_params *params);

/**
 * A new folder with links to the packaged plugins and, if not NULL, to
 * @a module.
 * @return 0, the path in @a folder; -errno
 */
int server_make_plugins(const char *module, char *folder, size_t size);

#endif
