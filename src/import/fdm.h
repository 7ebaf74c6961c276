/*
 * fdm.h - what an fdm.conf says, before anybody asks what postrider makes of
 * it. Accounts are read, of actions and rules only that they are there.
 * fdm.conf(5).
 */
#ifndef IMPORT_FDM_H
#define IMPORT_FDM_H

#include "base/buffer.h"
#include "base/error.h"
#include "import/import.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Tokens
 */

enum fdm_kind {
	FDM_END,
	FDM_WORD,
	FDM_STRING, /* less its quotes and escapes */
	FDM_NUMBER,
	FDM_TEXT_MACRO, /* $name */
	FDM_NUMBER_MACRO, /* %name */
	FDM_TEXT_COMMAND, /* $(command) */
	FDM_NUMBER_COMMAND, /* %(command) */
	FDM_DEFINE_TEXT, /* $name = */
	FDM_DEFINE_NUMBER, /* %name = */
	FDM_MARK /* one character */
};

struct fdm_token {
	enum fdm_kind kind;
	struct buffer text; /* wiped */
	const char *file; /* borrowed from the lexer */
	unsigned line;
};

/* Words of which some may be printed by commands. */
struct fdm_value {
	struct buffer text; /* where no command is among them; wiped */
	struct buffer shell; /* the same as a word for /bin/sh; wiped */
	char *command; /* the last of them; or NULL */
	unsigned literals, commands;
};

struct fdm_macro {
	char *name; /* with its '$' or '%' */
	struct fdm_value value;
};

/* fdm_open - read an included file. Returns 0, or -1 with ERR_CONFIG. */
typedef int
fdm_open(void *arg, const char *path, struct buffer *out, struct error *e);

#define FDM_DEPTH 16 /* files that include each other */
#define FDM_FILES 1000
#define FDM_MACROS 10000

struct fdm_source {
	char *file;
	struct buffer text; /* owned, of included ones; wiped */
};

struct fdm_place {
	const char *file;
	struct slice rest;
	unsigned line;
};

struct fdm_lexer {
	const char *home; /* borrowed */
	fdm_open *open;
	void *arg;
	bool run; /* commands may be */
	struct fdm_place places[FDM_DEPTH]; /* the last one is being read */
	size_t depth;
	struct fdm_source *sources; /* all that were included */
	size_t source_count;
	struct fdm_macro *macros;
	size_t macro_count, macro_room;
	unsigned conditions; /* ifdef without its endif yet */
	struct fdm_token token; /* the one that is looked at */
};

/* fdm_begin - look at the first token. All return 0, or -1 with ERR_CONFIG. */
int fdm_begin(
    struct fdm_lexer *l, const char *file, struct slice text, struct error *e);
int fdm_next(struct fdm_lexer *l, struct error *e);
void fdm_lexer_free(struct fdm_lexer *l); /* wipes */

/* fdm_error - at the token. Returns -1. */
int fdm_error(const struct fdm_lexer *l, struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

bool fdm_is_word(const struct fdm_lexer *l, const char *word);
bool fdm_is_mark(const struct fdm_lexer *l, char mark);

/*
 * fdm_include - the token is "include": go on in the file that is named behind
 * it. fdm_condition - it is "ifdef", "ifndef" or "endif".
 * fdm_define - it is FDM_DEFINE_…: define the macro.
 */
int fdm_include(struct fdm_lexer *l, struct error *e);
int fdm_condition(struct fdm_lexer *l, struct error *e);
int fdm_define(struct fdm_lexer *l, struct error *e);

/*
 * fdm_is_text, fdm_is_number - does one begin here?
 * fdm_text - read a string: strings, macros and commands, with '+' between them.
 * fdm_plain - the same, with what commands print in it. Owned by the caller.
 * fdm_number - read a number.
 */
bool fdm_is_text(const struct fdm_lexer *l);
bool fdm_is_number(const struct fdm_lexer *l);
int fdm_text(struct fdm_lexer *l, struct fdm_value *out, struct error *e);
int fdm_plain(struct fdm_lexer *l, char **out, struct error *e);
int fdm_number(struct fdm_lexer *l, uint64_t *out, struct error *e);
void fdm_value_free(struct fdm_value *v); /* wipes */

/*
 * fdm_tags - with %h, %[home] and %% replaced; of tags that are not known yet
 * when the file is read, nothing remains. Returns NULL: one changes with the
 * time. Owned by the caller.
 */
char *fdm_tags(const char *home, const char *text);

/*
 * The file
 */

struct fdm_account {
	char *name;
	const char *file; /* borrowed from the lexer */
	unsigned line;
	char *type; /* "pop3" */
	char *host; /* NULL: by a pipe */
	uint16_t port; /* 0: the usual one */
	char *user; /* or NULL */
	struct fdm_value pass;
	char *cache; /* its path, or NULL */
	bool has_pass, disabled, old_only, keep, starttls, insecure, no_verify,
	    no_apop, no_uidl, users;
};

/* Who takes mail by SMTP, as an action has it. */
struct fdm_smtp {
	char *host, *to; /* or NULL */
	uint16_t port; /* 0: the usual one */
	unsigned count; /* of servers */
	bool several; /* who take it, of one server */
};

struct fdm_conf {
	struct fdm_account *accounts;
	size_t count, room;
	struct fdm_smtp smtp;
	bool verify; /* certificates */
	bool keeps; /* some rule or action leaves mail where it is */
	bool has_size, has_timeout;
	uint64_t size, timeout;
	unsigned size_line, timeout_line;
};

#define FDM_ACCOUNTS 10000

/*
 * fdm_parse - from the first token on. What is neither an account nor a setting
 * for them is noted. Returns 0, or -1 with ERR_CONFIG. Free *conf in either case;
 * it is wiped then.
 */
int fdm_parse(struct fdm_conf *conf, struct fdm_lexer *l, struct import *im,
    struct error *e);
void fdm_conf_free(struct fdm_conf *conf);

/* fdm_cache - read a file of unique ids. Returns 0, or -1 with ERR_CONFIG. */
int fdm_cache(struct import_account *a, const char *file, struct slice text,
    struct error *e);

#endif
