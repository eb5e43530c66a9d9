/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "libraries.h"

#include "fixture.h"

#include <elf.h>
#include <link.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void library_copy_read(struct library_copy *copy, const char *library)
{
	char real[PATH_MAX];
	FILE *file;
	long len;

	assert_non_null(realpath(library, real));
	strcpy(copy->folder, "/tmp/libraries.XXXXXX");
	assert_non_null(mkdtemp(copy->folder));
	assert_true(snprintf(copy->path, sizeof(copy->path), "%s/%s",
			     copy->folder,
			     strrchr(real, '/') + 1) < (int)sizeof(copy->path));
	snprintf(copy->env, sizeof(copy->env), "LD_LIBRARY_PATH=%s",
		 copy->folder);
	file = fopen(real, "r");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	len = ftell(file);
	assert_true(len > 0);
	copy->len = (size_t)len;
	copy->bytes = malloc(copy->len);
	assert_non_null(copy->bytes);
	rewind(file);
	assert_int_equal(fread(copy->bytes, 1, copy->len, file), copy->len);
	fclose(file);
}

void library_copy_change_build_id(struct library_copy *copy, char *id)
{
	uint8_t bytes[64];
	size_t len = strlen(id) / 2;
	char digits[3] = "";
	uint8_t *at;

	assert_in_range(len, 1, sizeof(bytes));
	for (size_t i = 0; i < len; i++) {
		memcpy(digits, &id[2 * i], 2);
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	at = memmem(copy->bytes, copy->len, bytes, len);
	assert_non_null(at);
	at[0] ^= 0xff;
	snprintf(digits, sizeof(digits), "%02x", at[0]);
	memcpy(id, digits, 2);
}

static void unbind_entry(ElfW(Dyn) *entry)
{
	if (entry->d_tag == DT_FLAGS)
		entry->d_un.d_val &= ~(ElfW(Xword))DF_BIND_NOW;
	else if (entry->d_tag == DT_FLAGS_1)
		entry->d_un.d_val &= ~(ElfW(Xword))DF_1_NOW;
	else if (entry->d_tag == DT_BIND_NOW)
		entry->d_tag = DT_DEBUG;
}

/* The slots are written to later: they must not become read-only. */
void library_copy_unbind(struct library_copy *copy)
{
	ElfW(Ehdr) *header = (void *)copy->bytes;
	ElfW(Phdr) *phdr = (void *)(copy->bytes + header->e_phoff);

	for (int i = 0; i < header->e_phnum; i++) {
		ElfW(Dyn) *entry = (void *)(copy->bytes + phdr[i].p_offset);

		if (phdr[i].p_type == PT_GNU_RELRO)
			phdr[i].p_type = PT_NULL;
		if (phdr[i].p_type != PT_DYNAMIC)
			continue;
		for (; entry->d_tag != DT_NULL; entry++)
			unbind_entry(entry);
	}
}

void library_copy_write(struct library_copy *copy)
{
	FILE *file = fopen(copy->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(copy->bytes, 1, copy->len, file), copy->len);
	assert_int_equal(fclose(file), 0);
}

void library_copy_remove(struct library_copy *copy)
{
	free(copy->bytes);
	copy->bytes = NULL;
	unlink(copy->path);
	rmdir(copy->folder);
}
