/*
 * progress.h - the line on a terminal that shows how far polls have come: of a
 * single mailbox messages, octets, rate, time left; of several how many are
 * done, the same figures of all, and the names of those that take longest.
 */
#ifndef COMMAND_PROGRESS_H
#define COMMAND_PROGRESS_H

#include "poll/poll.h"

/* Of one mailbox. */
struct progress {
	const char *name; /* borrowed */
	struct poll_progress poll; /* for struct poll_job */
	_Atomic int64_t began; /* private: clock_monotonic_ms(), or 0 */
	_Atomic bool over; /* private */
};

/*
 * progress_enable - draw from now on, to standard error; the log takes the
 * line away while it writes (log_set_line_hook). Call before threads start.
 */
void progress_enable(void);

/* progress_begin, progress_end - this mailbox is being polled, or was. */
void progress_begin(struct progress *p);
void progress_end(struct progress *p);

/* progress_show - draw how far all of them have come. Main thread. */
void progress_show(struct progress *list, size_t count);

/*
 * progress_print - write a line to standard output, in place of the one that is
 * drawn. Any thread.
 */
void progress_print(const char *line);

/* progress_clear - take the line away. Any thread. */
void progress_clear(void);

/*
 * progress_describe - what progress_show() draws: at most so many columns, and
 * `room` with the '\0'. now: clock_monotonic_ms(); since: when the first octet
 * was read, or a moment before.
 */
void progress_describe(char *out, size_t room, size_t columns,
    struct progress *list, size_t count, int64_t now, int64_t since);

#endif
