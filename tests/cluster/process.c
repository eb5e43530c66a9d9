/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 10000

static void run_child(const char *output, pid_t parent,
		      const char *const argv[])
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(output ? output : "/dev/null",
		       O_WRONLY | O_CREAT | O_APPEND, 0666);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that took effect */
		_exit(127);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

pid_t process_start(const char *output, const char *const argv[])
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		run_child(output, parent, argv);
	return pid;
}

int process_run(const char *output, const char *const argv[])
{
	pid_t pid = process_start(output, argv);
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

void process_end(pid_t pid, int signal)
{
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	struct pollfd ended = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return;
	kill(pid, signal);
	if (poll(&ended, 1, END_MS) == 0)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}
