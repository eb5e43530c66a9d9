/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "cephfs.h"

#include "network.h"
#include "process.h"
#include "rpc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MON NETWORK_ADDRESS ":3300"
#define ACTIVE_MS 60000 /* a takeover waits for the dead one's beacons, 15 s */

struct cephfs {
	char folder[64];
	char conf[96];
	char output[96]; /* of all that runs once */
	pid_t mon, osd, mds;
};

const char *cephfs_missing(void)
{
	static const char *const programs[] = {
		"/usr/bin/ceph-mon",
		"/usr/bin/ceph-osd",
		"/usr/bin/ceph-mds",
		"/usr/bin/ceph",
		"/usr/bin/ganesha-rados-grace",
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (access(programs[i], X_OK))
			return programs[i];
	return NULL;
}

const char *cephfs_folder(const struct cephfs *ceph)
{
	return ceph->folder;
}

const char *cephfs_conf(const struct cephfs *ceph)
{
	return ceph->conf;
}

static bool read_uuid(char uuid[37])
{
	FILE *file = fopen("/proc/sys/kernel/random/uuid", "re");
	bool read = file && fgets(uuid, 37, file);

	if (file)
		fclose(file);
	return read;
}

static bool write_conf(const struct cephfs *ceph, const char *fsid)
{
	FILE *file = fopen(ceph->conf, "we");

	if (!file)
		return false;
	fprintf(file,
		"[global]\n"
		"fsid = %1$s\n"
		"mon host = v2:" MON "/0\n"
		"auth cluster required = none\n"
		"auth service required = none\n"
		"auth client required = none\n"
		"public network = 192.0.2.0/24\n"
		"cluster network = 192.0.2.0/24\n"
		"public addr = " NETWORK_ADDRESS "\n"
		"cluster addr = " NETWORK_ADDRESS "\n"
		"ms bind ipv6 = false\n"
		"ms bind msgr1 = false\n"
		"osd pool default size = 1\n"
		"osd pool default min size = 1\n"
		"osd pool default pg num = 8\n"
		"osd pool default pg autoscale mode = off\n"
		"osd crush chooseleaf type = 0\n"
		"osd objectstore = memstore\n"
		"memstore device bytes = 1073741824\n"
		"mon allow pool size one = true\n"
		"mon data avail crit = 0\n"
		"run dir = %2$s\n"
		"log file = %2$s/$name.log\n"
		"admin socket = %2$s/$name.$pid.asok\n"
		"mon data = %2$s/mon\n"
		"osd data = %2$s/osd\n"
		"mds data = %2$s/mds\n"
		"crash dir = %2$s\n"
		"[client]\n"
		"keyring = /dev/null\n"
		"log file = %2$s/client.$pid.log\n"
		"client caps release delay = 0\n",
		fsid, ceph->folder);
	return !fclose(file);
}

int cephfs_run(struct cephfs *ceph, const char *program,
	       const char *const args[])
{
	const char *argv[PROCESS_ARGS] = { program, "-c", ceph->conf };
	unsigned int n = 3;

	for (unsigned int i = 0; args[i] && n < PROCESS_ARGS - 1; i++)
		argv[n++] = args[i];
	return process_run(ceph->output, argv);
}

#define RUN(ceph, program, ...)                                                \
	(cephfs_run(ceph, program,                                             \
		    (const char *const[]){ __VA_ARGS__, NULL }) == 0)

static pid_t start_daemon(struct cephfs *ceph, const char *program,
			  const char *id)
{
	return process_start(ceph->output,
			     (const char *const[]){ program, "-f", "-c",
						    ceph->conf, "-i", id,
						    NULL });
}

static bool make_mon(struct cephfs *ceph, const char *fsid)
{
	char map[96];

	snprintf(map, sizeof(map), "%s/monmap", ceph->folder);
	if (process_run(ceph->output,
			(const char *const[]){ "monmaptool", "--create",
					       "--fsid", fsid, "--addv", "a",
					       "[v2:" MON "]", map, NULL }) ||
	    !RUN(ceph, "ceph-mon", "--mkfs", "-i", "a", "--monmap", map))
		return false;
	ceph->mon = start_daemon(ceph, "ceph-mon", "a");
	return ceph->mon > 0;
}

/* The same uuid twice, or it never comes up. */
static bool make_osd(struct cephfs *ceph)
{
	char uuid[37];

	if (!read_uuid(uuid) || !RUN(ceph, "ceph", "osd", "new", uuid) ||
	    !RUN(ceph, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", uuid))
		return false;
	ceph->osd = start_daemon(ceph, "ceph-osd", "0");
	return ceph->osd > 0;
}

bool cephfs_start_mds(struct cephfs *ceph)
{
	static const char active[] = "ceph -c \"$1\" mds stat | grep -q "
				     "'1 up:active\\|up:active'";
	uint64_t until = nfs_now_ns() + ACTIVE_MS * UINT64_C(1000000);

	ceph->mds = start_daemon(ceph, "ceph-mds", "a");
	while (ceph->mds > 0 && nfs_now_ns() < until)
		if (!process_run(ceph->output, (const char *const[]){
						       "sh", "-c", active, "sh",
						       ceph->conf, NULL }))
			return true;
	return false;
}

void cephfs_kill_mds(struct cephfs *ceph)
{
	process_end(ceph->mds, SIGKILL);
	ceph->mds = -1;
	/* The monitor need not wait for beacons that do not come. */
	cephfs_run(ceph, "ceph",
		   (const char *const[]){ "mds", "fail", "0", NULL });
}

static bool start_all(struct cephfs *ceph)
{
	char fsid[37];

	return read_uuid(fsid) && write_conf(ceph, fsid) &&
	       make_mon(ceph, fsid) && make_osd(ceph) &&
	       RUN(ceph, "ceph", "osd", "pool", "create", CEPHFS_POOL, "8") &&
	       RUN(ceph, "ceph", "osd", "pool", "create", "data", "8") &&
	       RUN(ceph, "ceph", "fs", "new", "fs", CEPHFS_POOL, "data") &&
	       cephfs_start_mds(ceph);
}

static bool make_folders(struct cephfs *ceph)
{
	static const char *const names[] = { "mon", "osd", "mds" };
	char path[96];

	snprintf(ceph->folder, sizeof(ceph->folder), "/tmp/cephfs-XXXXXX");
	if (!mkdtemp(ceph->folder))
		return false;
	snprintf(ceph->conf, sizeof(ceph->conf), "%s/ceph.conf", ceph->folder);
	snprintf(ceph->output, sizeof(ceph->output), "%s/output", ceph->folder);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", ceph->folder, names[i]);
		if (mkdir(path, 0777))
			return false;
	}
	return true;
}

struct cephfs *cephfs_start(void)
{
	struct cephfs *ceph = calloc(1, sizeof(*ceph));

	if (!ceph)
		abort();
	ceph->mon = ceph->osd = ceph->mds = -1;
	if (make_folders(ceph) && start_all(ceph))
		return ceph;
	fprintf(stderr, "cephfs: it does not start; what it printed:\n");
	process_run("/dev/stderr", (const char *const[]){ "tail", "-n", "30",
							  ceph->output, NULL });
	cephfs_stop(ceph);
	return NULL;
}

void cephfs_stop(struct cephfs *ceph)
{
	if (!ceph)
		return;
	/* Nothing of it is kept: it need not end well, but the mon goes last. */
	process_end(ceph->mds, SIGKILL);
	process_end(ceph->osd, SIGKILL);
	process_end(ceph->mon, SIGKILL);
	if (getenv("SERVER_KEEP"))
		fprintf(stderr, "cephfs: kept %s\n", ceph->folder);
	else
		process_run(NULL, (const char *const[]){ "rm", "-rf",
							 ceph->folder, NULL });
	free(ceph);
}
