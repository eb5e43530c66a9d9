/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int connected(int fd, const void *address, socklen_t len)
{
	const struct timeval patience = { .tv_sec = SOON / 1000 };
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

/* All that comes until the end. @return to be freed; NULL: it has not come */
static char *read_all(int fd)
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
		       read_all(fd) :
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

static bool find_metric(const char *text, const char *name, double *value)
{
	size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) || line[len] != ' ')
			continue;
		*value = strtod(line + len, NULL);
		return true;
	}
	return false;
}

double admin_metric(const char *path, const char *name)
{
	double value = -1;
	char *text;

	assert_int_equal(
		admin_ask(admin_connect(path), "GET", "/metrics", &text), 200);
	if (!find_metric(text, name, &value))
		fail_msg("there is no metric %s", name);
	free(text);
	return value;
}

/* Each look asks the server something: no idle spinning. */
void admin_wait_metric(const char *path, const char *name, double value)
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	double got;

	do
		got = admin_metric(path, name);
	while (got != value && nfs_now_ns() < until);
	if (got != value)
		fail_msg("%s is %g, not %g", name, got, value);
}

int admin_run(const char *command, const char *arg1, const char *arg2,
	      char **output)
{
	char line[4096];
	FILE *pipe;
	int status;

	snprintf(line, sizeof(line),
		 "tool='%s'; set -- '%s' '%s'; { %s; } 2>&1", ADMIN_TOOL, arg1,
		 arg2, command);
	pipe = popen(line, "re");
	assert_non_null(pipe);
	*output = read_all(fileno(pipe));
	assert_non_null(*output);
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
