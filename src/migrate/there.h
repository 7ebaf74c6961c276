/*
 * there.h - where the mail of each mailbox can be read after it was moved: a
 * Maildir, or a POP3 mailbox, by a pattern that is the same for many.
 *
 * The pattern is a path or a URL (boxes.h), in which stand for something:
 *	%n	the account's name
 *	%r	its first recipient
 *	%l %d	what is before and behind the last "@" of that
 *	%%	a %
 * In a URL they are encoded, and a % with two hexadecimal digits behind it that
 * is none of these is left as it is. In a path they must not have a "/".
 */
#ifndef MIGRATE_THERE_H
#define MIGRATE_THERE_H

#include "migrate/boxes.h"
#include "migrate/verify.h"

/* What is wanted of one mailbox. All borrowed. */
struct there_wish {
	const char *pattern; /* NULL: it cannot be read */
	struct boxes_secret secret;
	/* Where that stands, as in struct boxes. */
	const char *file, *path;
	unsigned line;
	mode_t mode;
	uid_t owner;
};

struct there {
	struct verify_place *list; /* owned; one for each account */
	char **words; /* owned; what is shown of them, or NULL */
	size_t count;
	struct settings **settings; /* owned; one account is in each */
	char **texts; /* owned; that these were made of */
	char **passwords; /* owned; of these accounts, or NULL */
	size_t settings_count;
};

/*
 * there_make - by wishes[i] for accounts[i]. Returns 0, or -1 with the problems
 * appended, a line each. To be freed in either case.
 */
int there_make(struct there *t, const struct account *const *accounts,
    const struct there_wish *wishes, size_t count, struct buffer *problems);
void there_free(struct there *t); /* wipes passwords */

/*
 * there_passwords - get those of the POP3 mailboxes, each once. Returns 0, or -1
 * with the errors of password_get().
 */
int there_passwords(struct there *t, const struct stop *stop, struct error *e);

#endif
