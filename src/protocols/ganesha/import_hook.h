/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A function that a library imports, and what it is to call instead.
 */
#ifndef BC_IMPORT_HOOK_H
#define BC_IMPORT_HOOK_H

/** What a library's import is called, and what is called instead. [K] */
struct bc_import_hook {
	const char *name; /* NULL: none in this version */
	void *original; /* what the import must lead to before */
	void *function; /* and after */
};

#define BC_IMPORT_HOOK_IF(imported, import)                                    \
	{                                                                      \
		(imported) ? #import : NULL, (void *)import,                   \
			(void *)hook_##import                                  \
	}

#define BC_IMPORT_HOOK(import)                                                 \
	{                                                                      \
#import, (void *)import, (void *)hook_##import                 \
	}

#endif /* BC_IMPORT_HOOK_H */
