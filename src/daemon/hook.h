/*
 * hook.h - the commands on_mail and on_error of an account, run after a poll by
 * threads of their own, which no poll waits for. They are run by the helper
 * (base/runner.h) where there is one, and end with their hook_timeout.
 */
#ifndef DAEMON_HOOK_H
#define DAEMON_HOOK_H

#include "base/error.h"
#include "poll/account.h"
#include "poll/poll.h"

#include <stddef.h>

/* So many run at once, and so many wait. */
#define HOOKS_AT_ONCE 4
#define HOOKS_WAITING 200

struct hooks;

/* hooks_new - returns 0, or -1 with ERR_SYSTEM. */
int hooks_new(struct hooks **h, struct error *e);

/*
 * hooks_free - end those that run (SIGTERM, then SIGKILL), forget those that
 * wait, which is logged, and wait for that.
 */
void hooks_free(struct hooks **h);

/*
 * hooks_poll_ended - a poll is over: run on_mail when mail was delivered,
 * on_error when it failed (e: ERR_NONE if not; being stopped is no failure) or
 * has held a message. Never waits; copies what it needs. Any thread.
 * Those of one account are run one after the other. When too many wait, the one
 * that waits longest is not run: of that account, or else of all; that is
 * logged, as is each that fails.
 */
void hooks_poll_ended(struct hooks *h, const struct account *a,
    const struct poll_report *r, const struct error *e);

/* hooks_waiting - how many have not begun. */
size_t hooks_waiting(struct hooks *h);

#endif
