/* boxes.c - see boxes.h. */
#include "migrate/boxes.h"

#include "base/alloc.h"
#include "base/host.h"
#include "base/text.h"
#include "config/expects.h"
#include "config/source.h"
#include "config/value.h"
#include "message/digest.h"
#include "migrate/csv.h"
#include "migrate/url.h"
#include "sasl/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_LINE "command line"
/* What a list may have, in octets. */
#define LIST_MAX ((size_t)16 << 20)
/* So many problems are told. */
#define PROBLEMS_MAX 50
/* As the settings have it. */
#define NAME_MAX_OCTETS 64

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* --- settings as text --- */

void
boxes_line(struct boxes_text *t, unsigned line)
{
	if (t->count == t->room) {
		t->room = t->room * 2 + 16;
		t->lines = xrealloc(t->lines, t->room, sizeof(*t->lines));
	}
	t->lines[t->count++] = line;
	buffer_add_text(&t->text, "\n");
}

void
boxes_text_free(struct boxes_text *t)
{
	buffer_wipe(&t->text);
	free(t->lines);
	*t = (struct boxes_text){ 0 };
}

void
boxes_quoted(struct buffer *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	buffer_addf(out, " %s = ", key);
	value_quote(value, out);
	buffer_add_text(out, ";");
}

char *
boxes_path(const char *file, const char *path)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;
	char *here, *made;

	if (path[0] == '/')
		return xstrdup(path);
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
		return xasprintf("%s%s", source_home(), path + 1);
	if (slash != NULL)
		return xasprintf("%.*s/%s", (int)(slash - file), file, path);
	here = getcwd(NULL, 0);
	made = xasprintf("%s/%s", here != NULL ? here : "", path);
	free(here);
	return made;
}

static void
add_path(
    struct buffer *out, const char *key, const char *file, const char *path)
{
	char *absolute = path != NULL ? boxes_path(file, path) : NULL;

	boxes_quoted(out, key, absolute);
	free(absolute);
}

static void
add_port(struct buffer *out, uint16_t port)
{
	if (port != 0)
		buffer_addf(out, " port = %u;", (unsigned)port);
}

static void
add_secret(
    struct buffer *out, const char *file, const struct boxes_secret *secret)
{
	boxes_quoted(out, "password", secret->text);
	add_path(out, "password_file", file, secret->file);
	boxes_quoted(out, "password_command", secret->command);
}

/* --- URLs --- */

static int
wrong(struct buffer *why, const char *words)
{
	buffer_add_text(why, words);
	return -1;
}

/* Numbers and truths stand without quotes; anything else is told to be none. */
static void
add_value(struct buffer *out, const struct setting *row, const char *file,
    const char *value)
{
	bool bare = strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ||
	    (value[0] != '\0' && strlen(value) < 10 &&
		strspn(value, DIGITS) == strlen(value));

	if (row->type == TYPE_PATH)
		add_path(out, row->name, file, value);
	else if (!expects_quotes(row) && bare)
		buffer_addf(out, " %s = %s;", row->name, value);
	else
		boxes_quoted(out, row->name, value);
}

/* names: what may stand there, NULL at the end. */
static int
add_options(struct buffer *out, const struct url *u, enum section section,
    const char *const *names, const char *file, struct buffer *why)
{
	for (size_t i = 0; i < u->option_count; i++) {
		const struct url_option *o = &u->options[i];
		size_t k = 0;

		while (names[k] != NULL && strcmp(names[k], o->key) != 0)
			k++;
		if (names[k] == NULL) {
			const char *near = text_nearest(o->key, names);

			buffer_addf(why, "has \"%.40s\" behind its \"?\"%s%s%s",
			    o->key, near != NULL ? "; did you mean \"" : "",
			    near != NULL ? near : ", where that cannot be set",
			    near != NULL ? "\"?" : "");
			return -1;
		}
		for (size_t before = 0; before < i; before++)
			if (strcmp(u->options[before].key, o->key) == 0) {
				buffer_addf(why, "has \"%s\" twice", o->key);
				return -1;
			}
		add_value(out, table_find(section, o->key), file, o->value);
	}
	return 0;
}

static bool
has_option(const struct url *u, const char *key)
{
	for (size_t i = 0; i < u->option_count; i++)
		if (strcmp(u->options[i].key, key) == 0)
			return true;
	return false;
}

/*
 * Whoever lists the processes sees a password in a URL; and one that is told
 * twice is wrong once.
 */
static int
choose_secret(const struct url *u, const struct boxes_secret *given, bool list,
    struct boxes_secret *out, struct buffer *why)
{
	*out = *given;
	if (u->password == NULL)
		return 0;
	if (!list)
		return wrong(why,
		    "has a password in it, which others could see in the list "
		    "of processes; leave it out to be asked for it, or name a "
		    "file that holds it (--password-file, "
		    "--destination-password-file, --at-password-file)");
	if (given->text != NULL)
		return wrong(why,
		    "has a password in it, and another one is in its own "
		    "column");
	*out = (struct boxes_secret){ .text = u->password };
	return 0;
}

/* An account's name is printable, and not too long. */
static char *
name_of(const struct url *u, bool usual_port)
{
	struct buffer name = { 0 };
	struct digest d;
	unsigned char whole[32];
	char *out;

	for (const char *c = u->user; *c != '\0'; c++) {
		if (*c <= ' ' || *c >= 0x7f || *c == '/' || *c == '%' ||
		    (c == u->user && (*c == '-' || *c == '.')))
			buffer_addf(&name, "%%%02X", (unsigned char)*c);
		else
			buffer_add(&name, c, 1);
	}
	buffer_addf(&name, "@%s", u->host);
	if (!usual_port)
		buffer_addf(&name, ":%u", (unsigned)u->port);
	if (name.len > NAME_MAX_OCTETS) {
		char tail[2 * 6 + 1];

		digest_begin(&d);
		digest_add(&d, name.data, name.len);
		digest_end(&d, whole);
		text_hex(whole, 6, tail);
		name.len = NAME_MAX_OCTETS - sizeof(tail);
		buffer_addf(&name, "~%s", tail);
	}
	out = xstrndup(name.data, name.len);
	buffer_free(&name);
	return out;
}

static int
add_mailbox(struct buffer *out, const struct url *u,
    const struct boxes_secret *given, const char *file, bool list, char **name,
    struct buffer *why)
{
	static const char *const names[] = { "allow_cleartext", "auth",
		"ca_file", "in_doubt", "max_size", "ordered", "pipelining",
		"timeout", "tls", NULL };
	bool implicit = strcmp(u->scheme, "pop3s") == 0;
	struct boxes_secret secret;

	if (!implicit && strcmp(u->scheme, "pop3") != 0)
		return wrong(why, "begins with neither pop3s:// nor pop3://");
	if (u->host == NULL)
		return wrong(why, "names no host");
	if (u->user == NULL)
		return wrong(why,
		    "names no user: it is written pop3s://USER@HOST, with %40 "
		    "for a \"@\" of the user's own");
	if (u->path != NULL && strcmp(u->path, "/") != 0)
		return wrong(why, "has something behind its host");
	if (implicit && has_option(u, "tls"))
		return wrong(
		    why, "has \"tls\" behind its \"?\", which is for pop3://");
	if (choose_secret(u, given, list, &secret, why) < 0)
		return -1;
	boxes_quoted(out, "pop3", u->host);
	add_port(out, u->port);
	if (!has_option(u, "tls"))
		boxes_quoted(out, "tls", implicit ? "implicit" : "starttls");
	boxes_quoted(out, "user", u->user);
	add_secret(out, file, &secret);
	if (add_options(out, u, SECTION_ACCOUNT, names, file, why) < 0)
		return -1;
	if (name != NULL)
		*name = name_of(
		    u, u->port == 0 || u->port == (implicit ? 995 : 110));
	return 0;
}

int
boxes_mailbox(const char *url, const struct boxes_secret *secret,
    const char *file, bool list, struct buffer *out, char **name,
    struct buffer *why)
{
	struct url u;
	int rc;

	rc = url_parse(&u, url, why);
	if (rc == 0)
		rc = add_mailbox(out, &u, secret, file, list, name, why);
	url_free(&u);
	return rc;
}

/* --- destinations --- */

/* `smtp` or `lmtp`, with what follows from the scheme. */
static int
add_peer(struct buffer *out, const struct url *u, struct buffer *why)
{
	bool lmtp = strcmp(u->scheme, "lmtp") == 0;
	bool implicit = strcmp(u->scheme, "smtps") == 0;
	bool here = u->host != NULL && host_is_loopback(u->host);
	bool path = u->path != NULL && strcmp(u->path, "/") != 0;

	if (!lmtp && !implicit && strcmp(u->scheme, "smtp") != 0)
		return wrong(
		    why, "begins with none of smtps://, smtp:// and lmtp://");
	if (implicit && has_option(u, "tls"))
		return wrong(
		    why, "has \"tls\" behind its \"?\", which is for smtp://");
	if (lmtp && u->host == NULL && path) {
		boxes_quoted(out, "lmtp", u->path);
		return 0;
	}
	if (u->host == NULL)
		return wrong(why, "names no host");
	if (path)
		return wrong(why, "has something behind its host");
	if (lmtp && u->port == 0)
		return wrong(why, "names no port, and LMTP has no usual one");
	boxes_quoted(out, lmtp ? "lmtp" : "smtp", u->host);
	/* The settings would take 465 for one with a user. */
	if (u->port == 0 && !implicit)
		add_port(out, u->user != NULL ? 587 : 25);
	add_port(out, u->port);
	if (implicit)
		boxes_quoted(out, "tls", "implicit");
	else if (!has_option(u, "tls"))
		boxes_quoted(out, "tls", here ? "none" : "starttls");
	return 0;
}

static int
add_destination(struct buffer *out, const struct url *u,
    const struct boxes_secret *given, const char *file, bool list,
    struct buffer *why)
{
	static const char *const names[] = { "allow_cleartext", "auth",
		"ca_file", "connections", "eightbit", "helo", "max_messages",
		"reply_timeout", "timeout", "tls", NULL };
	struct boxes_secret secret;

	if (add_peer(out, u, why) < 0 ||
	    choose_secret(u, given, list, &secret, why) < 0)
		return -1;
	boxes_quoted(out, "user", u->user);
	add_secret(out, file, &secret);
	return add_options(out, u, SECTION_DESTINATION, names, file, why);
}

static bool
is_name(const struct boxes *b, const char *name)
{
	for (size_t i = 0; i < b->destination_count; i++)
		if (strcmp(b->names[i], name) == 0)
			return true;
	return false;
}

/* The name of a group: a letter, then letters, digits and "-". */
static char *
destination_name(const struct boxes *b, const struct url *u)
{
	const char *host = u->host != NULL ? u->host : u->path;
	struct buffer name = { 0 };
	bool dash;
	size_t len;
	char *out;

	if (strspn(host, LETTERS) == 0)
		buffer_add_text(&name, u->scheme);
	dash = name.len > 0;
	for (const char *c = host; *c != '\0'; c++) {
		if (strchr(LETTERS DIGITS, *c) == NULL) {
			dash = name.len > 0;
			continue;
		}
		if (dash)
			buffer_add_text(&name, "-");
		dash = false;
		buffer_add(&name, c, 1);
	}
	len = name.len;
	for (unsigned n = 2; is_name(b, name.data); n++) {
		name.len = len;
		buffer_addf(&name, "-%u", n);
	}
	out = xstrdup(name.data);
	buffer_free(&name);
	return out;
}

static const char *
note_destination(struct boxes *b, const struct url *u, unsigned line,
    const struct buffer *body)
{
	size_t n = b->destination_count;

	for (size_t i = 0; i < n; i++)
		if (strcmp(b->bodies[i], body->data) == 0)
			return b->names[i];
	b->names = xrealloc(b->names, n + 1, sizeof(*b->names));
	b->bodies = xrealloc(b->bodies, n + 1, sizeof(*b->bodies));
	b->names[n] = destination_name(b, u);
	b->bodies[n] = xstrdup(body->data);
	b->destination_count++;
	buffer_addf(&b->destinations.text, "%s = {", b->names[n]);
	buffer_add_slice(&b->destinations.text, buffer_slice(body));
	buffer_add_text(&b->destinations.text, " };");
	boxes_line(&b->destinations, line);
	return b->names[n];
}

/* The name of what the URL stands for, or NULL with *why. */
static const char *
destination_for(struct boxes *b, const char *url, unsigned line,
    const struct boxes_secret *secret, struct buffer *why)
{
	struct buffer body = { 0 };
	const char *name = NULL;
	struct url u;

	if (url_parse(&u, url, why) == 0 &&
	    add_destination(&body, &u, secret, b->path, b->path != NULL, why) ==
		0)
		name = note_destination(b, &u, line, &body);
	buffer_wipe(&body);
	url_free(&u);
	return name;
}

/* --- a mailbox --- */

/* What is said of one. All borrowed. */
struct said {
	unsigned line;
	const char *name, *source, *destination, *at;
	const char *const *recipients; /* NULL-terminated */
	struct boxes_secret source_secret, target_secret, place_secret;
};

static int
complain(const struct boxes *b, struct problems *p, unsigned line,
    const char *what, struct buffer *why)
{
	problem_add(
	    p, (struct place){ b->file, line }, "%s %s", what, why->data);
	buffer_free(why);
	return -1;
}

static char *
copy(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

static void
add_place(struct boxes *b, const struct said *s)
{
	const struct boxes_secret *secret = &s->place_secret;

	if ((b->count & (b->count - 1)) == 0)
		b->places = xrealloc(b->places,
		    b->count != 0 ? 2 * b->count : 1, sizeof(*b->places));
	b->places[b->count++] = (struct box_place){
		.line = s->line,
		.at = copy(s->at),
		.password = copy(secret->text),
		.password_file = copy(secret->file),
		.password_command = copy(secret->command),
	};
}

static void
add_recipients(struct buffer *out, const char *const *recipients)
{
	buffer_add_text(out, " recipient = [ ");
	for (size_t i = 0; recipients[i] != NULL; i++) {
		if (i > 0)
			buffer_add_text(out, ", ");
		value_quote(recipients[i], out);
	}
	buffer_add_text(out, " ];");
}

static int
add_box(struct boxes *b, const struct said *s, struct problems *p)
{
	struct buffer body = { 0 }, why = { 0 };
	char *usual_name = NULL;
	const char *to;
	int rc = -1;

	if (boxes_mailbox(s->source, &s->source_secret, b->path,
		b->path != NULL, &body, &usual_name, &why) < 0) {
		complain(b, p, s->line, "source", &why);
		goto out;
	}
	to = destination_for(
	    b, s->destination, s->line, &s->target_secret, &why);
	if (to == NULL) {
		complain(b, p, s->line, "destination", &why);
		goto out;
	}
	if (b->count > 0)
		buffer_add_text(&b->accounts.text, ", ");
	buffer_add_text(&b->accounts.text, "{");
	boxes_quoted(
	    &b->accounts.text, "name", s->name != NULL ? s->name : usual_name);
	buffer_add_slice(&b->accounts.text, buffer_slice(&body));
	boxes_quoted(&b->accounts.text, "destination", to);
	add_recipients(&b->accounts.text, s->recipients);
	buffer_add_text(&b->accounts.text, " }");
	boxes_line(&b->accounts, s->line);
	add_place(b, s);
	rc = 0;
out:
	buffer_wipe(&body);
	free(usual_name);
	return rc;
}

int
boxes_from_urls(struct boxes *b, const char *source,
    const char *const *recipients, const struct boxes_usual *usual,
    struct problems *p)
{
	struct said s = {
		.source = source,
		.destination = usual->destination,
		.at = usual->at,
		.recipients = recipients,
		.source_secret = usual->source,
		.target_secret = usual->target,
		.place_secret = usual->place,
	};

	*b = (struct boxes){ .file = COMMAND_LINE, .mode = 0600 };
	b->owner = geteuid();
	return add_box(b, &s, p);
}

/* --- the list --- */

enum column {
	COLUMN_SOURCE,
	COLUMN_PASSWORD,
	COLUMN_PASSWORD_FILE,
	COLUMN_PASSWORD_COMMAND,
	COLUMN_DESTINATION,
	COLUMN_DESTINATION_PASSWORD,
	COLUMN_DESTINATION_PASSWORD_FILE,
	COLUMN_RECIPIENT,
	COLUMN_AT,
	COLUMN_AT_PASSWORD,
	COLUMN_AT_PASSWORD_FILE,
	COLUMN_NAME,
	COLUMNS
};

static const char *const columns[] = {
	[COLUMN_SOURCE] = "source",
	[COLUMN_PASSWORD] = "password",
	[COLUMN_PASSWORD_FILE] = "password_file",
	[COLUMN_PASSWORD_COMMAND] = "password_command",
	[COLUMN_DESTINATION] = "destination",
	[COLUMN_DESTINATION_PASSWORD] = "destination_password",
	[COLUMN_DESTINATION_PASSWORD_FILE] = "destination_password_file",
	[COLUMN_RECIPIENT] = "recipient",
	[COLUMN_AT] = "at",
	[COLUMN_AT_PASSWORD] = "at_password",
	[COLUMN_AT_PASSWORD_FILE] = "at_password_file",
	[COLUMN_NAME] = "name",
	[COLUMNS] = NULL,
};

struct list {
	struct boxes *boxes;
	const struct boxes_usual *usual;
	struct problems *problems;
	struct csv csv;
	struct csv_record record;
	size_t field_of[COLUMNS]; /* 1 + its number, 0: there is none */
	size_t field_count;
};

static void
list_problem(struct list *l, unsigned line, const char *words)
{
	problem_add(
	    l->problems, (struct place){ l->boxes->file, line }, "%s", words);
}

static int
read_column(struct list *l, size_t field)
{
	const char *word = l->record.fields[field];
	char *name = xstrndup(word, strlen(word));
	struct place at = { l->boxes->file, l->record.line };
	struct slice trimmed = slice_trim(slice_of(name));
	const char *near;
	size_t k = 0;
	int rc = -1;

	name[(size_t)(trimmed.data - name) + trimmed.len] = '\0';
	word = name + (trimmed.data - name);
	while (columns[k] != NULL && strcasecmp(columns[k], word) != 0)
		k++;
	near = columns[k] == NULL ? text_nearest(word, columns) : NULL;
	if (columns[k] == NULL && near != NULL) {
		problem_add(l->problems, at,
		    "there is no column \"%s\": did you mean \"%s\"?", word,
		    near);
	} else if (columns[k] == NULL) {
		problem_add(l->problems, at,
		    "there is no column \"%s\"; the first line names the "
		    "columns, like source,password_file,recipient",
		    word);
	} else if (l->field_of[k] != 0) {
		problem_add(l->problems, at, "there are two columns \"%s\"",
		    columns[k]);
	} else {
		l->field_of[k] = field + 1;
		rc = 0;
	}
	free(name);
	return rc;
}

static int
read_header(struct list *l)
{
	struct buffer why = { 0 };
	int found = csv_next(&l->csv, &l->record, &why), rc = 0;

	if (found < 0)
		return complain(l->boxes, l->problems, l->csv.line,
		    "is not in the form of such a list:", &why);
	if (found == 0) {
		list_problem(
		    l, 0, "is empty: its first line names the columns");
		return -1;
	}
	l->field_count = l->record.count;
	for (size_t i = 0; i < l->record.count; i++)
		if (read_column(l, i) < 0)
			rc = -1;
	for (size_t k = 0; rc == 0 && k < COLUMNS; k++) {
		bool wanted = k == COLUMN_SOURCE || k == COLUMN_RECIPIENT ||
		    (k == COLUMN_DESTINATION && l->usual->destination == NULL);

		if (!wanted || l->field_of[k] != 0)
			continue;
		problem_add(l->problems,
		    (struct place){ l->boxes->file, l->record.line },
		    "the column \"%s\" is missing%s", columns[k],
		    k == COLUMN_DESTINATION
			? ", and the command line names no destination"
			: "");
		rc = -1;
	}
	return rc;
}

/* NULL: empty, or not in the list. */
static const char *
field(const struct list *l, enum column column)
{
	size_t n = l->field_of[column];

	if (n == 0 || l->record.fields[n - 1][0] == '\0')
		return NULL;
	return l->record.fields[n - 1];
}

static struct boxes_secret
secret_of(const struct list *l, enum column text, enum column file,
    enum column command, const struct boxes_secret *usual)
{
	struct boxes_secret s = { field(l, text), field(l, file),
		command != COLUMNS ? field(l, command) : NULL };

	return s.text == NULL && s.file == NULL && s.command == NULL ? *usual
								     : s;
}

/* A URL that has its own password needs no usual one; nor does one without user. */
static void
forget_usual(struct boxes_secret *secret, const struct boxes_secret *usual,
    const char *url)
{
	struct buffer ignored = { 0 };
	struct url u;

	if (url != NULL && url_parse(&u, url, &ignored) == 0 &&
	    (u.password != NULL || u.user == NULL) && secret->text == NULL &&
	    secret->file == usual->file && secret->command == usual->command)
		*secret = (struct boxes_secret){ NULL, NULL, NULL };
	if (url != NULL)
		url_free(&u);
	buffer_free(&ignored);
}

/* Cuts the text. The list is owned by the caller, and what is in it is not. */
static const char **
split_recipients(char *text)
{
	const char **list = xcalloc(strlen(text) / 2 + 2, sizeof(*list));
	char *word, *rest = text;
	size_t n = 0;

	while ((word = strsep(&rest, " \t,")) != NULL)
		if (*word != '\0')
			list[n++] = word;
	return list;
}

static int
read_record(struct list *l)
{
	const struct boxes_usual *usual = l->usual;
	struct said s = {
		.line = l->record.line,
		.name = field(l, COLUMN_NAME),
		.source = field(l, COLUMN_SOURCE),
		.destination = field(l, COLUMN_DESTINATION),
		.at = field(l, COLUMN_AT),
	};
	const char **recipients;
	char *text;
	int rc;

	s.source_secret = secret_of(l, COLUMN_PASSWORD, COLUMN_PASSWORD_FILE,
	    COLUMN_PASSWORD_COMMAND, &usual->source);
	s.target_secret = secret_of(l, COLUMN_DESTINATION_PASSWORD,
	    COLUMN_DESTINATION_PASSWORD_FILE, COLUMNS, &usual->target);
	s.place_secret = secret_of(l, COLUMN_AT_PASSWORD,
	    COLUMN_AT_PASSWORD_FILE, COLUMNS, &usual->place);
	if (s.destination == NULL)
		s.destination = usual->destination;
	if (s.at == NULL)
		s.at = usual->at;
	forget_usual(&s.source_secret, &usual->source, s.source);
	forget_usual(&s.target_secret, &usual->target, s.destination);
	if (s.source == NULL || s.destination == NULL ||
	    field(l, COLUMN_RECIPIENT) == NULL) {
		problem_add(l->problems,
		    (struct place){ l->boxes->file, s.line },
		    "\"%s\" is missing",
		    s.source == NULL            ? "source"
			: s.destination == NULL ? "destination"
						: "recipient");
		return -1;
	}
	text = xstrdup(field(l, COLUMN_RECIPIENT));
	s.recipients = recipients = split_recipients(text);
	rc = add_box(l->boxes, &s, l->problems);
	free(recipients);
	free(text);
	return rc;
}

static int
read_records(struct list *l)
{
	struct buffer why = { 0 };
	int found, rc = 0;

	while ((found = csv_next(&l->csv, &l->record, &why)) > 0) {
		if (l->problems->count >= PROBLEMS_MAX) {
			list_problem(l, l->record.line,
			    "there may be more; what is told so far is enough "
			    "to begin with");
			return -1;
		}
		if (l->boxes->count == BOXES_MAX) {
			problem_add(l->problems,
			    (struct place){ l->boxes->file, l->record.line },
			    "these are more than %d mailboxes; move them by "
			    "several lists",
			    BOXES_MAX);
			return -1;
		}
		if (l->record.count != l->field_count) {
			problem_add(l->problems,
			    (struct place){ l->boxes->file, l->record.line },
			    "has %zu fields, and the first line names %zu "
			    "columns",
			    l->record.count, l->field_count);
			rc = -1;
		} else if (read_record(l) < 0) {
			rc = -1;
		}
	}
	if (found < 0)
		return complain(l->boxes, l->problems, l->csv.line,
		    "is not in the form of such a list:", &why);
	if (rc == 0 && l->boxes->count == 0) {
		list_problem(l, 0, "names no mailbox");
		return -1;
	}
	return rc;
}

/* Returns 0, or the line of the first octet that is not UTF-8, or NUL. */
static unsigned
bad_line(struct slice text)
{
	unsigned line = 1;

	for (size_t n; text.len > 0; text = slice_skip(text, n)) {
		n = text_character(text);
		if (n == 0 || text.data[0] == '\0')
			return line;
		line += text.data[0] == '\n';
	}
	return 0;
}

static int
read_list(struct boxes *b, struct slice text, const struct boxes_usual *usual,
    struct problems *p)
{
	struct list l = { .boxes = b, .usual = usual, .problems = p };
	unsigned bad = bad_line(text);
	int rc = -1;

	if (bad != 0) {
		list_problem(&l, bad,
		    "is no text in UTF-8, which such a list has to be in");
		return -1;
	}
	csv_begin(&l.csv, text);
	if (read_header(&l) == 0)
		rc = read_records(&l);
	csv_record_free(&l.record);
	return rc;
}

/* The file's octets and who may read them. Returns 0, or -1 with errno. */
static int
load(struct boxes *b, struct buffer *out)
{
	int fd = open(b->path, O_RDONLY | O_CLOEXEC), reason;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		goto out;
	errno = EISDIR;
	if (S_ISDIR(st.st_mode))
		goto out;
	b->mode = st.st_mode;
	b->owner = st.st_uid;
	do {
		buffer_reserve(out, 65536);
		n = read(fd, out->data + out->len, 65536);
		if (n > 0)
			out->len += (size_t)n;
		if (n > 0 && out->len > LIST_MAX) {
			errno = EFBIG;
			n = -1;
			break;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	out->data[out->len] = '\0';
out:
	reason = errno;
	close(fd);
	errno = reason;
	return n < 0 ? -1 : 0;
}

int
boxes_from_list(struct boxes *b, const char *path,
    const struct boxes_usual *usual, struct problems *p)
{
	struct buffer text = { 0 };
	int rc = -1;

	*b = (struct boxes){ 0 };
	b->path = boxes_path(NULL, path);
	b->file = b->path;
	if (load(b, &text) < 0)
		problem_add(p, (struct place){ b->file, 0 },
		    "cannot be read: %s", strerror(errno));
	else
		rc = read_list(b, buffer_slice(&text), usual, p);
	buffer_wipe(&text);
	return rc;
}

void
boxes_free(struct boxes *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->places[i].at);
		password_free(&b->places[i].password);
		free(b->places[i].password_file);
		free(b->places[i].password_command);
	}
	for (size_t i = 0; i < b->destination_count; i++) {
		free(b->names[i]);
		password_free(&b->bodies[i]);
	}
	free(b->places);
	free(b->names);
	free(b->bodies);
	boxes_text_free(&b->accounts);
	boxes_text_free(&b->destinations);
	free(b->path);
	*b = (struct boxes){ 0 };
}

static void
add_lines(struct boxes_text *to, const struct boxes_text *from)
{
	const char *at = from->text.data;

	for (size_t i = 0; i < from->count; i++) {
		size_t len = strcspn(at, "\n");

		buffer_add(&to->text, at, len);
		boxes_line(to, from->lines[i]);
		at += len + 1;
	}
}

int
boxes_settings(const struct boxes *b, struct settings **s, const char *state,
    struct buffer *problems, struct error *e)
{
	struct boxes_text t = { 0 };
	struct settings_text all = {
		.file = b->file, .mode = b->mode, .owner = b->owner
	};
	int rc;

	buffer_add_text(&t.text, "destinations = {");
	boxes_line(&t, 0);
	add_lines(&t, &b->destinations);
	buffer_add_text(&t.text, "}; accounts = (");
	boxes_line(&t, 0);
	add_lines(&t, &b->accounts);
	buffer_add_text(&t.text, ");");
	boxes_line(&t, 0);
	all.text = buffer_slice(&t.text);
	all.lines = t.lines;
	all.line_count = t.count;
	rc = settings_read_text(s, &all, state, problems, e);
	boxes_text_free(&t);
	return rc;
}
