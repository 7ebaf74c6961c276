/*
 * session.h - what commands that talk to servers share: signals that stop
 * them, and a thread for the work, so that ^C ends every wait in order.
 */
#ifndef COMMAND_SESSION_H
#define COMMAND_SESSION_H

#include "base/error.h"
#include "base/stop.h"

/*
 * session_run - run `work` in a thread of its own; meanwhile SIGINT and SIGTERM
 * ask it to stop (first STOP_SOON, at the second STOP_NOW), and `tick` is
 * called about five times a second (NULL: never).
 * After a signal the process dies of that very signal, so that shells and
 * supervisors see what happened.
 * Returns what work returned: an exit status.
 */
int session_run(int (*work)(void *arg, const struct stop *stop),
    void (*tick)(void *arg), void *arg);

/* session_die - of that signal; an exit status, where that does not work. */
int session_die(int number);

#endif
