/* fetchmail.c - what postrider makes of a .fetchmailrc and its .fetchids. */
#include "import/fetchmail.h"

#include "base/alloc.h"
#include "base/host.h"
#include "base/text.h"
#include "import/netrc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What `timeout` and `every` may be (postrider.conf(5)), in seconds. */
#define TIMEOUT_MAX 3600
#define EVERY_MIN 10
#define EVERY_MAX (30 * 24 * 3600)

struct reading {
	struct import *im;
	const struct import_files *files;
	struct netrc netrc;
	struct fetchmail_rc rc; /* of the file being read */
	struct fetchmail_key *keys; /* of its accounts */
	size_t key_count;
};

/*
 * What has no counterpart
 */

/* Of a flag: which way it is worth a word. */
enum when {
	WHEN_GIVEN,
	WHEN_ON,
	WHEN_OFF
};

static const struct {
	enum fetchmail_option option;
	enum when when;
	const char *text;
} unlike[] = {
	{ FM_LOGFILE, WHEN_GIVEN,
	    "see \"log\" in postrider.conf(5) for where the log goes" },
	{ FM_PIDFILE, WHEN_GIVEN, "there is none, and none is needed" },
	{ FM_POSTMASTER, WHEN_GIVEN,
	    "see \"on_reject\" in postrider.conf(5) for who gets what is "
	    "refused" },
	{ FM_BOUNCEMAIL, WHEN_GIVEN,
	    "what is refused is held; see \"on_reject\" in postrider.conf(5)" },
	{ FM_SPAMBOUNCE, WHEN_ON,
	    "what is refused is held; see \"on_reject\" in postrider.conf(5)" },
	{ FM_SOFTBOUNCE, WHEN_OFF,
	    "what is refused is held, never deleted unseen; see \"on_reject\" "
	    "in postrider.conf(5)" },
	{ FM_SYSLOG, WHEN_ON,
	    "log = \"syslog\" in postrider.conf would do the same" },
	{ FM_INVISIBLE, WHEN_ON, "there always is a Received line" },
	{ FM_SHOWDOTS, WHEN_ON, "there are no dots in a log" },

	{ FM_IDLETIMEOUT, WHEN_GIVEN, "is for IMAP" },
	{ FM_ENVELOPE, WHEN_GIVEN, "is for multidrop mailboxes" },
	{ FM_QVIRTUAL, WHEN_GIVEN, "is for multidrop mailboxes" },
	{ FM_AKA, WHEN_GIVEN, "is for multidrop mailboxes" },
	{ FM_LOCALDOMAINS, WHEN_GIVEN, "is for multidrop mailboxes" },
	{ FM_DNS, WHEN_OFF, "is for multidrop mailboxes" },
	{ FM_CHECKALIAS, WHEN_ON, "is for multidrop mailboxes" },
	{ FM_INTERFACE, WHEN_GIVEN,
	    "postrider polls through whatever network there is" },
	{ FM_MONITOR, WHEN_GIVEN,
	    "postrider polls through whatever network there is" },
	{ FM_PLUGIN, WHEN_GIVEN,
	    "postrider runs no such command, but connects to the server "
	    "itself" },
	{ FM_PLUGOUT, WHEN_GIVEN,
	    "postrider runs no such command, but connects to the destination "
	    "itself" },
	{ FM_PRINCIPAL, WHEN_GIVEN, "there is no Kerberos" },
	{ FM_TRACEPOLLS, WHEN_ON,
	    "the Received line has an id of the message instead" },
	{ FM_RETRIEVEERROR, WHEN_GIVEN,
	    "a message that cannot be read is tried again by itself" },

	{ FM_PASSWORDFD, WHEN_GIVEN,
	    "name a password_file or a password_command instead" },
	{ FM_FOLDER, WHEN_GIVEN, "POP3 has no folders" },
	{ FM_FETCHDOMAINS, WHEN_GIVEN, "is for ETRN and ODMR" },
	{ FM_ANTISPAM, WHEN_GIVEN,
	    "what is refused is held; see \"on_reject\" in postrider.conf(5)" },
	{ FM_PRECONNECT, WHEN_GIVEN,
	    "is not run; what it sets up has to be there before a poll" },
	{ FM_POSTCONNECT, WHEN_GIVEN,
	    "is not run; see \"on_mail\" in postrider.conf(5)" },
	{ FM_LIMITFLUSH, WHEN_ON,
	    "a message that is too large is held, not deleted" },
	{ FM_REWRITE, WHEN_ON, "messages are passed on as they are" },
	{ FM_DROPSTATUS, WHEN_ON, "messages are passed on as they are" },
	{ FM_DROPDELIVERED, WHEN_ON, "messages are passed on as they are" },
	{ FM_MIMEDECODE, WHEN_ON, "messages are passed on as they are" },
	{ FM_IDLE, WHEN_ON, "is for IMAP" },
	{ FM_FORCEIDLE, WHEN_ON, "is for IMAP" },
	{ FM_SSLKEY, WHEN_GIVEN,
	    "there are no certificates of clients; log in by password" },
	{ FM_SSLCERT, WHEN_GIVEN,
	    "there are no certificates of clients; log in by password" },
	{ FM_SSLCERTCK, WHEN_OFF,
	    "certificates are always verified; if the server's is its own, "
	    "name it in ca_file" },
	{ FM_SSLCERTPATH, WHEN_GIVEN,
	    "put the certificates into one file, and name it in ca_file" },
	{ FM_SSLCOMMONNAME, WHEN_GIVEN,
	    "the certificate has to have the name of the server" },
	{ FM_SSLFINGERPRINT, WHEN_GIVEN,
	    "certificates are verified by who signed them" },
	{ FM_WARNINGS, WHEN_ON, "\"postrider held\" lists what is too large" },
	{ FM_BATCHLIMIT, WHEN_ON,
	    "max_messages of the destination would do the same" },
	{ FM_FETCHSIZELIMIT, WHEN_GIVEN, "is not needed" },
	{ FM_FASTUIDL, WHEN_GIVEN, "is not needed" },
	{ FM_EXPUNGE, WHEN_GIVEN, "is not needed" },
	{ FM_PROPERTIES, WHEN_GIVEN, "nothing is made of them" },
};

static void
note_value(struct reading *r, const struct fetchmail_value *v)
{
	/* "no envelope" */
	bool nothing = v->option == FM_ENVELOPE && v->count == 0;

	for (size_t i = 0; i < sizeof(unlike) / sizeof(unlike[0]); i++) {
		if (unlike[i].option != v->option || nothing)
			continue;
		if ((unlike[i].when == WHEN_ON && v->number == 0) ||
		    (unlike[i].when == WHEN_OFF && v->number != 0))
			continue;
		import_note(r->im, r->rc.file, v->line, "%s%s: %s",
		    unlike[i].when == WHEN_OFF ? "no " : "",
		    fetchmail_options[v->option].name, unlike[i].text);
	}
}

static void
note_values(struct reading *r, const struct fetchmail_scope_values *s)
{
	for (size_t i = 0; i < s->count; i++)
		note_value(r, &s->list[i]);
}

/*
 * The server
 */

static const char *
text_of(const struct reading *r, const struct fetchmail_user *u,
    enum fetchmail_option option)
{
	return fetchmail_text(&r->rc, u, option);
}

static bool
is_on(const struct reading *r, const struct fetchmail_user *u,
    enum fetchmail_option option)
{
	return fetchmail_number(&r->rc, u, option, 0) != 0;
}

/* Where a setting stands, or else the user it is one of. */
static unsigned
line_of(const struct reading *r, const struct fetchmail_user *u,
    enum fetchmail_option option)
{
	const struct fetchmail_value *v = fetchmail_value(&r->rc, u, option);

	return v != NULL ? v->line : u->line;
}

/* The host that is asked; the name of the entry is only that. */
static const char *
host_of(const struct reading *r, const struct fetchmail_user *u)
{
	const char *via = text_of(r, u, FM_VIA);

	return via != NULL ? via : r->rc.servers[u->server].name;
}

/* A port, or the name of one. Returns 0 when it is neither. */
static uint16_t
port_of(const char *service)
{
	static const struct {
		const char *name;
		uint16_t port;
	} usual[] = { { "pop3", 110 }, { "pop-3", 110 }, { "pop3s", 995 },
		{ "smtp", 25 }, { "submission", 587 } };
	struct servent *known;
	uint64_t port;

	if (text_u64(slice_of(service), UINT16_MAX, &port) == 0)
		return (uint16_t)port;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strcmp(service, usual[i].name) == 0)
			return usual[i].port;
	known = getservbyname(service, "tcp");
	return known != NULL ? ntohs((uint16_t)known->s_port) : 0;
}

static int
map_port(struct reading *r, const struct fetchmail_user *u,
    struct import_account *a, struct error *e)
{
	const char *service = text_of(r, u, FM_SERVICE);

	if (service == NULL)
		return 0;
	a->port = port_of(service);
	if (a->port == 0)
		return import_error(e, r->rc.file, line_of(r, u, FM_SERVICE),
		    "\"%s\" is no port, nor the name of one", service);
	return 0;
}

/* fetchmail takes what it gets; what is protected is never done without here. */
static void
map_tls(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	const char *mode = text_of(r, u, FM_SSLMODE);
	const char *proto = text_of(r, u, FM_SSLPROTO);
	bool clear = (mode != NULL && strcmp(mode, "none") == 0) ||
	    (mode == NULL && proto != NULL && proto[0] == '\0');

	if (is_on(r, u, FM_SSL) ||
	    (mode != NULL && strcmp(mode, "wrapped") == 0)) {
		a->tls = IMPORT_TLS_IMPLICIT;
	} else if (host_is_loopback(a->host)) {
		a->tls = IMPORT_TLS_NONE;
	} else if (clear) {
		a->tls = IMPORT_TLS_NONE;
		import_account_set(a, "allow_cleartext", "true");
		import_note(r->im, r->rc.file,
		    line_of(r, u, mode != NULL ? FM_SSLMODE : FM_SSLPROTO),
		    "without TLS everybody on the way can read the password "
		    "and the mail of %s",
		    a->name);
	} else {
		a->tls = IMPORT_TLS_STARTTLS;
		if (mode == NULL && proto == NULL)
			import_note(r->im, r->rc.file, u->line,
			    "no ssl: postrider insists on STARTTLS with %s, "
			    "which fetchmail can do without",
			    a->host);
	}
	if (proto != NULL &&
	    (strcasecmp(proto, "ssl2") == 0 || strcasecmp(proto, "ssl3") == 0 ||
		strcasecmp(proto, "ssl3+") == 0 ||
		strcasecmp(proto, "ssl23") == 0 ||
		strcasecmp(proto, "tls1") == 0 ||
		strcasecmp(proto, "tls1.1") == 0))
		import_note(r->im, r->rc.file, line_of(r, u, FM_SSLPROTO),
		    "sslproto %s: TLS 1.2 at least is spoken", proto);
	if (text_of(r, u, FM_SSLCERTFILE) != NULL)
		import_account_set_text(
		    a, "ca_file", text_of(r, u, FM_SSLCERTFILE));
}

static void
map_auth(struct reading *r, const struct fetchmail_user *u)
{
	const char *auth = text_of(r, u, FM_AUTH);
	const char *protocol = text_of(r, u, FM_PROTOCOL);

	if (auth != NULL && strcmp(auth, "any") != 0 &&
	    strcmp(auth, "password") != 0)
		import_note(r->im, r->rc.file, line_of(r, u, FM_AUTH),
		    "auth %s: postrider logs in by USER, PLAIN or LOGIN", auth);
	if (protocol != NULL && strcmp(protocol, "APOP") == 0)
		import_note(r->im, r->rc.file, line_of(r, u, FM_PROTOCOL),
		    "protocol APOP: postrider logs in by USER, PLAIN or LOGIN");
}

static void
map_timeout(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	int64_t timeout = fetchmail_number(&r->rc, u, FM_TIMEOUT, 0);
	char text[TEXT_UNIT];

	if (timeout <= 0)
		return;
	if (timeout > TIMEOUT_MAX) {
		import_note(r->im, r->rc.file, line_of(r, u, FM_TIMEOUT),
		    "timeout %lld: one hour is the longest there is",
		    (long long)timeout);
		timeout = TIMEOUT_MAX;
	}
	import_account_set_text(
	    a, "timeout", text_from_duration(timeout, text));
}

static void
map_every(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	int64_t daemon = fetchmail_number(&r->rc, NULL, FM_DAEMON, 0);
	int64_t interval = fetchmail_number(&r->rc, u, FM_INTERVAL, 0);
	int64_t wanted = daemon * (interval > 0 ? interval : 1);
	int64_t every = wanted;
	char text[TEXT_UNIT];

	if (daemon <= 0 && interval > 0)
		import_note(r->im, r->rc.file, line_of(r, u, FM_INTERVAL),
		    "interval: see \"every\" in postrider.conf(5), which is "
		    "a time");
	if (daemon <= 0)
		return;
	if (every < EVERY_MIN)
		every = EVERY_MIN;
	if (every > EVERY_MAX)
		every = EVERY_MAX;
	if (every != wanted)
		import_note(r->im, r->rc.file,
		    fetchmail_value(&r->rc, NULL, FM_DAEMON)->line,
		    "daemon: %s is polled every %s instead", a->name,
		    text_from_duration(every, text));
	import_account_set_text(a, "every", text_from_duration(every, text));
}

/*
 * The mail
 */

static void
map_disposal(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	bool keep = is_on(r, u, FM_KEEP);
	bool flush = is_on(r, u, FM_FLUSH);

	import_account_set_text(a, "after_delivery", keep ? "keep" : "delete");
	if (flush && !keep)
		import_account_set(a, "delete_seen", "true");
	if (flush && keep)
		import_note(r->im, r->rc.file, line_of(r, u, FM_FLUSH),
		    "flush with keep: after_delivery = \"keep 1d\" comes near "
		    "it, \"keep\" is what %s gets",
		    a->name);
	if (is_on(r, u, FM_FETCHALL) && keep)
		import_note(r->im, r->rc.file, line_of(r, u, FM_FETCHALL),
		    "fetchall with keep: nothing is fetched twice");
}

static void
map_limits(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	int64_t size = fetchmail_number(&r->rc, u, FM_LIMIT, 0);
	int64_t count = fetchmail_number(&r->rc, u, FM_FETCHLIMIT, 0);
	char text[TEXT_UNIT];
	char *digits;

	if (size > 0)
		import_account_set_text(
		    a, "max_size", text_from_size((uint64_t)size, text));
	if (count > 0) {
		digits = xasprintf("%lld", (long long)count);
		import_account_set(a, "fetch_limit", digits);
		free(digits);
	}
}

/*
 * The destination
 */

/* "HOST" or "HOST/PORT"; "/PATH" is a socket, where LMTP is spoken. */
static int
map_host(struct reading *r, const struct fetchmail_user *u,
    struct import_account *a, const char *host, struct error *e)
{
	struct import_destination *d = &a->destination;
	const char *slash = strrchr(host, '/');
	unsigned line = line_of(r, u, FM_SMTPHOST);

	d->lmtp = is_on(r, u, FM_LMTP) || host[0] == '/';
	if (host[0] == '/') {
		import_replace(&d->host, host);
		return 0;
	}
	free(d->host);
	d->host = xstrndup(
	    host, slash != NULL ? (size_t)(slash - host) : strlen(host));
	if (slash != NULL) {
		d->port = port_of(slash + 1);
		if (d->port == 0)
			return import_error(e, r->rc.file, line,
			    "\"%s\" is no port, nor the name of one",
			    slash + 1);
	}
	if (d->lmtp && d->port == 0)
		return import_error(e, r->rc.file, line_of(r, u, FM_LMTP),
		    "lmtp needs an smtphost with a port: \"HOST/PORT\"");
	return 0;
}

static int
map_destination(struct reading *r, const struct fetchmail_user *u,
    struct import_account *a, struct error *e)
{
	const struct fetchmail_value *hosts =
	    fetchmail_value(&r->rc, u, FM_SMTPHOST);
	enum fetchmail_option instead =
	    text_of(r, u, FM_BSMTP) != NULL ? FM_BSMTP : FM_MDA;
	const char *password = text_of(r, u, FM_ESMTPPASSWORD);
	const char *user = text_of(r, u, FM_ESMTPNAME);

	if (text_of(r, u, instead) != NULL) {
		import_note(r->im, r->rc.file, line_of(r, u, instead),
		    "%s: postrider delivers by SMTP or LMTP only; %s needs "
		    "--destination",
		    fetchmail_options[instead].name, a->name);
		return 0;
	}
	if (map_host(r, u, a, hosts != NULL ? hosts->list[0].text : "localhost",
		e) < 0)
		return -1;
	if (hosts != NULL && hosts->count > 1)
		import_note(r->im, r->rc.file, hosts->line,
		    "smtphost: only the first of %zu is taken", hosts->count);
	if (password != NULL) {
		import_replace(
		    &a->destination.user, user != NULL ? user : r->files->user);
		import_replace(&a->destination.password, password);
	}
	return 0;
}

/* What stands behind the '@' where a name has none. */
static char *
domain_of(const struct reading *r, const struct fetchmail_user *u,
    const struct import_account *a)
{
	const char *domain = text_of(r, u, FM_SMTPADDRESS);
	const char *host = a->destination.host;
	struct in6_addr v6;

	if (domain != NULL)
		return xstrdup(domain);
	if (host == NULL || host[0] == '/')
		return xstrdup("localhost");
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return xasprintf("[IPv6:%s]", host);
	return xstrdup(host);
}

/* The one to whom fetchmail sends: of a mapping what stands before the '='. */
static void
map_recipient(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	const char *local = text_of(r, u, FM_LOCALNAMES);
	const char *fixed = text_of(r, u, FM_SMTPNAME);
	char *domain, *address;

	if (fixed != NULL) {
		import_account_recipient(a, fixed);
		return;
	}
	if (local == NULL) {
		local = r->files->user;
		import_note(r->im, r->rc.file, u->line,
		    "no \"is\": the mail of %s goes to %s, who runs this",
		    a->name, local);
	}
	if (strchr(local, '@') != NULL) {
		import_account_recipient(a, local);
		return;
	}
	domain = domain_of(r, u, a);
	address = xasprintf("%s@%s", local, domain);
	import_account_recipient(a, address);
	free(address);
	free(domain);
}

/*
 * Who may log in
 */

static const char *
user_of(const struct reading *r, const struct fetchmail_user *u)
{
	const char *user = text_of(r, u, FM_REMOTE);

	return user != NULL ? user : r->files->user;
}

static void
map_password(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	const char *name = r->rc.servers[u->server].name;
	const char *password = text_of(r, u, FM_PASSWORD);

	if (password == NULL && text_of(r, u, FM_PASSWORDFILE) != NULL) {
		import_account_set_text(
		    a, "password_file", text_of(r, u, FM_PASSWORDFILE));
		return;
	}
	if (password == NULL && text_of(r, u, FM_PASSWORDEVAL) != NULL) {
		import_replace(
		    &a->password_command, text_of(r, u, FM_PASSWORDEVAL));
		return;
	}
	if (password == NULL)
		password = netrc_password(&r->netrc, name, a->user);
	if (password == NULL)
		password = netrc_password(&r->netrc, a->host, a->user);
	if (password != NULL)
		import_replace(&a->password, password);
	else
		import_note(r->im, r->rc.file, u->line,
		    "no password for %s: name a password_file or a "
		    "password_command, or be asked each time",
		    a->name);
}

/*
 * Accounts
 */

/* Why there can be no account for it, or NULL. */
static const char *
obstacle(struct reading *r, const struct fetchmail_user *u)
{
	const char *protocol = text_of(r, u, FM_PROTOCOL);
	const struct fetchmail_value *names =
	    fetchmail_value(&r->rc, u, FM_LOCALNAMES);

	if (r->rc.servers[u->server].skip)
		return "\"skip\": fetchmail polls it only when it is named";
	if (protocol != NULL && strcmp(protocol, "auto") != 0 &&
	    strcmp(protocol, "POP3") != 0 && strcmp(protocol, "APOP") != 0 &&
	    strcmp(protocol, "SDPS") != 0)
		return "postrider fetches by POP3 only";
	if (is_on(r, u, FM_WILDCARD) || (names != NULL && names->count > 1))
		return "it is multidrop: fetchmail guesses from the header of "
		       "each message who gets it, which postrider does not do";
	return NULL;
}

/* Another entry that fetches from this mailbox, or NULL. */
static const struct import_account *
account_of(const struct reading *r, const struct import_account *a)
{
	for (size_t i = 0; i < r->im->account_count; i++) {
		const struct import_account *other = r->im->accounts[i];

		if (other != a && strcmp(other->user, a->user) == 0 &&
		    strcasecmp(other->host, a->host) == 0 &&
		    other->port == a->port)
			return other;
	}
	return NULL;
}

/* Is there no other entry of the server's name? */
static bool
is_only_one(
    const struct fetchmail_rc *rc, const struct fetchmail_server *server)
{
	for (size_t i = 0; i < rc->server_count; i++)
		if (&rc->servers[i] != server &&
		    strcmp(rc->servers[i].name, server->name) == 0)
			return false;
	return true;
}

static void
account_name(
    struct reading *r, const struct fetchmail_user *u, struct import_account *a)
{
	const struct fetchmail_server *s = &r->rc.servers[u->server];
	char *name;

	if (s->users == 1 && is_only_one(&r->rc, s))
		name = xstrdup(s->name);
	else if (strchr(a->user, '@') != NULL)
		name = xstrdup(a->user);
	else
		name = xasprintf("%s@%s", a->user, s->name);
	import_account_name(r->im, a, name);
	free(name);
}

static void
note_probing(struct reading *r, const struct fetchmail_user *u,
    const struct import_account *a)
{
	const char *protocol = text_of(r, u, FM_PROTOCOL);

	if (protocol == NULL || strcmp(protocol, "auto") == 0)
		import_note(r->im, r->rc.file, u->line,
		    "no protocol: fetchmail tries IMAP first, and of what came "
		    "by IMAP nothing is known; \"postrider baseline %s\" has "
		    "all that is there count as seen",
		    a->name);
}

static int
account_make(struct reading *r, const struct fetchmail_user *u, struct error *e)
{
	const char *why = obstacle(r, u);
	const struct import_account *other;
	struct import_account *a;

	if (why != NULL) {
		import_note(r->im, r->rc.file, u->line,
		    "%s at %s is not imported: %s", user_of(r, u),
		    host_of(r, u), why);
		return 0;
	}
	a = import_account_add(r->im, r->rc.file, u->line);
	import_replace(&a->host, host_of(r, u));
	import_replace(&a->user, user_of(r, u));
	if (map_port(r, u, a, e) < 0)
		return -1;
	other = account_of(r, a);
	if (other != NULL) {
		import_note(r->im, r->rc.file, u->line,
		    "%s at %s is not imported again: %s:%u has it, and one "
		    "mailbox has one account (with as many recipients as you "
		    "like)",
		    a->user, a->host, other->file, other->line);
		import_account_drop(r->im);
		return 0;
	}
	account_name(r, u, a);
	map_tls(r, u, a);
	map_auth(r, u);
	map_password(r, u, a);
	map_timeout(r, u, a);
	map_every(r, u, a);
	map_disposal(r, u, a);
	map_limits(r, u, a);
	if (map_destination(r, u, a, e) < 0)
		return -1;
	map_recipient(r, u, a);
	note_probing(r, u, a);
	r->keys[r->key_count++] = (struct fetchmail_key){
		.user = a->user, .host = a->host, .account = a
	};
	return 0;
}

static int
accounts_make(struct reading *r, struct error *e)
{
	size_t noted = SIZE_MAX; /* the server whose options were told of */

	r->keys = xcalloc(r->rc.user_count + 1, sizeof(*r->keys));
	note_values(r, &r->rc.globals);
	note_values(r, &r->rc.defaults.values);
	note_values(r, &r->rc.default_user);
	for (size_t i = 0; i < r->rc.user_count; i++) {
		const struct fetchmail_user *u = &r->rc.users[i];
		size_t before = r->im->account_count;

		if (account_make(r, u, e) < 0)
			return -1;
		if (r->im->account_count == before)
			continue;
		if (u->server != noted)
			note_values(r, &r->rc.servers[u->server].values);
		noted = u->server;
		note_values(r, &u->values);
	}
	qsort(r->keys, r->key_count, sizeof(*r->keys), fetchmail_key_compare);
	return 0;
}

/*
 * Files
 */

/* In the first of these folders that there is: as fetchmail looks for them. */
static char *
usual_place(const struct reading *r, const char *own, const char *name)
{
	const char *folder = getenv("FETCHMAILHOME");

	if (folder != NULL && folder[0] != '\0' && own != NULL)
		return xasprintf("%s/%s", folder, own);
	folder = getenv("HOME_ETC");
	if (folder == NULL || folder[0] == '\0')
		folder = r->files->home;
	return xasprintf("%s/%s", folder, name);
}

/*
 * One list that several mailboxes have is told of where it begins. Two of them
 * may list the same unique id, and one of these was never fetched: it is not to
 * be deleted.
 */
static void
share_list(struct reading *r, const char *file, size_t first, size_t end)
{
	const struct fetchmail_key *key = &r->keys[first];
	struct buffer names = { 0 };

	for (size_t i = first; i < end; i++) {
		struct import_account *a = r->keys[i].account;

		buffer_addf(&names, "%s%s", i > first ? ", " : "", a->name);
		import_account_set(a, "delete_seen", "false");
	}
	import_note(r->im, file, key->line,
	    "%s@%s is what fetchmail calls several mailboxes: its unique ids "
	    "count as seen in each of %s, and what counts as seen is not "
	    "deleted there",
	    key->user, key->host, names.data);
	buffer_free(&names);
}

static void
share_lists(struct reading *r, const char *file)
{
	size_t end;

	for (size_t i = 0; i < r->key_count; i = end) {
		for (end = i + 1; end < r->key_count &&
		     fetchmail_key_compare(&r->keys[i], &r->keys[end]) == 0;
		     end++)
			;
		if (end > i + 1 && r->keys[i].line > 0)
			share_list(r, file, i, end);
	}
}

static int
ids_read(struct reading *r, const char *file, struct error *e)
{
	struct buffer text = { 0 };
	size_t others;
	int rc = import_file(file, IMPORT_SEEN_MAX, &text, e);

	if (rc == 0)
		rc = fetchmail_ids(file, buffer_slice(&text), r->keys,
		    r->key_count, &others, e);
	if (rc == 0 && others > 0)
		import_note(r->im, file, 0,
		    "%zu unique id%s of other mailboxes: left out", others,
		    others == 1 ? "" : "s");
	if (rc == 0)
		share_lists(r, file);
	buffer_free(&text);
	for (size_t i = 0; i < r->key_count; i++)
		import_replace(&r->keys[i].account->seen.file, file);
	return rc;
}

/* fetchmail removes the file when there is nothing to be remembered. */
static int
ids_of_rc(struct reading *r, struct error *e)
{
	const char *said = fetchmail_text(&r->rc, NULL, FM_IDFILE);
	char *file = said != NULL ? import_path(r->files->home, said)
				  : usual_place(r, ".fetchids", ".fetchids");
	int rc = 0;

	if (access(file, F_OK) == 0 || errno != ENOENT)
		rc = ids_read(r, file, e);
	else if (r->key_count > 0)
		import_note(r->im, file, 0,
		    "it is not there: all that is in the mailboxes counts as "
		    "new; if it is elsewhere, say --seen FILE");
	free(file);
	return rc;
}

static int
ids_all(struct reading *r, struct error *e)
{
	if (r->files->seen[0] == NULL)
		return ids_of_rc(r, e);
	for (size_t i = 0; r->files->seen[i] != NULL; i++)
		if (ids_read(r, r->files->seen[i], e) < 0)
			return -1;
	return 0;
}

/* A daemon writes its process and its interval there. */
static void
note_process(struct reading *r, const char *file)
{
	struct buffer text = { 0 };
	struct error e = { 0 };
	struct slice rest;
	uint64_t pid;

	if (access(file, R_OK) == 0 &&
	    import_file(file, IMPORT_SETTINGS_MAX, &text, &e) == 0) {
		rest = buffer_slice(&text);
		rest.len = strcspn(text.data, "\n");
		rest = slice_word(&rest);
		if (text_u64(rest, INT32_MAX, &pid) == 0 && pid > 0 &&
		    (kill((pid_t)pid, 0) == 0 || errno == EPERM))
			import_note(r->im, file, 0,
			    "fetchmail is running, as process %u: stop it, and "
			    "do this again, or what it fetches meanwhile comes "
			    "twice",
			    (unsigned)pid);
	}
	buffer_free(&text);
}

static void
note_running(struct reading *r)
{
	const char *said = fetchmail_text(&r->rc, NULL, FM_PIDFILE);
	char *file = said != NULL
	    ? import_path(r->files->home, said)
	    : usual_place(r, "fetchmail.pid", ".fetchmail.pid");

	note_process(r, file);
	if (said == NULL && geteuid() == 0)
		note_process(r, "/run/fetchmail.pid");
	free(file);
}

static int
text_check(const char *file, struct slice text, struct error *e)
{
	unsigned number = 0;
	struct slice line;

	while (import_line(&text, &line)) {
		number++;
		if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL)
			return import_error(e, file, number,
			    "there is a NUL octet: this is no .fetchmailrc");
	}
	return 0;
}

static int
rc_read(struct reading *r, const char *file, struct error *e)
{
	struct buffer text = { 0 };
	int rc = -1;

	if (import_file(file, IMPORT_SETTINGS_MAX, &text, e) < 0 ||
	    text_check(file, buffer_slice(&text), e) < 0 ||
	    fetchmail_parse(&r->rc, file, buffer_slice(&text), e) < 0)
		goto out;
	if (r->rc.user_count == 0) {
		error_set(e, ERR_CONFIG,
		    "%s: there is no server in it (\"poll …\")", file);
		goto out;
	}
	note_running(r);
	if (accounts_make(r, e) == 0 && ids_all(r, e) == 0)
		rc = 0;
out:
	fetchmail_rc_free(&r->rc);
	free(r->keys);
	r->keys = NULL;
	r->key_count = 0;
	buffer_wipe(&text);
	return rc;
}

/* One that nobody has named need not be there. */
static int
netrc_read(struct reading *r, struct error *e)
{
	char *file = r->files->netrc != NULL ? xstrdup(r->files->netrc)
					     : usual_place(r, NULL, ".netrc");
	struct buffer text = { 0 };
	int rc = 0;

	if (r->files->netrc != NULL || access(file, F_OK) == 0)
		rc = import_file(file, IMPORT_SETTINGS_MAX, &text, e);
	if (rc == 0)
		netrc_parse(&r->netrc, buffer_slice(&text));
	buffer_wipe(&text);
	free(file);
	return rc;
}

int
import_fetchmail(
    struct import *im, const struct import_files *files, struct error *e)
{
	struct reading r = { .im = im, .files = files };
	char *usual;
	int rc = netrc_read(&r, e);

	if (rc == 0 && files->settings[0] == NULL) {
		usual = usual_place(&r, "fetchmailrc", ".fetchmailrc");
		rc = rc_read(&r, usual, e);
		free(usual);
	}
	for (size_t i = 0; rc == 0 && files->settings[i] != NULL; i++)
		rc = rc_read(&r, files->settings[i], e);
	netrc_free(&r.netrc);
	return rc;
}
