/*
 * error.h - errors as values.
 *
 * A function that can fail returns 0 or -1 and fills a caller-owned struct
 * error of fixed size: nothing to free, nothing global. The kind decides what
 * the program does next, the text tells a person what to do. The text is one
 * line without secrets; error_set() replaces control characters, so words of
 * a peer may be put into it as they came.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

enum error_kind {
	ERR_NONE,
	ERR_USAGE, /* the command line is wrong */
	ERR_CONFIG, /* the settings are wrong */
	ERR_RESOLVE, /* the host's name has no address */
	ERR_CONNECT, /* nobody answers there */
	ERR_TIMEOUT, /* the peer was silent for too long */
	ERR_IO, /* the connection broke */
	ERR_TLS, /* handshake or certificate */
	ERR_PROTOCOL, /* the peer does not speak as its RFC says */
	ERR_AUTH, /* the peer refused the password */
	ERR_BUSY, /* the peer cannot serve us now: later */
	ERR_IN_USE, /* another session has locked the maildrop */
	ERR_LOGIN_DELAY, /* the last login was too short a time ago */
	ERR_REFUSED, /* the peer refused a command */
	ERR_SECRET, /* no password to be had */
	ERR_LEDGER, /* the ledger cannot be read or written */
	ERR_LOCKED, /* another process holds the ledger */
	ERR_QUESTION, /* the owner has to decide something first */
	ERR_SYSTEM, /* memory, descriptors, threads */
	ERR_STOPPED /* this process was asked to stop */
};

struct error {
	enum error_kind kind;
	char text[400];
};

/*
 * error_set - note what went wrong.
 * Returns -1, so that `return error_set(e, …)` reads well. The text is cut to
 * fit; octets outside printable ASCII are kept only where they are UTF-8.
 */
int error_set(struct error *e, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* error_prefix - put words (who, where) in front of the text. Returns -1. */
int error_prefix(struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* error_clear - no error. */
void error_clear(struct error *e);

/* error_exit_status - the sysexits(3) status for a kind; 0 for ERR_NONE. */
int error_exit_status(enum error_kind kind);

/* error_worse - which of two exit statuses says more. */
int error_worse(int a, int b);

/* error_name - a short lower-case word for a kind, for logs and JSON. */
const char *error_name(enum error_kind kind);

#endif
