/*
 * import.h - accounts of other programs as postrider understands them: what a
 * reader of their files hands to the command `import`.
 *
 * A reader only reads. It turns settings into the ones that postrider has, and
 * notes, with file and line, each that has no counterpart. All strings are
 * owned by the struct import; import_free() wipes the passwords among them.
 */
#ifndef IMPORT_IMPORT_H
#define IMPORT_IMPORT_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was found and is not carried over. */
struct import_note {
	char *file;
	unsigned line; /* 0: of the whole file */
	char *text; /* a clause; may hold words of the file */
};

/* As it will stand in an account: `key = value;`. */
struct import_setting {
	char *key;
	char *value;
	bool text; /* to be written in quotes */
};

enum import_tls {
	IMPORT_TLS_IMPLICIT,
	IMPORT_TLS_STARTTLS,
	IMPORT_TLS_NONE
};

/* Where the mail of an account went. */
struct import_destination {
	bool lmtp;
	char *host; /* or, for LMTP, the path of a socket; NULL: not said */
	uint16_t port; /* 0: the usual one */
	char *user, *password; /* or NULL */
};

/* A message that the other program has fetched. */
struct import_uid {
	char *uid; /* its octets; none is '\0' */
	int64_t since; /* wall clock, 0: not known */
};

struct import_seen {
	struct import_uid *list;
	size_t count, room;
	bool loose; /* a '-' may stand for what was a '/' */
	char *file; /* where they come from, NULL: there is none */
};

struct import_account {
	char *name; /* good for a setting, and unlike the others */
	char *file; /* where it stands */
	unsigned line;
	char *host;
	uint16_t port; /* 0: the usual one */
	enum import_tls tls;
	char *user;
	/* One of them, or none. */
	char *password;
	char *password_command; /* for /bin/sh -c */
	char **recipients;
	size_t recipient_count;
	struct import_setting *settings; /* all other */
	size_t setting_count;
	struct import_destination destination;
	struct import_seen seen;
};

struct import {
	struct import_account **accounts;
	size_t account_count, account_room;
	struct import_note *notes;
	size_t note_count, note_room;
};

/* Where to read. All borrowed. */
struct import_files {
	char **settings; /* NULL-terminated; empty: the usual place */
	char **seen; /* NULL-terminated; empty: where the settings say */
	const char *netrc; /* NULL: ~/.netrc, if it is there */
	const char *home;
	const char *user; /* who runs the other program, if it does not say */
	bool run_commands; /* such as make settings out of their output */
};

/*
 * A reader, of one program. Returns 0, or -1 with ERR_CONFIG and a text that
 * begins with "FILE:LINE: ", or ERR_SYSTEM. What it has read until then may be
 * in *im all the same.
 */
struct import_program {
	const char *name;
	int (*read)(struct import *im, const struct import_files *files,
	    struct error *e);
};

/* All of them, a NULL name at the end. */
extern const struct import_program import_programs[];

int import_fetchmail(
    struct import *im, const struct import_files *files, struct error *e);
int import_getmail(
    struct import *im, const struct import_files *files, struct error *e);
int import_mpop(
    struct import *im, const struct import_files *files, struct error *e);
int import_fdm(
    struct import *im, const struct import_files *files, struct error *e);

/* import_program - by name, or NULL. */
const struct import_program *import_program(const char *name);

/*
 * import_free - leaves { 0 }.
 */
void import_free(struct import *im);

/*
 * import_account_add - another account, which stands there; it stays where it is
 * until import_free().
 * import_account_name - call it like `wanted`, as near as the rules for names
 * and the other accounts allow.
 * import_account_recipient - one more, unless it is among them.
 */
struct import_account *
import_account_add(struct import *im, const char *file, unsigned line);
void import_account_name(
    struct import *im, struct import_account *a, const char *wanted);
void import_account_recipient(struct import_account *a, const char *recipient);

/* import_account_drop - the one that was added last is none after all. */
void import_account_drop(struct import *im);

/*
 * import_account_set - a setting, such as ("fetch_limit", "100"); what it was
 * before is forgotten. import_account_set_text - one with quotes around it.
 */
void import_account_set(
    struct import_account *a, const char *key, const char *value);
void import_account_set_text(
    struct import_account *a, const char *key, const char *text);

/* import_replace - a string in the place of another, which is wiped. */
void import_replace(char **where, const char *text);

/* import_note - what has no counterpart: "syslog: …". */
void import_note(struct import *im, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * import_seen_add - Returns 0, or -1: that is no unique id, since a server could
 * not list it: empty, longer than IMPORT_UID_MAX, with a blank or another
 * control character in it.
 */
#define IMPORT_UID_MAX 1000
int import_seen_add(struct import_account *a, struct slice uid, int64_t since);

/*
 * Files of other programs
 */

#define IMPORT_SETTINGS_MAX ((size_t)16 << 20)
#define IMPORT_SEEN_MAX ((size_t)1 << 30)

/*
 * import_file - all of a file, wiped by the caller. Returns 0, or -1 with
 * ERR_CONFIG: it cannot be read, is no regular file (nor /dev/null), or longer
 * than `max`.
 */
int
import_file(const char *path, size_t max, struct buffer *out, struct error *e);

/*
 * import_line - cut the next line off the front, without its '\n'.
 * Returns false: there is none. What lacks its '\n' is one.
 */
bool import_line(struct slice *rest, struct slice *line);

/* import_path - what a leading "~/" means is put in its place. Owned by caller. */
char *import_path(const char *home, const char *path);

/* import_error - ERR_CONFIG, "FILE:LINE: …", of line 0 "FILE: …". Returns -1. */
int import_error(struct error *e, const char *file, unsigned line,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
