/* mpop.c - what postrider makes of an mpoprc and the unique ids of mpop. */
#include "import/mpop.h"

#include "base/alloc.h"
#include "base/text.h"
#include "import/share.h"

#include <stdlib.h>
#include <string.h>

struct reading {
	struct import *im;
	const struct import_files *files;
	struct netrc netrc;
	struct mpop_rc rc; /* the file being read */
	size_t first; /* of its accounts */
};

/*
 * What has no counterpart
 */

/* Of what is on or off: which way it is worth a word. */
enum when {
	WHEN_GIVEN, /* and not empty */
	WHEN_ON,
	WHEN_OFF
};

static const struct {
	enum mpop_command command;
	enum when when;
	const char *text;
} unlike[] = {
	{ MPOP_RECEIVED_HEADER, WHEN_OFF, "there always is a Received line" },
	{ MPOP_NTLMDOMAIN, WHEN_GIVEN, "there is no NTLM" },
	{ MPOP_TLS_KEY_FILE, WHEN_GIVEN,
	    "there are no certificates of clients; log in by password" },
	{ MPOP_TLS_CERT_FILE, WHEN_GIVEN,
	    "there are no certificates of clients; log in by password" },
	{ MPOP_TLS_CRL_FILE, WHEN_GIVEN, "there are no lists of revoked ones" },
	{ MPOP_TLS_FINGERPRINT, WHEN_GIVEN,
	    "certificates are verified by who signed them; if the server's is "
	    "its own, name it in ca_file" },
	{ MPOP_TLS_CERTCHECK, WHEN_OFF,
	    "certificates are always verified; if the server's is its own, "
	    "name it in ca_file" },
	{ MPOP_TLS_MIN_DH_PRIME_BITS, WHEN_GIVEN, "the TLS library chooses" },
	{ MPOP_TLS_PRIORITIES, WHEN_GIVEN, "the TLS library chooses" },
	{ MPOP_TLS_HOST_OVERRIDE, WHEN_GIVEN,
	    "the certificate has to have the name of the server" },
	{ MPOP_TLS_FORCE_SSLV3, WHEN_ON, "TLS 1.2 at least is spoken" },
	{ MPOP_ONLY_NEW, WHEN_OFF, "nothing is fetched twice" },
	{ MPOP_FILTER, WHEN_GIVEN,
	    "no command decides what is fetched; all of it is" },
	{ MPOP_PROXY_HOST, WHEN_GIVEN,
	    "there are no proxies: postrider connects to the server itself" },
	{ MPOP_PROXY_PORT, WHEN_GIVEN, "there are no proxies" },
	{ MPOP_SOURCE_IP, WHEN_GIVEN, "the system chooses" },
	{ MPOP_SOCKET, WHEN_GIVEN,
	    "there are no sockets of POP3 servers: postrider connects to the "
	    "host" },
};

static int
flag_of(const struct reading *r, const struct mpop_account *m,
    enum mpop_command command, bool other, bool *out, struct error *e)
{
	const struct mpop_value *v = &m->values[command];

	*out = other;
	if (v->text == NULL)
		return 0;
	*out = v->text[0] == '\0' || strcmp(v->text, "on") == 0;
	if (*out || strcmp(v->text, "off") == 0)
		return 0;
	return import_error(e, r->rc.file, v->line,
	    "%s: \"%s\" is neither on nor off", mpop_name(command), v->text);
}

/* Of what several accounts inherit, it tells once. */
static bool
is_told(const struct reading *r, unsigned line)
{
	for (size_t i = 0; i < r->im->note_count; i++)
		if (r->im->notes[i].line == line &&
		    strcmp(r->im->notes[i].file, r->rc.file) == 0)
			return true;
	return false;
}

static int
note_rest(struct reading *r, const struct mpop_account *m, struct error *e)
{
	for (size_t i = 0; i < sizeof(unlike) / sizeof(unlike[0]); i++) {
		enum mpop_command command = unlike[i].command;
		const struct mpop_value *v = &m->values[command];
		bool on = true;

		if (v->text == NULL || is_told(r, v->line))
			continue;
		if (unlike[i].when != WHEN_GIVEN &&
		    flag_of(r, m, command, true, &on, e) < 0)
			return -1;
		if (on != (unlike[i].when != WHEN_OFF) ||
		    (unlike[i].when == WHEN_GIVEN && v->text[0] == '\0'))
			continue;
		import_note(r->im, r->rc.file, v->line, "%s: %s",
		    mpop_name(command), unlike[i].text);
	}
	return 0;
}

/*
 * The server
 */

static int
number_of(const struct reading *r, const struct mpop_account *m,
    enum mpop_command command, uint64_t least, uint64_t most, uint64_t *out,
    struct error *e)
{
	const struct mpop_value *v = &m->values[command];

	if (text_u64(slice_of(v->text), most, out) == 0 && *out >= least)
		return 0;
	return import_error(e, r->rc.file, v->line,
	    "%s: \"%s\" is no number from %llu to %llu", mpop_name(command),
	    v->text, (unsigned long long)least, (unsigned long long)most);
}

static int
map_tls(struct reading *r, const struct mpop_account *m, enum import_tls *out,
    struct error *e)
{
	bool tls, starttls;

	if (flag_of(r, m, MPOP_TLS, false, &tls, e) < 0 ||
	    flag_of(r, m, MPOP_TLS_STARTTLS, true, &starttls, e) < 0)
		return -1;
	*out = !tls    ? IMPORT_TLS_NONE
	    : starttls ? IMPORT_TLS_STARTTLS
		       : IMPORT_TLS_IMPLICIT;
	return 0;
}

/* The shortest way from "~" on, as mpop has it. */
static char *
path_of(const struct reading *r, const char *text)
{
	if (text[0] != '~')
		return xstrdup(text);
	return xasprintf("%s%s", r->files->home, text + 1);
}

static void
map_trust(
    struct reading *r, const struct mpop_account *m, struct import_account *a)
{
	const struct mpop_value *v = &m->values[MPOP_TLS_TRUST_FILE];
	char *path;

	if (v->text == NULL || strcmp(v->text, "system") == 0)
		return;
	if (v->text[0] == '\0') {
		if (!is_told(r, v->line))
			import_note(r->im, r->rc.file, v->line,
			    "tls_trust_file: certificates are always verified, "
			    "by those of the system or of ca_file");
		return;
	}
	path = path_of(r, v->text);
	import_account_set_text(a, "ca_file", path);
	free(path);
}

/* Without TLS, mpop itself chooses no way that shows the password. */
static bool
is_hidden(const struct mpop_account *m)
{
	const char *auth = m->values[MPOP_AUTH].text;

	return auth == NULL ||
	    (strcmp(auth, "user") != 0 && strcmp(auth, "plain") != 0 &&
		strcmp(auth, "login") != 0);
}

/* Returns whether it has to do with passwords, or -1. */
static int
map_auth(struct reading *r, const struct mpop_account *m,
    struct import_account *a, struct error *e)
{
	static const char *const others[] = { "apop", "cram-md5", "digest-md5",
		"ntlm", "scram-sha-1", "scram-sha-256", "scram-sha-1-plus",
		"scram-sha-256-plus", NULL };
	static const char *const no_passwords[] = { "gssapi", "external",
		"oauthbearer", "xoauth2", NULL };
	const struct mpop_value *v = &m->values[MPOP_AUTH];

	if (v->text == NULL || v->text[0] == '\0' || strcmp(v->text, "on") == 0)
		return 1;
	if (strcmp(v->text, "user") == 0 || strcmp(v->text, "plain") == 0 ||
	    strcmp(v->text, "login") == 0) {
		import_account_set_text(a, "auth", v->text);
		return 1;
	}
	for (size_t i = 0; others[i] != NULL; i++) {
		if (strcmp(v->text, others[i]) != 0)
			continue;
		import_note(r->im, r->rc.file, v->line,
		    "auth %s: postrider logs in by USER, PLAIN or LOGIN",
		    v->text);
		return 1;
	}
	for (size_t i = 0; no_passwords[i] != NULL; i++) {
		if (strcmp(v->text, no_passwords[i]) != 0)
			continue;
		import_note(r->im, r->rc.file, v->line,
		    "auth %s: postrider logs in by password only, and %s needs "
		    "one",
		    v->text, a->name);
		return 0;
	}
	return import_error(
	    e, r->rc.file, v->line, "mpop knows no auth \"%s\"", v->text);
}

static void
map_password(
    struct reading *r, const struct mpop_account *m, struct import_account *a)
{
	const char *password = m->values[MPOP_PASSWORD].text;
	const char *command = m->values[MPOP_PASSWORDEVAL].text;
	unsigned line = m->values[MPOP_PASSWORDEVAL].line;

	if (password != NULL && password[0] != '\0') {
		import_replace(&a->password, password);
		if (command != NULL && command[0] != '\0')
			import_note(r->im, r->rc.file, line,
			    "passwordeval: mpop does not run it for %s, which "
			    "has a password in line %u; if that is not the "
			    "one, put password_command in the place of "
			    "password_file",
			    a->name, m->values[MPOP_PASSWORD].line);
		return;
	}
	if (command != NULL && command[0] != '\0') {
		import_replace(&a->password_command, command);
		return;
	}
	password = netrc_password(&r->netrc, a->host, a->user);
	if (password != NULL)
		import_replace(&a->password, password);
	else
		import_note(r->im, r->rc.file, m->line,
		    "no password for %s: name a password_file or a "
		    "password_command (such as secret-tool lookup …), or be "
		    "asked each time",
		    a->name);
}

/*
 * The mail
 */

/* "30d": a number and a unit. Returns 0, or -1. */
static int
keep_duration(const char *text, int64_t *seconds)
{
	size_t n = strlen(text);
	uint64_t weeks;

	if (n > 1 && text[n - 1] == 'w' &&
	    text_u64(slice_make(text, n - 1), 5000, &weeks) == 0) {
		*seconds = (int64_t)weeks * 7 * 24 * 3600;
		return 0;
	}
	return text_duration(slice_of(text), seconds);
}

static int
map_keep(struct reading *r, const struct mpop_account *m,
    struct import_account *a, struct error *e)
{
	const struct mpop_value *v = &m->values[MPOP_KEEP];
	char unit[TEXT_UNIT];
	int64_t seconds;
	uint64_t number;
	bool keep;
	char *text;

	/* What it has fetched before, mpop deletes, too. */
	if (v->text != NULL && keep_duration(v->text, &seconds) == 0 &&
	    seconds > 0) {
		text = xasprintf("keep %s", text_from_duration(seconds, unit));
		import_account_set_text(a, "after_delivery", text);
		import_account_set(a, "delete_seen", "true");
		free(text);
		return 0;
	}
	if (v->text != NULL &&
	    text_u64(slice_of(v->text), UINT64_MAX, &number) == 0) {
		import_account_set_text(a, "after_delivery", "keep");
		import_note(r->im, r->rc.file, v->line,
		    "keep %s: in which unit is not said, so %s keeps all; see "
		    "\"after_delivery\" in postrider.conf(5)",
		    v->text, a->name);
		return 0;
	}
	if (flag_of(r, m, MPOP_KEEP, false, &keep, e) < 0)
		return -1;
	import_account_set_text(a, "after_delivery", keep ? "keep" : "delete");
	if (!keep)
		import_account_set(a, "delete_seen", "true");
	return 0;
}

/* "500k": octets, KiB or MiB. */
static int
size_of(const struct reading *r, const struct mpop_account *m,
    enum mpop_command command, uint64_t *out, struct error *e)
{
	const struct mpop_value *v = &m->values[command];
	struct slice text = slice_of(v->text);
	uint64_t factor = 1;

	if (text.len > 0 && text.data[text.len - 1] == 'k')
		factor = 1024;
	else if (text.len > 0 && text.data[text.len - 1] == 'm')
		factor = 1024 * 1024;
	text.len -= factor > 1 ? 1 : 0;
	if (text_u64(text, ((uint64_t)1 << 40) / factor, out) == 0) {
		*out *= factor;
		return 0;
	}
	return import_error(e, r->rc.file, v->line, "%s: \"%s\" is no size",
	    mpop_name(command), v->text);
}

static bool
is_size(const struct mpop_account *m, enum mpop_command command)
{
	const char *text = m->values[command].text;

	return text != NULL && strcmp(text, "off") != 0;
}

static int
map_sizes(struct reading *r, const struct mpop_account *m,
    struct import_account *a, struct error *e)
{
	uint64_t size;

	if (is_size(m, MPOP_SKIPSIZE)) {
		if (size_of(r, m, MPOP_SKIPSIZE, &size, e) < 0)
			return -1;
		if (size > 0)
			share_size(a, "max_size", size);
		else
			import_note(r->im, r->rc.file,
			    m->values[MPOP_SKIPSIZE].line,
			    "skipsize 0: all mail of %s is fetched", a->name);
	}
	if (is_size(m, MPOP_KILLSIZE)) {
		if (size_of(r, m, MPOP_KILLSIZE, &size, e) < 0)
			return -1;
		import_note(r->im, r->rc.file, m->values[MPOP_KILLSIZE].line,
		    "killsize: no message is deleted before it is delivered; "
		    "see \"max_size\" in postrider.conf(5)");
	}
	return 0;
}

static int
map_settings(struct reading *r, const struct mpop_account *m,
    struct import_account *a, struct error *e)
{
	const struct mpop_value *timeout = &m->values[MPOP_TIMEOUT];
	const char *pipelining = m->values[MPOP_PIPELINING].text;
	uint64_t seconds = 0;
	bool on;

	if (timeout->text != NULL) {
		if (strcmp(timeout->text, "off") != 0 &&
		    number_of(r, m, MPOP_TIMEOUT, 1, INT32_MAX, &seconds, e) <
			0)
			return -1;
		share_timeout(r->im, a, timeout->line, seconds);
	}
	if (pipelining != NULL && strcmp(pipelining, "auto") != 0) {
		if (flag_of(r, m, MPOP_PIPELINING, true, &on, e) < 0)
			return -1;
		import_account_set_text(a, "pipelining", on ? "yes" : "no");
	}
	return 0;
}

static int
map_delivery(struct reading *r, const struct mpop_account *m,
    struct import_account *a, struct error *e)
{
	static const char *const methods[] = { "mda", "maildir", "mbox",
		"exchange" };
	const struct mpop_value *v = &m->values[MPOP_DELIVERY];
	struct slice rest, method;

	if (v->text == NULL)
		return 0;
	rest = slice_of(v->text);
	method = slice_word(&rest);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!slice_is(method, methods[i]) || rest.len == 0)
			continue;
		import_note(r->im, r->rc.file, v->line,
		    "delivery %s: postrider delivers by SMTP or LMTP only; %s "
		    "needs --destination",
		    v->text, a->name);
		return 0;
	}
	return import_error(e, r->rc.file, v->line,
	    "delivery: \"%s\" is none of mpop's ways to deliver", v->text);
}

/*
 * What was fetched
 */

struct uidls {
	struct reading *r;
	const char *file;
};

/* Matched as mpop does it, octet by octet; it looks into its own file only. */
static bool
may_have(const struct uidls *u, const struct import_account *a,
    const struct mpop_mailbox *mailbox)
{
	return strcmp(a->host, mailbox->host) == 0 &&
	    strcmp(a->user, mailbox->user) == 0 &&
	    (u->r->files->seen[0] != NULL ||
		(a->seen.file != NULL && strcmp(a->seen.file, u->file) == 0));
}

/*
 * Both may list the same unique id, and one of these was never fetched: it is
 * not to be deleted.
 */
static void
share_list(const struct uidls *u, const struct mpop_mailbox *mailbox,
    struct import_account *a, struct import_account *other)
{
	import_account_set(a, "delete_seen", "false");
	import_account_set(other, "delete_seen", "false");
	import_note(u->r->im, u->file, mailbox->line,
	    "mpop does not write at which port %s has the mailbox of %s: its "
	    "unique ids count as seen in %s as well as in %s, and what counts "
	    "as seen is not deleted there",
	    a->host, a->user, other->name, a->name);
}

static struct import_account *
whose_uids(
    void *arg, const struct mpop_mailbox *mailbox, struct import_account *last)
{
	const struct uidls *u = arg;
	struct import *im = u->r->im;
	bool behind = last == NULL;

	for (size_t i = u->r->first; i < im->account_count; i++) {
		struct import_account *a = im->accounts[i];

		if (behind && may_have(u, a, mailbox)) {
			if (last != NULL)
				share_list(u, mailbox, last, a);
			return a;
		}
		behind = behind || a == last;
	}
	return NULL;
}

static int
uidls_read(struct reading *r, const char *file, struct error *e)
{
	struct uidls u = { .r = r, .file = file };
	struct buffer text = { 0 };
	size_t others;
	int rc = import_file(file, IMPORT_SEEN_MAX, &text, e);

	if (rc == 0)
		rc = mpop_uidls(
		    file, buffer_slice(&text), whose_uids, &u, &others, e);
	if (rc == 0 && others > 0)
		import_note(r->im, file, 0,
		    "%zu unique id%s left out, of other mailboxes", others,
		    others > 1 ? "s are" : " is");
	buffer_free(&text);
	return rc;
}

static void
replace_all(char **path, const char *mark, const char *text)
{
	struct buffer out = { 0 };
	const char *rest = *path;
	const char *at;

	while ((at = strstr(rest, mark)) != NULL) {
		buffer_add(&out, rest, (size_t)(at - rest));
		buffer_add_text(&out, text);
		rest = at + strlen(mark);
	}
	buffer_add_text(&out, rest);
	free(*path);
	*path = out.data;
}

static char *
uidls_path(const struct reading *r, const struct mpop_account *m)
{
	const char *said = m->values[MPOP_UIDLS_FILE].text;
	char *path = path_of(r,
	    said != NULL && said[0] != '\0' ? said : "~/.mpop_uidls/%U_at_%H");

	replace_all(&path, "%U", m->values[MPOP_USER].text);
	replace_all(&path, "%H", m->values[MPOP_HOST].text);
	return path;
}

/* Several accounts may have the same file, which is then read once. */
static bool
is_read(const struct reading *r, size_t account)
{
	const char *file = r->im->accounts[account]->seen.file;

	for (size_t i = r->first; i < account; i++)
		if (r->im->accounts[i]->seen.file != NULL &&
		    strcmp(r->im->accounts[i]->seen.file, file) == 0)
			return true;
	return false;
}

static void
map_seen(struct reading *r, const char *path, struct import_account *a)
{
	if (share_is_file(path))
		import_replace(&a->seen.file, path);
	else
		import_note(r->im, path, 0,
		    "it is not there: all that is in the mailbox of %s counts "
		    "as new; if it is elsewhere, say --seen FILE",
		    a->name);
}

/* When all are known that may have something in a file. */
static int
seen_read(struct reading *r, struct error *e)
{
	int rc = 0;

	for (size_t i = r->first; rc == 0 && i < r->im->account_count; i++)
		if (r->im->accounts[i]->seen.file != NULL && !is_read(r, i))
			rc = uidls_read(r, r->im->accounts[i]->seen.file, e);
	return rc;
}

/*
 * Accounts
 */

/* Why there can be no account for it, or NULL; "": nobody wonders. */
static const char *
obstacle(const struct mpop_account *m)
{
	const char *host = m->values[MPOP_HOST].text;
	const char *user = m->values[MPOP_USER].text;

	if (host == NULL || host[0] == '\0')
		return m->inherited ? "" : "it has no host";
	if (user == NULL || user[0] == '\0')
		return m->inherited ? "" : "it has no user";
	return NULL;
}

static int
account_fill(struct reading *r, const struct mpop_account *m,
    struct import_account *a, struct error *e)
{
	int passwords;

	if (a->port == share_usual_port(a->tls))
		a->port = 0;
	import_account_name(r->im, a, m->name);
	share_clear(r->im, a,
	    m->values[MPOP_TLS].text != NULL ? m->values[MPOP_TLS].line
					     : m->line,
	    is_hidden(m));
	map_trust(r, m, a);
	passwords = map_auth(r, m, a, e);
	if (passwords < 0)
		return -1;
	if (passwords > 0)
		map_password(r, m, a);
	if (map_keep(r, m, a, e) < 0 || map_sizes(r, m, a, e) < 0 ||
	    map_settings(r, m, a, e) < 0 || map_delivery(r, m, a, e) < 0)
		return -1;
	return note_rest(r, m, e);
}

/* *path: where its unique ids are, when there is an account for it now. */
static int
account_make(struct reading *r, const struct mpop_account *m, char **path,
    struct error *e)
{
	const char *why = obstacle(m);
	const struct import_account *other;
	struct import_account *a;
	enum import_tls tls;
	uint64_t port;

	if (why != NULL) {
		if (why[0] != '\0')
			import_note(r->im, r->rc.file, m->line,
			    "account %s is not imported: %s", m->name, why);
		return 0;
	}
	if (map_tls(r, m, &tls, e) < 0)
		return -1;
	port = share_usual_port(tls);
	if (m->values[MPOP_PORT].text != NULL &&
	    number_of(r, m, MPOP_PORT, 1, UINT16_MAX, &port, e) < 0)
		return -1;
	other = share_mailbox(r->im, m->values[MPOP_HOST].text, (uint16_t)port,
	    m->values[MPOP_USER].text);
	if (other != NULL) {
		import_note(r->im, r->rc.file, m->line,
		    "account %s is not imported again: %s:%u has this "
		    "mailbox, and one mailbox has one account (with as many "
		    "recipients as you like)",
		    m->name, other->file, other->line);
		return 0;
	}
	a = import_account_add(r->im, r->rc.file, m->line);
	import_replace(&a->host, m->values[MPOP_HOST].text);
	import_replace(&a->user, m->values[MPOP_USER].text);
	a->tls = tls;
	a->port = (uint16_t)port;
	*path = uidls_path(r, m);
	return account_fill(r, m, a, e);
}

/* All accounts first: a file of unique ids may be that of several. */
static int
accounts_make(struct reading *r, struct error *e)
{
	char **paths = xcalloc(r->rc.count + 1, sizeof(*paths));
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < r->rc.count; i++) {
		rc = account_make(r, &r->rc.accounts[i], &paths[count], e);
		count += paths[count] != NULL ? 1 : 0;
	}
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (r->files->seen[0] == NULL)
			map_seen(r, paths[i], r->im->accounts[r->first + i]);
	if (rc == 0 && r->files->seen[0] == NULL)
		rc = seen_read(r, e);
	for (size_t i = 0; rc == 0 && r->files->seen[i] != NULL; i++)
		rc = uidls_read(r, r->files->seen[i], e);
	for (size_t i = 0; i < count; i++) {
		if (r->files->seen[0] != NULL && rc == 0)
			import_replace(
			    &r->im->accounts[r->first + i]->seen.file,
			    r->files->seen[0]);
		free(paths[i]);
	}
	free(paths);
	return rc;
}

static int
rc_read(struct reading *r, const char *file, struct error *e)
{
	struct buffer text = { 0 };
	int rc = share_settings(file, &text, e);

	r->first = r->im->account_count;
	if (rc == 0)
		rc = mpop_parse(&r->rc, file, buffer_slice(&text),
		    r->files->run_commands, e);
	if (rc == 0 && r->rc.count == 0)
		rc = error_set(e, ERR_CONFIG,
		    "%s: there is no account in it, so it is no mpoprc", file);
	if (rc == 0)
		rc = accounts_make(r, e);
	mpop_rc_free(&r->rc);
	buffer_wipe(&text);
	return rc;
}

static char *
rc_usual(const struct import_files *files)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	char *path = xasprintf("%s/.mpoprc", files->home);
	char *other;

	if (share_is_file(path))
		return path;
	other = config != NULL && config[0] != '\0'
	    ? xasprintf("%s/mpop/config", config)
	    : xasprintf("%s/.config/mpop/config", files->home);
	if (share_is_file(other)) {
		free(path);
		return other;
	}
	free(other);
	return path;
}

int
import_mpop(
    struct import *im, const struct import_files *files, struct error *e)
{
	struct reading r = { .im = im, .files = files };
	char *usual;
	int rc = share_netrc(files, &r.netrc, e);

	if (rc == 0 && files->settings[0] == NULL) {
		usual = rc_usual(files);
		rc = rc_read(&r, usual, e);
		free(usual);
	}
	for (size_t i = 0; rc == 0 && files->settings[i] != NULL; i++)
		rc = rc_read(&r, files->settings[i], e);
	netrc_free(&r.netrc);
	return rc;
}
