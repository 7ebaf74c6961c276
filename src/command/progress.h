/*
 * progress.h - the line on a terminal that shows how far a poll has come:
 * messages, octets, rate, time left.
 */
#ifndef COMMAND_PROGRESS_H
#define COMMAND_PROGRESS_H

#include "poll/poll.h"

/*
 * progress_enable - draw from now on, to standard error; the log takes the
 * line away while it writes (log_set_line_hook). Call before threads start.
 */
void progress_enable(void);

/* progress_show - draw the state of `p`, for the account `name`. Main thread. */
void progress_show(const char *name, struct poll_progress *p);

/* progress_clear - take the line away. Any thread. */
void progress_clear(void);

#endif
