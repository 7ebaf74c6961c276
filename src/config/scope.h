/*
 * scope.h - one group of settings as read: the value of each setting of its
 * section, whether it was given, and where; and the memory that they are in.
 */
#ifndef CONFIG_SCOPE_H
#define CONFIG_SCOPE_H

#include "config/problem.h"
#include "config/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For "every": seconds, or this. */
#define EVERY_AUTO 0

/* A value. With neither given nor a default, it is all zero. */
struct value {
	bool given; /* in a file: in the group itself or in `defaults` */
	bool bad; /* told to be wrong, or misspelt: look no further */
	struct place at; /* where it was given */
	/*
	 * number: of a port or count, of seconds or octets; 0 or 1 for a bool;
	 * a choice's value, enum after_delivery, enum first_poll; EVERY_AUTO.
	 * amount: the seconds or messages of the latter two.
	 */
	int64_t number, amount;
	const char *text; /* in the settings' memory; as are: */
	const char **list; /* recipients, NULL-terminated */
};

struct scope {
	enum section section;
	const char *name; /* account's or destination's; NULL: not known */
	struct place at;
	/*
	 * One for each row of the section. Most are shared with other scopes:
	 * what `defaults` and the table say is there once. scope_change() makes
	 * one that is not.
	 */
	const struct value **values; /* owned; what they point to is not */
};

/* Many small things lie in one block. */
struct memory_block {
	char *data;
	size_t len, used;
};

struct memory {
	struct memory_block *blocks; /* owned; wiped when freed */
	size_t count, room;
};

struct settings_draft; /* settings.h */

/* Everything that a struct settings points to. */
struct settings_memory {
	/* What only accounts point to lies apart: it may go before the rest. */
	struct memory common, of_accounts;
	bool at_accounts; /* what is added now is theirs */
	struct scope global, defaults;
	struct scope *accounts, *destinations;
	size_t account_count, destination_count;
	size_t account_room, destination_room;
	/* By row of the section: defaults of the table; what was derived last. */
	const struct value **initial[SECTIONS], **derived[SECTIONS]; /* owned */
	const char **folders; /* owned; of the files that were read */
	size_t folder_count;
	const struct settings_draft *draft; /* while they are read, or NULL */
};

/* memory_copy, memory_text - a copy that lives as long as the settings. */
void *memory_copy(struct settings_memory *m, const void *data, size_t len);
char *memory_text(struct settings_memory *m, const char *text);
char *memory_textf(struct settings_memory *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void memory_free(struct settings_memory **m);

/* memory_forget_accounts - free what only accounts point to, and their scopes. */
void memory_forget_accounts(struct settings_memory *m);

/* memory_folder - note the folder of a file (absolute) that was read. */
void memory_folder(struct settings_memory *m, const char *path);

/* scope_begin - no value given yet. */
void scope_begin(struct scope *s, enum section section, struct place at);

/* scope_add - begin another account or destination; valid until the next. */
struct scope *
scope_add(struct settings_memory *m, enum section section, struct place at);

/* scope_value - the value of a setting that the section does have. */
const struct value *scope_value(const struct scope *s, const char *name);
bool scope_given(const struct scope *s, const char *name);

/* scope_place - where a setting is given, or else where its group begins. */
struct place scope_place(const struct scope *s, const char *name);

/* scope_change - a copy of a value that is this scope's alone, in its place. */
struct value *
scope_change(struct settings_memory *m, struct scope *s, const char *name);

/*
 * scope_derive - a value that follows from others, text NULL for a number. It is
 * shared where the last one that was derived is the same.
 */
void scope_derive(struct settings_memory *m, struct scope *s, const char *name,
    int64_t number, const char *text);

/* scope_inherit - take from `defaults` what the account does not have. */
void scope_inherit(struct scope *account, const struct scope *defaults);

/* scope_title - `account "isp": `, `defaults: `, to begin a message with. */
const char *scope_title(struct settings_memory *m, const struct scope *s);

#endif
