/*
 * fetchmail_rc.c - the grammar of a .fetchmailrc, and what it says in the end:
 * for a user, and for a server, the last value given, or else that of
 * `defaults`.
 */
#include "import/fetchmail.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct fetchmail_about fetchmail_options[FM_OPTIONS] = {
	[FM_LOGFILE] = { "logfile", SCOPE_GLOBAL, SHAPE_PATH },
	[FM_IDFILE] = { "idfile", SCOPE_GLOBAL, SHAPE_PATH },
	[FM_PIDFILE] = { "pidfile", SCOPE_GLOBAL, SHAPE_PATH },
	[FM_DAEMON] = { "daemon", SCOPE_GLOBAL, SHAPE_NUMBER },
	[FM_POSTMASTER] = { "postmaster", SCOPE_GLOBAL, SHAPE_STRING },
	[FM_BOUNCEMAIL] = { "bouncemail", SCOPE_GLOBAL, SHAPE_FLAG },
	[FM_SPAMBOUNCE] = { "spambounce", SCOPE_GLOBAL, SHAPE_FLAG },
	[FM_SOFTBOUNCE] = { "softbounce", SCOPE_GLOBAL, SHAPE_FLAG },
	[FM_SYSLOG] = { "syslog", SCOPE_GLOBAL, SHAPE_FLAG },
	[FM_INVISIBLE] = { "invisible", SCOPE_GLOBAL, SHAPE_FLAG },
	[FM_SHOWDOTS] = { "showdots", SCOPE_GLOBAL, SHAPE_FLAG },

	[FM_VIA] = { "via", SCOPE_SERVER, SHAPE_STRING },
	[FM_PROTOCOL] = { "protocol", SCOPE_SERVER, SHAPE_OWN },
	[FM_SERVICE] = { "service", SCOPE_SERVER, SHAPE_OWN },
	[FM_AUTH] = { "auth", SCOPE_SERVER, SHAPE_OWN },
	[FM_TIMEOUT] = { "timeout", SCOPE_SERVER, SHAPE_NUMBER },
	[FM_IDLETIMEOUT] = { "idletimeout", SCOPE_SERVER, SHAPE_NUMBER },
	[FM_INTERVAL] = { "interval", SCOPE_SERVER, SHAPE_NUMBER },
	[FM_UIDL] = { "uidl", SCOPE_SERVER, SHAPE_FLAG },
	[FM_ENVELOPE] = { "envelope", SCOPE_SERVER, SHAPE_OWN },
	[FM_ENVSKIP] = { "envskip", SCOPE_SERVER, SHAPE_OWN },
	[FM_QVIRTUAL] = { "qvirtual", SCOPE_SERVER, SHAPE_STRING },
	[FM_AKA] = { "aka", SCOPE_SERVER, SHAPE_STRINGS },
	[FM_LOCALDOMAINS] = { "localdomains", SCOPE_SERVER, SHAPE_STRINGS },
	[FM_DNS] = { "dns", SCOPE_SERVER, SHAPE_FLAG },
	[FM_CHECKALIAS] = { "checkalias", SCOPE_SERVER, SHAPE_FLAG },
	[FM_INTERFACE] = { "interface", SCOPE_SERVER, SHAPE_STRING },
	[FM_MONITOR] = { "monitor", SCOPE_SERVER, SHAPE_STRING },
	[FM_PLUGIN] = { "plugin", SCOPE_SERVER, SHAPE_STRING },
	[FM_PLUGOUT] = { "plugout", SCOPE_SERVER, SHAPE_STRING },
	[FM_PRINCIPAL] = { "principal", SCOPE_SERVER, SHAPE_STRING },
	[FM_ESMTPNAME] = { "esmtpname", SCOPE_SERVER, SHAPE_STRING },
	[FM_ESMTPPASSWORD] = { "esmtppassword", SCOPE_SERVER, SHAPE_STRING },
	[FM_TRACEPOLLS] = { "tracepolls", SCOPE_SERVER, SHAPE_FLAG },
	[FM_BADHEADER] = { "bad-header", SCOPE_SERVER, SHAPE_OWN },
	[FM_RETRIEVEERROR] = { "retrieve-error", SCOPE_SERVER, SHAPE_STRING },

	[FM_REMOTE] = { "user", SCOPE_USER, SHAPE_OWN },
	[FM_LOCALNAMES] = { "is", SCOPE_USER, SHAPE_OWN },
	[FM_WILDCARD] = { "*", SCOPE_USER, SHAPE_OWN },
	[FM_PASSWORD] = { "password", SCOPE_USER, SHAPE_STRING },
	[FM_PASSWORDFILE] = { "passwordfile", SCOPE_USER, SHAPE_PATH },
	[FM_PASSWORDFD] = { "passwordfd", SCOPE_USER, SHAPE_NUMBER },
	[FM_PASSWORDEVAL] = { "passwordeval", SCOPE_USER, SHAPE_STRING },
	[FM_FOLDER] = { "folder", SCOPE_USER, SHAPE_STRINGS },
	[FM_SMTPHOST] = { "smtphost", SCOPE_USER, SHAPE_STRINGS },
	[FM_FETCHDOMAINS] = { "fetchdomains", SCOPE_USER, SHAPE_STRINGS },
	[FM_SMTPADDRESS] = { "smtpaddress", SCOPE_USER, SHAPE_STRING },
	[FM_SMTPNAME] = { "smtpname", SCOPE_USER, SHAPE_STRING },
	[FM_ANTISPAM] = { "antispam", SCOPE_USER, SHAPE_NUMBERS },
	[FM_MDA] = { "mda", SCOPE_USER, SHAPE_STRING },
	[FM_BSMTP] = { "bsmtp", SCOPE_USER, SHAPE_PATH },
	[FM_LMTP] = { "lmtp", SCOPE_USER, SHAPE_ON },
	[FM_PRECONNECT] = { "preconnect", SCOPE_USER, SHAPE_STRING },
	[FM_POSTCONNECT] = { "postconnect", SCOPE_USER, SHAPE_STRING },
	[FM_KEEP] = { "keep", SCOPE_USER, SHAPE_FLAG },
	[FM_FLUSH] = { "flush", SCOPE_USER, SHAPE_FLAG },
	[FM_LIMITFLUSH] = { "limitflush", SCOPE_USER, SHAPE_FLAG },
	[FM_FETCHALL] = { "fetchall", SCOPE_USER, SHAPE_FLAG },
	[FM_REWRITE] = { "rewrite", SCOPE_USER, SHAPE_FLAG },
	[FM_FORCECR] = { "forcecr", SCOPE_USER, SHAPE_FLAG },
	[FM_STRIPCR] = { "stripcr", SCOPE_USER, SHAPE_FLAG },
	[FM_PASS8BITS] = { "pass8bits", SCOPE_USER, SHAPE_FLAG },
	[FM_DROPSTATUS] = { "dropstatus", SCOPE_USER, SHAPE_FLAG },
	[FM_DROPDELIVERED] = { "dropdelivered", SCOPE_USER, SHAPE_FLAG },
	[FM_MIMEDECODE] = { "mimedecode", SCOPE_USER, SHAPE_FLAG },
	[FM_IDLE] = { "idle", SCOPE_USER, SHAPE_FLAG },
	[FM_FORCEIDLE] = { "forceidle", SCOPE_USER, SHAPE_FLAG },
	[FM_SSL] = { "ssl", SCOPE_USER, SHAPE_FLAG },
	[FM_SSLMODE] = { "sslmode", SCOPE_USER, SHAPE_STRING },
	[FM_SSLKEY] = { "sslkey", SCOPE_USER, SHAPE_PATH },
	[FM_SSLCERT] = { "sslcert", SCOPE_USER, SHAPE_PATH },
	[FM_SSLPROTO] = { "sslproto", SCOPE_USER, SHAPE_STRING },
	[FM_SSLCERTCK] = { "sslcertck", SCOPE_USER, SHAPE_FLAG },
	[FM_SSLCERTFILE] = { "sslcertfile", SCOPE_USER, SHAPE_PATH },
	[FM_SSLCERTPATH] = { "sslcertpath", SCOPE_USER, SHAPE_PATH },
	[FM_SSLCOMMONNAME] = { "sslcommonname", SCOPE_USER, SHAPE_STRING },
	[FM_SSLFINGERPRINT] = { "sslfingerprint", SCOPE_USER, SHAPE_STRING },
	[FM_LIMIT] = { "limit", SCOPE_USER, SHAPE_NUMBER },
	[FM_WARNINGS] = { "warnings", SCOPE_USER, SHAPE_NUMBER },
	[FM_BATCHLIMIT] = { "batchlimit", SCOPE_USER, SHAPE_NUMBER },
	[FM_FETCHLIMIT] = { "fetchlimit", SCOPE_USER, SHAPE_NUMBER },
	[FM_FETCHSIZELIMIT] = { "fetchsizelimit", SCOPE_USER, SHAPE_NUMBER },
	[FM_FASTUIDL] = { "fastuidl", SCOPE_USER, SHAPE_NUMBER },
	[FM_EXPUNGE] = { "expunge", SCOPE_USER, SHAPE_NUMBER },
	[FM_PROPERTIES] = { "properties", SCOPE_GLOBAL | SCOPE_USER,
	    SHAPE_STRING },
};

/*
 * Values
 */

static void
value_clear(struct fetchmail_value *v)
{
	for (size_t i = 0; i < v->count; i++) {
		import_replace(&v->list[i].text, NULL);
		import_replace(&v->list[i].to, NULL);
	}
	free(v->list);
	v->list = NULL;
	v->count = 0;
}

static void
values_free(struct fetchmail_scope_values *s)
{
	for (size_t i = 0; i < s->count; i++)
		value_clear(&s->list[i]);
	free(s->list);
	*s = (struct fetchmail_scope_values){ 0 };
}

static struct fetchmail_value *
value_find(const struct fetchmail_scope_values *s, enum fetchmail_option option)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].option == option)
			return &s->list[i];
	return NULL;
}

/* The value of an option, made if it is not there yet. */
static struct fetchmail_value *
value_at(struct fetchmail_scope_values *s, enum fetchmail_option option,
    unsigned line)
{
	struct fetchmail_value *v = value_find(s, option);

	if (v == NULL) {
		s->list = xrealloc(s->list, s->count + 1, sizeof(*s->list));
		v = &s->list[s->count++];
		*v = (struct fetchmail_value){ .option = option };
	}
	v->line = line;
	return v;
}

/* One more; its doubling keeps a list of a million words quick. */
static struct fetchmail_string *
value_add(struct fetchmail_value *v, const char *text)
{
	if ((v->count & (v->count - 1)) == 0)
		v->list = xrealloc(v->list, v->count == 0 ? 1 : v->count * 2,
		    sizeof(*v->list));
	v->list[v->count] = (struct fetchmail_string){ .text = xstrdup(text) };
	return &v->list[v->count++];
}

static void
value_set(struct fetchmail_value *v, const char *text)
{
	value_clear(v);
	value_add(v, text);
}

static void
server_free(struct fetchmail_server *s)
{
	free(s->name);
	values_free(&s->values);
}

void
fetchmail_rc_free(struct fetchmail_rc *rc)
{
	values_free(&rc->globals);
	for (size_t i = 0; i < rc->server_count; i++)
		server_free(&rc->servers[i]);
	free(rc->servers);
	for (size_t i = 0; i < rc->user_count; i++)
		values_free(&rc->users[i].values);
	free(rc->users);
	server_free(&rc->defaults);
	values_free(&rc->default_user);
	*rc = (struct fetchmail_rc){ 0 };
}

/* What `defaults` says of it is not passed on. */
static bool
is_own(enum fetchmail_option option)
{
	return option == FM_AKA;
}

/* Has it been said, so that `defaults` has no say any more? */
static bool
is_said(const struct fetchmail_value *v)
{
	if (v == NULL)
		return false;
	switch (v->option) {
	case FM_TIMEOUT:
	case FM_INTERVAL:
	case FM_ENVSKIP:
	case FM_WILDCARD:
		return v->number != 0;
	case FM_LOCALNAMES:
		return v->count > 0;
	case FM_AUTH:
		return strcmp(v->list[0].text, "any") != 0;
	case FM_BADHEADER:
		return v->number != 0;
	default:
		return true;
	}
}

const struct fetchmail_value *
fetchmail_value(const struct fetchmail_rc *rc,
    const struct fetchmail_user *user, enum fetchmail_option option)
{
	bool of_server = fetchmail_options[option].scope == SCOPE_SERVER;
	const struct fetchmail_value *v;

	if (user == NULL)
		return value_find(&rc->globals, option);
	v = value_find(
	    of_server ? &rc->servers[user->server].values : &user->values,
	    option);
	if (is_said(v))
		return v;
	if (is_own(option))
		return NULL;
	v = value_find(
	    of_server ? &rc->defaults.values : &rc->default_user, option);
	return is_said(v) ? v : NULL;
}

const char *
fetchmail_text(const struct fetchmail_rc *rc, const struct fetchmail_user *user,
    enum fetchmail_option option)
{
	const struct fetchmail_value *v = fetchmail_value(rc, user, option);

	return v != NULL && v->count > 0 ? v->list[0].text : NULL;
}

int64_t
fetchmail_number(const struct fetchmail_rc *rc,
    const struct fetchmail_user *user, enum fetchmail_option option,
    int64_t other)
{
	const struct fetchmail_value *v = fetchmail_value(rc, user, option);

	return v != NULL ? v->number : other;
}

/*
 * The grammar
 */

struct parser {
	struct fetchmail_rc *rc;
	struct fetchmail_lexer lexer;
	struct error *e;
	/* Of the entry being read. */
	bool in_defaults;
	struct fetchmail_scope_values *server;
	struct fetchmail_scope_values *user; /* being read, or NULL */
};

static int
next(struct parser *p)
{
	return fetchmail_next(&p->lexer, p->e);
}

static enum fetchmail_kind
kind(const struct parser *p)
{
	return p->lexer.token.kind;
}

/* Never what is perhaps a password. */
static int
syntax_error(struct parser *p, const char *expected)
{
	const struct fetchmail_token *t = &p->lexer.token;
	const char *found = "a word";

	if (t->kind == TOKEN_END)
		found = "the end of the file";
	else if (t->kind == TOKEN_NUMBER)
		found = "a number";
	else if (t->kind == TOKEN_MAP)
		found = "\"=\"";
	else if (t->kind != TOKEN_STRING)
		return import_error(p->e, p->rc->file, t->line,
		    "expected %s, not the word \"%s\"", expected, t->word);
	return import_error(
	    p->e, p->rc->file, t->line, "expected %s, not %s", expected, found);
}

static bool
is_secret(enum fetchmail_option option)
{
	return option == FM_PASSWORD || option == FM_ESMTPPASSWORD;
}

/* The token must be a string, and one that settings can hold. */
static int
expect_string(struct parser *p, enum fetchmail_option option)
{
	const struct fetchmail_token *t = &p->lexer.token;
	const char *name = fetchmail_options[option].name;
	char expected[64];

	if (t->kind != TOKEN_STRING) {
		snprintf(expected, sizeof(expected), "a text behind \"%s\"%s",
		    name,
		    t->kind == TOKEN_NUMBER
			? " (in quotes, since it has only digits)"
			: "");
		return syntax_error(p, expected);
	}
	if (!is_secret(option) && !text_is_utf8(buffer_slice(&t->text)))
		return import_error(p->e, p->rc->file, t->line,
		    "the text behind \"%s\" is not UTF-8", name);
	return 0;
}

/* What it says; an empty one has no memory of its own. */
static const char *
string(const struct parser *p)
{
	const struct buffer *text = &p->lexer.token.text;

	return text->data != NULL ? text->data : "";
}

/* As fetchmail does: relative to where the file is. */
static char *
beside_file(const struct parser *p, const char *path)
{
	const char *slash = strrchr(p->rc->file, '/');

	if (path[0] == '\0' || path[0] == '/' || strcmp(path, "-") == 0 ||
	    slash == NULL)
		return xstrdup(path);
	if (slash == p->rc->file)
		return xasprintf("/%s", path);
	return xasprintf(
	    "%.*s/%s", (int)(slash - p->rc->file), p->rc->file, path);
}

static int
parse_string(struct parser *p, struct fetchmail_value *v, bool path)
{
	char *text;

	if (expect_string(p, v->option) < 0)
		return -1;
	if (path) {
		text = beside_file(p, string(p));
		value_set(v, text);
		free(text);
	} else {
		value_set(v, string(p));
	}
	return next(p);
}

static int
parse_strings(struct parser *p, struct fetchmail_value *v)
{
	do {
		if (expect_string(p, v->option) < 0)
			return -1;
		value_add(v, string(p));
		if (next(p) < 0)
			return -1;
	} while (kind(p) == TOKEN_STRING);
	return 0;
}

static int
parse_number(struct parser *p, struct fetchmail_value *v)
{
	char expected[64];

	if (kind(p) != TOKEN_NUMBER) {
		snprintf(expected, sizeof(expected),
		    "a number without quotes behind \"%s\"",
		    fetchmail_options[v->option].name);
		return syntax_error(p, expected);
	}
	v->number = p->lexer.token.number;
	return next(p);
}

static int
parse_numbers(struct parser *p, struct fetchmail_value *v)
{
	char digits[24];

	do {
		if (parse_number(p, v) < 0)
			return -1;
		snprintf(digits, sizeof(digits), "%lld", (long long)v->number);
		value_add(v, digits);
	} while (kind(p) == TOKEN_NUMBER);
	return 0;
}

/* One of the words that are words of the language, too. */
static int
parse_choice(struct parser *p, struct fetchmail_value *v,
    enum fetchmail_kind wanted, const char *expected)
{
	if (kind(p) != wanted)
		return syntax_error(p, expected);
	value_set(v, p->lexer.token.word);
	return next(p);
}

static int
parse_service(struct parser *p, struct fetchmail_value *v)
{
	char digits[24];

	if (kind(p) == TOKEN_STRING)
		return parse_string(p, v, false);
	if (parse_number(p, v) < 0)
		return -1;
	snprintf(digits, sizeof(digits), "%lld", (long long)v->number);
	value_set(v, digits);
	return 0;
}

static int
parse_envelope(struct parser *p, unsigned line)
{
	struct fetchmail_value *skip =
	    value_at(p->server, FM_ENVSKIP, p->lexer.token.line);

	skip->number = 0;
	if (kind(p) == TOKEN_NUMBER && parse_number(p, skip) < 0)
		return -1;
	return parse_string(p, value_at(p->server, FM_ENVELOPE, line), false);
}

static int
parse_bad_header(struct parser *p, struct fetchmail_value *v)
{
	if (kind(p) != TOKEN_ACCEPT && kind(p) != TOKEN_REJECT)
		return syntax_error(p, "\"accept\" or \"reject\"");
	v->number = kind(p) == TOKEN_ACCEPT;
	return next(p);
}

static int
parse_value(struct parser *p, struct fetchmail_value *v, bool negated)
{
	switch (fetchmail_options[v->option].shape) {
	case SHAPE_FLAG:
	case SHAPE_ON:
		v->number = !negated;
		return 0;
	case SHAPE_STRING:
	case SHAPE_PATH:
		return parse_string(
		    p, v, fetchmail_options[v->option].shape == SHAPE_PATH);
	case SHAPE_NUMBER:
		return parse_number(p, v);
	case SHAPE_STRINGS:
		return parse_strings(p, v);
	case SHAPE_NUMBERS:
		return parse_numbers(p, v);
	case SHAPE_OWN:
		break;
	}
	if (v->option == FM_PROTOCOL)
		return parse_choice(p, v, TOKEN_PROTOCOL, "a protocol");
	if (v->option == FM_AUTH)
		return parse_choice(
		    p, v, TOKEN_AUTH, "a way of authentication");
	if (v->option == FM_SERVICE)
		return parse_service(p, v);
	return parse_bad_header(p, v);
}

/* Is the token, or what follows the "no" before it, an option of that scope? */
static bool
is_option(const struct parser *p, enum fetchmail_scope scope)
{
	if (kind(p) == TOKEN_PORT)
		return scope == SCOPE_SERVER;
	return kind(p) == TOKEN_OPTION && p->lexer.token.option != FM_REMOTE &&
	    (fetchmail_options[p->lexer.token.option].scope & scope) != 0;
}

/* An option, at its name, which belongs here. */
static int
parse_option(
    struct parser *p, struct fetchmail_scope_values *into, bool negated)
{
	enum fetchmail_option option = p->lexer.token.option;
	bool number_only = kind(p) == TOKEN_PORT;
	unsigned line = p->lexer.token.line;
	bool flag = fetchmail_options[option].shape == SHAPE_FLAG;

	if (negated && !flag && option != FM_ENVELOPE)
		return import_error(p->e, p->rc->file, line,
		    "\"no\" does not go with \"%s\"",
		    fetchmail_options[option].name);
	if (next(p) < 0)
		return -1;
	if (option == FM_ENVELOPE && negated) {
		value_clear(value_at(into, FM_ENVELOPE, line));
		return 0;
	}
	if (option == FM_ENVELOPE)
		return parse_envelope(p, line);
	if (number_only && kind(p) != TOKEN_NUMBER)
		return syntax_error(
		    p, "a number without quotes behind \"port\"");
	return parse_value(p, value_at(into, option, line), negated);
}

/*
 * All options of a scope, as they come. The "no" is read before it is known
 * whose it is.
 */
static int
parse_options(struct parser *p, struct fetchmail_scope_values *into,
    enum fetchmail_scope scope, bool *negated)
{
	for (;;) {
		*negated = kind(p) == TOKEN_NO;
		if (*negated && next(p) < 0)
			return -1;
		if (!is_option(p, scope))
			return 0;
		if (parse_option(p, into, *negated) < 0)
			return -1;
	}
}

static int
parse_set(struct parser *p)
{
	enum fetchmail_option option;
	unsigned line;
	bool negated;

	if (next(p) < 0)
		return -1;
	negated = kind(p) == TOKEN_NO;
	if (negated && next(p) < 0)
		return -1;
	if (!is_option(p, SCOPE_GLOBAL))
		return syntax_error(
		    p, "the name of a global option behind \"set\"");
	option = p->lexer.token.option;
	line = p->lexer.token.line;
	if (negated && fetchmail_options[option].shape != SHAPE_FLAG)
		return import_error(p->e, p->rc->file, line,
		    "\"no\" does not go with \"%s\"",
		    fetchmail_options[option].name);
	if (next(p) < 0)
		return -1;
	if (kind(p) == TOKEN_MAP && next(p) < 0)
		return -1;
	return parse_value(p, value_at(&p->rc->globals, option, line), negated);
}

/* Names of local users, the token being the first: a b=c *. */
static int
parse_names(struct parser *p)
{
	struct fetchmail_value *v;
	struct fetchmail_string *s;

	do {
		if (expect_string(p, FM_LOCALNAMES) < 0)
			return -1;
		v = value_at(p->user,
		    strcmp(string(p), "*") == 0 ? FM_WILDCARD : FM_LOCALNAMES,
		    p->lexer.token.line);
		v->number = 1;
		s = value_add(v, string(p));
		if (next(p) < 0)
			return -1;
		if (kind(p) != TOKEN_MAP)
			continue;
		if (next(p) < 0 || expect_string(p, FM_LOCALNAMES) < 0)
			return -1;
		s->to = xstrdup(string(p));
		if (next(p) < 0)
			return -1;
	} while (kind(p) == TOKEN_STRING);
	return 0;
}

/*
 * What stood there as the first local name is the remote one after all. (A "*"
 * alone is one then, too.)
 */
static void
names_become_remote(struct parser *p, size_t before, unsigned line)
{
	struct fetchmail_value *names = value_find(p->user, FM_LOCALNAMES);
	struct fetchmail_value *star = value_find(p->user, FM_WILDCARD);
	struct fetchmail_value *remote;
	char *name = xstrdup("*");

	if (names != NULL && names->count > before) {
		free(name);
		name = names->list[--names->count].text;
	} else if (star != NULL) {
		value_clear(star);
		star->number = 0;
	}
	remote = value_at(p->user, FM_REMOTE, line);
	value_set(remote, name);
	free(name);
}

/* How many local names there are so far, and by "=" mapped ones among them. */
static size_t
names_count(const struct parser *p)
{
	const struct fetchmail_value *names =
	    value_find(p->user, FM_LOCALNAMES);

	return names != NULL ? names->count : 0;
}

static bool
last_is_mapped(const struct parser *p)
{
	const struct fetchmail_value *names =
	    value_find(p->user, FM_LOCALNAMES);

	return names != NULL && names->count > 0 &&
	    names->list[names->count - 1].to != NULL;
}

static size_t
stars_count(const struct parser *p)
{
	const struct fetchmail_value *star = value_find(p->user, FM_WILDCARD);

	return star != NULL ? star->count : 0;
}

/*
 * "is" and "to": local names, with "here" behind them if one likes. "is" with
 * one name and "there": the remote one.
 */
static int
parse_is(struct parser *p, bool may_be_there)
{
	size_t before = names_count(p);
	size_t all = before + stars_count(p);
	unsigned line;

	if (next(p) < 0)
		return -1;
	line = p->lexer.token.line;
	if (parse_names(p) < 0)
		return -1;
	if (kind(p) == TOKEN_THERE && may_be_there &&
	    names_count(p) + stars_count(p) == all + 1 && !last_is_mapped(p)) {
		names_become_remote(p, before, line);
		return next(p);
	}
	return kind(p) == TOKEN_HERE ? next(p) : 0;
}

static unsigned
last_name_line(const struct parser *p)
{
	const struct fetchmail_value *names =
	    value_find(p->user, FM_LOCALNAMES);

	return names != NULL ? names->line : p->lexer.token.line;
}

/* "user": the remote name, or with "here" behind them local ones. */
static int
parse_user_name(struct parser *p)
{
	unsigned line;
	size_t count;

	if (next(p) < 0)
		return -1;
	line = p->lexer.token.line;
	if (parse_names(p) < 0)
		return -1;
	if (kind(p) == TOKEN_HERE)
		return next(p);
	count = names_count(p) + stars_count(p);
	if (count != 1 || last_is_mapped(p))
		return import_error(p->e, p->rc->file, last_name_line(p),
		    "here stands no option; or \"here\" is missing behind "
		    "names of local users");
	names_become_remote(p, 0, line);
	return kind(p) == TOKEN_THERE ? next(p) : 0;
}

/* What a user may have, besides its name. */
static int
parse_user_options(struct parser *p)
{
	bool negated;

	for (;;) {
		if (parse_options(p, p->user, SCOPE_USER, &negated) < 0)
			return -1;
		if (negated) {
			if (is_option(p, SCOPE_SERVER))
				break;
			return syntax_error(p, "an option behind \"no\"");
		}
		if (kind(p) != TOKEN_IS && kind(p) != TOKEN_TO)
			break;
		if (parse_is(p, kind(p) == TOKEN_IS) < 0)
			return -1;
	}
	if (is_option(p, SCOPE_SERVER))
		return import_error(p->e, p->rc->file, p->lexer.token.line,
		    "\"%s\" is an option of the server: it has to stand before "
		    "the first user",
		    fetchmail_options[p->lexer.token.option].name);
	return 0;
}

static bool
is_user_name(const struct parser *p)
{
	return kind(p) == TOKEN_OPTION && p->lexer.token.option == FM_REMOTE;
}

/* Begin another user of the server that is read. */
static int
user_begin(struct parser *p)
{
	struct fetchmail_rc *rc = p->rc;
	struct fetchmail_server *s =
	    p->in_defaults ? &rc->defaults : &rc->servers[rc->server_count - 1];
	unsigned line = is_user_name(p) ? p->lexer.token.line : s->line;

	if (p->in_defaults && s->users > 0)
		return import_error(p->e, rc->file, line,
		    "\"defaults\" has more than one user");
	s->users++;
	if (p->in_defaults) {
		p->user = &rc->default_user;
		return 0;
	}
	if (rc->user_count == FETCHMAIL_MAILBOXES)
		return import_error(p->e, rc->file, line,
		    "these are more than %d mailboxes", FETCHMAIL_MAILBOXES);
	if (rc->user_count == rc->user_room) {
		rc->user_room = rc->user_room == 0 ? 8 : rc->user_room * 2;
		rc->users =
		    xrealloc(rc->users, rc->user_room, sizeof(*rc->users));
	}
	rc->users[rc->user_count] =
	    (struct fetchmail_user){ .server = rc->server_count - 1,
		    .line = line };
	p->user = &rc->users[rc->user_count++].values;
	return 0;
}

/*
 * Users are either all named, or there is one without a name, of which
 * `defaults` has to say who it is.
 */
static int
parse_users(struct parser *p)
{
	if (!is_user_name(p)) {
		if (user_begin(p) < 0)
			return -1;
		return parse_user_options(p);
	}
	while (is_user_name(p))
		if (user_begin(p) < 0 || parse_user_name(p) < 0 ||
		    parse_user_options(p) < 0)
			return -1;
	return 0;
}

static int
server_begin(struct parser *p)
{
	struct fetchmail_rc *rc = p->rc;
	bool skip = kind(p) == TOKEN_SKIP;
	unsigned line = p->lexer.token.line;

	if (next(p) < 0)
		return -1;
	if (kind(p) != TOKEN_STRING)
		return syntax_error(p, "the name of a server");
	if (expect_string(p, FM_VIA) < 0)
		return -1;
	if (rc->server_count == rc->server_room) {
		rc->server_room =
		    rc->server_room == 0 ? 8 : rc->server_room * 2;
		rc->servers = xrealloc(
		    rc->servers, rc->server_room, sizeof(*rc->servers));
	}
	rc->servers[rc->server_count++] = (struct fetchmail_server){
		.name = xstrdup(string(p)), .skip = skip, .line = line
	};
	p->in_defaults = false;
	p->server = &rc->servers[rc->server_count - 1].values;
	return next(p);
}

static int
defaults_begin(struct parser *p)
{
	struct fetchmail_rc *rc = p->rc;

	if (rc->has_defaults || rc->server_count > 0)
		return import_error(p->e, rc->file, p->lexer.token.line,
		    "\"defaults\" has to stand before all servers, and once "
		    "only");
	rc->has_defaults = true;
	rc->defaults.line = p->lexer.token.line;
	p->in_defaults = true;
	p->server = &rc->defaults.values;
	return next(p);
}

static int
parse_entry(struct parser *p)
{
	bool defaults = kind(p) == TOKEN_DEFAULTS;
	bool negated;

	if ((defaults ? defaults_begin(p) : server_begin(p)) < 0 ||
	    parse_options(p, p->server, SCOPE_SERVER, &negated) < 0)
		return -1;
	if (negated && !is_option(p, SCOPE_USER))
		return syntax_error(p, "an option behind \"no\"");
	if (negated) {
		/* The first option of a user without a name. */
		if (user_begin(p) < 0 || parse_option(p, p->user, true) < 0)
			return -1;
		return parse_user_options(p);
	}
	if (is_user_name(p) || is_option(p, SCOPE_USER) ||
	    kind(p) == TOKEN_IS || kind(p) == TOKEN_TO)
		return parse_users(p);
	return user_begin(p);
}

static int
parse_file(struct parser *p)
{
	if (next(p) < 0)
		return -1;
	while (kind(p) != TOKEN_END) {
		switch (kind(p)) {
		case TOKEN_SET:
			if (parse_set(p) < 0)
				return -1;
			break;
		case TOKEN_POLL:
		case TOKEN_SKIP:
		case TOKEN_DEFAULTS:
			if (parse_entry(p) < 0)
				return -1;
			break;
		default:
			return syntax_error(
			    p, "\"poll\", \"skip\", \"defaults\" or \"set\"");
		}
	}
	return 0;
}

int
fetchmail_parse(struct fetchmail_rc *rc, const char *file, struct slice text,
    struct error *e)
{
	struct parser p = { .rc = rc,
		.lexer = { .file = file, .rest = text, .line = 1 },
		.e = e };
	int rc_code;

	*rc = (struct fetchmail_rc){ .file = file };
	rc_code = parse_file(&p);
	buffer_wipe(&p.lexer.token.text);
	return rc_code;
}
