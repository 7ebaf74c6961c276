/*
 * table.h - every setting there is: where it stands, what it may hold, what it
 * is when it is not given, and what it means. The checks, the listing of
 * settings, the manual page and the example file are all made from this table.
 */
#ifndef CONFIG_TABLE_H
#define CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum section {
	SECTION_GLOBAL,
	SECTION_ACCOUNT,
	SECTION_DESTINATION
};
#define SECTIONS (SECTION_DESTINATION + 1)

enum setting_type {
	TYPE_SETTINGS, /* holds other settings */
	TYPE_NAME, /* of an account */
	TYPE_STRING,
	TYPE_HOST, /* name or address literal */
	TYPE_HOST_OR_SOCKET, /* the same, or the path of a unix socket */
	TYPE_PATH, /* ~/ and relative paths are made absolute */
	TYPE_LOG, /* "stderr", "syslog", or a path that is not relative */
	TYPE_LISTEN, /* an address and a port of this machine */
	TYPE_PORT,
	TYPE_BOOL,
	TYPE_DURATION, /* min, max in seconds */
	TYPE_SIZE, /* min, max in octets */
	TYPE_COUNT,
	TYPE_CHOICE,
	TYPE_RECIPIENTS,
	TYPE_AFTER_DELIVERY,
	TYPE_FIRST_POLL,
	TYPE_EVERY /* a duration (min, max in seconds), or "auto" */
};

struct choice {
	const char *word;
	int value;
};

#define SETTING_REQUIRED (1u << 0)
#define SETTING_IN_DEFAULTS (1u << 1) /* may stand in `defaults` */
#define SETTING_SECRET (1u << 2) /* never shown */
#define SETTING_PASSWORD (1u << 3) /* at most one of these is given */
#define SETTING_FILE (1u << 4) /* names a file that must be there */
#define SETTING_LIVE (1u << 5) /* stands in the example uncommented */

struct setting {
	enum section section;
	const char *name;
	enum setting_type type;
	unsigned flags;
	int64_t min, max;
	const struct choice *choices; /* ends with a NULL word */
	const char *initial; /* the default, as in the file, without quotes */
	const char *fallback; /* the default in words, when it depends */
	const char *sample; /* a value for examples, likewise unquoted */
	const char *help; /* one line */
	const char *more; /* sentences for the manual, or NULL */
};

/* All of them, by section, in the order in which they are told. */
extern const struct setting settings_table[];
extern const size_t settings_table_len;

/* table_section - the rows of a section; *count of them. */
const struct setting *table_section(enum section section, size_t *count);

/* table_find - by name, or NULL. */
const struct setting *table_find(enum section section, const char *name);

/* table_nearest - the name that is likely meant, or NULL. */
const char *table_nearest(enum section section, const char *word);

/* section_name - "global", "account", "destination". */
const char *section_name(enum section section);

#endif
