/* session.c - see session.h. */
#include "command/session.h"

#include "base/log.h"
#include "command/command.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TICK_MS 200

struct session {
	int (*work)(void *arg, const struct stop *stop);
	void (*tick)(void *arg);
	void *arg;
	struct stop *stop; /* owned */
	sigset_t signals; /* that are ours */
	sigset_t before; /* the mask that we found */
	int signal_fd; /* owned, -1 */
	int done_fd; /* owned, -1; readable when work has returned */
	int status; /* the worker's until done_fd is readable */
	int signal; /* the first that came, 0 */
};

static int
session_error(struct error *e, const char *what, int number)
{
	return error_set(e, ERR_SYSTEM, "%s: %s", what, strerror(number));
}

/*
 * The signals that are to stop us. One that was ignored from the start stays
 * so: nohup(1), or a job in the background of a script. (A blocked signal is
 * queued even then, so it must not be among those we read.)
 */
static int
signals_choose(sigset_t *set)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;
	size_t i;

	sigemptyset(set);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (sigaction(wanted[i], NULL, &now) < 0)
			return -1;
		if (now.sa_handler != SIG_IGN)
			sigaddset(set, wanted[i]);
	}
	return 0;
}

/* Blocked before any thread is there, they are blocked in every thread. */
static int
session_open(struct session *s, struct error *e)
{
	int number;

	if (signals_choose(&s->signals) < 0)
		return session_error(e, "signals", errno);
	number = pthread_sigmask(SIG_BLOCK, &s->signals, &s->before);
	if (number != 0)
		return session_error(e, "signals", number);
	s->signal_fd = signalfd(-1, &s->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return session_error(e, "signals", errno);
	s->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->done_fd < 0)
		return session_error(e, "eventfd", errno);
	return stop_new(&s->stop, e);
}

static void
session_close(struct session *s)
{
	if (s->stop != NULL)
		stop_free(&s->stop);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->done_fd >= 0)
		close(s->done_fd);
	pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

static void *
session_thread(void *arg)
{
	struct session *s = arg;

	s->status = s->work(s->arg, s->stop);
	/* Cannot fail: the counter is at 0. */
	eventfd_write(s->done_fd, 1);
	return NULL;
}

static void
session_signal(struct session *s)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (s->signal != 0) {
		stop_request(s->stop, STOP_NOW);
		return;
	}
	s->signal = (int)info.ssi_signo;
	stop_request(s->stop, STOP_SOON);
	if (isatty(STDERR_FILENO))
		log_error("stopping; once more to stop at once");
}

static void
session_wait(struct session *s)
{
	struct pollfd fds[2] = {
		{ .fd = s->done_fd, .events = POLLIN },
		{ .fd = s->signal_fd, .events = POLLIN },
	};
	int ready;

	while (fds[0].revents == 0) {
		ready = poll(fds, 2, s->tick != NULL ? TICK_MS : -1);
		if (ready < 0)
			fds[0].revents = fds[1].revents = 0;
		if (fds[1].revents != 0)
			session_signal(s);
		if (s->tick != NULL && fds[0].revents == 0)
			s->tick(s->arg);
	}
}

/* As the first process of a container we survive this: hence the status. */
int
session_die(int number)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigaction(number, &usual, NULL);
	raise(number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return 128 + number;
}

int
session_run(int (*work)(void *arg, const struct stop *stop),
    void (*tick)(void *arg), void *arg)
{
	struct session s = { .work = work,
		.tick = tick,
		.arg = arg,
		.signal_fd = -1,
		.done_fd = -1 };
	struct error e = { 0 };
	pthread_t thread;
	int number;

	pthread_sigmask(SIG_SETMASK, NULL, &s.before);
	if (session_open(&s, &e) < 0)
		goto out;
	number = pthread_create(&thread, NULL, session_thread, &s);
	if (number != 0) {
		session_error(&e, "cannot start a thread", number);
		goto out;
	}
	session_wait(&s);
	pthread_join(thread, NULL);
out:
	/* A second signal that waits ends the process once unblocked. */
	fflush(stdout);
	session_close(&s);
	if (s.signal != 0)
		return session_die(s.signal);
	return e.kind != ERR_NONE ? command_fail(&e) : s.status;
}
