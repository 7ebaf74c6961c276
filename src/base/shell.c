/* shell.c - posix_spawn(3), and waitid(2) in two steps. */
#include "base/shell.h"

#include "base/alloc.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
same_name(const char *a, const char *b)
{
	size_t len = strcspn(a, "=");

	return strncmp(a, b, len) == 0 && b[len] == '=';
}

static bool
is_among(const char *variable, const char *const *list)
{
	for (; *list != NULL; list++)
		if (same_name(*list, variable))
			return true;
	return false;
}

/* The list is the caller's, what is in it is not. */
static char **
make_environment(const char *const *variables)
{
	static const char *const none[] = { NULL };
	size_t ours = 0, given = 0, n = 0;
	char **all;

	if (variables == NULL)
		variables = none;
	while (environ[ours] != NULL)
		ours++;
	while (variables[given] != NULL)
		given++;
	all = xcalloc(ours + given + 1, sizeof *all);
	for (size_t i = 0; i < given; i++)
		all[n++] = (char *)(uintptr_t)variables[i];
	for (size_t i = 0; i < ours; i++)
		if (!is_among(environ[i], variables))
			all[n++] = environ[i];
	return all;
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

int
shell_start(struct shell *shell, const char *command,
    const char *const *variables, bool own_group, int out)
{
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char *)(uintptr_t)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char **environment;
	int rc;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		goto out;
	environment = make_environment(variables);
	rc = set_attributes(&attr, own_group);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(
		    &actions, out >= 0 ? out : STDERR_FILENO, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn(
		    &shell->pid, "/bin/sh", &actions, &attr, argv, environment);
	shell->signalled = own_group ? -shell->pid : shell->pid;
	free(environment);
	posix_spawnattr_destroy(&attr);
out:
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

int
shell_ended(const struct shell *shell, struct shell_end *end)
{
	siginfo_t info = { 0 };
	int rc;

	do {
		rc = waitid(P_PID, (id_t)shell->pid, &info,
		    WEXITED | WNOHANG | WNOWAIT);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 || info.si_pid == 0)
		return rc;
	*end = (struct shell_end){ 0 };
	if (info.si_code == CLD_EXITED)
		end->status = info.si_status;
	else
		end->signal = info.si_status;
	return 1;
}

void
shell_signal(const struct shell *shell, int number)
{
	kill(shell->signalled, number);
}

void
shell_reap(const struct shell *shell)
{
	while (waitpid(shell->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}
