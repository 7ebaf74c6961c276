/* command.c - /bin/sh, listened to and sure to end. */
#include "sasl/command.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Long enough for somebody to unlock a key. */
#define COMMAND_MS ((int64_t)60 * 1000)
/* How long it may take to end when told to. */
#define TERM_MS 1000
#define REAP_MS 10

struct child {
	pid_t pid;
	pid_t signalled; /* for kill(2): itself, or below 0 its group */
	int out; /* its standard output, read by us */
};

/*
 * A process group of its own makes the end certain, but cannot ask anything on
 * a terminal: it would be in the background there.
 */
static bool
on_a_terminal(void)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (tty < 0)
		return false;
	close(tty);
	return true;
}

static int
set_attributes(posix_spawnattr_t *attr, bool own_group)
{
	short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	if (own_group)
		flags |= POSIX_SPAWN_SETPGROUP;
	rc = posix_spawnattr_setflags(attr, flags);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(attr, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(attr, &all);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attr, 0);
	return rc;
}

/* Returns an errno, like posix_spawn itself. */
static int
spawn_shell(struct child *child, const char *command, bool own_group, int out)
{
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char *)(uintptr_t)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int rc;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		goto out;
	rc = set_attributes(&attr, own_group);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(
		    &actions, out, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn(
		    &child->pid, "/bin/sh", &actions, &attr, argv, environ);
	child->signalled = own_group ? -child->pid : child->pid;
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static int
start(struct child *child, const char *command, bool own_group, struct error *e)
{
	int ends[2];
	int rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(e, ERR_SYSTEM, "pipe: %s", strerror(errno));
	rc = spawn_shell(child, command, own_group, ends[1]);
	close(ends[1]);
	child->out = ends[0];
	if (rc == 0)
		return 0;
	close(ends[0]);
	return error_set(e, ERR_SECRET, "/bin/sh: %s", strerror(rc));
}

/* Has it ended? 1 with its status, 0 when the deadline comes first, -1 when
 * stop does, or when the status is lost. */
static int
reap(const struct child *child, const struct stop *stop, struct deadline until,
    int *status, struct error *e)
{
	struct pollfd stopped = { .fd = stop_fd(stop, STOP_SOON),
		.events = POLLIN };
	pid_t pid;

	for (;;) {
		pid = waitpid(child->pid, status, WNOHANG);
		if (pid == child->pid)
			return 1;
		if (pid < 0 && errno != EINTR)
			return error_set(e, ERR_SECRET, "exit status lost: %s",
			    strerror(errno));
		if (deadline_passed(until))
			return 0;
		if (poll(&stopped, 1, REAP_MS) > 0)
			return error_set(e, ERR_STOPPED, "stopped");
	}
}

static void
end(const struct child *child)
{
	struct error ignored;
	int status;

	/* Once it is gone, its number may be somebody else's. */
	if (waitpid(child->pid, &status, WNOHANG) != 0)
		return;
	kill(child->signalled, SIGTERM);
	if (reap(child, NULL, deadline_in(TERM_MS), &status, &ignored) != 0)
		return;
	kill(child->signalled, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		continue;
}

static int
judge(int status, struct error *e)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return error_set(
		    e, ERR_SECRET, "exit status %d", WEXITSTATUS(status));
	return error_set(
	    e, ERR_SECRET, "killed by signal %d", WTERMSIG(status));
}

static int
listen_to(const struct child *child, const struct stop *stop,
    struct buffer *out, int *status, struct error *e)
{
	struct deadline until = deadline_in(COMMAND_MS);
	int n;

	do {
		n = secret_read(child->out, stop, until, out, e);
	} while (n > 0);
	if (n < 0)
		return -1;
	n = reap(child, stop, until, status, e);
	return n == 0 ? error_set(e, ERR_SECRET, "took too long") : n;
}

static int
run(const char *command, bool own_group, const struct stop *stop,
    struct buffer *out, struct error *e)
{
	struct child child = { 0 };
	int status = 0;
	int rc;

	if (start(&child, command, own_group, e) < 0)
		return -1;
	rc = listen_to(&child, stop, out, &status, e);
	close(child.out);
	if (rc < 0) {
		end(&child);
		return -1;
	}
	return judge(status, e);
}

/* On a terminal one after the other, since each may ask there. */
int
secret_from_command(const char *command, const struct stop *stop,
    struct buffer *out, struct error *e)
{
	int rc;

	if (!on_a_terminal())
		return run(command, true, stop, out, e);
	log_claim_terminal();
	if (stop_level(stop) != STOP_NO)
		rc = error_set(e, ERR_STOPPED, "stopped");
	else
		rc = run(command, false, stop, out, e);
	log_release_terminal();
	return rc;
}
