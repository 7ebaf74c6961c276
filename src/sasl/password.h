/*
 * password.h - where a password comes from. Asked for when it is needed, kept
 * in memory while it may be needed again, wiped at the end.
 */
#ifndef SASL_PASSWORD_H
#define SASL_PASSWORD_H

#include "base/error.h"
#include "base/stop.h"
#include "sasl/sasl.h"

#include <stdbool.h>

/* How to log in somewhere; filled in from the settings. All borrowed. */
struct login {
	const char *kind; /* "account" or "destination" */
	const char *name; /* its name */
	const char *user; /* NULL: do not log in */
	enum auth_method auth;
	const char *password; /* at most one of these three is set */
	const char *password_file; /* absolute; first line counts */
	const char *password_command; /* for /bin/sh -c; first line counts */
};

/*
 * password_get - the password for a login, as a string, by its settings; with
 * none of the three set, the file "account.NAME" or "destination.NAME" in
 * $CREDENTIALS_DIRECTORY (systemd.exec(5)), else a question on /dev/tty with
 * echo off.
 * out: owned by the caller, given back with password_free().
 * Returns 0, or -1: ERR_SECRET (no source; file unreadable, empty, or open to
 * group or others; command failed, with its exit status, or took more than
 * 60 s), ERR_STOPPED, ERR_SYSTEM. What a command prints is never shown; its
 * standard error is ours.
 */
int password_get(const struct login *l, const struct stop *stop, char **out,
    struct error *e);

/* password_is_asked_for - would that be a question? Nobody answers a daemon. */
bool password_is_asked_for(const struct login *l);

void password_free(char **password); /* wipes */

#endif
