/*
 * boxes.h - mailboxes to be moved that stand in no settings: named on the command
 * line, or in a list. They become settings, an account a line, so that they are
 * checked as settings are.
 *
 * A mailbox is a URL, and so is a destination:
 *	pop3s://USER@HOST[:PORT]	TLS from the first octet
 *	pop3://USER@HOST[:PORT]		STARTTLS, unless ?tls=none
 *	smtps://[USER@]HOST[:PORT]
 *	smtp://[USER@]HOST[:PORT]	STARTTLS, unless ?tls=none, or this machine
 *	lmtp://HOST:PORT		STARTTLS, as smtp://
 *	lmtp:///PATH			a unix socket
 * Behind a "?" may stand some settings, KEY=VALUE&KEY=VALUE.
 *
 * The list is CSV (csv.h). Its first line names the columns: `source` and
 * `recipient`, and as wanted password, password_file, password_command,
 * destination, destination_password, destination_password_file, at, at_password,
 * at_password_file and name.
 */
#ifndef MIGRATE_BOXES_H
#define MIGRATE_BOXES_H

#include "base/error.h"
#include "config/problem.h"
#include "config/settings.h"

/* More mailboxes than that are another list. */
#define BOXES_MAX 10000

/* Where a password comes from; all borrowed, all may be NULL. */
struct boxes_secret {
	const char *text, *file, *command;
};

/* What the command line says of all mailboxes, where a list says nothing else. */
struct boxes_usual {
	const char *destination; /* a URL, or NULL */
	const char *at; /* see there.h, or NULL */
	struct boxes_secret source, target, place;
};

/* Settings in the making: a text, and where each line of it stands. */
struct boxes_text {
	struct buffer text; /* wiped when freed */
	unsigned *lines; /* owned */
	size_t count, room;
};

/* Where one mailbox is to be read after the move. All owned. */
struct box_place {
	unsigned line;
	char *at; /* a pattern, see there.h; NULL: nowhere */
	char *password, *password_file, *password_command;
};

struct boxes {
	const char *file; /* borrowed: path, or words for the command line */
	char *path; /* owned; of the list, absolute; or NULL */
	mode_t mode;
	uid_t owner;
	struct boxes_text accounts, destinations;
	struct box_place *places; /* owned; as the accounts */
	size_t count;
	char **names, **bodies; /* owned; of the destinations */
	size_t destination_count;
};

/*
 * boxes_from_urls - one mailbox. recipients: NULL-terminated, at least one.
 * boxes_from_list - those of a file.
 * Return 0, or -1 with the problems noted: each names file and line. To be freed
 * in either case.
 */
int boxes_from_urls(struct boxes *b, const char *source,
    const char *const *recipients, const struct boxes_usual *usual,
    struct problems *p);
int boxes_from_list(struct boxes *b, const char *path,
    const struct boxes_usual *usual, struct problems *p);
void boxes_free(struct boxes *b); /* wipes passwords */

/* boxes_settings - as settings_read(). The accounts are as `places` is. */
int boxes_settings(const struct boxes *b, struct settings **s,
    const char *state, struct buffer *problems, struct error *e);

/* --- for those who make settings of URLs, too --- */

/* boxes_quoted - ` KEY = "VALUE";`, and nothing for NULL. */
void boxes_quoted(struct buffer *out, const char *key, const char *value);

/*
 * boxes_mailbox - the settings that a POP3 URL stands for: pop3, port, tls, user,
 * password and what is behind the "?". file: what relative paths are beside, NULL:
 * the working directory. list: it may hold a password. name: "USER@HOST", made
 * fit for an account; owned by the caller; NULL: not wanted.
 * Returns 0, or -1 with *why: a clause.
 */
int boxes_mailbox(const char *url, const struct boxes_secret *secret,
    const char *file, bool list, struct buffer *out, char **name,
    struct buffer *why);

/* boxes_path - made absolute: beside that file, or the working directory. Owned
 * by the caller. */
char *boxes_path(const char *file, const char *path);

/* boxes_line - a line of settings is complete: it stands there. */
void boxes_line(struct boxes_text *t, unsigned line);
void boxes_text_free(struct boxes_text *t);

#endif
