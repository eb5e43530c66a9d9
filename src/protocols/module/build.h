/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which builds of Ganesha and ntirpc are loaded.
 */
#ifndef BC_BUILD_H
#define BC_BUILD_H

/**
 * Are the libraries that are loaded the builds that the module knows, or ones
 * that Accept_Build_Id accepts?
 *
 * Reads nothing of Ganesha's structures.
 *
 * @retval 0         they are
 * @retval -ENOTSUP  they are not; what they are, and the line of the
 *                   configuration that would accept them, has been logged
 *
 * Context: after bc_config_load().
 */
int bc_build_check(void);

#endif /* BC_BUILD_H */
