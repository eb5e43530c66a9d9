/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reading memory that is not there, or only in part.
 */
#include "unit.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ganesha/memory.h"

/* One page that can be read, and one that is mapped but cannot. */
static uint8_t *pages_new(size_t *page)
{
	uint8_t *pages;

	*page = (size_t)sysconf(_SC_PAGESIZE);
	pages = mmap(NULL, 2 * *page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages, *page, PROT_READ | PROT_WRITE), 0);
	return pages;
}

static void test_memory_that_is_there_is_copied(void **state)
{
	char from[BC_MEMORY_READ_MAX], to[BC_MEMORY_READ_MAX] = "";

	(void)state;
	memset(from, 'x', sizeof(from));
	assert_true(bc_memory_read(to, from, sizeof(from)));
	assert_memory_equal(to, from, sizeof(from));
}

static void test_memory_that_is_not_there_is_not(void **state)
{
	char to[16] = "untouched";
	size_t page;
	uint8_t *pages = pages_new(&page);

	(void)state;
	errno = ERANGE;
	assert_true(bc_memory_read(&to[12], pages + page - 1, 1));
	assert_false(bc_memory_read(to, pages + page, 1));
	assert_false(bc_memory_read(to, pages + page - 4, 8));
	assert_false(bc_memory_read(to, NULL, 8));
	assert_false(bc_memory_read(to, (void *)UINTPTR_MAX, 1));
	assert_false(bc_memory_read(to, (void *)(UINTPTR_MAX / 2 + 1), 8));
	assert_int_equal(errno, ERANGE);
	munmap(pages, 2 * page);
	assert_false(bc_memory_read(to, pages, 1));
}

static void test_memory_of_no_length_or_too_much_is_not(void **state)
{
	static const char from[BC_MEMORY_READ_MAX + 1];
	char to[BC_MEMORY_READ_MAX + 1];

	(void)state;
	assert_false(bc_memory_read(to, from, 0));
	assert_false(bc_memory_read(to, from, sizeof(from)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_that_is_there_is_copied),
		cmocka_unit_test(test_memory_that_is_not_there_is_not),
		cmocka_unit_test(test_memory_of_no_length_or_too_much_is_not),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
