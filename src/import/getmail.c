/* getmail.c - what postrider makes of the files in a folder of getmail's. */
#include "import/getmail.h"

#include "base/alloc.h"
#include "import/share.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRIEVER "retriever"
#define DESTINATION "destination"
#define OPTIONS "options"

#define LMTP_PORT 2003

struct reading {
	struct import *im;
	const struct import_files *files;
	struct netrc netrc;
	struct getmail_rc rc; /* the file being read */
	const char *file;
};

/* What stands behind "Simple" and its like. */
enum kind {
	KIND_SIMPLE,
	KIND_BROKEN, /* no unique ids are used */
	KIND_MULTIDROP,
	KIND_OTHER /* not POP3 */
};

static const struct {
	const char *type;
	enum kind kind;
	enum import_tls tls;
} retrievers[] = {
	{ "SimplePOP3Retriever", KIND_SIMPLE, IMPORT_TLS_NONE },
	{ "SimplePOP3SSLRetriever", KIND_SIMPLE, IMPORT_TLS_IMPLICIT },
	{ "BrokenUIDLPOP3Retriever", KIND_BROKEN, IMPORT_TLS_NONE },
	{ "BrokenUIDLPOP3SSLRetriever", KIND_BROKEN, IMPORT_TLS_IMPLICIT },
	{ "MultidropPOP3Retriever", KIND_MULTIDROP, IMPORT_TLS_NONE },
	{ "MultidropPOP3SSLRetriever", KIND_MULTIDROP, IMPORT_TLS_IMPLICIT },
	{ "MultidropSDPSRetriever", KIND_MULTIDROP, IMPORT_TLS_NONE },
	{ "SimpleIMAPRetriever", KIND_OTHER, IMPORT_TLS_NONE },
	{ "SimpleIMAPSSLRetriever", KIND_OTHER, IMPORT_TLS_NONE },
	{ "MultidropIMAPRetriever", KIND_OTHER, IMPORT_TLS_NONE },
	{ "MultidropIMAPSSLRetriever", KIND_OTHER, IMPORT_TLS_NONE },
};

/*
 * What has no counterpart
 */

/* quiet: what it says where it makes no difference, or NULL. */
static const struct {
	const char *section, *key, *quiet, *text;
} unlike[] = {
	{ RETRIEVER, "keyfile", NULL,
	    "there are no certificates of clients; log in by password" },
	{ RETRIEVER, "certfile", NULL,
	    "there are no certificates of clients; log in by password" },
	{ RETRIEVER, "ssl_fingerprints", NULL,
	    "certificates are verified by who signed them; if the server's is "
	    "its own, name it in ca_file" },
	{ RETRIEVER, "ssl_version", NULL, "TLS 1.2 at least is spoken" },
	{ RETRIEVER, "ssl_ciphers", NULL, "the TLS library chooses" },
	{ RETRIEVER, "ssl_cert_hostname", NULL,
	    "the certificate has to have the name of the server" },
	{ RETRIEVER, "delete_dup_msgids", "false",
	    "messages with the same unique id are told apart, and none is "
	    "deleted before it is delivered" },
	{ OPTIONS, "delete_bigger_than", "0",
	    "no message is deleted before it is delivered; see \"max_size\" in "
	    "postrider.conf(5)" },
	{ OPTIONS, "max_bytes_per_session", "0",
	    "fetch_limit, which counts messages, comes near it" },
	{ OPTIONS, "message_log", NULL,
	    "see \"log\" in postrider.conf(5) for where the log goes" },
	{ OPTIONS, "message_log_verbose", "false", "say -v" },
	{ OPTIONS, "message_log_syslog", "false",
	    "log = \"syslog\" in postrider.conf would do the same" },
	{ OPTIONS, "verbose", "1", "say -v or -q" },
	{ OPTIONS, "delivered_to", "false", "no Delivered-To is added" },
	{ OPTIONS, "received", "true", "there always is a Received line" },
	{ OPTIONS, "to_oldmail_on_each_mail", "true", "that is always so" },
	{ OPTIONS, "only_oldmail_file", "false",
	    "\"postrider baseline\" does that" },
	{ OPTIONS, "skip_imap_fetch_size", "false", "is for IMAP" },
	{ OPTIONS, "mark_read", "false", "is for IMAP" },
	{ OPTIONS, "fingerprint", "false",
	    "\"postrider check\" tells what it is" },
};

static void
note_value(struct reading *r, const struct getmail_value *v)
{
	const char *text = "there is no such setting";

	for (size_t i = 0; i < sizeof(unlike) / sizeof(unlike[0]); i++) {
		if (strcmp(unlike[i].section, v->section) != 0 ||
		    strcmp(unlike[i].key, v->key) != 0)
			continue;
		if (unlike[i].quiet != NULL &&
		    strcasecmp(unlike[i].quiet, v->text) == 0)
			return;
		text = unlike[i].text;
	}
	import_note(r->im, r->file, v->line, "%s: %s", v->key, text);
}

/* Of sections that it makes nothing of, it tells once. */
static void
note_rest(struct reading *r)
{
	const struct getmail_rc *rc = &r->rc;

	for (size_t i = 0; i < rc->count; i++) {
		const char *section = rc->list[i].section;

		if (rc->list[i].done ||
		    (strcmp(section, RETRIEVER) != 0 &&
			strcmp(section, OPTIONS) != 0 &&
			strcmp(section, "DEFAULT") != 0))
			continue;
		note_value(r, &rc->list[i]);
	}
	for (size_t i = 0; i < rc->section_count; i++) {
		const struct getmail_section *s = &rc->sections[i];

		if (strncasecmp(s->name, "filter", strlen("filter")) == 0)
			import_note(r->im, r->file, s->line,
			    "[%s]: postrider has no filters", s->name);
		else if (strcmp(s->name, RETRIEVER) != 0 &&
		    strcmp(s->name, DESTINATION) != 0 &&
		    strcmp(s->name, OPTIONS) != 0 &&
		    strcmp(s->name, "DEFAULT") != 0)
			import_note(r->im, r->file, s->line, "[%s] is left out",
			    s->name);
	}
}

/*
 * The server
 */

static unsigned
line_of(const struct reading *r, const char *section, const char *key)
{
	const struct getmail_value *v = getmail_find(&r->rc, section, key);
	const struct getmail_section *s = getmail_section(&r->rc, section);

	return v != NULL ? v->line : s != NULL ? s->line : 0;
}

static int
required(struct reading *r, const char *key, const char **out, struct error *e)
{
	*out = getmail_text(&r->rc, RETRIEVER, key);
	if (*out != NULL && (*out)[0] != '\0')
		return 0;
	return import_error(e, r->file, line_of(r, RETRIEVER, key),
	    "[retriever] has no %s", key);
}

/* Returns the number of the type in the list, or -1. */
static int
retriever_type(struct reading *r, struct error *e)
{
	const char *type;

	if (getmail_section(&r->rc, RETRIEVER) == NULL)
		return import_error(e, r->file, 1,
		    "there is no [retriever], so this is no getmailrc");
	if (required(r, "type", &type, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(retrievers) / sizeof(retrievers[0]); i++)
		if (strcmp(type, retrievers[i].type) == 0)
			return (int)i;
	return import_error(e, r->file, line_of(r, RETRIEVER, "type"),
	    "getmail has no retriever called %s", type);
}

static int
map_tls(struct reading *r, struct import_account *a, struct error *e)
{
	const char *ca = getmail_text(&r->rc, RETRIEVER, "ca_certs");
	const struct getmail_value *v =
	    getmail_find(&r->rc, RETRIEVER, "use_apop");
	bool apop;
	char *path;

	if (getmail_flag(&r->rc, RETRIEVER, "use_apop", false, &apop, e) < 0)
		return -1;
	if (v != NULL && apop)
		import_note(r->im, r->file, v->line,
		    "use_apop: postrider logs in by USER, PLAIN or LOGIN");
	share_clear(r->im, a, line_of(r, RETRIEVER, "type"), apop);
	if (ca != NULL) {
		path = getmail_expand(r->files->home, ca);
		import_account_set_text(a, "ca_file", path);
		free(path);
	} else if (a->tls == IMPORT_TLS_IMPLICIT) {
		import_note(r->im, r->file, line_of(r, RETRIEVER, "type"),
		    "no ca_certs: getmail takes any certificate, postrider "
		    "verifies that of %s; if it is its own, name it in ca_file",
		    a->host);
	}
	return 0;
}

/*
 * Who may log in
 */

static int
map_command(struct reading *r, struct import_account *a, struct error *e)
{
	const char *text = getmail_text(&r->rc, RETRIEVER, "password_command");
	struct getmail_strings words = { 0 };
	struct buffer command = { 0 };
	const char *why;
	int rc;

	if (text == NULL)
		return 0;
	rc = getmail_tuple(text, &words, &why);
	if (rc < 0)
		import_error(e, r->file,
		    line_of(r, RETRIEVER, "password_command"),
		    "password_command: %s", why);
	for (size_t i = 0; rc == 0 && i < words.count; i++) {
		buffer_add_text(&command, i > 0 ? " " : "");
		share_shell_word(&command, words.list[i]);
	}
	if (rc == 0 && command.len > 0)
		import_replace(&a->password_command, command.data);
	buffer_wipe(&command);
	getmail_strings_free(&words);
	return rc;
}

/* Read by getmail after its own file, and stronger. */
static int
netrc_of(struct reading *r, const char *host, const struct netrc_entry **out,
    struct error *e)
{
	const char *file = getmail_text(&r->rc, OPTIONS, "netrc_file");
	struct import_files files = *r->files;
	char *path = NULL;
	bool wanted;

	*out = NULL;
	if (getmail_flag(&r->rc, OPTIONS, "use_netrc", false, &wanted, e) < 0)
		return -1;
	if (!wanted)
		return 0;
	if (files.netrc == NULL && file != NULL && file[0] != '\0')
		files.netrc = path = getmail_expand(files.home, file);
	netrc_free(&r->netrc);
	if (share_netrc(&files, &r->netrc, e) < 0) {
		free(path);
		return -1;
	}
	free(path);
	for (size_t i = 0; i < r->netrc.count && *out == NULL; i++)
		if (r->netrc.list[i].machine != NULL &&
		    strcmp(r->netrc.list[i].machine, host) == 0)
			*out = &r->netrc.list[i];
	for (size_t i = 0; i < r->netrc.count && *out == NULL; i++)
		if (r->netrc.list[i].machine == NULL)
			*out = &r->netrc.list[i];
	return 0;
}

static int
map_password(struct reading *r, struct import_account *a,
    const struct netrc_entry *entry, struct error *e)
{
	const char *password = getmail_text(&r->rc, RETRIEVER, "password");
	bool xoauth2;

	if (getmail_flag(&r->rc, RETRIEVER, "use_xoauth2", false, &xoauth2, e) <
		0 ||
	    map_command(r, a, e) < 0)
		return -1;
	if (entry != NULL && entry->password != NULL)
		password = entry->password;
	if (xoauth2) {
		import_note(r->im, r->file,
		    line_of(r, RETRIEVER, "use_xoauth2"),
		    "use_xoauth2: postrider cannot log in by OAuth2; %s needs "
		    "a password",
		    a->name);
		import_replace(&a->password_command, NULL);
		return 0;
	}
	if (password != NULL) {
		import_replace(&a->password_command, NULL);
		import_replace(&a->password, password);
	} else if (a->password_command == NULL) {
		import_note(r->im, r->file, line_of(r, RETRIEVER, "username"),
		    "no password for %s: name a password_file or a "
		    "password_command, or be asked each time",
		    a->name);
	}
	return 0;
}

/*
 * The mail
 */

static int
map_disposal(struct reading *r, struct import_account *a, struct error *e)
{
	uint64_t days = 0;
	bool delete, all;
	char *keep;

	if (getmail_flag(&r->rc, OPTIONS, "delete", false, &delete, e) < 0 ||
	    getmail_flag(&r->rc, OPTIONS, "read_all", true, &all, e) < 0 ||
	    getmail_number(&r->rc, OPTIONS, "delete_after", 36500, &days, e) <
		0)
		return -1;
	keep = xasprintf("keep %llud", (unsigned long long)days);
	import_account_set_text(a, "after_delivery",
	    delete         ? "delete"
		: days > 0 ? keep
			   : "keep");
	free(keep);
	/* What it has fetched before, getmail deletes, too. */
	if (delete || days > 0)
		import_account_set(a, "delete_seen", "true");
	if (all && !delete)
		import_note(r->im, r->file, line_of(r, OPTIONS, "read_all"),
		    "read_all without delete: getmail fetches all mail of %s "
		    "each time, postrider fetches nothing twice",
		    a->name);
	return 0;
}

static int
map_limits(struct reading *r, struct import_account *a, struct error *e)
{
	uint64_t timeout = 0, size = 0, count = 0;

	if (getmail_number(
		&r->rc, RETRIEVER, "timeout", UINT32_MAX, &timeout, e) < 0 ||
	    getmail_number(&r->rc, OPTIONS, "max_message_size",
		(uint64_t)1 << 40, &size, e) < 0 ||
	    getmail_number(&r->rc, OPTIONS, "max_messages_per_session", 1000000,
		&count, e) < 0)
		return -1;
	if (getmail_find(&r->rc, RETRIEVER, "timeout") != NULL)
		share_timeout(
		    r->im, a, line_of(r, RETRIEVER, "timeout"), timeout);
	if (size > 0)
		share_size(a, "max_size", size);
	if (count > 0)
		share_count(a, "fetch_limit", count);
	return 0;
}

/*
 * The destination
 */

static int
map_lmtp(struct reading *r, struct import_account *a, struct error *e)
{
	const char *host = getmail_text(&r->rc, DESTINATION, "host");
	const char *only = getmail_text(&r->rc, DESTINATION, "override");
	uint64_t port = LMTP_PORT;

	if (host == NULL || host[0] == '\0')
		return import_error(e, r->file, line_of(r, DESTINATION, "host"),
		    "[destination] has no host");
	if (getmail_number(&r->rc, DESTINATION, "port", UINT16_MAX, &port, e) <
	    0)
		return -1;
	a->destination.lmtp = true;
	import_replace(&a->destination.host, host);
	if (host[0] != '/')
		a->destination.port = (uint16_t)port;
	if (only != NULL && only[0] != '\0')
		import_account_recipient(a, only);
	if (getmail_find(&r->rc, DESTINATION, "fallback") != NULL)
		import_note(r->im, r->file, line_of(r, DESTINATION, "fallback"),
		    "fallback: what is refused is held; see \"on_reject\" in "
		    "postrider.conf(5)");
	return 0;
}

static int
map_destination(struct reading *r, struct import_account *a, struct error *e)
{
	const char *type = getmail_text(&r->rc, DESTINATION, "type");
	const char *path = getmail_text(&r->rc, DESTINATION, "path");
	unsigned line = line_of(r, DESTINATION, "type");

	if (type == NULL)
		return import_error(
		    e, r->file, line, "there is no [destination] with a type");
	if (strcmp(type, "MDA_lmtp") == 0)
		return map_lmtp(r, a, e);
	import_note(r->im, r->file, line,
	    "%s%s%s: postrider delivers by SMTP or LMTP only; %s needs "
	    "--destination",
	    type, path != NULL ? " " : "", path != NULL ? path : "", a->name);
	return 0;
}

/*
 * What was fetched
 */

static int
oldmail_read(struct import_account *a, const char *file, struct error *e)
{
	struct buffer text = { 0 };
	int rc = import_file(file, IMPORT_SEEN_MAX, &text, e);

	if (rc == 0)
		rc = getmail_oldmail(a, file, buffer_slice(&text), e);
	import_replace(&a->seen.file, file);
	buffer_free(&text);
	return rc;
}

static char *
folder_usual(const struct import_files *files)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	char *folder = config != NULL && config[0] != '\0'
	    ? xasprintf("%s/getmail", config)
	    : xasprintf("%s/.config/getmail", files->home);

	if (!share_is_folder(folder)) {
		free(folder);
		folder = xasprintf("%s/.getmail", files->home);
	}
	return folder;
}

static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return slash == path ? xstrdup("/")
			     : xstrndup(path, (size_t)(slash - path));
}

/* In the folder of the file, or where getmail looks by itself. */
static char *
oldmail_path(const struct reading *r, const char *name)
{
	char *folder = folder_of(r->file);
	char *path = xasprintf("%s/%s", folder, name);
	char *usual;

	free(folder);
	if (share_is_file(path))
		return path;
	usual = folder_usual(r->files);
	free(path);
	path = xasprintf("%s/%s", usual, name);
	free(usual);
	return path;
}

/*
 * --seen names files, whose names tell whose they are, or folders of such, or
 * for one account one file.
 */
static char *
oldmail_named(const struct reading *r, const char *name)
{
	for (size_t i = 0; r->files->seen[i] != NULL; i++) {
		const char *path = r->files->seen[i];
		const char *slash = strrchr(path, '/');
		char *inside;

		if (strcmp(slash != NULL ? slash + 1 : path, name) == 0)
			return xstrdup(path);
		if (!share_is_folder(path))
			continue;
		inside = xasprintf("%s/%s", path, name);
		if (share_is_file(inside))
			return inside;
		free(inside);
	}
	if (r->files->seen[0] != NULL && r->files->seen[1] == NULL &&
	    !share_is_folder(r->files->seen[0]) &&
	    r->files->settings[0] != NULL && r->files->settings[1] == NULL &&
	    !share_is_folder(r->files->settings[0]))
		return xstrdup(r->files->seen[0]);
	return NULL;
}

static int
map_seen(struct reading *r, struct import_account *a, enum kind kind,
    uint16_t port, struct error *e)
{
	char *name = getmail_oldmail_name(a->host, port, a->user);
	char *path;
	int rc = 0;

	if (kind == KIND_BROKEN) {
		import_note(r->im, r->file, line_of(r, RETRIEVER, "type"),
		    "BrokenUIDL: of what getmail has fetched nothing is known; "
		    "\"postrider baseline %s\" has all that is there count as "
		    "seen",
		    a->name);
		free(name);
		return 0;
	}
	path = r->files->seen[0] != NULL ? oldmail_named(r, name)
					 : oldmail_path(r, name);
	if (path != NULL && share_is_file(path))
		rc = oldmail_read(a, path, e);
	else
		import_note(r->im, r->file, line_of(r, RETRIEVER, "server"),
		    "there is no %s: all that is in the mailbox counts as "
		    "new; if it is elsewhere, say --seen FILE",
		    name);
	free(path);
	free(name);
	return rc;
}

/*
 * Accounts
 */

/* By its file, but for that which most people have. */
static void
account_name(struct reading *r, struct import_account *a)
{
	const char *slash = strrchr(r->file, '/');
	const char *base = slash != NULL ? slash + 1 : r->file;

	import_account_name(
	    r->im, a, strcmp(base, "getmailrc") == 0 ? a->host : base);
}

static int
account_fill(struct reading *r, struct import_account *a, enum kind kind,
    const struct netrc_entry *entry, struct error *e)
{
	uint16_t port = a->port;

	if (a->port == share_usual_port(a->tls))
		a->port = 0;
	account_name(r, a);
	if (map_tls(r, a, e) < 0 || map_password(r, a, entry, e) < 0 ||
	    map_disposal(r, a, e) < 0 || map_limits(r, a, e) < 0 ||
	    map_destination(r, a, e) < 0)
		return -1;
	if (kind == KIND_MULTIDROP) {
		(void)getmail_text(&r->rc, RETRIEVER, "envelope_recipient");
		import_note(r->im, r->file, line_of(r, RETRIEVER, "type"),
		    "it is multidrop: getmail asks the header of each message "
		    "who gets it, from postrider all go to the recipients of "
		    "%s",
		    a->name);
	}
	note_rest(r);
	return map_seen(r, a, kind, port, e);
}

/* Of the mailbox; what cannot be one is noted. */
static int
account_make(struct reading *r, struct error *e)
{
	int type = retriever_type(r, e);
	const char *host, *user;
	const struct netrc_entry *entry;
	const struct import_account *other;
	struct import_account *a;
	uint64_t port;

	if (type < 0)
		return -1;
	if (retrievers[type].kind == KIND_OTHER) {
		import_note(r->im, r->file, line_of(r, RETRIEVER, "type"),
		    "%s is not imported: postrider fetches by POP3 only",
		    retrievers[type].type);
		return 0;
	}
	port = share_usual_port(retrievers[type].tls);
	if (required(r, "server", &host, e) < 0 ||
	    getmail_number(&r->rc, RETRIEVER, "port", UINT16_MAX, &port, e) <
		0 ||
	    netrc_of(r, host, &entry, e) < 0)
		return -1;
	user = getmail_text(&r->rc, RETRIEVER, "username");
	if (entry != NULL && entry->login != NULL)
		user = entry->login;
	else if (required(r, "username", &user, e) < 0)
		return -1;
	if (port == 0)
		return import_error(
		    e, r->file, line_of(r, RETRIEVER, "port"), "0 is no port");
	other = share_mailbox(r->im, host, (uint16_t)port, user);
	if (other != NULL) {
		import_note(r->im, r->file, line_of(r, RETRIEVER, "type"),
		    "%s at %s is not imported again: %s has it, and one "
		    "mailbox has one account (with as many recipients as you "
		    "like)",
		    user, host, other->file);
		return 0;
	}
	a = import_account_add(r->im, r->file, line_of(r, RETRIEVER, "type"));
	import_replace(&a->host, host);
	import_replace(&a->user, user);
	a->tls = retrievers[type].tls;
	a->port = (uint16_t)port;
	return account_fill(r, a, retrievers[type].kind, entry, e);
}

/*
 * Files
 */

static int
rc_read(struct reading *r, const char *file, struct error *e)
{
	struct buffer text = { 0 };
	int rc = share_settings(file, &text, e);

	r->file = file;
	if (rc == 0)
		rc = getmail_parse(&r->rc, file, buffer_slice(&text), e);
	if (rc == 0)
		rc = account_make(r, e);
	getmail_rc_free(&r->rc);
	netrc_free(&r->netrc);
	buffer_wipe(&text);
	return rc;
}

/* As getmail chooses them. */
static bool
may_be_rc(const char *name)
{
	static const char state[] = "oldmail-", json[] = ".json";
	size_t n = strlen(name);

	return name[0] != '.' && strncmp(name, state, strlen(state)) != 0 &&
	    (n < strlen(json) || strcmp(name + n - strlen(json), json) != 0);
}

/* What lies beside them need not be one. */
static bool
has_retriever(const char *path)
{
	static const char mark[] = "[" RETRIEVER "]";
	struct buffer text = { 0 };
	struct error ignored = { 0 };
	bool has;

	if (import_file(path, IMPORT_SETTINGS_MAX, &text, &ignored) < 0) {
		buffer_wipe(&text);
		return true; /* whoever reads it again says why not */
	}
	has = text.len > 0 &&
	    memmem(text.data, text.len, mark, strlen(mark)) != NULL;
	buffer_wipe(&text);
	return has;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The paths of files in a folder that may be some, sorted. */
static void
folder_list(const char *folder, DIR *dir, struct getmail_strings *out)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		char *path = xasprintf("%s/%s", folder, entry->d_name);

		if (may_be_rc(entry->d_name) && share_is_file(path)) {
			out->list =
			    xrealloc(out->list, out->count + 1, sizeof(char *));
			out->list[out->count++] = path;
		} else {
			free(path);
		}
	}
	if (out->count > 0)
		qsort(out->list, out->count, sizeof(char *), by_name);
}

static int
folder_read(struct reading *r, const char *folder, struct error *e)
{
	DIR *dir = opendir(folder);
	struct getmail_strings paths = { 0 };
	size_t found = 0;
	int rc = 0;

	if (dir == NULL)
		return error_set(e, ERR_CONFIG,
		    "%s: it cannot be read; name the files of getmail's "
		    "settings",
		    folder);
	folder_list(folder, dir, &paths);
	closedir(dir);
	for (size_t i = 0; rc == 0 && i < paths.count; i++) {
		if (!has_retriever(paths.list[i])) {
			import_note(r->im, paths.list[i], 0,
			    "there is no [retriever] in it, so it is no "
			    "getmailrc");
			continue;
		}
		found++;
		rc = rc_read(r, paths.list[i], e);
	}
	if (rc == 0 && found == 0)
		rc = error_set(e, ERR_CONFIG,
		    "%s: there is no getmailrc in this folder", folder);
	getmail_strings_free(&paths);
	return rc;
}

int
import_getmail(
    struct import *im, const struct import_files *files, struct error *e)
{
	struct reading r = { .im = im, .files = files };
	char *usual;
	int rc = 0;

	if (files->settings[0] == NULL) {
		usual = folder_usual(files);
		rc = folder_read(&r, usual, e);
		free(usual);
	}
	for (size_t i = 0; rc == 0 && files->settings[i] != NULL; i++) {
		if (share_is_folder(files->settings[i]))
			rc = folder_read(&r, files->settings[i], e);
		else
			rc = rc_read(&r, files->settings[i], e);
	}
	return rc;
}
