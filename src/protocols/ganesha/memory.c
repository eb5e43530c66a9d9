/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reading memory that may not be there.
 *
 * The kernel is asked to look first: where a load would end the process it says
 * EFAULT.  rt_sigprocmask() reads the new mask before it finds that there is no
 * such thing to be done with it, and needs no descriptor.
 */
#include "ganesha/memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel reads: a set of signals, which does not cross a page. */
#define PROBE_SIZE 8

static bool word_is_readable(uintptr_t addr)
{
	return syscall(SYS_rt_sigprocmask, ~0, addr & -(uintptr_t)PROBE_SIZE,
		       NULL, PROBE_SIZE) == -1 &&
	       errno == EINVAL;
}

bool bc_memory_read(void *to, const void *from, size_t len)
{
	uintptr_t addr = (uintptr_t)from;
	int before = errno;
	bool readable = len && len <= BC_MEMORY_READ_MAX && addr &&
			word_is_readable(addr) &&
			word_is_readable(addr + len - 1);

	errno = before;
	if (readable)
		memcpy(to, from, len);
	return readable;
}
