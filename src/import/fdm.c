/* fdm.c - what postrider makes of an fdm.conf and the caches of fdm. */
#include "import/fdm.h"

#include "base/alloc.h"
#include "import/share.h"

#include <stdlib.h>
#include <string.h>

struct reading {
	struct import *im;
	const struct import_files *files;
	struct netrc netrc;
	struct fdm_lexer lexer;
	struct fdm_conf conf; /* the file being read */
};

/* Tags out of what is written in strings. Returns 0, or -1. */
static int
tags(const struct reading *r, const struct fdm_account *f, const char *what,
    const char *text, char **out, struct error *e)
{
	*out = fdm_tags(r->files->home, text);
	if (*out != NULL)
		return 0;
	return import_error(e, f->file, f->line,
	    "the %s of %s changes with the time", what, f->name);
}

/*
 * Who may log in
 */

/* As fdm looks it up: by the host alone. */
static const struct netrc_entry *
netrc_of(const struct reading *r, const char *host)
{
	const struct netrc *n = &r->netrc;

	for (size_t i = 0; i < n->count; i++)
		if (n->list[i].machine != NULL &&
		    strcmp(n->list[i].machine, host) == 0)
			return &n->list[i];
	for (size_t i = 0; i < n->count; i++)
		if (n->list[i].machine == NULL)
			return &n->list[i];
	return NULL;
}

static int
map_password(struct reading *r, const struct fdm_account *f,
    struct import_account *a, struct error *e)
{
	const struct netrc_entry *entry = netrc_of(r, a->host);
	char *password = NULL;
	char *command;

	if (f->has_pass && f->pass.commands == 0) {
		if (tags(r, f, "password",
			f->pass.text.len > 0 ? f->pass.text.data : "",
			&password, e) < 0)
			return -1;
		import_replace(&a->password, password);
		import_replace(&password, NULL);
	} else if (f->has_pass && f->pass.commands == 1 &&
	    f->pass.literals == 0) {
		import_replace(&a->password_command, f->pass.command);
	} else if (f->has_pass) {
		command = xasprintf("printf '%%s\\n' %s", f->pass.shell.data);
		import_replace(&a->password_command, command);
		import_replace(&command, NULL);
	} else if (entry != NULL && entry->password != NULL) {
		import_replace(&a->password, entry->password);
	} else {
		import_note(r->im, f->file, f->line,
		    "no password for %s: name a password_file or a "
		    "password_command, or be asked each time",
		    a->name);
	}
	return 0;
}

/*
 * The server
 */

static enum import_tls
tls_of(const struct fdm_account *f)
{
	if (strcmp(f->type, "pop3s") == 0)
		return IMPORT_TLS_IMPLICIT;
	return f->starttls ? IMPORT_TLS_STARTTLS : IMPORT_TLS_NONE;
}

static void
map_tls(
    struct reading *r, const struct fdm_account *f, struct import_account *a)
{
	share_clear(r->im, a, f->line, !f->no_apop);
	if (f->insecure)
		import_note(r->im, f->file, f->line,
		    "insecure: TLS 1.2 at least is spoken");
	if (a->tls == IMPORT_TLS_NONE)
		return;
	if (f->no_verify)
		import_note(r->im, f->file, f->line,
		    "no-verify: certificates are always verified; if that of "
		    "%s is its own, name it in ca_file",
		    a->host);
	else if (!r->conf.verify)
		import_note(r->im, f->file, f->line,
		    "no verify-certificates: fdm takes any certificate, "
		    "postrider verifies that of %s; if it is its own, name it "
		    "in ca_file",
		    a->host);
}

/*
 * The mail
 */

static void
map_disposal(
    struct reading *r, const struct fdm_account *f, struct import_account *a)
{
	bool keep = f->keep || r->conf.keeps;

	import_account_set_text(a, "after_delivery", keep ? "keep" : "delete");
	if (!keep || f->keep)
		return;
	import_note(r->im, f->file, f->line,
	    "%s keeps its mail, since some rule or action says \"keep\"; see "
	    "\"after_delivery\" in postrider.conf(5)",
	    a->name);
}

static void
map_settings(
    struct reading *r, const struct fdm_account *f, struct import_account *a)
{
	const struct fdm_smtp *smtp = &r->conf.smtp;

	if (r->conf.has_size && r->conf.size > 0)
		share_size(a, "max_size", r->conf.size);
	if (r->conf.has_timeout)
		share_timeout(r->im, a, r->conf.timeout_line, r->conf.timeout);
	if (f->users)
		import_note(r->im, f->file, f->line,
		    "users: the mail of %s goes to its recipients", a->name);
	if (smtp->count != 1)
		return;
	import_replace(&a->destination.host, smtp->host);
	a->destination.port = smtp->port;
	if (smtp->to != NULL && !smtp->several)
		import_account_recipient(a, smtp->to);
}

/*
 * What was fetched
 */

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static size_t
mailboxes(const struct reading *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->conf.count; i++)
		if (strncmp(r->conf.accounts[i].type, "pop3", 4) == 0)
			n++;
	return n;
}

/* --seen names files as the caches are called, or the only one. */
static char *
cache_named(const struct reading *r, const char *path)
{
	char *const *seen = r->files->seen;

	for (size_t i = 0; path != NULL && seen[i] != NULL; i++)
		if (strcmp(base_of(seen[i]), base_of(path)) == 0)
			return xstrdup(seen[i]);
	if (seen[0] != NULL && seen[1] == NULL && mailboxes(r) == 1)
		return xstrdup(seen[0]);
	return NULL;
}

/* A path without a folder is one in that from which fdm is run: that of who
 * runs it, most likely. */
static int
cache_path(
    struct reading *r, const struct fdm_account *f, char **out, struct error *e)
{
	char *tagged, *path;

	*out = NULL;
	if (f->cache == NULL)
		return 0;
	if (tags(r, f, "cache", f->cache, &tagged, e) < 0)
		return -1;
	path = import_path(r->files->home, tagged);
	free(tagged);
	if (path[0] == '/' || share_is_file(path)) {
		*out = path;
		return 0;
	}
	*out = xasprintf("%s/%s", r->files->home, path);
	free(path);
	return 0;
}

static int
cache_read(struct import_account *a, const char *path, struct error *e)
{
	struct buffer text = { 0 };
	int rc = import_file(path, IMPORT_SEEN_MAX, &text, e);

	if (rc == 0)
		rc = fdm_cache(a, path, buffer_slice(&text), e);
	import_replace(&a->seen.file, path);
	buffer_free(&text);
	return rc;
}

static int
map_seen(struct reading *r, const struct fdm_account *f,
    struct import_account *a, struct error *e)
{
	char *path, *named;
	int rc = 0;

	if (cache_path(r, f, &path, e) < 0)
		return -1;
	if (r->files->seen[0] != NULL) {
		named = cache_named(r, path);
		free(path);
		path = named;
	}
	if (path != NULL && share_is_file(path))
		rc = cache_read(a, path, e);
	else if (path != NULL)
		import_note(r->im, path, 0,
		    "it is not there: all that is in the mailbox of %s counts "
		    "as new; if it is elsewhere, say --seen FILE",
		    a->name);
	else
		import_note(r->im, f->file, f->line,
		    "no cache: all that is in the mailbox of %s counts as new; "
		    "\"postrider baseline %s\" has it count as seen",
		    a->name, a->name);
	if (f->no_uidl)
		import_note(r->im, f->file, f->line,
		    "no-uidl: unique ids are asked for all the same");
	free(path);
	return rc;
}

/*
 * Accounts
 */

/* Why there can be no account for it, or NULL. */
static const char *
obstacle(const struct fdm_account *f)
{
	if (strncmp(f->type, "pop3", 4) != 0)
		return "postrider fetches by POP3 only";
	if (f->host == NULL)
		return "postrider connects to servers, and runs no command "
		       "instead";
	if (f->disabled)
		return "it is disabled: fdm fetches from it only when it is "
		       "named";
	if (f->old_only)
		return "it is old-only, which fetches what was fetched before";
	return NULL;
}

static int
account_fill(struct reading *r, const struct fdm_account *f,
    struct import_account *a, struct error *e)
{
	if (a->port == share_usual_port(a->tls))
		a->port = 0;
	import_account_name(r->im, a, f->name);
	map_tls(r, f, a);
	if (map_password(r, f, a, e) < 0)
		return -1;
	map_disposal(r, f, a);
	map_settings(r, f, a);
	return map_seen(r, f, a, e);
}

static int
account_add(struct reading *r, const struct fdm_account *f, const char *host,
    const char *user, struct error *e)
{
	enum import_tls tls = tls_of(f);
	uint16_t port = f->port != 0 ? f->port : share_usual_port(tls);
	const struct import_account *other;
	struct import_account *a;

	other = share_mailbox(r->im, host, port, user);
	if (other != NULL) {
		import_note(r->im, f->file, f->line,
		    "account %s is not imported again: %s:%u has this "
		    "mailbox, and one mailbox has one account (with as many "
		    "recipients as you like)",
		    f->name, other->file, other->line);
		return 0;
	}
	a = import_account_add(r->im, f->file, f->line);
	import_replace(&a->host, host);
	import_replace(&a->user, user);
	a->tls = tls;
	a->port = port;
	return account_fill(r, f, a, e);
}

static int
account_make(struct reading *r, const struct fdm_account *f, struct error *e)
{
	const char *why = obstacle(f);
	const struct netrc_entry *entry;
	char *host = NULL, *user = NULL;
	int rc = -1;

	if (why != NULL) {
		import_note(r->im, f->file, f->line,
		    "account %s (%s) is not imported: %s", f->name, f->type,
		    why);
		return 0;
	}
	if (tags(r, f, "server", f->host, &host, e) < 0)
		goto out;
	entry = netrc_of(r, host);
	if (f->user != NULL) {
		if (tags(r, f, "user", f->user, &user, e) < 0)
			goto out;
	} else if (entry != NULL && entry->login != NULL) {
		user = xstrdup(entry->login);
	} else {
		import_error(e, f->file, f->line,
		    "account %s has no user, and the .netrc has none for %s",
		    f->name, host);
		goto out;
	}
	if (host[0] == '\0' || user[0] == '\0')
		import_error(e, f->file, f->line,
		    "account %s has no server or no user", f->name);
	else
		rc = account_add(r, f, host, user, e);
out:
	free(host);
	free(user);
	return rc;
}

/*
 * Files
 */

static int
open_included(void *arg, const char *path, struct buffer *out, struct error *e)
{
	(void)arg;
	return share_settings(path, out, e);
}

static int
conf_read(struct reading *r, const char *file, struct error *e)
{
	struct buffer text = { 0 };
	int rc = share_settings(file, &text, e);

	r->lexer = (struct fdm_lexer){ .home = r->files->home,
		.open = open_included,
		.run = r->files->run_commands };
	if (rc == 0)
		rc = fdm_begin(&r->lexer, file, buffer_slice(&text), e);
	if (rc == 0)
		rc = fdm_parse(&r->conf, &r->lexer, r->im, e);
	if (rc == 0 && r->conf.count == 0)
		rc = error_set(e, ERR_CONFIG,
		    "%s: there is no account in it, so it is no fdm.conf",
		    file);
	if (rc == 0 && r->conf.smtp.count > 1)
		import_note(r->im, file, 0,
		    "mail goes to several SMTP servers: accounts need "
		    "--destination");
	for (size_t i = 0; rc == 0 && i < r->conf.count; i++)
		rc = account_make(r, &r->conf.accounts[i], e);
	fdm_conf_free(&r->conf);
	fdm_lexer_free(&r->lexer);
	buffer_wipe(&text);
	return rc;
}

int
import_fdm(struct import *im, const struct import_files *files, struct error *e)
{
	struct reading r = { .im = im, .files = files };
	char *usual = xasprintf("%s/.fdm.conf", files->home);
	int rc = share_netrc(files, &r.netrc, e);

	if (rc == 0 && files->settings[0] == NULL)
		rc = conf_read(
		    &r, share_is_file(usual) ? usual : "/etc/fdm.conf", e);
	for (size_t i = 0; rc == 0 && files->settings[i] != NULL; i++)
		rc = conf_read(&r, files->settings[i], e);
	netrc_free(&r.netrc);
	free(usual);
	return rc;
}
