/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Dialling out to sockets that answer, refuse, or say nothing: one that listens and
 * whose backlog is full drops what asks for a connection.
 */
#include "unit.h"

#include "transport/dial_out.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT 2000 /* ms */
#define GENEROUS 60000 /* ms: less than the system tries */
#define FILLERS 4

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A listening socket of the loopback interface. @return it, and its address */
static int listen_on_loopback(int backlog, struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	return fd;
}

/** An address that drops SYNs. */
struct black_hole {
	int listener;
	int fillers[FILLERS];
	struct sockaddr_in address;
};

static void black_hole_open(struct black_hole *hole)
{
	struct pollfd last = { .events = POLLOUT };

	hole->listener = listen_on_loopback(0, &hole->address);
	for (int i = 0; i < FILLERS; i++) {
		hole->fillers[i] = socket(
			AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(hole->fillers[i], (struct sockaddr *)&hole->address,
			sizeof(hole->address));
	}
	last.fd = hole->fillers[FILLERS - 1];
	assert_int_equal(poll(&last, 1, 100), 0);
}

static void black_hole_close(struct black_hole *hole)
{
	for (int i = 0; i < FILLERS; i++)
		close(hole->fillers[i]);
	close(hole->listener);
}

/* @return 0 or errno; the socket is as it was */
static int dial(const struct sockaddr_in *address, int timeout)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc, error;

	rc = bc_dial_out(fd, (const struct sockaddr *)address, sizeof(*address),
			 timeout);
	error = rc ? errno : 0;
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	return error;
}

static void test_dial_listener_is_connected(void **state)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(1, &address);

	(void)state;
	assert_int_equal(dial(&address, TIMEOUT), 0);
	close(listener);
}

static void test_dial_nobody_is_refused_at_once(void **state)
{
	struct sockaddr_in address;

	(void)state;
	close(listen_on_loopback(1, &address));
	assert_int_equal(dial(&address, GENEROUS), ECONNREFUSED);
}

static void test_dial_black_hole_times_out(void **state)
{
	struct black_hole hole;
	uint64_t start;

	(void)state;
	black_hole_open(&hole);
	start = now_ms();
	assert_int_equal(dial(&hole.address, 200), ETIMEDOUT);
	assert_true(now_ms() - start >= 200);
	assert_true(now_ms() - start < GENEROUS);
	black_hole_close(&hole);
}

/* It is the caller's to wait for. */
static void test_dial_socket_that_does_not_block_is_left_alone(void **state)
{
	struct black_hole hole;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	black_hole_open(&hole);
	assert_int_equal(bc_dial_out(fd, (struct sockaddr *)&hole.address,
				     sizeof(hole.address), GENEROUS),
			 -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	black_hole_close(&hole);
}

static void test_dial_of_another_family_is_as_connect(void **state)
{
	const struct sockaddr_un nowhere = {
		.sun_family = AF_UNIX,
		.sun_path = "/nowhere/at/all",
	};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bc_dial_out(fd, (const struct sockaddr *)&nowhere,
				     sizeof(nowhere), TIMEOUT),
			 -1);
	assert_int_equal(errno, ENOENT);
	close(fd);
}

struct dialler {
	pthread_t thread;
	pthread_barrier_t *begin;
	const struct black_hole *hole;
	uint64_t lasted;
	int error;
};

static void *dialler_run(void *arg)
{
	struct dialler *dialler = arg;
	uint64_t start;

	pthread_barrier_wait(dialler->begin);
	start = now_ms();
	dialler->error = dial(&dialler->hole->address, TIMEOUT);
	dialler->lasted = now_ms() - start;
	return NULL;
}

/* Of very many, few wait for long: the others would serve nobody meanwhile. */
static void test_dial_black_hole_by_many_few_wait(void **state)
{
	struct dialler diallers[3 * BC_DIAL_WAITERS];
	unsigned int count = sizeof(diallers) / sizeof(diallers[0]), slow = 0;
	pthread_barrier_t begin;
	struct black_hole hole;

	(void)state;
	pthread_barrier_init(&begin, NULL, count);
	black_hole_open(&hole);
	for (unsigned int i = 0; i < count; i++) {
		diallers[i] =
			(struct dialler){ .hole = &hole, .begin = &begin };
		assert_int_equal(pthread_create(&diallers[i].thread, NULL,
						dialler_run, &diallers[i]),
				 0);
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(diallers[i].thread, NULL);
		assert_int_equal(diallers[i].error, ETIMEDOUT);
		slow += diallers[i].lasted >= TIMEOUT;
	}
	assert_in_range(slow, BC_DIAL_WAITERS, count - 1);
	pthread_barrier_destroy(&begin);
	black_hole_close(&hole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dial_listener_is_connected),
		cmocka_unit_test(test_dial_nobody_is_refused_at_once),
		cmocka_unit_test(test_dial_black_hole_times_out),
		cmocka_unit_test(
			test_dial_socket_that_does_not_block_is_left_alone),
		cmocka_unit_test(test_dial_of_another_family_is_as_connect),
		cmocka_unit_test(test_dial_black_hole_by_many_few_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
