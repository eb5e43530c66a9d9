/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin/listening.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int failed(char *why, size_t size, const char *what)
{
	int error = errno;

	snprintf(why, size, "%s: %s", what, strerror(error));
	return -error;
}

/* Unix sockets --------------------------------------------------------------- */

/* Its parent's, with the mode that a service manager would give it. */
static void make_folder(const char *path)
{
	char folder[PATH_MAX];
	char *end;

	snprintf(folder, sizeof(folder), "%s", path);
	end = strrchr(folder, '/');
	if (!end || end == folder)
		return;
	*end = '\0';
	(void)mkdir(folder, 0755);
}

/* The lock ends with the process, however that ends. @return it, or -errno */
static int lock_path(const char *path, char *why, size_t size)
{
	char name[PATH_MAX];
	int fd, rc;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(why, size, name);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	rc = failed(why, size, name);
	if (rc == -EWOULDBLOCK) {
		snprintf(why, size, "another server has it");
		rc = -EADDRINUSE;
	}
	close(fd);
	return rc;
}

static bool is_listened_on(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is = fd >= 0 && (!connect(fd, (const struct sockaddr *)address,
				       sizeof(*address)) ||
			      errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return is;
}

/* What is left at the path is taken away if it is a socket of nobody's. */
static int clear_path(const struct sockaddr_un *address, char *why, size_t size)
{
	struct stat found;

	if (lstat(address->sun_path, &found)) {
		if (errno == ENOENT)
			return 0;
		return failed(why, size, "it cannot be looked at");
	}
	if (!S_ISSOCK(found.st_mode)) {
		snprintf(why, size, "something that is no socket is there");
		return -ENOTSOCK;
	}
	if (is_listened_on(address)) {
		snprintf(why, size, "somebody listens on it");
		return -EADDRINUSE;
	}
	if (unlink(address->sun_path))
		return failed(why, size, "it cannot be replaced");
	return 0;
}

/* The mode of the socket becomes that of its name: at no time may others open it. */
static int bind_unix(const struct sockaddr_un *address, char *why, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return failed(why, size, "socket()");
	if (!fchmod(fd, 0600) &&
	    !bind(fd, (const struct sockaddr *)address, sizeof(*address)) &&
	    !chmod(address->sun_path, 0600) && !listen(fd, BACKLOG))
		return fd;
	rc = failed(why, size, "it cannot be made");
	close(fd);
	return rc;
}

int bc_listen_unix(struct bc_listening *listening, const char *path, char *why,
		   size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc;

	*listening = (struct bc_listening){ .fd = -1, .lock = -1 };
	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(why, size, "it is longer than %zu characters",
			 sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	make_folder(path);
	rc = lock_path(path, why, size);
	if (rc < 0)
		return rc;
	listening->lock = rc;
	rc = clear_path(&address, why, size);
	if (!rc)
		rc = bind_unix(&address, why, size);
	if (rc < 0) {
		bc_listening_end(listening);
		return rc;
	}
	listening->fd = rc;
	snprintf(listening->path, sizeof(listening->path), "%s", path);
	return 0;
}

/* TCP ------------------------------------------------------------------------ */

/* @return whether it is a host, and a port after the last colon */
static bool split(const char *address, char *host, size_t size,
		  const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;

	if (!len || len >= size || !colon[1])
		return false;
	if (address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	memcpy(host, address, len);
	host[len] = '\0';
	*port = colon + 1;
	return true;
}

static int bind_tcp(const struct addrinfo *found, char *why, size_t size)
{
	const int on = 1;
	int fd = socket(found->ai_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return failed(why, size, "socket()");
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, found->ai_addr, found->ai_addrlen) &&
	    !listen(fd, BACKLOG))
		return fd;
	rc = failed(why, size, "it cannot be listened on");
	close(fd);
	return rc;
}

int bc_listen_tcp(struct bc_listening *listening, const char *address,
		  char *why, size_t size)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *found;
	const char *port;
	char host[64];
	int rc;

	*listening = (struct bc_listening){ .fd = -1, .lock = -1 };
	if (!split(address, host, sizeof(host), &port)) {
		snprintf(why, size, "it is not of the form ADDRESS:PORT");
		return -EINVAL;
	}
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc) {
		snprintf(why, size, "%s", gai_strerror(rc));
		return -EINVAL;
	}
	rc = bind_tcp(found, why, size);
	freeaddrinfo(found);
	if (rc < 0)
		return rc;
	listening->fd = rc;
	return 0;
}

void bc_listening_end(struct bc_listening *listening)
{
	if (listening->path[0])
		unlink(listening->path);
	if (listening->lock >= 0)
		close(listening->lock);
	*listening = (struct bc_listening){ .fd = -1, .lock = -1 };
}
