/*
 * shell.h - a command for /bin/sh in a process of its own, and what may become
 * of it. Only runner.c and helper.c include it.
 */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

#include <stdbool.h>
#include <sys/types.h>

struct shell {
	pid_t pid;
	pid_t signalled; /* for kill(2): itself, or below 0 its group */
};

/*
 * shell_start - run `command`.
 * variables: "NAME=value", NULL at the end, beside and before those that we
 * have; or NULL.
 * own_group: in a process group of its own, which makes its end certain, but it
 * cannot ask anything on a terminal: it would be in the background there.
 * out: becomes its standard output; -1: our standard error does. Its standard
 * input and error are ours, and no signal is blocked or ignored.
 * Returns 0, or an errno.
 */
int shell_start(struct shell *shell, const char *command,
    const char *const *variables, bool own_group, int out);

/* How a command has ended: by its exit status, or by a signal. */
struct shell_end {
	int status;
	int signal; /* 0: by itself */
};

/*
 * shell_ended - has it? Until shell_reap() it keeps its number, so that a
 * signal meets nobody else.
 * Returns 1, 0 (not yet), or -1 with errno.
 */
int shell_ended(const struct shell *shell, struct shell_end *end);

/* shell_signal - to all of its group, where it has one. */
void shell_signal(const struct shell *shell, int number);

/* shell_reap - once it has ended: forget it. */
void shell_reap(const struct shell *shell);

#endif
