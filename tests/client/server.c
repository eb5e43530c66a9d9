/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ganesha.h"
#include "rpc.h"

#define INITIALISED "NFS SERVER INITIALIZED"
#define MAX_ARGS 64
#define MAX_ENV 512
#define LOG_TAIL 8000 /* bytes shown when a start fails */

extern char **environ;

struct server {
	char folder[PATH_MAX / 2];
	char export[PATH_MAX];
	char conf[PATH_MAX];
	char log[PATH_MAX];
	char pidfile[PATH_MAX];
	char admin[PATH_MAX];
	char plugins[PATH_MAX];
	uint16_t port;
	const char *const *wrapper;
	const char *const *env;
	int start_timeout_ms;
	time_t started; /* s; when it was initialised */
	pid_t pid;
	int pidfd; /* -1: no process */
	int status; /* of waitpid(), when pidfd is -1 */
};

/* ---- The folder ---- */

static const char *temp_root(void)
{
	const char *root = getenv("TMPDIR");

	return root && *root ? root : "/tmp";
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *folder)
{
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A port that was free a moment ago: at all addresses, since a Ganesha listens there,
 * of both families where there are two; a port is in the same place in either's.
 */
static uint16_t free_port(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(address);
	uint16_t port = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		address.sin6_family = AF_INET;
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	if (!bind(fd, (struct sockaddr *)&address, len) &&
	    !getsockname(fd, (struct sockaddr *)&address, &len))
		port = ntohs(address.sin6_port);
	close(fd);
	return port;
}

static int link_into(const char *target, const char *folder)
{
	const char *name = strrchr(target, '/');
	char link[PATH_MAX], absolute[PATH_MAX];

	if (!realpath(target, absolute))
		return -errno;
	snprintf(link, sizeof(link), "%s/%s", folder, name ? name + 1 : target);
	return symlink(absolute, link) ? -errno : 0;
}

/* The pattern's matches become links in @a folder. */
static int link_plugins(const char *pattern, const char *folder)
{
	glob_t found;
	int error = -ENOENT;

	if (!glob(pattern, 0, NULL, &found)) {
		error = 0;
		for (size_t i = 0; i < found.gl_pathc && !error; i++)
			error = link_into(found.gl_pathv[i], folder);
	}
	globfree(&found);
	return error;
}

/* The packaged plugins' folder. */
static int find_plugins(char *folder, size_t size)
{
	static const char *const patterns[] = {
		"/usr/lib/*/ganesha/libfsalvfs.so",
		"/usr/lib*/ganesha/libfsalvfs.so",
	};
	const char *given = getenv("GANESHA_PLUGINS");
	int error = -ENOENT;

	if (given) {
		snprintf(folder, size, "%s", given);
		return 0;
	}
	for (size_t i = 0; i < 2 && error; i++) {
		glob_t found;

		if (!glob(patterns[i], 0, NULL, &found)) {
			snprintf(folder, size, "%s", found.gl_pathv[0]);
			*strrchr(folder, '/') = '\0';
			error = 0;
		}
		globfree(&found);
	}
	return error;
}

static int fill_plugins(const char *module, const char *folder)
{
	char packaged[PATH_MAX / 2], pattern[PATH_MAX];
	int error = find_plugins(packaged, sizeof(packaged));

	if (error)
		return error;
	snprintf(pattern, sizeof(pattern), "%s/libfsal*.so", packaged);
	error = link_plugins(pattern, folder);
	/* A module that is installed does not stand in for the one to test. */
	snprintf(pattern, sizeof(pattern), "%s/libfsalbackchannel.so", folder);
	unlink(pattern);
	if (!error && module)
		error = link_into(module, folder);
	return error;
}

int server_make_plugins(const char *module, char *folder, size_t size)
{
	snprintf(folder, size, "%s/ganesha-plugins-XXXXXX", temp_root());
	if (!mkdtemp(folder))
		return -errno;
	return fill_plugins(module, folder);
}

int server_write_config(struct server *server,
			const struct server_params *params)
{
	FILE *file = fopen(server->conf, "we");

	if (!file)
		return -errno;
	fprintf(file,
		"NFS_CORE_PARAM {\n"
		"\tNFS_Port = %u;\n\tBind_addr = %s;\n"
		"\tProtocols = %s;\n\tEnable_NLM = false;\n"
		"\tEnable_RQUOTA = false;\n\tEnable_UDP = false;\n"
		"\tRPC_Max_Connections = %u;\n"
		"\tPlugins_Dir = \"%s\";\n" GANESHA_CORE_CONFIG "%s\n}\n",
		server->port, params->address ? params->address : "127.0.0.1",
		params->protocols ? params->protocols : "4",
		params->max_connections ? params->max_connections : 10000,
		server->plugins,
		params->core_config ? params->core_config : "");
	fprintf(file,
		"NFSv4 {\n\tMinor_Versions = 0, 1, 2;\n"
		"\tDelegations = true;\n\tLease_Lifetime = %u;\n"
		"\tRecoveryRoot = \"%s%s\";\n%s\n",
		params->lease_lifetime ? params->lease_lifetime : 20,
		params->recovery ? params->recovery : server->folder,
		params->recovery ? "" : "/recovery",
		params->nfsv4_config ? params->nfsv4_config : "");
	if (params->grace_period)
		fprintf(file, "\tGrace_Period = %u;\n}\n",
			params->grace_period);
	else
		fprintf(file, "\tGraceless = true;\n}\n");
	fprintf(file,
		"EXPORT {\n\tExport_Id = 1;\n\tPath = \"%s\";\n"
		"\tPseudo = \"/export\";\n\tProtocols = 4;\n"
		"\tTransports = TCP;\n\tAccess_Type = RW;\n"
		"\tSquash = None;\n\tSecType = sys, none;\n"
		"\tDelegations = RW;\n\tFSAL {\n%s%s%s\n\t}\n%s\n}\n",
		params->path ? params->path : server->export,
		params->module ? "\t\tName = BACKCHANNEL;\n\t\tFSAL {\n" : "",
		params->fsal ? params->fsal : "Name = VFS;",
		params->module ? "\n\t\t}" : "",
		params->export_config ? params->export_config : "");
	if (params->module)
		fprintf(file, "BACKCHANNEL {\n\tAdmin_Socket = \"%s\";\n%s\n",
			params->admin_socket ? params->admin_socket :
					       server->admin,
			params->backchannel ? params->backchannel : "");
	if (params->module && params->hold_conflicts != SERVER_DEFAULT)
		fprintf(file, "\tHold_Conflicts = %u;\n",
			params->hold_conflicts);
	if (params->module)
		fputs("}\n", file);
	if (params->config)
		fprintf(file, "%s\n", params->config);
	return fclose(file) ? -errno : 0;
}

static int make_folder(struct server *server,
		       const struct server_params *params)
{
	const char *module = params->module_path;
	char recovery[PATH_MAX];
	int error;

	snprintf(server->folder, sizeof(server->folder), "%s/ganesha-XXXXXX",
		 temp_root());
	if (!mkdtemp(server->folder))
		return -errno;
#define INSIDE(path, name)                                                     \
	snprintf(path, sizeof(path), "%s/" name, server->folder)
	INSIDE(server->export, "export");
	INSIDE(server->plugins, "plugins");
	INSIDE(server->conf, "ganesha.conf");
	INSIDE(server->log, "ganesha.log");
	INSIDE(server->pidfile, "ganesha.pid");
	INSIDE(server->admin, "admin.sock");
	INSIDE(recovery, "recovery");
#undef INSIDE
	if (mkdir(server->export, 0777) || mkdir(server->plugins, 0777) ||
	    mkdir(recovery, 0777))
		return -errno;
	if (params->module && !module)
		module = getenv("BACKCHANNEL_MODULE");
	if (params->module && !module) {
		fprintf(stderr, "server: BACKCHANNEL_MODULE is not set\n");
		return -ENOENT;
	}
	error = fill_plugins(params->module ? module : NULL, server->plugins);
	if (!error && params->plugin)
		error = link_into(params->plugin, server->plugins);
	return error ? error : server_write_config(server, params);
}

/* ---- The process ---- */

/* Only what is safe between fork and exec of a program with threads. */
static void run_child(const struct server *server, pid_t parent,
		      char *const argv[], char *const env[])
{
	sigset_t none;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that took effect */
		_exit(127);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open("/dev/null", O_RDONLY);
	dup2(fd, STDIN_FILENO);
	if (chdir(server->folder))
		_exit(127);
	/* What a wrapper or a sanitizer prints. */
	fd = open("output", O_WRONLY | O_CREAT | O_APPEND, 0666);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execvpe(argv[0], argv, env);
	_exit(127);
}

static char *unconst(const char *string)
{
	return (char *)(uintptr_t)string;
}

/* Add a setting, unless its name has one.
 * @return how many there are then
 */
static unsigned int set_env(char **env, unsigned int n, const char *setting)
{
	size_t name = strcspn(setting, "=") + 1;

	for (unsigned int i = 0; i < n; i++)
		if (!strncmp(env[i], setting, name))
			return n;
	if (n < MAX_ENV - 1)
		env[n++] = unconst(setting);
	return n;
}

static int spawn(struct server *server)
{
	const char *nfsd = getenv("GANESHA_NFSD");
	const char *const options[] = { nfsd ? nfsd : "ganesha.nfsd",
					"-F",
					"-f",
					server->conf,
					"-L",
					server->log,
					"-p",
					server->pidfile };
	char *argv[MAX_ARGS] = { NULL }, *env[MAX_ENV] = { NULL };
	pid_t parent = getpid();
	unsigned int n = 0;

	for (unsigned int i = 0; server->wrapper && server->wrapper[i]; i++)
		argv[n++] = unconst(server->wrapper[i]);
	for (unsigned int i = 0; i < sizeof(options) / sizeof(*options); i++)
		argv[n++] = unconst(options[i]);
	/* The test's own settings go first. */
	n = 0;
	for (unsigned int i = 0; server->env && server->env[i]; i++)
		n = set_env(env, n, server->env[i]);
#ifdef SERVER_PRELOAD /* the module that it loads has sanitizers */
	n = set_env(env, n, "LD_PRELOAD=" SERVER_PRELOAD);
#endif
	for (unsigned int i = 0; environ[i]; i++)
		n = set_env(env, n, environ[i]);

	unlink(server->pidfile);
	server->pid = fork();
	if (server->pid < 0)
		return -errno;
	if (!server->pid)
		run_child(server, parent, argv, env);
	server->pidfd = syscall(SYS_pidfd_open, server->pid, 0);
	return server->pidfd < 0 ? -errno : 0;
}

/* Collect the child if it has ended. */
static void reap(struct server *server)
{
	if (server->pidfd >= 0 &&
	    waitpid(server->pid, &server->status, WNOHANG) == server->pid) {
		close(server->pidfd);
		server->pidfd = -1;
	}
}

bool server_alive(struct server *server)
{
	reap(server);
	return server->pidfd >= 0;
}

int server_crashed(struct server *server)
{
	if (server_alive(server))
		return 0;
	if (WIFSIGNALED(server->status))
		return WTERMSIG(server->status);
	return -WEXITSTATUS(server->status);
}

static int left_ms(const struct timespec *deadline)
{
	uint64_t end =
		(uint64_t)deadline->tv_sec * 1000000000u + deadline->tv_nsec;
	uint64_t now = nfs_now_ns();

	return now >= end ? 0 : (int)((end - now) / 1000000u) + 1;
}

bool server_wait_exit(struct server *server, int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);

	while (server_alive(server)) {
		struct pollfd ended = { .fd = server->pidfd, .events = POLLIN };

		if (!left_ms(&deadline))
			return false;
		poll(&ended, 1, left_ms(&deadline));
	}
	return true;
}

int server_signal(struct server *server, int signal)
{
	if (!server_alive(server))
		return -ESRCH;
	return kill(server->pid, signal) ? -errno : 0;
}

int server_stop(struct server *server)
{
	server_signal(server, SIGTERM);
	if (!server_wait_exit(server, NFS_TIMEOUT)) {
		server_signal(server, SIGKILL);
		server_wait_exit(server, NFS_TIMEOUT);
	}
	return server_crashed(server);
}

/* ---- The log ---- */

unsigned int server_log_count(struct server *server, const char *text)
{
	FILE *file = fopen(server->log, "re");
	char *line = NULL;
	size_t size = 0;
	unsigned int count = 0;

	if (!file)
		return 0;
	while (getline(&line, &size, file) >= 0)
		count += strstr(line, text) != NULL;
	free(line);
	fclose(file);
	return count;
}

bool server_wait_log(struct server *server, const char *text,
		     unsigned int count, int timeout_ms)
{
	struct timespec deadline = nfs_deadline(timeout_ms);
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	bool found;

	inotify_add_watch(watch, server->folder, IN_CREATE | IN_MODIFY);
	for (;;) {
		bool alive = server_alive(server);
		struct pollfd events[2] = {
			{ .fd = watch, .events = POLLIN },
			{ .fd = server->pidfd, .events = POLLIN },
		};
		char drain[4096];

		/* Emptied first: a line written after this is an event. */
		while (read(watch, drain, sizeof(drain)) > 0)
			;
		found = server_log_count(server, text) >= count;
		if (found || !alive || !left_ms(&deadline))
			break;
		poll(events, 2, left_ms(&deadline));
	}
	close(watch);
	return found;
}

bool server_callbacks_agree(struct server *server)
{
	unsigned long submitted, completed;
	FILE *file = fopen(server->log, "re");
	char *line = NULL;
	size_t size = 0;
	bool agree = true;

	while (file && getline(&line, &size, file) >= 0) {
		const char *totals = strstr(line, "callbacks: ");

		if (!totals ||
		    sscanf(totals, "callbacks: %lu submitted, %lu completed",
			   &submitted, &completed) != 2)
			continue;
		if (submitted != completed) {
			fputs(totals, stderr);
			agree = false;
		}
	}
	free(line);
	if (file)
		fclose(file);
	return agree;
}

bool server_held(struct server *server, struct server_held *held)
{
	FILE *file = fopen(server->log, "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (file && getline(&line, &size, file) >= 0) {
		const char *totals = strstr(line, "conflicting requests: ");

		found |=
			totals &&
			sscanf(totals,
			       "conflicting requests: %lu held, %lu of them went on, %lu in vain; %lu not held because of a limit; looked again %lu times",
			       &held->held, &held->went_on, &held->in_vain,
			       &held->refused, &held->looks) == 5;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

bool server_locks(struct server *server, struct server_locks *locks)
{
	FILE *file = fopen(server->log, "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (file && getline(&line, &size, file) >= 0) {
		const char *totals = strstr(line, "locks: ");

		found |=
			totals &&
			sscanf(totals,
			       "locks: %lu waited for, %lu of them granted, %lu left, %lu not come for, %lu not told, %lu forgotten; %lu not waited for because of a limit; %lu callbacks",
			       &locks->waited, &locks->granted, &locks->left,
			       &locks->did_not_come, &locks->not_told,
			       &locks->forgotten, &locks->refused,
			       &locks->notified) == 8;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

void server_print_log(struct server *server, const char *text)
{
	static const char level[] = ":EVENT :";
	FILE *file = fopen(server->log, "re");
	char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) >= 0) {
		const char *event = strstr(line, level);

		if (event && strstr(event, text))
			printf("server: %s", event + sizeof(level) - 1);
	}
	free(line);
	if (file)
		fclose(file);
}

static void show_tail(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[LOG_TAIL + 1];
	size_t len;

	if (!file)
		return;
	if (fseek(file, -LOG_TAIL, SEEK_END))
		rewind(file);
	len = fread(text, 1, LOG_TAIL, file);
	text[len] = '\0';
	fprintf(stderr, "... %s:\n%s\n", path, text);
	fclose(file);
}

/* A socket's line of the tables of /proc/net: addresses, state, queues. None has
 * that of a TCP socket that has been reset.
 */
static void show_socket(const char *inode)
{
	static const char *const tables[] = { "tcp",  "tcp6", "udp",
					      "udp6", "unix", "netlink" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		char path[32], line[512];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/net/%s", tables[i]);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (strstr(line, inode))
				fprintf(stderr, "    %s: %s", tables[i], line);
		if (file)
			fclose(file);
	}
}

void server_show_descriptors(struct server *server)
{
	char path[64], name[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", server->pid);
	dir = server_alive(server) ? opendir(path) : NULL;
	while (dir && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, name,
					 sizeof(name) - 1);
		char inode[32];

		if (len < 0)
			continue;
		name[len] = '\0';
		fprintf(stderr, "... descriptor %s: %s\n", entry->d_name, name);
		if (sscanf(name, "socket:[%30[0-9]", inode) == 1)
			show_socket(inode);
	}
	if (dir)
		closedir(dir);
}

void server_show(struct server *server)
{
	char output[PATH_MAX];

	snprintf(output, sizeof(output), "%s/output", server->folder);
	show_tail(server->log);
	show_tail(output);
}

/*
 * Whether a sanitizer has reported on the module: any error, or a leak of what
 * the module itself has allocated (frame 1, as 0 is the runtime's malloc()).
 */
static bool sanitizer_reported(const struct server *server)
{
	char path[PATH_MAX], *line = NULL;
	bool reported = false;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/output", server->folder);
	file = fopen(path, "re");
	while (file && !reported && getline(&line, &size, file) >= 0)
		reported = strstr(line, "ERROR: AddressSanitizer") ||
			   strstr(line, ": runtime error: ") ||
			   (!strncmp(line, "    #1 ", 7) &&
			    strstr(line, "libfsalbackchannel.so)"));
	free(line);
	if (file)
		fclose(file);
	return reported;
}

static int launch(struct server *server)
{
	unsigned int before = server_log_count(server, INITIALISED);
	int error = spawn(server);

	if (error)
		return error;
	if (server_wait_log(server, INITIALISED, before + 1,
			    server->start_timeout_ms)) {
		server->started = time(NULL);
		return 0;
	}
	fprintf(stderr, "server: %s\n",
		server_alive(server) ? "not initialised in time" :
				       "ended while starting");
	server_show(server);
	server_stop(server);
	return -EIO;
}

int server_restart(struct server *server)
{
	const struct timespec next = { .tv_sec = server->started + 1 };

	if (server_alive(server))
		return -EBUSY;
	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &next, NULL))
		;
	return launch(server);
}

struct server *server_start(const struct server_params *params)
{
	struct server *server = calloc(1, sizeof(*server));
	int error;

	if (!server)
		abort();
	server->pidfd = -1;
	server->port = params->port ? params->port : free_port();
	server->wrapper = params->wrapper;
	server->env = params->env;
	server->start_timeout_ms = params->start_timeout_ms ?
					   params->start_timeout_ms :
					   NFS_TIMEOUT;
	error = make_folder(server, params);
	if (!error)
		error = launch(server);
	if (error) {
		fprintf(stderr, "server: %s\n", strerror(-error));
		server_free(server);
		return NULL;
	}
	return server;
}

void server_free(struct server *server)
{
	bool reported;

	if (!server)
		return;
	if (server_alive(server))
		server_stop(server);
	reported = sanitizer_reported(server);
	if (reported)
		server_show(server);
	if (getenv("SERVER_KEEP"))
		fprintf(stderr, "server: kept %s\n", server->folder);
	else
		remove_tree(server->folder);
	free(server);
	if (reported) /* no test passes, whatever it has expected */
		abort();
}

/* ---- What it is and uses ---- */

uint16_t server_port(const struct server *server)
{
	return server->port;
}

pid_t server_pid(const struct server *server)
{
	return server->pid;
}

const char *server_admin_socket(const struct server *server)
{
	return server->admin;
}

const char *server_folder(const struct server *server)
{
	return server->folder;
}

const char *server_export(const struct server *server)
{
	return server->export;
}

void server_make_file(const struct server *server, const char *name,
		      const char *contents)
{
	char path[PATH_MAX + 256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", server->export, name);
	file = fopen(path, "we");
	if (!file || fputs(contents, file) < 0 || fclose(file))
		abort();
}

void server_make_files(const struct server *server, const char *format,
		       unsigned int count)
{
	char name[256];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), format, i);
		server_make_file(server, name, name);
	}
}

int server_fds(struct server *server)
{
	char path[64];
	DIR *dir;
	int count = -2; /* "." and ".." */

	snprintf(path, sizeof(path), "/proc/%d/fd", server->pid);
	dir = server_alive(server) ? opendir(path) : NULL;
	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* TCP sockets of a table of /proc/net whose local end is 127.0.0.1:@a port and
 * which a process still has open: established, or closed by the peer alone.
 * IPv6's addresses end in the mapped IPv4 one.
 */
static int count_connections(const char *table, uint16_t port)
{
	enum { ESTABLISHED = 1, CLOSE_WAIT = 8 };
	FILE *file = fopen(table, "re");
	char line[512], loopback[16];
	int count = 0;

	snprintf(loopback, sizeof(loopback), "%08X", htonl(INADDR_LOOPBACK));
	while (file && fgets(line, sizeof(line), file)) {
		char address[40] = "";
		unsigned int local, state;

		if (sscanf(line, " %*d: %39[0-9A-F]:%x %*[0-9A-F]:%*x %x",
			   address, &local, &state) == 3 &&
		    strlen(address) >= strlen(loopback) &&
		    !strcmp(address + strlen(address) - strlen(loopback),
			    loopback) &&
		    local == port &&
		    (state == ESTABLISHED || state == CLOSE_WAIT))
			count++;
	}
	if (file)
		fclose(file);
	return count;
}

int server_connections(struct server *server)
{
	return count_connections("/proc/net/tcp", server->port) +
	       count_connections("/proc/net/tcp6", server->port);
}

/* Number @a field (from 0) of a file of /proc/PID, after the command's name. */
static long proc_field(struct server *server, const char *name,
		       unsigned int field)
{
	char path[64], text[1024], *next;
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", server->pid, name);
	file = server_alive(server) ? fopen(path, "re") : NULL;
	if (!file)
		return -1;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	next = strrchr(text, ')');
	next = next ? next + 1 : text;
	while (field-- && (next = strchr(next + 1, ' ')))
		;
	return next ? strtol(next, NULL, 10) : -1;
}

long server_rss_kib(struct server *server)
{
	long pages = proc_field(server, "statm", 1);

	return pages < 0 ? -1 : pages * (sysconf(_SC_PAGESIZE) / 1024);
}

long server_cpu_ms(struct server *server)
{
	/* utime and stime are the 12th and 13th after the name. */
	long user = proc_field(server, "stat", 11);
	long system = proc_field(server, "stat", 12);

	if (user < 0 || system < 0)
		return -1;
	return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}
