/*
 * outcome.h - what a poll did, in one line for a person.
 */
#ifndef POLL_OUTCOME_H
#define POLL_OUTCOME_H

#include "base/buffer.h"
#include "poll/poll.h"

#include <stdbool.h>

/* outcome_is_news - did anything happen? */
bool outcome_is_news(const struct poll_report *r);

/* outcome_write - "NAME: 3 messages (12 KB) delivered to home in 0.4 s; …". */
void outcome_write(const struct account *account, const struct poll_report *r,
    struct buffer *out);

/* outcome_status - the exit status (sysexits(3)) that says how it went. */
int outcome_status(const struct poll_report *r, int rc, const struct error *e);

#endif
