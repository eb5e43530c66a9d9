/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "network.h"

#include "process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct host {
	pid_t pid; /* keeps its namespaces */
	unsigned int n;
	char address[16];
	char target[16];
	const char *wrapper[8];
};

/* A script of sh's, with its arguments. */
#define SCRIPT(script, ...)                                                    \
	(process_run("/dev/stderr",                                            \
		     (const char *const[]){ "sh", "-euc", script, "sh",        \
					    __VA_ARGS__, NULL }) == 0)

bool network_enter(void)
{
	if (unshare(CLONE_NEWNET)) {
		fprintf(stderr, "network: unshare: %s\n", strerror(errno));
		return false;
	}
	/* With an address of its own, not a port's, which may go. */
	return SCRIPT("ip link set lo up\n"
		      "ip link add br0 address 02:00:00:00:00:01 type bridge\n"
		      "ip link set br0 up\n"
		      "ip address add $1/24 dev br0\n"
		      "for n in $(seq 101 200); do\n"
		      "echo address add 192.0.2.$n/32 dev br0\n"
		      "done | ip -batch -\n",
		      NETWORK_ADDRESS);
}

void network_client_address(unsigned int n, char *address, size_t size)
{
	snprintf(address, size, "192.0.2.%u", 100 + n);
}

/* Says when it is there, and stays. */
static void run_host(const char *name, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET | CLONE_NEWUTS) ||
	    sethostname(name, strlen(name)) || write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static bool start_host(struct host *host, const char *name)
{
	int ready[2];
	char byte;
	bool there;

	if (pipe(ready))
		return false;
	host->pid = fork();
	if (!host->pid)
		run_host(name, ready[1]);
	close(ready[1]);
	there = read(ready[0], &byte, 1) == 1;
	close(ready[0]);
	return there;
}

struct host *host_new(unsigned int n, const char *name)
{
	struct host *host = calloc(1, sizeof(*host));
	char number[16];

	if (!host)
		abort();
	host->n = n;
	snprintf(host->address, sizeof(host->address), "192.0.2.%u", 10 + n);
	snprintf(number, sizeof(number), "%u", n);
	if (!start_host(host, name))
		goto failed;
	snprintf(host->target, sizeof(host->target), "%d", host->pid);
	memcpy(host->wrapper,
	       ((const char *const[]){ "nsenter", "--net", "--uts", "--target",
				       host->target, "--", NULL }),
	       7 * sizeof(*host->wrapper));
	if (SCRIPT("ip link add port$1 type veth peer name net0 netns $2\n"
		   "ip link set port$1 master br0 up\n"
		   "nsenter --net --target $2 sh -euc '\n"
		   "ip link set lo up\n"
		   "ip link set net0 up\n"
		   "ip address add $1/24 dev net0' sh $3\n",
		   number, host->target, host->address))
		return host;
failed:
	fprintf(stderr, "network: host %u could not be made\n", n);
	host_free(host);
	return NULL;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	process_end(host->pid, SIGKILL);
	free(host);
}

const char *host_address(const struct host *host)
{
	return host->address;
}

const char *const *host_wrapper(const struct host *host)
{
	return host->wrapper;
}

bool host_add_address(const struct host *host, const char *address)
{
	/* Who has met the address elsewhere forgets where that was. */
	return SCRIPT("nsenter --net --target $1 "
		      "ip address add $2/24 dev net0\n"
		      "ip neigh flush to $2\n",
		      host->target, address);
}

bool host_drop_address(const struct host *host, const char *address)
{
	return SCRIPT("nsenter --net --target $1 "
		      "ip address del $2/24 dev net0\n",
		      host->target, address);
}

bool host_connect(const struct host *host, bool connected)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", host->n);
	/* Out of the bridge: the host's own link stays up. */
	return connected ? SCRIPT("ip link set port$1 master br0\n", number) :
			   SCRIPT("ip link set port$1 nomaster\n", number);
}
