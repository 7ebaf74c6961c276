/*
 * mpop_rc.c - an mpoprc: a command with its argument on each line. mpop(1),
 * USAGE.
 */
#include "import/mpop.h"

#include "base/alloc.h"
#include "import/share.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[MPOP_COMMANDS] = {
	[MPOP_HOST] = "host",
	[MPOP_PORT] = "port",
	[MPOP_TIMEOUT] = "timeout",
	[MPOP_PIPELINING] = "pipelining",
	[MPOP_RECEIVED_HEADER] = "received_header",
	[MPOP_DELIVERY] = "delivery",
	[MPOP_UIDLS_FILE] = "uidls_file",
	[MPOP_AUTH] = "auth",
	[MPOP_USER] = "user",
	[MPOP_PASSWORD] = "password",
	[MPOP_PASSWORDEVAL] = "passwordeval",
	[MPOP_NTLMDOMAIN] = "ntlmdomain",
	[MPOP_TLS] = "tls",
	[MPOP_TLS_STARTTLS] = "tls_starttls",
	[MPOP_TLS_KEY_FILE] = "tls_key_file",
	[MPOP_TLS_CERT_FILE] = "tls_cert_file",
	[MPOP_TLS_TRUST_FILE] = "tls_trust_file",
	[MPOP_TLS_CRL_FILE] = "tls_crl_file",
	[MPOP_TLS_FINGERPRINT] = "tls_fingerprint",
	[MPOP_TLS_CERTCHECK] = "tls_certcheck",
	[MPOP_TLS_MIN_DH_PRIME_BITS] = "tls_min_dh_prime_bits",
	[MPOP_TLS_PRIORITIES] = "tls_priorities",
	[MPOP_TLS_HOST_OVERRIDE] = "tls_host_override",
	[MPOP_TLS_FORCE_SSLV3] = "tls_force_sslv3",
	[MPOP_ONLY_NEW] = "only_new",
	[MPOP_KEEP] = "keep",
	[MPOP_KILLSIZE] = "killsize",
	[MPOP_SKIPSIZE] = "skipsize",
	[MPOP_FILTER] = "filter",
	[MPOP_PROXY_HOST] = "proxy_host",
	[MPOP_PROXY_PORT] = "proxy_port",
	[MPOP_SOURCE_IP] = "source_ip",
	[MPOP_SOCKET] = "socket",
};

struct parser {
	struct mpop_rc *rc;
	struct mpop_account defaults;
	struct mpop_account *open; /* that commands are for; or NULL */
	bool run;
	unsigned line;
};

const char *
mpop_name(enum mpop_command command)
{
	return names[command];
}

/* Less blanks, and less the quotes around all of it. */
static struct slice
argument(struct slice s)
{
	s = slice_trim(s);
	if (s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"')
		s = slice_make(s.data + 1, s.len - 2);
	return s;
}

static struct mpop_account *
account_find(const struct mpop_rc *rc, struct slice name)
{
	for (size_t i = 0; i < rc->count; i++)
		if (slice_is(name, rc->accounts[i].name))
			return &rc->accounts[i];
	return NULL;
}

static void
value_copy(struct mpop_value *to, const struct mpop_value *from, bool own)
{
	import_replace(&to->text, from->text);
	to->line = from->line;
	to->own = own;
}

/* Whatever a parent itself says, or has from its parents. */
static int
inherit(struct parser *p, struct mpop_account *a, struct slice parents,
    struct error *e)
{
	while (true) {
		const char *comma = parents.len == 0
		    ? NULL
		    : memchr(parents.data, ',', parents.len);
		size_t n = comma != NULL ? (size_t)(comma - parents.data)
					 : parents.len;
		struct slice name = argument(slice_make(parents.data, n));
		struct mpop_account *parent = account_find(p->rc, name);

		if (parent == NULL || parent == a)
			return import_error(e, p->rc->file, p->line,
			    "there is no account \"%.*s\" before this one",
			    (int)name.len, name.data);
		parent->inherited = true;
		for (size_t i = 0; i < MPOP_COMMANDS; i++)
			if (parent->values[i].own)
				value_copy(
				    &a->values[i], &parent->values[i], true);
		if (comma == NULL)
			return 0;
		parents = slice_skip(parents, n + 1);
	}
}

static int
account_begin(struct parser *p, struct slice text, struct error *e)
{
	struct mpop_rc *rc = p->rc;
	const char *colon =
	    text.len == 0 ? NULL : memchr(text.data, ':', text.len);
	size_t n = colon != NULL ? (size_t)(colon - text.data) : text.len;
	struct slice name = argument(slice_make(text.data, n));
	struct mpop_account *a;

	if (name.len == 0 || memchr(name.data, ',', name.len) != NULL)
		return import_error(e, rc->file, p->line,
		    "this is not \"account NAME\" or \"account NAME : "
		    "PARENT,…\"");
	if (account_find(rc, name) != NULL)
		return import_error(e, rc->file, p->line,
		    "the account \"%.*s\" is there already", (int)name.len,
		    name.data);
	if (rc->count == MPOP_ACCOUNTS)
		return import_error(
		    e, rc->file, p->line, "no mpoprc has so many accounts");
	rc->accounts =
	    xrealloc(rc->accounts, rc->count + 1, sizeof(*rc->accounts));
	a = &rc->accounts[rc->count++];
	*a = (struct mpop_account){ .name = xstrndup(name.data, name.len),
		.line = p->line };
	for (size_t i = 0; i < MPOP_COMMANDS; i++)
		value_copy(&a->values[i], &p->defaults.values[i], false);
	p->open = a;
	if (colon == NULL)
		return 0;
	return inherit(p, a, slice_skip(text, n + 1), e);
}

/* The others may go without an argument. */
static bool
needs_argument(size_t command)
{
	return command == MPOP_HOST || command == MPOP_PORT ||
	    command == MPOP_TIMEOUT || command == MPOP_DELIVERY ||
	    command == MPOP_UIDLS_FILE || command == MPOP_KILLSIZE ||
	    command == MPOP_SKIPSIZE;
}

static int
value_take(
    struct parser *p, struct slice command, struct slice text, struct error *e)
{
	if (p->open == NULL)
		return import_error(e, p->rc->file, p->line,
		    "the first command is neither \"defaults\" nor "
		    "\"account\", so this is no mpoprc");
	for (size_t i = 0; i < MPOP_COMMANDS; i++) {
		struct mpop_value *v = &p->open->values[i];

		if (!slice_is(command, names[i]))
			continue;
		if (text.len == 0 && needs_argument(i))
			return import_error(e, p->rc->file, p->line,
			    "%s has no argument", names[i]);
		import_replace(&v->text, NULL);
		v->text = xstrndup(text.len > 0 ? text.data : "", text.len);
		v->line = p->line;
		v->own = true;
		return 0;
	}
	return import_error(e, p->rc->file, p->line,
	    "mpop has no command \"%.*s\"", (int)command.len, command.data);
}

static int
line_take(struct parser *p, struct slice line, bool evaluated, struct error *e);

/* The line is what the command prints. */
static int
evaluate(struct parser *p, struct slice text, struct error *e)
{
	struct buffer printed = { 0 };
	char *command;
	int rc;

	if (text.len == 0)
		return import_error(
		    e, p->rc->file, p->line, "eval has no command");
	if (!p->run)
		return import_error(e, p->rc->file, p->line,
		    "eval: the line is what a command prints, which is run "
		    "with --run-commands only");
	command = xstrndup(text.data, text.len);
	rc = share_command(p->rc->file, p->line, command, &printed, e);
	if (rc == 0)
		rc = line_take(p, buffer_slice(&printed), true, e);
	free(command);
	buffer_wipe(&printed);
	return rc;
}

static int
line_take(struct parser *p, struct slice line, bool evaluated, struct error *e)
{
	struct slice rest = slice_trim(line);
	struct slice command = slice_word(&rest);
	struct slice text = argument(rest);

	if (command.len == 0 || command.data[0] == '#')
		return 0;
	if (slice_is(command, "eval") && !evaluated)
		return evaluate(p, text, e);
	if (slice_is(command, "defaults")) {
		p->open = &p->defaults;
		if (text.len == 0)
			return 0;
		return import_error(e, p->rc->file, p->line,
		    "nothing may stand behind \"defaults\"");
	}
	if (slice_is(command, "account"))
		return account_begin(p, text, e);
	return value_take(p, command, text, e);
}

static void
account_free(struct mpop_account *a)
{
	for (size_t i = 0; i < MPOP_COMMANDS; i++)
		import_replace(&a->values[i].text, NULL);
	free(a->name);
}

int
mpop_parse(struct mpop_rc *rc, const char *file, struct slice text, bool run,
    struct error *e)
{
	struct parser p = { .rc = rc, .run = run };
	struct slice line;
	int done = 0;

	rc->file = file;
	while (done == 0 && import_line(&text, &line)) {
		p.line++;
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		done = line_take(&p, line, false, e);
	}
	account_free(&p.defaults);
	return done;
}

void
mpop_rc_free(struct mpop_rc *rc)
{
	for (size_t i = 0; i < rc->count; i++)
		account_free(&rc->accounts[i]);
	free(rc->accounts);
	*rc = (struct mpop_rc){ 0 };
}
