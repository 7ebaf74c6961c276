/*
 * ask.h - what commands that speak to the running daemon share.
 */
#ifndef COMMAND_ASK_H
#define COMMAND_ASK_H

#include "base/error.h"
#include "command/command.h"
#include "daemon/request.h"

/*
 * ask_daemon - ask the daemon of that state directory, and show what it says: lines on
 * standard output (not with -q), complaints on standard error. Returns 0 with
 * the exit status in *status, or -1 with the errors of client_ask().
 */
int ask_daemon(const struct invocation *in, const char *state,
    const struct request *r, int *status, struct error *e);

/* ask_accounts - add the accounts that were named to a request. */
void ask_accounts(const struct invocation *in, struct request *r);

/*
 * ask_only - a command that is nothing but a request: reads the settings (with
 * --state not even these, if no account is named; and see ground.h), asks, frees
 * the request.
 * after: called when all went well, or NULL. Returns the exit status.
 */
int ask_only(const struct invocation *in, struct request *r,
    int (*after)(const struct invocation *in, const char *state));

#endif
