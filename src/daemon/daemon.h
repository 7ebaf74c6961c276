/*
 * daemon.h - the program that keeps running: polls every account when it is due,
 * for as long as nobody stops it.
 *
 * The thread that calls daemon_run() decides everything: which account is polled
 * when, what new settings change, what is answered over the control socket. It
 * never waits for a server or a disk. Polls run in threads of their own
 * (poll/crew.h), and tell it by a queue how they ended.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/error.h"
#include "config/settings.h"

#include <stdbool.h>

struct daemon_options {
	const char *config; /* as for settings_read(), to read them anew */
	const char *state; /* likewise */
	bool new_ledger; /* see ledger_open() */
};

/*
 * daemon_run - until SIGTERM, SIGINT, or the command `stop`. SIGHUP reads the
 * settings anew, SIGUSR1 polls every account now.
 * settings: its own from now on.
 * Returns 0 after it was stopped in order, or -1: it could not begin.
 */
int daemon_run(const struct daemon_options *options, struct settings *settings,
    struct error *e);

#endif
