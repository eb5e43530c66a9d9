/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A library with an import and a table of names, for test_image.c to find
 * them in.  It is linked in several ways; see CMakeLists.txt.
 */
#include <stddef.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct sample_entry {
	const char *name;
	int (*function)(void);
};

EXPORTED int sample_call(void);
EXPORTED const void *sample_table(size_t *stride);

int sample_call(void)
{
	return getppid();
}

static const struct sample_entry table[] = {
	{ "SAMPLE_ZERO", sample_call },
	{ "SAMPLE_ONE", sample_call },
	{ "SAMPLE_TWO", sample_call },
};

const void *sample_table(size_t *stride)
{
	*stride = sizeof(table[0]);
	return table;
}
