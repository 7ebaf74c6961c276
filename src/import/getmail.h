/*
 * getmail.h - what a getmailrc says, before anybody asks what postrider makes
 * of it: sections as Python's configparser reads them, values as Python does.
 */
#ifndef IMPORT_GETMAIL_H
#define IMPORT_GETMAIL_H

#include "base/buffer.h"
#include "base/error.h"
#include "import/import.h"

#include <stdbool.h>
#include <stddef.h>

struct getmail_value {
	const char *section; /* borrowed, from the struct getmail_rc */
	char *key; /* in lower case */
	char *text; /* lines are parted by '\n'; wiped */
	unsigned line;
	bool done; /* something was made of it */
};

struct getmail_section {
	char *name;
	unsigned line;
};

struct getmail_rc {
	const char *file; /* borrowed */
	struct getmail_section *sections;
	size_t section_count;
	struct getmail_value *list;
	size_t count, room;
};

/* More than any file has, in sections and in all of them. */
#define GETMAIL_SECTIONS 500
#define GETMAIL_VALUES 5000

/*
 * getmail_parse - Returns 0, or -1 with ERR_CONFIG, "FILE:LINE: …". Free *rc in
 * either case; it is wiped then.
 */
int getmail_parse(struct getmail_rc *rc, const char *file, struct slice text,
    struct error *e);
void getmail_rc_free(struct getmail_rc *rc);

/* getmail_section, getmail_find - or NULL. */
const struct getmail_section *
getmail_section(const struct getmail_rc *rc, const char *name);
struct getmail_value *
getmail_find(const struct getmail_rc *rc, const char *section, const char *key);

/*
 * getmail_text - a value, which is then done; or NULL.
 */
const char *
getmail_text(const struct getmail_rc *rc, const char *section, const char *key);

/*
 * Values
 */

/*
 * getmail_flag - true, yes, on, 1, or their opposites; `other` where it is not
 * given. getmail_number - a number, or a product of some.
 * Return 0, or -1 with ERR_CONFIG.
 */
int getmail_flag(const struct getmail_rc *rc, const char *section,
    const char *key, bool other, bool *out, struct error *e);
int getmail_number(const struct getmail_rc *rc, const char *section,
    const char *key, uint64_t max, uint64_t *out, struct error *e);

/*
 * getmail_tuple - the strings of a Python tuple: ("a", 'b', ). Nothing is an
 * empty one. Returns 0, or -1 with *why, a clause. Free it in either case.
 */
struct getmail_strings {
	char **list; /* wiped */
	size_t count;
};

int
getmail_tuple(const char *text, struct getmail_strings *out, const char **why);
void getmail_strings_free(struct getmail_strings *s);

/*
 * getmail_expand - with variables ($NAME, ${NAME}) and a leading "~" or "~USER"
 * replaced, those that are not known aside. Owned by the caller.
 */
char *getmail_expand(const char *home, const char *text);

/*
 * State
 */

/* getmail_oldmail_name - of the file for a mailbox. Owned by the caller. */
char *getmail_oldmail_name(const char *server, unsigned port, const char *user);

/* getmail_oldmail - read one. Returns 0, or -1 with ERR_CONFIG. */
int getmail_oldmail(struct import_account *a, const char *file,
    struct slice text, struct error *e);

#endif
