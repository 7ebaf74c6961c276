/*
 * log.h - what the program says while it works, to standard error.
 *
 * log_event() writes one line an event, made to be searched:
 *	account=isp uid=Ab12 event=delivered octets=5120 ms=41
 * Errors for a person are written by log_error(): "postrider: isp: …".
 * Every line goes out by one write(2); octets of a peer are made harmless.
 * Threads may call all of it at once.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_QUIET, /* errors only (-q) */
	LOG_NORMAL, /* and warnings */
	LOG_EVENTS, /* and a line for each event (-v) */
	LOG_TRACE /* and both conversations (-vv) */
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_event(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * log_trace - a line of a conversation: `isp > UIDL`, `isp < +OK`.
 * who: account or destination; towards_peer: direction. Never a secret.
 */
void log_trace(const char *who, bool towards_peer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * log_claim_terminal - the terminal is wanted for a question: no line is
 * written, and none of progress drawn, until log_release_terminal(). One
 * thread at a time; the others wait.
 */
void log_claim_terminal(void);
void log_release_terminal(void);

/*
 * log_set_line_hook - called with true before and false after each line is
 * written, so that a progress line can be taken away and drawn again. NULL
 * for none. Set before threads start.
 */
void log_set_line_hook(void (*hook)(bool before));

#endif
