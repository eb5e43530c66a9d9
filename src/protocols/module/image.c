/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Locating things inside a loaded ELF image by name.
 *
 * image_is_mapped() is the one place that decides what may be read.  Address arithmetic
 * wraps around on purpose: a sum that wrapped is just one more address, inside
 * a segment or not.
 */
#include "module/image.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__LP64__)
enum {
	RELOC_JUMP_SLOT = R_X86_64_JUMP_SLOT,
	RELOC_GLOB_DAT = R_X86_64_GLOB_DAT
};
#elif defined(__aarch64__) && defined(__LP64__)
enum {
	RELOC_JUMP_SLOT = R_AARCH64_JUMP_SLOT,
	RELOC_GLOB_DAT = R_AARCH64_GLOB_DAT
};
#else
#error "This machine's relocation types are not known."
#endif

/* The bytes from addr to the end of the PT_LOAD segment that contains it and
 * has all of flags; 0 if there is none.
 */
static size_t image_is_mapped(const struct bc_image *image, uintptr_t addr,
			      ElfW(Word) flags)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const ElfW(Phdr) *segment = &image->phdr[i];
		uintptr_t offset = addr - (image->base + segment->p_vaddr);

		if (segment->p_type == PT_LOAD &&
		    (segment->p_flags & flags) == flags &&
		    offset < segment->p_memsz)
			return segment->p_memsz - offset;
	}
	return 0;
}

static bool image_copy(const struct bc_image *image, uintptr_t addr, void *to,
		       size_t len)
{
	if (image_is_mapped(image, addr, PF_R) < len)
		return false;
	memcpy(to, (const void *)addr, len);
	return true;
}

/* NULL unless the string ends inside its segment. */
static const char *image_string(const struct bc_image *image, uintptr_t addr)
{
	size_t len = image_is_mapped(image, addr, PF_R);
	const char *string = (const char *)addr;

	return len && memchr(string, '\0', len) ? string : NULL;
}

static const ElfW(Phdr) *header_find(const struct bc_image *image,
				     ElfW(Word) type)
{
	for (size_t i = 0; i < image->phnum; i++)
		if (image->phdr[i].p_type == type)
			return &image->phdr[i];
	return NULL;
}

struct image_search {
	uintptr_t addr;
	struct bc_image *image;
};

static int image_contains(struct dl_phdr_info *info, size_t size, void *arg)
{
	const struct image_search *search = arg;
	struct bc_image image = {
		.base = info->dlpi_addr,
		.phdr = info->dlpi_phdr,
		.phnum = info->dlpi_phnum,
	};

	(void)size;
	if (!image_is_mapped(&image, search->addr, 0))
		return 0;
	snprintf(image.path, sizeof(image.path), "%s", info->dlpi_name);
	*search->image = image;
	return 1;
}

int bc_image_find(const void *addr, struct bc_image *image)
{
	struct image_search search = {
		.addr = (uintptr_t)addr,
		.image = image,
	};

	return dl_iterate_phdr(image_contains, &search) ? 0 : -ENOENT;
}

/* The dynamic section's values, indexed by tag; 0 for an absent one. */
struct dynamic {
	ElfW(Addr) value[DT_NUM];
};

static int dynamic_load(const struct bc_image *image, struct dynamic *dynamic)
{
	const ElfW(Phdr) *header = header_find(image, PT_DYNAMIC);
	uintptr_t addr;
	ElfW(Dyn) entry;

	if (!header)
		return -EINVAL;
	memset(dynamic, 0, sizeof(*dynamic));
	for (addr = image->base + header->p_vaddr;
	     image_copy(image, addr, &entry, sizeof(entry));
	     addr += sizeof(entry)) {
		if (entry.d_tag == DT_NULL)
			return 0;
		if (entry.d_tag > DT_NULL && entry.d_tag < DT_NUM)
			dynamic->value[entry.d_tag] = entry.d_un.d_ptr;
	}
	return -EINVAL;
}

/* Some loaders relocate the dynamic section's addresses in place (glibc),
 * others leave them alone (musl; the kernel's vdso has no loader).
 */
static uintptr_t dynamic_addr(const struct bc_image *image,
			      const struct dynamic *dynamic, int tag)
{
	uintptr_t value = dynamic->value[tag];

	return image_is_mapped(image, value, PF_R) ? value :
						     image->base + value;
}

static bool dynamic_valid(const struct dynamic *dynamic)
{
	const ElfW(Addr) *value = dynamic->value;

	return value[DT_SYMTAB] && value[DT_STRTAB] &&
	       value[DT_SYMENT] == sizeof(ElfW(Sym)) &&
	       (!value[DT_JMPREL] || value[DT_PLTREL] == DT_RELA) &&
	       (!value[DT_RELA] || value[DT_RELAENT] == sizeof(ElfW(Rela)));
}

/* NULL unless the symbol and its name lie inside the image. */
static const char *symbol_name(const struct bc_image *image,
			       const struct dynamic *dynamic, uint32_t index)
{
	uintptr_t symtab = dynamic_addr(image, dynamic, DT_SYMTAB);
	ElfW(Sym) symbol;

	if (!image_copy(image, symtab + index * sizeof(symbol), &symbol,
			sizeof(symbol)))
		return NULL;
	return image_string(image, dynamic_addr(image, dynamic, DT_STRTAB) +
					   symbol.st_name);
}

static int slot_check(const struct bc_image *image, uintptr_t addr,
		      void ***slot)
{
	if (addr % sizeof(void *) ||
	    image_is_mapped(image, addr, PF_R | PF_W) < sizeof(void *))
		return -EINVAL;
	*slot = (void **)addr;
	return 0;
}

/* Look for the import in one table of relocations: the dynamic section's
 * entry table has its address, the entry size its length in bytes.
 */
static int relocation_find(const struct bc_image *image,
			   const struct dynamic *dynamic, int table, int size,
			   const char *name, void ***slot)
{
	uintptr_t addr = dynamic_addr(image, dynamic, table);
	size_t len = dynamic->value[size];
	ElfW(Rela) rela;

	if (!dynamic->value[table])
		return -ENOENT;
	if (image_is_mapped(image, addr, PF_R) < len)
		return -EINVAL;
	for (; len >= sizeof(rela); addr += sizeof(rela), len -= sizeof(rela)) {
		const char *symbol;

		memcpy(&rela, (const void *)addr, sizeof(rela));
		if (ELF64_R_TYPE(rela.r_info) != RELOC_JUMP_SLOT &&
		    ELF64_R_TYPE(rela.r_info) != RELOC_GLOB_DAT)
			continue;
		symbol = symbol_name(image, dynamic, ELF64_R_SYM(rela.r_info));
		if (!symbol)
			return -EINVAL;
		if (strcmp(symbol, name) == 0)
			return slot_check(image, image->base + rela.r_offset,
					  slot);
	}
	return -ENOENT;
}

int bc_image_find_import(const struct bc_image *image, const char *name,
			 void ***slot)
{
	struct dynamic dynamic;
	int err;

	err = dynamic_load(image, &dynamic);
	if (err)
		return err;
	if (!dynamic_valid(&dynamic))
		return -EINVAL;
	err = relocation_find(image, &dynamic, DT_JMPREL, DT_PLTRELSZ, name,
			      slot);
	if (err == -ENOENT)
		err = relocation_find(image, &dynamic, DT_RELA, DT_RELASZ, name,
				      slot);
	return err;
}

bool bc_image_has_code(const struct bc_image *image, const void *addr)
{
	return image_is_mapped(image, (uintptr_t)addr, PF_X) > 0;
}

static size_t align_up(size_t len, size_t align)
{
	return (len + align - 1) & -align;
}

static int build_id_print(const struct bc_image *image, uintptr_t addr,
			  size_t len, char hex[BC_BUILD_ID_HEX])
{
	uint8_t bytes[BC_BUILD_ID_MAX];

	if (!len || len > sizeof(bytes) || !image_copy(image, addr, bytes, len))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		snprintf(&hex[2 * i], 3, "%02x", bytes[i]);
	return 0;
}

/* Look for the build-id in one segment of notes: a header, the owner's name, the
 * content, each padded to the segment's alignment.
 */
static int note_find(const struct bc_image *image, const ElfW(Phdr) *notes,
		     char hex[BC_BUILD_ID_HEX])
{
	static const char owner[] = ELF_NOTE_GNU;
	size_t align = notes->p_align == 8 ? 8 : 4;
	uintptr_t addr = image->base + notes->p_vaddr;
	size_t len = notes->p_memsz;
	char name[sizeof(owner)];
	ElfW(Nhdr) note;

	while (len >= sizeof(note)) {
		size_t content, size;

		if (!image_copy(image, addr, &note, sizeof(note)))
			return -EINVAL;
		content = align_up(sizeof(note) + (size_t)note.n_namesz, align);
		size = align_up(content + note.n_descsz, align);
		if (note.n_type == NT_GNU_BUILD_ID &&
		    note.n_namesz == sizeof(owner) &&
		    image_copy(image, addr + sizeof(note), name,
			       sizeof(name)) &&
		    !memcmp(name, owner, sizeof(owner)))
			return content + note.n_descsz > len ?
				       -EINVAL :
				       build_id_print(image, addr + content,
						      note.n_descsz, hex);
		if (size > len)
			break; /* the last one need not be padded */
		addr += size;
		len -= size;
	}
	return -ENOENT;
}

int bc_image_build_id(const struct bc_image *image, char hex[BC_BUILD_ID_HEX])
{
	int rc = -ENOENT;

	hex[0] = '\0';
	for (size_t i = 0; i < image->phnum && rc == -ENOENT; i++)
		if (image->phdr[i].p_type == PT_NOTE)
			rc = note_find(image, &image->phdr[i], hex);
	return rc;
}

struct table_search {
	const struct bc_image *image;
	const char *const *names;
	size_t count;
	size_t stride;
	uintptr_t table; /* the last match */
	size_t matches;
};

static bool table_matches(const struct table_search *search, uintptr_t addr)
{
	for (size_t i = 0; i < search->count; i++) {
		const char *name = search->names[i];
		const char *string;
		uintptr_t pointer;

		memcpy(&pointer, (const void *)(addr + i * search->stride),
		       sizeof(pointer));
		string = image_string(search->image, pointer);
		if (!string || (name && strcmp(string, name) != 0))
			return false;
	}
	return true;
}

/* Try every position of a range, or of as much of it as is mapped. */
static void table_scan(struct table_search *search, const ElfW(Phdr) *range)
{
	uintptr_t addr = search->image->base + range->p_vaddr;
	size_t len =
		MIN(image_is_mapped(search->image, addr, PF_R), range->p_memsz);
	size_t skip = -addr % sizeof(void *);

	if (len < skip)
		return;
	addr += skip;
	len -= skip;
	for (; len / search->stride >= search->count;
	     addr += sizeof(void *), len -= sizeof(void *)) {
		if (!table_matches(search, addr))
			continue;
		search->table = addr;
		search->matches++;
	}
}

int bc_image_find_table(const struct bc_image *image, const char *const *names,
			size_t count, size_t stride, void **table)
{
	const ElfW(Phdr) *relro = header_find(image, PT_GNU_RELRO);
	struct table_search search = {
		.image = image,
		.names = names,
		.count = count,
		.stride = stride,
	};

	assert(count && stride && stride % sizeof(void *) == 0);
	for (size_t i = 0; i < image->phnum; i++) {
		const ElfW(Phdr) *header = &image->phdr[i];

		if (relro ? header == relro :
			    header->p_type == PT_LOAD && header->p_flags & PF_W)
			table_scan(&search, header);
	}
	if (search.matches > 1)
		return -EEXIST;
	if (!search.matches)
		return -ENOENT;
	*table = (void *)search.table;
	return 0;
}

int bc_image_protect(const struct bc_image *image, void *addr, size_t len,
		     bool writable)
{
	const ElfW(Phdr) *relro = header_find(image, PT_GNU_RELRO);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)addr & -page;
	uintptr_t end = ((uintptr_t)addr + len + page - 1) & -page;

	if (!len || image_is_mapped(image, (uintptr_t)addr, PF_R | PF_W) < len)
		return -EINVAL;
	if (!relro)
		return 0;
	/* The loader protects whole pages: of the last, none or all. */
	first = MAX(first, (image->base + relro->p_vaddr) & -page);
	end = MIN(end, (image->base + relro->p_vaddr + relro->p_memsz) & -page);
	if (first >= end)
		return 0;
	if (mprotect((void *)first, end - first,
		     writable ? PROT_READ | PROT_WRITE : PROT_READ))
		return -errno;
	return 0;
}
