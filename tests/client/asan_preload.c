/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Preloaded, before AddressSanitizer's runtime, into a stock ganesha.nfsd that
 * is to load a module built with it.
 */
#include <dlfcn.h>

#define EXPORTED __attribute__((visibility("default")))

void __asan_init(void);
EXPORTED void *dlopen(const char *path, int flags);
EXPORTED const char *__asan_default_options(void);
EXPORTED const char *__ubsan_default_options(void);

/*
 * Linked to be the first constructor of all (-z initfirst). Left to itself the
 * runtime starts with the first malloc(), which is libgpg-error's in
 * bindtextdomain(): under a lock that the start itself takes and releases.
 */
__attribute__((constructor)) static void start_runtime(void)
{
	__asan_init();
}

/*
 * Ganesha binds plugins with RTLD_DEEPBIND: their malloc() would not be the
 * sanitizer's. They stay mapped, so that a report at exit can name them.
 */
void *dlopen(const char *path, int flags)
{
	void *(*next)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");

	flags &= ~RTLD_DEEPBIND;
	if (path)
		flags |= RTLD_NODELETE;
	return next(path, flags);
}

/*
 * An error aborts. Leaks do not decide how the server ends, as Ganesha has its
 * own: server.c looks for the module's, by the name in brackets. The quarantine
 * is small, for the tests that measure the server's memory.
 */
const char *__asan_default_options(void)
{
	return "verify_asan_link_order=0:abort_on_error=1:exitcode=0:"
	       "detect_leaks=1:quarantine_size_mb=8:print_legend=0:"
	       "stack_trace_format='    #%n %f %S (%m)'";
}

const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}
