/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "admin.h"

#include "fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

double admin_metric(const char *path, const char *name)
{
	double value = -1;
	char *text;

	assert_int_equal(
		admin_ask(admin_connect(path), "GET", "/metrics", &text), 200);
	if (!admin_sum_metrics(text, name, &value))
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

/* Until what /v1/clients/ID says of it is so. */
static void wait_client(const char *path, const struct nfs_client *client,
			bool (*is_so)(const char *page))
{
	uint64_t until = nfs_now_ns() + SOON * UINT64_C(1000000);
	char url[64], *page;
	bool so;

	snprintf(url, sizeof(url), "/v1/clients/%#" PRIx64, client->clientid);
	do {
		assert_int_equal(
			admin_ask(admin_connect(path), "GET", url, &page), 200);
		so = is_so(page);
		free(page);
	} while (!so && nfs_now_ns() < until);
	assert_true(so);
}

static bool is_live(const char *page)
{
	return strstr(page, "\"live\"") && !strstr(page, "\"opening\"");
}

void admin_wait_live(const char *path, const struct nfs_client *client)
{
	wait_client(path, client, is_live);
}

static bool is_idle(const char *page)
{
	return strstr(page, "\"callbacks\":0,") != NULL;
}

void admin_wait_idle(const char *path, const struct nfs_client *client)
{
	wait_client(path, client, is_idle);
}

static bool is_settled(const char *page)
{
	return strstr(page, "\"busy\":0,") && strstr(page, "\"lost\":0");
}

void admin_wait_settled(const char *path, const struct nfs_client *client)
{
	wait_client(path, client, is_settled);
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
	*output = admin_read_all(fileno(pipe));
	assert_non_null(*output);
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
