/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc.h"

static int connected(int fd, const void *address, socklen_t len)
{
	const struct timeval patience = { .tv_sec = nfs_timeout_ms() / 1000 };
	int error;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!connect(fd, address, len))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int admin_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			 &address, sizeof(address));
}

int admin_connect_tcp(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return connected(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
			 &address, sizeof(address));
}

char *admin_read_all(int fd)
{
	size_t size = 4096, len = 0;
	char *text = malloc(size);
	ssize_t got;

	while ((got = read(fd, text + len, size - len - 1)) > 0) {
		len += (size_t)got;
		if (size - len > 1)
			continue;
		size *= 2;
		text = realloc(text, size);
	}
	text[len] = '\0';
	if (!got)
		return text;
	free(text);
	return NULL;
}

int admin_ask(int fd, const char *method, const char *url, char **body)
{
	return admin_ask_with(fd, method, url, NULL, body);
}

int admin_ask_with(int fd, const char *method, const char *url,
		   const char *header, char **body)
{
	char request[512];
	int len, status = -EPROTO;
	char *text, *end;

	if (fd < 0)
		return fd;
	len = snprintf(
		request, sizeof(request),
		"%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s%s\r\n",
		method, url, header ? header : "", header ? "\r\n" : "");
	text = send(fd, request, (size_t)len, MSG_NOSIGNAL) == len ?
		       admin_read_all(fd) :
		       NULL;
	close(fd);
	end = text ? strstr(text, "\r\n\r\n") : NULL;
	if (end)
		sscanf(text, "HTTP/1.1 %d", &status);
	if (body)
		*body = strdup(end ? end + 4 : "");
	free(text);
	return status;
}

/* Is it this one, or one of those that begin so? */
static bool is_of(const char *line, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(line, name, len) &&
	       (line[len] == ' ' || (len && strchr("{,", name[len - 1])));
}

bool admin_sum_metrics(const char *text, const char *name, double *sum)
{
	bool found = false;

	*sum = 0;
	for (const char *line = text; *line; line += *line == '\n') {
		const char *end = line + strcspn(line, "\n");
		const char *space = memrchr(line, ' ', (size_t)(end - line));

		if (space && is_of(line, name)) {
			*sum += strtod(space, NULL);
			found = true;
		}
		line = end;
	}
	return found;
}
