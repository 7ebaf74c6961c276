/*
 * metrics.h - what is counted for whoever watches: polls, what became of their
 * mail, how every account stands; written as Prometheus reads it (text format
 * 0.0.4). Any thread may call any of it at any time; each call is short, but
 * for metrics_render(), during which the others wait (about 1 ms for a thousand
 * accounts).
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "base/buffer.h"
#include "base/error.h"
#include "ledger/ledger.h"
#include "poll/poll.h"

#include <stdbool.h>
#include <stdint.h>

struct metrics;

/*
 * metrics_new - nothing has happened yet. What the system is asked of this process is opened
 * now, so that it can be read by a process that may open nothing any more.
 */
void metrics_new(struct metrics **m);
void metrics_free(struct metrics **m);

/* metrics_ledger - whose commits are told from now on; borrowed. */
void metrics_ledger(struct metrics *m, const struct ledger *ledger);

/*
 * metrics_account - there is such an account: it is told of from now on.
 * last_success: when it was last polled well, wall clock, as the ledger knows
 * it; 0: never, and its time begins now. Nothing is new if it is known already.
 * metrics_forget - there is none any more, and the last poll of it is counted.
 */
void
metrics_account(struct metrics *m, const char *account, int64_t last_success);
void metrics_forget(struct metrics *m, const char *account);

/*
 * metrics_poll - an account was polled, or could not be; if it is not known, it
 * is from now on. e: how it ended,
 * ERR_NONE: well; ERR_STOPPED counts as neither well nor failed.
 */
void metrics_poll(struct metrics *m, const char *account,
    const struct poll_report *r, const struct error *e);

/*
 * metrics_destination - a destination takes mail, or is down.
 * metrics_forget_destination - there is none of that name any more.
 */
void metrics_destination(struct metrics *m, const char *name, bool up);
void metrics_forget_destination(struct metrics *m, const char *name);

/* metrics_render - append all of it. now: wall clock. */
void metrics_render(struct metrics *m, int64_t now, struct buffer *out);

#endif
