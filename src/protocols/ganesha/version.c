/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The version of the Ganesha that runs.
 *
 * A module that was built for another one is refused before anything of it is
 * read.  What a further version does otherwise belongs beside this file.
 */
#include "ganesha/version.h"

#include "ganesha/refusal.h"

#include "config.h"
#include "fsal.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

static const char soname_prefix[] = "libganesha_nfsd.so.";

/** The name that the library containing @a addr was linked with, or NULL. */
static const char *soname_of(const void *addr)
{
	const char *strings = NULL;
	ElfW(Xword) offset = 0;
	struct link_map *map;
	Dl_info info;

	if (!dladdr1(addr, &info, (void **)&map, RTLD_DL_LINKMAP))
		return NULL;
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRTAB) /* relocated by the loader */
			strings = (const char *)d->d_un.d_ptr;
		else if (d->d_tag == DT_SONAME)
			offset = d->d_un.d_val;
	}
	return strings && offset ? strings + offset : NULL;
}

int bc_version_check(void)
{
	const char *soname = soname_of((const void *)register_fsal);
	size_t prefix = sizeof(soname_prefix) - 1;

	if (soname && !strncmp(soname, soname_prefix, prefix) &&
	    !strcmp(soname + prefix, GANESHA_VERSION))
		return 0;
	bc_refuse("built for Ganesha " GANESHA_VERSION " (%s" GANESHA_VERSION
		  "), but this is %s",
		  soname_prefix, soname ? soname : "an unknown one");
	return -ENOTSUP;
}
