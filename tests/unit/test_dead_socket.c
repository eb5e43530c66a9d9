/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What ntirpc is told about real sockets, alive and dead.
 */
#include "unit.h"

#include "transport/dead_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static char data[1000];
static const struct iovec vector[] = { { data, 300 }, { data + 300, 700 } };
static const struct msghdr message = { .msg_iov = (struct iovec *)vector,
				       .msg_iovlen = 2 };

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static ssize_t send_message(int fd)
{
	return bc_socket_sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void stream(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* Send until it fails, as it does where it would have to wait. */
static void fill(int fd)
{
	ssize_t sent;

	do
		sent = send_message(fd);
	while (sent >= 0);
	assert_int_equal(sent, -1);
	assert_int_equal(errno, EAGAIN);
}

static void test_sendmsg_sends(void **state)
{
	char received[sizeof(data)];
	int fds[2];

	(void)state;
	stream(fds);
	assert_int_equal(send_message(fds[0]), sizeof(data));
	assert_int_equal(recv(fds[1], received, sizeof(received), MSG_DONTWAIT),
			 sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

static void test_sendmsg_to_a_full_stream_fails_with_eagain(void **state)
{
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	/* It is as alive as before. */
	assert_int_equal(recv(fds[1], data, sizeof(data), MSG_DONTWAIT),
			 sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

static void test_sendmsg_on_a_dead_stream_counts_as_sent(void **state)
{
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	close(fds[1]);
	errno = 0;
	assert_int_equal(send_message(fds[0]), sizeof(data));
	assert_int_equal(errno, 0);
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0);
	close(fds[0]);
}

/* Whatever the reason was: the receiving side meets the end. */
static void test_sendmsg_that_fails_shuts_the_stream_down(void **state)
{
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	shutdown(fds[0], SHUT_WR);
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(send_message(fds[0]), sizeof(data));
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_sendmsg_on_a_datagram_socket_fails(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	close(fds[1]);
	assert_int_equal(send_message(fds[0]), -1);
	assert_int_equal(errno, ECONNREFUSED);
	close(fds[0]);
}

static void *write_when_possible(void *arg)
{
	struct pollfd writable = { .fd = *(int *)arg, .events = POLLOUT };

	poll(&writable, 1, 10000);
	return (void *)send_message(writable.fd);
}

/* Both ends: a peer that will read no more, and has sent its last. */
static void test_recv_tells_the_end_when_the_writer_has_gone_on(void **state)
{
	pthread_t writer;
	void *sent;
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	shutdown(fds[1], SHUT_WR);
	pthread_create(&writer, NULL, write_when_possible, &fds[0]);
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	pthread_join(writer, &sent);
	assert_int_equal((ssize_t)sent, sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

static void test_recv_waits_for_a_writer_that_never_comes_100_ms(void **state)
{
	uint64_t begun;
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	shutdown(fds[1], SHUT_WR);
	begun = now_ms();
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	assert_true(now_ms() - begun >= 100);
	/* The socket is shut down: whoever polls it, may write. */
	assert_int_equal(send_message(fds[0]), sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

/* The one event that comes for @fd. */
static uint32_t event_of(int fd, uint32_t wanted)
{
	struct epoll_event event = { .events = wanted | EPOLLONESHOT };
	int epfd = epoll_create1(0);

	assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(bc_socket_epoll_wait(epfd, &event, 1, 10000), 1);
	close(epfd);
	return event.events;
}

/* The writing end of a pipe that nobody reads has an error, and no input. */
static void test_epoll_error_alone_is_input_too(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	close(fds[0]);
	assert_int_equal(event_of(fds[1], EPOLLIN), EPOLLERR | EPOLLIN);
	close(fds[1]);
}

static void test_epoll_other_events_are_as_they_were(void **state)
{
	int fds[2];

	(void)state;
	stream(fds);
	assert_int_equal(event_of(fds[0], EPOLLOUT), EPOLLOUT);
	assert_int_equal(send_message(fds[1]), sizeof(data));
	assert_int_equal(event_of(fds[0], EPOLLIN), EPOLLIN);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sendmsg_sends),
		cmocka_unit_test(
			test_sendmsg_to_a_full_stream_fails_with_eagain),
		cmocka_unit_test(test_sendmsg_on_a_dead_stream_counts_as_sent),
		cmocka_unit_test(test_sendmsg_that_fails_shuts_the_stream_down),
		cmocka_unit_test(test_sendmsg_on_a_datagram_socket_fails),
		cmocka_unit_test(
			test_recv_tells_the_end_when_the_writer_has_gone_on),
		cmocka_unit_test(
			test_recv_waits_for_a_writer_that_never_comes_100_ms),
		cmocka_unit_test(test_epoll_error_alone_is_input_too),
		cmocka_unit_test(test_epoll_other_events_are_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
