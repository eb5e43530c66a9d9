/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Files for delegations. Ganesha grants none on a file for 10 s after a recall
 * of one: a file that was given back is given out again when these are over,
 * and until then another is made.
 */
#ifndef FAULT_FILES_H
#define FAULT_FILES_H

#include "server.h"

#define FILE_PATH_MAX 32

/** How the others open: without a delegation of their own. */
#define OPENER_SHARE                                                           \
	(OPEN4_SHARE_ACCESS_WRITE | OPEN4_SHARE_ACCESS_WANT_NO_DELEG)

struct files;

struct files *files_new(const struct server *server);
void files_free(struct files *files);
/**
 * @param path  for nfs_open()
 * @return the file's number
 */
unsigned int files_take(struct files *files, char path[FILE_PATH_MAX]);
/** No recall of it will follow. */
void files_give(struct files *files, unsigned int file);
/** So many were made. */
unsigned int files_count(struct files *files);

#endif
