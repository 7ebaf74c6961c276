/* test-session.c - signals end the work in order, and then the process. */
#include "command/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000

/* What a child and its parent say to each other, an octet at a time. */
struct line {
	int fds[2];
};

static _Atomic int ticks;

static void
tell(const struct line *l, char word)
{
	if (write(l->fds[1], &word, 1) != 1)
		_exit(99);
}

static char
hear(const struct line *l)
{
	struct pollfd fd = { .fd = l->fds[0], .events = POLLIN };
	char word = '?';

	if (poll(&fd, 1, PATIENCE_MS) != 1 || read(l->fds[0], &word, 1) != 1)
		return '?';
	return word;
}

static void
wait_for(const struct stop *stop, enum stop_level level)
{
	struct pollfd fd = { .fd = stop_fd(stop, level), .events = POLLIN };

	while (poll(&fd, 1, PATIENCE_MS) < 0 && errno == EINTR)
		continue;
}

/* Runs in the worker thread. */
static int
work_until_stopped(void *arg, const struct stop *stop)
{
	tell(arg, 'b');
	wait_for(stop, STOP_SOON);
	tell(arg, stop_level(stop) == STOP_SOON ? 's' : '?');
	return 75;
}

static int
work_until_stopped_twice(void *arg, const struct stop *stop)
{
	tell(arg, 'b');
	wait_for(stop, STOP_SOON);
	tell(arg, 's');
	wait_for(stop, STOP_NOW);
	tell(arg, stop_level(stop) == STOP_NOW ? 'n' : '?');
	return 75;
}

static int
work_for_a_moment(void *arg, const struct stop *stop)
{
	struct pollfd fd = { .fd = stop_fd(stop, STOP_SOON), .events = POLLIN };

	tell(arg, 'b');
	(void)poll(&fd, 1, 600);
	tell(arg, stop_level(stop) == STOP_NO ? 'e' : '?');
	return 42;
}

static void
tick_count(void *arg)
{
	(void)arg;
	ticks++;
}

/* A child that runs the work as a command would. */
static pid_t
child_start(
    struct line *l, int (*work)(void *, const struct stop *), int ignored)
{
	pid_t pid;

	assert_int_equal(pipe(l->fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	/* Without a terminal, as under cron: no word about stopping. */
	close(STDERR_FILENO);
	/* Whatever the shell has made of it that started us. */
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (ignored != 0)
		signal(ignored, SIG_IGN);
	_exit(session_run(work, tick_count, l));
}

static int
child_end(struct line *l, pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(l->fds[0]);
	close(l->fds[1]);
	return status;
}

static void
assert_dies_of(int number)
{
	struct line l;
	pid_t pid = child_start(&l, work_until_stopped, 0);
	int status;

	assert_int_equal(hear(&l), 'b');
	kill(pid, number);
	assert_int_equal(hear(&l), 's');
	status = child_end(&l, pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), number);
}

static void
one_signal_stops_soon_and_is_died_of(void **state)
{
	(void)state;
	assert_dies_of(SIGTERM);
	assert_dies_of(SIGINT);
	assert_dies_of(SIGHUP);
}

static void
a_second_signal_stops_now(void **state)
{
	struct line l;
	pid_t pid = child_start(&l, work_until_stopped_twice, 0);
	int status;

	(void)state;
	assert_int_equal(hear(&l), 'b');
	kill(pid, SIGINT);
	assert_int_equal(hear(&l), 's');
	kill(pid, SIGTERM);
	assert_int_equal(hear(&l), 'n');
	status = child_end(&l, pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void
a_signal_ignored_from_the_start_stays_ignored(void **state)
{
	struct line l;
	pid_t pid = child_start(&l, work_for_a_moment, SIGHUP);
	int status;

	(void)state;
	assert_int_equal(hear(&l), 'b');
	kill(pid, SIGHUP);
	assert_int_equal(hear(&l), 'e');
	status = child_end(&l, pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void
without_a_signal_the_status_is_that_of_the_work(void **state)
{
	struct line l;
	sigset_t mask;

	(void)state;
	assert_int_equal(pipe(l.fds), 0);
	ticks = 0;
	assert_int_equal(session_run(work_for_a_moment, tick_count, &l), 42);
	assert_int_equal(hear(&l), 'b');
	assert_int_equal(hear(&l), 'e');
	assert_in_range(ticks, 1, 4);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
	close(l.fds[0]);
	close(l.fds[1]);
}

static void
nothing_need_tick(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(pipe(l.fds), 0);
	assert_int_equal(session_run(work_for_a_moment, NULL, &l), 42);
	close(l.fds[0]);
	close(l.fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_signal_stops_soon_and_is_died_of),
		cmocka_unit_test(a_second_signal_stops_now),
		cmocka_unit_test(a_signal_ignored_from_the_start_stays_ignored),
		cmocka_unit_test(
		    without_a_signal_the_status_is_that_of_the_work),
		cmocka_unit_test(nothing_need_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
