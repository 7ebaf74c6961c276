/*
 * outcome.h - what there is to tell a person of a poll that is over. Pure.
 */
#ifndef POLL_OUTCOME_H
#define POLL_OUTCOME_H

#include "poll/account.h"
#include "poll/poll.h"

/*
 * outcome_tell - "isp: 3 messages (12 kB) delivered to home in 0.4 s; 1 held".
 * Of a baseline: "isp: 120 messages count as seen now; 3 stay new".
 * rc: as poll_run() returned it. each: say so also when nothing has happened.
 * Returns false, and adds nothing, when there is nothing to tell.
 */
bool outcome_tell(const struct account *a, const struct poll_report *r, int rc,
    bool each, struct buffer *line);

/* outcome_status - the exit status that this makes; e: of rc < 0. */
int outcome_status(const struct poll_report *r, int rc, const struct error *e);

#endif
