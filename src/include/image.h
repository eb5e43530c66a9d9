/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locating things inside a loaded ELF image by name.
 *
 * Two things of Ganesha's library are needed that it does not export: the
 * slots through which it calls libntirpc (its imports), and the table of
 * NFSv4 operations.  Both are found here by name and verified before anybody
 * writes to them; nothing in this file writes.  Knows nothing of Ganesha, so
 * that the unit tests can feed it synthetic images.
 */
#ifndef BC_IMAGE_H
#define BC_IMAGE_H

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

/** A loaded ELF image, as dl_iterate_phdr() describes it. [K] */
struct bc_image {
	ElfW(Addr) base; /* load bias */
	const ElfW(Phdr) *phdr; /* program headers */
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
 * Context: any thread; may take the dynamic loader's lock.
 */
int bc_image_find(const void *addr, struct bc_image *image);

/**
 * Find the slot through which an image calls an imported function.
 *
 * Looks through the DT_JMPREL relocations (and, for a function called through
 * the GOT, DT_RELA's GLOB_DAT ones) for a relocation against the symbol
 * @a name.  x86-64 and AArch64 relocation types are known.  All addresses read
 * are checked to lie inside the image's PT_LOAD segments.
 *
 * @param[in]  image
 * @param[in]  name   symbol name without version
 * @param[out] slot   address of the pointer to replace
 *
 * @retval 0        found, and the slot lies inside a PT_LOAD segment
 * @retval -ENOENT  the image imports no such function
 * @retval -EINVAL  the image's dynamic section is not what it should be
 *
 * Context: any thread.
 */
int bc_image_find_import(const struct bc_image *image, const char *name,
			 void ***slot);

/**
 * Find a table of equally sized entries, each of which starts with a pointer
 * to its own name, in the image's data that is constant after relocation.
 *
 * Every aligned position of the image's PT_GNU_RELRO range is tried; if the
 * image has none, every writable PT_LOAD segment.  A position matches if each of the @a
 * count entries' name pointers points into the image and the string there
 * equals @a names[i] (a NULL name matches anything that is a string in the
 * image).  Exactly one position must match.
 *
 * @param[in]  image
 * @param[in]  names   the expected names, indexed as the table
 * @param[in]  count   number of entries, > 0
 * @param[in]  stride  size of one entry in bytes, a multiple of the pointer's
 * @param[out] table   address of entry 0
 *
 * @retval 0         found exactly one
 * @retval -ENOENT   no position matches
 * @retval -EEXIST   more than one position matches
 *
 * Context: any thread.
 */
int bc_image_find_table(const struct bc_image *image, const char *const *names,
			size_t count, size_t stride, void **table);

/**
 * Make the pages of [addr, addr + len) writable, or put back what they were.
 *
 * @param[in] image     the image that contains the range
 * @param[in] addr      start of the range, inside @a image
 * @param[in] len       bytes
 * @param[in] writable  true: readable and writable; false: read-only if the range
 *                      lies in the image's RELRO, else readable and writable
 *
 * @retval 0        done
 * @retval -EINVAL  the range is not inside the image's PT_LOAD segments
 * @retval -errno   as mprotect()
 *
 * Context: any thread; the caller serialises changes of the same pages.
 */
int bc_image_protect(const struct bc_image *image, void *addr, size_t len,
		     int writable);

#endif /* BC_IMAGE_H */
