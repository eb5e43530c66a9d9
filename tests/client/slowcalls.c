/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* See slow.h. */
#include "slow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct slow_calls nowhere;
static struct slow_calls *slow = &nowhere;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("SERVER_SLOW");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*slow), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   0);
	if (map != MAP_FAILED)
		slow = map;
	close(fd);
}

/* Ganesha binds plugins with RTLD_DEEPBIND: their sendmsg() would not be ours. */
void *dlopen(const char *path, int flags)
{
	void *(*real)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");

	return real(path, flags & ~RTLD_DEEPBIND);
}

static bool is_slow(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6; /* Ganesha's IPv4 peers, too */
	} peer;
	socklen_t len = sizeof(peer);
	uint16_t port = slow->port;

	if (!port || getpeername(fd, &peer.any, &len))
		return false;
	return port == ntohs(peer.any.sa_family == AF_INET6 ?
				     peer.in6.sin6_port :
				     peer.in.sin_port);
}

/* The caller's errno stays. */
static void wait_us(uint32_t us)
{
	const struct timespec time = { .tv_sec = us / 1000000,
				       .tv_nsec = (long)(us % 1000000) * 1000 };
	int before = errno;

	nanosleep(&time, NULL);
	errno = before;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (is_slow(fd))
		wait_us(slow->us);
	return syscall(SYS_sendmsg, fd, msg, flags);
}

int gethostname(char *name, size_t len)
{
	int (*real)(char *, size_t) = dlsym(RTLD_NEXT, "gethostname");
	int rc = real(name, len);

	if (slow->hostname_us)
		wait_us(slow->hostname_us);
	return rc;
}

static bool has_op_context(void)
{
	void **op_ctx = dlsym(RTLD_DEFAULT, "op_ctx"); /* this thread's */

	return !op_ctx || *op_ctx;
}

/* @return whether it was @a before, for one caller alone */
static bool lookup_becomes(enum slow_lookup before, enum slow_lookup after)
{
	return atomic_compare_exchange_strong(&slow->lookup, &before, after);
}

static bool is_held(void)
{
	if (!has_op_context())
		return slow->lookup == SLOW_EXECUTORS_LOOKUPS;
	if (lookup_becomes(SLOW_NEXT_LOOKUP, SLOW_HELD_LOOKUP))
		return true;
	(void)lookup_becomes(SLOW_LOOKUP_AFTER_NEXT, SLOW_NEXT_LOOKUP);
	return false;
}

/* libganesha_nfsd.so's, which calls it as it would another library's. */
void hashtable_releaselatched(void *table, void *latch);
void hashtable_releaselatched(void *table, void *latch)
{
	void (*real)(void *, void *) =
		dlsym(RTLD_NEXT, "hashtable_releaselatched");

	real(table, latch);
	if (!slow->lookup || !is_held())
		return;
	slow->lookups_held++;
	for (int ms = 0; slow->lookup && ms < 20000; ms++)
		wait_us(1000);
	slow->lookups_over++;
}
