/*
 * progress.h - the line on a terminal that shows how far polls have come: of a
 * single mailbox messages, octets, rate, time left; of several how many are
 * done, the same figures of all, and the names of those that take longest.
 *
 * Or a line for each of these, as many as fit, and that one below them.
 */
#ifndef COMMAND_PROGRESS_H
#define COMMAND_PROGRESS_H

#include "migrate/verify.h"
#include "poll/poll.h"

/* Of one mailbox. */
struct progress {
	const char *name; /* borrowed */
	struct poll_progress poll; /* for struct poll_job */
	struct verify_progress verify; /* for struct verify_job */
	_Atomic int64_t began; /* private: clock_monotonic_ms(), or 0 */
	_Atomic uint64_t before; /* private: octets_done at that time */
	_Atomic int64_t again; /* private: it is polled again then, or 0 */
	_Atomic bool over; /* private */
};

/*
 * progress_enable - draw from now on, to standard error; the log takes the
 * line away while it writes (log_set_line_hook). Call before threads start.
 */
void progress_enable(void);

/* progress_lines - each mailbox has a line of its own. After progress_enable. */
void progress_lines(void);

/*
 * progress_restart - none of them has begun. verifying: what is shown from now on
 * is how far they are verified.
 */
void progress_restart(struct progress *list, size_t count, bool verifying);

/*
 * progress_begin, progress_end - this mailbox is being polled, or was.
 * progress_wait - it will be once more, at that time (clock_monotonic_ms()).
 */
void progress_begin(struct progress *p);
void progress_end(struct progress *p);
void progress_wait(struct progress *p, int64_t until);

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
 * progress_describe_lines - the same, by lines with a LF behind all but the last:
 * at most `lines` of them.
 */
void progress_describe_lines(struct buffer *out, size_t columns, size_t lines,
    struct progress *list, size_t count, int64_t now, int64_t since);

/*
 * progress_describe - what progress_show() draws: at most so many columns, and
 * `room` with the '\0'. now: clock_monotonic_ms(); since: when the first octet
 * was read, or a moment before.
 */
void progress_describe(char *out, size_t room, size_t columns,
    struct progress *list, size_t count, int64_t now, int64_t since);

#endif
