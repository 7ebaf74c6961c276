/* import_plan.c - what of an import is new, and how it will stand. */
#include "command/import.h"

#include "base/alloc.h"
#include "base/host.h"
#include "base/log.h"
#include "base/text.h"
#include "config/source.h"
#include "config/value.h"
#include "ledger/reader.h"
#include "pop3/reply.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

_Static_assert(IMPORT_UID_MAX == POP3_UID_MAX, "what can be listed");

#define PORT_POP3 110
#define PORT_POP3S 995
#define PORT_SMTP 25

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/*
 * What is there already
 */

/* Settings that have no account as yet are settings, too. */
static int
settings_before(struct import_plan *p)
{
	const struct settings_draft draft = { .empty = true };
	struct buffer problems = { 0 };
	char *file = p->in->config != NULL ? xstrdup(p->in->config)
					   : settings_default_file();
	bool there = access(file, F_OK) == 0 || errno != ENOENT;
	struct error e = { 0 };
	int status = EX_OK;

	if (there &&
	    settings_read_draft(
		&p->before, file, p->in->state, &draft, &problems, &e) < 0)
		status = command_problems(&problems, &e);
	if (p->before != NULL) {
		p->file = xstrdup(p->before->file);
	} else if (file[0] == '/') {
		p->file = xstrdup(file);
	} else {
		char *here = getcwd(NULL, 0);

		p->file = xasprintf("%s/%s", here != NULL ? here : "", file);
		free(here);
	}
	p->folder =
	    xstrndup(p->file, (size_t)(strrchr(p->file, '/') - p->file));
	buffer_free(&problems);
	free(file);
	return status;
}

static uint16_t
port_of(const struct import_account *a)
{
	if (a->port != 0)
		return a->port;
	return a->tls == IMPORT_TLS_IMPLICIT ? PORT_POP3S : PORT_POP3;
}

static bool
is_usual(uint16_t port)
{
	return port == PORT_POP3 || port == PORT_POP3S;
}

/* A server that is asked at both its ports is one. */
static bool
is_same_mailbox(const struct account *known, const struct import_account *a)
{
	return strcmp(known->login.user, a->user) == 0 &&
	    strcasecmp(known->at.host, a->host) == 0 &&
	    (known->at.port == port_of(a) ||
		(is_usual(known->at.port) && is_usual(port_of(a))));
}

static const struct account *
account_there(const struct import_plan *p, const struct import_account *a)
{
	for (size_t i = 0; p->before != NULL && i < p->before->account_count;
	     i++)
		if (is_same_mailbox(&p->before->accounts[i], a))
			return &p->before->accounts[i];
	return NULL;
}

/*
 * Names
 */

static char *
account_path(const struct import_plan *p, const char *name)
{
	if (p->before == NULL)
		return xasprintf("%s/accounts.d/%s.conf", p->folder, name);
	return xasprintf("%s/%s.conf", p->before->accounts_dir, name);
}

static bool
name_is_free(const struct import_plan *p, const struct import_item *but,
    const char *name)
{
	char *path = account_path(p, name);
	bool is_free = access(path, F_OK) < 0;

	free(path);
	if (p->before != NULL && settings_account(p->before, name) != NULL)
		return false;
	for (size_t i = 0; is_free && i < p->count; i++)
		if (&p->items[i] != but && p->items[i].name != NULL &&
		    strcmp(p->items[i].name, name) == 0)
			return false;
	return is_free;
}

/* Those that are new; a number behind it makes a name unlike the others. */
static void
item_name(struct import_plan *p, struct import_item *item)
{
	item->name = xstrdup(item->from->name);
	for (unsigned i = 2; !name_is_free(p, item, item->name); i++) {
		free(item->name);
		item->name = xasprintf("%s-%u", item->from->name, i);
	}
	item->path = account_path(p, item->name);
}

/*
 * Destinations
 */

static bool
is_same_host(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0 ||
	    (host_is_loopback(a) && host_is_loopback(b));
}

static uint16_t
destination_port(const struct import_destination *d)
{
	return d->port == 0 && !d->lmtp ? PORT_SMTP : d->port;
}

/* Of the settings: one at that port, or else the only one at that host. */
static const char *
destination_known(const struct settings *s, const struct import_destination *d)
{
	const char *near = NULL;
	size_t count = 0;

	for (size_t i = 0; i < s->destination_count; i++) {
		const struct destination *known = &s->destinations[i];

		if (known->options.lmtp != d->lmtp)
			continue;
		if (known->at.path != NULL) {
			if (strcmp(known->at.path, d->host) == 0)
				return known->name;
			continue;
		}
		if (!is_same_host(known->at.host, d->host))
			continue;
		if (known->at.port == destination_port(d))
			return known->name;
		near = known->name;
		count++;
	}
	return count == 1 && d->port == 0 ? near : NULL;
}

static bool
is_same_destination(
    const struct import_destination *a, const struct import_destination *b)
{
	const char *one = a->user != NULL ? a->user : "";
	const char *other = b->user != NULL ? b->user : "";

	return a->lmtp == b->lmtp && is_same_host(a->host, b->host) &&
	    destination_port(a) == destination_port(b) &&
	    strcmp(one, other) == 0;
}

static bool
outlet_is_taken(const struct import_plan *p, const char *name)
{
	for (size_t i = 0; i < p->outlet_count; i++)
		if (strcmp(p->outlets[i].name, name) == 0)
			return true;
	return false;
}

/* A letter, then letters, digits and '-'. */
static char *
outlet_name(const struct import_plan *p, const struct import_destination *d)
{
	const char *host = d->host[0] == '/' ? "lmtp" : d->host;
	struct buffer name = { 0 };
	size_t len;

	if (host_is_loopback(host))
		host = "local";
	if (strspn(host, LETTERS) == 0)
		buffer_add_text(&name, "at-");
	for (; *host != '\0'; host++)
		buffer_add(
		    &name, strchr(DIGITS LETTERS, *host) ? host : "-", 1);
	len = name.len;
	for (unsigned i = 2; outlet_is_taken(p, name.data); i++) {
		name.len = len;
		buffer_addf(&name, "-%u", i);
	}
	return name.data;
}

static char *
secret_path(const struct import_plan *p, const char *kind, const char *name)
{
	return xasprintf("%s/secrets/%s%s", p->folder, kind, name);
}

/* In new settings there is one for each that the other program had. */
static const char *
destination_new(struct import_plan *p, const struct import_destination *d)
{
	struct import_outlet *outlet;

	for (size_t i = 0; i < p->outlet_count; i++)
		if (is_same_destination(p->outlets[i].to, d))
			return p->outlets[i].name;
	p->outlets =
	    xrealloc(p->outlets, p->outlet_count + 1, sizeof(*p->outlets));
	outlet = &p->outlets[p->outlet_count];
	*outlet = (struct import_outlet){ .to = d, .name = outlet_name(p, d) };
	if (d->password != NULL) {
		outlet->secret.path =
		    secret_path(p, "destination.", outlet->name);
		outlet->secret.password = d->password;
	}
	p->outlet_count++;
	return outlet->name;
}

/* As it stands in settings: `name = { … };`. */
static void
destination_text(const struct import_destination *d, const char *name,
    const char *password_file, struct buffer *out)
{
	buffer_addf(out, "%s = { %s = ", name, d->lmtp ? "lmtp" : "smtp");
	value_quote(d->host, out);
	buffer_add_text(out, ";");
	if (d->host[0] != '/' &&
	    (d->lmtp || d->user != NULL || destination_port(d) != PORT_SMTP))
		buffer_addf(out, " port = %u;", destination_port(d));
	if (d->user != NULL) {
		buffer_add_text(out, " user = ");
		value_quote(d->user, out);
		buffer_add_text(out, ";");
	}
	if (password_file != NULL) {
		buffer_add_text(out, " password_file = ");
		value_quote(password_file, out);
		buffer_add_text(out, ";");
	}
	buffer_add_text(out, " };");
}

/* Say what to write, and where. */
static int
destination_missing(const struct import_plan *p, const struct import_account *a,
    const struct import_destination *d)
{
	struct buffer line = { 0 };
	char *name;

	if (d->host == NULL) {
		log_error("%s:%u: nothing says by SMTP or LMTP where the mail "
			  "of %s goes; name a destination that is in %s: "
			  "--destination NAME",
		    a->file, a->line, a->name, p->file);
		return EX_CONFIG;
	}
	name = outlet_name(p, d);
	destination_text(d, name, NULL, &line);
	log_error(
	    "%s:%u: the mail of %s goes to a place that %s does not have; "
	    "add to its destinations: %s (or say --destination NAME)",
	    a->file, a->line, a->name, p->file, line.data);
	buffer_free(&line);
	free(name);
	return EX_CONFIG;
}

/* What is none would be told of in settings that are not there yet. */
static bool
is_host(const char *host)
{
	return host[0] == '/' ||
	    (host[0] != '\0' && host[0] != '-' && host[0] != '.' &&
		strspn(host, DIGITS LETTERS "-._:%[]") == strlen(host));
}

static int
destination_pick(struct import_plan *p, struct import_item *item)
{
	const struct import_destination *d = &item->from->destination;
	char shown[256];

	item->destination = p->in->destination;
	if (item->destination != NULL)
		return EX_OK;
	if (d->host != NULL && !is_host(d->host)) {
		text_harmless(slice_of(d->host), shown, sizeof(shown));
		log_error("%s:%u: \"%s\" is no host that mail can be sent to",
		    item->from->file, item->from->line, shown);
		return EX_CONFIG;
	}
	if (d->host != NULL)
		item->destination = p->before != NULL
		    ? destination_known(p->before, d)
		    : destination_new(p, d);
	return item->destination != NULL
	    ? EX_OK
	    : destination_missing(p, item->from, d);
}

/* A name that was given has to be one. */
static int
destination_check(const struct import_plan *p)
{
	const char *name = p->in->destination;

	if (name == NULL)
		return EX_OK;
	if (p->before == NULL) {
		log_error("--destination %s: there are no settings yet; write "
			  "%s with it first: destinations = { %s = { lmtp = "
			  "\"/run/dovecot/lmtp\"; }; }; accounts_dir = "
			  "\"accounts.d\";",
		    name, p->file, name);
		return EX_CONFIG;
	}
	if (settings_destination(p->before, name) != NULL)
		return EX_OK;
	log_error("%s: there is no destination \"%s\"", p->file, name);
	return EX_USAGE;
}

/*
 * Texts
 */

static const char *
tls_word(enum import_tls tls)
{
	static const char *const words[] = {
		[IMPORT_TLS_IMPLICIT] = "implicit",
		[IMPORT_TLS_STARTTLS] = "starttls",
		[IMPORT_TLS_NONE] = "none",
	};

	return words[tls];
}

static void
setting_add(struct buffer *out, const char *key, const char *text)
{
	buffer_addf(out, "%s = ", key);
	value_quote(text, out);
	buffer_add_text(out, ";\n");
}

static void
recipients_add(struct buffer *out, const struct import_account *a)
{
	buffer_add_text(
	    out, a->recipient_count > 1 ? "recipient = [ " : "recipient = ");
	for (size_t i = 0; i < a->recipient_count; i++) {
		if (i > 0)
			buffer_add_text(out, ", ");
		value_quote(a->recipients[i], out);
	}
	buffer_add_text(out, a->recipient_count > 1 ? " ];\n" : ";\n");
}

static bool
is_set(const struct import_account *a, const char *key)
{
	for (size_t i = 0; i < a->setting_count; i++)
		if (strcmp(a->settings[i].key, key) == 0)
			return true;
	return false;
}

/*
 * What the other program was not told is none of `defaults`, which were written
 * for other mailboxes: they might delete what it keeps.
 */
static void
plain_add(const struct import_plan *p, const struct import_account *a,
    struct buffer *out)
{
	static const struct {
		const char *key, *line;
	} plain[] = {
		{ "auth", "auth = \"auto\";\n" },
		{ "after_delivery", "after_delivery = \"keep\";\n" },
		{ "delete_seen", "delete_seen = false;\n" },
		{ "fetch_limit", "fetch_limit = 0;\n" },
		{ "max_size", "max_size = 0;\n" },
	};

	if (p->before == NULL)
		return;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!is_set(a, plain[i].key) &&
		    settings_in_defaults(p->before, plain[i].key))
			buffer_add_text(out, plain[i].line);
}

/* Which authorities it trusts cannot be set to what it is by itself. */
static void
note_trust(struct import_plan *p, const struct import_account *a)
{
	if (p->before != NULL && a->tls != IMPORT_TLS_NONE &&
	    !is_set(a, "ca_file") && settings_in_defaults(p->before, "ca_file"))
		import_note(&p->im, a->file, a->line,
		    "the server of %s has to have a certificate by the ca_file "
		    "in the defaults of %s; name another one in the account, "
		    "if need be",
		    a->name, p->file);
}

/* Everything on lines of its own, to be read and mended by people. */
static void
item_text(const struct import_plan *p, struct import_item *item)
{
	const struct import_account *a = item->from;
	struct buffer *out = &item->text;
	char file[1024];

	text_harmless(slice_of(a->file), file, sizeof(file));
	buffer_addf(out, "# From %s, line %u, by \"postrider import %s\".\n",
	    file, a->line, p->program);
	setting_add(out, "name", item->name);
	setting_add(out, "pop3", a->host);
	if (a->port != 0 ||
	    (p->before != NULL && settings_in_defaults(p->before, "port")))
		buffer_addf(out, "port = %u;\n", port_of(a));
	setting_add(out, "tls", tls_word(a->tls));
	setting_add(out, "user", a->user);
	if (item->secret.path != NULL)
		setting_add(out, "password_file", item->secret.path);
	else if (a->password_command != NULL)
		setting_add(out, "password_command", a->password_command);
	if (a->recipient_count > 0)
		recipients_add(out, a);
	setting_add(out, "destination", item->destination);
	for (size_t i = 0; i < a->setting_count; i++)
		if (a->settings[i].text)
			setting_add(
			    out, a->settings[i].key, a->settings[i].value);
		else
			buffer_addf(out, "%s = %s;\n", a->settings[i].key,
			    a->settings[i].value);
	plain_add(p, a, out);
}

static void
main_text(struct import_plan *p)
{
	struct buffer *out = &p->main;

	buffer_addf(out,
	    "# Made by \"postrider import %s\"; postrider.conf(5) says what "
	    "else can\n# stand here.\n",
	    p->program);
	if (p->in->state != NULL) {
		char *here = getcwd(NULL, 0);
		char *state = p->in->state[0] == '/'
		    ? xstrdup(p->in->state)
		    : xasprintf(
			  "%s/%s", here != NULL ? here : "", p->in->state);

		setting_add(out, "state", state);
		free(state);
		free(here);
	}
	buffer_add_text(out, "destinations = {\n");
	for (size_t i = 0; i < p->outlet_count; i++) {
		buffer_add_text(out, "\t");
		destination_text(p->outlets[i].to, p->outlets[i].name,
		    p->outlets[i].secret.path, out);
		buffer_add_text(out, "\n");
	}
	buffer_add_text(out, "};\naccounts_dir = \"accounts.d\";\n");
}

/*
 * Items
 */

static bool
has_password(const struct import_account *a)
{
	return a->password != NULL && a->password[0] != '\0';
}

static int
item_make(struct import_plan *p, struct import_item *item)
{
	const struct import_account *a = item->from;
	const struct account *known = account_there(p, a);
	int status;

	if (known != NULL) {
		item->there = true;
		item->name = xstrdup(known->name);
		item->destination = known->destination;
		return EX_OK;
	}
	item_name(p, item);
	status = destination_pick(p, item);
	if (status != EX_OK)
		return status;
	if (has_password(a)) {
		if (strchr(a->password, '\n') != NULL) {
			log_error("%s:%u: the password of %s has more than one "
				  "line",
			    a->file, a->line, item->name);
			return EX_CONFIG;
		}
		item->secret.path = secret_path(p, "", item->name);
		item->secret.password = a->password;
	}
	item_text(p, item);
	note_trust(p, a);
	return EX_OK;
}

static int
items_make(struct import_plan *p)
{
	int status = EX_OK, one;

	p->count = p->im.account_count;
	p->items = xcalloc(p->count, sizeof(*p->items));
	for (size_t i = 0; i < p->count; i++) {
		p->items[i].from = p->im.accounts[i];
		one = item_make(p, &p->items[i]);
		status = status == EX_OK ? one : status;
	}
	return status;
}

/* Accounts are added as files, for which the settings have to have a place. */
static int
place_check(const struct import_plan *p)
{
	bool needed = false;

	for (size_t i = 0; i < p->im.account_count; i++)
		if (account_there(p, p->im.accounts[i]) == NULL)
			needed = true;
	if (!needed || p->before == NULL || p->before->accounts_dir != NULL)
		return EX_OK;
	log_error("%s has no folder for accounts; add to it: accounts_dir = "
		  "\"accounts.d\";",
	    p->file);
	return EX_CONFIG;
}

/*
 * The settings as they will be
 */

/* A password that was there before the accounts stays what it was. */
static int
secret_check(const struct import_secret *secret)
{
	struct buffer text = { 0 };
	struct error e = { 0 };
	size_t len;
	int status = EX_OK;

	if (secret->path == NULL || access(secret->path, F_OK) < 0)
		return EX_OK;
	len = strlen(secret->password);
	if (import_file(secret->path, IMPORT_SETTINGS_MAX, &text, &e) < 0) {
		status = command_fail(&e);
	} else if (text.len != len + 1 ||
	    memcmp(text.data, secret->password, len) != 0) {
		log_error("%s is there already, and holds something else; move "
			  "it away first",
		    secret->path);
		status = EX_CONFIG;
	}
	buffer_wipe(&text);
	return status;
}

static int
secrets_check(const struct import_plan *p)
{
	int status = EX_OK;

	for (size_t i = 0; status == EX_OK && i < p->outlet_count; i++)
		status = secret_check(&p->outlets[i].secret);
	for (size_t i = 0; status == EX_OK && i < p->count; i++)
		status = secret_check(&p->items[i].secret);
	return status;
}

/* What is wrong is told to stand where the other program has it. */
struct draft {
	struct settings_draft draft;
	struct slice main;
	struct settings_text *accounts;
	unsigned *lines; /* all the same, as long as the longest text */
	const char **files;
};

#define LINES_MAX 64 /* of an account's file */

static void
draft_make(const struct import_plan *p, struct draft *d)
{
	size_t files = 0;

	d->accounts = xcalloc(p->count + 1, sizeof(*d->accounts));
	d->lines = xcalloc((p->count + 1) * LINES_MAX, sizeof(*d->lines));
	d->files = xcalloc(p->count + p->outlet_count + 1, sizeof(*d->files));
	for (size_t i = 0; i < p->outlet_count; i++)
		if (p->outlets[i].secret.path != NULL)
			d->files[files++] = p->outlets[i].secret.path;
	for (size_t i = 0; i < p->count; i++) {
		const struct import_item *item = &p->items[i];
		unsigned *lines = d->lines + i * LINES_MAX;

		if (item->there)
			continue;
		for (size_t k = 0; k < LINES_MAX; k++)
			lines[k] = item->from->line;
		d->accounts[d->draft.account_count++] =
		    (struct settings_text){ .text = buffer_slice(&item->text),
			    .file = item->from->file,
			    .lines = lines,
			    .line_count = LINES_MAX,
			    .owner = geteuid() };
		if (item->secret.path != NULL)
			d->files[files++] = item->secret.path;
	}
	d->draft.accounts = d->accounts;
	d->draft.files = d->files;
	if (p->before == NULL) {
		d->main = buffer_slice(&p->main);
		d->draft.main = &d->main;
	}
}

static int
settings_after(struct import_plan *p)
{
	struct buffer problems = { 0 };
	struct error e = { 0 };
	struct draft d = { 0 };
	int status = EX_OK;

	draft_make(p, &d);
	if (settings_read_draft(
		&p->after, p->file, p->in->state, &d.draft, &problems, &e) < 0)
		status = command_problems(&problems, &e);
	buffer_free(&problems);
	free(d.accounts);
	free(d.lines);
	free(d.files);
	return status;
}

/*
 * The ledger as it is
 */

static int
by_octets(const void *a, const void *b)
{
	return slice_compare(
	    *(const struct slice *)a, *(const struct slice *)b);
}

static char *
loosened(struct slice uid)
{
	char *copy = xstrndup(uid.data, uid.len);

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '/')
			*c = '-';
	return copy;
}

/* Those of an item that are not among the rows of its account. */
static size_t
count_unknown(const struct import_seen *seen, const struct rows *rows)
{
	struct slice *known = xcalloc(rows->count + 1, sizeof(*known));
	char **copies = xcalloc(rows->count + 1, sizeof(*copies));
	size_t unknown = 0;

	for (size_t i = 0; i < rows->count; i++) {
		known[i] = rows->list[i].uid;
		if (!seen->loose)
			continue;
		copies[i] = loosened(known[i]);
		known[i] = slice_of(copies[i]);
	}
	qsort(known, rows->count, sizeof(*known), by_octets);
	for (size_t i = 0; i < seen->count; i++) {
		struct slice uid = slice_of(seen->list[i].uid);

		unknown += bsearch(&uid, known, rows->count, sizeof(*known),
			       by_octets) == NULL;
	}
	for (size_t i = 0; i < rows->count; i++)
		free(copies[i]);
	free(copies);
	free(known);
	return unknown;
}

static int
item_look(const struct import_plan *p, struct reader *reader,
    struct import_item *item, struct error *e)
{
	struct rows rows = { 0 };
	int64_t account;

	item->account = settings_account(p->after, item->name);
	if (reader_account(reader, item->name, item->account->at.host,
		item->account->login.user, NULL, &account, e) < 0 ||
	    reader_rows(reader, account, &rows, e) < 0)
		return -1;
	item->unknown = count_unknown(&item->from->seen, &rows);
	rows_free(&rows);
	return 0;
}

/*
 * What has to be written before it can be read is done so, as a fetch would do
 * it. A ledger that is begun anew knows nothing.
 */
static int
ledger_read(
    const struct import_plan *p, struct reader **reader, struct error *e)
{
	const char *state = p->after->state;

	if (reader_open(reader, state, e) == 0)
		return 0;
	if (e->kind == ERR_QUESTION && p->in->new_ledger) {
		error_clear(e);
		return 0;
	}
	if (e->kind != ERR_LEDGER || p->in->dry_run)
		return -1;
	error_clear(e);
	if (import_mend(p, e) < 0)
		return -1;
	return reader_open(reader, state, e);
}

static int
ledger_look(struct import_plan *p)
{
	struct reader *reader = NULL;
	struct error e = { 0 };
	int rc = ledger_read(p, &reader, &e);

	for (size_t i = 0; rc == 0 && i < p->count; i++)
		rc = item_look(p, reader, &p->items[i], &e);
	reader_free(&reader);
	return rc < 0 ? command_fail(&e) : EX_OK;
}

/*
 * All of it
 */

static int
read_other(struct import_plan *p, const struct import_program *program)
{
	const struct passwd *who = getpwuid(geteuid());
	struct import_files files = { .settings = p->in->args + 1,
		.seen = p->in->seen,
		.netrc = p->in->netrc,
		.home = source_home(),
		.user = who != NULL ? who->pw_name : "postmaster",
		.run_commands = p->in->run_commands };
	struct error e = { 0 };

	if (program->read(&p->im, &files, &e) < 0)
		return command_fail(&e);
	return EX_OK;
}

int
import_plan_make(struct import_plan *p, const struct invocation *in,
    const struct import_program *program)
{
	int status;

	*p = (struct import_plan){ .in = in, .program = program->name };
	status = read_other(p, program);
	if (status == EX_OK)
		status = settings_before(p);
	if (status == EX_OK)
		status = destination_check(p);
	if (status != EX_OK || p->im.account_count == 0)
		return status;
	status = place_check(p);
	if (status == EX_OK)
		status = items_make(p);
	if (status == EX_OK && p->before == NULL)
		main_text(p);
	if (status == EX_OK)
		status = secrets_check(p);
	if (status == EX_OK)
		status = settings_after(p);
	return status == EX_OK ? ledger_look(p) : status;
}

static void
secret_free(struct import_secret *s)
{
	free(s->path);
}

void
import_plan_free(struct import_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct import_item *item = &p->items[i];

		free(item->name);
		free(item->path);
		buffer_free(&item->text);
		secret_free(&item->secret);
	}
	free(p->items);
	for (size_t i = 0; i < p->outlet_count; i++) {
		free(p->outlets[i].name);
		secret_free(&p->outlets[i].secret);
	}
	free(p->outlets);
	buffer_free(&p->main);
	free(p->file);
	free(p->folder);
	settings_free(&p->before);
	settings_free(&p->after);
	import_free(&p->im);
}

bool
import_is_done(const struct import_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (!p->items[i].there || p->items[i].unknown > 0)
			return false;
	return true;
}
