/*
 * log.h - what the program says while it works: to standard error, or where
 * log_open() says.
 *
 * log_event() writes one line an event, made to be searched:
 *	account=isp uid=Ab12 event=delivered octets=5120 ms=41
 * Errors for a person are written by log_error(): "postrider: isp: …".
 * Every line goes out by one write(2); octets of a peer are made harmless.
 * Threads may call all of it at once. A line that cannot be written keeps
 * nobody waiting (sink.h).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

#include <stdbool.h>

enum log_level {
	LOG_QUIET, /* errors only (-q) */
	LOG_NORMAL, /* and warnings */
	LOG_INFORMED, /* and what a daemon tells without being asked */
	LOG_EVENTS, /* and a line for each event (-v) */
	LOG_TRACE /* and both conversations (-vv) */
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_event(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * log_words - an event with words of a peer, or of an error, behind it:
 *	account=isp event=failed reason="… \"no\""
 * key: the word before them. In the quotes '"' and '\' have a '\' before them.
 */
void log_words(const char *key, const char *words, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * log_trace - a line of a conversation: `isp > UIDL`, `isp < +OK`.
 * who: account or destination; towards_peer: direction. Never a secret.
 */
void log_trace(const char *who, bool towards_peer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * log_open - from now on lines go to `target`: "stderr", "syslog", or the path
 * of a file (sink.h). Errors go to standard error too, until log_detach().
 * Returns 0, or -1 with ERR_CONFIG; then all goes on where it went before.
 */
int log_open(const char *target, struct error *e);

/*
 * log_reopen - open by its name again what log_open() opened, since somebody
 * may have renamed it. Returns 0, or -1 with ERR_CONFIG; then all goes on
 * into what was open.
 */
int log_reopen(struct error *e);

/* log_detach - errors go where all else does, and nowhere else. */
void log_detach(void);

/* log_close - back to standard error. */
void log_close(void);

/*
 * log_claim_terminal - the terminal is wanted for a question: no line is
 * written, and none of progress drawn, until log_release_terminal(). One
 * thread at a time; the others wait.
 */
void log_claim_terminal(void);
void log_release_terminal(void);

/*
 * log_set_line_hook - called with true before and false after each line is
 * written to standard error, so that a progress line can be taken away and drawn again. NULL
 * for none. Set before threads start.
 */
void log_set_line_hook(void (*hook)(bool before));

#endif
