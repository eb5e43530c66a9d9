/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Copies of Ganesha's libraries that are changed, for a server to load instead.
 */
#ifndef INTEGRATION_LIBRARIES_H
#define INTEGRATION_LIBRARIES_H

#include <stddef.h>
#include <stdint.h>

/** A folder with one library in it; all zeros at first. */
struct library_copy {
	char folder[64];
	char path[256];
	char env[80]; /* "LD_LIBRARY_PATH=" and the folder */
	uint8_t *bytes;
	size_t len;
};

/** Read a library; the test fails if it cannot. */
void library_copy_read(struct library_copy *copy, const char *library);

/** Change the first byte of its build-id. @param id  hexadecimal, changed too */
void library_copy_change_build_id(struct library_copy *copy, char *id);

/** Let the loader bind it lazily. */
void library_copy_unbind(struct library_copy *copy);

/** Write it where a server with @a copy->env finds it. */
void library_copy_write(struct library_copy *copy);

void library_copy_remove(struct library_copy *copy);

#endif
