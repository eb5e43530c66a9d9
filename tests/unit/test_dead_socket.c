/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What ntirpc is told about real sockets, alive and dead.
 */
#include "unit.h"

#include "transport/dead_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
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

/* What it says at last: as one that polls, and finds it readable. */
static ssize_t recv_in_the_end(int fd)
{
	uint64_t begun = now_ms();
	ssize_t got;
	char byte;

	do
		got = bc_socket_recv(fd, &byte, 1, 0);
	while (got < 0 && errno == EAGAIN && now_ms() - begun < 10000);
	return got;
}

/* Who receives has others to receive from. */
static void test_recv_does_not_wait_for_the_writer(void **state)
{
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	shutdown(fds[1], SHUT_WR);
	errno = 0;
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(send_message(fds[0]), sizeof(data));
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	close(fds[0]);
	close(fds[1]);
}

/* Both ends: a peer that will read no more, and has sent its last. */
static void test_recv_tells_the_end_when_the_writer_has_gone_on(void **state)
{
	pthread_t writer;
	void *sent;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	shutdown(fds[1], SHUT_WR);
	pthread_create(&writer, NULL, write_when_possible, &fds[0]);
	assert_int_equal(recv_in_the_end(fds[0]), 0);
	pthread_join(writer, &sent);
	assert_int_equal((ssize_t)sent, sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

static void test_recv_tells_the_end_after_1_s_without_a_writer(void **state)
{
	uint64_t begun;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	shutdown(fds[1], SHUT_WR);
	begun = now_ms();
	assert_int_equal(recv_in_the_end(fds[0]), 0);
	assert_true(now_ms() - begun >= 999); /* each counted from its begin */
	/* The socket is shut down: whoever polls it, may write. */
	assert_int_equal(send_message(fds[0]), sizeof(data));
	close(fds[0]);
	close(fds[1]);
}

/* What ntirpc does for a writer that has to wait. */
struct poll {
	int epfd;
	int duplicate;
	struct epoll_event event;
};

static void poll_for_writer(struct poll *poll, int fd)
{
	poll->epfd = epoll_create1(0);
	poll->duplicate = dup(fd);
	poll->event = (struct epoll_event){ .events = EPOLLOUT | EPOLLONESHOT,
					    .data.fd = fd };
	assert_int_equal(bc_socket_epoll_ctl(poll->epfd, EPOLL_CTL_ADD,
					     poll->duplicate, &poll->event),
			 0);
}

static void poll_no_more(struct poll *poll)
{
	assert_int_equal(bc_socket_epoll_ctl(poll->epfd, EPOLL_CTL_DEL,
					     poll->duplicate, &poll->event),
			 0);
	close(poll->duplicate);
	close(poll->epfd);
}

/* It has written, and is about to give the duplicate up: not before it has, or
 * nobody does.
 */
static void
test_recv_tells_the_end_when_nobody_polls_for_the_writer(void **state)
{
	struct epoll_event event;
	struct poll poll;
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	poll_for_writer(&poll, fds[0]);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(bc_socket_epoll_wait(poll.epfd, &event, 1, 10000), 1);
	assert_int_equal(event.data.fd, fds[0]);
	assert_int_equal(send_message(fds[0]), sizeof(data));
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	poll_no_more(&poll);
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	close(fds[0]);
	close(fds[1]);
}

/* One that nobody gave up is not the next connection's. */
static void test_end_is_seen_behind_what_is_unread(void **state)
{
	int fds[2];

	(void)state;
	stream(fds);
	assert_false(bc_socket_has_ended(fds[0]));
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_false(bc_socket_has_ended(fds[0]));
	shutdown(fds[1], SHUT_WR);
	assert_true(bc_socket_has_ended(fds[0]));
	assert_false(bc_socket_has_ended(fds[1]));
	close(fds[0]);
	close(fds[1]);
}

static void test_connection_begins_without_a_writer(void **state)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	struct poll poll;
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	fill(fds[0]);
	poll_for_writer(&poll, fds[0]);
	event.data.fd = fds[0];
	assert_int_equal(
		bc_socket_epoll_ctl(poll.epfd, EPOLL_CTL_ADD, fds[0], &event),
		0);
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	poll_no_more(&poll);
	close(fds[0]);
	close(fds[1]);
}

static void test_poll_that_fails_is_none(void **state)
{
	struct epoll_event event = { .events = EPOLLOUT };
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	event.data.fd = fds[0];
	assert_int_equal(bc_socket_epoll_ctl(-1, EPOLL_CTL_ADD, fds[1], &event),
			 -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(send_message(fds[0]), sizeof(data));
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	close(fds[0]);
	close(fds[1]);
}

/* A peer that reads nothing has sent its last: who writes after that was told, even
 * between two parts of one message, finds the end, and no reason to wait.
 */
static void test_recv_that_tells_the_end_lets_no_writer_wait(void **state)
{
	char byte;
	int fds[2];

	(void)state;
	stream(fds);
	assert_int_equal(send_message(fds[0]), sizeof(data));
	shutdown(fds[1], SHUT_WR);
	assert_int_equal(bc_socket_recv(fds[0], &byte, 1, 0), 0);
	for (int i = 0; i < 10000; i++)
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
		cmocka_unit_test(test_recv_does_not_wait_for_the_writer),
		cmocka_unit_test(
			test_recv_tells_the_end_when_the_writer_has_gone_on),
		cmocka_unit_test(
			test_recv_tells_the_end_after_1_s_without_a_writer),
		cmocka_unit_test(
			test_recv_tells_the_end_when_nobody_polls_for_the_writer),
		cmocka_unit_test(test_end_is_seen_behind_what_is_unread),
		cmocka_unit_test(test_connection_begins_without_a_writer),
		cmocka_unit_test(test_poll_that_fails_is_none),
		cmocka_unit_test(
			test_recv_that_tells_the_end_lets_no_writer_wait),
		cmocka_unit_test(test_epoll_error_alone_is_input_too),
		cmocka_unit_test(test_epoll_other_events_are_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
