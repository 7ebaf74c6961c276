/*
 * fdm_parse.c - the statements of an fdm.conf. Accounts of POP3 servers are
 * read; of everything else it is enough to know where it ends.
 */
#include "import/fdm.h"

#include "base/alloc.h"
#include "import/share.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY (24 * 60 * 60)

struct parser {
	struct fdm_lexer *l;
	struct fdm_conf *conf;
	struct import *im;
	unsigned depth; /* of rules within rules */
};

static bool
is_one_of(const struct fdm_lexer *l, const char *const *words)
{
	for (; *words != NULL; words++)
		if (fdm_is_word(l, *words))
			return true;
	return false;
}

static bool
begins_statement(const struct fdm_lexer *l)
{
	static const char *const words[] = { "account", "action", "match",
		"set", "cache", "include", "ifdef", "ifndef", "endif", NULL };

	return l->token.kind == FDM_END || l->token.kind == FDM_DEFINE_TEXT ||
	    l->token.kind == FDM_DEFINE_NUMBER || is_one_of(l, words);
}

/* "a word", "a string", … for errors. */
static const char *
describe(const struct fdm_lexer *l)
{
	switch (l->token.kind) {
	case FDM_END:
		return "the end of the file";
	case FDM_WORD:
	case FDM_MARK:
		return l->token.text.data;
	case FDM_NUMBER:
	case FDM_NUMBER_MACRO:
	case FDM_NUMBER_COMMAND:
		return "a number";
	default:
		return "a string";
	}
}

static int
unexpected(const struct fdm_lexer *l, struct error *e)
{
	return fdm_error(l, e, "\"%s\" does not belong here", describe(l));
}

/* Take a word, if it is there. */
static int
take_word(struct fdm_lexer *l, const char *word, bool *there, struct error *e)
{
	*there = fdm_is_word(l, word);
	return *there ? fdm_next(l, e) : 0;
}

static void
note(struct parser *p, const char *file, unsigned line, const char *text)
{
	import_note(p->im, file, line, "%s", text);
}

static int smtp_read(struct parser *p, struct error *e);

/* "{ … }", of whatever. */
static int
skip_braces(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;
	unsigned depth = 0;

	do {
		if (l->token.kind == FDM_END)
			return fdm_error(l, e, "a '}' is missing");
		if (fdm_is_mark(l, '{'))
			depth++;
		else if (fdm_is_mark(l, '}'))
			depth--;
		p->conf->keeps = p->conf->keeps || fdm_is_word(l, "keep");
		if ((fdm_is_word(l, "smtp") ? smtp_read(p, e)
					    : fdm_next(l, e)) < 0)
			return -1;
	} while (depth > 0);
	return 0;
}

/* "user X", "users { … }" */
static int
skip_users(struct parser *p, bool *there, struct error *e)
{
	struct fdm_lexer *l = p->l;
	struct fdm_value value = { 0 };
	int rc;

	*there = fdm_is_word(l, "user") || fdm_is_word(l, "users");
	if (!*there)
		return 0;
	if (fdm_next(l, e) < 0)
		return -1;
	if (fdm_is_mark(l, '{'))
		return skip_braces(p, e);
	if (!fdm_is_text(l))
		return fdm_next(l, e);
	rc = fdm_text(l, &value, e);
	fdm_value_free(&value);
	return rc;
}

/*
 * Accounts
 */

static int
port_read(struct fdm_lexer *l, uint16_t *port, struct error *e)
{
	char *name = NULL;
	uint64_t number = 0;
	int rc = -1;

	if (fdm_is_number(l)) {
		if (fdm_number(l, &number, e) < 0)
			return -1;
	} else {
		if (fdm_plain(l, &name, e) < 0)
			return -1;
		number = share_port_named(name);
		if (number == 0)
			number = strtoul(name, NULL, 10);
	}
	*port = (uint16_t)number;
	rc = number > 0 && number <= UINT16_MAX
	    ? 0
	    : fdm_error(l, e, "what stands before this is no port");
	free(name);
	return rc;
}

/* "server H [port P]", "pipe COMMAND" */
static int
server_read(struct parser *p, struct fdm_account *a, struct error *e)
{
	struct fdm_lexer *l = p->l;
	char *command = NULL;
	bool there;
	int rc;

	if (take_word(l, "pipe", &there, e) < 0)
		return -1;
	if (there) {
		rc = fdm_plain(l, &command, e);
		free(command);
		return rc;
	}
	if (!fdm_is_word(l, "server"))
		return fdm_error(l, e, "\"server\" should stand here");
	if (fdm_next(l, e) < 0 || fdm_plain(l, &a->host, e) < 0 ||
	    take_word(l, "port", &there, e) < 0)
		return -1;
	return there ? port_read(l, &a->port, e) : 0;
}

static int
flag_read(
    struct fdm_account *a, struct fdm_lexer *l, bool *known, struct error *e)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "no-apop", &a->no_apop },
		{ "no-tls1", NULL },
		{ "new-only", NULL },
		{ "old-only", &a->old_only },
		{ "keep", &a->keep },
		{ "starttls", &a->starttls },
		{ "insecure", &a->insecure },
		{ "no-verify", &a->no_verify },
		{ "no-uidl", &a->no_uidl },
		{ "disabled", &a->disabled },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!fdm_is_word(l, flags[i].word))
			continue;
		*known = true;
		if (flags[i].flag != NULL)
			*flags[i].flag = true;
		return fdm_next(l, e);
	}
	*known = false;
	return 0;
}

static int
argument_read(
    struct fdm_account *a, struct fdm_lexer *l, bool *known, struct error *e)
{
	bool cache = fdm_is_word(l, "cache");
	bool user = fdm_is_word(l, "user");
	bool pass = fdm_is_word(l, "pass");

	if (!user && !pass && !cache)
		return flag_read(a, l, known, e);
	*known = true;
	if (fdm_next(l, e) < 0)
		return -1;
	if (user)
		return fdm_plain(l, &a->user, e);
	if (cache)
		return fdm_plain(l, &a->cache, e);
	a->has_pass = true;
	fdm_value_free(&a->pass);
	return fdm_text(l, &a->pass, e);
}

static struct fdm_account *
account_add(struct parser *p)
{
	struct fdm_conf *conf = p->conf;
	struct fdm_account *a;

	if (conf->count == conf->room) {
		conf->room = conf->room == 0 ? 8 : conf->room * 2;
		conf->accounts = xrealloc(
		    conf->accounts, conf->room, sizeof(*conf->accounts));
	}
	a = &conf->accounts[conf->count++];
	*a = (struct fdm_account){ .file = p->l->token.file,
		.line = p->l->token.line };
	return a;
}

/* Of others than POP3 it is enough to know where they end. */
static int
other_skip(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;

	while (!begins_statement(l) || fdm_is_word(l, "cache")) {
		if (fdm_is_mark(l, '}'))
			return 0;
		if ((fdm_is_mark(l, '{') ? skip_braces(p, e) : fdm_next(l, e)) <
		    0)
			return -1;
	}
	return 0;
}

static int
account_read(struct parser *p, struct error *e)
{
	static const char *const types[] = { "pop3", "pop3s", "imap", "imaps",
		"stdin", "maildir", "maildirs", "mbox", "mboxes", "nntp",
		"nntps", NULL };
	struct fdm_lexer *l = p->l;
	struct fdm_account *a;
	bool known = true;

	if (p->conf->count == FDM_ACCOUNTS)
		return fdm_error(l, e, "no fdm.conf has so many accounts");
	a = account_add(p);
	if (fdm_next(l, e) < 0 || fdm_plain(l, &a->name, e) < 0 ||
	    skip_users(p, &a->users, e) < 0 ||
	    take_word(l, "disabled", &a->disabled, e) < 0 ||
	    (!a->users && skip_users(p, &a->users, e) < 0))
		return -1;
	if (!is_one_of(l, types))
		return fdm_error(
		    l, e, "fdm has no accounts of type \"%s\"", describe(l));
	a->type = xstrdup(l->token.text.data);
	if (fdm_next(l, e) < 0)
		return -1;
	if (strncmp(a->type, "pop3", strlen("pop3")) != 0)
		return other_skip(p, e);
	if (server_read(p, a, e) < 0)
		return -1;
	while (known)
		if (argument_read(a, l, &known, e) < 0)
			return -1;
	return 0;
}

/*
 * Actions and rules
 */

/* One more action of that kind. */
static void
smtp_add(struct fdm_smtp *smtp, const char *host, uint16_t port, const char *to)
{
	bool known = smtp->count > 0 && strcasecmp(smtp->host, host) == 0 &&
	    smtp->port == port;

	if (known) {
		smtp->several = smtp->several || to == NULL ||
		    smtp->to == NULL || strcmp(smtp->to, to) != 0;
		return;
	}
	smtp->count++;
	smtp->port = port;
	import_replace(&smtp->host, host);
	import_replace(&smtp->to, to);
}

/* "smtp server H [port P] [from X] [to X]" tells where mail goes. */
static int
smtp_read(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;
	struct fdm_account server = { 0 };
	char *from = NULL, *to = NULL;
	bool there;
	int rc = -1;

	if (fdm_next(l, e) == 0 && server_read(p, &server, e) == 0 &&
	    take_word(l, "from", &there, e) == 0 &&
	    (!there || fdm_plain(l, &from, e) == 0) &&
	    take_word(l, "to", &there, e) == 0 &&
	    (!there || fdm_plain(l, &to, e) == 0))
		rc = 0;
	if (rc == 0 && server.host != NULL)
		smtp_add(&p->conf->smtp, server.host, server.port, to);
	free(server.host);
	free(from);
	free(to);
	return rc;
}

/* One of several in braces, or the only one. */
static int
action_body(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;
	bool first = true;

	while (true) {
		if (fdm_is_word(l, "smtp")) {
			if (smtp_read(p, e) < 0)
				return -1;
			first = false;
			continue;
		}
		if (fdm_is_mark(l, '{')) {
			if (skip_braces(p, e) < 0)
				return -1;
			first = false;
			continue;
		}
		/* "action" at its head: another one is called. */
		if (l->token.kind == FDM_END || fdm_is_mark(l, '}') ||
		    (begins_statement(l) &&
			!(first && fdm_is_word(l, "action"))))
			return first ? unexpected(l, e) : 0;
		first = false;
		p->conf->keeps = p->conf->keeps || fdm_is_word(l, "keep");
		if (fdm_next(l, e) < 0)
			return -1;
	}
}

static int
action_read(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;
	const char *file = l->token.file;
	unsigned line = l->token.line;
	char *name = NULL;
	bool users;
	int rc = -1;

	if (fdm_next(l, e) == 0 && fdm_plain(l, &name, e) == 0 &&
	    skip_users(p, &users, e) == 0 && action_body(p, e) == 0)
		rc = 0;
	if (rc == 0)
		import_note(p->im, file, line,
		    "the action \"%s\" is not imported", name);
	free(name);
	return rc;
}

/* "match CONDITION … action …", or "match CONDITION … { match … }". */
static int
rule_read(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;

	note(p, l->token.file, l->token.line,
	    "this rule is not imported: all mail of an account goes to its "
	    "recipients");
	if (fdm_next(l, e) < 0)
		return -1;
	while (!fdm_is_word(l, "action") && !fdm_is_word(l, "actions")) {
		bool list = fdm_is_word(l, "account") ||
		    fdm_is_word(l, "accounts") || fdm_is_word(l, "user") ||
		    fdm_is_word(l, "users");

		if (fdm_is_mark(l, '{')) {
			p->depth++;
			return fdm_next(l, e);
		}
		if (l->token.kind == FDM_END || fdm_is_mark(l, '}') ||
		    fdm_is_word(l, "match") || fdm_is_word(l, "set"))
			return unexpected(l, e);
		if (fdm_next(l, e) < 0 ||
		    (list && fdm_is_mark(l, '{') && skip_braces(p, e) < 0))
			return -1;
	}
	return fdm_next(l, e) < 0 ? -1 : action_body(p, e);
}

/*
 * Settings
 */

struct unit {
	const char *word;
	uint64_t factor;
};

/* A number and what it counts. */
static int
quantity(struct parser *p, const struct unit *units, size_t count,
    uint64_t *out, struct error *e)
{
	struct fdm_lexer *l = p->l;

	if (fdm_number(l, out, e) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!fdm_is_word(l, units[i].word))
			continue;
		if (__builtin_mul_overflow(*out, units[i].factor, out))
			return fdm_error(l, e, "this is too much");
		return fdm_next(l, e);
	}
	return 0;
}

static int
size_read(struct parser *p, struct error *e)
{
	static const struct unit units[] = { { "B", 1 }, { "b", 1 },
		{ "byte", 1 }, { "bytes", 1 }, { "K", 1 << 10 },
		{ "KB", 1 << 10 }, { "k", 1 << 10 }, { "kb", 1 << 10 },
		{ "kilobyte", 1 << 10 }, { "kilobytes", 1 << 10 },
		{ "M", 1 << 20 }, { "MB", 1 << 20 }, { "m", 1 << 20 },
		{ "mb", 1 << 20 }, { "megabyte", 1 << 20 },
		{ "megabytes", 1 << 20 }, { "G", 1 << 30 }, { "GB", 1 << 30 },
		{ "g", 1 << 30 }, { "gb", 1 << 30 }, { "gigabyte", 1 << 30 },
		{ "gigabytes", 1 << 30 } };

	p->conf->has_size = true;
	p->conf->size_line = p->l->token.line;
	return quantity(
	    p, units, sizeof(units) / sizeof(units[0]), &p->conf->size, e);
}

static int
timeout_read(struct parser *p, struct error *e)
{
	static const struct unit units[] = { { "second", 1 }, { "seconds", 1 },
		{ "minute", 60 }, { "minutes", 60 }, { "hour", 3600 },
		{ "hours", 3600 }, { "day", DAY }, { "days", DAY },
		{ "week", 7 * DAY }, { "weeks", 7 * DAY },
		{ "month", 30 * DAY }, { "months", 30 * DAY },
		{ "year", 365 * DAY }, { "years", 365 * DAY } };

	p->conf->has_timeout = true;
	p->conf->timeout_line = p->l->token.line;
	return quantity(
	    p, units, sizeof(units) / sizeof(units[0]), &p->conf->timeout, e);
}

/* What postrider makes nothing of. */
static int
setting_skip(struct parser *p, const char *file, unsigned line, struct error *e)
{
	struct fdm_lexer *l = p->l;

	if (l->token.kind != FDM_WORD)
		return unexpected(l, e);
	import_note(p->im, file, line, "%s: there is no such setting",
	    l->token.text.data);
	do {
		if ((fdm_is_mark(l, '{') ? skip_braces(p, e) : fdm_next(l, e)) <
		    0)
			return -1;
	} while (!begins_statement(l) && !fdm_is_mark(l, '}'));
	return 0;
}

static int
set_read(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;
	const char *file = l->token.file;
	unsigned line = l->token.line;

	if (fdm_next(l, e) < 0)
		return -1;
	if (fdm_is_word(l, "verify-certificates")) {
		p->conf->verify = true;
		return fdm_next(l, e);
	}
	if (fdm_is_word(l, "maximum-size"))
		return fdm_next(l, e) < 0 ? -1 : size_read(p, e);
	if (fdm_is_word(l, "timeout"))
		return fdm_next(l, e) < 0 ? -1 : timeout_read(p, e);
	return setting_skip(p, file, line, e);
}

/* "cache PATH [expire AGE]": of strings, which rules use. */
static int
cache_read(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;

	note(p, l->token.file, l->token.line,
	    "cache: it is for rules, which are not imported");
	if (fdm_next(l, e) < 0)
		return -1;
	while (!begins_statement(l) && !fdm_is_mark(l, '}'))
		if (fdm_next(l, e) < 0)
			return -1;
	return 0;
}

/*
 * The file
 */

static int
statement_read(struct parser *p, struct error *e)
{
	struct fdm_lexer *l = p->l;

	if (l->token.kind == FDM_DEFINE_TEXT ||
	    l->token.kind == FDM_DEFINE_NUMBER)
		return fdm_define(l, e);
	if (fdm_is_word(l, "account"))
		return account_read(p, e);
	if (fdm_is_word(l, "action"))
		return action_read(p, e);
	if (fdm_is_word(l, "match"))
		return rule_read(p, e);
	if (fdm_is_word(l, "set"))
		return set_read(p, e);
	if (fdm_is_word(l, "cache"))
		return cache_read(p, e);
	if (fdm_is_word(l, "include"))
		return fdm_include(l, e);
	if (begins_statement(l))
		return fdm_condition(l, e);
	if (fdm_is_mark(l, '}') && p->depth > 0) {
		p->depth--;
		return fdm_next(l, e);
	}
	return unexpected(l, e);
}

int
fdm_parse(struct fdm_conf *conf, struct fdm_lexer *l, struct import *im,
    struct error *e)
{
	struct parser p = { .l = l, .conf = conf, .im = im };

	while (l->token.kind != FDM_END)
		if (statement_read(&p, e) < 0)
			return -1;
	if (l->conditions > 0)
		return fdm_error(l, e, "an ifdef has no endif");
	if (p.depth > 0)
		return fdm_error(l, e, "a '}' is missing");
	return 0;
}

void
fdm_conf_free(struct fdm_conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		struct fdm_account *a = &conf->accounts[i];

		free(a->name);
		free(a->type);
		free(a->host);
		free(a->user);
		free(a->cache);
		fdm_value_free(&a->pass);
	}
	free(conf->accounts);
	free(conf->smtp.host);
	free(conf->smtp.to);
	*conf = (struct fdm_conf){ 0 };
}
