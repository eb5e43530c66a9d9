/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The builds of Ganesha and ntirpc that the module knows.
 */
#ifndef BC_KNOWN_BUILDS_H
#define BC_KNOWN_BUILDS_H

#include <stdbool.h>

/** The libraries whose structures are read and written. */
enum bc_library { BC_LIBRARY_GANESHA, BC_LIBRARY_NTIRPC, BC_LIBRARIES };

/**
 * Was the module made or tested against this build?
 *
 * @param[in] library
 * @param[in] id       its GNU build-id in lower-case hexadecimal digits
 *
 * Context: any thread.
 */
bool bc_build_is_known(enum bc_library library, const char *id);

#endif /* BC_KNOWN_BUILDS_H */
