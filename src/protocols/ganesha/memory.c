/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reading memory that may not be there: the kernel copies it, and fails where a
 * load would end the process.
 */
#include "ganesha/memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whether the pages are mapped at all, where the kernel is told not to copy. */
static bool is_mapped(const void *from, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)from & -page;
	unsigned char resident[2];

	return !mincore((void *)first, (uintptr_t)from + len - first, resident);
}

bool bc_memory_read(void *to, const void *from, size_t len)
{
	const struct iovec local = { to, len };
	const struct iovec remote = { (void *)(uintptr_t)from, len };
	int before = errno;
	ssize_t copied;
	bool readable;

	if (!from || !len || len > BC_MEMORY_READ_MAX)
		return false;
	copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	readable = copied == (ssize_t)len;
	/* A filter of system calls may forbid it. */
	if (copied < 0 && (errno == EPERM || errno == ENOSYS) &&
	    is_mapped(from, len)) {
		memcpy(to, from, len);
		readable = true;
	}
	errno = before;
	return readable;
}
