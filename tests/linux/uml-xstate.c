/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Lets Debian's User Mode Linux run on a CPU whose register state is larger
 * than it knows; preloaded into linux.uml.
 *
 * UML switches between its processes with PTRACE_GETREGSET and
 * PTRACE_SETREGSET of NT_X86_XSTATE, through a buffer of fixed size (AVX-512
 * and PKRU fit).  The host hands out as much of the state as fits, but takes
 * back only the whole, and with AMX the whole is 11 KiB: EFAULT, and the
 * guest dies at its first system call.  Here the part that UML holds is laid
 * over the process's own whole state, which is then set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long (*ptrace_fn)(enum __ptrace_request request, ...);

/*
 * Static, because UML's kernel stacks are small; unguarded, because UML runs
 * its kernel, the only caller, in one thread.
 */
static uint8_t whole_state[64 * 1024] __attribute__((aligned(64)));

static long set_xstate(ptrace_fn next, pid_t pid, const struct iovec *part)
{
	struct iovec whole = {
		.iov_base = whole_state,
		.iov_len = sizeof(whole_state),
	};
	long rc;

	rc = next(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &whole);
	if (rc != 0)
		return rc;
	if (whole.iov_len <= part->iov_len)
		return next(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, part);
	memcpy(whole_state, part->iov_base, part->iov_len);
	return next(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	static ptrace_fn next;
	va_list args;
	pid_t pid;
	void *addr;
	void *data;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);

	if (next == NULL)
		next = (ptrace_fn)dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && (uintptr_t)addr == NT_X86_XSTATE)
		return set_xstate(next, pid, data);
	return next(request, pid, addr, data);
}
