/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * How TCP sends again to a peer that has become deaf: real sockets.
 */
#include "unit.h"

#include "transport/retransmission.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif
#define POLL_MS 10
#define POLLS 6000 /* a minute */

/* A connection to ourselves: fds[1] accepted. */
static void connection(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&address, &len);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&address, len), 0);
	fds[1] = accept(listener, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(listener);
}

/* Nothing that is sent to it arrives any more. */
static void make_deaf(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &drop };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
				    sizeof(program)),
			 0);
}

static void send_to_deaf(int fds[2])
{
	make_deaf(fds[1]);
	assert_int_equal(send(fds[0], "x", 1, 0), 1);
}

static struct tcp_info info_of(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info;
}

/* What was sent is lost, and lost again, and TCP goes on. */
static void test_stalled_only_after_two_retransmissions(void **state)
{
	struct tcp_info info = { 0 };
	int fds[2];

	(void)state;
	connection(fds);
	assert_false(bc_socket_is_stalled(fds[0]));
	send_to_deaf(fds);
	for (int i = 0; info.tcpi_retransmits < 2; i++) {
		assert_true(i < POLLS);
		poll(NULL, 0, POLL_MS);
		info = info_of(fds[0]);
		assert_int_equal(bc_tcp_is_stalled(&info),
				 info.tcpi_retransmits >= 2);
	}
	assert_true(bc_socket_is_stalled(fds[0]));
	assert_false(bc_socket_is_stalled(fds[1]));
	close(fds[0]);
	close(fds[1]);
}

/* However often: what it has acknowledged has arrived. */
static void test_stalled_is_not_what_was_acknowledged(void **state)
{
	const struct tcp_info info = { .tcpi_retransmits = 5 };
	int fds[2];

	(void)state;
	assert_false(bc_tcp_is_stalled(&info));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_false(bc_socket_is_stalled(fds[0])); /* no TCP */
	close(fds[0]);
	close(fds[1]);
}

static int tcp_option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, name, &value, &len), 0);
	return value;
}

static void set_option(int fd, int level, int name, int value)
{
	assert_int_equal(setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

/* Whether this kernel has it; the control: by itself it waits for longer. */
static bool retransmission_can_be_bound(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &value, &len))
		return false;
	assert_true(value > 1000);
	return true;
}

static void skip_if_it_cannot(int fd)
{
	if (retransmission_can_be_bound(fd))
		return;
	bc_socket_bound_retransmission(fd);
	assert_int_equal(tcp_option(fd, TCP_USER_TIMEOUT), 0);
	print_message("TCP_RTO_MAX_MS: not in this kernel\n");
	skip();
}

/* After 0.2, 0.4 and 0.8 s it would be 1.6, and 3.2. */
static void test_bound_sends_again_after_a_second(void **state)
{
	struct tcp_info info = { 0 };
	int fds[2];

	(void)state;
	connection(fds);
	skip_if_it_cannot(fds[0]);
	bc_socket_bound_retransmission(fds[0]);
	send_to_deaf(fds);
	for (int i = 0; info.tcpi_retransmits < 4; i++) {
		assert_true(i < POLLS);
		poll(NULL, 0, POLL_MS);
		info = info_of(fds[0]);
	}
	assert_in_range(info.tcpi_rto, 200000, 1000000); /* us */
	close(fds[0]);
	close(fds[1]);
}

/* As ip-sysctl.txt of the kernel has it: 924.6 s by default; RFC 1122: 100 s, for 8. */
static void test_life_is_what_the_kernel_grants(void **state)
{
	(void)state;
	assert_int_equal(bc_tcp_life_ms(15), 924600);
	assert_int_equal(bc_tcp_life_ms(8), 102200);
	assert_int_equal(bc_tcp_life_ms(0), 200);
	assert_int_equal(bc_tcp_life_ms(1000000000), INT32_MAX);
}

static int life_here(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_retries2", "re");
	int retries = 15;

	if (file) {
		assert_int_equal(fscanf(file, "%d", &retries), 1);
		fclose(file);
	}
	return bc_tcp_life_ms(retries);
}

static void test_bound_lives_as_long_as_before(void **state)
{
	int fds[2];

	(void)state;
	connection(fds);
	skip_if_it_cannot(fds[0]);
	bc_socket_bound_retransmission(fds[0]);
	assert_int_equal(tcp_option(fds[0], TCP_USER_TIMEOUT), life_here());
	set_option(fds[1], SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fds[1], IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_option(fds[1], IPPROTO_TCP, TCP_KEEPINTVL, 10);
	set_option(fds[1], IPPROTO_TCP, TCP_KEEPCNT, 3);
	bc_socket_bound_retransmission(fds[1]);
	assert_int_equal(tcp_option(fds[1], TCP_USER_TIMEOUT), 90000);
	assert_int_equal(tcp_option(fds[1], TCP_RTO_MAX_MS), 1000);
	close(fds[0]);
	close(fds[1]);
}

/* Two hours until the first question: what it sends does not wait for so long. */
static void test_bound_with_slow_keep_alive(void **state)
{
	int fds[2];

	(void)state;
	connection(fds);
	skip_if_it_cannot(fds[0]);
	set_option(fds[0], SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fds[0], IPPROTO_TCP, TCP_KEEPIDLE, 7200);
	bc_socket_bound_retransmission(fds[0]);
	assert_int_equal(tcp_option(fds[0], TCP_USER_TIMEOUT), life_here());
	close(fds[0]);
	close(fds[1]);
}

static void test_bound_leaves_a_time_that_was_set(void **state)
{
	int fds[2], before;

	(void)state;
	connection(fds);
	skip_if_it_cannot(fds[0]);
	before = tcp_option(fds[0], TCP_RTO_MAX_MS);
	set_option(fds[0], IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
	bc_socket_bound_retransmission(fds[0]);
	assert_int_equal(tcp_option(fds[0], TCP_USER_TIMEOUT), 5000);
	assert_int_equal(tcp_option(fds[0], TCP_RTO_MAX_MS), before);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stalled_only_after_two_retransmissions),
		cmocka_unit_test(test_stalled_is_not_what_was_acknowledged),
		cmocka_unit_test(test_bound_sends_again_after_a_second),
		cmocka_unit_test(test_life_is_what_the_kernel_grants),
		cmocka_unit_test(test_bound_lives_as_long_as_before),
		cmocka_unit_test(test_bound_with_slow_keep_alive),
		cmocka_unit_test(test_bound_leaves_a_time_that_was_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
