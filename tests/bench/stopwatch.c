/*
 * stopwatch.c - run a command and say what it took.
 *
 *	stopwatch SECONDS COMMAND...
 *
 * Prints "wall user system memory status": three times in seconds, the most
 * memory that one of its processes had in KiB, the exit status (or minus the
 * signal that ended it). The command runs in a process group of its own, which
 * is killed when the time is up, when we are told to end, and of which nothing
 * is left behind. Its standard output goes where its errors go.
 *
 * A program of its own and small, since a process begins its life with the peak
 * memory of who started it: Python's is more than what is measured here.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
run(char **command, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	setpgid(0, 0);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(command[0], command);
	perror(command[0]);
	_exit(127);
}

/* Wait for the end of a process, and make one when it is time. */
static int
await(pid_t pid, double deadline, const sigset_t *signals, struct rusage *used)
{
	int status;

	while (wait4(pid, &status, WNOHANG, used) == 0) {
		double left = deadline > now() ? deadline - now() : 0;
		struct timespec wait = { .tv_sec = (time_t)left };
		int got;

		wait.tv_nsec = (long)((left - (double)wait.tv_sec) * 1e9);
		got = sigtimedwait(signals, NULL, &wait);
		if (got == SIGCHLD || (got < 0 && errno == EINTR))
			continue;
		kill(-pid, SIGKILL);
		(void)wait4(pid, &status, 0, used);
		break;
	}
	kill(-pid, SIGKILL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	struct rusage used = { 0 };
	sigset_t signals, mask;
	double limit, began;
	pid_t pid;
	int status;

	limit = argc > 2 ? strtod(argv[1], NULL) : 0;
	if (!(limit > 0)) {
		fprintf(stderr, "usage: stopwatch SECONDS COMMAND...\n");
		return 64;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	began = now();
	pid = fork();
	if (pid < 0) {
		perror("fork");
		return 71;
	}
	if (pid == 0)
		run(argv + 2, &mask);
	setpgid(pid, pid); /* whoever of us two is first */
	status = await(pid, began + limit, &signals, &used);
	printf("%.6f %.6f %.6f %ld %d\n", now() - began,
	    seconds_of(used.ru_utime), seconds_of(used.ru_stime),
	    used.ru_maxrss, status);
	return 0;
}
