/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which Ganesha runs, and which the module was built for.
 */
#ifndef BC_VERSION_H
#define BC_VERSION_H

/**
 * Is this the Ganesha that the module was built for?
 *
 * Compares the version of the source tree with the one in the running
 * library's soname; reads nothing of Ganesha's structures.
 *
 * @retval 0         it is
 * @retval -ENOTSUP  it is not; both versions have been logged
 *
 * Context: any thread.
 */
int bc_version_check(void);

#endif /* BC_VERSION_H */
