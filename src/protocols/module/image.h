/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locating things inside a loaded ELF image by name.
 *
 * Two things of Ganesha's library are needed that it does not export: the
 * slots through which it calls libntirpc (its imports), and the table of
 * NFSv4 operations.  Both are found here by name and verified before anybody
 * writes to them; nothing in this file writes.  Knows nothing of Ganesha, so
 * that the unit tests can feed it synthetic images.
 *
 * The PT_LOAD program headers are believed, since the loader mapped what they
 * say.  All the rest is content: whatever it holds, nothing outside the
 * readable PT_LOAD segments is read.
 */
#ifndef BC_IMAGE_H
#define BC_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>

/** A loaded ELF image, as dl_iterate_phdr() describes it. [K] */
struct bc_image {
	ElfW(Addr) base; /* load bias */
	const ElfW(Phdr) *phdr; /* borrowed until the image is unloaded */
	size_t phnum;
	char path[256]; /* for messages; "" for the program itself */
};

/**
 * Find the loaded image that contains an address.
 *
 * @param[in]  addr   any address inside the image (code or data)
 * @param[out] image  filled in on success
 *
 * @retval 0        found
 * @retval -ENOENT  no loaded image contains @a addr
 *
 * Context: any thread; takes the dynamic loader's lock.
 */
int bc_image_find(const void *addr, struct bc_image *image);

/**
 * Find the slot through which an image calls an imported function.
 *
 * Looks for a JUMP_SLOT or GLOB_DAT relocation against the symbol @a name,
 * first in DT_JMPREL (calls through the PLT), then in DT_RELA (calls through
 * the GOT, as compiled with -fno-plt).  Knows x86-64 and AArch64.
 *
 * In an image that is bound lazily the slot may lead to the loader's resolver,
 * which overwrites the slot when called: see bc_image_has_code().  Nothing of
 * the kind happens in an image with BIND_NOW.
 *
 * @param[in]  image
 * @param[in]  name   symbol name without version
 * @param[out] slot   address of the pointer to replace: aligned, and inside a
 *                    writable PT_LOAD segment; its page may be read-only, see
 *                    bc_image_protect()
 *
 * @retval 0        found
 * @retval -ENOENT  the image imports no such function
 * @retval -EINVAL  the image's dynamic section, or what it leads to, is not
 *                  what it should be
 *
 * Context: any thread.
 */
int bc_image_find_import(const struct bc_image *image, const char *name,
			 void ***slot);

/**
 * Is this the address of code of the image?
 *
 * A slot of an image that is bound lazily leads to the image itself, into its
 * procedure linkage table, until its function is called for the first time.
 *
 * @return whether @a addr lies in an executable PT_LOAD segment
 *
 * Context: any thread.
 */
bool bc_image_has_code(const struct bc_image *image, const void *addr);

/** Bytes of the longest build-id that is read; of its hexadecimal form. */
#define BC_BUILD_ID_MAX 64
#define BC_BUILD_ID_HEX (2 * BC_BUILD_ID_MAX + 1)

/**
 * Read an image's GNU build-id, which names the very build that is loaded.
 *
 * @param[in]  image
 * @param[out] hex    lower-case hexadecimal digits, terminated; "" on failure
 *
 * @retval 0        read
 * @retval -ENOENT  the image has none
 * @retval -EINVAL  what the image says is not what it should be, or the id is
 *                  longer than BC_BUILD_ID_MAX
 *
 * Context: any thread.
 */
int bc_image_build_id(const struct bc_image *image, char hex[BC_BUILD_ID_HEX]);

/**
 * Find a table of equally sized entries, each of which starts with a pointer
 * to its own name, in the image's data that is constant after relocation.
 *
 * Every pointer-aligned position of the image's PT_GNU_RELRO range is tried;
 * if the image has none, of every writable PT_LOAD segment.  A position
 * matches if all @a count entries lie inside the range, and each one's first
 * word points to a terminated string inside the image that equals
 * @a names[i]; a NULL in @a names matches any such string.
 *
 * @param[in]  image
 * @param[in]  names   the expected names, indexed as the table
 * @param[in]  count   number of entries, > 0
 * @param[in]  stride  size of one entry in bytes, a multiple of the pointer's
 * @param[out] table   address of entry 0
 *
 * @retval 0        found exactly one
 * @retval -ENOENT  no position matches
 * @retval -EEXIST  more than one position matches
 *
 * Context: any thread.
 */
int bc_image_find_table(const struct bc_image *image, const char *const *names,
			size_t count, size_t stride, void **table);

/**
 * Make [addr, addr + len) writable, or put its protection back.
 *
 * Only pages that the loader made read-only after relocation (PT_GNU_RELRO)
 * are changed; the rest of a writable segment is writable anyway.
 *
 * @param[in] image     the image that contains the range
 * @param[in] addr      start of the range
 * @param[in] len       bytes
 * @param[in] writable  true: readable and writable; false: as the loader left
 *                      them
 *
 * @retval 0        done
 * @retval -EINVAL  the range is not inside a writable PT_LOAD segment
 * @retval -errno   as mprotect()
 *
 * Context: any thread; the caller serialises changes of the same pages.
 */
int bc_image_protect(const struct bc_image *image, void *addr, size_t len,
		     bool writable);

#endif /* BC_IMAGE_H */
