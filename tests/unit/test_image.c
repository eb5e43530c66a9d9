/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Finding imports, tables and build-ids: in images built here byte by byte, whole and
 * broken, and in real libraries.
 *
 * The synthetic image is five pages, of which only two can be accessed:
 *
 *   guard | text: R | hole: PT_LOAD without PF_R | data: RW, RELRO | guard
 *
 * Text and data fill the ends of their pages, so that a read outside of a
 * segment that may be read, by a byte, is a SIGSEGV.
 */
#include "unit.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "module/image.h"

#if defined(__x86_64__)
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOB_DAT R_X86_64_GLOB_DAT
#define RELATIVE R_X86_64_RELATIVE
#else
#define JUMP_SLOT R_AARCH64_JUMP_SLOT
#define GLOB_DAT R_AARCH64_GLOB_DAT
#define RELATIVE R_AARCH64_RELATIVE
#endif

#define ENTRIES 5
#define CORRUPTIONS 20000

/* As the entries of Ganesha's table of operations. */
struct entry {
	const char *name;
	void *funct;
	void *resume;
	void *free_res;
	uint32_t resp_size;
	int exp_perm_flags;
};

static const char *const entry_names[ENTRIES] = {
	"OP_ILLEGAL", "OP_ILLEGAL", "OP_ILLEGAL", "OP_ACCESS", "OP_CLOSE",
};

enum { SYMBOL_NONE, SYMBOL_SETUP, SYMBOL_REPLY, SYMBOL_RELEASE, SYMBOLS };

static const char *const symbol_names[SYMBOLS] = {
	"",
	"clnt_req_setup",
	"svc_sendreply",
	"clnt_req_release",
};

/* A note as the linker writes it, behind one of somebody else's. */
struct notes {
	ElfW(Nhdr) other;
	char other_name[8];
	uint8_t other_content[4];
	ElfW(Nhdr) build;
	char build_name[4];
	uint8_t build_id[20];
};

#define BUILD_ID "000102030405060708090a0b0c0d0e0f10111213"

struct text {
	struct notes notes;
	ElfW(Sym) symtab[SYMBOLS];
	char strtab[SYMBOLS][24];
	ElfW(Rela) jmprel[2];
	ElfW(Rela) rela[2];
	char names[ENTRIES][16];
};

struct data {
	void *got[SYMBOLS];
	ElfW(Dyn) dynamic[12];
	struct entry table[ENTRIES];
};

enum { TEXT, HOLE, DATA, DYNAMIC, RELRO, NOTES, HEADERS };

struct synthetic {
	uint8_t *memory;
	size_t page;
	struct text *text;
	struct data *data;
	ElfW(Phdr) phdr[HEADERS];
	struct bc_image image;
};

static void set_header(struct synthetic *s, int index, ElfW(Word) type,
		       ElfW(Word) flags, const void *start, size_t len)
{
	s->phdr[index] = (ElfW(Phdr)){
		.p_type = type,
		.p_flags = flags,
		.p_vaddr = (uintptr_t)start - s->image.base,
		.p_memsz = len,
	};
}

static void set_relocation(struct synthetic *s, ElfW(Rela) *rela, int type,
			   int symbol)
{
	rela->r_offset = (uintptr_t)&s->data->got[symbol] - s->image.base;
	rela->r_info = ELF64_R_INFO((ElfW(Xword))symbol, type);
}

static void fill_text(struct synthetic *s)
{
	struct text *text = s->text;

	for (int i = 0; i < SYMBOLS; i++) {
		text->symtab[i].st_name =
			(ElfW(Word))(text->strtab[i] - text->strtab[0]);
		strcpy(text->strtab[i], symbol_names[i]);
	}
	set_relocation(s, &text->jmprel[0], JUMP_SLOT, SYMBOL_REPLY);
	set_relocation(s, &text->jmprel[1], JUMP_SLOT, SYMBOL_SETUP);
	set_relocation(s, &text->rela[0], RELATIVE, SYMBOL_NONE);
	set_relocation(s, &text->rela[1], GLOB_DAT, SYMBOL_RELEASE);
	for (int i = 0; i < ENTRIES; i++)
		strcpy(text->names[i], entry_names[i]);
}

static void fill_notes(struct notes *notes)
{
	notes->other = (ElfW(Nhdr)){ 5, 4, NT_GNU_BUILD_ID };
	strcpy(notes->other_name, "Else");
	notes->build = (ElfW(Nhdr)){ 4, 20, NT_GNU_BUILD_ID };
	strcpy(notes->build_name, "GNU");
	for (uint8_t i = 0; i < sizeof(notes->build_id); i++)
		notes->build_id[i] = i;
}

/* The dynamic section as glibc leaves it, with addresses relocated. */
static void fill_data(struct synthetic *s)
{
	const ElfW(Dyn) dynamic[] = {
		{ DT_STRTAB, { (uintptr_t)s->text->strtab } },
		{ DT_SYMTAB, { (uintptr_t)s->text->symtab } },
		{ DT_SYMENT, { sizeof(ElfW(Sym)) } },
		{ DT_JMPREL, { (uintptr_t)s->text->jmprel } },
		{ DT_PLTRELSZ, { sizeof(s->text->jmprel) } },
		{ DT_PLTREL, { DT_RELA } },
		{ DT_RELA, { (uintptr_t)s->text->rela } },
		{ DT_RELASZ, { sizeof(s->text->rela) } },
		{ DT_RELAENT, { sizeof(ElfW(Rela)) } },
		{ DT_GNU_HASH, { (uintptr_t)s->text } },
		{ DT_NULL, { 0 } },
	};

	memcpy(s->data->dynamic, dynamic, sizeof(dynamic));
	for (int i = 0; i < ENTRIES; i++)
		s->data->table[i].name = s->text->names[i];
}

static int synthetic_new(void **state)
{
	struct synthetic *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->page = (size_t)sysconf(_SC_PAGESIZE);
	s->memory = mmap(NULL, 5 * s->page, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->memory, MAP_FAILED);
	for (size_t i = 1; i < 5; i += 2)
		assert_int_equal(mprotect(s->memory + i * s->page, s->page,
					  PROT_READ | PROT_WRITE),
				 0);
	s->image.base = (uintptr_t)s->memory + s->page;
	s->text = (struct text *)(s->memory + 2 * s->page) - 1;
	s->data = (struct data *)(s->memory + 4 * s->page) - 1;
	set_header(s, TEXT, PT_LOAD, PF_R, s->memory + s->page, s->page);
	set_header(s, HOLE, PT_LOAD, PF_X, s->memory + 2 * s->page, s->page);
	set_header(s, DATA, PT_LOAD, PF_R | PF_W, s->memory + 3 * s->page,
		   s->page);
	set_header(s, DYNAMIC, PT_DYNAMIC, PF_R, s->data->dynamic,
		   sizeof(s->data->dynamic));
	set_header(s, RELRO, PT_GNU_RELRO, PF_R, s->data, sizeof(*s->data));
	set_header(s, NOTES, PT_NOTE, PF_R, &s->text->notes,
		   sizeof(s->text->notes));
	s->phdr[NOTES].p_align = 4;
	s->image.phdr = s->phdr;
	s->image.phnum = HEADERS;
	fill_text(s);
	fill_notes(&s->text->notes);
	fill_data(s);
	*state = s;
	return 0;
}

static int synthetic_free(void **state)
{
	struct synthetic *s = *state;

	munmap(s->memory, 5 * s->page);
	free(s);
	return 0;
}

static ElfW(Dyn) *dynamic_entry(struct synthetic *s, ElfW(Sxword) tag)
{
	ElfW(Dyn) *entry = s->data->dynamic;

	while (entry->d_tag != tag)
		entry++;
	return entry;
}

static void dynamic_set(struct synthetic *s, ElfW(Sxword) tag, uintptr_t value)
{
	dynamic_entry(s, tag)->d_un.d_ptr = value;
}

static void dynamic_remove(struct synthetic *s, ElfW(Sxword) tag)
{
	dynamic_entry(s, tag)->d_tag = DT_DEBUG;
}

/* A result is a place that may be replaced, an error leaves none. */
static void assert_sane_result(const struct synthetic *s, int err,
			       const void *found, size_t len)
{
	uintptr_t offset = (uintptr_t)found - (uintptr_t)s->memory;

	if (err) {
		assert_null(found);
		return;
	}
	assert_int_equal(offset % sizeof(void *), 0);
	assert_in_range(offset, 3 * s->page, 4 * s->page - len);
}

static int find_import(const struct synthetic *s, const char *name,
		       void ***slot)
{
	int err;

	*slot = NULL;
	err = bc_image_find_import(&s->image, name, slot);
	assert_sane_result(s, err, *slot, sizeof(void *));
	return err;
}

static int find_table(const struct synthetic *s, void **table)
{
	int err;

	*table = NULL;
	err = bc_image_find_table(&s->image, entry_names, ENTRIES,
				  sizeof(struct entry), table);
	assert_sane_result(s, err, *table, ENTRIES * sizeof(struct entry));
	return err;
}

static void assert_import(const struct synthetic *s, int symbol)
{
	void **slot;

	assert_int_equal(find_import(s, symbol_names[symbol], &slot), 0);
	assert_ptr_equal(slot, &s->data->got[symbol]);
}

static void assert_no_import(const struct synthetic *s, const char *name,
			     int expected)
{
	void **slot;

	assert_int_equal(find_import(s, name, &slot), expected);
}

static void assert_table(const struct synthetic *s, const void *expected)
{
	void *table;

	assert_int_equal(find_table(s, &table), 0);
	assert_ptr_equal(table, expected);
}

static void assert_no_table(const struct synthetic *s, int expected)
{
	void *table;

	assert_int_equal(find_table(s, &table), expected);
}

/* Imports */

static void test_import_plt_found(void **state)
{
	assert_import(*state, SYMBOL_SETUP);
	assert_import(*state, SYMBOL_REPLY);
}

static void test_import_got_found(void **state)
{
	assert_import(*state, SYMBOL_RELEASE);
}

static void test_import_unrelocated_dynamic_found(void **state)
{
	static const ElfW(Sxword) tags[] = { DT_STRTAB, DT_SYMTAB, DT_JMPREL,
					     DT_RELA };
	struct synthetic *s = *state;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		dynamic_entry(s, tags[i])->d_un.d_ptr -= s->image.base;
	assert_import(s, SYMBOL_SETUP);
	assert_import(s, SYMBOL_RELEASE);
}

static void test_import_missing_not_found(void **state)
{
	assert_no_import(*state, "clnt_req_callback", -ENOENT);
	assert_no_import(*state, "clnt_req", -ENOENT);
	assert_no_import(*state, "clnt_req_setup2", -ENOENT);
}

static void test_import_symbol_without_relocation_not_found(void **state)
{
	struct synthetic *s = *state;

	set_relocation(s, &s->text->jmprel[1], RELATIVE, SYMBOL_SETUP);
	assert_no_import(s, "clnt_req_setup", -ENOENT);
}

static void test_import_no_jmprel_got_still_found(void **state)
{
	dynamic_remove(*state, DT_JMPREL);
	assert_no_import(*state, "clnt_req_setup", -ENOENT);
	assert_import(*state, SYMBOL_RELEASE);
}

static void test_import_no_rela_plt_still_found(void **state)
{
	dynamic_remove(*state, DT_RELA);
	assert_no_import(*state, "clnt_req_release", -ENOENT);
	assert_import(*state, SYMBOL_SETUP);
}

static void test_import_no_relocations_not_found(void **state)
{
	dynamic_set(*state, DT_PLTRELSZ, 0);
	dynamic_set(*state, DT_RELASZ, sizeof(ElfW(Rela)) - 1);
	assert_no_import(*state, "clnt_req_setup", -ENOENT);
	assert_no_import(*state, "clnt_req_release", -ENOENT);
}

static void test_import_no_dynamic_refused(void **state)
{
	struct synthetic *s = *state;

	s->phdr[DYNAMIC].p_type = PT_NULL;
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_dynamic_outside_refused(void **state)
{
	struct synthetic *s = *state;

	set_header(s, DYNAMIC, PT_DYNAMIC, PF_R, s->memory + 4 * s->page,
		   s->page);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
	set_header(s, DYNAMIC, PT_DYNAMIC, PF_R, s->memory + 2 * s->page,
		   s->page);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_dynamic_unterminated_refused(void **state)
{
	struct synthetic *s = *state;

	for (uint8_t *p = (uint8_t *)dynamic_entry(s, DT_NULL);
	     p < s->memory + 4 * s->page; p++)
		*p = 0x7f;
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_dynamic_incomplete_refused(void **state)
{
	static const ElfW(Sxword) tags[] = {
		DT_STRTAB, DT_SYMTAB, DT_SYMENT, DT_PLTREL, DT_RELAENT,
	};
	struct synthetic *s = *state;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		ElfW(Dyn) *entry = dynamic_entry(s, tags[i]);

		entry->d_tag = DT_DEBUG;
		assert_no_import(s, "clnt_req_setup", -EINVAL);
		entry->d_tag = tags[i];
		assert_import(s, SYMBOL_SETUP);
	}
}

static void test_import_entry_size_unknown_refused(void **state)
{
	dynamic_set(*state, DT_PLTREL, DT_REL);
	assert_no_import(*state, "clnt_req_setup", -EINVAL);
	dynamic_set(*state, DT_PLTREL, DT_RELA);
	dynamic_set(*state, DT_SYMENT, sizeof(ElfW(Sym)) + 1);
	assert_no_import(*state, "clnt_req_setup", -EINVAL);
}

static void test_import_pltrelsz_absurd_refused(void **state)
{
	static const size_t sizes[] = {
		1 << 20,
		SIZE_MAX,
		SIZE_MAX / 2,
		0 - sizeof(ElfW(Rela)),
	};
	struct synthetic *s = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		dynamic_set(s, DT_PLTRELSZ, sizes[i]);
		assert_no_import(s, "clnt_req_callback", -EINVAL);
	}
}

static void test_import_relocations_outside_refused(void **state)
{
	struct synthetic *s = *state;

	dynamic_set(s, DT_JMPREL, (uintptr_t)s->memory + 4 * s->page);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
	dynamic_set(s, DT_JMPREL, (uintptr_t)s->memory + 2 * s->page);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
	/* the last relocation straddles the segment's end */
	dynamic_set(s, DT_JMPREL,
		    (uintptr_t)(s->text + 1) - 2 * sizeof(ElfW(Rela)) + 1);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_symbol_outside_refused(void **state)
{
	struct synthetic *s = *state;

	s->text->jmprel[0].r_info = ELF64_R_INFO(UINT32_MAX, JUMP_SLOT);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_symtab_straddles_end_refused(void **state)
{
	struct synthetic *s = *state;

	dynamic_set(s, DT_SYMTAB,
		    (uintptr_t)(s->text + 1) -
			    (SYMBOL_SETUP + 1) * sizeof(ElfW(Sym)) + 1);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_name_outside_refused(void **state)
{
	struct synthetic *s = *state;

	s->text->symtab[SYMBOL_REPLY].st_name = UINT32_MAX;
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_name_unreadable_refused(void **state)
{
	struct synthetic *s = *state;

	dynamic_set(s, DT_STRTAB, (uintptr_t)s->memory + 2 * s->page);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

static void test_import_name_unterminated_refused(void **state)
{
	static const char prefix[] = "clnt_req";
	struct synthetic *s = *state;
	char *end = (char *)(s->text + 1);

	memcpy(end - strlen(prefix), prefix, strlen(prefix));
	s->text->symtab[SYMBOL_REPLY].st_name =
		(ElfW(Word))(end - strlen(prefix) - s->text->strtab[0]);
	assert_no_import(s, "clnt_req_setup", -EINVAL);
	assert_no_import(s, "clnt_req", -EINVAL);
}

static void test_import_slot_unusable_refused(void **state)
{
	struct synthetic *s = *state;
	const ElfW(Addr) offsets[] = {
		-(ElfW(Addr))8, /* before the image */
		0, /* read-only */
		s->page, /* not readable */
		2 * s->page + 1, /* unaligned */
		3 * s->page, /* after the image */
	};

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		s->text->jmprel[1].r_offset = offsets[i];
		assert_no_import(s, "clnt_req_setup", -EINVAL);
	}
	s->text->jmprel[1].r_offset = 3 * s->page - sizeof(void *);
	assert_int_equal(find_import(s, "clnt_req_setup", &(void **){ NULL }),
			 0);
	s->phdr[DATA].p_memsz--; /* now it straddles the end */
	assert_no_import(s, "clnt_req_setup", -EINVAL);
}

/* Code */

static void test_code_is_what_is_executable(void **state)
{
	struct synthetic *s = *state;

	assert_false(bc_image_has_code(&s->image, s->text));
	assert_false(bc_image_has_code(&s->image, s->data));
	assert_true(bc_image_has_code(&s->image, s->memory + 2 * s->page));
	assert_false(bc_image_has_code(&s->image, s->memory + 4 * s->page));
	assert_false(bc_image_has_code(&s->image, NULL));
}

/* Build-ids */

static void assert_build_id(const struct synthetic *s, const char *expected)
{
	char hex[BC_BUILD_ID_HEX];

	assert_int_equal(bc_image_build_id(&s->image, hex), 0);
	assert_string_equal(hex, expected);
}

static void assert_no_build_id(const struct synthetic *s, int expected)
{
	char hex[BC_BUILD_ID_HEX] = "left";

	assert_int_equal(bc_image_build_id(&s->image, hex), expected);
	assert_string_equal(hex, "");
}

static void test_build_id_found_behind_another_note(void **state)
{
	assert_build_id(*state, BUILD_ID);
}

static void test_build_id_in_second_segment_found(void **state)
{
	struct synthetic *s = *state;
	struct notes *notes = &s->text->notes;

	/* The first segment ends before it; RELRO's place has the second. */
	set_header(s, RELRO, PT_NOTE, PF_R, &notes->build,
		   sizeof(*notes) - offsetof(struct notes, build));
	s->phdr[NOTES].p_memsz = offsetof(struct notes, build);
	assert_build_id(s, BUILD_ID);
	s->phdr[RELRO].p_type = PT_NULL;
	assert_no_build_id(s, -ENOENT);
}

static void test_build_id_padded_to_eight_found(void **state)
{
	struct synthetic *s = *state;
	struct notes *notes = &s->text->notes;
	uint8_t *other = (uint8_t *)notes;

	/* 12 + 4 of the name, 4 of content and 4 of padding. */
	notes->other = (ElfW(Nhdr)){ 4, 4, NT_GNU_PROPERTY_TYPE_0 };
	memmove(other + 24, &notes->build, sizeof(*notes) - 24);
	s->phdr[NOTES].p_align = 8;
	assert_build_id(s, BUILD_ID);
	s->phdr[NOTES].p_align = 4;
	assert_no_build_id(s, -ENOENT);
}

static void test_build_id_of_other_length_found(void **state)
{
	struct synthetic *s = *state;

	s->text->notes.build.n_descsz = 1;
	assert_build_id(s, "00");
	s->text->notes.build.n_descsz = 0;
	assert_no_build_id(s, -EINVAL);
	s->phdr[NOTES].p_memsz = s->page;
	s->text->notes.build.n_descsz = BC_BUILD_ID_MAX + 1;
	assert_no_build_id(s, -EINVAL);
}

static void test_build_id_missing_not_found(void **state)
{
	struct synthetic *s = *state;
	struct notes *notes = &s->text->notes;

	notes->build.n_type = NT_GNU_ABI_TAG;
	assert_no_build_id(s, -ENOENT);
	notes->build.n_type = NT_GNU_BUILD_ID;
	notes->build_name[0] = 'g';
	assert_no_build_id(s, -ENOENT);
	notes->build_name[0] = 'G';
	s->phdr[NOTES].p_type = PT_NULL;
	assert_no_build_id(s, -ENOENT);
}

static void test_build_id_outside_refused(void **state)
{
	struct synthetic *s = *state;
	struct notes *notes = &s->text->notes;

	s->phdr[NOTES].p_memsz--; /* it straddles the segment's end */
	assert_no_build_id(s, -EINVAL);
	s->phdr[NOTES].p_memsz = SIZE_MAX;
	notes->build.n_descsz = UINT32_MAX;
	assert_no_build_id(s, -EINVAL);
	notes->other.n_namesz = UINT32_MAX; /* beyond all that is mapped */
	assert_no_build_id(s, -EINVAL);
	s->phdr[NOTES].p_vaddr = s->page; /* not readable */
	assert_no_build_id(s, -EINVAL);
}

/* Tables */

static void test_table_found(void **state)
{
	struct synthetic *s = *state;

	assert_table(s, s->data->table);
}

static void test_table_relro_unaligned_found(void **state)
{
	struct synthetic *s = *state;

	set_header(s, RELRO, PT_GNU_RELRO, PF_R, (uint8_t *)s->data->table - 3,
		   sizeof(s->data->table) + 3);
	assert_table(s, s->data->table);
}

static void test_table_truncated_by_relro_not_found(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_memsz--;
	assert_no_table(s, -ENOENT);
	s->phdr[RELRO].p_memsz = 3;
	s->phdr[RELRO].p_vaddr++;
	assert_no_table(s, -ENOENT);
}

static void test_table_truncated_by_segment_not_found(void **state)
{
	struct synthetic *s = *state;
	uint8_t *moved = (uint8_t *)s->data->table + sizeof(void *);

	memmove(moved, s->data->table, sizeof(s->data->table) - sizeof(void *));
	s->phdr[RELRO].p_memsz = SIZE_MAX;
	assert_no_table(s, -ENOENT);
}

static void test_table_relro_beyond_segment_found(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_memsz = SIZE_MAX;
	assert_table(s, s->data->table);
}

static void test_table_relro_outside_not_found(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_vaddr = 3 * s->page;
	assert_no_table(s, -ENOENT);
	s->phdr[RELRO].p_vaddr = s->page;
	assert_no_table(s, -ENOENT);
}

static void test_table_outside_relro_not_found(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_memsz = offsetof(struct data, table);
	assert_no_table(s, -ENOENT);
}

static void test_table_no_relro_found_in_data(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_type = PT_NULL;
	assert_table(s, s->data->table);
	s->phdr[DATA].p_flags = PF_R;
	assert_no_table(s, -ENOENT);
	s->phdr[DATA].p_flags = PF_W;
	assert_no_table(s, -ENOENT);
}

static void test_table_name_differs_not_found(void **state)
{
	struct synthetic *s = *state;

	for (int i = 0; i < ENTRIES; i++) {
		char *last = strrchr(s->text->names[i], 'L');

		if (!last)
			last = s->text->names[i];
		*last ^= 1;
		assert_no_table(s, -ENOENT);
		*last ^= 1;
	}
	strcat(s->text->names[3], "S");
	assert_no_table(s, -ENOENT);
}

static void test_table_name_outside_not_found(void **state)
{
	struct synthetic *s = *state;
	const uintptr_t outside[] = {
		0,
		s->image.base - 1,
		s->image.base + s->page,
		s->image.base + 3 * s->page,
		UINTPTR_MAX,
		(uintptr_t) "OP_ILLEGAL", /* readable, but not the image's */
	};

	for (int i = 0; i < ENTRIES; i += ENTRIES - 1) {
		const char *name = s->data->table[i].name;

		for (size_t j = 0; j < sizeof(outside) / sizeof(outside[0]);
		     j++) {
			s->data->table[i].name = (const char *)outside[j];
			assert_no_table(s, -ENOENT);
		}
		s->data->table[i].name = name;
		assert_table(s, s->data->table);
	}
}

static void test_table_name_unterminated_not_found(void **state)
{
	struct synthetic *s = *state;
	char *end = (char *)(s->text + 1);
	size_t len = strlen("OP_CLOSE");

	memcpy(end - len, "OP_CLOSE", len);
	s->data->table[4].name = end - len;
	assert_no_table(s, -ENOENT);
	memcpy(end - len - 1, "OP_CLOSE", len + 1);
	s->data->table[4].name--;
	assert_table(s, s->data->table);
}

static void test_table_twice_refused(void **state)
{
	struct synthetic *s = *state;

	memcpy(s->memory + 3 * s->page, s->data->table, sizeof(s->data->table));
	assert_table(s, s->data->table);
	set_header(s, RELRO, PT_GNU_RELRO, PF_R, s->memory + 3 * s->page,
		   s->page);
	assert_no_table(s, -EEXIST);
}

static void test_table_null_name_matches_any_string(void **state)
{
	const char *const names[] = { "OP_ILLEGAL", NULL, NULL, "OP_ACCESS" };
	struct synthetic *s = *state;
	void *table;

	strcpy(s->text->names[1], "anything");
	assert_int_equal(bc_image_find_table(&s->image, names, 4,
					     sizeof(struct entry), &table),
			 0);
	assert_ptr_equal(table, s->data->table);
	s->data->table[1].name = NULL;
	assert_int_equal(bc_image_find_table(&s->image, names, 4,
					     sizeof(struct entry), &table),
			 -ENOENT);
}

static void test_table_larger_than_memory_not_found(void **state)
{
	struct synthetic *s = *state;
	void *table;

	assert_int_equal(bc_image_find_table(&s->image, entry_names, SIZE_MAX,
					     sizeof(struct entry), &table),
			 -ENOENT);
	/* sizes whose product wraps around, to 0 */
	assert_int_equal(bc_image_find_table(&s->image, entry_names, 2,
					     SIZE_MAX / 2 + 1, &table),
			 -ENOENT);
}

/* Corruption */

static uint64_t next_random(uint64_t *random)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return *random >> 33;
}

/* A value that is likely to be followed somewhere. */
static uint64_t evil_value(const struct synthetic *s, uint64_t *random)
{
	uint64_t boundary = next_random(random) % 4 * s->page;
	uint64_t near = next_random(random) % 33 - 16;

	switch (next_random(random) % 4) {
	case 0:
		return s->image.base + boundary + near;
	case 1:
		return boundary + near;
	case 2:
		return near;
	default:
		return next_random(random) << 33 | next_random(random);
	}
}

static void corrupt(struct synthetic *s, uint64_t *random)
{
	const struct {
		void *start;
		size_t len;
	} targets[] = {
		{ s->text, sizeof(*s->text) },
		{ s->data, sizeof(*s->data) },
		{ s->data->dynamic, sizeof(s->data->dynamic) },
		{ &s->phdr[DYNAMIC].p_vaddr, sizeof(ElfW(Addr)) },
		{ &s->phdr[DYNAMIC].p_memsz, sizeof(ElfW(Addr)) },
		{ &s->phdr[RELRO].p_vaddr, sizeof(ElfW(Addr)) },
		{ &s->phdr[RELRO].p_memsz, sizeof(ElfW(Addr)) },
		{ &s->text->notes, sizeof(s->text->notes) },
		{ &s->phdr[NOTES].p_vaddr, sizeof(ElfW(Addr)) },
		{ &s->phdr[NOTES].p_memsz, sizeof(ElfW(Addr)) },
	};

	for (uint64_t n = 1 + next_random(random) % 4; n > 0; n--) {
		size_t i = next_random(random) %
			   (sizeof(targets) / sizeof(targets[0]));
		uint8_t *start = targets[i].start;
		size_t offset = next_random(random) % targets[i].len;
		uint64_t value = evil_value(s, random);

		if (next_random(random) % 2)
			start[offset] ^= (uint8_t)(1 + value % 255);
		else
			memcpy(start + offset / sizeof(value) * sizeof(value),
			       &value, sizeof(value));
	}
}

static void test_corrupted_image_never_crashes(void **state)
{
	struct synthetic *s = *state;
	const struct text text = *s->text;
	const struct data data = *s->data;
	const struct synthetic pristine = *s;
	const char *given = getenv("BC_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	uint64_t random = seed;
	unsigned int refused = 0;
	char hex[BC_BUILD_ID_HEX];
	void **slot;
	void *table;

	/* Before anything can crash: cmocka's own output is buffered. */
	fprintf(stderr, "BC_TEST_SEED=%" PRIu64 "\n", seed);
	for (int i = 0; i < CORRUPTIONS; i++) {
		corrupt(s, &random);
		for (int symbol = 1; symbol < SYMBOLS; symbol++)
			if (find_import(s, symbol_names[symbol], &slot))
				refused++;
		if (find_table(s, &table))
			refused++;
		bc_image_build_id(&s->image, hex);
		*s = pristine;
		*s->text = text;
		*s->data = data;
	}
	print_message("%d corruptions, %u of %u searches refused\n",
		      CORRUPTIONS, refused, SYMBOLS * CORRUPTIONS);
	assert_in_range(refused, CORRUPTIONS / 10,
			SYMBOLS * CORRUPTIONS - CORRUPTIONS / 10);
}

/* Protection */

static void assert_perms(const void *addr, const char *expected)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uintptr_t start, end;
	char line[512], perms[5];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end,
			   perms) == 3 &&
		    (uintptr_t)addr >= start && (uintptr_t)addr < end) {
			fclose(maps);
			assert_string_equal(perms, expected);
			return;
		}
	}
	fclose(maps);
	fail_msg("%p is not mapped", addr);
}

static void test_protect_range_not_writable_refused(void **state)
{
	struct synthetic *s = *state;
	uint8_t *data = s->memory + 3 * s->page;

	assert_int_equal(bc_image_protect(&s->image, s->memory, 8, true),
			 -EINVAL);
	assert_int_equal(bc_image_protect(&s->image, s->text, 8, true),
			 -EINVAL);
	assert_int_equal(bc_image_protect(&s->image, data, s->page + 1, true),
			 -EINVAL);
	assert_int_equal(bc_image_protect(&s->image, data, SIZE_MAX, true),
			 -EINVAL);
	assert_int_equal(bc_image_protect(&s->image, data, 0, true), -EINVAL);
	assert_perms(data, "rw-p");
	assert_perms(s->text, "rw-p");
}

static void test_protect_without_relro_changes_nothing(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_type = PT_NULL;
	assert_int_equal(bc_image_protect(&s->image, s->data, 8, false), 0);
	assert_perms(s->data, "rw-p");
}

/* The loader leaves a last page that is RELRO only in part writable. */
static void test_protect_partial_page_changes_nothing(void **state)
{
	struct synthetic *s = *state;

	s->phdr[RELRO].p_memsz--;
	assert_int_equal(bc_image_protect(&s->image, s->data, 8, false), 0);
	assert_perms(s->data, "rw-p");
}

static void test_protect_relro_changes_its_pages_only(void **state)
{
	struct synthetic *s = *state;
	uint8_t *hole = s->memory + 2 * s->page;

	/* one writable segment of two pages, the second of them RELRO */
	assert_int_equal(mprotect(hole, s->page, PROT_READ | PROT_WRITE), 0);
	set_header(s, HOLE, PT_NULL, 0, NULL, 0);
	set_header(s, DATA, PT_LOAD, PF_R | PF_W, hole, 2 * s->page);

	assert_int_equal(bc_image_protect(&s->image, hole, 2 * s->page, false),
			 0);
	assert_perms(hole, "rw-p");
	assert_perms(s->data, "r--p");
	assert_int_equal(bc_image_protect(&s->image, hole, 2 * s->page, true),
			 0);
	assert_perms(hole, "rw-p");
	assert_perms(s->data, "rw-p");
}

/* Real images */

static void test_find_own_code_is_the_program(void **state)
{
	struct bc_image image;

	(void)state;
	assert_int_equal(bc_image_find((void *)synthetic_new, &image), 0);
	assert_string_equal(image.path, "");
	assert_int_equal(bc_image_find(entry_names, &image), 0);
	assert_string_equal(image.path, "");
}

static void test_find_address_of_no_image_not_found(void **state)
{
	struct synthetic *s = *state;
	struct bc_image image;

	assert_int_equal(bc_image_find(s->memory, &image), -ENOENT);
	assert_int_equal(bc_image_find(&image, &image), -ENOENT);
	assert_int_equal(bc_image_find(NULL, &image), -ENOENT);
}

static int replacement(void)
{
	return -42;
}

/* Redirect a real library's import and put it back. */
static void check_sample(const char *path, const char *perms)
{
	static const char *const names[] = { "SAMPLE_ZERO", "SAMPLE_ONE",
					     "SAMPLE_TWO" };
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const void *(*sample_table)(size_t *);
	int (*sample_call)(void);
	struct bc_image image;
	void **slot, *original, *table;
	size_t stride;

	if (!library)
		fail_msg("%s", dlerror());
	sample_call = (int (*)(void))dlsym(library, "sample_call");
	sample_table =
		(const void *(*)(size_t *))dlsym(library, "sample_table");
	assert_int_equal(bc_image_find((void *)sample_call, &image), 0);
	assert_string_equal(image.path, path);

	assert_int_equal(bc_image_find_import(&image, "getpid", &slot),
			 -ENOENT);
	assert_int_equal(bc_image_find_import(&image, "getppid", &slot), 0);
	assert_int_equal(sample_call(), getppid());
	assert_perms(slot, perms);
	assert_int_equal(bc_image_protect(&image, slot, sizeof(*slot), true),
			 0);
	assert_perms(slot, "rw-p");
	original = *slot;
	*slot = (void *)replacement;
	assert_int_equal(sample_call(), -42);
	*slot = original;
	assert_int_equal(bc_image_protect(&image, slot, sizeof(*slot), false),
			 0);
	assert_perms(slot, perms);
	assert_int_equal(sample_call(), getppid());

	assert_non_null(sample_table(&stride));
	assert_int_equal(bc_image_find_table(&image, names, 3, stride, &table),
			 0);
	assert_ptr_equal(table, sample_table(&stride));
	assert_int_equal(dlclose(library), 0);
}

static void test_sample_called_through_plt_redirected(void **state)
{
	(void)state;
	check_sample(SAMPLE_PLT, "r--p");
}

static void test_sample_called_through_got_redirected(void **state)
{
	(void)state;
	check_sample(SAMPLE_GOT, "r--p");
}

static void test_sample_bound_lazily_redirected(void **state)
{
	(void)state;
	check_sample(SAMPLE_LAZY, "rw-p");
}

/* The slot leads to the image's own code until the first call. */
static void test_sample_bound_lazily_leads_to_itself(void **state)
{
	void *library = dlopen(SAMPLE_LAZY, RTLD_LAZY | RTLD_LOCAL);
	int (*sample_call)(void);
	struct bc_image image;
	void **slot;

	(void)state;
	if (!library)
		fail_msg("%s", dlerror());
	sample_call = (int (*)(void))dlsym(library, "sample_call");
	assert_int_equal(bc_image_find((void *)sample_call, &image), 0);
	assert_int_equal(bc_image_find_import(&image, "getppid", &slot), 0);
	assert_true(bc_image_has_code(&image, *slot));
	assert_int_equal(sample_call(), getppid());
	assert_false(bc_image_has_code(&image, *slot));
	assert_int_equal(dlclose(library), 0);
}

static void test_sample_build_id_is_the_linkers(void **state)
{
	void *library = dlopen(SAMPLE_PLT, RTLD_NOW | RTLD_LOCAL);
	char hex[BC_BUILD_ID_HEX];
	struct bc_image image;

	(void)state;
	assert_non_null(library);
	assert_int_equal(bc_image_find(dlsym(library, "sample_call"), &image),
			 0);
	assert_int_equal(bc_image_build_id(&image, hex), 0);
	assert_string_equal(hex, "0123456789abcdef");
	assert_int_equal(dlclose(library), 0);
}

#ifdef GANESHA_NFSD_LIBRARY
static void test_ganesha_imports_and_operations_found(void **state)
{
	static const char *const imports[] = {
		"clnt_req_setup",      "clnt_req_callback", "clnt_req_release",
		"clnt_vc_ncreate_svc", "svc_sendreply",
	};
	void *library = dlopen(GANESHA_NFSD_LIBRARY, RTLD_NOW | RTLD_LOCAL);
#ifdef BC_BUILD_GANESHA
	char hex[BC_BUILD_ID_HEX];
#endif
	struct bc_image image;
	void **slot, *table;

	(void)state;
	if (!library)
		fail_msg("%s", dlerror());
	assert_int_equal(bc_image_find(dlsym(library, "register_fsal"), &image),
			 0);
	assert_non_null(strstr(image.path, "ganesha_nfsd"));
	for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++) {
		assert_int_equal(
			bc_image_find_import(&image, imports[i], &slot), 0);
		assert_non_null(*slot);
		assert_ptr_equal(*slot, dlsym(library, imports[i]));
	}
	assert_int_equal(bc_image_find_table(&image, entry_names, ENTRIES,
					     sizeof(struct entry), &table),
			 0);
	assert_string_equal(((struct entry *)table)[3].name, "OP_ACCESS");
	assert_perms(table, "r--p");
	assert_int_equal(
		bc_image_protect(&image, table, sizeof(struct entry), true), 0);
	assert_perms(table, "rw-p");
	assert_int_equal(
		bc_image_protect(&image, table, sizeof(struct entry), false),
		0);
	assert_perms(table, "r--p");
#ifdef BC_BUILD_GANESHA
	assert_int_equal(bc_image_build_id(&image, hex), 0);
	assert_string_equal(hex, BC_BUILD_GANESHA);
#endif
	print_message("%s: 5 imports, operations at +%#" PRIxPTR "\n",
		      image.path, (uintptr_t)table - image.base);
	assert_int_equal(dlclose(library), 0);
}
#else
static void test_ganesha_imports_and_operations_found(void **state)
{
	(void)state;
	print_message("skipped: libganesha_nfsd.so is not installed\n");
	skip();
}
#endif

#define SYNTHETIC_TEST(name)                                                   \
	cmocka_unit_test_setup_teardown(name, synthetic_new, synthetic_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SYNTHETIC_TEST(test_import_plt_found),
		SYNTHETIC_TEST(test_import_got_found),
		SYNTHETIC_TEST(test_import_unrelocated_dynamic_found),
		SYNTHETIC_TEST(test_import_missing_not_found),
		SYNTHETIC_TEST(test_import_symbol_without_relocation_not_found),
		SYNTHETIC_TEST(test_import_no_jmprel_got_still_found),
		SYNTHETIC_TEST(test_import_no_rela_plt_still_found),
		SYNTHETIC_TEST(test_import_no_relocations_not_found),
		SYNTHETIC_TEST(test_import_no_dynamic_refused),
		SYNTHETIC_TEST(test_import_dynamic_outside_refused),
		SYNTHETIC_TEST(test_import_dynamic_unterminated_refused),
		SYNTHETIC_TEST(test_import_dynamic_incomplete_refused),
		SYNTHETIC_TEST(test_import_entry_size_unknown_refused),
		SYNTHETIC_TEST(test_import_pltrelsz_absurd_refused),
		SYNTHETIC_TEST(test_import_relocations_outside_refused),
		SYNTHETIC_TEST(test_import_symbol_outside_refused),
		SYNTHETIC_TEST(test_import_symtab_straddles_end_refused),
		SYNTHETIC_TEST(test_import_name_outside_refused),
		SYNTHETIC_TEST(test_import_name_unreadable_refused),
		SYNTHETIC_TEST(test_import_name_unterminated_refused),
		SYNTHETIC_TEST(test_import_slot_unusable_refused),
		SYNTHETIC_TEST(test_code_is_what_is_executable),
		SYNTHETIC_TEST(test_build_id_found_behind_another_note),
		SYNTHETIC_TEST(test_build_id_in_second_segment_found),
		SYNTHETIC_TEST(test_build_id_padded_to_eight_found),
		SYNTHETIC_TEST(test_build_id_of_other_length_found),
		SYNTHETIC_TEST(test_build_id_missing_not_found),
		SYNTHETIC_TEST(test_build_id_outside_refused),
		SYNTHETIC_TEST(test_table_found),
		SYNTHETIC_TEST(test_table_relro_unaligned_found),
		SYNTHETIC_TEST(test_table_truncated_by_relro_not_found),
		SYNTHETIC_TEST(test_table_truncated_by_segment_not_found),
		SYNTHETIC_TEST(test_table_relro_beyond_segment_found),
		SYNTHETIC_TEST(test_table_relro_outside_not_found),
		SYNTHETIC_TEST(test_table_outside_relro_not_found),
		SYNTHETIC_TEST(test_table_no_relro_found_in_data),
		SYNTHETIC_TEST(test_table_name_differs_not_found),
		SYNTHETIC_TEST(test_table_name_outside_not_found),
		SYNTHETIC_TEST(test_table_name_unterminated_not_found),
		SYNTHETIC_TEST(test_table_twice_refused),
		SYNTHETIC_TEST(test_table_null_name_matches_any_string),
		SYNTHETIC_TEST(test_table_larger_than_memory_not_found),
		SYNTHETIC_TEST(test_corrupted_image_never_crashes),
		SYNTHETIC_TEST(test_protect_range_not_writable_refused),
		SYNTHETIC_TEST(test_protect_without_relro_changes_nothing),
		SYNTHETIC_TEST(test_protect_partial_page_changes_nothing),
		SYNTHETIC_TEST(test_protect_relro_changes_its_pages_only),
		cmocka_unit_test(test_find_own_code_is_the_program),
		SYNTHETIC_TEST(test_find_address_of_no_image_not_found),
		cmocka_unit_test(test_sample_called_through_plt_redirected),
		cmocka_unit_test(test_sample_called_through_got_redirected),
		cmocka_unit_test(test_sample_bound_lazily_redirected),
		cmocka_unit_test(test_sample_bound_lazily_leads_to_itself),
		cmocka_unit_test(test_sample_build_id_is_the_linkers),
		cmocka_unit_test(test_ganesha_imports_and_operations_found),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
