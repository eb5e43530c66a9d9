/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "files.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc.h"

/* Ganesha counts whole seconds. */
#define RESTS (UINT64_C(11500) * 1000000) /* ns */

struct file {
	uint64_t rested; /* CLOCK_MONOTONIC, ns */
	unsigned int number;
	struct file *next;
};

struct files {
	const struct server *server;
	pthread_mutex_t lock;
	struct file *first; /* the longest at rest */
	struct file **last;
	unsigned int count;
};

struct files *files_new(const struct server *server)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files)
		abort();
	files->server = server;
	pthread_mutex_init(&files->lock, NULL);
	files->last = &files->first;
	return files;
}

void files_free(struct files *files)
{
	while (files->first) {
		struct file *file = files->first;

		files->first = file->next;
		free(file);
	}
	pthread_mutex_destroy(&files->lock);
	free(files);
}

unsigned int files_take(struct files *files, char path[FILE_PATH_MAX])
{
	struct file *file;
	unsigned int number;
	char name[16];

	pthread_mutex_lock(&files->lock);
	file = files->first;
	if (file && file->rested <= nfs_now_ns()) {
		files->first = file->next;
		if (!files->first)
			files->last = &files->first;
	} else {
		file = NULL;
	}
	number = file ? file->number : files->count++;
	pthread_mutex_unlock(&files->lock);

	snprintf(name, sizeof(name), "f-%u", number);
	if (!file)
		server_make_file(files->server, name, name);
	free(file);
	snprintf(path, FILE_PATH_MAX, "export/%s", name);
	return number;
}

void files_give(struct files *files, unsigned int number)
{
	struct file *file = malloc(sizeof(*file));

	if (!file)
		abort();
	*file = (struct file){ .rested = nfs_now_ns() + RESTS,
			       .number = number };
	pthread_mutex_lock(&files->lock);
	*files->last = file;
	files->last = &file->next;
	pthread_mutex_unlock(&files->lock);
}

unsigned int files_count(struct files *files)
{
	unsigned int count;

	pthread_mutex_lock(&files->lock);
	count = files->count;
	pthread_mutex_unlock(&files->lock);
	return count;
}
